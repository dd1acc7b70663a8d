
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdlib.h>

#include "evolu_keys_print.h"
#include "evolu_keys_view.h"


static void evolu_keys_view_key(evolu_keys_view_t *view,
    const evolu_keys_record_t *record, const evolu_field_t *field,
    const evolu_peppers_t *peppers, int64_t now);
static const evolu_entry_t *evolu_keys_view_entry(evolu_keys_view_t *view,
    evolu_bytes_t id);
static evolu_reason_t evolu_keys_view_reason(evolu_keys_view_t *view,
    const evolu_locator_t *locator, const evolu_entry_t *entry, int64_t now);
static void evolu_keys_view_facts(const evolu_locator_t *locator, int64_t now,
    evolu_facts_t *facts);
static int evolu_keys_view_order(const void *one, const void *two);


void
evolu_keys_view(const evolu_keys_record_t *record,
    const evolu_peppers_t *peppers, int64_t now, evolu_keys_view_t *view)
{
    size_t  i;

    view->image = evolu_keys_alloc(EVOLU_IMAGE_MAX);
    view->keys = evolu_keys_alloc(record->n * sizeof(evolu_keys_key_t));
    view->n = 0;

    view->record = evolu_record_decode(record->fields, record->n,
                                       &record->locator, peppers, view->image,
                                       &view->report);

    for (i = 0; i < record->n; i++) {
        evolu_keys_view_key(view, record, &record->fields[i], peppers, now);
    }

    qsort(view->keys, view->n, sizeof(evolu_keys_key_t),
          evolu_keys_view_order);
}


static void
evolu_keys_view_key(evolu_keys_view_t *view,
    const evolu_keys_record_t *record, const evolu_field_t *field,
    const evolu_peppers_t *peppers, int64_t now)
{
    evolu_cidr_t       cidrs[EVOLU_ENTRY_CIDRS_MAX];
    evolu_bytes_t      id;
    evolu_entry_t      entry;
    evolu_keys_key_t  *key;

    if (!evolu_keys_field_id(field, &id)) {
        return;
    }

    key = &view->keys[view->n++];

    key->id = id;
    key->text = field->value;
    key->entry = evolu_keys_view_entry(view, id);
    key->fault = EVOLU_FAULT_NONE;
    key->reason = EVOLU_REASON_UNKNOWN;

    if (key->entry != NULL) {
        key->reason = evolu_keys_view_reason(view, &record->locator,
                                             key->entry, now);

    } else if (view->record == NULL) {
        key->fault = view->report.fault;

    } else if (!evolu_key_id_valid(id)) {
        key->fault = EVOLU_FAULT_KEY_ID;

    } else {
        key->fault = evolu_entry_decode(field->value, record->locator.scope,
                                        peppers, &entry, cidrs);
    }
}


static const evolu_entry_t *
evolu_keys_view_entry(evolu_keys_view_t *view, evolu_bytes_t id)
{
    unsigned              i;
    evolu_bytes_t         one;
    const evolu_entry_t  *e;

    if (view->record == NULL) {
        return NULL;
    }

    e = evolu_record_entries(view->record);

    for (i = 0; i < view->record->nentries; i++) {
        one.data = e[i].id;
        one.len = e[i].id_len;

        if (evolu_bytes_equal(one, id)) {
            return &e[i];
        }
    }

    return NULL;
}


/* The verdict over a request with this very key, where all else is right. */

static evolu_reason_t
evolu_keys_view_reason(evolu_keys_view_t *view,
    const evolu_locator_t *locator, const evolu_entry_t *entry, int64_t now)
{
    uint64_t         matched;
    evolu_facts_t    facts;
    evolu_policy_t   policy;
    evolu_verdict_t  verdict;

    memset(&policy, 0, sizeof(evolu_policy_t));
    policy.scopes = EVOLU_SCOPE_GLOBAL|EVOLU_SCOPE_INSTANCE
                    |EVOLU_SCOPE_CAMPAIGN;
    policy.modes = EVOLU_MODE_LIVE|EVOLU_MODE_TEST;

    evolu_keys_view_facts(locator, now, &facts);

    matched = (uint64_t) 1 << (entry - evolu_record_entries(view->record));

    if (locator->scope == EVOLU_SCOPE_GLOBAL) {
        (void) evolu_verdict_admit(&policy, &facts, view->record, matched,
                                   &verdict);

    } else {
        evolu_verdict_judge(&policy, &facts, view->record, matched, &verdict);
    }

    return verdict.reason == EVOLU_REASON_ADDRESS ? EVOLU_REASON_OK
                                                  : verdict.reason;
}


static int
evolu_keys_view_order(const void *one, const void *two)
{
    return evolu_keys_bytes_order(((const evolu_keys_key_t *) one)->id,
                                  ((const evolu_keys_key_t *) two)->id);
}


static void
evolu_keys_view_facts(const evolu_locator_t *locator, int64_t now,
    evolu_facts_t *facts)
{
    memset(facts, 0, sizeof(evolu_facts_t));

    facts->status = EVOLU_CREDENTIAL_OK;
    facts->now = now;

    if (locator->scope == EVOLU_SCOPE_CAMPAIGN) {
        facts->credential.family = EVOLU_FAMILY_CAMPAIGN;
        facts->credential.mode = locator->mode;
        facts->credential.slug = locator->name;

    } else {
        facts->credential.family = EVOLU_FAMILY_OPAQUE;
    }
}


void
evolu_keys_view_free(evolu_keys_view_t *view)
{
    free(view->image);
    free(view->keys);
}


const char *
evolu_keys_key_status(const evolu_keys_key_t *key)
{
    if (key->entry == NULL) {
        return "void";
    }

    return key->reason == EVOLU_REASON_OK ? "active"
                                          : evolu_reason_name(key->reason);
}
