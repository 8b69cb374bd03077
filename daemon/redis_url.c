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

static bool place_take(struct slice rest, struct redis_place *place)
{
	const char *colon;
	struct slice host = rest;
	*place = (struct redis_place){.port = "6379"};
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
		if (!number_copy(rest, place->port, sizeof place->port, 65535))
			return false;
	}
	return host.len > 0 && text_copy(host, place->host, sizeof place->host);
}

static const char *url_take_places(struct slice rest, struct redis_url *url)
{
	while (url->place_count < REDIS_PLACES_MAX) {
		const char *comma = rest.len ? memchr(rest.data, ',', rest.len) : NULL;
		struct slice place = comma ? slice_until(&rest, comma) : rest;
		if (!place_take(place, &url->places[url->place_count++]))
			return "host and port must look like redis://host:port/database, several hosts like "
			       "redis://host:port,host:port/database";
		if (!comma)
			return NULL;
	}
	return "it names at most 16 hosts";
}

static const char *url_take_socket(struct slice path, struct redis_url *url)
{
	const char *query = path.len ? memchr(path.data, '?', path.len) : NULL;
	if (query) {
		struct slice file = slice_until(&path, query);
		if (path.len < 4 || memcmp(path.data, "db=", 3) != 0 ||
		    !number_copy((struct slice){path.data + 3, path.len - 3}, url->database,
				 sizeof url->database, 999999))
			return "behind the path of the socket only ?db= and a number may stand";
		path = file;
	}
	if (path.len < 2 || path.data[0] != '/')
		return "the path of the socket must be absolute: unix:///path/of/the.sock";
	url->place_count = 1;
	return path.len < 108 && text_copy(path, url->places[0].host, sizeof url->places[0].host)
		? NULL : "the path of a UNIX socket has at most 107 bytes";
}

static const char *url_take_hosts(struct slice rest, struct redis_url *url)
{
	const char *slash = rest.len ? memchr(rest.data, '/', rest.len) : NULL;
	if (slash) {
		struct slice hosts = slice_until(&rest, slash);
		if (rest.len && !number_copy(rest, url->database, sizeof url->database, 999999))
			return "the database behind the last / must be a number";
		rest = hosts;
	}
	return url_take_places(rest, url);
}

bool redis_url_parse(const char *text, struct redis_url *url, char *error, size_t error_size)
{
	*url = (struct redis_url){.database = "0"};
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
		problem = url->is_unix ? url_take_socket(rest, url) : url_take_hosts(rest, url);
	if (problem)
		snprintf(error, error_size, "redis.url: %s", problem);
	return !problem;
}

struct redis_address redis_place_address(const struct redis_place *place)
{
	struct redis_address address;
	if (!place->port[0])
		snprintf(address.text, sizeof address.text, "%s", place->host);
	else if (strchr(place->host, ':'))
		snprintf(address.text, sizeof address.text, "[%s]:%s", place->host, place->port);
	else
		snprintf(address.text, sizeof address.text, "%s:%s", place->host, place->port);
	return address;
}

bool redis_place_equal(const struct redis_place *one, const struct redis_place *other)
{
	return strcmp(one->host, other->host) == 0 && strcmp(one->port, other->port) == 0;
}
