
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Where records are kept: Redis or the key file behind one interface.  A
 * record is what is written there, as its fields; the core says what they
 * mean.
 */


#ifndef _EVOLU_KEYS_STORE_H_INCLUDED_
#define _EVOLU_KEYS_STORE_H_INCLUDED_


#include "evolu_keys.h"


/* an instance's token index entry: at most this many names are looked at */
#define EVOLU_KEYS_NAMES_MAX  64


typedef struct {
    evolu_locator_t   locator;       /* scope none: text is no locator */
    evolu_bytes_t     text;          /* of the locator */
    evolu_field_t    *fields;
    size_t            n;
    void             *memory;        /* the store's */
    unsigned          found:1;
    unsigned          wrong_type:1;  /* a Redis key that is no hash */
} evolu_keys_record_t;


/* one key to set, or to remove where entry is NULL */

typedef struct {
    evolu_bytes_t     id;            /* a copy */
    char             *entry;         /* a copy */
} evolu_keys_edit_t;


/* a change of one record, all or nothing */

typedef struct {
    size_t              n;
    evolu_keys_edit_t  *edits;
    const char         *status;      /* the record's own; NULL: as it is */
    unsigned            remove;      /* 1: the whole record, no edits */
} evolu_keys_change_t;


/*
 * Decides on a change by the record as it is now; called again when somebody
 * else wrote it meanwhile.  change is empty, and where it stays so nothing is
 * written.  Prints why when it refuses.
 */
typedef evolu_keys_status_t (*evolu_keys_edit_pt)(
    const evolu_keys_record_t *record, evolu_keys_change_t *change,
    void *data);

typedef evolu_keys_status_t (*evolu_keys_each_pt)(
    const evolu_keys_record_t *record, void *data);

typedef void (*evolu_keys_name_pt)(evolu_bytes_t name, void *data);

/* changes of many records; edit is called for each of them */

typedef struct {
    const evolu_locator_t  *locators;  /* each once */
    size_t                  n;
    evolu_keys_edit_pt      edit;
    void                  (*progress)(size_t done, void *data);
    void                   *data;      /* of both */
    unsigned                lenient;   /* 1: edit also gets what is no hash in
                                          Redis; else that is refused */
    unsigned                dry;       /* 1: edit is asked, nothing written */
} evolu_keys_batch_t;


/* something that is wrong; id may be empty */

typedef void (*evolu_keys_problem_pt)(void *data,
    const evolu_keys_store_t *store, evolu_bytes_t locator, evolu_bytes_t id,
    const char *text);


struct evolu_keys_store_s {
    const char              *name;   /* "redis" or "file" */
    const evolu_peppers_t   *peppers;
    unsigned                 lenient;  /* 1: each() passes over what can't be
                                          read at all; check() tells of it */
    unsigned                 unknown;  /* 1: whether a change was made */

    /* *record is filled, found says whether it is there; release it */
    evolu_keys_status_t    (*load)(evolu_keys_store_t *store,
                               const evolu_locator_t *locator,
                               evolu_keys_record_t *record);

    /* every record, in the byte order of locators */
    evolu_keys_status_t    (*each)(evolu_keys_store_t *store,
                               evolu_keys_each_pt handler, void *data);

    /* in Redis some records at a time, each time all or nothing; in the file
       all of them */
    evolu_keys_status_t    (*change)(evolu_keys_store_t *store,
                               const evolu_keys_batch_t *batch);

    /* the name of every instance that has a record, some perhaps twice */
    evolu_keys_status_t    (*instances)(evolu_keys_store_t *store,
                               evolu_keys_name_pt handler, void *data);

    /* the names of a token's set ("token:...") as fields without values; NULL
       where the store has no token index */
    evolu_keys_status_t    (*names)(evolu_keys_store_t *store,
                               evolu_bytes_t token,
                               evolu_keys_record_t *record);

    /* what is wrong with the store besides its records */
    evolu_keys_status_t    (*check)(evolu_keys_store_t *store,
                               evolu_keys_problem_pt problem, void *data);

    void                   (*release)(evolu_keys_record_t *record);
    void                   (*close)(evolu_keys_store_t *store);
};


/* Redis; connects.  The file is opened when it is used. */
evolu_keys_status_t evolu_keys_redis_open(const evolu_keys_options_t *options,
    const evolu_peppers_t *peppers, evolu_keys_store_t **store);
evolu_keys_store_t *evolu_keys_file_open(const char *path,
    const evolu_peppers_t *peppers);

/* Changes one record. */
evolu_keys_status_t evolu_keys_change(evolu_keys_store_t *store,
    const evolu_locator_t *locator, evolu_keys_edit_pt edit, void *data);

/* 1 when a change changes nothing, else 0 */
int evolu_keys_change_empty(const evolu_keys_change_t *change);

/* Why the record would be void as a whole after a change */
evolu_fault_t evolu_keys_change_fault(const evolu_keys_record_t *record,
    const evolu_keys_change_t *change, const evolu_peppers_t *peppers);

/* Adds an edit to a change; NULL removes the key.  Refused when it is full. */
evolu_keys_status_t evolu_keys_change_add(evolu_keys_change_t *change,
    evolu_bytes_t id, const char *entry);

/* Frees what a change holds and empties it. */
void evolu_keys_change_reset(evolu_keys_change_t *change);

/*
 * The fields of a record as they are after a change, to be freed with one
 * free(); values point into record and change, *n is their number.
 */
evolu_field_t *evolu_keys_change_apply(const evolu_keys_record_t *record,
    const evolu_keys_change_t *change, size_t *n);

/* The edit of a key, or NULL */
const evolu_keys_edit_t *evolu_keys_change_find(
    const evolu_keys_change_t *change, evolu_bytes_t id);

/* 1 and the id when a field is a key ("key.ID"), else 0 */
int evolu_keys_field_id(const evolu_field_t *field, evolu_bytes_t *id);

/* The number of keys of a record */
size_t evolu_keys_record_keys(const evolu_keys_record_t *record);

/* The field of a key, or NULL */
const evolu_field_t *evolu_keys_record_key(const evolu_keys_record_t *record,
    evolu_bytes_t id);

/* Less, equal or greater, by bytes; and fields by their names, for qsort() */
int evolu_keys_bytes_order(evolu_bytes_t a, evolu_bytes_t b);
int evolu_keys_field_order(const void *one, const void *two);


#endif /* _EVOLU_KEYS_STORE_H_INCLUDED_ */
