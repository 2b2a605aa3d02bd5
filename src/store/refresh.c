/*
 * The right to refresh a portal's tokens: one at a time among all processes.
 *
 * Called by portal/tokens.c and by the retry.  Owns the list of claims that
 * could not be given back because the store could not be written then: they
 * are given back as soon as it can.
 */
#include "store/portals.h"

#include "store/queue.h"

#include <stdlib.h>
#include <string.h>

struct asking {
	const char *member_id;
	const char *failed;
	enum refresh answer;
};

static bool
claim(struct store *s, const char *member_id)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE portal SET owner = ?2,"
	    " lease = ?3 WHERE member_id = ?1");

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	bind_int(st, 2, owner_number(s->owner));
	bind_int(st, 3, store_lease(s));
	return sqlite_done(s->db, st);
}

static bool
begin(struct store *s, void *ctx)
{
	struct asking *a = ctx;
	sqlite3_stmt *st = sqlite_stmt(s->db, "SELECT CASE"
	    " WHEN rejected IS NOT NULL OR refresh_token = '' THEN ?3"
	    " WHEN access_token <> ?2 THEN ?4"
	    " WHEN claimed(owner, lease) THEN ?5 ELSE ?6 END + 1"
	    " FROM portal WHERE member_id = ?1");
	int64_t answer;

	if (st == NULL)
		return false;
	bind_text(st, 1, a->member_id);
	bind_text(st, 2, a->failed);
	bind_int(st, 3, REFRESH_NONE);
	bind_int(st, 4, REFRESH_NEWER);
	bind_int(st, 5, REFRESH_BUSY);
	bind_int(st, 6, REFRESH_YOURS);
	if (!ask_int(s, st, &answer))
		return false;
	a->answer = answer == 0 ? REFRESH_NONE : (enum refresh)(answer - 1);
	return a->answer != REFRESH_YOURS || claim(s, a->member_id);
}

enum err
store_refresh_begin(struct store *s, const char *member_id,
    const char *failed_token, enum refresh *out, struct problem *p)
{
	struct asking a = { member_id, failed_token, REFRESH_NONE };
	enum err e;

	store_refresh_settle(s);
	e = store_transact(s, begin, &a, p);
	*out = e == ERR_OK ? a.answer : REFRESH_NONE;
	return e;
}

/* Another's claim, should ours have been void, stays. */
static bool
give_back(struct store *s, const char *member_id)
{
	sqlite3_stmt *st = sqlite_stmt(s->db, "UPDATE portal SET owner = 0,"
	    " lease = 0 WHERE member_id = ?1 AND owner = ?2");

	if (st == NULL)
		return false;
	bind_text(st, 1, member_id);
	bind_int(st, 2, owner_number(s->owner));
	return sqlite_done(s->db, st);
}

static bool
end(struct store *s, void *ctx)
{
	return give_back(s, ctx);
}

/* Of more than there is room for, the lease ends the rest. */
static void
owe(struct store *s, char *member_id)
{
	(void)pthread_mutex_lock(&s->lock);
	if (member_id != NULL && s->debts < DEBTS_MAX) {
		s->debt[s->debts++] = member_id;
		member_id = NULL;
	}
	(void)pthread_mutex_unlock(&s->lock);
	free(member_id);
}

enum err
store_refresh_end(struct store *s, const char *member_id, struct problem *p)
{
	enum err e = store_transact(s, end, (void *)(uintptr_t)member_id, p);

	if (e != ERR_OK)
		owe(s, strdup(member_id));
	return e;
}

struct settling {
	char *member_id[DEBTS_MAX];
	size_t n;
};

/*
 * The list is emptied under the lock: nobody gives a claim back twice, which
 * could be somebody's again.  On a further run it is in our hands already.
 */
static bool
settle(struct store *s, void *ctx)
{
	struct settling *g = ctx;
	bool ok = true;

	if (g->n == 0) {
		memcpy(g->member_id, s->debt, s->debts * sizeof(s->debt[0]));
		g->n = s->debts;
		s->debts = 0;
	}
	for (size_t i = 0; ok && i < g->n; i++)
		ok = give_back(s, g->member_id[i]);
	return ok;
}

void
store_refresh_settle(struct store *s)
{
	struct settling g = { .n = 0 };
	struct problem p = { 0 };
	bool none;
	enum err e;

	(void)pthread_mutex_lock(&s->lock);
	none = s->debts == 0;
	(void)pthread_mutex_unlock(&s->lock);
	if (none)
		return;
	e = store_transact(s, settle, &g, &p);
	for (size_t i = 0; i < g.n; i++)
		if (e != ERR_OK)
			owe(s, g.member_id[i]);
		else
			free(g.member_id[i]);
}
