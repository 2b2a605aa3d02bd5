/*
 * A row of the queue as the message that it is, and the claim on it.
 *
 * Called by the other files of the store.  Owns nothing: a message is one
 * block of memory, its reader's.
 */
#include "store/private.h"

#include <stdlib.h>
#include <string.h>

enum { COLUMN_KEY = 12, COLUMN_EVENT, COLUMN_MEMBER, COLUMN_DOMAIN,
	COLUMN_CONNECTOR, COLUMN_CHAT, COLUMN_ENDPOINT, COLUMN_TOKEN,
	COLUMN_IDS, COLUMN_BODY, COLUMN__END };

static void
read_numbers(const struct rows *r, struct work *w)
{
	w->id = db_int(r, 0);
	w->state = (enum state)db_int(r, 1);
	w->chat_number = db_int(r, 2);
	w->line = db_int(r, 3);
	w->chat_id = db_int(r, 4);
	w->message_id = db_int(r, 5);
	w->ts = db_int(r, 6);
	w->received_us = db_int(r, 7);
	w->delivered_ms = db_int(r, 8);
	w->tries = db_int(r, 9);
	w->first_ms = db_int(r, 10);
	w->alone = db_int(r, 11) != 0;
}

/* Copies a text behind the others; *at moves on. */
static const char *
put_text(const struct rows *r, int column, char **at)
{
	size_t n;
	const void *p = db_bytes(r, column, &n);
	char *to = *at;

	if (p == NULL)
		return NULL;
	memcpy(to, p, n);
	to[n] = '\0';
	*at += n + 1;
	return to;
}

struct work *
work_of_row(const struct rows *r)
{
	size_t size = sizeof(struct work), n;
	struct work *w;
	char *at;

	for (int i = COLUMN_EVENT; i < COLUMN__END; i++)
		if (db_bytes(r, i, &n) != NULL)
			size += n + 1;
	w = malloc(size);
	if (w == NULL)
		return NULL;
	memset(w, 0, sizeof(*w));
	at = (char *)(w + 1);
	read_numbers(r, w);
	db_copy(r, COLUMN_KEY, w->key, sizeof(w->key));
	w->event = put_text(r, COLUMN_EVENT, &at);
	w->member_id = put_text(r, COLUMN_MEMBER, &at);
	w->domain = put_text(r, COLUMN_DOMAIN, &at);
	w->connector = put_text(r, COLUMN_CONNECTOR, &at);
	w->chat = put_text(r, COLUMN_CHAT, &at);
	w->endpoint = put_text(r, COLUMN_ENDPOINT, &at);
	w->token = put_text(r, COLUMN_TOKEN, &at);
	w->ids = put_text(r, COLUMN_IDS, &at);
	if (db_bytes(r, COLUMN_BODY, &w->body_len) != NULL)
		w->body = put_text(r, COLUMN_BODY, &at);
	return w;
}

bool
work_claim(struct tx *tx, int64_t id, bool was_ready, int64_t place,
    struct work **out)
{
	struct rows r;
	bool memory = true;

	*out = NULL;
	if (!DB_RUN(tx, "UPDATE queue SET turn = " IN_WORK ", owner = ?2"
	    " WHERE id = ?1", V_INT(id), V_INT(db_me(tx))))
		return false;
	DB_ROWS(tx, &r, "SELECT " WORK_COLUMNS " FROM queue WHERE id = ?1",
	    V_INT(id));
	if (db_next(&r)) {
		*out = work_of_row(&r);
		memory = *out != NULL;
	}
	if (!db_end(&r) || !memory) {
		free(*out);
		*out = NULL;
		return memory ? false : db_no_memory(tx);
	}
	return !was_ready || place_remove(tx, place, 1);
}
