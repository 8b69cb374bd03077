#include "daemon/http_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

struct http_client {
	CURL *curl;
	struct curl_slist *headers;
	char *url;
	char error[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
	if (ctx)
		buffer_put(ctx, data, size * count);
	return size * count;
}

struct http_client *http_client_create(const struct http_client_options *options)
{
	struct http_client *client = calloc(1, sizeof(*client));
	CHECK(client && curl_global_init(CURL_GLOBAL_DEFAULT) == 0);
	client->curl = curl_easy_init();
	client->url = strdup(options->url);
	CHECK(client->curl && client->url);
	size_t len = strlen(client->url);
	while (len > 0 && client->url[len - 1] == '/')
		client->url[--len] = '\0';
	client->headers = curl_slist_append(NULL, "Content-Type: application/json");
	curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
	curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, client->error);
	curl_easy_setopt(client->curl, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
	if (options->socket)
		curl_easy_setopt(client->curl, CURLOPT_UNIX_SOCKET_PATH, options->socket);
	return client;
}

void http_client_destroy(struct http_client *client)
{
	if (!client)
		return;
	curl_slist_free_all(client->headers);
	curl_easy_cleanup(client->curl);
	curl_global_cleanup();
	free(client->url);
	free(client);
}

void http_client_put_argument(const struct http_client *client, struct buffer *path, const char *name,
			      const char *value)
{
	char *escaped = curl_easy_escape(client->curl, value, (int)strlen(value));
	CHECK(escaped);
	buffer_put(path, name, strlen(name));
	buffer_put(path, "=", 1);
	buffer_put(path, escaped, strlen(escaped));
	curl_free(escaped);
}

static bool perform(struct http_client *client, const char *path, struct buffer *body, unsigned *status,
		    const char **why)
{
	char *url;
	long code = 0;
	CHECK(asprintf(&url, "%s%s", client->url, path) > 0);
	client->error[0] = '\0';
	curl_easy_setopt(client->curl, CURLOPT_URL, url);
	curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, body);
	CURLcode result = curl_easy_perform(client->curl);
	curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
	*status = (unsigned)code;
	*why = client->error[0] ? client->error : curl_easy_strerror(result);
	free(url);
	return result == CURLE_OK;
}

bool http_client_get(struct http_client *client, const char *path, unsigned *status, struct buffer *body,
		     const char **why)
{
	curl_easy_setopt(client->curl, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
	return perform(client, path, body, status, why);
}

bool http_client_post(struct http_client *client, const char *path, const char *json, unsigned *status,
		      const char **why)
{
	curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, json);
	curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
	return perform(client, path, NULL, status, why);
}
