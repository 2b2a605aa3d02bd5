/*
 * Files beside the messages of a spool.
 *
 * Called by the relay, which fetches them.  Owns the draft's descriptor until
 * it is published or dropped.  The message that names a file is published
 * behind it, so whoever reads that finds the file.
 */
#include "channel/keep.h"

#include "channel/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CALLED_MAX 120		/* bytes of a name that are kept */

void
keep_init(struct keep *k)
{
	k->fd = -1;
	k->error = 0;
	/* two processes never share a draft */
	(void)snprintf(k->draft, sizeof(k->draft), "%.80s.%.40s.%ld",
	    k->message, k->name, (long)getpid());
	k->draft[sizeof(k->draft) - 1] = '\0';
}

bool
keep_has_draft(const struct keep *k)
{
	return k->fd >= 0;
}

static struct keep *
of_job(struct job *job)
{
	return (struct keep *)((char *)job - offsetof(struct keep, job));
}

/* tmp/ of the spool, which comes with it. */
static int
open_tmp(const struct keep *k)
{
	int dir = folder_open(AT_FDCWD, k->dir), tmp = -1;

	if (dir >= 0)
		tmp = folder_open(dir, "tmp");
	folder_close(dir, -1, -1);
	return tmp;
}

static bool
open_draft(struct keep *k)
{
	int tmp = open_tmp(k);

	if (tmp >= 0)
		k->fd = openat(tmp, k->draft, O_WRONLY | O_CREAT | O_TRUNC |
		    O_CLOEXEC, FOLDER_FILE_MODE);
	folder_close(tmp, -1, -1);
	return k->fd >= 0;
}

/* files/MESSAGE */
static int
open_folder(const struct keep *k)
{
	int dir = folder_open(AT_FDCWD, k->dir), files = -1, folder = -1;

	if (dir >= 0)
		files = folder_open(dir, "files");
	if (files >= 0)
		folder = folder_open(files, k->message);
	folder_close(dir, files, -1);
	return folder;
}

/* Bytes, then late errors of close(), then the name and its folder. */
static bool
publish(struct keep *k)
{
	int tmp, folder = -1;
	bool ok = k->fd >= 0 || open_draft(k);

	ok = ok && fsync(k->fd) == 0;
	if (k->fd >= 0)
		ok = close(k->fd) == 0 && ok;
	k->fd = -1;
	tmp = ok ? open_tmp(k) : -1;
	if (tmp >= 0)
		folder = open_folder(k);
	ok = folder >= 0 && renameat(tmp, k->draft, folder, k->name) == 0 &&
	    fsync(folder) == 0;
	folder_close(tmp, folder, -1);
	return ok;
}

static void
drop(struct keep *k)
{
	int tmp = open_tmp(k);

	folder_close(k->fd, -1, -1);
	k->fd = -1;
	if (tmp >= 0)
		(void)unlinkat(tmp, k->draft, 0);
	folder_close(tmp, -1, -1);
}

static void
work_write(struct job *job)
{
	struct keep *k = of_job(job);
	bool ok;

	errno = 0;
	ok = (k->fd >= 0 || open_draft(k)) && folder_write(k->fd, k->p, k->n);
	k->result = ok ? 0 : errno != 0 ? errno : EIO;
}

static void
work_publish(struct job *job)
{
	struct keep *k = of_job(job);

	errno = 0;
	if (publish(k)) {
		k->result = 0;
		return;
	}
	k->result = errno != 0 ? errno : EIO;
	drop(k);
}

static void
work_drop(struct job *job)
{
	drop(of_job(job));
}

static void
on_done(struct job *job)
{
	struct keep *k = of_job(job);

	k->error = k->result;
	k->done(k);
}

static void
start(struct keep *k, void (*work)(struct job *))
{
	k->result = k->error;
	k->job.work = work;
	k->job.done = on_done;
	pool_run(k->pool, &k->job);
}

void
keep_write(struct keep *k, const char *p, size_t n)
{
	k->p = p;
	k->n = n;
	start(k, work_write);
}

void
keep_publish(struct keep *k)
{
	start(k, work_publish);
}

void
keep_drop(struct keep *k)
{
	start(k, work_drop);
}

void
keep_message_name(char out[KEEP_NAME_MAX], int64_t received_us,
    const char *key)
{
	(void)snprintf(out, KEEP_NAME_MAX, "%016" PRId64 ".%s", received_us,
	    key);
}

/* Not in the middle of a character. */
static size_t
cut(const char *s)
{
	size_t n = strlen(s);

	if (n <= CALLED_MAX)
		return n;
	for (n = CALLED_MAX; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

void
keep_file_name(char out[KEEP_NAME_MAX], unsigned n, const char *called)
{
	const char *dot = strrchr(called, '.');
	/* what a file is, many tell by its name's end */
	const char *end = dot != NULL && strlen(dot) <= 16 &&
	    cut(called) < strlen(called) ? dot : "";

	if (called[0] == '\0')
		called = "file";
	(void)snprintf(out, KEEP_NAME_MAX, "%u-%.*s%s", n, (int)cut(called),
	    called, end);
	for (char *p = out; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p, next = (unsigned char)p[1];

		if (c < ' ' || c == 0x7f || strchr("/\\:*?\"<>|", c) != NULL)
			*p = '_';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			p[0] = p[1] = '_';	/* a control, too */
	}
}
