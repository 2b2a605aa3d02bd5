/*
 * Descriptors of the loop, by epoll.
 *
 * Called by loop.c.  Owns the epoll descriptor; the watched ones are their
 * owners'.  A watch that is ended is taken out of the reports that are still
 * to be handled, so neither its memory nor its descriptor's number, both of
 * which may serve something else at once, can get a report that was not
 * theirs.
 */
#include "base/loop_inside.h"

#include <errno.h>
#include <unistd.h>

bool
poller_init(struct loop *l)
{
	l->poller.fd = epoll_create1(EPOLL_CLOEXEC);
	return l->poller.fd >= 0;
}

void
poller_end(struct loop *l)
{
	if (l->poller.fd >= 0)
		(void)close(l->poller.fd);
}

/* Fails only when a signal came: a turn without reports. */
void
poller_sleep(struct loop *l, int ms)
{
	struct poller *p = &l->poller;

	p->got = epoll_wait(p->fd, p->reports, REPORTS_MAX, ms);
	if (p->got < 0)
		p->got = 0;
}

void
poller_report(struct loop *l)
{
	struct poller *p = &l->poller;

	for (p->at = 0; p->at < p->got; p->at++) {
		const struct epoll_event *e = &p->reports[p->at];
		struct watch *w = e->data.ptr;
		uint32_t wanted = w != NULL ?
		    w->events | EPOLLERR | EPOLLHUP : 0;

		/* What is watched may have changed since the report. */
		if ((e->events & wanted) == 0)
			continue;
		if (w->wakes != NULL)
			loop_ready(l, w->wakes);
		else
			w->ready(w, e->events & wanted);
	}
	p->got = 0;
}

static void
forget_reports(struct poller *p, const struct watch *w)
{
	for (int i = p->at; i < p->got; i++)
		if (p->reports[i].data.ptr == w)
			p->reports[i].data.ptr = NULL;
}

/*
 * The kernel forgets a descriptor when it is closed, and knows one that
 * somebody closed and opened in between: what it has is brought to what we
 * want, whatever that was.
 */
static bool
tell_epoll(const struct poller *p, struct watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	int op = w->events != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(p->fd, op, w->fd, &e) == 0)
		return true;
	if (op == EPOLL_CTL_MOD && errno == ENOENT)
		op = EPOLL_CTL_ADD;
	else if (op == EPOLL_CTL_ADD && errno == EEXIST)
		op = EPOLL_CTL_MOD;
	else
		return false;
	return epoll_ctl(p->fd, op, w->fd, &e) == 0;
}

bool
loop_watch(struct loop *l, struct watch *w, uint32_t events)
{
	bool ok = true;

	if (events == w->events)
		return true;
	if (events == 0) {
		/* It may be closed already, which ended it as well. */
		(void)epoll_ctl(l->poller.fd, EPOLL_CTL_DEL, w->fd, NULL);
		forget_reports(&l->poller, w);
	} else {
		ok = tell_epoll(&l->poller, w, events);
	}
	if (ok)
		w->events = events;
	return ok;
}
