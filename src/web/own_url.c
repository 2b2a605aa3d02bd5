/*
 * The handler's own URL, as the outside knows it.
 *
 * Called by web/handler.c for installations and pages.  Owns nothing.  The
 * sender of a request chooses the host, so the store keeps the one of the
 * first installation that was proven, and no later one is put in its place.
 */
#include "web/own_url.h"

#include "http/url.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *
param(struct request *rq, const char *name)
{
	const char *s = rq->kind->param(rq, name);

	return s != NULL ? s : "";
}

/* Behind a proxy that ends TLS, the proxy says it. */
static bool
is_https(struct request *rq)
{
	const char *https = param(rq, "HTTPS");

	return (https[0] != '\0' && strcasecmp(https, "off") != 0) ||
	    strcasecmp(param(rq, "REQUEST_SCHEME"), "https") == 0 ||
	    strcasecmp(param(rq, "HTTP_X_FORWARDED_PROTO"), "https") == 0;
}

/*
 * ":PORT" where the host lacks it: nginx, as Debian sets it up, takes it off.
 * A proxy's own port is none that the outside knows.
 */
static const char *
port_of(struct request *rq, const char *host, bool https)
{
	const char *port = param(rq, "SERVER_PORT");
	const char *behind = strrchr(host, ']');	/* of an IPv6 address */

	if (strchr(behind != NULL ? behind : host, ':') != NULL ||
	    port[0] == '\0' ||
	    strspn(port, "0123456789") != strlen(port) ||
	    strcmp(port, https ? "443" : "80") == 0 ||
	    rq->kind->param(rq, "HTTP_X_FORWARDED_PROTO") != NULL ||
	    rq->kind->param(rq, "HTTP_X_FORWARDED_FOR") != NULL)
		return "";
	return port;
}

void
own_url(struct request *rq, char out[OWN_URL_MAX])
{
	bool https = is_https(rq);
	const char *host = param(rq, "HTTP_HOST");
	const char *port = port_of(rq, host, https);
	const char *uri = param(rq, "REQUEST_URI");
	const char *more = "";
	struct url url;
	int n;

	if (uri[0] != '/') {
		uri = param(rq, "SCRIPT_NAME");
		more = param(rq, "PATH_INFO");
	}
	n = snprintf(out, OWN_URL_MAX, "%s://%s%s%s%.*s%s", https ?
	    "https" : "http", host, port[0] != '\0' ? ":" : "", port,
	    (int)strcspn(uri, "?#"), uri, more);
	if (host[0] == '\0' || n < 0 || n >= OWN_URL_MAX ||
	    url_parse(&url, out) != ERR_OK)
		out[0] = '\0';
}
