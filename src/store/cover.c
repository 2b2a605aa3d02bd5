/*
 * Whose messages are taken up by somebody: the connectors that living
 * processes say they serve.
 *
 * Called by what a person sees of the queue.  Owns the list until
 * cover_free().  Where no process lives nothing is said: plain CGI runs only
 * while events come.
 */
#include "store/cover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct collecting {
	struct cover *cover;
	bool memory;
};

/* Words between blanks, so that each can be found as one. */
static bool
add(void *ctx, int64_t number, const char *about)
{
	struct collecting *c = ctx;
	struct cover *v = c->cover;
	size_t had = v->words != NULL ? strlen(v->words) : 0;
	size_t n = strlen(about);
	char *words;

	(void)number;
	v->any = true;
	v->all = v->all || n == 0;
	words = realloc(v->words, had + n + 3);
	if (words == NULL)
		return c->memory = false;
	words[had] = ' ';
	memcpy(words + had + 1, about, n);
	memcpy(words + had + 1 + n, " ", 2);
	v->words = words;
	return true;
}

bool
cover_read(struct tx *tx, struct cover *v)
{
	struct collecting c = { v, true };

	cover_free(v);
	if (db_each_process(tx, add, &c))
		return true;
	return c.memory ? false : db_no_memory(tx);
}

void
cover_free(struct cover *v)
{
	free(v->words);
	*v = (struct cover){ .any = false };
}

bool
cover_has(const struct cover *v, const char *connector)
{
	size_t n = strlen(connector);
	const char *at = v->words;

	if (!v->any || v->all)
		return true;
	for (; at != NULL && (at = strstr(at, connector)) != NULL; at++)
		if (at[-1] == ' ' && at[n] == ' ')
			return true;
	return false;
}

/* Connectors are few, and each is looked up by the index. */
bool
cover_count(struct tx *tx, const struct cover *v, int64_t *uncovered)
{
	char connector[256] = "";
	bool ok = true, more = v->any && !v->all;

	*uncovered = 0;
	while (ok && more) {
		int64_t n = 0;
		struct rows r;

		DB_ROWS(tx, &r, "SELECT connector FROM place WHERE"
		    " connector > ?1 AND look_ms IS NOT NULL"
		    " ORDER BY connector LIMIT 1", V_TEXT(connector));
		more = db_next(&r);
		if (more)
			(void)snprintf(connector, sizeof(connector), "%s",
			    db_text(&r, 0));
		ok = db_end(&r);
		if (ok && more && !cover_has(v, connector))
			ok = DB_NUMBER(tx, &n, "SELECT sum(ready) FROM place"
			    " WHERE connector = ?1 AND look_ms IS NOT NULL",
			    V_TEXT(connector));
		*uncovered += n;
	}
	return ok;
}
