/*
 * Who works on the store.
 *
 * Called by imconnectorctl before the store is written to.  Owns nothing; it
 * changes the user of the process.
 */
#include "ctl/owner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool
become_owner(const char *store_url, struct problem *p)
{
	const char *path = strchr(store_url, ':') + 1;	/* store_open checked */
	const struct passwd *pw;
	struct stat st;

	if (geteuid() != 0 || stat(path, &st) != 0 || st.st_uid == 0)
		return true;
	pw = getpwuid(st.st_uid);
	if ((pw != NULL ? initgroups(pw->pw_name, st.st_gid) :
	    setgroups(0, NULL)) == 0 && setgid(st.st_gid) == 0 &&
	    setuid(st.st_uid) == 0)
		return true;
	(void)problem_set(p, ERR_RETRY, -1, NULL,
	    "cannot become the owner of %s: %s", path, strerror(errno));
	return false;
}
