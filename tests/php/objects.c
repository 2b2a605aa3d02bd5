/*
 * Bodies in, the objects that a channel gets out, many in one process.
 *
 * Run by test_php.py, which writes for each body a line "TYPE PIECE LENGTH"
 * and its bytes: the media type, and how many bytes a read gives at the most.
 * It answers with "error NAME OFFSET TEXT", or with "event N" and N lines
 * "ARRIVAL FIELD OBJECT": FIELD is what makes an element useless, else "-",
 * and OBJECT is the channel's, of a useless element all of it.  The way is the
 * handler's own: web/read.c, event_check(), object_render().
 */
#include "event/object.h"
#include "web/read.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX ((int64_t)1024 * 1024)
#define EVENT_MAX ((size_t)16 * 1024 * 1024)

struct posted {
	struct request request;
	char type[64];
	char *body;
	size_t n, at, piece;
};

static const char *
param(struct request *rq, const char *name)
{
	if (strcmp(name, "CONTENT_TYPE") == 0)
		return ((const struct posted *)rq)->type;
	return strcmp(name, "REQUEST_METHOD") == 0 ? "POST" : NULL;
}

static ssize_t
read_piece(struct request *rq, char *p, size_t n)
{
	struct posted *b = (struct posted *)rq;
	size_t most = b->piece < b->n - b->at ? b->piece : b->n - b->at;

	if (n > most)
		n = most;
	memcpy(p, b->body + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

static const struct request_kind kind = { .param = param,
	.read = read_piece, .sees_end = true };

/* The next body, or false at the end of all. */
static bool
next(struct posted *b)
{
	if (scanf("%63s %zu %zu", b->type, &b->piece, &b->n) != 3 ||
	    getchar() != '\n' || b->piece == 0)
		return false;
	b->request.kind = &kind;
	b->at = 0;
	b->body = malloc(b->n + 1);
	return b->body != NULL && fread(b->body, 1, b->n, stdin) == b->n;
}

static enum err
render(struct buf *out, const struct event *ev, const struct message *m)
{
	const struct object o = { .key = "k", .event = ev->name,
	    .member_id = ev->member_id, .domain = ev->domain,
	    .connector = ev->connector, .line = ev->line, .ts = ev->ts,
	    .body = m->body, .body_len = m->body_len };

	buf_reset(out);
	return m->bad == NULL ? object_render(out, &o) :
	    buf_add(out, m->body, m->body_len);
}

static enum err
print(const struct event *ev, struct problem *p)
{
	struct buf out;
	enum err e = ERR_OK;

	buf_init(&out, EVENT_MAX);
	printf("event %zu\n", ev->messages);
	for (size_t i = 0; e == ERR_OK && i < ev->messages; i++) {
		const struct message *m = &ev->message[i];

		e = render(&out, ev, m);
		if (e == ERR_OK)
			printf("%zu %s %s\n", m->seq,
			    m->bad != NULL ? m->bad : "-", buf_str(&out));
	}
	buf_free(&out);
	return e == ERR_OK ? e : problem_set(p, e, -1, NULL, "no room");
}

static void
answer(struct posted *b)
{
	struct problem p = { 0 };
	struct event ev;
	enum err e;

	event_init(&ev, EVENT_MAX);
	e = read_event(&b->request, BODY_MAX, &ev, &p);
	if (e == ERR_OK)
		e = event_check(&ev, &p);
	if (e == ERR_OK && (ev.kind < EVENT_ADD || ev.kind > EVENT_DELETE))
		e = problem_set(&p, ERR_UNUSABLE, -1, "event", "not ours");
	if (e == ERR_OK)
		e = print(&ev, &p);
	if (e != ERR_OK)
		printf("error %s %" PRId64 " %s\n", err_name(e), p.at, p.text);
	event_free(&ev);
}

int
main(void)
{
	struct posted b;

	while (next(&b)) {
		answer(&b);
		free(b.body);
	}
	return feof(stdin) && fflush(stdout) == 0 ? 0 : 1;
}
