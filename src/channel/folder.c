/*
 * Folders and files that survive power loss.
 *
 * Called by spool.c and keep.c, in threads that may block.  Owns nothing.
 */
#include "channel/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define FOLDER_MODE 0750

/* The name of a new folder stands in the one above it. */
static bool
sync_above(int folder)
{
	int fd = openat(folder, "..", FOLDER_FLAGS);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

int
folder_open(int at, const char *name)
{
	int fd = openat(at, name, FOLDER_FLAGS);
	int saved;

	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (mkdirat(at, name, FOLDER_MODE) != 0 && errno != EEXIST)
		return -1;
	fd = openat(at, name, FOLDER_FLAGS);
	if (fd < 0 || sync_above(fd))
		return fd;
	saved = errno;
	(void)close(fd);
	/* or the next attempt would find it and trust it */
	(void)unlinkat(at, name, AT_REMOVEDIR);
	errno = saved;
	return -1;
}

bool
folder_write(int fd, const char *s, size_t n)
{
	while (n != 0) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		s += done;
		n -= (size_t)done;
	}
	return true;
}

void
folder_close(int a, int b, int c)
{
	int saved = errno;

	if (c >= 0)
		(void)close(c);
	if (b >= 0)
		(void)close(b);
	if (a >= 0)
		(void)close(a);
	errno = saved;
}
