/*
 * FastCGI: the listening socket and the signals, in the loop.
 *
 * Called by the program when descriptor 0 is a listening socket.  Owns the
 * connections and the signals' descriptor.  An accept that fails is tried
 * again after a pause.
 */
#include "web/accept.h"

#include "web/connections.h"
#include "web/fcgi.h"
#include "web/listen.h"

#include "http/client.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BATCH 16		/* accepted in one turn */
#define PAUSE_MS 100		/* after an accept that failed */
#define STOP_MS 5000		/* for what is on its way */
#define CUT_MS 200		/* and then for readers to come back */
#define READER_FDS 2		/* of a reader: a pair */

struct server {
	struct relay *relay;
	const struct env *env;
	struct connections connections;
	struct watch listening;
	struct task accepting;
	struct timer pause;
	struct watch signals;
	bool stopping;
};

bool
accept_is_fastcgi(void)
{
	return fcgi_is_listening();
}

bool
accept_block_signals(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	return sigprocmask(SIG_BLOCK, &all, NULL) == 0;
}

static void
listen_again(struct server *s)
{
	if (!s->stopping && !loop_watch(s->env->loop, &s->listening, EPOLLIN))
		loop_arm(s->env->loop, &s->pause,
		    loop_now(s->env->loop) + PAUSE_MS);
}

static void
has_room(void *ctx)
{
	listen_again(ctx);
}

static void
on_pause(struct timer *t)
{
	listen_again((struct server *)((char *)t - offsetof(struct server,
	    pause)));
}

/* EMFILE, ECONNABORTED: a pause lets others finish. */
static void
pause_after(struct server *s, int code)
{
	log_warning(s->env->log, "accept-failed", F_INT("code", code));
	(void)loop_watch(s->env->loop, &s->listening, 0);
	loop_arm(s->env->loop, &s->pause, loop_now(s->env->loop) + PAUSE_MS);
}

static void
run_accept(struct task *t)
{
	struct server *s = (struct server *)((char *)t - offsetof(
	    struct server, accepting));
	int code = 0;

	for (int i = 0; i < BATCH && code == 0 && !s->stopping; i++)
		code = connections_accept(&s->connections, LISTEN_FD);
	if (code == CONNECTIONS_LATER) {
		/* one that is done says so, one that stays silent does not */
		(void)loop_watch(s->env->loop, &s->listening, 0);
		loop_arm(s->env->loop, &s->pause,
		    loop_now(s->env->loop) + PAUSE_MS);
	} else if (code != 0 && code != EAGAIN && code != EINTR)
		pause_after(s, code);
}

static void
on_listening(struct watch *w, uint32_t events)
{
	struct server *s = (struct server *)((char *)w - offsetof(
	    struct server, listening));

	(void)events;
	loop_ready(s->env->loop, &s->accepting);
}

static void
on_signal(struct watch *w, uint32_t events)
{
	struct server *s = (struct server *)((char *)w - offsetof(
	    struct server, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) != (ssize_t)sizeof(info) ||
	    s->stopping)
		return;
	s->stopping = true;
	log_info(s->env->log, "stopping", F_INT("signal", info.ssi_signo));
	loop_stop(s->env->loop);
}

static bool
open_signals(struct server *s)
{
	sigset_t stops;

	(void)sigemptyset(&stops);
	(void)sigaddset(&stops, SIGTERM);
	(void)sigaddset(&stops, SIGUSR1);
	(void)sigaddset(&stops, SIGINT);
	/* blocked again, as libfcgi has put handlers of its own there */
	s->signals = (struct watch){ .ready = on_signal,
	    .fd = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK) };
	return s->signals.fd >= 0 &&
	    sigprocmask(SIG_BLOCK, &stops, NULL) == 0 &&
	    loop_watch(s->env->loop, &s->signals, EPOLLIN);
}

static struct server *
server_new(struct relay *r, struct pool *readers)
{
	const struct config *c = relay_env(r)->config;
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct server){
		.relay = r,
		.env = relay_env(r),
		.connections = {
			.relay = r,
			.readers = readers,
			.room = {
				.most = listen_most(
				    http_descriptors(relay_env(r)->http) +
				    c->server.workers * READER_FDS +
				    relay_descriptors(r)),
				.has_room = has_room,
				.ctx = s,
			},
		},
		.listening = { .ready = on_listening, .fd = LISTEN_FD },
		.accepting = { .run = run_accept, .name = "accept" },
		.pause = { .fire = on_pause },
		.signals = { .fd = -1 },
	};
	connections_init(&s->connections);
	return s;
}

static void
server_free(struct server *s)
{
	(void)loop_watch(s->env->loop, &s->listening, 0);
	loop_disarm(s->env->loop, &s->pause);
	loop_unready(s->env->loop, &s->accepting);
	if (s->signals.fd >= 0) {
		(void)loop_watch(s->env->loop, &s->signals, 0);
		(void)close(s->signals.fd);
	}
	connections_free(&s->connections);
	free(s);
}

static bool
is_busy(const struct server *s)
{
	return connections_busy(&s->connections) || relay_busy(s->relay) != 0;
}

static void
turn_until(struct server *s, int64_t ms, bool all)
{
	struct deadline until = deadline_in(s->env->clock, ms);
	int64_t left;

	while ((all ? is_busy(s) : connections_busy(&s->connections)) &&
	    (left = deadline_left(&until)) > 0)
		loop_turn(s->env->loop, left);
}

/*
 * What is in the sockets is served before the relay begins nothing any more.
 * True: something does not end; the log says what.
 */
static bool
stop(struct server *s)
{
	struct loop *l = s->env->loop;

	(void)loop_watch(l, &s->listening, 0);
	loop_disarm(l, &s->pause);
	connections_stop(&s->connections);
	if (connections_busy(&s->connections))
		loop_turn(l, 0);
	relay_stop(s->relay);
	turn_until(s, STOP_MS, true);
	if (!is_busy(s))
		return false;
	log_warning(s->env->log, "stopped-busy",
	    F_INT("on-their-way", relay_busy(s->relay)),
	    F_INT("requests", connections_busy(&s->connections)));
	connections_cut(&s->connections);
	turn_until(s, CUT_MS, false);
	return is_busy(s);
}

static enum err
start(struct server *s, struct problem *problem)
{
	if (!fcgi_library())
		return problem_set(problem, ERR_RETRY, -1, NULL,
		    "libfcgi cannot start");
	if (!listen_open(s->env->log) || !open_signals(s) ||
	    !loop_watch(s->env->loop, &s->listening, EPOLLIN))
		return problem_set(problem, ERR_RETRY, -1, NULL,
		    "cannot listen: %s", strerror(errno));
	return ERR_OK;
}

enum err
accept_serve(struct relay *r, struct pool *readers, bool *busy,
    struct problem *problem)
{
	struct server *s = server_new(r, readers);
	enum err e;

	*busy = false;
	if (s == NULL)
		return problem_set(problem, ERR_NOMEM, -1, NULL,
		    "out of memory");
	e = start(s, problem);
	if (e == ERR_OK) {
		relay_start(r);
		loop_run(s->env->loop);
		*busy = stop(s);
	}
	if (!*busy)
		server_free(s);
	return e;
}
