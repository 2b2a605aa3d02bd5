/*
 * A call that outlives the answer to the web server.
 *
 * Called by channels and by the portal's calls.  Owns nothing.
 */
#include "http/patient.h"

void
http_call_patiently(struct http_client *client, struct http_call *call,
    struct patience *patience)
{
	http_start(client, call);
	if (!patience->over && http_wait(client, call, &patience->until))
		return;
	patience_end(patience);
	(void)http_wait(client, call, NULL);
}
