/*
 * Sealed values in the forms of pages.
 *
 * Called by relay/settings.c.  Owns nothing.  What cannot be opened, is
 * another portal's or too old is denied, and nothing of it is used.
 */
#include "portal/ticket.h"

#include "base/number.h"
#include "codec/digest.h"
#include "codec/seal.h"

#include <stdbool.h>
#include <string.h>

_Static_assert(DIGEST_SIZE == SEAL_KEY, "a digest is a key");

/* Both are known to the application's owner and to Bitrix24 alone; another
 * installation has another application_token. */
static enum err
make_key(unsigned char key[SEAL_KEY], const struct ticket_of *of)
{
	static const char use[] = "imconnector page 1";
	const char *token = of->portal->application_token;
	const char *secret = of->config->app.client_secret;
	struct digest_part part[] = {
		{ use, sizeof(use) },
		{ of->portal->member_id, strlen(of->portal->member_id) + 1 },
		{ token, strlen(token) },
	};

	if (secret[0] == '\0')
		secret = token;
	if (secret[0] == '\0')
		return ERR_DENIED;
	return digest_sign(key, secret, strlen(secret), part, 3);
}

static enum err
add_field(struct buf *b, const char *text)
{
	enum err e = buf_adds(b, text);

	return e == ERR_OK ? buf_addc(b, '\n') : e;
}

enum err
ticket_write(struct buf *out, const struct ticket *t,
    const struct ticket_of *of)
{
	unsigned char key[SEAL_KEY];
	struct buf b;
	enum err e = make_key(key, of);

	buf_init(&b, SEAL_MAX);
	if (e == ERR_OK)
		e = buf_addi(&b, of->now_ms + TICKET_MS);
	if (e == ERR_OK)
		e = buf_addc(&b, '\n');
	if (e == ERR_OK)
		e = buf_addi(&b, t->line);
	if (e == ERR_OK)
		e = buf_addc(&b, '\n');
	if (e == ERR_OK)
		e = add_field(&b, t->connector);
	if (e == ERR_OK)
		e = add_field(&b, t->token);
	if (e == ERR_OK)
		e = seal_close(out, key, b.p, b.len);
	buf_free(&b);
	return e;
}

/* Cuts the next field off, in place. */
static char *
next_field(char **at)
{
	char *field = *at, *end = strchr(field, '\n');

	if (end == NULL)
		return field + strlen(field);
	*end = '\0';
	*at = end + 1;
	return field;
}

static enum err
take_apart(struct ticket *t, char *text, const struct ticket_of *of,
    struct problem *p)
{
	int64_t until_ms = 0;
	bool ok = number_read(next_field(&text), &until_ms) &&
	    number_read(next_field(&text), &t->line);

	t->connector = next_field(&text);
	t->token = next_field(&text);
	/* none is made for so long: a clock that was set back renews none */
	if (ok && of->now_ms < until_ms &&
	    until_ms - of->now_ms <= 2 * TICKET_MS)
		return ERR_OK;
	return problem_set(p, ERR_DENIED, -1, "form", "this page has been open "
	    "for too long");
}

enum err
ticket_read(struct ticket *t, struct arena *a, const char *text,
    const struct ticket_of *of, struct problem *p)
{
	unsigned char key[SEAL_KEY];
	struct buf b;
	enum err e = make_key(key, of);
	char *copy = NULL;

	buf_init(&b, SEAL_MAX);
	if (e == ERR_OK)
		e = seal_open(&b, key, text);
	if (e == ERR_OK) {
		copy = arena_dup(a, b.p, b.len);
		e = copy != NULL ? ERR_OK : ERR_NOMEM;
	}
	buf_free(&b);
	if (e == ERR_OK)
		return take_apart(t, copy, of, p);
	return problem_set(p, e == ERR_NOMEM ? e : ERR_DENIED, -1, "form",
	    e == ERR_NOMEM ? "out of memory" : "this form was not made for "
	    "this portal");
}
