/*
 * Who may be on the way: the rings of those who wait, and the places.
 *
 * Called by client.c.  Owns nothing but counts; cannot fail.  A ring is for
 * each peer with a waiting call: it starts one and goes to the end.  There
 * is a ring for each kind of peer, and they start calls by turns; so neither
 * a crowd of hanging peers nor a busy healthy one keeps the others from the
 * places that they may have.
 */
#include "http/inside.h"

#define UNSURE_PART 8		/* this part of the places is for the well */
#define SUSPECT_MS 1000		/* what answers within it is no concern, nor */
#define SUSPECT_FACTOR 4	/* within so many times of its last answer */

/* A channel is never worse than new: its owner bounds it. */
static int
kind_of(const struct http_peer *p)
{
	if (p->slow == 0 && p->state != HTTP_PEER_UNWELL)
		return (int)p->state;
	return p->bounded ? HTTP_PEER_NEW : HTTP_PEER_UNWELL;
}

void
places_init(struct places *s, const struct http_opts *o)
{
	s->calls = o->calls > 1 ? (size_t)o->calls : 1;
	s->half = s->calls > 1 ? s->calls / 2 : 1;
	s->unsure = s->calls > UNSURE_PART ?
	    s->calls - s->calls / UNSURE_PART : s->calls - 1;
	if (s->unsure == 0)
		s->unsure = 1;
	s->slow_ms = o->slow_ms;
	for (int kind = 0; kind < HTTP_PEER_KINDS; kind++)
		TAILQ_INIT(&s->rings[kind]);
	TAILQ_INIT(&s->young);
	TAILQ_INIT(&s->slow);
	TAILQ_INIT(&s->held);
}

static void
ring_join(struct places *s, struct http_peer *p)
{
	p->listed = true;
	TAILQ_INSERT_TAIL(&s->rings[kind_of(p)], p, link);
}

static void
ring_leave(struct places *s, struct http_peer *p, int kind)
{
	p->listed = false;
	TAILQ_REMOVE(&s->rings[kind], p, link);
}

/* All that a peer's kind hangs on changes here. */
static void
peer_change(struct places *s, struct http_peer *p, size_t in_flight,
    size_t slow, enum http_peer_state state)
{
	int was = kind_of(p);

	s->on[was] -= p->in_flight;
	p->in_flight = in_flight;
	p->slow = slow;
	p->state = state;
	s->on[kind_of(p)] += p->in_flight;
	if (p->listed && kind_of(p) != was) {
		ring_leave(s, p, was);
		ring_join(s, p);
	}
}

void
places_wait(struct places *s, struct http_call *call)
{
	struct http_peer *p = call->peer;

	TAILQ_INSERT_TAIL(&p->waiting, call, link);
	if (!p->listed)
		ring_join(s, p);
}

/* Its peer answers sooner, or has never answered. */
static bool
is_suspect(const struct places *s, const struct http_transfer *t,
    int64_t *at_ms)
{
	const struct http_peer *p = t->call->peer;
	int64_t ms = p->took_ms * SUSPECT_FACTOR;

	if (ms < SUSPECT_MS)
		ms = SUSPECT_MS;
	*at_ms = t->began_ms + ms;
	return !p->bounded && !t->call->keep && ms < s->slow_ms &&
	    kind_of(p) != HTTP_PEER_UNWELL;
}

/*
 * A call that may be cut for this peer, the oldest.  Never one of its own:
 * that would only be sent again, and a peer that is just slow would never
 * get to answer.  Nor a channel's for one that is not well.
 */
static struct http_transfer *
find_victim(const struct places *s, const struct http_peer *p,
    int64_t now_ms)
{
	bool unwell = kind_of(p) == HTTP_PEER_UNWELL;
	struct http_transfer *t;
	int64_t at;

	TAILQ_FOREACH(t, &s->slow, link)
		if (t->call->peer != p && !(unwell && t->call->peer->bounded))
			return t;
	TAILQ_FOREACH(t, &s->young, link) {
		if (unwell || t->began_ms + SUSPECT_MS > now_ms)
			return NULL;
		if (is_suspect(s, t, &at) && at <= now_ms &&
		    t->call->peer != p)
			return t;
	}
	return NULL;
}

size_t
places_busy(const struct places *s)
{
	size_t n = 0;

	for (int kind = 0; kind < HTTP_PEER_KINDS; kind++)
		n += s->on[kind];
	return n;
}

static bool
has_place(const struct places *s, size_t kind)
{
	size_t unsure = s->on[HTTP_PEER_NEW] + s->on[HTTP_PEER_UNWELL];

	if (places_busy(s) >= s->calls)
		return false;
	return kind == HTTP_PEER_WELL || (unsure < s->unsure &&
	    (kind == HTTP_PEER_NEW || s->on[HTTP_PEER_UNWELL] < s->half));
}

/* The next of a ring, perhaps if a call to another peer gave its place up. */
static struct http_peer *
find_peer(const struct places *s, size_t kind, int64_t now_ms,
    struct http_transfer **victim)
{
	struct http_peer *first = TAILQ_FIRST(&s->rings[kind]);

	*victim = NULL;
	if (first == NULL || has_place(s, kind))
		return first;
	*victim = find_victim(s, first, now_ms);
	if (*victim == NULL && (first = TAILQ_NEXT(first, link)) != NULL)
		*victim = find_victim(s, first, now_ms);
	return *victim != NULL ? first : NULL;
}

struct http_call *
places_next(struct places *s, int64_t now_ms, struct http_transfer **victim)
{
	struct http_peer *p = NULL;
	struct http_call *call;
	size_t kind = s->turn;

	for (int i = 0; i < HTTP_PEER_KINDS && p == NULL; i++) {
		kind = (s->turn + (size_t)i) % HTTP_PEER_KINDS;
		p = find_peer(s, kind, now_ms, victim);
	}
	if (p == NULL)
		return NULL;
	s->turn = (kind + 1) % HTTP_PEER_KINDS;
	call = TAILQ_FIRST(&p->waiting);
	TAILQ_REMOVE(&p->waiting, call, link);
	ring_leave(s, p, (int)kind);
	if (!TAILQ_EMPTY(&p->waiting))
		ring_join(s, p);
	return call;
}

void
places_take(struct places *s, struct http_transfer *t)
{
	struct http_peer *p = t->call->peer;

	TAILQ_INSERT_TAIL(&s->young, t, link);
	peer_change(s, p, p->in_flight + 1, p->slow, p->state);
}

static struct http_transfers *
list_of(struct places *s, const struct http_transfer *t)
{
	if (!t->is_slow)
		return &s->young;
	return t->call->keep ? &s->held : &s->slow;
}

void
places_give(struct places *s, struct http_transfer *t,
    enum http_peer_state state)
{
	struct http_peer *p = t->call->peer;

	TAILQ_REMOVE(list_of(s, t), t, link);
	peer_change(s, p, p->in_flight - 1, p->slow - t->is_slow, state);
}

/* When a call can be cut for somebody who waits, before it is slow. */
static bool
next_suspect(const struct places *s, int64_t now_ms, int64_t *next_ms)
{
	struct http_transfer *t;
	int64_t at;
	bool found = false;

	if (TAILQ_EMPTY(&s->rings[HTTP_PEER_NEW]) &&
	    TAILQ_EMPTY(&s->rings[HTTP_PEER_WELL]))
		return false;
	TAILQ_FOREACH(t, &s->young, link) {
		if (found && t->began_ms + SUSPECT_MS >= *next_ms)
			break;
		if (!is_suspect(s, t, &at) || at <= now_ms ||
		    (found && at >= *next_ms))
			continue;
		*next_ms = at;
		found = true;
	}
	return found;
}

bool
places_age(struct places *s, int64_t now_ms, int64_t *next_ms)
{
	struct http_transfer *t;

	while ((t = TAILQ_FIRST(&s->young)) != NULL &&
	    t->began_ms + s->slow_ms <= now_ms) {
		struct http_peer *p = t->call->peer;

		TAILQ_REMOVE(&s->young, t, link);
		t->is_slow = true;
		TAILQ_INSERT_TAIL(list_of(s, t), t, link);
		peer_change(s, p, p->in_flight, p->slow + 1, p->state);
	}
	if (t != NULL && !next_suspect(s, now_ms, next_ms))
		*next_ms = t->began_ms + s->slow_ms;
	return t != NULL;
}

void
places_drop(struct places *s)
{
	struct http_peer *p;

	for (int kind = 0; kind < HTTP_PEER_KINDS; kind++)
		while ((p = TAILQ_FIRST(&s->rings[kind])) != NULL) {
			ring_leave(s, p, kind);
			TAILQ_INIT(&p->waiting);
		}
}
