/*
 * An element's body as a channel's options want it: its text, the operator's
 * name, the links of its files; and that it stays as it was without them.
 *
 * Run by make check.  In the tables ' stands for ".
 */
#include "event/rewrite.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST ",'chat':{'id':'c','l':['1',{'x':'y'}]}"

struct row {
	const char *in, *out;
	const char *author;
};

static char *
quoted(const char *s)
{
	char *copy = strdup(s);

	assert_non_null(copy);
	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

static void
becomes(const struct config_channel *c, const char *endpoint,
    const char *domain, const struct row *row)
{
	struct rewrite w = { .config = c, .endpoint = endpoint,
	    .domain = domain };
	char *in = quoted(row->in), *out = quoted(row->out);

	assert_int_equal(rewrite_body(&w, in, strlen(in)), ERR_OK);
	assert_string_equal(buf_str(&w.body), out);
	if (row->author != NULL)
		assert_string_equal(w.author, row->author);
	else
		assert_null(w.author);
	/* once more, of what was kept of it */
	assert_int_equal(rewrite_render(&w), ERR_OK);
	assert_string_equal(buf_str(&w.body), out);
	rewrite_free(&w);
	rewrite_free(&w);
	free(in);
	free(out);
}

#define IM "'im':{'chat_id':1,'message_id':2,'x':'1.0e3'},"

static void
test_nothing_to_do(void **state)
{
	static const char *const bodies[] = { IM "'message':{'user_id':27,"
	    "'text':'[b]A:[/b] [br]x\\\"\\\\\\u0001'}" REST,
	    "'message':{'text':'0'}", "'message':'x'", "'message':['x']", "",
	    IM "'message':{'user_id':0,'files':[{'name':'a','link':"
	    "'https://h/b','size':'7'},'x',{'name':'c'}]},'5':'6','-1':'7'",
	    "'message':{'files':'x'}", "'author':'x','message':{'text':'y'}" };
	const struct config_channel c = { .url = NULL };

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		const struct row row = { bodies[i], bodies[i], NULL };
		char *in = quoted(bodies[i]);

		becomes(&c, "https://h/rest/", "h", &row);
		assert_true(rewrite_wanted(&c, in, strlen(in)) ==
		    (strstr(bodies[i], "files") != NULL));
		free(in);
	}
}

static void
test_text(void **state)
{
	static const struct {
		enum config_text text;
		enum config_signature signature;
		struct row row;
	} rows[] = {
#define TEXT(s) "'message':{'text':'" s "','params':{'text':'[b]'}}"
		{ TEXT_PLAIN, SIGNATURE_KEEP, { TEXT("[b]A:[/b] [br]x<"),
		    TEXT("A: \\nx<"), NULL } },
		{ TEXT_HTML, SIGNATURE_KEEP, { TEXT("[b]A:[/b] [br]x<"),
		    TEXT("<b>A:</b> <br>x&lt;"), NULL } },
		{ TEXT_MARKDOWN, SIGNATURE_SPLIT, { TEXT("[b]A:[/b] [br]*x"),
		    TEXT("\\\\*x"), "A" } },
		{ TEXT_BBCODE, SIGNATURE_SPLIT, { TEXT("[b]A:[/b] [br][i]x"),
		    TEXT("[i]x"), "A" } },
		{ TEXT_BBCODE, SIGNATURE_DROP, { TEXT("[b]A:[/b][br] [i]x"),
		    TEXT("[i]x"), NULL } },
		{ TEXT_PLAIN, SIGNATURE_SPLIT, { TEXT("[b]A:[/b] [br]"),
		    TEXT(""), "A" } },
		{ TEXT_PLAIN, SIGNATURE_SPLIT, { TEXT("x"), TEXT("x"), NULL } },
		{ TEXT_PLAIN, SIGNATURE_SPLIT, { TEXT("0"), TEXT("0"), NULL } },
		{ TEXT_PLAIN, SIGNATURE_SPLIT, { "'message':{'id':'x'}",
		    "'message':{'id':'x'}", NULL } },
		{ TEXT_PLAIN, SIGNATURE_SPLIT, { "'message':{'text':['[b]']}",
		    "'message':{'text':['[b]']}", NULL } },
		/* nobody else's name passes for the operator's */
		{ TEXT_BBCODE, SIGNATURE_SPLIT, { "'author':'x'," TEXT("y"),
		    TEXT("y"), NULL } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct config_channel c = { .text = (int)rows[i].text,
		    .signature = (int)rows[i].signature };

		assert_true(rewrite_wanted(&c, "", 0));
		becomes(&c, NULL, NULL, &rows[i].row);
	}
}

static void
test_links(void **state)
{
	static const struct {
		const char *endpoint, *domain, *in, *out;
	} rows[] = {
#define AT "https://p.example/rest/", "other.example"
		{ AT, "'link':'/a?b=c'", "'link':'https://p.example/a?b=c'" },
		{ AT, "'link':'a/b:c'", "'link':'https://p.example/a/b:c'" },
		{ AT, "'link':'//cdn/a'", "'link':'https://cdn/a'" },
		{ AT, "'link':'http://h/a'", "'link':'http://h/a'" },
		{ AT, "'link':'ftp:x'", "'link':'ftp:x'" },
		{ AT, "'link':'?x'", "'link':'https://p.example/?x'" },
		{ AT, "'link':''", "'link':''" },
		{ AT, "'downloadLink':'/d','name':'n','link':'/a'",
		    "'name':'n','link':'https://p.example/d'" },
		{ AT, "'link':'/a','downloadLink':''",
		    "'link':'https://p.example/a'" },
		{ AT, "'downloadLink':'/d','name':'n'",
		    "'link':'https://p.example/d','name':'n'" },
		{ AT, "'downloadLink':'/d','link':{'x':'y'}",
		    "'link':'https://p.example/d'" },
		{ "http://127.0.0.1:8080/rest/", "x", "'link':'/a'",
		    "'link':'http://127.0.0.1:8080/a'" },
		{ "https://p.example:443/", "x", "'link':'/a'",
		    "'link':'https://p.example/a'" },
		{ NULL, "p.example", "'link':'/a'",
		    "'link':'https://p.example/a'" },
		{ "javascript:x", "p.example", "'link':'/a'",
		    "'link':'https://p.example/a'" },
		/* nothing to go by: it stays */
		{ NULL, NULL, "'link':'/a'", "'link':'/a'" },
		{ "", "u@h", "'link':'/a'", "'link':'/a'" },
		{ "", "h/x", "'link':'/a'", "'link':'/a'" },
		{ "", "h?x", "'link':'/a'", "'link':'/a'" },
	};
	const struct config_channel c = { .url = NULL };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char in[256], out[256];
		const struct row row = { in, out, NULL };

		(void)snprintf(in, sizeof(in), "'message':{'files':[{%s}]}",
		    rows[i].in);
		(void)snprintf(out, sizeof(out), "'message':{'files':[{%s}]}",
		    rows[i].out);
		becomes(&c, rows[i].endpoint, rows[i].domain, &row);
	}
}

/* The longest text that a body can have, as what grows most. */
static void
test_long(void **state)
{
	const struct config_channel c = { .text = TEXT_HTML };
	struct rewrite w = { .config = &c };
	size_t n = 256 * 1024;
	struct buf b;

	(void)state;
	buf_init(&b, 4 * n);
	assert_int_equal(buf_adds(&b, "\"message\":{\"text\":\""), ERR_OK);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buf_adds(&b, "\\\""), ERR_OK);
	assert_int_equal(buf_adds(&b, "\"}"), ERR_OK);
	assert_int_equal(rewrite_body(&w, b.p, b.len), ERR_OK);
	assert_true(w.body.len > 6 * n);
	rewrite_free(&w);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_to_do),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
