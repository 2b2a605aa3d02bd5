#ifndef CLAIM_WORLD_H
#define CLAIM_WORLD_H

#include "store_world.h"

#include <inttypes.h>

/*
 * Messages in chats of one's choice, and claiming what is due.
 */

/* Stores one message of that chat, as it would come for that line. */
static inline struct arrival
take_opts_in(struct world *w, struct store *s, const char *line,
    const char *chat, int64_t message_id, int64_t hold_ms)
{
	struct message m = make_message(message_id, "b");
	const struct take_opts opts = { .hold_ms = hold_ms };
	struct arrival a;
	struct event ev;

	make_event(&ev, ADD);
	ev.line_text = own(&ev, line);
	m.chat = chat;
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	assert_int_equal(store_take(s, &ev, &opts, &a, &w->problem), ERR_OK);
	event_free(&ev);
	return a;
}

static inline struct arrival
take_in(struct world *w, const char *chat, int64_t message_id)
{
	return take_opts_in(w, w->store, "107", chat, message_id, 0);
}

/* Claims what is due; its id, or 0 if nothing is. */
static inline int64_t
claim_by(struct world *w, struct store *s, const struct scan_filter *f)
{
	struct work work = { .id = 0 };
	bool found = true;

	assert_int_equal(store_claim_due(s, f, &w->arena, &work, &found,
	    &w->problem), ERR_OK);
	return found ? work.id : 0;
}

static inline int64_t
claim_due(struct world *w)
{
	return claim_by(w, w->store, NULL);
}

/* The number of a query's one row and column. */
static inline int64_t
number(const struct world *w, const char *sql)
{
	return strtoll(look(w, sql), NULL, 10);
}

static inline int64_t
column(const struct world *w, const char *name, int64_t id)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM message WHERE id = %"
	    PRId64, name, id);
	return number(w, sql);
}

#endif
