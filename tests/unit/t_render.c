/*
 * Rendering an element: lists and objects, numbers, what is left out.
 *
 * Run by make check.  In the tables ' stands for ".
 */
#include "event/render.h"

#include "tree_read.h"

#define MAX 65536

struct row {
	const char *in, *out;
};

static void
expect(enum err (*render)(struct buf *, const struct node *),
    const struct row *rows, size_t n)
{
	struct problem problem = { 0 };
	struct tree t;
	struct buf b;

	tree_init(&t, TREE_TEXTS_MAX, &problem);
	buf_init(&b, MAX);
	for (size_t i = 0; i < n; i++) {
		char *out = strdup(rows[i].out);

		for (char *p = out; *p != '\0'; p++)
			if (*p == '\'')
				*p = '"';
		assert_int_equal(tree_reset(&t), ERR_OK);
		tree_read(&t, rows[i].in);
		buf_reset(&b);
		assert_int_equal(render(&b, t.root), ERR_OK);
		assert_string_equal(buf_str(&b), out);
		free(out);
	}
	buf_free(&b);
	tree_free(&t);
}

static void
test_node(void **state)
{
	static const struct row rows[] = {
		{ "null", "null" }, { "'a'", "'a'" }, { "5", "'5'" },
		{ "true", "'1'" }, { "false", "'0'" }, { "''", "''" },
		{ "[1,'a',[2],{'b':3}]", "['1','a',['2'],{'b':'3'}]" },
		{ "{'a':1,'b':{'c':2}}", "{'a':'1','b':{'c':'2'}}" },
		{ "{'a':null,'b':1,'c':[],'d':{'e':{}}}", "{'b':'1'}" },
		{ "[null,1,[],2,{}]", "['1','2']" },
		{ "[[],[[1]]]", "[[['1']]]" },
	};

	(void)state;
	expect(render_node, rows, COUNT(rows));
}

static void
test_lists(void **state)
{
	static const struct row rows[] = {
		{ "{'0':1}", "['1']" },
		{ "{'10':'a','2':'b'}", "['a','b']" },
		{ "{'-1':'a','5':'b'}", "['a','b']" },
		{ "{'9223372036854775807':1}", "['1']" },
		{ "{'9223372036854775808':1}", "{'9223372036854775808':'1'}" },
		{ "{'0':1,'x':2}", "{'0':'1','x':'2'}" },
		{ "{'01':1}", "{'01':'1'}" },
		{ "{'-0':1}", "{'-0':'1'}" },
		{ "{'1.0':1}", "{'1.0':'1'}" },
		{ "{' 1':1}", "{' 1':'1'}" },
		{ "{'+1':1}", "{'+1':'1'}" },
		{ "{'':1,'5':2}", "{'':'1','5':'2'}" },
		{ "{'':'p','0':'q'}", "{'':'p','0':'q'}" },
		/* a key that vanishes does not count */
		{ "{'0':1,'x':null,'y':{'z':[]}}", "['1']" },
		{ "{'x':1,'x':null,'0':2}", "['2']" },
	};

	(void)state;
	expect(render_node, rows, COUNT(rows));
}

static void
test_strings(void **state)
{
	static const struct row rows[] = {
		{ "'\\'\\\\\\/'", "'\\'\\\\/'" },
		{ "'\\b\\f\\n\\r\\t\\u0001\\u001f'",
		  "'\\u0008\\u000c\\n\\r\\t\\u0001\\u001f'" },
		{ "'\x7f\xc2\x80\xe2\x80\xa8\xf0\x9f\x98\x80'",
		  "'\x7f\xc2\x80\xe2\x80\xa8\xf0\x9f\x98\x80'" },
		{ "'\\ud83d\\ude00\\u0416'", "'\xf0\x9f\x98\x80\xd0\x96'" },
		{ "{'\\'\\n':'x'}", "{'\\'\\n':'x'}" },
	};

	(void)state;
	expect(render_node, rows, COUNT(rows));
}

static void
test_numbers(void **state)
{
	static const struct row rows[] = {
		{ "{'im':{'chat_id':1,'message_id':'2','x':-3,'y':0}}",
		  "'im':{'chat_id':1,'message_id':2,'x':-3,'y':0}" },
		{ "{'im':{'a':'x','b':1.5,'c':'01','d':'','e':true}}",
		  "'im':{'a':'x','b':'1.5','c':'01','d':'','e':1}" },
		{ "{'im':{'a':9223372036854775807,'b':9223372036854775808}}",
		  "'im':{'a':9223372036854775807,'b':'9223372036854775808'}" },
		{ "{'im':{'a':{'b':1},'c':[2],'d':null}}",
		  "'im':{'a':{'b':'1'},'c':['2']}" },
		{ "{'im':[1,2]}", "'im':['1','2']" },
		{ "{'im':5}", "'im':'5'" },
		{ "{'im':{'a':null}}", "" },
		{ "{'message':{'user_id':27,'id':5,'text':6}}",
		  "'message':{'user_id':27,'id':'5','text':'6'}" },
		{ "{'message':{'user_id':'0'}}", "'message':{'user_id':0}" },
		{ "{'x':{'im':{'chat_id':1},'user_id':2},'user_id':3}",
		  "'x':{'im':{'chat_id':'1'},'user_id':'2'},'user_id':'3'" },
		{ "{'message':{'x':{'user_id':1}}}",
		  "'message':{'x':{'user_id':'1'}}" },
	};

	(void)state;
	expect(render_element, rows, COUNT(rows));
}

static void
test_useless_user_id(void **state)
{
	static const struct row rows[] = {
		{ "{'message':{'user_id':'undefined','text':'a'}}",
		  "'message':{'text':'a'}" },
		{ "{'message':{'text':'a','user_id':''}}",
		  "'message':{'text':'a'}" },
		{ "{'message':{'text':'a','user_id':[1],'x':2}}",
		  "'message':{'text':'a','x':'2'}" },
		{ "{'message':{'text':'a','user_id':1.0}}",
		  "'message':{'text':'a'}" },
		/* nothing stays, so nothing shows */
		{ "{'a':1,'message':{'user_id':'x'}}", "'a':'1'" },
		{ "{'message':{'user_id':'x'},'a':1}", "'a':'1'" },
		{ "{'message':{'user_id':'x'}}", "" },
	};

	(void)state;
	expect(render_element, rows, COUNT(rows));
}

static void
test_envelope(void **state)
{
	static const struct row rows[] = {
		{ "{'key':1,'event':2,'member_id':3,'domain':4,'connector':5,"
		  "'line':6,'ts':7}", "" },
		{ "{'ts':1,'a':2,'key':{'b':3},'c':4}", "'a':'2','c':'4'" },
		{ "{'Key':1,'keys':2,'ke':3,'lines':4}",
		  "'Key':'1','keys':'2','ke':'3','lines':'4'" },
		{ "{'a':{'key':1,'ts':2},'chat':{'line':3}}",
		  "'a':{'key':'1','ts':'2'},'chat':{'line':'3'}" },
		{ "{'a':null,'b':1,'c':{},'d':2}", "'b':'1','d':'2'" },
	};

	(void)state;
	expect(render_element, rows, COUNT(rows));
}

/* What does not fit is an error at every size of the buffer. */
static void
test_buffer_ends(void **state)
{
	static const char in[] = "{'im':{'chat_id':1,'x':'y'},'message':{"
	    "'user_id':2,'text':'\\n'},'a':[1,{'b':'c'}],'d':'e'}";
	struct problem problem = { 0 };
	struct tree t;
	struct buf b;
	size_t need;

	(void)state;
	tree_init(&t, TREE_TEXTS_MAX, &problem);
	assert_int_equal(tree_reset(&t), ERR_OK);
	tree_read(&t, in);
	buf_init(&b, MAX);
	assert_int_equal(render_element(&b, t.root), ERR_OK);
	need = b.len;
	buf_free(&b);
	for (size_t max = 0; max < need; max++) {
		buf_init(&b, max);
		assert_int_equal(render_element(&b, t.root), ERR_TOOBIG);
		buf_free(&b);
		buf_init(&b, max);
		assert_int_equal(render_node(&b, t.root), ERR_TOOBIG);
		buf_free(&b);
	}
	buf_init(&b, need);
	assert_int_equal(render_element(&b, t.root), ERR_OK);
	buf_free(&b);
	tree_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_useless_user_id),
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_buffer_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
