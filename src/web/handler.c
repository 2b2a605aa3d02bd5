/*
 * One request from its first byte to its answer.
 *
 * Called by the accept loop and by plain CGI.  Owns the event until nobody
 * works on it or waits for it any more.  Whatever comes from outside ends in
 * an answer.
 */
#include "web/handler.h"

#include "web/answer.h"
#include "web/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* What an event may take beside its body: rendering, arrivals, items. */
#define EVENT_MORE ((size_t)8 * 1024 * 1024)

struct exchange {
	const struct relay *relay;
	struct request *request;
	struct event event;
	struct outcome outcome;
	struct sender sender;
};

/* What is done by now is the answer; the work may go on behind it. */
static void
answer(void *ctx)
{
	struct exchange *x = ctx;
	const struct outcome *o = &x->outcome;
	int status = answer_outcome(x->request, o);

	log_info(x->relay->env.log, "answered", F_INT("status", status),
	    F_INT("messages", o->messages),
	    F_INT("acknowledged", o->acknowledged),
	    F_INT("refused", o->refused));
}

static void
refuse(const struct relay *r, struct request *request,
    const struct problem *p)
{
	int status = answer_problem(request, p);

	log_warning(r->env.log, "answered", F_INT("status", status),
	    F_STR("error", err_name(p->err)), F_STR("reason", p->text),
	    F_INT(p->at >= 0 ? "offset" : "", p->at),
	    F_OPT("field", p->field[0] != '\0' ? p->field : NULL));
}

static void
gone(struct sender *sender)
{
	struct exchange *x = (struct exchange *)((char *)sender -
	    offsetof(struct exchange, sender));

	event_free(&x->event);
	free(x);
}

/* It could not be stored, or its sender may not: known after a commit. */
static void
failed(struct sender *sender, const struct problem *p)
{
	const struct exchange *x = (struct exchange *)((char *)sender -
	    offsetof(struct exchange, sender));

	if (!sender->patience.over)
		refuse(x->relay, x->request, p);
	gone(sender);
}

static struct exchange *
exchange_new(const struct relay *r, struct request *request,
    struct patience *thread)
{
	const struct config *c = r->env.config;
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->relay = r;
	x->request = request;
	x->sender = (struct sender){
		.patience = {
			.until = deadline_in(r->env.clock,
			    c->server.answer_within * 1000),
			.run_out = answer,
			.ctx = x,
		},
		.gone = gone,
		.failed = failed,
		.thread = thread,
	};
	event_init(&x->event, (size_t)c->server.body_max * 4 + EVENT_MORE);
	return x;
}

void
handler_serve(const struct relay *r, struct request *request,
    struct patience *thread)
{
	struct exchange *x = exchange_new(r, request, thread);
	struct problem p = { 0 };
	enum err e;

	if (x == NULL) {
		(void)problem_set(&p, ERR_NOMEM, -1, NULL, "out of memory");
		refuse(r, request, &p);
		return;
	}
	e = read_event(request, r->env.config->server.body_max, &x->event,
	    &p);
	if (e == ERR_OK)
		e = relay_take(r, &x->event, &x->sender, &x->outcome, &p);
	if (e == ERR_OK)
		return;		/* it may be gone by now */
	failed(&x->sender, &p);
}
