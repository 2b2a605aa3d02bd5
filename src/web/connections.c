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
#define ROOM_TRIES 16		/* others take descriptors, too */

static bool
make_room(struct room *r)
{
	struct connections *all = OF(r, struct connections, room);
	struct connection *c;

	TAILQ_FOREACH(c, &all->own.waiting, link)
		if (!connection_is_fresh(c) && connection_shut(c))
			return true;
	return false;
}

void
connections_init(struct connections *all)
{
	all->own.env = relay_env(all->relay);
	all->own.silent_ms = fault_ms("IMCONNECTOR_SILENT_MS", SILENT_MS);
	TAILQ_INIT(&all->own.waiting);
	TAILQ_INIT(&all->own.working);
	TAILQ_INIT(&all->own.closing);
	TAILQ_INIT(&all->own.spare);
	all->room.make = make_room;
	all->room.clock = all->own.env->clock;
	all->room.log = all->own.env->log;
	room_init(&all->room);
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
	    tries-- > 0 && room_make(&all->room));
	return fd < 0 ? -errno : fd;
}

int
connections_accept(struct connections *all, int listen_fd)
{
	struct connection *c;
	int fd;

	if (!room_is(&all->room))
		return CONNECTIONS_LATER;
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

	all->own.stopping = true;
	for (c = TAILQ_FIRST(&all->own.waiting); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		connection_stop(c);
	}
}

bool
connections_busy(const struct connections *all)
{
	return !TAILQ_EMPTY(&all->own.waiting) ||
	    !TAILQ_EMPTY(&all->own.working) ||
	    !TAILQ_EMPTY(&all->own.closing);
}

void
connections_cut(struct connections *all)
{
	struct connection *c;

	TAILQ_FOREACH(c, &all->own.working, link)
		(void)shutdown(c->intake.fd, SHUT_RD);
}

void
connections_free(struct connections *all)
{
	struct connection *c;

	while ((c = TAILQ_FIRST(&all->own.spare)) != NULL) {
		TAILQ_REMOVE(&all->own.spare, c, link);
		connection_free(c);
	}
}
