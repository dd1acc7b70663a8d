
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The store in Redis: reading here, changes and checks in files of their own.
 */


#ifndef _EVOLU_KEYS_REDIS_H_INCLUDED_
#define _EVOLU_KEYS_REDIS_H_INCLUDED_


#include "evolu_keys_link.h"
#include "evolu_keys_store.h"


typedef struct {
    evolu_keys_store_t  store;
    evolu_keys_link_t   link;
} evolu_keys_redis_t;


/* names of keys, without the prefix, each with memory of its own */

typedef struct {
    size_t              n;
    size_t              size;
    evolu_bytes_t      *names;
} evolu_keys_names_t;


/*
 * All names that begin with the prefix and then with begin, in byte order and
 * each once; limit stops at that many.
 */
evolu_keys_status_t evolu_keys_redis_scan(evolu_keys_redis_t *redis,
    evolu_bytes_t begin, size_t limit, evolu_keys_names_t *names);

void evolu_keys_redis_names_free(evolu_keys_names_t *names);

/* Loads n records in one round trip; all are to be released, whatever it
   returns. */
evolu_keys_status_t evolu_keys_redis_load_all(evolu_keys_redis_t *redis,
    const evolu_locator_t *locators, size_t n, evolu_keys_record_t *records);

/* Methods of the store */

evolu_keys_status_t evolu_keys_redis_load(evolu_keys_store_t *store,
    const evolu_locator_t *locator, evolu_keys_record_t *record);
void evolu_keys_redis_release(evolu_keys_record_t *record);
evolu_keys_status_t evolu_keys_redis_names(evolu_keys_store_t *store,
    evolu_bytes_t token, evolu_keys_record_t *record);
evolu_keys_status_t evolu_keys_redis_change(evolu_keys_store_t *store,
    const evolu_keys_batch_t *batch);
evolu_keys_status_t evolu_keys_redis_check(evolu_keys_store_t *store,
    evolu_keys_problem_pt problem, void *data);


#endif /* _EVOLU_KEYS_REDIS_H_INCLUDED_ */
