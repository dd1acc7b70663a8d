
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A new credential for a record: what create and rotate share.
 */


#ifndef _EVOLU_KEYS_WRITE_H_INCLUDED_
#define _EVOLU_KEYS_WRITE_H_INCLUDED_


#include "evolu_keys_input.h"
#include "evolu_keys_view.h"


typedef struct {
    evolu_keys_t         *keys;
    evolu_keys_store_t   *store;
    evolu_locator_t       locator;
    evolu_bytes_t         credential;
    evolu_bytes_t         id;        /* chosen by evolu_keys_write_add() */
    unsigned              disabled;  /* 1: the record is */
    unsigned              expiring;  /* keys that a rotation lets expire */
    char                  name[4 * EVOLU_LOCATOR_MAX + 1];  /* for people */
    unsigned char         id_text[EVOLU_KEY_ID_MAX + 1];
    unsigned char         secret[EVOLU_KEYS_CREDENTIAL_SIZE + 1];
} evolu_keys_write_t;


/*
 * Makes or reads a credential, changes the record by edit, which gets an
 * evolu_keys_write_t, and answers.  The credential is wiped, however this
 * ends.
 */
evolu_keys_status_t evolu_keys_write_key(evolu_keys_t *keys,
    const evolu_locator_t *locator, evolu_keys_edit_pt edit);

/* Refuses a record that is void, or that holds the credential already. */
evolu_keys_status_t evolu_keys_write_sound(evolu_keys_write_t *w,
    const evolu_keys_view_t *view);

/* Adds the new key to a change, and checks what the record will be. */
evolu_keys_status_t evolu_keys_write_add(evolu_keys_write_t *w,
    const evolu_keys_record_t *record, evolu_keys_change_t *change,
    evolu_bytes_t allow);


#endif /* _EVOLU_KEYS_WRITE_H_INCLUDED_ */
