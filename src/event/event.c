/*
 * The model of an event, and whether its envelope can be used.
 *
 * Filled by event/grammar.c, judged once by the relay after the sender
 * proved who it is.  Owns everything that was read, in one arena.
 */
#include "event/event.h"

#include "base/number.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void
event_init(struct event *ev, size_t max)
{
	*ev = (struct event){ .ts = -1 };
	arena_init(&ev->arena, max);
}

static enum err
more_room(struct event *ev)
{
	size_t cap = ev->messages_cap != 0 ? ev->messages_cap * 2 : 4;
	struct message *m;

	if (ev->messages == EVENT_MESSAGES_MAX)
		return ERR_TOOBIG;
	if (ev->messages < ev->messages_cap)
		return ERR_OK;
	m = arena_alloc(&ev->arena, cap * sizeof(*m));
	if (m == NULL)
		return ERR_TOOBIG;
	if (ev->messages != 0)
		memcpy(m, ev->message, ev->messages * sizeof(*m));
	ev->message = m;
	ev->messages_cap = cap;
	return ERR_OK;
}

enum err
event_keep(void *ctx, const struct message *from)
{
	struct event *ev = ctx;
	struct arena *a = &ev->arena;
	enum err e = more_room(ev);
	struct message *m;

	if (e != ERR_OK)
		return e;
	m = &ev->message[ev->messages];
	*m = *from;
	m->seq = ev->messages;
	m->chat = arena_dup(a, from->chat, strlen(from->chat));
	m->own_id = arena_dup(a, from->own_id, strlen(from->own_id));
	m->body = arena_dup(a, from->body, from->body_len);
	if (m->chat == NULL || m->own_id == NULL || m->body == NULL)
		return ERR_TOOBIG;
	ev->messages++;
	return ERR_OK;
}

static enum event_kind
kind_of(const char *name)
{
	static const struct {
		const char *name;
		enum event_kind kind;
	} kinds[] = {
		{ "ONIMCONNECTORMESSAGEADD", EVENT_ADD },
		{ "ONIMCONNECTORMESSAGEUPDATE", EVENT_UPDATE },
		{ "ONIMCONNECTORMESSAGEDELETE", EVENT_DELETE },
		{ "ONAPPINSTALL", EVENT_INSTALL },
		{ "ONAPPUNINSTALL", EVENT_UNINSTALL },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return EVENT_OTHER;
}

/* Deletes of old portals say DATA; any other DATA is not a list of messages. */
static void
choose_list(struct event *ev)
{
	bool of_data = ev->kind == EVENT_DELETE;
	size_t n = 0;

	for (size_t i = 0; i < ev->messages; i++)
		if (!ev->message[i].of_data)
			of_data = false;
	for (size_t i = 0; i < ev->messages; i++)
		if (ev->message[i].of_data == of_data)
			ev->message[n++] = ev->message[i];
	ev->messages = n;
}

/* By (message_id, arrival): the order of one chat. */
static int
compare(const void *left, const void *right)
{
	const struct message *a = left, *b = right;

	if (a->message_id != b->message_id)
		return a->message_id < b->message_id ? -1 : 1;
	return a->seq < b->seq ? -1 : 1;
}

static enum err
unusable(struct problem *p, const char *field, const char *why)
{
	return problem_set(p, ERR_UNUSABLE, -1, field, "%s %s", field, why);
}

static enum err
check_envelope(struct event *ev, struct problem *p)
{
	if (ev->member_id == NULL || ev->member_id[0] == '\0')
		return unusable(p, "auth.member_id", "is missing");
	if (ev->connector == NULL || ev->connector[0] == '\0')
		return unusable(p, "data.CONNECTOR", "is missing");
	if (ev->line_text == NULL)
		return unusable(p, "data.LINE", "is missing");
	if (!number_read(ev->line_text, &ev->line) || ev->line < 1)
		return unusable(p, "data.LINE",
		    "must be a number from 1 to 9223372036854775807");
	if (ev->messages == 0)
		return unusable(p, "data.MESSAGES", "is missing");
	return ERR_OK;
}

enum err
event_check(struct event *ev, struct problem *p)
{
	if (ev->name == NULL || ev->name[0] == '\0')
		return unusable(p, "event", "is missing");
	for (char *c = ev->name; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	ev->kind = kind_of(ev->name);
	if (!number_read(ev->ts_text, &ev->ts) || ev->ts < 0)
		ev->ts = -1;
	if (ev->kind < EVENT_ADD || ev->kind > EVENT_DELETE)
		return ERR_OK;
	choose_list(ev);
	if (ev->messages > 1)
		qsort(ev->message, ev->messages, sizeof(*ev->message),
		    compare);
	return check_envelope(ev, p);
}

void
event_free(struct event *ev)
{
	size_t max = ev->arena.max;

	arena_free(&ev->arena);
	event_init(ev, max);
}
