#ifndef HTTP_URL_H
#define HTTP_URL_H

#include "base/err.h"

#define URL_HOST_MAX 256	/* bytes with the NUL; DNS allows 253 */

/* The parts of an http or https URL that decisions are made of. */
struct url {
	bool https;
	char host[URL_HOST_MAX];	/* lower case, no port, no dot behind */
	long port;			/* 80 or 443 where none is given */
};

/*
 * Takes an absolute http(s) URL apart, with curl's own parser so that no
 * two parts of the program can disagree about a host.  ERR_INPUT for
 * anything else: another scheme, user or password, fragment, blanks,
 * controls, bytes above ASCII (write a host in its xn-- form), a % or an
 * empty label in the host, no host, longer than 2,000 bytes.  ERR_NOMEM.
 * An IPv6 address keeps its brackets; a number is told as dotted IPv4.
 */
enum err url_parse(struct url *, const char *text);

/*
 * Whether a host matches a pattern: equal without case, or "*.zone" for any
 * host with at least one label before ".zone".
 */
bool url_host_matches(const char *host, const char *pattern);

/*
 * Whether a URL points to a server, HOST[:PORT], its host a pattern as above.
 * Without PORT only the own port of the URL's scheme does.
 */
bool url_is_at(const struct url *, const char *server);

#endif
