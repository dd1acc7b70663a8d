
/*
 * Copyright (C) Evolu Auth Authors
 *
 * CSV as evolu-keys import reads it.  Input: a byte that says how much is read
 * at a time, and the text.
 */


#include <stdlib.h>

#include "cli/evolu_keys_csv.h"


#define check(e)  do { if (!(e)) { abort(); } } while (0)

#define ROWS  4096


typedef struct {
    const unsigned char  *data;
    size_t                size;
    size_t                chunk;     /* bytes of one read at most */
} input_t;


/* what a row came to; the sum is of its fields */

typedef struct {
    int                   rc;
    size_t                line;
    unsigned              n;
    unsigned              cut;
    size_t                sum;
} row_t;


static size_t parse(const unsigned char *data, size_t size, size_t chunk,
    row_t *rows, unsigned char **again, size_t *again_size);
static void note(const evolu_keys_csv_t *csv, row_t *row);
static void check_row(const evolu_keys_csv_t *csv, const row_t *before);
static void quote(const evolu_keys_csv_t *csv, unsigned char **out,
    size_t *size);
static void put(unsigned char c, unsigned char **out, size_t *size);
static ssize_t read_input(void *data, unsigned char *buf, size_t size);


static row_t              first[ROWS], second[ROWS];
static evolu_keys_csv_t   csv_state;


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t          i, n, m, again_size;
    unsigned char  *again;

    if (size < 1) {
        return 0;
    }

    again = NULL;
    again_size = 0;

    n = parse(data + 1, size - 1, size, first, &again, &again_size);

    /* how the input comes is no matter */

    m = parse(data + 1, size - 1, 1 + data[0] % 8, second, NULL, NULL);

    check(n == m);

    for (i = 0; i < n; i++) {
        check(first[i].rc == second[i].rc && first[i].line == second[i].line
              && first[i].n == second[i].n && first[i].cut == second[i].cut
              && first[i].sum == second[i].sum);
    }

    /* with quotes around every field it says the same */

    if (n != 0 && first[n - 1].rc == 0) {
        m = parse(again, again_size, 8192, second, NULL, NULL);

        check(n == m);

        for (i = 0; i < n; i++) {
            check(first[i].rc == second[i].rc && first[i].n == second[i].n
                  && first[i].sum == second[i].sum);
        }
    }

    free(again);

    return 0;
}


/* The number of rows, the last of which is the end or an error */

static size_t
parse(const unsigned char *data, size_t size, size_t chunk, row_t *rows,
    unsigned char **again, size_t *again_size)
{
    size_t       n;
    input_t      input;
    const char  *error;

    input.data = data;
    input.size = size;
    input.chunk = chunk;

    evolu_keys_csv_begin(&csv_state, read_input, &input);

    for (n = 0; n < ROWS; n++) {
        rows[n].rc = evolu_keys_csv_row(&csv_state, &error);

        if (rows[n].rc != 1) {
            check(rows[n].rc == 0 || (rows[n].rc == -1 && error != NULL));

            rows[n].n = 0;
            rows[n].cut = 0;
            rows[n].sum = 0;
            rows[n++].line = csv_state.line;
            break;
        }

        note(&csv_state, &rows[n]);
        check_row(&csv_state, n == 0 ? NULL : &rows[n - 1]);

        if (again != NULL) {
            quote(&csv_state, again, again_size);
        }
    }

    return n;
}


static void
note(const evolu_keys_csv_t *csv, row_t *row)
{
    size_t    i, sum;
    unsigned  field;

    sum = 0;

    for (field = 0; field < csv->n; field++) {
        sum = sum * 31 + csv->fields[field].len;

        for (i = 0; i < csv->fields[field].len; i++) {
            sum = sum * 31 + csv->fields[field].data[i];
        }
    }

    row->line = csv->line;
    row->n = csv->n;
    row->cut = csv->cut;
    row->sum = sum;
}


static void
check_row(const evolu_keys_csv_t *csv, const row_t *before)
{
    unsigned  i;

    check(csv->n >= 1 && csv->n <= EVOLU_KEYS_CSV_COLUMNS);

    if (before != NULL) {
        check(csv->n == before->n && csv->line > before->line);
    }

    for (i = 0; i < csv->n; i++) {
        check(csv->fields[i].data == csv->text[i]);
        check(csv->fields[i].len <= EVOLU_KEYS_CSV_FIELD);

        if (csv->cut & (1u << i)) {
            check(csv->fields[i].len == EVOLU_KEYS_CSV_FIELD);
        }
    }

    check(evolu_keys_csv_column(csv, "name") < (int) csv->n);
}


static void
quote(const evolu_keys_csv_t *csv, unsigned char **out, size_t *size)
{
    size_t    i;
    unsigned  field;

    for (field = 0; field < csv->n; field++) {
        if (field != 0) {
            put(',', out, size);
        }

        put('"', out, size);

        for (i = 0; i < csv->fields[field].len; i++) {
            if (csv->fields[field].data[i] == '"') {
                put('"', out, size);
            }

            put(csv->fields[field].data[i], out, size);
        }

        put('"', out, size);
    }

    put('\n', out, size);
}


static void
put(unsigned char c, unsigned char **out, size_t *size)
{
    if (*size % 4096 == 0) {
        *out = realloc(*out, *size + 4096);
        check(*out != NULL);
    }

    (*out)[(*size)++] = c;
}


static ssize_t
read_input(void *data, unsigned char *buf, size_t size)
{
    input_t  *input;

    input = data;

    if (size > input->chunk) {
        size = input->chunk;
    }

    if (size > input->size) {
        size = input->size;
    }

    if (size == 0) {
        return 0;
    }

    memcpy(buf, input->data, size);
    input->data += size;
    input->size -= size;

    return (ssize_t) size;
}
