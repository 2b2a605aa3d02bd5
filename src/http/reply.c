/*
 * What curl reads for us: the body into a capped buffer, and the two headers
 * that we want of the answer.
 *
 * Called by curl, in the loop.  Owns nothing.  At a cap, or
 * without memory, it stops the transfer; what curl itself has kept of the
 * headers is bounded by the same cap.
 */
#include "http/transfer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX ((size_t)64 * 1024)	/* Bitrix24 sends about 1 KiB */
#define RETRY_AFTER_MAX_S ((int64_t)86400 * 30)

/* Its taker knows by status and type what it takes. */
static size_t
give(struct http_transfer *t, const char *p, size_t n)
{
	switch (t->call->take(t->call, p, n)) {
	case HTTP_TAKEN:
		return n;
	case HTTP_NOT_NOW:
		return CURL_WRITEFUNC_PAUSE;
	default:
		t->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
}

size_t
reply_body(char *p, size_t one, size_t n, void *ctx)
{
	struct http_transfer *t = ctx;
	enum err e;

	(void)one;	/* curl always says 1 */
	if (t->call->take != NULL) {
		(void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE,
		    &t->call->status);
		call_take_type(t->call, t->easy);
		if (t->call->status / 100 == 2)
			return give(t, p, n);
	}
	e = buf_add(&t->call->answer, p, n);
	if (e == ERR_TOOBIG)
		t->too_large = true;
	return e == ERR_OK ? n : CURL_WRITEFUNC_ERROR;
}

/* Copies a header's value without the blanks around it; false: too long. */
static bool
value_copy(char *to, size_t size, const char *p, size_t n)
{
	while (n != 0 && (*p == ' ' || *p == '\t')) {
		p++;
		n--;
	}
	while (n != 0 && strchr(" \t\r\n", p[n - 1]) != NULL)
		n--;
	if (n >= size || memchr(p, '\0', n) != NULL)
		return false;
	memcpy(to, p, n);
	to[n] = '\0';
	return true;
}

static int64_t
cap_seconds(int64_t s)
{
	return s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : s;
}

/* All three forms of an HTTP date begin with a letter; curl_getdate() would
 * read some numbers as a date, too. */
int64_t
http_date(const char *text)
{
	return isalpha((unsigned char)*text) ?
	    (int64_t)curl_getdate(text, NULL) : -1;
}

/* Seconds, or a date. */
static int64_t
retry_after(const char *v, const struct clock *clock)
{
	size_t digits = strspn(v, "0123456789");
	int64_t s = 0;

	if (digits != 0 && v[digits] == '\0') {
		for (; *v != '\0'; v++)
			s = cap_seconds(s * 10 + (*v - '0'));
		return s;
	}
	s = http_date(v);
	if (s < 0)
		return -1;
	s -= clock_wall(clock) / 1000;
	return s < 0 ? 0 : cap_seconds(s);
}

static void
take_retry_after(struct http_transfer *t, const char *p, size_t n)
{
	char value[64];
	int64_t s;

	if (!value_copy(value, sizeof(value), p, n))
		return;
	s = retry_after(value, t->clock);
	if (s >= 0)
		t->call->retry_after_s = s;
}

/* Whether the line is of that header ("Name:"), of `n` letters. */
static bool
is_header(const char *p, size_t len, const char *name, size_t n)
{
	return len > n && strncasecmp(p, name, n) == 0;
}

/*
 * Sees every header line, those of 1xx answers too.  All lines count for the
 * cap, but only the last answer may tell us something.
 */
size_t
reply_header(char *p, size_t one, size_t n, void *ctx)
{
	static const char after[] = "Retry-After:", date[] = "Date:";
	struct http_transfer *t = ctx;
	struct http_call *call = t->call;

	(void)one;
	if (n > HEAD_MAX - t->head_bytes) {
		t->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	t->head_bytes += n;
	if (n >= 5 && memcmp(p, "HTTP/", 5) == 0) {
		call->retry_after_s = -1;
		call->date[0] = '\0';
	}
	if (is_header(p, n, after, sizeof(after) - 1))
		take_retry_after(t, p + sizeof(after) - 1,
		    n - (sizeof(after) - 1));
	if (is_header(p, n, date, sizeof(date) - 1) &&
	    !value_copy(call->date, sizeof(call->date),
	    p + sizeof(date) - 1, n - (sizeof(date) - 1)))
		call->date[0] = '\0';
	return n;
}
