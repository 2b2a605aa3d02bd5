#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#define SCHEMA_VERSION "1"

/* The SQL that makes an empty store, version included. */
extern const char schema_sql[];

#endif
