#ifndef STORE_CLAIM_H
#define STORE_CLAIM_H

#include "base/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Claims of messages, for the store's other files.  Private to store/.
 */
struct store;
struct work;

#define ORPHANS_MAX ((size_t)1 << 20)

/*
 * A move could not be written: the message (or, if negative, the call) is
 * claimed and nobody works on it any more.  The claim is given back as soon
 * as the store can be written; of more than ORPHANS_MAX, the end of the
 * process ends the rest.
 */
void claim_orphan(struct store *, int64_t id);

/*
 * Makes blocked(state, member_id, connector, line) and covers(connector)
 * known in SQL.
 */
bool claim_add_functions(struct store *);

/* Claims a message for this process.  Within a transaction. */
bool claim_row(struct store *, int64_t id);

/*
 * Runs a move of a message that ends with `AND owner = ?9`.  *lost, which
 * stays as it is else: it changed nothing.
 */
bool claim_move(struct store *, sqlite3_stmt *, bool *lost);
enum err claim_lost(struct problem *);	/* ERR_LOST */

/*
 * The first of a chat may go on: claims it if it is free and not postponed
 * to later.  *next gets its id, or 0.  Within a transaction.
 */
bool claim_next_of_chat(struct store *, const struct work *of, int64_t *next);

#endif
