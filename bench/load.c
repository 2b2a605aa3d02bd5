/*
 * load: posts Bitrix24 events to a web server, as many at a time as asked.
 *
 *	load NAME=VALUE ...
 *
 *	port, path	where the web server is
 *	body		the event: a form in which each "#" stands for the id
 *			of its one message
 *	in_flight	connections, each with one event under way (1)
 *	seconds		begin events for so long, then wait for answers (1)
 *	first		the first id; each event has its own (1)
 *	rate		begin so many events a second, however fast they are
 *			answered; 0: a new one when one is answered (0)
 *	limit		begin no more events than that (no limit)
 *	grace		seconds to wait for the last answers (20)
 *	portals		each event is of one of so many, number k with a share
 *			of 1/(k + 1): each "@@" of the body stands for two of
 *			its four digits, in turn (1)
 *
 * One thread with epoll, kept HTTP/1.1 connections on loopback.  An answer's
 * time counts from when its event was due, so that a server that stalls is
 * not spared the waiting.  Prints one line of JSON: what was begun, the
 * answers by status, failures, and times in microseconds.
 */
#include "common.h"

#include <errno.h>
#include <sys/epoll.h>

#define ANSWER_MAX 16384
#define ID_WIDTH 12		/* digits, so that every event is as long */
#define ID_BASE 100000000000LL	/* the first number that is so long */

struct options {
	double port, in_flight, seconds, first, rate, limit, grace, portals;
	const char *path, *body;
};

/* The request, and where the message's ids and digits of its portal are. */
struct text {
	char *s;
	size_t n, ids, digits;
	size_t id[8], digit[64];
};

struct conn {
	int fd;			/* -1: not connected */
	bool busy;
	int64_t begun;
	size_t have;
	char *out;
	char in[ANSWER_MAX];
};

struct load {
	const struct options *o;
	int epoll;
	struct text request;
	struct conn *conn;
	double *share;		/* of the portals up to this one */
	uint64_t random;
	int64_t start, stop;
	int64_t begun, done, failed;
	int busy;
	int64_t last_done;
	int64_t status[600];
	uint32_t *took;
	size_t took_cap;
};

static void
put_digits(char *at, int width, int64_t n)
{
	for (int i = width - 1; i >= 0; i--, n /= 10)
		at[i] = (char)('0' + n % 10);
}

/* '#' becomes the place of an id. */
static void
add(struct text *t, const char *s)
{
	t->s = grow(t->s, t->n + strlen(s) * ID_WIDTH + 1);
	for (; *s != '\0'; s++) {
		if (*s == '#') {
			t->id[t->ids++ % 8] = t->n;
			put_digits(t->s + t->n, ID_WIDTH, ID_BASE);
			t->n += ID_WIDTH;
			continue;
		}
		if (s[0] == '@' && s[1] == '@') {
			t->digit[t->digits++ % 64] = t->n;
			t->s[t->n++] = *s++;
		}
		t->s[t->n++] = *s;
	}
	t->s[t->n] = '\0';
}

/* The head needs the body's length: the body is made twice. */
static void
make_request(struct text *t, const struct options *o)
{
	char head[512];

	add(t, o->body);
	(void)snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\n"
	    "Host: 127.0.0.1\r\nUser-Agent: Bitrix24 Webhook Engine\r\n"
	    "Content-Type: application/x-www-form-urlencoded\r\n"
	    "Content-Length: %zu\r\n\r\n", o->path, t->n);
	t->n = t->ids = t->digits = 0;
	add(t, head);
	add(t, o->body);
	if (t->digits > 64 || t->digits % 2 != 0 || t->ids > 8)
		fail("an odd number of @@");
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

	/* connecting to loopback does not wait */
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0)
		fail("socket");
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		disconnect(c);
		return false;
	}
	no_delay(c->fd);
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

/* The next event's portal: the same row of them in every run. */
static int
choose(struct load *l)
{
	int low = 0, high = (int)l->o->portals - 1;
	double at;

	l->random ^= l->random << 13;
	l->random ^= l->random >> 7;
	l->random ^= l->random << 17;
	at = (double)(l->random >> 11) / 9007199254740992.0 * l->share[high];
	while (low < high) {
		int middle = (low + high) / 2;

		if (l->share[middle] <= at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A message's own ids, and its portal. */
static void
put_ids(struct load *l, char *out)
{
	const struct text *t = &l->request;
	int64_t id = ID_BASE + (int64_t)l->o->first + l->begun;
	int portal = choose(l);

	for (size_t i = 0; i < t->ids; i++)
		put_digits(out + t->id[i], ID_WIDTH, id);
	for (size_t i = 0; i < t->digits; i++)
		put_digits(out + t->digit[i], 2, i % 2 == 0 ? portal / 100 :
		    portal % 100);
}

static void
begin(struct load *l, struct conn *c, int64_t due)
{
	size_t sent = 0;
	ssize_t n;

	put_ids(l, c->out);
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
	if (due >= l->stop || now >= l->stop + SECOND || (l->o->limit > 0 &&
	    l->begun >= (int64_t)l->o->limit))
		return -1;
	return due;
}

/* Begins what is due; the ms until the next one is, or a short while. */
static int
begin_due(struct load *l)
{
	int64_t now = now_us(), due = 0;

	for (int i = 0; i < (int)l->o->in_flight; i++) {
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
	int64_t failures = 0;
	int n, wait;

	while (now_us() < end) {
		wait = begin_due(l);
		if (l->busy == 0 && next_due(l, now_us()) < 0)
			break;
		if (l->failed != failures) {	/* do not spin on them */
			failures = l->failed;
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

static unsigned
percentile(const struct load *l, double p)
{
	return l->done == 0 ? 0 :
	    l->took[(size_t)((double)(l->done - 1) * p + 0.5)];
}

static void
print(const struct load *l)
{
	const char *comma = "";

	qsort(l->took, (size_t)l->done, sizeof(*l->took), by_size);
	printf("{\"begun\":%lld,\"failed\":%lld,\"seconds\":%.6f,"
	    "\"p50\":%u,\"p90\":%u,\"p99\":%u,\"max\":%u,\"status\":{",
	    (long long)l->begun, (long long)l->failed,
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
read_option(struct options *o, const char *word)
{
	const struct {
		const char *name;
		double *number;
		const char **text;
	} known[] = {
		{ "port", &o->port, NULL }, { "path", NULL, &o->path },
		{ "body", NULL, &o->body },
		{ "in_flight", &o->in_flight, NULL },
		{ "seconds", &o->seconds, NULL }, { "first", &o->first, NULL },
		{ "rate", &o->rate, NULL },
		{ "limit", &o->limit, NULL }, { "grace", &o->grace, NULL },
		{ "portals", &o->portals, NULL },
	};
	size_t n = strcspn(word, "=");

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strncmp(known[i].name, word, n) != 0 ||
		    known[i].name[n] != '\0' || word[n] == '\0')
			continue;
		if (known[i].text != NULL)
			*known[i].text = word + n + 1;
		else
			*known[i].number = strtod(word + n + 1, NULL);
		return;
	}
	fail(word);
}

/* What needs memory is there before the clock starts. */
static void
prepare(struct load *l)
{
	const struct options *o = l->o;
	size_t n = (size_t)o->in_flight, portals = (size_t)o->portals;

	l->epoll = epoll_create1(0);
	if (l->epoll < 0)
		fail("epoll_create1");
	l->conn = zeroed(n, sizeof(*l->conn));
	l->took_cap = 65536;
	l->took = grow(NULL, l->took_cap * sizeof(*l->took));
	for (size_t i = 0; i < n; i++) {
		l->conn[i].fd = -1;
		l->conn[i].out = grow(NULL, l->request.n);
		memcpy(l->conn[i].out, l->request.s, l->request.n);
	}
	l->share = zeroed(portals, sizeof(*l->share));
	for (size_t i = 0; i < portals; i++)
		l->share[i] = (i != 0 ? l->share[i - 1] : 0) +
		    1.0 / (double)(i + 1);
}

int
main(int argc, char **argv)
{
	struct options o = { .in_flight = 1, .seconds = 1,
	    .first = 1, .grace = 20, .portals = 1 };
	struct load *l = zeroed(1, sizeof(*l));

	for (int i = 1; i < argc; i++)
		read_option(&o, argv[i]);
	if (o.port == 0 || o.path == NULL || o.body == NULL ||
	    o.in_flight < 1 || o.portals < 1)
		fail("load: port, path and body are needed");
	l->o = &o;
	l->random = 88172645463325252U;
	make_request(&l->request, &o);
	prepare(l);
	l->start = l->last_done = now_us();
	l->stop = l->start + (int64_t)(o.seconds * (double)SECOND);
	run(l);
	print(l);
	return 0;
}
