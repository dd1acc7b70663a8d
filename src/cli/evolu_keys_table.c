
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "evolu_keys_print.h"
#include "evolu_keys_table.h"


static void evolu_keys_table_flush(evolu_keys_table_t *table);


evolu_keys_table_t *
evolu_keys_table_begin(const char *const *headings)
{
    evolu_keys_table_t  *table;

    table = evolu_keys_alloc(sizeof(evolu_keys_table_t));
    memset(table, 0, sizeof(evolu_keys_table_t));

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
        row[i] = evolu_keys_alloc(strlen(cells[i]) + 1);
        strcpy(row[i], cells[i]);

        width = evolu_keys_width(cells[i]);

        if (width > table->width[i]) {
            table->width[i] = width;
        }
    }
}


/* The last column is not filled up. */

static void
evolu_keys_table_flush(evolu_keys_table_t *table)
{
    int        fill;
    char      *cell;
    unsigned   row, i;

    for (row = 0; row < table->rows; row++) {
        for (i = 0; i < table->columns; i++) {
            cell = table->cells[row][i];

            fputs(cell, stdout);

            if (i + 1 < table->columns) {
                fill = (int) (table->width[i] - evolu_keys_width(cell)) + 2;
                printf("%*s", fill, "");
            }

            free(cell);
        }

        putchar('\n');
    }

    table->rows = 0;
}


void
evolu_keys_table_end(evolu_keys_table_t *table)
{
    evolu_keys_table_flush(table);
    free(table);
}
