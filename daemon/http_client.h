/* HTTP client: asks one server, by libcurl, whose header is included by http_client.c only.
 *
 * Thread: any one. Calls block until the answer is there or timeout_ms have passed. */
#ifndef LADDER_DAEMON_HTTP_CLIENT_H
#define LADDER_DAEMON_HTTP_CLIENT_H

#include "core/base/buffer.h"

struct http_client;

struct http_client_options {
	const char *url;    /* http://host:port or https://..., what comes before every path; copied */
	const char *socket; /* the UNIX socket that it answers on, copied; NULL: where the URL says */
	int timeout_ms;
};

struct http_client *http_client_create(const struct http_client_options *options);
void http_client_destroy(struct http_client *client); /* NULL is fine */

/* Appends name=value as a query wants it. */
void http_client_put_argument(const struct http_client *client, struct buffer *path, const char *name,
			      const char *value);

/* The status, and the body appended to `body`. False: there was no answer, and `why` says why, a text that
 * lasts as long as the client. A user and a password for the server may stand in ~/.netrc. */
must_check bool http_client_get(struct http_client *client, const char *path, unsigned *status,
				struct buffer *body, const char **why);
/* Sends JSON, a text that ends with NUL; what is answered is passed over. */
must_check bool http_client_post(struct http_client *client, const char *path, const char *json,
				 unsigned *status, const char **why);

#endif
