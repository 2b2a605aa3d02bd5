/*
 * BB-code as plain text, HTML and Markdown: each tag, nesting, what is no
 * tag, the operator's name.  Any text is t_bbcode_any.c's.
 *
 * Run by make check.
 */
#include "codec/bbcode.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct row {
	const char *in, *plain, *html, *markdown;
};

#define DASHES "------------------------------------------------------"
#define SAME(s) { s, s, s, s }

static void
becomes(const char *in, size_t n, enum bbcode_to to, const char *want)
{
	struct buf b;

	buf_init(&b, n * BBCODE_GROWTH + 1024);
	/* what stood there before is not touched */
	assert_int_equal(buf_adds(&b, "<  "), ERR_OK);
	assert_int_equal(bbcode_convert(&b, in, n, to), ERR_OK);
	if (strcmp(buf_str(&b) + 3, want) != 0)
		fail_msg("%s\nbecame  %s\nand not %s", in, b.p + 3, want);
	assert_memory_equal(b.p, "<  ", 3);
	buf_free(&b);
}

static void
rows_hold(const struct row *row, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(row[i].in);

		becomes(row[i].in, len, BBCODE_AS_IS, row[i].in);
		becomes(row[i].in, len, BBCODE_PLAIN, row[i].plain);
		becomes(row[i].in, len, BBCODE_HTML, row[i].html);
		becomes(row[i].in, len, BBCODE_MARKDOWN, row[i].markdown);
	}
}

static void
test_each_tag(void **state)
{
	static const struct row rows[] = {
		{ "[b]x[/b]", "x", "<b>x</b>", "**x**" },
		{ "[B]x[/b]", "x", "<b>x</b>", "**x**" },
		{ "[i]x[/i]", "x", "<i>x</i>", "*x*" },
		{ "[u]x[/u]", "x", "<u>x</u>", "x" },
		{ "[s]x[/s]", "x", "<s>x</s>", "~~x~~" },
		{ "[size=20]x[/size]", "x",
		    "<span style=\"font-size:20px\">x</span>", "x" },
		{ "[color=#f00]x[/color]", "x",
		    "<span style=\"color:#f00\">x</span>", "x" },
		{ "[COLOR=#A0b1C2]x[/COLOR]", "x",
		    "<span style=\"color:#A0b1C2\">x</span>", "x" },
		{ "[user=27]Ann[/user]", "Ann", "Ann", "Ann" },
		{ "[chat=imol|5]Line[/chat]", "Line", "Line", "Line" },
		{ "[context=chat1/2]there[/context]", "there", "there",
		    "there" },
		{ "[pch=3]x[/pch]", "x", "x", "x" },
		{ "[put=/a]x[/put]", "x", "x", "x" },
		{ "[put=/a][/put]", "/a", "/a", "/a" },
		{ "[put]/a[/put]", "/a", "/a", "/a" },
		{ "[send=/a]x[/send]", "x", "x", "x" },
		{ "[send=/a][/send]", "/a", "/a", "/a" },
		{ "[disk=1]x[attach=2]", "x", "x", "x" },
		{ "[rating=2]", "\xe2\x98\x85\xe2\x98\x85",
		    "\xe2\x98\x85\xe2\x98\x85", "\xe2\x98\x85\xe2\x98\x85" },
		{ "[like]", "\xf0\x9f\x91\x8d", "\xf0\x9f\x91\x8d",
		    "\xf0\x9f\x91\x8d" },
		{ "[dislike]", "\xf0\x9f\x91\x8e", "\xf0\x9f\x91\x8e",
		    "\xf0\x9f\x91\x8e" },
		{ "[timestamp=1773759161 format=SHORT]",
		    "2026-03-17 14:52 UTC", "2026-03-17 14:52 UTC",
		    "2026-03-17 14:52 UTC" },
		{ "[timestamp=0]", "1970-01-01 00:00 UTC",
		    "1970-01-01 00:00 UTC", "1970-01-01 00:00 UTC" },
		{ "[timestamp=999999999999999999]", "9999-12-31 23:59 UTC",
		    "9999-12-31 23:59 UTC", "9999-12-31 23:59 UTC" },
	};

	(void)state;
	rows_hold(rows, COUNT(rows));
}

static void
test_links(void **state)
{
	static const struct row rows[] = {
		{ "[url]http://a.b/c[/url]", "http://a.b/c",
		    "<a href=\"http://a.b/c\">http://a.b/c</a>",
		    "[http://a.b/c](http://a.b/c)" },
		{ "[url=https://a.b/?c=d&e]x[/url]", "x (https://a.b/?c=d&e)",
		    "<a href=\"https://a.b/?c=d&amp;e\">x</a>",
		    "[x](https://a.b/?c=d&e)" },
		{ "[url=HTTPS://a/\"'<>()\\]x[/url]", "x (HTTPS://a/\"'<>()\\)",
		    "<a href=\"HTTPS://a/&quot;&#39;&lt;&gt;()\\\">x</a>",
		    "[x](HTTPS://a/%22'%3C%3E%28%29%5C)" },
		{ "[url=https://a][/url]", "https://a",
		    "<a href=\"https://a\">https://a</a>",
		    "[https://a](https://a)" },
		{ "[url=mailto:a@b]a@b[/url]", "a@b",
		    "<a href=\"mailto:a@b\">a@b</a>", "[a@b](mailto:a@b)" },
		{ "[url=tel:+12]x[/url]", "x (tel:+12)",
		    "<a href=\"tel:+12\">x</a>", "[x](tel:+12)" },
		{ "[url=https://a][b]x[/b] y[/url]", "x y (https://a)",
		    "<a href=\"https://a\"><b>x</b> y</a>",
		    "[**x** y](https://a)" },
		{ "Look![url=https://a]x[/url]", "Look!x (https://a)",
		    "Look!<a href=\"https://a\">x</a>",
		    "Look\\![x](https://a)" },
		/* no link within a link */
		{ "[url=https://a]x[url=https://b]y[/url]z[/url]",
		    "xyz (https://a)", "<a href=\"https://a\">xyz</a>",
		    "[xyz](https://a)" },
		/* what is no link is text */
		{ "[url=javascript:alert(1)]x[/url]", "x", "x", "x" },
		{ "[url=JavaScript:x]y[/url]", "y", "y", "y" },
		{ "[url=data:text/html,x]y[/url]", "y", "y", "y" },
		{ "[url=/a/b]x[/url]", "x", "x", "x" },
		{ "[url=//a/b]x[/url]", "x", "x", "x" },
		{ "[url= https://a]x[/url]", "x", "x", "x" },
		{ "[url=https://]x[/url]", "x", "x", "x" },
		{ "[url=https://a b]x[/url]", "x", "x", "x" },
		{ "[url]javascript:x[/url]", "javascript:x", "javascript:x",
		    "javascript:x" },
		{ "[url]a [b]b[/b][/url]", "a b", "a <b>b</b>", "a **b**" },
		{ "[call=+7 (900) 1-2]Me[/call]", "Me (+7 (900) 1-2)",
		    "<a href=\"tel:+790012\">Me</a>", "[Me](tel:+790012)" },
		{ "[call]123[/call]", "123", "<a href=\"tel:123\">123</a>",
		    "[123](tel:123)" },
		{ "[call=\"><]x[/call]", "x", "x", "x" },
		{ "[img]https://a/b.png[/img]", "https://a/b.png",
		    "<img src=\"https://a/b.png\" alt=\"\">",
		    "![](https://a/b.png)" },
		{ "[img size=small]https://a/b \n[/img]", "https://a/b \n",
		    "https://a/b <br>", "https://a/b   \n" },
		{ "[IMG size=small]https://a/b [/img]", "https://a/b",
		    "<img src=\"https://a/b\" alt=\"\">",
		    "![](https://a/b)" },
		{ "[img]javascript:x[/img]", "javascript:x", "javascript:x",
		    "javascript:x" },
		{ "[icon=https://a/b.png size=20 title=Hi \"you\"]",
		    "Hi \"you\"", "<img src=\"https://a/b.png\" "
		    "alt=\"Hi &quot;you&quot;\">",
		    "![Hi \"you\"](https://a/b.png)" },
		{ "[icon=https://a/b.png title=Hi width=3]", "Hi",
		    "<img src=\"https://a/b.png\" alt=\"Hi\">",
		    "![Hi](https://a/b.png)" },
		{ "[icon=https://a/b.png]", "",
		    "<img src=\"https://a/b.png\" alt=\"\">",
		    "![](https://a/b.png)" },
		{ "[icon=javascript:x title=Hi]", "Hi", "Hi", "Hi" },
	};

	(void)state;
	rows_hold(rows, COUNT(rows));
}

static void
test_lines_and_quotations(void **state)
{
	static const struct row rows[] = {
		{ "a[br]b#BR#c\nd\r\ne[BR]", "a\nb\nc\nd\ne\n",
		    "a<br>b<br>c<br>d<br>e<br>",
		    "a  \nb  \nc  \nd  \ne  \n" },
		{ "    a    b", "\ta\tb", "&emsp;a&emsp;b",
		    "&emsp;a&emsp;b" },
		{ "   a", "   a", "   a", "   a" },
		{ ">>a", "> a", "<blockquote>a</blockquote>", "> a" },
		{ ">> a", "> a", "<blockquote>a</blockquote>", "> a" },
		{ "x\n>>a[br]>>b\ny", "x\n> a\n> b\ny",
		    "x<blockquote>a<br>b</blockquote>y",
		    "x  \n> a  \n> b\n\ny" },
		{ "x >>a", "x >>a", "x &gt;&gt;a", "x \\>\\>a" },
		{ ">>[b]a\nb[/b]", "> a\nb",
		    "<blockquote><b>a</b></blockquote>b",
		    "> **a**\n\nb" },
		{ "[b]x\n>>a[/b]\ny[/b]", "x\n> a\ny",
		    "<b>x<blockquote>a</blockquote>y</b>",
		    "**x**  \n> **a**\n\n**y**" },
		{ DASHES "\nAnn\nHi\n" DASHES "\nyes", "> Ann\n> Hi\nyes",
		    "<blockquote>Ann<br>Hi</blockquote>yes",
		    "> Ann  \n> Hi\n\nyes" },
		{ "a[br]" DASHES "[br]b#BR#" DASHES, "a\n> b",
		    "a<blockquote>b</blockquote>", "a  \n> b" },
		{ DASHES "\na\n" DASHES "\n" DASHES "\nb\n" DASHES "\n",
		    "> a\n> b",
		    "<blockquote>a</blockquote><blockquote>b</blockquote>",
		    "> a\n\n> b" },
		/* no quotation: no end, one dash more or less, not alone */
		{ "a\n" DASHES "\nb", "a\n" DASHES "\nb",
		    "a<br>" DASHES "<br>b", "a  \n\\" DASHES "  \nb" },
		{ DASHES "-\na\n" DASHES "-\n", DASHES "-\na\n" DASHES "-\n",
		    DASHES "-<br>a<br>" DASHES "-<br>",
		    "\\" DASHES "-  \na  \n\\" DASHES "-  \n" },
		{ DASHES "x\na\n" DASHES "x", DASHES "x\na\n" DASHES "x",
		    DASHES "x<br>a<br>" DASHES "x",
		    "\\" DASHES "x  \na  \n\\" DASHES "x" },
	};

	(void)state;
	rows_hold(rows, COUNT(rows));
}

static void
test_code(void **state)
{
	static const struct row rows[] = {
		{ "a [code][b]<&[/b]    [br][/code] b",
		    "a [b]<&[/b]    [br] b",
		    "a <pre>[b]&lt;&amp;[/b]    [br]</pre> b",
		    "a `[b]<&[/b]    [br]` b" },
		{ "[code]a`b[/code]", "a`b", "<pre>a`b</pre>",
		    "`` a`b ``" },
		{ "[code]a\n\tb[/code]", "a\n\tb", "<pre>a\n\tb</pre>",
		    "```\na\n\tb\n```\n" },
		{ "x\n>>[code]a\nb[/code]\ny", "x\n> a\n> b\ny",
		    "x<blockquote><pre>a\nb</pre></blockquote>y",
		    "x  \n> ```\n> a\n> b\n> ```\n\n\ny" },
		{ "[code]``` \n[/code]", "``` \n", "<pre>``` \n</pre>",
		    "````\n``` \n````\n" },
		{ "[code]a [b]b[/b]", "a b", "a <b>b</b>", "a **b**" },
		{ "[code][/code]", "", "", "" },
	};

	(void)state;
	rows_hold(rows, COUNT(rows));
}

static void
test_nesting(void **state)
{
	static const struct row rows[] = {
		{ "[b][i]x[/i]y[/b]", "xy", "<b><i>x</i>y</b>",
		    "***x*y**" },
		/* closed in order */
		{ "[b][i]x[/b]y[/i]", "xy", "<b><i>x</i></b>y",
		    "***x***y" },
		{ "[b]x", "x", "<b>x</b>", "**x**" },
		{ "[b][i][s]x", "x", "<b><i><s>x</s></i></b>",
		    "***~~x~~***" },
		{ "x[/b]y[/url][/code][/img]", "xy", "xy", "xy" },
		{ "[b]x[/i]y[/b]", "xy", "<b>xy</b>", "**xy**" },
		{ "[b][b]x[/b]y[/b]", "xy", "<b><b>x</b>y</b>",
		    "**xy**" },
		/* a mark within blanks would be none */
		{ "a[b] x [/b]b", "a x b", "a<b> x </b>b", "a **x** b" },
		{ "[b]x\n[/b]y", "x\ny", "<b>x<br></b>y", "**x**  \ny" },
		{ "[b] [/b]", " ", "<b> </b>", " " },
		{ "[b]x\n\ny[/b]", "x\n\ny", "<b>x<br><br>y</b>",
		    "**x**  \n  \n**y**" },
		{ "[url=https://a]x\n\ny[/url]", "x\n\ny (https://a)",
		    "<a href=\"https://a\">x<br><br>y</a>",
		    "[x](https://a)  \n  \ny" },
	};

	(void)state;
	rows_hold(rows, COUNT(rows));
}

static void
test_no_tags(void **state)
{
	static const struct row rows[] = {
		SAME(""), SAME("0"), SAME("\xd0\x96 \xf0\x9f\x98\x80"),
		{ "[1] [array] a[0] []", "[1] [array] a[0] []",
		    "[1] [array] a[0] []",
		    "\\[1\\] \\[array\\] a\\[0\\] \\[\\]" },
		{ "[", "[", "[", "\\[" }, { "[b", "[b", "[b", "\\[b" },
		{ "[/", "[/", "[/", "\\[/" }, { "[b=1]", "[b=1]", "[b=1]",
		    "\\[b=1\\]" },
		{ "[b x][bb][/bb][ b]", "[b x][bb][/bb][ b]",
		    "[b x][bb][/bb][ b]",
		    "\\[b x\\]\\[bb\\]\\[/bb\\]\\[ b\\]" },
		{ "[user][size=][size=1000][size=a]",
		    "[user][size=][size=1000][size=a]",
		    "[user][size=][size=1000][size=a]",
		    "\\[user\\]\\[size=\\]\\[size=1000\\]\\[size=a\\]" },
		{ "[color=red][color=#ff][rating=6][/like][/b=1]",
		    "[color=red][color=#ff][rating=6][/like][/b=1]",
		    "[color=red][color=#ff][rating=6][/like][/b=1]",
		    "\\[color=red\\]\\[color=#ff\\]\\[rating=6\\]"
		    "\\[/like\\]\\[/b=1\\]" },
		{ "[url=https://a\nb]", "[url=https://a\nb]",
		    "[url=https://a<br>b]", "\\[url=https://a  \nb\\]" },
		{ "[timestampx=1][timestamp=x]", "[timestampx=1][timestamp=x]",
		    "[timestampx=1][timestamp=x]",
		    "\\[timestampx=1\\]\\[timestamp=x\\]" },
		{ "[[b]x[/b]]", "[x]", "[<b>x</b>]", "\\[**x**\\]" },
		{ "<b>&amp;\"'", "<b>&amp;\"'",
		    "&lt;b&gt;&amp;amp;&quot;&#39;", "\\<b\\>\\&amp;\"'" },
		{ "#B #BR", "#B #BR", "#B #BR", "\\#B #BR" },
	};

	(void)state;
	rows_hold(rows, COUNT(rows));
}

#define JOINT "\xe2\x80\x8b"		/* a space without width */

static void
test_markdown_escapes(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "\\`*_[]<>&~|!", "\\\\\\`\\*\\_\\[\\]\\<\\>\\&\\~\\|\\!" },
		{ "# a\n+ b\n- c\n= d\n#",
		    "\\# a  \n\\+ b  \n\\- c  \n\\= d  \n\\#" },
		{ "a # + - = 1. 2)", "a # + - = 1. 2)" },
		{ "1. a\n23) b\n 4. c\n5 . d",
		    "1\\. a  \n23\\) b  \n 4\\. c  \n5 . d" },
		{ "  # a", "  \\# a" },
		{ "[b]1. a[/b]", "**1. a**" },
		{ "[u]1. a[/u]", "1\\. a" },
		/* four blanks would begin code, in whatever pieces */
		{ "  [u]  [/u] a  b", "   &nbsp;&nbsp;a  b" },
		{ "a\n  [u]  b", "a  \n   &nbsp;b" },
		/* between a letter and punctuation a mark needs help */
		{ "[b]Note:[/b]text", "**Note:" JOINT "**text" },
		{ "[b]Note:[/b] text", "**Note:** text" },
		{ "[b]Note:[/b][br]text", "**Note:**  \ntext" },
		{ "[b][i]x![/i][/b][u]y", "***x\\!" JOINT "***y" },
		{ "a[b](x)[/b]", "a**" JOINT "(x)**" },
		{ "a[b][url=https://b]c[/url][/b]",
		    "a**" JOINT "[c](https://b)**" },
		{ "[b]a[/b][b]b[/b]", "**a**" JOINT "**b**" },
		{ "[code]a[/code][code]b[/code]", "`a` `b`" },
		{ "[b]a\n  \nb", "**a**  \n    \n**b**" },
		{ ">># a", "> \\# a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		becomes(rows[i].in, strlen(rows[i].in), BBCODE_MARKDOWN,
		    rows[i].out);
}

/* Deeper ones lose their tags; each end takes its own beginning along. */
static void
test_depth(void **state)
{
	char in[4096], want[1024];
	size_t n = 0, len = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(in + n, sizeof(in) - n, "[u]");
	in[n++] = 'x';
	for (int i = 0; i < 99; i++)
		n += (size_t)snprintf(in + n, sizeof(in) - n, "[/u]");
	n += (size_t)snprintf(in + n, sizeof(in) - n, "y[/u]z");
	for (int i = 0; i < 32; i++)
		len += (size_t)snprintf(want + len, sizeof(want) - len, "<u>");
	want[len++] = 'x';
	for (int i = 0; i < 31; i++)
		len += (size_t)snprintf(want + len, sizeof(want) - len,
		    "</u>");
	(void)snprintf(want + len, sizeof(want) - len, "y</u>z");
	becomes(in, n, BBCODE_HTML, want);
}

static void
test_author(void **state)
{
	static const struct {
		const char *in, *name, *rest;
	} rows[] = {
		{ "[b]Ann Lee:[/b] [br]Hi", "Ann Lee", "Hi" },
		{ "[b]Ann Lee:[/b][br] Hi", "Ann Lee", "Hi" },
		{ "[B]Ann:[/B] [BR][b]Hi[/b]", "Ann", "[b]Hi[/b]" },
		{ "[b]Ann:[/b] #BR# Hi", "Ann", " Hi" },
		{ "[b]Ann:[/b]\nHi", "Ann", "Hi" },
		{ "[b]Ann:[/b] [br]", "Ann", "" },
		{ "[b]A [x]:[/b] [br]", "A [x]", "" },
		{ "Hi", NULL, NULL }, { "", NULL, NULL }, { "[b]", NULL, NULL },
		{ "[b]Ann:[/b] Hi", NULL, NULL },
		{ "[b]Ann[/b] [br]Hi", NULL, NULL },
		{ "[b]:[/b] [br]Hi", NULL, NULL },
		{ "[b]Ann: [br]Hi", NULL, NULL },
		{ "[b]An\nn:[/b] [br]Hi", NULL, NULL },
		{ " [b]Ann:[/b] [br]Hi", NULL, NULL },
		{ "[i]Ann:[/i] [br]Hi", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bbcode_author a;
		size_t n = strlen(rows[i].in);
		bool is = bbcode_author(&a, rows[i].in, n);

		assert_true(is == (rows[i].name != NULL));
		if (!is)
			continue;
		assert_int_equal(a.name_len, strlen(rows[i].name));
		assert_memory_equal(a.name, rows[i].name, a.name_len);
		assert_string_equal(rows[i].in + a.rest, rows[i].rest);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_tag),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_lines_and_quotations),
		cmocka_unit_test(test_code),
		cmocka_unit_test(test_nesting),
		cmocka_unit_test(test_no_tags),
		cmocka_unit_test(test_markdown_escapes),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_author),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
