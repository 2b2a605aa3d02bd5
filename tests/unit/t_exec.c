/*
 * The exec channel with real programs: what they get, what their ends mean,
 * and that nothing of them stays, neither descriptors nor processes.
 */
#include "channel/channel.h"

#include "big.h"
#include "channel_world.h"
#include "config_files.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KEY "abcDEF-_0123456789"
#define MANY 200

struct site {
	struct channel_world world;
	struct config config;
	struct config_channel channel;
	char url[256];
};

static void
use(struct site *s, const char *path)
{
	struct problem p = { 0 };

	(void)snprintf(s->url, sizeof(s->url), "exec:%s", path);
	assert_int_equal(cw_open(&s->world, &s->config, &p), ERR_OK);
}

/* A shell script; %s in it is the tests' folder. */
static void
program(struct site *s, const char *body)
{
	char text[1024] = "#!/bin/sh\n";
	const char *at = strstr(body, "%s"), *path;
	int n = at != NULL ? (int)(at - body) : (int)strlen(body);

	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
	    "%.*s%s%s", n, body, at != NULL ? folder : "",
	    at != NULL ? at + 2 : "");
	path = write_file("program", text);
	assert_int_equal(chmod(path, 0755), 0);
	use(s, path);
}

static int
start(void **state)
{
	static char none[] = "";
	struct site *s = calloc(1, sizeof(*s));

	*state = s;
	if (s == NULL)
		return -1;
	(void)signal(SIGPIPE, SIG_IGN);
	cw_begin(&s->world, 2);
	s->channel = (struct config_channel){ .connector = none,
	    .url = s->url, .timeout = 60, .in_flight = 32 };
	s->config.channel = &s->channel;
	s->config.channels = 1;
	return 0;
}

/* All that were started are gone, and taken away. */
static int
stop(void **state)
{
	struct site *s = *state;

	cw_end(&s->world);
	free(s);
	return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

static struct parcel
parcel_of(const char *object, size_t n)
{
	return (struct parcel){ KEY, 1773759161000000, object, n,
	    "ONIMCONNECTORMESSAGEADD", "mine", 107 };
}

static struct receipt
send_bytes(struct site *s, const char *object, size_t n)
{
	const struct parcel parcel = parcel_of(object, n);
	struct receipt r = cw_send(&s->world, &s->channel, &parcel);

	assert_true((r.err == ERR_OK) == (r.reason[0] == '\0'));
	assert_true((r.err == ERR_OK) == (r.ids.len != 0));
	assert_int_equal(r.retry_after_s, -1);
	return r;
}

static void
ids_are(struct site *s, const char *object, size_t n, const char *ids)
{
	struct receipt r = send_bytes(s, object, n);

	if (r.err != ERR_OK || strcmp(buf_str(&r.ids), ids) != 0)
		fail_msg("%.60s: %s%.200s", object, r.reason,
		    buf_str(&r.ids));
	receipt_free(&r);
}

static void
ends_as(struct site *s, enum err e, bool down, const char *reason)
{
	struct receipt r = send_bytes(s, "x", 1);

	if (r.err != e || strcmp(r.reason, reason) != 0)
		fail_msg("%s: %s", err_name(r.err), r.reason);
	assert_int_equal(r.down, down);
	assert_false(r.untold);
	receipt_free(&r);
}

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
		skip();
	cannot_start(s, "/nonexistent/program");
	cannot_start(s, "/");
	cannot_start(s, path);
	assert_int_equal(chmod(path, 0755), 0);
	cannot_start(s, path);	/* and no shell that would take it */
	path = write_file("none", "#!/nonexistent/interpreter\n");
	cannot_start(s, path);
}

/* Whether a process is there and does more than wait for its parent. */
static bool
lives(long pid)
{
	char path[64], text[256] = "", state = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (f == NULL)
		return false;
	if (fgets(text, sizeof(text), f) != NULL && strrchr(text, ')') != NULL)
		state = strrchr(text, ')')[2];
	(void)fclose(f);
	return state != 0 && state != 'Z' && state != 'X';
}

static long
number_in(const char *name)
{
	char text[32] = "";
	FILE *f = fopen(in_folder(name), "r");

	assert_non_null(f);
	assert_non_null(fgets(text, sizeof(text), f));
	assert_int_equal(fclose(f), 0);
	return strtol(text, NULL, 10);
}

static void
is_soon_gone(const char *name)
{
	struct deadline until = deadline_in(&clock_system, 30000);
	long pid = number_in(name);

	assert_true(pid > 1);
	while (lives(pid) && deadline_left(&until) > 0)
		(void)usleep(1000);
	assert_false(lives(pid));
}

/* What it leaves behind holds nobody up, and does not stay. */
static void
test_leaves_children(void **state)
{
	struct site *s = *state;

	program(s, "(trap '' TERM HUP; while :; do sleep 1000; done) &"
	    " echo $! > %s/left; echo id");
	ids_are(s, "{}", 2, "[\"id\"]");
	is_soon_gone("left");
}

/* Its time is over: SIGTERM, then SIGKILL, also for what it started; and
 * the code of one that ends well only then counts for nothing. */
static void
test_time(void **state)
{
	struct site *s = *state;

	s->channel.timeout = 1;
	program(s, "trap 'exit 0' TERM; sleep 1000 & wait; exit 0");
	ends_as(s, ERR_RETRY, true, "program: not done within 1 s");
	program(s, "trap '' TERM; (while :; do sleep 1000; done) &"
	    " echo $! > %s/left; while :; do sleep 1000; done");
	ends_as(s, ERR_RETRY, true, "program: not done within 1 s");
	is_soon_gone("left");
}

static size_t
descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

static void
test_many(void **state)
{
	struct site *s = *state;
	struct cw_delivery *d = calloc(MANY, sizeof(*d));
	char key[MANY][32];
	size_t before;

	assert_non_null(d);
	s->channel.in_flight = MANY;
	program(s, "cat > /dev/null; echo $IMCONNECTOR_KEY");
	before = descriptors();
	for (size_t i = 0; i < MANY; i++) {
		struct parcel parcel = parcel_of("{}", 2);

		(void)snprintf(key[i], sizeof(key[i]), "key-%zu", i);
		parcel.key = key[i];
		cw_start(&s->world, &s->channel, &parcel, &d[i]);
	}
	for (size_t i = 0; i < MANY; i++) {
		struct receipt *r = &d[i].delivery.receipt;

		cw_wait(&s->world, &d[i]);
		assert_string_equal(r->reason, "");
		assert_int_equal(r->ids.len, strlen(key[i]) + 4);
		assert_memory_equal(r->ids.p + 2, key[i], strlen(key[i]));
		receipt_free(r);
	}
	assert_int_equal(descriptors(), before);
	free(d);
}

/* No more than channel.in_flight run at once. */
static void
test_limit(void **state)
{
	struct site *s = *state;
	struct cw_delivery d[20];

	s->channel.in_flight = 3;
	assert_int_equal(mkdir(in_folder("now"), 0700), 0);
	program(s, "cd %s/now; : > $$; n=$(ls | wc -l); sleep 0.02; rm $$;"
	    " [ $n -le 3 ] || exit 64");
	for (size_t i = 0; i < COUNT(d); i++) {
		const struct parcel parcel = parcel_of("{}", 2);

		cw_start(&s->world, &s->channel, &parcel, &d[i]);
	}
	for (size_t i = 0; i < COUNT(d); i++) {
		cw_wait(&s->world, &d[i]);
		assert_string_equal(d[i].delivery.receipt.reason, "");
		receipt_free(&d[i].delivery.receipt);
	}
}

/* The end of the channel is the end of what runs for it. */
static void
test_close(void **state)
{
	struct site *s = *state;
	struct deadline until = deadline_in(&clock_system, 30000);
	const struct parcel parcel = parcel_of("{}", 2);
	struct cw_delivery d[2];
	size_t before = descriptors();

	s->channel.in_flight = 1;
	program(s, "echo $$ > %s/pid; exec sleep 1000");
	for (size_t i = 0; i < COUNT(d); i++)
		cw_start(&s->world, &s->channel, &parcel, &d[i]);
	while (access(in_folder("pid"), F_OK) != 0 &&
	    deadline_left(&until) > 0)
		loop_turn(s->world.loop, 1);
	channels_close(s->world.channels);
	s->world.channels = NULL;
	is_soon_gone("pid");
	assert_int_equal(descriptors(), before);
	assert_int_equal(d[0].told + d[1].told, 0);
	assert_int_equal(waitpid(-1, NULL, 0) > 0, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_environment), TEST(test_surroundings),
		TEST(test_ids), TEST(test_whole_object), TEST(test_too_much),
		TEST(test_codes), TEST(test_standard_error),
		TEST(test_cannot_start), TEST(test_leaves_children),
		TEST(test_time), TEST(test_many), TEST(test_limit),
		TEST(test_close),
	};

	return cmocka_run_group_tests_name("channel/exec", tests,
	    make_folder, remove_folder);
}
