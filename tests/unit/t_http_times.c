/*
 * When the steps of a call were over, and what time it is where its answer
 * comes from.
 */
#include "http/client.h"

#include "http_peer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int
setup(void **state)
{
	return world_start(state, &clock_system);
}

static void
test_times(void **state)
{
	struct world *w = *state;
	struct trial t;

	trial_init(&t, w, "/ok");
	run(w, &t);
	assert_int_equal(t.call.end, HTTP_ANSWERED);
	assert_true(t.call.times.connected_us > 0);
	assert_int_equal(t.call.times.secured_us, 0);
	assert_true(t.call.times.first_us >= t.call.times.connected_us);
	http_call_free(&t.call);
}

/* An answer with that line in its head. */
static void
hear(struct world *w, struct trial *t, const char *line)
{
	char header[128];

	trial_init(t, w, "/say");
	(void)snprintf(header, sizeof(header), "X-Say: %s", line);
	t->headers[0] = header;
	run(w, t);
	assert_int_equal(t->call.end, HTTP_ANSWERED);
}

static void
test_date(void **state)
{
	static const struct {
		const char *line;
		int64_t date;
	} dates[] = {
		{ "Date: Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "date:Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Date: 784111777", -1 }, { "Date: soon", -1 },
		{ "Date: Sun, 06 Nov 1994 08:49:37 GMT and much more than "
		    "that", -1 },
		{ "Dated: Sun, 06 Nov 1994 08:49:37 GMT", -1 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(dates); i++) {
		struct trial t;

		hear(w, &t, dates[i].line);
		if (http_date(t.call.date) != dates[i].date)
			fail_msg("%s: %s", dates[i].line, t.call.date);
		http_call_free(&t.call);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, world_end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_times),
		T(test_date),
	};

	return cmocka_run_group_tests_name("http/times", tests, NULL, NULL);
}
