
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys import: rows into records.  What is there already stays as it is:
 * keys of other ids, and what restricts a key.
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_import.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"


static evolu_keys_status_t evolu_keys_apply_record(
    const evolu_keys_record_t *record, evolu_keys_change_t *change,
    void *data);
static void evolu_keys_apply_gone(const evolu_keys_record_t *record,
    evolu_keys_row_t *row, evolu_keys_change_t *change);
static const char *evolu_keys_apply_rows(evolu_keys_import_t *import,
    const evolu_keys_record_t *record, evolu_keys_row_t *rows, size_t n,
    evolu_keys_change_t *change);
static const char *evolu_keys_apply_row(evolu_keys_import_t *import,
    const evolu_keys_record_t *record, evolu_keys_row_t *row,
    evolu_keys_change_t *change);
static char *evolu_keys_apply_entry(const evolu_field_t *key,
    const evolu_keys_row_t *row, const char *hash);
static unsigned evolu_keys_apply_other(const evolu_keys_record_t *record,
    const evolu_keys_row_t *row, const char *hash);
static unsigned evolu_keys_apply_equal(const evolu_field_t *key,
    const char *hash);
static void evolu_keys_apply_progress(size_t done, void *data);
static void evolu_keys_apply_failures(evolu_keys_import_t *import);


evolu_keys_status_t
evolu_keys_import_apply(evolu_keys_import_t *import)
{
    evolu_locator_t      *locators;
    evolu_keys_batch_t    batch;
    evolu_keys_status_t   status;

    memset(&batch, 0, sizeof(evolu_keys_batch_t));

    locators = evolu_keys_rows_locators(&import->rows, &batch.n);

    batch.locators = locators;
    batch.edit = evolu_keys_apply_record;
    batch.progress = evolu_keys_apply_progress;
    batch.data = import;
    batch.lenient = 1;
    batch.dry = (import->keys->options.given & EVOLU_KEYS_DRY_RUN) != 0;

    evolu_keys_progress_begin(batch.dry ? "comparing" : "writing", batch.n);

    status = batch.n == 0 ? EVOLU_KEYS_DONE
                          : import->store->change(import->store, &batch);

    evolu_keys_progress_end();

    if (status == EVOLU_KEYS_UNREACHABLE && !batch.dry) {
        evolu_keys_say("%zu of %zu records were done before: run the import "
                       "again for the others", import->done, batch.n);
    }

    evolu_keys_apply_failures(import);
    free(locators);

    return status;
}


static void
evolu_keys_apply_progress(size_t done, void *data)
{
    evolu_keys_import_t  *import;

    import = data;
    import->done = done;

    evolu_keys_progress(done);
}


/* The rows remember why: this may be called again for the same record. */

static evolu_keys_status_t
evolu_keys_apply_record(const evolu_keys_record_t *record,
    evolu_keys_change_t *change, void *data)
{
    size_t                i, n;
    const char           *why;
    evolu_keys_row_t     *rows;
    evolu_keys_import_t  *import;

    import = data;

    rows = evolu_keys_rows_find(&import->rows, &record->locator, &n);

    if (rows->gone) {
        evolu_keys_apply_gone(record, rows, change);
        return EVOLU_KEYS_DONE;
    }

    why = evolu_keys_apply_rows(import, record, rows, n, change);

    for (i = 0; i < n && why != NULL; i++) {
        rows[i].outcome = EVOLU_KEYS_ROW_FAILED;
        rows[i].why = why;
    }

    if (why != NULL) {
        evolu_keys_change_reset(change);
    }

    return EVOLU_KEYS_DONE;
}


/* Where import's key was the only one, the record goes with it. */

static void
evolu_keys_apply_gone(const evolu_keys_record_t *record,
    evolu_keys_row_t *row, evolu_keys_change_t *change)
{
    row->outcome = EVOLU_KEYS_ROW_NOTHING;

    if (evolu_keys_record_key(record, row->id) == NULL) {
        return;
    }

    row->outcome = EVOLU_KEYS_ROW_REMOVED;

    if (evolu_keys_record_keys(record) == 1) {
        change->remove = 1;
        return;
    }

    (void) evolu_keys_change_add(change, row->id, NULL);
}


static const char *
evolu_keys_apply_rows(evolu_keys_import_t *import,
    const evolu_keys_record_t *record, evolu_keys_row_t *rows, size_t n,
    evolu_keys_change_t *change)
{
    size_t          i;
    const char     *why;
    evolu_fault_t   fault;

    if (record->wrong_type) {
        return "its key in Redis is no hash: look what it is, and DEL it";
    }

    for (i = 0; i < n; i++) {
        why = evolu_keys_apply_row(import, record, &rows[i], change);

        if (why != NULL) {
            return why;
        }
    }

    if (!record->found && n == 1) {
        return NULL;
    }

    if (evolu_keys_change_empty(change) && n == 1) {
        return NULL;
    }

    fault = evolu_keys_change_fault(record, change,
                                    import->store->peppers);

    return fault == EVOLU_FAULT_NONE ? NULL : evolu_fault_text(fault);
}


/*
 * A token that is a key of another id is let in by that one, as far as it
 * goes: a second key would undo what restricts the first.
 */

static const char *
evolu_keys_apply_row(evolu_keys_import_t *import,
    const evolu_keys_record_t *record, evolu_keys_row_t *row,
    evolu_keys_change_t *change)
{
    char                 *entry;
    char                  hash[EVOLU_KEYS_HASH_SIZE];
    const evolu_field_t  *key;
    evolu_keys_status_t   status;

    row->why = NULL;
    row->outcome = EVOLU_KEYS_ROW_UNCHANGED;

    key = evolu_keys_record_key(record, row->id);
    evolu_keys_entry_hash(row->algorithm, import->store->peppers, row->digest,
                          hash);

    if (key != NULL && evolu_keys_apply_equal(key, hash)
        && row->exp == EVOLU_NEVER)
    {
        return NULL;
    }

    if (evolu_keys_apply_other(record, row, hash)) {

        if (key == NULL) {
            return NULL;
        }

        entry = NULL;

    } else {
        entry = evolu_keys_apply_entry(key, row, hash);

        if (key != NULL
            && evolu_bytes_equal(key->value, evolu_keys_string(entry)))
        {
            free(entry);
            return NULL;
        }
    }

    row->outcome = key == NULL ? EVOLU_KEYS_ROW_CREATED
                               : EVOLU_KEYS_ROW_CHANGED;

    if (change->n == EVOLU_RECORD_KEYS_MAX) {
        free(entry);
        return evolu_fault_text(EVOLU_FAULT_KEYS);
    }

    status = evolu_keys_change_add(change, row->id, entry);
    free(entry);

    return status == EVOLU_KEYS_DONE ? NULL
                                     : evolu_fault_text(EVOLU_FAULT_KEYS);
}


/* The earlier of two times of expiry counts, and one that is void stays so. */

static char *
evolu_keys_apply_entry(const evolu_field_t *key, const evolu_keys_row_t *row,
    const char *hash)
{
    char           *entry, *with_exp;
    char            number[24];
    int64_t         now;
    evolu_bytes_t   exp, text;

    if (key == NULL || !evolu_keys_apply_equal(key, hash)) {
        text = key == NULL ? evolu_literal("") : key->value;
        entry = evolu_keys_entry_set(text, "hash", hash);

    } else {
        entry = evolu_keys_alloc(key->value.len + 1);
        memcpy(entry, key->value.data, key->value.len);
        entry[key->value.len] = '\0';
    }

    if (row->exp == EVOLU_NEVER) {
        return entry;
    }

    text = evolu_keys_string(entry);

    if (evolu_keys_entry_value(text, evolu_literal("exp"), &exp)) {
        snprintf(number, sizeof(number), "%.*s", (int) exp.len,
                 (const char *) exp.data);

        now = strtoll(number, NULL, 10);

        if (now <= row->exp || now >= EVOLU_TIME_LIMIT) {
            return entry;
        }
    }

    with_exp = evolu_keys_entry_expire(text, row->exp);
    free(entry);

    return with_exp;
}


static unsigned
evolu_keys_apply_other(const evolu_keys_record_t *record,
    const evolu_keys_row_t *row, const char *hash)
{
    size_t         i;
    evolu_bytes_t  id;

    for (i = 0; i < record->n; i++) {
        if (evolu_keys_field_id(&record->fields[i], &id)
            && !evolu_bytes_equal(id, row->id)
            && evolu_keys_apply_equal(&record->fields[i], hash))
        {
            return 1;
        }
    }

    return 0;
}


static unsigned
evolu_keys_apply_equal(const evolu_field_t *key, const char *hash)
{
    evolu_bytes_t  now;

    return evolu_keys_entry_value(key->value, evolu_literal("hash"), &now)
           && evolu_bytes_equal(now, evolu_keys_string(hash));
}


static void
evolu_keys_apply_failures(evolu_keys_import_t *import)
{
    size_t             i;
    evolu_bytes_t      text;
    unsigned char      buf[EVOLU_LOCATOR_MAX];
    evolu_keys_row_t  *row;

    text.data = buf;

    for (i = 0; i < import->rows.n; i++) {
        row = &import->rows.rows[i];

        if (row->outcome == EVOLU_KEYS_ROW_FAILED) {
            text.len = evolu_locator_print(&row->locator, buf);
            evolu_keys_import_problem(import, row->line, text, row->why);
        }
    }
}
