/*
 * readers: how fast bodies are read, and what the parts of that cost.
 *
 *	readers MEGABYTES RUNS
 *
 * Makes about so many megabytes of JSON in each shape of bodies.h, and the
 * same events as forms.  Feeds them in chunks of 16 KiB, as the handler does,
 * to
 *
 *	event	the reader, the grammar and the per-message callback
 *	sax	the reader alone, with calls that do nothing
 *	yajl	yajl alone, with calls that do nothing (JSON)
 *	lax	the same, without its check of UTF-8
 *	memcpy	nothing but a copy of the chunk
 *
 * in turn, both syntaxes within a run, RUNS times, and prints a line of JSON
 * for each: the median, the slowest and the fastest, in MB (10^6 bytes) a
 * second, and the messages a second of the median.
 */
#include "bodies.h"

#include "codec/sax.h"
#include "event/event.h"
#include "event/grammar.h"

#include <yajl/yajl_parse.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK ((size_t)16384)
#define RUNS_MAX 99

static void
fail(const char *what)
{
	fprintf(stderr, "readers: %s\n", what);
	exit(1);
}
static enum err
no_key(void *ctx, const char *s, size_t n)
{
	(void)s;
	*(size_t *)ctx += n;
	return ERR_OK;
}

static enum err
no_leave(void *ctx)
{
	*(size_t *)ctx += 1;
	return ERR_OK;
}

static enum err
no_message(void *ctx, const struct message *m)
{
	*(size_t *)ctx += m->bad == NULL;
	return ERR_OK;
}

/* Feeds one body to one of our readers, with or without the grammar. */
static void
feed_ours(const struct bodies *in, const char *s, bool grammar, size_t *sum)
{
	const struct sax nothing = { no_key, no_key, no_leave, sum };
	const struct sax *sax = &nothing;
	struct problem p = { 0 };
	struct grammar *g = NULL;
	struct event ev;
	void *reader;
	enum err e = ERR_OK;

	event_init(&ev, in->each);
	if (grammar) {
		if (grammar_new(&g, &ev, in->each, no_message, sum, &p) !=
		    ERR_OK)
			fail("grammar_new");
		sax = grammar_sax(g);
	}
	reader = in->codec->open(sax, &p);
	if (reader == NULL)
		fail("out of memory");
	for (size_t n, at = 0; at < in->each && e == ERR_OK; at += n) {
		n = in->each - at < CHUNK ? in->each - at : CHUNK;
		e = in->codec->feed(reader, s + at, n);
	}
	if (e == ERR_OK)
		e = in->codec->end(reader);
	if (e != ERR_OK)
		fail(p.text);
	in->codec->close(reader);
	grammar_free(g);
	event_free(&ev);
}

static void
feed_event(const struct bodies *in, const char *s, size_t *sum)
{
	feed_ours(in, s, true, sum);
}

static void
feed_sax(const struct bodies *in, const char *s, size_t *sum)
{
	feed_ours(in, s, false, sum);
}

static int
y_null(void *ctx)
{
	(void)ctx;
	return 1;
}

static int
y_bool(void *ctx, int b)
{
	(void)ctx;
	(void)b;
	return 1;
}

static int
y_number(void *ctx, const char *s, size_t n)
{
	(void)s;
	*(size_t *)ctx += n;
	return 1;
}

static int
y_string(void *ctx, const unsigned char *s, size_t n)
{
	(void)s;
	*(size_t *)ctx += n;
	return 1;
}

static void
run_yajl(const struct bodies *in, const char *s, size_t *sum, int lax)
{
	static const yajl_callbacks calls = { .yajl_null = y_null,
	    .yajl_boolean = y_bool, .yajl_number = y_number,
	    .yajl_string = y_string, .yajl_start_map = y_null,
	    .yajl_map_key = y_string, .yajl_end_map = y_null,
	    .yajl_start_array = y_null, .yajl_end_array = y_null };
	yajl_handle y = yajl_alloc(&calls, NULL, sum);
	yajl_status status = yajl_status_ok;

	if (y == NULL)
		fail("out of memory");
	(void)yajl_config(y, yajl_dont_validate_strings, lax);
	for (size_t n, at = 0; at < in->each && status == yajl_status_ok;
	    at += n) {
		n = in->each - at < CHUNK ? in->each - at : CHUNK;
		status = yajl_parse(y, (const unsigned char *)s + at, n);
	}
	if (status != yajl_status_ok ||
	    yajl_complete_parse(y) != yajl_status_ok)
		fail("yajl does not like it");
	yajl_free(y);
}

static void
feed_yajl(const struct bodies *in, const char *s, size_t *sum)
{
	run_yajl(in, s, sum, 0);
}

static void
feed_lax(const struct bodies *in, const char *s, size_t *sum)
{
	run_yajl(in, s, sum, 1);
}

static void
feed_memcpy(const struct bodies *in, const char *s, size_t *sum)
{
	static char chunk[CHUNK];
	volatile char *seen = chunk;

	for (size_t n, at = 0; at < in->each; at += n) {
		n = in->each - at < CHUNK ? in->each - at : CHUNK;
		memcpy(chunk, s + at, n);
		*sum += (size_t)(unsigned char)seen[n - 1];
	}
}

static const struct {
	const char *name;
	void (*feed)(const struct bodies *, const char *, size_t *);
	bool json_only;
} readers[] = {
	{ "event", feed_event, false },
	{ "sax", feed_sax, false },
	{ "yajl", feed_yajl, true },
	{ "lax", feed_lax, true },
	{ "memcpy", feed_memcpy, false },
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

static double
now(void)
{
	struct timespec t;

	/* processor time: others may be at work on the machine */
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Reads all bodies; the rate in MB a second. */
static double
pass(const struct bodies *in, size_t reader, size_t *sum)
{
	double from = now();

	for (size_t at = 0; at + in->each <= in->n; at += in->each)
		readers[reader].feed(in, in->s + at, sum);
	return (double)in->n / 1e6 / (now() - from);
}

static bool
can_read(const struct bodies *in, size_t reader)
{
	return !readers[reader].json_only || in->codec == &codec_json;
}

static void
print(const struct bodies *in, size_t reader, double *rate, size_t runs)
{
	size_t events = in->n / in->each;
	size_t messages = events * (size_t)in->shape->elements;

	qsort(rate, runs, sizeof(*rate), by_size);
	printf("{\"syntax\":\"%s\",\"size\":\"%s\",\"reader\":\"%s\","
	    "\"bytes\":%zu,\"events\":%zu,\"messages\":%zu,"
	    "\"median\":%.1f,\"min\":%.1f,\"max\":%.1f,"
	    "\"messages_s\":%.0f}\n", in->codec->name, in->shape->name,
	    readers[reader].name, in->n, events, messages, rate[runs / 2],
	    rate[0], rate[runs - 1], rate[runs / 2] * 1e6 /
	    (double)in->n * (double)messages);
	(void)fflush(stdout);
}

static void
measure(const struct bodies in[SYNTAXES], int runs)
{
	static double rate[SYNTAXES][READERS][RUNS_MAX + 1];
	size_t sum = 0;

	for (int run = 0; run <= runs; run++)
		for (size_t r = 0; r < READERS; r++)
			for (size_t i = 0; i < SYNTAXES; i++)
				if (can_read(&in[i], r))
					rate[i][r][run] = pass(&in[i], r, &sum);
	/* the first of the runs warmed up */
	for (size_t i = 0; i < SYNTAXES; i++)
		for (size_t r = 0; r < READERS; r++)
			if (can_read(&in[i], r))
				print(&in[i], r, rate[i][r] + 1, (size_t)runs);
	if (sum == 0)
		fail("nothing was read");
}

int
main(int argc, char **argv)
{
	struct bodies in[SYNTAXES];
	size_t megabytes = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	long runs = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	if (megabytes < 1 || megabytes > 1000 || runs < 1 ||
	    runs > RUNS_MAX) {
		fputs("usage: readers MEGABYTES RUNS\n", stderr);
		return 64;
	}
	for (size_t i = 0; i < SHAPES; i++) {
		if (!bodies_make(in, &shapes[i], megabytes * 1000000))
			fail("out of memory");
		measure(in, (int)runs);
		free(in[0].s);
		free(in[1].s);
	}
	return 0;
}
