/*
 * A scripted HTTP server inside a test: the path of a request names what it
 * does.  One thread per connection; all are joined by peer_stop().
 *
 * Included by tests only.  Sockets stay open until the end, so that no
 * thread can meet another one's descriptor.
 */
#ifndef HTTP_PEER_H
#define HTTP_PEER_H

#include "http/client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PEER_CONNS 512
#define PEER_HEAD 16384

struct peer;
struct peer_conn {
	struct peer *peer;
	pthread_t thread;
	int fd;
};

struct peer_request;
struct peer {
	int fd;
	int port;
	/* takes the place of peer_act(); set before the first connection */
	bool (*script)(void *ctx, int fd, const struct peer_request *);
	void *script_ctx;
	pthread_t thread;
	pthread_mutex_t lock;		/* guards the next three */
	int accepts;
	int requests;
	bool stopping;
	struct peer_conn conns[PEER_CONNS];
};

struct peer_request {
	char head[PEER_HEAD];
	size_t head_len;		/* with the empty line */
	char path[256];
	char *body;
	size_t body_len;
};

static inline bool
peer_send(int fd, const char *p, size_t n)
{
	while (n != 0) {
		ssize_t did = send(fd, p, n, MSG_NOSIGNAL);

		if (did <= 0)
			return false;
		p += did;
		n -= (size_t)did;
	}
	return true;
}

static inline bool
peer_say(int fd, const char *text)
{
	return peer_send(fd, text, strlen(text));
}

static inline bool
peer_answer(int fd, const char *status, const char *extra, const char *body,
    size_t n)
{
	char head[1024];
	int len = snprintf(head, sizeof(head),
	    "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, extra, n);

	return peer_send(fd, head, (size_t)len) && peer_send(fd, body, n);
}

/* The value of a request header, or "". */
static inline const char *
peer_header(const struct peer_request *rq, const char *name, char out[512])
{
	const char *p = strstr(rq->head, name);

	out[0] = '\0';
	if (p != NULL)
		(void)sscanf(p + strlen(name), " %511[^\r]", out);
	return out;
}

/* True when the other side or peer_stop() closes within `ms` (-1: ever). */
static inline bool
peer_idle(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) != 0;
}

static inline bool
peer_bytes(int fd, size_t n, bool chunked)
{
	char *p = malloc(n + 64);
	size_t head = 0;
	bool ok;

	if (chunked)
		head = (size_t)sprintf(p, "HTTP/1.1 200 OK\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n");
	ok = !chunked || (peer_send(fd, p, head) &&
	    peer_send(fd, p, (size_t)sprintf(p, "%zx\r\n", n)));
	memset(p, 'x', n);
	if (chunked)
		ok = ok && peer_send(fd, p, n) && peer_say(fd, "\r\n0\r\n\r\n");
	else
		ok = peer_answer(fd, "200 OK", "", p, n);
	free(p);
	return ok;
}

static inline bool
peer_flood(int fd, bool one_line)
{
	char line[1025];
	bool ok;

	memset(line, 'f', sizeof(line));
	if (!one_line) {
		memcpy(line, "X-Flood: ", 9);
		memcpy(line + 1022, "\r\n", 2);
	}
	line[1024] = '\0';
	ok = peer_say(fd, "HTTP/1.1 200 OK\r\nX-First: ");
	for (int i = 0; ok && i < 100000; i++)
		ok = peer_say(fd, line);
	return false;
}

/* What a path does; false closes the connection. */
static inline bool
peer_act(int fd, const struct peer_request *rq)
{
	const char *p = rq->path;
	char text[512], line[600];
	unsigned long n = 0;

	if (memcmp(rq->head, "CONNECT ", 8) == 0)
		return peer_answer(fd, "403 Forbidden", "Retry-After: 9\r\n",
		    "no", 2);
	if (sscanf(p, "/status/%lu", &n) == 1) {
		(void)snprintf(line, sizeof(line), "%lu Told", n);
		return peer_answer(fd, line, "", "", 0);
	}
	if (sscanf(p, "/delay/%lu", &n) == 1)
		return !peer_idle(fd, (int)n) &&
		    peer_answer(fd, "200 OK", "", "ok", 2);
	if (sscanf(p, "/bytes/%lu", &n) == 1)
		return peer_bytes(fd, n, false);
	if (sscanf(p, "/chunked/%lu", &n) == 1)
		return peer_bytes(fd, n, true);
	if (strcmp(p, "/echo") == 0)
		return peer_answer(fd, "200 OK", "", rq->body, rq->body_len);
	if (strcmp(p, "/head") == 0)
		return peer_answer(fd, "200 OK", "", rq->head, rq->head_len);
	if (strcmp(p, "/say") == 0) {	/* header X-Say goes into the answer */
		(void)snprintf(line, sizeof(line), "%s\r\n",
		    peer_header(rq, "X-Say:", text));
		return peer_answer(fd, "302 Found", line, "ok", 2);
	}
	if (strcmp(p, "/early") == 0)
		return peer_say(fd, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 "
		    "103 Early Hints\r\nRetry-After: 5\r\n\r\n") &&
		    peer_answer(fd, "201 Created", "", "late", 4);
	if (strcmp(p, "/silent") == 0)
		return !peer_idle(fd, -1);
	if (strcmp(p, "/cut") == 0)
		return peer_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 99"
		    "\r\n\r\nhalf") && false;
	if (strcmp(p, "/nothing") == 0)
		return false;
	if (strcmp(p, "/garbage") == 0)
		return peer_say(fd, "220 ready for mail\r\n\r\n") && false;
	if (strcmp(p, "/flood") == 0)
		return peer_flood(fd, false);
	if (strcmp(p, "/line") == 0)
		return peer_flood(fd, true);
	(void)peer_answer(fd, "200 OK", "", "ok", 2);
	return strcmp(p, "/leave") != 0;
}

static inline bool
peer_read(int fd, struct peer_request *rq)
{
	char text[512], *end = NULL;
	size_t have = 0, got;

	memset(rq, 0, sizeof(*rq));
	while (end == NULL && have < PEER_HEAD - 1) {
		/* Byte by byte, so that the body stays in the socket. */
		if (recv(fd, rq->head + have, 1, 0) != 1)
			return false;
		if (rq->head[0] == 0x16) {	/* TLS: as nginx does */
			(void)peer_say(fd, "HTTP/1.1 400 No\r\n\r\n");
			return false;
		}
		have++;
		end = strstr(rq->head + (have > 4 ? have - 4 : 0), "\r\n\r\n");
	}
	rq->head_len = have;
	(void)sscanf(rq->head, "%*s %255s", rq->path);
	rq->body_len = strtoul(peer_header(rq, "Content-Length:", text), NULL,
	    10);
	rq->body = malloc(rq->body_len + 1);
	for (got = 0; got < rq->body_len;) {
		ssize_t n = recv(fd, rq->body + got, rq->body_len - got, 0);

		if (n <= 0)
			return false;
		got += (size_t)n;
	}
	return true;
}

static inline void *
peer_conn_main(void *ctx)
{
	struct peer_conn *c = ctx;
	struct peer_request *rq = malloc(sizeof(*rq));
	bool go_on = true;

	while (go_on) {
		go_on = peer_read(c->fd, rq);
		if (go_on) {
			(void)pthread_mutex_lock(&c->peer->lock);
			c->peer->requests++;
			(void)pthread_mutex_unlock(&c->peer->lock);
			go_on = c->peer->script == NULL ?
			    peer_act(c->fd, rq) :
			    c->peer->script(c->peer->script_ctx, c->fd, rq);
		}
		free(rq->body);
	}
	free(rq);
	(void)shutdown(c->fd, SHUT_RDWR);
	return NULL;
}

static inline void *
peer_main(void *ctx)
{
	struct peer *p = ctx;
	const int one = 1;
	int fd;

	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		struct peer_conn *c = &p->conns[p->accepts];

		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one,
		    sizeof(one));
		(void)pthread_mutex_lock(&p->lock);
		c->peer = p;
		c->fd = fd;
		if (p->stopping || p->accepts == PEER_CONNS - 1 ||
		    pthread_create(&c->thread, NULL, peer_conn_main, c) != 0)
			(void)close(fd);
		else
			p->accepts++;
		(void)pthread_mutex_unlock(&p->lock);
	}
	return NULL;
}

/* A listening socket on a port of the kernel's choice. */
static inline int
peer_listen(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (void *)&a, n) != 0 || listen(fd, 256) != 0 ||
	    getsockname(fd, (void *)&a, &n) != 0)
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

static inline struct peer *
peer_start(void)
{
	struct peer *p = calloc(1, sizeof(*p));

	(void)pthread_mutex_init(&p->lock, NULL);
	p->fd = peer_listen(&p->port);
	if (pthread_create(&p->thread, NULL, peer_main, p) != 0)
		abort();
	return p;
}

static inline int
peer_count(struct peer *p, const int *what)
{
	int n;

	(void)pthread_mutex_lock(&p->lock);
	n = *what;
	(void)pthread_mutex_unlock(&p->lock);
	return n;
}

static inline void
peer_stop(struct peer *p)
{
	(void)pthread_mutex_lock(&p->lock);
	p->stopping = true;
	(void)pthread_mutex_unlock(&p->lock);
	(void)shutdown(p->fd, SHUT_RDWR);	/* wakes accept() */
	(void)pthread_join(p->thread, NULL);
	for (int i = 0; i < p->accepts; i++) {
		(void)shutdown(p->conns[i].fd, SHUT_RDWR);
		(void)pthread_join(p->conns[i].thread, NULL);
		(void)close(p->conns[i].fd);
	}
	(void)close(p->fd);
	(void)pthread_mutex_destroy(&p->lock);
	free(p);
}

/*
 * What a test of the client needs beside: a loop with a client, and calls to
 * the peer.
 */
static const struct http_route plain = { .plain = true };

struct world {
	struct log log;
	struct loop *loop;
	struct http_client *client;
	struct peer *peer;
	struct http_peer who;
};

/* One call with what it points to. */
struct trial {
	struct http_call call;		/* the first */
	int told;			/* how often done() was called */
	char url[256];
	const char *headers[3];
};

static inline void
nap(int ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&t, NULL);
}

static int64_t world_kept = 64;	/* of clients to come */

static inline int
world_begin(void **state, const struct clock *clock, int64_t calls,
    int64_t slow_ms)
{
	struct world *w = calloc(1, sizeof(*w));
	struct http_opts o = { .clock = clock, .calls = calls,
		.kept = world_kept, .slow_ms = slow_ms };

	*state = w;
	w->log = (struct log){ .level = LOG_LEVEL_WARNING };
	w->peer = peer_start();
	http_peer_init(&w->who);
	if (loop_new(&w->loop, clock, &w->log) != ERR_OK)
		return -1;
	o.loop = w->loop;
	o.log = &w->log;
	return http_client_new(&w->client, &o) == ERR_OK ? 0 : -1;
}

static inline int
world_start(void **state, const struct clock *clock)
{
	return world_begin(state, clock, 64, 10000);
}

static inline int
world_end(void **state)
{
	struct world *w = *state;

	http_client_free(w->client);
	loop_free(w->loop);
	peer_stop(w->peer);
	free(w);
	return 0;
}

static inline void
trial_done(struct http_call *call)
{
	((struct trial *)call)->told++;
}

static inline void
trial_init(struct trial *t, struct world *w, const char *path)
{
	*t = (struct trial){ 0 };
	(void)snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%d%s",
	    w->peer->port, path);
	t->call.done = trial_done;
	t->call.peer = &w->who;
	t->call.route = &plain;
	t->call.url = t->url;
	t->call.headers = t->headers;
	t->call.body = "{}";
	t->call.body_len = 2;
	t->call.timeout_ms = 20000;
}

/* Turns the loop until a call was told, or for so long. */
static inline bool
told_within(struct world *w, const struct trial *t, int64_t ms)
{
	struct deadline d = deadline_in(&clock_system, ms);

	while (t->told == 0 && deadline_left(&d) > 0)
		loop_turn(w->loop, deadline_left(&d));
	return t->told == 1;
}

static inline void
await(struct world *w, const struct trial *t)
{
	assert_true(told_within(w, t, 60000));
}

static inline void
run(struct world *w, struct trial *t)
{
	t->told = 0;
	http_start(w->client, &t->call);
	await(w, t);
}

/* Runs a path with the defaults; the answer, if any, is dropped. */
static inline enum http_end
end_of(struct world *w, const char *path)
{
	struct trial t;

	trial_init(&t, w, path);
	run(w, &t);
	assert_true((t.call.end == HTTP_ANSWERED) ==
	    (t.call.reason[0] == '\0'));
	http_call_free(&t.call);
	return t.call.end;
}

#endif
