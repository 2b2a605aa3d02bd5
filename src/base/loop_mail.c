/*
 * Letters: what other threads bring into the loop.
 *
 * loop_post() is called from any thread, the rest by the loop.  Owns the
 * eventfd; a letter is its sender's again once it is opened.  Waking costs
 * more than all the rest, so only who finds no letter there does it; hence
 * the order in mail_open(): the bell is emptied first, then the list is
 * taken.  The other way round, a letter could lie there without a bell.
 */
#include "base/loop_inside.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void
on_bell(struct watch *w, uint32_t events)
{
	struct mailbox *m = OF(w, struct mailbox, bell);

	(void)events;
	m->rung = true;
}

bool
mail_init(struct loop *l)
{
	struct mailbox *m = &l->mail;

	STAILQ_INIT(&m->in);
	STAILQ_INIT(&m->opening);
	(void)pthread_mutex_init(&m->lock, NULL);	/* plain: cannot fail */
	m->bell.ready = on_bell;
	m->bell.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return m->bell.fd >= 0 && loop_watch(l, &m->bell, EPOLLIN);
}

void
mail_end(struct loop *l)
{
	if (l->mail.bell.fd >= 0)
		(void)close(l->mail.bell.fd);
	(void)pthread_mutex_destroy(&l->mail.lock);
}

void
mail_open(struct loop *l)
{
	struct mailbox *m = &l->mail;
	struct letter *first;
	uint64_t n;

	if (!m->rung)
		return;
	m->rung = false;
	while (read(m->bell.fd, &n, sizeof(n)) < 0 && errno == EINTR)
		;
	(void)pthread_mutex_lock(&m->lock);
	STAILQ_CONCAT(&m->opening, &m->in);
	(void)pthread_mutex_unlock(&m->lock);
	while ((first = STAILQ_FIRST(&m->opening)) != NULL) {
		STAILQ_REMOVE_HEAD(&m->opening, link);
		first->open(first);
	}
}

/* Fails only when a bell was rung 2^64 times and never heard. */
static void
ring(int fd)
{
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void
loop_post(struct loop *l, struct letter *letter)
{
	struct letters one = STAILQ_HEAD_INITIALIZER(one);

	STAILQ_INSERT_TAIL(&one, letter, link);
	loop_post_all(l, &one);
}

void
loop_post_all(struct loop *l, struct letters *letters)
{
	struct mailbox *m = &l->mail;
	bool was_empty;

	if (STAILQ_EMPTY(letters))
		return;
	(void)pthread_mutex_lock(&m->lock);
	was_empty = STAILQ_EMPTY(&m->in);
	STAILQ_CONCAT(&m->in, letters);
	(void)pthread_mutex_unlock(&m->lock);
	if (was_empty)
		ring(m->bell.fd);
}

static bool
remove_from(struct letters *list, struct letter *letter)
{
	const struct letter *l;

	STAILQ_FOREACH(l, list, link)
		if (l == letter) {
			STAILQ_REMOVE(list, letter, letter, link);
			return true;
		}
	return false;
}

void
mail_take_back(struct loop *l, struct letter *letter)
{
	struct mailbox *m = &l->mail;

	if (remove_from(&m->opening, letter))
		return;
	(void)pthread_mutex_lock(&m->lock);
	(void)remove_from(&m->in, letter);
	(void)pthread_mutex_unlock(&m->lock);
}
