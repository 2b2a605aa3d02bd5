/*
 * One message, for people or as JSON.
 *
 * Called by queue list and queue show.  Owns nothing.
 */
#include "ctl/message.h"

#include "codec/flat.h"
#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define INDENT 4
#define NAME_WIDTH 12

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

/* What waits always says for what. */
static const char *
turn_name(const struct stored *m)
{
	static const char *const names[] = {
		[TURN_IN_WORK] = "a handler works on it",
		[TURN_BEHIND] = "behind an earlier message of its chat",
		[TURN_READY] = "for its turn",
		[TURN_LATER] = "for another try",
	};

	if (m->state != STATE_RECEIVED && m->state != STATE_DELIVERED)
		return "";
	return m->hold != HOLD_NONE ? hold_name(m->hold) : names[m->turn];
}

const char *
message_why(const struct stored *m)
{
	return m->reason[0] != '\0' ? m->reason : turn_name(m);
}

static enum err
add_texts(struct buf *b, const struct stored *m)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "key", m->key }, { "state", state_name(m->state) },
		{ "step", step_name(m->step) }, { "reason", message_why(m) },
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
		{ "tries", m->tries },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof(numbers) /
	    sizeof(numbers[0]); i++)
		e = json_add_number(b, numbers[i].name, numbers[i].number);
	return e;
}

static enum err
add_times(struct buf *b, const struct stored *m)
{
	enum err e = when_add_json(b, "received", m->received_us / 1000);

	if (e == ERR_OK)
		e = when_add_json(b, "changed", m->changed_ms);
	return e == ERR_OK ? when_add_json(b, "next", m->next_ms) : e;
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
static bool
is_whole(const struct stored *m)
{
	return m->step == STEP_READ && flat_read(m->body, strlen(m->body),
	    no_value, NULL) == ERR_OK;
}

static enum err
add_body(struct buf *b, const struct stored *m, bool whole)
{
	enum err e = whole ? ERR_OK : buf_addc(b, '{');

	if (e == ERR_OK)
		e = buf_adds(b, m->body);
	return e == ERR_OK && !whole ? buf_addc(b, '}') : e;
}

static enum err
add_message(struct buf *b, const struct stored *m)
{
	bool whole = is_whole(m);
	enum err e = json_add_name(b, whole ? "element" : "message");

	return e == ERR_OK ? add_body(b, m, whole) : e;
}

enum err
message_json(struct buf *b, const struct stored *m, bool full)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = add_texts(b, m);
	if (e == ERR_OK)
		e = add_numbers(b, m);
	if (e == ERR_OK)
		e = add_times(b, m);
	if (e == ERR_OK && m->ids[0] != '\0') {
		e = json_add_name(b, "ids");
		if (e == ERR_OK)
			e = buf_adds(b, m->ids);
	}
	if (e == ERR_OK && full && m->body != NULL)
		e = add_message(b, m);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static const struct {
	enum state state;
	enum paint paint;
} paints[] = { { STATE_REFUSED, PAINT_BAD }, { STATE_ACKNOWLEDGED,
	PAINT_FAINT } };

static enum paint
paint_of(const struct stored *m)
{
	for (size_t i = 0; i < sizeof(paints) / sizeof(paints[0]); i++)
		if (paints[i].state == m->state)
			return paints[i].paint;
	return m->hold != HOLD_NONE || m->reason[0] != '\0' ? PAINT_WARN :
	    PAINT_NONE;
}

/* A hold, and what was said at the last try. */
static void
add_why(struct line *l, const struct stored *m)
{
	const char *why = message_why(m);

	if (m->step != 0)
		line_add(l, "%s: ", step_name(m->step));
	if (m->hold != HOLD_NONE && why == m->reason)
		line_add(l, "%s: ", hold_name(m->hold));
	line_clean(l, why);
	if (m->next_ms != 0) {
		line_add(l, ", next try ");
		line_when(l, m->next_ms);
	}
}

enum err
message_head(struct line *l, const struct terminal *t)
{
	line_add(l, "%-27s  %-12s  %-8s  %s", "KEY", "STATE", "RECEIVED",
	    t->there ? "CONNECTOR/LINE CHAT" : "CONNECTOR/LINE CHAT REASON");
	return line_print(l, t, PAINT_NONE, 0, INDENT);
}

enum err
message_line(struct line *l, const struct terminal *t,
    const struct stored *m)
{
	size_t painted;
	enum err e = ERR_OK;

	line_add(l, "%-27s  %-12s  ", m->key, state_name(m->state));
	painted = l->b.len;
	line_when(l, m->received_us / 1000);
	if (m->connector[0] != '\0') {
		line_add(l, "  ");
		line_clean(l, m->connector);
		line_add(l, "/%" PRId64 " ", m->line);
		line_clean(l, m->chat);
	}
	if (message_why(m)[0] == '\0')
		return line_print(l, t, paint_of(m), painted, INDENT);
	if (t->there) {
		e = line_print(l, t, paint_of(m), painted, INDENT);
		line_add(l, "%*s", INDENT, "");
		painted = 0;
	} else {
		line_add(l, "  ");
	}
	add_why(l, m);
	return e == ERR_OK ? line_print(l, t, paint_of(m), painted, INDENT) :
	    e;
}

/* ---- all that is known of one */

static enum err
print_pair(struct line *l, const char *name, const char *text)
{
	static const struct terminal endless = { .there = false };

	if (text == NULL || text[0] == '\0')
		return ERR_OK;
	line_add(l, "%-*s", NAME_WIDTH, name);
	line_clean(l, text);
	return line_print(l, &endless, PAINT_NONE, 0, 0);
}

static enum err
print_number(struct line *l, const char *name, int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, number);
	return print_pair(l, name, text);
}

static enum err
print_time(struct line *l, const char *name, int64_t ms)
{
	struct buf b;
	const char *text;
	enum err e;

	if (ms == 0)
		return ERR_OK;
	buf_init(&b, 64);
	e = when_add(&b, ms);
	text = e == ERR_OK ? buf_str(&b) : NULL;
	e = text != NULL ? print_pair(l, name, text) : ERR_NOMEM;
	buf_free(&b);
	return e;
}

/* A terminal must not obey it, and it must stay JSON. */
static enum err
print_body(const struct stored *m)
{
	bool whole = m->body != NULL && is_whole(m);
	const char *text;
	struct buf b;
	enum err e;

	if (m->body == NULL)
		return ERR_OK;
	buf_init(&b, (size_t)64 * 1024 * 1024);
	e = add_body(&b, m, whole);
	text = e == ERR_OK ? buf_str(&b) : NULL;
	if (text != NULL) {
		printf("%-*s", NAME_WIDTH, whole ? "element" : "message");
		clean_json(text);
		(void)putchar('\n');
	}
	buf_free(&b);
	return text != NULL ? ERR_OK : ERR_NOMEM;
}

enum err
message_full(struct line *l, const struct stored *m)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "key", m->key }, { "state", state_name(m->state) },
		{ "step", step_name(m->step) }, { "reason", message_why(m) },
		{ "hold", hold_name(m->hold) }, { "event", m->event },
		{ "member_id", m->member_id }, { "domain", m->domain },
		{ "connector", m->connector }, { "chat", m->chat },
		{ "ids", m->ids },
	};
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < sizeof(texts) /
	    sizeof(texts[0]); i++)
		e = print_pair(l, texts[i].name, texts[i].text);
	if (e == ERR_OK && m->connector[0] != '\0')
		e = print_number(l, "line", m->line);
	if (e == ERR_OK && m->connector[0] != '\0')
		e = print_number(l, "chat_id", m->chat_id);
	if (e == ERR_OK)
		e = print_number(l, "message_id", m->message_id);
	if (e == ERR_OK)
		e = print_number(l, "tries", m->tries);
	if (e == ERR_OK)
		e = print_time(l, "received", m->received_us / 1000);
	if (e == ERR_OK)
		e = print_time(l, "changed", m->changed_ms);
	if (e == ERR_OK)
		e = print_time(l, "next try", m->next_ms);
	return e == ERR_OK ? print_body(m) : e;
}
