#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#define SCHEMA_VERSION "3"

/* The SQL that makes an empty store, version included. */
extern const char schema_sql[];

/* The SQL that brings a store of version 1 to 2, and of 2 to this one. */
extern const char schema_from_1[];
extern const char schema_from_2[];

#endif
