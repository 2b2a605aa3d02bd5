/*
 * delivered -> acknowledged: Bitrix24 is told.
 *
 * Called by the relay for what was just handed over, and by the retry, with a
 * call that the store has granted.  Owns nothing.  The ladder of tokens
 * (design, trust): a message that is told alone goes with its event's own
 * token first, then the stored one; a batch with the stored one first, then
 * the events' own, the newest first; and only the stored one's end causes a
 * refresh.  Which answer means what is the verdict's to say (contract,
 * section 5); what follows from it is here.
 */
#include "relay/journey.h"

#include "portal/status.h"
#include "portal/tokens.h"
#include "portal/trust.h"
#include "relay/attempt.h"
#include "relay/waiting.h"
#include "store/calls.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define CALLS_MAX 5	/* of one ladder; a move to a new address, too */
#define GATHER_MIN_MS 1	/* how long a call waits for more to go with it */
#define GATHER_MAX_MS 25

struct telling {
	const struct relay *r;
	struct call *call;
	struct patience *patience;
	const char *endpoint;
	const char *token;
	bool stored;		/* it is the stored one, */
	bool renewed;		/* and was refreshed by this telling */
	bool stored_over;	/* that one is of no use (any more) */
	int64_t own_id;		/* the message whose own token was tried last */
	bool moved;
	int64_t took_ms;	/* of the last call */
	struct verdict v;
	enum tokens_end none;	/* why there is no stored token */
	char reason[PROBLEM_TEXT_MAX];
	struct call_end *end;
};

static const char *
member_of(const struct telling *t)
{
	return t->call->work[0]->member_id;
}

/* Whoever waits for them learns what they are now. */
static void
tell_waiting(const struct telling *t)
{
	for (size_t i = 0; i < t->call->n; i++)
		waiting_tell(t->r->waiting, &t->call->work[i], 1,
		    t->call->work[i]->state);
}

static void
fail(struct telling *t, bool final, enum hold hold, const char *reason)
{
	struct failure f = { .final = final, .reason = reason,
	    .wait_s = t->v.retry_after_s, .hold = hold };
	const struct env *env = &t->r->env;

	if (t->v.kind == VERDICT_OPERATING)
		f.until_ms = store_reset_ms(env->store, member_of(t));
	if (t->v.kind == VERDICT_OVERLOAD)	/* blocked by hand */
		f.wait_s = env->config->retry.longest;
	attempt_failed(t->r, t->call->work, t->call->n, STEP_STATUS, &f,
	    NULL);
	tell_waiting(t);
}

static bool
is_token(const char *token)
{
	return token != NULL && token[0] != '\0' &&
	    strcmp(token, "undefined") != 0;
}

/* The newest event's own token that was not tried yet.  False: none. */
static bool
own_token(struct telling *t)
{
	const struct work *newest = NULL;

	for (size_t i = 0; i < t->call->n; i++) {
		const struct work *w = t->call->work[i];

		if (is_token(w->token) && w->id < t->own_id &&
		    (newest == NULL || w->id > newest->id) &&
		    (t->token == NULL || strcmp(w->token, t->token) != 0))
			newest = w;
	}
	if (newest == NULL)
		return false;
	t->own_id = newest->id;
	t->token = newest->token;
	t->stored = t->call->installed &&
	    strcmp(t->token, t->call->portal.access_token) == 0;
	return true;
}

/* The stored token, other than `failed`.  False: there is none. */
static bool
stored_token(struct telling *t, const char *failed, bool refresh)
{
	const char *token;

	t->none = tokens_get(&t->r->env, member_of(t), failed, refresh,
	    &t->call->arena, t->patience, &token, t->reason);
	t->stored_over = t->none != TOKENS_OK;
	if (t->none == TOKENS_OK) {
		t->token = token;
		t->stored = true;
		t->renewed = refresh;
	}
	return t->none == TOKENS_OK;
}

static bool
first_token(struct telling *t)
{
	const struct portal *p = &t->call->portal;
	bool stored = t->call->installed && p->access_token[0] != '\0';

	t->own_id = INT64_MAX;
	/* a rejected pair still may work, but nothing can renew it */
	if (t->call->n > 1 && stored && p->rejected == NULL) {
		t->token = p->access_token;
		t->stored = true;
		return true;
	}
	return own_token(t) || stored_token(t, NULL, false);
}

/* The next rung of the ladder.  False: there is none. */
static bool
next_token(struct telling *t)
{
	if (t->stored) {
		/* one whose user may not is a person's business */
		if (t->v.kind != VERDICT_ACCESS && !t->renewed &&
		    stored_token(t, t->token, true))
			return true;
		t->stored_over = true;
		return own_token(t);
	}
	if (t->call->n > 1 && own_token(t))
		return true;
	return !t->stored_over && stored_token(t, t->token, false);
}

/* The REST endpoint in the address that our call was sent on to, or NULL. */
static const char *
home_of(struct telling *t, const char *location)
{
	const size_t method = sizeof(STATUS_METHOD) - 1;
	size_t n = strlen(location);

	if (strchr(location, '?') != NULL ||
	    n <= method || location[n - method - 1] != '/' ||
	    strcmp(location + n - method, STATUS_METHOD) != 0 ||
	    !trust_new_home(t->r->env.config, location))
		return NULL;
	return arena_dup(&t->call->arena, location, n - method);
}

/* The portal was renamed: its new endpoint, once.  False: not there. */
static bool
move(struct telling *t)
{
	const struct env *env = &t->r->env;
	struct problem p = { 0 };
	const char *home = NULL;

	if (!t->moved)
		home = home_of(t, t->v.location);
	if (home == NULL)
		return false;
	t->moved = true;
	t->endpoint = home;
	log_warning(env->log, "moved", F_STR("member_id", member_of(t)),
	    F_STR("endpoint", home),
	    F_STR("advice", t->call->installed ?
	    "the stored endpoint is replaced" :
	    "change app.client_endpoint if it is set"));
	if (t->call->installed && store_portal_moved(env->store,
	    member_of(t), home, &p) != ERR_OK)
		log_error(env->log, "store-failed", F_STR("reason", p.text));
	return true;
}

static void
call(struct telling *t, struct status_item *item)
{
	const struct env *env = &t->r->env;
	const struct http_route route = env_route(env);
	const struct status_call c = {
		.client = env->http,
		.route = &route,
		.timeout_ms = env->config->portal.timeout * 1000,
		.endpoint = t->endpoint,
		.token = t->token,
		.connector = t->call->work[0]->connector,
		.line = t->call->work[0]->line,
		.item = item,
		.items = t->call->n,
	};

	for (size_t i = 0; i < t->call->n; i++) {
		const struct work *w = t->call->work[i];

		item[i] = (struct status_item){
			.chat_id = w->chat_id,
			.message_id = w->message_id,
			.chat = w->chat,
			.ids = w->ids,
			.date = w->delivered_ms / 1000,
		};
	}
	status_send(&c, t->patience, &t->v);
}

static int64_t
mono(const struct telling *t)
{
	return t->r->env.clock->mono_ms(t->r->env.clock->ctx);
}

/*
 * Before each call: what another process has taken over goes without us.
 * False: all of it.
 */
static bool
still_ours(struct telling *t)
{
	struct problem p = { 0 };

	if (store_still_ours(t->r->env.store, t->call->work, &t->call->n, &p)
	    == ERR_OK)
		return true;
	note_unmoved(t->r, t->call->work[0]->key, &p);
	return false;
}

/* Calls until Bitrix24 accepts or no rung is left. */
static void
climb(struct telling *t, struct status_item *item)
{
	bool again = true;

	for (int i = 0; again && i < CALLS_MAX && still_ours(t); i++) {
		t->end->more_calls += i != 0;
		t->took_ms = mono(t);
		call(t, item);
		t->took_ms = mono(t) - t->took_ms;
		switch (t->v.kind) {
		case VERDICT_EXPIRED:
		case VERDICT_TOKEN:
		case VERDICT_ACCESS:
			again = next_token(t);
			break;
		case VERDICT_MOVED:
			again = move(t);
			break;
		default:
			again = false;
		}
	}
}

static void
acknowledged(struct telling *t)
{
	t->end->acknowledged = true;
	t->end->took_ms = t->took_ms;
	t->end->reset_ms = t->v.reset_at * 1000;
	for (size_t i = 0; i < t->call->n; i++) {
		t->call->work[i]->state = STATE_ACKNOWLEDGED;
		log_info(t->r->env.log, "acknowledged", F_STR("key",
		    t->call->work[i]->key));
	}
}

/* A batch that is refused for its content, or for the want of a token that
 * others of it have, is told message by message. */
static void
one_by_one(struct telling *t)
{
	struct problem p = { 0 };

	log_warning(t->r->env.log, "batch-refused", F_STR("member_id",
	    member_of(t)), F_INT("messages", t->call->n),
	    F_STR("reason", t->v.reason));
	if (store_alone(t->r->env.store, t->call->work, t->call->n, &p) !=
	    ERR_OK)
		note_unmoved(t->r, t->call->work[0]->key, &p);
}

/* Whether some message came with a token of its own that was not tried. */
static bool
has_untried(struct telling *t)
{
	return t->call->n > 1 && own_token(t);
}

static void
refused_token(struct telling *t)
{
	bool user_may_not = t->v.kind == VERDICT_ACCESS && t->stored_over &&
	    t->none == TOKENS_OK;

	/* never where each of them would refresh once more */
	if (t->none != TOKENS_AGAIN && has_untried(t))
		one_by_one(t);
	else if (user_may_not)
		fail(t, true, HOLD_NONE, t->v.reason);
	else
		fail(t, false, t->none == TOKENS_AGAIN ? HOLD_NONE :
		    HOLD_PARKED, t->v.reason);
}

static void
judge(struct telling *t)
{
	switch (t->v.kind) {
	case VERDICT_OK:
		acknowledged(t);
		break;
	case VERDICT_REFUSED:
		if (t->call->n > 1)
			one_by_one(t);
		else
			fail(t, true, HOLD_NONE, t->v.reason);
		break;
	case VERDICT_ACCESS:
	case VERDICT_EXPIRED:
	case VERDICT_TOKEN:
		refused_token(t);
		break;
	case VERDICT_PORTAL:
		log_error(t->r->env.log, "portal-lost", F_STR("member_id",
		    member_of(t)), F_STR("reason", t->v.reason));
		fail(t, false, HOLD_PARKED, t->v.reason);
		break;
	case VERDICT_OVERLOAD:
		log_error(t->r->env.log, "overload", F_STR("member_id",
		    member_of(t)), F_STR("reason", t->v.reason));
		fail(t, false, HOLD_NONE, t->v.reason);
		break;
	case VERDICT_LIMIT:
		t->end->refused = true;
		fail(t, false, HOLD_NONE, t->v.reason);
		break;
	default:
		fail(t, false, HOLD_NONE, t->v.reason);
	}
}

/* Where to call and with what.  False: the messages were put off. */
static bool
prepare(struct telling *t)
{
	const struct call *c = t->call;
	const char *why;

	/* an endpoint of any of these events serves, the newest's first */
	t->endpoint = NULL;
	for (size_t i = c->n; t->endpoint == NULL && i-- > 0;)
		t->endpoint = trust_endpoint(t->r->env.config, c->installed ?
		    c->portal.endpoint : NULL, c->work[i]->endpoint, &why);
	if (t->endpoint == NULL) {
		fail(t, false, HOLD_NONE, why);
		return false;
	}
	if (!first_token(t)) {
		fail(t, false, t->none == TOKENS_NONE ? HOLD_PARKED :
		    HOLD_NONE, t->reason);
		return false;
	}
	return true;
}

void
tell(const struct relay *r, struct call *c, bool probe,
    struct patience *patience, struct call_end *end)
{
	struct telling t = { .r = r, .call = c, .patience = patience,
	    .v = { .retry_after_s = -1 }, .end = end };
	struct status_item *item = arena_alloc(&c->arena,
	    c->n * sizeof(*item));
	char place[PLACE_MAX];

	*end = (struct call_end){ .acknowledged = false };
	if (item == NULL) {
		fail(&t, false, HOLD_NONE, "out of memory");
	} else if (still_ours(&t) && prepare(&t)) {
		place_of_portal(member_of(&t), place);
		climb(&t, item);
		if (c->n == 0)
			return;
		place_was(r, place, c->work[0], t.v.down, probe);
		judge(&t);
	}
}

void
line_of(const struct work *w, struct line *line, char place[PLACE_MAX])
{
	place_of_portal(w->member_id, place);
	*line = (struct line){ w->member_id, w->connector, w->line, place };
}

/*
 * An idle portal is called at once.  But while another call is on its way,
 * those that it answers soon send their next events: an eighth of the time
 * that a call takes costs little, and saves most of them a whole one.
 */
static void
wait_for_more(const struct relay *r, const struct line *line, struct call *c)
{
	int64_t ms = c->took_ms / 8;
	struct timespec t = { 0, 0 };
	struct problem p = { 0 };

	if (c->others == 0 || c->work[0]->alone)
		return;
	if (ms < GATHER_MIN_MS)
		ms = GATHER_MIN_MS;
	t.tv_nsec = (ms < GATHER_MAX_MS ? ms : GATHER_MAX_MS) * 1000000;
	(void)nanosleep(&t, NULL);
	if (store_call_more(r->env.store, line, c, &p) != ERR_OK)
		log_error(r->env.log, "store-failed", F_STR("reason",
		    p.text));
}

struct good_news {
	const struct relay *r;
	const struct call *call;
};

/* Whoever waits is told before it is written: a crash only repeats it. */
static void
spread(void *ctx)
{
	const struct good_news *g = ctx;

	waiting_tell(g->r->waiting, g->call->work, g->call->n,
	    STATE_ACKNOWLEDGED);
}

bool
tell_on(const struct relay *r, struct call *c, bool probe,
    struct patience *patience)
{
	struct deadline until = deadline_in(r->env.clock,
	    r->env.config->server.answer_within * 1000);
	bool good = false, first = true;

	while (c->leave == LEAVE_GRANTED) {
		bool more = deadline_left(&until) > 0;
		char place[PLACE_MAX];
		struct good_news news = { r, c };
		struct problem p = { 0 };
		struct call_end end;
		struct call next;
		struct line line;

		line_of(c->work[0], &line, place);
		if (!probe)
			wait_for_more(r, &line, c);
		tell(r, c, probe, patience, &end);
		good = first ? end.acknowledged : good;
		first = probe = false;
		call_init(&next);
		if (end.acknowledged)
			end.queued = (struct on_queued){ spread, &news };
		/* those who wait for more than this call brings */
		end.at_leisure = !r->one_shot &&
		    waiting_count(r->waiting) <= c->n;
		if (store_call_end(r->env.store, c, &end, &line, more ?
		    &next : NULL, &p) != ERR_OK)
			note_unmoved(r, c->work[0]->key, &p);
		call_free(c);
		*c = next;
	}
	call_free(c);
	return good;
}
