#ifndef STORE_OLDER_H
#define STORE_OLDER_H

#include "store/upgrade.h"

/*
 * What the older*.c files know of one another.  An older store keeps its
 * messages in the table `message` of schema version 2, beside the tables of
 * this version; docs/INTERNALS has its way here.
 */

/* In the column `lease`: nothing is left but who the message was. */
#define OLDER_MARK "-1"

#define OLDER_ROWS 100		/* that one transaction moves */

/* Of one transaction. */
struct older_run {
	struct store *s;
	struct tx *tx;
	bool lives;		/* some older process */
	int64_t left, moved;	/* rows */
	bool cut;		/* within a chat */
	struct deadline until;
};

struct older_run older_begin(struct store *, struct tx *, int64_t rows);
bool older_is_over(const struct older_run *);

/* What an older process has claimed: as long as it lives, and for its lease. */
bool older_claimed(struct tx *, int64_t owner, int64_t lease);

/*
 * ---- older_move.c: messages that nobody has claimed move to the new tables,
 * and leave a mark while older processes live.
 */

/*
 * Those of a chat, in order, unless an older process works on one of them;
 * `cut` if some are left though they could go.
 */
struct older_chat {
	const char *member_id, *connector;
	int64_t line;
	const char *chat;
};
bool older_move_chat(struct older_run *, const struct older_chat *);

/* A delivered one, with the time that it waits for. */
bool older_move_told(struct older_run *, int64_t id, const struct older_chat *,
    int64_t next_ms, int64_t hold);
bool older_move_done(struct older_run *, int64_t id);
bool older_move_refused(struct older_run *, int64_t id);
/* Its row is needed no more. */
bool older_leave(struct older_run *, int64_t id);

#endif
