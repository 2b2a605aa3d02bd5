#ifndef CALL_WORLD_H
#define CALL_WORLD_H

#include "store/calls.h"
#include "store/destination.h"

#include "claim_world.h"

/*
 * Messages that wait to be told, and calls for them.
 */
#define MEMBER "bac1cd5c8940947a75e0d71b1a84e348"
#define PORTAL "portal:" MEMBER

static const struct line line_107 = { MEMBER, "myconnector", 107, PORTAL };
static const struct line line_108 = { MEMBER, "myconnector", 108, PORTAL };

static const struct call_end plain_end = { .acknowledged = true };

/* Opens the store anew with what the test has set in w->opts. */
static inline void
reopen(struct world *w)
{
	store_close(w->store);
	w->store = store_of(w, 5000, true);
}

/* A message that was delivered on that line and waits, unclaimed; its id. */
static inline int64_t
waits_on(struct world *w, const char *line, int64_t n)
{
	char chat[32];
	int64_t id;

	(void)snprintf(chat, sizeof(chat), "%s-%" PRId64, line, n);
	id = take_opts_in(w, w->store, line, chat, n, 0).id;
	assert_int_equal(deliver(w, id), 0);
	return id;
}

static inline enum leave
ask_by(struct world *w, struct store *s, const struct line *line,
    const struct work *first, struct call *c)
{
	assert_int_equal(store_call_begin(s, line, first, false, c,
	    &w->problem), ERR_OK);
	return c->leave;
}

static inline enum leave
ask(struct world *w, const struct line *line, struct call *c)
{
	return ask_by(w, w->store, line, NULL, c);
}

static inline void
end_as(struct world *w, struct call *c, const struct call_end *end)
{
	enum err e = store_call_end(w->store, c, end, NULL, NULL,
	    &w->problem);

	/* some of it may have been moved by the test */
	assert_true(e == ERR_OK || e == ERR_LOST);
	w->problem = (struct problem){ 0 };
	call_free(c);
	call_init(c);
}

/* The ids of a call's messages as "1 2 3". */
static inline const char *
ids_of(const struct call *c)
{
	static char text[256];
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < c->n; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    "%s%" PRId64, i != 0 ? " " : "", c->work[i]->id);
	return text;
}

#endif
