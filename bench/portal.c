/*
 * portal: stands in for Bitrix24 portals and for a channel.
 *
 *	portal CERTIFICATE KEY HTTP HTTPS
 *
 * HTTP and HTTPS are descriptors of listening sockets that do not block.  One
 * thread with epoll, which serves until SIGTERM.  Connections are kept for as
 * long as the client likes.  What it does is in the path of a call:
 *
 *	/d20g3/...	answers after 20 ms; counted in group 3, of ten
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
#include <sys/queue.h>

#define GROUPS 10
#define BUCKETS 1000000
#define BURST 50
#define LEAK (SECOND / 2)	/* a call leaks in that time */
#define ID_BITS 27		/* ids are told apart modulo 2^27 */
#define REQUEST_MAX (256 << 10)
#define GOOD "{\"result\":{\"SUCCESS\":true,\"DATA\":[]},\"time\":{" \
	"\"start\":1773759999.5,\"finish\":1773760000.5,\"duration\":1.5," \
	"\"processing\":1,\"operating_reset_at\":1773760600," \
	"\"operating\":0.10}}"
#define LIMITED "{\"error\":\"QUERY_LIMIT_EXCEEDED\"," \
	"\"error_description\":\"Too many requests\"}"

struct conn {
	int fd;
	SSL *ssl;		/* NULL: plain */
	bool waiting;		/* its answer is due later */
	bool admitted;		/* and not refused */
	int64_t due;		/* ms */
	TAILQ_ENTRY(conn) link;	/* while it is waiting */
	size_t have;
	char *in;
};

static TAILQ_HEAD(, conn) waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct group {
	long long calls, refused, messages, distinct;
	unsigned char seen[1 << (ID_BITS - 3)];		/* a bit for each id */
} groups[GROUPS];
static int64_t buckets[BUCKETS];	/* when it will be empty */
static int epoll, listeners[2];		/* http, https */
static SSL_CTX *tls;

/* As JSON or as a form spells their ids. */
static void
count_messages(struct group *g, const char *s)
{
	while ((s = strstr(s, "message_id")) != NULL) {
		unsigned long long id;
		unsigned char *seen, bit;

		s += strlen("message_id");
		s += strncmp(s, "%5D=", 4) == 0 ? 4 : strspn(s, "\": ");
		id = strtoull(s, NULL, 10);
		seen = &g->seen[id % (1 << ID_BITS) / 8];
		bit = (unsigned char)(1 << id % 8);
		g->messages++;
		g->distinct += (*seen & bit) == 0;
		*seen |= bit;
	}
}

/* As with Bitrix24 it is calls that fill a bucket; refused ones do not. */
static bool
admit(int64_t *bucket, int64_t now)
{
	int64_t from = *bucket > now ? *bucket : now;

	if (from - now > (BURST - 1) * LEAK)
		return false;
	*bucket = from + LEAK;
	return true;
}

static void
hang_up(struct conn *c)
{
	if (c->waiting)
		TAILQ_REMOVE(&waiting, c, link);
	SSL_free(c->ssl);
	(void)close(c->fd);
	free(c->in);
	free(c);
}

/* One small answer at a time: one that does not fit into the socket's buffer
 * is an error. */
static bool
put(struct conn *c, const char *status, const char *body)
{
	char s[4096];
	int n = snprintf(s, sizeof(s), "HTTP/1.1 %s\r\nContent-Type: "
	    "application/json; charset=utf-8\r\nContent-Length: %zu\r\n\r\n%s",
	    status, strlen(body), body);
	bool ok = c->ssl != NULL ? SSL_write(c->ssl, s, n) == n :
	    send(c->fd, s, (size_t)n, MSG_NOSIGNAL) == n;

	if (!ok)
		ERR_clear_error();
	return ok;
}

static bool
answer(struct conn *c)
{
	return c->admitted ? put(c, "200 OK", GOOD) :
	    put(c, "503 Service Unavailable", LIMITED);
}

static bool
put_stats(struct conn *c)
{
	char body[2048];
	size_t n = 0;

	for (const struct group *g = groups; g < groups + GROUPS; g++)
		n += (size_t)snprintf(body + n, sizeof(body) - n,
		    "%c{\"calls\":%lld,\"refused\":%lld,\"messages\":%lld,"
		    "\"distinct\":%lld}", g == groups ? '[' : ',', g->calls,
		    g->refused, g->messages, g->distinct);
	(void)snprintf(body + n, sizeof(body) - n, "]");
	return put(c, "200 OK", body);
}

/* Judges one complete request; its answer is sent now or queued. */
static bool
take(struct conn *c, const char *body)
{
	char *at = strchr(c->in, ' ');
	struct group *g;
	int64_t now = now_us();
	long ms;

	if (at != NULL && strncmp(at, " /stats ", 8) == 0)
		return put_stats(c);
	if (at == NULL || strncmp(at, " /d", 3) != 0)
		return false;
	ms = strtol(at + 3, &at, 10);
	g = &groups[*at == 'g' ? strtoul(at + 1, &at, 10) % GROUPS : 0];
	c->admitted = *at != 'b' ||
	    admit(&buckets[strtoul(at + 1, NULL, 10) % BUCKETS], now);
	g->calls++;
	if (c->admitted)
		count_messages(g, body);
	else
		g->refused++;
	if (ms <= 0)
		return answer(c);
	/* all delays of a run are the same, so this is the order of `due` */
	c->due = now / 1000 + ms;
	c->waiting = true;
	TAILQ_INSERT_TAIL(&waiting, c, link);
	return true;
}

/* Whether what was read so far is a request, and takes it. */
static bool
look(struct conn *c)
{
	size_t head, n;

	c->in[c->have] = '\0';
	n = message_length(c->in, &head);
	if (n == 0 || c->have < n)
		return true;
	c->have = 0;
	return take(c, c->in + head);
}

/* Reads what there is.  False: the connection is over. */
static bool
hear(struct conn *c)
{
	ssize_t n;
	bool more;

	do {
		size_t room = REQUEST_MAX - c->have - 1;

		if (c->ssl != NULL) {
			n = SSL_read(c->ssl, c->in + c->have, (int)room);
			more = SSL_get_error(c->ssl, (int)n) ==
			    SSL_ERROR_WANT_READ;
			ERR_clear_error();
		} else {
			n = recv(c->fd, c->in + c->have, room, 0);
			more = n < 0 && errno == EAGAIN;
		}
		if (n <= 0)
			return more;
		c->have += (size_t)n;
	} while (look(c));
	return false;
}

static void
meet(const int *listener)
{
	struct conn *c;
	int fd;

	while ((fd = accept4(*listener, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		no_delay(fd);
		c = calloc(1, sizeof(*c));
		if (c == NULL || (c->in = malloc(REQUEST_MAX)) == NULL)
			fail("malloc");
		c->fd = fd;
		if (listener == &listeners[1]) {
			c->ssl = SSL_new(tls);
			if (c->ssl == NULL || SSL_set_fd(c->ssl, fd) != 1)
				fail("SSL_new");
			/* the first reads shake hands */
			SSL_set_accept_state(c->ssl);
		}
		watch(epoll, fd, c);
	}
}

/* Sends the answers that are due; the ms until the next one, or -1. */
static int
answer_due(void)
{
	struct conn *c;
	int64_t now = now_us() / 1000;

	while ((c = TAILQ_FIRST(&waiting)) != NULL && c->due <= now) {
		TAILQ_REMOVE(&waiting, c, link);
		c->waiting = false;
		if (!answer(c))
			hang_up(c);
	}
	return c != NULL ? (int)(c->due - now) : -1;
}

static void
serve(void)
{
	struct epoll_event ev[256];
	int n;

	for (;;) {
		n = epoll_wait(epoll, ev, 256, answer_due());
		for (int i = 0; i < n; i++) {
			struct conn *c = ev[i].data.ptr;
			int *l = ev[i].data.ptr;

			if (l == &listeners[0] || l == &listeners[1])
				meet(l);
			else if (!hear(c))
				hang_up(c);
		}
	}
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		fail("portal CERTIFICATE KEY HTTP HTTPS");
	(void)signal(SIGPIPE, SIG_IGN);
	tls = SSL_CTX_new(TLS_server_method());
	if (SSL_CTX_use_certificate_chain_file(tls, argv[1]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(tls, argv[2], SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		return 1;
	}
	(void)SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
	epoll = epoll_create1(0);
	for (int i = 0; i < 2; i++) {
		listeners[i] = (int)strtol(argv[3 + i], NULL, 10);
		watch(epoll, listeners[i], &listeners[i]);
	}
	serve();
	return 0;
}
