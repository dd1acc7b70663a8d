
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys import campaigns: hashes that another store holds already, as
 * mode, slug, id, hash and perhaps exp.  The core says what a hash is.
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_import.h"
#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"


/* columns, in this order where no heading names them */

enum {
    EVOLU_KEYS_COLUMN_MODE = 0,
    EVOLU_KEYS_COLUMN_SLUG,
    EVOLU_KEYS_COLUMN_ID,
    EVOLU_KEYS_COLUMN_HASH,
    EVOLU_KEYS_COLUMN_EXP,
    EVOLU_KEYS_COLUMNS
};


static evolu_keys_status_t evolu_keys_campaigns_heading(
    evolu_keys_import_t *import, int *columns);
static void evolu_keys_campaigns_row(evolu_keys_import_t *import,
    const int *columns);
static const char *evolu_keys_campaigns_locator(const evolu_bytes_t *cells,
    evolu_locator_t *locator);
static const char *evolu_keys_campaigns_entry(evolu_keys_import_t *import,
    const evolu_bytes_t *cells, evolu_entry_t *entry);
static unsigned evolu_keys_campaigns_word(evolu_bytes_t text);
static void evolu_keys_campaigns_conflicts(evolu_keys_import_t *import);


static const char *const  evolu_keys_campaigns_names[EVOLU_KEYS_COLUMNS] = {
    "mode", "slug", "id", "hash", "exp"
};


evolu_keys_status_t
evolu_keys_import_campaigns(evolu_keys_import_t *import)
{
    int                  columns[EVOLU_KEYS_COLUMNS];
    evolu_keys_status_t  status;

    status = evolu_keys_import_row(import);

    if (status == EVOLU_KEYS_DONE && import->more) {
        status = evolu_keys_campaigns_heading(import, columns);
    }

    while (status == EVOLU_KEYS_DONE && import->more) {
        evolu_keys_progress(++import->read);
        evolu_keys_campaigns_row(import, columns);
        status = evolu_keys_import_row(import);
    }

    if (status == EVOLU_KEYS_DONE) {
        evolu_keys_rows_sort(&import->rows);
        evolu_keys_campaigns_conflicts(import);
        evolu_keys_rows_sort(&import->rows);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_campaigns_heading(evolu_keys_import_t *import, int *columns)
{
    int  i;

    import->named = 1;

    for (i = 0; i < EVOLU_KEYS_COLUMNS; i++) {
        columns[i] = evolu_keys_csv_column(import->csv,
                                           evolu_keys_campaigns_names[i]);

        if (columns[i] == -1 && i != EVOLU_KEYS_COLUMN_EXP) {
            import->named = 0;
        }
    }

    if (import->named) {
        return evolu_keys_import_row(import);
    }

    for (i = 0; i < EVOLU_KEYS_COLUMNS; i++) {
        columns[i] = i;
    }

    if (import->csv->n == EVOLU_KEYS_COLUMNS - 1) {
        columns[EVOLU_KEYS_COLUMN_EXP] = -1;

    } else if (import->csv->n != EVOLU_KEYS_COLUMNS) {
        evolu_keys_say("expected four or five columns on standard input, "
                       "mode, slug, id, hash and perhaps exp; or a heading "
                       "that says which they are");
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}


static void
evolu_keys_campaigns_row(evolu_keys_import_t *import, const int *columns)
{
    int                    i;
    const char            *why;
    evolu_bytes_t          text, cells[EVOLU_KEYS_COLUMNS];
    unsigned char          buf[EVOLU_LOCATOR_MAX];
    evolu_entry_t          entry;
    evolu_locator_t        locator;
    evolu_keys_row_t      *row;

    for (i = 0; i < EVOLU_KEYS_COLUMNS; i++) {
        cells[i] = columns[i] == -1 ? evolu_literal("")
                                    : import->csv->fields[columns[i]];
    }

    text = cells[EVOLU_KEYS_COLUMN_SLUG];
    why = evolu_keys_campaigns_locator(cells, &locator);

    if (why == NULL) {
        text.data = buf;
        text.len = evolu_locator_print(&locator, buf);
        why = evolu_keys_campaigns_entry(import, cells, &entry);
    }

    if (why != NULL) {
        evolu_keys_import_unusable(import, import->csv->line, text, why);
        return;
    }

    row = evolu_keys_rows_add(&import->rows, &locator,
                              cells[EVOLU_KEYS_COLUMN_ID]);
    row->line = import->csv->line;
    row->exp = entry.exp;
    row->algorithm = entry.algorithm;
    memcpy(row->digest, entry.digest, EVOLU_DIGEST_SIZE);
}


static const char *
evolu_keys_campaigns_locator(const evolu_bytes_t *cells,
    evolu_locator_t *locator)
{
    memset(locator, 0, sizeof(evolu_locator_t));

    locator->scope = EVOLU_SCOPE_CAMPAIGN;
    locator->name = cells[EVOLU_KEYS_COLUMN_SLUG];
    locator->mode = (evolu_mode_t)
                    evolu_mode_parse(cells[EVOLU_KEYS_COLUMN_MODE]);

    if (!evolu_credential_slug_valid(locator->name)) {
        return "its slug is not 1 to 64 of A-Z a-z 0-9 -";
    }

    if (locator->mode == 0) {
        return "its mode is neither live nor test";
    }

    return NULL;
}


/* What is read as an entry must be one word in each of its values. */

static const char *
evolu_keys_campaigns_entry(evolu_keys_import_t *import,
    const evolu_bytes_t *cells, evolu_entry_t *entry)
{
    int            n;
    char           buf[512];
    evolu_cidr_t   cidrs[EVOLU_ENTRY_CIDRS_MAX];
    evolu_bytes_t  hash, exp, text;
    evolu_fault_t  fault;

    hash = cells[EVOLU_KEYS_COLUMN_HASH];
    exp = cells[EVOLU_KEYS_COLUMN_EXP];

    if (!evolu_key_id_valid(cells[EVOLU_KEYS_COLUMN_ID])) {
        return evolu_fault_text(EVOLU_FAULT_KEY_ID);
    }

    if (hash.len == 0 || !evolu_keys_campaigns_word(hash)) {
        return evolu_fault_text(EVOLU_FAULT_HASH);
    }

    if (!evolu_keys_campaigns_word(exp)) {
        return evolu_fault_text(EVOLU_FAULT_TIME);
    }

    n = snprintf(buf, sizeof(buf), "hash=%.*s%s%.*s", (int) hash.len,
                 (const char *) hash.data, exp.len == 0 ? "" : " exp=",
                 (int) exp.len, (const char *) exp.data);

    text.data = (const unsigned char *) buf;
    text.len = (size_t) n;

    fault = evolu_entry_decode(text, EVOLU_SCOPE_CAMPAIGN,
                               import->keys->peppers, entry, cidrs);

    return fault == EVOLU_FAULT_NONE ? NULL : evolu_fault_text(fault);
}


static unsigned
evolu_keys_campaigns_word(evolu_bytes_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] >= 0x7F) {
            return 0;
        }
    }

    return text.len <= 200;
}


/* One id of one campaign is one key. */

static void
evolu_keys_campaigns_conflicts(evolu_keys_import_t *import)
{
    size_t             i;
    unsigned           same;
    evolu_bytes_t      text;
    unsigned char      buf[EVOLU_LOCATOR_MAX];
    evolu_keys_row_t  *row, *first;

    first = import->rows.rows;
    text.data = buf;

    for (i = 1; i < import->rows.n; i++) {
        row = &import->rows.rows[i];

        if (evolu_keys_locator_order(&first->locator, &row->locator) != 0
            || !evolu_bytes_equal(first->id, row->id))
        {
            first = row;
            continue;
        }

        row->dropped = 1;

        same = evolu_digest_equal(first->digest, row->digest)
               && first->exp == row->exp
               && memcmp(&first->algorithm, &row->algorithm,
                         sizeof(evolu_algorithm_t)) == 0;

        if (same) {
            import->repeated++;
            continue;
        }

        first->dropped = 1;
        text.len = evolu_locator_print(&row->locator, buf);
        evolu_keys_import_unusable(import, row->line, text,
                                   "its id is there already, with another "
                                   "hash or exp");
    }
}
