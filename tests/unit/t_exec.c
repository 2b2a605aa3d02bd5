/*
 * The exec channel with real programs: what they get, what they say, and what
 * their ends mean.  What stays of them is in t_exec_ends.c.
 */
#include "exec_site.h"

#include "big.h"

#include <fcntl.h>

static void
test_environment(void **state)
{
	struct site *s = *state;

	assert_int_equal(setenv("SECRET_OF_OURS", "x", 1), 0);
	use(s, "/usr/bin/env");
	ids_are(s, "{}", 2, "[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:"
	    "/usr/bin:/sbin:/bin\",\"LANG=C.UTF-8\",\"IMCONNECTOR_KEY=" KEY
	    "\",\"IMCONNECTOR_EVENT=ONIMCONNECTORMESSAGEADD\","
	    "\"IMCONNECTOR_CONNECTOR=mine\",\"IMCONNECTOR_LINE=107\"]");
}

/* Its folder, signals (glibc keeps two high ones), descriptors (10 is the
 * script, 3 the folder that is being read) and session. */
static void
test_surroundings(void **state)
{
	struct site *s = *state;
	int extra = open("/dev/null", O_RDONLY);

	assert_true(extra > 2);
	program(s, "pwd; echo $#; grep -E 'Sig(Blk|Ign)' /proc/$$/status |"
	    " sed 's/:.*\\(.......\\)$/ \\1/'; cd /proc/$$/fd; echo *;"
	    " readlink 2; read -r x x x x x sid x < ../stat;"
	    " [ $sid = $$ ] && echo leads");
	ids_are(s, "{}", 2, "[\"/\",\"0\",\"SigBlk 0000000\","
	    "\"SigIgn 0000000\",\"0 1 10 2 3\",\"/dev/null\","
	    "\"leads\"]");
	(void)close(extra);
}

static void
test_ids(void **state)
{
	static const struct {
		struct text said;
		const char *ids;
	} cases[] = {
		{ T("a\n"), "[\"a\"]" }, { T("a"), "[\"a\"]" },
		{ T("a\nb\n"), "[\"a\",\"b\"]" }, { T("a\nb"),
		    "[\"a\",\"b\"]" },
		{ T("\n\na\n\n b\t\n"), "[\"a\",\" b\\t\"]" },
		{ T("a\r\nb\r\n\r\n"), "[\"a\",\"b\"]" },
		{ T("\xd0\x96\"\\\n"), "[\"\xd0\x96\\\"\\\\\"]" },
		{ T("\n"), "[\"" KEY "\"]" }, { T("\r\n\n"), "[\"" KEY "\"]" },
		{ T("\xff\n"), "[\"" KEY "\"]" },
		{ T("a\n\xd0"), "[\"" KEY "\"]" },
		{ T("a\0b\n"), "[\"" KEY "\"]" },
		{ T("a\n\x1b[0m\n"), "[\"" KEY "\"]" },
		{ T("a\x7f"), "[\"" KEY "\"]" },
	};
	struct site *s = *state;

	use(s, "/bin/cat");
	for (size_t i = 0; i < COUNT(cases); i++)
		ids_are(s, cases[i].said.p, cases[i].said.n, cases[i].ids);
	use(s, "/bin/true");
	ids_are(s, "{}", 2, "[\"" KEY "\"]");
}

static void
test_whole_object(void **state)
{
	struct site *s = *state;
	struct buf large = big("", "x", 3000000, "");
	char path[300];
	struct stat st;

	program(s, "cat > %s/got");
	ids_are(s, buf_str(&large), large.len, "[\"" KEY "\"]");
	(void)snprintf(path, sizeof(path), "%s/got", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 3000000);
	/* one that reads nothing, and ends; or closes its input and goes on */
	use(s, "/bin/true");
	ids_are(s, buf_str(&large), large.len, "[\"" KEY "\"]");
	program(s, "exec < /dev/null; sleep 0.05; echo a");
	ids_are(s, buf_str(&large), large.len, "[\"a\"]");
	buf_free(&large);
}

/* 64 KiB of it are read; then it is told that nobody listens. */
static void
test_too_much(void **state)
{
	struct site *s = *state;
	struct buf fits = big("", "x", 65000, "");
	struct receipt r;

	program(s, "exec yes");
	ends_as(s, ERR_RETRY, false, "program: killed by signal 13");
	program(s, "trap '' PIPE; yes 2>/dev/null; exit 0");
	ids_are(s, "{}", 2, "[\"" KEY "\"]");
	/* what may be cut is no id */
	program(s, "yes '' | head -n 65530; echo abcdefghijkl");
	ids_are(s, "{}", 2, "[\"" KEY "\"]");
	use(s, "/bin/cat");
	fits.p[60000] = '\n';
	r = send_bytes(s, fits.p, fits.len);
	assert_int_equal(r.err, ERR_OK);
	assert_memory_equal(r.ids.p, "[\"xxxx", 6);
	assert_int_equal(r.ids.len, 65000 - 1 + 7);
	receipt_free(&r);
	buf_free(&fits);
}

static void
test_codes(void **state)
{
	static const int refused[] = { 64, 65, 66, 67, 68, 69, 76, 77, 78 };
	static const int again[] = { 1, 2, 63, 70, 71, 72, 73, 74, 75, 79,
		100, 126, 127, 128, 137, 255 };
	struct site *s = *state;
	char body[64], reason[64];

	for (size_t i = 0; i < COUNT(refused) + COUNT(again); i++) {
		bool final = i < COUNT(refused);
		int code = final ? refused[i] : again[i - COUNT(refused)];

		(void)snprintf(body, sizeof(body), "echo id; exit %d", code);
		(void)snprintf(reason, sizeof(reason),
		    "program: exit code %d", code);
		program(s, body);
		ends_as(s, final ? ERR_REFUSED : ERR_RETRY, false, reason);
	}
	program(s, "echo id; kill -9 $$");
	ends_as(s, ERR_RETRY, false, "program: killed by signal 9");
}

/* What it says on standard error is nowhere in the receipt. */
static void
test_standard_error(void **state)
{
	struct site *s = *state;

	program(s, "cat >&2; echo secret >&2; exit 75");
	ends_as(s, ERR_RETRY, false, "program: exit code 75");
	program(s, "cat >&2; exit 0");
	ids_are(s, "secret", 6, "[\"" KEY "\"]");
}

static void
cannot_start(struct site *s, const char *path)
{
	struct receipt r;

	use(s, path);
	r = send_bytes(s, "x", 1);
	assert_int_equal(r.err, ERR_RETRY);
	assert_memory_equal(r.reason, "program: cannot be started: ", 28);
	assert_true(r.down);
	assert_null(strstr(r.reason, "t_config"));
	receipt_free(&r);
}

static void
test_cannot_start(void **state)
{
	struct site *s = *state;
	const char *path = write_file("none", "echo no interpreter\n");
	const char *preload = getenv("LD_PRELOAD");

	/* there it starts, as valgrind has it, and then cannot go on */
	if (preload != NULL && strstr(preload, "vgpreload") != NULL)
		return;
	cannot_start(s, "/nonexistent/program");
	cannot_start(s, "/");
	cannot_start(s, path);
	assert_int_equal(chmod(path, 0755), 0);
	cannot_start(s, path);	/* and no shell that would take it */
	path = write_file("none", "#!/nonexistent/interpreter\n");
	cannot_start(s, path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_environment), TEST(test_surroundings),
		TEST(test_ids), TEST(test_whole_object), TEST(test_too_much),
		TEST(test_codes), TEST(test_standard_error),
		TEST(test_cannot_start),
	};

	return cmocka_run_group_tests_name("channel/exec", tests,
	    make_folder, remove_folder);
}
