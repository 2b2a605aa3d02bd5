/*
 * imconnectorctl send-test: one message on its whole way, with times.
 *
 * Called by the table of commands.  Owns nothing beyond itself.  It posts
 * what Bitrix24 would post, without an access token: the handler uses those
 * of the installation.  How far the message is, it sees in the store.
 */
#include "ctl/channel_act.h"

#include "base/number.h"
#include "codec/form_write.h"
#include "codec/json_write.h"
#include "ctl/clean.h"
#include "ctl/handler_call.h"
#include "ctl/portal_call.h"
#include "store/follow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define CHAT "imconnector-send-test"
#define TEXT "test"
#define BODY_MAX ((size_t)16 * 1024)
#define LOOK_MS 10		/* how exact the times of the store are */
#define WAIT_MS 60000		/* behind the answer */
#define REASON_MAX 320
#define ARENA_MAX PORTAL_ARENA_MAX

struct sending {
	struct ctl *ctl;
	struct portal portal;
	const char *connector, *url;
	int64_t line, message_id;
	struct arena of_portal, of_url;
	struct follow *follow;
	struct handler_call call;
	int64_t began_ms;	/* monotonic */
	/* what was seen */
	char key[80];
	enum state state;	/* 0: not stored yet */
	int64_t at_ms[STATE_REFUSED + 1];	/* -1: not seen */
	char reason[REASON_MAX];
};

static int64_t
since(const struct sending *s)
{
	return clock_system.mono_ms(clock_system.ctx) - s->began_ms;
}

static enum err
add_number(struct buf *b, const char *name, int64_t n)
{
	char text[NUMBER_TEXT_MAX];

	(void)number_text(text, n);
	return form_add(b, name, text);
}

/* Its number is the time, so that it is none that was seen. */
static enum err
render(struct sending *s, struct buf *b)
{
	static const char at[] = "data[MESSAGES][0]";
	enum err e = handler_event(s->ctl, b, "ONIMCONNECTORMESSAGEADD",
	    &s->portal);
	char name[64];

	if (e == ERR_OK)
		e = form_add(b, "data[CONNECTOR]", s->connector);
	if (e == ERR_OK)
		e = add_number(b, "data[LINE]", s->line);
	(void)snprintf(name, sizeof(name), "%s[im][chat_id]", at);
	if (e == ERR_OK)
		e = add_number(b, name, 1);
	(void)snprintf(name, sizeof(name), "%s[im][message_id]", at);
	if (e == ERR_OK)
		e = add_number(b, name, s->message_id);
	(void)snprintf(name, sizeof(name), "%s[message][text]", at);
	if (e == ERR_OK)
		e = form_add(b, name, TEXT);
	(void)snprintf(name, sizeof(name), "%s[chat][id]", at);
	return e == ERR_OK ? form_add(b, name, CHAT) : e;
}

static void
on_seen(void *ctx, const struct followed *m)
{
	struct sending *s = ctx;

	if (s->key[0] == '\0' && m->message_id == s->message_id)
		(void)snprintf(s->key, sizeof(s->key), "%s", m->key);
	if (s->key[0] == '\0' || strcmp(s->key, m->key) != 0)
		return;
	s->state = m->state;
	if (s->at_ms[m->state] < 0)
		s->at_ms[m->state] = since(s);
	(void)snprintf(s->reason, sizeof(s->reason), "%s", m->reason);
}

/* Whether nothing more will happen soon. */
static bool
is_over(const struct sending *s, int64_t answered_ms)
{
	if (!s->call.over)
		return false;
	/* what is answered was looked at, for it was stored before */
	if (s->call.http.end != HTTP_ANSWERED || s->call.http.status != 202)
		return true;
	return s->state >= STATE_ACKNOWLEDGED ||
	    since(s) > answered_ms + WAIT_MS;
}

/* The answer may say what a look has not seen yet: nothing was later. */
static void
believe_answer(struct sending *s)
{
	const char *word = handler_call_word(&s->call);
	int64_t ms = s->call.http.times.first_us / 1000;

	if (word == NULL || strcmp(word, "acknowledged") != 0)
		return;
	for (int i = STATE_RECEIVED; i < STATE_ACKNOWLEDGED; i++)
		if (s->at_ms[i] > ms)
			s->at_ms[i] = ms;
	s->at_ms[STATE_ACKNOWLEDGED] = ms;
	s->state = STATE_ACKNOWLEDGED;
}

static enum err
watch(struct sending *s, struct problem *p)
{
	int64_t answered_ms = -1;
	enum err e;

	do {
		loop_turn(s->ctl->s.loop, LOOK_MS);
		e = follow_look(s->follow, on_seen, s, p);
		if (s->call.over && answered_ms < 0)
			answered_ms = since(s);
	} while (e == ERR_OK && !is_over(s, answered_ms));
	believe_answer(s);
	return e;
}

static int
code_of(const struct sending *s)
{
	const struct http_call *h = &s->call.http;
	const char *word = handler_call_word(&s->call);

	if (h->end != HTTP_ANSWERED || h->status >= 500)
		return EX_TEMPFAIL;
	if (h->status / 100 != 2 || word == NULL ||
	    s->state == STATE_REFUSED || strcmp(word, "ignored") == 0)
		return EX_UNAVAILABLE;
	return s->state == STATE_ACKNOWLEDGED ||
	    strcmp(word, "acknowledged") == 0 ? EX_OK : EX_TEMPFAIL;
}

static void
print_step(const char *step, int64_t us)
{
	if (us > 0)
		printf("%-13s %9.1f ms\n", step, (double)us / 1000);
}

static void
print_text(const struct sending *s)
{
	const struct http_call *h = &s->call.http;
	const char *word = handler_call_word(&s->call);

	print_step("connected", h->times.connected_us);
	print_step("TLS", h->times.secured_us);
	if (h->end == HTTP_ANSWERED)
		printf("%-13s %9.1f ms  %ld %s\n", "answer",
		    (double)h->times.first_us / 1000, h->status,
		    word != NULL ? word : "(not this handler's)");
	else
		printf("no answer: %s\n", h->reason);
	for (int i = STATE_RECEIVED; i <= STATE_REFUSED; i++)
		if (s->at_ms[i] >= 0)
			printf("%-13s %9.1f ms\n", i == STATE_RECEIVED ?
			    "stored" : state_name((enum state)i),
			    (double)s->at_ms[i]);
	if (s->key[0] != '\0')
		printf("its key is %s\n", s->key);
	if (s->reason[0] != '\0' && s->state != STATE_ACKNOWLEDGED) {
		printf("%s: ", state_name(s->state));
		clean_text(s->reason);
		(void)putchar('\n');
	}
}

static enum err
add_ms(struct buf *b, const char *name, int64_t us)
{
	return us > 0 ? json_add_number(b, name, us / 1000) : ERR_OK;
}

static enum err
render_json(const struct sending *s, struct buf *b)
{
	static const char *const names[] = { [STATE_RECEIVED] = "stored_ms",
	    [STATE_DELIVERED] = "delivered_ms",
	    [STATE_ACKNOWLEDGED] = "acknowledged_ms",
	    [STATE_REFUSED] = "refused_ms" };
	const struct http_call *h = &s->call.http;
	enum err e = buf_addc(b, '{');

	if (e == ERR_OK && h->end == HTTP_ANSWERED)
		e = json_add_number(b, "status", h->status);
	if (e == ERR_OK)
		e = json_add_text(b, "result", handler_call_word(&s->call));
	if (e == ERR_OK)
		e = add_ms(b, "connected_ms", h->times.connected_us);
	if (e == ERR_OK)
		e = add_ms(b, "tls_ms", h->times.secured_us);
	if (e == ERR_OK)
		e = add_ms(b, "answer_ms", h->times.first_us);
	for (int i = STATE_RECEIVED; e == ERR_OK && i <= STATE_REFUSED; i++)
		if (s->at_ms[i] >= 0)
			e = json_add_number(b, names[i], s->at_ms[i]);
	if (e == ERR_OK && s->state != 0)
		e = json_add_text(b, "state", state_name(s->state));
	if (e == ERR_OK && s->key[0] != '\0')
		e = json_add_text(b, "key", s->key);
	if (e == ERR_OK && s->reason[0] != '\0')
		e = json_add_text(b, "reason", s->reason);
	if (e == ERR_OK && h->end != HTTP_ANSWERED)
		e = json_add_text(b, "error", h->reason);
	return e == ERR_OK ? buf_adds(b, "}\n") : e;
}

static enum err
print(const struct sending *s)
{
	struct buf b;
	enum err e = ERR_OK;

	if (s->ctl->a.given[ARG_JSON] == NULL) {
		print_text(s);
		return ERR_OK;
	}
	buf_init(&b, BODY_MAX);
	e = render_json(s, &b);
	if (e == ERR_OK && buf_str(&b) != NULL)
		(void)fputs(b.p, stdout);
	buf_free(&b);
	return e;
}

static enum err
send_it(struct sending *s, struct problem *p)
{
	struct buf b;
	enum err e = follow_new(&s->follow, s->ctl->s.store);

	buf_init(&b, BODY_MAX);
	if (e == ERR_OK)
		e = follow_look(s->follow, on_seen, s, p);
	if (e == ERR_OK)
		e = render(s, &b);
	if (e == ERR_OK) {
		s->began_ms = clock_system.mono_ms(clock_system.ctx);
		handler_call_start(s->ctl, &s->call, s->url, HANDLER_FORM,
		    &b);
		e = watch(s, p);
		/* the body is the call's until it is over */
		call_wait(s->ctl, &s->call.over);
		if (e == ERR_OK)
			e = print(s);
		s->ctl->code = code_of(s);
		handler_call_free(&s->call);
	}
	follow_free(s->follow);
	buf_free(&b);
	return e;
}

static enum err
find_line(struct sending *s, struct problem *p)
{
	const char *given = s->ctl->a.given[ARG_LINE];

	s->line = 1;
	if (given == NULL || (number_read(given, &s->line) && s->line > 0))
		return ERR_OK;
	return problem_set(p, ERR_UNUSABLE, -1, NULL, "--line is the number "
	    "of an open line; see 'imconnectorctl lines'");
}

static enum err
prepare(struct sending *s, const char *member_id,
    const struct portal_list *ours, struct problem *p)
{
	enum err e = find_line(s, p);

	for (int i = 0; i <= STATE_REFUSED; i++)
		s->at_ms[i] = -1;
	s->message_id = clock_wall(&clock_system);
	if (e == ERR_OK)
		e = connector_pick(s->ctl, ours, &s->connector, p);
	if (e == ERR_OK)
		e = handler_portal(s->ctl, member_id, &s->of_portal,
		    &s->portal, p);
	return e == ERR_OK ? handler_url(s->ctl, member_id, &s->of_url,
	    &s->url, p) : e;
}

enum err
send_test_command(struct ctl *ctl, struct problem *p)
{
	struct sending s = { .ctl = ctl };
	struct portal_list ours;
	char *member_id = NULL;
	enum err e = connector_list(ctl->s.config, &ours, p);

	arena_init(&s.of_portal, ARENA_MAX);
	arena_init(&s.of_url, ARENA_MAX);
	if (e == ERR_OK)
		e = portal_pick(ctl, &member_id, p);
	if (e == ERR_OK)
		e = prepare(&s, member_id, &ours, p);
	if (e == ERR_OK)
		e = send_it(&s, p);
	if (e == ERR_NOMEM && p->err == ERR_OK)
		e = problem_set(p, e, -1, NULL, "out of memory");
	portal_list_free(&ours);
	arena_free(&s.of_portal);
	arena_free(&s.of_url);
	free(member_id);
	return e;
}
