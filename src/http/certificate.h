#ifndef HTTP_CERTIFICATE_H
#define HTTP_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

#include <curl/curl.h>

/* A peer's certificate. */
struct certificate;

/*
 * Has the certificate kept that decides a handshake: the one that is refused,
 * else the peer's own.  *kept starts as NULL, stays where it is while curl
 * works on the handle, and is then forgotten.  False: curl does not take it.
 */
bool certificate_watch(CURL *, struct certificate **kept);
void certificate_forget(struct certificate **kept);

/* Whose it is, and the days between which it is valid; false: there is none
 * (or NULL). */
bool certificate_describe(const struct certificate *, char *out,
    size_t size);

/*
 * Whether a file holds certificates that can serve as a private CA: at least
 * one, and each of them can be read.  False: `why` says what is wrong, and
 * with which of them; no byte of the file is repeated but a subject.
 */
bool certificate_file_ok(const char *path, char *why, size_t size);

#endif
