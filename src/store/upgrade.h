#ifndef STORE_UPGRADE_H
#define STORE_UPGRADE_H

#include "event/identity.h"
#include "store/private.h"

/*
 * An older store (schema version 2) that is not taken over yet; all of it
 * costs nothing once it is.
 */

/* One step (older.c); *more: the next may follow.  *due: there is something
 * to do, as far as can be told without doing it. */
bool older_step(struct store *, struct tx *, bool *more);
bool older_due(struct store *, struct tx *, bool *due);
/* All that can be taken over now; for programs without a loop, so that what
 * they show is whole. */
enum err older_take_over(struct store *, struct problem *);

/*
 * New events beside it (older_new.c).  Before a message is looked up: those
 * of its chat are taken over.  *waits: some stay there, and it belongs behind
 * them.
 */
bool older_make_way(struct store *, struct tx *, const struct event *,
    const struct message *, bool *waits);

/* The newest message there of that identity. */
struct older_row {
	bool found;
	int64_t id, revision, received_us;
	enum state state;
	char key[KEY_MAX];
	bool same_content;
};
bool older_find(struct tx *, const struct identity *, struct older_row *);

/* Puts a message there, which gets its number. */
struct older_new {
	const struct event *event;
	const struct message *message;
	const struct identity *who;
	int64_t revision;
	struct arrival *arrival;
};
bool older_put(struct tx *, const struct older_new *);

/* What older processes must know of one that was stored here. */
bool older_mark(struct tx *, const struct older_new *);

/* The state of one that is there; 0: it is not. */
bool older_state(struct tx *, int64_t id, int64_t *state);

#endif
