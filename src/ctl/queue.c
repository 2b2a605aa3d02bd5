/*
 * The queue on a terminal, or as JSON.
 *
 * Called by imconnectorctl.  Owns nothing.
 */
#include "ctl/queue.h"

#include "ctl/clean.h"
#include "ctl/groups.h"
#include "ctl/message.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>

#define OBJECT_MAX ((size_t)64 * 1024 * 1024)
#define FOLLOW_MS 2000

struct print {
	const struct terminal *terminal;
	int64_t limit;		/* 0: none */
	bool json;
	bool full;		/* one message, with its body */
	struct line line;
	int64_t n;
	enum err err;
};

static enum err
print_json(struct print *p, const struct stored *m)
{
	const char *text = NULL;
	struct buf b;
	enum err e;

	buf_init(&b, OBJECT_MAX);
	e = message_json(&b, m, p->full);
	if (e == ERR_OK && (text = buf_str(&b)) == NULL)
		e = ERR_NOMEM;
	if (e == ERR_OK) {
		if (!p->full && p->n != 0)
			(void)fputs(",\n", stdout);
		clean_json(text);
		if (p->full)
			(void)putchar('\n');
	}
	buf_free(&b);
	return e;
}

static enum err
print_listed(struct print *p, const struct stored *m)
{
	enum err e = p->n == 0 ? message_head(&p->line, p->terminal) :
	    ERR_OK;

	return e == ERR_OK ? message_line(&p->line, p->terminal, m) : e;
}

static bool
each(void *ctx, const struct stored *m)
{
	struct print *p = ctx;

	if (p->json)
		p->err = print_json(p, m);
	else
		p->err = p->full ? message_full(&p->line, m) :
		    print_listed(p, m);
	p->n++;
	return p->err == ERR_OK && p->n != p->limit &&
	    ferror(stdout) == 0;	/* nobody reads on */
}

static enum err
print_each(struct store *s, const struct filter *f, struct print *print,
    struct problem *p)
{
	enum err e;

	line_begin(&print->line);
	e = store_each(s, f, each, print, p);
	line_free(&print->line);
	if (e == ERR_OK && print->err != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	return e;
}

static enum err
list_json(struct store *s, const struct listing *l, struct problem *p)
{
	struct print print = { .json = true, .limit = l->limit };
	enum err e;

	(void)putchar('[');
	e = print_each(s, &l->filter, &print, p);
	(void)fputs("]\n", stdout);
	return e;
}

static enum err
list_once(struct store *s, const struct listing *l,
    const struct terminal *t, struct problem *p)
{
	struct print print = { .terminal = t, .limit = l->limit };

	return l->all ? print_each(s, &l->filter, &print, p) :
	    groups_print(s, l->config, t, l->limit, p);
}

/* On a terminal it is the same screen; else one list below the other. */
static void
begin_screen(const struct terminal *t)
{
	char text[32];
	time_t now = time(NULL);
	struct tm tm;

	if (t->there)
		(void)fputs("\033[H\033[2J", stdout);
	if (localtime_r(&now, &tm) != NULL &&
	    strftime(text, sizeof(text), "%H:%M:%S", &tm) != 0)
		printf("-- %s\n", text);
}

static enum err
follow(struct store *s, const struct listing *l, struct problem *p)
{
	enum err e;

	do {
		const struct terminal t = terminal_look();
		struct listing now = *l;

		if (now.limit == 0 && t.rows > 4)
			now.limit = (t.rows - 4) / 2;
		begin_screen(&t);
		e = list_once(s, &now, &t, p);
	} while (e == ERR_OK && fflush(stdout) == 0 &&
	    poll(NULL, 0, FOLLOW_MS) == 0);
	return e;
}

enum err
queue_list(struct store *s, const struct listing *l, struct problem *p)
{
	const struct terminal t = terminal_look();

	if (l->json)
		return list_json(s, l, p);
	return l->follow ? follow(s, l, p) : list_once(s, l, &t, p);
}

enum err
queue_show(struct store *s, const char *key, bool json, struct problem *p)
{
	struct print print = { .json = json, .full = true };
	const struct filter f = { .key = key };
	enum err e = print_each(s, &f, &print, p);

	if (e == ERR_OK && print.n == 0)
		return problem_set(p, ERR_UNUSABLE, -1, NULL,
		    "there is no message with the key %.99s", key);
	return e;
}
