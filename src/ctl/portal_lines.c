/*
 * imconnectorctl lines, activate and deactivate.
 *
 * Called by the table of commands.  Owns nothing beyond a command.
 */
#include "ctl/portal_act.h"

#include "base/number.h"
#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/open_lines.h"
#include "ctl/portal_call.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT_MAX ((size_t)64 * 1024)

/* Says that a call failed; the exit code tells why. */
static void
say_failed(struct ctl *ctl, enum method_end end, const char *reason)
{
	fprintf(stderr, "imconnectorctl: %s\n", reason);
	ctl->code = call_code(end);
}

static bool
read_lines(struct ctl *ctl, const char *member_id, struct open_lines *all)
{
	char reason[OPEN_LINES_REASON];
	enum method_end end = open_lines_read(ctl, member_id, all, reason);

	if (end != METHOD_OK)
		say_failed(ctl, end, reason);
	return end == METHOD_OK;
}

/* NULL: it could not be learnt, which was said. */
static const char *
ask_state(struct ctl *ctl, const char *member_id, const char *connector,
    int64_t line)
{
	struct open_line_asking a = { .member_id = member_id,
	    .connector = connector, .line = line };
	enum method_end end = open_line_ask(ctl, &a);

	if (end != METHOD_OK)
		say_failed(ctl, end, a.reason);
	return end == METHOD_OK ? open_line_word(&a.state) : NULL;
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
		    open_line_word(&a->state));
	else
		printf("line %" PRId64 ", %s: %s\n", a->line, a->connector,
		    open_line_word(&a->state));
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
		e = connector_pick(ctl, &ours, &connector, p);
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
