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
#include <strings.h>

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
	if (from->whole == from->body)
		m->whole = m->body;
	else if (from->whole != NULL)
		m->whole = arena_dup(a, from->whole, from->whole_len);
	if (m->chat == NULL || m->own_id == NULL || m->body == NULL ||
	    (m->whole == NULL && from->whole != NULL))
		return ERR_TOOBIG;
	ev->messages++;
	return ERR_OK;
}

/* Deletes of old portals say DATA; any other DATA is not a list of messages. */
static void
choose_list(struct event *ev)
{
	enum event_shape shape = event_traits(ev->kind)->shape;
	bool of_data = shape >= SHAPE_MESSAGES_OR_DATA;
	size_t n = 0;

	for (size_t i = 0; i < ev->messages; i++)
		if (!ev->message[i].of_data && shape == SHAPE_MESSAGES_OR_DATA)
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

/* A dialog travels whole, as names of its own mean other things. */
static enum err
wrap_dialog(struct event *ev, struct message *m)
{
	static const char name[] = "\"data\":";
	const size_t n = sizeof(name) - 1;
	char *body = arena_alloc(&ev->arena, n + m->whole_len + 1);

	if (body == NULL)
		return ERR_TOOBIG;
	memcpy(body, name, n);
	memcpy(body + n, m->whole, m->whole_len);
	body[n + m->whole_len] = '\0';
	m->body = body;
	m->body_len = n + m->whole_len;
	m->chat_id = m->message_id = 0;
	m->own_id = "";
	m->bad = NULL;
	return ERR_OK;
}

/* What stands for an event that has no messages. */
static enum err
make_messages(struct event *ev)
{
	const struct message one = { .chat = "", .own_id = "", .body = "" };
	enum event_shape shape = event_traits(ev->kind)->shape;
	enum err e = ERR_OK;

	if (shape == SHAPE_DIALOGS) {
		for (size_t i = 0; e == ERR_OK && i < ev->messages; i++)
			e = wrap_dialog(ev, &ev->message[i]);
		return e;
	}
	if (shape != SHAPE_CONNECTOR && shape != SHAPE_LINE)
		return ERR_OK;
	ev->connector = shape == SHAPE_CONNECTOR ? ev->small_connector : NULL;
	ev->line_text = shape == SHAPE_CONNECTOR ? ev->small_line_text :
	    ev->data_text;
	ev->messages = 0;
	return event_keep(ev, &one);
}

/* What the parts of an envelope are called, by shapes. */
static const struct {
	const char *connector, *line, *list;
} names[] = {
	[SHAPE_MESSAGES] = { "data.CONNECTOR", "data.LINE", "data.MESSAGES" },
	[SHAPE_MESSAGES_OR_DATA] = { "data.CONNECTOR", "data.LINE",
	    "data.MESSAGES" },
	[SHAPE_DIALOGS] = { "data.CONNECTOR", "data.LINE", "data.DATA" },
	[SHAPE_CONNECTOR] = { "data.connector", "data.line", NULL },
	[SHAPE_LINE] = { NULL, "data", NULL },
};

static enum err
check_envelope(struct event *ev, enum event_shape shape, struct problem *p)
{
	if (ev->member_id == NULL || ev->member_id[0] == '\0')
		return unusable(p, "auth.member_id", "is missing");
	if (shape != SHAPE_LINE && (ev->connector == NULL ||
	    ev->connector[0] == '\0'))
		return unusable(p, names[shape].connector, "is missing");
	if (ev->line_text == NULL)
		return unusable(p, names[shape].line, "is missing");
	if (!number_read(ev->line_text, &ev->line) || ev->line < 1)
		return unusable(p, names[shape].line,
		    "must be a number from 1 to 9223372036854775807");
	if (ev->messages == 0)
		return unusable(p, names[shape].list, "is missing");
	return ERR_OK;
}

static bool
is_page(const struct event *ev)
{
	return ev->name == NULL && ev->page.placement != NULL &&
	    (ev->page.auth_id != NULL || ev->page.form != NULL);
}

bool
event_is_of_app(const struct event *ev)
{
	return is_page(ev) || (ev->name != NULL &&
	    (strcasecmp(ev->name, "ONAPPINSTALL") == 0 ||
	    strcasecmp(ev->name, "ONAPPUPDATE") == 0));
}

static enum err
check_page(struct event *ev)
{
	ev->kind = EVENT_PAGE;
	ev->access_token = ev->page.auth_id;
	ev->refresh_token = ev->page.refresh_id;
	ev->server_endpoint = ev->page.server_endpoint;
	ev->application_token = ev->page.application_token;
	ev->member_id = ev->page.member_id;
	ev->client_endpoint = NULL;
	return ERR_OK;
}

enum err
event_check(struct event *ev, struct problem *p)
{
	enum event_shape shape;

	if (is_page(ev))
		return check_page(ev);
	if (ev->name == NULL || ev->name[0] == '\0')
		return unusable(p, "event", "is missing");
	for (char *c = ev->name; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	ev->kind = event_kind_of(ev->name);
	if (!number_read(ev->ts_text, &ev->ts) || ev->ts < 0)
		ev->ts = -1;
	shape = event_traits(ev->kind)->shape;
	if (shape == SHAPE_NONE)
		return ERR_OK;
	choose_list(ev);
	if (make_messages(ev) != ERR_OK)
		return problem_set(p, ERR_TOOBIG, -1, NULL,
		    "the event is too large");
	if (ev->messages > 1)
		qsort(ev->message, ev->messages, sizeof(*ev->message),
		    compare);
	return check_envelope(ev, shape, p);
}

void
event_free(struct event *ev)
{
	size_t max = ev->arena.max;

	arena_free(&ev->arena);
	event_init(ev, max);
}
