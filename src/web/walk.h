#ifndef WEB_WALK_H
#define WEB_WALK_H

#include <stddef.h>
#include <stdint.h>

#define WALK_HEADER 8		/* bytes before a record's content */

/* Where a walk over the records of a FastCGI request has come. */
enum walk_stage {
	WALK_BEGIN,		/* the begin record is to come */
	WALK_PARAMS,		/* parameters, to their empty record */
	WALK_BODY,		/* the head is whole: STDIN */
	WALK_END,		/* the empty STDIN record was there */
	WALK_STRANGE,		/* nothing that a web server sends here */
};

/* Starts as zeros. */
struct walk {
	enum walk_stage stage;
	uint64_t body;		/* bytes of STDIN's content, so far */
	uint64_t size;		/* bytes of the request, so far */
	size_t left;		/* of the record, with its padding: to come */
	/* the walk's own */
	size_t content;		/* of `left`, what is no padding */
	size_t got;		/* bytes of a header that is cut */
	uint16_t id;
	uint8_t header[WALK_HEADER];
};

/*
 * Walks over the next `n` bytes.  Returns how many belong to the request:
 * all of them, unless it has ended or is strange.
 */
size_t walk_on(struct walk *, const uint8_t *, size_t n);

#endif
