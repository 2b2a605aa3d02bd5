#ifndef CHANNEL_FOLDER_H
#define CHANNEL_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Folders and files that survive power loss; each call may block. */

#define FOLDER_FILE_MODE 0640

/*
 * Opens the folder `name` below the descriptor `at` (AT_FDCWD: a path);
 * makes it, durably, where it lacks.  -1 with errno.
 */
int folder_open(int at, const char *name);

/* Writes all `n` bytes.  False with errno. */
bool folder_write(int fd, const char *, size_t n);

/* Closes those of them that are open (not -1); errno stays. */
void folder_close(int a, int b, int c);

#endif
