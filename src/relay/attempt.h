#ifndef RELAY_ATTEMPT_H
#define RELAY_ATTEMPT_H

#include "relay/late.h"
#include "relay/relay.h"
#include "store/work.h"

/* A message could not be moved, or is not ours any more: for the log. */
void note_unmoved(const struct relay *, const char *key,
    const struct problem *);

/* Why a step did not succeed. */
struct failure {
	bool final;		/* it never will */
	const char *reason;
	int64_t wait_s;		/* at least, as the other side asked; or -1 */
	int64_t until_ms;	/* not before this Unix time; or 0 */
	enum hold hold;
};

/*
 * Notes that a step failed for these messages: refused for good if the
 * failure is final or retry.give_up_after is over, else postponed with a
 * growing wait.  `next`, if it is not NULL (then n is 1), gets the chat's
 * next message as store_refused() gives it.
 */
void attempt_failed(const struct relay *, struct work *const *, size_t n,
    enum step, const struct failure *, int64_t *next);

/* The names of destinations: of the channel of a connector's line, and of a
 * portal. */
void place_of_channel(const struct relay *, const char *connector,
    int64_t line, char out[PLACE_MAX]);
void place_of_portal(const char *member_id, char out[PLACE_MAX]);
void place_of(const struct relay *, const struct work *,
    char out[PLACE_MAX]);

/* A call to a place ended: down, or (if it was being probed) up again. */
void place_was(const struct relay *, const char *place,
    const struct work *, bool down, bool probe);

/*
 * When a place may be tried that holds too many workers of this process, and
 * one that is down for that or for all processes: 0 if it may be now.
 */
int64_t place_late_until(const struct relay *, const char *place);
int64_t place_down_until(const struct relay *, const char *place);

#endif
