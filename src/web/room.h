#ifndef WEB_ROOM_H
#define WEB_ROOM_H

#include "base/clock.h"
#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

/* How many connections may be open.  All but the last are the owner's. */
struct room {
	int64_t most;
	bool (*make)(struct room *);	/* closes an idle one, if any is */
	void (*has_room)(void *ctx);	/* accept again */
	void *ctx;
	const struct clock *clock;
	const struct log *log;
	struct {
		int64_t open;
		bool wanted;
		int64_t told_ms;
	} own;
};

void room_init(struct room *);

/* Closes an idle connection, and says so in the log.  False: all work. */
bool room_make(struct room *);

/*
 * Whether there may be one more; an idle one may be closed for it.  If not,
 * has_room() will be called.
 */
bool room_is(struct room *);

void room_opened(struct room *);	/* one more is open */
void room_closed(struct room *);	/* one less */
void room_idle(struct room *);		/* one has become idle */

#endif
