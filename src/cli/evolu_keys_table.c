
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evolu_keys_print.h"
#include "evolu_keys_table.h"


/* columns between two columns */
#define EVOLU_KEYS_GAP     2

/* what the last column has at least, if it needs it */
#define EVOLU_KEYS_LAST    20

/* what is left of the first one where its cells stand above */
#define EVOLU_KEYS_INDENT  2


static void evolu_keys_table_flush(evolu_keys_table_t *table);
static void evolu_keys_table_narrow(evolu_keys_table_t *table);
static void evolu_keys_table_row(evolu_keys_table_t *table, char **row,
    char **before);
static void evolu_keys_table_last(evolu_keys_table_t *table, char **row,
    size_t indent);
static void evolu_keys_table_cell(evolu_keys_table_t *table, unsigned column,
    const char *cell);
static void evolu_keys_table_fill(size_t columns);


evolu_keys_table_t *
evolu_keys_table_begin(const char *const *headings, unsigned coloured,
    evolu_keys_colour_pt colour)
{
    evolu_keys_table_t  *table;

    table = evolu_keys_alloc(sizeof(evolu_keys_table_t));
    memset(table, 0, sizeof(evolu_keys_table_t));

    table->terminal = evolu_keys_terminal_columns(stdout);
    table->coloured = coloured;
    table->colour = colour;

    while (headings[table->columns] != NULL) {
        table->columns++;
    }

    evolu_keys_table_add(table, headings);

    return table;
}


void
evolu_keys_table_add(evolu_keys_table_t *table, const char *const *cells)
{
    size_t     width;
    unsigned   i;
    char     **row;

    if (table->rows == EVOLU_KEYS_ROWS) {
        evolu_keys_table_flush(table);
    }

    row = table->cells[table->rows++];

    for (i = 0; i < table->columns; i++) {
        row[i] = evolu_keys_format("%s", cells[i]);

        width = evolu_keys_width(cells[i]);

        if (width > table->width[i]) {
            table->width[i] = width;
        }
    }
}


static void
evolu_keys_table_flush(evolu_keys_table_t *table)
{
    unsigned  row, i;

    evolu_keys_progress_hide();

    if (table->terminal != 0) {
        evolu_keys_table_narrow(table);
    }

    for (row = 0; row < table->rows; row++) {
        evolu_keys_table_row(table, table->cells[row],
                             row == 0 ? NULL : table->cells[row - 1]);
    }

    for (row = 0; row < table->rows; row++) {
        for (i = 0; i < table->columns; i++) {
            free(table->cells[row][i]);
        }
    }

    table->rows = 0;
}


/* The last column gives way first, then the first one. */

static void
evolu_keys_table_narrow(evolu_keys_table_t *table)
{
    size_t    taken, left, *first, *last;
    unsigned  i;

    taken = (table->columns - 1) * EVOLU_KEYS_GAP;

    for (i = 1; i + 1 < table->columns; i++) {
        taken += table->width[i];
    }

    first = &table->width[0];
    last = &table->width[table->columns - 1];

    left = table->terminal > taken ? table->terminal - taken : 0;

    if (*first + *last <= left) {
        return;
    }

    if (left < EVOLU_KEYS_INDENT + EVOLU_KEYS_LAST) {
        left = EVOLU_KEYS_INDENT + EVOLU_KEYS_LAST;
    }

    if (*first + EVOLU_KEYS_LAST > left) {
        *first = EVOLU_KEYS_INDENT;
    }

    *last = left - *first;
}


/* The last cell is not filled up; before is NULL for the first row. */

static void
evolu_keys_table_row(evolu_keys_table_t *table, char **row, char **before)
{
    size_t    width, indent;
    unsigned  i;

    indent = 0;

    for (i = 0; i + 1 < table->columns; i++) {
        width = evolu_keys_width(row[i]);

        if (width <= table->width[i]) {
            evolu_keys_table_cell(table, i, row[i]);

        } else {
            if (before == NULL || strcmp(row[i], before[i]) != 0) {
                evolu_keys_table_cell(table, i, row[i]);
                putchar('\n');
            }

            width = 0;
        }

        evolu_keys_table_fill(table->width[i] - width + EVOLU_KEYS_GAP);
        indent += table->width[i] + EVOLU_KEYS_GAP;
    }

    evolu_keys_table_last(table, row, indent);
}


static void
evolu_keys_table_last(evolu_keys_table_t *table, char **row, size_t indent)
{
    char        *part;
    size_t       len;
    unsigned     last;
    const char  *cell;

    last = table->columns - 1;
    cell = row[last];

    while (evolu_keys_width(cell) > table->width[last]) {
        len = evolu_keys_terminal_fit(cell, table->width[last]);
        part = evolu_keys_format("%.*s", (int) len, cell);

        evolu_keys_table_cell(table, last, part);
        putchar('\n');
        evolu_keys_table_fill(indent);

        free(part);
        cell += len;
        cell += strspn(cell, " ");
    }

    evolu_keys_table_cell(table, last, cell);
    putchar('\n');
}


static void
evolu_keys_table_cell(evolu_keys_table_t *table, unsigned column,
    const char *cell)
{
    evolu_keys_terminal_colour(stdout, column == table->coloured
                               ? table->colour(cell) : EVOLU_KEYS_COLOUR_NONE,
                               cell);
}


static void
evolu_keys_table_fill(size_t columns)
{
    printf("%*s", (int) columns, "");
}


void
evolu_keys_table_end(evolu_keys_table_t *table)
{
    evolu_keys_table_flush(table);
    free(table);
}
