
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys check: everything in the stores that an edge would not take.
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_input.h"
#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"
#include "evolu_keys_view.h"


typedef struct {
    evolu_keys_t        *keys;
    evolu_keys_store_t  *store;
    size_t               records;
    size_t               problems;
} evolu_keys_check_t;


static evolu_keys_status_t evolu_keys_check_store(evolu_keys_check_t *check,
    evolu_keys_store_t *store);
static evolu_keys_status_t evolu_keys_check_one(
    const evolu_keys_record_t *record, void *data);
static void evolu_keys_check_keys(evolu_keys_check_t *check,
    const evolu_keys_record_t *record);
static void evolu_keys_check_samples(evolu_keys_check_t *check,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view);
static evolu_keys_status_t evolu_keys_check_shadow(
    const evolu_keys_record_t *record, void *data);
static void evolu_keys_check_problem(void *data,
    const evolu_keys_store_t *store, evolu_bytes_t locator, evolu_bytes_t id,
    const char *text);
static json_t *evolu_keys_check_json(const evolu_keys_store_t *store,
    evolu_bytes_t locator, evolu_bytes_t id, const char *text);


static const evolu_bytes_t  evolu_keys_record_itself = { NULL, 0 };


evolu_keys_status_t
evolu_keys_check(evolu_keys_t *keys)
{
    evolu_keys_check_t   check;
    evolu_keys_status_t  status;

    memset(&check, 0, sizeof(evolu_keys_check_t));
    check.keys = keys;

    status = EVOLU_KEYS_DONE;

    if (keys->file != NULL) {
        status = evolu_keys_check_store(&check, keys->file);
    }

    if (keys->redis != NULL && status == EVOLU_KEYS_DONE) {
        status = evolu_keys_check_store(&check, keys->redis);
    }

    if (keys->file != NULL && keys->redis != NULL
        && status == EVOLU_KEYS_DONE)
    {
        check.store = keys->redis;
        status = keys->file->each(keys->file, evolu_keys_check_shadow,
                                  &check);
    }

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    if (keys->options.json) {
        evolu_keys_json_end(check.problems);
    }

    evolu_keys_say("%zu record%s, %zu problem%s", check.records,
                   check.records == 1 ? "" : "s", check.problems,
                   check.problems == 1 ? "" : "s");

    return check.problems == 0 ? EVOLU_KEYS_DONE : EVOLU_KEYS_REFUSED;
}


static evolu_keys_status_t
evolu_keys_check_store(evolu_keys_check_t *check, evolu_keys_store_t *store)
{
    evolu_keys_status_t  status;

    check->store = store;
    store->lenient = 1;

    status = store->check(store, evolu_keys_check_problem, check);

    if (status == EVOLU_KEYS_DONE) {
        evolu_keys_progress_begin("checking records:", 0);
        status = store->each(store, evolu_keys_check_one, check);
        evolu_keys_progress_end();
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_check_one(const evolu_keys_record_t *record, void *data)
{
    evolu_keys_check_t  *check;

    check = data;
    check->records += record->found;

    evolu_keys_progress(check->records);

    if (!record->found && record->locator.scope == EVOLU_SCOPE_GLOBAL) {
        evolu_keys_check_problem(check, check->store, record->text,
                                 evolu_keys_record_itself,
                                 "global keys are refused anywhere but in "
                                 "the key file");

    } else if (!record->found) {
        evolu_keys_check_problem(check, check->store, record->text,
                                 evolu_keys_record_itself,
                                 "neither instance:NAME nor "
                                 "campaign:MODE:SLUG, so it is never read");

    } else if (record->wrong_type) {
        evolu_keys_check_problem(check, check->store, record->text,
                                 evolu_keys_record_itself, "not a hash");

    } else {
        evolu_keys_check_keys(check, record);
    }

    return EVOLU_KEYS_DONE;
}


static void
evolu_keys_check_keys(evolu_keys_check_t *check,
    const evolu_keys_record_t *record)
{
    size_t             i;
    evolu_keys_view_t  view;

    evolu_keys_view(record, check->store->peppers, check->keys->options.now,
                    &view);

    if (view.record == NULL) {
        evolu_keys_check_problem(check, check->store, record->text,
                                 evolu_keys_record_itself,
                                 evolu_fault_text(view.report.fault));

    } else {
        for (i = 0; i < view.n; i++) {
            if (view.keys[i].entry == NULL) {
                evolu_keys_check_problem(check, check->store, record->text,
                                         view.keys[i].id,
                                 evolu_fault_text(view.keys[i].fault));
            }
        }

        if (record->locator.scope == EVOLU_SCOPE_GLOBAL) {
            evolu_keys_check_samples(check, record, &view);
        }
    }

    evolu_keys_view_free(&view);
}


static void
evolu_keys_check_samples(evolu_keys_check_t *check,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view)
{
    unsigned              i, sample;
    uint64_t              matched;
    evolu_bytes_t         id;
    evolu_digests_t       digests;
    const evolu_entry_t  *e;

    matched = 0;

    for (sample = 0; sample < EVOLU_KEYS_SAMPLES; sample++) {
        memset(&digests, 0, sizeof(evolu_digests_t));
        digests.text = evolu_keys_samples[sample];

        matched |= evolu_record_match(view->record, &digests,
                                      check->store->peppers);
        evolu_digests_wipe(&digests);
    }

    e = evolu_record_entries(view->record);

    for (i = 0; i < view->record->nentries; i++) {
        if (matched & ((uint64_t) 1 << i)) {
            id.data = e[i].id;
            id.len = e[i].id_len;

            evolu_keys_check_problem(check, check->store, record->text, id,
                                     "a sample key that everybody can read "
                                     "in the documentation of Evolution API");
        }
    }
}


static evolu_keys_status_t
evolu_keys_check_shadow(const evolu_keys_record_t *record, void *data)
{
    evolu_keys_check_t   *check;
    evolu_keys_record_t   shadowed;
    evolu_keys_status_t   status;

    check = data;

    if (record->locator.scope == EVOLU_SCOPE_GLOBAL) {
        return EVOLU_KEYS_DONE;
    }

    status = check->store->load(check->store, &record->locator, &shadowed);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    if (shadowed.found) {
        evolu_keys_check_problem(check, check->store, record->text,
                                 evolu_keys_record_itself,
                                 "never read, for the key file has a record "
                                 "of the same name");
    }

    check->store->release(&shadowed);

    return EVOLU_KEYS_DONE;
}


static void
evolu_keys_check_problem(void *data, const evolu_keys_store_t *store,
    evolu_bytes_t locator, evolu_bytes_t id, const char *text)
{
    char                *where, *key, *line;
    evolu_keys_check_t  *check;

    check = data;

    if (check->keys->options.json) {
        evolu_keys_json_item(&check->problems,
                        evolu_keys_check_json(store, locator, id, text));
        return;
    }

    check->problems++;

    where = evolu_keys_text(locator);
    key = evolu_keys_text(id);

    line = evolu_keys_format("%s %s%s%s: %s", store->name, where,
                             id.len == 0 ? "" : " ", key, text);

    evolu_keys_progress_hide();
    evolu_keys_terminal_wrap(stdout, 0, 4, line);

    free(where);
    free(key);
    free(line);
}


static json_t *
evolu_keys_check_json(const evolu_keys_store_t *store, evolu_bytes_t locator,
    evolu_bytes_t id, const char *text)
{
    json_t  *json;

    json = json_object();

    json_object_set_new(json, "store", json_string(store->name));
    json_object_set_new(json, "locator", evolu_keys_json_text(locator));
    json_object_set_new(json, "key_id", id.len == 0
                        ? json_null() : evolu_keys_json_text(id));
    json_object_set_new(json, "problem", json_string(text));

    return json;
}
