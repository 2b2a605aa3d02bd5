/*
 * The store's handle: which file, the lock around it, transactions.
 *
 * Called by the other files of the store and by the programs.  Owns the
 * connection and this process's place among the owners of claims.  Every
 * change is one transaction that ends in a synced commit; a failure leaves
 * the store as it was, closes the connection and lets the next call open it
 * anew.
 */
#include "store/store.h"

#include "store/queue.h"

#include <stdlib.h>
#include <string.h>

const char *
state_name(enum state state)
{
	static const char *const names[] = { "unknown", "received",
		"delivered", "acknowledged", "refused" };

	return names[state >= STATE_RECEIVED && state <= STATE_REFUSED ?
	    state : 0];
}

const char *
step_name(enum step step)
{
	static const char *const names[] = { "", "read", "hand-over",
		"status" };

	return names[step >= STEP_READ && step <= STEP_STATUS ? step : 0];
}

static struct store *
store_new(const char *path)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->path = strdup(path);
	if (s->path == NULL || pthread_mutex_init(&s->lock, NULL) != 0) {
		free(s->path);
		free(s);
		return NULL;
	}
	commits_init(&s->commits);
	return s;
}

enum err
store_open(struct store **out, const struct store_opts *o, struct problem *p)
{
	static const char scheme[] = "sqlite:";
	const char *path = o->url + sizeof(scheme) - 1;

	*out = NULL;
	if (strncmp(o->url, scheme, sizeof(scheme) - 1) != 0 || *path != '/')
		return problem_set(p, ERR_CONFIG, -1, NULL, "[store] url must "
		    "be sqlite: and an absolute path, not \"%.99s\"", o->url);
	*out = store_new(path);
	if (*out == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	(*out)->opts = *o;
	(*out)->opts.url = NULL;	/* the caller's */
	return ERR_OK;
}

/* Under the lock.  What another process is at, it will tidy up itself. */
static void
empty_log(struct store *s)
{
	struct problem p = { 0 };

	if (s->db == NULL || !owner_begin_write(s->owner))
		return;
	if (sqlite_check(s->db, &p) == ERR_OK)
		sqlite_checkpoint(s->db, true);
	owner_end_write(s->owner);
}

void
store_tidy(struct store *s)
{
	(void)pthread_mutex_lock(&s->lock);
	/* a second without a write: nobody is held up */
	if (store_now(s) - s->written_ms >= 1000)
		empty_log(s);
	(void)pthread_mutex_unlock(&s->lock);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	empty_log(s);
	sqlite_close(s->db);
	owner_close(s->owner);
	while (s->debts != 0)
		free(s->debt[--s->debts]);
	commits_free(&s->commits);
	(void)pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

/*
 * A claim is void when its owner is gone.  The lease only ends claims of the
 * living; it runs on the monotonic clock, and one further ahead than any
 * lease can be is void, too.
 */
static bool
is_claimed(void *ctx, int64_t number, int64_t lease)
{
	const struct store *s = ctx;
	const struct clock *c = s->opts.clock;
	int64_t left = lease - c->mono_ms(c->ctx);

	return left > 0 && left <= s->opts.lease_ms &&
	    (s->owner == NULL || owner_lives(s->owner, number));
}

static enum err
open_alone(struct store *s, const struct sqlite_opts *o, struct problem *p)
{
	enum err e;

	if (!store_begin_write(s))
		return problem_set(p, ERR_DISK, -1, NULL,
		    "another process keeps the store locked");
	e = sqlite_open(&s->db, o, p);
	store_end_write(s);
	if (e == ERR_OK && !(sqlite_add_claimed(s->db, is_claimed, s) &&
	    claim_add_blocked(s)))
		e = sqlite_fail(s->db, p);
	return e;
}

static enum err
open_db(struct store *s, bool *absent, struct problem *p)
{
	const struct sqlite_opts o = { s->path, (int)s->opts.busy_ms,
	    s->opts.create };
	enum err e = sqlite_make(&o, absent, p);

	if (e == ERR_OK && s->owner == NULL)
		e = owner_open(&s->owner, s->path, p);
	return e == ERR_OK ? open_alone(s, &o, p) : e;
}

enum err
store_lock(struct store *s, bool *absent, struct problem *p)
{
	bool none = false;
	enum err e = ERR_OK;

	(void)pthread_mutex_lock(&s->lock);
	if (s->db == NULL)
		e = open_db(s, &none, p);
	if (absent != NULL)
		*absent = none;
	return e;
}

enum err
store_unlock(struct store *s, enum err e)
{
	if (e != ERR_OK) {
		sqlite_close(s->db);
		s->db = NULL;
	}
	(void)pthread_mutex_unlock(&s->lock);
	return e;
}

enum err
store_begin(struct store *s, bool *absent, struct problem *p)
{
	struct problem local = { 0 };
	enum err e = store_lock(s, absent, &local);

	if (e == ERR_OK)
		e = sqlite_check(s->db, &local);
	if (e != ERR_OK && !*absent)
		*p = local;
	return e;
}

enum err
store_read(struct store *s, bool (*work)(struct store *, void *), void *ctx,
    struct problem *p)
{
	bool absent;
	enum err e = store_begin(s, &absent, p);

	if (e == ERR_OK && !work(s, ctx))
		e = sqlite_fail(s->db, p);
	e = store_unlock(s, e);
	return absent ? ERR_OK : e;
}

void
bind_text(sqlite3_stmt *st, int i, const char *text)
{
	if (text != NULL)
		(void)sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
}

void
bind_int(sqlite3_stmt *st, int i, int64_t value)
{
	(void)sqlite3_bind_int64(st, i, value);
}

bool
ask_int(struct store *s, sqlite3_stmt *st, int64_t *out)
{
	int rc = st != NULL ? sqlite3_step(st) : SQLITE_ERROR;

	(void)s;
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	if (st != NULL)
		(void)sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

int64_t
store_now(const struct store *s)
{
	return clock_wall(s->opts.clock);
}

int64_t
store_lease(const struct store *s)
{
	const struct clock *c = s->opts.clock;

	return c->mono_ms(c->ctx) + s->opts.lease_ms;
}

bool
store_begin_scan(struct store *s)
{
	struct problem p = { 0 };
	bool ok = store_lock(s, NULL, &p) == ERR_OK && !s->scanning &&
	    owner_begin_scan(s->owner);

	s->scanning = s->scanning || ok;
	(void)store_unlock(s, p.err);
	return ok;
}

void
store_end_scan(struct store *s)
{
	(void)pthread_mutex_lock(&s->lock);
	if (s->owner != NULL)
		owner_end_scan(s->owner);
	s->scanning = false;
	(void)pthread_mutex_unlock(&s->lock);
}
