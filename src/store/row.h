#ifndef STORE_ROW_H
#define STORE_ROW_H

#include "base/arena.h"
#include "store/work.h"

#include <sqlite3.h>
#include <stdbool.h>

/* What is selected for row_read(), in its order. */
#define ROW_COLUMNS "id, key, state, event, member_id, domain, connector," \
	" chat, line, chat_id, message_id, ts, received_us, body, endpoint," \
	" token, ids, delivered_ms, tries, first_ms, alone"

/* The same without the body, for those that the channel has taken. */
#define ROW_COLUMNS_TOLD "id, key, state, event, member_id, domain," \
	" connector, chat, line, chat_id, message_id, ts, received_us, NULL," \
	" endpoint, token, ids, delivered_ms, tries, first_ms, alone"

/* Where the two texts of a status call stand in both. */
#define ROW_CHAT 7
#define ROW_IDS 16

/* Reads the row that the statement stands on; false: no memory. */
bool row_read(sqlite3_stmt *, struct arena *, struct work *);

/* Steps once, reads the row if there is one, and resets the statement. */
bool row_read_one(sqlite3_stmt *, struct arena *, struct work *,
    bool *found);

/* A copy of its own for the next step, without the body; NULL: no memory. */
struct work *work_copy(struct arena *, const struct work *);

#endif
