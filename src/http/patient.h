#ifndef HTTP_PATIENT_H
#define HTTP_PATIENT_H

#include "base/patience.h"
#include "http/client.h"

/*
 * Makes a call and waits for its end.  When the patience runs out before,
 * it is told so, once, and the wait goes on: what was begun is finished.
 */
void http_call_patiently(struct http_client *, struct http_call *,
    struct patience *);

#endif
