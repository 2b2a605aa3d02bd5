#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>
#include <stdint.h>

/*
 * One vocabulary of failure for the whole program.  Callers branch on who
 * must act, never on a text.  The map to an HTTP status is one table in
 * web/answer.c.
 */
enum err {
	ERR_OK,
	ERR_INPUT,	/* malformed: a repeat cannot help */
	ERR_METHOD,	/* not a POST */
	ERR_MEDIA,	/* a media type that this program does not read */
	ERR_TOOBIG,	/* over a cap that we chose */
	ERR_DENIED,	/* the sender could not prove who it is */
	ERR_UNUSABLE,	/* authentic and well formed, but a field is no use */
	ERR_RETRY,	/* nobody's fault: a repeat may help */
	ERR_REFUSED,	/* the other side said no, for good */
	ERR_DISK,	/* could not be made durable: promise nothing */
	ERR_NOMEM,
	ERR_CONFIG,	/* the administrator must mend the configuration */
	ERR__MAX
};

#define PROBLEM_FIELD_MAX 160	/* bytes, with the NUL; longer ones are cut */
#define PROBLEM_TEXT_MAX 384

/*
 * What went wrong, and where.  Starts as {0}; the first report stays, later
 * ones change nothing, so that the cause is told and not its consequences.
 */
struct problem {
	enum err err;
	int64_t at;			/* byte offset in the body, or -1 */
	char field[PROBLEM_FIELD_MAX];	/* a field's name, or "" */
	char text[PROBLEM_TEXT_MAX];	/* for people; no secret, no input */
	const char *note;		/* for the log alone; static, or NULL */
};

/*
 * Records a problem unless one is recorded already.  `field` may be NULL,
 * `at` is -1 where no byte is to blame.  Returns the error that is recorded
 * now, so that a caller can write `return problem_set(...)`.
 */
enum err problem_set(struct problem *, enum err, int64_t at,
    const char *field, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The name of an error for logs and pages, such as "TOO_LARGE".  Static. */
const char *err_name(enum err);

#endif
