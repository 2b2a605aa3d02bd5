/*
 * What a person does to the queue, and what he is told of it.
 */
#include "ctl/act.h"

#include "telling.h"

#include <sqlite3.h>

static const char *
said(struct site *s, char *text, enum err got, enum err want)
{
	(void)snprintf(s->text[6], sizeof(s->text[6]), "%s", text);
	free(text);
	assert_int_equal(got, want);
	assert_int_equal(s->problem.err, want);
	return s->text[6];
}

/* Runs an act on a key with its output caught. */
static const char *
act(struct site *s, enum err (*f)(struct store *, const char *, bool,
    struct problem *), const char *key, bool json, enum err want)
{
	struct capture c;
	enum err e;

	s->problem = (struct problem){ 0 };
	capture_begin(&c, STDOUT_FILENO);
	e = f(s->store, key, json, &s->problem);
	return said(s, capture_end(&c), e, want);
}

static const char *
run_all(struct site *s, enum err (*f)(const struct relay *, bool,
    struct problem *), bool json, enum err want)
{
	struct capture out, err;
	enum err e;
	char *text;

	s->problem = (struct problem){ 0 };
	capture_begin(&err, STDERR_FILENO);
	capture_begin(&out, STDOUT_FILENO);
	e = f(&s->relay, json, &s->problem);
	text = capture_end(&out);
	free(s->log);
	s->log = capture_end(&err);
	/* progress is for terminals */
	assert_null(strstr(s->log, "\r"));
	return said(s, text, e, want);
}

static struct work
refusal(struct site *s, int64_t id, bool taken)
{
	struct work w = taken ? site_delivered(s, id, NULL) :
	    site_message(s, ADD, id, "x", NULL);
	int64_t next;

	(void)become_ours(s->store, w.id);
	assert_int_equal(store_refused(s->store, &w, taken ? STEP_STATUS :
	    STEP_HAND_OVER, "no", &next, &s->problem), ERR_OK);
	return w;
}

static void
test_retry_refused(void **state)
{
	struct site *s = *state;
	struct work a = refusal(s, 1, false), b = refusal(s, 2, true),
	    c = refusal(s, 3, false);

	assert_string_equal(act(s, act_retry_refused, "no-such-key", false,
	    ERR_UNUSABLE), "");
	assert_non_null(strstr(s->problem.text, "no-such-key"));
	assert_string_equal(act(s, act_retry_refused, a.key, false, ERR_OK),
	    "retried: 1\n");
	assert_int_equal(site_row(s, a.id).state, STATE_RECEIVED);
	assert_int_equal(site_row(s, a.id).tries, 0);
	assert_true(site_row(s, a.id).in_ms <= 0);
	assert_int_equal(site_row(s, c.id).state, STATE_REFUSED);
	/* it goes on already */
	(void)act(s, act_retry_refused, a.key, true, ERR_UNUSABLE);
	assert_string_equal(act(s, act_retry_refused, NULL, true, ERR_OK),
	    "{\"retried\":2}\n");
	/* never handed over again */
	assert_int_equal(site_row(s, b.id).state, STATE_DELIVERED);
	assert_int_equal(site_row(s, c.id).state, STATE_RECEIVED);
	assert_string_equal(act(s, act_retry_refused, NULL, false, ERR_OK),
	    "retried: 0\n");
}

static void
test_drop(void **state)
{
	const struct filter any = { .key = NULL };
	struct site *s = *state;
	struct work a = refusal(s, 1, true);
	struct work b = site_message(s, ADD, 2, "y", NULL);
	struct row gone = { .id = a.id, .site = s };

	(void)act(s, act_drop, "no-such-key", false, ERR_UNUSABLE);
	/* it is being worked on */
	assert_string_equal(act(s, act_drop, b.key, false, ERR_UNUSABLE), "");
	assert_string_equal(act(s, act_drop, a.key, false, ERR_OK),
	    "dropped: 1\n");
	assert_int_equal(store_each(s->store, &any, row_take, &gone,
	    &s->problem), ERR_OK);
	assert_false(gone.found);
	(void)act(s, act_drop, a.key, true, ERR_UNUSABLE);
	assert_int_equal(site_row(s, b.id).state, STATE_RECEIVED);
	a = refusal(s, 3, true);
	assert_string_equal(act(s, act_drop, a.key, true, ERR_OK),
	    "{\"dropped\":1}\n");
}

static void
test_pass(void **state)
{
	struct site *s = *state;
	struct work w;

	assert_string_equal(run_all(s, act_pass, false, ERR_OK),
	    "moved on: 0, failed: 0\n");
	site_install(s, "1");
	w = refusal(s, 1, true);
	(void)act(s, act_retry_refused, NULL, false, ERR_OK);
	SCRIPT(s, rest, { "500 No", "", NULL, 0 });
	assert_string_equal(run_all(s, act_pass, false, ERR_OK),
	    "moved on: 0, failed: 1\n");
	s->ahead_ms += 60000;
	SCRIPT(s, rest, ACCEPTED);
	assert_string_equal(run_all(s, act_pass, true, ERR_OK),
	    "{\"moved\":1,\"failed\":0}\n");
	assert_int_equal(site_row(s, w.id).state, STATE_ACKNOWLEDGED);
}

/* In pieces, so that handlers get their turn; all that is old enough. */
static void
test_purge(void **state)
{
	struct site *s = *state;
	struct work w = site_delivered(s, 1, NULL), *one = &w;
	struct work kept = refusal(s, 2, true);
	sqlite3 *db;

	assert_int_equal(acknowledge_all(s->store, &one, 1, &s->problem),
	    ERR_OK);
	assert_int_equal(sqlite3_open(in_folder("queue.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "WITH RECURSIVE n(i) AS (SELECT 1"
	    " UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO"
	    " message(key, base, revision, content, state, event, member_id,"
	    " connector, line, chat, chat_id, message_id, ts, received_us,"
	    " changed_ms) SELECT 'k' || i, 'b' || i, 0, '', 3, 'E', 'm', 'c',"
	    " 1, 'x', 1, i, 1, 1, (SELECT changed_ms FROM message LIMIT 1)"
	    " FROM n", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
	assert_string_equal(run_all(s, act_purge, false, ERR_OK),
	    "removed: 0\n");
	s->ahead_ms += (int64_t)7 * 86400 * 1000 - 60000;
	assert_string_equal(run_all(s, act_purge, false, ERR_OK),
	    "removed: 0\n");
	s->ahead_ms += 120000;
	assert_string_equal(run_all(s, act_purge, true, ERR_OK),
	    "{\"removed\":2501}\n");
	assert_int_equal(site_row(s, kept.id).state, STATE_REFUSED);
}

static void
test_no_store(void **state)
{
	struct site *s = *state;

	store_close(s->store);
	(void)write_file("queue.db", "this is no database, and long enough "
	    "for its first page to be looked at by the library ............");
	s->store = site_store(s);
	s->relay.env.store = s->store;
	assert_string_equal(act(s, act_retry_refused, NULL, true, ERR_DISK),
	    "");
	assert_string_equal(act(s, act_drop, "k", true, ERR_DISK), "");
	assert_string_equal(run_all(s, act_pass, true, ERR_DISK), "");
	assert_string_equal(run_all(s, act_purge, true, ERR_DISK), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_retry_refused), TEST(test_drop), TEST(test_pass),
		TEST(test_purge), TEST(test_no_store),
	};

	return cmocka_run_group_tests_name("ctl/act", tests, NULL, NULL);
}
