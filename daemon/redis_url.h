/* Redis URL: where Redis is and who we are there, from the setting redis.url.
 *
 *   redis://[user][:password@]host[:port][,host[:port]...][/database]
 *   unix://[user][:password@]/path/of/the.sock[?db=database]
 *
 * Several hosts are one Redis and its replicas, or nodes of one cluster. User and password may hold
 * %-escapes; an IPv6 address stands in brackets. Plain data, any thread. */
#ifndef LADDER_DAEMON_REDIS_URL_H
#define LADDER_DAEMON_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/check.h"

enum { REDIS_PLACES_MAX = 16, REDIS_ADDRESS_MAX = 272 };

struct redis_place {
	char host[256]; /* or the socket's path */
	char port[8];   /* "" with a path */
};

struct redis_url {
	bool is_unix;
	struct redis_place places[REDIS_PLACES_MAX];
	size_t place_count;
	char user[128];
	char password[512];
	char database[8]; /* digits, "0" where absent */
};

/* False with an English sentence in `error`, which never quotes the password. */
must_check bool redis_url_parse(const char *text, struct redis_url *url, char *error, size_t error_size);

struct redis_address {
	char text[REDIS_ADDRESS_MAX];
};

/* For people to read: host:port or the path. */
struct redis_address redis_place_address(const struct redis_place *place);
bool redis_place_equal(const struct redis_place *one, const struct redis_place *other);

#endif
