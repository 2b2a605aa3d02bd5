/*
 * The spool channel: one file per message, as a Maildir does it.
 *
 * Used when no other channel is configured.  Owns only its path: folders are
 * made when they are missing, also while the program runs.  The receipt says
 * ERR_OK once the file and its name survive power loss; anything else is
 * ERR_RETRY and leaves at most a file in tmp/ that nobody reads.
 *
 * A file is named by the time of receipt and the key.  Both are the same on
 * every attempt, so a repeat replaces its own file.
 *
 * Each file is synced by the thread that writes it; the folder, once for all
 * files that got their names while it was synced last.
 */
#include "channel/channel.h"
#include "channel/folder.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES 160

struct writing;
STAILQ_HEAD(writings, writing);

struct spool {
	struct channel channel;
	char *dir;
	struct writings named;	/* their folder is to be synced */
	bool syncing;
	/* a letter to a thread that may block */
	struct job sync;
	struct writings synced;	/* by it */
};

/* One file on its way; a letter to a thread that may block. */
struct writing {
	struct job job;
	STAILQ_ENTRY(writing) link;
	struct spool *spool;
	dev_t device;		/* of the folder in which it is, */
	ino_t number;		/* which may be taken away meanwhile */
	struct delivery *delivery;
	const struct parcel *parcel;
	char name[NAME_BYTES - 24];
	bool failed;
	char why[RECEIPT_REASON_MAX];
};

static enum err
spool_open(struct channel **out, const struct config_channel *c,
    const struct channel_env *env, struct problem *p)
{
	const char *dir = c->url + strlen(channel_spool.scheme);
	struct spool *s;

	(void)env;
	if (dir[0] != '/')
		return problem_set(p, ERR_CONFIG, -1, NULL,
		    "spool: needs an absolute path");
	s = calloc(1, sizeof(*s));
	if (s != NULL)
		s->dir = strdup(dir);
	if (s == NULL || s->dir == NULL) {
		free(s);
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	}
	s->channel.kind = &channel_spool;
	STAILQ_INIT(&s->named);
	STAILQ_INIT(&s->synced);
	*out = &s->channel;
	return ERR_OK;
}

/* Bytes first, then late errors of close(). */
static bool
write_file(int folder, const char *name, const struct parcel *parcel)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
	    FOLDER_FILE_MODE);
	bool ok;

	if (fd < 0)
		return false;
	ok = folder_write(fd, parcel->object, parcel->object_len) &&
	    fsync(fd) == 0;
	return close(fd) == 0 && ok;
}

/* The order of a durable publication: bytes, name; the folder follows. */
static bool
publish(struct writing *w, int tmp, int new)
{
	char draft[NAME_BYTES];
	struct stat st;
	bool ok;

	/* two attempts at one message never share a draft */
	(void)snprintf(draft, sizeof(draft), "%s.%ld", w->name,
	    (long)gettid());
	ok = write_file(tmp, draft, w->parcel) && fstat(new, &st) == 0 &&
	    renameat(tmp, draft, new, w->name) == 0;
	if (!ok) {
		int saved = errno;

		(void)unlinkat(tmp, draft, 0);
		errno = saved;
		return false;
	}
	w->device = st.st_dev;
	w->number = st.st_ino;
	return true;
}

static bool
write_message(struct writing *w)
{
	int dir = folder_open(AT_FDCWD, w->spool->dir), tmp = -1, new = -1;
	bool ok = false;

	if (dir >= 0)
		tmp = folder_open(dir, "tmp");
	if (tmp >= 0)
		new = folder_open(dir, "new");
	if (new >= 0)
		ok = publish(w, tmp, new);
	folder_close(dir, tmp, new);
	return ok;
}

/* The folder that is in the way, whose it is, what mends it. */
static void
say_why(struct writing *w, int error)
{
	static const char *const below[] = { "", "/tmp", "/new" };
	size_t at, n = sizeof(below) / sizeof(below[0]);
	struct hindrance h;
	char path[PATH_MAX];

	/* the folder itself where none is in the way */
	for (size_t i = 0; i <= n; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", w->spool->dir,
		    below[i % n]);
		if (path_usable(path, PATH_FOLDER) == error)
			break;
	}
	path_hindered(&h, path, PATH_FOLDER, error, true);
	(void)snprintf(w->why, sizeof(w->why), "spool: %.90s: ", path);
	at = strlen(w->why);
	path_say(&h, w->why + at, sizeof(w->why) - at);
}

static void
fail(struct writing *w, int error)
{
	w->failed = true;
	say_why(w, error != 0 ? error : EIO);
}

static void
work(struct job *job)
{
	struct writing *w = OF(job, struct writing, job);

	errno = 0;
	if (!write_message(w))
		fail(w, errno);
}

static void
end(struct writing *w)
{
	struct delivery *d = w->delivery;

	if (w->failed)
		receipt_fail(&d->receipt, ERR_RETRY, "%s", w->why);
	else
		d->receipt.err = receipt_add_id(&d->receipt, w->name,
		    strlen(w->name));
	loop_bury(w->spool->channel.env->loop, w);
	d->done(d);
}

/* A folder that is another by now says nothing of the files in the old. */
static void
sync_names(struct job *job)
{
	struct spool *s = OF(job, struct spool, sync);
	int dir = folder_open(AT_FDCWD, s->dir);
	int new = dir >= 0 ? folder_open(dir, "new") : -1;
	struct stat st = { 0 };
	bool ok = new >= 0 && fstat(new, &st) == 0 && fsync(new) == 0;
	int error = errno;
	struct writing *w;

	folder_close(dir, new, -1);
	STAILQ_FOREACH(w, &s->synced, link)
		if (!ok)
			fail(w, error);
		else if (w->device != st.st_dev || w->number != st.st_ino)
			fail(w, ENOENT);
}

static void on_synced(struct job *);

static void
begin_sync(struct spool *s)
{
	s->syncing = !STAILQ_EMPTY(&s->named);
	if (!s->syncing)
		return;
	STAILQ_CONCAT(&s->synced, &s->named);
	s->sync = (struct job){ .work = sync_names, .done = on_synced };
	pool_run(s->channel.env->disk, &s->sync);
}

static void
on_synced(struct job *job)
{
	struct spool *s = OF(job, struct spool, sync);
	struct writings all = STAILQ_HEAD_INITIALIZER(all);
	struct writing *w;

	STAILQ_CONCAT(&all, &s->synced);
	begin_sync(s);
	while ((w = STAILQ_FIRST(&all)) != NULL) {
		STAILQ_REMOVE_HEAD(&all, link);
		end(w);
	}
}

static void
on_written(struct job *job)
{
	struct writing *w = OF(job, struct writing, job);
	struct spool *s = w->spool;

	if (w->failed) {
		end(w);
		return;
	}
	STAILQ_INSERT_TAIL(&s->named, w, link);
	if (!s->syncing)
		begin_sync(s);
}

static void
spool_send(struct channel *channel, struct delivery *d)
{
	struct writing *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		receipt_fail(&d->receipt, ERR_RETRY, "out of memory");
		delivery_end(channel, d);
		return;
	}
	w->job.work = work;
	w->job.done = on_written;
	w->spool = OF(channel, struct spool, channel);
	w->delivery = d;
	w->parcel = &d->parcel;
	(void)snprintf(w->name, sizeof(w->name), "%016" PRId64 ".%s.json",
	    d->parcel.received_us, d->parcel.key);
	pool_run(channel->env->disk, &w->job);
}

static void
spool_close(struct channel *channel)
{
	struct spool *s = (struct spool *)channel;

	free(s->dir);
	free(s);
}

const struct channel_kind channel_spool = {
	.scheme = "spool:",
	.open = spool_open,
	.send = spool_send,
	.close = spool_close,
};
