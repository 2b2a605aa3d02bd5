/*
 * The beginning of a process: descriptors and core dumps.
 *
 * Run by make check.  The tests change this process, so their order counts.
 */
#include "base/process.h"

#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_null(int fd)
{
	struct stat null, st;

	return stat("/dev/null", &null) == 0 && fstat(fd, &st) == 0 &&
	    st.st_rdev == null.st_rdev && S_ISCHR(st.st_mode);
}

static bool
serves(int fd)
{
	char byte;

	return is_null(fd) && write(fd, "x", 1) == 1 &&
	    read(fd, &byte, 1) == 0;
}

/* Begins with those of 0 to 2 closed that have a bit, and puts them back. */
static void
begin_without(unsigned bits)
{
	bool served = true;
	int kept[3];
	bool ok;

	for (int fd = 0; fd < 3; fd++)
		kept[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
	for (int fd = 0; fd < 3; fd++)
		if ((bits & 1u << fd) != 0)
			(void)close(fd);
	ok = process_begin();
	for (int fd = 0; fd < 3; fd++) {
		if ((bits & 1u << fd) != 0)
			served = served && serves(fd);
		(void)dup2(kept[fd], fd);
		(void)close(kept[fd]);
	}
	assert_true(ok);
	assert_true(served);
}

static void
asked_for(void **state)
{
	struct rlimit limit = { 0, 0 }, now;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
	assert_int_equal(setenv("IMCONNECTOR_CORE", "1", 1), 0);
	assert_true(process_begin());
	assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
	assert_int_equal(getrlimit(RLIMIT_CORE, &now), 0);
	assert_int_equal(now.rlim_cur, limit.rlim_cur);
	assert_int_equal(now.rlim_max, limit.rlim_max);
}

static void
no_core(void **state)
{
	static const char *const values[] = { "0", "", "yes", NULL };

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct rlimit limit = { 1, 1 };

		assert_int_equal(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0), 0);
		assert_int_equal(values[i] != NULL ?
		    setenv("IMCONNECTOR_CORE", values[i], 1) :
		    unsetenv("IMCONNECTOR_CORE"), 0);
		assert_true(process_begin());
		assert_int_equal(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
		assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
		assert_int_equal(limit.rlim_cur, 0);
		assert_int_equal(limit.rlim_max, 0);
	}
}

static void
closed(void **state)
{
	(void)state;
	for (unsigned bits = 0; bits < 8; bits++)
		begin_without(bits);
}

static void
open_ones_stay(void **state)
{
	struct stat before[3], after;

	(void)state;
	for (int fd = 0; fd < 3; fd++)
		assert_int_equal(fstat(fd, &before[fd]), 0);
	assert_true(process_begin());
	for (int fd = 0; fd < 3; fd++) {
		assert_int_equal(fstat(fd, &after), 0);
		assert_int_equal(after.st_ino, before[fd].st_ino);
		assert_int_equal(after.st_dev, before[fd].st_dev);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(asked_for),
		cmocka_unit_test(no_core),
		cmocka_unit_test(closed),
		cmocka_unit_test(open_ones_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
