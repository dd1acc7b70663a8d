
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Texts of entries as they are written; what they mean is the core's.
 */


#ifndef _EVOLU_KEYS_ENTRY_H_INCLUDED_
#define _EVOLU_KEYS_ENTRY_H_INCLUDED_


#include "evolu_keys.h"


/* "token:<alg>:<hex>" */
#define EVOLU_KEYS_TOKEN_MAX  EVOLU_LOCATOR_MAX

/* "<alg>:<hex>" and a zero */
#define EVOLU_KEYS_HASH_SIZE  (EVOLU_ALGORITHM_MAX + EVOLU_DIGEST_HEX + 2)


/* The value of "name=" in an entry: 1, or 0 where it has none */
int evolu_keys_entry_value(evolu_bytes_t entry, evolu_bytes_t name,
    evolu_bytes_t *value);

/*
 * The text of a new entry: its hash by the default algorithm, "exp=" unless
 * EVOLU_NEVER, "ip=" unless empty.  To be freed.
 */
char *evolu_keys_entry_create(evolu_bytes_t credential,
    const evolu_peppers_t *peppers, int64_t exp, evolu_bytes_t ip);

/* The value of "hash=" */
void evolu_keys_entry_hash(evolu_algorithm_t algorithm,
    const evolu_peppers_t *peppers,
    const unsigned char digest[EVOLU_DIGEST_SIZE],
    char out[EVOLU_KEYS_HASH_SIZE]);

/* A copy of an entry with "name=" replaced or added; to be freed. */
char *evolu_keys_entry_set(evolu_bytes_t entry, const char *name,
    const char *value);

/* The same for "exp=" */
char *evolu_keys_entry_expire(evolu_bytes_t entry, int64_t exp);

/*
 * The name of the token's set that the hash of an instance's entry stands for,
 * into buf of EVOLU_KEYS_TOKEN_MAX bytes, and its length; 0 where it has no
 * such hash.  Also for an algorithm whose pepper is not at hand.
 */
size_t evolu_keys_entry_token(evolu_bytes_t entry, unsigned char *buf);

/* The same for a field of its record; 0 where the field is no key */
size_t evolu_keys_field_token(const evolu_field_t *field, unsigned char *buf);

/*
 * The beginning of names of sets by the index algorithm: "token:<alg>:"
 */
size_t evolu_keys_entry_index(const evolu_peppers_t *peppers,
    unsigned char *buf);


#endif /* _EVOLU_KEYS_ENTRY_H_INCLUDED_ */
