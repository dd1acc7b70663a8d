
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys list
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_key.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_table.h"


typedef struct {
    evolu_keys_t        *keys;
    evolu_keys_store_t  *store;
    evolu_keys_table_t  *table;      /* NULL: no row yet */
    size_t               printed;    /* JSON objects */
    unsigned             found;      /* records */
} evolu_keys_list_t;


static evolu_keys_table_t *evolu_keys_list_table(evolu_keys_list_t *list);
static unsigned evolu_keys_list_stores(evolu_keys_list_t *list);
static evolu_keys_status_t evolu_keys_list_store(evolu_keys_list_t *list,
    evolu_keys_store_t *store);
static evolu_keys_status_t evolu_keys_list_locator(evolu_keys_list_t *list,
    evolu_keys_store_t *store, const evolu_locator_t *locator);
static evolu_keys_status_t evolu_keys_list_record(
    const evolu_keys_record_t *record, void *data);
static void evolu_keys_list_key(evolu_keys_list_t *list,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view,
    const evolu_keys_key_t *key);
static void evolu_keys_list_row(evolu_keys_list_t *list,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view,
    const evolu_keys_key_t *key);


static const char *const  evolu_keys_headings[] = {
    "LOCATOR", "ID", "STATUS", "EXPIRES", "ALGORITHM", "ALLOW", NULL
};

static const char *const  evolu_keys_headings_store[] = {
    "LOCATOR", "ID", "STATUS", "EXPIRES", "ALGORITHM", "STORE", "ALLOW", NULL
};


evolu_keys_status_t
evolu_keys_list(evolu_keys_t *keys)
{
    evolu_keys_list_t    list;
    evolu_keys_status_t  status;

    memset(&list, 0, sizeof(evolu_keys_list_t));
    list.keys = keys;

    status = EVOLU_KEYS_DONE;

    if (keys->file != NULL) {
        status = evolu_keys_list_store(&list, keys->file);
    }

    if (keys->redis != NULL && status == EVOLU_KEYS_DONE) {
        status = evolu_keys_list_store(&list, keys->redis);
    }

    if (status == EVOLU_KEYS_DONE && keys->options.nargs == 1
        && list.found == 0)
    {
        status = evolu_keys_not_found(keys->options.args[0], NULL);
    }

    if (keys->options.json) {
        if (status == EVOLU_KEYS_DONE) {
            evolu_keys_json_end(list.printed);
        }

    } else if (list.table != NULL || status == EVOLU_KEYS_DONE) {
        evolu_keys_table_end(evolu_keys_list_table(&list));
    }

    return status;
}


/* Headings appear with the first row, or over none when all went well. */

static evolu_keys_table_t *
evolu_keys_list_table(evolu_keys_list_t *list)
{
    if (list->table == NULL) {
        list->table = evolu_keys_table_begin(evolu_keys_list_stores(list)
                                             ? evolu_keys_headings_store
                                             : evolu_keys_headings,
                                             2, evolu_keys_key_colour);
    }

    return list->table;
}


/* Which store it is is no question where there is one. */

static unsigned
evolu_keys_list_stores(evolu_keys_list_t *list)
{
    return list->keys->file != NULL && list->keys->redis != NULL;
}


static evolu_keys_status_t
evolu_keys_list_store(evolu_keys_list_t *list, evolu_keys_store_t *store)
{
    evolu_locator_t      locator;
    evolu_keys_status_t  status;

    list->store = store;

    if (list->keys->options.nargs == 0) {
        return store->each(store, evolu_keys_list_record, list);
    }

    status = evolu_keys_locator(list->keys, list->keys->options.args[0],
                                &locator);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_list_locator(list, store, &locator);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_list_locator(evolu_keys_list_t *list, evolu_keys_store_t *store,
    const evolu_locator_t *locator)
{
    evolu_keys_record_t  record;
    evolu_keys_status_t  status;

    if (locator->scope == EVOLU_SCOPE_GLOBAL && store == list->keys->redis) {
        return EVOLU_KEYS_DONE;
    }

    status = store->load(store, locator, &record);

    if (status == EVOLU_KEYS_DONE && record.found) {
        status = evolu_keys_list_record(&record, list);
    }

    if (status == EVOLU_KEYS_DONE) {
        store->release(&record);
    }

    return status;
}


/* What is no record at all is a matter of check. */

static evolu_keys_status_t
evolu_keys_list_record(const evolu_keys_record_t *record, void *data)
{
    size_t              i;
    evolu_keys_list_t  *list;
    evolu_keys_view_t   view;

    list = data;

    if (!record->found) {
        return EVOLU_KEYS_DONE;
    }

    list->found++;

    evolu_keys_view(record, list->store->peppers, list->keys->options.now,
                    &view);

    if (view.n == 0) {
        evolu_keys_list_key(list, record, &view, NULL);
    }

    for (i = 0; i < view.n; i++) {
        evolu_keys_list_key(list, record, &view, &view.keys[i]);
    }

    evolu_keys_view_free(&view);

    return EVOLU_KEYS_DONE;
}


/* key is NULL for a record without keys */

static void
evolu_keys_list_key(evolu_keys_list_t *list,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view,
    const evolu_keys_key_t *key)
{
    json_t  *json;

    if (!list->keys->options.json) {
        evolu_keys_list_row(list, record, view, key);
        return;
    }

    json = evolu_keys_key_json(view, key, list->store->peppers);

    json_object_set_new(json, "store", json_string(list->store->name));
    json_object_set_new(json, "locator",
                        evolu_keys_json_text(record->text));

    evolu_keys_json_item(&list->printed, json);
}


static void
evolu_keys_list_row(evolu_keys_list_t *list,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view,
    const evolu_keys_key_t *key)
{
    char                *locator;
    unsigned             n;
    const char          *cells[EVOLU_KEYS_COLUMNS_MAX];
    evolu_keys_cells_t   key_cells;

    locator = evolu_keys_text(record->text);
    evolu_keys_key_cells(view, key, list->store->peppers, &key_cells);

    n = 0;
    cells[n++] = locator;
    cells[n++] = key_cells.id;
    cells[n++] = key_cells.status;
    cells[n++] = key_cells.expires;
    cells[n++] = key_cells.algorithm;

    if (evolu_keys_list_stores(list)) {
        cells[n++] = list->store->name;
    }

    cells[n] = key_cells.allow;

    evolu_keys_table_add(evolu_keys_list_table(list), cells);

    evolu_keys_key_cells_free(&key_cells);
    free(locator);
}
