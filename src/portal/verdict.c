/*
 * The one judge of Bitrix24's answers.
 *
 * Called after every REST call.  Owns nothing.  An answer that cannot be
 * understood is "again": only words that are known to be final are final.
 * Of what the other side says only known words are repeated.
 */
#include "portal/verdict.h"

#include "codec/flat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ADMIN "its user may not: install the application as an administrator"
#define AGAIN "install the application there again"
#define PLAN "the portal's plan does not include it"

static const struct known {
	const char *error;
	enum verdict_kind kind;
	const char *todo;	/* what a person may do about it, or NULL */
} table[] = {
	{ "expired_token", VERDICT_EXPIRED, NULL },
	{ "invalid_token", VERDICT_TOKEN, NULL },
	{ "NO_AUTH_FOUND", VERDICT_TOKEN, NULL },
	{ "user_access_error", VERDICT_ACCESS, ADMIN },
	{ "ACCESS_DENIED", VERDICT_ACCESS, ADMIN },
	{ "INVALID_CREDENTIALS", VERDICT_ACCESS, ADMIN },
	{ "insufficient_scope", VERDICT_REFUSED,
	    "give the application the right imconnector" },
	{ "WRONG_AUTH_TYPE", VERDICT_REFUSED,
	    "it takes an application's token only, not a webhook" },
	{ "ERROR_METHOD_NOT_FOUND", VERDICT_REFUSED, NULL },
	{ "ERROR_ARGUMENT", VERDICT_REFUSED, NULL },
	{ "IMCONNECTOR_NO_CORRECT_PROVIDER", VERDICT_REFUSED,
	    "is the connector registered there, and active on this line?" },
	{ "NOT_ACTIVE_LINE", VERDICT_REFUSED, NULL },
	{ "IMCONNECTOR_NOT_SPECIFIED_CORRECT_COMMAND", VERDICT_REFUSED, NULL },
	{ "IMCONNECTOR_NOT_SPECIFIED_CORRECT_CONNECTOR", VERDICT_REFUSED,
	    NULL },
	{ "APPLICATION_REGISTRATION_ERROR", VERDICT_REFUSED, NULL },
	{ "APPLICATION_REGISTRATION_ERROR_POINT", VERDICT_REFUSED, NULL },
	{ "APPLICATION_UNREGISTRATION_ERROR", VERDICT_REFUSED, NULL },
	{ "CONNECTOR_ID_REQUIRED", VERDICT_REFUSED, NULL },
	{ "NAME_REQUIRED", VERDICT_REFUSED, NULL },
	{ "ICON_REQUIRED", VERDICT_REFUSED, NULL },
	{ "NO_APPLICATION_ID", VERDICT_REFUSED, NULL },
	{ "NO_PLACEMENT_HANDLER", VERDICT_REFUSED, NULL },
	{ "GENERAL_CONNECTOR_REGISTRATION_ERROR", VERDICT_REFUSED, NULL },
	{ "ERROR_EVENT_NOT_FOUND", VERDICT_REFUSED, NULL },
	{ "PORTAL_DELETED", VERDICT_PORTAL, NULL },
	{ "ERROR_OAUTH", VERDICT_PORTAL, AGAIN },
	{ "NOT_INSTALLED", VERDICT_PORTAL, AGAIN },
	{ "APPLICATION_NOT_FOUND", VERDICT_PORTAL, AGAIN },
	{ "PAYMENT_REQUIRED", VERDICT_PORTAL, PLAN },
	{ "WRONG_LICENSE", VERDICT_PORTAL, PLAN },
	{ "QUERY_LIMIT_EXCEEDED", VERDICT_LIMIT, NULL },
	{ "OPERATION_TIME_LIMIT", VERDICT_OPERATING, NULL },
	{ "OVERLOAD_LIMIT", VERDICT_OVERLOAD, NULL },
	{ "INTERNAL_SERVER_ERROR", VERDICT_AGAIN, NULL },
	{ "ERROR_UNEXPECTED_ANSWER", VERDICT_AGAIN, NULL },
	{ "CONNECTION_ERROR", VERDICT_AGAIN, NULL },
	{ "ERROR_CORE", VERDICT_AGAIN, NULL },
};

/* A peer may say anything as its error, even a token that it was sent. */
static const struct known unknown = { "unknown error", VERDICT_AGAIN,
	NULL };

#define RESET_MAX 99999999999	/* Unix seconds: what is later is no time */

/* The few values of an answer that count. */
struct answer {
	bool method;		/* to any but a delivery status: more counts */
	const struct known *error;	/* NULL: it names none */
	bool has_success;	/* documented answers always have it */
	bool success_is_false;
	bool oauth_lost;	/* ERROR_OAUTH comes for other things, too */
	bool bound;		/* so does ERROR_CORE */
	bool has_time;		/* every answer of a method has */
	int64_t reset_at;
};

/* The row of an error word, without regard to case, or NULL. */
static const struct known *
find_known(const char *s, size_t n)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strlen(table[i].error) == n &&
		    strncasecmp(table[i].error, s, n) == 0)
			return &table[i];
	return NULL;
}

const char *
verdict_known_error(const char *s, size_t n)
{
	const struct known *k = find_known(s, n);

	return k != NULL ? k->error : NULL;
}

static bool
is_false(const char *s, size_t n)
{
	return s == NULL || n == 0 || (n == 1 && s[0] == '0') ||
	    (n == 5 && strncasecmp(s, "false", n) == 0);
}

static enum err
each_value(void *ctx, const char *path, const char *s, size_t n)
{
	struct answer *a = ctx;
	char number[24] = "";

	a->has_time = a->has_time || strncmp(path, "time.", 5) == 0;
	if (strcmp(path, "result") == 0 ||
	    (a->method && strcmp(path, "result.result") == 0) ||
	    strcmp(path, "result.SUCCESS") == 0) {
		a->has_success = true;
		a->success_is_false = is_false(s, n);
	}
	if (s == NULL)
		return ERR_OK;
	if (n != 0 && (strcmp(path, "error") == 0 ||
	    (a->method && strcmp(path, "result.error") == 0))) {
		a->error = find_known(s, n);
		if (a->error == NULL)
			a->error = &unknown;
	}
	if (strcmp(path, "error_description") == 0 && n < 200) {
		a->oauth_lost = memmem(s, n, "not installed", 13) != NULL;
		a->bound = memmem(s, n, "already bind", 12) != NULL;
	}
	if (strcmp(path, "time.operating_reset_at") == 0 &&
	    n < sizeof(number)) {
		memcpy(number, s, n);	/* int or float */
		a->reset_at = strtoll(number, NULL, 10);
		if (a->reset_at < 0 || a->reset_at > RESET_MAX)
			a->reset_at = 0;
	}
	return ERR_OK;
}

static enum verdict_kind
kind_of_error(const struct answer *a)
{
	if (strcmp(a->error->error, "ERROR_OAUTH") == 0 && !a->oauth_lost)
		return VERDICT_AGAIN;
	return a->error->kind;
}

/* A method that is not a delivery status says little of its success. */
static enum verdict_kind
kind_of_result(const struct answer *a)
{
	if (a->has_success && a->success_is_false)
		return VERDICT_REFUSED;
	return a->has_success || a->has_time ? VERDICT_OK : VERDICT_AGAIN;
}

/* The status of an answer that names no error of its own. */
static enum verdict_kind
kind_of_status(const struct http_call *call, const struct answer *a,
    bool json)
{
	if (call->status == 302)
		return VERDICT_MOVED;
	if (call->status == 429 || call->status == 503)
		return VERDICT_LIMIT;
	if (call->status < 200 || call->status > 299 || !json)
		return VERDICT_AGAIN;
	if (a->method)
		return kind_of_result(a);
	return a->has_success && !a->success_is_false ? VERDICT_OK :
	    VERDICT_AGAIN;
}

static void
explain(struct verdict *v, const struct http_call *call,
    const struct answer *a, bool json)
{
	/* a word that means less this time is no reason to act */
	const char *todo = a->error != NULL && v->kind == a->error->kind ?
	    a->error->todo : NULL;

	if (a->error != NULL)
		(void)snprintf(v->reason, sizeof(v->reason),
		    "Bitrix24: %s (HTTP status %ld)%s%s", a->error->error,
		    call->status, todo != NULL ? "; " : "",
		    todo != NULL ? todo : "");
	else if (json && a->success_is_false)
		(void)snprintf(v->reason, sizeof(v->reason),
		    "Bitrix24: the result is false (HTTP status %ld)",
		    call->status);
	else
		(void)snprintf(v->reason, sizeof(v->reason),
		    "Bitrix24: HTTP status %ld%s", call->status, json ? "" :
		    " and no JSON");
}

static void
judge(struct verdict *v, const struct http_call *call, bool method)
{
	struct answer a = { .method = method };
	bool json;

	*v = (struct verdict){ .kind = VERDICT_AGAIN,
	    .retry_after_s = call->retry_after_s };
	v->down = call->end == HTTP_TIMED_OUT ||
	    call->end == HTTP_NO_CONNECTION;
	if (call->end != HTTP_ANSWERED) {
		(void)snprintf(v->reason, sizeof(v->reason),
		    "Bitrix24: %s", call->reason);
		return;
	}
	json = call->answer.len != 0 && flat_read(call->answer.p,
	    call->answer.len, each_value, &a) == ERR_OK;
	if (!json)
		a = (struct answer){ .method = method };
	v->kind = a.error != NULL ? kind_of_error(&a) :
	    kind_of_status(call, &a, json);
	v->reset_at = a.reset_at;
	if (a.error != NULL && a.error != &unknown)
		v->error = a.error->error;
	v->bound = a.error != NULL && a.bound;
	if (v->kind == VERDICT_MOVED)
		(void)snprintf(v->location, sizeof(v->location), "%s",
		    call->location);
	if (v->kind != VERDICT_OK)
		explain(v, call, &a, json);
}

void
verdict_read(struct verdict *v, const struct http_call *call)
{
	judge(v, call, false);
}

void
verdict_read_method(struct verdict *v, const struct http_call *call)
{
	judge(v, call, true);
}
