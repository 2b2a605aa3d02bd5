/*
 * Timers by (time, serial number): a pairing heap, its links inside the
 * timers.
 *
 * Called by the loop only.  Owns nothing and allocates nothing, so nothing
 * here can fail.  Most timers are limits that never fire: arming one costs a
 * comparison or two, and giving one up that has nobody below it is a plain
 * unlinking; only who comes first costs a logarithm.
 */
#include "base/loop_inside.h"

static bool
is_before(const struct timer *a, const struct timer *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms :
	    a->serial < b->serial;
}

/* One heap of two roots that have nobody beside them. */
static struct timer *
meld(struct timer *a, struct timer *b)
{
	struct timer *first = is_before(b, a) ? b : a;
	struct timer *other = first == a ? b : a;

	other->prev = first;
	other->next = first->child;
	if (other->next != NULL)
		other->next->prev = other;
	first->child = other;
	return first;
}

/*
 * One heap of a row of children, or NULL.  Pairs first, from left to right,
 * then the pairs from right to left: that is what keeps later rows short.
 */
static struct timer *
gather(struct timer *row)
{
	struct timer *pairs = NULL, *root = NULL;

	while (row != NULL) {
		struct timer *a = row, *b = a->next;

		row = b != NULL ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b != NULL) {
			b->next = b->prev = NULL;
			a = meld(a, b);
		}
		a->next = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct timer *a = pairs;

		pairs = a->next;
		a->next = NULL;
		root = root != NULL ? meld(root, a) : a;
	}
	return root;
}

static void
heap_remove(struct timers *h, struct timer *t)
{
	struct timer *below = gather(t->child);

	if (t == h->root) {
		h->root = below;
		return;
	}
	if (t->prev->child == t)
		t->prev->child = t->next;
	else
		t->prev->next = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	if (below != NULL)
		h->root = meld(h->root, below);
}

void
loop_arm(struct loop *l, struct timer *t, int64_t at_ms)
{
	struct timers *h = &l->timers;

	loop_disarm(l, t);
	/* behind all that fire in this turn */
	t->at_ms = h->firing && at_ms < h->now_ms ? h->now_ms : at_ms;
	t->serial = h->serial++;
	t->armed = true;
	h->root = h->root != NULL ? meld(h->root, t) : t;
}

void
loop_disarm(struct loop *l, struct timer *t)
{
	if (t->armed)
		heap_remove(&l->timers, t);
	t->armed = false;
	t->child = t->next = t->prev = NULL;
}

void
timers_expire(struct loop *l)
{
	l->timers.firing = true;
	l->timers.now_ms = l->now_ms;
	l->timers.end = l->timers.serial;
}

struct timer *
timers_take(struct loop *l)
{
	struct timers *h = &l->timers;
	struct timer *t = h->root;

	h->firing = t != NULL && t->at_ms <= h->now_ms && t->serial < h->end;
	if (!h->firing)
		return NULL;
	loop_disarm(l, t);
	return t;
}
