/*
 * imconnectorctl lines, activate and deactivate.
 *
 * Called by the table of commands.  Owns nothing beyond a command.
 */
#include "ctl/portal_act.h"

#include "base/number.h"
#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/portal_call.h"
#include "portal/activation.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 200		/* what Bitrix24 gives at once */
#define NAME_MAX_BYTES 200
#define OBJECT_MAX ((size_t)64 * 1024)

struct open_line {
	int64_t id;
	bool active;
	char name[NAME_MAX_BYTES];
};

struct open_lines {
	struct open_line line[LINES_MAX];
	size_t n;
	long index;		/* of the element at hand */
};

static enum err
list_params(const struct method_call *m, struct buf *b)
{
	(void)m;
	return buf_adds(b, ",\"PARAMS\":{\"select\":[\"ID\",\"LINE_NAME\","
	    "\"ACTIVE\"],\"order\":{\"ID\":\"ASC\"},\"limit\":200}");
}

static enum err
each_value(void *ctx, const char *path, const char *s, size_t n)
{
	static const char head[] = "result.";
	struct open_lines *all = ctx;
	char *end, text[NUMBER_TEXT_MAX];
	struct open_line *l;
	long index;

	if (s == NULL || strncmp(path, head, sizeof(head) - 1) != 0)
		return ERR_OK;
	index = strtol(path + sizeof(head) - 1, &end, 10);
	if (*end != '.' || (index != all->index && all->n == LINES_MAX))
		return ERR_OK;
	if (index != all->index)
		all->line[all->n++] = (struct open_line){ .id = 0 };
	all->index = index;
	l = &all->line[all->n - 1];
	(void)snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ?
	    n : 0), s);
	if (strcmp(end, ".ID") == 0)
		(void)number_read(text, &l->id);
	else if (strcmp(end, ".LINE_NAME") == 0)
		(void)snprintf(l->name, sizeof(l->name), "%.*s", (int)n, s);
	else if (strcmp(end, ".ACTIVE") == 0)
		l->active = n == 1 && (s[0] == 'Y' || s[0] == '1');
	return ERR_OK;
}

/* Says that a call failed; the exit code tells why. */
static void
say_failed(struct ctl *ctl, const struct method_call *m)
{
	fprintf(stderr, "imconnectorctl: %s: %s\n", m->name, m->reason);
	ctl->code = call_code(m->end);
}

static bool
read_lines(struct ctl *ctl, const char *member_id, struct open_lines *all)
{
	struct method_call m = { .name = "imopenlines.config.list.get",
	    .params = list_params };
	bool ok = call_now(ctl, &m, member_id) == METHOD_OK;

	*all = (struct open_lines){ .index = -1 };
	if (ok)
		(void)method_values(&m, each_value, all);
	else
		say_failed(ctl, &m);
	method_free(&m);
	return ok;
}

/* Whose state is asked for. */
struct asking_state {
	struct method_call m;	/* first */
	const char *connector;
	int64_t line;
};

static enum err
state_params(const struct method_call *m, struct buf *b)
{
	const struct asking_state *a = (const struct asking_state *)m;

	return connector_params(b, a->connector, a->line);
}

static const char *
state_text(const struct connector_state *s)
{
	if (s->works)
		return "on";
	return s->error ? "error" : "off";
}

/* NULL: it could not be learnt, which was said. */
static const char *
ask_state(struct ctl *ctl, const char *member_id, const char *connector,
    int64_t line)
{
	struct asking_state a = { .m = { .name = "imconnector.status",
	    .params = state_params }, .connector = connector, .line = line };
	struct connector_state s;
	bool ok = call_now(ctl, &a.m, member_id) == METHOD_OK &&
	    connector_state_read(&s, &a.m) == ERR_OK;

	if (!ok)
		say_failed(ctl, &a.m);
	method_free(&a.m);
	return ok ? state_text(&s) : NULL;
}

static enum err
add_line(struct buf *b, const struct open_line *l)
{
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_number(b, "line", l->id);
	if (e == ERR_OK)
		e = json_add_text(b, "name", l->name);
	if (e == ERR_OK)
		e = json_add_name(b, "active");
	if (e == ERR_OK)
		e = buf_adds(b, l->active ? "true" : "false");
	if (e == ERR_OK)
		e = json_add_name(b, "connectors");
	return e == ERR_OK ? buf_addc(b, '{') : e;
}

static void
print_name(const struct open_line *l)
{
	printf("%" PRId64 " ", l->id);
	clean_text(l->name);
	(void)fputs(l->active ? "" : " (switched off)", stdout);
}

static enum err
print_line(struct ctl *ctl, const char *member_id, const struct open_line *l,
    const struct portal_list *connectors)
{
	bool json = ctl->a.given[ARG_JSON] != NULL;
	struct buf b;
	enum err e;

	buf_init(&b, OBJECT_MAX);
	e = add_line(&b, l);
	if (!json)
		print_name(l);
	for (size_t i = 0; e == ERR_OK && i < connectors->n; i++) {
		const char *c = connectors->member_id[i];
		const char *state = ask_state(ctl, member_id, c, l->id);

		e = json_add_text(&b, c, state);
		if (!json && state != NULL)
			printf(", %s: %s", c, state);
	}
	if (e == ERR_OK)
		e = buf_adds(&b, "}}");
	if (e == ERR_OK && buf_str(&b) == NULL)
		e = ERR_NOMEM;
	if (e == ERR_OK && json)
		clean_json(b.p);
	if (!json)
		(void)putchar('\n');
	buf_free(&b);
	return e;
}

static enum err
print_lines(struct ctl *ctl, const char *member_id,
    const struct portal_list *connectors)
{
	bool json = ctl->a.given[ARG_JSON] != NULL;
	struct open_lines *all = calloc(1, sizeof(*all));
	enum err e = all != NULL ? ERR_OK : ERR_NOMEM;
	bool ok = e == ERR_OK && read_lines(ctl, member_id, all);

	if (ok && json)
		(void)putchar('[');
	for (size_t i = 0; ok && e == ERR_OK && i < all->n; i++) {
		(void)fputs(json && i != 0 ? ",\n" : "", stdout);
		e = print_line(ctl, member_id, &all->line[i], connectors);
	}
	if (ok && json)
		(void)fputs("]\n", stdout);
	else if (ok && all->n == 0)
		(void)fputs("the portal has no open line\n", stdout);
	free(all);
	return e;
}

static enum err
no_memory(struct problem *p, enum err e)
{
	return e == ERR_OK || p->err != ERR_OK ? e : problem_set(p, e, -1,
	    NULL, "out of memory");
}

enum err
lines_command(struct ctl *ctl, struct problem *p)
{
	struct portal_list connectors;
	char *member_id = NULL;
	enum err e = connector_list(ctl->s.config, &connectors, p);

	if (e == ERR_OK)
		e = portal_pick(ctl, &member_id, p);
	if (e == ERR_OK)
		e = print_lines(ctl, member_id, &connectors);
	portal_list_free(&connectors);
	free(member_id);
	return no_memory(p, e);
}

/* The connector that is meant, out of ours. */
static enum err
pick_connector(const struct ctl *ctl, const struct portal_list *ours,
    const char **out, struct problem *p)
{
	const char *given = ctl->a.given[ARG_CONNECTOR];

	*out = NULL;
	for (size_t i = 0; i < ours->n; i++)
		if (given != NULL ? strcmp(given, ours->member_id[i]) == 0 :
		    ours->n == 1)
			*out = ours->member_id[i];
	if (*out != NULL)
		return ERR_OK;
	return problem_set(p, ERR_UNUSABLE, -1, NULL, given != NULL ?
	    "the configuration has no such connector: its ID is in lower case"
	    : ours->n == 0 ? "the configuration names no connector: give it a "
	    "section [connector ID] with a name" : "several connectors are "
	    "ours: say which with --connector");
}

struct activating {
	struct activation a;	/* first */
	bool over;
};

static void
on_done(struct activation *a)
{
	((struct activating *)a)->over = true;
}

static void
print_end(struct ctl *ctl, const struct activation *a)
{
	ctl->code = call_code(a->end);
	if (a->end != METHOD_OK)
		fprintf(stderr, "imconnectorctl: %s\n", a->reason);
	else if (ctl->a.given[ARG_JSON] != NULL)
		printf("{\"line\":%" PRId64 ",\"connector\":\"%s\","
		    "\"state\":\"%s\"}\n", a->line, a->connector,
		    state_text(&a->state));
	else
		printf("line %" PRId64 ", %s: %s\n", a->line, a->connector,
		    state_text(&a->state));
}

static enum err
switch_line(struct ctl *ctl, const char *connector, bool on,
    struct problem *p)
{
	const struct config *c = ctl->s.config;
	struct activating t = { .a = { .done = on_done,
	    .rooms = relay_rooms(ctl->s.relay), .connector = connector,
	    .on = on, .seen = call_shown(ctl),
	    .name = config_channel_for(c, connector, 0)->as.name } };
	char *member_id = NULL;
	enum err e;

	if (!number_read(ctl->a.operand[0], &t.a.line) || t.a.line < 1)
		return problem_set(p, ERR_UNUSABLE, -1, NULL, "LINE is the "
		    "number of an open line; see 'imconnectorctl lines'");
	e = portal_pick(ctl, &member_id, p);
	if (e == ERR_OK) {
		t.a.member_id = member_id;
		activation_start(&t.a);
		call_wait(ctl, &t.over);
		print_end(ctl, &t.a);
	}
	free(member_id);
	return e;
}

static enum err
switch_command(struct ctl *ctl, bool on, struct problem *p)
{
	struct portal_list ours;
	const char *connector;
	enum err e = connector_list(ctl->s.config, &ours, p);

	if (e == ERR_OK)
		e = pick_connector(ctl, &ours, &connector, p);
	if (e == ERR_OK)
		e = switch_line(ctl, connector, on, p);
	portal_list_free(&ours);
	return e;
}

enum err
activate_command(struct ctl *ctl, struct problem *p)
{
	return switch_command(ctl, true, p);
}

enum err
deactivate_command(struct ctl *ctl, struct problem *p)
{
	return switch_command(ctl, false, p);
}
