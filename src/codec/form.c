/*
 * The form reader: application/x-www-form-urlencoded as PHP's
 * http_build_query spells nested values, turned into the calls of
 * codec/sax.h.  This is what Bitrix24 really sends.
 *
 * Opened by web/read.c for a request's body.  Owns the buffers of the name
 * and value that are being read and the path of the pair before: stepping
 * from one pair's path to the next gives the enter and leave calls.
 */
#include "codec/sax.h"

#include "base/buf.h"
#include "codec/form_run.h"
#include "codec/hex.h"
#include "codec/utf8.h"
#include "codec/word.h"

#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES (SAX_DEPTH_MAX * (SAX_KEY_MAX + 2))
#define PIECE_MAX 1000	/* decoded at once, into memory that is cheap to get */

struct segment {
	uint16_t at;	/* in the name */
	uint16_t n;
};

_Static_assert(NAME_MAX_BYTES <= UINT16_MAX, "a name's places fit");

enum { IN_NAME, IN_VALUE };
enum { NO_ESCAPE, FIRST_DIGIT, SECOND_DIGIT };

struct form {
	struct sax sax;
	struct problem *problem;
	int64_t at;		/* offset of the byte that is being read */
	struct buf name[2];	/* this pair's and the one's before */
	unsigned now;		/* which of the two is this pair's */
	/* the name taken apart: data[MESSAGES][0] has three segments; until
	 * then it is the one before */
	struct segment seg[SAX_DEPTH_MAX];
	size_t n;
	size_t shared;		/* segments of both, from the first one on */
	size_t entered;		/* segments of the name before that are open */
	struct buf value;
	struct buf *into;	/* the one of them that is being read */
	struct utf8 utf8;
	unsigned char state;
	unsigned char escape;
	unsigned char digit;	/* the first digit of %XX */
};

static enum err
fail(struct form *f, enum err e, const char *why)
{
	return problem_set(f->problem, e, f->at, NULL, "%s", why);
}

/* Runs the sink; its problem gets the offset where we are. */
static enum err
told(struct form *f, enum err e)
{
	if (e != ERR_OK && f->problem->at < 0)
		f->problem->at = f->at;
	return e;
}

static enum err
add_segment(struct form *f, size_t at, size_t n)
{
	if (n > SAX_KEY_MAX)
		return fail(f, ERR_TOOBIG, "a key is too long");
	if (f->n == SAX_DEPTH_MAX)
		return fail(f, ERR_TOOBIG, "nested too deeply");
	f->seg[f->n++] = (struct segment){ (uint16_t)at, (uint16_t)n };
	return ERR_OK;
}

/* name[key][key]...: from the bracket behind the name to the very end. */
static enum err
split_brackets(struct form *f, const struct buf *name, size_t i)
{
	const char *s = name->p;
	enum err e = ERR_OK;

	while (e == ERR_OK && i < name->len) {
		const char *close = NULL;

		if (s[i] == '[')
			close = memchr(s + i, ']', name->len - i);
		if (close == NULL)
			return fail(f, ERR_INPUT,
			    "a name's brackets do not match");
		e = add_segment(f, i + 1, (size_t)(close - s) - i - 1);
		i = (size_t)(close - s) + 1;
	}
	return e;
}

/* Bytes that both texts begin with. */
static size_t
common(const char *a, const char *b, size_t n)
{
	size_t i = 0;

	for (; n - i >= WORD; i += WORD) {
		uint64_t differs = word_load(a + i) ^ word_load(b + i);

		if (differs != 0)
			return i + word_first(differs);
	}
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/*
 * Keeps the segments that the name has in common with the one before,
 * each up to its bracket; nearly all names begin so.  An empty key asks for a
 * new item: it is never the same place.  Returns where the rest begins.
 */
static size_t
share(struct form *f, const struct buf *name)
{
	const struct buf *from = &f->name[1 - f->now];
	size_t n = common(name->p, from->p,
	    name->len < from->len ? name->len : from->len);
	size_t end = 0, i;

	for (i = 0; i < f->n; i++) {
		size_t behind = (size_t)f->seg[i].at + f->seg[i].n;

		if (f->seg[i].n == 0 || behind >= n)
			break;
		end = behind + (i != 0);
	}
	f->n = f->shared = i;
	return end;
}

static enum err
split_name(struct form *f, const struct buf *name)
{
	size_t i = share(f, name);
	enum err e = ERR_OK;

	if (f->n == 0) {
		while (i < name->len && name->p[i] != '[' &&
		    name->p[i] != ']')
			i++;
		e = i != 0 ? add_segment(f, 0, i) :
		    fail(f, ERR_INPUT, "a pair without a name");
	}
	return e == ERR_OK ? split_brackets(f, name, i) : e;
}

static inline enum err
leave_to(struct form *f, size_t depth)
{
	enum err e = ERR_OK;

	while (e == ERR_OK && f->entered > depth) {
		e = f->sax.leave(f->sax.ctx);
		f->entered--;
	}
	return told(f, e);
}

/* Steps from the name before to this one, up to its last segment. */
static enum err
walk(struct form *f)
{
	const struct buf *name = &f->name[f->now];
	size_t most = f->entered < f->n - 1 ? f->entered : f->n - 1;
	enum err e = leave_to(f, f->shared < most ? f->shared : most);

	while (e == ERR_OK && f->entered < f->n) {
		const struct segment *s = &f->seg[f->entered++];
		const char *key = s->n != 0 ? name->p + s->at : NULL;

		e = told(f, f->sax.enter(f->sax.ctx, key, s->n));
	}
	return e;
}

static enum err
name_done(struct form *f)
{
	if (!utf8_whole(&f->utf8))
		return fail(f, ERR_INPUT, "a name ends within a character");
	f->state = IN_VALUE;
	f->into = &f->value;
	return split_name(f, &f->name[f->now]);
}

static enum err
pair_done(struct form *f)
{
	enum err e;

	if (f->state == IN_NAME)
		return f->name[f->now].len == 0 ? ERR_OK :
		    fail(f, ERR_INPUT, "a name without a value");
	if (!utf8_whole(&f->utf8))
		return fail(f, ERR_INPUT, "a value ends within a character");
	e = walk(f);
	if (e == ERR_OK)
		e = told(f, f->sax.value(f->sax.ctx,
		    f->value.p != NULL ? f->value.p : "", f->value.len));
	if (e == ERR_OK)
		e = leave_to(f, f->n - 1);
	f->now = 1 - f->now;
	f->into = &f->name[f->now];
	buf_reset(f->into);
	buf_reset(&f->value);
	f->state = IN_NAME;
	return e;
}

static enum err
store(struct form *f, const char *s, size_t n)
{
	enum err e = buf_add(f->into, s, n);

	if (e == ERR_TOOBIG)
		return fail(f, e, f->state == IN_NAME ? "a name is too long" :
		    "a value is too long");
	return e == ERR_OK ? e : fail(f, e, "out of memory");
}

static enum err
literal(struct form *f, unsigned char c)
{
	char byte = (char)c;

	if (c == 0)
		return fail(f, ERR_INPUT, "a NUL byte");
	if (!utf8_step(&f->utf8, c))
		return fail(f, ERR_INPUT, "a byte that is not UTF-8");
	return store(f, &byte, 1);
}

static enum err
escaped(struct form *f, unsigned char c)
{
	int digit = hex_digit(c);

	if (digit < 0)
		return fail(f, ERR_INPUT, "a % without two hex digits");
	if (f->escape == FIRST_DIGIT) {
		f->digit = (unsigned char)digit;
		f->escape = SECOND_DIGIT;
		return ERR_OK;
	}
	f->escape = NO_ESCAPE;
	return literal(f, (unsigned char)(f->digit << 4 | digit));
}

static enum err
byte(struct form *f, unsigned char c)
{
	if (f->escape != NO_ESCAPE)
		return escaped(f, c);
	switch (c) {
	case '%':
		f->escape = FIRST_DIGIT;
		return ERR_OK;
	case '+':
		return literal(f, ' ');
	case '&':
		return pair_done(f);
	case '=':
		if (f->state == IN_NAME)
			return name_done(f);
		return literal(f, c);
	default:
		return literal(f, c);
	}
}

/* Takes at once what form_run() can; the rest is for byte(). */
static size_t
run(struct form *f, const char *s, size_t n)
{
	struct buf *b = f->into;
	struct form_run r;

	if (f->escape != NO_ESCAPE || !utf8_whole(&f->utf8))
		return 0;
	if (n > PIECE_MAX)
		n = PIECE_MAX;
	if (n > b->max - b->len)
		n = b->max - b->len;
	/* byte() will say that there is no room */
	if (n == 0 || buf_reserve(b, n) != ERR_OK)
		return 0;
	r = form_run(b->p + b->len, s, n, f->state == IN_NAME);
	b->len += r.out;
	return r.in;
}

static enum err
form_feed(void *ctx, const char *s, size_t n)
{
	struct form *f = ctx;
	enum err e = f->problem->err;
	int64_t from = f->at;
	size_t i = 0;

	while (e == ERR_OK && i < n) {
		i += run(f, s + i, n - i);
		f->at = from + (int64_t)i;
		if (i < n)
			e = byte(f, (unsigned char)s[i++]);
	}
	if (e == ERR_OK)
		f->at = from + (int64_t)n;
	return e;
}

static enum err
form_end(void *ctx)
{
	struct form *f = ctx;
	enum err e = f->problem->err;

	if (e == ERR_OK && f->escape != NO_ESCAPE)
		e = fail(f, ERR_INPUT, "a % without two hex digits");
	if (e == ERR_OK)
		e = pair_done(f);
	if (e == ERR_OK)
		e = leave_to(f, 0);
	return e;
}

static void *
form_open(const struct sax *sax, struct problem *problem)
{
	struct form *f = malloc(sizeof(*f));

	if (f == NULL)
		return NULL;
	*f = (struct form){ .sax = *sax, .problem = problem,
	    .into = &f->name[0] };
	buf_init(&f->name[0], NAME_MAX_BYTES);
	buf_init(&f->name[1], NAME_MAX_BYTES);
	buf_init(&f->value, SAX_VALUE_MAX);
	return f;
}

static void
form_close(void *ctx)
{
	struct form *f = ctx;

	if (f == NULL)
		return;
	buf_free(&f->name[0]);
	buf_free(&f->name[1]);
	buf_free(&f->value);
	free(f);
}

const struct codec codec_form = {
	.name = "form",
	.open = form_open,
	.feed = form_feed,
	.end = form_end,
	.close = form_close,
};
