/*
 * The exec channel: each message is the standard input of a program.
 *
 * Opened like all kinds.  Owns the programs that run for it, so many at a
 * time as channel.in_flight says; more wait here.  What a program did is told
 * by its exit code, the codes of sysexits.h; its output names the ids.  After
 * channel.timeout its group gets SIGTERM, KILL_MS later SIGKILL; then it took
 * nothing, whatever its code.
 *
 * Programs are started by a job, as the disk may block.  What they say on
 * standard error goes nowhere: it may be a text.
 */
#include "channel/channel.h"

#include "base/child.h"
#include "codec/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sysexits.h>
#include <unistd.h>

#define KILL_MS 5000		/* from SIGTERM to SIGKILL */
#define ASK_MS 20		/* where its end has to be asked for */
#define OUTPUT_MAX ((size_t)64 * 1024)	/* then its output is closed */
#define CHUNK ((size_t)16 * 1024)
#define ENV_MAX ((size_t)16 * 1024)
#define ENV_N 6
#define PROGRAM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:" \
	"/sbin:/bin"

TAILQ_HEAD(runs, run);

struct exec {
	struct channel channel;
	const struct config_channel *config;
	struct runs running, waiting;
	int64_t n;		/* running */
};

/* One message, and the program that gets it. */
struct run {
	struct job job;		/* starts it */
	struct exec *exec;
	struct delivery *delivery;
	struct child child;
	int error;		/* why it did not start, an errno */
	struct watch in, out, end;
	struct timer timer;
	int64_t limit_ms;	/* the next signal */
	bool late;		/* its time was over; or */
	bool broken;		/* we could not go on */
	bool full;		/* it said too much */
	size_t written;
	struct buf output, texts;
	char *env[ENV_N + 1];
	TAILQ_ENTRY(run) link;
};

static const char *
path_of(const struct exec *x)
{
	return x->config->url + strlen(channel_exec.scheme);
}

static enum err
exec_open(struct channel **out, const struct config_channel *c,
    const struct channel_env *env, struct problem *p)
{
	struct exec *x;

	(void)env;
	if (c->url[strlen(channel_exec.scheme)] != '/')
		return problem_set(p, ERR_CONFIG, -1, NULL,
		    "exec: needs the absolute path of a program");
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	x->channel.kind = &channel_exec;
	x->config = c;
	TAILQ_INIT(&x->running);
	TAILQ_INIT(&x->waiting);
	*out = &x->channel;
	return ERR_OK;
}

static struct loop *
loop_of(const struct run *r)
{
	return r->exec->channel.env->loop;
}

/* ---- its end */

static bool
is_final(int code)
{
	return (code >= EX_USAGE && code <= EX_UNAVAILABLE) ||
	    (code >= EX_PROTOCOL && code <= EX_CONFIG);
}

/* Lines that Bitrix24 can be told: UTF-8 without control bytes. */
static bool
is_text(const struct buf *b)
{
	struct utf8 at = { 0 };

	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->p[i];

		if (!utf8_step(&at, c) || c == 0x7f ||
		    (c < ' ' && strchr("\t\r\n", c) == NULL) || c == '\0')
			return false;
	}
	return utf8_whole(&at);
}

static enum err
add_lines(struct receipt *receipt, const struct buf *b)
{
	enum err e = ERR_OK;

	for (size_t i = 0, n; e == ERR_OK && i < b->len; i += n + 1) {
		const char *end = memchr(b->p + i, '\n', b->len - i);
		size_t line;

		line = n = end != NULL ? (size_t)(end - b->p) - i :
		    b->len - i;
		if (line != 0 && b->p[i + line - 1] == '\r')
			line--;
		e = receipt_add_id(receipt, b->p + i, line);
	}
	return e;
}

/* Output that names no ids is as good: the key serves. */
static void
took(const struct run *r, struct receipt *receipt)
{
	const char *key = r->delivery->parcel.key;
	bool named = !r->full && is_text(&r->output) &&
	    add_lines(receipt, &r->output) == ERR_OK;

	if (!named)
		buf_reset(&receipt->ids);
	if (receipt->ids.len == 0)
		receipt->err = receipt_add_id(receipt, key, strlen(key));
}

static void
judge(const struct run *r, int code, struct receipt *receipt)
{
	if (r->broken) {
		receipt->untold = true;
		receipt_fail(receipt, ERR_RETRY, "program: no memory or no "
		    "descriptors for it");
	} else if (r->late) {
		receipt->down = true;
		receipt_fail(receipt, ERR_RETRY, "program: not done within %"
		    PRId64 " s", r->exec->config->timeout);
	} else if (code == EX_OK) {
		took(r, receipt);
	} else if (code < 0) {
		receipt_fail(receipt, ERR_RETRY, "program: killed by signal "
		    "%d", -code);
	} else {
		receipt_fail(receipt, is_final(code) ? ERR_REFUSED :
		    ERR_RETRY, "program: exit code %d", code);
	}
}

/* Where nothing could be had to start it, the channel is not to blame. */
static void
judge_start(const struct run *r, struct receipt *receipt)
{
	receipt->untold = r->error == EAGAIN || r->error == ENOMEM ||
	    r->error == EMFILE || r->error == ENFILE;
	receipt->down = !receipt->untold;
	receipt_fail(receipt, ERR_RETRY, "program: cannot be started: %s",
	    strerror(r->error));
}

static void
unwatch(struct run *r, struct watch *w, int *fd)
{
	(void)loop_watch(loop_of(r), w, 0);
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

static void
run_free(struct run *r)
{
	unwatch(r, &r->in, &r->child.in);
	unwatch(r, &r->out, &r->child.out);
	unwatch(r, &r->end, &r->child.end);
	loop_disarm(loop_of(r), &r->timer);
	buf_free(&r->output);
	buf_free(&r->texts);
	loop_bury(loop_of(r), r);
}

static void pump(struct exec *);

static void
finish(struct run *r)
{
	struct exec *x = r->exec;
	struct delivery *d = r->delivery;

	TAILQ_REMOVE(&x->running, r, link);
	x->n--;
	run_free(r);
	delivery_end(&x->channel, d);
	pump(x);
}

/* ---- while it runs */

/* Who says too much finds its output closed.  False: nothing is there now. */
static bool
read_some(struct run *r)
{
	struct buf *b = &r->output;
	size_t room = b->max - b->len < CHUNK ? b->max - b->len : CHUNK;
	ssize_t n;

	r->full = room == 0 || buf_reserve(b, room) != ERR_OK;
	if (!r->full) {
		n = read(r->child.out, b->p + b->len, room);
		if (n > 0)
			b->len += (size_t)n;
		if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
			return n > 0;
	}
	unwatch(r, &r->out, &r->child.out);
	return false;
}

static void
on_out(struct watch *w, uint32_t events)
{
	(void)events;
	(void)read_some((struct run *)((char *)w - offsetof(struct run,
	    out)));
}

/* A program need not read what it gets. */
static void
on_in(struct watch *w, uint32_t events)
{
	struct run *r = (struct run *)((char *)w - offsetof(struct run, in));
	const struct parcel *p = &r->delivery->parcel;
	ssize_t n = write(r->child.in, p->object + r->written,
	    p->object_len - r->written);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		r->written += (size_t)n;
	if (n < 0 || r->written == p->object_len)
		unwatch(r, &r->in, &r->child.in);
}

/* What it said before it ended is still there. */
static bool
has_ended(struct run *r)
{
	int code;

	if (!child_ended(&r->child, &code))
		return false;
	while (r->child.out >= 0 && read_some(r))
		continue;
	judge(r, code, &r->delivery->receipt);
	finish(r);
	return true;
}

static void
on_end(struct watch *w, uint32_t events)
{
	(void)events;
	(void)has_ended((struct run *)((char *)w - offsetof(struct run,
	    end)));
}

static void
arm(struct run *r)
{
	int64_t at = r->limit_ms;

	if (r->child.end < 0 && loop_now(loop_of(r)) + ASK_MS < at)
		at = loop_now(loop_of(r)) + ASK_MS;
	loop_arm(loop_of(r), &r->timer, at);
}

static void
on_timer(struct timer *t)
{
	struct run *r = (struct run *)((char *)t - offsetof(struct run,
	    timer));

	if (has_ended(r))
		return;
	if (loop_now(loop_of(r)) >= r->limit_ms) {
		child_kill(&r->child, r->late ? SIGKILL : SIGTERM);
		r->late = true;
		r->limit_ms = loop_now(loop_of(r)) + KILL_MS;
	}
	arm(r);
}

static bool
watch_all(struct run *r)
{
	r->in = (struct watch){ .ready = on_in, .fd = r->child.in };
	r->out = (struct watch){ .ready = on_out, .fd = r->child.out };
	r->end = (struct watch){ .ready = on_end, .fd = r->child.end };
	return loop_watch(loop_of(r), &r->in, EPOLLOUT) &&
	    loop_watch(loop_of(r), &r->out, EPOLLIN) &&
	    (r->end.fd < 0 || loop_watch(loop_of(r), &r->end, EPOLLIN));
}

/* ---- its start */

static void
on_started(struct job *job)
{
	struct run *r = (struct run *)job;

	if (r->error != 0) {
		judge_start(r, &r->delivery->receipt);
		finish(r);
		return;
	}
	if (!watch_all(r)) {
		r->broken = true;
		child_kill(&r->child, SIGKILL);
	}
	r->timer.fire = on_timer;
	r->limit_ms = loop_now(loop_of(r)) + (r->broken ? ASK_MS :
	    r->exec->config->timeout * 1000);
	arm(r);
}

static void
start(struct job *job)
{
	struct run *r = (struct run *)job;

	r->error = child_start(&r->child, path_of(r->exec), r->env);
}

/* One text behind the other, each with its NUL. */
static bool
make_env(struct run *r)
{
	const struct parcel *p = &r->delivery->parcel;
	char line[24];
	const char *const pairs[ENV_N][2] = {
		{ "PATH=", PROGRAM_PATH }, { "LANG=", "C.UTF-8" },
		{ "IMCONNECTOR_KEY=", p->key },
		{ "IMCONNECTOR_EVENT=", p->event },
		{ "IMCONNECTOR_CONNECTOR=", p->connector },
		{ "IMCONNECTOR_LINE=", line },
	};
	enum err e = ERR_OK;
	char *at;

	(void)snprintf(line, sizeof(line), "%" PRId64, p->line);
	buf_init(&r->texts, ENV_MAX);
	for (size_t i = 0; e == ERR_OK && i < ENV_N; i++) {
		e = buf_adds(&r->texts, pairs[i][0]);
		if (e == ERR_OK && pairs[i][1] != NULL)
			e = buf_adds(&r->texts, pairs[i][1]);
		if (e == ERR_OK)
			e = buf_addc(&r->texts, '\0');
	}
	at = r->texts.p;
	for (size_t i = 0; e == ERR_OK && i < ENV_N; i++) {
		r->env[i] = at;
		at += strlen(at) + 1;
	}
	return e == ERR_OK;
}

/* A job always comes back, so that none is left out of the count. */
static void
pump(struct exec *x)
{
	struct run *r;

	while (x->n < x->config->in_flight &&
	    (r = TAILQ_FIRST(&x->waiting)) != NULL) {
		TAILQ_REMOVE(&x->waiting, r, link);
		TAILQ_INSERT_TAIL(&x->running, r, link);
		x->n++;
		pool_run(x->channel.env->disk, &r->job);
	}
}

static void
exec_send(struct channel *channel, struct delivery *d)
{
	struct exec *x = (struct exec *)channel;
	struct run *r = calloc(1, sizeof(*r));

	if (r != NULL) {
		*r = (struct run){ .job = { .work = start,
		    .done = on_started }, .exec = x, .delivery = d,
		    .child = { .in = -1, .out = -1, .end = -1 } };
		buf_init(&r->output, OUTPUT_MAX);
	}
	if (r == NULL || !make_env(r)) {
		if (r != NULL)
			run_free(r);
		d->receipt.untold = true;
		receipt_fail(&d->receipt, ERR_RETRY, "out of memory");
		delivery_end(channel, d);
		return;
	}
	TAILQ_INSERT_TAIL(&x->waiting, r, link);
	pump(x);
}

/* ---- the end of the channel */

static void
exec_halt(struct channel *channel)
{
	const struct exec *x = (const struct exec *)channel;
	const struct run *r;

	/* those that a thread is just starting are left alone */
	TAILQ_FOREACH(r, &x->running, link)
		if (r->timer.place != 0)
			child_kill(&r->child, SIGTERM);
}

static void
drop_all(struct runs *runs)
{
	struct run *r;

	while ((r = TAILQ_FIRST(runs)) != NULL) {
		TAILQ_REMOVE(runs, r, link);
		child_kill(&r->child, SIGKILL);
		run_free(r);
	}
}

static void
exec_close(struct channel *channel)
{
	struct exec *x = (struct exec *)channel;

	drop_all(&x->running);
	drop_all(&x->waiting);
	free(x);
}

const struct channel_kind channel_exec = {
	.scheme = "exec:",
	.descriptors = 3,
	.open = exec_open,
	.send = exec_send,
	.halt = exec_halt,
	.close = exec_close,
};
