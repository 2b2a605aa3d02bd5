#ifndef CODEC_SAX_H
#define CODEC_SAX_H

#include "base/err.h"

/*
 * Caps on what a body may spell, in either syntax.  Bitrix24 cuts a text at
 * 20,000 characters (80 KB at the most) and nests eight levels deep.
 */
#define SAX_DEPTH_MAX 64		/* containers inside one another */
#define SAX_KEY_MAX 256			/* bytes of one key */
#define SAX_VALUE_MAX (256 * 1024)	/* bytes of one value, decoded */

/*
 * The calls that both readers make.  The sink stands at the root at first;
 * enter() steps into a child, value() tells the scalar of the place where it
 * stands, leave() steps back.  `a[b]=1` and {"a":{"b":1}} both become
 *
 *	enter("a") enter("b") value("1") leave() leave()
 *
 * A JSON array's items are entered as "0", "1", ...; a NULL key (`a[]=1`)
 * asks for the next free index, as in PHP, and an empty one ({"":1}) is a key
 * like any other.  A place that is left without a
 * value and without a child is an empty container.  Scalars are text: true
 * is "1", false "0", a number as it was spelled; null is a NULL pointer.
 *
 * Keys and values are UTF-8 without NUL, `n` bytes long, not NUL-terminated
 * and valid during the call only.  An error stops the reader for good; the
 * sink has reported it to the problem that it shares with the reader, with
 * offset -1, and the reader adds the offset.
 */
struct sax {
	enum err (*enter)(void *ctx, const char *key, size_t n);
	enum err (*value)(void *ctx, const char *s, size_t n);
	enum err (*leave)(void *ctx);
	void *ctx;
};

/*
 * One syntax.  feed() takes the next piece of the body, of any size; every
 * cut gives the same calls and the same problem.  end() tells that the body
 * is complete.  Both return the recorded problem's error, again and again
 * once there is one.  Errors: ERR_INPUT, ERR_TOOBIG, ERR_NOMEM, the sink's.
 */
struct codec {
	const char *name;	/* for messages: "JSON", "form" */
	/* NULL: out of memory */
	void *(*open)(const struct sax *, struct problem *);
	enum err (*feed)(void *, const char *, size_t n);
	enum err (*end)(void *);
	void (*close)(void *);	/* NULL is fine */
};

extern const struct codec codec_json;	/* RFC 8259 */
extern const struct codec codec_form;	/* PHP's http_build_query spelling */

#endif
