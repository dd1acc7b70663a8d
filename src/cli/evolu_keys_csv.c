
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "evolu_keys_csv.h"
#include "evolu_keys_print.h"


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


evolu_keys_csv_t *
evolu_keys_csv_create(void)
{
    size_t             len;
    evolu_keys_csv_t  *csv;

    csv = evolu_keys_alloc(sizeof(evolu_keys_csv_t));

    csv->pos = 0;
    csv->len = 0;
    csv->number = 1;
    csv->n = 0;

    do {
        len = csv->len;
        (void) evolu_keys_csv_fill(csv);
    } while (csv->len < 3 && csv->len > len);

    if (csv->len >= 3 && memcmp(csv->data, "\xEF\xBB\xBF", 3) == 0) {
        csv->pos = 3;
    }

    return csv;
}


void
evolu_keys_csv_destroy(evolu_keys_csv_t *csv)
{
    sodium_memzero(csv, sizeof(evolu_keys_csv_t));
    free(csv);
}


evolu_keys_status_t
evolu_keys_csv_row(evolu_keys_csv_t *csv)
{
    unsigned     first;
    const char  *error;

    first = csv->n;
    csv->more = 0;

    while (evolu_keys_csv_line_end(csv)) {
        continue;
    }

    if (evolu_keys_csv_peek(csv) == EVOLU_KEYS_CSV_END) {
        return EVOLU_KEYS_DONE;
    }

    csv->more = 1;
    csv->line = csv->number;
    csv->n = 0;
    csv->cut = 0;

    error = evolu_keys_csv_fields(csv);

    if (error == NULL && first != 0 && csv->n != first) {
        error = "not as many columns as the first line has";
    }

    if (evolu_keys_csv_peek(csv) == EVOLU_KEYS_CSV_ERROR) {
        evolu_keys_say("cannot read standard input: %s", strerror(errno));
        return EVOLU_KEYS_REFUSED;
    }

    if (error != NULL) {
        evolu_keys_say("line %zu of standard input is no CSV: %s; nothing "
                       "was written", csv->line, error);
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
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

            if (csv->len - csv->pos >= 2 && csv->data[csv->pos + 1] == '\n') {
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

        if (csv->len - csv->pos < 2 || csv->data[csv->pos + 1] != '\n') {
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
        return csv->data[csv->pos];
    }

    return evolu_keys_csv_fill(csv);
}


/* Keeps what was not read yet; the next byte, or what ended the input */

static int
evolu_keys_csv_fill(evolu_keys_csv_t *csv)
{
    ssize_t  n;

    csv->len -= csv->pos;
    memmove(csv->data, csv->data + csv->pos, csv->len);
    csv->pos = 0;

    do {
        n = read(STDIN_FILENO, csv->data + csv->len,
                 EVOLU_KEYS_CSV_BUFFER - csv->len);
    } while (n == -1 && errno == EINTR);

    if (n > 0) {
        csv->len += (size_t) n;
    }

    if (csv->len != 0) {
        return csv->data[0];
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
