
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdlib.h>

#include "evolu_keys_key.h"


static char *evolu_keys_key_allow(const evolu_keys_view_t *view,
    const evolu_keys_key_t *key);
static json_t *evolu_keys_key_json_allow(const evolu_keys_view_t *view,
    const evolu_entry_t *entry);


void
evolu_keys_key_cells(const evolu_keys_view_t *view,
    const evolu_keys_key_t *key, const evolu_peppers_t *peppers,
    evolu_keys_cells_t *cells)
{
    size_t                len;
    const evolu_entry_t  *entry;

    entry = key == NULL ? NULL : key->entry;

    cells->id = evolu_keys_text(key == NULL ? evolu_literal("-") : key->id);
    cells->allow = evolu_keys_key_allow(view, key);

    if (key != NULL) {
        cells->status = evolu_keys_key_status(key);

    } else {
        cells->status = view->record == NULL ? "void" : "-";
    }

    if (entry == NULL) {
        strcpy(cells->not_before, "-");
        strcpy(cells->expires, "-");
        strcpy(cells->algorithm, "-");
        return;
    }

    evolu_keys_time(entry->nbf == 0 ? EVOLU_NEVER : entry->nbf,
                    cells->not_before);
    evolu_keys_time(entry->exp, cells->expires);

    if (entry->exp == EVOLU_NEVER) {
        strcpy(cells->expires, "never");
    }

    len = evolu_algorithm_print(entry->algorithm, peppers, cells->algorithm);
    cells->algorithm[len] = '\0';
}


void
evolu_keys_key_cells_free(evolu_keys_cells_t *cells)
{
    free(cells->id);
    free(cells->allow);
}


evolu_keys_colour_t
evolu_keys_key_colour(const char *status)
{
    size_t  i;

    static const struct {
        const char           *status;
        evolu_keys_colour_t   colour;
    } colours[] = {
        { "active", EVOLU_KEYS_COLOUR_GOOD },
        { "disabled", EVOLU_KEYS_COLOUR_WARNING },
        { "expired", EVOLU_KEYS_COLOUR_WARNING },
        { "not_yet_valid", EVOLU_KEYS_COLOUR_WARNING },
        { "void", EVOLU_KEYS_COLOUR_BAD }
    };

    for (i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        if (strcmp(status, colours[i].status) == 0) {
            return colours[i].colour;
        }
    }

    return EVOLU_KEYS_COLOUR_NONE;
}


/* Addresses, or in their place what is wrong */

static char *
evolu_keys_key_allow(const evolu_keys_view_t *view,
    const evolu_keys_key_t *key)
{
    char           *text, *p;
    unsigned        i;
    const char     *fault;
    evolu_cidr_t   *cidrs;
    evolu_fault_t   why;

    if (key == NULL || key->entry == NULL) {
        why = key == NULL ? view->report.fault : key->fault;
        fault = why == EVOLU_FAULT_NONE ? "-" : evolu_fault_text(why);

        return strcpy(evolu_keys_alloc(strlen(fault) + 1), fault);
    }

    if (!(key->entry->flags & EVOLU_ENTRY_RESTRICTED)) {
        return strcpy(evolu_keys_alloc(sizeof("any")), "any");
    }

    cidrs = evolu_record_cidrs(view->record) + key->entry->cidr;
    text = evolu_keys_alloc(key->entry->ncidrs * (EVOLU_CIDR_TEXT_MAX + 1)
                            + 1);
    p = text;
    *p = '\0';

    for (i = 0; i < key->entry->ncidrs; i++) {
        if (i != 0) {
            *p++ = ',';
        }

        evolu_keys_cidr(&cidrs[i], p);
        p += strlen(p);
    }

    return text;
}


json_t *
evolu_keys_key_json(const evolu_keys_view_t *view,
    const evolu_keys_key_t *key, const evolu_peppers_t *peppers)
{
    char                  algorithm[EVOLU_ALGORITHM_MAX];
    size_t                len;
    json_t               *json;
    evolu_fault_t         fault;
    const evolu_entry_t  *entry;

    json = json_object();

    fault = key == NULL ? view->report.fault : key->fault;
    entry = key == NULL ? NULL : key->entry;

    json_object_set_new(json, "key_id", key == NULL
                        ? json_null() : evolu_keys_json_text(key->id));
    json_object_set_new(json, "status", key == NULL && view->record != NULL
                        ? json_null()
                        : json_string(key == NULL
                                      ? "void" : evolu_keys_key_status(key)));
    json_object_set_new(json, "fault", fault == EVOLU_FAULT_NONE
                        ? json_null() : json_string(evolu_fault_text(fault)));

    if (entry == NULL) {
        return json;
    }

    len = evolu_algorithm_print(entry->algorithm, peppers, algorithm);

    json_object_set_new(json, "algorithm", json_stringn(algorithm, len));
    json_object_set_new(json, "expires_at", evolu_keys_json_time(entry->exp));
    json_object_set_new(json, "not_before", entry->nbf == 0
                        ? json_null() : json_integer(entry->nbf));
    json_object_set_new(json, "allow",
                        evolu_keys_key_json_allow(view, entry));

    return json;
}


/* An empty array would read as "from nowhere": null says "from anywhere". */

static json_t *
evolu_keys_key_json_allow(const evolu_keys_view_t *view,
    const evolu_entry_t *entry)
{
    char           text[EVOLU_CIDR_TEXT_MAX + 1];
    json_t        *allow;
    unsigned       i;
    evolu_cidr_t  *cidrs;

    if (!(entry->flags & EVOLU_ENTRY_RESTRICTED)) {
        return json_null();
    }

    allow = json_array();
    cidrs = evolu_record_cidrs(view->record) + entry->cidr;

    for (i = 0; i < entry->ncidrs; i++) {
        evolu_keys_cidr(&cidrs[i], text);
        json_array_append_new(allow, json_string(text));
    }

    return allow;
}
