
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys disable and enable: one key of a record, or the record.
 */


#include <stdlib.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_store.h"


typedef struct {
    evolu_keys_t         *keys;
    evolu_keys_store_t   *store;
    const char           *status;    /* "active" or "disabled" */
    char                 *name;      /* of the locator, for people */
    unsigned              changed;   /* 1: it was not so already */
    unsigned              record;    /* 1: the record as a whole is disabled */
} evolu_keys_disable_t;


static evolu_keys_status_t evolu_keys_disable_set(evolu_keys_t *keys,
    const char *status);
static evolu_keys_status_t evolu_keys_disable_edit(
    const evolu_keys_record_t *record, evolu_keys_change_t *change,
    void *data);
static void evolu_keys_disable_record(evolu_keys_disable_t *d,
    const evolu_keys_record_t *record, evolu_keys_change_t *change);
static evolu_keys_status_t evolu_keys_disable_key(evolu_keys_disable_t *d,
    const evolu_field_t *field, evolu_bytes_t id,
    evolu_keys_change_t *change);
static const char *evolu_keys_disable_status(
    const evolu_keys_record_t *record);
static evolu_keys_status_t evolu_keys_disable_answer(evolu_keys_disable_t *d);


evolu_keys_status_t
evolu_keys_disable(evolu_keys_t *keys)
{
    return evolu_keys_disable_set(keys, "disabled");
}


evolu_keys_status_t
evolu_keys_enable(evolu_keys_t *keys)
{
    return evolu_keys_disable_set(keys, "active");
}


static evolu_keys_status_t
evolu_keys_disable_set(evolu_keys_t *keys, const char *text)
{
    evolu_locator_t        locator;
    evolu_keys_status_t    status;
    evolu_keys_disable_t   d;

    memset(&d, 0, sizeof(evolu_keys_disable_t));

    d.keys = keys;
    d.status = text;

    status = evolu_keys_addressed(keys, &locator, &d.store);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    d.name = evolu_keys_text(evolu_keys_string(keys->options.args[0]));

    status = evolu_keys_change(d.store, &locator, evolu_keys_disable_edit,
                               &d);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_disable_answer(&d);
    }

    free(d.name);

    return status;
}


/* The key file has no status of records: there it is that of every key. */

static evolu_keys_status_t
evolu_keys_disable_edit(const evolu_keys_record_t *record,
    evolu_keys_change_t *change, void *data)
{
    size_t                 i;
    evolu_bytes_t          id, wanted;
    evolu_fault_t          fault;
    evolu_keys_status_t    status;
    evolu_keys_disable_t  *d;

    d = data;
    status = EVOLU_KEYS_DONE;

    if (!record->found) {
        return evolu_keys_not_found(d->keys->options.args[0], NULL);
    }

    wanted.len = 0;

    if (d->keys->options.nargs == 2) {
        wanted = evolu_keys_string(d->keys->options.args[1]);

        if (evolu_keys_record_key(record, wanted) == NULL) {
            return evolu_keys_not_found(d->keys->options.args[0],
                                        d->keys->options.args[1]);
        }
    }

    d->record = strcmp(evolu_keys_disable_status(record), "disabled") == 0;

    if (wanted.len == 0 && d->store != d->keys->file) {
        evolu_keys_disable_record(d, record, change);

    } else {
        for (i = 0; i < record->n && status == EVOLU_KEYS_DONE; i++) {
            if (evolu_keys_field_id(&record->fields[i], &id)
                && (wanted.len == 0 || evolu_bytes_equal(id, wanted)))
            {
                status = evolu_keys_disable_key(d, &record->fields[i], id,
                                                change);
            }
        }
    }

    d->changed = !evolu_keys_change_empty(change);
    fault = evolu_keys_change_fault(record, change, d->store->peppers);

    if (status == EVOLU_KEYS_DONE && fault != EVOLU_FAULT_NONE) {
        evolu_keys_say("the record of %s would be void: %s; revoke what is "
                       "wrong first, see \"evolu-keys check\"", d->name,
                       evolu_fault_text(fault));
        status = EVOLU_KEYS_REFUSED;
    }

    return status;
}


static void
evolu_keys_disable_record(evolu_keys_disable_t *d,
    const evolu_keys_record_t *record, evolu_keys_change_t *change)
{
    if (strcmp(evolu_keys_disable_status(record), d->status) != 0) {
        change->status = d->status;
    }
}


/* A status that is not one of the two is "", and is mended. */

static const char *
evolu_keys_disable_status(const evolu_keys_record_t *record)
{
    size_t                i;
    const evolu_field_t  *field;

    for (i = 0; i < record->n; i++) {
        field = &record->fields[i];

        if (!evolu_bytes_equal(field->name, evolu_literal("status"))) {
            continue;
        }

        if (evolu_bytes_equal(field->value, evolu_literal("active"))) {
            return "active";
        }

        return evolu_bytes_equal(field->value, evolu_literal("disabled"))
               ? "disabled" : "";
    }

    return "active";
}


static evolu_keys_status_t
evolu_keys_disable_key(evolu_keys_disable_t *d, const evolu_field_t *field,
    evolu_bytes_t id, evolu_keys_change_t *change)
{
    char                 *entry;
    evolu_bytes_t         now;
    evolu_keys_status_t   status;

    now = evolu_literal("active");
    (void) evolu_keys_entry_value(field->value, evolu_literal("status"),
                                  &now);

    if (evolu_bytes_equal(now, evolu_keys_string(d->status))) {
        return EVOLU_KEYS_DONE;
    }

    entry = evolu_keys_entry_set(field->value, "status", d->status);
    status = evolu_keys_change_add(change, id, entry);
    free(entry);

    return status;
}


static evolu_keys_status_t
evolu_keys_disable_answer(evolu_keys_disable_t *d)
{
    json_t                *json;
    const char            *word;
    evolu_keys_options_t  *o;

    o = &d->keys->options;
    word = strcmp(d->status, "active") == 0 ? "enabled" : "disabled";

    if (!d->changed) {
        evolu_keys_say("%s%s%s was %s already", o->nargs == 2 ? o->args[1] : "",
                       o->nargs == 2 ? " of " : "", d->name, word);

    } else if (o->nargs == 2) {
        evolu_keys_say("%s key %s of %s", word, o->args[1], d->name);

    } else {
        evolu_keys_say("%s %s", word, d->name);
    }

    if (d->record && o->nargs == 2) {
        evolu_keys_say("warning: the record is disabled, so the key is "
                       "refused");
    }

    if (!o->json) {
        return EVOLU_KEYS_DONE;
    }

    json = json_object();

    json_object_set_new(json, "locator",
                        evolu_keys_json_text(evolu_keys_string(o->args[0])));
    json_object_set_new(json, "key_id", o->nargs == 2
                        ? evolu_keys_json_text(evolu_keys_string(o->args[1]))
                        : json_null());
    json_object_set_new(json, "status", json_string(d->status));
    json_object_set_new(json, "changed", json_boolean(d->changed));

    return evolu_keys_json_print(json);
}
