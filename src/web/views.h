#ifndef WEB_VIEWS_H
#define WEB_VIEWS_H

#include "portal/env.h"
#include "web/request.h"

#include <stdbool.h>

/*
 * What a GET is answered: .../health, .../metrics, .../status, by the last
 * segment of the path.
 */
enum view { VIEW_NONE, VIEW_HEALTH, VIEW_METRICS, VIEW_STATUS };

/* Which page a request asks for; _NONE: it is no GET, or of another path. */
enum view view_of(struct request *);

/*
 * In the loop: answers with a page, once, by the request's finish(); at the
 * latest when server.answer_within is over.  404 for whoever is not in
 * status.allow.
 */
void view_serve(const struct env *, struct request *, enum view);

#endif
