/*
 * From a request to an event: the checks before the body, and the body.
 *
 * Called by web/handler.c for each request.  Owns the reader and the grammar
 * while it runs.  Half a body is never used: unless everything came, the
 * event is worth nothing, and the problem says why.
 */
#include "web/read.h"

#include "codec/sax.h"
#include "event/grammar.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct body {
	struct request *request;
	int64_t max;
	int64_t length;		/* CONTENT_LENGTH, or -1 */
	int64_t got;
	bool broke;
	const struct codec *codec;
	void *reader;
};

static enum err
check_method(struct request *rq, struct problem *p)
{
	const char *method = rq->kind->param(rq, "REQUEST_METHOD");

	if (method != NULL && strcmp(method, "POST") == 0)
		return ERR_OK;
	return problem_set(p, ERR_METHOD, -1, NULL,
	    "only POST is answered here; Bitrix24 sends its events so");
}

/* Whether a media type's parameters name no charset but UTF-8. */
static bool
is_utf8(const char *params)
{
	static const char name[] = "charset=";
	size_t n;

	for (; *params != '\0'; params += strcspn(params, ";")) {
		params += strspn(params, "; \t");
		if (strncasecmp(params, name, sizeof(name) - 1) != 0)
			continue;
		params += sizeof(name) - 1;
		params += *params == '"';
		n = strcspn(params, "\"; \t");
		if ((n != 5 || strncasecmp(params, "utf-8", n) != 0) &&
		    (n != 4 || strncasecmp(params, "utf8", n) != 0))
			return false;
	}
	return true;
}

static const struct codec *
codec_of(const char *type)
{
	static const struct {
		const char *type;
		const struct codec *codec;
	} types[] = {
		{ "application/x-www-form-urlencoded", &codec_form },
		{ "application/json", &codec_json },
	};
	size_t n = strcspn(type, ";");
	const char *params = type + n;

	while (n != 0 && strchr(" \t", type[n - 1]) != NULL)
		n--;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i].type) == n &&
		    strncasecmp(types[i].type, type, n) == 0)
			return is_utf8(params) ? types[i].codec : NULL;
	return NULL;
}

static enum err
check_media(struct body *b, struct problem *p)
{
	const char *type = b->request->kind->param(b->request, "CONTENT_TYPE");

	b->codec = codec_of(type != NULL ? type : "");
	if (b->codec != NULL)
		return ERR_OK;
	return problem_set(p, ERR_MEDIA, -1, NULL, "the Content-Type must be "
	    "application/x-www-form-urlencoded or application/json, in UTF-8");
}

static enum err
too_large(const struct body *b, struct problem *p)
{
	return problem_set(p, ERR_TOOBIG, -1, NULL, "the body is larger than "
	    "server.body_max, %" PRId64 " bytes", b->max);
}

/* Digits only; an absent or empty one means "until the end". */
static enum err
check_length(struct body *b, struct problem *p)
{
	const char *text = b->request->kind->param(b->request,
	    "CONTENT_LENGTH");
	int64_t length = 0;

	b->length = -1;
	if (text == NULL || text[0] == '\0')
		return ERR_OK;
	if (strspn(text, "0123456789") != strlen(text))
		return problem_set(p, ERR_INPUT, 0, NULL,
		    "CONTENT_LENGTH is no number");
	for (; *text != '\0'; text++) {
		length = length * 10 + (*text - '0');
		if (length > b->max)
			return too_large(b, p);
	}
	b->length = length;
	return ERR_OK;
}

/* How much of the body may be read next; one byte past the cap shows it. */
static size_t
next_size(const struct body *b)
{
	int64_t end = b->max + 1;
	int64_t left;

	if (b->length >= 0 && !b->request->kind->sees_end)
		end = b->length;
	left = end - b->got;
	return left > (int64_t)READ_CHUNK ? READ_CHUNK : (size_t)left;
}

/* Reads to the end and feeds what came; a refused body is only read. */
static enum err
read_body(struct body *b, struct problem *p)
{
	char chunk[READ_CHUNK];
	enum err e = p->err;
	ssize_t n = 1;

	while (n > 0 && next_size(b) != 0) {
		n = b->request->kind->read(b->request, chunk, next_size(b));
		b->broke = n < 0;
		if (n <= 0)
			break;
		b->got += n;
		if (e == ERR_OK && b->reader != NULL && b->got <= b->max)
			e = b->codec->feed(b->reader, chunk, (size_t)n);
	}
	return e;
}

/* Whether all of it came, before anything that is wrong inside. */
static enum err
check_whole(const struct body *b, struct problem *p)
{
	if (b->got > b->max) {
		struct problem larger = { 0 };

		(void)too_large(b, &larger);
		if (p->err != ERR_TOOBIG)
			*p = larger;
	} else if (p->err == ERR_OK && (b->broke ||
	    (b->length >= 0 && b->got < b->length))) {
		(void)problem_set(p, ERR_INPUT, b->got, NULL,
		    "the body is cut short");
	} else if (p->err == ERR_OK && b->length >= 0 && b->got > b->length) {
		(void)problem_set(p, ERR_INPUT, b->length, NULL,
		    "the body is longer than CONTENT_LENGTH says");
	}
	return p->err;
}

static enum err
parse(struct body *b, struct event *ev, struct problem *p)
{
	struct grammar *g;
	enum err e = grammar_new(&g, ev, (size_t)b->max, event_keep, ev, p);

	if (e != ERR_OK)
		return e;
	b->reader = b->codec->open(grammar_sax(g), p);
	if (b->reader == NULL)
		(void)problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	(void)read_body(b, p);
	e = check_whole(b, p);
	if (e == ERR_OK)
		e = b->codec->end(b->reader);
	b->codec->close(b->reader);
	grammar_free(g);
	return e;
}

void
read_nothing(struct request *rq, int64_t body_max)
{
	struct body b = { .request = rq, .max = body_max };
	struct problem p = { 0 };

	(void)check_length(&b, &p);
	(void)read_body(&b, &p);
}

enum err
read_event(struct request *rq, int64_t body_max, struct event *ev,
    struct problem *p)
{
	struct body b = { .request = rq, .max = body_max };
	struct problem length = { 0 };
	/* first, as it also bounds how much of a refused body is read */
	bool length_ok = check_length(&b, &length) == ERR_OK;
	enum err e = check_method(rq, p);

	if (e == ERR_OK)
		e = check_media(&b, p);
	if (e == ERR_OK && length_ok)
		return parse(&b, ev, p);
	if (e == ERR_OK)
		*p = length;
	(void)read_body(&b, p);
	return p->err;
}
