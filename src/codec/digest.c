/*
 * Hashes and the comparison of secrets.  The home of libcrypto.
 *
 * Called for a message's key, the application token and signatures.  Owns
 * what the library has for SHA-256 and HMAC, and a context, until the end.  A
 * failure of the library is reported, never guessed over.
 */
#include "codec/digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <limits.h>
#include <stdatomic.h>
#include <string.h>

/* Looked up once: each look takes the library's locks.  NULL: no memory. */
static const EVP_MD *
sha256(void)
{
	static _Atomic(EVP_MD *) known;
	EVP_MD *md = atomic_load(&known), *others = NULL;

	if (md != NULL)
		return md;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (md == NULL || atomic_compare_exchange_strong(&known, &others, md))
		return md;
	EVP_MD_free(md);
	return others;
}

/*
 * One is kept between two uses: most of a short digest's time goes into making
 * and freeing it.  Who finds none makes one.
 */
static _Atomic(EVP_MD_CTX *) spare;

static EVP_MD_CTX *
take_context(void)
{
	EVP_MD_CTX *md = atomic_exchange(&spare, NULL);

	return md != NULL ? md : EVP_MD_CTX_new();
}

static void
put_context(EVP_MD_CTX *md)
{
	EVP_MD_CTX_free(atomic_exchange(&spare, md));
}

static bool
add_part(EVP_MD_CTX *md, const struct digest_part *part)
{
	uint64_t n = part->n;
	unsigned char length[8];

	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)(n >> (8 * i));
	return EVP_DigestUpdate(md, length, sizeof(length)) == 1 &&
	    EVP_DigestUpdate(md, part->p, part->n) == 1;
}

enum err
digest_parts(unsigned char out[DIGEST_SIZE], const struct digest_part *part,
    size_t n)
{
	EVP_MD_CTX *md = take_context();
	const EVP_MD *kind = sha256();
	bool ok = md != NULL && kind != NULL &&
	    EVP_DigestInit_ex(md, kind, NULL) == 1;

	for (size_t i = 0; ok && i < n; i++)
		ok = add_part(md, &part[i]);
	ok = ok && EVP_DigestFinal_ex(md, out, NULL) == 1;
	put_context(md);
	return ok ? ERR_OK : ERR_NOMEM;
}

enum err
digest_whole(unsigned char out[DIGEST_SIZE], const void *p, size_t n)
{
	const EVP_MD *kind = sha256();

	return kind != NULL && EVP_Digest(p, n, out, NULL, kind, NULL) == 1 ?
	    ERR_OK : ERR_NOMEM;
}

void
digest_text(char out[DIGEST_TEXT_MAX], const unsigned char *digest, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = (bits << 8 | digest[i]) & 0xffff;
		for (have += 8; have >= 6; have -= 6)
			*out++ = alphabet[bits >> (have - 6) & 63];
	}
	if (have != 0)
		*out++ = alphabet[bits << (6 - have) & 63];
	*out = '\0';
}

/* Looked up once, as above. */
static EVP_MAC *
hmac(void)
{
	static _Atomic(EVP_MAC *) known;
	EVP_MAC *mac = atomic_load(&known), *others = NULL;

	if (mac != NULL)
		return mac;
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	if (mac == NULL || atomic_compare_exchange_strong(&known, &others,
	    mac))
		return mac;
	EVP_MAC_free(mac);
	return others;
}

enum err
digest_sign(unsigned char out[DIGEST_SIZE], const void *key, size_t key_len,
    const struct digest_part *part, size_t n)
{
	char name[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name,
		    0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *kind = hmac();
	EVP_MAC_CTX *mac = kind != NULL ? EVP_MAC_CTX_new(kind) : NULL;
	bool ok = mac != NULL && EVP_MAC_init(mac, key, key_len, params) == 1;
	size_t got = 0;

	for (size_t i = 0; ok && i < n; i++)
		ok = EVP_MAC_update(mac, part[i].p, part[i].n) == 1;
	ok = ok && EVP_MAC_final(mac, out, &got, DIGEST_SIZE) == 1 &&
	    got == DIGEST_SIZE;
	EVP_MAC_CTX_free(mac);
	return ok ? ERR_OK : ERR_NOMEM;
}

void
digest_base64(char out[DIGEST_BASE64_MAX],
    const unsigned char digest[DIGEST_SIZE])
{
	(void)EVP_EncodeBlock((unsigned char *)out, digest, DIGEST_SIZE);
}

/* The library would forgive blanks, and count the padding as zeros. */
long
digest_from_base64(unsigned char *out, const char *text)
{
	size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/");
	size_t padding = strspn(text + n, "=");
	int got;

	if (text[n + padding] != '\0' || padding > 2 || n + padding > INT_MAX)
		return -1;
	got = EVP_DecodeBlock(out, (const unsigned char *)text,
	    (int)(n + padding));
	return got < 0 ? -1 : got - (long)padding;
}

/*
 * Goes along `got` to its NUL, and along `want` no further than to its own,
 * which differs from all that `got` has more.  Volatile, as else a compiler
 * may see that the end is known with the first difference.
 */
bool
digest_same_secret(const char *got, const char *want)
{
	volatile unsigned differs = want[0] == '\0';

	do {
		differs |= (unsigned)(*got ^ *want);
		want += *want != '\0';
	} while (*got++ != '\0');
	return differs == 0;
}
