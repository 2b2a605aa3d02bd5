/*
 * How much of a request's head has come, for every cut of it; and that a look
 * takes nothing.
 */
#include "web/head.h"

#include "unit.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A begin record, parameters with padding, the empty record, a body. */
static const char head[] =
    "\1\1\0\1\0\10\0\0" "\0\1\0\0\0\0\0\0"
    "\1\4\0\1\0\5\3\0" "\1\2ABC" "---"
    "\1\4\0\1\0\0\0\0";
#define HEAD (sizeof(head) - 1)

struct pair {
	int ours, theirs;
};

static void
open_pair(struct pair *p)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	p->ours = fd[0];
	p->theirs = fd[1];
}

static void
close_pair(const struct pair *p)
{
	assert_int_equal(close(p->ours), 0);
	if (p->theirs >= 0)
		assert_int_equal(close(p->theirs), 0);
}

static void
say(const struct pair *p, const char *data, size_t n)
{
	assert_int_equal(send(p->theirs, data, n, 0), (ssize_t)n);
}

static void
test_every_cut(void **state)
{
	(void)state;
	for (size_t n = 0; n <= HEAD; n++) {
		char back[HEAD + 1];
		struct pair p;

		open_pair(&p);
		if (n > 0)
			say(&p, head, n);
		assert_int_equal(head_look(p.ours), n == 0 ? HEAD_NONE :
		    n < HEAD ? HEAD_PART : HEAD_WHOLE);
		assert_int_equal(head_came(p.ours), n == HEAD);
		say(&p, head + n, HEAD - n);
		assert_int_equal(head_look(p.ours), HEAD_WHOLE);
		/* nothing was taken */
		assert_int_equal(recv(p.ours, back, sizeof(back), 0), HEAD);
		assert_memory_equal(back, head, HEAD);
		close_pair(&p);
	}
}

static void
test_the_end(void **state)
{
	struct pair p;

	(void)state;
	for (size_t n = 0; n <= HEAD; n++) {
		open_pair(&p);
		if (n > 0)
			say(&p, head, n);
		assert_int_equal(close(p.theirs), 0);
		p.theirs = -1;
		assert_int_equal(head_look(p.ours), n == 0 ? HEAD_OVER :
		    HEAD_WHOLE);
		assert_int_equal(head_came(p.ours), n == HEAD);
		close_pair(&p);
	}
	assert_int_equal(head_look(-1), HEAD_OVER);
}

/* What is no head, or a very long one, is for libfcgi to judge. */
static void
test_not_a_head(void **state)
{
	static char zeros[20000];
	struct pair p;

	(void)state;
	open_pair(&p);
	say(&p, "\1\11\0\0\0\0\0\0", 8);
	assert_int_equal(head_look(p.ours), HEAD_WHOLE);
	close_pair(&p);
	open_pair(&p);
	memcpy(zeros, "\1\4\0\1\377\377\0\0", 8);
	say(&p, zeros, 8);
	assert_int_equal(head_look(p.ours), HEAD_PART);
	say(&p, zeros, sizeof(zeros));
	assert_int_equal(head_look(p.ours), HEAD_WHOLE);
	close_pair(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_the_end),
		cmocka_unit_test(test_not_a_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
