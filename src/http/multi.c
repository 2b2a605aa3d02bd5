/*
 * curl's multi interface on the loop: its sockets, its one timer.
 *
 * Called by client.c.  Owns the multi handle and what it watches.  What curl
 * tells in its callbacks, and what happens to sockets, is only noted here
 * and makes the client's task ready; the task calls curl.  A socket that
 * cannot be watched ends its transfer, nothing else.
 */
#include "http/inside.h"

#include <stdlib.h>
#include <sys/epoll.h>

/*
 * Sockets for one run of the task.  A step of a TLS handshake takes up to a
 * millisecond; the rest of the program is not to wait longer than this.
 */
#define ACTS_MAX 32

struct http_sock {
	struct watch watch;
	struct http_client *client;
	int events;		/* as curl's, not told to it yet */
	TAILQ_ENTRY(http_sock) link;
};

static void
on_ready(struct watch *w, uint32_t events)
{
	struct http_sock *s = (struct http_sock *)w;
	struct http_client *c = s->client;

	if (s->events == 0) {
		TAILQ_REMOVE(&c->socks, s, link);
		TAILQ_INSERT_TAIL(&c->noted, s, link);
		loop_ready(c->loop, &c->task);
	}
	/* An error is found by reading or writing, whichever curl does. */
	if ((events & (EPOLLERR | EPOLLHUP)) != 0)
		s->events |= CURL_CSELECT_ERR | CURL_CSELECT_IN |
		    CURL_CSELECT_OUT;
	if ((events & EPOLLIN) != 0)
		s->events |= CURL_CSELECT_IN;
	if ((events & EPOLLOUT) != 0)
		s->events |= CURL_CSELECT_OUT;
}

static struct http_sock *
sock_new(struct http_client *c, curl_socket_t fd)
{
	struct http_sock *s = TAILQ_FIRST(&c->unused);

	if (s != NULL)
		TAILQ_REMOVE(&c->unused, s, link);
	else
		s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->client = c;
	s->watch.ready = on_ready;
	s->watch.fd = fd;
	s->events = 0;
	TAILQ_INSERT_TAIL(&c->socks, s, link);
	return s;
}

static void
sock_end(struct http_client *c, struct http_sock *s)
{
	(void)loop_watch(c->loop, &s->watch, 0);
	TAILQ_REMOVE(s->events != 0 ? &c->noted : &c->socks, s, link);
	TAILQ_INSERT_HEAD(&c->unused, s, link);
}

static bool
sock_watch(struct http_client *c, struct http_sock *s, int what)
{
	uint32_t events = 0;

	if ((what & CURL_POLL_IN) != 0)
		events |= EPOLLIN;
	if ((what & CURL_POLL_OUT) != 0)
		events |= EPOLLOUT;
	return loop_watch(c->loop, &s->watch, events);
}

/* Nothing would ever happen to it again: better an end now than a timeout. */
static void
lose(struct http_client *c, CURL *easy)
{
	struct http_transfer *t = NULL;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
	if (t != NULL)
		flight_end_soon(c, t, HTTP_BROKEN, "cannot watch a socket");
}

/* Always 0: anything else would end all of curl's transfers. */
static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *sock)
{
	struct http_client *c = ctx;
	struct http_sock *s = sock;

	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			sock_end(c, s);
		return 0;
	}
	if (s == NULL) {
		s = sock_new(c, fd);
		if (s != NULL &&
		    curl_multi_assign(c->multi, fd, s) != CURLM_OK) {
			sock_end(c, s);
			s = NULL;
		}
	}
	if (s == NULL || !sock_watch(c, s, what))
		lose(c, easy);
	return 0;
}

static void
time_is_due(struct http_client *c)
{
	c->curl_due = true;
	loop_ready(c->loop, &c->task);
}

static void
on_curl_timer(struct timer *t)
{
	time_is_due((struct http_client *)((char *)t -
	    offsetof(struct http_client, curl)));
}

static int
on_time(CURLM *multi, long ms, void *ctx)
{
	struct http_client *c = ctx;

	(void)multi;
	c->curl_due = false;
	loop_disarm(c->loop, &c->curl);
	if (ms == 0)
		time_is_due(c);
	else if (ms > 0)
		loop_arm(c->loop, &c->curl, c->now_ms + ms + 1);
	return 0;
}

#define SET(option, value) \
	(ok = curl_multi_setopt(c->multi, option, value) == CURLM_OK && ok)

bool
multi_init(struct http_client *c)
{
	bool ok = true;

	TAILQ_INIT(&c->noted);
	TAILQ_INIT(&c->socks);
	TAILQ_INIT(&c->unused);
	c->curl.fire = on_curl_timer;
	c->multi = curl_multi_init();
	if (c->multi == NULL)
		return false;
	SET(CURLMOPT_SOCKETFUNCTION, on_socket);
	SET(CURLMOPT_SOCKETDATA, c);
	SET(CURLMOPT_TIMERFUNCTION, on_time);
	SET(CURLMOPT_TIMERDATA, c);
	if (!ok) {
		(void)curl_multi_cleanup(c->multi);
		return false;
	}
	multi_bound(c);
	return true;
}

static void
socks_free(struct http_client *c, struct http_socks *list)
{
	struct http_sock *s;

	while ((s = TAILQ_FIRST(list)) != NULL) {
		(void)loop_watch(c->loop, &s->watch, 0);
		TAILQ_REMOVE(list, s, link);
		free(s);
	}
}

/* Closing the connections calls on_socket() for the last time. */
void
multi_end(struct http_client *c)
{
	(void)curl_multi_cleanup(c->multi);
	loop_disarm(c->loop, &c->curl);
	socks_free(c, &c->noted);
	socks_free(c, &c->socks);
	socks_free(c, &c->unused);
}

/*
 * What curl says of an action is left aside: it is about all of curl, has no
 * memory or is no news; whatever it did not do, the limits of the calls end.
 */
void
multi_act(struct http_client *c)
{
	struct http_sock *s;
	int n;

	for (int i = 0; i < ACTS_MAX &&
	    (s = TAILQ_FIRST(&c->noted)) != NULL; i++) {
		int events = s->events;

		s->events = 0;
		TAILQ_REMOVE(&c->noted, s, link);
		TAILQ_INSERT_TAIL(&c->socks, s, link);
		(void)curl_multi_socket_action(c->multi, s->watch.fd, events,
		    &n);
	}
	if (!TAILQ_EMPTY(&c->noted))
		loop_ready(c->loop, &c->task);
}

void
multi_time(struct http_client *c)
{
	int n;

	if (!c->curl_due)
		return;
	c->curl_due = false;
	(void)curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &n);
}

struct http_transfer *
multi_next(struct http_client *c, CURLcode *code)
{
	struct http_transfer *t = NULL;
	int left;
	const CURLMsg *m = curl_multi_info_read(c->multi, &left);

	if (m == NULL)
		return NULL;
	*code = m->data.result;
	(void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
	return t;
}

/*
 * curl's bound is for all connections, those in use too, and when a call
 * ends above it the one that is idle for longest is closed.  So it has to
 * move with the calls: fixed, a burst would either keep nothing or leave
 * hundreds open behind.
 */
void
multi_bound(struct http_client *c)
{
	long max = (long)places_busy(&c->places) + (long)c->kept;

	if (max == c->kept_max)
		return;
	c->kept_max = max;
	(void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, max);
}
