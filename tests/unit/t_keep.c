/*
 * Files beside the messages of a spool: their names, in which order they get
 * there, and every step failing in turn.
 *
 * Run by make check.
 */
#include "channel/keep.h"

#include "channel_world.h"
#include "config_files.h"
#include "disk_faults.h"
#include "unit.h"

#include <dirent.h>

#define TIME INT64_C(1773759161123456)

struct site {
	struct channel_world world;
	struct keep keep;
	char dir[256];
	int told;
};

static struct site *now;

static void
on_done(struct keep *k)
{
	assert_ptr_equal(k, &now->keep);
	now->told++;
}

static struct site *
site_of(const char *name)
{
	struct site *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	now = s;
	cw_begin(&s->world, 0);
	(void)snprintf(s->dir, sizeof(s->dir), "%s", in_folder(name));
	return s;
}

static void
site_free(struct site *s)
{
	cw_end(&s->world);
	free(s);
}

static void
begin(struct site *s)
{
	s->keep = (struct keep){ .done = on_done, .pool = s->world.disk,
	    .dir = s->dir };
	keep_message_name(s->keep.message, TIME, "Key_-1");
	keep_file_name(s->keep.name, 1, "a.txt");
	keep_init(&s->keep);
	assert_false(keep_has_draft(&s->keep));
	s->told = 0;
}

/* Turns until the step ended; its error. */
static int
wait_for(struct site *s)
{
	struct deadline until = deadline_in(&clock_system, 60000);

	assert_int_equal(s->told, 0);	/* never from inside */
	while (s->told == 0 && deadline_left(&until) > 0)
		loop_turn(s->world.loop, deadline_left(&until));
	assert_int_equal(s->told, 1);
	s->told = 0;
	return s->keep.error;
}

static int
put(struct site *s, const char *text)
{
	keep_write(&s->keep, text, strlen(text));
	return wait_for(s);
}

static int
publish(struct site *s)
{
	keep_publish(&s->keep);
	return wait_for(s);
}

static void
drop(struct site *s)
{
	keep_drop(&s->keep);
	(void)wait_for(s);
	assert_false(keep_has_draft(&s->keep));
}

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
		n += d->d_name[0] != '.';
	if (dir != NULL)
		(void)closedir(dir);
	return n;
}

#define MESSAGE "files/1773759161123456.Key_-1"

static void
file_is(const struct site *s, const char *content)
{
	char path[400], got[256];
	FILE *f;
	size_t n;

	(void)snprintf(path, sizeof(path), "%s/" MESSAGE "/1-a.txt", s->dir);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(got, 1, sizeof(got), f);
	(void)fclose(f);
	assert_int_equal(n, strlen(content));
	assert_memory_equal(got, content, n);
	assert_int_equal(entries(s, "tmp"), 0);
	assert_int_equal(entries(s, MESSAGE), 1);
}

static void
test_order(void **state)
{
	struct site *s = site_of("order");
	const char *above = strrchr(folder, '/') + 1;
	char want[512];

	(void)state;
	begin(s);
	fault_begin(0, 0);
	assert_int_equal(put(s, "one"), 0);
	assert_true(keep_has_draft(&s->keep));
	assert_int_equal(put(s, "two"), 0);
	assert_int_equal(entries(s, "files"), 0);
	assert_int_equal(publish(s), 0);
	fault_end();
	(void)snprintf(want, sizeof(want), "make(order) sync(%s) make(tmp) "
	    "sync(order) write(file) write(file) sync(file) make(files) "
	    "sync(order) make(1773759161123456.Key_-1) sync(files) "
	    "rename(1773759161123456.Key_-1) sync(1773759161123456.Key_-1)",
	    above);
	assert_string_equal(fault.trace, want);
	file_is(s, "onetwo");
	/* a repeat replaces it; a file may be empty */
	begin(s);
	assert_int_equal(publish(s), 0);
	file_is(s, "");
	begin(s);
	assert_int_equal(put(s, "x"), 0);
	drop(s);
	file_is(s, "");
	site_free(s);
}

/* Each call fails in turn: nothing is left in tmp/, and again is good. */
static void
test_sweep(void **state)
{
	struct site *s = site_of("sweep");
	unsigned k;

	(void)state;
	for (k = 1; k < 50; k++) {
		int error;

		(void)snprintf(s->dir, sizeof(s->dir), "%s%u",
		    in_folder("sweep"), k);
		begin(s);
		fault_begin(k, ENOSPC);
		error = put(s, "one");
		if (error == 0)
			error = publish(s);
		fault_end();
		if (fault.calls < k) {
			assert_int_equal(error, 0);
			break;
		}
		assert_int_equal(error, ENOSPC);
		if (keep_has_draft(&s->keep))
			drop(s);
		assert_int_equal(entries(s, "tmp"), 0);
		begin(s);
		assert_int_equal(put(s, "one"), 0);
		assert_int_equal(publish(s), 0);
		file_is(s, "one");
	}
	assert_true(k >= 10 && k < 50);
	file_is(s, "one");
	site_free(s);
}

static void
test_names(void **state)
{
#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
	static const struct {
		const char *called, *name;
	} rows[] = {
		{ "a.pdf", "7-a.pdf" }, { "", "7-file" }, { ".", "7-." },
		{ "..", "7-.." }, { ".x", "7-.x" },
		{ "../../etc/passwd", "7-.._.._etc_passwd" },
		{ "a\\b:c*d?e\"f<g>h|i", "7-a_b_c_d_e_f_g_h_i" },
		{ "a\n\r\t\x1b[2J\x7f", "7-a____[2J_" },
		{ "\xc2\x9b" "2J\xc2\xa0", "7-__2J\xc2\xa0" },
		{ "\xd0\x96 \xf0\x9f\x98\x80.png",
		    "7-\xd0\x96 \xf0\x9f\x98\x80.png" },
		{ X60 X60, "7-" X60 X60 }, { X60 X60 "y", "7-" X60 X60 },
		{ X60 X60 ".jpeg", "7-" X60 X60 ".jpeg" },
		{ X60 X60 "." X10 X10, "7-" X60 X60 },
		{ X60 X60 "\xd0\x96.b", "7-" X60 X60 ".b" },
		{ X60 X10 X10 X10 X10 X10 "xxxxxxxxx\xd0\x96",
		    "7-" X60 X10 X10 X10 X10 X10 "xxxxxxxxx" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[KEEP_NAME_MAX];

		keep_file_name(name, 7, rows[i].called);
		assert_string_equal(name, rows[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
