#include "daemon/demo_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool demo_folder_create(char *path, size_t path_size)
{
	const char *parent = getenv("TMPDIR");
	int len = snprintf(path, path_size, "%s/ladderd-demo-XXXXXX", parent && *parent ? parent : "/tmp");
	if (len < 0 || (size_t)len >= path_size) {
		errno = ENAMETOOLONG;
		return false;
	}
	return mkdtemp(path) != NULL;
}

void demo_folder_remove(const char *path)
{
	DIR *folder = opendir(path);
	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(folder), entry->d_name, 0);
	closedir(folder);
	rmdir(path);
}

void demo_folder_show_end(const char *path, const char *file)
{
	enum { END_BYTES = 2000 };
	char name[4096], end[END_BYTES];
	snprintf(name, sizeof name, "%s/%s", path, file);
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (lseek(fd, -END_BYTES, SEEK_END) < 0)
		lseek(fd, 0, SEEK_SET);
	ssize_t len = read(fd, end, sizeof end);
	if (len > 0)
		fwrite(end, 1, (size_t)len, stderr);
	close(fd);
}
