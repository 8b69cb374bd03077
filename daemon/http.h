/* HTTP: answers requests on one address, by libmicrohttpd, whose header is included by http.c only.
 *
 * GET and HEAD; anything else is answered with 405. Plain HTTP/1.1 without a password: what may be seen is
 * for the answerer to say, and who may come for the address.
 *
 * Thread: one of its own, which calls the answerer; requests are answered one after another. At most 16
 * connections, each with one answer in memory; others wait, and those that are silent for 15 s are closed. */
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

/* The path without what comes behind `?`. */
const char *http_path(const struct http_request *request);
/* The value of an argument behind `?`, decoded, "" where it has none; NULL where it is not there. */
const char *http_argument(const struct http_request *request, const char *name);

/* Answers on host:port, from now on and until http_stop. NULL with the error told, as a sentence that names
 * the address; errno says what is the matter (EADDRINUSE, EACCES ...). */
must_check struct http *http_start(const char *address, http_answerer *answerer, void *ctx, char *error,
				   size_t size);
void http_stop(struct http *http); /* NULL is fine */

#endif
