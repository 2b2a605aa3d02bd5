/*
 * Statements: prepared once, found by the address of their text, bound to
 * values, run, read.
 *
 * Called by the works of db/batch.c, and by it for begin and commit.  Owns
 * the prepared statements of one connection.  A statement is reset as soon
 * as it was used, so that no read transaction stays open.  What fails here
 * fails the transaction: nothing is run in it any more.
 */
#include "db/private.h"

#include <sqlite3.h>

#include <stdlib.h>
#include <string.h>

struct statement {
	struct table_node node;
	sqlite3_stmt *st;
};

void
statements_free(struct statements *all)
{
	struct table_node *n;

	while ((n = table_next(&all->table, NULL)) != NULL) {
		struct statement *s = OF(n, struct statement, node);

		table_remove(&all->table, n);
		(void)sqlite3_finalize(s->st);
		free(s);
	}
	table_free(&all->table);
}

void
statements_reset(struct statements *all)
{
	struct table_node *n = NULL;

	while ((n = table_next(&all->table, n)) != NULL)
		(void)sqlite3_reset(OF(n, struct statement, node)->st);
}

static sqlite3_stmt *
prepare(struct statements *all, const char *sql)
{
	struct statement *s = calloc(1, sizeof(*s));

	if (s == NULL || sqlite3_prepare_v3(all->db, sql, -1,
	    SQLITE_PREPARE_PERSISTENT, &s->st, NULL) != SQLITE_OK ||
	    table_add(&all->table, &s->node, (int64_t)(uintptr_t)sql) !=
	    ERR_OK) {
		if (s != NULL)
			(void)sqlite3_finalize(s->st);
		free(s);
		return NULL;
	}
	return s->st;
}

/* Every literal has its own address. */
static sqlite3_stmt *
find(struct statements *all, const char *sql)
{
	struct table_node *n = table_find(&all->table,
	    (int64_t)(uintptr_t)sql, NULL);

	return n != NULL ? OF(n, struct statement, node)->st :
	    prepare(all, sql);
}

struct db_value
db_value_text(const char *s)
{
	return V_STR(s, s != NULL ? strlen(s) : 0);
}

/* The values outlive the statement's use. */
static bool
bind(sqlite3_stmt *st, int at, const struct db_value *v)
{
	int rc = SQLITE_MISUSE;

	switch (v->type) {
	case DB_NONE:
	case DB_NULL:
		rc = sqlite3_bind_null(st, at);
		break;
	case DB_INT:
		rc = sqlite3_bind_int64(st, at, v->number);
		break;
	case DB_TEXT:
		rc = sqlite3_bind_text64(st, at, v->p, v->n, SQLITE_STATIC,
		    SQLITE_UTF8);
		break;
	}
	return rc == SQLITE_OK;
}

/* The statement with its values, ready to go; NULL: the transaction failed. */
static sqlite3_stmt *
start(struct tx *tx, const char *sql, const struct db_value *v, size_t n)
{
	sqlite3_stmt *st;

	if (tx->trouble != TROUBLE_NONE)
		return NULL;
	if (n == 1 && v->type == DB_NONE)
		n = 0;
	st = find(sqlite_statements(tx->db->sqlite), sql);
	if (st == NULL) {
		(void)tx_fail(tx);
		return NULL;
	}
	/* what only reads has not the turn to write */
	if (sqlite3_stmt_busy(st) != 0 ||
	    sqlite3_bind_parameter_count(st) != (int)n ||
	    (!tx->writes && sqlite3_stmt_readonly(st) == 0)) {
		(void)tx_refuse(tx, ERR_DISK, "a statement was used wrongly");
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (!bind(st, (int)i + 1, &v[i])) {
			(void)tx_fail(tx);
			return NULL;
		}
	return st;
}

/* False: it failed.  Rows that nobody reads are passed over. */
bool
db_run(struct tx *tx, const char *sql, const struct db_value *v, size_t n)
{
	sqlite3_stmt *st = start(tx, sql, v, n);
	int rc = SQLITE_ROW;

	if (st == NULL)
		return false;
	while (rc == SQLITE_ROW)
		rc = sqlite3_step(st);
	if (rc != SQLITE_DONE)
		(void)tx_fail(tx);
	(void)sqlite3_reset(st);
	return rc == SQLITE_DONE;
}

int64_t
db_changed(const struct tx *tx)
{
	return tx->trouble == TROUBLE_NONE ?
	    sqlite3_changes(sqlite_statements(tx->db->sqlite)->db) : 0;
}

bool
db_insert(struct tx *tx, int64_t *id, const char *sql,
    const struct db_value *v, size_t n)
{
	bool ok = db_run(tx, sql, v, n);

	*id = ok ? sqlite3_last_insert_rowid(
	    sqlite_statements(tx->db->sqlite)->db) : 0;
	return ok;
}

void
db_rows(struct tx *tx, struct rows *r, const char *sql,
    const struct db_value *v, size_t n)
{
	sqlite3_stmt *st = start(tx, sql, v, n);

	*r = (struct rows){ .tx = tx, .statement = st, .ok = st != NULL,
	    .more = st != NULL };
	tx->open += st != NULL;
}

bool
db_next(struct rows *r)
{
	int rc;

	if (!r->more || r->tx->trouble != TROUBLE_NONE)
		return false;
	rc = sqlite3_step(r->statement);
	r->more = rc == SQLITE_ROW;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		r->ok = tx_fail(r->tx);
	return r->more;
}

bool
db_end(struct rows *r)
{
	if (r->statement != NULL) {
		(void)sqlite3_reset(r->statement);
		r->statement = NULL;
		r->tx->open--;
	}
	r->more = false;
	return r->ok && r->tx->trouble == TROUBLE_NONE;
}

bool
db_number(struct tx *tx, int64_t *out, const char *sql,
    const struct db_value *v, size_t n)
{
	struct rows r;

	db_rows(tx, &r, sql, v, n);
	*out = db_next(&r) ? db_int(&r, 0) : 0;
	return db_end(&r);
}

bool
db_is_null(const struct rows *r, int column)
{
	return sqlite3_column_type(r->statement, column) == SQLITE_NULL;
}

int64_t
db_int(const struct rows *r, int column)
{
	return sqlite3_column_int64(r->statement, column);
}

/* What is not there although it is no NULL had no room. */
const char *
db_text(const struct rows *r, int column)
{
	bool null = db_is_null(r, column);
	const unsigned char *s = sqlite3_column_text(r->statement, column);

	if (s == NULL && !null)
		(void)db_no_memory(r->tx);
	return (const char *)s;
}

void
db_copy(const struct rows *r, int column, char *out, size_t size)
{
	const char *s = db_text(r, column);
	size_t n = s != NULL ? strnlen(s, size - 1) : 0;

	if (n != 0)
		memcpy(out, s, n);
	out[n] = '\0';
}

const void *
db_bytes(const struct rows *r, int column, size_t *n)
{
	bool null = db_is_null(r, column);
	const void *p = sqlite3_column_blob(r->statement, column);

	*n = (size_t)sqlite3_column_bytes(r->statement, column);
	/* none at all are given as NULL */
	if (p == NULL && !null && *n == 0)
		return "";
	if (p == NULL && !null)
		(void)db_no_memory(r->tx);
	return p;
}

const char *
db_dup(const struct rows *r, int column, struct arena *a, bool *ok)
{
	size_t n;
	const char *s = db_bytes(r, column, &n), *copy = "";

	if (s != NULL)
		copy = arena_dup(a, s, n);
	*ok = *ok && copy != NULL;
	return copy;
}

/* Beside the transactions' own works: no values, no transaction to fail. */
static bool
step_alone(struct sqlite *s, const char *sql)
{
	sqlite3_stmt *st = find(sqlite_statements(s), sql);
	int rc = st != NULL ? sqlite3_step(st) : SQLITE_ERROR;

	/* it tells the same error once more, if there was one */
	return st != NULL && sqlite3_reset(st) == SQLITE_OK &&
	    rc == SQLITE_DONE;
}

bool
sqlite_begin(struct sqlite *s, bool writes)
{
	return writes ? step_alone(s, "BEGIN IMMEDIATE") :
	    step_alone(s, "BEGIN");
}

bool
sqlite_commit(struct sqlite *s)
{
	return step_alone(s, "COMMIT");
}
