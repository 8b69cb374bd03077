#include "daemon/redis_url.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/slice.h"

static struct slice slice_until(struct slice *text, const char *end)
{
	struct slice head = {text->data, (size_t)(end - text->data)};
	text->len -= head.len + 1;
	text->data = end + 1;
	return head;
}

static bool text_copy(struct slice from, char *to, size_t size)
{
	if (from.len >= size || (from.len && memchr(from.data, '\0', from.len)))
		return false;
	if (from.len)
		memcpy(to, from.data, from.len);
	to[from.len] = '\0';
	return true;
}

static bool text_copy_unescaped(struct slice from, char *to, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < from.len; i++) {
		char byte = from.data[i];
		if (byte == '%') {
			char digits[3] = {0};
			char *end;
			if (from.len - i < 3)
				return false;
			memcpy(digits, from.data + i + 1, 2);
			byte = (char)strtoul(digits, &end, 16);
			if (end != digits + 2 || byte == '\0')
				return false;
			i += 2;
		}
		if (len + 1 >= size)
			return false;
		to[len++] = byte;
	}
	to[len] = '\0';
	return true;
}

static bool number_copy(struct slice from, char *to, size_t size, unsigned long max)
{
	for (size_t i = 0; i < from.len; i++)
		if (from.data[i] < '0' || from.data[i] > '9')
			return false;
	return from.len > 0 && text_copy(from, to, size) && strtoul(to, NULL, 10) <= max;
}

static bool url_take_user(struct slice *rest, struct redis_url *url)
{
	const char *at = memrchr(rest->data, '@', rest->len);
	if (!at)
		return true;
	struct slice password = slice_until(rest, at);
	const char *colon = memchr(password.data, ':', password.len);
	if (!colon)
		return false;
	struct slice user = slice_until(&password, colon);
	return text_copy_unescaped(user, url->user, sizeof url->user) &&
	       text_copy_unescaped(password, url->password, sizeof url->password);
}

static bool url_take_host(struct slice rest, struct redis_url *url)
{
	const char *colon;
	struct slice host = rest;
	if (rest.len && rest.data[0] == '[') {
		const char *bracket = memchr(rest.data, ']', rest.len);
		if (!bracket)
			return false;
		host = (struct slice){rest.data + 1, (size_t)(bracket - rest.data) - 1};
		rest.len -= (size_t)(bracket + 1 - rest.data);
		rest.data = bracket + 1;
		colon = rest.len ? rest.data : NULL;
		if (colon && *colon != ':')
			return false;
	} else {
		colon = memchr(rest.data, ':', rest.len);
		host.len = colon ? (size_t)(colon - rest.data) : rest.len;
	}
	if (colon) {
		slice_until(&rest, colon);
		if (!number_copy(rest, url->port, sizeof url->port, 65535))
			return false;
	}
	return host.len > 0 && text_copy(host, url->host, sizeof url->host);
}

static const char *url_take_place(struct slice rest, struct redis_url *url)
{
	if (url->is_unix) {
		if (rest.len < 2 || rest.data[0] != '/')
			return "the path of the socket must be absolute: unix:///path/of/the.sock";
		return rest.len < 108 && text_copy(rest, url->host, sizeof url->host)
			? NULL : "the path of a UNIX socket has at most 107 bytes";
	}
	const char *slash = memchr(rest.data, '/', rest.len);
	if (slash) {
		struct slice host = slice_until(&rest, slash);
		if (rest.len && !number_copy(rest, url->database, sizeof url->database, 999999))
			return "the database behind the last / must be a number";
		rest = host;
	}
	return url_take_host(rest, url) ? NULL : "host and port must look like redis://host:port/database";
}

bool redis_url_parse(const char *text, struct redis_url *url, char *error, size_t error_size)
{
	*url = (struct redis_url){.port = "6379", .database = "0"};
	struct slice rest = slice_from(text);
	const char *problem = NULL;
	url->is_unix = strncmp(text, "unix://", 7) == 0;
	size_t scheme_len = url->is_unix ? 7 : strncmp(text, "redis://", 8) == 0 ? 8 : 0;
	rest.data += scheme_len;
	rest.len -= scheme_len;
	if (scheme_len == 0)
		problem = "it must begin with redis:// or unix://";
	else if (!url_take_user(&rest, url))
		problem = "what stands before @ must be user:password or :password, with % only in escapes";
	else
		problem = url_take_place(rest, url);
	if (problem) {
		snprintf(error, error_size, "redis.url: %s", problem);
		return false;
	}
	if (url->is_unix)
		snprintf(url->address, sizeof url->address, "%s", url->host);
	else if (strchr(url->host, ':'))
		snprintf(url->address, sizeof url->address, "[%s]:%s", url->host, url->port);
	else
		snprintf(url->address, sizeof url->address, "%s:%s", url->host, url->port);
	return true;
}
