/*
 * From a request to an event: what is checked before the body, the body in
 * pieces of any size, its length, and which problem wins.
 */
#include "web/read.h"

#include "big.h"
#include "fake_request.h"
#include "unit.h"

#include <stdio.h>

#define BODY_MAX 4096

static const char json[] = "{\"event\":\"OnImConnectorMessageAdd\",\"data\":"
    "{\"CONNECTOR\":\"c\",\"LINE\":5,\"MESSAGES\":[{\"im\":{\"chat_id\":1,"
    "\"message_id\":2},\"chat\":{\"id\":\"x\"},\"message\":{\"text\":"
    "\"\xd0\x96\"}}]},\"auth\":{\"application_token\":\"t\"}}";
static const char form[] = "event=OnImConnectorMessageAdd&data[CONNECTOR]=c&"
    "data[LINE]=5&data[MESSAGES][0][im][chat_id]=1&data%5BMESSAGES%5D[0]"
    "[im][message_id]=2&data[MESSAGES][0][chat][id]=x&data[MESSAGES][0]"
    "[message][text]=%D0%96&auth[application_token]=t";
static const struct text as_json = { json, sizeof(json) - 1 };
static const struct text as_form = { form, sizeof(form) - 1 };

struct got {
	struct problem problem;
	struct event event;
};

/* Frees the request, not the event. */
static enum err
read_it(struct fake *f, int64_t max, struct got *g)
{
	enum err e;

	*g = (struct got){ .problem = { .err = ERR_OK } };
	event_init(&g->event, 1 << 20);
	e = read_event(&f->request, max, &g->event, &g->problem);
	assert_int_equal(e, g->problem.err);
	assert_true((e == ERR_OK) == (g->problem.text[0] == '\0'));
	assert_int_equal(f->finished, 0);
	assert_int_equal(f->answer.len, 0);
	fake_free(f);
	return e;
}

static void
reads_well(struct fake f, int64_t max)
{
	struct got g;

	if (read_it(&f, max, &g) != ERR_OK)
		fail_msg("%s: %s", f.type, g.problem.text);
	assert_string_equal(g.event.name, "OnImConnectorMessageAdd");
	assert_string_equal(g.event.application_token, "t");
	assert_string_equal(g.event.line_text, "5");
	assert_int_equal(g.event.messages, 1);
	assert_string_equal(g.event.message[0].body, "\"im\":{\"chat_id\":1,"
	    "\"message_id\":2},\"chat\":{\"id\":\"x\"},"
	    "\"message\":{\"text\":\"\xd0\x96\"}");
	event_free(&g.event);
}

static void
fails(struct fake f, enum err e, int64_t at)
{
	struct got g;

	if (read_it(&f, BODY_MAX, &g) != e || g.problem.at != at)
		fail_msg("%s %s %s: %s at %lld, %s", f.method, f.type,
		    f.length, err_name(g.problem.err),
		    (long long)g.problem.at, g.problem.text);
	event_free(&g.event);
}

static void
test_pieces(void **state)
{
	static const size_t pieces[] = { 0, 1, 2, 3, 7, 31, 100 };

	(void)state;
	for (size_t i = 0; i < COUNT(pieces); i++) {
		struct fake f = fake_post(as_json);

		f.piece = pieces[i];
		reads_well(f, BODY_MAX);
		f.request.kind = &fake_cgi;
		reads_well(f, BODY_MAX);
		f.length = "229";
		f.body = as_form;
		f.type = "application/x-www-form-urlencoded";
		assert_int_equal(as_form.n, 229);
		reads_well(f, BODY_MAX);
		f.request.kind = &fake_fcgi;
		reads_well(f, BODY_MAX);
	}
}

static void
test_methods(void **state)
{
	static const char *const methods[] = { NULL, "", "GET", "HEAD", "PUT",
		"post", "Post", "POST ", "POSTS", "PATCH", "DELETE",
		"OPTIONS", "CONNECT", "\x1b[2J" };

	(void)state;
	for (size_t i = 0; i < COUNT(methods); i++) {
		struct fake f = fake_post(as_json);

		f.method = methods[i];
		fails(f, ERR_METHOD, -1);
	}
}

static void
test_media(void **state)
{
	static const char *const good[] = { "application/json",
		"APPLICATION/Json", "application/json;charset=utf-8",
		"application/json; charset=UTF-8",
		"application/json ; charset=\"utf-8\"",
		"application/json; Charset=Utf8",
		"application/json; charset=utf-8; q=1",
		"application/json; q=1; charset=utf-8", "application/json;",
		/* a parameter of another name */
		"application/json; xcharset=latin1",
		"application/json; q=charset=latin1",
		"application/json; version=2", "application/json\t" };
	static const char *const bad[] = { NULL, "", "text/plain",
		"text/json", "application/jsonp", "application/jso",
		"application/json+x", "application/ld+json", "application/",
		"application/json, text/plain", "json", ";", "; charset=utf-8",
		"multipart/form-data; boundary=application/json",
		"text/plain; application/json",
		"application/json; charset=utf-16",
		"application/json; charset=windows-1251",
		"application/json; charset=\"iso-8859-1\"",
		"application/json; charset=", "application/json; charset=utf",
		"application/json; charset=utf-88",
		"application/json; charset=utf-8; charset=latin1",
		"application/json; xcharset=utf-8;\tCharset=latin1",
		"application/json; q=1; CHARSET=latin1",
		"application/x-www-form-urlencoded; charset=cp1251" };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct fake f = fake_post(as_json);

		f.type = good[i];
		reads_well(f, BODY_MAX);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct fake f = fake_post(as_json);

		f.type = bad[i];
		fails(f, ERR_MEDIA, -1);
	}
}

/* The media type decides the syntax, not the look of the body. */
static void
test_media_decides(void **state)
{
	struct fake f = fake_post(as_form);
	struct got g;

	(void)state;
	fails(f, ERR_INPUT, 1);
	f = fake_post(as_json);
	f.type = "application/x-www-form-urlencoded; charset=UTF-8";
	if (read_it(&f, BODY_MAX, &g) == ERR_OK)
		assert_int_equal(g.event.messages, 0);
	event_free(&g.event);
	f.body = as_form;
	f.at = 0;
	f.ended = false;
	reads_well(f, BODY_MAX);
}

static void
test_length(void **state)
{
	static const struct {
		const char *length;
		enum err err;
		int64_t at;
	} cases[] = {
		{ NULL, ERR_OK, 0 }, { "", ERR_OK, 0 }, { "10", ERR_OK, 0 },
		{ "0000000000000000000000000000010", ERR_OK, 0 },
		{ "11", ERR_INPUT, 10 }, { "4096", ERR_INPUT, 10 },
		{ "4097", ERR_TOOBIG, -1 },
		{ "99999999999999999999999999999999", ERR_TOOBIG, -1 },
		{ "18446744073709551626", ERR_TOOBIG, -1 },
		{ "-1", ERR_INPUT, 0 }, { "+10", ERR_INPUT, 0 },
		{ " 10", ERR_INPUT, 0 }, { "10 ", ERR_INPUT, 0 },
		{ "0x0a", ERR_INPUT, 0 }, { "1e1", ERR_INPUT, 0 },
		{ "ten", ERR_INPUT, 0 }, { "9", ERR_INPUT, 9 },
		{ "0", ERR_INPUT, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fake f = fake_post((struct text)T("{\"ts\":123}"));
		struct got g;

		f.length = cases[i].length;
		for (f.piece = 0; f.piece < 4; f.piece++) {
			if (cases[i].err != ERR_OK) {
				fails(f, cases[i].err, cases[i].at);
				continue;
			}
			assert_int_equal(read_it(&f, BODY_MAX, &g), ERR_OK);
			assert_string_equal(g.event.ts_text, "123");
			event_free(&g.event);
			f.at = 0;
			f.ended = false;
		}
	}
}

static void
test_cut_short(void **state)
{
	(void)state;
	for (size_t n = 0; n < as_json.n; n++) {
		struct fake f = fake_post((struct text){ json, n });
		char length[24];

		/* half a form is well formed: only the length tells */
		(void)snprintf(length, sizeof(length), "%zu", as_form.n);
		f.body = (struct text){ form, n < as_form.n ? n : 0 };
		f.type = "application/x-www-form-urlencoded";
		f.length = length;
		f.request.kind = n % 2 == 0 ? &fake_cgi : &fake_fcgi;
		fails(f, ERR_INPUT, (int64_t)f.body.n);

		/* or the connection that broke */
		f.length = NULL;
		f.breaks = true;
		fails(f, ERR_INPUT, (int64_t)f.body.n);
	}
}

/* A plain CGI program must not look behind CONTENT_LENGTH. */
static void
test_cgi_stays_within(void **state)
{
	static const struct {
		const char *method, *type, *length;
		enum err err;
		size_t most;	/* bytes that may be asked for */
	} cases[] = {
		{ "POST", "application/json", "10", ERR_OK, 10 },
		{ "POST", "application/json", "0", ERR_INPUT, 0 },
		{ "GET", "application/json", "10", ERR_METHOD, 10 },
		{ "POST", "text/plain", "10", ERR_MEDIA, 10 },
		{ "GET", "text/plain", "0", ERR_METHOD, 0 },
		{ "POST", "application/json", "4097", ERR_TOOBIG, 4097 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fake f = fake_post((struct text)
		    T("{\"ts\":123}{\"of\":\"somebody else\"}"));
		struct got g;

		f.request.kind = &fake_cgi;
		f.method = cases[i].method;
		f.type = cases[i].type;
		f.length = cases[i].length;
		assert_int_equal(read_it(&f, BODY_MAX, &g), cases[i].err);
		assert_true(f.asked <= cases[i].most);
		event_free(&g.event);
	}
}

static void
test_body_max(void **state)
{
	static const struct request_kind *const kinds[] = { &fake_fcgi,
		&fake_cgi };
	struct buf b = big(json, " ", 1000, "");

	(void)state;
	for (size_t k = 0; k < COUNT(kinds); k++) {
		for (size_t piece = 0; piece < 3; piece++) {
			struct fake f = fake_post(big_text(&b));
			char length[24];
			struct got g;

			f.request.kind = kinds[k];
			f.piece = piece;
			reads_well(f, (int64_t)b.len);
			(void)snprintf(length, sizeof(length), "%zu", b.len);
			f.length = length;
			reads_well(f, (int64_t)b.len);
			assert_int_equal(read_it(&f, (int64_t)b.len - 1, &g),
			    ERR_TOOBIG);
			assert_non_null(strstr(g.problem.text, "body_max"));
			event_free(&g.event);
			f = fake_post(big_text(&b));
			f.request.kind = kinds[k];
			f.piece = piece;
			assert_int_equal(read_it(&f, (int64_t)b.len - 1, &g),
			    ERR_TOOBIG);
			assert_true(f.at <= b.len);
			event_free(&g.event);
		}
	}
	buf_free(&b);
}

/* A refused body is read to its end, but no further than one byte too far. */
static void
test_refused_is_drained(void **state)
{
	struct buf b = big("", "x", 100000, "");
	struct fake f = fake_post((struct text)T("some body"));

	(void)state;
	f.method = "GET";
	for (int i = 0; i < 4; i++) {
		struct got g;

		f.at = 0;
		f.ended = false;
		f.type = i < 2 ? "application/json" : "text/plain";
		(void)read_it(&f, BODY_MAX, &g);
		assert_true(f.ended);
		event_free(&g.event);
	}
	f = fake_post(big_text(&b));
	for (int i = 0; i < 3; i++) {
		struct got g;

		f.at = 0;
		f.ended = false;
		f.method = i == 0 ? "GET" : "POST";
		f.type = i == 1 ? "text/plain" : "application/json";
		f.length = i == 2 ? "100000" : NULL;
		assert_true(read_it(&f, BODY_MAX, &g) != ERR_OK);
		assert_int_equal(f.at, BODY_MAX + 1);
		event_free(&g.event);
	}
	buf_free(&b);
}

/* 405 before 415 before 413 before 400. */
static void
test_rank(void **state)
{
	struct buf large = big("]", "x", BODY_MAX, "");
	struct fake f = fake_post(big_text(&large));

	(void)state;
	f.method = "PUT";
	f.type = "text/plain";
	f.length = "99999999";
	fails(f, ERR_METHOD, -1);
	f.length = "nonsense";
	fails(f, ERR_METHOD, -1);
	f.method = "POST";
	fails(f, ERR_MEDIA, -1);
	f.length = "99999999";
	fails(f, ERR_MEDIA, -1);
	f.type = "application/json";
	fails(f, ERR_TOOBIG, -1);
	f.length = NULL;
	fails(f, ERR_TOOBIG, -1);	/* although the first byte is wrong */
	f.piece = 100;			/* and was seen before */
	fails(f, ERR_TOOBIG, -1);
	f.breaks = true;
	fails(f, ERR_TOOBIG, -1);
	f.body.n = BODY_MAX;
	fails(f, ERR_INPUT, 0);
	f.length = "nonsense";
	fails(f, ERR_INPUT, 0);
	buf_free(&large);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_media),
		cmocka_unit_test(test_media_decides),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_cut_short),
		cmocka_unit_test(test_cgi_stays_within),
		cmocka_unit_test(test_body_max),
		cmocka_unit_test(test_refused_is_drained),
		cmocka_unit_test(test_rank),
	};

	return cmocka_run_group_tests_name("web/read", tests, NULL, NULL);
}
