/*
 * What the web server is answered: one table from errors to statuses.
 *
 * Called by web/handler.c, once per request.  Owns nothing.
 */
#include "web/answer.h"

#include "base/buf.h"
#include "base/fault.h"
#include "codec/json_write.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#define ANSWER_MAX 8192

struct status {
	int code;
	const char *phrase;
	const char *header;	/* one more line, or "" */
};

static const struct status ok = { 200, "OK", "" };
static const struct status accepted = { 202, "Accepted", "" };
static const struct status statuses[ERR__MAX] = {
	[ERR_OK] = { 200, "OK", "" },
	[ERR_INPUT] = { 400, "Bad Request", "" },
	[ERR_METHOD] = { 405, "Method Not Allowed", "Allow: POST\r\n" },
	[ERR_MEDIA] = { 415, "Unsupported Media Type", "" },
	[ERR_TOOBIG] = { 413, "Content Too Large", "" },
	[ERR_DENIED] = { 403, "Forbidden", "" },
	[ERR_UNUSABLE] = { 422, "Unprocessable Content", "" },
	[ERR_CONFIG] = { 500, "Internal Server Error", "" },
	/* nothing was accepted, and a repeat may help */
	[ERR_RETRY] = { 503, "Service Unavailable", "Retry-After: 10\r\n" },
	[ERR_REFUSED] = { 503, "Service Unavailable", "Retry-After: 10\r\n" },
	[ERR_DISK] = { 503, "Service Unavailable", "Retry-After: 10\r\n" },
	[ERR_NOMEM] = { 503, "Service Unavailable", "Retry-After: 10\r\n" },
};

static int
send_answer(struct request *rq, const struct status *s, const struct buf *body)
{
	struct buf head;

	buf_init(&head, ANSWER_MAX);
	if (buf_addf(&head, "Status: %d %s\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n%s\r\n", s->code, s->phrase, body->len,
	    s->header) == ERR_OK &&
	    rq->kind->write(rq, head.p, head.len) && body->len != 0)
		(void)rq->kind->write(rq, body->p, body->len);
	fault_point("answer-before");
	rq->kind->finish(rq);
	fault_point("answer-after");
	buf_free(&head);
	return s->code;
}

static enum err
add_counts(struct buf *b, const struct outcome *o)
{
	size_t queued = o->messages - o->acknowledged - o->refused;
	enum err e = json_add_number(b, "messages", (int64_t)o->messages);

	if (e == ERR_OK)
		e = json_add_number(b, "acknowledged",
		    (int64_t)o->acknowledged);
	if (e == ERR_OK && queued != 0)
		e = json_add_number(b, "queued", (int64_t)queued);
	if (e == ERR_OK && o->refused != 0)
		e = json_add_number(b, "refused", (int64_t)o->refused);
	return e;
}

int
answer_outcome(struct request *rq, const struct outcome *o)
{
	bool done = o->acknowledged == o->messages;
	const char *result = o->result;
	struct buf b;
	enum err e;
	int code;

	if (result == NULL)
		result = done ? "acknowledged" : "queued";
	else
		done = strcmp(result, "queued") != 0;
	buf_init(&b, ANSWER_MAX);
	e = buf_addc(&b, '{');
	if (e == ERR_OK)
		e = json_add_text(&b, "result", result);
	if (e == ERR_OK)
		e = o->result != NULL ? json_add_text(&b, "reason",
		    o->reason) : add_counts(&b, o);
	if (e == ERR_OK)
		e = buf_addc(&b, '}');
	if (e != ERR_OK)	/* the status alone says it */
		buf_reset(&b);
	code = send_answer(rq, done ? &ok : &accepted, &b);
	buf_free(&b);
	return code;
}

static enum err
add_where(struct buf *b, const struct problem *p)
{
	enum err e = ERR_OK;

	if (p->at >= 0)
		e = json_add_number(b, "offset", p->at);
	if (e == ERR_OK && p->field[0] != '\0')
		e = json_add_text(b, "field", p->field);
	return e;
}

static enum err
add_description(struct buf *b, const struct problem *p)
{
	struct buf text;
	enum err e;

	buf_init(&text, ANSWER_MAX);
	/* whose the files are, and commands, are for the log alone */
	e = buf_add(&text, p->text, p->err == ERR_DISK ?
	    strcspn(p->text, ";") : strlen(p->text));
	if (e == ERR_OK && p->at >= 0)
		e = buf_addf(&text, ", at byte %" PRId64, p->at);
	if (e == ERR_OK)
		e = buf_str(&text) != NULL ? json_add_text(b,
		    "error_description", text.p) : ERR_NOMEM;
	buf_free(&text);
	return e;
}

int
answer_problem(struct request *rq, const struct problem *p)
{
	struct buf b;
	enum err e;
	int code;

	buf_init(&b, ANSWER_MAX);
	e = buf_addc(&b, '{');
	if (e == ERR_OK)
		e = json_add_text(&b, "error", err_name(p->err));
	if (e == ERR_OK)
		e = add_description(&b, p);
	if (e == ERR_OK)
		e = add_where(&b, p);
	if (e == ERR_OK)
		e = buf_addc(&b, '}');
	if (e != ERR_OK)
		buf_reset(&b);
	code = send_answer(rq, &statuses[p->err], &b);
	buf_free(&b);
	return code;
}
