/*
 * Messages that a process has, and whether a look tells where they wait.
 *
 * Called by unit tests of the store.  Owns nothing.
 */
#include "store_look.h"

struct known_message
make_received(struct store_world *w, struct store *s, int64_t message_id)
{
	char chat[24];
	struct arrival a;

	(void)snprintf(chat, sizeof(chat), "c%lld", (long long)message_id);
	a = TAKE(w, s, .message_id = message_id, .chat = chat);
	assert_true(a.claimed);
	return (struct known_message){ a.id, a.chat_number, a.state };
}

struct known_message
make_delivered(struct store_world *w, struct store *s, int64_t message_id,
    bool waits)
{
	struct known_message m = make_received(w, s, message_id);

	MOVE(w, s, .id = m.id, .chat = m.chat, .from = STATE_RECEIVED,
	    .move = MOVE_DELIVERED, .leave = waits);
	m.state = STATE_DELIVERED;
	return m;
}

bool
is_told(struct store_world *w, struct store *s, const struct place *at,
    bool *probe)
{
	struct peeking p = world_peek(w, s);
	struct looked l = world_look_all(w, s);

	*probe = false;
	for (size_t i = 0; i < l.n; i++)
		if (l.place[i].number == at->number) {
			assert_true(p.due);
			assert_int_equal(l.place[i].kind, at->kind);
			*probe = l.place[i].probe;
			return true;
		}
	return false;
}

bool
told(struct store_world *w, struct store *s, const struct place *at)
{
	bool probe, yes = is_told(w, s, at, &probe);

	assert_false(probe);
	return yes;
}

bool
probed(struct store_world *w, struct store *s, const struct place *at)
{
	bool probe, yes = is_told(w, s, at, &probe);

	assert_int_equal(yes, probe);
	return probe;
}
