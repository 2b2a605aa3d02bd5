/*
 * Who may be on the way: the rings of those who wait, and the places.
 *
 * Called by client.c.  Owns nothing but counts; cannot fail.  A ring is for
 * each peer with a waiting call: it starts one and goes to the end.  There
 * are two rings, for those who are well and those who are not, and they
 * start calls by turns; so neither a crowd of hanging peers nor a busy
 * healthy one keeps the other from the places that it may have.
 */
#include "http/inside.h"

enum { UNWELL, WELL };

static int
kind_of(const struct http_peer *p)
{
	return p->well && p->slow == 0 ? WELL : UNWELL;
}

void
places_init(struct places *s, const struct http_opts *o)
{
	s->calls = o->calls > 1 ? (size_t)o->calls : 1;
	s->half = s->calls > 1 ? s->calls / 2 : 1;
	s->slow_ms = o->slow_ms;
	TAILQ_INIT(&s->rings[UNWELL]);
	TAILQ_INIT(&s->rings[WELL]);
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

/* All that a peer's state hangs on changes here. */
static void
peer_change(struct places *s, struct http_peer *p, size_t in_flight,
    size_t slow, bool well)
{
	int was = kind_of(p);

	if (was == UNWELL)
		s->unwell -= p->in_flight;
	s->in_flight += in_flight - p->in_flight;	/* may wrap, and back */
	p->in_flight = in_flight;
	p->slow = slow;
	p->well = well;
	if (kind_of(p) == UNWELL)
		s->unwell += p->in_flight;
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

/*
 * Who of a ring could have a place if a slow call to another peer gave it
 * up.  Never one of its own: that would only be sent again, and a peer that
 * is just slow would never get to answer.
 */
static struct http_peer *
find_cut(const struct places *s, struct http_peer *first,
    struct http_transfer **victim)
{
	struct http_transfer *t = TAILQ_FIRST(&s->slow);

	if (t != NULL && t->call->peer == first &&
	    TAILQ_NEXT(first, link) != NULL)
		first = TAILQ_NEXT(first, link);
	while (t != NULL && t->call->peer == first)
		t = TAILQ_NEXT(t, link);
	*victim = t;
	return t != NULL ? first : NULL;
}

static struct http_peer *
find_peer(const struct places *s, size_t kind, struct http_transfer **victim)
{
	struct http_peer *first = TAILQ_FIRST(&s->rings[kind]);

	*victim = NULL;
	if (first == NULL || (s->in_flight < s->calls &&
	    (kind == WELL || s->unwell < s->half)))
		return first;
	return find_cut(s, first, victim);
}

struct http_call *
places_next(struct places *s, struct http_transfer **victim)
{
	size_t kind = s->turn;
	struct http_peer *p = find_peer(s, kind, victim);
	struct http_call *call;

	if (p == NULL) {
		kind = !kind;
		p = find_peer(s, kind, victim);
	}
	if (p == NULL)
		return NULL;
	s->turn = !kind;
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
	peer_change(s, p, p->in_flight + 1, p->slow, p->well);
}

static struct http_transfers *
list_of(struct places *s, const struct http_transfer *t)
{
	if (!t->is_slow)
		return &s->young;
	return t->call->keep ? &s->held : &s->slow;
}

void
places_give(struct places *s, struct http_transfer *t, bool well)
{
	struct http_peer *p = t->call->peer;

	TAILQ_REMOVE(list_of(s, t), t, link);
	peer_change(s, p, p->in_flight - 1, p->slow - t->is_slow, well);
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
		peer_change(s, p, p->in_flight, p->slow + 1, p->well);
	}
	if (t != NULL)
		*next_ms = t->began_ms + s->slow_ms;
	return t != NULL;
}

void
places_drop(struct places *s)
{
	struct http_peer *p;

	for (size_t kind = UNWELL; kind <= WELL; kind++)
		while ((p = TAILQ_FIRST(&s->rings[kind])) != NULL) {
			ring_leave(s, p, (int)kind);
			TAILQ_INIT(&p->waiting);
		}
}
