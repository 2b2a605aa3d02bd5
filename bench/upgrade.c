/*
 * How long an event waits while an older store is taken over.
 *
 *	upgrade STORE EVERY_US SECONDS
 *
 * Run by bench/upgrade.py.  Stores an event each EVERY_US in a loop with a
 * committer of its own, as the handler does, and looks as its relay does; until
 * nothing is due any more, and for SECONDS at least.  Prints one JSON object.
 */
#include "store/place.h"
#include "store/take.h"

#include "base/loop.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAITS_MAX 4000000
#define PEEK_MS 500
#define OLDER_MS 1

struct run;

struct one {
	struct taking taking;
	struct event event;
	struct arrival arrival;
	int64_t begun_us;
	struct run *run;
};

struct run {
	struct loop *loop;
	struct store *store;
	struct timer next_event, next_peek;
	struct looking look;
	struct peeking peek;
	int64_t every_us, first_us, events, done, looks, ended_us, longest_look;
	int64_t look_us, until_us, open_us;
	int64_t *wait;
	bool over, opened;
};

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	(void)fprintf(stderr, "upgrade: %s\n", what);
	exit(1);
}

static void
on_stored(struct db_work *w)
{
	struct one *o = (struct one *)(void *)w;
	struct run *r = o->run;

	must(w->end == ERR_OK, w->problem.text);
	must(o->arrival.fresh, "an event was taken for a repeat");
	r->wait[r->done++] = now_us() - o->begun_us;
	event_free(&o->event);
	free(o);
}

static char *
own(struct event *ev, const char *s)
{
	char *copy = arena_dup(&ev->arena, s, strlen(s));

	must(copy != NULL, "no memory");
	return copy;
}

static void
fill(struct event *ev, int64_t n)
{
	static const char body[] = "\"im\":{\"chat_id\":1,\"message_id\":1},"
	    "\"message\":{\"user_id\":27,\"text\":\"Good afternoon!\"}";
	char chat[32];
	struct message m = { .chat_id = n, .message_id = 1000000000 + n,
	    .own_id = "", .body = body, .body_len = sizeof(body) - 1 };
	struct problem p = { .err = ERR_OK };

	(void)snprintf(chat, sizeof(chat), "new-%" PRId64, n);
	m.chat = chat;
	event_init(ev, 65536);
	ev->name = own(ev, "ONIMCONNECTORMESSAGEADD");
	ev->ts_text = own(ev, "1773759161");
	ev->connector = own(ev, "myconnector");
	ev->line_text = own(ev, "107");
	ev->application_token = own(ev, "app");
	ev->access_token = own(ev, "c978b990071b0008440001b0895f697a");
	ev->member_id = own(ev, "portal-0");
	ev->client_endpoint = own(ev, "https://portal-0.bitrix24.com/rest/");
	must(event_keep(ev, &m) == ERR_OK && event_check(ev, &p) == ERR_OK,
	    "no event");
}

static void
store_event(struct run *r)
{
	struct one *o = calloc(1, sizeof(*o));

	must(o != NULL && r->events < WAITS_MAX, "no memory");
	o->run = r;
	fill(&o->event, r->first_us + r->events);
	o->taking = (struct taking){ .db.done = on_stored,
	    .store = r->store, .event = &o->event, .arrival = &o->arrival,
	    .channel = { .kind = PLACE_CHANNEL, .number = 1,
	    .connector = "myconnector", .name = "" } };
	store_take(&o->taking);
	o->begun_us = now_us();
	r->events++;
	db_submit(store_db(r->store), &o->taking.db);
}

/* So many as are due by now, each ms. */
static void
on_event(struct timer *t)
{
	struct run *r = (struct run *)(void *)((char *)t -
	    offsetof(struct run, next_event));

	while (!r->over && r->first_us + r->events * r->every_us <= now_us())
		store_event(r);
	loop_arm(r->loop, t, loop_now(r->loop) + 1);
}

static void look(struct run *);

static void
on_looked(struct db_work *w)
{
	struct run *r = (struct run *)(void *)((char *)w -
	    offsetof(struct run, look));
	int64_t took = now_us() - r->look_us;

	must(w->end == ERR_OK, w->problem.text);
	if (took > r->longest_look)
		r->longest_look = took;
	store_look_free(&r->look);
	r->looks++;
	if (r->look.older)
		r->ended_us = now_us();
	if (r->look.more)
		look(r);
	else
		loop_arm(r->loop, &r->next_peek, loop_now(r->loop) +
		    (r->look.older ? OLDER_MS : PEEK_MS));
}

static void
look(struct run *r)
{
	r->look = (struct looking){ .db.done = on_looked, .store = r->store,
	    .max = 128, .probe_ms = 95000 };
	store_look(&r->look);
	r->look_us = now_us();
	db_submit(store_db(r->store), &r->look.db);
}

/* As the relay does; what new events wait for is no work for a look here. */
static void
on_peeked(struct db_work *w)
{
	struct run *r = (struct run *)(void *)((char *)w -
	    offsetof(struct run, peek));

	must(w->end == ERR_OK, w->problem.text);
	r->over = r->looks != 0 && !r->look.older && now_us() > r->until_us;
	look(r);
}

static void
on_peek(struct timer *t)
{
	struct run *r = (struct run *)(void *)((char *)t -
	    offsetof(struct run, next_peek));

	r->peek = (struct peeking){ .db.done = on_peeked, .store = r->store };
	store_peek(&r->peek);
	db_submit(store_db(r->store), &r->peek.db);
}

static void
on_opened(struct db_work *w)
{
	struct run *r = (struct run *)(void *)((char *)w -
	    offsetof(struct run, peek));

	must(w->end == ERR_OK, w->problem.text);
	r->open_us = now_us() - r->open_us;
	r->opened = true;
}

/* The first use opens the file and makes the new tables. */
static void
open_file(struct run *r)
{
	r->open_us = now_us();
	r->peek = (struct peeking){ .db.done = on_opened, .store = r->store };
	store_peek(&r->peek);
	db_submit(store_db(r->store), &r->peek.db);
	while (!r->opened)
		loop_turn(r->loop, 100);
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static void
print(struct run *r)
{
	int64_t n = r->done;

	must(n != 0, "no event was stored");
	qsort(r->wait, (size_t)n, sizeof(r->wait[0]), compare);
	(void)printf("{\"events\": %" PRId64 ", \"median_us\": %" PRId64
	    ", \"p99_us\": %" PRId64 ", \"longest_us\": %" PRId64
	    ", \"looks\": %" PRId64 ", \"longest_look_us\": %" PRId64
	    ", \"took_ms\": %" PRId64 ", \"open_us\": %" PRId64 "}\n", n, r->wait[n / 2],
	    r->wait[n * 99 / 100], r->wait[n - 1], r->looks, r->longest_look,
	    r->ended_us != 0 ? (r->ended_us - r->first_us) / 1000 : 0,
	    r->open_us);
}

int
main(int argc, char **argv)
{
	static const struct log log = { LOG_LEVEL_ERROR, LOG_TO_STDERR };
	struct run r = { .wait = calloc(WAITS_MAX, sizeof(int64_t)) };
	struct store_opts o = { .keep_ms = (int64_t)7 * 86400000,
	    .longest_ms = 600000, .give_up_ms = 86400000, .burst = 50,
	    .rate = 2, .slots = 2 };
	struct problem p = { .err = ERR_OK };
	char url[4096];

	must(argc == 4 && r.wait != NULL, "STORE EVERY_US SECONDS");
	(void)snprintf(url, sizeof(url), "sqlite:%s", argv[1]);
	must(loop_new(&r.loop, &clock_system, &log) == ERR_OK, "no loop");
	o.db = (struct db_opts){ .url = url, .clock = &clock_system,
	    .log = &log, .loop = r.loop, .threaded = true, .create = true,
	    .busy_ms = 5000 };
	must(store_open(&r.store, &o, &p) == ERR_OK, p.text);
	open_file(&r);
	r.every_us = strtoll(argv[2], NULL, 10);
	r.first_us = now_us();
	r.until_us = r.first_us + strtoll(argv[3], NULL, 10) * 1000000;
	r.next_event.fire = on_event;
	r.next_peek.fire = on_peek;
	loop_arm(r.loop, &r.next_event, loop_now(r.loop));
	loop_arm(r.loop, &r.next_peek, loop_now(r.loop));
	while (!r.over || r.done != r.events)
		loop_turn(r.loop, 100);
	print(&r);
	(void)store_close(r.store, 20000);
	loop_turn(r.loop, 0);
	loop_free(r.loop);
	free(r.wait);
	return 0;
}
