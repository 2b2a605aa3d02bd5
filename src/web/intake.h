#ifndef WEB_INTAKE_H
#define WEB_INTAKE_H

#include "base/buf.h"
#include "base/clock.h"
#include "web/walk.h"

/* What is larger, and has not come whole, is a reader's to read. */
#define INTAKE_MAX ((size_t)64 * 1024)

/* How much of a request has come on a connection. */
enum intake_state {
	INTAKE_NONE,		/* not a byte */
	INTAKE_HEAD,		/* a part of its head */
	INTAKE_BODY,		/* its head, and a part of its body */
	INTAKE_WHOLE,		/* all of it */
	INTAKE_LARGE,		/* it will not fit: go on in a reader */
	INTAKE_CUT,		/* its head; the rest will never come */
	INTAKE_BROKEN,		/* it ended within its head, or is none */
	INTAKE_OVER,		/* nothing came, and nothing will */
};

/* The bytes of one request, on their way from a socket to libfcgi. */
struct intake {
	int fd;			/* the connection, which never blocks; the */
				/* owner's */
	bool over;		/* nothing more will come */
	struct deadline until;	/* for who waits: intake_more() */
	struct walk walk;	/* of what was taken from the socket */
	struct buf bytes;	/* that, until it is opened */
	int in[2];		/* libfcgi's end, and ours; or -1 */
};

void intake_init(struct intake *, int fd);

/*
 * Looks at what is there, without waiting for it.  A request that is whole at
 * once stays in the socket; parts are taken out of it, lest they fill it.
 */
enum intake_state intake_look(struct intake *);

/* Whether descriptors are there for intake_open(); takes those it needs. */
bool intake_has_room(struct intake *);

/*
 * Where the request can be read: all that came of it, without ever blocking.
 * -1: no descriptors, no memory.
 */
int intake_open(struct intake *);

/* Whether the request must be asked for with intake_more(). */
static inline bool
intake_is_fed(const struct intake *i)
{
	return i->in[1] >= 0;
}

/*
 * In any thread, once it is open: waits until `until` for more, and lets that
 * be read.  False: nothing more will come.
 */
bool intake_more(struct intake *);

/* Forgets the request; the next one may come. */
void intake_end(struct intake *);

#endif
