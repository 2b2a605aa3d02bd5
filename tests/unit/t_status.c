/*
 * The body of imconnector.send.status.delivery, byte by byte.
 */
#include "portal/status.h"

#include "unit.h"

#include <string.h>

#define TOKEN "c978b990071b0008440001b0895f697a"

static const struct status_item three[] = {
	{ 1807, 86497, "channel-123", "[\"ext-1\"]", 1773759162 },
	{ 1807, 86498, "a\"b\\c\n\xd0\x96", "[\"2\",\"3\"]", 1773759163 },
	{ INT64_MAX, INT64_MAX, "", "[\"x\\ny\"]", 0 },
};

static const char one_body[] = "{\"CONNECTOR\":\"myconnector\",\"LINE\":107,"
    "\"auth\":\"" TOKEN "\",\"MESSAGES\":[{\"im\":{\"chat_id\":1807,"
    "\"message_id\":86497},\"message\":{\"id\":[\"ext-1\"],"
    "\"date\":1773759162},\"chat\":{\"id\":\"channel-123\"}}]}";

static const char three_body[] = "{\"CONNECTOR\":\"my\\\"connector\","
    "\"LINE\":9223372036854775807,\"auth\":\"" TOKEN "\",\"MESSAGES\":["
    "{\"im\":{\"chat_id\":1807,\"message_id\":86497},\"message\":{\"id\":"
    "[\"ext-1\"],\"date\":1773759162},\"chat\":{\"id\":\"channel-123\"}},"
    "{\"im\":{\"chat_id\":1807,\"message_id\":86498},\"message\":{\"id\":"
    "[\"2\",\"3\"],\"date\":1773759163},\"chat\":{\"id\":"
    "\"a\\\"b\\\\c\\n\xd0\x96\"}},"
    "{\"im\":{\"chat_id\":9223372036854775807,"
    "\"message_id\":9223372036854775807},\"message\":{\"id\":[\"x\\ny\"],"
    "\"date\":0},\"chat\":{\"id\":\"\"}}]}";

static void
renders(const struct status *what, const char *want)
{
	struct buf b;

	buf_init(&b, 1024 * 1024);
	assert_int_equal(status_render(&b, what, TOKEN), ERR_OK);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void
test_bodies(void **state)
{
	(void)state;
	renders(&(const struct status){ "myconnector", 107, three, 1 },
	    one_body);
	renders(&(const struct status){ "my\"connector", INT64_MAX, three,
	    3 }, three_body);
}

/* What is thought to fit does fit, whatever stands in it. */
static void
test_size(void **state)
{
	char control[301];
	const struct status_item items[] = {
		three[0], three[1], three[2],
		{ INT64_MAX, INT64_MAX, control, "[\"x\"]", INT64_MAX },
	};
	size_t bare;
	struct buf b;

	(void)state;
	memset(control, 1, sizeof(control) - 1);
	control[300] = '\0';
	buf_init(&b, 1024 * 1024);
	assert_int_equal(status_render(&b, &(const struct status){ "c", 1,
	    items, 0 }, TOKEN), ERR_OK);
	bare = b.len;
	for (size_t i = 0; i < COUNT(items); i++) {
		buf_reset(&b);
		assert_int_equal(status_render(&b, &(const struct status){
		    "c", 1, &items[i], 1 }, TOKEN), ERR_OK);
		assert_true(b.len - bare < status_size(&items[i]));
	}
	buf_free(&b);
}

static void
test_too_large(void **state)
{
	struct buf b;

	(void)state;
	for (size_t max = 0; max < sizeof(one_body) - 1; max++) {
		buf_init(&b, max);
		assert_int_equal(status_render(&b, &(const struct status){
		    "myconnector", 107, three, 1 }, TOKEN), ERR_TOOBIG);
		buf_free(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies), cmocka_unit_test(test_size),
		cmocka_unit_test(test_too_large),
	};

	return cmocka_run_group_tests_name("portal/status", tests, NULL, NULL);
}
