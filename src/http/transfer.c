/*
 * One call over one curl handle: how it is armed, and what curl's verdict
 * means to us.
 *
 * Called by client.c, in the client's thread only.  Owns the header list of
 * a call between transfer_arm() and its end; handle and call are the
 * caller's.  An option that curl does not take refuses the call: nothing is
 * ever sent with less protection than is written here.
 */
#include "http/transfer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#ifndef VERSION
#define VERSION "0"
#endif

#define ANSWER_MAX ((size_t)64 * 1024)
#define CONNECT_MS 10000	/* a host that is up answers well within it */
/* How long a changed CA file may go unnoticed; reading it costs 30 ms. */
#define CA_CACHE_S 3600L

void
call_clear(struct http_call *call)
{
	size_t max = call->answer_max != 0 ? call->answer_max : ANSWER_MAX;

	call->end = HTTP_NOT_SENT;
	call->status = 0;
	buf_init(&call->answer, max);
	call->location[0] = '\0';
	call->retry_after_s = -1;
	call->reason[0] = '\0';
	call->task = NULL;
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
 * Sockets must not leak into the programs that a channel starts; curl 7.88
 * opens them without close-on-exec.
 */
static curl_socket_t
on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)ctx;
	(void)purpose;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static bool
headers_add(struct transfer *t, const char *line)
{
	struct curl_slist *list = curl_slist_append(t->headers, line);

	if (list != NULL)
		t->headers = list;
	return list != NULL;
}

/* A line break inside a header would let its author write the next one. */
static bool
header_is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

static bool
headers_build(struct transfer *t)
{
	const char *const *h = t->call->headers;

	/* Waiting for "100 Continue" costs a second where none comes. */
	if (!headers_add(t, "Expect:"))
		return false;
	for (; h != NULL && *h != NULL; h++)
		if (!header_is_clean(*h) || !headers_add(t, *h))
			return false;
	return true;
}

#define SET(option, value) \
	(ok = curl_easy_setopt(h, option, value) == CURLE_OK && ok)

static bool
set_request(struct transfer *t, CURL *h)
{
	const struct http_call *call = t->call;
	bool ok = true;

	SET(CURLOPT_URL, call->url);
	SET(CURLOPT_DEFAULT_PROTOCOL, "https");
	SET(CURLOPT_PROTOCOLS_STR, call->route->plain ? "http,https" : "https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_POST, 1L);
	/* Not copied.  A NULL would make curl read standard input. */
	SET(CURLOPT_POSTFIELDS, call->body != NULL ? call->body : "");
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
	SET(CURLOPT_HTTPHEADER, t->headers);
	SET(CURLOPT_USERAGENT, "imconnector-fcgi/" VERSION);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_WRITEFUNCTION, reply_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, reply_header);
	SET(CURLOPT_HEADERDATA, t);
	return ok;
}

static bool
set_connection(const struct http_call *call, CURL *h, int64_t left_ms)
{
	const char *proxy = call->route->proxy;
	long ms = (long)left_ms;	/* task.c keeps it to 1..INT_MAX */
	bool ok = true;

	SET(CURLOPT_TIMEOUT_MS, ms);	/* never 0, which is for ever */
	SET(CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MS ? ms : (long)CONNECT_MS);
	SET(CURLOPT_NOSIGNAL, 1L);
	/*
	 * When a call times out while its name is being looked up, curl waits
	 * for the lookup, and every other call with it: 10 s and more for a
	 * dead name server.  With this it lets go of the lookup's thread.
	 */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_TCP_NODELAY, 1L);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	/* Empty, not NULL: NULL would ask the environment. */
	SET(CURLOPT_PROXY, proxy != NULL ? proxy : "");
	SET(CURLOPT_NOPROXY, "");
	/* What a proxy answers to CONNECT is no answer to the call. */
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);
	SET(CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L);
	SET(CURLOPT_FORBID_REUSE, call->fresh ? 1L : 0L);
	return ok;
}

/* Whether curl was built with a CA file, or a CA folder, of the system. */
static bool
built_in(CURL *h, CURLINFO what)
{
	char *path = NULL;

	return curl_easy_getinfo(h, what, &path) == CURLE_OK && path != NULL;
}

/*
 * Debian's curl has both a CA file and a CA folder, and uses them together.
 * The file alone is what curl caches between connections; the folder alone
 * reads one certificate instead of all, which suits a process that connects
 * once.  A private CA stands alone.
 */
static bool
set_trust(const struct http_route *r, CURL *h, bool one_shot)
{
	bool ok = true;

	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_S);
	if (r->ca_file != NULL && r->ca_file[0] != '\0') {
		SET(CURLOPT_CAINFO, r->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	} else if (one_shot && built_in(h, CURLINFO_CAPATH)) {
		SET(CURLOPT_CAINFO, NULL);
	} else if (!one_shot && built_in(h, CURLINFO_CAINFO)) {
		SET(CURLOPT_CAPATH, NULL);
	}
	return ok;
}

bool
transfer_arm(struct transfer *t, CURL *h, int64_t left_ms, bool one_shot)
{
	return headers_build(t) && set_request(t, h) &&
	    set_connection(t->call, h, left_ms) &&
	    set_trust(t->call->route, h, one_shot);
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

/*
 * curl makes the Location of a redirect absolute.  One that is too long is
 * left out: cut, it would be another address.
 */
static void
take_answer(struct http_call *call, CURL *h)
{
	char *to = NULL;

	(void)curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &call->status);
	(void)curl_easy_getinfo(h, CURLINFO_REDIRECT_URL, &to);
	if (to != NULL && strlen(to) < sizeof(call->location))
		(void)snprintf(call->location, sizeof(call->location), "%s",
		    to);
}

static void
headers_free(struct transfer *t)
{
	curl_slist_free_all(t->headers);
	t->headers = NULL;
}

void
transfer_end(struct transfer *t, CURL *h, CURLcode code)
{
	const char *reason = curl_easy_strerror(code);
	enum http_end end;
	long sent = 0;

	(void)curl_easy_getinfo(h, CURLINFO_REQUEST_SIZE, &sent);
	end = end_of(code, sent > 0);
	if (code == CURLE_OK)
		reason = "";
	if (end == HTTP_BROKEN && tunnel_refused(h)) {
		end = HTTP_NO_CONNECTION;
		reason = "the proxy refused the tunnel";
	}
	if (end == HTTP_BROKEN && code == CURLE_UNSUPPORTED_PROTOCOL)
		reason = "the answer is not HTTP";
	if (end == HTTP_BROKEN && code == CURLE_OUT_OF_MEMORY)
		reason = "no memory, or a header line too long";
	if (t->too_large) {
		end = HTTP_TOO_LARGE;
		reason = "the answer is too large";
	}
	take_answer(t->call, h);
	call_end(t->call, end, reason);
	headers_free(t);
}

void
transfer_refuse(struct transfer *t, enum http_end end, const char *reason)
{
	call_end(t->call, end, reason);
	headers_free(t);
}
