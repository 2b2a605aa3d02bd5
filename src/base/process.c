/*
 * What a process must have in order before it does anything else.
 *
 * Called first by both programs.  Owns nothing.  On failure the program must
 * end: it could write its answer into its store, or its tokens into a file.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * A descriptor that is closed would be given to the next file that is opened,
 * such as the store, and what is printed would go there.
 */
static bool
open_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* those below are open, so it becomes this one */
		if (errno != EBADF || open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

/*
 * Both are needed: a kernel that pipes cores to a program minds no limit, and
 * one that changes its user may be dumpable again.
 */
static bool
forbid_core(void)
{
	static const struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none) == 0 &&
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

bool
process_begin(void)
{
	const char *core = getenv("IMCONNECTOR_CORE");

	/* ignored, as a parent may have left it, it would take children away
	 * before anybody has asked how they ended */
	(void)signal(SIGCHLD, SIG_DFL);
	return open_standard() &&
	    ((core != NULL && strcmp(core, "1") == 0) || forbid_core());
}
