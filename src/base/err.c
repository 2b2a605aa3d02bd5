/*
 * Errors and the one record of what went wrong.
 *
 * Called by everything.  Owns nothing: a problem lives with its caller.
 * Cannot fail; a text that is too long is cut, never overrun.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const names[ERR__MAX] = {
	[ERR_OK] = "OK",
	[ERR_INPUT] = "MALFORMED",
	[ERR_METHOD] = "METHOD_NOT_ALLOWED",
	[ERR_MEDIA] = "UNSUPPORTED_MEDIA_TYPE",
	[ERR_TOOBIG] = "TOO_LARGE",
	[ERR_DENIED] = "WRONG_TOKEN",
	[ERR_UNUSABLE] = "UNUSABLE_FIELD",
	[ERR_RETRY] = "TRY_AGAIN",
	[ERR_REFUSED] = "REFUSED",
	[ERR_LOST] = "CLAIM_LOST",
	[ERR_DISK] = "STORE_UNAVAILABLE",
	[ERR_NOMEM] = "OUT_OF_MEMORY",
	[ERR_CONFIG] = "WRONG_CONFIGURATION",
};

const char *
err_name(enum err e)
{
	return (unsigned)e < ERR__MAX ? names[e] : "UNKNOWN";
}

enum err
problem_set(struct problem *p, enum err e, int64_t at, const char *field,
    const char *fmt, ...)
{
	va_list ap;

	if (p->err != ERR_OK)
		return p->err;
	p->err = e;
	p->at = at;
	(void)snprintf(p->field, sizeof(p->field), "%s",
	    field != NULL ? field : "");
	va_start(ap, fmt);
	(void)vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	return e;
}
