
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdlib.h>

#include "evolu_keys_print.h"
#include "evolu_keys_store.h"


/* "key.ID"; only ids that are valid are given new entries */
#define EVOLU_KEYS_FIELD_MAX  (4 + EVOLU_KEY_ID_MAX)


static void evolu_keys_change_status(const evolu_keys_change_t *change,
    evolu_field_t *fields, size_t *n);


evolu_keys_status_t
evolu_keys_change(evolu_keys_store_t *store, const evolu_locator_t *locator,
    evolu_keys_edit_pt edit, void *data)
{
    evolu_keys_batch_t  batch;

    memset(&batch, 0, sizeof(evolu_keys_batch_t));

    batch.locators = locator;
    batch.n = 1;
    batch.edit = edit;
    batch.data = data;

    return store->change(store, &batch);
}


int
evolu_keys_change_empty(const evolu_keys_change_t *change)
{
    return change->n == 0 && change->status == NULL && !change->remove;
}


evolu_fault_t
evolu_keys_change_fault(const evolu_keys_record_t *record,
    const evolu_keys_change_t *change, const evolu_peppers_t *peppers)
{
    void                   *image;
    size_t                  n;
    evolu_fault_t           fault;
    evolu_field_t          *fields;
    evolu_record_report_t   report;

    image = evolu_keys_alloc(EVOLU_IMAGE_MAX);
    fields = evolu_keys_change_apply(record, change, &n);

    fault = EVOLU_FAULT_NONE;

    if (evolu_record_decode(fields, n, &record->locator, peppers, image,
                            &report)
        == NULL)
    {
        fault = report.fault;
    }

    free(fields);
    free(image);

    return fault;
}


evolu_keys_status_t
evolu_keys_change_add(evolu_keys_change_t *change, evolu_bytes_t id,
    const char *entry)
{
    unsigned char      *copy;
    evolu_keys_edit_t  *edit;

    if (change->n == EVOLU_RECORD_KEYS_MAX + 1) {
        evolu_keys_say("the record holds too many keys: revoke old ones");
        return EVOLU_KEYS_REFUSED;
    }

    change->edits = evolu_keys_realloc(change->edits, (change->n + 1)
                                       * sizeof(evolu_keys_edit_t));
    edit = &change->edits[change->n++];

    copy = evolu_keys_alloc(id.len);
    edit->id.data = memcpy(copy, id.data, id.len);
    edit->id.len = id.len;
    edit->entry = NULL;

    if (entry != NULL) {
        edit->entry = evolu_keys_alloc(strlen(entry) + 1);
        strcpy(edit->entry, entry);
    }

    return EVOLU_KEYS_DONE;
}


void
evolu_keys_change_reset(evolu_keys_change_t *change)
{
    size_t  i;

    for (i = 0; i < change->n; i++) {
        free((void *) change->edits[i].id.data);
        free(change->edits[i].entry);
    }

    free(change->edits);

    memset(change, 0, sizeof(evolu_keys_change_t));
}


const evolu_keys_edit_t *
evolu_keys_change_find(const evolu_keys_change_t *change, evolu_bytes_t id)
{
    size_t  i;

    for (i = 0; i < change->n; i++) {
        if (evolu_bytes_equal(change->edits[i].id, id)) {
            return &change->edits[i];
        }
    }

    return NULL;
}


evolu_field_t *
evolu_keys_change_apply(const evolu_keys_record_t *record,
    const evolu_keys_change_t *change, size_t *n)
{
    size_t                    i, size;
    evolu_bytes_t             id;
    evolu_field_t            *fields;
    unsigned char            *names;
    const evolu_keys_edit_t  *edit;

    *n = 0;

    size = record->n + change->n + 2;
    fields = evolu_keys_alloc(size * sizeof(evolu_field_t)
                              + change->n * EVOLU_KEYS_FIELD_MAX);
    names = (unsigned char *) (fields + size);

    if (change->remove) {
        return fields;
    }

    for (i = 0; i < record->n; i++) {
        if (!evolu_keys_field_id(&record->fields[i], &id)
            || evolu_keys_change_find(change, id) == NULL)
        {
            fields[(*n)++] = record->fields[i];
        }
    }

    if (change->status != NULL) {
        evolu_keys_change_status(change, fields, n);
    }

    if (record->n == 0) {
        fields[*n].name = evolu_literal("v");
        fields[(*n)++].value = evolu_literal("1");
    }

    for (i = 0; i < change->n; i++) {
        edit = &change->edits[i];

        if (edit->entry == NULL) {
            continue;
        }

        memcpy(names, "key.", 4);
        memcpy(names + 4, edit->id.data, edit->id.len);

        fields[*n].name.data = names;
        fields[*n].name.len = 4 + edit->id.len;
        fields[*n].value.data = (const unsigned char *) edit->entry;
        fields[(*n)++].value.len = strlen(edit->entry);

        names += EVOLU_KEYS_FIELD_MAX;
    }

    return fields;
}


static void
evolu_keys_change_status(const evolu_keys_change_t *change,
    evolu_field_t *fields, size_t *n)
{
    size_t  i;

    for (i = 0; i < *n; i++) {
        if (evolu_bytes_equal(fields[i].name, evolu_literal("status"))) {
            break;
        }
    }

    fields[i].name = evolu_literal("status");
    fields[i].value.data = (const unsigned char *) change->status;
    fields[i].value.len = strlen(change->status);

    *n += (i == *n);
}


int
evolu_keys_field_id(const evolu_field_t *field, evolu_bytes_t *id)
{
    if (field->name.len < 4 || memcmp(field->name.data, "key.", 4) != 0) {
        return 0;
    }

    id->data = field->name.data + 4;
    id->len = field->name.len - 4;

    return 1;
}


size_t
evolu_keys_record_keys(const evolu_keys_record_t *record)
{
    size_t         i, n;
    evolu_bytes_t  id;

    n = 0;

    for (i = 0; i < record->n; i++) {
        n += (size_t) evolu_keys_field_id(&record->fields[i], &id);
    }

    return n;
}


const evolu_field_t *
evolu_keys_record_key(const evolu_keys_record_t *record, evolu_bytes_t id)
{
    size_t         i;
    evolu_bytes_t  one;

    for (i = 0; i < record->n; i++) {
        if (evolu_keys_field_id(&record->fields[i], &one)
            && evolu_bytes_equal(one, id))
        {
            return &record->fields[i];
        }
    }

    return NULL;
}


int
evolu_keys_field_order(const void *one, const void *two)
{
    const evolu_field_t  *a, *b;

    a = one;
    b = two;

    return evolu_keys_bytes_order(a->name, b->name);
}


int
evolu_keys_bytes_order(evolu_bytes_t a, evolu_bytes_t b)
{
    int     order;
    size_t  len;

    len = a.len < b.len ? a.len : b.len;
    order = len == 0 ? 0 : memcmp(a.data, b.data, len);

    if (order != 0) {
        return order;
    }

    return (a.len > b.len) - (a.len < b.len);
}
