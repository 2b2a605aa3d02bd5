/*
 * A disk whose calls can be watched and made to fail.  The calls whose order
 * is a promise (mkdirat, write, fsync, renameat) are replaced in the whole
 * program: while `fault.on` they write down what they are asked and fail at
 * the n-th, and they do the real thing otherwise.
 *
 * Included by one file of a test program.
 */
#ifndef DISK_FAULTS_H
#define DISK_FAULTS_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	bool on;
	char trace[512];
	unsigned calls;
	unsigned fail_at;	/* the call that fails, from 1; 0: none */
	int error;
	bool drips;		/* writes take a byte, or are interrupted */
	bool interrupted;
} fault;

static bool
fails(const char *what, const char *name)
{
	size_t n = strlen(fault.trace);

	if (!fault.on)
		return false;
	(void)snprintf(fault.trace + n, sizeof(fault.trace) - n, "%s%s(%s)",
	    n != 0 ? " " : "", what, name);
	errno = fault.error;
	return ++fault.calls == fault.fail_at;
}

/* What a descriptor is: the last part of its path, "file" for any file. */
static const char *
name_of(int fd, char *path, size_t size)
{
	char link[64];
	struct stat st;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, size - 1);
	path[n > 0 ? n : 0] = '\0';
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		return "file";
	return strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
}

int
mkdirat(int at, const char *name, mode_t mode)
{
	const char *last = strrchr(name, '/');

	if (fails("make", last != NULL ? last + 1 : name))
		return -1;
	return (int)syscall(SYS_mkdirat, at, name, mode);
}

int
fsync(int fd)
{
	char path[300];

	if (fails("sync", name_of(fd, path, sizeof(path))))
		return -1;
	return (int)syscall(SYS_fsync, fd);
}

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	char path[300];

	if (fails("rename", name_of(to_at, path, sizeof(path))))
		return -1;
	return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}

/* Nothing but the channel may write while `fault.on`. */
ssize_t
write(int fd, const void *p, size_t n)
{
	if (fault.on && fault.drips) {
		fault.interrupted = !fault.interrupted;
		if (fault.interrupted) {
			errno = EINTR;
			return -1;
		}
		n = n > 1 ? 1 : n;
	} else if (fault.on && fails("write", "file")) {
		/* a full disk takes some of it first */
		(void)syscall(SYS_write, fd, p, n / 2);
		errno = fault.error;
		return -1;
	}
	return syscall(SYS_write, fd, p, n);
}

/* Watches from now on; the `fail_at`-th call fails, 0: none does. */
static inline void
fault_begin(unsigned fail_at, int error)
{
	memset(&fault, 0, sizeof(fault));
	fault.fail_at = fail_at;
	fault.error = error;
	fault.on = true;
}

static inline void
fault_end(void)
{
	fault.on = false;
}

#endif
