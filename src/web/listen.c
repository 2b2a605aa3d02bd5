/*
 * The listening socket, as it was handed to the program, and its limits.
 *
 * Called by accept.c when it starts.  Owns nothing: the socket may be shared
 * with other processes, and outlive this one.
 */
#include "web/listen.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define FIXED 64		/* descriptors besides those that are counted */
#define CONNECTIONS 4096	/* more than any web server keeps */

/*
 * Whoever can connect is taken for the web server, and can take up all places.
 * A Unix socket has an owner and a mode, a port has neither.
 */
static void
warn_of_port(const struct log *log)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);

	if (getsockname(LISTEN_FD, (struct sockaddr *)&a, &n) != 0 ||
	    a.ss_family == AF_UNIX)
		return;
	log_warning(log, "tcp-socket", F_STR("reason", "whoever can connect "
	    "to this port is taken for the web server, and can keep others "
	    "out"), F_STR("todo", "listen at a Unix socket with mode 0660 "
	    "that belongs to the web server's group; README shows how"));
}

bool
listen_open(const struct log *log)
{
	int flags = fcntl(LISTEN_FD, F_GETFL);

	if (flags < 0 || fcntl(LISTEN_FD, F_SETFL, flags | O_NONBLOCK) != 0)
		return false;
	warn_of_port(log);
	return true;
}

/* The soft limit, brought as near to `want` as may be. */
static int64_t
raise_limit(int64_t want)
{
	struct rlimit r;
	rlim_t had;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0)
		return want;
	had = r.rlim_cur;
	if (had < (rlim_t)want) {
		r.rlim_cur = r.rlim_max < (rlim_t)want ? r.rlim_max :
		    (rlim_t)want;
		if (setrlimit(RLIMIT_NOFILE, &r) != 0)
			r.rlim_cur = had;
	}
	return r.rlim_cur < INT32_MAX ? (int64_t)r.rlim_cur : INT32_MAX;
}

int64_t
listen_most(int64_t others)
{
	int64_t all;

	others += FIXED;
	all = raise_limit(others + CONNECTIONS);
	/* with very few, connections get half of them */
	return all - (others < all / 2 ? others : all / 2);
}
