#include "daemon/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/file.h"
#include "daemon/commands.h"

enum { CONNECTION_MAX = 64, SILENT_S = 15, BACKLOG = 64, HOST_MAX = 256 };
enum { ANSWER_BYTES_MAX = 64 << 20, SMALL_BYTES = 1 << 20, PEM_BYTES_MAX = 1 << 20 };

struct http {
	struct MHD_Daemon *server;
	struct http_options options;
	struct buffer cert; /* PEM, ending with NUL; empty without TLS, as this: */
	struct buffer key;
	size_t answer_bytes; /* of bodies that are not all sent; the server's thread only */
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

/* A body on its way. */
struct sent_body {
	struct http *http;
	struct buffer body;
};

static void end_body(void *ctx)
{
	struct sent_body *sent = ctx;
	sent->http->answer_bytes -= sent->body.capacity;
	buffer_destroy(&sent->body);
	free(sent);
}

static void put_header(struct MHD_Response *response, const char *name, const char *value)
{
	CHECK(MHD_add_response_header(response, name, value) == MHD_YES);
}

static void put_headers(struct MHD_Response *response, const struct http_answer *answer)
{
	put_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
	put_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	put_header(response, "Content-Security-Policy",
		   "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
		   "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	put_header(response, "X-Content-Type-Options", "nosniff");
	put_header(response, "X-Frame-Options", "DENY");
	put_header(response, "Referrer-Policy", "no-referrer");
	if (answer->note)
		put_header(response, "Ladderd-Note", answer->note);
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		put_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
}

static enum MHD_Result send_answer(struct http *http, struct MHD_Connection *connection,
				   struct http_answer *answer)
{
	struct sent_body *sent = malloc(sizeof(*sent));
	CHECK(sent);
	*sent = (struct sent_body){http, answer->body};
	http->answer_bytes += sent->body.capacity;
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
		sent->body.len, sent->body.data, end_body, sent);
	CHECK(response);
	put_headers(response, answer);
	enum MHD_Result result =
		answer->status == MHD_HTTP_UNAUTHORIZED
			? MHD_queue_basic_auth_fail_response(connection, "ladderd", response)
			: MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result;
}

static void refuse(struct http_answer *answer, unsigned status, const char *why)
{
	answer->status = status;
	buffer_put(&answer->body, why, strlen(why));
}

static bool is_admitted(const struct http *http, struct MHD_Connection *connection)
{
	char *password = NULL;
	if (!http->options.admit)
		return true;
	char *user = MHD_basic_auth_get_username_password(connection, &password);
	bool is_one = user && password && http->options.admit(http->options.ctx, user, password);
	if (password)
		explicit_bzero(password, strlen(password));
	MHD_free(user);
	MHD_free(password);
	return is_one;
}

static void answer_request(struct http *http, const struct http_request *request, const char *method,
			   struct http_answer *answer)
{
	if (!is_admitted(http, request->connection))
		refuse(answer, MHD_HTTP_UNAUTHORIZED, "a name and its password are wanted\n");
	else if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		refuse(answer, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are answered here\n");
	else
		http->options.answer(http->options.ctx, request, answer);
}

/* An answer that is larger than all room there is goes alone. */
static bool has_room(const struct http *http, const struct http_answer *answer)
{
	size_t bytes = answer->body.capacity;
	return bytes <= SMALL_BYTES || http->answer_bytes == 0 ||
	       http->answer_bytes + bytes <= ANSWER_BYTES_MAX;
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
	const struct http_answer nothing = {MHD_HTTP_OK, "text/plain; charset=utf-8", NULL, {0}};
	struct http_answer answer = nothing;
	answer_request(http, &request, method, &answer);
	if (!has_room(http, &answer)) {
		buffer_destroy(&answer.body);
		answer = nothing;
		refuse(&answer, MHD_HTTP_SERVICE_UNAVAILABLE,
		       "others are still reading large answers: ask again later, or for less\n");
	}
	return send_answer(http, connection, &answer);
}

/* ---- The address ---- */

/* Returns false. */
__attribute__((format(printf, 3, 4)))
static bool fail(struct http_error *error, int exit_code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	error->exit_code = exit_code;
	return false;
}

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

static bool open_socket(const char *address, int *fd, struct http_error *error)
{
	char host[HOST_MAX];
	const char *port;
	struct addrinfo *found;
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	split(address, host, &port);
	int fault = getaddrinfo(host, port, &hints, &found);
	if (fault)
		return fail(error, EXIT_UNAVAILABLE, "http.listen: %s: %s", address, gai_strerror(fault));
	*fd = listen_at(found);
	int why = errno;
	freeaddrinfo(found);
	if (*fd >= 0)
		return true;
	return fail(error, why == EACCES ? EXIT_NO_PERMISSION : EXIT_UNAVAILABLE,
		    "http.listen: %s: %s%s: give it another port, or `off`", address, strerror(why),
		    why == EADDRINUSE ? " (is another ladderd running here?)" : "");
}

/* ---- Starting ---- */

static bool read_pem(const char *path, const char *setting, struct buffer *pem, struct http_error *error)
{
	errno = 0;
	const char *fault = file_read(path, PEM_BYTES_MAX, pem);
	if (fault)
		return fail(error, errno == EACCES ? EXIT_NO_PERMISSION : EXIT_CONFIG,
			    "http.tls_server_config.%s: %s: %s", setting, path, fault);
	buffer_put(pem, "", 1);
	return true;
}

static bool read_files(struct http *http, struct http_error *error)
{
	const struct http_options *options = &http->options;
	return !options->cert_file || !options->cert_file[0] ||
	       (read_pem(options->cert_file, "cert_file", &http->cert, error) &&
		read_pem(options->key_file, "key_file", &http->key, error));
}

/* Without TLS the options end before those of it. */
static struct MHD_Daemon *start_server(struct http *http, int fd)
{
	bool is_tls = http->cert.len;
	struct MHD_OptionItem tls[] = {
		{is_tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, http->cert.data},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, http->key.data},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"},
		{MHD_OPTION_END, 0, NULL},
	};
	return MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD | (is_tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
				take_request, http, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_ARRAY, tls,
				MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTION_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENT_S, MHD_OPTION_END);
}

static bool find_socket(const struct http_options *options, int *fd, struct http_error *error)
{
	*fd = options->listen_fd;
	return !options->listen || open_socket(options->listen, fd, error);
}

static bool start(struct http *http, struct http_error *error)
{
	const struct http_options *options = &http->options;
	int fd;
	if (!read_files(http, error) || !find_socket(options, &fd, error))
		return false;
	http->server = start_server(http, fd);
	if (http->server)
		return true;
	close(fd);
	if (options->cert_file && options->cert_file[0])
		return fail(error, EXIT_CONFIG,
			    "http.tls_server_config: %s (cert_file) and %s (key_file) are no certificate and "
			    "its key", options->cert_file, options->key_file);
	return fail(error, EXIT_UNAVAILABLE, "%s: the HTTP server cannot be started",
		    options->listen ? "http.listen" : "control.socket");
}

static void destroy(struct http *http)
{
	if (http->key.data)
		explicit_bzero(http->key.data, http->key.len);
	buffer_destroy(&http->cert);
	buffer_destroy(&http->key);
	free(http);
}

struct http *http_start(const struct http_options *options, struct http_error *error)
{
	struct http *http = calloc(1, sizeof(*http));
	CHECK(http);
	http->options = *options;
	if (start(http, error))
		return http;
	destroy(http);
	return NULL;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	MHD_stop_daemon(http->server);
	destroy(http);
}
