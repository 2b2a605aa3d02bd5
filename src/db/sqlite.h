#ifndef DB_SQLITE_H
#define DB_SQLITE_H

#include "base/table.h"
#include "db/lock.h"

/* The connection and its statements.  Private to db/. */
struct sqlite;

/* ddl.c.  Tables are made where they are missing (IF NOT EXISTS), also
 * beside those of version 2. */
extern const char db_ddl[];
extern const char db_ddl_installs[];
extern const char db_ddl_rare[];
extern const char db_ddl_watch[];	/* newer than version 3 itself */
extern const char db_ddl_from_1[];	/* to version 2 */
extern const char db_ddl_beside_2[];	/* behind db_ddl, in its file */
extern const char db_ddl_tries[];
extern const char db_ddl_url[];	/* where install has no such column */

/* ---- sqlite.c: one connection */

/* Before the first, in the only thread: the library keeps no account of its
 * memory, for which it would take a lock at each allocation. */
void sqlite_prepare_library(void);

/*
 * Opens a file that is there, creates or checks its schema, and sets and
 * reads back what durability needs.  Whoever opens, writes or checkpoints
 * must be the only one among all processes: versions of SQLite before 3.51.3
 * can lose commits else (sqlite.org/wal.html, the WAL-reset bug).  ERR_DISK.
 */
enum err sqlite_open(struct sqlite **, const char *real, int64_t busy_ms,
    struct problem *);
void sqlite_close(struct sqlite *);	/* NULL is fine */

/* Whether the file still is this program's store; ERR_DISK if somebody has
 * written something else there meanwhile. */
enum err sqlite_check(struct sqlite *, struct problem *);
/* Whether the name stands for that file no more. */
bool sqlite_is_moved(const struct sqlite *, const char *real);

/*
 * Moves what is in the log into the file once there is much of it; `all`:
 * whatever there is, and leaves the log empty.  Never waits for readers.
 */
bool sqlite_is_due(const struct sqlite *, bool all);
void sqlite_checkpoint(struct sqlite *, bool all);

/* False leaves none open. */
bool sqlite_begin(struct sqlite *, bool writes);
bool sqlite_commit(struct sqlite *);
void sqlite_rollback(struct sqlite *);

/* Marks it as this version's, in the transaction. */
bool sqlite_finish_upgrade(struct sqlite *);
/* Whether it is still of version 2; costs nothing once it is not. */
bool sqlite_is_older(struct sqlite *, bool *older);

enum trouble {
	TROUBLE_NONE,
	TROUBLE_OWN,		/* of what was asked; the connection is fine */
	TROUBLE_BUSY,		/* another has the file */
	TROUBLE_DISK		/* nothing of it is trusted any more */
};
/* Why the last call failed, with SQLite's own words, which name no data. */
enum trouble sqlite_trouble(struct sqlite *, struct problem *);

/* ---- wal_file.c */

/* What sqlite3_open_v2() is to open a store with; NULL is the system's own.
 * For the one thread that opens stores. */
const char *wal_file_vfs(void);

/* ---- statement.c */

struct sqlite3;
struct statements {
	struct sqlite3 *db;
	struct table table;	/* by the address of their text */
};
void statements_free(struct statements *);
void statements_reset(struct statements *);	/* all that are under way */
struct statements *sqlite_statements(struct sqlite *);

#endif
