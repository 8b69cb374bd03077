#include "daemon/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/commands.h"

struct secret_path secret_find(const char *name)
{
	struct secret_path path = {.is_credential = false};
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (name[0] == '/' || !folder || !folder[0]) {
		snprintf(path.text, sizeof path.text, "%s", name);
		return path;
	}
	path.is_credential = true;
	snprintf(path.text, sizeof path.text, "%s/%s", folder, name);
	return path;
}

/* The bytes that were read, at most `size`, or -1 with errno. */
static ssize_t read_all(const char *path, char *bytes, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t len = 0;
	ssize_t got = fd < 0 ? -1 : 1;
	while (got > 0 && len < size) {
		got = read(fd, bytes + len, size - len);
		len += got > 0 ? (size_t)got : 0;
	}
	int why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return got < 0 ? -1 : (ssize_t)len;
}

static const char *fault_of(const char *bytes, ssize_t len)
{
	if (len < 0)
		return strerror(errno);
	if (len == 0)
		return "it is empty";
	if (len > SECRET_BYTES_MAX)
		return "it is longer than 64 KiB";
	return memchr(bytes, '\0', (size_t)len) ? "it is no text" : NULL;
}

char *secret_read(const char *setting, const char *name, char *error, size_t error_size, int *exit_code)
{
	struct secret_path path = secret_find(name);
	char *bytes = calloc(1, SECRET_BYTES_MAX + 2);
	CHECK(bytes);
	ssize_t len = read_all(path.text, bytes, SECRET_BYTES_MAX + 1);
	bool is_denied = len < 0 && (errno == EACCES || errno == EPERM);
	if (len > 0 && bytes[len - 1] == '\n')
		len--;
	const char *fault = fault_of(bytes, len);
	if (!fault) {
		bytes[len] = '\0';
		return bytes;
	}
	snprintf(error, error_size, "%s: %s cannot be used: %s%s", setting, path.text, fault,
		 path.is_credential ? ": is LoadCredential= right in the unit?" : "");
	*exit_code = is_denied ? EXIT_NO_PERMISSION : EXIT_CONFIG;
	explicit_bzero(bytes, SECRET_BYTES_MAX + 2);
	free(bytes);
	return NULL;
}

void secret_destroy(char *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret, strlen(secret));
	free(secret);
}
