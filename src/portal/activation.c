/*
 * A connector on an open line: on, off, and how it stands.
 *
 * Called by the settings page and by the operator's tool.  Owns the call that
 * is on its way.  Each call may be repeated.
 */
#include "portal/activation.h"

#include "codec/json_write.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct activation *
of_call(const struct method_call *m)
{
	return (const struct activation *)((const char *)m -
	    offsetof(struct activation, call));
}

enum err
connector_params(struct buf *b, const char *connector, int64_t line)
{
	enum err e = json_add_text(b, "CONNECTOR", connector);

	return e == ERR_OK ? json_add_number(b, "LINE", line) : e;
}

static enum err
activate_params(const struct method_call *m, struct buf *b)
{
	const struct activation *a = of_call(m);
	enum err e = connector_params(b, a->connector, a->line);

	return e == ERR_OK ? json_add_text(b, "ACTIVE", a->on ? "1" : "0") :
	    e;
}

static enum err
data_params(const struct method_call *m, struct buf *b)
{
	const struct activation *a = of_call(m);
	char id[160];
	enum err e = connector_params(b, a->connector, a->line);

	(void)snprintf(id, sizeof(id), "%s_%" PRId64, a->connector, a->line);
	if (e == ERR_OK)
		e = json_add_name(b, "DATA");
	if (e == ERR_OK)
		e = buf_addc(b, '{');
	if (e == ERR_OK)
		e = json_add_text(b, "ID", id);
	if (e == ERR_OK)
		e = json_add_text(b, "NAME", a->name);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static enum err
status_params(const struct method_call *m, struct buf *b)
{
	const struct activation *a = of_call(m);

	return connector_params(b, a->connector, a->line);
}

static const struct {
	const char *method;
	bool only_on;
	enum err (*params)(const struct method_call *, struct buf *);
} calls[] = {
	{ "imconnector.activate", false, activate_params },
	{ "imconnector.connector.data.set", true, data_params },
	{ "imconnector.status", false, status_params },
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

static enum err
each_state(void *ctx, const char *path, const char *s, size_t n)
{
	struct connector_state *state = ctx;
	const struct {
		const char *path;
		bool *flag;
	} flags[] = {
		{ "result.STATUS", &state->works },
		{ "result.CONFIGURED", &state->configured },
		{ "result.ERROR", &state->error },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(path, flags[i].path) == 0)
			*flags[i].flag = s != NULL && n != 0 &&
			    strchr("1tTyY", s[0]) != NULL;
	return ERR_OK;
}

enum err
connector_state_read(struct connector_state *state,
    const struct method_call *m)
{
	*state = (struct connector_state){ false, false, false };
	return method_values(m, each_state, state);
}

static void next_call(struct activation *);

static void
on_called(struct method_call *m)
{
	struct activation *a = (struct activation *)((char *)m -
	    offsetof(struct activation, call));
	bool last = a->step == CALLS - 1;

	a->end = m->end;
	if (m->end == METHOD_OK && last &&
	    connector_state_read(&a->state, m) != ERR_OK)
		a->end = METHOD_AGAIN;
	if (a->end != METHOD_OK)
		(void)snprintf(a->reason, sizeof(a->reason), "%s: %s",
		    m->name, m->end == METHOD_OK ? "the answer cannot be "
		    "understood" : m->reason);
	method_free(m);
	a->step++;
	if (a->end == METHOD_OK && !last && a->halted != NULL && *a->halted) {
		a->end = METHOD_AGAIN;
		(void)snprintf(a->reason, sizeof(a->reason), "this process "
		    "was told to end");
	}
	if (a->end != METHOD_OK || last)
		a->done(a);
	else
		next_call(a);
}

static void
next_call(struct activation *a)
{
	while ((calls[a->step].only_on && !a->on) ||
	    (a->ask && a->step < CALLS - 1))
		a->step++;	/* it is not the last */
	a->call = (struct method_call){
		.done = on_called,
		.name = calls[a->step].method,
		.params = calls[a->step].params,
		.token = a->token,
		.seen = a->seen,
	};
	method_start(&a->call, a->rooms, a->member_id);
}

void
activation_start(struct activation *a)
{
	a->reason[0] = '\0';
	a->step = 0;
	next_call(a);
}
