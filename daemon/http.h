/* HTTP: answers requests on one address, by libmicrohttpd, whose header is included by http.c only.
 *
 * GET and HEAD; anything else is answered with 405. Plain HTTP/1.1, or TLS 1.2 and 1.3 with a certificate.
 * With `admit`, who is not admitted gets nothing but 401. Every answer tells browsers to guess no types, to
 * show it in no frame, to load nothing from elsewhere and to run nothing that stands in the answer itself.
 *
 * Thread: one of its own, which calls the answerer and admit; requests are answered one after another. At
 * most 64 connections; others wait, and those that are silent for 15 s are closed. Where the answers that are
 * on their way to clients would be more than 64 MiB with one of over 1 MiB, that one is 503 instead. */
#ifndef LADDER_DAEMON_HTTP_H
#define LADDER_DAEMON_HTTP_H

#include "core/base/buffer.h"

struct http;
struct http_request; /* valid during the call of the answerer */

/* Comes as 200, "text/plain; charset=utf-8" and an empty body. The body becomes the server's. */
struct http_answer {
	unsigned status;
	const char *type; /* static text, as this: */
	const char *note; /* goes along as the header Ladderd-Note; NULL: none */
	struct buffer body;
};

typedef void http_answerer(void *ctx, const struct http_request *request, struct http_answer *answer);

/* Whether this is a user and his password. */
typedef bool http_admit(void *ctx, const char *user, const char *password);

/* The path without what comes behind `?`. */
const char *http_path(const struct http_request *request);
/* The value of an argument behind `?`, decoded, "" where it has none; NULL where it is not there. */
const char *http_argument(const struct http_request *request, const char *name);

struct http_options {
	const char *listen;    /* host:port; NULL: listen_fd */
	int listen_fd;         /* a socket that listens already, the server's from now on */
	const char *cert_file; /* PEM files for TLS; "": without */
	const char *key_file;
	http_answerer *answer;
	http_admit *admit;     /* NULL: anybody may ask */
	void *ctx;             /* of both */
};

struct http_error {
	int exit_code;
	char text[512]; /* a sentence that names the setting, and the address or the file */
};

/* Answers from now on and until http_stop. NULL with the error told. */
must_check struct http *http_start(const struct http_options *options, struct http_error *error);
void http_stop(struct http *http); /* NULL is fine */

#endif
