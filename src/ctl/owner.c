/*
 * Who works on the store.
 *
 * Called by imconnectorctl before the store, or what belongs to it, is
 * touched.  Owns nothing; it changes the user of the process.
 */
#include "ctl/owner.h"

#include "base/path.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
become(uid_t uid, gid_t gid, struct problem *p)
{
	const struct passwd *pw = getpwuid(uid);
	char name[USER_NAME_MAX];

	if ((pw != NULL ? initgroups(pw->pw_name, gid) :
	    setgroups(0, NULL)) == 0 && setgid(gid) == 0 && setuid(uid) == 0)
		return true;
	(void)problem_set(p, ERR_RETRY, -1, NULL,
	    "cannot become the user %s: %s", path_user(uid, name),
	    strerror(errno));
	return false;
}

static bool
become_owner_of(const char *path, bool *done, struct problem *p)
{
	struct stat st;

	*done = stat(path, &st) == 0 && st.st_uid != 0;
	return !*done || become(st.st_uid, st.st_gid, p);
}

bool
become_folder_owner(const char *store_url, struct problem *p)
{
	char *path = strdup(strchr(store_url, ':') + 1);
	bool done = false, ok = true;

	if (path != NULL && geteuid() == 0)
		ok = become_owner_of(dirname(path), &done, p);
	free(path);
	return ok;
}

bool
become_owner(const char *store_url, struct problem *p)
{
	bool done = false;

	if (geteuid() != 0)
		return true;
	if (!become_owner_of(strchr(store_url, ':') + 1, &done, p))
		return false;
	return done || become_folder_owner(store_url, p);
}

bool
become_user(const char *name, struct problem *p)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL)
		(void)problem_set(p, ERR_UNUSABLE, -1, NULL,
		    "--user %.60s: there is no such user", name);
	else if (pw->pw_uid == geteuid())
		return true;
	else if (geteuid() != 0)
		(void)problem_set(p, ERR_UNUSABLE, -1, NULL,
		    "--user %.60s: only root can check as another user. Run: "
		    "sudo imconnectorctl check --user %.60s", name, name);
	else
		return become(pw->pw_uid, pw->pw_gid, p);
	return false;
}
