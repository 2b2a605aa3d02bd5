/*
 * One call over one curl handle: how it is armed.
 *
 * Called by flight.c, in the loop.  Owns the handle and the list of headers;
 * the call is the caller's.  A handle is reset after each call and set up
 * from nothing for the next: that costs less than a microsecond, and curl
 * 7.88 counts its retries over dead connections until a reset, then refuses
 * the sixth.  An option that curl does not take refuses the call: nothing is
 * ever sent with less protection than is written here.
 */
#include "http/transfer.h"

#include "http/certificate.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef VERSION
#define VERSION "0"
#endif

#define CONNECT_MS 10000	/* a host that is up answers well within it */
/* How long a changed CA file may go unnoticed; reading it costs 30 ms. */
#define CA_CACHE_S 3600L
#define LINES_MAX 256		/* headers of one request */

struct http_transfer *
transfer_new(struct http_client *client, const struct clock *clock)
{
	struct http_transfer *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->client = client;
	t->clock = clock;
	t->easy = curl_easy_init();
	if (t->easy == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void
transfer_free(struct http_transfer *t)
{
	curl_easy_cleanup(t->easy);
	free(t->lines);
	free(t);
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

/* A line break inside a header would let its author write the next one. */
static bool
header_is_clean(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	return true;
}

/* curl's list, in one piece; it is not moved while curl looks at it. */
static bool
lines_make_room(struct http_transfer *t, size_t n)
{
	struct curl_slist *p;

	if (n <= t->lines_max)
		return true;
	if (n > LINES_MAX)
		return false;
	p = reallocarray(t->lines, n, sizeof(*p));
	if (p == NULL)
		return false;
	t->lines = p;
	t->lines_max = n;
	return true;
}

/* The caller keeps its headers until the end, and curl only reads them. */
static void
line_set(struct http_transfer *t, size_t i, const char *line)
{
	t->lines[i].data = (char *)(uintptr_t)line;
	t->lines[i].next = NULL;
	if (i != 0)
		t->lines[i - 1].next = &t->lines[i];
}

static bool
lines_build(struct http_transfer *t, const char *const *headers)
{
	size_t n = 0;

	while (headers != NULL && headers[n] != NULL)
		if (!header_is_clean(headers[n++]))
			return false;
	if (!lines_make_room(t, n + 1))
		return false;
	/* Waiting for "100 Continue" costs a second where none comes. */
	line_set(t, 0, "Expect:");
	for (size_t i = 0; i < n; i++)
		line_set(t, i + 1, headers[i]);
	return true;
}

#define SET(option, value) \
	(ok = curl_easy_setopt(h, option, value) == CURLE_OK && ok)

static bool
set_request(struct http_transfer *t, CURL *h)
{
	const struct http_call *call = t->call;
	bool ok = true;

	SET(CURLOPT_URL, call->url);
	SET(CURLOPT_DEFAULT_PROTOCOL, "https");
	SET(CURLOPT_PROTOCOLS_STR, call->route->plain ? "http,https" : "https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	if (call->get) {
		SET(CURLOPT_HTTPGET, 1L);
	} else {
		SET(CURLOPT_POST, 1L);
		/* Not copied.  A NULL would have curl read standard input. */
		SET(CURLOPT_POSTFIELDS, call->body != NULL ? call->body : "");
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_len);
	}
	/* the least that it takes, in place of 64 KiB a call */
	SET(CURLOPT_UPLOAD_BUFFERSIZE, 16L * 1024);
	SET(CURLOPT_HTTPHEADER, t->lines);
	SET(CURLOPT_USERAGENT, "imconnector-fcgi/" VERSION);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_ERRORBUFFER, t->error);
	SET(CURLOPT_WRITEFUNCTION, reply_body);
	SET(CURLOPT_WRITEDATA, t);
	SET(CURLOPT_HEADERFUNCTION, reply_header);
	SET(CURLOPT_HEADERDATA, t);
	return ok;
}

static bool
set_connection(const struct http_call *call, CURL *h)
{
	long ms = call->timeout_ms < INT_MAX ? (long)call->timeout_ms :
	    INT_MAX;
	const char *proxy = call->route->proxy;
	bool ok = true;

	if (ms < 1)
		ms = 1;		/* 0 would be for ever */
	SET(CURLOPT_TIMEOUT_MS, ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, ms < CONNECT_MS ? ms : (long)CONNECT_MS);
	SET(CURLOPT_NOSIGNAL, 1L);
	/*
	 * When a call times out while its name is being looked up, curl waits
	 * for the lookup, and the whole loop with it: 10 s and more for a
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
transfer_arm(struct http_transfer *t, struct http_call *call, bool one_shot)
{
	bool ok;

	t->call = call;
	t->head_bytes = 0;
	t->too_large = false;
	t->is_slow = false;
	t->is_over = false;
	t->error[0] = '\0';
	t->goes_on = false;
	ok = lines_build(t, call->headers) && set_request(t, t->easy) &&
	    set_connection(call, t->easy) &&
	    set_trust(call->route, t->easy, one_shot) &&
	    certificate_watch(t->easy, &t->peer);
	if (!ok)
		transfer_clear(t);
	return ok;
}

/* No pointer into a call stays with curl. */
void
transfer_clear(struct http_transfer *t)
{
	curl_easy_reset(t->easy);
	certificate_forget(&t->peer);
	t->call = NULL;
}
