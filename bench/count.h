#ifndef BENCH_COUNT_H
#define BENCH_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What a portal was told, and whether it listens: calls, messages, the leaky
 * bucket.
 */
struct count {
	bool limited;
	int64_t calls;
	int64_t refused;
	int64_t late;		/* refused a second and more after the first */
	int64_t messages;
	int64_t distinct;	/* repeats apart */
	double level;
	int64_t at;		/* ms: when the level was true */
	int64_t first;		/* ms: the first call */
	uint32_t *took;		/* messages by ms from due to told */
	unsigned char *seen;	/* a bit for each id */
};

/* Starts counting; ends the program where there is no memory. */
void count_init(struct count *, bool limited);

/* A call at `now` (ms).  False: it is past the limit. */
bool count_call(struct count *, int64_t now);

/* The messages of a call that was within the limit. */
void count_messages(struct count *, const char *s, size_t len);

/* Writes the figures as JSON, as snprintf() does. */
size_t count_print(char *out, size_t size, const struct count *);

#endif
