/*
 * Times, for people and for programs.
 *
 * Called by what imconnectorctl prints.  Owns nothing.
 */
#include "ctl/when.h"

#include "codec/json_write.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

static enum err
add_local(struct buf *b, const char *format, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(text, sizeof(text), format, &tm) == 0)
		return buf_addi(b, ms / 1000);
	return buf_adds(b, text);
}

static bool
is_today(int64_t ms)
{
	time_t t = (time_t)(ms / 1000), now = time(NULL);
	struct tm then, today;

	return localtime_r(&t, &then) != NULL &&
	    localtime_r(&now, &today) != NULL &&
	    then.tm_yday == today.tm_yday && then.tm_year == today.tm_year;
}

enum err
when_add(struct buf *b, int64_t ms)
{
	return add_local(b, is_today(ms) ? "%H:%M:%S" : "%Y-%m-%d %H:%M:%S",
	    ms);
}

enum err
when_add_span(struct buf *b, int64_t ms)
{
	int64_t s = ms > 0 ? ms / 1000 : 0;

	if (s < 120)
		return buf_addf(b, "%" PRId64 " s", s);
	if (s < 7200)
		return buf_addf(b, "%" PRId64 " min", s / 60);
	if (s < 2 * 86400)
		return buf_addf(b, "%" PRId64 " h %" PRId64 " min", s / 3600,
		    s / 60 % 60);
	return buf_addf(b, "%" PRId64 " days", s / 86400);
}

enum err
when_add_ago(struct buf *b, int64_t ms, int64_t now_ms)
{
	enum err e = add_local(b, "%Y-%m-%d %H:%M:%S", ms);

	if (e == ERR_OK)
		e = buf_adds(b, " (");
	if (e == ERR_OK)
		e = when_add_span(b, now_ms - ms);
	return e == ERR_OK ? buf_adds(b, " ago)") : e;
}

enum err
when_add_json(struct buf *b, const char *name, int64_t ms)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];
	enum err e;

	if (ms != 0 && gmtime_r(&t, &tm) != NULL &&
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0)
		return json_add_text(b, name, text);
	e = json_add_name(b, name);
	return e == ERR_OK ? buf_adds(b, "null") : e;
}
