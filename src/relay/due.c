/*
 * The next try of what is due.
 *
 * Called by the retry's threads and by its single pass.  Owns the memory of
 * the messages at hand.
 */
#include "relay/due.h"

#include "relay/attempt.h"
#include "relay/journey.h"
#include "store/destination.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

struct trying {
	const struct relay *r;
	struct arena arena;
	struct work first;
	char place[PLACE_MAX];
};

/* Places where enough of us wait already are passed over. */
static bool
is_blocked(void *ctx, enum state state, const char *member_id,
    const char *connector, int64_t line)
{
	const struct relay *r = ctx;
	const struct work w = { .state = state, .member_id = member_id,
	    .connector = connector, .line = line };
	char place[PLACE_MAX];

	place_of(r, &w, place);
	return late_count(r->late, place) >= DUE_PER_PLACE;
}

static bool
claim(struct trying *t, bool scan, struct problem *p)
{
	const struct scan_filter filter = { is_blocked,
	    (void *)(uintptr_t)t->r };
	bool found = false;

	if (scan && !store_begin_scan(t->r->env.store))
		return false;
	(void)store_claim_due(t->r->env.store, &filter, &t->arena, &t->first,
	    &found, p);
	if (scan)
		store_end_scan(t->r->env.store);
	return found;
}

static enum due
try_hand_over(struct trying *t, bool probe)
{
	struct patience patience = patience_none();
	struct call call;
	int64_t next;

	call_init(&call);
	hand_over(t->r, &t->first, probe, &patience, &next, &call);
	(void)tell_on(t->r, &call, false, &patience);
	if (next != 0)
		travel_on(t->r, next);
	return t->first.state == STATE_RECEIVED ? DUE_FAILED : DUE_DONE;
}

static enum due
try_tell(struct trying *t, bool probe)
{
	struct patience patience = patience_none();
	struct problem p = { 0 };
	char place[PLACE_MAX];
	struct line line;
	struct call call;

	call_init(&call);
	line_of(&t->first, &line, place);
	if (store_call_begin(t->r->env.store, &line, &t->first, probe, &call,
	    &p) != ERR_OK) {
		log_error(t->r->env.log, "store-failed", F_STR("key",
		    t->first.key), F_STR("reason", p.text));
		return DUE_FAILED;
	}
	if (call.leave != LEAVE_GRANTED) {
		call_free(&call);
		return DUE_HELD;
	}
	return tell_on(t->r, &call, probe, &patience) ? DUE_DONE : DUE_FAILED;
}

static enum due
try_claimed(struct trying *t)
{
	const struct relay *r = t->r;
	struct problem p = { 0 };
	int64_t until = 0;
	enum due end;
	bool counted;

	(void)store_down_until(r->env.store, t->place, true, &until, &p);
	if (until > 0) {
		(void)store_hold(r->env.store, &t->first, until, &p);
		return DUE_HELD;
	}
	counted = late_begin(r->late, t->place, DUE_PER_PLACE);
	if (t->first.state == STATE_RECEIVED)
		end = try_hand_over(t, until == DOWN_PROBE);
	else
		end = try_tell(t, until == DOWN_PROBE);
	/* a try that ended before its call showed nothing */
	if (until == DOWN_PROBE)
		(void)store_probe_end(r->env.store, t->place, &p);
	if (counted)	/* one too many may slip in between scan and count */
		late_end(r->late, t->place);
	return end;
}

enum due
due_try_one(const struct relay *r, bool scan, struct problem *p)
{
	struct trying t = { .r = r };
	enum due end = DUE_NONE;

	arena_init(&t.arena, ARENA_MAX);
	if (claim(&t, scan, p)) {
		place_of(r, &t.first, t.place);
		end = try_claimed(&t);
	}
	arena_free(&t.arena);
	return end;
}
