#ifndef OLDER_FILE_H
#define OLDER_FILE_H

#include <sqlite3.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * A store as the version before left it (schema 2), and processes of that
 * version that still live beside it: a byte in the lock file, and rows
 * written as they would write them.
 */

/* Makes the file with its tables, and opens it. */
sqlite3 *older_file(const char *path);
/* Runs SQL there, which must succeed; gives its first number, or -1. */
int64_t older_sql(sqlite3 *, const char *sql);

/* A message; zeros have defaults that a real one would have. */
struct older_message {
	const char *event;	/* an Add */
	const char *chat;	/* "channel-123" */
	const char *text;	/* of an Update: tells revisions apart */
	int64_t message_id;
	int64_t revision;	/* 1 */
	int state;		/* received */
	int step;
	const char *reason, *ids;
	int64_t line;		/* 107 */
	int64_t tries, first_ms, next_ms, changed_ms;
	int hold;
	int64_t owner, lease;
	bool alone;
};

/* Inserts it; gives its number.  Its key is written to `key`, if not NULL. */
int64_t older_insert(sqlite3 *, const struct older_message *, char key[65]);
#define OLDER(db, ...) older_insert((db), \
	&(const struct older_message){ __VA_ARGS__ }, NULL)

/* A process of that version begins to live, until it is closed; -1: no. */
int older_process(const char *path, int64_t number);

#endif
