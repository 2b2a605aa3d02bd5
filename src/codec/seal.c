/*
 * Values that others keep for us, and can neither read nor change.
 *
 * Called for the forms of pages.  Owns nothing.  Each seal has a random nonce
 * of its own; a failure of the library is reported, never guessed over.
 */
#include "codec/seal.h"

#include "codec/hex.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <stdbool.h>
#include <string.h>

#define NONCE 12
#define TAG 16

static enum err
add_hex(struct buf *b, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	enum err e = buf_reserve(b, 2 * n);

	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		b->p[b->len++] = digits[p[i] >> 4];
		b->p[b->len++] = digits[p[i] & 15];
	}
	return e;
}

enum err
seal_close(struct buf *b, const unsigned char key[SEAL_KEY], const void *p,
    size_t n)
{
	unsigned char out[NONCE + SEAL_MAX + TAG];
	EVP_CIPHER_CTX *c;
	int got = 0, end = 0;
	bool ok;

	if (n > SEAL_MAX)
		return ERR_TOOBIG;
	c = EVP_CIPHER_CTX_new();
	ok = c != NULL && RAND_bytes(out, NONCE) == 1 &&
	    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) == 1 &&
	    EVP_EncryptUpdate(c, out + NONCE, &got, p, (int)n) == 1 &&
	    EVP_EncryptFinal_ex(c, out + NONCE + got, &end) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG,
	    out + NONCE + n) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok ? add_hex(b, out, NONCE + n + TAG) : ERR_NOMEM;
}

/* How many bytes the digits stand for, or 0 if they are none. */
static size_t
read_hex(unsigned char *out, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = strlen(text) / 2;

	if (strlen(text) % 2 != 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (hex_digit(s[2 * i]) < 0 || hex_digit(s[2 * i + 1]) < 0)
			return 0;
		out[i] = (unsigned char)hex_byte(s + 2 * i);
	}
	return n;
}

enum err
seal_open(struct buf *b, const unsigned char key[SEAL_KEY], const char *text)
{
	unsigned char in[NONCE + SEAL_MAX + TAG], out[SEAL_MAX + TAG];
	size_t n = strlen(text) <= SEAL_TEXT_MAX ? read_hex(in, text) : 0;
	EVP_CIPHER_CTX *c;
	int got = 0, end = 0;
	bool ok;

	if (n < NONCE + TAG)
		return ERR_DENIED;
	n -= NONCE + TAG;
	c = EVP_CIPHER_CTX_new();
	if (c == NULL)
		return ERR_NOMEM;
	ok = EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, in) == 1 &&
	    EVP_DecryptUpdate(c, out, &got, in + NONCE, (int)n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG,
	    in + NONCE + n) == 1 &&
	    EVP_DecryptFinal_ex(c, out + got, &end) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok ? buf_add(b, out, n) : ERR_DENIED;
}
