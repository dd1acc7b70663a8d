
/*
 * Copyright (C) Evolu Auth Authors
 *
 * CSV (RFC 4180), a row at a time.  It prints nothing and allocates nothing,
 * and is fuzzed.
 */


#ifndef _EVOLU_KEYS_CSV_H_INCLUDED_
#define _EVOLU_KEYS_CSV_H_INCLUDED_


#include <sys/types.h>

#include "../evolu_bytes.h"


#define EVOLU_KEYS_CSV_COLUMNS  32

/* bytes of a field that are kept: a name or a token is never that long */
#define EVOLU_KEYS_CSV_FIELD    16384

#define EVOLU_KEYS_CSV_BUFFER   65536


/* What read() returns; an error is -1 and errno */
typedef ssize_t (*evolu_keys_csv_read_pt)(void *data, unsigned char *buf,
    size_t size);


typedef struct {
    evolu_keys_csv_read_pt   read;
    void                    *data;       /* of it */
    unsigned char            input[EVOLU_KEYS_CSV_BUFFER];
    size_t                   pos;
    size_t                   len;
    size_t                   number;     /* of the line that is read */
    unsigned                 failed;     /* 1: it could not be read */

    /* the row */

    size_t                   line;       /* that it begins in, from 1 */
    unsigned                 n;
    evolu_bytes_t            fields[EVOLU_KEYS_CSV_COLUMNS];
    unsigned                 cut;        /* set of fields that were longer */
    unsigned char            text[EVOLU_KEYS_CSV_COLUMNS]
                                 [EVOLU_KEYS_CSV_FIELD];
} evolu_keys_csv_t;


/* Begins.  The first bytes may be a byte order mark. */
void evolu_keys_csv_begin(evolu_keys_csv_t *csv, evolu_keys_csv_read_pt read,
    void *data);

/* Forgets what was read: fields were tokens. */
void evolu_keys_csv_end(evolu_keys_csv_t *csv);

/*
 * Reads a row; blank lines are none.  Rows have as many fields as the first
 * one.  1: there is one; 0: the input has ended; -1: it is no CSV, *error says
 * why, or it cannot be read, *error is NULL and errno set.
 */
int evolu_keys_csv_row(evolu_keys_csv_t *csv, const char **error);

/* The number of the column with a heading, in any case, or -1 */
int evolu_keys_csv_column(const evolu_keys_csv_t *csv, const char *heading);


#endif /* _EVOLU_KEYS_CSV_H_INCLUDED_ */
