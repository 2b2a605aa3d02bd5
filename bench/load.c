/*
 * load: posts Bitrix24 events to a web server, as many at a time as asked.
 *
 *	load PORT REQUEST FIRST IN-FLIGHT SECONDS RATE LIMIT PORTALS
 *
 *	PORT		where the web server is, on loopback
 *	REQUEST		what is sent. Twelve "#" stand for the id of its one
 *			message; "@@" for two of its portal's four digits, in
 *			turn
 *	FIRST		the first id; each event has its own
 *	IN-FLIGHT	connections, each with one event under way
 *	SECONDS		begin events for so long, then wait for answers
 *	RATE		begin so many events a second, however fast they are
 *			answered; 0: a new one when one is answered
 *	LIMIT		begin no more events than that; 0: no limit
 *	PORTALS		each event is of one of so many, number k with a share
 *			of 1/(k + 1)
 *
 * One thread with epoll, kept HTTP/1.1 connections.  Prints how many seconds
 * it took to the last answer, and a line for each event: the answer's status
 * (0: there was none) and its time in microseconds.  That counts from when the
 * event was due, so that a server that stalls is not spared the waiting.
 */
#include "common.h"

#include <errno.h>

#define ANSWER_MAX 16384
#define ID "############"
#define ID_BASE 100000000000LL	/* the first number that is so long */
#define IN_FLIGHT_MAX 4096
#define EVENTS_MAX (4 << 20)
#define GRACE (60 * SECOND)	/* how long the last answers are waited for */

struct conn {
	int fd;			/* -1: not connected */
	bool busy;
	int64_t due;		/* when its event was to begin */
	size_t have;
	char in[ANSWER_MAX];
};

static struct {
	uint16_t port;
	int64_t first, limit;
	int in_flight, portals;
	double rate;
} o;

/* The request, and where ids and digits of the portal are in it. */
static char *request;
static size_t length, ids, digits, id[8], digit[64];

static struct conn conns[IN_FLIGHT_MAX];
static double shares;		/* of all portals */
static int epoll, busy;
static int64_t start, stop, last, begun, done;
static struct {
	int status;
	long long us;
} ends[EVENTS_MAX];

/* Finds what is replaced in each event. */
static void
look(void)
{
	length = strlen(request);
	for (size_t i = 0; i < length; i++) {
		if (strncmp(request + i, ID, strlen(ID)) == 0) {
			id[ids++ % 8] = i;
			i += strlen(ID) - 1;
		} else if (strncmp(request + i, "@@", 2) == 0) {
			digit[digits++ % 64] = i++;
		}
	}
	if (ids > 8 || digits > 64)
		fail("so many ids");
}

static void
put_digits(char *at, size_t width, int64_t n)
{
	while (width-- > 0) {
		at[width] = (char)('0' + n % 10);
		n /= 10;
	}
}

/* The next event's portal: the same row of them in every run. */
static int
choose(void)
{
	double at = drand48() * shares;
	int k = 0;

	while (k < o.portals - 1 && (at -= 1.0 / (k + 1)) >= 0)
		k++;
	return k;
}

/* The next event. */
static void
make_request(void)
{
	int portal = choose();

	for (size_t i = 0; i < ids; i++)
		put_digits(request + id[i], strlen(ID),
		    ID_BASE + o.first + begun);
	for (size_t i = 0; i < digits; i++)
		put_digits(request + digit[i], 2,
		    i % 2 == 0 ? portal / 100 : portal % 100);
}

static void
disconnect(struct conn *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	c->fd = -1;
}

static bool
connected(struct conn *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
	    .sin_port = htons(o.port),
	    .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };

	if (c->fd >= 0)
		return true;
	/* connecting to loopback does not wait */
	c->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (c->fd < 0)
		fail("socket");
	if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		return false;
	no_delay(c->fd);
	watch(epoll, c->fd, c);
	return true;
}

/* An event is over; `status` 0: it failed without an answer. */
static void
finish(struct conn *c, int status)
{
	c->busy = false;
	busy--;
	last = now_us();
	if (done == EVENTS_MAX)
		fail("so many events");
	ends[done].status = status;
	ends[done++].us = last - c->due;
	if (status == 0)
		disconnect(c);
}

static void
begin(struct conn *c, int64_t due)
{
	make_request();
	begun++;
	busy++;
	c->busy = true;
	c->have = 0;
	c->due = due;
	if (!connected(c) || send(c->fd, request, length, MSG_NOSIGNAL) !=
	    (ssize_t)length)
		finish(c, 0);
}

/* Whether the answer is all there: chunks end with an empty one. */
static bool
complete(struct conn *c)
{
	size_t head, n;

	c->in[c->have] = '\0';
	n = message_length(c->in, &head);
	if (n == 0)
		return false;
	if (strcasestr(c->in, "\r\ntransfer-encoding: chunked") == NULL)
		return c->have >= n;
	return c->have >= head + 5 &&
	    memcmp(c->in + c->have - 5, "0\r\n\r\n", 5) == 0;
}

static void
hear(struct conn *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, ANSWER_MAX - 1 - c->have,
	    MSG_DONTWAIT);
	long status;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || !c->busy) {
		if (c->busy)
			finish(c, 0);
		disconnect(c);
		return;
	}
	c->have += (size_t)n;
	if (!complete(c) && c->have < ANSWER_MAX - 1)
		return;
	status = strtol(c->in + strlen("HTTP/1.1 "), NULL, 10);
	finish(c, (int)status);
	if (strcasestr(c->in, "\r\nconnection: close") != NULL)
		disconnect(c);
}

/* When the next event is due, or -1 when there are no more. */
static int64_t
next_due(int64_t now)
{
	int64_t due = o.rate <= 0 ? now :
	    start + (int64_t)((double)begun / o.rate * (double)SECOND);

	return due >= stop || now >= stop + SECOND ||
	    (o.limit > 0 && begun >= o.limit) ? -1 : due;
}

/* Begins what is due; the ms until the next one is, or a short while. */
static int
begin_due(void)
{
	int64_t now = now_us(), due = 0;

	for (int i = 0; i < o.in_flight; i++) {
		if (conns[i].busy)
			continue;
		due = next_due(now);
		if (due < 0 || due > now)
			break;
		begin(&conns[i], due);
	}
	/* if none is busy all failed: do not spin on them */
	return due > now ? (int)((due - now) / 1000 + 1) : busy == 0 ? 1 : 100;
}

static void
run(void)
{
	struct epoll_event ev[256];
	int n, wait;

	while (now_us() < stop + GRACE) {
		wait = begin_due();
		if (busy == 0 && next_due(now_us()) < 0)
			break;
		n = epoll_wait(epoll, ev, 256, wait);
		for (int i = 0; i < n; i++)
			hear(ev[i].data.ptr);
	}
}

static void
print(void)
{
	printf("%.6f\n", (double)(last - start) / (double)SECOND);
	for (int64_t i = 0; i < done; i++)
		printf("%d %lld\n", ends[i].status, ends[i].us);
	for (; busy > 0; busy--)	/* never answered */
		puts("0 0");
}

int
main(int argc, char **argv)
{
	if (argc != 9)
		fail("load PORT REQUEST FIRST IN-FLIGHT SECONDS RATE LIMIT "
		    "PORTALS");
	o.port = (uint16_t)strtoul(argv[1], NULL, 10);
	request = argv[2];
	o.first = strtoll(argv[3], NULL, 10);
	o.in_flight = (int)strtol(argv[4], NULL, 10);
	o.rate = strtod(argv[6], NULL);
	o.limit = strtoll(argv[7], NULL, 10);
	o.portals = (int)strtol(argv[8], NULL, 10);
	look();
	for (int k = 0; k < o.portals; k++)
		shares += 1.0 / (k + 1);
	if (o.in_flight > IN_FLIGHT_MAX)
		fail("so many in flight");
	for (int i = 0; i < o.in_flight; i++)
		conns[i].fd = -1;
	epoll = epoll_create1(0);
	srand48(1);
	start = last = now_us();
	stop = start + (int64_t)(strtod(argv[5], NULL) * (double)SECOND);
	run();
	print();
	return 0;
}
