/*
 * Timers by (time, serial number): a pairing heap, its links inside the
 * timers.
 *
 * Called by the loop only.  Owns nothing and allocates nothing, so nothing
 * here can fail.  Most timers are limits that never fire: arming one costs a
 * comparison or two, and giving one up that has nobody below it is a plain
 * unlinking; only who comes first costs a logarithm.
 */
#include "base/timers.h"

enum { NOT_ARMED, IN_HEAP, IS_DUE };

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
heap_add(struct timers *h, struct timer *t)
{
	h->root = h->root != NULL ? meld(h->root, t) : t;
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
		heap_add(h, below);
}

static void
due_add(struct timers *h, struct timer *t)
{
	t->child = t->next = NULL;
	t->prev = h->due_last;
	if (h->due_last != NULL)
		h->due_last->next = t;
	else
		h->due = t;
	h->due_last = t;
	t->place = IS_DUE;
}

static void
due_remove(struct timers *h, struct timer *t)
{
	if (t->prev != NULL)
		t->prev->next = t->next;
	else
		h->due = t->next;
	if (t->next != NULL)
		t->next->prev = t->prev;
	else
		h->due_last = t->prev;
}

void
timers_arm(struct timers *h, struct timer *t, int64_t at_ms)
{
	timers_disarm(h, t);
	t->at_ms = at_ms;
	t->serial = h->serial++;
	t->place = IN_HEAP;
	heap_add(h, t);
}

void
timers_disarm(struct timers *h, struct timer *t)
{
	if (t->place == IN_HEAP)
		heap_remove(h, t);
	else if (t->place == IS_DUE)
		due_remove(h, t);
	t->place = NOT_ARMED;
	t->child = t->next = t->prev = NULL;
}

void
timers_expire(struct timers *h, int64_t now_ms)
{
	struct timer *t;

	while ((t = h->root) != NULL && t->at_ms <= now_ms) {
		heap_remove(h, t);
		due_add(h, t);
	}
}

struct timer *
timers_take(struct timers *h)
{
	struct timer *t = h->due;

	if (t != NULL)
		timers_disarm(h, t);
	return t;
}

bool
timers_next(const struct timers *h, int64_t *at_ms)
{
	if (h->root != NULL)
		*at_ms = h->root->at_ms;
	return h->root != NULL;
}
