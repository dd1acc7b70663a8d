
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Rows of text under headings, on standard output.  Rows are printed by the
 * page, so a long list needs no more memory than a page.  On a terminal that is
 * too narrow the last cell of a row gets more lines, and where that is not
 * enough the first one a line of its own, once for all rows that share it.
 */


#ifndef _EVOLU_KEYS_TABLE_H_INCLUDED_
#define _EVOLU_KEYS_TABLE_H_INCLUDED_


#include <stddef.h>

#include "evolu_keys_terminal.h"


#define EVOLU_KEYS_COLUMNS_MAX  8
#define EVOLU_KEYS_ROWS         500


/* The colour of a cell by its text */
typedef evolu_keys_colour_t (*evolu_keys_colour_pt)(const char *cell);


typedef struct {
    unsigned               columns;
    unsigned               rows;
    size_t                 terminal;  /* its width, 0: none */
    unsigned               coloured;  /* the column with colours */
    evolu_keys_colour_pt   colour;
    size_t                 width[EVOLU_KEYS_COLUMNS_MAX];
    char                  *cells[EVOLU_KEYS_ROWS][EVOLU_KEYS_COLUMNS_MAX];
} evolu_keys_table_t;


/*
 * Begins a table; its headings up to NULL are its first row.  Cells of one
 * column, counted from 0, have colours.
 */
evolu_keys_table_t *evolu_keys_table_begin(const char *const *headings,
    unsigned coloured, evolu_keys_colour_pt colour);

/* Adds a row: as many texts as there are columns, copied. */
void evolu_keys_table_add(evolu_keys_table_t *table,
    const char *const *cells);

/* Prints what is left and frees the table. */
void evolu_keys_table_end(evolu_keys_table_t *table);


#endif /* _EVOLU_KEYS_TABLE_H_INCLUDED_ */
