/*
 * readers: how fast bodies are read, and what the parts of that cost.
 *
 *	readers MEGABYTES RUNS
 *
 * Makes events of about so many megabytes, as JSON and as a form: one that is
 * as large as that, and as many of the ordinary size (one message) as it
 * takes.  Feeds them in chunks of 16 KiB, as the handler does, to
 *
 *	keep	what the handler does: reader, grammar, messages are kept
 *	event	the same with a per-message callback that does nothing
 *	sax	the reader alone, with calls that do nothing
 *	yajl	yajl alone, with calls that do nothing (JSON)
 *	memcpy	nothing but a copy of the chunk
 *
 * in turn, RUNS times, and prints a line of JSON for each: the median, the
 * slowest and the fastest, in MB (10^6 bytes) a second; the heap that was in
 * use when a body had been read, and how much of it the messages' own bytes
 * are.
 */
#include "body.h"
#include "common.h"

#include "codec/sax.h"
#include "event/event.h"
#include "event/grammar.h"

#include <yajl/yajl_parse.h>

#include <malloc.h>
#include <string.h>

#define CHUNK ((size_t)16384)
#define RUNS_MAX 99
#define LARGE_ELEMENTS 15000	/* of EVENT_MESSAGES_MAX */
#define PHRASE 97		/* bytes, as JSON */

/* Bodies, one behind the other, each `each` bytes long. */
struct input {
	const char *syntax;
	const char *size;
	const struct codec *codec;
	struct body body;
	size_t each;
	size_t messages;	/* in all of it */
};

/* What the callbacks add up, so that nothing is optimised away. */
struct seen {
	size_t sum;
	size_t kept;		/* bytes of messages in the last body */
	size_t heap;		/* in use at the end of the last body */
	struct event *ev;
};

static size_t
heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void
make(struct input *in, bool json, bool large, size_t bytes)
{
	struct shape shape = { .json = json, .messages = 1, .endpoint =
	    "https://some-domain.bitrix24.com/rest/" };

	*in = (struct input){ .syntax = json ? "JSON" : "form",
	    .size = large ? "one large event" : "ordinary events",
	    .codec = json ? &codec_json : &codec_form };
	if (large) {
		shape.messages = LARGE_ELEMENTS;
		shape.phrases = (int)(bytes / LARGE_ELEMENTS / PHRASE);
	}
	do {
		body_event(&in->body, &shape);
		if (in->each == 0)
			in->each = in->body.n;
	} while (in->body.n < bytes && !large);
	in->messages = in->body.n / in->each * (size_t)shape.messages;
}

static enum err
no_key(void *ctx, const char *s, size_t n)
{
	struct seen *seen = ctx;

	(void)s;
	seen->sum += n;
	return ERR_OK;
}

static enum err
no_leave(void *ctx)
{
	struct seen *seen = ctx;

	seen->sum++;
	return ERR_OK;
}

static enum err
no_message(void *ctx, const struct message *m)
{
	struct seen *seen = ctx;

	seen->sum += m->bad == NULL;
	return ERR_OK;
}

static enum err
keep(void *ctx, const struct message *m)
{
	struct seen *seen = ctx;

	seen->sum += m->bad == NULL;
	seen->kept += m->body_len + strlen(m->chat) + sizeof(*m);
	return event_keep(seen->ev, m);
}

/* Feeds one body to one of our readers; without `each` to no grammar. */
static void
feed_ours(const struct input *in, const char *s, struct seen *seen,
    enum err (*each)(void *, const struct message *))
{
	const struct sax nothing = { no_key, no_key, no_leave, seen };
	const struct sax *sax = &nothing;
	struct problem p = { 0 };
	struct grammar *g = NULL;
	struct event ev;
	void *reader;
	enum err e = ERR_OK;
	size_t before = heap();

	event_init(&ev, in->each * 2);
	seen->ev = &ev;
	seen->kept = 0;
	if (each != NULL) {
		if (grammar_new(&g, &ev, in->each, each, seen, &p) != ERR_OK)
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
	seen->heap = heap() - before;
	in->codec->close(reader);
	grammar_free(g);
	event_free(&ev);
}

static void
feed_keep(const struct input *in, const char *s, struct seen *seen)
{
	feed_ours(in, s, seen, keep);
}

static void
feed_event(const struct input *in, const char *s, struct seen *seen)
{
	feed_ours(in, s, seen, no_message);
}

static void
feed_sax(const struct input *in, const char *s, struct seen *seen)
{
	feed_ours(in, s, seen, NULL);
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
	struct seen *seen = ctx;

	(void)s;
	seen->sum += n;
	return 1;
}

static int
y_string(void *ctx, const unsigned char *s, size_t n)
{
	struct seen *seen = ctx;

	(void)s;
	seen->sum += n;
	return 1;
}

static void
feed_yajl(const struct input *in, const char *s, struct seen *seen)
{
	static const yajl_callbacks calls = { .yajl_null = y_null,
	    .yajl_boolean = y_bool, .yajl_number = y_number,
	    .yajl_string = y_string, .yajl_start_map = y_null,
	    .yajl_map_key = y_string, .yajl_end_map = y_null,
	    .yajl_start_array = y_null, .yajl_end_array = y_null };
	size_t before = heap();
	yajl_handle y = yajl_alloc(&calls, NULL, seen);
	yajl_status status = yajl_status_ok;

	if (y == NULL)
		fail("out of memory");
	for (size_t n, at = 0; at < in->each && status == yajl_status_ok;
	    at += n) {
		n = in->each - at < CHUNK ? in->each - at : CHUNK;
		status = yajl_parse(y, (const unsigned char *)s + at, n);
	}
	if (status != yajl_status_ok ||
	    yajl_complete_parse(y) != yajl_status_ok)
		fail("yajl does not like it");
	seen->heap = heap() - before;
	yajl_free(y);
}

static void
feed_memcpy(const struct input *in, const char *s, struct seen *seen)
{
	static char chunk[CHUNK];
	volatile char *copy = chunk;

	for (size_t n, at = 0; at < in->each; at += n) {
		n = in->each - at < CHUNK ? in->each - at : CHUNK;
		memcpy(chunk, s + at, n);
		seen->sum += (size_t)(unsigned char)copy[n - 1];
	}
}

static const struct {
	const char *name;
	void (*feed)(const struct input *, const char *, struct seen *);
} readers[] = {
	{ "keep", feed_keep },
	{ "event", feed_event },
	{ "sax", feed_sax },
	{ "yajl", feed_yajl },
	{ "memcpy", feed_memcpy },
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

/* Seconds of processor time: others may be at work on the machine. */
static double
now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* One reader goes once through all bodies; MB a second. */
static double
once(const struct input *in, size_t r, struct seen *seen)
{
	double from = now();

	for (size_t at = 0; at + in->each <= in->body.n; at += in->each)
		readers[r].feed(in, in->body.s + at, seen);
	return (double)in->body.n / 1e6 / (now() - from);
}

static bool
can_read(size_t r, const struct input *in)
{
	return readers[r].feed != feed_yajl || in->codec == &codec_json;
}

static void
tell(const struct input *in, size_t r, double *rate, int runs,
    const struct seen *seen)
{
	qsort(rate, (size_t)runs, sizeof(double), by_size);
	printf("{\"syntax\":\"%s\",\"size\":\"%s\",\"reader\":\"%s\","
	    "\"bytes\":%zu,\"events\":%zu,\"messages\":%zu,"
	    "\"heap\":%zu,\"kept\":%zu,\"median\":%.1f,"
	    "\"min\":%.1f,\"max\":%.1f}\n", in->syntax, in->size,
	    readers[r].name, in->body.n, in->body.n / in->each, in->messages,
	    seen->heap, seen->kept, rate[runs / 2], rate[0], rate[runs - 1]);
	(void)fflush(stdout);
}

static void
measure(const struct input *in, int runs)
{
	static double rate[READERS][RUNS_MAX];
	struct seen seen[READERS] = { 0 };
	double one;

	for (int run = -1; run < runs; run++) {	/* the first warms up */
		for (size_t r = 0; r < READERS; r++) {
			if (!can_read(r, in))
				continue;
			one = once(in, r, &seen[r]);
			if (run >= 0)
				rate[r][run] = one;
		}
	}
	for (size_t r = 0; r < READERS; r++) {
		if (!can_read(r, in))
			continue;
		if (seen[r].sum == 0)
			fail("nothing was read");
		tell(in, r, rate[r], runs, &seen[r]);
	}
}

int
main(int argc, char **argv)
{
	struct input in;
	size_t megabytes = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	long runs = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

	if (megabytes < 1 || megabytes > 1000 || runs < 1 ||
	    runs > RUNS_MAX) {
		fputs("usage: readers MEGABYTES RUNS\n", stderr);
		return 64;
	}
	for (int i = 0; i < 4; i++) {
		make(&in, i < 2, i % 2 == 0, megabytes * 1000000);
		measure(&in, (int)runs);
		body_free(&in.body);
	}
	return 0;
}
