/*
 * The JSON reader: yajl's SAX callbacks turned into the calls of codec/sax.h.
 * The home of yajl.
 *
 * Opened by web/read.c for a request's body and by codec/flat.c for answers
 * of servers.  Owns its yajl handle.  yajl 2.1.0 has no limit on depth or
 * length and repairs bad Unicode silently, so depth and lengths are counted
 * here and the raw bytes pass json_scan() first.  yajl's own words are not
 * used: they echo the input, tokens included.
 */
#include "codec/sax.h"

#include "base/number.h"
#include "codec/json_scan.h"

#include <yajl/yajl_parse.h>

#include <stdlib.h>

struct json {
	yajl_handle yajl;
	struct sax sax;
	struct problem *problem;
	struct json_scan scan;
	int64_t fed;		/* bytes before yajl's current piece */
	int64_t good;		/* offset behind the last call's token */
	size_t bom;		/* bytes of a leading BOM that were skipped */
	size_t depth;
	/* For each open container: the next index of an array, or -1. */
	int64_t next[SAX_DEPTH_MAX];
};

static int
refuse(struct json *j, enum err e, const char *why)
{
	(void)problem_set(j->problem, e, -1, NULL, "%s", why);
	return 0;	/* cancels yajl's parse */
}

/* Within a callback yajl stands behind the token that it tells. */
static void
note_offset(struct json *j)
{
	j->good = j->fed + (int64_t)yajl_get_bytes_consumed(j->yajl);
}

static bool __attribute__((noinline))
begin_item(struct json *j)
{
	char index[NUMBER_TEXT_MAX];
	size_t n = number_text(index, j->next[j->depth - 1]++);

	return j->sax.enter(j->sax.ctx, index, n) == ERR_OK;
}

/* Steps into an array's next item; in an object the key did it already. */
static bool
begin_value(struct json *j)
{
	note_offset(j);
	return j->depth == 0 || j->next[j->depth - 1] < 0 || begin_item(j);
}

static bool
end_value(struct json *j)
{
	return j->depth == 0 || j->sax.leave(j->sax.ctx) == ERR_OK;
}

static int
scalar(struct json *j, const char *s, size_t n)
{
	if (n > SAX_VALUE_MAX)
		return refuse(j, ERR_TOOBIG, "a value is too long");
	return begin_value(j) &&
	    j->sax.value(j->sax.ctx, s, n) == ERR_OK && end_value(j);
}

static int
on_null(void *ctx)
{
	return scalar(ctx, NULL, 0);
}

static int
on_boolean(void *ctx, int yes)
{
	return scalar(ctx, yes ? "1" : "0", 1);
}

static int
on_number(void *ctx, const char *s, size_t n)
{
	return scalar(ctx, s, n);
}

static int
on_string(void *ctx, const unsigned char *s, size_t n)
{
	return scalar(ctx, s != NULL ? (const char *)s : "", n);
}

static int
on_key(void *ctx, const unsigned char *s, size_t n)
{
	struct json *j = ctx;

	note_offset(j);
	if (n > SAX_KEY_MAX)
		return refuse(j, ERR_TOOBIG, "a key is too long");
	return j->sax.enter(j->sax.ctx, s != NULL ? (const char *)s : "",
	    n) == ERR_OK;
}

static int
open_container(struct json *j, int64_t first)
{
	if (j->depth == SAX_DEPTH_MAX)
		return refuse(j, ERR_TOOBIG, "nested too deeply");
	if (!begin_value(j))
		return 0;
	j->next[j->depth++] = first;
	return 1;
}

static int
on_open_map(void *ctx)
{
	return open_container(ctx, -1);
}

static int
on_open_array(void *ctx)
{
	return open_container(ctx, 0);
}

static int
on_close(void *ctx)
{
	struct json *j = ctx;

	note_offset(j);
	j->depth--;
	return end_value(j);
}

/* yajl drops a value whose callback is missing, so all are set: numbers as
 * text serve for integers and doubles, which yajl would limit to 64 bits. */
static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_open_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_close,
	.yajl_start_array = on_open_array,
	.yajl_end_array = on_close,
};

static void *
json_open(const struct sax *sax, struct problem *problem)
{
	struct json *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->sax = *sax;
	j->problem = problem;
	j->yajl = yajl_alloc(&callbacks, NULL, j);
	if (j->yajl == NULL) {
		free(j);
		return NULL;
	}
	/* json_scan() checks UTF-8 more strictly than yajl does. */
	(void)yajl_config(j->yajl, yajl_dont_validate_strings, 1);
	return j;
}

static void
json_close(void *ctx)
{
	struct json *j = ctx;

	if (j == NULL)
		return;
	yajl_free(j->yajl);
	free(j);
}

/* Whether yajl met bytes that are no token, not a token out of place. */
static bool
is_lexical(struct json *j)
{
	unsigned char *s = yajl_get_error(j->yajl, 0, NULL, 0);
	bool lexical = s != NULL && s[0] == 'l';

	yajl_free_error(j->yajl, s);
	return lexical;
}

/*
 * yajl's verdict as our problem; the sink or a cap may have told already.
 * For a token out of place yajl's offset depends on the cut: the end of the
 * one before does not.
 */
static enum err
verdict(struct json *j, yajl_status status, const char *why)
{
	int64_t at = j->fed;

	if (status == yajl_status_ok)
		return j->problem->err;
	at += (int64_t)yajl_get_bytes_consumed(j->yajl);
	(void)problem_set(j->problem, ERR_INPUT, is_lexical(j) ? at : j->good,
	    NULL, "%s", why);
	if (j->problem->at < 0)
		j->problem->at = at;
	return j->problem->err;
}

/* Feeds yajl; a problem of a later byte must not hide one of an earlier. */
static enum err
feed_yajl(struct json *j, const char *s, size_t n, struct problem *later)
{
	enum err e = ERR_OK;

	if (n != 0)
		e = verdict(j, yajl_parse(j->yajl, (const unsigned char *)s, n),
		    "not JSON");
	j->fed += (int64_t)n;
	if (e == ERR_OK && later->err != ERR_OK) {
		*j->problem = *later;
		e = later->err;
	}
	return e;
}

/* A BOM is no JSON, but editors put one there; it is skipped at the start. */
static size_t
skip_bom(struct json *j, const char *s, size_t n)
{
	static const char bom[] = { (char)0xef, (char)0xbb, (char)0xbf };
	size_t skip = 0;

	while (skip < n && j->fed == (int64_t)j->bom &&
	    j->bom < sizeof(bom) && s[skip] == bom[j->bom]) {
		j->bom++;
		j->fed++;
		skip++;
	}
	return skip;
}

static enum err
json_feed(void *ctx, const char *s, size_t n)
{
	struct json *j = ctx;
	struct problem later = { 0 };
	size_t good, skip;

	if (j->problem->err != ERR_OK)
		return j->problem->err;
	good = json_scan(&j->scan, s, n, &later);
	skip = skip_bom(j, s, good);
	return feed_yajl(j, s + skip, good - skip, &later);
}

static enum err
json_end(void *ctx)
{
	struct json *j = ctx;
	yajl_status status;

	if (j->problem->err != ERR_OK)
		return j->problem->err;
	if (!utf8_whole(&j->scan.utf8))
		return problem_set(j->problem, ERR_INPUT, j->fed, NULL,
		    "the body ends within a character");
	/* an open string behind the value is nothing that yajl complains of */
	if (!json_scan_whole(&j->scan))
		return problem_set(j->problem, ERR_INPUT, j->fed, NULL,
		    "the body ends within a string");
	status = yajl_complete_parse(j->yajl);
	if (status != yajl_status_ok && j->problem->at < 0 &&
	    j->problem->err != ERR_OK)
		j->problem->at = j->fed;
	if (status != yajl_status_ok)
		return problem_set(j->problem, ERR_INPUT, j->fed, NULL,
		    "the JSON text is not complete");
	return j->problem->err;
}

const struct codec codec_json = {
	.name = "JSON",
	.open = json_open,
	.feed = json_feed,
	.end = json_end,
	.close = json_close,
};
