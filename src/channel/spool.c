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
#include <unistd.h>

#define NAME_BYTES 160

struct spool {
	struct channel channel;
	char *dir;
};

/* One file on its way; a letter to a thread that may block. */
struct writing {
	struct job job;
	const struct spool *spool;
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

/* The order of a durable publication: bytes, name, folder. */
static bool
publish(int tmp, int new, const char *name, const struct parcel *parcel)
{
	char draft[NAME_BYTES];
	bool ok;

	/* two attempts at one message never share a draft */
	(void)snprintf(draft, sizeof(draft), "%s.%ld", name, (long)gettid());
	ok = write_file(tmp, draft, parcel) &&
	    renameat(tmp, draft, new, name) == 0;
	if (!ok) {
		int saved = errno;

		(void)unlinkat(tmp, draft, 0);
		errno = saved;
	}
	return ok && fsync(new) == 0;
}

static bool
write_message(const struct writing *w)
{
	int dir = folder_open(AT_FDCWD, w->spool->dir), tmp = -1, new = -1;
	bool ok = false;

	if (dir >= 0)
		tmp = folder_open(dir, "tmp");
	if (tmp >= 0)
		new = folder_open(dir, "new");
	if (new >= 0)
		ok = publish(tmp, new, w->name, w->parcel);
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
work(struct job *job)
{
	struct writing *w = (struct writing *)job;

	errno = 0;
	w->failed = !write_message(w);
	if (w->failed)
		say_why(w, errno != 0 ? errno : EIO);
}

static void
done(struct job *job)
{
	struct writing *w = (struct writing *)job;
	struct delivery *d = w->delivery;

	if (w->failed)
		receipt_fail(&d->receipt, ERR_RETRY, "%s", w->why);
	else
		d->receipt.err = receipt_add_id(&d->receipt, w->name,
		    strlen(w->name));
	loop_bury(w->spool->channel.env->loop, w);
	d->done(d);
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
	w->job.done = done;
	w->spool = (const struct spool *)channel;
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
