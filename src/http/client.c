/*
 * The client: its own life, and what its task does.
 *
 * Called in the loop by the channels and the portal's side.  Owns curl's
 * handles and connections; a call is its caller's and is touched here only
 * between http_start() and done().  Each started call ends, whatever
 * happens: in an answer, in an error, at its own limit, in a cut.
 *
 * Only the task calls curl, and only its last step calls done(): nobody is
 * ever called from inside something that is half done.
 */
#include "http/inside.h"

#include <pthread.h>
#include <stdlib.h>

/* What one run of the task may take; it comes back for the rest. */
#define STARTS_MAX 32
#define ENDS_MAX 64

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

/*
 * Debian's curl brings GnuTLS along, for protocols that are never used here.
 * That asks this function before it makes its tables, which take 45 pages.
 */
int _gnutls_global_init_skip(void);

int
_gnutls_global_init_skip(void)
{
	return 1;
}

/* What fails here fails again, and is told, where handles are made. */
static void
curl_start(void)
{
	(void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

void
http_peer_init(struct http_peer *p)
{
	*p = (struct http_peer){ 0 };
	TAILQ_INIT(&p->waiting);
}

static void
reap(struct http_client *c)
{
	struct http_transfer *t;
	CURLcode code;

	for (int i = 0; i < ENDS_MAX; i++) {
		t = multi_next(c, &code);
		if (t == NULL)
			return;
		transfer_end(t, code);
		flight_end(c, t);
	}
	loop_ready(c->loop, &c->task);
}

/* The timer is left alone when it only would move later: it looks again. */
static void
age(struct http_client *c)
{
	int64_t at_ms;

	if (places_age(&c->places, c->now_ms, &at_ms) &&
	    (!c->slow.armed || at_ms < c->slow.at_ms))
		loop_arm(c->loop, &c->slow, at_ms);
}

static void
start_calls(struct http_client *c)
{
	for (int i = 0; i < STARTS_MAX; i++) {
		struct http_transfer *victim;
		struct http_call *call = places_next(&c->places,
		    c->now_ms, &victim);

		if (call == NULL)
			return;
		if (victim != NULL) {
			call_end(victim->call, HTTP_CUT,
			    "its place was wanted");
			flight_end(c, victim);
		}
		flight_begin(c, call);
	}
	loop_ready(c->loop, &c->task);
}

/*
 * What has come is taken in before limits are looked at, so that an answer
 * wins over its own timeout; calls leave after others have made room.
 */
static void
run(struct task *task)
{
	struct http_client *c = OF(task, struct http_client, task);
	struct http_call *call;

	c->now_ms = c->clock->mono_ms(c->clock->ctx);
	multi_act(c);
	flight_go_on(c);
	multi_time(c);
	reap(c);
	flight_end_over(c);
	age(c);
	start_calls(c);
	age(c);
	multi_bound(c);
	multi_time(c);
	reap(c);
	multi_bound(c);
	/* a call may start others, or be gone afterwards */
	while ((call = TAILQ_FIRST(&c->ended)) != NULL) {
		TAILQ_REMOVE(&c->ended, call, link);
		call->done(call);
	}
}

enum err
http_client_new(struct http_client **out, const struct http_opts *o)
{
	struct http_client *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c == NULL)
		return ERR_NOMEM;
	(void)pthread_once(&curl_once, curl_start);
	c->loop = o->loop;
	c->clock = o->clock;
	c->one_shot = o->one_shot;
	c->kept = o->kept;
	c->task = (struct task){ .run = run, .name = "http" };
	c->slow.wakes = &c->task;
	TAILQ_INIT(&c->spare);
	TAILQ_INIT(&c->over);
	TAILQ_INIT(&c->going);
	TAILQ_INIT(&c->ended);
	places_init(&c->places, o);
	if (!multi_init(c)) {
		free(c);
		return ERR_NOMEM;
	}
	*out = c;
	return ERR_OK;
}

void
http_start(struct http_client *c, struct http_call *call)
{
	call_clear(call);
	places_wait(&c->places, call);
	loop_ready(c->loop, &c->task);
}

void
http_call_free(struct http_call *call)
{
	buf_free(&call->answer);
}

int64_t
http_descriptors(const struct http_client *c)
{
	return (int64_t)c->places.calls + c->kept;
}

static void
drop(struct http_client *c, struct http_transfers *list)
{
	struct http_transfer *t;

	while ((t = TAILQ_FIRST(list)) != NULL) {
		call_end(t->call, HTTP_BROKEN, "stopped");
		flight_end(c, t);
	}
}

void
http_client_free(struct http_client *c)
{
	if (c == NULL)
		return;
	drop(c, &c->places.young);
	drop(c, &c->places.slow);
	drop(c, &c->places.held);
	places_drop(&c->places);
	flight_end_spares(c);
	multi_end(c);
	loop_disarm(c->loop, &c->slow);
	loop_unready(c->loop, &c->task);
	free(c);
}
