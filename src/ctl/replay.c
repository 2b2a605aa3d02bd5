/*
 * imconnectorctl replay: bodies of events, from files, once more.
 *
 * Called by the table of commands.  Owns a body at a time, and what it opens:
 * there may be no store yet.  Nothing of a
 * body, nor of an answer but known words and numbers, is printed: both may
 * hold tokens.
 */
#include "ctl/channel_act.h"

#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/handler_call.h"
#include "ctl/owner.h"
#include "ctl/portal_call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define BODY_MAX ((size_t)64 * 1024 * 1024)
#define PIECE ((size_t)64 * 1024)
#define LINE_MAX ((size_t)16 * 1024)
#define ARENA_MAX PORTAL_ARENA_MAX

static enum err
read_file(struct buf *b, const char *path, struct problem *p)
{
	FILE *f = fopen(path, "re");
	enum err e = ERR_OK;
	size_t n = 1;

	while (f != NULL && e == ERR_OK && n != 0) {
		e = buf_reserve(b, PIECE);
		n = e == ERR_OK ? fread(b->p + b->len, 1, PIECE, f) : 0;
		b->len += n;
	}
	if (f == NULL || ferror(f) != 0)
		e = problem_set(p, ERR_UNUSABLE, -1, NULL, "%.160s: %s", path,
		    strerror(errno));
	else if (e != ERR_OK)
		e = problem_set(p, e == ERR_TOOBIG ? ERR_UNUSABLE : e, -1,
		    NULL, "%.160s: it is too large", path);
	if (f != NULL)
		(void)fclose(f);
	return e;
}

/* As the two are told apart by their first letter. */
static const char *
type_of(const struct buf *b)
{
	size_t i = 0;

	while (i < b->len && strchr(" \t\r\n", b->p[i]) != NULL)
		i++;
	return i < b->len && b->p[i] == '{' ? HANDLER_JSON : HANDLER_FORM;
}

static void
print_text(const char *path, const struct handler_call *c)
{
	const struct http_call *h = &c->http;
	const char *word = handler_call_word(c);
	int64_t messages = handler_call_number(c, "messages");
	int64_t done = handler_call_number(c, "acknowledged");
	int64_t offset = handler_call_number(c, "offset");
	char times[HANDLER_TIMES_MAX];

	clean_text(path);
	if (h->end != HTTP_ANSWERED) {
		printf(": no answer: %s\n", h->reason);
		return;
	}
	printf(": %ld %s", h->status, word != NULL ? word :
	    "(not this handler's)");
	if (messages >= 0)
		printf(", %" PRId64 " of %" PRId64 " messages acknowledged",
		    done, messages);
	if (offset >= 0)
		printf(", at byte %" PRId64, offset);
	printf(" (%s)\n", handler_call_times(c, times));
}

static enum err
print_json(const char *path, const struct handler_call *c, bool first)
{
	static const char *const numbers[] = { "messages", "acknowledged",
	    "queued", "refused", "offset" };
	const struct http_call *h = &c->http;
	bool answered = h->end == HTTP_ANSWERED;
	struct buf b;
	enum err e;

	buf_init(&b, LINE_MAX);
	e = buf_addc(&b, '{');
	if (e == ERR_OK)
		e = json_add_text(&b, "file", path);
	if (e == ERR_OK && answered)
		e = json_add_number(&b, "status", h->status);
	if (e == ERR_OK)
		e = json_add_text(&b, answered ? "result" : "error",
		    answered ? handler_call_word(c) : h->reason);
	for (size_t i = 0; e == ERR_OK && answered &&
	    i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int64_t n = handler_call_number(c, numbers[i]);

		e = n >= 0 ? json_add_number(&b, numbers[i], n) : ERR_OK;
	}
	if (e == ERR_OK)
		e = json_add_number(&b, "took_ms", h->took_ms);
	if (e == ERR_OK)
		e = buf_addc(&b, '}');
	if (e == ERR_OK && buf_str(&b) != NULL) {
		(void)fputs(first ? "" : ",\n", stdout);
		clean_json(b.p);
	}
	buf_free(&b);
	return e;
}

static int
code_of(const struct http_call *h)
{
	if (h->end != HTTP_ANSWERED || h->status >= 500)
		return EX_TEMPFAIL;
	return h->status / 100 == 2 ? EX_OK : EX_UNAVAILABLE;
}

static enum err
replay_one(struct ctl *ctl, const char *url, int i, struct problem *p)
{
	const char *path = ctl->a.operand[i];
	struct handler_call c;
	struct buf b;
	enum err e;

	buf_init(&b, BODY_MAX);
	e = read_file(&b, path, p);
	if (e == ERR_OK) {
		handler_call_now(ctl, &c, url, type_of(&b), &b);
		if (ctl->code == EX_OK)
			ctl->code = code_of(&c.http);
		if (ctl->a.given[ARG_JSON] != NULL)
			e = print_json(path, &c, i == 0);
		else
			print_text(path, &c);
		(void)fflush(stdout);
		handler_call_free(&c);
	}
	buf_free(&b);
	return e;
}

/* The portal, and the store, are of interest only where they alone tell the
 * URL. */
static enum err
find_url(struct ctl *ctl, struct arena *a, const char **url,
    struct problem *p)
{
	struct problem ignored = { 0 };
	char *member_id = NULL;
	enum err e = handler_url_known(ctl, NULL, a, url, p);

	if (e != ERR_OK || *url != NULL)
		return e;
	if (!become_owner(ctl->s.config->store.url, p))
		return p->err;
	(void)portal_pick(ctl, &member_id, &ignored);
	e = handler_url(ctl, member_id, a, url, p);
	free(member_id);
	return e;
}

enum err
replay_command(struct ctl *ctl, struct problem *p)
{
	const struct setup_opts opts = { .config = ctl->a.given[ARG_CONFIG],
	    .one_shot = true };
	bool json = ctl->a.given[ARG_JSON] != NULL;
	const char *url;
	struct arena a;
	enum err e = setup_make(&ctl->s, &opts, p);

	arena_init(&a, ARENA_MAX);
	if (e == ERR_OK)
		e = find_url(ctl, &a, &url, p);
	if (e == ERR_OK && json)
		(void)putchar('[');
	for (int i = 0; e == ERR_OK && i < ctl->a.operands; i++)
		e = replay_one(ctl, url, i, p);
	if (e == ERR_OK && json)
		(void)fputs("]\n", stdout);
	arena_free(&a);
	(void)setup_free(&ctl->s);
	return e != ERR_OK ? problem_set(p, e, -1, NULL, "out of memory") : e;
}
