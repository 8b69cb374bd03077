/* Passwords: who may ask over HTTP: names, each with the bcrypt hash of a password, judged by crypt(3).
 *
 * A hash is made to be slow, and a page asks several times a second: the last judgements are remembered under
 * a keyed hash with a key of this process, so that memory holds no password.
 *
 * Thread: one. */
#ifndef LADDER_DAEMON_PASSWORDS_H
#define LADDER_DAEMON_PASSWORDS_H

#include "config/config.h"

struct passwords;

/* `users`: name and hash; outlives the passwords. */
struct passwords *passwords_create(const struct config_properties *users);
void passwords_destroy(struct passwords *passwords); /* NULL is fine */

/* Takes as long for a name that is not there. */
bool passwords_fit(struct passwords *passwords, const char *user, const char *password);

#endif
