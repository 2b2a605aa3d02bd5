/*
 * Looking on at the queue: each message is told once, and each change of it;
 * also what has come and gone between two looks.
 */
#include "store/follow.h"

#include "store_world.h"

struct heard {
	char text[16384];	/* "id:state" of each, a blank between */
	size_t at;
	size_t n, fresh;
	char last_key[80];
};

static void
hear(void *ctx, const struct followed *m)
{
	struct heard *h = ctx;

	if (h->at < sizeof(h->text) - 64)
		h->at += (size_t)snprintf(h->text + h->at, sizeof(h->text) -
		    h->at, "%s%lld:%s", h->at != 0 ? " " : "",
		    (long long)m->id, state_name(m->state));
	h->n++;
	h->fresh += m->fresh;
	assert_string_not_equal(m->key, "");
	(void)snprintf(h->last_key, sizeof(h->last_key), "%s", m->key);
}

static struct heard
look(struct store_world *w, struct follow *f)
{
	struct heard h = { .at = 0 };

	assert_int_equal(follow_look(f, hear, &h, &w->problem), ERR_OK);
	return h;
}

static struct follow *
begin(struct store_world *w)
{
	struct follow *f;

	assert_int_equal(follow_new(&f, w->store), ERR_OK);
	assert_int_equal(look(w, f).n, 0);
	return f;
}

static void
done(struct store_world *w, const struct arrival *a)
{
	MOVE(w, w->store, .id = a->id, .chat = a->chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_DONE, .no_claim = true);
}

static const char *
text_of(char *out, size_t size, int64_t id, const char *state)
{
	(void)snprintf(out, size, "%lld:%s", (long long)id, state);
	return out;
}

/* What was there before is not told, nor anything twice. */
static void
test_each_once(void **state)
{
	struct store_world *w = *state;
	struct arrival a, old = TAKE(w, w->store, .message_id = 1);
	struct follow *f = begin(w);
	char text[64], key[80];
	struct heard h;

	a = TAKE(w, w->store, .message_id = 2, .chat = "x");
	h = look(w, f);
	assert_string_equal(h.text, text_of(text, sizeof(text), a.id,
	    "received"));
	assert_int_equal(h.fresh, 1);
	(void)snprintf(key, sizeof(key), "%s", h.last_key);
	assert_int_equal(look(w, f).n, 0);
	done(w, &a);
	done(w, &old);
	h = look(w, f);
	assert_string_equal(h.text, text_of(text, sizeof(text), a.id,
	    "acknowledged"));
	assert_int_equal(h.fresh, 0);
	assert_string_equal(h.last_key, key);
	assert_int_equal(look(w, f).n, 0);
	assert_int_equal(follow_missed(f), 0);
	follow_free(f);
}

static void
test_refused(void **state)
{
	struct store_world *w = *state;
	struct follow *f = begin(w);
	struct arrival a = TAKE(w, w->store, .message_id = 2);
	char text[64];

	(void)look(w, f);
	MOVE(w, w->store, .id = a.id, .chat = a.chat_number,
	    .from = STATE_RECEIVED, .move = MOVE_REFUSED, .no_claim = true);
	assert_string_equal(look(w, f).text, text_of(text, sizeof(text),
	    a.id, "refused"));
	assert_int_equal(look(w, f).n, 0);
	follow_free(f);
}

/* Known by its key; the one beside it, which is not done, is told, too. */
static void
test_gone_between_looks(void **state)
{
	struct store_world *w = *state;
	struct follow *f = begin(w);
	struct arrival a = TAKE(w, w->store, .message_id = 2, .chat = "x");
	struct arrival b = TAKE(w, w->store, .message_id = 3, .chat = "y");
	char text[128];
	struct heard h;

	done(w, &a);
	h = look(w, f);
	(void)snprintf(text, sizeof(text), "%lld:acknowledged %lld:received",
	    (long long)a.id, (long long)b.id);
	assert_string_equal(h.text, text);
	assert_int_equal(h.fresh, 2);
	assert_int_equal(follow_missed(f), 0);
	follow_free(f);
}

/* Of two revisions only the newest has left its number. */
static void
test_missed(void **state)
{
	struct store_world *w = *state;
	struct follow *f = begin(w);
	struct arrival a = TAKE(w, w->store,
	    .name = "ONIMCONNECTORMESSAGEUPDATE", .message_id = 2,
	    .body = "\"message\":{\"text\":\"1\"}");
	struct arrival b;

	done(w, &a);
	b = TAKE(w, w->store, .name = "ONIMCONNECTORMESSAGEUPDATE",
	    .message_id = 2, .body = "\"message\":{\"text\":\"2\"}");
	done(w, &b);
	assert_true(a.id != b.id);
	assert_int_equal(look(w, f).n, 1);
	assert_int_equal(follow_missed(f), 1);
	follow_free(f);
}

/* More than one look takes: the next ones go on. */
static void
test_many(void **state)
{
	enum { MANY = 1300 };
	struct store_world *w = *state;
	struct follow *f = begin(w);
	struct heard h;
	size_t n = 0;

	for (int i = 1; i <= MANY; i++)
		(void)TAKE(w, w->store, .message_id = i, .unclaimed = true);
	do {
		h = look(w, f);
		n += h.n;
		assert_int_equal(h.n, h.fresh);
	} while (h.n != 0);
	assert_int_equal(n, MANY);
	assert_int_equal(follow_missed(f), 0);
	follow_free(f);
}

static void
test_no_store(void **state)
{
	struct store_world *w = *state;
	struct store *s;
	struct follow *f;
	struct heard h = { .at = 0 };
	struct recent r;

	w->opts.db.create = false;
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s/none.db", w->dir);
	w->opts.db.url = w->url;
	s = world_store(w);
	assert_int_equal(follow_new(&f, s), ERR_OK);
	assert_int_equal(follow_look(f, hear, &h, &w->problem), ERR_OK);
	assert_int_equal(h.n, 0);
	follow_free(f);
	assert_int_equal(store_recent(s, &r, &w->problem), ERR_OK);
	assert_int_equal(r.last_ms, 0);
	assert_true(store_close(s, 1000));
}

static void
test_recent(void **state)
{
	struct store_world *w = *state;
	struct recent r;
	struct arrival a;

	assert_int_equal(store_recent(w->store, &r, &w->problem), ERR_OK);
	assert_int_equal(r.last_ms, 0);
	a = TAKE(w, w->store, .message_id = 1);
	done(w, &a);
	world_pass(w, 3000000);
	(void)TAKE(w, w->store, .message_id = 2);
	assert_int_equal(store_recent(w->store, &r, &w->problem), ERR_OK);
	assert_int_equal(r.last_ms, WORLD_START_MS + 3000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_each_once),
		WORLD_TEST(test_refused),
		WORLD_TEST(test_gone_between_looks),
		WORLD_TEST(test_missed),
		WORLD_TEST(test_many),
		WORLD_TEST(test_no_store),
		WORLD_TEST(test_recent),
	};

	return cmocka_run_group_tests_name("store/follow", tests, NULL, NULL);
}
