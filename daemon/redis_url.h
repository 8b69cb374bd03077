/* Redis URL: where Redis is and who we are there, from the setting redis.url.
 *
 *   redis://[user][:password@]host[:port][/database]      unix://[user][:password@]/path/of/the.sock
 *
 * User and password may hold %-escapes; an IPv6 address stands in brackets. Plain data, any thread. */
#ifndef LADDER_DAEMON_REDIS_URL_H
#define LADDER_DAEMON_REDIS_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/check.h"

struct redis_url {
	bool is_unix;
	char host[256]; /* or the socket's path */
	char port[8];
	char user[128];
	char password[512];
	char database[8]; /* digits, "0" where absent */
	char address[272]; /* for people to read: host:port or the path, never with the password */
};

/* False with an English sentence in `error`, which never quotes the password. */
must_check bool redis_url_parse(const char *text, struct redis_url *url, char *error, size_t error_size);

#endif
