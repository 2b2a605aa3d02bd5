/*
 * The object that a channel gets: which member, in which order.
 *
 * Run by make check.
 */
#include "event/object.h"

#include "unit.h"

#include <string.h>

static const struct object full = {
	.key = "k-_1", .event = "ONIMCONNECTORMESSAGEADD", .member_id = "m",
	.domain = "d", .connector = "c", .line = 107, .ts = 177,
	.body = "\"im\":{}", .body_len = 7,
};

static void
expect(const struct object *o, const char *want)
{
	struct buf b;

	buf_init(&b, 1024);
	assert_int_equal(object_render(&b, o), ERR_OK);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
	for (size_t max = 0; max < strlen(want); max++) {
		buf_init(&b, max);
		assert_int_equal(object_render(&b, o), ERR_TOOBIG);
		buf_free(&b);
	}
}

static void
test_full(void **state)
{
	(void)state;
	expect(&full, "{\"key\":\"k-_1\","
	    "\"event\":\"ONIMCONNECTORMESSAGEADD\",\"member_id\":\"m\","
	    "\"domain\":\"d\",\"connector\":\"c\",\"line\":107,\"im\":{},"
	    "\"ts\":177}");
}

static void
test_unknown(void **state)
{
	struct object o = full;

	(void)state;
	o.domain = NULL;
	o.ts = -1;
	expect(&o, "{\"key\":\"k-_1\",\"event\":\"ONIMCONNECTORMESSAGEADD\","
	    "\"member_id\":\"m\",\"connector\":\"c\",\"line\":107,"
	    "\"im\":{}}");
	o.ts = 0;
	o.body_len = 0;
	o.key = NULL;
	o.line = INT64_MAX;
	expect(&o, "{\"event\":\"ONIMCONNECTORMESSAGEADD\","
	    "\"member_id\":\"m\",\"connector\":\"c\","
	    "\"line\":9223372036854775807,\"ts\":0}");
}

/* Only body_len bytes of the body, and the envelope's texts are escaped. */
static void
test_bytes(void **state)
{
	struct object o = { .key = "k", .connector = "a\"b\\\n{", .line = 1,
		.ts = -1, .body = "\"x\":1,\"y\":2", .body_len = 5 };

	(void)state;
	expect(&o, "{\"key\":\"k\",\"connector\":\"a\\\"b\\\\\\n{\","
	    "\"line\":1,\"x\":1}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
