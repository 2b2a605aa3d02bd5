#ifndef WEB_STATUS_HTML_H
#define WEB_STATUS_HTML_H

#include "config/config.h"
#include "store/status.h"
#include "web/out.h"

/* The page for people: status.html, which fetches and draws the JSON of its own
 * address, with a plain table inside for where no script runs. */
void status_html(struct buf *, const struct status *, const struct config *);

#endif
