#ifndef BENCH_BODY_H
#define BENCH_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The event that all parts of the benchmark are made of, as JSON or as the
 * form that Bitrix24 sends.  Start with a zeroed struct.
 */
#define ID_WIDTH 12		/* digits, so that every event is as long */
#define ID_BASE 100000000000LL	/* the first number that is so long */

/* A text, and where the ids of its messages stand: three for each. */
struct body {
	char *s;
	size_t n;
	size_t cap;
	size_t *place;		/* chat_id, message_id, chat.id */
	size_t places;
	size_t places_cap;
};

/* What an event is like. */
struct shape {
	bool json;
	int messages;
	int phrases;		/* of each message's text; 0 is 1 */
	const char *endpoint;	/* auth[client_endpoint] */
};

/* Adds text; every '#' of `fmt`'s result becomes the place of an id. */
void body_add(struct body *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds a whole event.  Its ids are ID_BASE until they are set. */
void body_event(struct body *, const struct shape *);

/* Writes ID_WIDTH digits. */
void body_put_id(char *at, int64_t id);

void body_free(struct body *);

#endif
