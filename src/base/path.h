#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* What a path is wanted for. */
enum path_use {
	PATH_READ,		/* a file, to be read */
	PATH_WRITE,		/* a file, to be read and written */
	PATH_FOLDER		/* a folder, to make files in */
};

/* Why this process cannot use a path, for people. */
struct hindrance {
	char why[320];		/* with errno's words behind it */
	char run[320];		/* the command that mends it, or "" */
};

/*
 * Explains `error`, an errno that an attempt at the path gave: who this is,
 * whose the path is, which folder on the way keeps us out.  `ours`: the path
 * is for this process's user, so it may be given to it; else its owner is the
 * one to work with it.
 */
void path_hindered(struct hindrance *, const char *path, enum path_use,
    int error, bool ours);

/* "why. Run: command" into `size` bytes; where that does not fit, without the
 * command: half of one is none. */
void path_say(const struct hindrance *, char *out, size_t size);

/* 0, or the errno that an attempt would give.  Opens and makes nothing. */
int path_usable(const char *path, enum path_use);

/* The name of a user, or its number.  Returns `out`. */
#define USER_NAME_MAX 64
const char *path_user(unsigned uid, char out[USER_NAME_MAX]);

/* Whether the folder that the path is in is there. */
bool path_has_folder(const char *path);

/* The nearest folder above the path that is there; a new text, or NULL. */
char *path_above(const char *path);

#endif
