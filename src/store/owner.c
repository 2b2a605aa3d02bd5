/*
 * Who owns a claim, and whether he lives: byte locks of the kernel.
 *
 * Called by the store.  Owns the descriptor of the lock file.  Open file
 * description locks (fcntl(2), F_OFD_SETLK) belong to the descriptor, not to
 * a thread or a path, and are gone when the process is.
 */
#include "store/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN_BYTE 0		/* numbers begin at 1 */
#define NUMBER_BITS 62		/* an offset in a file has 63 */
#define TURN_BYTE (((int64_t)1 << NUMBER_BITS) + 1)
#define WRITE_BYTE (TURN_BYTE + 1)

struct owner {
	int fd;
	int64_t number;
};

static bool
lock_byte(int fd, int64_t at, short type)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET,
	    .l_start = at, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &l) == 0;
}

/* A random number is nobody's; the lock proves it. */
static bool
take_number(struct owner *o)
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return false;
	o->number = (int64_t)(number >> (64 - NUMBER_BITS)) + 1;
	return lock_byte(o->fd, o->number, F_WRLCK);
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

enum err
owner_open(struct owner **out, const char *path, struct problem *p)
{
	struct owner *o = calloc(1, sizeof(*o));
	size_t size = strlen(path) + sizeof(".lock");
	char *name = malloc(size);
	bool ok = false;

	*out = NULL;
	if (o != NULL)
		o->fd = -1;
	if (o == NULL || name == NULL) {
		(void)problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	} else {
		(void)snprintf(name, size, "%s.lock", path);
		o->fd = open_beside(path, name);
		ok = o->fd >= 0 && take_number(o);
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
	if (o->fd >= 0)
		(void)close(o->fd);
	free(o);
}

int64_t
owner_number(const struct owner *o)
{
	return o->number;
}

bool
owner_lives(const struct owner *o, int64_t number)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = number, .l_len = 1 };

	if (number == o->number)
		return true;
	/* what cannot be asked is taken for alive: its lease ends it */
	return fcntl(o->fd, F_OFD_GETLK, &l) != 0 || l.l_type != F_UNLCK;
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
