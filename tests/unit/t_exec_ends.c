/*
 * The exec channel's programs when their time is over, when they leave others
 * behind, when there are many: nothing of them stays, neither descriptors nor
 * processes.
 */
#include "exec_site.h"

#include <dirent.h>

#define MANY 200

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

/* What it said is read to its end, also behind its own. */
static void
test_said_before(void **state)
{
	struct site *s = *state;
	struct deadline until = deadline_in(&clock_system, 30000);
	const struct parcel parcel = parcel_of("{}", 2);
	struct cw_delivery d;

	program(s, "head -c 60000 /dev/zero | tr '\\0' x; echo;"
	    " echo last; echo $$ > %s/done.new; mv %s/done.new %s/done");
	cw_start(&s->world, &s->channel, &parcel, &d);
	while (access(in_folder("done"), F_OK) != 0 &&
	    deadline_left(&until) > 0)
		(void)usleep(1000);
	is_soon_gone("done");
	cw_wait(&s->world, &d);
	assert_int_equal(d.delivery.receipt.err, ERR_OK);
	assert_int_equal(d.delivery.receipt.ids.len, 60000 + 11);
	receipt_free(&d.delivery.receipt);
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
	(void)unlink(in_folder("left"));
	program(s, "trap '' TERM; (while :; do sleep 1000; done) &"
	    " echo $! > %s/left; while :; do sleep 1000; done");
	/* a busy machine may not let it begin in time */
	for (int i = 0; i < 20 && access(in_folder("left"), F_OK) != 0; i++)
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
	program(s, "echo $$ > %s/pid.new; mv %s/pid.new %s/pid;"
	    " exec sleep 1000");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_leaves_children), TEST(test_said_before),
		TEST(test_time), TEST(test_many), TEST(test_limit),
		TEST(test_close),
	};

	return cmocka_run_group_tests_name("channel/exec", tests,
	    make_folder, remove_folder);
}
