#ifndef DB_WORLD_H
#define DB_WORLD_H

#include "db/alive.h"
#include "db/sql.h"

#include "child.h"
#include "unit.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * A database in a folder of its own, a loop, a clock that the test owns, and
 * a look at the file from outside.  A test's state is a struct world.
 */
struct world {
	char dir[64];
	char path[96];
	char url[112];
	struct clock clock;
	atomic_llong now_ms;	/* Unix time */
	atomic_llong mono_ms;
	struct log log;
	struct db_opts opts;	/* what db_of() opens one with */
	struct loop *loop;
	struct db *db;
};

/* Something to do in a transaction, with what it found. */
struct job {
	struct db_work w;
	int64_t a, b;
	const char *text;
	int64_t found;
	int runs;
	int done;
	struct world *world;
};

static inline int64_t
world_now(void *ctx)
{
	return atomic_load(&((struct world *)ctx)->now_ms);
}

static inline int64_t
world_mono(void *ctx)
{
	return atomic_load(&((struct world *)ctx)->mono_ms);
}

static inline void
pass(struct world *w, int64_t ms)
{
	atomic_fetch_add(&w->now_ms, ms);
	atomic_fetch_add(&w->mono_ms, ms);
}

static inline struct db *
db_of(struct world *w)
{
	struct problem p = { .err = ERR_OK };
	struct db *db = NULL;

	w->opts.url = w->url;
	assert_int_equal(db_open(&db, &w->opts, &p), ERR_OK);
	return db;
}

static inline void
world_path(struct world *w, const char *name)
{
	(void)snprintf(w->path, sizeof(w->path), "%s/%s", w->dir, name);
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s", w->path);
}

static inline int
world_begin(void **state, bool threaded)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	if (w == NULL)
		return -1;
	(void)strcpy(w->dir, "/tmp/imconnector-db-XXXXXX");
	if (mkdtemp(w->dir) == NULL)
		return -1;
	world_path(w, "queue.db");
	w->now_ms = 1773759162000;
	w->mono_ms = 5000000;
	w->clock = (struct clock){ world_now, world_mono, w };
	w->log = (struct log){ .level = LOG_LEVEL_INFO };
	if (loop_new(&w->loop, &w->clock, &w->log) != ERR_OK)
		return -1;
	w->opts = (struct db_opts){ .clock = &w->clock, .log = &w->log,
	    .loop = w->loop, .threaded = threaded, .create = true,
	    .busy_ms = 5000, .about = "the test" };
	w->db = db_of(w);
	return 0;
}

static inline int
world_inline(void **state)
{
	return world_begin(state, false);
}

static inline int
world_threaded(void **state)
{
	return world_begin(state, true);
}

static inline int
world_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
world_end(void **state)
{
	struct world *w = *state;

	(void)db_close(w->db, 20000);
	loop_turn(w->loop, 0);
	loop_free(w->loop);
	(void)nftw(w->dir, world_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

#define INLINE_TEST(f) { #f " (inline)", f, world_inline, world_end, NULL }
#define THREAD_TEST(f) { #f " (thread)", f, world_threaded, world_end, NULL }
#define BOTH_TESTS(f) INLINE_TEST(f), THREAD_TEST(f)

/* Turns the loop until it is so, for twenty seconds of real time. */
static inline void
turn_until(struct world *w, const int *is, int so)
{
	time_t until = time(NULL) + 20;

	while (*is < so) {
		assert_true(time(NULL) < until);
		loop_turn(w->loop, 5);
	}
}

static inline void
job_done(struct db_work *work)
{
	((struct job *)(void *)work)->done++;
}

static inline void
submit(struct db *db, struct job *j,
    bool (*work)(struct tx *, struct db_work *))
{
	j->done = 0;
	j->w.work = work;
	j->w.done = job_done;
	db_submit(db, &j->w);
}

/* Does it and waits for it. */
static inline enum err
perform(struct world *w, struct db *db, struct job *j,
    bool (*work)(struct tx *, struct db_work *))
{
	submit(db, j, work);
	turn_until(w, &j->done, 1);
	return j->w.end;
}

static inline void
must(struct world *w, struct db *db, struct job *j,
    bool (*work)(struct tx *, struct db_work *))
{
	(void)perform(w, db, j, work);
	assert_string_equal(j->w.problem.text, "");
	assert_int_equal(j->w.end, ERR_OK);
}

#define JOB(work) ((struct job *)(void *)(work))

static inline bool
make_table(struct tx *tx, struct db_work *work)
{
	(void)work;
	return db_run(tx, "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY"
	    " KEY, body)", NULL, 0);
}

/* Inserts row `a` with the text; one that is there already fails it. */
static inline bool
insert(struct tx *tx, struct db_work *work)
{
	struct job *j = JOB(work);

	j->runs++;
	return DB_RUN(tx, "INSERT INTO t VALUES(?1, ?2)", V_INT(j->a),
	    V_TEXT(j->text));
}

static inline void
with_table(struct world *w)
{
	struct job j = { .done = 0 };

	must(w, w->db, &j, make_table);
}

/* A connection of our own, to look and to stand in the way. */
static inline sqlite3 *
outside(const struct world *w)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	return db;
}

static inline void
outside_run(const struct world *w, const char *sql)
{
	sqlite3 *db = outside(w);

	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The first column of the first row, as a number. */
static inline int64_t
look(const struct world *w, const char *sql)
{
	sqlite3 *db = outside(w);
	sqlite3_stmt *st;
	int64_t n = -1;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return n;
}

static inline mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/*
 * A process of its own, which has a database without a loop and works with
 * db_now().  What it tells through `fd` is read by child_tells().  It must
 * not use cmocka's assertions.
 */
struct child {
	pid_t pid;
	int in;			/* what it tells */
	int out;		/* write a byte, and it goes on */
};

#define CHILD_CHECK(x) do { \
	if (!(x)) { \
		(void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x); \
		_exit(99); \
	} \
} while (0)

struct child_ends {
	struct db *db;
	int out, in;
};

static inline struct db *
child_db(struct world *w)
{
	struct problem p = { .err = ERR_OK };
	struct db *db = NULL;

	w->opts.url = w->url;
	w->opts.loop = NULL;
	w->opts.threaded = false;
	CHILD_CHECK(db_open(&db, &w->opts, &p) == ERR_OK);
	return db;
}

static inline struct child
child_start(struct world *w, void (*run)(struct world *,
    const struct child_ends *))
{
	int up[2], down[2];
	struct child c;

	assert_int_equal(pipe(up), 0);
	assert_int_equal(pipe(down), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		struct child_ends e = { NULL, up[1], down[0] };

		(void)close(down[1]);
		e.db = child_db(w);
		run(w, &e);
		child_leaves(0);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	c.in = up[0];
	c.out = down[1];
	return c;
}

static inline void
tell(const struct child_ends *e, int64_t number)
{
	CHILD_CHECK(write(e->out, &number, sizeof(number)) == sizeof(number));
}

static inline void
child_waits(const struct child_ends *e)
{
	char byte;

	CHILD_CHECK(read(e->in, &byte, 1) == 1);
}

static inline int64_t
child_tells(const struct child *c)
{
	int64_t number = 0;

	assert_int_equal(read(c->in, &number, sizeof(number)),
	    sizeof(number));
	return number;
}

static inline void
child_goes_on(const struct child *c)
{
	assert_int_equal(write(c->out, "", 1), 1);
}

static inline int
child_ends(struct child *c)
{
	int status;

	(void)close(c->out);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	(void)close(c->in);
	return status;
}

#endif
