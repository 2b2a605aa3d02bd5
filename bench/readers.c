/*
 * readers: how fast bodies are read, and what the parts of that cost.
 *
 *	readers MEGABYTES RUNS
 *
 * Makes events of about so many megabytes, as JSON and as a form: one that is
 * as large as that, and as many of the ordinary size (one message) as it
 * takes.  Feeds them in chunks of 16 KiB, as the handler does, to
 *
 *	event	the reader, the grammar and the per-message callback
 *	sax	the reader alone, with calls that do nothing
 *	yajl	yajl alone, with calls that do nothing (JSON)
 *	memcpy	nothing but a copy of the chunk
 *
 * in turn, RUNS times, and prints a line of JSON for each: the median, the
 * slowest and the fastest, in MB (10^6 bytes) a second.
 */
#include "codec/sax.h"
#include "event/event.h"
#include "event/grammar.h"

#include <yajl/yajl_parse.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK ((size_t)16384)
#define RUNS_MAX 99
#define LARGE_ELEMENTS 15000	/* of EVENT_MESSAGES_MAX */

/* Bodies, one behind the other, each `each` bytes long. */
struct input {
	const char *syntax;
	const char *size;
	const struct codec *codec;
	char *s;
	size_t n;
	size_t cap;
	size_t each;
};

static void
fail(const char *what)
{
	fprintf(stderr, "readers: %s\n", what);
	exit(1);
}

static void __attribute__((format(printf, 2, 3)))
add(struct input *in, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (in->n + 4096 > in->cap) {
		in->cap = in->cap * 2 + (1 << 20);
		in->s = realloc(in->s, in->cap);
		if (in->s == NULL)
			fail("out of memory");
	}
	va_start(ap, fmt);
	n = vsnprintf(in->s + in->n, in->cap - in->n, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= in->cap - in->n)
		fail("a piece is too long");
	in->n += (size_t)n;
}

/* A text of about `n` bytes: words, an escape, another script. */
static void
add_text(struct input *in, bool json, size_t n)
{
	size_t from = in->n;

	do {
		add(in, "%s", json ? "[b]Samantha Johnson:[/b] [br]Good "
		    "afternoon, how can I help you?\\nДобрый день! " :
		    "%5Bb%5DSamantha+Johnson%3A%5B%2Fb%5D+%5Bbr%5DGood+"
		    "afternoon%2C+how+can+I+help+you%3F%0A%D0%94%D0%BE%D0%B1"
		    "%D1%80%D1%8B%D0%B9+%D0%B4%D0%B5%D0%BD%D1%8C%21+");
	} while (in->n - from < n);
}

static void
add_json(struct input *in, int messages, size_t text)
{
	add(in, "{\"event\":\"ONIMCONNECTORMESSAGEADD\","
	    "\"event_handler_id\":555,\"data\":{\"CONNECTOR\":"
	    "\"myconnector\",\"LINE\":107,\"MESSAGES\":[");
	for (int i = 0; i < messages; i++) {
		add(in, "%s{\"im\":{\"chat_id\":1807,\"message_id\":%d},"
		    "\"message\":{\"user_id\":27,\"text\":\"",
		    i != 0 ? "," : "", 86497 + i);
		add_text(in, true, text);
		add(in, "\"},\"chat\":{\"id\":\"channel-123\"}}");
	}
	add(in, "]},\"ts\":1773759161,\"auth\":{\"access_token\":"
	    "\"c978b990071b0008440001b0895f697a\",\"expires\":1773762761,"
	    "\"expires_in\":3600,\"scope\":\"imconnector, imopenlines\","
	    "\"domain\":\"some-domain.bitrix24.com\",\"server_endpoint\":"
	    "\"https://oauth.bitrix24.tech/rest/\",\"status\":\"F\","
	    "\"client_endpoint\":\"https://some-domain.bitrix24.com/rest/\","
	    "\"member_id\":\"bac1cd5c8940947a75e0d71b1a84e348\","
	    "\"user_id\":27,\"application_token\":"
	    "\"831c76b092f9f135d9b6b36c3a720757\"}}");
}

static void
add_form(struct input *in, int messages, size_t text)
{
#define ITEM "&data%%5BMESSAGES%%5D%%5B%d%%5D"
	add(in, "event=ONIMCONNECTORMESSAGEADD&event_handler_id=555"
	    "&data%%5BCONNECTOR%%5D=myconnector&data%%5BLINE%%5D=107");
	for (int i = 0; i < messages; i++) {
		add(in, ITEM "%%5Bim%%5D%%5Bchat_id%%5D=1807"
		    ITEM "%%5Bim%%5D%%5Bmessage_id%%5D=%d"
		    ITEM "%%5Bmessage%%5D%%5Buser_id%%5D=27"
		    ITEM "%%5Bmessage%%5D%%5Btext%%5D=",
		    i, i, 86497 + i, i, i);
		add_text(in, false, text);
		add(in, ITEM "%%5Bchat%%5D%%5Bid%%5D=channel-123", i);
	}
	add(in, "&ts=1773759161&auth%%5Baccess_token%%5D="
	    "c978b990071b0008440001b0895f697a&auth%%5Bexpires%%5D=1773762761"
	    "&auth%%5Bexpires_in%%5D=3600&auth%%5Bscope%%5D=imconnector%%2C+"
	    "imopenlines&auth%%5Bdomain%%5D=some-domain.bitrix24.com"
	    "&auth%%5Bserver_endpoint%%5D=https%%3A%%2F%%2F"
	    "oauth.bitrix24.tech%%2Frest%%2F&auth%%5Bstatus%%5D=F"
	    "&auth%%5Bclient_endpoint%%5D=https%%3A%%2F%%2F"
	    "some-domain.bitrix24.com%%2Frest%%2F&auth%%5Bmember_id%%5D="
	    "bac1cd5c8940947a75e0d71b1a84e348&auth%%5Buser_id%%5D=27"
	    "&auth%%5Bapplication_token%%5D="
	    "831c76b092f9f135d9b6b36c3a720757");
#undef ITEM
}

static void
make(struct input *in, bool json, bool large, size_t bytes)
{
	void (*one)(struct input *, int, size_t) = json ? add_json : add_form;

	*in = (struct input){ .syntax = json ? "JSON" : "form",
	    .size = large ? "one large event" : "ordinary events",
	    .codec = json ? &codec_json : &codec_form };
	if (large) {
		/* a text is far longer than the rest of an element */
		one(in, LARGE_ELEMENTS, bytes / LARGE_ELEMENTS);
		in->each = in->n;
		return;
	}
	do {
		one(in, 1, 60);
		if (in->each == 0)
			in->each = in->n;
	} while (in->n < bytes);
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
feed_ours(const struct input *in, const char *s, bool grammar, size_t *sum)
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
feed_event(const struct input *in, const char *s, size_t *sum)
{
	feed_ours(in, s, true, sum);
}

static void
feed_sax(const struct input *in, const char *s, size_t *sum)
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
feed_yajl(const struct input *in, const char *s, size_t *sum)
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
feed_memcpy(const struct input *in, const char *s, size_t *sum)
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
	void (*feed)(const struct input *, const char *, size_t *);
} readers[] = {
	{ "event", feed_event },
	{ "sax", feed_sax },
	{ "yajl", feed_yajl },
	{ "memcpy", feed_memcpy },
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

static void
measure(const struct input *in, int runs)
{
	static double rate[READERS][RUNS_MAX];
	size_t sum = 0;
	double from;

	for (int run = -1; run < runs; run++) {	/* the first warms up */
		for (size_t r = 0; r < READERS; r++) {
			if (readers[r].feed == feed_yajl &&
			    in->codec != &codec_json)
				continue;
			from = now();
			for (size_t at = 0; at + in->each <= in->n;
			    at += in->each)
				readers[r].feed(in, in->s + at, &sum);
			if (run >= 0)
				rate[r][run] = (double)in->n / 1e6 /
				    (now() - from);
		}
	}
	for (size_t r = 0; r < READERS; r++) {
		if (readers[r].feed == feed_yajl && in->codec != &codec_json)
			continue;
		qsort(rate[r], (size_t)runs, sizeof(double), by_size);
		printf("{\"syntax\":\"%s\",\"size\":\"%s\",\"reader\":\"%s\","
		    "\"bytes\":%zu,\"events\":%zu,\"median\":%.1f,"
		    "\"min\":%.1f,\"max\":%.1f}\n", in->syntax, in->size,
		    readers[r].name, in->n, in->n / in->each,
		    rate[r][runs / 2], rate[r][0], rate[r][runs - 1]);
	}
	(void)fflush(stdout);
	if (sum == 0)
		fail("nothing was read");
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
		free(in.s);
	}
	return 0;
}
