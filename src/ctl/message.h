#ifndef CTL_MESSAGE_H
#define CTL_MESSAGE_H

#include "ctl/terminal.h"
#include "store/admin.h"

/* One message as it is shown.  Errors as buf_add(). */

/* Why it is not done; "" for what is.  Static, or the message's. */
const char *message_why(const struct stored *);

/* A JSON object; `full`: with the message itself. */
enum err message_json(struct buf *, const struct stored *, bool full);

/* In a list: a line, on a terminal with another for the reason. */
enum err message_line(struct line *, const struct terminal *,
    const struct stored *);
enum err message_head(struct line *, const struct terminal *);

/* All of it, for people. */
enum err message_full(struct line *, const struct stored *);

#endif
