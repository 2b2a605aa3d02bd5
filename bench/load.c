/*
 * load: posts Bitrix24 events to a web server, as many at a time as asked.
 *
 *	load --port N --path P --endpoint URL [options]
 *
 *	--in-flight N	connections, each with one event under way (1)
 *	--seconds S	begin events for so long; then wait for answers (1)
 *	--messages N	elements in each event (1)
 *	--first N	the first message's id; each message has its own,
 *			and a chat of its own (1)
 *	--rate N	begin N events a second, however fast they are
 *			answered; 0: a new one when one is answered (0)
 *	--grace S	how long to wait for the last answers (20)
 *	--limit N	begin no more than N events (no limit)
 *	--json		the events come as JSON, not as forms
 *	--print		post nothing, write an event's body to standard output
 *
 * One thread with epoll, kept HTTP/1.1 connections on loopback.  An answer's
 * time counts from when its event was due, so that a server that stalls is
 * not spared the waiting.  Prints one line of JSON: what was begun, the
 * answers by status, failures, and times in microseconds.
 */
#include "body.h"
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MAX 16384

struct options {
	int port;
	const char *path;
	const char *endpoint;
	int in_flight;
	double seconds;
	int messages;
	int64_t first;
	double rate;
	double grace;
	int64_t limit;
	bool json;
	bool print;
};

struct conn {
	int fd;			/* -1: not connected */
	bool busy;
	int64_t begun;
	size_t sent;
	size_t have;
	char *out;
	char in[ANSWER_MAX];
};

struct load {
	const struct options *o;
	int epoll;
	struct body request;
	struct conn *conn;
	int64_t start, stop;
	int64_t begun, done, failed;
	int busy;
	int64_t last_done;
	int64_t status[600];
	uint32_t *took;
	size_t took_cap;
};

/* The head needs the body's length: the body is made twice. */
static void
make_request(struct body *b, const struct options *o)
{
	const struct shape shape = { .json = o->json,
	    .messages = o->messages, .endpoint = o->endpoint };
	size_t length;

	body_event(b, &shape);
	length = b->n;
	if (o->print)
		return;
	body_free(b);
	body_add(b, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "User-Agent: Bitrix24 Webhook Engine\r\n"
	    "Content-Type: application/%s\r\nContent-Length: %zu\r\n\r\n",
	    o->path, o->json ? "json" : "x-www-form-urlencoded", length);
	body_event(b, &shape);
}

static void
disconnect(struct conn *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

static bool
connect_to(struct load *l, struct conn *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)l->o->port),
	    .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	const int yes = 1;

	/* connecting to loopback does not wait */
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0)
		fail("socket");
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		disconnect(c);
		return false;
	}
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0)
		fail("epoll_ctl");
	return true;
}

/* An event is over; `status` 0: it failed without an answer. */
static void
finish(struct load *l, struct conn *c, int status)
{
	int64_t now = now_us();

	c->busy = false;
	l->busy--;
	l->last_done = now;
	if (status < 100 || status > 599) {
		l->failed++;
		disconnect(c);
		return;
	}
	l->status[status]++;
	if ((size_t)l->done == l->took_cap) {
		l->took_cap = l->took_cap * 2 + 65536;
		l->took = grow(l->took, l->took_cap * sizeof(*l->took));
	}
	l->took[l->done++] = (uint32_t)(now - c->begun);
}

/*
 * A message's own ids.  Its chat_id tells the portal when its event was due:
 * they share the clock, and the chat is chat.id.
 */
static void
put_ids(const struct load *l, char *out, int64_t due)
{
	const struct body *b = &l->request;
	int64_t id = ID_BASE + l->o->first + l->begun * l->o->messages;

	for (size_t i = 0; i < b->places; i += 3, id++) {
		body_put_id(out + b->place[i], ID_BASE + due % ID_BASE);
		body_put_id(out + b->place[i + 1], id);
		body_put_id(out + b->place[i + 2], id);
	}
}

static void
begin(struct load *l, struct conn *c, int64_t due)
{
	size_t sent = 0;
	ssize_t n;

	put_ids(l, c->out, due);
	l->begun++;
	l->busy++;
	c->busy = true;
	c->have = 0;
	c->begun = due;
	if (c->fd < 0 && !connect_to(l, c)) {
		finish(l, c, 0);
		return;
	}
	while (sent < l->request.n) {
		n = send(c->fd, c->out + sent, l->request.n - sent,
		    MSG_NOSIGNAL);
		if (n < 0) {
			finish(l, c, 0);
			return;
		}
		sent += (size_t)n;
	}
}

/* The status of a complete answer, 0 while it is not, -1 for none. */
static int
answer(struct conn *c)
{
	const char *end, *field;
	size_t head, body;

	c->in[c->have] = '\0';
	end = strstr(c->in, "\r\n\r\n");
	if (end == NULL)
		return 0;
	head = (size_t)(end - c->in) + 4;
	field = strcasestr(c->in, "\r\ncontent-length:");
	if (field != NULL && field < end) {
		body = strtoul(field + 17, NULL, 10);
		if (c->have < head + body)
			return 0;
	} else if (c->have < head + 5 ||
	    memcmp(c->in + c->have - 5, "0\r\n\r\n", 5) != 0) {
		return 0;	/* chunks, of which the last is empty */
	}
	return strncmp(c->in, "HTTP/1.1 ", 9) == 0 ?
	    (int)strtol(c->in + 9, NULL, 10) : -1;
}

static void
hear(struct load *l, struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, ANSWER_MAX - 1 - c->have,
	    MSG_DONTWAIT);
	int status;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || !c->busy) {
		if (c->busy)
			finish(l, c, 0);
		disconnect(c);
		return;
	}
	c->have += (size_t)n;
	status = answer(c);
	if (status == 0 && c->have < ANSWER_MAX - 1)
		return;
	finish(l, c, status);
	if (c->fd >= 0 && strcasestr(c->in, "\r\nconnection: close") != NULL)
		disconnect(c);
}

/* When the next event is due, or -1 when there are no more. */
static int64_t
next_due(const struct load *l, int64_t now)
{
	int64_t due = now;

	if (l->o->rate > 0)
		due = l->start + (int64_t)((double)l->begun / l->o->rate *
		    (double)SECOND);
	if (due >= l->stop || now >= l->stop + SECOND ||
	    (l->o->limit > 0 && l->begun >= l->o->limit))
		return -1;
	return due;
}

/* Begins what is due; the ms until the next one is, or a short while. */
static int
begin_due(struct load *l)
{
	int64_t now = now_us(), due = 0;

	for (int i = 0; i < l->o->in_flight; i++) {
		if (l->conn[i].busy)
			continue;
		due = next_due(l, now);
		if (due < 0 || due > now)
			break;
		begin(l, &l->conn[i], due);
	}
	return due > now ? (int)((due - now) / 1000 + 1) : 100;
}

static void
run(struct load *l)
{
	struct epoll_event ev[256];
	int64_t end = l->stop + (int64_t)(l->o->grace * (double)SECOND);
	int n, wait, failures = 0;

	while (now_us() < end) {
		wait = begin_due(l);
		if (l->busy == 0 && next_due(l, now_us()) < 0)
			break;
		if (l->failed != failures) {	/* do not spin on them */
			failures = (int)l->failed;
			(void)usleep(1000);
		}
		n = epoll_wait(l->epoll, ev, 256, l->busy == 0 &&
		    l->o->rate <= 0 ? 0 : wait);
		for (int i = 0; i < n; i++)
			hear(l, ev[i].data.ptr);
	}
	l->failed += l->busy;	/* never answered */
}

static int
by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static uint32_t
percentile(const struct load *l, double p)
{
	if (l->done == 0)
		return 0;
	return l->took[(size_t)((double)(l->done - 1) * p + 0.5)];
}

static void
print(const struct load *l)
{
	const char *comma = "";

	qsort(l->took, (size_t)l->done, sizeof(*l->took), by_size);
	printf("{\"begun\":%lld,\"answered\":%lld,\"failed\":%lld,"
	    "\"seconds\":%.6f,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"max\":%u,"
	    "\"status\":{", (long long)l->begun, (long long)l->done,
	    (long long)l->failed,
	    (double)(l->last_done - l->start) / (double)SECOND,
	    percentile(l, 0.50), percentile(l, 0.90), percentile(l, 0.99),
	    percentile(l, 1.0));
	for (int i = 0; i < 600; i++) {
		if (l->status[i] == 0)
			continue;
		printf("%s\"%d\":%lld", comma, i, (long long)l->status[i]);
		comma = ",";
	}
	puts("}}");
}

static void
read_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "path", required_argument, NULL, 'a' },
		{ "endpoint", required_argument, NULL, 'e' },
		{ "in-flight", required_argument, NULL, 'i' },
		{ "seconds", required_argument, NULL, 's' },
		{ "messages", required_argument, NULL, 'm' },
		{ "first", required_argument, NULL, 'f' },
		{ "rate", required_argument, NULL, 'r' },
		{ "grace", required_argument, NULL, 'g' },
		{ "limit", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "print", no_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'p': o->port = (int)strtol(optarg, NULL, 10); break;
		case 'a': o->path = optarg; break;
		case 'e': o->endpoint = optarg; break;
		case 'i': o->in_flight = (int)strtol(optarg, NULL, 10); break;
		case 's': o->seconds = strtod(optarg, NULL); break;
		case 'm': o->messages = (int)strtol(optarg, NULL, 10); break;
		case 'f': o->first = strtoll(optarg, NULL, 10); break;
		case 'r': o->rate = strtod(optarg, NULL); break;
		case 'g': o->grace = strtod(optarg, NULL); break;
		case 'l': o->limit = strtoll(optarg, NULL, 10); break;
		case 'j': o->json = true; break;
		case 'n': o->print = true; break;
		default: exit(64);
		}
	}
	if (o->port == 0 || o->path == NULL || o->endpoint == NULL ||
	    o->in_flight < 1 || o->messages < 1 || optind != argc) {
		fputs("usage: load --port N --path P --endpoint URL ...\n",
		    stderr);
		exit(64);
	}
}

/* What needs memory is there before the clock starts. */
static void
prepare(struct load *l)
{
	const struct options *o = l->o;

	l->epoll = epoll_create1(0);
	if (l->epoll < 0)
		fail("epoll_create1");
	l->conn = grow(NULL, (size_t)o->in_flight * sizeof(*l->conn));
	l->took_cap = 65536;
	l->took = grow(NULL, l->took_cap * sizeof(*l->took));
	for (int i = 0; i < o->in_flight; i++) {
		l->conn[i] = (struct conn){ .fd = -1,
		    .out = grow(NULL, l->request.n) };
		memcpy(l->conn[i].out, l->request.s, l->request.n);
	}
}

int
main(int argc, char **argv)
{
	struct options o = { .in_flight = 1, .seconds = 1, .messages = 1,
	    .first = 1, .grace = 20 };
	struct load l = { .o = &o };

	read_options(argc, argv, &o);
	make_request(&l.request, &o);
	if (o.print) {
		put_ids(&l, l.request.s, now_us());
		return fwrite(l.request.s, 1, l.request.n, stdout) !=
		    l.request.n;
	}
	prepare(&l);
	l.start = l.last_done = now_us();
	l.stop = l.start + (int64_t)(o.seconds * (double)SECOND);
	run(&l);
	print(&l);
	return 0;
}
