/*
 * Signatures of hand-overs.  The first vector is that of the Standard
 * Webhooks project's own libraries; the others were computed with Python's
 * hmac and base64:
 *
 *	base64.b64encode(hmac.new(key, b"id.time.body", "sha256").digest())
 */
#include "channel/sign.h"

#include "unit.h"

#include <string.h>

#define WHSEC "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define BODY "{\"test\": 2432232314}"
#define TIME 1614265330
#define SIGNED "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define RAW "v1,ENqrYZJfEdejvH41MpDAd0s4SZwl35B0bx0LOnREaDY="
#define LARGE "v1,5lSJgLlU/aZ4ytwrXAyMqQPwcp6xtfGk5ku1Ej33RwE="

static struct signature
sign(const char *secret, const char *previous, const char *key,
    int64_t time, const char *body)
{
	const struct parcel parcel = { .key = key, .object = body,
	    .object_len = strlen(body) };
	struct signature out;
	struct signer *s;
	struct problem p = { 0 };

	assert_int_equal(signer_new(&s, secret, previous, &p), ERR_OK);
	assert_non_null(s);
	memset(&out, 'x', sizeof(out));
	assert_int_equal(signer_sign(s, &parcel, time, &out), ERR_OK);
	signer_free(s);
	return out;
}

static void
test_vector(void **state)
{
	struct signature s = sign(WHSEC, "", ID, TIME, BODY);

	(void)state;
	assert_string_equal(s.timestamp, "webhook-timestamp: 1614265330");
	assert_string_equal(s.header, "webhook-signature: " SIGNED);
}

static void
test_raw_secret(void **state)
{
	struct signature s = sign("a plain secret", NULL, ID, TIME, BODY);

	(void)state;
	assert_string_equal(s.header, "webhook-signature: " RAW);
}

/* The newer secret's comes first; a receiver takes either. */
static void
test_change(void **state)
{
	struct signature s = sign("a plain secret", WHSEC, ID, TIME, BODY);

	(void)state;
	assert_string_equal(s.header, "webhook-signature: " RAW " " SIGNED);
}

/* Each part of what is signed counts. */
static void
test_all_counts(void **state)
{
	const struct signature others[] = {
		sign(WHSEC, "", "msg_p5jXN8AQM9LWM0D4loKWxJel", TIME, BODY),
		sign(WHSEC, "", ID, TIME + 1, BODY),
		sign(WHSEC, "", ID, TIME, BODY " "),
		sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx", "", ID, TIME,
		    BODY),
		sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", ID, TIME, BODY),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++)
		assert_null(strstr(others[i].header, SIGNED));
}

static void
test_largest(void **state)
{
	char secret[4097], key[65];
	struct signature s;

	(void)state;
	memset(secret, 's', sizeof(secret) - 1);
	secret[sizeof(secret) - 1] = '\0';
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	s = sign(secret, secret, key, INT64_MAX, "");
	assert_string_equal(s.timestamp,
	    "webhook-timestamp: 9223372036854775807");
	assert_string_equal(s.header, "webhook-signature: " LARGE " " LARGE);
}

static void
test_none(void **state)
{
	struct problem p = { 0 };
	struct signer *s;

	(void)state;
	assert_int_equal(signer_new(&s, NULL, NULL, &p), ERR_OK);
	assert_null(s);
	assert_int_equal(signer_new(&s, "", "", &p), ERR_OK);
	assert_null(s);
	signer_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_raw_secret),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_all_counts),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests_name("channel/sign", tests, NULL, NULL);
}
