/*
 * The log: what one line looks like, byte by byte.  The test stands in for
 * standard error with a socket that keeps writes apart, so that it also sees
 * that a line is one write.
 */
#include "base/log.h"

#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIME_LENGTH (sizeof("time=2026-03-17T14:52:41.123Z ") - 1)

static const struct log to_stderr = { .level = LOG_LEVEL_DEBUG };

struct capture {
	int real;	/* where standard error went before */
	int read;
	char got[4096 + 1];
	size_t n;
};

static void
capture_start(struct capture *c)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
	(void)fflush(stderr);
	c->real = dup(STDERR_FILENO);
	assert_true(c->real >= 0);
	assert_int_equal(dup2(fd[1], STDERR_FILENO), STDERR_FILENO);
	(void)close(fd[1]);
	c->read = fd[0];
}

/* Takes what one write brought; n is 0 without one. */
static void
capture_take(struct capture *c)
{
	ssize_t n = recv(c->read, c->got, sizeof(c->got) - 1, MSG_DONTWAIT);

	c->n = n > 0 ? (size_t)n : 0;
	c->got[c->n] = '\0';
}

static void
capture_end(struct capture *c)
{
	(void)dup2(c->real, STDERR_FILENO);
	(void)close(c->real);
	(void)close(c->read);
}

/* Logs one line and returns it without the time and the newline. */
static const char *
line_of(struct capture *c, const struct log *log, enum log_level level,
    const struct log_field *f, size_t n)
{
	ssize_t more;

	capture_start(c);
	log_put(log, level, "tested", f, n);
	capture_take(c);
	more = recv(c->read, c->got + c->n, 1, MSG_DONTWAIT);
	c->got[c->n] = '\0';
	capture_end(c);
	assert_true(more < 0);	/* a line is one write */
	if (c->n == 0)
		return "";
	assert_int_equal(c->got[c->n - 1], '\n');
	c->got[c->n - 1] = '\0';
	assert_int_equal(strlen(c->got), c->n - 1);
	assert_true(c->n > TIME_LENGTH);
	return c->got + TIME_LENGTH;
}

static void
value_is(const char *value, const char *written)
{
	const struct log_field f[] = { F_STR("v", value), F_INT("i", 1) };
	struct capture c;
	char want[4096];

	(void)snprintf(want, sizeof(want), "level=info event=tested v=%s i=1",
	    written);
	assert_string_equal(line_of(&c, &to_stderr, LOG_LEVEL_INFO, f,
	    COUNT(f)), want);
}

static void
time_is_utc_with_milliseconds(void **state)
{
	struct capture c;
	struct tm tm = { 0 };
	time_t before = time(NULL), told;
	regex_t re;

	(void)state;
	assert_int_equal(setenv("TZ", "XYZ-9", 1), 0);
	tzset();
	(void)line_of(&c, &to_stderr, LOG_LEVEL_INFO, NULL, 0);
	assert_int_equal(regcomp(&re, "^time=20[0-9]{2}-[01][0-9]-[0-3][0-9]"
	    "T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{3}Z level=info "
	    "event=tested$", REG_EXTENDED | REG_NOSUB), 0);
	assert_int_equal(regexec(&re, c.got, 0, NULL, 0), 0);
	regfree(&re);
	assert_non_null(strptime(c.got, "time=%Y-%m-%dT%H:%M:%S", &tm));
	told = timegm(&tm);
	/* time() may lag by a tick of the kernel */
	assert_true(told >= before && told <= time(NULL) + 1);
}

static void
fields(void **state)
{
	const char *none = NULL, *some = "x";
	struct capture c;
	const struct log_field f[] = { F_STR("a", "b"), F_OPT("no", none),
		F_OPT("yes", some), F_INT("min", INT64_MIN),
		F_INT("max", INT64_MAX), F_STR("e", "") };

	(void)state;
	assert_string_equal(line_of(&c, &to_stderr, LOG_LEVEL_ERROR, f,
	    COUNT(f)), "level=error event=tested a=b yes=x "
	    "min=-9223372036854775808 max=9223372036854775807 e=\"\"");
}

static void
values_are_escaped(void **state)
{
	char all[256], want[1100] = "\"";
	size_t n = 1;

	(void)state;
	value_is("plain-_.:/@,;'", "plain-_.:/@,;'");
	value_is("a b", "\"a b\"");
	value_is("a=b", "\"a=b\"");
	value_is("\"", "\"\\\"\"");
	value_is("\\", "\"\\\\\"");
	value_is("x\ny\r\tz", "\"x\\x0ay\\x0d\\x09z\"");
	value_is("\x1b[2J", "\"\\x1b[2J\"");
	value_is("\x9b" "2J", "\"\\x9b2J\"");
	value_is("\x7f", "\"\\x7f\"");
	value_is("\xd0\x96\xff", "\"\\xd0\\x96\\xff\"");
	value_is("%s%n", "%s%n");

	for (int i = 1; i < 256; i++) {
		all[i - 1] = (char)i;
		n += (size_t)snprintf(want + n, sizeof(want) - n,
		    i == '"' || i == '\\' ? "\\%c" :
		    i < 32 || i > 126 ? "\\x%02x" : "%c", i);
	}
	all[255] = '\0';
	(void)snprintf(want + n, sizeof(want) - n, "\"");
	value_is(all, want);
}

/* What stands in a line is made for one that is written, and once. */
static void
levels(void **state)
{
	static const char *const names[] = { "error", "warning", "info",
		"debug" };

	(void)state;
	for (unsigned most = 0; most < COUNT(names); most++) {
		for (unsigned at = 0; at < COUNT(names); at++) {
			const struct log log = { .to = LOG_TO_STDERR,
				.level = (enum log_level)most };
			struct capture c;
			char want[64] = "";
			int made = 0;

			if (at <= most)
				(void)snprintf(want, sizeof(want),
				    "level=%s event=tested i=1\n", names[at]);
			capture_start(&c);
			LOG_AT(&log, (enum log_level)at, "tested",
			    F_INT("i", ++made));
			capture_take(&c);
			capture_end(&c);
			assert_string_equal(c.n > TIME_LENGTH ?
			    c.got + TIME_LENGTH : c.got, want);
			assert_int_equal(made, at <= most);
		}
	}
}

static void
macros_name_their_level(void **state)
{
	static const char *const want[] = { "level=error event=e i=1\n",
		"level=warning event=w i=2 s=x\n", "level=info event=i i=3\n",
		"level=debug event=d i=4\n" };
	struct capture c;
	char got[4][100] = { { 0 } };

	(void)state;
	capture_start(&c);
	log_error(&to_stderr, "e", F_INT("i", 1));
	log_warning(&to_stderr, "w", F_INT("i", 2), F_STR("s", "x"));
	log_info(&to_stderr, "i", F_INT("i", 3));
	log_debug(&to_stderr, "d", F_INT("i", 4));
	for (size_t i = 0; i < COUNT(got); i++) {
		capture_take(&c);
		if (c.n > TIME_LENGTH)
			(void)snprintf(got[i], sizeof(got[i]), "%.99s",
			    c.got + TIME_LENGTH);
	}
	capture_end(&c);
	for (size_t i = 0; i < COUNT(got); i++)
		assert_string_equal(got[i], want[i]);
}

/* Plain, quoted, and in the middle of an escape: at every length. */
static void
long_lines_are_cut(void **state)
{
	static const char *const fill[] = { "x", " ", "\x01" };
	static const size_t widths[] = { 1, 1, 4 };

	(void)state;
	for (size_t k = 0; k < COUNT(fill); k++) {
		for (size_t n = 450; n < 2100; n += n < 1900 ? 10 : 1) {
			char s[2200];
			const struct log_field f = F_STR("v", s);
			size_t whole = TIME_LENGTH + n * widths[k] +
			    strlen("level=info event=tested v=") +
			    (k == 0 ? 0 : 2);
			struct capture c;

			memset(s, fill[k][0], n);
			s[n] = '\0';
			(void)line_of(&c, &to_stderr, LOG_LEVEL_INFO, &f, 1);
			assert_int_equal(strlen(c.got),
			    whole < 2000 ? whole : 2000);
		}
	}
}

static void
errno_is_kept(void **state)
{
	struct capture c;
	int after;

	(void)state;
	capture_start(&c);
	errno = ENOTTY;
	log_info(&to_stderr, "e", F_STR("v", "a\nb"));
	after = errno;
	capture_end(&c);
	assert_int_equal(after, ENOTTY);
}

/* Nobody reads standard error, or there is none: the work goes on. */
static void
lost_lines_stop_nothing(void **state)
{
	struct capture c;
	int broken, closed;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	capture_start(&c);
	(void)shutdown(c.read, SHUT_RDWR);
	errno = ENOTTY;
	log_info(&to_stderr, "e", F_INT("i", 1));
	broken = errno;
	(void)close(STDERR_FILENO);
	errno = ENOTTY;
	log_info(&to_stderr, "e", F_INT("i", 1));
	closed = errno;
	capture_end(&c);
	assert_int_equal(broken, ENOTTY);
	assert_int_equal(closed, ENOTTY);
}

static void
syslog_is_not_stderr(void **state)
{
	struct log log = { .level = LOG_LEVEL_DEBUG, .to = LOG_TO_SYSLOG };
	struct capture c;
	int after;

	(void)state;
	capture_start(&c);
	log_open(&log);
	errno = ENOTTY;
	log_debug(&log, "tested", F_STR("v", "%s%n"));
	after = errno;
	capture_take(&c);
	capture_end(&c);
	assert_int_equal(c.n, 0);
	assert_int_equal(after, ENOTTY);
}

static void *
say_elsewhere(void *ctx)
{
	const struct log *log = ctx;

	log_info(log, "elsewhere", F_INT("i", 1));
	return NULL;
}

/* The line begins with its time; the rest is `text` and whatever follows. */
static void
next_write_has(struct capture *c, const char *text)
{
	capture_take(c);
	assert_true(c->n > TIME_LENGTH);
	assert_ptr_equal(strstr(c->got, text), c->got + TIME_LENGTH);
}

static void
a_turn_is_one_write(void **state)
{
	struct log log = { .level = LOG_LEVEL_INFO };
	struct capture c;
	pthread_t other;
	size_t lines = 0;

	(void)state;
	log_open(&log);
	capture_start(&c);
	log_info(&log, "before", F_INT("i", 1));
	next_write_has(&c, "level=info event=before i=1\n");
	log_turn_begins(&log);
	for (int i = 0; i < 3; i++)
		log_info(&log, "inside", F_INT("i", i));
	log_debug(&log, "too-much", F_INT("i", 1));
	capture_take(&c);
	assert_int_equal(c.n, 0);
	assert_int_equal(pthread_create(&other, NULL, say_elsewhere, &log), 0);
	assert_int_equal(pthread_join(other, NULL), 0);
	next_write_has(&c, "level=info event=elsewhere i=1\n");
	log_turn_ends(&log);
	next_write_has(&c, "level=info event=inside i=0\n");
	for (size_t i = 0; i < c.n; i++)
		lines += c.got[i] == '\n';
	assert_int_equal(lines, 3);
	log_info(&log, "after", F_INT("i", 1));
	next_write_has(&c, "level=info event=after i=1\n");
	capture_end(&c);
	log_close(&log);
}

static void
an_error_does_not_wait_for_the_end(void **state)
{
	struct log log = { .level = LOG_LEVEL_INFO };
	struct capture c;

	(void)state;
	log_open(&log);
	capture_start(&c);
	log_turn_begins(&log);
	log_warning(&log, "first", F_INT("i", 1));
	log_error(&log, "second", F_INT("i", 2));
	next_write_has(&c, "level=warning event=first i=1\n");
	assert_non_null(strstr(c.got, "Z level=error event=second i=2\n"));
	log_turn_ends(&log);
	capture_take(&c);
	assert_int_equal(c.n, 0);
	capture_end(&c);
	log_close(&log);
}

/* Whole lines only, none lost, and no write that a pipe would cut. */
static void
a_long_turn_is_written_in_pieces(void **state)
{
	struct log log = { .level = LOG_LEVEL_INFO };
	struct capture c;
	char text[701];
	size_t lines = 0, writes = 0;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_open(&log);
	capture_start(&c);
	log_turn_begins(&log);
	for (int i = 0; i < 20; i++)
		log_info(&log, "tested", F_STR("v", text));
	log_turn_ends(&log);
	for (capture_take(&c); c.n != 0; capture_take(&c)) {
		writes++;
		assert_int_equal(c.got[c.n - 1], '\n');
		for (size_t i = 0; i < c.n; i++)
			lines += c.got[i] == '\n';
	}
	capture_end(&c);
	assert_int_equal(lines, 20);
	assert_in_range(writes, 4, 19);
	log_close(&log);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_utc_with_milliseconds),
		cmocka_unit_test(fields),
		cmocka_unit_test(values_are_escaped),
		cmocka_unit_test(levels),
		cmocka_unit_test(macros_name_their_level),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(errno_is_kept),
		cmocka_unit_test(lost_lines_stop_nothing),
		cmocka_unit_test(syslog_is_not_stderr),
		cmocka_unit_test(a_turn_is_one_write),
		cmocka_unit_test(an_error_does_not_wait_for_the_end),
		cmocka_unit_test(a_long_turn_is_written_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
