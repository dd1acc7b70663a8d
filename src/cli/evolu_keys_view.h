
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A record as the core reads it: each of its keys with what is wrong with it,
 * or whether it is good now.
 */


#ifndef _EVOLU_KEYS_VIEW_H_INCLUDED_
#define _EVOLU_KEYS_VIEW_H_INCLUDED_


#include "../evolu_verdict.h"
#include "evolu_keys_store.h"


typedef struct {
    evolu_bytes_t          id;
    evolu_bytes_t          text;     /* as written */
    const evolu_entry_t   *entry;    /* NULL: void */
    evolu_fault_t          fault;    /* why it is void */
    evolu_reason_t         reason;   /* EVOLU_REASON_OK: good now, whatever
                                        the address */
} evolu_keys_key_t;


typedef struct {
    evolu_record_t        *record;   /* NULL: void as a whole */
    evolu_record_report_t  report;
    evolu_keys_key_t      *keys;     /* in the order of their ids */
    size_t                 n;
    void                  *image;
} evolu_keys_view_t;


/* Reads a record; the view points into it.  To be freed. */
void evolu_keys_view(const evolu_keys_record_t *record,
    const evolu_peppers_t *peppers, int64_t now, evolu_keys_view_t *view);

void evolu_keys_view_free(evolu_keys_view_t *view);

/* "active", "disabled", "expired", "not_yet_valid" or "void" */
const char *evolu_keys_key_status(const evolu_keys_key_t *key);


#endif /* _EVOLU_KEYS_VIEW_H_INCLUDED_ */
