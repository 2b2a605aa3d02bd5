/*
 * All connections of the web server: accepted, made room for, stopped.
 *
 * Called by accept.c.  Owns them, and the memory of those that have ended.
 */
#include "web/connections.h"

#include "base/fault.h"
#include "web/connection.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define SILENT_MS 60000
#define TELL_MS 60000		/* between two lines in the log */
#define ROOM_TRIES 16		/* others take descriptors, too */

static void
tell_short(struct connections *all, const char *what)
{
	int64_t now = loop_now(all->env->loop);

	if (all->told_ms != 0 && now - TELL_MS <= all->told_ms)
		return;
	all->told_ms = now;
	log_warning(all->env->log, "descriptors-short", F_STR("reason", what),
	    F_INT("connections", all->most));
}

/* Closes one without a request.  False: all work. */
static bool
make_room(struct connections *all)
{
	struct connection *c;

	TAILQ_FOREACH(c, &all->waiting, link)
		if (!connection_is_fresh(c) && connection_shut(c)) {
			tell_short(all,
			    "connections without a request are closed");
			return true;
		}
	return false;
}

void
connections_init(struct connections *all)
{
	all->env = relay_env(all->relay);
	all->silent_ms = fault_ms("IMCONNECTOR_SILENT_MS", SILENT_MS);
	TAILQ_INIT(&all->waiting);
	TAILQ_INIT(&all->working);
	TAILQ_INIT(&all->closing);
	TAILQ_INIT(&all->spare);
}

void
connections_idle(struct connections *all)
{
	if (all->wanted)
		loop_ready(all->env->loop, all->accepting);
	all->wanted = false;
}

/* A new descriptor, or the negative errno. */
static int
accept_fd(struct connections *all, int listen_fd)
{
	int tries = ROOM_TRIES, fd;

	do
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC |
		    SOCK_NONBLOCK);
	while (fd < 0 && (errno == EMFILE || errno == ENFILE) &&
	    tries-- > 0 && make_room(all));
	return fd < 0 ? -errno : fd;
}

int
connections_accept(struct connections *all, int listen_fd)
{
	struct connection *c;
	int fd;

	if (all->open >= all->most && !make_room(all)) {
		all->wanted = true;
		tell_short(all, "requests have them all, new ones must wait");
		return CONNECTIONS_LATER;
	}
	fd = accept_fd(all, listen_fd);
	if (fd < 0)
		return -fd;
	c = connection_new(all, fd);
	if (c == NULL) {
		(void)close(fd);
		return ENOMEM;
	}
	connection_begin(c);
	return 0;
}

/*
 * Whoever has a head inside is served at the next turn; a kept one that is
 * answered by then is closed instead of waiting again, and one that has just
 * come gets a moment to speak.
 */
void
connections_stop(struct connections *all)
{
	struct connection *c, *next;

	all->stopping = true;
	for (c = TAILQ_FIRST(&all->waiting); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		connection_stop(c);
	}
}

bool
connections_busy(const struct connections *all)
{
	return !TAILQ_EMPTY(&all->waiting) ||
	    !TAILQ_EMPTY(&all->working) ||
	    !TAILQ_EMPTY(&all->closing);
}

void
connections_cut(struct connections *all)
{
	struct connection *c;

	TAILQ_FOREACH(c, &all->working, link)
		(void)shutdown(c->intake.fd, SHUT_RD);
}

void
connections_free(struct connections *all)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&all->spare)) != NULL) {
		TAILQ_REMOVE(&all->spare, c, link);
		connection_free(c);
	}
}
