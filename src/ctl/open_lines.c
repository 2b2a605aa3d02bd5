/*
 * Open lines of a portal, as Bitrix24 tells.
 *
 * Called by commands.  Owns nothing: what is read is the caller's.
 */
#include "ctl/open_lines.h"

#include "base/number.h"
#include "ctl/portal_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	if (*end != '.' || (index != all->index && all->n == OPEN_LINES_MAX))
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

/* How a call ended whose answer was read with `read`. */
static enum method_end
end_of(const struct method_call *m, enum err read,
    char reason[OPEN_LINES_REASON])
{
	bool bad = m->end == METHOD_OK && read != ERR_OK;

	(void)snprintf(reason, OPEN_LINES_REASON, "%s: %s", m->name, bad ?
	    "the answer cannot be understood" : m->reason);
	return bad ? METHOD_AGAIN : m->end;
}

enum method_end
open_lines_read(struct ctl *ctl, const char *member_id,
    struct open_lines *all, char reason[OPEN_LINES_REASON])
{
	struct method_call m = { .name = "imopenlines.config.list.get",
	    .params = list_params };
	enum method_end end;
	enum err e = ERR_OK;

	*all = (struct open_lines){ .index = -1 };
	if (call_now(ctl, &m, member_id) == METHOD_OK)
		e = method_values(&m, each_value, all);
	end = end_of(&m, e, reason);
	method_free(&m);
	return end;
}

/* Whose state is asked for. */
struct asking_state {
	struct method_call m;	/* first */
	const struct open_line_asking *of;
};

static enum err
state_params(const struct method_call *m, struct buf *b)
{
	const struct open_line_asking *of =
	    ((const struct asking_state *)m)->of;

	return connector_params(b, of->connector, of->line);
}

enum method_end
open_line_ask(struct ctl *ctl, struct open_line_asking *of)
{
	struct asking_state a = { .m = { .name = "imconnector.status",
	    .params = state_params }, .of = of };
	enum method_end end;
	enum err e = ERR_OK;

	if (call_now(ctl, &a.m, of->member_id) == METHOD_OK)
		e = connector_state_read(&of->state, &a.m);
	end = end_of(&a.m, e, of->reason);
	method_free(&a.m);
	return end;
}

const char *
open_line_word(const struct connector_state *s)
{
	if (s->works)
		return "on";
	return s->error ? "error" : "off";
}
