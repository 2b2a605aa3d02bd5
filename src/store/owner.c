/*
 * Who owns a claim, and whether it lives: byte locks of the kernel.
 *
 * Called by the store.  Owns the descriptor of the lock file and the thread
 * that beats.  Open file description locks (fcntl(2), F_OFD_SETLK) belong to
 * the descriptor, not to a thread or a path, and are gone when the process
 * is.  A number has BEATS bytes; the one that is locked is the heartbeat.
 */
#include "store/owner.h"

#include "base/clock.h"
#include "base/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SCAN_BYTE 0		/* numbers begin at BEATS */
#define BEATS ((int64_t)1 << 16)
#define NUMBER_BITS 45		/* an offset in a file has 63 */
#define TURN_BYTE (((int64_t)1 << 62) + 1)
#define WRITE_BYTE (TURN_BYTE + 1)

#define STACK_SIZE ((size_t)256 * 1024)
#define LIMIT_MS 30000		/* without a beat: what it claims is void */
#define BEATS_IN_LIMIT 30
#define LOOKS_IN_LIMIT 8	/* at least: whoever slept saw nothing */
#define WATCHED_MAX 128

/* Another process, as far as this one has watched it. */
struct watched {
	int64_t number;		/* 0: none */
	int64_t beat;
	int64_t unmoved_ms;	/* for how long it was seen so */
	int64_t looked_ms;
};

struct owner {
	int fd;
	int64_t number;
	int64_t limit_ms;
	pthread_mutex_t lock;	/* guards the next two */
	int64_t beat;		/* which of our bytes is locked */
	int64_t beat_ms;	/* since when */
	struct watched watched[WATCHED_MAX];
	sem_t stop;
	pthread_t thread;
	bool beats;		/* the thread is there */
};

static bool
lock_bytes(int fd, int64_t at, int64_t n, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET,
	    .l_start = at, .l_len = n };

	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

static bool
lock_byte(int fd, int64_t at, short type)
{
	return lock_bytes(fd, at, 1, type);
}

static int64_t
mono(void)
{
	return clock_system.mono_ms(clock_system.ctx);
}

/* A random number is nobody's; the lock proves it. */
static bool
take_number(struct owner *o)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return false;
	o->number = ((int64_t)(number >> (64 - NUMBER_BITS)) + 1) * BEATS;
	o->beat_ms = mono();
	return lock_bytes(o->fd, o->number, BEATS, F_WRLCK) &&
	    lock_bytes(o->fd, o->number + 1, BEATS - 1, F_UNLCK);
}

/* The new byte first: at no time does it look dead. */
void
owner_beat(struct owner *o, bool if_late)
{
	int64_t now = mono(), next;

	(void)pthread_mutex_lock(&o->lock);
	next = (o->beat + 1) % BEATS;
	if (!if_late || now - o->beat_ms > 2 * o->limit_ms / BEATS_IN_LIMIT) {
		if (lock_byte(o->fd, o->number + next, F_WRLCK)) {
			(void)lock_byte(o->fd, o->number + o->beat, F_UNLCK);
			o->beat = next;
		}
		o->beat_ms = now;
	}
	(void)pthread_mutex_unlock(&o->lock);
}

/* When the next beat is due, on the monotonic clock. */
static struct timespec
next_beat(const struct owner *o)
{
	int64_t ms = mono() + o->limit_ms / BEATS_IN_LIMIT;

	return (struct timespec){ ms / 1000, ms % 1000 * 1000000 };
}

static void *
go_on_beating(void *ctx)
{
	struct owner *o = ctx;
	struct timespec until = next_beat(o);

	while (sem_clockwait(&o->stop, CLOCK_MONOTONIC, &until) != 0) {
		if (errno == EINTR)
			continue;
		owner_beat(o, false);
		until = next_beat(o);
	}
	return NULL;
}

/* errno says why not. */
static bool
start_beating(struct owner *o)
{
	pthread_attr_t a;
	sigset_t all, old;
	int rc = pthread_attr_init(&a);

	/* signals are the first thread's */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	if (rc == 0) {
		(void)pthread_attr_setstacksize(&a, STACK_SIZE);
		rc = pthread_create(&o->thread, &a, go_on_beating, o);
		(void)pthread_attr_destroy(&a);
	}
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	o->beats = rc == 0;
	errno = rc;
	return o->beats;
}

/*
 * As SQLite does with its journals: whoever may write the store may lock it,
 * also if an administrator's tool was the first.
 */
static int
open_beside(const char *path, const char *name)
{
	struct stat st;
	bool known = stat(path, &st) == 0;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	/* another's file is as it must be already */
	if (fd >= 0 && known && (geteuid() != 0 ||
	    fchown(fd, st.st_uid, st.st_gid) == 0))
		(void)fchmod(fd, st.st_mode & 0666);
	return fd;
}

static struct owner *
owner_new(void)
{
	struct owner *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->fd = -1;
	o->limit_ms = fault_ms("IMCONNECTOR_HEARTBEAT_MS", LIMIT_MS);
	/* plain ones: neither can fail */
	(void)pthread_mutex_init(&o->lock, NULL);
	(void)sem_init(&o->stop, 0, 0);
	return o;
}

enum err
owner_open(struct owner **out, const char *path, struct problem *p)
{
	struct owner *o = owner_new();
	size_t size = strlen(path) + sizeof(".lock");
	char *name = malloc(size);
	bool ok = false;

	*out = NULL;
	if (o == NULL || name == NULL) {
		(void)problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	} else {
		(void)snprintf(name, size, "%s.lock", path);
		o->fd = open_beside(path, name);
		ok = o->fd >= 0 && take_number(o) && start_beating(o);
	}
	if (ok)
		*out = o;
	else
		(void)problem_set(p, ERR_DISK, -1, NULL,
		    "cannot lock beside the store: %s", strerror(errno));
	if (!ok)
		owner_close(o);
	free(name);
	return ok ? ERR_OK : p->err;
}

void
owner_close(struct owner *o)
{
	if (o == NULL)
		return;
	if (o->beats) {
		(void)sem_post(&o->stop);
		(void)pthread_join(o->thread, NULL);
	}
	if (o->fd >= 0)
		(void)close(o->fd);
	(void)sem_destroy(&o->stop);
	(void)pthread_mutex_destroy(&o->lock);
	free(o);
}

int64_t
owner_number(const struct owner *o)
{
	return o->number;
}

/* The byte that it has locked now; 0: it is dead; -1: nobody knows. */
static int64_t
beat_of(const struct owner *o, int64_t number)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = number, .l_len = BEATS };

	if (fcntl(o->fd, F_OFD_GETLK, &l) != 0)
		return -1;
	return l.l_type == F_UNLCK ? 0 : l.l_start;
}

/* Its entry, or the one to use for it: an empty one, or the oldest. */
static struct watched *
entry_of(struct owner *o, int64_t number)
{
	struct watched *best = &o->watched[0];

	for (size_t i = 0; i < WATCHED_MAX; i++) {
		struct watched *w = &o->watched[i];

		if (w->number == number)
			return w;
		if (best->number != 0 && (w->number == 0 ||
		    w->looked_ms < best->looked_ms))
			best = w;
	}
	return best;
}

bool
owner_lives(struct owner *o, int64_t number, int64_t now_ms)
{
	struct watched *w;
	int64_t beat, passed;

	if (number == o->number)
		return true;
	beat = beat_of(o, number);
	w = entry_of(o, number);
	if (beat == 0) {
		if (w->number == number)
			w->number = 0;
		return false;
	}
	if (w->number != number || w->beat != beat)
		*w = (struct watched){ number, beat, 0, now_ms };
	passed = now_ms - w->looked_ms;
	if (passed > o->limit_ms / LOOKS_IN_LIMIT)
		passed = o->limit_ms / LOOKS_IN_LIMIT;
	w->unmoved_ms += passed > 0 ? passed : 0;
	w->looked_ms = now_ms;
	return w->unmoved_ms < o->limit_ms;
}

void
owner_watch(struct owner *o, int64_t now_ms)
{
	for (size_t i = 0; i < WATCHED_MAX; i++) {
		const struct watched *w = &o->watched[i];

		if (w->number != 0 && now_ms - w->looked_ms >=
		    o->limit_ms / BEATS_IN_LIMIT)
			(void)owner_lives(o, w->number, now_ms);
	}
}

bool
owner_is_young(const struct owner *o, int64_t claimed_ms, int64_t now_ms)
{
	return now_ms - claimed_ms < o->limit_ms / 2;
}

bool
owner_begin_scan(struct owner *o)
{
	return lock_byte(o->fd, SCAN_BYTE, F_WRLCK);
}

void
owner_end_scan(struct owner *o)
{
	(void)lock_byte(o->fd, SCAN_BYTE, F_UNLCK);
}

bool
owner_begin_turn(struct owner *o)
{
	return lock_byte(o->fd, TURN_BYTE, F_WRLCK);
}

void
owner_end_turn(struct owner *o)
{
	(void)lock_byte(o->fd, TURN_BYTE, F_UNLCK);
}

bool
owner_begin_write(struct owner *o)
{
	return lock_byte(o->fd, WRITE_BYTE, F_WRLCK);
}

void
owner_end_write(struct owner *o)
{
	(void)lock_byte(o->fd, WRITE_BYTE, F_UNLCK);
}
