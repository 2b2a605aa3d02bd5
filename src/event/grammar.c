/*
 * The grammar of an event, by path, whatever the order of keys.
 *
 * Fed by a reader through codec/sax.h; opened by web/read.c for each
 * request.  Owns the tree of the element at hand and the list of elements
 * that are closed.  A problem ends the reading; what was kept in the event
 * is then worth nothing, and nobody acts on it.
 */
#include "event/grammar.h"

#include "base/buf.h"
#include "base/number.h"
#include "codec/word.h"
#include "event/render.h"
#include "event/tree.h"

#include <stdlib.h>
#include <string.h>

#define FIELD_MAX_BYTES 4096	/* of a field of the envelope */
#define LINE_MAX_BYTES 20	/* of a line's number as text */
#define BODY_FIRST 1000		/* most bodies fit, and it is cheap to get */
#define PLACES_MAX (1 << 18)	/* keys and items in one event */

enum place {
	AT_ROOT,
	AT_DATA,
	AT_AUTH,
	AT_TEXT,	/* a field of the envelope that is kept, or is not */
	AT_LIST,	/* MESSAGES or DATA */
	AT_OTHER	/* what nobody asks for */
};
#define PLACES_WITH_RULES (AT_AUTH + 1)

/* What stands under a place, by name.  `once`: a second value is an error. */
struct rule {
	const char *key;	/* NULL ends a place's rules */
	size_t key_len;
	enum place place;
	size_t field;	/* offset in struct event, or NOT_KEPT */
	bool once;
	const char *name;
};

#define NOT_KEPT SIZE_MAX	/* only looked at for repeats */
#define FIELD(f) offsetof(struct event, f)
#define KEY(k) k, sizeof(k) - 1
#define AUTH(f) { KEY(#f), AT_TEXT, FIELD(f), true, "auth." #f }
#define UNUSED(key) { KEY(key), AT_TEXT, NOT_KEPT, true, "auth." key }
#define PAGE(key, f) { KEY(key), AT_TEXT, FIELD(page.f), true, key }

static const struct rule at_root[] = {
	{ KEY("event"), AT_TEXT, FIELD(name), true, "event" },
	{ KEY("data"), AT_DATA, FIELD(data_text), false, "data" },
	{ KEY("ts"), AT_TEXT, FIELD(ts_text), false, "ts" },
	{ KEY("auth"), AT_AUTH, 0, false, "auth" },
	PAGE("AUTH_ID", auth_id), PAGE("REFRESH_ID", refresh_id),
	PAGE("SERVER_ENDPOINT", server_endpoint),
	PAGE("APPLICATION_TOKEN", application_token),
	PAGE("member_id", member_id), PAGE("PLACEMENT", placement),
	PAGE("PLACEMENT_OPTIONS", options), PAGE("imconnector_form", form),
	PAGE("imconnector_act", act),
	{ .key = NULL },
};

static const struct rule at_data[] = {
	{ KEY("CONNECTOR"), AT_TEXT, FIELD(connector), true,
	    "data.CONNECTOR" },
	{ KEY("LINE"), AT_TEXT, FIELD(line_text), true, "data.LINE" },
	{ KEY("connector"), AT_TEXT, FIELD(small_connector), true,
	    "data.connector" },
	{ KEY("line"), AT_TEXT, FIELD(small_line_text), true, "data.line" },
	{ KEY("MESSAGES"), AT_LIST, 0, false, "data.MESSAGES" },
	{ KEY("DATA"), AT_LIST, 0, false, "data.DATA" },
	{ .key = NULL },
};

static const struct rule at_auth[] = {
	AUTH(application_token), AUTH(access_token), AUTH(member_id),
	AUTH(domain), AUTH(client_endpoint), AUTH(server_endpoint),
	AUTH(refresh_token),
	UNUSED("expires"), UNUSED("expires_in"),
	UNUSED("scope"), UNUSED("status"),
	UNUSED("user_id"),
	{ .key = NULL },
};

static const struct rule *const rules[PLACES_WITH_RULES] = {
	[AT_ROOT] = at_root, [AT_DATA] = at_data, [AT_AUTH] = at_auth,
};

/* Identifiers within an element: a second value is an error there, too. */
static const struct {
	const char *container, *key, *name;
} identifiers[] = {
	{ "im", "chat_id", "im.chat_id" },
	{ "im", "message_id", "im.message_id" },
	{ "chat", "id", "chat.id" },
	{ "message", "id", "message.id" },
};

struct grammar {
	struct sax sax;
	struct event *ev;
	enum err (*each)(void *, const struct message *);
	void *ctx;
	struct problem *problem;
	unsigned char place[SAX_DEPTH_MAX + 1];	/* enum place */
	const struct rule *rule[SAX_DEPTH_MAX + 1];
	size_t depth;
	size_t element_depth;	/* of the element's root, 0: in none */
	size_t places;
	uint32_t seen[PLACES_WITH_RULES];	/* rules that had their value */
	struct tree tree;
	struct buf body;
	struct buf whole;
	struct buf own_id;
	struct message message;	/* the element at hand */
	struct closed {
		int64_t index;
		bool of_data;
	} *closed;
	size_t closed_n, closed_cap;
	int64_t next_index[2];	/* above all closed ones; [1]: of DATA */
};

_Static_assert(sizeof(at_root) <= 33 * sizeof(struct rule),
    "seen is a set of 32 rules");

static enum err __attribute__((noinline))
fail(struct grammar *g, enum err e, const char *field, const char *why)
{
	return problem_set(g->problem, e, -1, field, "%s%s%s",
	    field != NULL ? field : "", field != NULL ? " " : "", why);
}

static const struct rule *
find_rule(enum place under, const char *key, size_t n)
{
	for (const struct rule *r = rules[under]; r->key != NULL; r++)
		if (r->key_len == n && word_same(r->key, key, n))
			return r;
	return NULL;
}

/* Senders count upwards, so nearly every index is a new highest one. */
static bool
is_closed(const struct grammar *g)
{
	const struct message *m = &g->message;

	if (m->index >= g->next_index[m->of_data])
		return false;
	for (size_t i = 0; i < g->closed_n; i++)
		if (g->closed[i].index == m->index &&
		    g->closed[i].of_data == m->of_data)
			return true;
	return false;
}

static bool
read_index(struct grammar *g, const char *key, size_t n)
{
	char text[24];

	if (key == NULL) {	/* as in PHP: the next one that is free */
		g->message.index = g->next_index[g->message.of_data];
		return true;
	}
	if (n >= sizeof(text))
		return false;
	memcpy(text, key, n);
	text[n] = '\0';
	return number_read(text, &g->message.index) &&
	    g->message.index >= 0 && g->message.index < INT64_MAX;
}

static enum err
element_begin(struct grammar *g, const struct rule *list, const char *key,
    size_t n)
{
	g->message = (struct message){ .of_data = list->key[0] == 'D' };
	if (!read_index(g, key, n)) {
		g->place[g->depth] = AT_OTHER;	/* no list of messages */
		return ERR_OK;
	}
	if (is_closed(g))
		return fail(g, ERR_INPUT, list->name,
		    "goes back to an element that is closed");
	if (g->closed_n == EVENT_MESSAGES_MAX)
		return fail(g, ERR_TOOBIG, list->name, "has too many elements");
	g->element_depth = g->depth;
	return tree_reset(&g->tree);
}

/* A whole number from 1 on, or the element is useless. */
static void
need_id(struct grammar *g, const struct node *c, const char *name,
    int64_t *out)
{
	if (g->message.bad == NULL && (c == NULL || c->kind != NODE_TEXT ||
	    !number_read(c->text, out) || *out < 1))
		g->message.bad = name;
}

static void
need_chat(struct grammar *g)
{
	const struct node *c = node_child(node_child(g->tree.root, "chat"),
	    "id");

	if (c != NULL && c->kind == NODE_TEXT && c->text_len != 0)
		g->message.chat = c->text;
	else if (g->message.bad == NULL)
		g->message.bad = "chat.id";
}

static enum err
render(struct grammar *g)
{
	struct message *m = &g->message;
	const struct node *id = node_child(node_child(g->tree.root, "message"),
	    "id");
	enum err e = ERR_OK;

	buf_reset(&g->body);
	buf_reset(&g->whole);
	buf_reset(&g->own_id);
	(void)buf_reserve(&g->body, BODY_FIRST);
	if (id != NULL && node_shows(id))
		e = render_node(&g->own_id, id);
	if (e == ERR_OK)
		e = m->bad == NULL ? render_element(&g->body, g->tree.root) :
		    render_node(&g->body, g->tree.root);
	if (e == ERR_OK && m->of_data && m->bad == NULL)
		e = render_node(&g->whole, g->tree.root);
	m->own_id = g->own_id.len != 0 ? buf_str(&g->own_id) : "";
	m->body = buf_str(&g->body);
	m->body_len = g->body.len;
	m->whole = m->of_data ? m->body : NULL;
	m->whole_len = m->of_data ? m->body_len : 0;
	if (m->of_data && m->bad == NULL) {
		m->whole = buf_str(&g->whole);
		m->whole_len = g->whole.len;
	}
	if (e == ERR_OK && (m->own_id == NULL || m->body == NULL ||
	    (m->of_data && m->whole == NULL)))
		e = ERR_NOMEM;
	return e;
}

static enum err
remember_closed(struct grammar *g)
{
	size_t cap = g->closed_cap != 0 ? g->closed_cap * 2 : 8;
	int64_t *next = &g->next_index[g->message.of_data];
	struct closed *c = g->closed;

	if (g->closed_n == g->closed_cap) {
		c = realloc(c, cap * sizeof(*c));
		if (c == NULL)
			return ERR_NOMEM;
		g->closed = c;
		g->closed_cap = cap;
	}
	c[g->closed_n++] = (struct closed){ g->message.index,
	    g->message.of_data };
	if (g->message.index >= *next)
		*next = g->message.index + 1;
	return ERR_OK;
}

/* An element is complete: the per-message callback. */
static enum err __attribute__((noinline))
element_end(struct grammar *g)
{
	const struct node *im = node_child(g->tree.root, "im");
	struct message *m = &g->message;
	enum err e;

	m->chat = "";
	need_id(g, node_child(im, "chat_id"), "im.chat_id", &m->chat_id);
	need_id(g, node_child(im, "message_id"), "im.message_id",
	    &m->message_id);
	need_chat(g);
	e = remember_closed(g);
	if (e == ERR_OK && node_shows(g->tree.root)) {
		e = render(g);
		if (e == ERR_OK)
			e = g->each(g->ctx, m);
	}
	g->element_depth = 0;
	if (e == ERR_TOOBIG)
		return fail(g, e, NULL, "the event is too large");
	return e == ERR_OK ? e : fail(g, e, NULL, "out of memory");
}

/* A place has its second value: for an identifier that is an error. */
static enum err __attribute__((noinline))
refuse_identifier(struct grammar *g)
{
	const struct node *at = g->tree.at, *up = at->parent;

	if (up == NULL || up->parent != g->tree.root)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(identifiers) / sizeof(identifiers[0]);
	    i++)
		if (strcmp(up->key, identifiers[i].container) == 0 &&
		    strcmp(at->key, identifiers[i].key) == 0)
			return fail(g, ERR_INPUT, identifiers[i].name,
			    "is given twice in one element");
	return ERR_OK;
}

/* Steps along the envelope. */
static enum err __attribute__((noinline))
envelope_enter(struct grammar *g, const char *key, size_t n)
{
	enum place under = g->place[g->depth - 1];
	const struct rule *rule = NULL;

	if (under == AT_LIST)
		return element_begin(g, g->rule[g->depth - 1], key, n);
	if (under <= AT_AUTH)
		rule = find_rule(under, key, n);
	g->rule[g->depth] = rule;
	g->place[g->depth] = (unsigned char)(rule != NULL ? rule->place :
	    AT_OTHER);
	return ERR_OK;
}

static enum err
on_enter(void *ctx, const char *key, size_t n)
{
	struct grammar *g = ctx;
	enum err e;

	if (g->places++ == PLACES_MAX)
		return fail(g, ERR_TOOBIG, NULL, "too many values");
	g->depth++;	/* the readers bound it */
	if (g->element_depth == 0)
		return envelope_enter(g, key, n);
	/* the tree knows where; whatever comes where a text was, a container
	 * too, is a second value */
	e = tree_enter(&g->tree, key, n);
	return e == ERR_OK && g->tree.at->kind == NODE_TEXT ?
	    refuse_identifier(g) : e;
}

static enum err __attribute__((noinline))
keep_field(struct grammar *g, const struct rule *rule, const char *s, size_t n)
{
	enum place under = g->place[g->depth - 1];
	uint32_t bit = (uint32_t)1 << (rule - rules[under]);
	char *text = NULL;

	if (rule->once && (g->seen[under] & bit) != 0)
		return fail(g, ERR_INPUT, rule->name, "is given twice");
	g->seen[under] |= bit;
	if (n > FIELD_MAX_BYTES)
		return fail(g, ERR_TOOBIG, rule->name, "is too long");
	if (rule->field == NOT_KEPT)
		return ERR_OK;
	if (s != NULL) {
		text = arena_dup(&g->ev->arena, s, n);
		if (text == NULL)
			return fail(g, ERR_TOOBIG, NULL,
			    "the event is too large");
	}
	memcpy((char *)g->ev + rule->field, &text, sizeof(text));
	return ERR_OK;
}

static enum err
on_value(void *ctx, const char *s, size_t n)
{
	struct grammar *g = ctx;
	enum err e = ERR_OK;

	if (g->element_depth == 0)
		return g->place[g->depth] == AT_TEXT ||
		    (g->place[g->depth] == AT_DATA && n <= LINE_MAX_BYTES) ?
		    keep_field(g, g->rule[g->depth], s, n) : ERR_OK;
	if (g->tree.at->kind == NODE_TREE)
		e = refuse_identifier(g);
	return e == ERR_OK ? tree_value(&g->tree, s, n) : e;
}

static enum err
on_leave(void *ctx)
{
	struct grammar *g = ctx;
	size_t depth = g->depth--;

	if (g->element_depth == 0)
		return ERR_OK;
	if (depth == g->element_depth)
		return element_end(g);
	tree_leave(&g->tree);
	return ERR_OK;
}

enum err
grammar_new(struct grammar **out, struct event *ev, size_t element_max,
    enum err (*each)(void *, const struct message *), void *ctx,
    struct problem *problem)
{
	struct grammar *g = malloc(sizeof(*g));

	*out = g;
	if (g == NULL)
		return problem_set(problem, ERR_NOMEM, -1, NULL,
		    "out of memory");
	*g = (struct grammar){ .sax = { on_enter, on_value, on_leave, g },
	    .ev = ev, .each = each, .ctx = ctx, .problem = problem };
	/* nodes beside the texts; rendering adds quotes and names */
	tree_init(&g->tree, element_max + (1 << 20), problem);
	buf_init(&g->body, 4 * element_max + (1 << 16));
	buf_init(&g->whole, 4 * element_max + (1 << 16));
	buf_init(&g->own_id, 4 * element_max + (1 << 16));
	return ERR_OK;
}

const struct sax *
grammar_sax(const struct grammar *g)
{
	return &g->sax;
}

void
grammar_free(struct grammar *g)
{
	if (g == NULL)
		return;
	tree_free(&g->tree);
	buf_free(&g->body);
	buf_free(&g->whole);
	buf_free(&g->own_id);
	free(g->closed);
	free(g);
}
