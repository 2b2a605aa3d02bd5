#ifndef LOOP_PEER_H
#define LOOP_PEER_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * An HTTP server in the loop of the test itself: nothing happens between two
 * lines of a test.  Whoever is told of a request answers it, now or later.
 */
struct loop_peer;
struct heard;

/* One request, whole.  It lives until loop_peer_end(). */
struct heard {
	const char *path;
	const char *head;	/* all header lines */
	const char *body;	/* NUL-terminated */
	size_t body_len;
	bool open;		/* waits for its answer */
	bool left;		/* the other side gave up before */
	/* the peer's own */
	struct peer_line *line;
	struct heard *next;
	char *text;
};

struct loop_peer {
	int port;
	/* set by the owner */
	void (*hear)(struct loop_peer *, struct heard *);
	void *ctx;
	/* its own */
	struct loop *loop;
	struct watch watch;
	struct peer_line *lines;
	struct heard *heard;
};

/* Listens on a port of the kernel's choice; `hear` and `ctx` are set. */
void loop_peer_begin(struct loop_peer *, struct loop *);
void loop_peer_end(struct loop_peer *);

/* Answers: status line, further header lines ("" or each with its end). */
void heard_answer(struct heard *, int status, const char *more,
    const char *body);
/* Closes the connection without a word. */
void heard_drop(struct heard *);

/* The value of a header of a request, up to its end of line; NULL: none. */
const char *heard_header(const struct heard *, const char *name, char *out,
    size_t size);

#endif
