/*
 * What a web server sends: the records of a FastCGI request, as bytes.
 */
#ifndef FCGI_BYTES_H
#define FCGI_BYTES_H

#include "unit.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define FCGI_BYTES_MAX ((size_t)2 * 1024 * 1024)
#define BEGIN_REQUEST 1
#define PARAMS 4
#define STDIN 5

struct bytes {
	size_t n;
	uint8_t p[FCGI_BYTES_MAX];
};

static inline void
add(struct bytes *b, const void *p, size_t n)
{
	assert_true(n <= sizeof(b->p) - b->n);
	if (n != 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
}

/* One record with `padding` bytes behind its content. */
static inline void
add_record(struct bytes *b, uint8_t type, const void *p, size_t n,
    uint8_t padding)
{
	const uint8_t head[8] = { 1, type, 0, 1, (uint8_t)(n >> 8),
	    (uint8_t)n, padding, 0 };
	static const uint8_t zeros[256];

	add(b, head, sizeof(head));
	add(b, p, n);
	add(b, zeros, padding);
}

static inline void
add_param(struct bytes *b, const char *name, const char *value)
{
	uint8_t pair[256];
	size_t n = strlen(name), v = strlen(value);

	assert_true(n < 100 && v < 100);
	pair[0] = (uint8_t)n;
	pair[1] = (uint8_t)v;
	memcpy(pair + 2, name, n);
	memcpy(pair + 2 + n, value, v);
	add_record(b, PARAMS, pair, 2 + n + v, 3);
}

static inline void
add_begin(struct bytes *b, bool keep)
{
	const uint8_t begin[8] = { 0, 1, keep, 0, 0, 0, 0, 0 };

	add_record(b, BEGIN_REQUEST, begin, sizeof(begin), 0);
}

static inline void
add_head(struct bytes *b, bool keep, size_t length)
{
	char text[32];

	add_begin(b, keep);
	(void)snprintf(text, sizeof(text), "%zu", length);
	add_param(b, "REQUEST_METHOD", "POST");
	add_param(b, "CONTENT_TYPE", "application/json");
	add_param(b, "CONTENT_LENGTH", text);
	add_record(b, PARAMS, NULL, 0, 0);
}

static inline void
add_body(struct bytes *b, const char *body, size_t n, size_t piece)
{
	for (size_t at = 0; at < n; at += piece)
		add_record(b, STDIN, body + at, n - at < piece ? n - at :
		    piece, 5);
	add_record(b, STDIN, NULL, 0, 0);
}

#endif
