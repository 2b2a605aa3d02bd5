/*
 * The driver by itself: values and rows, transactions that are shared, work
 * that nobody waits for, the end.
 *
 * Run by make check.
 */
#include "db_world.h"

static bool
write_values(struct tx *tx, struct db_work *work)
{
	(void)work;
	return db_run(tx, "CREATE TABLE v(id INTEGER PRIMARY KEY, a)", NULL,
	    0) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(1, ?1)", V_NULL) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(2, ?1)", V_INT(INT64_MIN)) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(3, ?1)", V_TEXT("t\xc3\xa4")) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(4, ?1)", V_TEXT(NULL)) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(5, ?1)", V_STR("abc", 2)) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(6, ?1)", V_STR("x\0y", 3)) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(7, ?1)", V_STR("", 0)) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(8, ?1)", V_STR(NULL, 5)) &&
	    DB_RUN(tx, "INSERT INTO v VALUES(9, ?1)", V_TEXT("")) &&
	    DB_RUN(tx, "UPDATE v SET id = id + ?1 WHERE id > 7", V_INT(10)) &&
	    db_changed(tx) == 2;
}

static bool
is_bytes(const struct rows *r, const char *want, size_t n)
{
	size_t got;
	const void *p = db_bytes(r, 1, &got);

	return p != NULL && got == n && memcmp(p, want, n) == 0;
}

static bool
is_right(const struct rows *r)
{
	switch (db_int(r, 0)) {
	case 1: case 4: case 18:
		return db_is_null(r, 1) && db_text(r, 1) == NULL;
	case 2:
		return db_int(r, 1) == INT64_MIN && !db_is_null(r, 1);
	case 3:
		return strcmp(db_text(r, 1), "t\xc3\xa4") == 0;
	case 5:
		return strcmp(db_text(r, 1), "ab") == 0;
	case 6:
		return is_bytes(r, "x\0y", 3);
	case 7:
		return is_bytes(r, "", 0) && !db_is_null(r, 1);
	case 19:
		return db_text(r, 1)[0] == '\0' && !db_is_null(r, 1);
	default:
		return false;
	}
}

static bool
read_values(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);
	struct rows r;
	int64_t none;

	j->found = 0;
	DB_ROWS(tx, &r, "SELECT id, a FROM v WHERE id < ?1 ORDER BY id",
	    V_INT(100));
	while (db_next(&r))
		j->found += is_right(&r);
	return db_end(&r) && DB_NUMBER(tx, &none,
	    "SELECT id FROM v WHERE id = ?1", V_INT(77)) && none == 0;
}

static void
test_values(void **state)
{
	struct world *w = *state;
	struct job j = { .done = 0 };

	must(w, w->db, &j, write_values);
	j.w.reads = true;
	must(w, w->db, &j, read_values);
	assert_int_equal(j.found, 9);
}

/* Rows that a statement gives back while it writes. */
static bool
returning(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);
	struct rows r;

	j->found = 0;
	DB_ROWS(tx, &r, "INSERT INTO t(body) VALUES(?1), (?1) RETURNING id",
	    V_INT(5));
	while (db_next(&r))
		j->found += db_int(&r, 0);
	return db_end(&r) && DB_RUN(tx,
	    "DELETE FROM t WHERE body = ?1 RETURNING id", V_INT(5)) &&
	    db_changed(tx) == 2;
}

/* Rows that are not read to their end, and never given back. */
static bool
leave_open(struct tx *tx, struct db_work *work)
{
	struct rows r;

	(void)work;
	db_rows(tx, &r, "SELECT 1 UNION SELECT 2", NULL, 0);
	return db_next(&r);
}

static void
test_rows(void **state)
{
	struct world *w = *state;
	struct job j = { .done = 0 };

	with_table(w);
	must(w, w->db, &j, returning);
	assert_int_equal(j.found, 3);
	for (int i = 0; i < 2; i++)
		must(w, w->db, &j, leave_open);
}

static char many[300][64];

static bool
run_many(struct tx *tx, struct db_work *work)
{
	int64_t n = 0;
	bool ok = true;

	JOB(work)->found = 0;
	for (size_t i = 0; ok && i < COUNT(many); i++) {
		ok = DB_NUMBER(tx, &n, many[i], V_INT(i));
		JOB(work)->found += n == (int64_t)(2 * i);
	}
	return ok;
}

static void
test_many_statements(void **state)
{
	struct world *w = *state;
	struct job j = { .done = 0 };

	for (size_t i = 0; i < COUNT(many); i++)
		(void)snprintf(many[i], sizeof(many[i]), "SELECT ?1 + %zu", i);
	for (int i = 0; i < 2; i++) {
		must(w, w->db, &j, run_many);
		assert_int_equal(j.found, COUNT(many));
	}
}

/* Counts transactions that write, and keeps what it saw of t. */
static bool
count_last(struct tx *tx, void *ctx)
{
	struct job *j = ctx;

	j->runs++;
	return DB_NUMBER(tx, &j->found,
	    "SELECT count(*) FROM sqlite_master WHERE name <> ?1", V_TEXT(""));
}

static bool
append(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);

	j->runs++;
	return DB_RUN(tx, "INSERT INTO t SELECT coalesce(max(id), 0) + 1, ?1"
	    " FROM t", V_INT(j->a)) &&
	    DB_NUMBER(tx, &j->found, "SELECT max(id) FROM t WHERE ?1",
	    V_INT(1));
}

static struct job last;

static void
with_last(struct world *w)
{
	last = (struct job){ .runs = 0 };
	(void)db_close(w->db, 20000);
	w->opts.last = count_last;
	w->opts.ctx = &last;
	w->db = db_of(w);
	with_table(w);
	last.runs = 0;
}

/* One transaction for all that a turn submits, in its order, then last. */
static void
test_together(void **state)
{
	struct world *w = *state;
	struct job j[5] = { { .a = 0 } };

	with_last(w);
	for (int i = 0; i < 5; i++) {
		j[i].w.lazy = i == 1;
		submit(w->db, &j[i], append);
		assert_int_equal(j[i].done, 0);
	}
	assert_int_equal(db_busy(w->db), 5);
	for (int i = 0; i < 5; i++) {
		turn_until(w, &j[i].done, 1);
		assert_int_equal(j[i].w.end, ERR_OK);
		assert_int_equal(j[i].found, i + 1);
		assert_int_equal(j[i].runs, 1);
	}
	assert_int_equal(last.runs, 1);
	assert_int_equal(db_busy(w->db), 0);
	/* more than one transaction takes */
	last.runs = 0;
	{
		static struct job big[1500];

		memset(big, 0, sizeof(big));
		for (size_t i = 0; i < COUNT(big); i++)
			submit(w->db, &big[i], append);
		for (size_t i = 0; i < COUNT(big); i++) {
			turn_until(w, &big[i].done, 1);
			assert_int_equal(big[i].found, i + 6);
		}
	}
	assert_true(last.runs > 1 && last.runs < 10);
}

static bool
count_rows(struct tx *tx, struct db_work *work)
{
	return db_number(tx, &JOB(work)->found, "SELECT count(*) FROM t",
	    NULL, 0);
}

static void
test_reads(void **state)
{
	struct world *w = *state;
	struct job j = { .w.reads = true };

	with_last(w);
	must(w, w->db, &j, count_rows);
	assert_int_equal(last.runs, 0);
	/* what says that it reads has not the turn to write */
	assert_int_equal(perform(w, w->db, &j, append), ERR_DISK);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 0);
}

/* It waits for company, but not for long. */
static void
test_lazy(void **state)
{
	struct world *w = *state;
	struct job j[3] = { { .w.lazy = true }, { .w.lazy = true } };

	with_last(w);
	submit(w->db, &j[0], append);
	for (int i = 0; i < 5; i++)
		loop_turn(w->loop, 1);
	assert_int_equal(j[0].done, 0);
	pass(w, 20);
	turn_until(w, &j[0].done, 1);
	submit(w->db, &j[1], append);
	loop_turn(w->loop, 1);
	must(w, w->db, &j[2], append);
	assert_int_equal(j[1].done, 1);
	assert_int_equal(j[1].found, 2);
	assert_int_equal(j[2].found, 3);
	assert_int_equal(last.runs, 2);
}

static bool
keep_time(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);

	j->found = db_time(tx);
	pass(j->world, 7);
	j->found += db_time(tx) == j->found ? 0 : 1;
	return true;
}

static void
test_time(void **state)
{
	struct world *w = *state;
	struct job j = { .world = w };
	int64_t now = world_now(w);

	must(w, w->db, &j, keep_time);
	assert_int_equal(j.found, now);
}

static void
test_now(void **state)
{
	struct world *w = *state;
	struct job j = { .w.work = make_table }, before = { .a = 1 };

	assert_int_equal(db_now(w->db, &j.w), ERR_OK);
	submit(w->db, &before, append);
	j.w.work = append;
	assert_int_equal(db_now(w->db, &j.w), ERR_OK);
	assert_int_equal(j.found, 2);
	assert_int_equal(before.done, 0);
	turn_until(w, &before.done, 1);
	assert_int_equal(before.found, 1);
}

static void
test_now_needs_no_thread(void **state)
{
	struct world *w = *state;
	struct job j = { .w.work = make_table };

	assert_int_equal(db_now(w->db, &j.w), ERR_DISK);
}

/* What is queued is committed, and told, behind the end of the handle. */
static void
test_close(void **state)
{
	struct world *w = *state;
	struct job j[3] = { { .a = 0 }, { .w.lazy = true },
	    { .w.lazy = true } };

	with_table(w);
	for (int i = 0; i < 3; i++)
		submit(w->db, &j[i], append);
	assert_true(db_close(w->db, 20000));
	w->db = NULL;
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 3);
	for (int i = 0; i < 3; i++) {
		turn_until(w, &j[i].done, 1);
		assert_int_equal(j[i].w.end, ERR_OK);
	}
	assert_true(db_close(NULL, 0));
}

static atomic_int inside, may_go;

static bool
hang(struct tx *tx, struct db_work *work)
{
	(void)tx;
	(void)work;
	atomic_store(&inside, 1);
	while (atomic_load(&may_go) == 0)
		(void)usleep(1000);
	return true;
}

static void
test_close_in_vain(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 0 };

	atomic_store(&inside, 0);
	atomic_store(&may_go, 0);
	submit(w->db, &j, hang);
	loop_turn(w->loop, 0);
	while (atomic_load(&inside) == 0)
		(void)usleep(1000);
	assert_false(db_close(w->db, 1));
	atomic_store(&may_go, 1);
	assert_true(db_close(w->db, 20000));
	w->db = NULL;
	turn_until(w, &j.done, 1);
}

static void
test_url(void **state)
{
	static const char *const urls[] = { "", "sqlite:", "sqlite:queue.db",
		"postgresql://x/", "/var/lib/queue.db" };
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(urls); i++) {
		struct problem p = { .err = ERR_OK };
		struct db *db = w->db;

		w->opts.url = urls[i];
		assert_int_equal(db_open(&db, &w->opts, &p), ERR_CONFIG);
		assert_null(db);
		assert_non_null(strstr(p.text, "[store] url must be"));
	}
}
int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_TESTS(test_values),
		BOTH_TESTS(test_rows),
		INLINE_TEST(test_many_statements),
		BOTH_TESTS(test_together),
		BOTH_TESTS(test_reads),
		BOTH_TESTS(test_lazy),
		INLINE_TEST(test_time),
		INLINE_TEST(test_now),
		THREAD_TEST(test_now_needs_no_thread),
		BOTH_TESTS(test_close),
		THREAD_TEST(test_close_in_vain),
		INLINE_TEST(test_url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
