/*
 * How much of a request has come, for every cut of it; that a whole one stays
 * in the socket, and that all bytes of another can be read once it is open.
 */
#include "web/intake.h"

#include "fcgi_bytes.h"

#include <sys/socket.h>
#include <unistd.h>

static struct bytes b;
static char large[100000];

struct pair {
	struct intake in;
	int theirs;
};

static void
open_pair(struct pair *p)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	intake_init(&p->in, fd[0]);
	p->theirs = fd[1];
}

static void
close_pair(struct pair *p)
{
	intake_end(&p->in);
	assert_int_equal(close(p->in.fd), 0);
	if (p->theirs >= 0)
		assert_int_equal(close(p->theirs), 0);
}

static void
hang_up(struct pair *p)
{
	assert_int_equal(close(p->theirs), 0);
	p->theirs = -1;
}

static void
say(const struct pair *p, const void *data, size_t n)
{
	if (n != 0)
		assert_int_equal(send(p->theirs, data, n, 0), (ssize_t)n);
}

static size_t
make(const char *body, size_t n)
{
	size_t head;

	b.n = 0;
	add_head(&b, false, n);
	head = b.n;
	add_body(&b, body, n, 32768);
	return head;
}

/* Reads what must be there, and that it is the request from `at` on. */
static void
reads(int fd, size_t at, size_t n)
{
	static uint8_t back[FCGI_BYTES_MAX];

	assert_int_equal(recv(fd, back, n, MSG_DONTWAIT | MSG_WAITALL), n);
	assert_memory_equal(back, b.p + at, n);
}

static void
test_every_cut(void **state)
{
	size_t head = make("{\"event\":1}", 11);

	(void)state;
	for (size_t cut = 0; cut < b.n; cut++) {
		struct pair p;
		int fd;

		open_pair(&p);
		say(&p, b.p, cut);
		for (int again = 0; again < 2; again++)
			assert_int_equal(intake_look(&p.in), cut == 0 ?
			    INTAKE_NONE : cut < head ? INTAKE_HEAD :
			    INTAKE_BODY);
		say(&p, b.p + cut, b.n - cut);
		assert_int_equal(intake_look(&p.in), INTAKE_WHOLE);
		assert_int_equal(intake_look(&p.in), INTAKE_WHOLE);
		fd = intake_open(&p.in);
		/* a whole one is not touched */
		assert_int_equal(fd == p.in.fd, cut == 0);
		assert_int_equal(intake_is_fed(&p.in), cut != 0);
		reads(fd, 0, b.n);
		close_pair(&p);
	}
}

/* The peer goes away after every cut. */
static void
test_the_end(void **state)
{
	size_t head = make("{\"event\":1}", 11);

	(void)state;
	for (size_t cut = 0; cut <= b.n; cut++) {
		enum intake_state want = cut == 0 ? INTAKE_OVER :
		    cut < head ? INTAKE_BROKEN :
		    cut < b.n ? INTAKE_CUT : INTAKE_WHOLE;
		struct pair p;

		open_pair(&p);
		say(&p, b.p, cut);
		hang_up(&p);
		for (int again = 0; again < 2; again++)
			assert_int_equal(intake_look(&p.in), want);
		close_pair(&p);
	}
}

/* What is over by the owner's word is so, whatever comes yet. */
static void
test_time_is_over(void **state)
{
	size_t head = make("{\"event\":1}", 11);
	struct pair p;

	(void)state;
	open_pair(&p);
	say(&p, b.p, head + 3);
	assert_int_equal(intake_look(&p.in), INTAKE_BODY);
	p.in.over = true;
	assert_int_equal(intake_look(&p.in), INTAKE_CUT);
	reads(intake_open(&p.in), 0, head + 3);
	assert_false(intake_more(&p.in));
	close_pair(&p);
}

/* The next request on a connection begins anew. */
static void
test_kept(void **state)
{
	struct pair p;

	(void)state;
	(void)make("{}", 2);
	open_pair(&p);
	for (size_t cut = 0; cut < b.n; cut += 5) {
		say(&p, b.p, cut);
		(void)intake_look(&p.in);
		say(&p, b.p + cut, b.n - cut);
		assert_int_equal(intake_look(&p.in), INTAKE_WHOLE);
		reads(intake_open(&p.in), 0, b.n);
		intake_end(&p.in);
		assert_int_equal(intake_look(&p.in), INTAKE_NONE);
	}
	close_pair(&p);
}

static void
test_strange(void **state)
{
	struct pair p;

	(void)state;
	open_pair(&p);
	say(&p, "\1\11\0\0\0\0\0\0", 8);
	assert_int_equal(intake_look(&p.in), INTAKE_BROKEN);
	close_pair(&p);
	open_pair(&p);
	say(&p, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_int_equal(intake_look(&p.in), INTAKE_BROKEN);
	close_pair(&p);
}

/* Hundreds of tiny pieces, more than a socket takes unread. */
static void
test_tiny_pieces(void **state)
{
	struct pair p;

	(void)state;
	(void)make(large, 3000);
	open_pair(&p);
	for (size_t i = 0; i < b.n; i++) {
		say(&p, b.p + i, 1);
		assert_int_equal(intake_look(&p.in) == INTAKE_WHOLE,
		    i == b.n - 1);
	}
	reads(intake_open(&p.in), 0, b.n);
	close_pair(&p);
}

/* One that does not fit is known by what it says, and read piece by piece. */
static void
test_large(void **state)
{
	size_t at = 0, part, sent = 40000;
	struct pair p;
	int fd;

	(void)state;
	(void)make(large, sizeof(large));
	open_pair(&p);
	say(&p, b.p, sent);
	while (intake_look(&p.in) == INTAKE_BODY && sent < b.n) {
		say(&p, b.p + sent, 1000);
		sent += 1000;
	}
	assert_int_equal(intake_look(&p.in), INTAKE_LARGE);
	assert_true(p.in.walk.size <= INTAKE_MAX);
	fd = intake_open(&p.in);
	p.in.until = deadline_in(&clock_system, 60000);
	while (at < b.n) {
		part = p.in.walk.size - at;
		reads(fd, at, part);
		at += part;
		if (sent < b.n) {
			part = b.n - sent < 5000 ? b.n - sent : 5000;
			say(&p, b.p + sent, part);
			sent += part;
		}
		assert_int_equal(intake_more(&p.in), at < b.n);
	}
	assert_int_equal(p.in.walk.stage, WALK_END);
	assert_int_equal(p.in.walk.body, sizeof(large));
	close_pair(&p);
}

/* Who waits for more waits no longer than it may. */
static void
test_no_more(void **state)
{
	struct pair p;

	(void)state;
	(void)make(large, sizeof(large));
	open_pair(&p);
	say(&p, b.p, 70000);
	assert_int_equal(intake_look(&p.in), INTAKE_LARGE);
	assert_true(intake_open(&p.in) >= 0);
	p.in.until = deadline_in(&clock_system, 0);
	while (intake_more(&p.in))
		;
	assert_int_equal(p.in.walk.size, 70000);
	assert_true(p.in.over);
	close_pair(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_time_is_over),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_strange),
		cmocka_unit_test(test_tiny_pieces),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
