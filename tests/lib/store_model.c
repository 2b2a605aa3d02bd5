/*
 * What a store must hold, for the walk through it.
 *
 * Called by unit tests.  Owns nothing.
 */
#include "store_model.h"

uint32_t
model_draw(struct model *k, uint32_t below)
{
	k->random = k->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(k->random >> 33) % below;
}

/* The first of a chat's received ones, 0: none. */
static int64_t
first_of(const struct model *k, int chat)
{
	int64_t first = 0;

	for (int64_t i = 1; i <= k->last; i++) {
		const struct model_message *m = &k->m[i];

		if (m->there && m->state == STATE_RECEIVED &&
		    m->chat == chat && (first == 0 ||
		    m->message_id < k->m[first].message_id))
			first = i;
	}
	return first;
}

static bool
is_busy(const struct model *k, int chat)
{
	for (int64_t i = 1; i <= k->last; i++)
		if (k->m[i].there && k->m[i].state == STATE_RECEIVED &&
		    k->m[i].chat == chat && k->m[i].owner != NOBODY)
			return true;
	return false;
}

void
model_claimed(struct model *k, int p, int64_t id, enum state state)
{
	struct model_message *m = &k->m[id];

	assert_true(id >= 1 && id <= k->last);
	assert_true(m->there);
	assert_int_equal(m->state, state);
	assert_int_equal(m->owner, NOBODY);
	assert_true(m->later_ms <= k->w->now_ms);
	if (state == STATE_RECEIVED) {
		assert_false(is_busy(k, m->chat));
		assert_int_equal(first_of(k, m->chat), id);
	}
	m->owner = p;
	m->later_ms = 0;
}

void
model_arrived(struct model *k, int p, const struct arrival *a,
    const struct message *m, bool update)
{
	struct model_message *mm = &k->m[a->id];
	int chat = m->chat[0] - 'a';

	assert_true(a->id >= 1 && a->id < MODEL_MAX);
	if (!a->fresh) {
		assert_false(a->claimed);
		assert_int_equal(a->state, mm->there ? mm->state :
		    STATE_ACKNOWLEDGED);
		return;
	}
	/* an id is never used again */
	assert_true(a->id > k->last);
	if (a->claimed)
		assert_int_equal(first_of(k, chat), 0);
	k->last = a->id;
	*mm = (struct model_message){ .there = true, .state = a->state,
	    .owner = NOBODY, .chat = chat, .chat_number = a->chat_number,
	    .message_id = m->message_id, .line = 107 + chat % 2,
	    .revised = update };
	(void)snprintf(mm->key, sizeof(mm->key), "%s", a->key);
	assert_int_equal(a->state == STATE_REFUSED, m->bad != NULL);
	if (a->claimed)
		mm->owner = p;
}

void
model_moved(struct model *k, int p, int64_t id, const struct moving_spec *spec,
    const struct moved *out)
{
	struct model_message *m = &k->m[id];
	bool leaves = true;

	assert_false(out->lost);
	m->owner = NOBODY;
	switch (out->gave_up ? MOVE_REFUSED : spec->move) {
	case MOVE_DELIVERED:
		m->state = STATE_DELIVERED;
		if (!out->left_waiting)
			m->owner = p;
		break;
	case MOVE_DONE:
	case MOVE_TOLD:
		m->there = false;
		break;
	case MOVE_REFUSED:
		m->state = STATE_REFUSED;
		break;
	case MOVE_LATER:
		m->later_ms = spec->next_ms;
		leaves = false;
		break;
	case MOVE_READY:
	case MOVE_ALONE:
		leaves = false;
		break;
	}
	if (out->next.id == 0)
		return;
	assert_true(leaves && spec->from == STATE_RECEIVED &&
	    !spec->no_claim);
	assert_int_equal(k->m[out->next.id].chat, m->chat);
	model_claimed(k, p, out->next.id, STATE_RECEIVED);
}

/* What a list of all gives. */
struct listed {
	struct model *k;
	int64_t state[STATE_REFUSED + 1], held, parked;
};

static bool
list_one(void *ctx, const struct stored *s)
{
	struct listed *l = ctx;
	struct model_message *m = &l->k->m[s->id];

	l->state[s->state]++;
	l->held += s->hold == HOLD_DOWN;
	l->parked += s->hold == HOLD_PARKED;
	if (s->state == STATE_ACKNOWLEDGED)
		return true;
	assert_true(m->there);
	/* given up behind what is down */
	if (l->k->looked && s->state == STATE_REFUSED &&
	    m->owner == NOBODY && m->later_ms <= l->k->w->now_ms)
		m->state = STATE_REFUSED;
	assert_int_equal(s->state, m->state);
	assert_string_equal(s->key, m->key);
	return true;
}

void
model_check(struct model *k)
{
	const struct filter all = { .key = NULL };
	struct listed l = { .k = k };
	struct stats s = world_stats(k->w, k->process[0]);
	int64_t there = 0;

	assert_int_equal(store_each(k->process[0], &all, list_one, &l,
	    &k->w->problem), ERR_OK);
	for (int i = STATE_RECEIVED; i <= STATE_REFUSED; i++)
		assert_int_equal(s.state[i], l.state[i]);
	assert_int_equal(s.held, l.held);
	assert_int_equal(s.parked, l.parked);
	for (int64_t i = 1; i <= k->last; i++)
		there += k->m[i].there;
	assert_int_equal(there, l.state[STATE_RECEIVED] +
	    l.state[STATE_DELIVERED] + l.state[STATE_REFUSED]);
	k->looked = false;
}
