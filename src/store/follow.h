#ifndef STORE_FOLLOW_H
#define STORE_FOLLOW_H

#include "store/counts.h"
#include "store/state.h"
#include "store/store.h"

#include <stdbool.h>

/*
 * What comes and goes, for whoever looks on; nothing is changed by it.
 */

/* What came lately. */
struct recent {
	int64_t last_ms;	/* Unix time of the last event; 0: none */
	int64_t hour[HOUR_EVENTS];	/* of the last hour, as counted: a
				 * second late */
};

/* Looks through all keys that are kept.  ERR_DISK, ERR_NOMEM. */
enum err store_recent(struct store *, struct recent *, struct problem *);

/* A message in a state, or what is left of it; texts live during the
 * callback only, "" where unknown. */
struct followed {
	int64_t id;
	enum state state;
	bool fresh;		/* it is told for the first time */
	const char *key, *event, *member_id, *connector, *chat, *reason;
	int64_t line, chat_id, message_id;
	int64_t received_us;
	const char *body;	/* or NULL */
};

/*
 * Follows all messages that come from the first look on.  A look tells each
 * new one, and each known one that changed its state since the look before.
 * One that came and was acknowledged between two looks is told as
 * acknowledged, with its key, its number and its time alone.
 */
struct follow;
enum err follow_new(struct follow **, struct store *);	/* ERR_NOMEM */
void follow_free(struct follow *);
enum err follow_look(struct follow *, void (*each)(void *ctx,
    const struct followed *), void *ctx, struct problem *);

/* Messages that came, but of which nothing was left to be told: a newer
 * revision had come by the same look. */
int64_t follow_missed(const struct follow *);

#endif
