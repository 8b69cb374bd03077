#include "daemon/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTION_MAX = 16, SILENT_S = 15, BACKLOG = 64, HOST_MAX = 256 };

struct http {
	struct MHD_Daemon *server;
	http_answerer *answerer;
	void *ctx;
};

struct http_request {
	struct MHD_Connection *connection;
	const char *path;
};

const char *http_path(const struct http_request *request)
{
	return request->path;
}

struct argument {
	const char *name;
	const char *value;
};

static enum MHD_Result take_argument(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct argument *argument = ctx;
	(void)kind;
	if (strcmp(name, argument->name) != 0)
		return MHD_YES;
	argument->value = value ? value : "";
	return MHD_NO;
}

const char *http_argument(const struct http_request *request, const char *name)
{
	struct argument argument = {name, NULL};
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, take_argument, &argument);
	return argument.value;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct http_answer *answer)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(answer->body.len, answer->body.data,
									MHD_RESPMEM_MUST_FREE);
	if (!response) {
		buffer_destroy(&answer->body);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (answer->note)
		MHD_add_response_header(response, "Ladderd-Note", answer->note);
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

/* Called once with the headers, then for every part of a body, which is passed over, then once more. */
static enum MHD_Result take_request(void *ctx, struct MHD_Connection *connection, const char *path,
				    const char *method, const char *version, const char *body,
				    size_t *body_len, void **seen)
{
	static char is_seen;
	struct http *http = ctx;
	(void)version, (void)body;
	if (!*seen || *body_len) {
		*seen = &is_seen;
		*body_len = 0;
		return MHD_YES;
	}
	const struct http_request request = {connection, path};
	struct http_answer answer = {MHD_HTTP_OK, "text/plain; charset=utf-8", NULL, {0}};
	if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0)
		http->answerer(http->ctx, &request, &answer);
	else
		answer.status = MHD_HTTP_METHOD_NOT_ALLOWED;
	return send_answer(connection, &answer);
}

/* ---- The address ---- */

/* The socket, or -1 with errno. */
static int listen_at(const struct addrinfo *at)
{
	int on = 1;
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int why = errno;
	close(fd);
	errno = why;
	return -1;
}

/* host:port, the host in brackets where it has colons. */
static void split(const char *address, char host[HOST_MAX], const char **port)
{
	const char *colon = strrchr(address, ':');
	CHECK(colon); /* the configuration has been checked */
	size_t len = (size_t)(colon - address);
	if (len >= 2 && address[0] == '[' && colon[-1] == ']') {
		address++;
		len -= 2;
	}
	snprintf(host, HOST_MAX, "%.*s", (int)len, address);
	*port = colon + 1;
}

static int open_socket(const char *address, char *error, size_t size)
{
	char host[HOST_MAX];
	const char *port;
	struct addrinfo *found;
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	split(address, host, &port);
	int fault = getaddrinfo(host, port, &hints, &found);
	if (fault) {
		snprintf(error, size, "%s: %s", address, gai_strerror(fault));
		errno = EADDRNOTAVAIL;
		return -1;
	}
	int fd = listen_at(found);
	int why = errno;
	freeaddrinfo(found);
	if (fd < 0)
		snprintf(error, size, "%s: %s%s", address, strerror(why),
			 why == EADDRINUSE ? ": is another ladderd running here?" : "");
	errno = why;
	return fd;
}

struct http *http_start(const char *address, http_answerer *answerer, void *ctx, char *error, size_t size)
{
	int fd = open_socket(address, error, size);
	if (fd < 0)
		return NULL;
	struct http *http = calloc(1, sizeof(*http));
	CHECK(http);
	http->answerer = answerer;
	http->ctx = ctx;
	http->server = MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, take_request, http,
					MHD_OPTION_LISTEN_SOCKET, fd,
					MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTION_MAX,
					MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENT_S, MHD_OPTION_END);
	if (http->server)
		return http;
	snprintf(error, size, "%s: the HTTP server cannot be started", address);
	close(fd);
	free(http);
	errno = EAGAIN;
	return NULL;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->server);
	free(http);
}
