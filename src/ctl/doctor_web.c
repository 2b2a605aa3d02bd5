/*
 * What doctor asks through the web server, as Bitrix24 would come.
 *
 * Called by the table of questions.  Owns nothing beyond a request.  From
 * here the way may be another than from outside: a name that leads to this
 * machine only, a firewall.
 */
#include "ctl/doctor.h"

#include "ctl/handler_call.h"

#include <inttypes.h>
#include <string.h>

#define BODY_MAX ((size_t)16 * 1024)

static const char *
what_to_do(const struct http_call *h)
{
	switch (h->end) {
	case HTTP_NO_CONNECTION:
		return "Start the web server; look at the name, the port and "
		    "the firewall";
	case HTTP_BAD_TLS:
		return "Mend the web server's certificate: of this name, not "
		    "expired, sent with its whole chain. A CA of your own is "
		    "named by --ca-file, but Bitrix24 must trust it, too";
	case HTTP_TIMED_OUT:
		return "Look at the web server's log, and at the handler's";
	default:
		return NULL;
	}
}

/* What a web server means that lets nobody through. */
static const char *
status_todo(long status)
{
	if (status == 404)
		return "The web server does not pass this path to the "
		    "handler: look at its configuration";
	if (status == 401 || status == 403)
		return "Take the login, or the rule that forbids, off this "
		    "path";
	if (status == 502 || status == 503 || status == 504)
		return "The web server does not get through to the handler: "
		    "look at its log, and at the socket above";
	return "Another program answers: look at the web server's "
	    "configuration";
}

/* What is no answer of ours. */
static void
say_foreign(struct doctor *d, const struct handler_call *c)
{
	const struct http_call *h = &c->http;
	/* what was sent with a POST may stand in it */
	const char *place = h->get && h->location[0] != '\0' ? h->location :
	    NULL;

	if (h->end != HTTP_ANSWERED)
		doctor_say(d, FINDING_WRONG, what_to_do(h), "%s: %s", d->url,
		    h->reason);
	else if (h->status / 100 == 3)
		doctor_say(d, FINDING_WRONG, "Bitrix24 does not follow it: "
		    "take the redirect away, or bind what it leads to "
		    "(handler_url, then 'imconnectorctl setup')",
		    "%s redirects (%ld)%s%s", d->url, h->status,
		    place != NULL ? " to " : "", place != NULL ? place : "");
	else
		doctor_say(d, FINDING_WRONG, status_todo(h->status),
		    "%s answers %ld, and it is not this handler", d->url,
		    h->status);
}

void
ask_reachable(struct doctor *d)
{
	struct handler_call c;
	char times[HANDLER_TIMES_MAX];
	const char *word;

	handler_call_now(d->ctl, &c, d->url, NULL, NULL);
	word = handler_call_word(&c);
	if (word == NULL || strcmp(word, err_name(ERR_METHOD)) != 0 ||
	    c.http.status != 405) {
		say_foreign(d, &c);
	} else {
		d->has |= HAS_HANDLER;
		doctor_say(d, FINDING_OK, NULL, "it does: %s",
		    handler_call_times(&c, times));
	}
	handler_call_free(&c);
}

static void
say_tested(struct doctor *d, const struct handler_call *c)
{
	const char *word = handler_call_word(c);
	char times[HANDLER_TIMES_MAX];

	if (word == NULL)
		say_foreign(d, c);
	else if (c->http.status == 200)
		doctor_say(d, FINDING_OK, NULL, "it is: %s",
		    handler_call_times(c, times));
	else if (c->http.status == 403)
		doctor_say(d, FINDING_WRONG, "The handler behind that URL "
		    "reads another configuration or another store than this "
		    "program", "403 %s: the handler does not know the "
		    "portal's application token", word);
	else
		doctor_say(d, FINDING_WRONG, "Look at the handler's log",
		    "%ld %s", c->http.status, word);
}

void
ask_test_event(struct doctor *d)
{
	struct handler_call c;
	struct buf b;

	/* with the configured token, then, which serves for any portal */
	if ((d->has & HAS_PORTAL) == 0)
		d->portal = (struct portal){ .member_id = "doctor",
		    .endpoint = "" };
	if ((d->has & HAS_PORTAL) == 0 &&
	    d->ctl->s.config->app.application_token[0] == '\0') {
		doctor_say(d, FINDING_NOT_ASKED, NULL, "not asked, for want "
		    "of an application token");
		return;
	}
	buf_init(&b, BODY_MAX);
	if (handler_event(d->ctl, &b, "ONAPPTEST", &d->portal) != ERR_OK) {
		doctor_say(d, FINDING_WRONG, NULL, "out of memory");
	} else {
		handler_call_now(d->ctl, &c, d->url, HANDLER_FORM, &b);
		say_tested(d, &c);
		handler_call_free(&c);
	}
	buf_free(&b);
}
