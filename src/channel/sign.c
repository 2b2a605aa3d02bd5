/*
 * Signatures of hand-overs: who has the secret can tell that a message is
 * ours, whole and new.
 *
 * Called by the http channel.  Owns the keys, and overwrites them at its end.
 * What is signed is "KEY.TIME.OBJECT".  While a secret is being changed, the
 * header has a signature for each: the receiver takes whichever it knows.
 */
#include "channel/sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "whsec_"

struct key {
	unsigned char *p;
	size_t n;
};

struct signer {
	struct key key[2];
	size_t keys;
};

/* The texts of secrets are capped by the configuration. */
static enum err
read_key(struct key *k, const char *secret, const char *option,
    struct problem *p)
{
	size_t prefix = strlen(PREFIX), n = strlen(secret);
	long got = (long)n;

	k->p = malloc(n);
	if (k->p == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	if (strncmp(secret, PREFIX, prefix) == 0)
		got = digest_from_base64(k->p, secret + prefix);
	else
		memcpy(k->p, secret, n);
	if (got <= 0)
		return problem_set(p, ERR_CONFIG, -1, option, "behind "
		    PREFIX " there must be base64, with its padding");
	k->n = (size_t)got;
	return ERR_OK;
}

enum err
signer_new(struct signer **out, const char *secret, const char *previous,
    struct problem *p)
{
	bool has = secret != NULL && secret[0] != '\0';
	bool had = previous != NULL && previous[0] != '\0';
	struct signer *s;
	enum err e;

	*out = NULL;
	if (had && !has)
		return problem_set(p, ERR_CONFIG, -1, "secret_previous",
		    "there is no secret that follows it");
	if (!has)
		return ERR_OK;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return problem_set(p, ERR_NOMEM, -1, NULL, "out of memory");
	e = read_key(&s->key[s->keys++], secret, "secret", p);
	if (e == ERR_OK && had)
		e = read_key(&s->key[s->keys++], previous, "secret_previous",
		    p);
	if (e == ERR_OK)
		*out = s;
	else
		signer_free(s);
	return e;
}

enum err
signer_sign(const struct signer *s, const struct parcel *parcel,
    int64_t now_s, struct signature *out)
{
	char head[128];		/* a key has 64 bytes at most */
	size_t n = (size_t)snprintf(head, sizeof(head), "%s.%" PRId64 ".",
	    parcel->key, now_s);
	const struct digest_part part[] = { { head, n }, { parcel->object,
	    parcel->object_len } };
	size_t at;

	(void)snprintf(out->timestamp, sizeof(out->timestamp),
	    "webhook-timestamp: %" PRId64, now_s);
	at = (size_t)snprintf(out->header, sizeof(out->header),
	    "webhook-signature:");
	for (size_t i = 0; i < s->keys; i++) {
		unsigned char mac[DIGEST_SIZE];
		char text[DIGEST_BASE64_MAX];

		if (digest_sign(mac, s->key[i].p, s->key[i].n, part, 2) !=
		    ERR_OK)
			return ERR_NOMEM;
		digest_base64(text, mac);
		at += (size_t)snprintf(out->header + at, sizeof(out->header) -
		    at, " v1,%s", text);
	}
	return ERR_OK;
}

void
signer_free(struct signer *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->keys; i++) {
		if (s->key[i].p != NULL)
			explicit_bzero(s->key[i].p, s->key[i].n);
		free(s->key[i].p);
	}
	free(s);
}
