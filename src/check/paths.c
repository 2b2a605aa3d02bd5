/*
 * Whether what the configuration names can be opened and made, as it will be.
 *
 * Called by the handler at its start and by imconnectorctl check.  Owns
 * nothing.  A trial makes a file or a folder of its own name where another
 * would be made, and removes it: what others may be making at this moment is
 * left alone, and a store that is there is never opened, for closing it would
 * drop the locks of this process.
 */
#include "base/path.h"
#include "check/check.h"
#include "http/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One path of the configuration. */
struct subject {
	struct check *k;
	int line;
	const char *what;	/* before the path */
};

static void
complain(const struct subject *s, const char *path, enum path_use use,
    int error)
{
	struct hindrance h;
	char *what = NULL;

	path_hindered(&h, path, use, error, true);
	if (asprintf(&what, "%s %s", s->what, path) < 0)
		return;
	check_add(s->k, true, s->line, what, h.why, h.run);
	free(what);
}

static int
try_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int error = fd < 0 ? errno : 0;

	if (fd < 0)
		return error;
	if (write(fd, "\n", 1) != 1)
		error = errno;
	(void)close(fd);
	(void)unlink(path);
	return error;
}

static int
try_folder(const char *path)
{
	int error = mkdir(path, 0700) != 0 ? errno : 0;

	if (error == 0)
		(void)rmdir(path);
	return error;
}

/* Makes something in a folder.  0, or an errno. */
static int
try_in(const char *folder, int (*try)(const char *))
{
	int error = path_usable(folder, PATH_FOLDER);
	char *path = NULL;

	if (error != 0)
		return error;
	if (asprintf(&path, "%s/.imconnector-check.%ld", folder,
	    (long)getpid()) < 0)
		return ENOMEM;
	error = try(path);
	free(path);
	return error;
}

static bool
is_there(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 || errno != ENOENT;
}

/* A folder in which files are made, and which is made itself if it is not
 * there; not so the one above it.  False: it cannot be used. */
static bool
check_folder(const struct subject *s, const char *folder)
{
	char *copy = strdup(folder);
	int error = ENOMEM;

	if (copy != NULL)
		error = is_there(folder) ? try_in(folder, try_file) :
		    try_in(dirname(copy), try_folder);
	free(copy);
	if (error != 0)
		complain(s, folder, PATH_FOLDER, error);
	return error == 0;
}

static void
check_store_file(const struct subject *s, const char *path, const char *more)
{
	char *file = NULL;
	int error;

	if (asprintf(&file, "%s%s", path, more) < 0)
		return;
	error = path_usable(file, PATH_WRITE);
	if (error != 0 && error != ENOENT)
		complain(s, file, PATH_WRITE, error);
	free(file);
}

static void
check_store(struct check *k, const struct config *c)
{
	static const char *const files[] = { "", "-wal", "-shm", ".lock" };
	const struct subject s = { k, config_line(c, "store", "url"),
	    "store" };
	const char *path = strchr(c->store.url, ':') + 1;
	char *folder = strdup(path);

	if (folder == NULL || !check_folder(&s, dirname(folder))) {
		free(folder);
		return;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		check_store_file(&s, path, files[i]);
	free(folder);
}

/* What is in new/ is a reader's: no trial there. */
static void
check_spool(struct check *k, const struct config *c,
    const struct config_channel *ch)
{
	const struct subject s = { k, config_channel_line(c, ch, "url"),
	    "spool" };
	const char *folder = strchr(ch->url, ':') + 1;
	char *tmp = NULL, *new = NULL;
	int error;

	if (!check_folder(&s, folder) || asprintf(&tmp, "%s/tmp", folder) < 0)
		return;
	if (is_there(tmp))
		(void)check_folder(&s, tmp);
	free(tmp);
	if (asprintf(&new, "%s/new", folder) < 0)
		return;
	error = path_usable(new, PATH_FOLDER);
	if (error != 0 && error != ENOENT)
		complain(&s, new, PATH_FOLDER, error);
	free(new);
}

/* A program that each message is given to. */
static void
check_exec(struct check *k, const struct config *c,
    const struct config_channel *ch)
{
	const char *path = strchr(ch->url, ':') + 1;
	struct hindrance h;
	char *what = NULL;

	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return;
	path_hindered(&h, path, PATH_READ, errno, true);
	if (asprintf(&what, "program %s", path) < 0)
		return;
	check_add(k, true, config_channel_line(c, ch, "url"), what, h.why,
	    NULL);
	free(what);
}

static void
check_ca(struct check *k, const struct config *c)
{
	const struct subject s = { k, config_line(c, "app", "ca_file"),
	    "ca_file" };
	const char *path = c->app.ca_file;
	int error = path[0] != '\0' ? path_usable(path, PATH_READ) : 0;
	char why[160], *what;

	if (error != 0)
		complain(&s, path, PATH_READ, error);
	if (error != 0 || path[0] == '\0' ||
	    certificate_file_ok(path, why, sizeof(why)) ||
	    asprintf(&what, "ca_file %s", path) < 0)
		return;
	check_add(k, true, s.line, what, why, NULL);
	free(what);
}

void
check_paths(struct check *k, const struct config *c)
{
	check_store(k, c);
	for (size_t i = 0; i < c->channels; i++) {
		const char *url = c->channel[i].url;

		if (url != NULL && strncmp(url, "spool:", 6) == 0)
			check_spool(k, c, &c->channel[i]);
		if (url != NULL && strncmp(url, "exec:", 5) == 0)
			check_exec(k, c, &c->channel[i]);
	}
	check_ca(k, c);
}
