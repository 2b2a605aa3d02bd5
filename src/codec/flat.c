/*
 * A JSON text as a flat list of paths and values.
 *
 * Called for the answers of Bitrix24 and of channels, of which only a few
 * values matter.  Owns nothing beyond the call.  The reader's caps hold.
 */
#include "codec/flat.h"

#include "codec/sax.h"

#include <string.h>

#define PATH_MAX_BYTES 256

struct flat {
	enum err (*each)(void *, const char *, const char *, size_t);
	void *ctx;
	struct problem problem;
	char path[PATH_MAX_BYTES];
	size_t len[SAX_DEPTH_MAX + 1];	/* of the path at each depth */
	size_t depth;
};

static enum err
on_enter(void *ctx, const char *key, size_t n)
{
	struct flat *f = ctx;
	size_t len = f->len[f->depth];
	size_t room = sizeof(f->path) - 1 - len;

	if (f->depth != 0 && room != 0) {
		f->path[len++] = '.';
		room--;
	}
	if (n > room)
		n = room;
	memcpy(f->path + len, key, n);
	f->len[++f->depth] = len + n;
	f->path[len + n] = '\0';
	return ERR_OK;
}

static enum err
on_value(void *ctx, const char *s, size_t n)
{
	struct flat *f = ctx;
	enum err e = f->each(f->ctx, f->path, s, n);

	if (e != ERR_OK)
		(void)problem_set(&f->problem, e, -1, NULL, "refused");
	return e;
}

static enum err
on_leave(void *ctx)
{
	struct flat *f = ctx;

	f->path[f->len[--f->depth]] = '\0';
	return ERR_OK;
}

enum err
flat_read(const char *text, size_t n,
    enum err (*each)(void *, const char *, const char *, size_t), void *ctx)
{
	struct flat f = { .each = each, .ctx = ctx };
	const struct sax sax = { on_enter, on_value, on_leave, &f };
	void *reader = codec_json.open(&sax, &f.problem);
	enum err e = reader != NULL ? ERR_OK : ERR_NOMEM;

	if (e == ERR_OK)
		e = codec_json.feed(reader, text, n);
	if (e == ERR_OK)
		e = codec_json.end(reader);
	codec_json.close(reader);
	return e;
}
