/*
 * Connections that wait for a request, without a thread.
 *
 * Called by connection.c.  Owns their list, their places in the epoll set and
 * the timer for those that say nothing.  Where a descriptor cannot be watched
 * the owner gets it back.
 *
 * A web server may keep a connection for hours between two events, and one
 * that is closed at the wrong moment costs an event.  So only those are
 * closed after a minute that have never said anything, or stopped within a
 * head; the others when descriptors run short, and not with a head inside.
 */
#include "web/idle.h"

#include "base/fault.h"
#include "web/head.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define SILENT_MS 60000
#define LOOK_MS 1000		/* between two looks for such */

enum err
idle_init(struct idle *s)
{
	TAILQ_INIT(&s->waiting);
	s->armed = false;
	s->silent_ms = fault_ms("IMCONNECTOR_SILENT_MS", SILENT_MS);
	s->timer_fd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK);
	if (s->timer_fd < 0)
		return ERR_RETRY;
	return pthread_mutex_init(&s->lock, NULL) == 0 ? ERR_OK : ERR_NOMEM;
}

void
idle_free(struct idle *s)
{
	struct idle_one *one;

	TAILQ_FOREACH(one, &s->waiting, link)
		(void)close(one->fd);
	TAILQ_INIT(&s->waiting);
	(void)close(s->timer_fd);
	(void)pthread_mutex_destroy(&s->lock);
}

static int64_t
now_ms(const struct idle *s)
{
	return s->clock->mono_ms(s->clock->ctx);
}

static void
arm(struct idle *s, int64_t at_ms)
{
	int64_t ms = at_ms - now_ms(s);
	struct itimerspec t = { 0 };

	if (ms < LOOK_MS)
		ms = LOOK_MS;
	t.it_value.tv_sec = ms / 1000;
	t.it_value.tv_nsec = ms % 1000 * 1000000;
	s->armed = timerfd_settime(s->timer_fd, 0, &t, NULL) == 0;
}

static bool
watch(const struct idle *s, struct idle_one *one, uint32_t how)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP | how,
	    .data.ptr = one->owner };
	int op = one->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	one->known = true;
	return epoll_ctl(s->epoll_fd, op, one->fd, &e) == 0;
}

/* The last of the list from now on. */
static void
append(struct idle *s, struct idle_one *one, bool bounded)
{
	one->since_ms = now_ms(s);
	one->bounded = bounded;
	TAILQ_INSERT_TAIL(&s->waiting, one, link);
	if (bounded && !s->armed)
		arm(s, one->since_ms + s->silent_ms);
}

static void
take_out(struct idle *s, struct idle_one *one)
{
	TAILQ_REMOVE(&s->waiting, one, link);
	one->waits = false;
}

bool
idle_wait(struct idle *s, struct idle_one *one, bool kept)
{
	bool ok;

	(void)pthread_mutex_lock(&s->lock);
	one->waits = true;
	one->edge = false;
	append(s, one, !kept);
	ok = watch(s, one, EPOLLONESHOT);
	if (!ok)
		take_out(s, one);
	(void)pthread_mutex_unlock(&s->lock);
	return ok;
}

/*
 * There is input, so the epoll set would report it again and again; from here
 * on it reports only what is new.  False: it cannot.
 */
static bool
wait_on(struct idle *s, struct idle_one *one, enum head h)
{
	bool first = !one->edge;

	if (h == HEAD_PART && !one->bounded) {
		TAILQ_REMOVE(&s->waiting, one, link);
		append(s, one, true);
	}
	one->edge = true;
	return !first || watch(s, one, EPOLLET);
}

bool
idle_take(struct idle *s, struct idle_one *one, bool *over)
{
	enum head h = HEAD_NONE;
	bool mine;

	/* the look is under the lock: else the event of what comes during
	 * it would find nobody who waits */
	(void)pthread_mutex_lock(&s->lock);
	mine = one->waits;
	if (mine)
		h = head_look(one->fd);
	if (mine && (h == HEAD_NONE || h == HEAD_PART)) {
		mine = !wait_on(s, one, h);
		h = HEAD_OVER;
	}
	if (mine)
		take_out(s, one);
	(void)pthread_mutex_unlock(&s->lock);
	*over = h == HEAD_OVER;
	return mine;
}

/*
 * Closes a connection unless a head has come.  It is shut before the last
 * look: a head that is sent at this moment is either seen here or refused to
 * the sender, who then knows that nobody has read it.
 */
static bool
shut(struct idle *s, struct idle_one *one)
{
	if (head_look(one->fd) == HEAD_WHOLE)
		return false;
	(void)shutdown(one->fd, SHUT_RD);
	if (head_came(one->fd))
		return false;
	take_out(s, one);
	(void)close(one->fd);
	return true;
}

struct idle_one *
idle_oldest(struct idle *s)
{
	struct idle_one *one;

	(void)pthread_mutex_lock(&s->lock);
	TAILQ_FOREACH(one, &s->waiting, link)
		if (shut(s, one))
			break;
	(void)pthread_mutex_unlock(&s->lock);
	return one;
}

struct idle_one *
idle_silent(struct idle *s)
{
	struct idle_one *one, *next = NULL;
	int64_t due;

	(void)pthread_mutex_lock(&s->lock);
	due = now_ms(s) - s->silent_ms;
	s->armed = false;
	TAILQ_FOREACH(one, &s->waiting, link) {
		if (!one->bounded)
			continue;
		if (next == NULL)
			next = one;
		if (one->since_ms > due || shut(s, one))
			break;
	}
	if (one != NULL && one->waits)
		one = NULL;		/* its time is to come */
	if (one == NULL && next != NULL)
		arm(s, next->since_ms + s->silent_ms);
	(void)pthread_mutex_unlock(&s->lock);
	return one;
}
