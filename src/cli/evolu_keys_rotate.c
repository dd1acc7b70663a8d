
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys rotate: a new key, and the others expire after an overlap.
 */


#include <stdlib.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_print.h"
#include "evolu_keys_write.h"


static evolu_keys_status_t evolu_keys_rotate_edit(
    const evolu_keys_record_t *record, evolu_keys_change_t *change,
    void *data);
static evolu_keys_status_t evolu_keys_rotate_good(evolu_keys_write_t *w,
    evolu_keys_view_t *view);
static evolu_keys_status_t evolu_keys_rotate_allow(evolu_keys_write_t *w,
    const evolu_keys_view_t *view, evolu_bytes_t *allow);
static evolu_keys_status_t evolu_keys_rotate_expire(evolu_keys_write_t *w,
    const evolu_keys_view_t *view, evolu_keys_change_t *change);


evolu_keys_status_t
evolu_keys_rotate(evolu_keys_t *keys)
{
    evolu_locator_t      locator;
    evolu_keys_status_t  status;

    status = evolu_keys_locator(keys, keys->options.args[0], &locator);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    return evolu_keys_write_key(keys, &locator, evolu_keys_rotate_edit);
}


static evolu_keys_status_t
evolu_keys_rotate_edit(const evolu_keys_record_t *record,
    evolu_keys_change_t *change, void *data)
{
    evolu_bytes_t         allow;
    evolu_keys_view_t     view;
    evolu_keys_write_t   *w;
    evolu_keys_status_t   status;

    w = data;
    allow = w->keys->options.allow;

    if (!record->found) {
        return evolu_keys_not_found(w->keys->options.args[0], NULL);
    }

    evolu_keys_view(record, w->store->peppers, w->keys->options.now, &view);

    status = evolu_keys_write_sound(w, &view);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_rotate_good(w, &view);
    }

    if (status == EVOLU_KEYS_DONE
        && !(w->keys->options.given & EVOLU_KEYS_ALLOW))
    {
        status = evolu_keys_rotate_allow(w, &view, &allow);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_rotate_expire(w, &view, change);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_write_add(w, record, change, allow);
    }

    evolu_keys_view_free(&view);

    return status;
}


/*
 * Leaves the keys in the view that are good now.  A key that can't be read
 * here for want of a pepper may be good at the edge, and would stay so.
 */

static evolu_keys_status_t
evolu_keys_rotate_good(evolu_keys_write_t *w, evolu_keys_view_t *view)
{
    size_t             i, n;
    evolu_keys_key_t  *key;

    n = 0;

    for (i = 0; i < view->n; i++) {
        key = &view->keys[i];

        if (key->fault == EVOLU_FAULT_PEPPER) {
            evolu_keys_say("key %.*s of %s has a pepper that is not given: "
                           "give --pepper", (int) key->id.len,
                           (const char *) key->id.data, w->name);
            return EVOLU_KEYS_REFUSED;
        }

        if (key->entry != NULL && key->reason == EVOLU_REASON_OK) {
            view->keys[n++] = *key;
        }
    }

    view->n = n;

    /* a disabled record has keys, but none is good */

    if (n == 0) {
        evolu_keys_say("%s has no valid key to rotate: use create", w->name);
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}


/* The new key must not be good where the old ones were not. */

static evolu_keys_status_t
evolu_keys_rotate_allow(evolu_keys_write_t *w, const evolu_keys_view_t *view,
    evolu_bytes_t *allow)
{
    size_t         i;
    evolu_bytes_t  ip;

    for (i = 0; i < view->n; i++) {
        ip.data = NULL;
        ip.len = 0;

        (void) evolu_keys_entry_value(view->keys[i].text, evolu_literal("ip"),
                                      &ip);

        if (i == 0) {
            *allow = ip;

        } else if (!evolu_bytes_equal(*allow, ip)) {
            evolu_keys_say("the keys of %s allow different addresses: say "
                           "with --allow which the new one is to have",
                           w->name);
            return EVOLU_KEYS_REFUSED;
        }
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_rotate_expire(evolu_keys_write_t *w, const evolu_keys_view_t *view,
    evolu_keys_change_t *change)
{
    char                 *entry;
    size_t                i;
    int64_t               exp;
    evolu_keys_key_t     *key;
    evolu_keys_status_t   status;

    w->expiring = 0;
    exp = w->keys->options.now + w->keys->options.overlap;

    for (i = 0; i < view->n; i++) {
        key = &view->keys[i];

        if (key->entry->exp <= exp) {
            continue;
        }

        entry = evolu_keys_entry_expire(key->text, exp);
        status = evolu_keys_change_add(change, key->id, entry);
        free(entry);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }

        w->expiring++;
    }

    return EVOLU_KEYS_DONE;
}
