/*
 * The log: one escaped logfmt line per fact, to standard error or syslog.
 *
 * Called by everything above base/.  Owns the connection that the C library
 * keeps to syslog, and the lines of the loop's turn until its end.  A line
 * that cannot be written is lost: the log never stops the work.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2000

/* Other processes write to the same pipe: more than this could mix. */
#define TURN_MAX PIPE_BUF

_Static_assert(TURN_MAX > LINE_MAX_BYTES, "a line fits");

struct log_turn {
	pthread_t loop;		/* other threads' lines do not wait */
	bool on;
	size_t len;
	char p[TURN_MAX];
};

struct line {
	char p[LINE_MAX_BYTES + 1];	/* one more for the newline */
	size_t len;
};

static const char *const level_names[] = { "error", "warning", "info",
	"debug" };
static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

static void
line_adds(struct line *l, const char *s)
{
	size_t n = strlen(s), room = LINE_MAX_BYTES - l->len;

	if (n > room)
		n = room;
	memcpy(l->p + l->len, s, n);
	l->len += n;
}

static bool
needs_quotes(const char *s)
{
	if (*s == '\0')
		return true;
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
			return true;
	}
	return false;
}

/* Controls and bytes above ASCII are written as \xNN: no terminal acts. */
static void
line_add_quoted(struct line *l, const char *s)
{
	line_adds(l, "\"");
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;
		char hex[8];

		if (c == '"' || c == '\\')
			(void)snprintf(hex, sizeof(hex), "\\%c", c);
		else if (c < ' ' || c >= 0x7f)
			(void)snprintf(hex, sizeof(hex), "\\x%02x", c);
		else
			(void)snprintf(hex, sizeof(hex), "%c", c);
		line_adds(l, hex);
	}
	line_adds(l, "\"");
}

static void
line_add_field(struct line *l, const struct log_field *f)
{
	char number[24];

	if (f->name[0] == '\0')
		return;
	line_adds(l, " ");
	line_adds(l, f->name);
	line_adds(l, "=");
	if (f->text == NULL) {
		(void)snprintf(number, sizeof(number), "%" PRId64, f->number);
		line_adds(l, number);
	} else if (needs_quotes(f->text)) {
		line_add_quoted(l, f->text);
	} else {
		line_adds(l, f->text);
	}
}

static void
line_add_time(struct line *l)
{
	struct timespec t = { 0 };
	struct tm tm = { 0 };
	char text[48];
	size_t n;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	(void)gmtime_r(&t.tv_sec, &tm);
	n = strftime(text, sizeof(text), "time=%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text + n, sizeof(text) - n, ".%03ldZ ",
	    t.tv_nsec / 1000000);
	line_adds(l, text);
}

static void
write_all(const char *p, size_t len)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, p, len);
	while (n < 0 && errno == EINTR);
}

static void
write_turn(struct log_turn *t)
{
	if (t->len != 0)
		write_all(t->p, t->len);
	t->len = 0;
}

/* One write for whole lines, so that those of several processes do not mix. */
static void
line_write(struct line *l, struct log_turn *t, enum log_level level)
{
	l->p[l->len++] = '\n';
	if (t == NULL || !pthread_equal(t->loop, pthread_self()) || !t->on) {
		write_all(l->p, l->len);
		return;
	}
	if (l->len > sizeof(t->p) - t->len)
		write_turn(t);
	memcpy(t->p + t->len, l->p, l->len);
	t->len += l->len;
	if (level == LOG_LEVEL_ERROR)
		write_turn(t);
}

void
log_open(struct log *log)
{
	if (log->to == LOG_TO_SYSLOG)
		openlog("imconnector", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	else
		log->turn = calloc(1, sizeof(*log->turn));
	if (log->turn != NULL)
		log->turn->loop = pthread_self();
}

void
log_close(struct log *log)
{
	free(log->turn);
	log->turn = NULL;
}

void
log_turn_begins(const struct log *log)
{
	if (log->turn != NULL)
		log->turn->on = true;
}

void
log_turn_ends(const struct log *log)
{
	if (log->turn == NULL)
		return;
	write_turn(log->turn);
	log->turn->on = false;
}

void
log_put(const struct log *log, enum log_level level, const char *event,
    const struct log_field *f, size_t n)
{
	int saved = errno;
	struct line l;

	l.len = 0;
	if (log->to == LOG_TO_STDERR)
		line_add_time(&l);
	line_adds(&l, "level=");
	line_adds(&l, level_names[level]);
	line_adds(&l, " event=");
	line_adds(&l, event);
	for (size_t i = 0; i < n; i++)
		line_add_field(&l, &f[i]);
	if (log->to == LOG_TO_STDERR) {
		line_write(&l, log->turn, level);
	} else {
		l.p[l.len] = '\0';
		syslog(priorities[level], "%s", l.p);
	}
	errno = saved;
}
