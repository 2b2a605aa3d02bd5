/*
 * A relay and all that it works with, for tests.
 *
 * Owns everything; rw_end() waits until nothing is on its way any more, as a
 * program does, and then frees it in the order of setup.c.
 */
#include "relay_world.h"

#include "unit.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENT_MAX ((size_t)64 * 1024 * 1024)
#define CONFIG_MAX 4096

static int64_t
wall(void *ctx)
{
	const struct relay_world *w = ctx;

	return clock_wall(&clock_system) + w->skipped_ms;
}

static int64_t
mono(void *ctx)
{
	const struct relay_world *w = ctx;
	int64_t now = clock_system.mono_ms(clock_system.ctx);

	if (w->slow_ms != 0)
		now = w->slow_ms + (now - w->slow_ms) / 100;
	return now + w->skipped_ms;
}

/* The words between % signs are the server's URLs. */
static void
expand(const struct relay_world *w, const char *text, char *out, size_t at)
{
	char port[16];
	const struct { const char *word, *url; } words[] = {
		{ "%hook%", w->hook }, { "%rest%", w->rest },
		{ "%oauth%", w->oauth }, { "%port%", port } };

	(void)snprintf(port, sizeof(port), "%d", w->peer.port);
	while (*text != '\0') {
		size_t i = 0, n = COUNT(words);

		while (i < n && strncmp(text, words[i].word,
		    strlen(words[i].word)) != 0)
			i++;
		assert_true(at < CONFIG_MAX - 200);
		if (i < n) {
			at += (size_t)sprintf(out + at, "%s", words[i].url);
			text += strlen(words[i].word);
		} else {
			out[at++] = *text++;
		}
	}
	out[at] = '\0';
}

static const char plain[] =
"[app]\n"
"application_token = app\n"
"client_id = id\n"
"client_secret = secret\n"
"insecure_http = yes\n"
"portals = 127.0.0.1\n"
"oauth_servers = 127.0.0.1:%port%\n";

static void
configure(struct relay_world *w, const char *more)
{
	char text[CONFIG_MAX], path[96];
	FILE *f;

	expand(w, plain, text, 0);
	expand(w, more, text, strlen(text));
	if (strstr(text, "[channel]") == NULL)
		expand(w, "\n[channel]\nurl = %hook%\n", text, strlen(text));
	(void)snprintf(path, sizeof(path), "%s/conf", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	if (config_load(&w->config, path, &w->problem) != ERR_OK)
		fail_msg("%s", w->problem.text);
	w->config->log = (struct log){ .level = LOG_LEVEL_ERROR };
	if (getenv("RW_LOG") != NULL)
		w->config->log.level = LOG_LEVEL_DEBUG;
}

static struct store *
open_store(struct relay_world *w, struct loop *loop)
{
	const struct config *c = w->config;
	const struct store_opts opts = {
		.db = { .url = w->url, .clock = &w->clock, .loop = loop,
		    .create = true, .busy_ms = 20, .about = "" },
		.keep_ms = c->store.keep_days * 86400000,
		.longest_ms = c->retry.longest * 1000,
		.give_up_ms = c->retry.give_up_after * 1000,
		.burst = c->portal.burst,
		.rate = c->portal.rate,
		.slots = c->portal.calls_in_flight,
	};
	struct store *s;

	assert_int_equal(store_open(&s, &opts, &w->problem), ERR_OK);
	return s;
}

struct store *
rw_other_store(struct relay_world *w)
{
	return open_store(w, NULL);
}

static void
open_parts(struct relay_world *w)
{
	const struct config *c = w->config;
	const struct http_opts http = { .loop = w->loop, .clock = &w->clock,
	    .log = &c->log, .calls = c->server.calls,
	    .kept = 64, .slow_ms = c->server.answer_within * 1000 };

	w->store = open_store(w, w->loop);
	assert_int_equal(http_client_new(&w->http, &http), ERR_OK);
	w->channel_env = (struct channel_env){ w->loop, w->http, w->disk,
	    &w->clock };
	if (channels_open(&w->channels, c, &w->channel_env, &w->problem) !=
	    ERR_OK)
		fail_msg("%s", w->problem.text);
	w->env = (struct env){ .config = c, .loop = w->loop,
	    .store = w->store, .http = w->http, .log = &c->log,
	    .clock = &w->clock };
	assert_int_equal(relay_new(&w->relay, &w->env, w->channels), ERR_OK);
}

int
rw_begin_with(void **state, const char *more)
{
	struct relay_world *w = calloc(1, sizeof(*w));
	static const struct log quiet = { .level = LOG_LEVEL_ERROR };

	*state = w;
	assert_non_null(w);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)strcpy(w->dir, "/tmp/imconnector-relay-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s/queue.db", w->dir);
	w->clock = (struct clock){ wall, mono, w };
	w->last_id = 1000;
	TAILQ_INIT(&w->sents);
	assert_int_equal(loop_new(&w->loop, &w->clock, &quiet), ERR_OK);
	assert_int_equal(pool_new(&w->disk, w->loop, 0), ERR_OK);
	rw_stage_begin(w);
	configure(w, more);
	open_parts(w);
	return 0;
}

int
rw_begin(void **state)
{
	return rw_begin_with(state, "");
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void
free_parts(struct relay_world *w)
{
	assert_true(pool_free(w->disk, 1000));
	/* as the programs do: what may still submit must not run any more */
	while (db_busy(store_db(w->store)) != 0)
		loop_turn(w->loop, 100);
	assert_true(store_close(w->store, 1000));
	relay_free(w->relay);
	channels_close(w->channels);
	http_client_free(w->http);
	loop_peer_end(&w->peer);
	loop_free(w->loop);
	config_free(w->config);
}

int
rw_end(void **state)
{
	struct relay_world *w = *state;
	struct rw_sent *s;

	rw_lock_store(w, false);
	relay_stop(w->relay);
	for (int i = 0; i < RW__ROUTES; i++) {
		RW_SAY(w, (enum rw_route)i, { .status = 200 });
		rw_release_all(w, (enum rw_route)i);
	}
	rw_idle(w);
	/* everybody has been told, once, and nothing is held any more */
	while ((s = TAILQ_FIRST(&w->sents)) != NULL) {
		assert_int_equal(s->answered + s->refused, 1);
		assert_int_equal(s->gone, 1);
		TAILQ_REMOVE(&w->sents, s, link);
		free(s);
	}
	free_parts(w);
	(void)nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

void
rw_must(struct store *s, struct db_work *work)
{
	struct problem p = { .err = ERR_OK };

	if (store_now(s, work, &p) != ERR_OK)
		fail_msg("%s", p.text);
}

void
rw_install_as(struct relay_world *w, const char *member, const char *endpoint,
    const char *access, const char *refresh)
{
	struct portal_saving v = { .store = w->store, .portal = {
	    .member_id = member, .application_token = "app",
	    .endpoint = endpoint, .server_endpoint = w->oauth,
	    .access_token = access, .refresh_token = refresh,
	    .expires_ms = clock_wall(&w->clock) + 3600000, .ts = 1 } };

	store_portal_save(&v);
	rw_must(w->store, &v.db);
	assert_false(v.stale);
}

void
rw_install(struct relay_world *w)
{
	rw_install_as(w, RW_MEMBER, w->rest, RW_STORED, RW_REFRESH);
}

static void
on_answer(struct sender *sender, const struct outcome *o)
{
	struct rw_sent *s = (struct rw_sent *)sender;

	s->answered++;
	s->outcome = *o;
	(void)snprintf(s->result, sizeof(s->result), "%s", o->result != NULL ?
	    o->result : "");
}

static void
on_refuse(struct sender *sender, const struct problem *p)
{
	struct rw_sent *s = (struct rw_sent *)sender;

	s->refused++;
	s->problem = *p;
}

static void
on_gone(struct sender *sender)
{
	struct rw_sent *s = (struct rw_sent *)sender;

	s->gone++;
	event_free(&s->event);
}

static char *
own(struct event *ev, const char *s, const char *other)
{
	const char *text = s != NULL ? s : other;
	char *copy = text != NULL ? arena_dup(&ev->arena, text,
	    strlen(text)) : NULL;

	assert_true(text == NULL || copy != NULL);
	return copy;
}

static void
fill(struct relay_world *w, struct event *ev, const struct rw_event *e)
{
	char number[32];

	event_init(ev, EVENT_MAX);
	ev->name = own(ev, e->name, "ONIMCONNECTORMESSAGEADD");
	ev->connector = own(ev, e->connector, "myconnector");
	(void)snprintf(number, sizeof(number), "%" PRId64, e->line != 0 ?
	    e->line : 107);
	ev->line_text = own(ev, number, NULL);
	(void)snprintf(number, sizeof(number), "%" PRId64, e->ts != 0 ?
	    e->ts : 1773759161);
	ev->ts_text = own(ev, number, NULL);
	ev->application_token = own(ev, e->app_token, "app");
	if (!e->no_token)
		ev->access_token = own(ev, e->token, RW_OWN);
	ev->member_id = own(ev, e->member, RW_MEMBER);
	ev->domain = own(ev, "some-domain.bitrix24.com", NULL);
	ev->client_endpoint = own(ev, e->endpoint, w->rest);
	ev->refresh_token = own(ev, e->refresh, NULL);
	ev->server_endpoint = own(ev, e->server, w->oauth);
}

static void
add_messages(struct relay_world *w, struct event *ev,
    const struct rw_event *e)
{
	size_t n = e->n != 0 ? e->n : 1;
	int64_t id = e->first != 0 ? e->first : w->last_id + 1;

	for (size_t i = 0; i < n; i++) {
		char chat[64];
		struct message m = { .chat_id = 1807, .message_id = id,
		    .chat = e->chat != NULL ? e->chat : "chat",
		    .own_id = "", .index = (int64_t)i,
		    .body = "\"message\":{\"text\":\"a\"}", .body_len = 22 };

		if (e->chats) {
			(void)snprintf(chat, sizeof(chat), "%s-%" PRId64,
			    m.chat, id);
			m.chat = chat;
		}
		assert_int_equal(event_keep(ev, &m), ERR_OK);
		if (id > w->last_id)
			w->last_id = id;
		id += !e->same;
	}
}

struct rw_sent *
rw_post(struct relay_world *w, const struct rw_event *e)
{
	struct rw_sent *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->world = w;
	s->sender = (struct sender){ on_answer, on_refuse, on_gone,
	    deadline_in(&w->clock, e->answer_ms != 0 ? e->answer_ms :
	    w->config->server.answer_within * 1000) };
	fill(w, &s->event, e);
	if (e->refresh == NULL)
		add_messages(w, &s->event, e);
	TAILQ_INSERT_TAIL(&w->sents, s, link);
	relay_take(w->relay, &s->event, &s->sender);
	return s;
}

void
rw_skip(struct relay_world *w, int64_t ms)
{
	w->skipped_ms += ms;
}

void
rw_slow_clock(struct relay_world *w)
{
	w->slow_ms = clock_system.mono_ms(clock_system.ctx);
}

void
rw_settle(struct relay_world *w)
{
	for (int i = 0; i < 20; i++)
		loop_turn(w->loop, 2);
}

void
rw_turn(struct relay_world *w, const struct deadline *until)
{
	if (deadline_left(until) == 0)
		fail_msg("it did not happen within a minute");
	loop_turn(w->loop, 10);
}

void
rw_idle(struct relay_world *w)
{
	RW_UNTIL(w, relay_busy(w->relay) == 0 && db_busy(store_db(w->store))
	    == 0);
}

struct look {
	struct rw_seen seen;
	int64_t id, now_ms;
};

static bool
look_at(void *ctx, const struct stored *m)
{
	struct look *l = ctx;
	struct rw_seen *s = &l->seen;

	if (m->message_id != l->id)
		return true;
	*s = (struct rw_seen){ .found = true, .state = m->state,
	    .step = m->step, .hold = m->hold, .tries = m->tries,
	    .timed = m->next_ms != 0 && m->hold == HOLD_NONE,
	    .next_ms = m->next_ms - l->now_ms };
	(void)snprintf(s->reason, sizeof(s->reason), "%s", m->reason);
	(void)snprintf(s->ids, sizeof(s->ids), "%s", m->ids);
	return false;
}

struct rw_seen
rw_see(struct relay_world *w, int64_t message_id)
{
	struct look l = { .id = message_id,
	    .now_ms = clock_wall(&w->clock) };
	const struct filter all = { .key = NULL };

	assert_int_equal(store_each(w->store, &all, look_at, &l,
	    &w->problem), ERR_OK);
	return l.seen;
}

enum rw_end
rw_end_of(struct relay_world *w, int64_t id)
{
	struct rw_seen s = rw_see(w, id);

	assert_true(s.found);
	/* what a peer echoes must not get out */
	assert_null(strstr(s.reason, RW_OWN));
	switch (s.state) {
	case STATE_ACKNOWLEDGED:
		return RW_TOLD;
	case STATE_REFUSED:
		assert_int_equal(s.step, STEP_STATUS);
		return RW_REFUSED;
	default:
		assert_int_equal(s.state, STATE_DELIVERED);
	}
	if (s.hold == HOLD_PARKED)
		return RW_PARKED;
	if (s.hold == HOLD_DOWN)
		return RW_HELD;
	assert_true(s.tries > 0 && s.timed);
	return RW_LATER;
}

int64_t
rw_count(struct relay_world *w, enum state state)
{
	struct stats s;

	assert_int_equal(store_stats(w->store, &s, &w->problem), ERR_OK);
	return s.state[state];
}

void
rw_lock_store(struct relay_world *w, bool lock)
{
	char path[96];
	sqlite3 *db = w->locker;

	if (!lock) {
		(void)sqlite3_close(db);	/* rolls back; NULL is fine */
		w->locker = NULL;
		return;
	}
	(void)snprintf(path, sizeof(path), "%s", w->url + strlen("sqlite:"));
	assert_null(w->locker);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_busy_timeout(db, 5000);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_OK);
	w->locker = db;
}
