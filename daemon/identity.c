#include "daemon/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "daemon/secret.h"

enum { KEY_LEN = 32, KEY_TEXT_LEN = 2 * KEY_LEN + 1 };
enum { SALT_LEN = 16, NUMBER_LEN = 8, TAG_LEN = 16, IV_LEN = 12 };

_Static_assert(SEAL_OVERHEAD == SALT_LEN + NUMBER_LEN + TAG_LEN, "the layout in the header");

struct seal_cipher {
	EVP_CIPHER_CTX *ctx;
	unsigned char salt[SALT_LEN]; /* whose key ctx holds */
};

struct sealer {
	unsigned char seal_key[KEY_LEN];
	struct seal_cipher out;
	struct seal_cipher in;
	bool is_in_keyed;
	uint64_t number;
};

struct failure {
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4)))
static int identity_fail(struct failure failure, int code, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(failure.text, failure.size, format, arguments);
	va_end(arguments);
	return code;
}

static int identity_fail_errno(struct failure failure, const char *what, const char *path)
{
	int error = errno;
	return identity_fail(failure, error == EACCES || error == EPERM ? EX_NOPERM : EXIT_FAILURE,
			     "identity.key_file: cannot %s %s: %s", what, path, strerror(error));
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

static bool key_parse(const char *text, size_t len, unsigned char *key)
{
	if (len == KEY_TEXT_LEN && text[len - 1] == '\n')
		len--;
	if (len != 2 * KEY_LEN)
		return false;
	for (size_t i = 0; i < KEY_LEN; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		key[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static void derive(const unsigned char *key, const void *label, size_t label_len, unsigned char out[KEY_LEN])
{
	CHECK(HMAC(EVP_sha256(), key, KEY_LEN, label, label_len, out, NULL));
}

static void identity_derive(struct identity *identity, const unsigned char *key)
{
	static const char person_label[] = "ladderd: hash of a person, 1";
	static const char seal_label[] = "ladderd: seal of a page, 1";
	static const char print_label[] = "ladderd: print of the key, 1";
	unsigned char derived[KEY_LEN];
	derive(key, person_label, sizeof person_label - 1, derived);
	memcpy(identity->person_key, derived, sizeof identity->person_key);
	derive(key, print_label, sizeof print_label - 1, derived);
	memcpy(&identity->print, derived, sizeof identity->print);
	derive(key, seal_label, sizeof seal_label - 1, identity->seal_key);
	OPENSSL_cleanse(derived, sizeof derived);
}

/* An access list of the service manager's shows as rights of the group. */
static int key_check_mode(int fd, const struct secret_path *where, struct failure failure)
{
	const char *path = where->text;
	struct stat status;
	if (fstat(fd, &status) < 0)
		return identity_fail_errno(failure, "look at", path);
	if (!S_ISREG(status.st_mode))
		return identity_fail(failure, EX_CONFIG, "identity.key_file: %s is not a regular file", path);
	if (status.st_mode & (where->is_credential ? 07 : 077))
		return identity_fail(failure, EX_NOPERM,
				     "identity.key_file: others than its owner may read or write %s "
				     "(mode %04o): run chmod 600 %s", path, status.st_mode & 07777, path);
	return 0;
}

static int key_read(int fd, const struct secret_path *where, unsigned char *key, struct failure failure)
{
	const char *path = where->text;
	int code = key_check_mode(fd, where, failure);
	if (code)
		return code;
	char text[KEY_TEXT_LEN + 1];
	ssize_t len = read(fd, text, sizeof text);
	if (len < 0)
		return identity_fail_errno(failure, "read", path);
	bool is_key = key_parse(text, (size_t)len, key);
	OPENSSL_cleanse(text, sizeof text);
	if (is_key)
		return 0;
	return identity_fail(failure, EX_CONFIG,
			     "identity.key_file: %s does not hold 64 hexadecimal digits and a newline; "
			     "restore it, or remove it to start with a new key and an empty state", path);
}

static bool key_write(int fd)
{
	unsigned char key[KEY_LEN];
	char text[KEY_TEXT_LEN + 1];
	CHECK(RAND_bytes(key, sizeof key) == 1);
	for (size_t i = 0; i < KEY_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	text[KEY_TEXT_LEN - 1] = '\n';
	ssize_t written = write(fd, text, KEY_TEXT_LEN);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(text, sizeof text);
	if (written >= 0 && written != KEY_TEXT_LEN)
		errno = ENOSPC;
	return written == KEY_TEXT_LEN && fsync(fd) == 0;
}

static void directory_sync(const char *path)
{
	char *copy = strdup(path);
	CHECK(copy);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	free(copy);
}

/* Whole before it has its name, and link(2) gives the name only once: the first of several wins. */
static int key_create(const char *path, struct failure failure)
{
	char *draft;
	CHECK(asprintf(&draft, "%s.XXXXXX", path) > 0);
	int code = 0;
	int fd = mkostemp(draft, O_CLOEXEC);
	if (fd < 0) {
		code = identity_fail_errno(failure, "create", path);
	} else {
		if (!key_write(fd))
			code = identity_fail_errno(failure, "write", path);
		else if (link(draft, path) < 0 && errno != EEXIST)
			code = identity_fail_errno(failure, "create", path);
		unlink(draft);
		close(fd);
		directory_sync(path);
	}
	free(draft);
	return code;
}

static int key_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int identity_load(const char *name, struct identity *identity, char *error, size_t error_size)
{
	struct failure failure = {error, error_size};
	struct secret_path where = secret_find(name);
	const char *path = where.text;
	int fd = key_open(path);
	if (fd < 0 && errno == ENOENT)
		return identity_fail(failure, EX_CONFIG, where.is_credential
				     ? "identity.key_file: there is no credential %s: name its file by "
				       "LoadCredential= in the unit"
				     : "identity.key_file: %s is not here: copy it from where ladderd runs; "
				       "what is stored is known only under that key", path);
	if (fd < 0)
		return identity_fail_errno(failure, "open", path);
	unsigned char key[KEY_LEN];
	int code = key_read(fd, &where, key, failure);
	close(fd);
	if (code == 0)
		identity_derive(identity, key);
	OPENSSL_cleanse(key, sizeof key);
	return code;
}

int identity_load_or_create(const char *name, struct identity *identity, char *error, size_t error_size)
{
	struct secret_path where = secret_find(name);
	if (!where.is_credential && access(where.text, F_OK) < 0 && errno == ENOENT) {
		int code = key_create(where.text, (struct failure){error, error_size});
		if (code)
			return code;
	}
	return identity_load(name, identity, error, error_size);
}

static void cipher_open(struct seal_cipher *cipher, const unsigned char *seal_key, const void *salt,
			bool seals)
{
	unsigned char key[KEY_LEN];
	memcpy(cipher->salt, salt, SALT_LEN);
	derive(seal_key, salt, SALT_LEN, key);
	CHECK(EVP_CipherInit_ex(cipher->ctx, EVP_aes_256_gcm(), NULL, key, NULL, seals) == 1);
	OPENSSL_cleanse(key, sizeof key);
}

static void cipher_start(EVP_CIPHER_CTX *ctx, const void *number, struct slice name)
{
	unsigned char iv[IV_LEN] = {0};
	int len;
	memcpy(iv + IV_LEN - NUMBER_LEN, number, NUMBER_LEN);
	CHECK(EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) == 1);
	CHECK(EVP_CipherUpdate(ctx, NULL, &len, (const unsigned char *)name.data, (int)name.len) == 1);
}

struct sealer *sealer_create(const struct identity *identity)
{
	struct sealer *sealer = calloc(1, sizeof *sealer);
	CHECK(sealer);
	unsigned char salt[SALT_LEN];
	memcpy(sealer->seal_key, identity->seal_key, KEY_LEN);
	sealer->out.ctx = EVP_CIPHER_CTX_new();
	sealer->in.ctx = EVP_CIPHER_CTX_new();
	CHECK(sealer->out.ctx && sealer->in.ctx && RAND_bytes(salt, SALT_LEN) == 1);
	cipher_open(&sealer->out, sealer->seal_key, salt, true);
	return sealer;
}

void sealer_destroy(struct sealer *sealer)
{
	if (!sealer)
		return;
	EVP_CIPHER_CTX_free(sealer->out.ctx);
	EVP_CIPHER_CTX_free(sealer->in.ctx);
	OPENSSL_cleanse(sealer, sizeof *sealer);
	free(sealer);
}

void sealer_seal(struct sealer *sealer, struct slice name, struct slice plain, char *sealed)
{
	EVP_CIPHER_CTX *ctx = sealer->out.ctx;
	CHECK(plain.len <= INT32_MAX - SEAL_OVERHEAD && name.len > 0 && name.len <= INT32_MAX);
	sealer->number++;
	memcpy(sealed, sealer->out.salt, SALT_LEN);
	for (int i = 0; i < NUMBER_LEN; i++)
		sealed[SALT_LEN + i] = (char)(sealer->number >> (56 - 8 * i));
	cipher_start(ctx, sealed + SALT_LEN, name);
	const unsigned char *from = (const unsigned char *)plain.data;
	unsigned char *body = (unsigned char *)sealed + SALT_LEN + NUMBER_LEN;
	int len;
	if (plain.len)
		CHECK(EVP_CipherUpdate(ctx, body, &len, from, (int)plain.len) == 1);
	CHECK(EVP_CipherFinal_ex(ctx, body + plain.len, &len) == 1);
	CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, body + plain.len) == 1);
}

bool sealer_open(struct sealer *sealer, struct slice name, struct slice sealed, char *plain)
{
	EVP_CIPHER_CTX *ctx = sealer->in.ctx;
	if (sealed.len < SEAL_OVERHEAD || sealed.len > INT32_MAX)
		return false;
	if (!sealer->is_in_keyed || memcmp(sealer->in.salt, sealed.data, SALT_LEN) != 0)
		cipher_open(&sealer->in, sealer->seal_key, sealed.data, false);
	sealer->is_in_keyed = true;
	cipher_start(ctx, sealed.data + SALT_LEN, name);
	const unsigned char *body = (const unsigned char *)sealed.data + SALT_LEN + NUMBER_LEN;
	int plain_len = (int)(sealed.len - SEAL_OVERHEAD);
	unsigned char tag[TAG_LEN];
	unsigned char end[TAG_LEN];
	int len;
	memcpy(tag, body + plain_len, TAG_LEN);
	if (plain_len)
		CHECK(EVP_CipherUpdate(ctx, (unsigned char *)plain, &len, body, plain_len) == 1);
	CHECK(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) == 1);
	return EVP_CipherFinal_ex(ctx, end, &len) == 1;
}
