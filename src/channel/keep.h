#ifndef CHANNEL_KEEP_H
#define CHANNEL_KEEP_H

#include "base/pool.h"

#include <stdbool.h>
#include <stddef.h>

#include <stdint.h>

/*
 * A file that is kept beside the messages of a spool: written piece by piece
 * to tmp/, then synced and renamed to files/MESSAGE/NAME, durably.  One
 * that is there already is replaced.  Each step is a job of the pool.
 */
#define KEEP_NAME_MAX 200	/* bytes, with the NUL */

struct keep {
	/* set by the owner, who keeps them all until the last step ended */
	void (*done)(struct keep *);	/* a step ended; in the loop */
	struct pool *pool;
	const char *dir;		/* the spool's */
	char message[KEEP_NAME_MAX];	/* its folder, and */
	char name[KEEP_NAME_MAX];	/* what the file is called in it */
	/* out */
	int error;			/* of the step: an errno, or 0 */
	/* its own */
	struct job job;
	int result;			/* of the step that a thread is at */
	int fd;
	const char *p;
	size_t n;
	char draft[KEEP_NAME_MAX + 32];
};

/* For a new file; the four above are set. */
void keep_init(struct keep *);

/* Appends bytes, which stay until done(). */
void keep_write(struct keep *, const char *, size_t n);

/* Publishes it; or forgets it, which cannot fail. */
void keep_publish(struct keep *);
void keep_drop(struct keep *);

/* Whether there is a draft, that must be published or dropped. */
bool keep_has_draft(const struct keep *);

/* The name of a message's folder. */
void keep_message_name(char out[KEEP_NAME_MAX], int64_t received_us,
    const char *key);

/* A file's name made of what somebody calls it: no path, nothing that moves
 * a terminal, not hidden, not too long; `n` parts those of one message. */
void keep_file_name(char out[KEEP_NAME_MAX], unsigned n, const char *called);

#endif
