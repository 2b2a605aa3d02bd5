/*
 * A row of the table message as the work that it is.
 *
 * Called by the other files of the store.  Owns nothing: texts go into the
 * reader's arena.
 */
#include "store/row.h"

#include <stdio.h>
#include <string.h>

static char *
copy_text(struct arena *a, sqlite3_stmt *st, int i, bool *ok)
{
	const unsigned char *text;
	char *copy = NULL;

	if (sqlite3_column_type(st, i) == SQLITE_NULL)
		return NULL;
	text = sqlite3_column_text(st, i);
	if (text != NULL)
		copy = arena_dup(a, (const char *)text,
		    (size_t)sqlite3_column_bytes(st, i));
	if (copy == NULL)
		*ok = false;
	return copy;
}

bool
row_read(sqlite3_stmt *st, struct arena *a, struct work *w)
{
	const unsigned char *key = sqlite3_column_text(st, 1);
	bool ok = key != NULL;

	*w = (struct work){
		.id = sqlite3_column_int64(st, 0),
		.state = (enum state)sqlite3_column_int(st, 2),
		.event = copy_text(a, st, 3, &ok),
		.member_id = copy_text(a, st, 4, &ok),
		.domain = copy_text(a, st, 5, &ok),
		.connector = copy_text(a, st, 6, &ok),
		.chat = copy_text(a, st, 7, &ok),
		.line = sqlite3_column_int64(st, 8),
		.chat_id = sqlite3_column_int64(st, 9),
		.message_id = sqlite3_column_int64(st, 10),
		.ts = sqlite3_column_int64(st, 11),
		.received_us = sqlite3_column_int64(st, 12),
		.body = copy_text(a, st, 13, &ok),
		.body_len = (size_t)sqlite3_column_bytes(st, 13),
		.endpoint = copy_text(a, st, 14, &ok),
		.token = copy_text(a, st, 15, &ok),
		.ids = copy_text(a, st, 16, &ok),
		.delivered_ms = sqlite3_column_int64(st, 17),
		.tries = sqlite3_column_int64(st, 18),
		.first_ms = sqlite3_column_int64(st, 19),
		.alone = sqlite3_column_int(st, 20) != 0,
	};
	if (key != NULL)
		(void)snprintf(w->key, sizeof(w->key), "%s",
		    (const char *)key);
	return ok;
}

bool
row_read_one(sqlite3_stmt *st, struct arena *a, struct work *w, bool *found)
{
	int rc = sqlite3_step(st);
	bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE;

	*found = rc == SQLITE_ROW;
	if (*found)
		ok = row_read(st, a, w);
	(void)sqlite3_reset(st);
	return ok;
}

static bool
copy_texts(struct arena *a, struct work *w)
{
	const char **texts[] = { &w->event, &w->member_id, &w->domain,
		&w->connector, &w->chat, &w->endpoint, &w->token, &w->ids };
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (*texts[i] != NULL) {
			*texts[i] = arena_dup(a, *texts[i], strlen(*texts[i]));
			ok = *texts[i] != NULL;
		}
	return ok;
}

struct work *
work_copy(struct arena *a, const struct work *w)
{
	struct work *c = arena_alloc(a, sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = *w;
	c->body = NULL;
	c->body_len = 0;
	return copy_texts(a, c) ? c : NULL;
}
