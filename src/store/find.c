/*
 * Finding a message by its key, for a person.
 *
 * Called by the operator's tool.  Owns nothing.
 */
#include "store/find.h"

#include "store/private.h"

#include <stdio.h>
#include <string.h>

#define PAGE_ROWS 20000

struct finding {
	struct db_work db;
	const char *key;
	char base[KEY_MAX];	/* what the key begins with */
	int64_t message_id;	/* where the last page ended, */
	char at[KEY_MAX];
	int64_t n;		/* and how long it was */
	bool there;		/* its newest revision was met */
	int64_t id;
};

/* The base, or the base with "-n" behind it (event/identity.h). */
static void
set_base(struct finding *f)
{
	size_t n = strlen(f->key);

	while (n > 0 && strchr("0123456789", f->key[n - 1]) != NULL)
		n--;
	if (n == 0 || n == strlen(f->key) || f->key[n - 1] != '-')
		n = strlen(f->key) + 1;
	(void)snprintf(f->base, sizeof(f->base), "%.*s", (int)n - 1, f->key);
}

static bool
look_at_page(struct tx *tx, struct db_work *w)
{
	struct finding *f = (struct finding *)w;
	struct rows r;

	f->n = 0;
	DB_ROWS(tx, &r, "SELECT message_id, base, base IN (?3, ?4), id,"
	    " CASE WHEN content IS NULL THEN base ELSE base || '-' ||"
	    " revision END = ?3 FROM seen WHERE (message_id, base) > (?1, ?2)"
	    " ORDER BY message_id, base LIMIT ?5", V_INT(f->message_id),
	    V_TEXT(f->at), V_TEXT(f->key), V_TEXT(f->base),
	    V_INT(PAGE_ROWS));
	while (!f->there && db_next(&r)) {
		f->message_id = db_int(&r, 0);
		db_copy(&r, 1, f->at, sizeof(f->at));
		f->there = db_int(&r, 2) != 0;
		if (f->there && db_int(&r, 4) != 0)
			f->id = db_int(&r, 3);
		f->n++;
	}
	return db_end(&r);
}

/* An older revision is known by its own row only, while it has one. */
static bool
find_row(struct tx *tx, struct db_work *w)
{
	struct finding *f = (struct finding *)w;
	return DB_NUMBER(tx, &f->id, "SELECT id FROM queue WHERE key = ?1"
	    " UNION ALL SELECT id FROM refused WHERE key = ?1",
	    V_TEXT(f->key));
}

enum err
store_find_key(struct store *s, const char *key, int64_t *id,
    int64_t *message_id, struct problem *p)
{
	struct finding f = { .db = { .work = look_at_page, .reads = true },
	    .key = key, .message_id = -1 };
	enum err e;

	set_base(&f);
	do
		e = store_now(s, &f.db, p);
	while (e == ERR_OK && !f.there && f.n == PAGE_ROWS);
	if (e == ERR_OK && f.id == 0) {
		f.db.work = find_row;
		e = store_now(s, &f.db, p);
	}
	*id = e == ERR_OK ? f.id : 0;
	*message_id = f.message_id;
	return e;
}

enum err
store_find(struct store *s, const char *key, int64_t *id, struct problem *p)
{
	int64_t message_id;

	return store_find_key(s, key, id, &message_id, p);
}
