/*
 * What the operator's tool prints of a store, for t_ctl_*.c: caught, and
 * looked through for what must never be printed.
 */
#ifndef CTL_WORLD_H
#define CTL_WORLD_H

#include "capture.h"
#include "codec/flat.h"
#include "store_world.h"

#include <string.h>

/* One value of a JSON text. */
struct wanted {
	const char *path;
	char value[512];
	int found;
};

static inline enum err
look(void *ctx, const char *path, const char *s, size_t n)
{
	struct wanted *w = ctx;

	if (s != NULL && strcmp(path, w->path) == 0) {
		w->found++;
		(void)snprintf(w->value, sizeof(w->value), "%.*s", (int)n, s);
	}
	return ERR_OK;
}

/* It stands there once; value NULL: not at all. */
static inline void
value_is(const char *json, const char *path, const char *value)
{
	struct wanted w = { .path = path };

	if (flat_read(json, strlen(json), look, &w) != ERR_OK)
		fail_msg("no JSON: %s", json);
	if (w.found != (value != NULL))
		fail_msg("%d of %s in %s", w.found, path, json);
	if (value != NULL)
		assert_string_equal(w.value, value);
}

/* No byte of it acts on a terminal. */
static inline void
is_clean(const char *text)
{
	for (const char *t = text; *t != '\0'; t++) {
		unsigned char b = (unsigned char)*t;

		assert_true((b >= ' ' && b != 0x7f) || b == '\n');
		/* C1 controls; a lone byte of them is none of UTF-8 */
		assert_false(b == 0xc2 && (unsigned char)t[1] < 0xa0);
		assert_false(b >= 0x80 && b < 0xa0 &&
		    (t == text || (unsigned char)t[-1] < 0x80));
	}
}

/* From now on the store cannot be read. */
static inline void
break_store(struct store_world *w)
{
	static const char junk[] = "this is no database, and long enough for "
	    "its first page to be looked at by the library ............";
	FILE *f;

	world_dies(w, &w->store);
	f = fopen(w->path, "w");
	assert_non_null(f);
	assert_true(fputs(junk, f) >= 0);
	assert_int_equal(fclose(f), 0);
	w->store = world_store(w);
}

#endif
