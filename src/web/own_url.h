#ifndef WEB_OWN_URL_H
#define WEB_OWN_URL_H

#include "web/request.h"

#define OWN_URL_MAX 512

/*
 * The URL at which a request arrived, without its query, as far as the web
 * server tells (RFC 3875); "" if it does not.
 */
void own_url(struct request *, char out[OWN_URL_MAX]);

#endif
