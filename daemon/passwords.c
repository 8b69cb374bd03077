#include "daemon/passwords.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/buffer.h"
#include "core/base/hash.h"

enum { REMEMBERED_COUNT = 32 };

/* What is judged where there is no such user. */
static const char nobody[] = "$2b$10$CCCCCCCCCCCCCCCCCCCCC.0000000000000000000000000000000";

struct remembered {
	struct key128 of; /* the user and the password */
	bool is_there;
	bool fits;
};

struct passwords {
	const struct config_properties *users;
	unsigned char key[16];
	struct remembered judged[REMEMBERED_COUNT];
	size_t next; /* to be overwritten */
	struct crypt_data crypt;
};

struct passwords *passwords_create(const struct config_properties *users)
{
	struct passwords *passwords = calloc(1, sizeof(*passwords));
	CHECK(passwords);
	passwords->users = users;
	CHECK(getrandom(passwords->key, sizeof(passwords->key), 0) == sizeof(passwords->key));
	return passwords;
}

void passwords_destroy(struct passwords *passwords)
{
	if (!passwords)
		return;
	explicit_bzero(passwords, sizeof(*passwords));
	free(passwords);
}

static const char *hash_of(const struct passwords *passwords, const char *user)
{
	for (size_t i = 0; i < passwords->users->count; i++)
		if (strcmp(passwords->users->items[i].name, user) == 0)
			return passwords->users->items[i].value;
	return NULL;
}

/* Time does not tell where they begin to differ. */
static bool is_same(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char difference = 0;
	if (strlen(b) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		difference |= (unsigned char)(a[i] ^ b[i]);
	return difference == 0;
}

static bool judge(struct passwords *passwords, const char *user, const char *password)
{
	const char *hash = hash_of(passwords, user);
	const char *made = crypt_rn(password, hash ? hash : nobody, &passwords->crypt,
				    sizeof(passwords->crypt));
	return hash && made && is_same(made, hash);
}

static struct key128 key_of(const struct passwords *passwords, const char *user, const char *password)
{
	struct buffer both = {0};
	buffer_put_text(&both, slice_from(user));
	buffer_put_text(&both, slice_from(password));
	struct key128 key = hash_keyed(passwords->key, 0, buffer_slice(&both));
	explicit_bzero(both.data, both.len);
	buffer_destroy(&both);
	return key;
}

bool passwords_fit(struct passwords *passwords, const char *user, const char *password)
{
	struct key128 key = key_of(passwords, user, password);
	for (size_t i = 0; i < REMEMBERED_COUNT; i++)
		if (passwords->judged[i].is_there && key128_equal(passwords->judged[i].of, key))
			return passwords->judged[i].fits;
	bool fits = judge(passwords, user, password);
	passwords->judged[passwords->next] = (struct remembered){key, true, fits};
	passwords->next = (passwords->next + 1) % REMEMBERED_COUNT;
	return fits;
}
