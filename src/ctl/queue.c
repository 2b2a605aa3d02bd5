/*
 * The queue on a terminal, or as JSON.
 *
 * Called by imconnectorctl.  Owns nothing.
 */
#include "ctl/queue.h"

#include "base/buf.h"
#include "codec/flat.h"
#include "codec/json_write.h"
#include "ctl/clean.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OBJECT_MAX ((size_t)64 * 1024 * 1024)

struct print {
	bool json;
	bool full;		/* one message, with its body */
	size_t n;
	enum err err;
};

/* Why it is not tried though it could be. */
static const char *
hold_name(enum hold hold)
{
	if (hold == HOLD_DOWN)
		return "destination down";
	if (hold == HOLD_UNCOVERED)
		return "no handler takes up this connector";
	return hold == HOLD_PARKED ? "portal lost" : "";
}

static enum err
add_texts(struct buf *b, const struct stored *m)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "key", m->key }, { "state", state_name(m->state) },
		{ "step", step_name(m->step) }, { "reason", m->reason },
		{ "event", m->event }, { "member_id", m->member_id },
		{ "domain", m->domain }, { "connector", m->connector },
		{ "chat", m->chat }, { "hold", hold_name(m->hold) },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof(texts) /
	    sizeof(texts[0]); i++)
		e = json_add_text(b, texts[i].name, texts[i].text);
	return e;
}

static enum err
add_numbers(struct buf *b, const struct stored *m)
{
	const struct {
		const char *name;
		int64_t number;
	} numbers[] = {
		{ "line", m->line }, { "chat_id", m->chat_id },
		{ "message_id", m->message_id },
		{ "received", m->received_us / 1000000 },
		{ "changed", m->changed_ms / 1000 }, { "tries", m->tries },
		{ "next", m->next_ms / 1000 },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof(numbers) /
	    sizeof(numbers[0]); i++)
		e = json_add_number(b, numbers[i].name, numbers[i].number);
	return e;
}

static enum err
no_value(void *ctx, const char *path, const char *s, size_t n)
{
	(void)ctx;
	(void)path;
	(void)s;
	(void)n;
	return ERR_OK;
}

/*
 * A bad element keeps its own JSON.  Others, also those that were refused
 * with their envelope, have the inner part of an object: no JSON by itself.
 */
static enum err
add_body(struct buf *b, const struct stored *m)
{
	bool whole = m->step == STEP_READ && flat_read(m->body,
	    strlen(m->body), no_value, NULL) == ERR_OK;
	enum err e = json_add_name(b, whole ? "element" : "message");

	if (e == ERR_OK && !whole)
		e = buf_addc(b, '{');
	if (e == ERR_OK)
		e = buf_adds(b, m->body);
	return e == ERR_OK && !whole ? buf_addc(b, '}') : e;
}

static enum err
render(struct buf *b, const struct stored *m, bool full)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = add_texts(b, m);
	if (e == ERR_OK)
		e = add_numbers(b, m);
	if (e == ERR_OK && m->ids[0] != '\0') {
		e = json_add_name(b, "ids");
		if (e == ERR_OK)
			e = buf_adds(b, m->ids);
	}
	if (e == ERR_OK && full && m->body != NULL)
		e = add_body(b, m);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static bool
print_json(struct print *p, const struct stored *m)
{
	const char *text = NULL;
	struct buf b;

	buf_init(&b, OBJECT_MAX);
	p->err = render(&b, m, p->full);
	if (p->err == ERR_OK && (text = buf_str(&b)) == NULL)
		p->err = ERR_NOMEM;
	if (p->err == ERR_OK) {
		if (!p->full && p->n != 0)
			(void)fputs(",\n", stdout);
		clean_json(text);
		if (p->full)
			(void)putchar('\n');
	}
	buf_free(&b);
	return p->err == ERR_OK;
}

static void
print_when(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char text[32];

	if (localtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) != 0)
		(void)fputs(text, stdout);
}

static bool
print_line(struct print *p, const struct stored *m)
{
	if (p->n == 0)
		printf("%-31s %-12s %-19s %-26s %s\n", "KEY", "STATE",
		    "RECEIVED", "EVENT", "CONNECTOR/LINE CHAT REASON");
	printf("%-31s %-12s ", m->key, state_name(m->state));
	print_when(m->received_us / 1000000);
	printf(" %-26.26s ", m->event);
	clean_text(m->connector);
	printf("/%" PRId64 " ", m->line);
	clean_text(m->chat);
	if (m->reason[0] != '\0')
		(void)putchar(' ');
	clean_text(m->reason);
	(void)putchar('\n');
	return true;
}

static void
print_pair(const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	printf("%-12s", name);
	clean_text(text);
	(void)putchar('\n');
}

static void
print_number(const char *name, int64_t number)
{
	printf("%-12s%" PRId64 "\n", name, number);
}

static bool
print_full(const struct stored *m)
{
	print_pair("key", m->key);
	print_pair("state", state_name(m->state));
	print_pair("step", step_name(m->step));
	print_pair("reason", m->reason);
	print_pair("hold", hold_name(m->hold));
	print_pair("event", m->event);
	print_pair("member_id", m->member_id);
	print_pair("domain", m->domain);
	print_pair("connector", m->connector);
	print_number("line", m->line);
	print_pair("chat", m->chat);
	print_number("chat_id", m->chat_id);
	print_number("message_id", m->message_id);
	printf("%-12s", "received");
	print_when(m->received_us / 1000000);
	printf("\n%-12s", "changed");
	print_when(m->changed_ms / 1000);
	(void)putchar('\n');
	print_number("tries", m->tries);
	if (m->next_ms != 0) {
		printf("%-12s", "next try");
		print_when(m->next_ms / 1000);
		(void)putchar('\n');
	}
	print_pair("ids", m->ids);
	print_pair("message", m->body);
	return true;
}

static bool
each(void *ctx, const struct stored *m)
{
	struct print *p = ctx;
	bool more;

	if (p->json)
		more = print_json(p, m);
	else
		more = p->full ? print_full(m) : print_line(p, m);
	p->n++;
	return more && ferror(stdout) == 0;	/* nobody reads on */
}

static enum err
result(const struct print *print, enum err e, struct problem *p)
{
	if (e == ERR_OK && print->err != ERR_OK)
		e = problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	return e;
}

enum err
queue_list(struct store *s, const struct filter *f, bool json,
    struct problem *p)
{
	struct print print = { .json = json };
	enum err e;

	if (json)
		(void)putchar('[');
	e = result(&print, store_each(s, f, each, &print, p), p);
	if (json)
		(void)fputs("]\n", stdout);
	return e;
}

enum err
queue_show(struct store *s, const char *key, bool json, struct problem *p)
{
	struct print print = { .json = json, .full = true };
	const struct filter f = { .key = key };
	enum err e = result(&print, store_each(s, &f, each, &print, p), p);

	if (e == ERR_OK && print.n == 0)
		return problem_set(p, ERR_UNUSABLE, -1, NULL,
		    "there is no message with the key %.99s", key);
	return e;
}
