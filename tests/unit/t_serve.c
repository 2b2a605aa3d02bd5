/*
 * What a web server sees of the handler: whole requests, cut ones, slow,
 * large, broken and silent ones, and the end of the process.
 */
#include "web_world.h"

#define SLOW 32			/* connections */

static struct bytes b;
static char large[600000];

static const struct world_opts usual = { .body_timeout = PATIENCE_S,
    .workers = 1 };

/* A request with this body, in b.  Where its body begins. */
static size_t
make(const char *body, size_t n, bool keep)
{
	size_t head;

	b.n = 0;
	add_head(&b, keep, n);
	head = b.n;
	add_body(&b, body, n, 8000);
	return head;
}

static size_t
make_event(bool keep)
{
	return make(EVENT, strlen(EVENT), keep);
}

/* An event with a long text in it that is not used. */
static void
make_large(void)
{
	size_t n = 0;

	n += (size_t)snprintf(large, sizeof(large), "{\"event\":"
	    "\"ONIMCONNECTORMESSAGEADD\",\"x\":[");
	while (n < sizeof(large) - 100)
		n += (size_t)snprintf(large + n, sizeof(large) - n,
		    "\"%0*d\",", 60, 7);
	n += (size_t)snprintf(large + n, sizeof(large) - n, "1]}");
	(void)make(large, n, false);
}

static void
other_is_served(const struct world *w)
{
	struct bytes *mine = malloc(sizeof(*mine));
	int fd = world_connect(w);

	assert_non_null(mine);
	mine->n = 0;
	add_head(mine, false, strlen(EVENT));
	add_body(mine, EVENT, strlen(EVENT), 8000);
	say(fd, mine->p, mine->n);
	assert_int_equal(answered(fd), 200);
	assert_int_equal(close(fd), 0);
	free(mine);
}

static void
test_every_cut(void **state)
{
	struct world w;
	size_t n;

	(void)state;
	world_start(&w, &usual);
	(void)make_event(true);
	n = b.n;
	for (size_t cut = 1; cut < n; cut++) {
		int fd = world_connect(&w);

		(void)make_event(cut % 2);
		say(fd, b.p, cut);
		if (cut % 8 == 0)	/* it was seen, surely */
			other_is_served(&w);
		say(fd, b.p + cut, n - cut);
		assert_int_equal(answered(fd), 200);
		if (cut % 2) {
			say(fd, b.p, n);
			assert_int_equal(answered(fd), 200);
		} else {
			assert_true(hangs_up(fd));
		}
		assert_int_equal(close(fd), 0);
	}
	world_end(&w);
}

/* Many that stop within their bodies, and one that is large: nobody else
 * notices.  Each is served when the rest comes. */
static void
test_slow_ones(void **state)
{
	int fd[SLOW], big;
	struct world w;
	size_t head, n;

	(void)state;
	world_start(&w, &usual);
	make_large();
	big = world_connect(&w);
	say(big, b.p, 100000);
	head = make_event(false);
	for (int i = 0; i < SLOW; i++) {
		fd[i] = world_connect(&w);
		say(fd[i], b.p, head + (size_t)i);
	}
	for (int i = 0; i < SLOW; i++)
		other_is_served(&w);
	for (int i = 0; i < SLOW; i++)
		assert_true(is_quiet(fd[i]));
	assert_true(is_quiet(big));
	n = b.n;
	for (int i = 0; i < SLOW; i++) {
		say(fd[i], b.p + head + i, n - head - (size_t)i);
		assert_int_equal(answered(fd[i]), 200);
		assert_int_equal(close(fd[i]), 0);
	}
	make_large();
	say(big, b.p + 100000, b.n - 100000);
	assert_int_equal(answered(big), 200);
	assert_int_equal(close(big), 0);
	world_end(&w);
}

/* A body has its time in all, however often a byte comes; small or large. */
static void
test_too_slow(void **state)
{
	static const struct world_opts hasty = { .body_timeout = 1,
	    .workers = 1 };
	int fd[6], trickle;
	struct world w;
	size_t head;

	(void)state;
	world_start(&w, &hasty);
	head = make_event(true);
	trickle = world_connect(&w);
	say(trickle, b.p, head);
	for (int i = 0; i < 3; i++) {
		fd[i] = world_connect(&w);
		say(fd[i], b.p, head + 9);
	}
	make_large();
	for (int i = 3; i < 6; i++) {
		fd[i] = world_connect(&w);
		say(fd[i], b.p, 150000);
	}
	b.n = 0;
	add_record(&b, STDIN, " ", 1, 0);
	while (is_quiet(trickle)) {
		say(trickle, b.p, b.n);
		(void)poll(NULL, 0, 10);
	}
	assert_int_equal(answered(trickle), 400);
	assert_int_equal(close(trickle), 0);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(answered(fd[i]), 400);
		assert_true(hangs_up(fd[i]));
		assert_int_equal(close(fd[i]), 0);
	}
	other_is_served(&w);
	world_end(&w);
}

/* What is refused before it was read: the answer arrives all the same. */
static void
test_too_large(void **state)
{
	static const char zeros[32768];
	struct world w;
	int fd;

	(void)state;
	world_start(&w, &usual);
	fd = world_connect(&w);
	b.n = 0;
	add_head(&b, true, 1 << 30);
	say(fd, b.p, b.n);
	b.n = 0;
	add_record(&b, STDIN, zeros, sizeof(zeros), 0);
	for (int i = 0; i < 200; i++)
		say(fd, b.p, b.n);
	assert_int_equal(answered(fd), 413);
	assert_true(hangs_up(fd));
	assert_int_equal(close(fd), 0);
	world_end(&w);
}

/* None of them takes the process along, or anybody's turn. */
static void
test_broken(void **state)
{
	static const struct text cases[] = {
		T("\1\11\0\0\0\1\0\0x"),	/* management */
		T("\1\11\0\0\377\377\0\0FCGI_MAX_CONNS"),
		T("GET / HTTP/1.1\r\n\r\n"),
		T("\1\5\0\1\0\0\0\0"),		/* a body first */
		T("\1\1\0\1\0\10\0\0\0\143\0\0\0\0\0\0\1\4\0\1\0\0\0\0"
		    "\1\5\0\1\0\0\0\0"),	/* a role that nobody has */
		T("\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\4\0\1\0\0\0\0"
		    "\1\5\0\1\0\0\0\0"),	/* no parameters */
		T("\1\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0\1\4\0\1\0\4\0\0"
		    "\5\5ab\1\4\0\1\0\0\0\0\1\5\0\1\0\0\0\0"),
	};
	struct world w;

	(void)state;
	world_start(&w, &usual);
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t cut = 1; cut <= cases[i].n; cut++) {
			int fd = world_connect(&w);

			say(fd, cases[i].p, cut);
			if (cut % 3 == 0)
				other_is_served(&w);
			say(fd, cases[i].p + cut, cases[i].n - cut);
			assert_int_equal(shutdown(fd, SHUT_WR), 0);
			assert_true(answered(fd) != 200);
			assert_int_equal(close(fd), 0);
		}
	}
	other_is_served(&w);
	world_end(&w);
}

/* Web servers that go away at any moment, or never take an answer. */
static void
test_gone(void **state)
{
	static const struct world_opts slow = { .body_timeout = PATIENCE_S,
	    .workers = 1, .delay_ms = 20 };
	struct world w;
	size_t n;

	(void)state;
	world_start(&w, &slow);
	(void)make_event(true);
	n = b.n;
	for (size_t cut = 0; cut <= n; cut++) {
		int fd = world_connect(&w);

		say(fd, b.p, cut);
		if (cut % 16 == 0)
			other_is_served(&w);
		assert_int_equal(close(fd), 0);
	}
	make_large();
	for (size_t cut = 1; cut < b.n; cut += b.n / 20) {
		int fd = world_connect(&w);

		say(fd, b.p, cut);
		assert_int_equal(close(fd), 0);
	}
	other_is_served(&w);
	world_end(&w);
}

static void
test_nobody_reads(void **state)
{
	struct world w;
	int fd;

	(void)state;
	world_start(&w, &usual);
	fd = world_connect(&w);
	(void)make_event(true);
	/* one after the other, until the answers fill the socket */
	for (int i = 0; i < 1000; i++) {
		if (send(fd, b.p, b.n, MSG_NOSIGNAL) != (ssize_t)b.n)
			break;
		other_is_served(&w);
	}
	other_is_served(&w);
	assert_int_equal(close(fd), 0);
	world_end(&w);
}

/* Who waits is answered with what there is; idle ones hold nobody. */
static void
test_stop(void **state)
{
	static const struct world_opts slow = { .body_timeout = PATIENCE_S,
	    .workers = 1, .delay_ms = PATIENCE_S * 1000 };
	int fd[4], idle, silent, body;
	struct world w;
	size_t head;

	(void)state;
	world_start(&w, &slow);
	head = make_event(true);
	idle = world_connect(&w);
	silent = world_connect(&w);
	say(silent, b.p, 11);
	for (int i = 0; i < 4; i++) {
		fd[i] = world_connect(&w);
		say(fd[i], b.p, b.n);
	}
	body = world_connect(&w);
	say(body, b.p, head + 4);
	while (!is_taken(fd[3]) || !is_taken(body) || !is_taken(silent))
		(void)poll(NULL, 0, 1);
	assert_int_equal(kill(w.pid, SIGTERM), 0);
	assert_true(hangs_up(idle));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(answered(fd[i]), 202);
		assert_int_equal(close(fd[i]), 0);
	}
	say(body, b.p + head + 4, b.n - head - 4);
	assert_int_equal(answered(body), 202);
	world_ended(&w);
	assert_true(hangs_up(silent));
	assert_int_equal(close(body) | close(idle) | close(silent), 0);
}

/* What came on a kept connection before the end is served yet. */
static void
test_last_word(void **state)
{
	struct world w;
	int fd;

	(void)state;
	world_start(&w, &usual);
	fd = world_connect(&w);
	(void)make_event(true);
	say(fd, b.p, b.n);
	assert_int_equal(answered(fd), 200);
	assert_int_equal(kill(w.pid, SIGSTOP), 0);
	say(fd, b.p, b.n);
	assert_int_equal(kill(w.pid, SIGTERM), 0);
	assert_int_equal(kill(w.pid, SIGCONT), 0);
	assert_int_equal(answered(fd), 200);
	world_ended(&w);
	assert_int_equal(close(fd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_slow_ones),
		cmocka_unit_test(test_too_slow),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_nobody_reads),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_last_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
