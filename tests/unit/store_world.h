#ifndef STORE_WORLD_H
#define STORE_WORLD_H

#include "store/admin.h"

#include "acknowledge.h"
#include "child.h"
#include "event_make.h"

#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A store in a folder of its own, a clock that the test owns, and a look at
 * the file from outside.  A test's state is a struct world.
 */
#define LEASE ((int64_t)200000)
#define LONGEST ((int64_t)600000)
#define GIVE_UP ((int64_t)86400000)

struct world {
	char dir[64];
	char path[96];
	char url[112];
	struct clock clock;
	int64_t now_ms;		/* Unix time */
	int64_t mono_ms;
	struct store_opts opts;	/* what store_of() opens one with */
	struct store *store;
	struct arena arena;	/* what was read; world_end() frees it */
	struct problem problem;
};

static inline int64_t
world_now(void *ctx)
{
	const struct world *w = ctx;

	return w->now_ms;
}

static inline int64_t
world_mono(void *ctx)
{
	const struct world *w = ctx;

	return w->mono_ms;
}

static inline struct store *
store_of(struct world *w, int64_t busy_ms, bool create)
{
	struct store_opts o = w->opts;
	struct store *s;

	o.url = w->url;
	o.clock = &w->clock;
	o.busy_ms = busy_ms;
	o.create = create;
	assert_int_equal(store_open(&s, &o, &w->problem), ERR_OK);
	return s;
}

static inline int
world_begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	(void)strcpy(w->dir, "/tmp/imconnector-store-XXXXXX");
	if (w == NULL || mkdtemp(w->dir) == NULL)
		return -1;
	(void)snprintf(w->path, sizeof(w->path), "%s/queue.db", w->dir);
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s", w->path);
	w->now_ms = 1773759162000;
	w->mono_ms = 5000000;
	w->clock = (struct clock){ world_now, world_mono, w };
	w->opts = (struct store_opts){ .lease_ms = LEASE,
	    .longest_ms = LONGEST, .give_up_ms = GIVE_UP, .burst = 50,
	    .rate = 2, .calls_in_flight = 2, .batch = 100 };
	arena_init(&w->arena, MAKE_MAX);
	w->store = store_of(w, 5000, true);
	return 0;
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

	store_close(w->store);
	arena_free(&w->arena);
	(void)nftw(w->dir, world_remove, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_begin, world_end)

/* A connection of our own, to look and to stand in the way. */
static inline sqlite3 *
outside(const struct world *w)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
	return db;
}

static inline void
outside_run(sqlite3 *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/*
 * The rows of a query as text: columns end in `|`, rows in `\n`, NULL is
 * `null`.  It lives until the next call.
 */
static inline const char *
look(const struct world *w, const char *sql)
{
	static char out[8192];
	size_t at = 0;
	sqlite3 *db = outside(w);
	sqlite3_stmt *st;

	out[0] = '\0';
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const void *s = sqlite3_column_text(st, i);

			at += (size_t)snprintf(out + at, sizeof(out) - at,
			    "%s|", s != NULL ? (const char *)s : "null");
			assert_true(at < sizeof(out) - 1);
		}
		out[at++] = '\n';
		out[at] = '\0';
	}
	assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return out;
}

static const struct take_opts take_plain = { .reason = NULL };

/* Stores one message of a good event. */
static inline struct arrival
take_message(struct world *w, const char *name, int64_t message_id,
    const char *body)
{
	struct arrival a;
	struct event ev;

	make_one(&ev, name, message_id, body);
	assert_int_equal(store_take(w->store, &ev, &take_plain, &a,
	    &w->problem), ERR_OK);
	assert_int_equal(w->problem.err, ERR_OK);
	event_free(&ev);
	return a;
}

/* Tries to store one message whose body has that size. */
static inline enum err
try_take(struct store *s, int64_t message_id, size_t size, struct problem *p)
{
	char *body = malloc(size + 1);
	struct arrival a;
	struct event ev;
	enum err e;

	memset(body, 'x', size);
	body[size] = '\0';
	make_one(&ev, ADD, message_id, body);
	e = store_take(s, &ev, &take_plain, &a, p);
	event_free(&ev);
	free(body);
	return e;
}

/* What a step needs of a stored message; one that is not there has its id. */
static inline struct work
work_of(struct world *w, int64_t id)
{
	struct work work = { .id = id, .state = STATE_RECEIVED };
	struct problem p = { 0 };

	if (load_any(w->store, id, &w->arena, &work, &p) != ERR_OK)
		work = (struct work){ .id = id, .state = STATE_RECEIVED };
	return work;
}

/* The moves, as the relay makes them; each gives the chat's next, or 0. */
static inline int64_t
deliver(struct world *w, int64_t id)
{
	struct work work = work_of(w, id);
	int64_t next = -1;

	(void)become_ours(w->store, id);
	assert_int_equal(store_delivered(w->store, &work, "[\"x\"]", &next,
	    NULL, NULL, &w->problem), ERR_OK);
	assert_int_equal(work.state, STATE_DELIVERED);
	return next;
}

static inline int64_t
refuse(struct world *w, int64_t id, enum step step, const char *reason)
{
	struct work work = work_of(w, id);
	int64_t next = -1;

	(void)become_ours(w->store, id);
	assert_int_equal(store_refused(w->store, &work, step, reason, &next,
	    &w->problem), ERR_OK);
	assert_int_equal(work.state, STATE_REFUSED);
	return next;
}

static inline void
postpone(struct world *w, int64_t id, int64_t ms, enum hold hold)
{
	struct work work = work_of(w, id), *all = &work;

	(void)become_ours(w->store, id);
	assert_int_equal(store_postponed(w->store, &all, 1, w->now_ms + ms,
	    hold, "later", &w->problem), ERR_OK);
}

static inline void
acknowledge(struct world *w, int64_t id)
{
	struct work work = work_of(w, id), *all = &work;

	assert_int_equal(acknowledge_all(w->store, &all, 1, &w->problem),
	    ERR_OK);
}

/* The bytes of a file; the caller frees them. */
static inline char *
file_bytes(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *p = malloc(4 << 20);

	assert_non_null(f);
	assert_non_null(p);
	*n = fread(p, 1, 4 << 20, f);
	assert_int_equal(fclose(f), 0);
	return p;
}

static inline mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* In a child a failed check ends it; the parent sees the line. */
#define CHILD_CHECK(c) do { \
	if (!(c)) { \
		(void)fprintf(stderr, "child, line %d: %s\n", __LINE__, #c); \
		_exit(1); \
	} \
} while (0)

#define CHILD_OK(p) do { \
	if ((p)->err != ERR_OK) { \
		(void)fprintf(stderr, "child, line %d: %s\n", __LINE__, \
		    (p)->text); \
		_exit(1); \
	} \
} while (0)

static inline pid_t
child_start(void (*work)(struct world *), struct world *w)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		work(w);
		child_ends(0);
	}
	return pid;
}

static inline void
child_succeeds(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
