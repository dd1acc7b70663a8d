
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <sodium.h>
#include <strings.h>

#include "evolu_keys_csv.h"


/* what is read where the input ends, or cannot be read */
#define EVOLU_KEYS_CSV_END    -1
#define EVOLU_KEYS_CSV_ERROR  -2


static int evolu_keys_csv_peek(evolu_keys_csv_t *csv);
static int evolu_keys_csv_fill(evolu_keys_csv_t *csv);
static int evolu_keys_csv_line_end(evolu_keys_csv_t *csv);
static const char *evolu_keys_csv_fields(evolu_keys_csv_t *csv);
static const char *evolu_keys_csv_quoted(evolu_keys_csv_t *csv);
static const char *evolu_keys_csv_plain(evolu_keys_csv_t *csv);
static void evolu_keys_csv_put(evolu_keys_csv_t *csv, int c);


void
evolu_keys_csv_begin(evolu_keys_csv_t *csv, evolu_keys_csv_read_pt read,
    void *data)
{
    size_t  len;

    csv->read = read;
    csv->data = data;
    csv->pos = 0;
    csv->len = 0;
    csv->number = 1;
    csv->failed = 0;
    csv->n = 0;

    do {
        len = csv->len;
        (void) evolu_keys_csv_fill(csv);
    } while (csv->len < 3 && csv->len > len);

    if (csv->len >= 3 && memcmp(csv->input, "\xEF\xBB\xBF", 3) == 0) {
        csv->pos = 3;
    }
}


void
evolu_keys_csv_end(evolu_keys_csv_t *csv)
{
    sodium_memzero(csv, sizeof(evolu_keys_csv_t));
}


int
evolu_keys_csv_row(evolu_keys_csv_t *csv, const char **error)
{
    int       c;
    unsigned  first;

    first = csv->n;

    while (evolu_keys_csv_line_end(csv)) {
        continue;
    }

    csv->line = csv->number;
    csv->cut = 0;

    c = evolu_keys_csv_peek(csv);

    if (c == EVOLU_KEYS_CSV_END && !csv->failed) {
        return 0;
    }

    csv->n = 0;
    *error = evolu_keys_csv_fields(csv);

    if (csv->failed) {
        *error = NULL;
        return -1;
    }

    if (*error == NULL && first != 0 && csv->n != first) {
        *error = "not as many columns as the first line has";
    }

    return *error == NULL ? 1 : -1;
}


static const char *
evolu_keys_csv_fields(evolu_keys_csv_t *csv)
{
    int          c;
    const char  *error;

    do {
        if (csv->n == EVOLU_KEYS_CSV_COLUMNS) {
            return "more than 32 columns";
        }

        csv->fields[csv->n].data = csv->text[csv->n];
        csv->fields[csv->n].len = 0;

        error = evolu_keys_csv_peek(csv) == '"' ? evolu_keys_csv_quoted(csv)
                                                : evolu_keys_csv_plain(csv);

        if (error != NULL) {
            return error;
        }

        csv->n++;

        if (evolu_keys_csv_line_end(csv)) {
            return NULL;
        }

        c = evolu_keys_csv_peek(csv);

        if (c == ',') {
            csv->pos++;

        } else if (c >= 0) {
            return "text after a closing quote";
        }

    } while (c == ',');

    return NULL;
}


static const char *
evolu_keys_csv_quoted(evolu_keys_csv_t *csv)
{
    int  c;

    csv->pos++;

    for ( ;; ) {
        c = evolu_keys_csv_peek(csv);

        if (c < 0) {
            return "a quote is not closed";
        }

        csv->pos++;
        csv->number += (c == '\n');

        if (c == '"') {
            if (evolu_keys_csv_peek(csv) != '"') {
                return NULL;
            }

            csv->pos++;
        }

        evolu_keys_csv_put(csv, c);
    }
}


/* A carriage return that no newline follows is part of the field. */

static const char *
evolu_keys_csv_plain(evolu_keys_csv_t *csv)
{
    int  c;

    for ( ;; ) {
        c = evolu_keys_csv_peek(csv);

        if (c < 0 || c == ',' || c == '\n') {
            return NULL;
        }

        if (c == '"') {
            return "a quote inside a field without quotes";
        }

        if (c == '\r') {
            if (csv->len - csv->pos < 2) {
                (void) evolu_keys_csv_fill(csv);
            }

            if (csv->len - csv->pos >= 2 && csv->input[csv->pos + 1] == '\n') {
                return NULL;
            }
        }

        csv->pos++;
        evolu_keys_csv_put(csv, c);
    }
}


static void
evolu_keys_csv_put(evolu_keys_csv_t *csv, int c)
{
    evolu_bytes_t  *field;

    field = &csv->fields[csv->n];

    if (field->len == EVOLU_KEYS_CSV_FIELD) {
        csv->cut |= 1u << csv->n;
        return;
    }

    csv->text[csv->n][field->len++] = (unsigned char) c;
}


/* Passes over a newline, with or without a carriage return before it. */

static int
evolu_keys_csv_line_end(evolu_keys_csv_t *csv)
{
    if (evolu_keys_csv_peek(csv) == '\r') {
        if (csv->len - csv->pos < 2) {
            (void) evolu_keys_csv_fill(csv);
        }

        if (csv->len - csv->pos < 2 || csv->input[csv->pos + 1] != '\n') {
            return 0;
        }

        csv->pos++;
    }

    if (evolu_keys_csv_peek(csv) != '\n') {
        return 0;
    }

    csv->pos++;
    csv->number++;

    return 1;
}


static int
evolu_keys_csv_peek(evolu_keys_csv_t *csv)
{
    if (csv->pos < csv->len) {
        return csv->input[csv->pos];
    }

    return evolu_keys_csv_fill(csv);
}


/* Keeps what was not read yet; the next byte, or what ended the input */

static int
evolu_keys_csv_fill(evolu_keys_csv_t *csv)
{
    ssize_t  n;

    csv->len -= csv->pos;
    memmove(csv->input, csv->input + csv->pos, csv->len);
    csv->pos = 0;

    do {
        n = csv->read(csv->data, csv->input + csv->len,
                      EVOLU_KEYS_CSV_BUFFER - csv->len);
    } while (n == -1 && errno == EINTR);

    if (n > 0) {
        csv->len += (size_t) n;
    }

    csv->failed |= n == -1;

    if (csv->len != 0) {
        return csv->input[0];
    }

    return n == 0 ? EVOLU_KEYS_CSV_END : EVOLU_KEYS_CSV_ERROR;
}


int
evolu_keys_csv_column(const evolu_keys_csv_t *csv, const char *heading)
{
    size_t    len;
    unsigned  i;

    len = strlen(heading);

    for (i = 0; i < csv->n; i++) {
        if (csv->fields[i].len == len
            && strncasecmp((const char *) csv->fields[i].data, heading, len)
               == 0)
        {
            return (int) i;
        }
    }

    return -1;
}
