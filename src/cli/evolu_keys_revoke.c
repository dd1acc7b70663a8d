
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys revoke: one key of a record, or the record.
 */


#include <stdlib.h>

#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_store.h"


typedef struct {
    evolu_keys_t         *keys;
    char                 *name;      /* of the locator, for people */
    unsigned              revoked;   /* keys */
} evolu_keys_revoke_t;


static evolu_keys_status_t evolu_keys_revoke_edit(
    const evolu_keys_record_t *record, evolu_keys_change_t *change,
    void *data);
static evolu_keys_status_t evolu_keys_revoke_answer(evolu_keys_revoke_t *r);


evolu_keys_status_t
evolu_keys_revoke(evolu_keys_t *keys)
{
    evolu_locator_t       locator;
    evolu_keys_store_t   *store;
    evolu_keys_status_t   status;
    evolu_keys_revoke_t   r;

    status = evolu_keys_addressed(keys, &locator, &store);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    r.keys = keys;
    r.name = evolu_keys_text(evolu_keys_string(keys->options.args[0]));

    status = evolu_keys_change(store, &locator, evolu_keys_revoke_edit, &r);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_revoke_answer(&r);
    }

    free(r.name);

    return status;
}


/* Without keys there is no record; a void one can be revoked, too. */

static evolu_keys_status_t
evolu_keys_revoke_edit(const evolu_keys_record_t *record,
    evolu_keys_change_t *change, void *data)
{
    size_t                n;
    evolu_bytes_t         id;
    evolu_keys_revoke_t  *r;

    r = data;

    if (!record->found) {
        return evolu_keys_not_found(r->keys->options.args[0], NULL);
    }

    n = evolu_keys_record_keys(record);

    if (r->keys->options.nargs == 1) {
        r->revoked = (unsigned) n;
        change->remove = 1;
        return EVOLU_KEYS_DONE;
    }

    id = evolu_keys_string(r->keys->options.args[1]);

    if (evolu_keys_record_key(record, id) == NULL) {
        return evolu_keys_not_found(r->keys->options.args[0],
                                    r->keys->options.args[1]);
    }

    r->revoked = 1;

    if (n == 1) {
        change->remove = 1;
        return EVOLU_KEYS_DONE;
    }

    return evolu_keys_change_add(change, id, NULL);
}


static evolu_keys_status_t
evolu_keys_revoke_answer(evolu_keys_revoke_t *r)
{
    json_t                *json;
    evolu_keys_options_t  *o;

    o = &r->keys->options;

    if (o->nargs == 2) {
        evolu_keys_say("revoked key %s of %s", o->args[1], r->name);

    } else {
        evolu_keys_say("revoked all keys of %s: %u", r->name, r->revoked);
    }

    if (!o->json) {
        return EVOLU_KEYS_DONE;
    }

    json = json_object();

    json_object_set_new(json, "locator",
                        evolu_keys_json_text(evolu_keys_string(o->args[0])));
    json_object_set_new(json, "revoked", json_integer(r->revoked));

    return evolu_keys_json_print(json);
}
