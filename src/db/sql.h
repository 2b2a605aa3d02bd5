#ifndef DB_SQL_H
#define DB_SQL_H

#include "base/arena.h"
#include "db/db.h"

/*
 * In a transaction: statements with their values, and rows.
 */

/* One value beside a statement. */
enum db_type { DB_NULL, DB_INT, DB_TEXT, DB_NONE };
struct db_value {
	enum db_type type;
	int64_t number;
	const void *p;
	size_t n;
};

#define V_NULL ((struct db_value){ DB_NULL, 0, NULL, 0 })
/* Alone: the statement has no values. */
#define V_NONE ((struct db_value){ DB_NONE, 0, NULL, 0 })
#define V_INT(i) ((struct db_value){ DB_INT, (int64_t)(i), NULL, 0 })
/* A NULL text is a NULL. */
#define V_TEXT(s) db_value_text(s)
#define V_OR_EMPTY(s) V_TEXT((s) != NULL ? (s) : "")
#define V_STR(s, len) ((struct db_value){ (s) != NULL ? DB_TEXT : DB_NULL, \
	0, (s), (len) })
struct db_value db_value_text(const char *);

/*
 * Runs a statement (a string literal: it is prepared once, found by its
 * address) with its values in the places ?1, ?2, ...  False: it failed, the
 * transaction fails with it.
 */
bool db_run(struct tx *, const char *sql, const struct db_value *, size_t n);
#define DB_VALUES(...) (const struct db_value[]){ __VA_ARGS__ }, \
	sizeof((struct db_value[]){ __VA_ARGS__ }) / sizeof(struct db_value)
#define DB_RUN(tx, sql, ...) db_run((tx), (sql), DB_VALUES(__VA_ARGS__))

/* Rows that the last db_run() changed. */
int64_t db_changed(const struct tx *);

/* The first column of the first row as a number, 0 if there is none. */
bool db_number(struct tx *, int64_t *out, const char *sql,
    const struct db_value *, size_t n);
#define DB_NUMBER(tx, out, sql, ...) db_number((tx), (out), (sql), \
	DB_VALUES(__VA_ARGS__))

/*
 * Inserts one row; *id is the number that the database gave it.  For what
 * every event does: with RETURNING SQLite makes a table for the answer, and
 * a journal for the statement, each time.
 */
bool db_insert(struct tx *, int64_t *id, const char *sql,
    const struct db_value *, size_t n);
#define DB_INSERT(tx, id, sql, ...) db_insert((tx), (id), (sql), \
	DB_VALUES(__VA_ARGS__))

/*
 * Rows, one after the other:
 *
 *	DB_ROWS(tx, &r, "SELECT a, b FROM t WHERE c = ?1", V_INT(c));
 *	while (db_next(&r))
 *		use(db_int(&r, 0), db_text(&r, 1));
 *	if (!db_end(&r))
 *		return false;
 *
 * Texts live until the next db_next() or db_end().  db_end() must follow; it
 * is false if anything before it failed.  Statements with RETURNING go this
 * way, too.  One statement must not be begun again before its end.
 */
struct rows {
	struct tx *tx;
	void *statement;
	bool ok;
	bool more;
};
void db_rows(struct tx *, struct rows *, const char *sql,
    const struct db_value *, size_t n);
#define DB_ROWS(tx, r, sql, ...) db_rows((tx), (r), (sql), \
	DB_VALUES(__VA_ARGS__))
bool db_next(struct rows *);
bool db_end(struct rows *);
bool db_is_null(const struct rows *, int column);
int64_t db_int(const struct rows *, int column);
const char *db_text(const struct rows *, int column);	/* NULL if null */
const void *db_bytes(const struct rows *, int column, size_t *n);
/* The text, "" if null, cut to the size. */
void db_copy(const struct rows *, int column, char *out, size_t size);
/* A copy in the arena, "" if null; without memory NULL, and *ok is false. */
const char *db_dup(const struct rows *, int column, struct arena *, bool *ok);

/* What a header promises of a work: prepares one, to be submitted. */
#define DB_WORK(prepare, type, run) \
	void prepare(struct type *v) \
	{ \
		v->db.work = (run); \
	}
#define DB_READ(prepare, type, run) \
	void prepare(struct type *v) \
	{ \
		v->db.work = (run); \
		v->db.reads = true; \
	}

/* Fails the transaction for want of memory; returns false. */
bool db_no_memory(struct tx *);

/* Unix time in ms, the same for the whole transaction. */
int64_t db_time(const struct tx *);
/* The monotonic clock, as the transaction began. */
int64_t db_time_mono(const struct tx *);
/* Tells this run of a transaction from all others of this handle. */
uint64_t db_serial(const struct tx *);

/* Whether the file still is of schema 2, with its tables; costs nothing once
 * it is not. */
bool db_is_older(struct tx *, bool *older);

/*
 * From now on the file is this version's alone (schema 3): processes of the
 * version before do not take it any more.  Nothing to do if it is already.
 */
bool db_finish_upgrade(struct tx *);

#endif
