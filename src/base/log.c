/*
 * The log: one escaped logfmt line per fact, to standard error or syslog.
 *
 * Called by everything above base/.  Owns nothing but the connection that
 * the C library keeps to syslog.  A line that cannot be written is lost: the
 * log never stops the work.
 */
#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2000

struct line {
	char p[LINE_MAX_BYTES + 1];	/* one more for the newline */
	size_t len;
};

static const char *const level_names[] = { "error", "warning", "info",
	"debug" };
static const int priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

static void
line_add(struct line *l, const char *s, size_t n)
{
	size_t room = LINE_MAX_BYTES - l->len;

	if (n > room)
		n = room;
	memcpy(l->p + l->len, s, n);
	l->len += n;
}

static void
line_adds(struct line *l, const char *s)
{
	line_add(l, s, strlen(s));
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

/* One write per line, so that lines of several processes do not mix. */
static void
line_write(struct line *l)
{
	ssize_t n;

	l->p[l->len++] = '\n';
	do
		n = write(STDERR_FILENO, l->p, l->len);
	while (n < 0 && errno == EINTR);
}

void
log_open(const struct log *log)
{
	if (log->to == LOG_TO_SYSLOG)
		openlog("imconnector", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void
log_put(const struct log *log, enum log_level level, const char *event,
    const struct log_field *f, size_t n)
{
	struct line l = { .len = 0 };
	int saved = errno;

	if (level > log->level)
		return;
	if (log->to == LOG_TO_STDERR)
		line_add_time(&l);
	line_adds(&l, "level=");
	line_adds(&l, level_names[level]);
	line_adds(&l, " event=");
	line_adds(&l, event);
	for (size_t i = 0; i < n; i++)
		line_add_field(&l, &f[i]);
	if (log->to == LOG_TO_STDERR) {
		line_write(&l);
	} else {
		l.p[l.len] = '\0';
		syslog(priorities[level], "%s", l.p);
	}
	errno = saved;
}
