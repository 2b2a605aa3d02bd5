/*
 * A scripted HTTP server in the test's own loop.
 *
 * Used by relay_world.c.  Owns its sockets and all that it heard.  Whatever
 * goes wrong here is the test's fault and ends it.
 */
#include "loop_peer.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A connection. */
struct peer_line {
	struct watch watch;
	struct loop_peer *peer;
	struct heard *open;	/* the request that waits for its answer */
	char *in;
	size_t n, cap;
	bool closed;
	struct peer_line *next;
};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

static void
line_close(struct peer_line *l)
{
	if (l->closed)
		return;
	l->closed = true;
	(void)loop_watch(l->peer->loop, &l->watch, 0);
	(void)close(l->watch.fd);
	if (l->open != NULL) {
		l->open->open = false;
		l->open->left = true;
	}
	l->open = NULL;
}

static void
send_all(struct peer_line *l, const char *p, size_t n)
{
	while (n != 0) {
		ssize_t did = send(l->watch.fd, p, n, MSG_NOSIGNAL);

		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return;
		p += did;
		n -= (size_t)did;
	}
}

void
heard_answer(struct heard *h, int status, const char *more, const char *body)
{
	char head[2048];
	int n = snprintf(head, sizeof(head),
	    "HTTP/1.1 %d Told\r\n%sContent-Length: %zu\r\n\r\n", status, more,
	    strlen(body));

	if (!h->open)
		return;
	must(n > 0 && (size_t)n < sizeof(head), "answer");
	h->open = false;
	h->line->open = NULL;
	send_all(h->line, head, (size_t)n);
	send_all(h->line, body, strlen(body));
}

void
heard_drop(struct heard *h)
{
	if (!h->open)
		return;
	h->open = false;
	h->line->open = NULL;
	line_close(h->line);
}

const char *
heard_header(const struct heard *h, const char *name, char *out, size_t size)
{
	const char *p = strcasestr(h->head, name);
	size_t n;

	out[0] = '\0';
	if (p == NULL)
		return NULL;
	p += strlen(name);
	p += strspn(p, ": ");
	n = strcspn(p, "\r\n");
	(void)snprintf(out, size, "%.*s", (int)n, p);
	return out;
}

/* The length of the whole request at the head of what came, or 0. */
static size_t
whole(const struct peer_line *l, size_t *head)
{
	const char *end = l->n != 0 ? strstr(l->in, "\r\n\r\n") : NULL;
	const char *length;
	size_t body = 0;

	if (end == NULL)
		return 0;
	*head = (size_t)(end - l->in) + 4;
	length = strcasestr(l->in, "\r\nContent-Length:");
	if (length != NULL && length < end)
		body = strtoul(length + 17, NULL, 10);
	return l->n >= *head + body ? *head + body : 0;
}

static struct heard *
heard_new(struct peer_line *l, size_t head, size_t n)
{
	struct heard *h = calloc(1, sizeof(*h));
	char *path;

	must(h != NULL, "memory");
	h->text = malloc(n + 2);
	must(h->text != NULL, "memory");
	memcpy(h->text, l->in, head);
	h->text[head - 1] = '\0';
	memcpy(h->text + head, l->in + head, n - head);
	h->text[n] = '\0';
	path = strchr(h->text, ' ');
	must(path != NULL, "request");
	*path++ = '\0';
	path[strcspn(path, " ")] = '\0';
	h->path = path;
	h->head = path + strlen(path) + 1;
	h->body = h->text + head;
	h->body_len = n - head;
	h->line = l;
	h->open = true;
	h->next = l->peer->heard;
	l->peer->heard = h;
	return h;
}

static void
take_request(struct peer_line *l)
{
	size_t head = 0, n = l->open == NULL ? whole(l, &head) : 0;

	if (n == 0)
		return;
	l->open = heard_new(l, head, n);
	memmove(l->in, l->in + n, l->n - n + 1);
	l->n -= n;
	l->peer->hear(l->peer, l->open);
}

static void
on_bytes(struct watch *w, uint32_t events)
{
	struct peer_line *l = (struct peer_line *)w;
	ssize_t n;

	(void)events;
	if (l->cap - l->n < 65536) {
		l->cap = l->cap * 2 + 131072;
		l->in = realloc(l->in, l->cap);
		must(l->in != NULL, "memory");
	}
	n = recv(w->fd, l->in + l->n, l->cap - l->n - 1, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		line_close(l);
		return;
	}
	l->n += (size_t)n;
	l->in[l->n] = '\0';
	take_request(l);
}

static void
on_call(struct watch *w, uint32_t events)
{
	struct loop_peer *p = (struct loop_peer *)((char *)w -
	    offsetof(struct loop_peer, watch));
	const int one = 1;
	struct peer_line *l;
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);

	(void)events;
	must(fd >= 0, "accept");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	l = calloc(1, sizeof(*l));
	must(l != NULL, "memory");
	l->peer = p;
	l->watch = (struct watch){ .ready = on_bytes, .fd = fd };
	l->next = p->lines;
	p->lines = l;
	must(loop_watch(p->loop, &l->watch, EPOLLIN), "watch");
}

void
loop_peer_begin(struct loop_peer *p, struct loop *loop)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(fd >= 0 && bind(fd, (void *)&a, n) == 0 &&
	    listen(fd, 512) == 0 && getsockname(fd, (void *)&a, &n) == 0,
	    "listen");
	p->port = ntohs(a.sin_port);
	p->loop = loop;
	p->watch = (struct watch){ .ready = on_call, .fd = fd };
	must(loop_watch(loop, &p->watch, EPOLLIN), "watch");
}

void
loop_peer_end(struct loop_peer *p)
{
	struct peer_line *l;
	struct heard *h;

	while ((l = p->lines) != NULL) {
		p->lines = l->next;
		line_close(l);
		free(l->in);
		free(l);
	}
	while ((h = p->heard) != NULL) {
		p->heard = h->next;
		free(h->text);
		free(h);
	}
	(void)loop_watch(p->loop, &p->watch, 0);
	(void)close(p->watch.fd);
}
