/*
 * The file of a store: what its name leads to, and making it.
 *
 * Called by db/batch.c, and by db/lock.c for the lock file beside it.  Owns
 * nothing.  Journals and locks are named after the file itself, so that they
 * are shared by all who use it, whatever name led them there.
 */
#include "db/lock.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_SHOWN 256		/* bytes, with the command that mends it */

/* dirname() may change its argument. */
static char *
folder_of(const char *path)
{
	char *copy = strdup(path);
	char *folder = copy != NULL ? strdup(dirname(copy)) : NULL;

	free(copy);
	return folder;
}

/*
 * Makes it, and the folder above it, where there is none.  With our own mode:
 * SQLite would let everybody read it, and its journals take the mode of the
 * file.  A file that is there is not even opened: closing it would drop the
 * locks that another connection of this process holds on it.
 */
static bool
make(const char *path)
{
	char *folder = folder_of(path);
	struct stat st;
	bool link = lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
	int fd;

	if (folder != NULL && access(folder, F_OK) != 0)
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

/* Whether a folder is this user's, or nobody's yet: then what is in it may be
 * given to this user. */
static bool
is_ours(const char *folder)
{
	struct stat st;

	if (stat(folder, &st) != 0)
		return errno == ENOENT;
	return st.st_uid == geteuid() || st.st_uid == 0;
}

/* `at` is what is in the way of `path`: itself, or its folder. */
static enum err
refused_at(struct problem *p, const char *what, const char *path,
    const char *at, int error, bool ours)
{
	struct hindrance h;
	char why[WHY_SHOWN];

	path_hindered(&h, at, at == path ? PATH_WRITE : PATH_FOLDER, error,
	    ours);
	path_say(&h, why, sizeof(why));
	return problem_set(p, ERR_DISK, -1, NULL, "cannot open %s %.100s: %s",
	    what, path, why);
}

enum err
file_refused(struct problem *p, const char *what, const char *path,
    int error)
{
	char *folder = folder_of(path);
	bool no_file = access(path, F_OK) != 0 && errno == ENOENT;
	const char *at = no_file && folder != NULL ? folder : path;
	enum err e = refused_at(p, what, path, at, error,
	    folder == NULL || is_ours(folder));

	free(folder);
	return e;
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
	(void)file_refused(p, "the store", path, errno);
	free(real);
	return NULL;
}

static enum err
check_one(const char *real, const char *more, struct problem *p)
{
	char *path = NULL;
	enum err e = ERR_OK;
	int error;

	if (asprintf(&path, "%s%s", real, more) < 0)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	error = path_usable(path, PATH_WRITE);
	if (error == EACCES)
		e = file_refused(p, "the store", path, error);
	free(path);
	return e;
}

enum err
file_check(const char *real, struct problem *p)
{
	static const char *const more[] = { "", "-wal", "-shm" };
	char *folder = folder_of(real);
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof(more) / sizeof(more[0]);
	    i++)
		e = check_one(real, more[i], p);
	if (e == ERR_OK && folder != NULL &&
	    path_usable(folder, PATH_FOLDER) == EACCES)
		e = refused_at(p, "the store", real, folder, EACCES,
		    is_ours(folder));
	free(folder);
	return e;
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
