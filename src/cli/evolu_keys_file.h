
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The store in the key file: reading, and changes in a file of their own.
 */


#ifndef _EVOLU_KEYS_FILE_H_INCLUDED_
#define _EVOLU_KEYS_FILE_H_INCLUDED_


#include "../evolu_keyfile.h"
#include "evolu_keys_input.h"
#include "evolu_keys_store.h"


#define EVOLU_KEYS_FILE_MAX  (64 * 1024 * 1024)  /* bytes */


typedef struct {
    int                   kind;      /* of evolu_keyfile_line() */
    evolu_fault_t         fault;
    size_t                number;    /* from 1 */
    evolu_bytes_t         whole;     /* without its newline */
    evolu_keyfile_line_t  parts;
    evolu_bytes_t         locator;   /* in text */
    unsigned char         text[EVOLU_LOCATOR_MAX];
    unsigned char         field[4 + EVOLU_KEY_ID_MAX];
    void                 *item;      /* its record's change; NULL: none */
    unsigned              last;      /* 1: its record's last line */
} evolu_keys_line_t;


typedef struct {
    evolu_keys_store_t    store;
    const char           *path;
    unsigned              missing;   /* there is no such file */
    struct stat           st;
    unsigned char        *text;      /* all of it; lines point into it */
    size_t                size;
    evolu_keys_line_t    *lines;
    size_t                n;
    evolu_keys_line_t   **keys;      /* those that are keys, by locator and
                                        number */
    size_t                nkeys;
} evolu_keys_file_t;


/* Reads the file and takes it apart; a file that is missing is empty. */
evolu_keys_status_t evolu_keys_file_read(evolu_keys_file_t *file);

/* Takes the text apart. */
void evolu_keys_file_split(evolu_keys_file_t *file);

/*
 * The record of a locator in the file that was read; to be released.  Returns
 * the first of its lines among keys; there are record->n - 1 of them.
 */
size_t evolu_keys_file_record(evolu_keys_file_t *file,
    const evolu_locator_t *locator, evolu_keys_record_t *record);

/* Forgets what was read. */
void evolu_keys_file_reset(evolu_keys_file_t *file);

/* Method of the store */
evolu_keys_status_t evolu_keys_file_change(evolu_keys_store_t *store,
    const evolu_keys_batch_t *batch);


#endif /* _EVOLU_KEYS_FILE_H_INCLUDED_ */
