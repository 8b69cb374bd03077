/* Identity: the secret under which people are kept, and what is derived from it. Promise P6.
 *
 * The key file holds 32 random bytes as 64 hexadecimal digits and a newline, mode 0600. From it come, each
 * by HMAC-SHA256 with its own label, the key of the people hash (core/base/hash.h), the key that seals
 * whatever of a person leaves the process (stored pages hold event ids, and a WhatsApp message id contains
 * a phone number), and a print that anybody may see. Whoever loses the file loses the stored state, which is
 * then read again from Kafka.
 *
 * Sealed bytes: salt (16) | number (8, big-endian) | AES-256-GCM ciphertext | tag (16). Each sealer draws a
 * salt and works under a key of its own, HMAC-SHA256(seal_key, salt); the nonce is the running number, so
 * none repeats however much is written. */
#ifndef LADDER_DAEMON_IDENTITY_H
#define LADDER_DAEMON_IDENTITY_H

#include <stdint.h>

#include "core/base/check.h"
#include "core/base/slice.h"

enum { SEAL_OVERHEAD = 40 };

struct identity {
	uint32_t print; /* tells keys from each other, and nothing else about them */
	unsigned char person_key[16];
	unsigned char seal_key[32];
};

/* Reads the key file. Returns 0, or the exit code that fits (1 failure, 77 no permission, also where others
 * than its owner may read the file, 78 it is absent or its content is no key) with an English sentence in
 * `error` that names the file. The name is as secret.h takes it. Any thread. */
must_check int identity_load(const char *name, struct identity *identity, char *error, size_t error_size);

/* The same, but a file that is absent is created: processes that start at once end with the same key. A
 * credential is never created. For whoever begins a state; others would work under a key that nothing is
 * known under. */
must_check int identity_load_or_create(const char *name, struct identity *identity, char *error,
				       size_t error_size);

/* A sealer belongs to one thread. Aborts where memory or randomness is missing. */
struct sealer;
struct sealer *sealer_create(const struct identity *identity);
void sealer_destroy(struct sealer *sealer);

/* Writes plain.len + SEAL_OVERHEAD bytes to `sealed`. They open only under the same identity and name. */
void sealer_seal(struct sealer *sealer, struct slice name, struct slice plain, char *sealed);

/* Writes sealed.len - SEAL_OVERHEAD bytes to `plain`. False where the bytes are damaged, too short, sealed
 * with another identity key or under another name; what `plain` holds then is worthless. */
must_check bool sealer_open(struct sealer *sealer, struct slice name, struct slice sealed, char *plain);

#endif
