/*
 * Why a call got no answer, for people: which host, what is wrong, what to do.
 *
 * Called by verdict.c.  Owns nothing and cannot fail.  Nothing of a URL but
 * its host and port is told, and nothing of what the peer said but the name
 * in its certificate.
 */
#include "http/certificate.h"
#include "http/transfer.h"
#include "http/url.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WORDS_SHOWN 160
#define PROOF_SHOWN 220

/* What a person may do about it. */
static const struct {
	CURLcode code;
	const char *words;	/* that curl's must have, or NULL */
	const char *todo;
} advice[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, NULL,
	    "look at the name, and at /etc/resolv.conf" },
	{ CURLE_COULDNT_RESOLVE_PROXY, NULL, "look at portal.proxy" },
	{ CURLE_COULDNT_CONNECT, NULL,
	    "is it running, and does a firewall let us through?" },
	{ CURLE_OPERATION_TIMEDOUT, NULL,
	    "is it too slow, or does a firewall drop what we send?" },
	{ CURLE_PEER_FAILED_VERIFICATION, "expired",
	    "the certificate must be renewed, or the clock set" },
	{ CURLE_PEER_FAILED_VERIFICATION, "not yet valid", "set the clock" },
	{ CURLE_PEER_FAILED_VERIFICATION, "certificate", "a CA of your own "
	    "must be known: to Bitrix24 by app.ca_file, else to this system" },
	{ CURLE_SSL_CACERT_BADFILE, NULL, "look at app.ca_file" },
	{ CURLE_SSL_CONNECT_ERROR, NULL,
	    "does it speak TLS 1.2 or later at this port?" },
};

static const char *
todo_of(CURLcode code, const char *words)
{
	for (size_t i = 0; i < sizeof(advice) / sizeof(advice[0]); i++)
		if (advice[i].code == code && (advice[i].words == NULL ||
		    strstr(words, advice[i].words) != NULL))
			return advice[i].todo;
	return NULL;
}

/* The milliseconds go, so that the same trouble reads the same. */
static void
drop_time(char *words)
{
	char *after = strstr(words, " after ");
	char *rest = after != NULL ? after + 7 : words;
	size_t digits = strspn(rest, "0123456789");

	if (after == NULL || digits == 0)
		return;
	rest += digits;
	if (strncmp(rest, " milliseconds", 13) == 0)
		rest += 13;
	else if (strncmp(rest, " ms", 3) == 0)
		rest += 3;
	else
		return;
	memmove(after, rest, strlen(rest) + 1);
}

/* The host, and a port that is not the scheme's own. */
static void
host_of(const char *text, char *out, size_t size)
{
	struct url url;

	out[0] = '\0';
	if (url_parse(&url, text) != ERR_OK)
		return;
	if (url.port == (url.https ? 443 : 80))
		(void)snprintf(out, size, "%s", url.host);
	else
		(void)snprintf(out, size, "%s:%ld", url.host, url.port);
}

/* Whose certificate it was, and what time it is here. */
static void
proof_of(const struct http_transfer *t, char *out, size_t size)
{
	time_t now = (time_t)(t->clock->wall_ms(t->clock->ctx) / 1000);
	char described[PROOF_SHOWN - 64], today[32];
	struct tm tm;

	out[0] = '\0';
	if (!certificate_describe(t->peer, described, sizeof(described)) ||
	    gmtime_r(&now, &tm) == NULL ||
	    strftime(today, sizeof(today), "%Y-%m-%d %H:%M UTC", &tm) == 0)
		return;
	(void)snprintf(out, size, "; %s, and the clock here says %s",
	    described, today);
}

static void
add(char out[HTTP_REASON_MAX], const char *s)
{
	size_t n = strlen(out);

	(void)snprintf(out + n, HTTP_REASON_MAX - n, "%s", s);
}

void
reason_write(const struct http_transfer *t, CURLcode code,
    char out[HTTP_REASON_MAX])
{
	char words[WORDS_SHOWN], host[URL_HOST_MAX + 8];
	char proof[PROOF_SHOWN] = "";
	const char *todo;

	(void)snprintf(words, sizeof(words), "%.*s", WORDS_SHOWN - 1,
	    t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
	drop_time(words);
	host_of(t->call->url, host, sizeof(host));
	if (code == CURLE_PEER_FAILED_VERIFICATION)
		proof_of(t, proof, sizeof(proof));
	todo = todo_of(code, words);
	out[0] = '\0';
	if (host[0] != '\0') {
		add(out, host);
		add(out, ": ");
	}
	add(out, words);
	add(out, proof);
	if (todo != NULL) {
		add(out, "; ");
		add(out, todo);
	}
}
