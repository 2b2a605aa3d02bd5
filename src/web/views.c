/*
 * Pages for those who watch: health, metrics, status.
 *
 * Called by handler.c.  A page owns what it asks the store until that is
 * done, also behind an answer that could not wait for it.
 */
#include "web/views.h"

#include "base/of.h"
#include "store/status.h"
#include "web/allow.h"
#include "web/answer.h"
#include "web/metrics.h"
#include "web/status_html.h"
#include "web/status_json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"
#define HTML "text/html; charset=utf-8"
#define PROMETHEUS "text/plain; version=0.0.4; charset=utf-8"
#define OPEN_METRICS \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

struct asking {
	const struct env *env;
	struct request *request;
	enum view view;
	bool answered;
	struct timer late;
	struct health health;
	struct status status;
};

enum view
view_of(struct request *rq)
{
	static const char *const variables[] = { "PATH_INFO", "SCRIPT_NAME",
		"REQUEST_URI" };
	static const char *const names[] = { [VIEW_HEALTH] = "/health",
		[VIEW_METRICS] = "/metrics", [VIEW_STATUS] = "/status" };
	const char *method = rq->kind->param(rq, "REQUEST_METHOD");
	const char *path = NULL;
	size_t n;

	if (method == NULL || (strcmp(method, "GET") != 0 &&
	    strcmp(method, "HEAD") != 0))
		return VIEW_NONE;
	for (size_t i = 0; i < 3 && (path == NULL || path[0] == '\0'); i++)
		path = rq->kind->param(rq, variables[i]);
	n = path != NULL ? strcspn(path, "?") : 0;
	for (int i = VIEW_HEALTH; i <= VIEW_STATUS; i++) {
		size_t m = strlen(names[i]);

		if (n >= m && memcmp(path + n - m, names[i], m) == 0)
			return (enum view)i;
	}
	return VIEW_NONE;
}

static bool
accepts(struct request *rq, const char *type)
{
	const char *accept = rq->kind->param(rq, "HTTP_ACCEPT");

	return accept != NULL && strcasestr(accept, type) != NULL;
}

/* ---- what the store said */

static void
send_error(struct asking *a, const char *what, const char *why)
{
	struct buf o;

	buf_init(&o, OUT_MAX);
	buf_adds(&o, what);
	if (why[0] != '\0')
		buf_adds(&o, ": ");
	buf_adds(&o, why);
	buf_adds(&o, "\n");
	answer_view(a->request, 503, TEXT, &o);
}

static void
send_health(struct asking *a)
{
	bool alert;
	struct buf o;

	if (a->health.db.end != ERR_OK) {
		send_error(a, "the store cannot be written",
		    a->health.db.problem.text);
		return;
	}
	buf_init(&o, OUT_MAX);
	alert = status_alert(&o, a->health.oldest_ms, a->env->config);
	buf_adds(&o, alert ? "\n" : "ok\n");
	answer_view(a->request, alert ? 503 : 200, TEXT, &o);
}

static void
send_status(struct asking *a)
{
	bool open = a->view == VIEW_METRICS && accepts(a->request,
	    "application/openmetrics-text");
	bool json = a->view == VIEW_STATUS && accepts(a->request, JSON);
	struct buf o;

	if (a->status.db.end != ERR_OK) {
		send_error(a, "the store cannot be read",
		    a->status.db.problem.text);
		return;
	}
	buf_init(&o, OUT_MAX);
	if (a->view == VIEW_METRICS)
		metrics_render(&o, &a->status, open);
	else if (json)
		status_json(&o, &a->status, a->env->config);
	else
		status_html(&o, &a->status, a->env->config);
	if (o.err != ERR_OK)
		send_error(a, "the page is too large, or memory ran out", "");
	else
		answer_view(a->request, 200, open ? OPEN_METRICS :
		    a->view == VIEW_METRICS ? PROMETHEUS : json ? JSON : HTML,
		    &o);
	buf_free(&o);
}

static void
done(struct asking *a)
{
	loop_disarm(a->env->loop, &a->late);
	if (!a->answered && a->view == VIEW_HEALTH)
		send_health(a);
	else if (!a->answered)
		send_status(a);
	status_free(&a->status);
	free(a);
}

static void
on_health(struct db_work *w)
{
	done(OF(w, struct asking, health));
}

static void
on_status(struct db_work *w)
{
	done(OF(w, struct asking, status));
}

static void
on_late(struct timer *t)
{
	struct asking *a = OF(t, struct asking, late);

	a->answered = true;
	send_error(a, "the store does not answer", "");
}

/* ---- asking it */

static void
ask(struct asking *a)
{
	status_init(&a->status, a->env->store);
	a->status.counts_only = a->view == VIEW_METRICS;
	a->status.db.done = on_status;
	store_health(&a->health);
	a->health.db.done = on_health;
	a->late.fire = on_late;
	loop_arm(a->env->loop, &a->late, loop_now(a->env->loop) +
	    a->env->config->server.answer_within * 1000);
	env_submit(a->env, a->view == VIEW_HEALTH ? &a->health.db :
	    &a->status.db);
}

void
view_serve(const struct env *env, struct request *rq, enum view view)
{
	struct buf none = { .p = NULL };
	struct asking *a;

	if (!allow_has(&env->config->status.allow,
	    rq->kind->param(rq, "REMOTE_ADDR"))) {
		answer_view(rq, 404, TEXT, &none);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (a == NULL) {
		answer_view(rq, 503, TEXT, &none);
		return;
	}
	a->env = env;
	a->request = rq;
	a->view = view;
	ask(a);
}
