/*
 * How a call ended: curl's verdict, and what it means to us.
 *
 * Called by client.c and flight.c, in the loop.  Owns nothing; cannot fail.
 */
#include "http/transfer.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 * 1024)

void
call_clear(struct http_call *call)
{
	size_t max = call->answer_max != 0 ? call->answer_max : ANSWER_MAX;

	call->end = HTTP_NOT_SENT;
	call->status = 0;
	buf_init(&call->answer, max);
	call->location[0] = '\0';
	call->type[0] = '\0';
	call->retry_after_s = -1;
	call->took_ms = 0;
	call->times = (struct http_times){ 0 };
	call->date[0] = '\0';
	call->reason[0] = '\0';
}

void
call_end(struct http_call *call, enum http_end end, const char *reason)
{
	call->end = end;
	(void)snprintf(call->reason, sizeof(call->reason), "%s", reason);
	if (end != HTTP_ANSWERED)
		buf_reset(&call->answer);	/* half an answer is none */
}

/*
 * The one map from curl's verdicts to ours.  `sent`: bytes of the request
 * have left, so that "refused here" would be a lie (curl has names for both,
 * such as CURLE_UNSUPPORTED_PROTOCOL for an answer that is not HTTP).
 */
static enum http_end
end_of(CURLcode code, bool sent)
{
	switch (code) {
	case CURLE_OK:
		return HTTP_ANSWERED;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_FAILED_INIT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_OUT_OF_MEMORY:
		return sent ? HTTP_BROKEN : HTTP_NOT_SENT;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_INTERFACE_FAILED:
	case CURLE_PROXY:
		return HTTP_NO_CONNECTION;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CLIENTCERT:
	case CURLE_USE_SSL_FAILED:
		return HTTP_BAD_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_TIMED_OUT;
	default:
		return HTTP_BROKEN;
	}
}

/* A proxy that refuses the tunnel: curl calls that a receive error. */
static bool
tunnel_refused(CURL *h)
{
	long code = 0;

	(void)curl_easy_getinfo(h, CURLINFO_HTTP_CONNECTCODE, &code);
	return code != 0 && code / 100 != 2;
}

void
call_take_type(struct http_call *call, CURL *h)
{
	char *type = NULL;
	size_t n;

	(void)curl_easy_getinfo(h, CURLINFO_CONTENT_TYPE, &type);
	n = type != NULL ? strcspn(type, "; \t") : 0;
	if (n >= sizeof(call->type))
		n = 0;
	for (size_t i = 0; i < n; i++)
		call->type[i] = type[i] >= 'A' && type[i] <= 'Z' ?
		    (char)(type[i] - 'A' + 'a') : type[i];
	call->type[n] = '\0';
}

/*
 * curl makes the Location of a redirect absolute.  One that is too long is
 * left out: cut, it would be another address.
 */
static void
take_answer(struct http_call *call, CURL *h)
{
	char *to = NULL;

	(void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &call->status);
	if (call->get)
		call_take_type(call, h);
	if (call->status / 100 != 3)
		return;
	(void)curl_easy_getinfo(h, CURLINFO_REDIRECT_URL, &to);
	if (to != NULL && strlen(to) < sizeof(call->location))
		(void)snprintf(call->location, sizeof(call->location), "%s",
		    to);
}

/* Where curl's words would say less, or something else. */
static const char *
own_reason(const struct http_transfer *t, enum http_end end, CURLcode code)
{
	if (end == HTTP_ANSWERED)
		return "";
	if (end == HTTP_TOO_LARGE)
		return "the answer is too large";
	if (end == HTTP_NO_CONNECTION && tunnel_refused(t->easy))
		return "the proxy refused the tunnel: look at portal.proxy";
	if (end == HTTP_BROKEN && code == CURLE_UNSUPPORTED_PROTOCOL)
		return "the answer is not HTTP";
	if (end == HTTP_BROKEN && code == CURLE_OUT_OF_MEMORY)
		return "no memory, or a header line too long";
	return NULL;
}

/* curl's own are from its start; a kept connection takes no steps. */
static void
take_times(struct http_times *t, CURL *h)
{
	curl_off_t us = 0;

	if (curl_easy_getinfo(h, CURLINFO_CONNECT_TIME_T, &us) == CURLE_OK)
		t->connected_us = us;
	if (curl_easy_getinfo(h, CURLINFO_APPCONNECT_TIME_T, &us) ==
	    CURLE_OK)
		t->secured_us = us;
	if (curl_easy_getinfo(h, CURLINFO_STARTTRANSFER_TIME_T, &us) ==
	    CURLE_OK)
		t->first_us = us;
}

void
transfer_end(struct http_transfer *t, CURLcode code)
{
	char reason[HTTP_REASON_MAX];
	const char *own;
	enum http_end end;
	long sent = 0;

	(void)curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &sent);
	end = end_of(code, sent > 0);
	if (end == HTTP_BROKEN && tunnel_refused(t->easy))
		end = HTTP_NO_CONNECTION;
	if (t->too_large)
		end = HTTP_TOO_LARGE;
	take_answer(t->call, t->easy);
	take_times(&t->call->times, t->easy);
	own = own_reason(t, end, code);
	if (own == NULL)
		reason_write(t, code, reason);
	call_end(t->call, end, own != NULL ? own : reason);
}
