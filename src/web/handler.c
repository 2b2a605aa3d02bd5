/*
 * One request from its first byte to its answer.
 *
 * Called by the accept loop and by plain CGI.  Owns the event while the
 * request lasts.  Whatever comes from outside ends in an answer.
 */
#include "web/handler.h"

#include "web/answer.h"
#include "web/read.h"

#include <stdbool.h>

/* What an event may take beside its body: rendering, arrivals, items. */
#define EVENT_MORE ((size_t)8 * 1024 * 1024)

struct exchange {
	const struct relay *relay;
	struct request *request;
	struct outcome outcome;
	const struct deadline *until;	/* when it must be answered */
};

static void
log_answer(const struct relay *r, int status, const struct outcome *o)
{
	log_info(r->env.log, "answered", F_INT("status", status),
	    F_INT("messages", o->messages),
	    F_INT("acknowledged", o->acknowledged),
	    F_INT("refused", o->refused));
}

/* What is done by now is the answer; the work may go on behind it. */
static void
answer_late(void *ctx)
{
	struct exchange *x = ctx;
	const struct request_kind *kind = x->request->kind;
	int status = answer_outcome(x->request, &x->outcome);

	log_answer(x->relay, status, &x->outcome);
	if (deadline_left(x->until) == 0 && kind->goes_on != NULL)
		kind->goes_on(x->request);
}

static void
refuse(struct exchange *x, const struct problem *p)
{
	int status = answer_problem(x->request, p);

	log_warning(x->relay->env.log, "answered", F_INT("status", status),
	    F_STR("error", err_name(p->err)), F_STR("reason", p->text),
	    F_INT(p->at >= 0 ? "offset" : "", p->at),
	    F_OPT("field", p->field[0] != '\0' ? p->field : NULL));
}

void
handler_serve(const struct relay *r, struct request *request)
{
	const struct config *c = r->env.config;
	struct exchange x = { .relay = r, .request = request };
	struct patience patience = {
		.until = deadline_in(r->env.clock,
		    c->server.answer_within * 1000),
		.run_out = answer_late,
		.ctx = &x,
	};
	struct problem p = { 0 };
	struct event ev;
	enum err e;

	x.until = &patience.until;
	event_init(&ev, (size_t)c->server.body_max * 4 + EVENT_MORE);
	e = read_event(request, c->server.body_max, &ev, &p);
	if (e == ERR_OK)
		e = relay_take(r, &ev, &patience, &x.outcome, &p);
	if (e == ERR_OK)
		patience_end(&patience);
	else if (!patience.over)
		refuse(&x, &p);
	event_free(&ev);
}
