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
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHY_SHOWN 256		/* bytes, with the command that mends it */
#define LINKS_MAX 40		/* as many as the kernel follows */

/* dirname() may change its argument. */
static char *
folder_of(const char *path)
{
	char *copy = strdup(path);
	char *folder = copy != NULL ? strdup(dirname(copy)) : NULL;

	free(copy);
	return folder;
}

static char *
join(const char *folder, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", folder, name) >= 0 ? path : NULL;
}

/* One link further; NULL with errno 0 at the end of the chain. */
static char *
follow(const char *path)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char *folder, *next;

	if (n < 0) {
		errno = errno == EINVAL || errno == ENOENT ? 0 : errno;
		return NULL;
	}
	target[n] = '\0';
	if (target[0] == '/')
		return strdup(target);
	folder = folder_of(path);
	next = folder != NULL ? join(folder, target) : NULL;
	free(folder);
	return next;
}

/* The links of the last part, which realpath() cannot follow to nothing. */
static char *
follow_all(const char *path)
{
	char *at = strdup(path), *next;

	for (int i = 0; at != NULL; i++) {
		next = i < LINKS_MAX ? follow(at) : NULL;
		if (next == NULL && i < LINKS_MAX && errno == 0)
			return at;
		if (i == LINKS_MAX)
			errno = ELOOP;
		free(at);
		at = next;
	}
	return NULL;
}

static char *
real_name(const char *path, bool create)
{
	char *folder = folder_of(path);
	char *real = NULL, *name = NULL;

	/* if it cannot be made, realpath() says so */
	if (folder != NULL && create && access(folder, F_OK) != 0)
		(void)mkdir(folder, 0750);
	if (folder != NULL)
		real = realpath(folder, NULL);
	if (real != NULL)
		name = join(real, strrchr(path, '/') + 1);
	free(folder);
	free(real);
	return name;
}

/* Nothing is made beside what can be no store. */
static bool
may_be_store(const char *real)
{
	struct stat st;

	if (stat(real, &st) != 0 || S_ISREG(st.st_mode))
		return true;
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
	char *last = follow_all(path);
	char *real = last != NULL ? real_name(last, create) : NULL;

	*absent = !create && (real != NULL ? access(real, F_OK) != 0 : true) &&
	    errno == ENOENT;
	free(last);
	if (real != NULL && !*absent && may_be_store(real))
		return real;
	(void)file_refused(p, "the store", path, errno);
	free(real);
	return NULL;
}

/*
 * With our own mode: SQLite would let everybody read it, and its journals
 * take the mode of the file.  A file that is there is not even opened:
 * closing it would drop the locks that another connection of this process
 * holds on it.
 */
enum err
file_make(const char *real, struct problem *p)
{
	bool ok = access(real, R_OK | W_OK) == 0;

	if (!ok && errno == ENOENT) {
		int fd = open(real, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		    0640);

		ok = fd >= 0 ? close(fd) == 0 : errno == EEXIST;
	}
	return ok ? ERR_OK : file_refused(p, "the store", real, errno);
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
