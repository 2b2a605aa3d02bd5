/*
 * Sealed values that travel with the forms of pages.
 */
#include "unit.h"

#include "codec/seal.h"
#include "portal/ticket.h"

#include <string.h>

#define NOW ((int64_t)1773759161000)

static char secret[] = "client secret", none[] = "";
static struct config config = { .app = { .client_secret = secret } };
static const struct portal portal = { .member_id = "member",
    .application_token = "token of the application" };
static const struct ticket ticket = { .connector = "myconnector",
    .line = 107, .token = "token of the user" };

static void
write(struct buf *b, const struct portal *p, int64_t now_ms)
{
	const struct ticket_of of = { &config, p, now_ms };

	buf_init(b, SEAL_TEXT_MAX);
	assert_int_equal(ticket_write(b, &ticket, &of), ERR_OK);
	assert_non_null(buf_str(b));
}

static enum err
read(const char *text, const struct portal *p, int64_t now_ms)
{
	const struct ticket_of of = { &config, p, now_ms };
	struct problem problem = { .err = ERR_OK };
	struct arena a;
	struct ticket t = { 0 };
	enum err e;

	arena_init(&a, 4096);
	e = ticket_read(&t, &a, text, &of, &problem);
	if (e == ERR_OK) {
		assert_string_equal(t.connector, ticket.connector);
		assert_int_equal(t.line, ticket.line);
		assert_string_equal(t.token, ticket.token);
	} else {
		assert_int_equal(problem.err, e);
		assert_string_equal(problem.field, "form");
	}
	arena_free(&a);
	return e;
}

static void
test_there_and_back(void **state)
{
	struct buf b, again;

	(void)state;
	write(&b, &portal, NOW);
	write(&again, &portal, NOW);
	assert_string_not_equal(b.p, again.p);
	assert_int_equal(read(b.p, &portal, NOW), ERR_OK);
	assert_int_equal(read(b.p, &portal, NOW + TICKET_MS - 1), ERR_OK);
	assert_int_equal(read(b.p, &portal, NOW + TICKET_MS), ERR_DENIED);
	assert_int_equal(read(b.p, &portal, NOW - 1000), ERR_OK);
	assert_int_equal(read(b.p, &portal, NOW - TICKET_MS - 1), ERR_DENIED);
	buf_free(&b);
	buf_free(&again);
}

static void
test_every_digit_counts(void **state)
{
	struct buf b;

	(void)state;
	write(&b, &portal, NOW);
	for (size_t i = 0; i < b.len; i++) {
		char was = b.p[i];

		b.p[i] = was == '0' ? '1' : '0';
		assert_int_equal(read(b.p, &portal, NOW), ERR_DENIED);
		b.p[i] = 'x';
		assert_int_equal(read(b.p, &portal, NOW), ERR_DENIED);
		b.p[i] = was;
	}
	for (size_t n = b.len; n-- > 0;) {
		b.p[n] = '\0';
		assert_int_equal(read(b.p, &portal, NOW), ERR_DENIED);
	}
	buf_free(&b);
}

static void
test_of_others(void **state)
{
	struct portal other = portal;
	struct buf b;

	(void)state;
	write(&b, &portal, NOW);
	other.member_id = "membes";
	assert_int_equal(read(b.p, &other, NOW), ERR_DENIED);
	other = portal;
	other.application_token = "";
	assert_int_equal(read(b.p, &other, NOW), ERR_DENIED);
	config.app.client_secret = none;
	assert_int_equal(read(b.p, &portal, NOW), ERR_DENIED);
	config.app.client_secret = secret;
	assert_int_equal(read(b.p, &portal, NOW), ERR_OK);
	buf_free(&b);
}

static void
test_without_a_key(void **state)
{
	struct portal p = portal;
	const struct ticket_of of = { &config, &p, NOW };
	struct buf b;

	(void)state;
	config.app.client_secret = none;
	write(&b, &p, NOW);
	assert_int_equal(read(b.p, &p, NOW), ERR_OK);
	buf_reset(&b);
	p.application_token = "";
	assert_int_equal(ticket_write(&b, &ticket, &of), ERR_DENIED);
	assert_int_equal(b.len, 0);
	config.app.client_secret = secret;
	buf_free(&b);
}

static void
test_too_long(void **state)
{
	static char token[SEAL_MAX + 1], text[SEAL_TEXT_MAX + 3];
	const struct ticket t = { "c", 1, token };
	const struct ticket_of of = { &config, &portal, NOW };
	struct buf b;

	(void)state;
	memset(token, 't', SEAL_MAX);
	buf_init(&b, SEAL_TEXT_MAX);
	assert_int_equal(ticket_write(&b, &t, &of), ERR_TOOBIG);
	memset(text, '0', SEAL_TEXT_MAX + 2);
	assert_int_equal(read(text, &portal, NOW), ERR_DENIED);
	text[SEAL_TEXT_MAX] = '\0';
	assert_int_equal(read(text, &portal, NOW), ERR_DENIED);
	buf_free(&b);
}

static void
test_the_longest_seal(void **state)
{
	static const unsigned char key[SEAL_KEY] = { 1 };
	static char all[SEAL_MAX];
	struct buf text, back;

	(void)state;
	buf_init(&text, SEAL_TEXT_MAX);
	buf_init(&back, SEAL_MAX);
	assert_int_equal(seal_close(&text, key, all, SEAL_MAX), ERR_OK);
	assert_int_equal(text.len, SEAL_TEXT_MAX);
	assert_int_equal(seal_open(&back, key, buf_str(&text)), ERR_OK);
	assert_int_equal(back.len, SEAL_MAX);
	assert_memory_equal(back.p, all, SEAL_MAX);
	assert_int_equal(seal_close(&text, key, all, SEAL_MAX + 1),
	    ERR_TOOBIG);
	buf_free(&text);
	buf_free(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_every_digit_counts),
		cmocka_unit_test(test_of_others),
		cmocka_unit_test(test_without_a_key),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_the_longest_seal),
	};

	return cmocka_run_group_tests_name("portal/ticket", tests, NULL,
	    NULL);
}
