#ifndef BENCH_COMMIT_H
#define BENCH_COMMIT_H

/*
 * What it costs at the least to make a message durable: transactions on a
 * copy of the handler's own store, with its schema, rows and settings.
 */
struct commits;

/* Opens a store that holds a message; ends the program where it cannot. */
struct commits *commit_open(const char *path);

/*
 * One synced transaction; any thread may call.  The first, third ... insert
 * a copy of the store's message under a new key, the second, fourth ... move
 * it to its end.
 */
void commit_once(struct commits *);

/* Does as a process does that ends well. */
void commit_close(struct commits *);

#endif
