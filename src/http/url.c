/*
 * URLs: the parts that trust decisions are made of, and host patterns.
 *
 * Called by the configuration and the portal's side.  Owns nothing.  curl
 * takes the URL apart, as it does when it sends; what is refused before it
 * are spellings that two readers may take for different hosts.  On failure
 * the result is all zeroes.
 */
#include "http/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_MAX 2000

static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

/* Printable ASCII without blanks and fragments, and not too much of it. */
static bool
is_clean(const char *s)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++) {
		unsigned char c = (unsigned char)s[n];

		if (n == URL_MAX || c <= ' ' || c >= 0x7f || c == '#')
			return false;
	}
	return true;
}

/* What follows the "//", or NULL; curl would forgive one slash or three. */
static const char *
authority_of(const char *s)
{
	if (curl_strnequal(s, "https://", 8))
		return s + 8;
	if (curl_strnequal(s, "http://", 7))
		return s + 7;
	return NULL;
}

/*
 * Whether the authority is a host or an address in brackets, and perhaps a
 * port: no user, no percent sign, no backslash, no zone of an address.
 */
static bool
authority_is_plain(const char *a)
{
	size_t n = strcspn(a, "/?");
	size_t host, port = 0;

	if (a[0] == '[') {
		host = 1 + strspn(a + 1, "0123456789abcdefABCDEF:.");
		if (a[host++] != ']')
			return false;
	} else {
		host = strspn(a, host_bytes);
	}
	if (a[host] == ':')
		port = 1 + strspn(a + host + 1, "0123456789");
	return host != 0 && host + port == n;
}

/* One dot behind is dropped; then every label must have something in it. */
static bool
host_take(char *to, const char *from)
{
	size_t n = strlen(from);

	if (n != 0 && from[n - 1] == '.')
		n--;
	if (n == 0 || n >= URL_HOST_MAX || from[0] == '.')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = from[i];

		if (c == '.' && (i + 1 == n || from[i + 1] == '.'))
			return false;
		to[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	to[n] = '\0';
	return true;
}

static bool
port_take(long *to, const char *from)
{
	*to = strtol(from, NULL, 10);	/* curl lets only digits through */
	return *to >= 1 && *to <= 65535;
}

/* The three parts as curl understands them. */
static enum err
parts_take(struct url *u, CURLU *h)
{
	char *scheme = NULL, *host = NULL, *port = NULL;
	enum err e = ERR_NOMEM;

	if (curl_url_get(h, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
	    curl_url_get(h, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(h, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) ==
	    CURLUE_OK) {
		u->https = strcmp(scheme, "https") == 0;
		e = host_take(u->host, host) && port_take(&u->port, port) ?
		    ERR_OK : ERR_INPUT;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	return e;
}

/* What curl refuses is the text's fault, unless it had no memory. */
static enum err
parse(struct url *u, const char *text)
{
	CURLU *h = curl_url();
	CURLUcode code = h != NULL ?
	    curl_url_set(h, CURLUPART_URL, text, CURLU_DISALLOW_USER) :
	    CURLUE_OUT_OF_MEMORY;
	enum err e = ERR_INPUT;

	if (code == CURLUE_OK)
		e = parts_take(u, h);
	else if (code == CURLUE_OUT_OF_MEMORY)
		e = ERR_NOMEM;
	curl_url_cleanup(h);
	return e;
}

enum err
url_parse(struct url *u, const char *text)
{
	const char *authority;
	enum err e;

	*u = (struct url){ 0 };
	if (!is_clean(text))
		return ERR_INPUT;
	authority = authority_of(text);
	if (authority == NULL || !authority_is_plain(authority))
		return ERR_INPUT;
	e = parse(u, text);
	if (e != ERR_OK)
		*u = (struct url){ 0 };
	return e;
}

bool
url_host_matches(const char *host, const char *pattern)
{
	size_t zone, n;

	if (strncmp(pattern, "*.", 2) != 0)
		return curl_strequal(host, pattern) != 0;
	zone = strlen(pattern) - 1;	/* with its dot */
	n = strlen(host);
	return zone > 1 && n > zone && host[0] != '.' &&
	    curl_strequal(host + n - zone, pattern + 1) != 0;
}

/* Where ":PORT" begins, or the end; an IPv6 address has colons of its own. */
static size_t
host_length(const char *server)
{
	const char *colon = strrchr(server, ':');

	return colon == NULL || strchr(colon, ']') != NULL ? strlen(server) :
	    (size_t)(colon - server);
}

bool
url_is_at(const struct url *u, const char *server)
{
	size_t n = host_length(server);
	char host[URL_HOST_MAX];
	long port = u->https ? 443 : 80;

	if (n >= sizeof(host))
		return false;
	(void)snprintf(host, sizeof(host), "%.*s", (int)n, server);
	if (server[n] == ':')
		port = strtol(server + n + 1, NULL, 10);
	return u->port == port && url_host_matches(u->host, host);
}
