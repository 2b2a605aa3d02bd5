#ifndef DB_LOCK_H
#define DB_LOCK_H

#include "db/db.h"

/* The file of a store by its names, and the bytes of the lock file beside
 * it.  Private to db/. */

/* ---- file.c */

/*
 * The file that this path leads to, whatever links are on the way, also if
 * it is not there yet; `create` makes the last folder above it.  To be freed;
 * NULL: *absent, or with a problem.
 */
char *file_resolve(const char *path, bool create, bool *absent,
    struct problem *);
/*
 * Records that a file of the store cannot be opened: its path, why (errno),
 * whose it is, and the command that mends it.  ERR_DISK.
 */
enum err file_refused(struct problem *, const char *what, const char *path,
    int error);
/* Makes it, empty, unless it is there already. */
enum err file_make(const char *real, struct problem *);
/* Whether we may write it, what lies beside it, and its folder: SQLite would
 * only say that one of them is read-only.  ERR_DISK. */
enum err file_check(const char *real, struct problem *);

/* Which file a name stands for; zeros: none. */
struct file_id {
	uint64_t device, number;
};
struct file_id file_id(const char *real);
bool file_same(struct file_id, struct file_id);

/* ---- lock.c: one descriptor of the file REAL.lock; -1: none */

int lock_open(const char *real, struct problem *);
/* Whether that file is still the one beside the store. */
bool lock_is_current(int fd, const char *real);

/* A new number, which nobody has, and its lock. */
bool lock_take_number(int fd, int64_t *number);
void lock_drop_number(int fd, int64_t number);
/* By another descriptor than this one. */
bool lock_is_held(int fd, int64_t number);
bool lock_older(int fd);

/*
 * The one place at writing, opening and checkpoints among all processes.
 * Waits for at most `wait_ms`, behind whoever waits already; lock_try_write()
 * does not wait.
 */
bool lock_begin_write(int fd, int64_t wait_ms);
bool lock_try_write(int fd);
void lock_end_write(int fd);

#endif
