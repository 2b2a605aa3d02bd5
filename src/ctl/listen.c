/*
 * imconnectorctl listen: what comes, as it comes.
 *
 * Called by the table of commands.  Owns nothing.  It looks into the store
 * some times a second and changes nothing there; it ends when it is
 * interrupted, or when nobody reads what it prints.
 */
#include "ctl/channel_act.h"

#include "codec/flat.h"
#include "codec/json_write.h"
#include "ctl/clean.h"
#include "store/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 50
#define LINE_MAX ((size_t)1024 * 1024)

struct listening {
	bool json, texts;
};

/* A text's value in a channel's object. */
struct finding_text {
	struct buf *b;
	bool json;
};

static enum err
each_value(void *ctx, const char *path, const char *s, size_t n)
{
	struct finding_text *f = ctx;

	if (s == NULL || strcmp(path, "message.text") != 0)
		return ERR_OK;
	if (f->json)
		return json_add_member(f->b, "text", 4, s, n);
	if (buf_adds(f->b, " text=") != ERR_OK)
		return ERR_TOOBIG;
	return buf_add(f->b, s, n);
}

/* The stored body is the inner part of the object, or a whole one. */
static enum err
add_text(struct buf *b, const char *body, bool json)
{
	struct finding_text f = { b, json };
	struct buf whole;
	enum err e;

	buf_init(&whole, LINE_MAX * 4);
	e = buf_addc(&whole, '{');
	if (e == ERR_OK)
		e = buf_adds(&whole, body);
	if (e == ERR_OK)
		e = buf_addc(&whole, '}');
	if (e == ERR_OK)
		(void)flat_read(whole.p, whole.len, each_value, &f);
	buf_free(&whole);
	return e;
}

static void
stamp(char out[40])
{
	int64_t ms = clock_wall(&clock_system);
	time_t s = (time_t)(ms / 1000);
	struct tm tm = { 0 };
	size_t n;

	(void)localtime_r(&s, &tm);
	n = strftime(out, 40, "%Y-%m-%d %H:%M:%S", &tm);
	(void)snprintf(out + n, 40 - n, ".%03d", (int)(ms % 1000));
}

/* All that is known is said once; what was gone before it was seen has its
 * key and number alone. */
static enum err
add_line(struct buf *b, const struct followed *m)
{
	char time[40];
	enum err e;

	stamp(time);
	e = buf_addf(b, "%s %-12s %s", time, state_name(m->state), m->key);
	if (e == ERR_OK && m->event[0] == '\0' && m->message_id != 0)
		e = buf_addf(b, " message=%" PRId64, m->message_id);
	if (e == ERR_OK && m->event[0] != '\0' && m->fresh)
		e = buf_addf(b, " %s %s/%" PRId64 " chat=%.100s message=%"
		    PRId64, m->event, m->connector, m->line, m->chat,
		    m->message_id);
	if (e == ERR_OK && m->reason[0] != '\0')
		e = buf_addf(b, " reason=%.200s", m->reason);
	return e;
}

static enum err
add_object(struct buf *b, const struct followed *m)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "state", state_name(m->state) }, { "key", m->key },
		{ "event", m->event }, { "member_id", m->member_id },
		{ "connector", m->connector }, { "chat", m->chat },
		{ "reason", m->reason },
	};
	enum err e = buf_addc(b, '{');

	for (size_t i = 0; e == ERR_OK && i < sizeof(texts) /
	    sizeof(texts[0]); i++)
		e = texts[i].text[0] != '\0' ? json_add_text(b,
		    texts[i].name, texts[i].text) : ERR_OK;
	if (e == ERR_OK && m->line != 0)
		e = json_add_number(b, "line", m->line);
	if (e == ERR_OK && m->message_id != 0)
		e = json_add_number(b, "message_id", m->message_id);
	return e;
}

static void
on_seen(void *ctx, const struct followed *m)
{
	const struct listening *l = ctx;
	struct buf b;
	enum err e;

	buf_init(&b, LINE_MAX);
	e = l->json ? add_object(&b, m) : add_line(&b, m);
	if (e == ERR_OK && l->texts && m->fresh && m->body != NULL)
		e = add_text(&b, m->body, l->json);
	if (e == ERR_OK && l->json)
		e = buf_addc(&b, '}');
	if (e == ERR_OK && buf_str(&b) != NULL) {
		if (l->json)
			clean_json(b.p);
		else
			clean_text(b.p);
		(void)putchar('\n');
	}
	buf_free(&b);
}

/* How many more there were is said whenever it grows. */
static void
say_missed(int64_t *said, int64_t missed)
{
	if (missed == *said)
		return;
	fprintf(stderr, "imconnectorctl: %" PRId64 " came and went between "
	    "two looks\n", missed - *said);
	*said = missed;
}

enum err
listen_command(struct ctl *ctl, struct problem *p)
{
	struct listening l = { .json = ctl->a.given[ARG_JSON] != NULL,
	    .texts = ctl->a.given[ARG_TEXTS] != NULL };
	int64_t said = 0;
	struct follow *f;
	enum err e = follow_new(&f, ctl->s.store);

	if (e == ERR_OK)
		e = follow_look(f, on_seen, &l, p);
	if (e == ERR_OK)
		fprintf(stderr, "imconnectorctl: listening\n");
	while (e == ERR_OK && ferror(stdout) == 0) {
		loop_turn(ctl->s.loop, LOOK_MS);
		e = follow_look(f, on_seen, &l, p);
		say_missed(&said, follow_missed(f));
		(void)fflush(stdout);
	}
	follow_free(f);
	return e != ERR_OK ? problem_set(p, e, -1, NULL, "out of memory") : e;
}
