/*
 * What the tests of relay/tell.c share: a site, and a look at each call.
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

static inline void
told(struct site *s, struct work *w, size_t n)
{
	struct work *all[8];
	struct patience patience;
	int ends;

	assert_true(n <= COUNT(all));
	for (size_t i = 0; i < n; i++)
		all[i] = &w[i];
	patience = site_patience(s, 60000, &ends);
	site_listen(s);
	tell(&s->relay, all, n, false, &patience);
	site_logged(s);
	assert_int_equal(ends, 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(site_row(s, w[i].id).state, w[i].state);
	assert_false(late_is(s->late, "portal:" MEMBER, 1));
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
