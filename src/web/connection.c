/*
 * One connection of the web server, in the loop: a watch, a task, a timer.
 *
 * Called by connections.c.  Owns its descriptor and what is read of a request.
 * An event only makes the task ready; that looks at what has come.  Who cannot
 * be watched is closed.
 *
 * A web server may keep a connection for hours between two events, and one
 * that is closed at the wrong moment costs an event.  So only those are
 * closed after a minute that have never said anything, or stopped within a
 * head; the others when descriptors run short, and not with a head inside.
 * A body has server.body_timeout in all; what is there of it by then is what
 * is answered.  None of this holds a thread: only a request that is too large
 * to wait for in the loop gets one.
 */
#include "web/connection.h"

#include "web/fcgi.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS 2000		/* for a peer to take its answer and go */
#define AGAIN_MS 50		/* between looks for descriptors */
#define SPEAK_MS 1000		/* from a connection to its head, at a stop
				 * and where descriptors are short */
#define CHUNK ((size_t)16 * 1024)
#define DRAIN_CHUNKS 8		/* in one turn */

static struct connection_list *
list_of(struct connections *all, enum connection_stage stage)
{
	if (stage == CONNECTION_WAITING)
		return &all->waiting;
	if (stage == CONNECTION_CLOSING)
		return &all->closing;
	return &all->working;
}

void
connection_enter(struct connection *c, enum connection_stage stage)
{
	TAILQ_REMOVE(list_of(c->all, c->stage), c, link);
	c->stage = stage;
	TAILQ_INSERT_TAIL(list_of(c->all, stage), c, link);
}

static void
arm(struct connection *c, int64_t ms)
{
	loop_arm(c->all->env->loop, &c->timer,
	    loop_now(c->all->env->loop) + ms);
}

/* The descriptor is closed, or about to be: the memory serves the next. */
void
connection_close(struct connection *c)
{
	struct connections *all = c->all;

	(void)loop_watch(all->env->loop, &c->watch, 0);
	loop_unready(all->env->loop, &c->task);
	loop_disarm(all->env->loop, &c->timer);
	intake_end(&c->intake);
	if (c->intake.fd >= 0)
		(void)close(c->intake.fd);
	TAILQ_REMOVE(list_of(all, c->stage), c, link);
	TAILQ_INSERT_HEAD(&all->spare, c, link);
	all->open--;
	connections_idle(all);
}

/* Reports what is new only: what is there is taken when it is wanted. */
static bool
watch(struct connection *c)
{
	return loop_watch(c->all->env->loop, &c->watch, EPOLLIN | EPOLLRDHUP |
	    EPOLLET);
}

void
connection_next(struct connection *c)
{
	connection_enter(c, CONNECTION_WAITING);
	c->bounded = false;
	if (!watch(c)) {
		connection_close(c);
		return;
	}
	if (c->stirred)
		loop_ready(c->all->env->loop, &c->task);
	if (!c->all->stopping)
		connections_idle(c->all);
	else
		(void)connection_shut(c);
}

/* Until the peer has closed, too, lest the answer is lost with input that
 * was not read. */
void
connection_linger(struct connection *c)
{
	connection_enter(c, CONNECTION_CLOSING);
	if (shutdown(c->intake.fd, SHUT_WR) != 0 || !watch(c)) {
		connection_close(c);
		return;
	}
	arm(c, LINGER_MS);
	loop_ready(c->all->env->loop, &c->task);
}

void
connection_drop(struct connection *c, const char *reason)
{
	log_warning(c->all->env->log, "dropped", F_STR("reason", reason));
	connection_close(c);
}

static int64_t
body_ms(const struct connection *c)
{
	return c->all->env->config->server.body_timeout * 1000;
}

/* The time for a body runs from its whole head on. */
static void
collect(struct connection *c)
{
	if (c->stage == CONNECTION_COLLECTING)
		return;
	connection_enter(c, CONNECTION_COLLECTING);
	c->intake.until = deadline_in(c->all->env->clock, body_ms(c));
	arm(c, body_ms(c));
}

/* From now on it must say the rest of a head that it has begun. */
static void
bound(struct connection *c)
{
	if (c->bounded)
		return;
	connection_enter(c, CONNECTION_WAITING);
	c->bounded = true;
	c->bounded_at = loop_now(c->all->env->loop);
	arm(c, c->all->silent_ms);
}

/*
 * False: it is served.  What has come in parts needs descriptors for that,
 * and waits for them for as long as a body may take.
 */
static bool
serve_soon(struct connection *c)
{
	if (!intake_has_room(&c->intake)) {
		collect(c);
		if (deadline_left(&c->intake.until) > 0) {
			arm(c, AGAIN_MS);
			return true;
		}
	}
	connection_serve(c);
	return false;
}

/* False: it is served, or gone. */
static bool
look(struct connection *c)
{
	switch (intake_look(&c->intake)) {
	case INTAKE_NONE:
		return true;
	case INTAKE_HEAD:
		bound(c);
		return true;
	case INTAKE_BODY:
		collect(c);
		return true;
	case INTAKE_WHOLE:
	case INTAKE_CUT:
		return serve_soon(c);
	case INTAKE_LARGE:
		collect(c);
		connection_serve_slowly(c);
		return false;
	case INTAKE_BROKEN:
		connection_drop(c, CONNECTION_BROKE_OFF);
		return false;
	case INTAKE_OVER:
		connection_close(c);
		return false;
	}
	return false;
}

/* Takes what still comes, which nobody wants, until the peer goes. */
static void
drain(struct connection *c)
{
	char p[CHUNK];
	ssize_t n = sizeof(p);

	for (int i = 0; i < DRAIN_CHUNKS && n == (ssize_t)sizeof(p); i++)
		n = recv(c->intake.fd, p, sizeof(p), MSG_DONTWAIT);
	if (n > 0)
		loop_ready(c->all->env->loop, &c->task);
	else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		connection_close(c);
}

static void
run(struct task *t)
{
	struct connection *c = OF(t, struct connection, task);

	if (c->stage == CONNECTION_SERVED)
		c->stirred = true;
	else if (c->stage == CONNECTION_CLOSING)
		drain(c);
	else
		(void)look(c);
}

/*
 * Closes a connection unless a head has come.  It is shut before the last
 * look: a head that is sent at this moment is either seen here or refused to
 * the sender, who then knows that nobody has read it.
 */
bool
connection_shut(struct connection *c)
{
	for (int looks = 0; looks < 2; looks++) {
		enum intake_state s = intake_look(&c->intake);

		if (s != INTAKE_NONE && s != INTAKE_HEAD &&
		    s != INTAKE_BROKEN && s != INTAKE_OVER) {
			loop_ready(c->all->env->loop, &c->task);
			return false;
		}
		(void)shutdown(c->intake.fd, SHUT_RD);
	}
	connection_close(c);
	return true;
}

bool
connection_is_fresh(const struct connection *c)
{
	return c->bounded &&
	    c->bounded_at + SPEAK_MS > loop_now(c->all->env->loop);
}

/*
 * Who connects does so to send at once.  Between the two there is a moment,
 * on a busy machine a long one, and a sender that is cut off in it may have
 * nobody else to turn to.
 */
void
connection_stop(struct connection *c)
{
	int64_t left = c->bounded_at + SPEAK_MS - loop_now(c->all->env->loop);

	if (c->bounded && left > 0)
		arm(c, left);
	else
		(void)connection_shut(c);
}

static void
on_timer(struct timer *t)
{
	struct connection *c = OF(t, struct connection, timer);
	const struct log *log = c->all->env->log;

	if (c->stage == CONNECTION_COLLECTING) {
		c->intake.over = true;
		loop_ready(c->all->env->loop, &c->task);
	} else if (c->stage == CONNECTION_CLOSING) {
		connection_close(c);
	} else if (c->stage == CONNECTION_WAITING && connection_shut(c)) {
		log_info(log, "closed", F_STR("reason",
		    "no request came on the connection"));
	}
}

/* Memory for a connection, from the last one that ended. */
static struct connection *
connection_memory(struct connections *all)
{
	struct connection *c = TAILQ_FIRST(&all->spare);

	if (c != NULL) {
		TAILQ_REMOVE(&all->spare, c, link);
		return c;
	}
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->fcgi = fcgi_new();
	if (c->fcgi != NULL)
		return c;
	free(c);
	return NULL;
}

struct connection *
connection_new(struct connections *all, int fd)
{
	struct connection *c = connection_memory(all);

	if (c == NULL)
		return NULL;
	*c = (struct connection){
		.request = { &connection_kind },
		.all = all,
		.fcgi = c->fcgi,
		.watch = { .wakes = &c->task, .fd = fd },
		.task = { .run = run, .name = "connection" },
		.timer = { .fire = on_timer },
		.stage = CONNECTION_WAITING,
	};
	intake_init(&c->intake, fd);
	TAILQ_INSERT_TAIL(&all->waiting, c, link);
	all->open++;
	return c;
}

void
connection_free(struct connection *c)
{
	fcgi_free(c->fcgi);
	free(c);
}

void
connection_begin(struct connection *c)
{
	/* most have brought their request */
	if (!look(c))
		return;
	if (!watch(c))
		connection_close(c);
	else if (c->stage == CONNECTION_WAITING)
		bound(c);
}
