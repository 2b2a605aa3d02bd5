#ifndef CTL_OPEN_LINES_H
#define CTL_OPEN_LINES_H

#include "ctl/command.h"
#include "portal/activation.h"

#include <stdint.h>

/*
 * The open lines of a portal, and how a connector stands on one of them.
 */
#define OPEN_LINES_MAX 200	/* what Bitrix24 gives at once */
#define OPEN_LINE_NAME 200	/* bytes of a name, with the NUL; or cut */

struct open_line {
	int64_t id;
	bool active;
	char name[OPEN_LINE_NAME];
};

struct open_lines {
	struct open_line line[OPEN_LINES_MAX];
	size_t n;
	long index;		/* its own: of the element at hand */
};

/*
 * Both call the portal and wait.  What is not METHOD_OK has its reason, with
 * the method's name, in `reason`.
 */
#define OPEN_LINES_REASON (METHOD_REASON_MAX + 64)
enum method_end open_lines_read(struct ctl *, const char *member_id,
    struct open_lines *, char reason[OPEN_LINES_REASON]);

struct open_line_asking {
	const char *member_id;
	const char *connector;	/* in lower case */
	int64_t line;
	/* out */
	struct connector_state state;
	char reason[OPEN_LINES_REASON];
};
enum method_end open_line_ask(struct ctl *, struct open_line_asking *);

/* "on", "off" or "error".  Static. */
const char *open_line_word(const struct connector_state *);

#endif
