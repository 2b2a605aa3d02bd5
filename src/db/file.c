/*
 * The file of a store: what its name leads to, and making it.
 *
 * Called by db/batch.c, and by db/lock.c for the lock file beside it.  Owns
 * nothing.  Journals and locks are named after the file itself, so that they
 * are shared by all who use it, whatever name led them there.
 */
#include "db/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Makes it, and the folder above it, where there is none.  With our own mode:
 * SQLite would let everybody read it, and its journals take the mode of the
 * file.  A file that is there is not even opened: closing it would drop the
 * locks that another connection of this process holds on it.
 */
static bool
make(const char *path)
{
	char *folder = strdup(path);	/* dirname() may change it */
	struct stat st;
	bool link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	int fd;

	if (folder != NULL && access(dirname(folder), F_OK) != 0)
		(void)mkdir(folder, 0750);
	free(folder);
	/* a link to nothing is followed */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | (link ? 0 : O_EXCL),
	    0640);
	return fd >= 0 ? close(fd) == 0 : errno == EEXIST;
}

/* Nothing is made beside what can be no store. */
static bool
may_be_store(const char *real, bool writes)
{
	struct stat st;

	if (stat(real, &st) != 0 || S_ISREG(st.st_mode))
		return !writes || access(real, R_OK | W_OK) == 0;
	errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	return false;
}

char *
file_resolve(const char *path, bool create, bool *absent, struct problem *p)
{
	char *real = realpath(path, NULL);

	if (real == NULL && errno == ENOENT && create && make(path))
		real = realpath(path, NULL);
	*absent = real == NULL && !create && errno == ENOENT;
	if (real != NULL && may_be_store(real, create))
		return real;
	(void)problem_set(p, ERR_DISK, -1, NULL,
	    "cannot open the store %.120s: %s", path, strerror(errno));
	free(real);
	return NULL;
}

struct file_id
file_id(const char *real)
{
	struct stat st;

	if (stat(real, &st) != 0)
		return (struct file_id){ 0, 0 };
	return (struct file_id){ st.st_dev, st.st_ino };
}

bool
file_same(struct file_id a, struct file_id b)
{
	return a.device == b.device && a.number == b.number;
}
