
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What an import read: names and hashes, no credential.  Some 250 bytes a row
 * at most, so that 100,000 of them fit anywhere.
 */


#ifndef _EVOLU_KEYS_ROWS_H_INCLUDED_
#define _EVOLU_KEYS_ROWS_H_INCLUDED_


#include "evolu_keys.h"


/* what became of a row */

typedef enum {
    EVOLU_KEYS_ROW_NOTHING = 0,      /* not yet, or nothing to do */
    EVOLU_KEYS_ROW_CREATED,
    EVOLU_KEYS_ROW_CHANGED,
    EVOLU_KEYS_ROW_UNCHANGED,
    EVOLU_KEYS_ROW_REMOVED,
    EVOLU_KEYS_ROW_FAILED,
    EVOLU_KEYS_ROW_OUTCOMES
} evolu_keys_outcome_t;


typedef struct {
    evolu_locator_t       locator;   /* its name belongs to the rows */
    evolu_bytes_t         id;        /* as well */
    size_t                line;      /* in the input */
    int64_t               exp;
    const char           *why;       /* a row that failed */
    evolu_algorithm_t     algorithm;
    unsigned char         outcome;
    unsigned char         gone;      /* 1: to be removed, there is no hash */
    unsigned char         dropped;   /* 1: takes no part */
    unsigned char         digest[EVOLU_DIGEST_SIZE];
} evolu_keys_row_t;


typedef struct evolu_keys_chunk_s  evolu_keys_chunk_t;


typedef struct {
    evolu_keys_row_t     *rows;
    size_t                n;
    size_t                size;
    size_t                sorted;    /* rows that find() looks at */
    evolu_keys_chunk_t   *chunks;    /* what names live in */
} evolu_keys_rows_t;


/* A new row, valid until the next one; locator's name and id are copied. */
evolu_keys_row_t *evolu_keys_rows_add(evolu_keys_rows_t *rows,
    const evolu_locator_t *locator, evolu_bytes_t id);

/* Sorts by locator, id and line, without those that were dropped. */
void evolu_keys_rows_sort(evolu_keys_rows_t *rows);

/* The rows of a locator, one after another, and their number; or NULL */
evolu_keys_row_t *evolu_keys_rows_find(const evolu_keys_rows_t *rows,
    const evolu_locator_t *locator, size_t *n);

/* The locators, each once; to be freed. */
evolu_locator_t *evolu_keys_rows_locators(const evolu_keys_rows_t *rows,
    size_t *n);

void evolu_keys_rows_free(evolu_keys_rows_t *rows);

/* Below zero, zero or above */
int evolu_keys_locator_order(const evolu_locator_t *a,
    const evolu_locator_t *b);


#endif /* _EVOLU_KEYS_ROWS_H_INCLUDED_ */
