
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys create
 */


#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_write.h"


static evolu_keys_status_t evolu_keys_create_locator(evolu_keys_t *keys,
    evolu_locator_t *locator);
static evolu_keys_status_t evolu_keys_create_instance(
    evolu_locator_t *locator);
static evolu_keys_status_t evolu_keys_create_campaign(evolu_keys_t *keys,
    evolu_locator_t *locator);
static evolu_keys_status_t evolu_keys_create_edit(
    const evolu_keys_record_t *record, evolu_keys_change_t *change,
    void *data);


evolu_keys_status_t
evolu_keys_create(evolu_keys_t *keys)
{
    evolu_locator_t      locator;
    evolu_keys_status_t  status;

    status = evolu_keys_create_locator(keys, &locator);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    return evolu_keys_write_key(keys, &locator, evolu_keys_create_edit);
}


/* "global", "instance NAME", "campaign SLUG" */

static evolu_keys_status_t
evolu_keys_create_locator(evolu_keys_t *keys, evolu_locator_t *locator)
{
    evolu_bytes_t          word;
    evolu_keys_options_t  *o;

    o = &keys->options;
    word = evolu_keys_string(o->args[0]);

    memset(locator, 0, sizeof(evolu_locator_t));

    if (o->nargs == 1 && evolu_bytes_equal(word, evolu_literal("global"))
        && !(o->given & EVOLU_KEYS_MODE))
    {
        return evolu_keys_locator(keys, "global", locator);
    }

    if (o->nargs == 2) {
        locator->name = evolu_keys_string(o->args[1]);

        if (evolu_bytes_equal(word, evolu_literal("instance"))
            && !(o->given & EVOLU_KEYS_MODE))
        {
            return evolu_keys_create_instance(locator);
        }

        if (evolu_bytes_equal(word, evolu_literal("campaign"))) {
            return evolu_keys_create_campaign(keys, locator);
        }
    }

    evolu_keys_say("expected \"create global\", \"create instance NAME\" or "
                   "\"create campaign SLUG\", and --mode with the last only");

    return EVOLU_KEYS_USAGE;
}


static evolu_keys_status_t
evolu_keys_create_instance(evolu_locator_t *locator)
{
    locator->scope = EVOLU_SCOPE_INSTANCE;

    if (!evolu_instance_valid(locator->name)) {
        evolu_keys_say("bad instance name: expected 1 to %d bytes without "
                       "control characters", EVOLU_INSTANCE_MAX);
        return EVOLU_KEYS_USAGE;
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_create_campaign(evolu_keys_t *keys, evolu_locator_t *locator)
{
    locator->scope = EVOLU_SCOPE_CAMPAIGN;
    locator->mode = (keys->options.given & EVOLU_KEYS_MODE)
                    ? keys->options.mode : EVOLU_MODE_LIVE;

    if (!evolu_credential_slug_valid(locator->name)) {
        evolu_keys_say("bad slug: expected 1 to %d of A-Z a-z 0-9 -",
                       EVOLU_SLUG_MAX);
        return EVOLU_KEYS_USAGE;
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_create_edit(const evolu_keys_record_t *record,
    evolu_keys_change_t *change, void *data)
{
    evolu_keys_view_t     view;
    evolu_keys_write_t   *w;
    evolu_keys_status_t   status;

    w = data;
    status = EVOLU_KEYS_DONE;

    if (record->found) {
        evolu_keys_view(record, w->store->peppers, w->keys->options.now,
                        &view);
        status = evolu_keys_write_sound(w, &view);
        evolu_keys_view_free(&view);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_write_add(w, record, change,
                                      w->keys->options.allow);
    }

    return status;
}
