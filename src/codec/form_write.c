/*
 * A form on its way out: the body of a token refresh; and escapes.
 *
 * Called by portal/.  Owns nothing.
 */
#include "codec/form_write.h"

/* RFC 3986, section 2.3: what never needs an escape. */
static bool
is_unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	    c == '~';
}

enum err
form_escape(struct buf *b, const char *text)
{
	enum err e = ERR_OK;

	for (; e == ERR_OK && *text != '\0'; text++)
		e = is_unreserved((unsigned char)*text) ? buf_addc(b, *text) :
		    buf_addf(b, "%%%02X", (unsigned char)*text);
	return e;
}

enum err
form_add(struct buf *b, const char *name, const char *text)
{
	if (b->len != 0)
		buf_addc(b, '&');
	buf_adds(b, name);
	buf_addc(b, '=');
	return form_escape(b, text);
}
