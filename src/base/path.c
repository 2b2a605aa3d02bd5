/*
 * Why a path cannot be used, in words that help.
 *
 * Called where a file or folder is refused to us: the configuration, the
 * store, the checks.  Owns nothing and cannot fail; where something cannot be
 * found out, less is said.
 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 4096		/* bytes for an entry of passwd or group */

const char *
path_user(unsigned uid, char out[USER_NAME_MAX])
{
	char names[NAMES_MAX];
	struct passwd pw, *found = NULL;

	if (getpwuid_r((uid_t)uid, &pw, names, sizeof(names), &found) == 0 &&
	    found != NULL)
		(void)snprintf(out, USER_NAME_MAX, "%s", pw.pw_name);
	else
		(void)snprintf(out, USER_NAME_MAX, "%u", uid);
	return out;
}

static const char *
group_name(gid_t gid, char out[USER_NAME_MAX])
{
	char names[NAMES_MAX];
	struct group gr, *found = NULL;

	if (getgrgid_r(gid, &gr, names, sizeof(names), &found) == 0 &&
	    found != NULL)
		(void)snprintf(out, USER_NAME_MAX, "%s", gr.gr_name);
	else
		(void)snprintf(out, USER_NAME_MAX, "%u", (unsigned)gid);
	return out;
}

/* The folder above, in place.  False: there is none. */
static bool
go_up(char *path)
{
	char *folder;

	if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
		return false;
	folder = dirname(path);		/* its argument, cut, or a constant */
	memmove(path, folder, strlen(folder) + 1);
	return true;
}

char *
path_above(const char *path)
{
	struct stat st;
	char *above = strdup(path);

	while (above != NULL && go_up(above))
		if (lstat(above, &st) == 0 || errno != ENOENT)
			break;
	return above;
}

bool
path_has_folder(const char *path)
{
	struct stat st;
	char *folder = strdup(path);
	bool ok = folder != NULL && go_up(folder) && stat(folder, &st) == 0;

	free(folder);
	return ok;
}

int
path_usable(const char *path, enum path_use use)
{
	int how = use == PATH_READ ? R_OK : use == PATH_WRITE ? R_OK | W_OK :
	    R_OK | W_OK | X_OK;
	struct stat st;

	if (stat(path, &st) != 0)
		return errno;
	if ((use == PATH_FOLDER) != (S_ISDIR(st.st_mode) != 0))
		return use == PATH_FOLDER ? ENOTDIR : EISDIR;
	return faccessat(AT_FDCWD, path, how, AT_EACCESS) != 0 ? errno : 0;
}

/* The topmost folder on the way that we may not enter, or NULL. */
static char *
closed_folder(const char *path)
{
	char *at = strdup(path), *closed = NULL;

	while (at != NULL && go_up(at))
		if (faccessat(AT_FDCWD, at, X_OK, AT_EACCESS) != 0 &&
		    errno == EACCES) {
			free(closed);
			closed = strdup(at);
		}
	free(at);
	return closed;
}

struct names {
	char user[USER_NAME_MAX], group[USER_NAME_MAX];
	char owner[USER_NAME_MAX], mode[64];	/* of what is in the way */
};

static void
take_names(struct names *n, const char *path)
{
	struct stat st;

	(void)path_user(geteuid(), n->user);
	(void)group_name(getegid(), n->group);
	n->owner[0] = n->mode[0] = '\0';
	if (lstat(path, &st) != 0)
		return;
	(void)path_user(st.st_uid, n->owner);
	(void)snprintf(n->mode, sizeof(n->mode), ", mode %04o",
	    (unsigned)st.st_mode & 07777);
}

static void
advise(struct hindrance *h, const char *path, const struct names *n,
    bool ours, const char *mode)
{
	if (!ours && strcmp(n->owner, "root") != 0)
		(void)snprintf(h->run, sizeof(h->run),
		    "sudo -u %s imconnectorctl ...", n->owner);
	else if (mode != NULL)
		(void)snprintf(h->run, sizeof(h->run),
		    "chgrp %s %s && chmod %s %s", n->group, path, mode, path);
	else
		(void)snprintf(h->run, sizeof(h->run), "chown %s:%s %s",
		    n->user, n->group, path);
}

/* It is there, and not for us. */
static void
explain_denied(struct hindrance *h, const char *path, enum path_use use,
    const char *error, bool ours)
{
	static const char *const verbs[] = { [PATH_READ] = "read",
		[PATH_WRITE] = "write", [PATH_FOLDER] = "write into" };
	char *closed = closed_folder(path);
	const char *at = closed != NULL ? closed : path;
	struct names n;

	take_names(&n, at);
	(void)snprintf(h->why, sizeof(h->why), "%s cannot %s %s (%s); it "
	    "belongs to %s%s", n.user, closed != NULL ? "enter" : verbs[use],
	    closed != NULL || use == PATH_FOLDER ? at : "it", error, n.owner,
	    n.mode);
	advise(h, at, &n, ours, closed != NULL ? "g+x" : use == PATH_READ ?
	    "g+r" : NULL);
	free(closed);
}

/* It is not there, and not for us to make. */
static void
explain_missing(struct hindrance *h, const char *path, enum path_use use,
    const char *error)
{
	char *above = path_above(path);
	struct names n;

	take_names(&n, above != NULL ? above : "/");
	if (use == PATH_READ)
		(void)snprintf(h->why, sizeof(h->why), "%s", error);
	else
		(void)snprintf(h->why, sizeof(h->why), "%s cannot create it "
		    "(%s); %s belongs to %s%s", n.user, error,
		    above != NULL ? above : "/", n.owner, n.mode);
	if (use == PATH_FOLDER)
		(void)snprintf(h->run, sizeof(h->run),
		    "install -d -o %s -g %s -m 0750 %s", n.user, n.group,
		    path);
	free(above);
}

void
path_hindered(struct hindrance *h, const char *path, enum path_use use,
    int error, bool ours)
{
	char words[128];
	const char *why = strerror_r(error, words, sizeof(words));
	struct stat st;

	h->run[0] = '\0';
	if (error == EACCES && (lstat(path, &st) == 0 || errno == EACCES))
		explain_denied(h, path, use, why, ours);
	else if (error == EACCES || error == ENOENT)
		explain_missing(h, path, use, why);
	else
		(void)snprintf(h->why, sizeof(h->why), "%s", why);
}

void
path_say(const struct hindrance *h, char *out, size_t size)
{
	static const char run[] = ". Run: ";
	size_t n = strlen(h->why) + sizeof(run) - 1 + strlen(h->run);

	if (h->run[0] != '\0' && n < size)
		(void)snprintf(out, size, "%s%s%s", h->why, run, h->run);
	else
		(void)snprintf(out, size, "%s", h->why);
}
