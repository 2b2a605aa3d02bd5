#ifndef STORE_PRIVATE_H
#define STORE_PRIVATE_H

#include "db/alive.h"
#include "db/sql.h"
#include "event/event.h"
#include "store/moves.h"
#include "store/place.h"
#include "store/store.h"
#include "store/take.h"
#include "store/work.h"

/* Private to store/. */

/* States in SQL, by name; a partial index is found by the number itself. */
#define RECEIVED "1"
#define DELIVERED "2"
_Static_assert(STATE_RECEIVED == 1 && STATE_DELIVERED == 2, "names in SQL");

/* Whose turn an unfinished message waits for. */
#define IN_WORK "0"	/* a process has it */
#define BEHIND "1"	/* the first of its chat */
#define READY "2"	/* whoever serves its place */
#define LATER "3"	/* a time of its own */
_Static_assert(TURN_IN_WORK == 0 && TURN_LATER == 3, "names in SQL");

/* TALLY_OLDER: of the first three, those that a newer revision of the same
 * message has come after. */
enum tally { TALLY_RECEIVED, TALLY_DELIVERED, TALLY_REFUSED, TALLY_SEEN,
	TALLY_OLDER, TALLY__MAX };

/* Ages that decide, and what is known of the clock's jumps for each. */
enum age { AGE_KEEP, AGE_GIVE_UP, AGE__MAX };
struct age_known {
	int64_t wall_ms, mono_ms, jumps;
};

/* How far an older store is taken over, by this process.  Only a hint: what
 * is passed by mistake is found by the next round. */
struct older_at {
	int64_t id, ms;
};
struct older_way {
	struct older_at due, chat, told;	/* where the last step ended */
	int64_t ended;
	bool passed;			/* all that had ended */
	uint64_t serial;		/* of a transaction, which may */
	int64_t rows;			/* move so many for its events */
};

struct store {
	struct db *db;
	struct store_opts opts;
	/* of the transaction that is under way */
	uint64_t serial;
	int64_t tally[TALLY__MAX];
	int64_t purge;		/* rows that the next step looks at */
	/* the committer's */
	struct age_known age[AGE__MAX];
	struct older_way older;
	struct {
		bool read;
		int64_t read_ms, n;	/* when, and how many there were */
	} off;				/* lines that are off */
	char tidy_at[256];	/* where tidy_step() goes on */
};

/* Adds to a count; written once, at the end of the transaction. */
void tally_add(struct store *, struct tx *, enum tally, int64_t);
/* One message less. */
void tally_gone(struct store *, struct tx *, enum tally, bool older);
/* A newer revision of that message, which may not be done, has come. */
bool note_older(struct store *, struct tx *, int64_t id);
bool tally_write(struct store *, struct tx *);
bool tally_read(struct tx *, enum tally, int64_t *);

/* Lines that are off: how many; and of an event's line, that it is not. */
bool off_count(struct tx *, int64_t *n);
bool off_clear(struct store *, struct tx *, const struct event *);

/* What was stamped before then (Unix ms) is of that age by now.  May write:
 * in work that only reads, by the committer's last look. */
bool age_limit(struct store *, struct tx *, enum age, int64_t *stamp_ms);

/* A few keys further on the way along all that was seen.  *more: the end is
 * not reached.  Both may be NULL. */
bool purge_step(struct store *, struct tx *, int64_t rows, int64_t *gone,
    bool *more);

/* The columns that work_of_row() reads, in its order. */
#define WORK_COLUMNS "id, state, chat, line, chat_id, message_id, ts," \
	" received_us, delivered_ms, tries, first_ms, alone, key, event," \
	" member_id, domain, connector, chat_name, endpoint, token, ids, body"
/* The row at hand as one block of memory.  NULL: none to be had. */
struct work *work_of_row(const struct rows *);
/* Claims a message for this process, which was `ready` or not, and reads it.
 * False: the database failed, or memory. */
bool work_claim(struct tx *, int64_t id, bool was_ready, int64_t place,
    struct work **out);

/* The columns that place_of_row() reads, in its order; the id is first. */
#define WAITING_COLUMNS "id, state, place, member_id, connector, line"
/* The place of the waiting message at hand.  Texts live as long as the row. */
struct place place_of_row(const struct rows *);

/* A message waits, ready, at a place from now on (n: how many more). */
bool place_add(struct tx *, const struct place *, int64_t n);
/* It does not any more. */
bool place_remove(struct tx *, int64_t number, int64_t n);
/* Until when a channel's place is down; 0: it is up. */
bool place_down_ms(struct tx *, int64_t number, int64_t *ms);

/* The chat's first received message, if any. */
struct chat_first {
	int64_t id;		/* 0: none */
	int64_t owner;
	enum turn turn;
	int64_t place;
};
bool chat_first(struct tx *, int64_t chat, struct chat_first *);
/* The first of a chat may go on: claims it if it is free. */
bool chat_next(struct store *, struct tx *, int64_t chat, bool claim,
    const struct place *, struct work **out);
/* Whether a message of the chat is in work now. */
bool chat_busy(struct tx *, int64_t chat, bool *busy);

/* A message out of the queue, to where a person looks. */
bool refuse_row(struct store *, struct tx *, int64_t id, enum state from,
    enum step, const char *reason);
/* The same for one that waits, with the next of its chat. */
bool refuse_waiting(struct store *, struct tx *, int64_t id, enum state from,
    const struct look_place *at, const char *reason);

bool room_ask(struct store *, struct tx *, struct room_ask *);
bool room_note(struct store *, struct tx *, const struct room_note *);
bool room_down_ms(struct tx *, const char *member_id, int64_t *ms,
    bool *parked);

#define PARKED_LOOK_MS 60000	/* nothing but its age changes there */
/* A place that is due; its texts are the look's. */
struct candidate {
	struct look_place place;
	int64_t down_ms, owner, ready;
	const char *reason;
};

/* A time that no wait gives: a clock was set back since it was written. */
int64_t look_too_far_ms(const struct store *, const struct tx *,
    int64_t probe_ms);
/* Puts it on the list if it is to be served now. */
bool look_at_place(struct looking *, struct tx *, struct candidate *);

/* It is to be set up, or again; at `url` (or NULL) if none is known yet. */
bool setup_want(struct tx *, const char *member_id, const char *url);

/* What dead processes had claimed is free again: one step; *more. */
bool recover_step(struct store *, struct tx *, bool *more);

#endif
