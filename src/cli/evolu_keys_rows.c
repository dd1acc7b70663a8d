
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdlib.h>

#include "evolu_keys_print.h"
#include "evolu_keys_rows.h"


#define EVOLU_KEYS_CHUNK  65536


/* names, one after another; they never move */

struct evolu_keys_chunk_s {
    evolu_keys_chunk_t  *next;
    size_t               used;
    unsigned char        data[EVOLU_KEYS_CHUNK];
};


static evolu_bytes_t evolu_keys_rows_copy(evolu_keys_rows_t *rows,
    evolu_bytes_t text);
static int evolu_keys_rows_order(const void *one, const void *two);


evolu_keys_row_t *
evolu_keys_rows_add(evolu_keys_rows_t *rows, const evolu_locator_t *locator,
    evolu_bytes_t id)
{
    evolu_keys_row_t  *row;

    if (rows->n == rows->size) {
        rows->size = rows->size == 0 ? 1024 : rows->size + rows->size / 2;
        rows->rows = evolu_keys_realloc(rows->rows, rows->size
                                        * sizeof(evolu_keys_row_t));
    }

    row = &rows->rows[rows->n++];
    memset(row, 0, sizeof(evolu_keys_row_t));

    row->locator = *locator;
    row->locator.name = evolu_keys_rows_copy(rows, locator->name);
    row->id = evolu_keys_rows_copy(rows, id);
    row->exp = EVOLU_NEVER;

    return row;
}


static evolu_bytes_t
evolu_keys_rows_copy(evolu_keys_rows_t *rows, evolu_bytes_t text)
{
    evolu_bytes_t        copy;
    evolu_keys_chunk_t  *chunk;

    chunk = rows->chunks;

    if (chunk == NULL || EVOLU_KEYS_CHUNK - chunk->used < text.len) {
        chunk = evolu_keys_alloc(sizeof(evolu_keys_chunk_t));
        chunk->next = rows->chunks;
        chunk->used = 0;
        rows->chunks = chunk;
    }

    copy.data = memcpy(chunk->data + chunk->used, text.data, text.len);
    copy.len = text.len;
    chunk->used += text.len;

    return copy;
}


void
evolu_keys_rows_sort(evolu_keys_rows_t *rows)
{
    size_t  i, n;

    n = 0;

    for (i = 0; i < rows->n; i++) {
        if (!rows->rows[i].dropped) {
            rows->rows[n++] = rows->rows[i];
        }
    }

    rows->n = n;
    rows->sorted = n;

    if (n != 0) {
        qsort(rows->rows, n, sizeof(evolu_keys_row_t), evolu_keys_rows_order);
    }
}


static int
evolu_keys_rows_order(const void *one, const void *two)
{
    int                      order;
    const evolu_keys_row_t  *a, *b;

    a = one;
    b = two;

    order = evolu_keys_locator_order(&a->locator, &b->locator);

    if (order == 0) {
        order = evolu_bytes_compare(a->id, b->id);
    }

    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}


int
evolu_keys_locator_order(const evolu_locator_t *a, const evolu_locator_t *b)
{
    if (a->scope != b->scope) {
        return a->scope < b->scope ? -1 : 1;
    }

    if (a->mode != b->mode) {
        return a->mode < b->mode ? -1 : 1;
    }

    return evolu_bytes_compare(a->name, b->name);
}


evolu_keys_row_t *
evolu_keys_rows_find(const evolu_keys_rows_t *rows,
    const evolu_locator_t *locator, size_t *n)
{
    size_t  low, high, middle;

    low = 0;
    high = rows->sorted;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (evolu_keys_locator_order(&rows->rows[middle].locator, locator)
            < 0)
        {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    for (*n = 0; low + *n < rows->sorted; (*n)++) {
        if (evolu_keys_locator_order(&rows->rows[low + *n].locator, locator)
            != 0)
        {
            break;
        }
    }

    return *n == 0 ? NULL : &rows->rows[low];
}


evolu_locator_t *
evolu_keys_rows_locators(const evolu_keys_rows_t *rows, size_t *n)
{
    size_t            i;
    evolu_locator_t  *locators;

    locators = evolu_keys_alloc(rows->n * sizeof(evolu_locator_t));
    *n = 0;

    for (i = 0; i < rows->n; i++) {
        if (*n == 0
            || evolu_keys_locator_order(&locators[*n - 1],
                                        &rows->rows[i].locator)
               != 0)
        {
            locators[(*n)++] = rows->rows[i].locator;
        }
    }

    return locators;
}


void
evolu_keys_rows_free(evolu_keys_rows_t *rows)
{
    evolu_keys_chunk_t  *chunk, *next;

    for (chunk = rows->chunks; chunk != NULL; chunk = next) {
        next = chunk->next;
        free(chunk);
    }

    free(rows->rows);
}
