/*
 * portal: stands in for Bitrix24 portals and for a channel.
 *
 *	portal CERTIFICATE KEY [PORT]
 *
 * One thread with epoll.  Listens on two free ports of loopback, prints
 * "HTTP-PORT HTTPS-PORT" and serves until SIGTERM.  Connections are kept for
 * as long as the client likes.  What it does is in the path of a call:
 *
 *	/d20/...	answers after 20 ms
 *	/d20g3/...	the same, counted in group 3 (of ten; else in 0)
 *	/d20g3b500/...	and enforces the leaky bucket number 500: more than 50
 *			calls, of which 2 leak a second, are refused with 503
 *	/stats		tells what came, by group (JSON)
 *
 * Messages are counted by their message_id, repeats apart, and only in calls
 * that were not refused.
 */
#include "common.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/queue.h>

#define GROUPS 10
#define BUCKETS 1000000
#define BURST 50.0
#define RATE 2.0		/* calls a second */
#define ID_BITS 27		/* ids are told apart modulo 2^27 */
#define REQUEST_MAX ((size_t)4 << 20)

struct group {
	long long calls, refused, messages, distinct;
	unsigned char *seen;	/* a bit for each id */
};

/* As with Bitrix24 it is calls that fill it; refused ones do not. */
struct bucket {
	double level;
	int64_t at;		/* ms: when the level was true */
};

struct conn {
	int fd;
	SSL *ssl;		/* NULL: plain */
	bool shaken;		/* the TLS handshake is over */
	bool counted;
	bool waiting;		/* its answer is due later */
	const char *answer;
	int64_t due;		/* ms */
	TAILQ_ENTRY(conn) link;	/* while it is waiting */
	size_t have;
	size_t cap;
	char *in;
};

TAILQ_HEAD(conns, conn);

struct portal {
	int epoll;
	int listener[2];	/* http, https */
	SSL_CTX *tls;
	long long connections;	/* that carried a call */
	struct group group[GROUPS];
	struct bucket *bucket;
	struct conns waiting;
	char stats[4096];
};

#define GOOD "{\"result\":{\"SUCCESS\":true,\"DATA\":[]},\"time\":{" \
	"\"start\":1773759999.5,\"finish\":1773760000.5,\"duration\":1.5," \
	"\"processing\":1,\"operating_reset_at\":1773760600," \
	"\"operating\":0.10}}"
#define LIMITED "{\"error\":\"QUERY_LIMIT_EXCEEDED\"," \
	"\"error_description\":\"Too many requests\"}"
_Static_assert(sizeof(GOOD) - 1 == 168 && sizeof(LIMITED) - 1 == 72,
    "the lengths below");

static const char good[] = "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 168\r\n\r\n" GOOD;
static const char limited[] = "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    "Content-Length: 72\r\n\r\n" LIMITED;
static const char strange[] = "HTTP/1.1 404 Not Found\r\n"
    "Content-Length: 0\r\n\r\n";

static int64_t
now_ms(void)
{
	return now_us() / 1000;
}

/* Finds `name` and the number behind it, as JSON or as a form spells it. */
static const char *
number(const char *s, const char *end, const char *name, uint64_t *value)
{
	const char *from;

	s = memmem(s, (size_t)(end - s), name, strlen(name));
	if (s == NULL)
		return NULL;
	s += strlen(name);
	while (s < end && strchr("\": ]=", *s) != NULL)
		s++;
	if (end - s > 4 && strncasecmp(s, "%5D=", 4) == 0)
		s += 4;
	from = s;
	for (*value = 0; s < end && *s >= '0' && *s <= '9'; s++)
		*value = *value * 10 + (uint64_t)(*s - '0');
	return s != from ? s : NULL;
}

static void
count_messages(struct group *g, const char *s, size_t len)
{
	const char *end = s + len;
	uint64_t id;

	while ((s = number(s, end, "message_id", &id)) != NULL) {
		unsigned bit;

		id &= ((uint64_t)1 << ID_BITS) - 1;
		bit = 1U << (id % 8);
		g->messages++;
		g->distinct += (g->seen[id / 8] & bit) == 0;
		g->seen[id / 8] |= (unsigned char)bit;
	}
}

static bool
admit(struct bucket *b, int64_t now)
{
	b->level -= (double)(now - b->at) / 1000.0 * RATE;
	b->at = now;
	if (b->level < 0)
		b->level = 0;
	if (b->level + 1 > BURST)
		return false;
	b->level += 1;
	return true;
}

static void
hang_up(struct portal *p, struct conn *c)
{
	if (c->waiting)
		TAILQ_REMOVE(&p->waiting, c, link);
	SSL_free(c->ssl);
	(void)close(c->fd);
	free(c->in);
	free(c);
}

/* One small answer at a time: one that does not fit into the socket's buffer
 * is an error. */
static bool
put(struct conn *c, const char *s)
{
	size_t n = strlen(s);
	bool ok = c->ssl != NULL ? SSL_write(c->ssl, s, (int)n) == (int)n :
	    send(c->fd, s, n, MSG_NOSIGNAL) == (ssize_t)n;

	if (!ok)
		ERR_clear_error();
	return ok;
}

static const char *
stats(struct portal *p)
{
	char body[sizeof(p->stats) - 256];
	size_t n = (size_t)snprintf(body, sizeof(body),
	    "{\"connections\":%lld,\"groups\":[", p->connections);

	for (size_t i = 0; i < GROUPS; i++) {
		const struct group *g = &p->group[i];

		n += (size_t)snprintf(body + n, sizeof(body) - n,
		    "%s{\"calls\":%lld,\"refused\":%lld,\"messages\":%lld,"
		    "\"distinct\":%lld}", i != 0 ? "," : "", g->calls,
		    g->refused, g->messages, g->distinct);
	}
	n += (size_t)snprintf(body + n, sizeof(body) - n, "]}");
	(void)snprintf(p->stats, sizeof(p->stats), "HTTP/1.1 200 OK\r\n"
	    "Content-Length: %zu\r\n\r\n%s", n, body);
	return p->stats;
}

/* Judges one complete request; its answer is sent now or queued. */
static bool
take(struct portal *p, struct conn *c, const char *body, size_t len)
{
	char *at = strchr(c->in, ' ');
	struct group *g = &p->group[0];
	struct bucket *b = NULL;
	int64_t now = now_ms();
	long delay;

	if (at == NULL || strncmp(at, " /d", 3) != 0)
		return put(c, at != NULL && strncmp(at, " /stats ", 8) == 0 ?
		    stats(p) : strange);
	p->connections += !c->counted;
	c->counted = true;
	delay = strtol(at + 3, &at, 10);
	if (*at == 'g')
		g = &p->group[strtoul(at + 1, &at, 10) % GROUPS];
	if (*at == 'b')
		b = &p->bucket[strtoul(at + 1, NULL, 10) % BUCKETS];
	g->calls++;
	c->answer = b == NULL || admit(b, now) ? good : limited;
	if (c->answer == good)
		count_messages(g, body, len);
	else
		g->refused++;
	if (delay <= 0)
		return put(c, c->answer);
	/* all delays of a run are the same, so this is the order of `due` */
	c->due = now + delay;
	c->waiting = true;
	TAILQ_INSERT_TAIL(&p->waiting, c, link);
	return true;
}

/* Whether what was read so far is a request, and takes it. */
static bool
look(struct portal *p, struct conn *c)
{
	const char *end, *length;
	size_t head, body = 0;
	bool ok;

	c->in[c->have] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (end == NULL)
		return true;
	head = (size_t)(end - c->in) + 4;
	length = strcasestr(c->in, "\r\ncontent-length:");
	if (length != NULL && length < end)
		body = strtoul(length + 17, NULL, 10);
	if (c->have < head + body)
		return true;
	ok = take(p, c, c->in + head, body);
	c->have = 0;
	return ok;
}

/* Reads what there is.  False: the connection is over. */
static bool
hear(struct portal *p, struct conn *c)
{
	ssize_t n;
	int e;

	for (;;) {
		if (c->cap - c->have < 4096) {
			c->cap = c->cap != 0 ? c->cap * 2 : 8192;
			c->in = grow(c->in, c->cap);
			if (c->cap > REQUEST_MAX)
				return false;
		}
		if (c->ssl != NULL) {
			n = SSL_read(c->ssl, c->in + c->have,
			    (int)(c->cap - c->have - 1));
			e = SSL_get_error(c->ssl, (int)n);
			ERR_clear_error();
			if (n <= 0)
				return e == SSL_ERROR_WANT_READ;
		} else {
			n = recv(c->fd, c->in + c->have,
			    c->cap - c->have - 1, 0);
			if (n <= 0)
				return n < 0 && errno == EAGAIN;
		}
		c->have += (size_t)n;
		if (!look(p, c))
			return false;
	}
}

static bool
shake(struct portal *p, struct conn *c)
{
	int n = SSL_accept(c->ssl);
	int e = SSL_get_error(c->ssl, n);

	ERR_clear_error();
	c->shaken = n == 1;
	return c->shaken ? hear(p, c) : e == SSL_ERROR_WANT_READ;
}

static void
meet(struct portal *p, int listener, bool tls)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct conn *c;
	int fd;

	while ((fd = accept4(listener, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		no_delay(fd);
		c = zeroed(1, sizeof(*c));
		c->fd = fd;
		c->shaken = !tls;
		if (tls) {
			c->ssl = SSL_new(p->tls);
			if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
				fail("SSL_new");
		}
		ev.data.ptr = c;
		if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev) != 0)
			fail("epoll_ctl");
	}
}

static int
listen_on_loopback(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
	    .sin_port = htons((uint16_t)*port) };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&a, n) != 0 ||
	    listen(fd, 4096) != 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) != 0)
		fail("listen");
	*port = ntohs(a.sin_port);
	return fd;
}

/* Sends the answers that are due; the ms until the next one, or -1. */
static int
answer_due(struct portal *p)
{
	struct conn *c;
	int64_t now = now_ms();

	while ((c = TAILQ_FIRST(&p->waiting)) != NULL && c->due <= now) {
		TAILQ_REMOVE(&p->waiting, c, link);
		c->waiting = false;
		if (!put(c, c->answer))
			hang_up(p, c);
	}
	return c != NULL ? (int)(c->due - now) : -1;
}

static void
serve(struct portal *p)
{
	struct epoll_event ev[256];
	int n;

	for (int i = 0; i < 2; i++) {
		ev[0] = (struct epoll_event){ .events = EPOLLIN,
		    .data.ptr = &p->listener[i] };
		if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->listener[i],
		    &ev[0]) != 0)
			fail("epoll_ctl");
	}
	for (;;) {
		n = epoll_wait(p->epoll, ev, 256, answer_due(p));
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			int *l = ev[i].data.ptr;

			if (l == &p->listener[0] || l == &p->listener[1])
				meet(p, *l, l == &p->listener[1]);
			else if (!(c->shaken ? hear(p, c) : shake(p, c)))
				hang_up(p, c);
		}
	}
}

int
main(int argc, char **argv)
{
	struct portal p = { .epoll = epoll_create1(0),
	    .tls = SSL_CTX_new(TLS_server_method()),
	    .bucket = zeroed(BUCKETS, sizeof(struct bucket)) };
	/* 0: any that is free */
	int port[2] = { argc == 4 ? (int)strtol(argv[3], NULL, 10) : 0 };

	if (argc < 3 || argc > 4 || p.epoll < 0 || p.tls == NULL)
		fail("portal CERTIFICATE KEY [PORT]");
	TAILQ_INIT(&p.waiting);
	(void)signal(SIGPIPE, SIG_IGN);
	if (SSL_CTX_use_certificate_chain_file(p.tls, argv[1]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(p.tls, argv[2],
	    SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		return 1;
	}
	(void)SSL_CTX_set_mode(p.tls, SSL_MODE_RELEASE_BUFFERS);
	for (int i = 0; i < GROUPS; i++)
		p.group[i].seen = zeroed(1, (size_t)1 << (ID_BITS - 3));
	for (int i = 0; i < 2; i++)
		p.listener[i] = listen_on_loopback(&port[i]);
	printf("%d %d\n", port[0], port[1]);
	(void)fflush(stdout);
	serve(&p);
	return 0;
}
