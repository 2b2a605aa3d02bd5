#ifndef CONFIG_FILES_H
#define CONFIG_FILES_H

/* Files of the configuration for t_config*.c, in a folder of their own. */
#include "config/config.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char folder[] = "/tmp/t_config.XXXXXX";

/* A path in the folder; the next call but three overwrites it. */
static inline const char *
in_folder(const char *name)
{
	static char paths[4][256];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static inline const char *
write_bytes(const char *name, const void *bytes, size_t n)
{
	const char *path = in_folder(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

static inline const char *
write_file(const char *name, const char *text)
{
	return write_bytes(name, text, strlen(text));
}

static inline struct config *
load_file(const char *path)
{
	struct problem p = { 0 };
	struct config *c = NULL;

	if (config_load(&c, path, &p) != ERR_OK)
		fail_msg("%s", p.text);
	assert_int_equal(p.err, ERR_OK);
	assert_non_null(c);
	return c;
}

static inline struct config *
load(const char *text)
{
	return load_file(write_file("conf", text));
}

#define PRINT_MAX 65536

/* What is printed reads as what was printed; the caller frees both. */
static inline struct config *
print_and_load(const struct config *c, struct buf *b)
{
	struct config *again;
	struct buf second;

	buf_init(b, PRINT_MAX);
	assert_int_equal(config_print(c, b), ERR_OK);
	again = load(buf_str(b));
	buf_init(&second, PRINT_MAX);
	assert_int_equal(config_print(again, &second), ERR_OK);
	assert_null(strstr(buf_str(&second), "is set"));
	buf_free(&second);
	return again;
}

/* The file must be refused; `want` is what follows its path. */
static inline void
refused(const char *path, const char *want)
{
	struct problem p = { 0 };
	struct config *c = NULL;
	size_t n = strlen(path);

	assert_int_equal(config_load(&c, path, &p), ERR_CONFIG);
	assert_null(c);
	assert_int_equal(p.err, ERR_CONFIG);
	assert_int_equal(p.at, -1);
	assert_memory_equal(p.text, path, n);
	assert_string_equal(p.text + n, want);
}

/* A secret's file is absolute, so the text must be made with the folder. */
static inline const char *
with_secret_file(const char *option, const char *more)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "[app]\n%s = %s\n%s", option,
	    in_folder("secret"), more);
	return write_file("conf", text);
}

static inline int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline int
remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
