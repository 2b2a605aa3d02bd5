/*
 * What the tests of relay/tell.c share: a site, a call for messages of one's
 * choice, and a look at each request.
 */
#ifndef TELLING_H
#define TELLING_H

#include "portal_world.h"
#include "relay/attempt.h"
#include "relay/journey.h"
#include "store/destination.h"

static inline int
start(void **state)
{
	*state = site_open(SITE_APP SITE_REST);
	return 0;
}

static inline int
stop(void **state)
{
	return site_close(*state);
}

#define GOOD "{\"result\":{\"SUCCESS\":true,\"DATA\":[]}}"
#define ERROR(word) "{\"error\":\"" word "\",\"error_description\":\"d\"}"
#define EXPIRED { "401 No", ERROR("expired_token"), NULL, 0 }
#define ACCEPTED { "200 OK", GOOD, NULL, 0 }

#define CALL_MAX 8

/* A call of no slot for just these, as if the store had granted it. */
static inline void
site_call(struct site *s, struct work *w, size_t n, struct call *c)
{
	call_init(c);
	c->leave = LEAVE_GRANTED;
	c->work = arena_alloc(&c->arena, CALL_MAX * sizeof(c->work[0]));
	c->n = n;
	assert_true(c->work != NULL && n <= CALL_MAX);
	for (size_t i = 0; i < n; i++)
		c->work[i] = &w[i];
	for (size_t i = 0; i < n; i++)
		(void)become_ours(s->store, w[i].id);
	assert_int_equal(store_portal(s->store, MEMBER, &c->arena,
	    &c->portal, &c->installed, &s->problem), ERR_OK);
}

/* tell(), and its end in the store; how it ended. */
static inline struct call_end
told_as(struct site *s, struct work *w, size_t n, bool probe,
    struct patience *patience)
{
	struct call_end end;
	struct call c;

	site_call(s, w, n, &c);
	site_listen(s);
	tell(&s->relay, &c, probe, patience, &end);
	site_logged(s);
	assert_int_equal(store_call_end(s->store, &c, &end, NULL, NULL,
	    &s->problem), ERR_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(site_row(s, w[i].id).state, w[i].state);
	assert_false(late_is(s->late, "portal:" MEMBER, 1));
	call_free(&c);
	return end;
}

static inline struct call_end
told(struct site *s, struct work *w, size_t n)
{
	struct patience patience;
	struct call_end end;
	int ends;

	patience = site_patience(s, 60000, &ends);
	end = told_as(s, w, n, false, &patience);
	assert_int_equal(ends, 0);
	return end;
}

/*
 * Asks the store for a call for what waits on the line, with `first` if it is
 * not NULL, and makes it and those that follow.  Whether it was good.
 */
static inline bool
told_on(struct site *s, const struct work *first)
{
	const struct line line = { MEMBER, "myconnector", 107,
		"portal:" MEMBER };
	struct patience patience;
	struct call c;
	bool good;
	int ends;

	call_init(&c);
	assert_int_equal(store_call_begin(s->store, &line, first, false, &c,
	    &s->problem), ERR_OK);
	patience = site_patience(s, 60000, &ends);
	site_listen(s);
	good = tell_on(&s->relay, &c, false, &patience);
	site_logged(s);
	assert_int_equal(ends, 0);
	return good;
}

/* The i-th call had that token, in the body only. */
static inline void
called_with(struct site *s, size_t i, const char *token)
{
	char want[64];

	assert_true(script_count(s, &s->rest) > i);
	(void)snprintf(want, sizeof(want), "\"auth\":\"%s\"", token);
	if (strstr(s->rest.body[i], want) == NULL)
		fail_msg("call %zu: %s", i, s->rest.body[i]);
	assert_null(strstr(s->rest.head[i], "access-"));
	assert_memory_equal(s->rest.head[i], "POST /rest/imconnector.send."
	    "status.delivery HTTP/1.1\r\n", 54);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

#endif
