/*
 * A site with a real store, a clock that can be put ahead, and one server
 * that plays the OAuth server, a portal and a channel by the path it is
 * asked for, each with a script of its own.
 *
 * Included by tests of portal/ and relay/ only.
 */
#ifndef PORTAL_WORLD_H
#define PORTAL_WORLD_H

#include "acknowledge.h"
#include "capture.h"
#include "config_files.h"
#include "event_make.h"
#include "http_peer.h"
#include "relay/late.h"
#include "relay/proofs.h"
#include "relay/ready.h"
#include "relay/relay.h"
#include "relay/waiting.h"
#include "store/admin.h"
#include "store/portals.h"

#define MEMBER "bac1cd5c8940947a75e0d71b1a84e348"
#define APP_TOKEN "app-token-of-the-portal"
#define CLIENT_SECRET "s3cr&t=+/%"
#define HEARD_MAX 128

/* One answer; the last of a script is given again and again. */
struct said {
	const char *status;	/* NULL: no answer at all */
	const char *body;
	const char *more;	/* header lines, or NULL */
	int delay_ms;
};

#define SAYS_MAX 8

struct script {
	struct said say[SAYS_MAX];	/* copies of our own */
	size_t says;
	size_t n;			/* requests so far */
	char *head[HEARD_MAX];
	char *body[HEARD_MAX];
};

struct site {
	struct peer *peer;
	pthread_mutex_t lock;		/* guards the scripts */
	struct script oauth, rest, hook;
	char endpoint[80], moved[80], server[80];
	struct config *config;
	struct store *store;
	struct http_client *http;
	struct channels *channels;
	struct late *late;
	struct waiting *waiting;
	struct ready *ready;
	struct proofs *proofs;
	struct clock clock;
	_Atomic int64_t ahead_ms;
	struct relay relay;
	struct arena arena;
	struct problem problem;
	struct capture capture;
	char *log;
	char text[8][1024];		/* for answers that name the port */
};

static inline int64_t
site_wall(void *ctx)
{
	return clock_wall(&clock_system) + ((struct site *)ctx)->ahead_ms;
}

static inline int64_t
site_mono(void *ctx)
{
	return clock_system.mono_ms(NULL) + ((struct site *)ctx)->ahead_ms;
}

static inline struct script *
script_for(struct site *s, const char *path)
{
	if (strncmp(path, "/oauth/", 7) == 0)
		return &s->oauth;
	return strcmp(path, "/hook") == 0 ? &s->hook : &s->rest;
}

static inline char *
copy_bytes(const char *p, size_t n)
{
	char *copy = calloc(1, n + 1);

	if (copy == NULL)
		abort();
	memcpy(copy, p, n);
	return copy;
}

static inline char *
copy_text(const char *text)
{
	return text != NULL ? copy_bytes(text, strlen(text)) : NULL;
}

static inline struct said
copy_said(const struct said *say)
{
	return (struct said){ copy_text(say->status), copy_text(say->body),
	    copy_text(say->more), say->delay_ms };
}

static inline void
free_said(const struct said *say)
{
	free((void *)(uintptr_t)say->status);
	free((void *)(uintptr_t)say->body);
	free((void *)(uintptr_t)say->more);
}

static inline bool
site_answer(void *ctx, int fd, const struct peer_request *rq)
{
	struct site *s = ctx;
	struct said say = { "500 No script", "", NULL, 0 };
	struct script *c;
	bool ok;

	(void)pthread_mutex_lock(&s->lock);
	c = script_for(s, rq->path);
	if (c->n == HEARD_MAX)
		abort();
	say = copy_said(c->says == 0 ? &say :
	    &c->say[c->n < c->says ? c->n : c->says - 1]);
	c->head[c->n] = copy_bytes(rq->head, rq->head_len);
	c->body[c->n++] = copy_bytes(rq->body, rq->body_len);
	(void)pthread_mutex_unlock(&s->lock);
	ok = (say.delay_ms == 0 || !peer_idle(fd, say.delay_ms)) &&
	    say.status != NULL && peer_answer(fd, say.status,
	    say.more != NULL ? say.more : "", say.body, strlen(say.body));
	free_said(&say);
	return ok;
}

static inline void
script_set(struct site *s, struct script *c, const struct said *say,
    size_t says)
{
	(void)pthread_mutex_lock(&s->lock);
	if (says > SAYS_MAX)
		abort();
	for (size_t i = 0; i < c->says; i++)
		free_said(&c->say[i]);
	for (size_t i = 0; i < says; i++)
		c->say[i] = copy_said(&say[i]);
	c->says = says;
	for (size_t i = 0; i < c->n; i++) {
		free(c->head[i]);
		free(c->body[i]);
	}
	c->n = 0;
	(void)pthread_mutex_unlock(&s->lock);
}

#define SCRIPT(s, role, ...) script_set((s), &(s)->role, \
	(const struct said []){ __VA_ARGS__ }, \
	COUNT(((const struct said []){ __VA_ARGS__ })))

static inline size_t
script_count(struct site *s, const struct script *c)
{
	size_t n;

	(void)pthread_mutex_lock(&s->lock);
	n = c->n;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

/* A store of the same file, as another process would have it. */
static inline struct store *
site_store(struct site *s)
{
	char url[200];
	const struct store_opts opts = { .url = url, .clock = &s->clock,
	    .busy_ms = 2000, .lease_ms = 600000,
	    .longest_ms = s->config->retry.longest * 1000,
	    .give_up_ms = s->config->retry.give_up_after * 1000,
	    .create = true,
	    .burst = s->config->portal.burst, .rate = s->config->portal.rate,
	    .calls_in_flight = s->config->portal.calls_in_flight,
	    .batch = s->config->portal.status_batch };
	struct store *store = NULL;

	(void)snprintf(url, sizeof(url), "sqlite:%s", in_folder("queue.db"));
	if (store_open(&store, &opts, &s->problem) != ERR_OK)
		abort();
	return store;
}

#define SITE_APP "[app]\nclient_id = local.1\nclient_secret = " \
	CLIENT_SECRET "\ninsecure_http = yes\nportals = 127.0.0.1 " \
	"localhost\noauth_servers = 127.0.0.1:%d\n"
#define SITE_REST "[channel]\nurl = null:\n[portal]\ntimeout = 5\n"

/* Opens a site with that configuration; `%d` in it is the peer's port. */
static inline struct site *
site_open(const char *format)
{
	struct site *s = calloc(1, sizeof(*s));
	struct channel_env env;
	char text[2048];

	if (s == NULL || make_folder(NULL) != 0)
		abort();
	(void)pthread_mutex_init(&s->lock, NULL);
	s->peer = peer_start();
	(void)pthread_mutex_lock(&s->peer->lock);
	s->peer->script = site_answer;
	s->peer->script_ctx = s;
	(void)pthread_mutex_unlock(&s->peer->lock);
	(void)snprintf(s->endpoint, sizeof(s->endpoint),
	    "http://127.0.0.1:%d/rest/", s->peer->port);
	(void)snprintf(s->moved, sizeof(s->moved),
	    "http://localhost:%d/rest/", s->peer->port);
	(void)snprintf(s->server, sizeof(s->server),
	    "http://127.0.0.1:%d/", s->peer->port);
	(void)snprintf(text, sizeof(text), format, s->peer->port,
	    s->peer->port, s->peer->port);
	s->config = load_file(write_file("conf", text));
	s->clock = (struct clock){ site_wall, site_mono, s };
	s->store = site_store(s);
	if (http_client_new(&s->http, &clock_system, false) != ERR_OK ||
	    late_new(&s->late) != ERR_OK || ready_new(&s->ready) != ERR_OK ||
	    waiting_new(&s->waiting, s->store, &s->clock) != ERR_OK ||
	    proofs_new(&s->proofs, &s->relay.env) != ERR_OK)
		abort();
	env = (struct channel_env){ s->http, &clock_system };
	if (channels_open(&s->channels, s->config, &env, &s->problem) !=
	    ERR_OK)
		abort();
	s->relay = (struct relay){
		.env = { s->config, s->store, s->http, &s->config->log,
		    &s->clock },
		.channels = s->channels,
		.late = s->late,
		.waiting = s->waiting,
		.ready = s->ready,
		.proofs = s->proofs,
	};
	arena_init(&s->arena, 1 << 24);
	return s;
}

static inline int
site_close(struct site *s)
{
	int rc;

	channels_close(s->channels);
	proofs_free(s->proofs);
	waiting_free(s->waiting);
	ready_free(s->ready);
	late_free(s->late);
	http_client_free(s->http);
	store_close(s->store);
	config_free(s->config);
	peer_stop(s->peer);
	script_set(s, &s->oauth, NULL, 0);
	script_set(s, &s->rest, NULL, 0);
	script_set(s, &s->hook, NULL, 0);
	(void)pthread_mutex_destroy(&s->lock);
	arena_free(&s->arena);
	free(s->log);
	free(s);
	rc = remove_folder(NULL);
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	return rc;
}

/* What is logged from here to site_logged() stays in s->log. */
static inline void
site_listen(struct site *s)
{
	free(s->log);
	s->log = NULL;
	capture_begin(&s->capture, STDERR_FILENO);
}

static inline void
site_logged(struct site *s)
{
	s->log = capture_end(&s->capture);
	assert_null(strstr(s->log, "s3cr"));
	assert_null(strstr(s->log, "access-"));
	assert_null(strstr(s->log, "rtoken-"));
	assert_null(strstr(s->log, "app-token"));
}

static inline void
site_says(const struct site *s, const char *what)
{
	if (strstr(s->log, what) == NULL)
		fail_msg("no %s in: %s", what, s->log);
}

static inline void
patience_ends(void *ctx)
{
	++*(int *)ctx;
}

static inline struct patience
site_patience(struct site *s, int64_t ms, int *ends)
{
	*ends = 0;
	return (struct patience){ .until = deadline_in(&s->clock, ms),
	    .run_out = patience_ends, .ctx = ends };
}

/* What the OAuth server says with a new pair; `i`: which text to use. */
static inline const char *
site_pair(struct site *s, size_t i, const char *member_id,
    const char *endpoint, const char *pair)
{
	(void)snprintf(s->text[i], sizeof(s->text[i]),
	    "{\"access_token\":\"access-%s\",\"refresh_token\":\"rtoken-%s\""
	    ",\"expires\":1773762762,\"expires_in\":3600,\"scope\":\"imopen"
	    "lines\",\"domain\":\"oauth.bitrix.info\",\"member_id\":\"%s\","
	    "\"client_endpoint\":\"%s\",\"server_endpoint\":\"%s\","
	    "\"status\":\"L\",\"user_id\":1}", pair, pair, member_id,
	    endpoint, s->server);
	return s->text[i];
}

/* Stores an installation with "access-PAIR" and "rtoken-PAIR". */
static inline void
site_install(struct site *s, const char *pair)
{
	char access[64], refresh[64];
	const struct portal p = { .member_id = MEMBER,
	    .application_token = APP_TOKEN, .endpoint = s->endpoint,
	    .server_endpoint = s->server, .access_token = access,
	    .refresh_token = refresh, .ts = 1773759161,
	    .expires_ms = clock_wall(&s->clock) + 3600000 };

	(void)snprintf(access, sizeof(access), "access-%s", pair);
	(void)snprintf(refresh, sizeof(refresh), "rtoken-%s", pair);
	assert_int_equal(store_portal_save(s->store, &p, &s->problem),
	    ERR_OK);
}

/* The stored portal as "ACCESS REFRESH ENDPOINT TOKEN", or "none". */
static inline const char *
site_portal(struct site *s, struct store *store)
{
	struct portal p;
	bool found;
	char *text = s->text[7];

	assert_int_equal(store_portal(store, MEMBER, &s->arena, &p, &found,
	    &s->problem), ERR_OK);
	if (!found)
		return "none";
	(void)snprintf(text, sizeof(s->text[7]), "%s %s %s %s%s",
	    p.access_token, p.refresh_token, strcmp(p.endpoint, s->endpoint)
	    == 0 ? "here" : p.endpoint, p.application_token,
	    p.rejected != NULL ? " rejected" : "");
	return text;
}

/* A message of chat `chat`, stored with its own token (or NULL), claimed. */
static inline struct work
site_message(struct site *s, const char *name, int64_t id, const char *chat,
    const char *token)
{
	const struct take_opts opts = { .reason = NULL };
	struct message m = make_message(id, "\"message\":{\"text\":\"t\"}");
	struct arrival a;
	struct event ev;
	struct work w;

	make_event(&ev, name);
	ev.access_token = own(&ev, token);
	ev.client_endpoint = own(&ev, s->endpoint);
	m.chat = chat;
	assert_int_equal(event_keep(&ev, &m), ERR_OK);
	check_event(&ev);
	assert_int_equal(store_take(s->store, &ev, &opts, &a, &s->problem),
	    ERR_OK);
	assert_int_equal(store_load(s->store, a.id, &s->arena, &w,
	    &s->problem), ERR_OK);
	event_free(&ev);
	return w;
}

/* The same, and the channel took it: it waits for a call, unclaimed. */
static inline struct work
site_delivered(struct site *s, int64_t id, const char *token)
{
	char chat[32];
	struct work w;
	int64_t next;

	(void)snprintf(chat, sizeof(chat), "chat-%lld", (long long)id);
	w = site_message(s, ADD, id, chat, token);
	assert_int_equal(store_delivered(s->store, &w, "[\"ext\"]", &next,
	    NULL, NULL, &s->problem), ERR_OK);
	w.ids = "[\"ext\"]";
	return w;
}

/* A message as it stands in the store. */
struct row {
	int64_t id;
	bool found;
	enum state state;
	enum step step;
	enum hold hold;
	int64_t tries;
	int64_t in_ms;		/* until its next try; -1: none by itself */
	char reason[512];
	const struct site *site;
};

static inline bool
row_take(void *ctx, const struct stored *m)
{
	struct row *r = ctx;

	if (m->id != r->id)
		return true;
	r->found = true;
	r->state = m->state;
	r->step = m->step;
	r->hold = m->hold;
	r->tries = m->tries;
	r->in_ms = m->next_ms == 0 ? -1 : m->next_ms -
	    clock_wall(r->site->relay.env.clock);
	(void)snprintf(r->reason, sizeof(r->reason), "%s", m->reason);
	return false;
}

static inline struct row
site_row(struct site *s, int64_t id)
{
	const struct filter any = { .key = NULL };
	struct row r = { .id = id, .site = s };

	assert_int_equal(store_each(s->store, &any, row_take, &r,
	    &s->problem), ERR_OK);
	assert_true(r.found);
	return r;
}

#endif
