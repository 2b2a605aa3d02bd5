/*
 * Requests to the handler, through its web server.
 *
 * Called by the commands that try it.  Owns a call until it is freed.  They
 * hold the application's token: it goes to the handler's own URL, which the
 * administrator names, and nowhere else.
 */
#include "ctl/handler_call.h"

#include "base/number.h"
#include "codec/flat.h"
#include "codec/form_write.h"
#include "ctl/portal_call.h"
#include "store/setups.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS 60000	/* a web server gives up before that */

static const char *const form_header[] = {
	"Content-Type: " HANDLER_FORM, NULL
};
static const char *const json_header[] = {
	"Content-Type: " HANDLER_JSON, NULL
};

static void
on_done(struct http_call *h)
{
	((struct handler_call *)h)->over = true;
}

static const char *const *
headers_for(const char *type)
{
	if (type == NULL)
		return NULL;
	return strcmp(type, HANDLER_JSON) == 0 ? json_header : form_header;
}

void
handler_call_start(struct ctl *ctl, struct handler_call *c, const char *url,
    const char *type, const struct buf *body)
{
	*c = (struct handler_call){
		.route = {
			.ca_file = ctl->a.given[ARG_CA_FILE],
			.plain = ctl->s.config->app.insecure_http,
		},
		.http = {
			.done = on_done,
			.url = url,
			.headers = headers_for(type),
			.get = type == NULL,
			.body = body != NULL ? body->p : NULL,
			.body_len = body != NULL ? body->len : 0,
			.timeout_ms = TIMEOUT_MS,
			.fresh = true,
		},
	};
	http_peer_init(&c->peer);
	c->http.peer = &c->peer;
	c->http.route = &c->route;
	http_start(ctl->s.http, &c->http);
}

void
handler_call_now(struct ctl *ctl, struct handler_call *c, const char *url,
    const char *type, const struct buf *body)
{
	handler_call_start(ctl, c, url, type, body);
	call_wait(ctl, &c->over);
}

void
handler_call_free(struct handler_call *c)
{
	http_call_free(&c->http);
}

struct reading {
	const char *name;	/* of a number */
	int64_t number;
	const char *word;
};

static const char *
known_word(const char *s, size_t n, bool error)
{
	static const char *const results[] = { "acknowledged", "queued",
	    "ignored", "installed", "uninstalled" };
	const size_t words = sizeof(results) / sizeof(results[0]);

	for (size_t i = 0; i < (error ? (size_t)ERR__MAX : words); i++) {
		const char *w = error ? err_name((enum err)i) : results[i];

		if (strlen(w) == n && memcmp(w, s, n) == 0)
			return w;
	}
	return NULL;
}

static enum err
each(void *ctx, const char *path, const char *s, size_t n)
{
	struct reading *r = ctx;
	bool error = strcmp(path, "error") == 0;
	char text[NUMBER_TEXT_MAX];

	if (s == NULL)
		return ERR_OK;
	if (error || strcmp(path, "result") == 0)
		r->word = known_word(s, n, error);
	if (r->name == NULL || strcmp(path, r->name) != 0)
		return ERR_OK;
	(void)snprintf(text, sizeof(text), "%.*s", (int)(n < sizeof(text) ?
	    n : 0), s);
	(void)number_read(text, &r->number);
	return ERR_OK;
}

static struct reading
read_answer(const struct handler_call *c, const char *name)
{
	struct reading r = { .name = name, .number = -1 };

	if (c->http.end != HTTP_ANSWERED || c->http.answer.len == 0 ||
	    flat_read(c->http.answer.p, c->http.answer.len, each, &r) !=
	    ERR_OK)
		return (struct reading){ .number = -1 };
	return r;
}

const char *
handler_call_word(const struct handler_call *c)
{
	return read_answer(c, NULL).word;
}

int64_t
handler_call_number(const struct handler_call *c, const char *name)
{
	return read_answer(c, name).number;
}

static void
add_time(char out[HANDLER_TIMES_MAX], const char *step, int64_t us)
{
	size_t n = strlen(out);

	if (us > 0)
		(void)snprintf(out + n, HANDLER_TIMES_MAX - n, "%s%s %.1f ms",
		    n != 0 ? ", " : "", step, (double)us / 1000);
}

const char *
handler_call_times(const struct handler_call *c, char out[HANDLER_TIMES_MAX])
{
	const struct http_times *t = &c->http.times;

	out[0] = '\0';
	add_time(out, "connected", t->connected_us);
	add_time(out, "TLS", t->secured_us);
	add_time(out, "answer", t->first_us);
	return out;
}

enum err
handler_url_known(struct ctl *ctl, const char *member_id, struct arena *a,
    const char **url, struct problem *p)
{
	struct setup_reading read = { .member_id = member_id, .arena = a };
	const char *set = ctl->s.config->app.handler_url;
	enum err e;

	*url = ctl->a.given[ARG_URL];
	if (*url == NULL && set[0] != '\0')
		*url = set;
	if (*url != NULL || member_id == NULL)
		return ERR_OK;
	store_setup_read(&read);
	e = store_now(ctl->s.store, &read.db, p);
	if (e == ERR_OK && read.found && read.row.url[0] != '\0')
		*url = read.row.url;
	return e;
}

enum err
handler_url(struct ctl *ctl, const char *member_id, struct arena *a,
    const char **url, struct problem *p)
{
	enum err e = handler_url_known(ctl, member_id, a, url, p);

	return e != ERR_OK || *url != NULL ? e : problem_set(p, ERR_UNUSABLE,
	    -1, NULL, "the handler's URL is not known: set handler_url in the "
	    "section [app] of the configuration, or say it with --url");
}

enum err
handler_portal(struct ctl *ctl, const char *member_id, struct arena *a,
    struct portal *out, struct problem *p)
{
	struct portal_reading r = { .member_id = member_id, .arena = a };
	enum err e;

	store_portal_read(&r);
	e = store_now(ctl->s.store, &r.db, p);
	*out = r.portal;
	return e != ERR_OK || r.found ? e : problem_set(p, ERR_UNUSABLE, -1,
	    NULL, "the application is not installed on that portal");
}

/* HOST of an endpoint, as events name their domain. */
static void
domain_of(const char *endpoint, char *out, size_t size)
{
	const char *at = strstr(endpoint, "://");

	at = at != NULL ? at + 3 : endpoint;
	(void)snprintf(out, size, "%.*s", (int)strcspn(at, "/"), at);
}

enum err
handler_event(struct ctl *ctl, struct buf *b, const char *event,
    const struct portal *portal)
{
	const char *token = portal->application_token;
	char domain[256], ts[NUMBER_TEXT_MAX];
	enum err e;

	if (token == NULL || token[0] == '\0')
		token = ctl->s.config->app.application_token;
	domain_of(portal->endpoint, domain, sizeof(domain));
	(void)number_text(ts, clock_wall(&clock_system) / 1000);
	e = form_add(b, "event", event);
	if (e == ERR_OK)
		e = form_add(b, "ts", ts);
	if (e == ERR_OK)
		e = form_add(b, "auth[member_id]", portal->member_id);
	if (e == ERR_OK)
		e = form_add(b, "auth[domain]", domain);
	if (e == ERR_OK)
		e = form_add(b, "auth[application_token]", token);
	return e;
}
