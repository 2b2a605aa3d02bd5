/*
 * The spool channel: what stands on the disk, in which order it got there,
 * and every step of it failing in turn.
 */
#include "channel/channel.h"

#include "channel_world.h"
#include "config_files.h"
#include "disk_faults.h"
#include "unit.h"

#include <dirent.h>

#define TIME INT64_C(1773759161123456)
#define KEY "Key_-1"
#define NAME "1773759161123456." KEY ".json"
#define OBJECT "{\"key\":\"" KEY "\",\"text\":\"\xd0\x96\\n\"}"
#define PARCEL(key) { key, TIME, OBJECT, sizeof(OBJECT) - 1, "", "", 1 }

struct site {
	struct config config;
	struct config_channel channel;
	struct channel_world world;
	char url[256];
	const char *dir;	/* the part behind spool: */
};

static struct site *
site_with(const char *name, int64_t threads)
{
	static char none[] = "";
	struct site *s = calloc(1, sizeof(*s));
	struct problem p = { 0 };

	assert_non_null(s);
	(void)snprintf(s->url, sizeof(s->url), "spool:%s", in_folder(name));
	s->dir = s->url + 6;
	s->channel = (struct config_channel){ .connector = none,
	    .url = s->url, .timeout = 30, .in_flight = 32 };
	s->config.channel = &s->channel;
	s->config.channels = 1;
	cw_begin(&s->world, threads);
	assert_int_equal(cw_open(&s->world, &s->config, &p), ERR_OK);
	return s;
}

static struct site *
site_of(const char *name)
{
	return site_with(name, 0);
}

static void
site_free(struct site *s)
{
	cw_end(&s->world);
	free(s);
}

static struct receipt
hand_over(struct site *s, const char *key, int64_t time, const char *object)
{
	const struct parcel parcel = { key, time, object, strlen(object), "",
		"", 1 };
	struct receipt r = cw_send(&s->world, &s->channel, &parcel);

	assert_true((r.err == ERR_OK) == (r.ids.len != 0));
	assert_true((r.err == ERR_OK) == (r.reason[0] == '\0'));
	return r;
}

static void
taken(struct site *s, const char *key, int64_t time, const char *object)
{
	struct receipt r = hand_over(s, key, time, object);
	char ids[256];

	if (r.err != ERR_OK)
		fail_msg("%s", r.reason);
	(void)snprintf(ids, sizeof(ids), "[\"%016lld.%s.json\"]",
	    (long long)time, key);
	assert_string_equal(buf_str(&r.ids), ids);
	assert_int_equal(r.retry_after_s, -1);
	receipt_free(&r);
}

/* It names the folder, and has the words of errno. */
static void
reason_is(const struct site *s, const struct receipt *r, int error)
{
	assert_memory_equal(r->reason, "spool: ", 7);
	assert_memory_equal(r->reason + 7, s->dir, strlen(s->dir));
	assert_non_null(strstr(r->reason, strerror(error)));
}

static void
again(struct site *s, int error)
{
	struct receipt r = hand_over(s, KEY, TIME, OBJECT);

	assert_int_equal(r.err, ERR_RETRY);
	reason_is(s, &r, error);
	receipt_free(&r);
}

/* How many entries a folder of the spool has; 0 too if there is none. */
static size_t
entries(const struct site *s, const char *sub)
{
	char path[300];
	struct dirent *d;
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s/%s", s->dir, sub);
	dir = opendir(path);
	while (dir != NULL && (d = readdir(dir)) != NULL)
		n += strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0;
	if (dir != NULL)
		(void)closedir(dir);
	return n;
}

static void
file_is(const struct site *s, const char *name, const char *content)
{
	char path[400], got[4096];
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/new/%s", s->dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(got, 1, sizeof(got), f);
	(void)fclose(f);
	assert_int_equal(n, strlen(content));
	assert_memory_equal(got, content, n);
}

static mode_t
mode_of(const struct site *s, const char *sub)
{
	char path[400];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%s", s->dir, sub);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void
test_layout(void **state)
{
	struct site *s = site_of("layout");

	(void)state;
	assert_int_equal(access(s->dir, F_OK), -1);	/* open made nothing */
	taken(s, KEY, TIME, OBJECT);
	assert_int_equal(mode_of(s, ""), 0750);
	assert_int_equal(mode_of(s, "/tmp"), 0750);
	assert_int_equal(mode_of(s, "/new"), 0750);
	assert_int_equal(mode_of(s, "/new/" NAME), 0640);
	file_is(s, NAME, OBJECT);
	assert_int_equal(entries(s, "tmp"), 0);
	assert_int_equal(entries(s, "new"), 1);
	assert_int_equal(entries(s, ""), 2);
	site_free(s);
}

static void
test_names(void **state)
{
	struct site *s = site_of("names");
	const char *longest = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
	    "UVWXYZ0123456789-_";

	(void)state;
	assert_int_equal(strlen(longest), 64);
	taken(s, KEY, TIME, OBJECT);
	taken(s, KEY, TIME, "{\"second\":1}");	/* replaces its own file */
	assert_int_equal(entries(s, "new"), 1);
	file_is(s, NAME, "{\"second\":1}");
	taken(s, KEY, TIME + 1, "{}");
	taken(s, "other", TIME, "{}");
	taken(s, longest, INT64_MAX, "{}");
	taken(s, KEY, 999, "");			/* sorts before all */
	assert_int_equal(entries(s, "new"), 5);
	file_is(s, "0000000000000999." KEY ".json", "");
	file_is(s, NAME, "{\"second\":1}");
	site_free(s);
}

/* The order of durability, the first time and ever after. */
static void
test_order(void **state)
{
	struct site *s = site_of("order");
	const char *above = strrchr(folder, '/') + 1;
	char want[512];

	(void)state;
	fault_begin(0, 0);
	taken(s, KEY, TIME, OBJECT);
	fault_end();
	(void)snprintf(want, sizeof(want), "make(order) sync(%s) make(tmp) "
	    "sync(order) make(new) sync(order) write(file) sync(file) "
	    "rename(new) sync(new)", above);
	assert_string_equal(fault.trace, want);

	fault_begin(0, 0);
	taken(s, KEY, TIME, OBJECT);
	fault_end();
	assert_string_equal(fault.trace,
	    "write(file) sync(file) rename(new) sync(new)");
	site_free(s);
}

static size_t
times(const char *trace, const char *call)
{
	size_t n = 0;

	for (; (trace = strstr(trace, call)) != NULL; trace++)
		n++;
	return n;
}

/* Each call fails in turn: "again", nothing in tmp/, and again is good. */
static void
sweep(const char *name, bool fresh, int error)
{
	struct site *s = site_of(name);
	struct receipt r;
	unsigned k;

	if (!fresh)
		taken(s, "first", 1, "{}");
	for (k = 1; k < 50; k++) {
		fault_begin(k, error);
		r = hand_over(s, KEY, TIME, OBJECT);
		fault_end();
		assert_int_equal(entries(s, "tmp"), 0);
		if (fault.calls < k) {
			assert_int_equal(r.err, ERR_OK);
			receipt_free(&r);
			break;
		}
		assert_int_equal(r.err, ERR_RETRY);
		reason_is(s, &r, error);
		receipt_free(&r);
		if (!fresh) {
			taken(s, KEY, TIME, OBJECT);
			assert_int_equal(entries(s, "new"), 2);
		}
	}
	assert_true(k >= 5 && k < 50);
	file_is(s, NAME, OBJECT);
	assert_int_equal(entries(s, "new"), fresh ? 1 : 2);
	site_free(s);
}

static void
test_sweep(void **state)
{
	(void)state;
	sweep("sweep1", true, EIO);
	sweep("sweep2", false, ENOSPC);
	sweep("sweep3", false, EDQUOT);
}

/* A folder whose name is not on the disk must not be found next time. */
static void
test_unsynced_folder(void **state)
{
	struct site *s = site_of("unsynced");

	(void)state;
	fault_begin(2, EIO);
	again(s, EIO);
	fault_end();
	assert_int_equal(fault.calls, 2);
	assert_int_equal(access(s->dir, F_OK), -1);
	taken(s, KEY, TIME, OBJECT);
	site_free(s);
}

static void
test_drips(void **state)
{
	struct site *s = site_of("drips");

	(void)state;
	fault_begin(0, 0);
	fault.drips = true;
	taken(s, KEY, TIME, OBJECT);
	fault_end();
	file_is(s, NAME, OBJECT);
	site_free(s);
}

static void
test_in_the_way(void **state)
{
	struct site *s = site_of("way");

	(void)state;
	write_file("way", "a file");
	again(s, ENOTDIR);
	assert_int_equal(unlink(in_folder("way")), 0);
	assert_int_equal(symlink("nowhere/at/all", in_folder("way")), 0);
	again(s, ENOENT);
	assert_int_equal(unlink(in_folder("way")), 0);

	assert_int_equal(mkdir(in_folder("way"), 0700), 0);
	write_file("way/new", "a file");
	again(s, ENOTDIR);
	assert_int_equal(entries(s, "tmp"), 0);
	assert_int_equal(unlink(in_folder("way/new")), 0);
	assert_int_equal(rmdir(in_folder("way/tmp")), 0);
	write_file("way/tmp", "a file");
	again(s, ENOTDIR);
	assert_int_equal(unlink(in_folder("way/tmp")), 0);

	assert_int_equal(mkdir(in_folder("way/new"), 0700), 0);
	assert_int_equal(mkdir(in_folder("way/new/" NAME), 0700), 0);
	again(s, EISDIR);
	assert_int_equal(entries(s, "tmp"), 0);
	assert_int_equal(rmdir(in_folder("way/new/" NAME)), 0);
	taken(s, KEY, TIME, OBJECT);
	assert_int_equal(mode_of(s, ""), 0700);	/* what is there stays */
	site_free(s);
	s = site_of("no/such/folder");
	again(s, ENOENT);
	site_free(s);
}

/* Root may write everywhere, so somebody else tries. */
static void
test_unwritable(void **state)
{
	struct site *s = site_of("unwritable");
	bool root = geteuid() == 0;

	(void)state;
	taken(s, "first", 1, "{}");
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(in_folder("unwritable"), 0755), 0);
	assert_int_equal(chmod(in_folder("unwritable/tmp"), 0555), 0);
	assert_int_equal(chmod(in_folder("unwritable/new"), 0555), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	again(s, EACCES);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(in_folder("unwritable/tmp"), 0777), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	again(s, EACCES);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(entries(s, "tmp"), 0);
	assert_int_equal(chmod(in_folder("unwritable/new"), 0777), 0);
	taken(s, KEY, TIME, OBJECT);
	site_free(s);
}

/* A draft that a crash left behind, longer than what is written now. */
static void
test_old_draft(void **state)
{
	struct site *s = site_of("draft");
	char path[200];

	(void)state;
	taken(s, "first", 1, "{}");
	(void)snprintf(path, sizeof(path), "draft/tmp/" NAME ".%ld",
	    (long)gettid());
	write_file(path, OBJECT OBJECT OBJECT);
	taken(s, KEY, TIME, OBJECT);
	file_is(s, NAME, OBJECT);
	site_free(s);
}

/* Many at once, half of them the same message. */
static void
test_threads(void **state)
{
	struct site *s = site_with("threads", 8);
	struct site fds = { .dir = "/proc/self/fd" };
	struct cw_delivery *d = calloc(400, sizeof(*d));
	char (*key)[32] = calloc(400, sizeof(*key));
	size_t open_before;

	(void)state;
	assert_true(d != NULL && key != NULL);
	taken(s, KEY, TIME, OBJECT);
	open_before = entries(&fds, "");
	for (int i = 0; i < 400; i++) {
		struct parcel parcel = PARCEL(KEY);

		(void)snprintf(key[i], sizeof(key[i]), "t%d", i);
		if (i % 2 != 0)
			parcel.key = key[i];
		cw_start(&s->world, &s->channel, &parcel, &d[i]);
	}
	for (int i = 0; i < 400; i++) {
		cw_wait(&s->world, &d[i]);
		assert_int_equal(d[i].delivery.receipt.err, ERR_OK);
		receipt_free(&d[i].delivery.receipt);
	}
	assert_int_equal(entries(&fds, ""), open_before);
	assert_int_equal(entries(s, "tmp"), 0);
	assert_int_equal(entries(s, "new"), 1 + 200);
	file_is(s, NAME, OBJECT);
	site_free(s);
	free(key);
	free(d);
}

/* Files that got their names while nothing was synced share one sync. */
static void
test_one_sync(void **state)
{
	static const char *const keys[] = { "k1", "k2", "k3" };
	struct site *s = site_of("one-sync");
	struct cw_delivery d[3];

	(void)state;
	taken(s, KEY, TIME, OBJECT);
	fault_begin(0, 0);
	for (int i = 0; i < 3; i++) {
		const struct parcel p = PARCEL(keys[i]);

		cw_start(&s->world, &s->channel, &p, &d[i]);
	}
	for (int i = 0; i < 3; i++)
		cw_wait(&s->world, &d[i]);
	fault_end();
	assert_int_equal(times(fault.trace, "rename(new)"), 3);
	assert_in_range(times(fault.trace, "sync(new)"), 1, 2);
	for (int i = 0; i < 3; i++)
		receipt_free(&d[i].delivery.receipt);
	site_free(s);
}

/* Its folder is another before it was synced: nobody knows of the file. */
static void
test_replaced_folder(void **state)
{
	struct site *s = site_of("replaced");
	const struct parcel parcel = PARCEL(KEY);
	struct cw_delivery d;
	char new[300], away[300];

	(void)state;
	taken(s, "first", 1, "{}");
	(void)snprintf(new, sizeof(new), "%s/new", s->dir);
	(void)snprintf(away, sizeof(away), "%s/away", s->dir);
	cw_start(&s->world, &s->channel, &parcel, &d);
	while (entries(s, "new") < 2)
		loop_turn(s->world.loop, 1000);
	assert_int_equal(d.told, 0);
	assert_int_equal(rename(new, away), 0);
	cw_wait(&s->world, &d);
	assert_int_equal(d.delivery.receipt.err, ERR_RETRY);
	receipt_free(&d.delivery.receipt);
	taken(s, KEY, TIME, OBJECT);
	assert_int_equal(entries(s, "new"), 1);
	site_free(s);
}

static int
make_all(void **state)
{
	(void)umask(022);
	return make_folder(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_unsynced_folder),
		cmocka_unit_test(test_drips),
		cmocka_unit_test(test_in_the_way),
		cmocka_unit_test(test_unwritable),
		cmocka_unit_test(test_old_draft),
		cmocka_unit_test(test_one_sync),
		cmocka_unit_test(test_replaced_folder),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests_name("channel/spool", tests, make_all,
	    remove_folder);
}
