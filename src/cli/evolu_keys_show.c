
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys show
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_key.h"
#include "evolu_keys_table.h"


static evolu_keys_status_t evolu_keys_show_record(evolu_keys_t *keys,
    evolu_keys_store_t *store, const evolu_keys_record_t *record);
static void evolu_keys_show_text(evolu_keys_store_t *store,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view);
static void evolu_keys_show_keys(evolu_keys_store_t *store,
    const evolu_keys_view_t *view);
static evolu_keys_status_t evolu_keys_show_json(evolu_keys_store_t *store,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view);
static const char *evolu_keys_show_status(const evolu_keys_view_t *view);


static const char *const  evolu_keys_show_headings[] = {
    "ID", "STATUS", "NOT BEFORE", "EXPIRES", "ALGORITHM", "ALLOW", NULL
};


/* The file comes first, as at the edge. */

evolu_keys_status_t
evolu_keys_show(evolu_keys_t *keys)
{
    unsigned              i, found;
    evolu_locator_t       locator;
    evolu_keys_store_t   *stores[2];
    evolu_keys_record_t   record;
    evolu_keys_status_t   status;

    status = evolu_keys_locator(keys, keys->options.args[0], &locator);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    stores[0] = keys->file;
    stores[1] = locator.scope == EVOLU_SCOPE_GLOBAL ? NULL : keys->redis;

    for (i = 0; i < 2; i++) {

        if (stores[i] == NULL) {
            continue;
        }

        status = stores[i]->load(stores[i], &locator, &record);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }

        found = record.found;

        if (found) {
            status = evolu_keys_show_record(keys, stores[i], &record);
        }

        stores[i]->release(&record);

        if (found) {
            return status;
        }
    }

    return evolu_keys_not_found(keys->options.args[0], NULL);
}


static evolu_keys_status_t
evolu_keys_show_record(evolu_keys_t *keys, evolu_keys_store_t *store,
    const evolu_keys_record_t *record)
{
    evolu_keys_view_t    view;
    evolu_keys_status_t  status;

    evolu_keys_view(record, store->peppers, keys->options.now, &view);

    status = EVOLU_KEYS_DONE;

    if (keys->options.json) {
        status = evolu_keys_show_json(store, record, &view);

    } else {
        evolu_keys_show_text(store, record, &view);
    }

    evolu_keys_view_free(&view);

    return status;
}


static void
evolu_keys_show_text(evolu_keys_store_t *store,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view)
{
    char           *text;
    evolu_bytes_t   instance;

    text = evolu_keys_text(record->text);
    printf("locator   %s\n", text);
    free(text);

    printf("store     %s\n", store->name);
    printf("status    ");
    evolu_keys_terminal_colour(stdout,
                       evolu_keys_key_colour(evolu_keys_show_status(view)),
                       evolu_keys_show_status(view));

    if (view->record == NULL) {
        printf("\nfault     ");
        evolu_keys_terminal_wrap(stdout, 10, 10,
                                 evolu_fault_text(view->report.fault));

    } else {
        instance = evolu_record_instance(view->record);

        if (instance.len != 0) {
            text = evolu_keys_text(instance);
            printf("\ninstance  %s", text);
            free(text);
        }

        printf("\nlivemode  %s\n",
               view->record->flags & EVOLU_RECORD_LIVEMODE ? "true"
                                                           : "false");
    }

    if (view->n != 0) {
        putchar('\n');
        evolu_keys_show_keys(store, view);
    }
}


static void
evolu_keys_show_keys(evolu_keys_store_t *store,
    const evolu_keys_view_t *view)
{
    size_t               i;
    const char          *row[EVOLU_KEYS_COLUMNS_MAX];
    evolu_keys_cells_t   cells;
    evolu_keys_table_t  *table;

    table = evolu_keys_table_begin(evolu_keys_show_headings, 1,
                                   evolu_keys_key_colour);

    for (i = 0; i < view->n; i++) {
        evolu_keys_key_cells(view, &view->keys[i], store->peppers, &cells);

        row[0] = cells.id;
        row[1] = cells.status;
        row[2] = cells.not_before;
        row[3] = cells.expires;
        row[4] = cells.algorithm;
        row[5] = cells.allow;

        evolu_keys_table_add(table, row);
        evolu_keys_key_cells_free(&cells);
    }

    evolu_keys_table_end(table);
}


static evolu_keys_status_t
evolu_keys_show_json(evolu_keys_store_t *store,
    const evolu_keys_record_t *record, const evolu_keys_view_t *view)
{
    json_t         *json, *list;
    size_t          i;
    evolu_bytes_t   instance;

    json = json_object();
    list = json_array();

    for (i = 0; i < view->n; i++) {
        json_array_append_new(list, evolu_keys_key_json(view, &view->keys[i],
                                                        store->peppers));
    }

    json_object_set_new(json, "store", json_string(store->name));
    json_object_set_new(json, "locator", evolu_keys_json_text(record->text));
    json_object_set_new(json, "status",
                        json_string(evolu_keys_show_status(view)));
    json_object_set_new(json, "fault", view->record != NULL ? json_null()
                        : json_string(evolu_fault_text(view->report.fault)));

    if (view->record != NULL) {
        instance = evolu_record_instance(view->record);

        json_object_set_new(json, "instance", instance.len == 0
                            ? json_null() : evolu_keys_json_text(instance));
        json_object_set_new(json, "livemode",
                json_boolean(view->record->flags & EVOLU_RECORD_LIVEMODE));
    }

    json_object_set_new(json, "keys", list);

    return evolu_keys_json_print(json);
}


static const char *
evolu_keys_show_status(const evolu_keys_view_t *view)
{
    if (view->record == NULL) {
        return "void";
    }

    return view->record->flags & EVOLU_RECORD_DISABLED ? "disabled"
                                                       : "active";
}
