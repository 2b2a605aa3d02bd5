#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#define SCHEMA_VERSION "2"

/* The SQL that makes an empty store, version included. */
extern const char schema_sql[];

/*
 * What came later and changes nothing for those who do not know it: made
 * where it is missing, in a store of any version.
 */
extern const char schema_more[];

/* The SQL that brings a store of version 1 to this one. */
extern const char schema_from_1[];

#endif
