
/*
 * Copyright (C) Evolu Auth Authors
 *
 * CSV (RFC 4180) from standard input, a row at a time.
 */


#ifndef _EVOLU_KEYS_CSV_H_INCLUDED_
#define _EVOLU_KEYS_CSV_H_INCLUDED_


#include "evolu_keys.h"


#define EVOLU_KEYS_CSV_COLUMNS  32

/* bytes of a field that are kept: a name or a token is never that long */
#define EVOLU_KEYS_CSV_FIELD    16384

#define EVOLU_KEYS_CSV_BUFFER   65536


typedef struct {
    unsigned char  data[EVOLU_KEYS_CSV_BUFFER];
    size_t         pos;
    size_t         len;
    size_t         number;       /* of the line that is read */

    /* the row; more is 0 where the input has ended */

    unsigned       more;
    size_t         line;         /* that it begins in, from 1 */
    unsigned       n;
    evolu_bytes_t  fields[EVOLU_KEYS_CSV_COLUMNS];
    unsigned       cut;          /* set of fields that were longer */
    unsigned char  text[EVOLU_KEYS_CSV_COLUMNS][EVOLU_KEYS_CSV_FIELD];
} evolu_keys_csv_t;


/* Begins.  The first bytes may be a byte order mark. */
evolu_keys_csv_t *evolu_keys_csv_create(void);

/* Wipes and frees: fields were tokens. */
void evolu_keys_csv_destroy(evolu_keys_csv_t *csv);

/*
 * Reads a row; blank lines are none.  Rows have as many fields as the first
 * one.  Whatever is no CSV is refused.
 */
evolu_keys_status_t evolu_keys_csv_row(evolu_keys_csv_t *csv);

/* The number of the column with a heading, in any case, or -1 */
int evolu_keys_csv_column(const evolu_keys_csv_t *csv, const char *heading);


#endif /* _EVOLU_KEYS_CSV_H_INCLUDED_ */
