/*
 * The rest of a journey that nobody waits for.
 *
 * Called by the relay behind its answer, for the messages that its chats had
 * ready, and by the retry.  Owns the memory of the message at hand.
 */
#include "relay/journey.h"

#define ARENA_MAX ((size_t)64 * 1024 * 1024)

/* One message; *next as hand_over() gives it. */
static void
travel_one(const struct relay *r, int64_t id, struct arena *a, int64_t *next)
{
	struct patience patience = patience_none();
	struct problem p = { 0 };
	struct call call;
	struct work w;

	*next = 0;
	call_init(&call);
	if (store_load(r->env.store, id, a, &w, &p) != ERR_OK) {
		if (p.err == ERR_LOST)
			log_warning(r->env.log, "claim-lost", F_INT("id", id));
		else
			log_error(r->env.log, "store-failed", F_INT("id", id),
			    F_STR("reason", p.text));
		return;
	}
	if (w.state == STATE_RECEIVED)
		hand_over(r, &w, false, &patience, next, &call);
	(void)tell_on(r, &call, false, &patience);
}

void
travel_on(const struct relay *r, int64_t id)
{
	struct arena a;

	arena_init(&a, ARENA_MAX);
	while (id != 0) {
		int64_t next;

		travel_one(r, id, &a, &next);
		arena_reset(&a);
		id = next;
	}
	arena_free(&a);
}
