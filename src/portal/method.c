/*
 * One REST method as the application.
 *
 * Called by the set-up, by pages and by the operator's tool, in the loop.
 * Owns the answer until method_free().  A portal that is down is tried all
 * the same: who calls has a pause of his own between two tries.
 */
#include "portal/method.h"

#include "codec/flat.h"
#include "codec/json_write.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX ((size_t)256 * 1024)
#define LATE_MORE_MS 10000	/* for its turn, beside portal.timeout */

static const struct env *
env_of(const struct method_call *m)
{
	return m->room->all->env;
}

static struct method_call *
of_rest(struct rest_call *rest)
{
	return (struct method_call *)((char *)rest - offsetof(struct
	    method_call, rest));
}

/* The last thing: its owner may free it in done(). */
static void
finish(struct method_call *m)
{
	if (m->room != NULL) {
		loop_disarm(env_of(m)->loop, &m->late);
		room_leave(m->room);
	}
	m->room = NULL;
	m->waits = m->calls = false;
	m->done(m);
}

static enum err
render(struct rest_call *rest, const char *token, struct buf *b)
{
	const struct method_call *m = of_rest(rest);
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK)
		e = json_add_text(b, "auth", token);
	if (e == ERR_OK && m->params != NULL)
		e = m->params(m, b);
	return e == ERR_OK ? buf_addc(b, '}') : e;
}

static void
read_answer(struct rest_call *rest, const struct http_call *h)
{
	struct method_call *m = of_rest(rest);

	verdict_read_method(&rest->v, h);
	buf_reset(&m->answer);
	if (rest->v.kind == VERDICT_OK && buf_add(&m->answer, h->answer.p,
	    h->answer.len) != ERR_OK) {
		rest->v.kind = VERDICT_AGAIN;
		(void)snprintf(rest->v.reason, sizeof(rest->v.reason),
		    "out of memory");
	}
	if (m->seen != NULL)
		m->seen(m, h);
}

static enum method_end
end_of(const struct method_call *m)
{
	const struct rest_call *rest = &m->rest;

	switch (rest->v.kind) {
	case VERDICT_OK:
		return METHOD_OK;
	case VERDICT_REFUSED:
	case VERDICT_PORTAL:
		return METHOD_REFUSED;
	case VERDICT_ACCESS:
	case VERDICT_EXPIRED:
	case VERDICT_TOKEN:
		return rest->tokens_later ? METHOD_AGAIN : METHOD_REFUSED;
	default:
		return rest->no_token ? METHOD_REFUSED : METHOD_AGAIN;
	}
}

static void
on_done(struct rest_call *rest)
{
	struct method_call *m = of_rest(rest);

	m->end = end_of(m);
	m->error = rest->v.error;
	m->bound = rest->v.bound;
	m->tokens_over = m->end == METHOD_REFUSED && (rest->no_token ||
	    rest->v.kind == VERDICT_EXPIRED || rest->v.kind == VERDICT_TOKEN);
	if (m->end != METHOD_OK)
		(void)snprintf(m->reason, sizeof(m->reason), "%s",
		    rest->v.reason);
	rest_free(rest);
	finish(m);
}

static void
go(struct room_want *w)
{
	struct method_call *m = (struct method_call *)((char *)w -
	    offsetof(struct method_call, want));

	m->waits = false;
	m->calls = true;
	loop_disarm(env_of(m)->loop, &m->late);
	m->rest = (struct rest_call){
		.done = on_done,
		.room = m->room,
		.method = m->name,
		.render = render,
		.read = read_answer,
		.own = &m->token,
		.owns = m->token != NULL,
		.own_only = m->token != NULL,
		.probe = m->room->outage.down,
	};
	rest_start(&m->rest);
}

/* The portal's limits leave no call for so long. */
static void
on_late(struct timer *t)
{
	struct method_call *m = (struct method_call *)((char *)t -
	    offsetof(struct method_call, late));

	room_unwant(m->room, &m->want);
	m->end = METHOD_AGAIN;
	(void)snprintf(m->reason, sizeof(m->reason), "the portal's limit of "
	    "calls is used up");
	finish(m);
}

static void
no_memory(struct task *t)
{
	struct method_call *m = (struct method_call *)((char *)t -
	    offsetof(struct method_call, task));

	m->end = METHOD_AGAIN;
	(void)snprintf(m->reason, sizeof(m->reason), "out of memory");
	finish(m);
}

void
method_start(struct method_call *m, struct rooms *rooms,
    const char *member_id)
{
	const struct env *env = rooms->env;

	buf_init(&m->answer, ANSWER_MAX);
	m->tokens_over = m->bound = false;
	m->error = NULL;
	m->reason[0] = '\0';
	m->room = room_enter(rooms, member_id);
	if (m->room == NULL) {
		m->task = (struct task){ .run = no_memory, .name = "method" };
		loop_ready(env->loop, &m->task);
		return;
	}
	m->late = (struct timer){ .fire = on_late };
	loop_arm(env->loop, &m->late, loop_now(env->loop) + LATE_MORE_MS +
	    env->config->portal.timeout * 1000);
	m->want = (struct room_want){ .go = go, .room = m->room,
	    .probe = true };
	m->waits = true;
	room_want(m->room, &m->want);
}

enum err
method_values(const struct method_call *m, enum err (*each)(void *,
    const char *, const char *, size_t), void *ctx)
{
	return flat_read(m->answer.p, m->answer.len, each, ctx);
}

void
method_free(struct method_call *m)
{
	buf_free(&m->answer);
}

bool
method_drop(struct method_call *m)
{
	if (m->calls || !m->waits)
		return !m->calls;
	loop_disarm(env_of(m)->loop, &m->late);
	room_unwant(m->room, &m->want);
	room_leave(m->room);
	m->room = NULL;
	m->waits = false;
	return true;
}
