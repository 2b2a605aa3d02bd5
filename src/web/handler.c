/*
 * One request from its first byte to its answer.
 *
 * Called by the connections of the loop and by plain CGI.  Owns the event
 * until the relay uses it no more.  Whatever comes from outside ends in an
 * answer.
 */
#include "web/handler.h"

#include "base/number.h"
#include "web/answer.h"
#include "web/own_url.h"
#include "web/read.h"
#include "web/views.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What an event may take beside its body: rendering, arrivals, items. */
#define EVENT_MORE ((size_t)8 * 1024 * 1024)

struct exchange {
	const struct env *env;
	struct request *request;
	enum view view;			/* it asks for one, and is no event */
	struct event event;
	struct problem problem;		/* of reading it */
	struct sender sender;
};

/*
 * As what it is counted in the last hour.  Who asks why no event comes is not
 * to be misled by what is none of an open line, doctor's own tests above all.
 */
static enum hour
hour_of(int status, const char *word, const struct event *ev)
{
	if (ev != NULL && (event_is_of_app(ev) || (ev->name != NULL &&
	    strcasecmp(ev->name, "ONAPPTEST") == 0)))
		return HOUR__MAX;
	switch (status) {
	case 200:
		return strcmp(word, "acknowledged") == 0 ? HOUR_ACKNOWLEDGED :
		    strcmp(word, "ignored") == 0 ? HOUR_IGNORED : HOUR__MAX;
	case 202:
		return HOUR_QUEUED;
	case 403:
		return HOUR_DENIED;
	case 400:
	case 413:
	case 415:
	case 422:
		return HOUR_REFUSED;
	case 503:
		return HOUR_UNAVAILABLE;
	default:
		return HOUR__MAX;
	}
}

static void
count(const struct env *env, int status, const char *word,
    const struct event *ev)
{
	char label[64];
	size_t n = number_text(label, status);

	label[n++] = ' ';
	label[n] = '\0';
	(void)strncat(label, word, sizeof(label) - n - 1);
	counts_answer(env->counts, hour_of(status, word, ev), label);
}

/* `ev` is who was refused, or NULL where nobody was read. */
static void
log_refused(const struct env *env, int status, const struct problem *p,
    const struct event *ev)
{
	bool named = ev != NULL && p->err == ERR_DENIED;

	count(env, status, err_name(p->err), ev);
	log_warning(env->log, "answered", F_INT("status", status),
	    F_STR("error", err_name(p->err)), F_STR("reason", p->text),
	    F_INT(p->at >= 0 ? "offset" : "", p->at),
	    F_OPT("field", p->field[0] != '\0' ? p->field : NULL),
	    F_OPT("portal", p->note),
	    F_OPT("member_id", named ? ev->member_id : NULL),
	    F_OPT("domain", named ? ev->domain : NULL));
}

static void
answer(struct sender *sender, const struct outcome *o)
{
	struct exchange *x = OF(sender, struct exchange, sender);
	int status = answer_outcome(x->request, o);

	if (o->problem != NULL) {
		log_refused(x->env, status, o->problem, &x->event);
		return;
	}
	count(x->env, status, answer_word(o), &x->event);
	log_info(x->env->log, "answered", F_INT("status", status),
	    F_INT("messages", o->messages),
	    F_INT("acknowledged", o->acknowledged),
	    F_INT("refused", o->refused));
}

static void
refuse_request(const struct env *env, struct request *request,
    const struct problem *p, const struct event *ev)
{
	log_refused(env, answer_problem(request, p), p, ev);
}

static void
refuse(struct sender *sender, const struct problem *p)
{
	const struct exchange *x = OF(sender, struct exchange, sender);

	refuse_request(x->env, x->request, p, &x->event);
}

static void
gone(struct sender *sender)
{
	struct exchange *x = OF(sender, struct exchange, sender);

	event_free(&x->event);
	free(x);
}

/* Without memory it is not known; the set-up then says so. */
static void
keep_own_url(struct request *request, struct event *ev)
{
	char url[OWN_URL_MAX];

	own_url(request, url);
	ev->own_url = arena_dup(&ev->arena, url, strlen(url));
}

struct exchange *
handler_read(const struct relay *r, struct request *request)
{
	struct exchange *x = calloc(1, sizeof(*x));
	int64_t max;

	if (x == NULL)
		return NULL;
	x->env = relay_env(r);
	x->request = request;
	x->sender = (struct sender){ .answer = answer, .refuse = refuse,
	    .gone = gone };
	max = x->env->config->server.body_max;
	event_init(&x->event, (size_t)max * 4 + EVENT_MORE);
	x->view = view_of(request);
	if (x->view != VIEW_NONE)
		read_nothing(request, max);
	else if (read_event(request, max, &x->event, &x->problem) ==
	    ERR_OK && event_is_of_app(&x->event))
		keep_own_url(request, &x->event);
	else if (request->kind->forget != NULL)
		request->kind->forget(request);
	return x;
}

void
handler_take(struct relay *r, struct request *request, struct exchange *x)
{
	const struct env *env = relay_env(r);

	if (x == NULL) {
		struct problem p = { 0 };

		(void)problem_set(&p, ERR_NOMEM, -1, NULL, "out of memory");
		refuse_request(env, request, &p, NULL);
		return;
	}
	if (x->view != VIEW_NONE) {
		view_serve(env, request, x->view);
		gone(&x->sender);
		return;
	}
	if (x->problem.err != ERR_OK) {
		refuse(&x->sender, &x->problem);
		gone(&x->sender);
		return;
	}
	x->sender.until = deadline_in(env->clock,
	    env->config->server.answer_within * 1000);
	relay_take(r, &x->event, &x->sender);
}
