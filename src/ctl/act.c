/*
 * Retrying, dropping and purging, by hand or by a timer.
 *
 * Called by imconnectorctl, while handlers may work on the same queue.
 * Owns nothing.
 */
#include "ctl/act.h"

#include "ctl/when.h"
#include "store/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MEMBER_MAX 256		/* bytes of a member_id */

static void
print_count(const char *name, int64_t n, bool json)
{
	if (json)
		printf("{\"%s\":%" PRId64 "}\n", name, n);
	else
		printf("%s: %" PRId64 "\n", name, n);
}

/* How a message is that was found, or not. */
struct found {
	bool there;
	enum state state;
	enum step step;
	enum turn turn;
	int64_t id, next_ms;
};

static bool
note_found(void *ctx, const struct stored *m)
{
	*(struct found *)ctx = (struct found){ true, m->state, m->step,
	    m->turn, m->id, m->next_ms };
	return false;
}

static enum err
find(struct store *s, const char *key, struct found *f, struct problem *p)
{
	const struct filter filter = { .key = key };
	enum err e;

	*f = (struct found){ .there = false };
	e = store_each(s, &filter, note_found, f, p);
	if (e == ERR_OK && !f->there)
		return problem_set(p, ERR_UNUSABLE, -1, NULL,
		    "there is no message with the key %.80s", key);
	return e;
}

/* Why nothing was done to a message that is there. */
static enum err
nothing_done(const char *key, const struct found *f, struct problem *p)
{
	const char *state = state_name(f->state);
	struct buf when;

	if (f->state == STATE_ACKNOWLEDGED)
		return problem_set(p, ERR_UNUSABLE, -1, NULL,
		    "%.80s is %s: nothing is left to do", key, state);
	if (f->state == STATE_REFUSED && f->step == STEP_READ)
		return problem_set(p, ERR_UNUSABLE, -1, NULL, "%.80s is %s: "
		    "it cannot be used, so it can only be dropped", key,
		    state);
	if (f->turn == TURN_IN_WORK)
		return problem_set(p, ERR_UNUSABLE, -1, NULL, "%.80s is %s, "
		    "and a handler works on it now", key, state);
	buf_init(&when, 64);
	(void)problem_set(p, ERR_UNUSABLE, -1, NULL, "%.80s is %s, not "
	    "refused: it goes on by itself%s%s; 'imconnectorctl queue flush "
	    "KEY' makes it due now", key, state, f->next_ms != 0 ?
	    ", next try " : "", f->next_ms != 0 &&
	    when_add(&when, f->next_ms) == ERR_OK ? buf_str(&when) : "");
	buf_free(&when);
	return ERR_UNUSABLE;
}

static void
show_many(const struct many *m)
{
	fprintf(stderr, "\r%" PRId64 " ", m->n);
}

/* Many, with their progress. */
static enum err
do_many(struct store *s, const char *name, int64_t older_ms, bool json,
    struct problem *p)
{
	bool terminal = isatty(STDERR_FILENO) == 1;
	struct many m = { .progress = terminal ? show_many : NULL };
	enum err e = older_ms < 0 ? store_retry_refused(s, &m, p) :
	    store_drop_refused(s, older_ms, &m, p);

	if (terminal)
		(void)fputc('\n', stderr);
	if (e == ERR_OK)
		print_count(name, m.n, json);
	return e;
}

enum err
act_retry_refused(struct store *s, const char *key, bool json,
    struct problem *p)
{
	struct found f;
	int64_t n;
	enum err e;

	if (key == NULL)
		return do_many(s, "retried", -1, json, p);
	e = store_retry(s, key, &n, p);
	if (e == ERR_OK && n == 0)
		e = find(s, key, &f, p);
	if (e == ERR_OK && n == 0)
		return nothing_done(key, &f, p);
	if (e == ERR_OK)
		print_count("retried", n, json);
	return e;
}

enum err
act_drop(struct store *s, const char *key, bool json, struct problem *p)
{
	struct found f;
	int64_t n;
	enum err e = store_drop(s, key, &n, p);

	if (e == ERR_OK && n == 0)
		e = find(s, key, &f, p);
	if (e == ERR_OK && n == 0)
		return nothing_done(key, &f, p);
	if (e == ERR_OK)
		print_count("dropped", n, json);
	return e;
}

enum err
act_drop_refused(struct store *s, int64_t older_ms, bool json,
    struct problem *p)
{
	return do_many(s, "dropped", older_ms, json, p);
}

/* A portal's domain stands for the portal, if something of it waits. */
static bool
note_member(void *ctx, const struct stored *m)
{
	(void)snprintf(ctx, MEMBER_MAX, "%s", m->member_id);
	return false;
}

static enum err
find_member(struct store *s, struct flush *f, char member_id[MEMBER_MAX],
    struct problem *p)
{
	const struct filter filter = { .member_id = f->member_id };
	enum err e;

	if (f->member_id == NULL || strchr(f->member_id, '.') == NULL)
		return ERR_OK;
	member_id[0] = '\0';
	e = store_each(s, &filter, note_member, member_id, p);
	if (e == ERR_OK && member_id[0] == '\0')
		return problem_set(p, ERR_UNUSABLE, -1, NULL, "nothing waits "
		    "for a portal with the domain %.80s", f->member_id);
	f->member_id = member_id;
	return e;
}

static void
show_flush(const struct flush *f)
{
	fprintf(stderr, "\r%" PRId64 " ", f->due);
}

static void
print_flush(const struct flush *f, bool json)
{
	if (json) {
		printf("{\"due\":%" PRId64 ",\"portals\":%" PRId64
		    ",\"channels\":%" PRId64 ",\"parked\":%" PRId64 "}\n",
		    f->due, f->portals, f->channels, f->parked);
		return;
	}
	printf("due now: %" PRId64 "\n", f->due);
	if (f->portals + f->channels != 0)
		printf("down and probed now: %" PRId64 " portals, %" PRId64
		    " channels\n", f->portals, f->channels);
	if (f->parked != 0)
		printf("without a token and tried once more: %" PRId64
		    " portals\n", f->parked);
	if (!f->runs)
		puts("no handler runs: 'imconnectorctl retry' does it");
}

enum err
act_flush(struct store *s, struct flush *f, const char *key, bool json,
    struct problem *p)
{
	bool terminal = key == NULL && isatty(STDERR_FILENO) == 1;
	char member_id[MEMBER_MAX];
	struct found m;
	enum err e;

	f->progress = terminal ? show_flush : NULL;
	e = key != NULL ? find(s, key, &m, p) :
	    find_member(s, f, member_id, p);
	if (e == ERR_OK && key != NULL && m.state == STATE_REFUSED)
		return problem_set(p, ERR_UNUSABLE, -1, NULL, "%.80s is "
		    "refused: 'imconnectorctl queue retry KEY' takes it up "
		    "again", key);
	if (e == ERR_OK && key != NULL && (m.turn == TURN_IN_WORK))
		return nothing_done(key, &m, p);
	if (e == ERR_OK && key != NULL)
		f->id = m.id;
	if (e == ERR_OK)
		e = store_flush(s, f, p);
	if (terminal && f->due != 0)
		(void)fputc('\n', stderr);
	if (e == ERR_OK)
		print_flush(f, json);
	return e;
}

static void
show_pass(void *ctx, const struct pass *pass)
{
	(void)ctx;
	fprintf(stderr, "\r%" PRId64 " moved on, %" PRId64 " failed ",
	    pass->done, pass->failed);
}

enum err
act_pass(struct relay *r, bool json, struct problem *p)
{
	bool terminal = isatty(STDERR_FILENO) == 1;
	struct pass pass = { .messages = INT64_MAX, .ms = INT32_MAX,
	    .progress = terminal ? show_pass : NULL };
	enum err e = relay_pass(r, &pass, p);

	if (terminal)
		(void)fputc('\n', stderr);
	if (e != ERR_OK)
		return e;
	if (json)
		printf("{\"moved\":%" PRId64 ",\"failed\":%" PRId64 "}\n",
		    pass.done, pass.failed);
	else
		printf("moved on: %" PRId64 ", failed: %" PRId64 "\n",
		    pass.done, pass.failed);
	return e;
}

enum err
act_purge(struct store *s, bool json, struct problem *p)
{
	bool terminal = isatty(STDERR_FILENO) == 1, more = true;
	int64_t all = 0, n;
	enum err e = ERR_OK;

	/* the walk may stand anywhere: once to its end, then all of it */
	for (int ends = 0; e == ERR_OK && ends < 2;) {
		e = store_purge(s, &n, &more, p);
		all += n;
		ends += !more;
		if (terminal)
			fprintf(stderr, "\r%" PRId64 " removed ", all);
	}
	if (terminal)
		(void)fputc('\n', stderr);
	if (e == ERR_OK)
		print_count("removed", all, json);
	return e;
}
