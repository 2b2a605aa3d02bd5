/*
 * portal: stands in for a Bitrix24 portal while handlers are measured.
 *
 *	portal CERTIFICATE KEY [PORT]
 *
 * One thread with epoll.  Listens on two free ports of loopback (for HTTP on
 * PORT, if it is given), prints "HTTP-PORT HTTPS-PORT" and serves until
 * SIGTERM.  Connections are kept for as long as the client likes.  What it
 * does is in the path of a call:
 *
 *	/d20/rest/...	answers after 20 ms
 *	/d20b3/rest/...	the same, and enforces the leaky bucket number 3: more
 *			than 50 calls, of which 2 leak a second, are refused
 *			with 503 QUERY_LIMIT_EXCEEDED
 *	/stats		tells what came (JSON)
 *
 * Messages are counted by their message_id, repeats apart, and only in calls
 * that were not refused.  Under a bucket the chat_id says when the event was
 * due (load.c), and so how long it took until the portal was told.
 */
#include "common.h"
#include "count.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUCKETS 10		/* number 0 is the one without a limit */
#define REQUEST_MAX ((size_t)4 << 20)

struct conn {
	int fd;
	SSL *ssl;		/* NULL: plain */
	bool shaken;		/* the TLS handshake is over */
	bool counted;
	bool waiting;		/* its answer is due later */
	const char *answer;
	int64_t due;		/* ms */
	struct conn *next;	/* in the order of `due` */
	struct conn *prev;
	size_t have;
	size_t cap;
	char *in;
};

struct portal {
	int epoll;
	SSL_CTX *tls;
	int64_t connections;	/* that carried a call */
	int64_t handshakes;
	int64_t broken;
	struct count count[BUCKETS];
	struct conn *first;
	struct conn *last;
	char stats[8192];
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

/* Takes a connection out of the queue of answers. */
static void
unqueue(struct portal *p, struct conn *c)
{
	if (!c->waiting)
		return;
	*(c->prev != NULL ? &c->prev->next : &p->first) = c->next;
	*(c->next != NULL ? &c->next->prev : &p->last) = c->prev;
	c->next = c->prev = NULL;
	c->waiting = false;
}

/* Delays are nearly always the same, so its place is near the end. */
static void
queue(struct portal *p, struct conn *c)
{
	struct conn *before = p->last;

	while (before != NULL && before->due > c->due)
		before = before->prev;
	c->prev = before;
	c->next = before != NULL ? before->next : p->first;
	*(c->prev != NULL ? &c->prev->next : &p->first) = c;
	*(c->next != NULL ? &c->next->prev : &p->last) = c;
	c->waiting = true;
}

static void
hang_up(struct portal *p, struct conn *c)
{
	unqueue(p, c);
	SSL_free(c->ssl);
	(void)close(c->fd);
	free(c->in);
	free(c);
}

/*
 * Writes an answer.  They are small and there is one at a time, so that one
 * that does not fit into the socket's buffer is an error.
 */
static bool
put(struct portal *p, struct conn *c, const char *s)
{
	size_t n = strlen(s);
	bool ok = c->ssl != NULL ? SSL_write(c->ssl, s, (int)n) == (int)n :
	    send(c->fd, s, n, MSG_NOSIGNAL) == (ssize_t)n;

	if (!ok) {
		p->broken++;
		ERR_clear_error();
	}
	return ok;
}

static const char *
stats(struct portal *p)
{
	char body[sizeof(p->stats) - 256];
	size_t n;

	n = (size_t)snprintf(body, sizeof(body), "{\"connections\":%lld,"
	    "\"handshakes\":%lld,\"broken\":%lld,\"buckets\":[",
	    (long long)p->connections, (long long)p->handshakes,
	    (long long)p->broken);
	for (size_t i = 0; i < BUCKETS; i++) {
		if (i != 0)
			body[n++] = ',';
		n += count_print(body + n, sizeof(body) - n, &p->count[i]);
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
	const char *path = strchr(c->in, ' ');
	struct count *n = &p->count[0];
	int64_t now = now_ms();
	char *rest;
	long delay;

	if (path == NULL || strncmp(path, " /d", 3) != 0)
		return put(p, c, path != NULL &&
		    strncmp(path, " /stats ", 8) == 0 ? stats(p) : strange);
	if (!c->counted)
		p->connections++;
	c->counted = true;
	delay = strtol(path + 3, &rest, 10);
	if (rest[0] == 'b' && rest[1] > '0' && rest[1] <= '9')
		n = &p->count[rest[1] - '0'];
	c->answer = good;
	if (count_call(n, now))
		count_messages(n, body, len);
	else
		c->answer = limited;
	if (delay <= 0)
		return put(p, c, c->answer);
	c->due = now + delay;
	queue(p, c);
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
			c->in = realloc(c->in, c->cap);
			if (c->in == NULL || c->cap > REQUEST_MAX)
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
	if (n == 1) {
		c->shaken = true;
		p->handshakes++;
		return hear(p, c);
	}
	return e == SSL_ERROR_WANT_READ;
}

static void
meet(struct portal *p, int listener, bool tls)
{
	struct epoll_event ev = { .events = EPOLLIN };
	const int yes = 1;
	struct conn *c;
	int fd;

	while ((fd = accept4(listener, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes,
		    sizeof(yes));
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
	    .sin_port = htons((uint16_t)*port),
	    .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) != 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 ||
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

	while ((c = p->first) != NULL && c->due <= now) {
		unqueue(p, c);
		if (!put(p, c, c->answer))
			hang_up(p, c);
	}
	return c != NULL ? (int)(c->due - now) : -1;
}

static void
serve(struct portal *p, const int listener[2])
{
	struct epoll_event ev[256];
	struct conn *c;
	int n;

	for (int i = 0; i < 2; i++) {
		/* a listener's pointer is its number */
		ev[0] = (struct epoll_event){ .events = EPOLLIN,
		    .data.ptr = (void *)&listener[i] };
		if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, listener[i],
		    &ev[0]) != 0)
			fail("epoll_ctl");
	}
	for (;;) {
		n = epoll_wait(p->epoll, ev, 256, answer_due(p));
		for (int i = 0; i < n; i++) {
			c = ev[i].data.ptr;
			if (ev[i].data.ptr == &listener[0])
				meet(p, listener[0], false);
			else if (ev[i].data.ptr == &listener[1])
				meet(p, listener[1], true);
			else if (!(c->shaken ? hear(p, c) : shake(p, c)))
				hang_up(p, c);
		}
	}
}

int
main(int argc, char **argv)
{
	struct portal p = { 0 };
	int port[2] = { 0 }, listener[2];

	if (argc != 3 && argc != 4) {
		fputs("usage: portal CERTIFICATE KEY [PORT]\n", stderr);
		return 64;
	}
	if (argc == 4)
		port[0] = (int)strtol(argv[3], NULL, 10);
	(void)signal(SIGPIPE, SIG_IGN);
	p.tls = SSL_CTX_new(TLS_server_method());
	p.epoll = epoll_create1(0);
	for (int i = 0; i < BUCKETS; i++)
		count_init(&p.count[i], i != 0);
	if (p.tls == NULL || p.epoll < 0)
		fail("start");
	if (SSL_CTX_use_certificate_chain_file(p.tls, argv[1]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(p.tls, argv[2],
	    SSL_FILETYPE_PEM) != 1) {
		ERR_print_errors_fp(stderr);
		return 1;
	}
	(void)SSL_CTX_set_mode(p.tls, SSL_MODE_RELEASE_BUFFERS);
	for (int i = 0; i < 2; i++)
		listener[i] = listen_on_loopback(&port[i]);
	printf("%d %d\n", port[0], port[1]);
	(void)fflush(stdout);
	serve(&p, listener);
	return 0;
}
