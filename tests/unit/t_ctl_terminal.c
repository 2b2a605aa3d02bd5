/*
 * Lines that fit a terminal; numbers and times as people and programs read
 * them.
 */
#include "ctl/terminal.h"

#include "capture.h"
#include "ctl/when.h"

#include <string.h>
#include <time.h>

static struct line line;

/* What is printed of it; it lives until the next time. */
static const char *
printed(const struct terminal *t, enum paint paint, size_t n, int indent)
{
	static char said[1024];
	struct capture c;
	enum err e;
	char *text;

	capture_begin(&c, STDOUT_FILENO);
	e = line_print(&line, t, paint, n, indent);
	text = capture_end(&c);
	assert_int_equal(e, ERR_OK);
	(void)snprintf(said, sizeof(said), "%s", text);
	free(text);
	return said;
}

static const char *
folded(int columns, int indent, const char *text)
{
	const struct terminal t = { .there = true, .columns = columns };

	line_clean(&line, text);
	return printed(&t, PAINT_BAD, 3, indent);
}

static void
test_fold(void **state)
{
	(void)state;
	assert_string_equal(folded(30, 4, ""), "");
	assert_string_equal(folded(30, 4, "one"), "one\n");
	assert_string_equal(folded(30, 4, "aaaaaaaaaa bbbbbbbbbb cccccccc "
	    "ddddd"), "aaaaaaaaaa bbbbbbbbbb cccccccc\n    ddddd\n");
	assert_string_equal(folded(30, 4, "aaaaaaaaaa bbbbbbbbbb ccccccccc "
	    "ddddd"), "aaaaaaaaaa bbbbbbbbbb\n    ccccccccc ddddd\n");
	/* without a blank it is cut */
	assert_string_equal(folded(30, 2, "aaaaaaaaaabbbbbbbbbbccccccccccdd"),
	    "aaaaaaaaaabbbbbbbbbbcccccccccc\n  dd\n");
	/* characters count, not bytes */
	assert_string_equal(folded(30, 4, "\xd0\x96\xd0\x96\xd0\x96\xd0\x96"
	    "\xd0\x96\xd0\x96\xd0\x96\xd0\x96 bbbbbbbbbbbbbbbbbbb d e"),
	    "\xd0\x96\xd0\x96\xd0\x96\xd0\x96\xd0\x96\xd0\x96\xd0\x96\xd0\x96"
	    " bbbbbbbbbbbbbbbbbbb d\n    e\n");
	/* so narrow that it would only hurt, and no terminal */
	assert_string_equal(folded(10, 4, "aaaaaaaaaa bbbbbbbbbb"),
	    "aaaaaaaaaa bbbbbbbbbb\n");
	assert_string_equal(folded(0, 4, "aaaaaaaaaa bbbbbbbbbb"),
	    "aaaaaaaaaa bbbbbbbbbb\n");
	assert_string_equal(folded(30, 4, "a\x1b[2J\n"), "a?[2J?\n");
}

static void
test_paint(void **state)
{
	const struct terminal t = { .there = true, .colour = true,
	    .columns = 30 };

	(void)state;
	line_add(&line, "12 held: %s", "x");
	assert_string_equal(printed(&t, PAINT_WARN, 7, 4),
	    "\033[33m12 held\033[0m: x\n");
	line_add(&line, "12 held");
	assert_string_equal(printed(&t, PAINT_NONE, 7, 4), "12 held\n");
}

static void
test_count(void **state)
{
	static const struct {
		int64_t n;
		const char *text;
	} cases[] = { { 0, "0\n" }, { 7, "7\n" }, { 999, "999\n" },
		{ 1000, "1,000\n" }, { 12345, "12,345\n" },
		{ 100000, "100,000\n" }, { 1234567, "1,234,567\n" } };
	const struct terminal t = { .there = false };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		line_count(&line, cases[i].n);
		assert_string_equal(printed(&t, PAINT_NONE, 0, 0),
		    cases[i].text);
	}
}

static void
test_times(void **state)
{
	struct buf b;

	(void)state;
	(void)setenv("TZ", "XXX-3", 1);
	tzset();
	buf_init(&b, 1024);
	assert_int_equal(when_add(&b, 1773759162999), ERR_OK);
	assert_string_equal(buf_str(&b), "2026-03-17 17:52:42");
	buf_reset(&b);
	assert_int_equal(when_add(&b, (int64_t)time(NULL) * 1000), ERR_OK);
	assert_int_equal(b.len, strlen("17:52:42"));
	buf_reset(&b);
	assert_int_equal(when_add_ago(&b, 1773759162000, 1773766362000),
	    ERR_OK);
	assert_string_equal(buf_str(&b),
	    "2026-03-17 17:52:42 (2 h 0 min ago)");
	buf_reset(&b);
	assert_int_equal(when_add_json(&b, "a", 1773759162999), ERR_OK);
	assert_int_equal(when_add_json(&b, "b", 0), ERR_OK);
	assert_string_equal(buf_str(&b),
	    "\"a\":\"2026-03-17T14:52:42Z\",\"b\":null");
	buf_free(&b);
}

static void
test_spans(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = { { -5000, "0 s" }, { 119999, "119 s" },
		{ 120000, "2 min" }, { 7199000, "119 min" },
		{ 7500000, "2 h 5 min" }, { 172799000, "47 h 59 min" },
		{ 172800000, "2 days" } };
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		assert_int_equal(when_add_span(&b, cases[i].ms), ERR_OK);
		assert_string_equal(buf_str(&b), cases[i].text);
	}
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold), cmocka_unit_test(test_paint),
		cmocka_unit_test(test_count), cmocka_unit_test(test_times),
		cmocka_unit_test(test_spans),
	};
	int failed;

	line_begin(&line);
	failed = cmocka_run_group_tests_name("ctl/terminal", tests, NULL,
	    NULL);
	line_free(&line);
	return failed;
}
