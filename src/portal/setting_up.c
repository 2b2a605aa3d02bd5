/*
 * The set-up of a portal, step by step.
 *
 * Called by portal/setups.c for what is due, and by the operator's tool.
 * Owns the call that is on its way and what event.get said.  The steps are a
 * table: which method, which of its items is next, with which parameters, and
 * whether the answer lets it go on.
 */
#include "portal/setting_up.h"

#include "codec/json_write.h"
#include "portal/registration.h"
#include "portal/trust.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct setting_step {
	const char *method;
	bool changes;		/* something on the portal */
	/* Whether there is one more call, from s->item on, which it moves. */
	bool (*next)(struct setting_up *);
	enum err (*params)(const struct method_call *, struct buf *);
	/* Whether the set-up goes on; NULL: if the call ended well. */
	bool (*judge)(struct setting_up *);
};

static const struct config *
config_of(const struct setting_up *s)
{
	return s->rooms->env->config;
}

static const struct setting_up *
of_call(const struct method_call *m)
{
	return (const struct setting_up *)((const char *)m -
	    offsetof(struct setting_up, call));
}

/* ---- app.info */

static bool
once(struct setting_up *s)
{
	return s->item == 0;
}

static bool
once_unless_installed(struct setting_up *s)
{
	return s->item == 0 && !s->installed;
}

static enum err
each_info(void *ctx, const char *path, const char *text, size_t n)
{
	struct setting_up *s = ctx;

	if (strcmp(path, "result.INSTALLED") == 0)
		s->installed = text != NULL && n != 0 &&
		    strchr("1tTyY", text[0]) != NULL;
	return ERR_OK;
}

static bool
read_info(struct setting_up *s)
{
	return s->call.end == METHOD_OK &&
	    method_values(&s->call, each_info, s) == ERR_OK;
}

/* ---- imconnector.register */

bool
setting_up_registers(const struct config *c, const struct config_channel *ch)
{
	return ch->as.name[0] != '\0' && trust_connector(c, ch->connector);
}

static bool
next_connector(struct setting_up *s)
{
	const struct config *c = config_of(s);

	while (s->item < c->channels &&
	    !setting_up_registers(c, &c->channel[s->item]))
		s->item++;
	return s->item < c->channels;
}

static enum err
register_params(const struct method_call *m, struct buf *b)
{
	const struct setting_up *s = of_call(m);

	return registration_render(b, &config_of(s)->channel[s->item],
	    s->own_url);
}

/* ---- event.get, event.unbind, event.bind */

static bool
read_bindings(struct setting_up *s)
{
	return s->call.end == METHOD_OK &&
	    bindings_read(&s->bindings, &s->call, s->own_url) == ERR_OK;
}

static bool
next_stale(struct setting_up *s)
{
	const struct bindings *all = &s->bindings;

	while (s->item < all->n &&
	    all->item[s->item].kind != BINDING_STALE &&
	    all->item[s->item].kind != BINDING_TWICE)
		s->item++;
	return s->item < all->n;
}

static enum err
unbind_params(const struct method_call *m, struct buf *b)
{
	const struct setting_up *s = of_call(m);
	const struct binding *old = &s->bindings.item[s->item];
	enum err e = json_add_text(b, "event", old->event);

	if (e == ERR_OK)
		e = json_add_text(b, "handler", old->handler);
	/* of two for the same URL one stays */
	if (e == ERR_OK && old->kind == BINDING_TWICE)
		e = json_add_text(b, "auth_type", old->auth_type);
	return e;
}

/* Without an administrator's rights what is stale stays: repeats of events
 * are recognised. */
static bool
unbound(struct setting_up *s)
{
	const struct env *env = s->rooms->env;

	if (s->call.end == METHOD_REFUSED && !s->call.tokens_over)
		log_warning(env->log, "stale-binding", F_STR("member_id",
		    s->member_id), F_STR("reason", s->call.reason));
	return s->call.end == METHOD_OK ||
	    (s->call.end == METHOD_REFUSED && !s->call.tokens_over);
}

static bool
next_missing(struct setting_up *s)
{
	const struct config *c = config_of(s);
	const struct wanted_event *w = &wanted_events[s->item];

	while (w->kind != EVENT_OTHER && (!wanted_here(c, w) ||
	    bindings_has(&s->bindings, wanted_name(w))))
		w++;
	s->item = (size_t)(w - wanted_events);
	return w->kind != EVENT_OTHER;
}

static enum err
bind_params(const struct method_call *m, struct buf *b)
{
	const struct setting_up *s = of_call(m);
	enum err e = json_add_text(b, "event",
	    wanted_name(&wanted_events[s->item]));

	return e == ERR_OK ? json_add_text(b, "handler", s->own_url) : e;
}

static bool
bound(struct setting_up *s)
{
	return s->call.end == METHOD_OK || s->call.bound ||
	    (s->call.end == METHOD_REFUSED && !s->call.tokens_over &&
	    wanted_events[s->item].optional);
}

/* ---- the way */

static const struct setting_step steps[] = {
	{ "app.info", false, once, NULL, read_info },
	{ "imconnector.register", true, next_connector, register_params,
	    NULL },
	{ "event.get", false, once, NULL, read_bindings },
	{ "event.unbind", true, next_stale, unbind_params, unbound },
	{ "event.bind", true, next_missing, bind_params, bound },
	{ "app.info", false, once_unless_installed, NULL, read_info },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void
finish(struct setting_up *s, enum setting_end end)
{
	s->end = end;
	s->done(s);
}

static void
refuse(struct setting_up *s, const char *why)
{
	(void)snprintf(s->reason, sizeof(s->reason), "%s", why);
	finish(s, SETTING_REFUSED);
}

static void
fail(struct setting_up *s)
{
	const struct method_call *m = &s->call;

	s->tokens_over = m->tokens_over;
	(void)snprintf(s->reason, sizeof(s->reason), "%s: %s%s", m->name,
	    m->end == METHOD_OK ? "the answer cannot be understood" :
	    m->reason, m->tokens_over ? "; the application must be installed "
	    "again" : "");
	finish(s, m->end == METHOD_REFUSED ? SETTING_REFUSED :
	    SETTING_AGAIN);
}

static void on_called(struct method_call *);

/* Only said; false: it is to be called. */
static bool
only_said(struct setting_up *s, const struct setting_step *step)
{
	if (!s->dry || !step->changes)
		return false;
	if (s->seen != NULL)
		s->seen(&s->call, NULL);
	return true;
}

static void
go_on(struct setting_up *s)
{
	for (; s->step < STEPS; s->step++, s->item = 0) {
		const struct setting_step *step = &steps[s->step];

		for (; step->next(s); s->item++) {
			s->call = (struct method_call){
				.done = on_called,
				.name = step->method,
				.params = step->params,
				.seen = s->seen,
			};
			if (only_said(s, step))
				continue;
			method_start(&s->call, s->rooms, s->member_id);
			return;
		}
	}
	if (s->installed) {
		finish(s, SETTING_DONE);
		return;
	}
	(void)snprintf(s->reason, sizeof(s->reason), "app.info: INSTALLED is "
	    "not true: until the installation is finished Bitrix24 sends no "
	    "event; open the application once in Bitrix24");
	finish(s, SETTING_WAITS);
}

static void
on_called(struct method_call *m)
{
	struct setting_up *s = (struct setting_up *)((char *)m -
	    offsetof(struct setting_up, call));
	const struct setting_step *step = &steps[s->step];
	bool ok = step->judge != NULL ? step->judge(s) :
	    m->end == METHOD_OK;

	method_free(m);
	if (!ok) {
		fail(s);
		return;
	}
	s->item++;
	if (s->halted != NULL && *s->halted) {
		(void)snprintf(s->reason, sizeof(s->reason),
		    "the handler was stopped");
		finish(s, SETTING_AGAIN);
		return;
	}
	go_on(s);
}

static const char *
find_url(const struct setting_up *s)
{
	const char *set = config_of(s)->app.handler_url;

	if (set[0] != '\0')
		return set;
	return s->url != NULL && s->url[0] != '\0' ? s->url : NULL;
}

static void
begin(struct task *t)
{
	struct setting_up *s = (struct setting_up *)((char *)t -
	    offsetof(struct setting_up, task));

	s->own_url = find_url(s);
	if (s->own_url == NULL)
		refuse(s, "the handler's own URL is not known: set "
		    "handler_url in the section [app] of the configuration");
	else
		go_on(s);
}

void
setting_up_start(struct setting_up *s)
{
	s->reason[0] = '\0';
	s->installed = s->tokens_over = false;
	s->step = s->item = 0;
	s->bindings = (struct bindings){ .n = 0 };
	s->call = (struct method_call){ .calls = false };
	s->task = (struct task){ .run = begin, .name = "set-up" };
	loop_ready(s->rooms->env->loop, &s->task);
}

void
setting_up_free(struct setting_up *s)
{
	bindings_free(&s->bindings);
}

bool
setting_up_drop(struct setting_up *s)
{
	loop_unready(s->rooms->env->loop, &s->task);
	return method_drop(&s->call);
}
