
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys import: what its parts share.  Rows are read and judged first,
 * all of them, then written; nothing is written of an input that is not whole.
 */


#ifndef _EVOLU_KEYS_IMPORT_H_INCLUDED_
#define _EVOLU_KEYS_IMPORT_H_INCLUDED_


#include <jansson.h>

#include "evolu_keys_csv.h"
#include "evolu_keys_rows.h"
#include "evolu_keys_store.h"


/* the id of keys that import makes, unless told otherwise */
#define EVOLU_KEYS_IMPORT_ID  "import"


typedef struct {
    evolu_keys_t         *keys;
    evolu_keys_store_t   *store;
    evolu_keys_csv_t     *csv;
    unsigned              more;      /* 1: csv holds a row */
    evolu_keys_rows_t     rows;
    evolu_bytes_t         id;        /* of instances' keys */
    unsigned              named;     /* 1: the first line named columns */
    size_t                read;      /* rows, the heading is none */
    size_t                unusable;
    size_t                unclear;   /* rows that may be of a good key */
    size_t                without;   /* instances without a token */
    size_t                repeated;  /* rows that stood there before */
    size_t                other;     /* rows of other clients */
    size_t                shared;    /* instances that share a token */
    size_t                guessable;
    size_t                done;      /* records that are written */
    json_t               *problems;
} evolu_keys_import_t;


/* Reads standard input into rows that are sorted and can all be written. */
evolu_keys_status_t evolu_keys_import_instances(evolu_keys_import_t *import);
evolu_keys_status_t evolu_keys_import_campaigns(evolu_keys_import_t *import);

/* Reads the next row, if there is one more. */
evolu_keys_status_t evolu_keys_import_row(evolu_keys_import_t *import);

/* Counts and lists a row that cannot be used; locator is shown as text. */
void evolu_keys_import_unusable(evolu_keys_import_t *import, size_t line,
    evolu_bytes_t locator, const char *why);

/* Lists anything else about a locator; line is 0 where there is none. */
void evolu_keys_import_problem(evolu_keys_import_t *import, size_t line,
    evolu_bytes_t locator, const char *why);

/* Writes the rows. */
evolu_keys_status_t evolu_keys_import_apply(evolu_keys_import_t *import);


#endif /* _EVOLU_KEYS_IMPORT_H_INCLUDED_ */
