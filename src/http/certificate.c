/*
 * Certificates, for people: what is in a CA file, whose one is, until when.
 *
 * Called by the checks, and by transfer.c when a peer's is refused.  Owns
 * nothing.
 */
#include "http/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Not one more: is that the end, or was it no certificate? */
static bool
is_end(void)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == ERR_LIB_PEM &&
	    ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

bool
certificate_file_ok(const char *path, char *why, size_t size)
{
	FILE *f = fopen(path, "re");
	X509 *x;
	int n = 0;
	bool ok;

	if (f == NULL) {
		(void)snprintf(why, size, "%s", strerror(errno));
		return false;
	}
	ERR_clear_error();
	while ((x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
		X509_free(x);
		n++;
	}
	ok = is_end() && n > 0;
	if (n == 0 && is_end())
		(void)snprintf(why, size, "there is no certificate in it "
		    "(PEM, -----BEGIN CERTIFICATE-----)");
	else if (!ok)
		(void)snprintf(why, size, "its certificate number %d cannot "
		    "be read", n + 1);
	ERR_clear_error();
	(void)fclose(f);
	return ok;
}
