/*
 * The listening socket, as it was handed to the program, and its limits.
 *
 * Called by accept.c when it starts.  Owns nothing: the socket may be shared
 * with other processes, and outlive this one.
 */
#include "web/listen.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#define PAUSE_MS 100
#define FIXED 64		/* descriptors besides those of threads */

bool
listen_open(void)
{
	int flags = fcntl(LISTEN_FD, F_GETFL);

	return flags >= 0 &&
	    fcntl(LISTEN_FD, F_SETFL, flags | O_NONBLOCK) == 0;
}

void
listen_pause(const struct log *log, int code, int stop_fd)
{
	struct pollfd fd = { .fd = stop_fd, .events = POLLIN };

	/* EMFILE, ECONNABORTED: a pause lets others finish */
	log_warning(log, "accept-failed", F_INT("code", code));
	(void)poll(&fd, 1, PAUSE_MS);
}

int64_t
listen_most(int64_t threads)
{
	int64_t others = threads + FIXED, all = INT32_MAX;
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < INT32_MAX)
		all = (int64_t)r.rlim_cur;
	/* with very few, connections get half of them */
	return all - (others < all / 2 ? others : all / 2);
}
