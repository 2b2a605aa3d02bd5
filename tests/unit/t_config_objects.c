/*
 * What objects are like, for each section: given there, or in [channel].
 *
 * Run by make check.
 */
#include "config_files.h"

/* What a section leaves out is as in [channel], wherever that stands; but
 * files are fetched for spools only. */
static void
test_objects(void **state)
{
	struct config *c = load("[connector a]\nurl = spool:/a\n"
	    "[connector b]\nurl = spool:/b\ntext = plain\n"
	    "signature = keep\nfiles = links\nfiles_max = 5\n"
	    "files_types = video/* application/x-a.b+c\n"
	    "[connector c]\nurl = null:\n"
	    "[channel]\ntext = markdown\nsignature = drop\nfiles = fetch\n"
	    "files_max = 7\nfiles_types = image/png\n text/*\n");
	const struct config_channel *ch = c->channel;

	(void)state;
	assert_int_equal(c->channels, 4);
	for (size_t i = 0; i < 4; i += i == 1 ? 2 : 1) {
		assert_int_equal(ch[i].text, TEXT_MARKDOWN);
		assert_int_equal(ch[i].signature, SIGNATURE_DROP);
		assert_int_equal(ch[i].files, i == 3 ? FILES_LINKS :
		    FILES_FETCH);
		assert_int_equal(ch[i].files_max, 7);
		assert_int_equal(ch[i].files_types.n, 2);
		assert_string_equal(ch[i].files_types.item[0], "image/png");
		assert_string_equal(ch[i].files_types.item[1], "text/*");
	}
	assert_int_equal(ch[2].text, TEXT_PLAIN);
	assert_int_equal(ch[2].signature, SIGNATURE_KEEP);
	assert_int_equal(ch[2].files, FILES_LINKS);
	assert_int_equal(ch[2].files_max, 5);
	assert_int_equal(ch[2].files_types.n, 2);
	assert_string_equal(ch[2].files_types.item[1], "application/x-a.b+c");
	config_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_objects),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
