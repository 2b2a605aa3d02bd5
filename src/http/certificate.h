#ifndef HTTP_CERTIFICATE_H
#define HTTP_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a file holds certificates that can serve as a private CA: at least
 * one, and each of them can be read.  False: `why` says what is wrong, and
 * with which of them; no byte of the file is repeated but a subject.
 */
bool certificate_file_ok(const char *path, char *why, size_t size);

#endif
