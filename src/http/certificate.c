/*
 * Certificates, for people: what is in a CA file, whose one is, until when.
 *
 * Called by the checks, and by transfer.c and verdict.c for a peer's.  Owns
 * the certificates that it keeps.
 */
#include "http/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME_SHOWN 80

/* Held by a transfer, and by the contexts of the connections that it made:
 * those may outlive it, and shake hands again. */
struct certificate {
	int holders;
	X509 *x509;		/* NULL: none was looked at yet */
};

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int in_context;		/* where a context keeps its own */

static void
release(struct certificate *c)
{
	if (c == NULL || --c->holders != 0)
		return;
	X509_free(c->x509);
	free(c);
}

static void
on_context_end(void *ctx, void *c, CRYPTO_EX_DATA *all, int i, long l,
    void *p)
{
	(void)ctx;
	(void)all;
	(void)i;
	(void)l;
	(void)p;
	release(c);
}

static void
take_index(void)
{
	in_context = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL,
	    on_context_end);
}

/* OpenSSL's own verdict, and nothing but that. */
static int
verify(X509_STORE_CTX *ctx, void *arg)
{
	struct certificate *c = arg;
	int ok = X509_verify_cert(ctx);
	X509 *x = ok == 1 ? X509_STORE_CTX_get0_cert(ctx) :
	    X509_STORE_CTX_get_current_cert(ctx);

	if (x != NULL && X509_up_ref(x) == 1) {
		X509_free(c->x509);
		c->x509 = x;
	}
	return ok;
}

/* Without memory there is less to say, and the verdict is the same. */
static CURLcode
on_context(CURL *h, void *ssl_ctx, void *arg)
{
	struct certificate **kept = arg;

	(void)h;
	if (*kept == NULL && (*kept = calloc(1, sizeof(**kept))) != NULL)
		(*kept)->holders = 1;
	if (*kept == NULL || in_context < 0 ||
	    SSL_CTX_set_ex_data(ssl_ctx, in_context, *kept) != 1)
		return CURLE_OK;
	(*kept)->holders++;
	SSL_CTX_set_cert_verify_callback(ssl_ctx, verify, *kept);
	return CURLE_OK;
}

bool
certificate_watch(CURL *h, struct certificate **kept)
{
	(void)pthread_once(&index_once, take_index);
	return curl_easy_setopt(h, CURLOPT_SSL_CTX_FUNCTION, on_context) ==
	    CURLE_OK && curl_easy_setopt(h, CURLOPT_SSL_CTX_DATA, kept) ==
	    CURLE_OK;
}

void
certificate_forget(struct certificate **kept)
{
	release(*kept);
	*kept = NULL;
}

static void
day_of(const ASN1_TIME *t, char *out, size_t size)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(t, &tm) != 1 ||
	    strftime(out, size, "%Y-%m-%d", &tm) == 0)
		(void)snprintf(out, size, "?");
}

bool
certificate_describe(const struct certificate *c, char *out, size_t size)
{
	char text[NAME_SHOWN] = "", from[16], to[16];

	if (c == NULL || c->x509 == NULL)
		return false;
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(c->x509),
	    NID_commonName, text, sizeof(text)) <= 0)
		(void)snprintf(text, sizeof(text), "(no name)");
	day_of(X509_get0_notBefore(c->x509), from, sizeof(from));
	day_of(X509_get0_notAfter(c->x509), to, sizeof(to));
	(void)snprintf(out, size, "the certificate of %s is valid from %s to "
	    "%s", text, from, to);
	return true;
}

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
