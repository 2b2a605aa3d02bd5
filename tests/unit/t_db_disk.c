/*
 * The disk fails: it is full, for some or for all, or a sync fails; and that
 * it heals, and what the log says of it.
 *
 * Run by make check.
 */
#include "db_world.h"

#include "capture.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void
limit_files(rlim_t bytes)
{
	struct rlimit l;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
	l.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static char large[1 << 20];

static bool
insert_large(struct tx *tx, struct db_work *work)
{
	return DB_RUN(tx, "INSERT INTO t VALUES(?1, ?2)",
	    V_INT(JOB(work)->a), V_STR(large, sizeof(large)));
}

static int
times(const char *text, const char *word)
{
	int n = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		n++;
	}
	return n;
}

/* Much for some, not for those of the same batch; it heals by itself. */
static void
full_disk(struct world *w, enum err end[5])
{
	struct job j[5] = { { .a = 0 } };

	for (int i = 0; i < 5; i++) {
		j[i].a = 10 + i;
		submit(w->db, &j[i], i == 2 ? insert_large : insert);
	}
	for (int i = 0; i < 5; i++) {
		time_t until = time(NULL) + 20;

		while (j[i].done == 0 && time(NULL) < until)
			loop_turn(w->loop, 5);
		end[i] = j[i].w.end;
	}
}

static void
test_full(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 99 };
	struct capture c;
	enum err end[5];
	char *log;

	(void)signal(SIGXFSZ, SIG_IGN);
	with_table(w);
	capture_begin(&c, 2);
	limit_files(400000);
	full_disk(w, end);
	limit_files(RLIM_INFINITY);
	(void)perform(w, w->db, &j, insert_large);
	log = capture_end(&c);
	for (int i = 0; i < 5; i++)
		assert_int_equal(end[i], i == 2 ? ERR_DISK : ERR_OK);
	assert_int_equal(j.w.end, ERR_OK);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 5);
	assert_int_equal(times(log, "event=store-failed"), 1);
	assert_int_equal(times(log, "event=store-recovered"), 1);
	free(log);
}

/* Nothing can be written at all, for a while. */
static void
test_nothing_goes(void **state)
{
	struct world *w = *state;
	struct job j = { .a = 1 };
	struct capture c;
	enum err end[2][5];
	char *log;

	(void)signal(SIGXFSZ, SIG_IGN);
	with_table(w);
	capture_begin(&c, 2);
	limit_files(4096);
	full_disk(w, end[0]);
	full_disk(w, end[1]);
	limit_files(RLIM_INFINITY);
	(void)perform(w, w->db, &j, insert);
	log = capture_end(&c);
	for (int i = 0; i < 10; i++)
		assert_int_equal(end[i / 5][i % 5], ERR_DISK);
	assert_int_equal(j.w.end, ERR_OK);
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 1);
	assert_int_equal(times(log, "event=store-failed"), 1);
	assert_int_equal(times(log, "event=store-recovered"), 1);
	free(log);
}

static atomic_int syncs_fail;

/* In place of the library's, for the whole program. */
int
fdatasync(int fd)
{
	if (atomic_load(&syncs_fail) > 0) {
		atomic_fetch_sub(&syncs_fail, 1);
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static bool
leave_mark(struct tx *tx, struct db_work *work)
{
	(void)work;
	return db_run(tx, "CREATE TEMP TABLE mark(x)", NULL, 0);
}

static bool
find_mark(struct tx *tx, struct db_work *work)
{
	return db_number(tx, &JOB(work)->found, "SELECT count(*) FROM"
	    " sqlite_temp_master", NULL, 0);
}

/*
 * What a sync has failed for is as if it had never been; nothing of that
 * connection is used any more.
 */
static void
test_sync_fails(void **state)
{
	struct world *w = *state;
	struct job j[5] = { { .a = 0 } }, mark = { .a = 0 };

	w->log.level = LOG_LEVEL_ERROR;
	with_table(w);
	must(w, w->db, &mark, leave_mark);
	must(w, w->db, &mark, find_mark);
	assert_int_equal(mark.found, 1);
	for (int fails = 1; fails <= 2; fails++) {
		int lost = 0;

		atomic_store(&syncs_fail, fails);
		for (int i = 0; i < 5; i++) {
			j[i].a = 10 * fails + i;
			submit(w->db, &j[i], insert);
		}
		for (int i = 0; i < 5; i++) {
			turn_until(w, &j[i].done, 1);
			lost += j[i].w.end == ERR_DISK;
		}
		/* all together once, then one alone */
		assert_int_equal(lost, fails - 1);
		must(w, w->db, &mark, find_mark);
		assert_int_equal(mark.found, 0);
	}
	assert_int_equal(look(w, "SELECT count(*) FROM t"), 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH_TESTS(test_full),
		BOTH_TESTS(test_nothing_goes),
		BOTH_TESTS(test_sync_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
