/*
 * What a monitor is told: one line, and how bad it is.
 */
#include "ctl/health.h"

#include "ctl_world.h"
#include "store_look.h"

#define ALERT_MS 300000
enum { WELL, WARNING, CRITICAL };

/* The line, without its figures; it lives until the next one. */
static const char *
check(struct store_world *w, int level)
{
	static char line[512];
	struct problem p = { .err = ERR_OK };
	struct capture c;
	int is = -1;
	char *text;

	capture_begin(&c, STDOUT_FILENO);
	if (health_check(w->store, ALERT_MS, &is, &p) != ERR_OK)
		is = health_unknown(&p);
	text = capture_end(&c);
	(void)snprintf(line, sizeof(line), "%s", text);
	free(text);
	assert_non_null(strchr(line, '\n'));
	line[strcspn(line, "|\n")] = '\0';
	if (is != level)
		fail_msg("%d: %s", is, line);
	return line;
}

static void
test_well(void **state)
{
	struct store_world *w = *state;

	assert_string_equal(check(w, WELL), "imconnector OK: nothing was "
	    "refused, nothing waits for long ");
	(void)make_received(w, w->store, 1);
	world_pass(w, ALERT_MS);
	(void)check(w, WELL);
}

static void
test_old(void **state)
{
	struct store_world *w = *state;

	(void)make_received(w, w->store, 1);
	world_pass(w, ALERT_MS + 1000);
	assert_string_equal(check(w, CRITICAL),
	    "imconnector CRITICAL: the oldest waits for 5 min ");
}

static void
test_down(void **state)
{
	struct store_world *w = *state;
	struct place at = tell_place(107);
	struct known_message m = make_delivered(w, w->store, 1, true);

	(void)world_place(w, w->store, &at, true);
	world_pass(w, ALERT_MS);
	(void)check(w, WELL);
	world_pass(w, 3600000);
	assert_string_equal(check(w, CRITICAL), "imconnector CRITICAL: "
	    "1 down, the first for 65 min, the oldest waits for 65 min ");
	assert_int_equal(world_take_up(w, w->store, &at, 1).m[0].id, m.id);
	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_TOLD);
	(void)world_take_up(w, w->store, &at, 1);
	(void)check(w, WELL);
}

static void
test_refused_and_parked(void **state)
{
	struct store_world *w = *state;
	struct known_message m = make_delivered(w, w->store, 1, false);
	struct room_note note = { .member_id = tell_place(107).member_id,
	    .parked = "invalid_grant" };

	MOVE(w, w->store, .id = m.id, .from = STATE_DELIVERED,
	    .move = MOVE_READY, .parked = true, .note = &note);
	assert_string_equal(check(w, WARNING),
	    "imconnector WARNING: 1 parked for want of a token ");
	m = make_received(w, w->store, 2);
	MOVE(w, w->store, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_REFUSED);
	assert_string_equal(check(w, WARNING), "imconnector WARNING: "
	    "1 parked for want of a token, 1 refused ");
	world_pass(w, ALERT_MS + 1000);
	/* the worst counts */
	(void)check(w, CRITICAL);
}

static void
test_no_store(void **state)
{
	struct store_world *w = *state;

	break_store(w);
	assert_memory_equal(check(w, CRITICAL), "imconnector CRITICAL: ",
	    strlen("imconnector CRITICAL: "));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_well), WORLD_TEST(test_old),
		WORLD_TEST(test_down), WORLD_TEST(test_refused_and_parked),
		WORLD_TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("ctl/health", tests, NULL, NULL);
}
