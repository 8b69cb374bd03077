#include "config/value.h"

#include <stdio.h>
#include <string.h>

#include "core/base/decimal.h"

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit DURATION_UNITS[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};
static const struct unit SIZE_UNITS[] = {
	{"", 1}, {"B", 1}, {"kB", 1000}, {"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000},
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", INT64_C(1) << 30}, {NULL, 0},
};
static const struct unit RATE_UNITS[] = {
	{"B/s", 1}, {"kB/s", 1000}, {"KB/s", 1000}, {"MB/s", 1000000}, {"GB/s", 1000000000},
	{"KiB/s", 1 << 10}, {"MiB/s", 1 << 20}, {"GiB/s", INT64_C(1) << 30}, {NULL, 0},
};
static const struct unit NO_UNITS[] = {{"", 1}, {NULL, 0}};

/* What is too large for the type becomes the greatest number, which is outside of every range. */
static bool parse_with_unit(const char *text, const struct unit *units, int64_t *number)
{
	const int64_t enough = INT64_MAX / 16;
	int64_t count = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++)
		count = count > enough ? count : count * 10 + (*at - '0');
	for (const struct unit *unit = units; at > text && unit->name; unit++) {
		if (strcmp(at, unit->name) != 0)
			continue;
		*number = count > INT64_MAX / unit->factor ? INT64_MAX : count * unit->factor;
		return true;
	}
	return false;
}

bool value_number(enum setting_kind kind, const char *text, int64_t *number)
{
	switch (kind) {
	case KIND_SWITCH:
		*number = strcmp(text, "true") == 0;
		return *number || strcmp(text, "false") == 0;
	case KIND_SIZE:
		return parse_with_unit(text, SIZE_UNITS, number);
	case KIND_RATE:
		return parse_with_unit(text, RATE_UNITS, number);
	case KIND_DECIMAL:
		return decimal_parse_micros(slice_from(text), number);
	case KIND_DURATION:
	case KIND_WINDOW_LENGTH:
		*number = 0;
		return strcmp(text, "0") == 0 || parse_with_unit(text, DURATION_UNITS, number);
	default:
		return parse_with_unit(text, NO_UNITS, number);
	}
}

bool value_is_in_range(const struct setting *setting, int64_t number)
{
	const char *dots = strstr(setting->range, "..");
	char low_text[16];
	int64_t low, high;
	if (!dots)
		return true;
	snprintf(low_text, sizeof low_text, "%.*s", (int)(dots - setting->range), setting->range);
	return value_number(setting->kind, low_text, &low) && value_number(setting->kind, dots + 2, &high) &&
	       low <= number && number <= high;
}

/* The next of "a|b|c" into `word`; what is left of it, or NULL after the last. */
static const char *next_word(const char *words, char *word, size_t size)
{
	if (!words || !*words)
		return NULL;
	size_t len = strcspn(words, "|");
	snprintf(word, size, "%.*s", (int)len, words);
	return words[len] ? words + len + 1 : "";
}

int value_word(const char *words, const char *word)
{
	char candidate[64];
	for (int i = 0; (words = next_word(words, candidate, sizeof candidate)); i++)
		if (strcmp(candidate, word) == 0)
			return i;
	return -1;
}

bool value_nearest_word(const char *words, const char *word, char *nearest, size_t size)
{
	char candidate[64];
	unsigned least = 3;
	while ((words = next_word(words, candidate, sizeof candidate))) {
		unsigned distance = text_distance(candidate, word);
		if (distance < least) {
			least = distance;
			snprintf(nearest, size, "%s", candidate);
		}
	}
	return least < 3;
}

static bool is_made_of(const char *text, size_t len, const char *characters)
{
	return len > 0 && strspn(text, characters) >= len;
}

#define DIGITS "0123456789"
#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SMALL "abcdefghijklmnopqrstuvwxyz"

static bool is_topic(const char *text)
{
	size_t len = strlen(text);
	return len <= 249 && is_made_of(text, len, CAPITALS SMALL DIGITS "._-") && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

/* host:port, the port ending where the text or a '/' does. */
static bool is_address(const char *text)
{
	size_t len = strcspn(text, "/");
	const char *colon = memrchr(text, ':', len);
	if (!colon || colon == text)
		return false;
	size_t port_len = len - (size_t)(colon + 1 - text);
	if (port_len > 5 || !is_made_of(colon + 1, port_len, DIGITS))
		return false;
	long port = 0;
	for (size_t i = 0; i < port_len; i++)
		port = port * 10 + (colon[1 + i] - '0');
	return port <= 65535;
}

/* host:port,host:port... up to the text's end or a '/'; what is before an '@' is not looked at. */
static bool is_address_list(const char *text)
{
	const char *end = text + strcspn(text, "/");
	const char *at = memrchr(text, '@', (size_t)(end - text));
	const char *hosts = at ? at + 1 : text;
	while (true) {
		size_t len = strcspn(hosts, ",/");
		char place[512];
		if (len >= sizeof place)
			return false;
		memcpy(place, hosts, len);
		place[len] = '\0';
		if (!is_address(place))
			return false;
		if (hosts[len] != ',')
			return true;
		hosts += len + 1;
	}
}

/* An absolute path, and ?db=number if there is a `?`; what is before an '@' is not looked at. */
static bool is_socket(const char *text)
{
	const char *at = strrchr(text, '@');
	const char *path = at ? at + 1 : text;
	const char *query = strchr(path, '?');
	return path[0] == '/' && path[1] != '\0' && path[1] != '?' &&
	       (!query || (strncmp(query, "?db=", 4) == 0 &&
			   is_made_of(query + 4, strlen(query + 4), DIGITS)));
}

static const char *redis_url_fault(const char *text)
{
	if (strncmp(text, "rediss://", 9) == 0)
		return "TLS to Redis is not built in (hiredis 0.14 has none): use redis:// through a tunnel, "
		       "or unix:///path";
	if (strncmp(text, "unix://", 7) == 0 && is_socket(text + 7))
		return NULL;
	if (strncmp(text, "redis://", 8) == 0 && is_address_list(text + 8)) {
		const char *database = strchr(text + 8, '/');
		if (!database || is_made_of(database + 1, strlen(database + 1), DIGITS))
			return NULL;
	}
	return "write redis://host:port/database or unix:///path?db=number, for example "
	       "redis://127.0.0.1:6379/0";
}

const char *value_text_fault(enum setting_kind kind, const char *text)
{
	if (kind == KIND_FILE)
		return NULL;
	if (text[0] == '\0')
		return "an empty text is not allowed: write a value, or leave the key out";
	switch (kind) {
	case KIND_TOPIC:
		return is_topic(text) ? NULL : "a topic has 1 to 249 of the characters a-z A-Z 0-9 . _ -";
	case KIND_REDIS_URL:
		return redis_url_fault(text);
	case KIND_ADDRESS:
		return strcmp(text, "off") == 0 || (is_address(text) && !strchr(text, '/'))
			       ? NULL : "write host:port, for example 127.0.0.1:9464, or off";
	case KIND_CURRENCY:
		return strlen(text) == 3 && is_made_of(text, 3, CAPITALS)
			       ? NULL : "a currency is three capital letters, for example USD";
	case KIND_ID:
		return strlen(text) <= 256 ? NULL : "an id has at most 256 bytes";
	default:
		return NULL;
	}
}

const char *value_kind_form(enum setting_kind kind)
{
	static const char *const forms[KIND_COUNT] = {
		[KIND_GROUP] = "a map of settings (`key: value`)",
		[KIND_TEXT] = "a text",
		[KIND_TOPIC] = "the name of a topic",
		[KIND_REDIS_URL] = "a URL such as redis://127.0.0.1:6379/0",
		[KIND_ADDRESS] = "an address such as 127.0.0.1:9464",
		[KIND_FILE] = "the path of a file",
		[KIND_ID] = "an id",
		[KIND_CURRENCY] = "a currency such as USD",
		[KIND_TIMEZONE] = "a time zone such as Europe/Berlin",
		[KIND_WORD] = "a word",
		[KIND_WORDS] = "a list of words such as [click, open]",
		[KIND_SWITCH] = "true or false",
		[KIND_INTEGER] = "a whole number",
		[KIND_SIZE] = "a size in bytes such as 65536, 64KiB or 1MB",
		[KIND_RATE] = "bytes a second such as 64MB/s",
		[KIND_DECIMAL] = "a number such as 0.3",
		[KIND_DURATION] = "a duration (a whole number and ms, s, m, h or d) such as 500ms or 7d",
		[KIND_WINDOW_LENGTH] = "a duration (a whole number and ms, s, m, h or d) such as 5m or 7d",
		[KIND_PROPERTIES] = "a map such as {security.protocol: ssl}",
		[KIND_SECRETS] = "a map to files such as {sasl.password: /etc/ladderd/kafka.password}",
		[KIND_INPUTS] = "a list such as [{topic: ladder.events}]",
		[KIND_WINDOWS] = "a list such as [{length: 1h, slide: 1m}]",
		[KIND_ACCOUNTS] = "a map such as {act_1: {currency: USD}}",
	};
	return forms[kind];
}
