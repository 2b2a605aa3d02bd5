/*
 * A file of version 1: all that is in it is there after it was opened, what
 * is new has its defaults, and the rest of the program works with it.
 *
 * Run by make check.
 */
#include "call_world.h"

#include "store/portals.h"
#include "store/schema.h"

/* The schema as version 1 made it. */
static const char version_1[] =
    "PRAGMA journal_mode=TRUNCATE;"
    "CREATE TABLE message("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " key TEXT NOT NULL UNIQUE,"
    " base TEXT NOT NULL, revision INTEGER NOT NULL, content TEXT NOT NULL,"
    " state INTEGER NOT NULL, step INTEGER, reason TEXT,"
    " event TEXT NOT NULL, member_id TEXT NOT NULL, domain TEXT,"
    " connector TEXT NOT NULL, line INTEGER NOT NULL, chat TEXT NOT NULL,"
    " chat_id INTEGER NOT NULL, message_id INTEGER NOT NULL,"
    " ts INTEGER NOT NULL, body TEXT, ids TEXT,"
    " endpoint TEXT, token TEXT,"
    " received_us INTEGER NOT NULL, changed_ms INTEGER NOT NULL,"
    " delivered_ms INTEGER, tries INTEGER NOT NULL DEFAULT 0,"
    " first_ms INTEGER, next_ms INTEGER, hold INTEGER NOT NULL DEFAULT 0,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX message_base ON message(base, revision);"
    "CREATE INDEX message_chat ON message(member_id, connector, line, chat,"
    " message_id, id) WHERE state = 1;"
    "CREATE INDEX message_told ON message(member_id, connector, line, id)"
    " WHERE state = 2;"
    "CREATE INDEX message_due ON message(next_ms)"
    " WHERE next_ms IS NOT NULL;"
    "CREATE INDEX message_old ON message(changed_ms) WHERE state = 3;"
    "CREATE TABLE portal("
    " member_id TEXT PRIMARY KEY, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " rejected TEXT, changed_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE install("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " member_id TEXT NOT NULL, application_token TEXT NOT NULL,"
    " endpoint TEXT NOT NULL, server_endpoint TEXT NOT NULL,"
    " access_token TEXT NOT NULL, refresh_token TEXT NOT NULL,"
    " expires_in INTEGER NOT NULL, ts INTEGER NOT NULL,"
    " received_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE destination("
    " name TEXT PRIMARY KEY, tries INTEGER NOT NULL,"
    " down_ms INTEGER NOT NULL, probe_ms INTEGER NOT NULL,"
    " owner INTEGER NOT NULL DEFAULT 0, lease INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE meter("
    " member_id TEXT PRIMARY KEY, reset_ms INTEGER NOT NULL);"
    "PRAGMA user_version = 1;";

/* A row of each state; the first is the Add that take_message() makes. */
#define COLUMNS "INSERT INTO message(key, base, revision, content, state," \
	" step, reason, event, member_id, domain, connector, line, chat," \
	" chat_id, message_id, ts, body, ids, endpoint, token, received_us," \
	" changed_ms, delivered_ms, tries, first_ms, next_ms, hold, owner," \
	" lease) VALUES"
#define ENVELOPE "'ONIMCONNECTORMESSAGEADD','" MEMBER "','d'," \
	"'myconnector',107,"

static const char rows[] = COLUMNS
    "('c-A8oGbhra7_BRSML2vec0AppVk','c-A8oGbhra7_BRSML2vec0AppVk',1,'x',1,"
    "NULL,NULL," ENVELOPE "'A',1,86497,5,'body-1',NULL,'e','t',6,7,NULL,2,"
    "8,9,0,3,4),"
    "('K2','K2',1,'x',2,NULL,'later'," ENVELOPE "'B',1,2,5,'body-2','[2]',"
    "'e','t',6,7,11,1,8,9,1,0,0),"
    "('K3','K3',1,'x',3,NULL,NULL," ENVELOPE "'C',1,3,5,NULL,'[3]',NULL,"
    "NULL,6,7,11,0,NULL,NULL,0,0,0),"
    "('U-1','U',1,'x',4,2,'no'," ENVELOPE "'D',1,4,5,'body-4',NULL,'e','t',"
    "6,7,NULL,3,8,NULL,0,0,0),"
    "('U-2','U',2,'y',1,NULL,NULL," ENVELOPE "'E',1,4,5,'body-5',NULL,'e',"
    "'t',6,7,NULL,0,NULL,NULL,1,0,0);"
    "DELETE FROM sqlite_sequence;"
    "INSERT INTO sqlite_sequence VALUES('message', 40);"
    "INSERT INTO portal VALUES('" MEMBER "','app','https://e/rest/',"
    "'https://s/','access','refresh',1,2,'why',3,0,0);"
    "INSERT INTO install VALUES(7,'m','app','e','s','a','r',1,2,3,4,0,0);"
    "INSERT INTO destination VALUES('channel:/0',2,3,4,0,0);"
    "INSERT INTO meter VALUES('" MEMBER "', 777);";

#define OLD "id, key, base, revision, content, state, step, reason, event," \
	" member_id, domain, connector, line, chat, chat_id, message_id," \
	" ts, body, ids, endpoint, token, received_us, changed_ms," \
	" delivered_ms, tries, first_ms, next_ms, hold, owner, lease"

static const char *const contents[] = {
	"SELECT " OLD " FROM message ORDER BY id",
	"SELECT * FROM portal", "SELECT id, member_id, application_token,"
	" endpoint, server_endpoint, access_token, refresh_token, ts,"
	" received_ms, next_ms, owner, lease FROM install",
	"SELECT * FROM destination", "SELECT member_id, reset_ms FROM meter",
	"SELECT name, seq FROM sqlite_sequence WHERE name = 'message'",
};

struct before {
	char text[COUNT(contents)][2048];
};

static void
make_old(struct world *w, struct before *b)
{
	sqlite3 *db = outside(w);

	outside_run(db, version_1);
	outside_run(db, rows);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	for (size_t i = 0; i < COUNT(contents); i++)
		(void)snprintf(b->text[i], sizeof(b->text[i]), "%s",
		    look(w, contents[i]));
}

static void
expect_as_before(struct world *w, const struct before *b)
{
	for (size_t i = 0; i < COUNT(contents); i++)
		assert_string_equal(look(w, contents[i]), b->text[i]);
	assert_string_equal(look(w, "SELECT sum(alone), count(*) FROM"
	    " message"), "0|5|\n");
	assert_string_equal(look(w, "SELECT level, level_ms FROM meter"),
	    "0|0|\n");
	assert_string_equal(look(w, "SELECT count(*) FROM call"), "0|\n");
	assert_string_equal(look(w, "PRAGMA user_version"), "3|\n");
	assert_string_equal(look(w, "PRAGMA journal_mode"), "wal|\n");
	assert_string_equal(look(w, "PRAGMA integrity_check"), "ok|\n");
}

static void
test_all_is_there(void **state)
{
	struct world *w = *state;
	struct before b;
	char schema[4096];

	make_old(w, &b);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 777);
	expect_as_before(w, &b);
	(void)snprintf(schema, sizeof(schema), "%s", look(w, "SELECT type,"
	    " name, sql FROM sqlite_master ORDER BY name"));
	/* what is of version 2 stays as it is */
	reopen(w);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 777);
	expect_as_before(w, &b);
	assert_string_equal(look(w, "SELECT type, name, sql FROM"
	    " sqlite_master ORDER BY name"), schema);
}

/* Names and order of the columns and indices; `key UNIQUE` may stay. */
static void
test_same_as_new(void **state)
{
	static const char sql[] = "SELECT m.name, p.name, p.type,"
	    " p.\"notnull\", p.pk FROM sqlite_master m, pragma_table_info("
	    "m.name) p WHERE m.type = 'table' ORDER BY m.name, p.name";
	static const char indices[] = "SELECT name, replace(sql, '  ', ' ')"
	    " FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
	    " ORDER BY name";
	struct world *w = *state;
	char fresh[8192], fresh_indices[2048];
	struct before b;

	assert_int_equal(store_reset_ms(w->store, MEMBER), 0);
	(void)snprintf(fresh, sizeof(fresh), "%s", look(w, sql));
	(void)snprintf(fresh_indices, sizeof(fresh_indices), "%s",
	    look(w, indices));
	assert_non_null(strstr(fresh, "message|alone|"));
	store_close(w->store);
	w->store = NULL;
	(void)snprintf(w->path, sizeof(w->path), "%s/old.db", w->dir);
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s", w->path);
	make_old(w, &b);
	w->store = store_of(w, 5000, true);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 777);
	assert_string_equal(look(w, sql), fresh);
	assert_string_equal(look(w, indices), fresh_indices);
}

static int64_t
retry(struct world *w, const char *key)
{
	int64_t n = -1;

	assert_int_equal(store_retry(w->store, key, &n, &w->problem), ERR_OK);
	return n;
}

static void
test_goes_on(void **state)
{
	struct world *w = *state;
	struct before b;
	struct call c;

	make_old(w, &b);
	/* a repeat is known by what version 1 has stored */
	assert_false(take_message(w, ADD, 86497, "body").fresh);
	/* a new one gets a number that was never given */
	assert_int_equal(take_message(w, ADD, 7, "new").id, 41);
	/* the delivered one is told, the others are handed over */
	call_init(&c);
	assert_int_equal(ask(w, &line_107, &c), LEAVE_GRANTED);
	assert_string_equal(ids_of(&c), "2");
	assert_string_equal(c.work[0]->ids, "[2]");
	assert_true(c.installed);
	assert_string_equal(c.portal.rejected, "why");
	end_as(w, &c, &plain_end);
	assert_int_equal(column(w, "state", 2), STATE_ACKNOWLEDGED);
	assert_int_equal(claim_due(w), 1);
	assert_int_equal(deliver(w, 1), 0);
	assert_int_equal(retry(w, "U-2"), 0);
	assert_int_equal(retry(w, "U-1"), 1);
	assert_int_equal(claim_due(w), 4);
	call_free(&c);
}

/* A file of version 2, which kept several installations of a portal. */
static void
test_from_2(void **state)
{
	struct world *w = *state;
	struct before b;
	sqlite3 *db;

	make_old(w, &b);
	db = outside(w);
	outside_run(db, schema_from_1);
	outside_run(db, "PRAGMA user_version = 2;"
	    "INSERT INTO install VALUES(8,'m','app2','e','s','a','r',1,2,3,4,"
	    "0,0),(9,'n','app','e','s','a','r',1,2,3,4,0,0)");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 777);
	assert_string_equal(look(w, "PRAGMA user_version"), "3|\n");
	assert_string_equal(look(w, "SELECT id, tries FROM install"),
	    "8|0|\n9|0|\n");
}

/* Two processes at once: one of them does it. */
static void
open_and_look(struct world *w)
{
	struct store *s = store_of(w, 20000, true);

	CHILD_CHECK(store_reset_ms(s, MEMBER) == 777);
	store_close(s);
}

static void
test_at_once(void **state)
{
	struct world *w = *state;
	struct before b;
	pid_t pid[6];

	make_old(w, &b);
	for (size_t i = 0; i < COUNT(pid); i++)
		pid[i] = child_start(open_and_look, w);
	for (size_t i = 0; i < COUNT(pid); i++)
		child_succeeds(pid[i]);
	expect_as_before(w, &b);
}

/* It cannot be done: all is as it was, and the reason is told. */
static void
test_cannot(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct before b;
	sqlite3 *db;

	make_old(w, &b);
	db = outside(w);
	outside_run(db, "CREATE TABLE call(x)");	/* in its way */
	assert_int_equal(try_take(w->store, 9, 10, &p), ERR_DISK);
	assert_string_equal(p.text,
	    "the store failed: table call already exists");
	for (size_t i = 0; i < COUNT(contents); i++)
		assert_string_equal(look(w, contents[i]), b.text[i]);
	assert_string_equal(look(w, "PRAGMA user_version"), "1|\n");
	outside_run(db, "DROP TABLE call");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_reset_ms(w->store, MEMBER), 777);
	expect_as_before(w, &b);
}

/* A file of this version from before there was that index. */
static void
test_index_is_added(void **state)
{
	static const char count[] = "SELECT count(*) FROM sqlite_master"
	    " WHERE name = 'message_parked'";
	struct world *w = *state;
	sqlite3 *db;

	assert_int_equal(take_message(w, ADD, 7, "new").id, 1);
	store_close(w->store);
	w->store = NULL;
	db = outside(w);
	outside_run(db, "DROP INDEX message_parked");
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_string_equal(look(w, count), "0|\n");
	w->store = store_of(w, 5000, true);
	assert_int_equal(take_message(w, ADD, 8, "new").id, 2);
	assert_string_equal(look(w, count), "1|\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_all_is_there),
		WORLD_TEST(test_same_as_new),
		WORLD_TEST(test_from_2),
		WORLD_TEST(test_goes_on),
		WORLD_TEST(test_at_once),
		WORLD_TEST(test_cannot),
		WORLD_TEST(test_index_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
