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
 *
 * One thread with epoll, kept HTTP/1.1 connections on loopback.  An answer's
 * time counts from when its event was due, so that a server that stalls is
 * not spared the waiting.  Prints one line of JSON: what was begun, the
 * answers by status, failures, and times in microseconds.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ID_WIDTH 12		/* digits, so that every event is as long */
#define ID_BASE 100000000000LL
#define PLACES_MAX 4096		/* ids in one event */
#define ANSWER_MAX 16384
#define SECOND 1000000LL	/* times are in microseconds */

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
};

/* A request with the places where ids go. */
struct text {
	char *s;
	size_t n;
	size_t cap;
	size_t place[PLACES_MAX];
	size_t places;
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
	struct text request;
	struct conn *conn;
	int64_t start, stop;
	int64_t begun, done, failed;
	int busy;
	int64_t last_done;
	int64_t status[600];
	uint32_t *took;
	size_t took_cap;
};

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * SECOND + t.tv_nsec / 1000;
}

/* Adds to a text; every '#' becomes the place of an id. */
static void __attribute__((format(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	char piece[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(piece, sizeof(piece), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(piece))
		fail("a piece of the event is too long");
	for (const char *s = piece; *s != '\0'; s++) {
		if (t->n + ID_WIDTH + 1 > t->cap) {
			t->cap = t->cap * 2 + 4096;
			t->s = realloc(t->s, t->cap);
			if (t->s == NULL)
				fail("realloc");
		}
		if (*s != '#') {
			t->s[t->n++] = *s;
			continue;
		}
		if (t->places == PLACES_MAX)
			fail("too many messages");
		t->place[t->places++] = t->n;
		memset(t->s + t->n, '0', ID_WIDTH);
		t->n += ID_WIDTH;
	}
}

/* A URL as a form spells it. */
static void
add_url(struct text *t, const char *url)
{
	for (; *url != '\0'; url++) {
		if (strchr(":/", *url) != NULL)
			add(t, "%%%02X", (unsigned char)*url);
		else
			add(t, "%c", *url);
	}
}

/* Three places for each message: chat_id, message_id, chat.id. */
static void
add_form(struct text *t, const struct options *o)
{
#define ITEM "&data%%5BMESSAGES%%5D%%5B%d%%5D"
	add(t, "event=ONIMCONNECTORMESSAGEADD&event_handler_id=555"
	    "&data%%5BCONNECTOR%%5D=myconnector&data%%5BLINE%%5D=107");
	for (int i = 0; i < o->messages; i++)
		add(t, ITEM "%%5Bim%%5D%%5Bchat_id%%5D=#"
		    ITEM "%%5Bim%%5D%%5Bmessage_id%%5D=#"
		    ITEM "%%5Bmessage%%5D%%5Buser_id%%5D=27"
		    ITEM "%%5Bmessage%%5D%%5Btext%%5D=%%5Bb%%5DSamantha+"
		    "Johnson%%3A%%5B%%2Fb%%5D+%%5Bbr%%5DGood+afternoon%%2C+"
		    "how+can+I+help%%3F"
		    ITEM "%%5Bchat%%5D%%5Bid%%5D=channel-#", i, i, i, i, i);
	add(t, "&ts=1773759161&auth%%5Baccess_token%%5D="
	    "c978b990071b0008440001b0895f697a&auth%%5Bexpires%%5D=1773762761"
	    "&auth%%5Bexpires_in%%5D=3600&auth%%5Bscope%%5D=imconnector%%2C+"
	    "imopenlines&auth%%5Bdomain%%5D=some-domain.bitrix24.com"
	    "&auth%%5Bserver_endpoint%%5D=https%%3A%%2F%%2F"
	    "oauth.bitrix24.tech%%2Frest%%2F&auth%%5Bstatus%%5D=F"
	    "&auth%%5Bclient_endpoint%%5D=");
	add_url(t, o->endpoint);
	add(t, "&auth%%5Bmember_id%%5D=bac1cd5c8940947a75e0d71b1a84e348"
	    "&auth%%5Buser_id%%5D=27&auth%%5Bapplication_token%%5D="
	    "831c76b092f9f135d9b6b36c3a720757");
#undef ITEM
}

static void
add_json(struct text *t, const struct options *o)
{
	add(t, "{\"event\":\"ONIMCONNECTORMESSAGEADD\","
	    "\"event_handler_id\":555,\"data\":{\"CONNECTOR\":"
	    "\"myconnector\",\"LINE\":107,\"MESSAGES\":[");
	for (int i = 0; i < o->messages; i++)
		add(t, "%s{\"im\":{\"chat_id\":#,\"message_id\":#},"
		    "\"message\":{\"user_id\":27,\"text\":\"[b]Samantha "
		    "Johnson:[/b] [br]Good afternoon, how can I help?\"},"
		    "\"chat\":{\"id\":\"channel-#\"}}", i != 0 ? "," : "");
	add(t, "]},\"ts\":1773759161,\"auth\":{\"access_token\":"
	    "\"c978b990071b0008440001b0895f697a\",\"expires\":1773762761,"
	    "\"expires_in\":3600,\"scope\":\"imconnector, imopenlines\","
	    "\"domain\":\"some-domain.bitrix24.com\",\"server_endpoint\":"
	    "\"https://oauth.bitrix24.tech/rest/\",\"status\":\"F\","
	    "\"client_endpoint\":\"%s\",\"member_id\":"
	    "\"bac1cd5c8940947a75e0d71b1a84e348\",\"user_id\":27,"
	    "\"application_token\":\"831c76b092f9f135d9b6b36c3a720757\"}}",
	    o->endpoint);
}

static void
make_request(struct text *t, const struct options *o)
{
	struct text body = { 0 };

	(o->json ? add_json : add_form)(&body, o);
	add(t, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	    "User-Agent: Bitrix24 Webhook Engine\r\n"
	    "Content-Type: application/%s\r\nContent-Length: %zu\r\n\r\n",
	    o->path, o->json ? "json" : "x-www-form-urlencoded", body.n);
	t->cap = t->n + body.n;
	t->s = realloc(t->s, t->cap);
	if (t->s == NULL)
		fail("realloc");
	memcpy(t->s + t->n, body.s, body.n);
	for (size_t i = 0; i < body.places; i++)
		t->place[i] = t->n + body.place[i];
	t->places = body.places;
	t->n += body.n;
	free(body.s);
}

static void
put_id(char *at, int64_t id)
{
	for (int i = ID_WIDTH - 1; i >= 0; i--, id /= 10)
		at[i] = (char)('0' + id % 10);
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
		l->took = realloc(l->took, l->took_cap * sizeof(*l->took));
		if (l->took == NULL)
			fail("realloc");
	}
	l->took[l->done++] = (uint32_t)(now - c->begun);
}

static void
begin(struct load *l, struct conn *c, int64_t due)
{
	const struct text *t = &l->request;
	int64_t id = ID_BASE + l->o->first + l->begun * l->o->messages;
	size_t sent = 0;
	ssize_t n;

	for (size_t i = 0; i < t->places; i++)
		put_id(c->out + t->place[i], id + (int64_t)(i / 3));
	l->begun++;
	l->busy++;
	c->busy = true;
	c->have = 0;
	c->begun = due;
	if (c->fd < 0 && !connect_to(l, c)) {
		finish(l, c, 0);
		return;
	}
	while (sent < t->n) {
		n = send(c->fd, c->out + sent, t->n - sent, MSG_NOSIGNAL);
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

int
main(int argc, char **argv)
{
	struct options o = { .in_flight = 1, .seconds = 1, .messages = 1,
	    .first = 1, .grace = 20 };
	struct load l = { .o = &o };

	read_options(argc, argv, &o);
	make_request(&l.request, &o);
	l.epoll = epoll_create1(0);
	l.conn = calloc((size_t)o.in_flight, sizeof(*l.conn));
	l.took_cap = 65536;
	l.took = malloc(l.took_cap * sizeof(*l.took));
	if (l.epoll < 0 || l.conn == NULL || l.took == NULL)
		fail("start");
	for (int i = 0; i < o.in_flight; i++) {
		l.conn[i].fd = -1;
		l.conn[i].out = malloc(l.request.n);
		if (l.conn[i].out == NULL)
			fail("malloc");
		memcpy(l.conn[i].out, l.request.s, l.request.n);
	}
	l.start = l.last_done = now_us();
	l.stop = l.start + (int64_t)(o.seconds * (double)SECOND);
	run(&l);
	print(&l);
	return 0;
}
