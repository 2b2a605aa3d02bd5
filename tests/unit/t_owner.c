/*
 * Owners of claims: numbers, who lives, and the one place at the scan.
 *
 * Run by make check.
 */
#include "store/owner.h"

#include "claim_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

static struct owner *
open_one(struct world *w)
{
	struct owner *o = NULL;

	assert_int_equal(owner_open(&o, w->path, &w->problem), ERR_OK);
	assert_non_null(o);
	return o;
}

/* Numbers fit what SQL and an offset hold, and are each process's own. */
static void
test_numbers(void **state)
{
	struct world *w = *state;
	struct owner *o[8];

	for (size_t i = 0; i < COUNT(o); i++) {
		o[i] = open_one(w);
		assert_true(owner_number(o[i]) > 0);
		for (size_t k = 0; k < i; k++)
			assert_true(owner_number(o[i]) != owner_number(o[k]));
	}
	for (size_t i = 0; i < COUNT(o); i++)
		for (size_t k = 0; k < COUNT(o); k++)
			assert_true(owner_lives(o[i], owner_number(o[k]), 0));
	for (size_t i = 1; i < COUNT(o); i++) {
		int64_t number = owner_number(o[i]);

		owner_close(o[i]);
		assert_false(owner_lives(o[0], number, 0));
	}
	assert_true(owner_lives(o[0], owner_number(o[0]), 0));
	assert_false(owner_lives(o[0], 12345, 0));
	/* what cannot be asked is taken for alive */
	assert_true(owner_lives(o[0], -12345, 0));
	owner_close(o[0]);
	owner_close(NULL);
}

struct telling {
	struct world world;
	int fd;
};

static void
own_and_wait(struct world *w)
{
	const struct telling *t = (const void *)w;
	struct owner *o = NULL;
	int64_t number;

	CHILD_CHECK(owner_open(&o, w->path, &w->problem) == ERR_OK);
	CHILD_CHECK(owner_begin_scan(o));
	number = owner_number(o);
	CHILD_CHECK(write(t->fd, &number, sizeof(number)) == sizeof(number));
	(void)pause();
}

/* However a process ends, its number and its scan end with it. */
static void
test_processes(void **state)
{
	static const int ends[] = { SIGKILL, SIGTERM, SIGABRT };
	struct world *w = *state;
	struct owner *o = open_one(w);

	for (size_t i = 0; i < COUNT(ends); i++) {
		struct telling t = { .world = *w };
		int64_t number = 0;
		int fd[2], status;
		pid_t pid;

		assert_int_equal(pipe(fd), 0);
		t.fd = fd[1];
		pid = child_start(own_and_wait, &t.world);
		(void)close(fd[1]);
		assert_int_equal(read(fd[0], &number, sizeof(number)),
		    sizeof(number));
		(void)close(fd[0]);
		assert_true(owner_lives(o, number, 0));
		assert_false(owner_begin_scan(o));
		assert_int_equal(kill(pid, ends[i]), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_false(owner_lives(o, number, 0));
		assert_true(owner_begin_scan(o));
		owner_end_scan(o);
	}
	owner_close(o);
}

/* What this process starts must not keep its claims alive. */
static void
test_not_inherited(void **state)
{
	struct world *w = *state;
	struct owner *o = open_one(w);
	int found = 0;
	struct dirent *e;
	DIR *d = opendir("/proc/self/fd");

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		char link[300], name[128];
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%s",
		    e->d_name);
		n = readlink(link, name, sizeof(name) - 1);
		name[n > 0 ? n : 0] = '\0';
		if (strstr(name, "queue.db.lock") == NULL)
			continue;
		found++;
		assert_int_equal(fcntl((int)strtol(e->d_name, NULL, 10),
		    F_GETFD), FD_CLOEXEC);
	}
	(void)closedir(d);
	assert_int_equal(found, 1);
	owner_close(o);
}

static void
test_scan(void **state)
{
	struct world *w = *state;
	struct owner *a = open_one(w), *b = open_one(w);

	assert_true(owner_begin_scan(a));
	assert_false(owner_begin_scan(b));
	owner_end_scan(b);		/* it is not its to end */
	assert_false(owner_begin_scan(b));
	owner_end_scan(a);
	assert_true(owner_begin_scan(b));
	assert_false(owner_begin_scan(a));
	owner_close(b);
	assert_true(owner_begin_scan(a));
	/* the scan is no number */
	assert_true(owner_lives(a, owner_number(a), 0));
	owner_close(a);
}

/* The turn to write is one process's, and no number and no scan. */
static void
test_turn(void **state)
{
	struct world *w = *state;
	struct owner *a = open_one(w), *b = open_one(w);

	assert_true(owner_begin_turn(a));
	assert_false(owner_begin_turn(b));
	assert_true(owner_begin_scan(b));
	owner_end_turn(b);
	assert_false(owner_begin_turn(b));
	owner_end_turn(a);
	assert_true(owner_begin_turn(b));
	owner_close(b);
	assert_true(owner_begin_turn(a));
	assert_true(owner_begin_scan(a));
	owner_close(a);
}

/* One scanner in all, and one thread of its process. */
static void
test_store_scan(void **state)
{
	struct world *w = *state;
	struct store *other = store_of(w, 1000, true);

	assert_true(store_begin_scan(w->store));
	assert_false(store_begin_scan(w->store));
	assert_false(store_begin_scan(other));
	store_end_scan(w->store);
	assert_true(store_begin_scan(other));
	assert_false(store_begin_scan(w->store));
	store_end_scan(other);
	assert_true(store_begin_scan(w->store));
	/* a failure of the store does not lose the place */
	store_close(w->store);
	w->store = NULL;
	assert_true(store_begin_scan(other));
	store_close(other);
	/* no store: nobody scans, and none is made */
	(void)snprintf(w->url, sizeof(w->url), "sqlite:%s/no.db", w->dir);
	w->store = store_of(w, 1000, false);
	assert_false(store_begin_scan(w->store));
	store_end_scan(w->store);
	(void)snprintf(w->path, sizeof(w->path), "%s/no.db.lock", w->dir);
	assert_int_equal(access(w->path, F_OK), -1);
}

/* Whoever may write the store may lock it. */
static void
test_mode(void **state)
{
	static const mode_t modes[] = { 0640, 0600, 0660 };
	struct world *w = *state;
	mode_t umask_was = umask(077);
	char lock[128];
	struct stat st;

	(void)snprintf(lock, sizeof(lock), "%s.lock", w->path);
	for (size_t i = 0; i < COUNT(modes); i++) {
		int fd = open(w->path, O_RDWR | O_CREAT, 0600);

		assert_true(fd >= 0);
		assert_int_equal(fchmod(fd, modes[i]), 0);
		if (geteuid() == 0)
			assert_int_equal(fchown(fd, 65534, 65533), 0);
		(void)close(fd);
		owner_close(open_one(w));
		assert_int_equal(mode_of(lock), modes[i]);
		assert_int_equal(stat(lock, &st), 0);
		assert_int_equal(st.st_uid, geteuid() == 0 ? 65534 :
		    geteuid());
		if (geteuid() == 0)
			assert_int_equal(st.st_gid, 65533);
		if (i != 1)
			assert_int_equal(unlink(lock), 0);
	}
	(void)umask(umask_was);
}

/* It cannot be opened: told, and no descriptor of others is closed. */
static void
test_failure(void **state)
{
	struct world *w = *state;
	struct problem p = { 0 };
	struct owner *o = (void *)w;

	(void)snprintf(w->path, sizeof(w->path), "%s/none/queue.db", w->dir);
	assert_int_equal(owner_open(&o, w->path, &p), ERR_DISK);
	assert_null(o);
	assert_string_equal(p.text, "cannot lock beside the store: No such "
	    "file or directory");
	assert_true(fcntl(0, F_GETFD) >= 0 || errno == EBADF);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_numbers),
		WORLD_TEST(test_processes),
		WORLD_TEST(test_not_inherited),
		WORLD_TEST(test_scan),
		WORLD_TEST(test_turn),
		WORLD_TEST(test_store_scan),
		WORLD_TEST(test_mode),
		WORLD_TEST(test_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
