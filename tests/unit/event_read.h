#ifndef EVENT_READ_H
#define EVENT_READ_H

#include "event/grammar.h"

#include "big.h"
#include "feed.h"

#include <inttypes.h>

/*
 * Reads a body into an event as web/read.c does, and writes down what came
 * of it.  In the texts of tables ' stands for ".
 */
#define READ_MAX ((size_t)4 * 1024 * 1024)
#define READ_TEXT_MAX 65536

struct reading {
	struct event ev;
	struct problem problem;
};

/* A copy with every ' as ".  The caller frees it. */
static inline char *
quoted(const char *s)
{
	char *copy = strdup(s);

	assert_non_null(copy);
	for (char *p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

/* Feeds pieces of `piece` bytes; 0: whole.  Free it with event_free(). */
static inline void
reading_run(struct reading *r, const struct codec *c, struct text in,
    size_t piece)
{
	struct grammar *g;
	enum err e = ERR_OK;
	void *reader;

	memset(r, 0, sizeof(*r));
	event_init(&r->ev, 16 * READ_MAX);
	assert_int_equal(grammar_new(&g, &r->ev, READ_MAX, event_keep, &r->ev,
	    &r->problem), ERR_OK);
	reader = c->open(grammar_sax(g), &r->problem);
	assert_non_null(reader);
	for (size_t n, i = 0; e == ERR_OK && i < in.n; i += n) {
		n = piece == 0 || piece > in.n - i ? in.n - i : piece;
		e = feed_piece(c, reader, in.p + i, n);
	}
	if (e == ERR_OK)
		e = c->end(reader);
	assert_int_equal(e, r->problem.err);
	c->close(reader);
	grammar_free(g);
}

static inline void
say_message(struct buf *b, const struct message *m)
{
	assert_int_equal(strlen(m->body), m->body_len);
	assert_int_equal(buf_addf(b, "%s%" PRId64 ": %" PRId64 "/%" PRId64
	    " chat=%s own=%s bad=%s ", m->of_data ? "D" : "", m->index,
	    m->chat_id, m->message_id, m->chat, m->own_id,
	    m->bad != NULL ? m->bad : "-"), ERR_OK);
	assert_int_equal(buf_add(b, m->body, m->body_len), ERR_OK);
	assert_int_equal(buf_addc(b, '\n'), ERR_OK);
	assert_true((m->whole != NULL) == m->of_data);
	if (m->whole == m->body || m->whole == NULL)
		return;
	assert_int_equal(strlen(m->whole), m->whole_len);
	assert_int_equal(buf_addf(b, "whole %s\n", m->whole), ERR_OK);
}

static inline void
say_text(struct buf *b, const char *name, const char *text)
{
	if (text != NULL)
		assert_int_equal(buf_addf(b, "%s=%s\n", name, text), ERR_OK);
}

/* The envelope's fields that are there, then the messages; one a line. */
static inline void
reading_say(struct buf *b, const struct reading *r)
{
	const struct event *ev = &r->ev;

	buf_init(b, READ_TEXT_MAX);
	say_text(b, "event", ev->name);
	say_text(b, "ts", ev->ts_text);
	say_text(b, "connector", ev->connector);
	say_text(b, "line", ev->line_text);
	say_text(b, "data", ev->data_text);
	say_text(b, "small_connector", ev->small_connector);
	say_text(b, "small_line", ev->small_line_text);
	say_text(b, "application_token", ev->application_token);
	say_text(b, "access_token", ev->access_token);
	say_text(b, "member_id", ev->member_id);
	say_text(b, "domain", ev->domain);
	say_text(b, "client_endpoint", ev->client_endpoint);
	say_text(b, "server_endpoint", ev->server_endpoint);
	say_text(b, "refresh_token", ev->refresh_token);
	for (size_t i = 0; i < ev->messages; i++) {
		assert_int_equal(ev->message[i].seq, i);
		say_message(b, &ev->message[i]);
	}
}

/* One body in one syntax at every piece size; NULL: not in this syntax. */
static inline void
expect_event(const struct codec *c, const char *body, const char *want)
{
	char *in = body != NULL ? quoted(body) : NULL, *out = quoted(want);

	for (size_t piece = 0; in != NULL && piece <= PIECE_MAX; piece++) {
		struct reading r;
		struct buf b;

		reading_run(&r, c, (struct text){ in, strlen(in) }, piece);
		if (r.problem.err != ERR_OK)
			fail_msg("%s, piece %zu: %s %s", in, piece,
			    err_name(r.problem.err), r.problem.text);
		reading_say(&b, &r);
		if (strcmp(buf_str(&b), out) != 0)
			print_error("%s: %s, piece %zu\n", c->name, in, piece);
		assert_string_equal(buf_str(&b), out);
		buf_free(&b);
		event_free(&r.ev);
	}
	free(in);
	free(out);
}

static inline void
expect_wrong(const struct codec *c, const char *body, enum err e,
    const char *field, const char *text)
{
	char *in = body != NULL ? quoted(body) : NULL;
	int64_t at = 0;

	for (size_t piece = 0; in != NULL && piece <= PIECE_MAX; piece++) {
		struct reading r;

		reading_run(&r, c, (struct text){ in, strlen(in) }, piece);
		if (r.problem.err != e)
			print_error("%s: %s, piece %zu\n", c->name, in, piece);
		assert_int_equal(r.problem.err, e);
		assert_string_equal(r.problem.field, field);
		assert_string_equal(r.problem.text, text);
		at = piece == 0 ? r.problem.at : at;
		assert_int_equal(r.problem.at, at);
		assert_in_range(at, 1, strlen(in));
		event_free(&r.ev);
	}
	free(in);
}

#endif
