/*
 * What the web server is answered: one table from errors to statuses.
 *
 * Called by web/handler.c, once per request.  Owns nothing.
 */
#include "web/answer.h"

#include "base/buf.h"
#include "base/fault.h"
#include "codec/json_write.h"
#include "web/page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX 8192
#define PAGE_MAX ((size_t)64 * 1024)
#define HEAD_MAX ((size_t)4096)

struct status {
	int code;
	const char *phrase;
	const char *header;	/* more lines, each with its end, or "" */
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

static enum err
add_head(struct buf *b, const struct status *s, const char *type, size_t length)
{
	buf_adds(b, "Status: ");
	buf_addi(b, s->code);
	buf_addc(b, ' ');
	buf_adds(b, s->phrase);
	buf_adds(b, "\r\nContent-Type: ");
	buf_adds(b, type);
	buf_adds(b, "\r\nContent-Length: ");
	buf_addi(b, (int64_t)length);
	buf_adds(b, "\r\n");
	buf_adds(b, s->header);
	return buf_adds(b, "\r\n");
}

static int
send_typed(struct request *rq, const struct status *s, const char *type,
    struct buf *body)
{
	struct buf head;

	buf_init(&head, ANSWER_MAX + HEAD_MAX);
	if (add_head(&head, s, type, body->len) == ERR_OK &&
	    rq->kind->write(rq, head.p, head.len) && body->len != 0)
		(void)rq->kind->write(rq, body->p, body->len);
	fault_point("answer-before");
	rq->kind->finish(rq);
	fault_point("answer-after");
	buf_free(&head);
	buf_free(body);
	return s->code;
}

/* Ends the object and sends it.  If it has failed, the status alone says
 * it. */
static int
send_answer(struct request *rq, const struct status *s, struct buf *body)
{
	if (buf_addc(body, '}') != ERR_OK)
		buf_reset(body);
	return send_typed(rq, s, "application/json", body);
}

static struct status
status_of_page(const struct outcome *o)
{
	if (o->page == PAGE_REFUSED)
		return statuses[o->problem->err];
	return o->page == PAGE_PENDING || (o->page == PAGE_SETTINGS &&
	    o->settings->late) ? accepted : ok;
}

/* One that cannot be rendered whole is not shown. */
static int
answer_page(struct request *rq, const struct outcome *o)
{
	struct status s = status_of_page(o);
	struct buf html, head;
	int code;

	buf_init(&html, PAGE_MAX);
	buf_init(&head, HEAD_MAX);
	if (buf_adds(&head, s.header) != ERR_OK || page_render(&html, &head,
	    o, rq->kind->param(rq, "QUERY_STRING")) != ERR_OK ||
	    buf_str(&head) == NULL) {
		buf_reset(&html);
		buf_reset(&head);
		s = statuses[ERR_NOMEM];
	} else {
		s.header = head.p;
	}
	code = send_typed(rq, &s, "text/html; charset=utf-8", &html);
	buf_free(&head);
	return code;
}

static void
add_counts(struct buf *b, const struct outcome *o)
{
	size_t queued = o->messages - o->acknowledged - o->refused;

	json_add_number(b, "messages", (int64_t)o->messages);
	json_add_number(b, "acknowledged", (int64_t)o->acknowledged);
	if (queued != 0)
		json_add_number(b, "queued", (int64_t)queued);
	if (o->refused != 0)
		json_add_number(b, "refused", (int64_t)o->refused);
}

const char *
answer_word(const struct outcome *o)
{
	if (o->page != PAGE_NONE)
		return "page";
	if (o->result != NULL)
		return o->result;
	return o->acknowledged == o->messages ? "acknowledged" : "queued";
}

int
answer_outcome(struct request *rq, const struct outcome *o)
{
	const char *result = answer_word(o);
	bool done = strcmp(result, "queued") != 0;
	struct buf b;

	if (o->page != PAGE_NONE)
		return answer_page(rq, o);
	buf_init(&b, ANSWER_MAX);
	buf_addc(&b, '{');
	json_add_text(&b, "result", result);
	if (o->result != NULL)
		json_add_text(&b, "reason", o->reason);
	else
		add_counts(&b, o);
	return send_answer(rq, done ? &ok : &accepted, &b);
}

int
answer_problem(struct request *rq, const struct problem *p)
{
	/* whose the files are, and commands, are for the log alone */
	size_t shown = p->err == ERR_DISK ? strcspn(p->text, ";") :
	    strlen(p->text);
	char text[PROBLEM_TEXT_MAX + 32];
	struct buf b;
	int n = snprintf(text, sizeof(text), "%.*s", (int)shown, p->text);

	if (p->at >= 0)
		(void)snprintf(text + n, sizeof(text) - (size_t)n,
		    ", at byte %" PRId64, p->at);
	buf_init(&b, ANSWER_MAX);
	buf_addc(&b, '{');
	json_add_text(&b, "error", err_name(p->err));
	json_add_text(&b, "error_description", text);
	if (p->at >= 0)
		json_add_number(&b, "offset", p->at);
	if (p->field[0] != '\0')
		json_add_text(&b, "field", p->field);
	return send_answer(rq, &statuses[p->err], &b);
}

/* What stands on it is of this moment, and for those who may see it. */
#define VIEW_HEADERS "Cache-Control: no-store\r\nVary: Accept\r\n" \
	"X-Content-Type-Options: nosniff\r\n" \
	"Content-Security-Policy: default-src 'none'; style-src " \
	"'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; " \
	"frame-ancestors 'none'; base-uri 'none'\r\n"

void
answer_view(struct request *rq, int code, const char *type,
    struct buf *body)
{
	static const struct status views[] = {
		{ 200, "OK", VIEW_HEADERS },
		{ 404, "Not Found", "" },
		{ 503, "Service Unavailable", VIEW_HEADERS },
	};
	size_t i = 0;

	while (views[i].code != code)
		i++;
	(void)send_typed(rq, &views[i], type, body);
}
