/*
 * Byte locks of the kernel beside the store: who lives, whose turn it is.
 *
 * Called by db/batch.c, alive.c and committer.c.  Owns nothing: a descriptor
 * is its caller's.  Open file description locks (fcntl(2), F_OFD_SETLK)
 * belong to the descriptor, not to a thread or a path, and are gone when the
 * process is.  Locks of one descriptor do not hinder itself: whoever asks
 * about its own number must know the answer.
 *
 * A process that is stopped (SIGSTOP) inside a transaction keeps the place at
 * writing: all others fail after busy_ms, until it goes on or is killed.
 */
#include "db/lock.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Numbers of the version before begin at 1 and have 62 bits. */
#define OLDER_SIZE ((int64_t)1 << 62)
#define TURN_BYTE (OLDER_SIZE + 1)
#define WRITE_BYTE (TURN_BYTE + 1)
#define NUMBER_FIRST (OLDER_SIZE + 16)
#define NUMBER_BITS 61		/* an offset in a file has 63 */

#define BELL SIGRTMIN	/* ends a wait */
#define AGAIN_NS 10000000L

struct bell {
	timer_t timer;
	sigset_t before;
};

static bool
set_lock(int fd, int64_t at, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET,
	    .l_start = at, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

/* What cannot be asked is taken for held. */
static bool
is_locked(int fd, int64_t at, int64_t len)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = at, .l_len = len };

	return fcntl(fd, F_OFD_GETLK, &l) != 0 || l.l_type != F_UNLCK;
}

static char *
name_of(const char *real)
{
	char *name = NULL;

	return asprintf(&name, "%s.lock", real) >= 0 ? name : NULL;
}

/*
 * As SQLite does with its journals: whoever may write the store may lock it,
 * also if an administrator's tool was the first.
 */
static int
open_beside(const char *real, const char *name)
{
	struct stat st;
	bool known = stat(real, &st) == 0;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	/* another's file is as it must be already */
	if (fd >= 0 && known && (geteuid() != 0 ||
	    fchown(fd, st.st_uid, st.st_gid) == 0))
		(void)fchmod(fd, st.st_mode & 0666);
	return fd;
}

int
lock_open(const char *real, struct problem *p)
{
	char *name = name_of(real);
	int fd = name != NULL ? open_beside(real, name) : -1;

	if (fd < 0 && name != NULL)
		(void)file_refused(p, "the store's lock", name, errno);
	else if (fd < 0)
		(void)problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	free(name);
	return fd;
}

bool
lock_is_current(int fd, const char *real)
{
	char *name = name_of(real);
	struct stat st;
	bool ok = name != NULL && fstat(fd, &st) == 0 &&
	    file_same((struct file_id){ st.st_dev, st.st_ino },
	    file_id(name));

	free(name);
	return ok;
}

/* A random number is nobody's; the lock proves it. */
bool
lock_take_number(int fd, int64_t *number)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return false;
	*number = NUMBER_FIRST + (int64_t)(random >> (64 - NUMBER_BITS));
	return set_lock(fd, *number, F_WRLCK);
}

void
lock_drop_number(int fd, int64_t number)
{
	(void)set_lock(fd, number, F_UNLCK);
}

bool
lock_is_held(int fd, int64_t number)
{
	return number > 0 && is_locked(fd, number, 1);
}

bool
lock_older(int fd)
{
	return is_locked(fd, 1, OLDER_SIZE);
}

static void
bell_end(struct bell *b)
{
	(void)timer_delete(b->timer);
	(void)pthread_sigmask(SIG_SETMASK, &b->before, NULL);
}

static void
no_op(int signal)
{
	(void)signal;
}

/*
 * fcntl(2) waits without a limit of its own; a signal to this thread ends
 * that.  One that comes before the wait has begun is lost, so more follow.
 */
static bool
bell_begin(struct bell *b, int64_t ms)
{
	struct sigaction act = { .sa_handler = no_op };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
	    .sigev_signo = BELL };
	struct itimerspec at = { .it_interval = { .tv_nsec = AGAIN_NS },
	    .it_value = { ms / 1000, ms % 1000 * 1000000 } };
	sigset_t mine;

	ev._sigev_un._tid = gettid();
	if (sigaction(BELL, &act, NULL) != 0 ||
	    timer_create(CLOCK_MONOTONIC, &ev, &b->timer) != 0)
		return false;
	(void)sigemptyset(&mine);
	(void)sigaddset(&mine, BELL);
	(void)pthread_sigmask(SIG_UNBLOCK, &mine, &b->before);
	if (timer_settime(b->timer, 0, &at, NULL) == 0)
		return true;
	bell_end(b);
	return false;
}

static bool
wait_for(int fd, int64_t at, const struct deadline *until)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = at, .l_len = 1 };

	while (fcntl(fd, F_OFD_SETLKW, &l) != 0)
		if (errno != EINTR || deadline_left(until) <= 0)
			return false;
	return true;
}

static bool
wait_to_write(int fd, int64_t wait_ms)
{
	struct deadline until = deadline_in(&clock_system, wait_ms);
	struct bell b;
	bool ok = false;

	if (wait_ms > 0 && bell_begin(&b, wait_ms)) {
		ok = wait_for(fd, TURN_BYTE, &until) &&
		    wait_for(fd, WRITE_BYTE, &until);
		bell_end(&b);
	}
	return ok;
}

/*
 * A race for one lock is a lottery that a busy process wins each time, and an
 * event that was not stored is lost.  So one process waits in front, and the
 * writer of now queues behind it.
 */
bool
lock_begin_write(int fd, int64_t wait_ms)
{
	bool ok = (set_lock(fd, TURN_BYTE, F_WRLCK) &&
	    set_lock(fd, WRITE_BYTE, F_WRLCK)) || wait_to_write(fd, wait_ms);

	(void)set_lock(fd, TURN_BYTE, F_UNLCK);
	return ok;
}

bool
lock_try_write(int fd)
{
	return set_lock(fd, WRITE_BYTE, F_WRLCK);
}

void
lock_end_write(int fd)
{
	(void)set_lock(fd, WRITE_BYTE, F_UNLCK);
}
