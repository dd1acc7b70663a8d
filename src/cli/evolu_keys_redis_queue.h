
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The commands of one transaction, as they are appended to the link.
 */


#ifndef _EVOLU_KEYS_REDIS_QUEUE_H_INCLUDED_
#define _EVOLU_KEYS_REDIS_QUEUE_H_INCLUDED_


#include "evolu_keys_redis.h"


typedef struct {
    evolu_keys_redis_t   *redis;
    unsigned              queued;    /* replies that are to come */
} evolu_keys_queue_t;


/* one record in a transaction */

typedef struct {
    evolu_bytes_t         key;       /* in Redis */
    evolu_keys_record_t   record;    /* as it is now */
    evolu_keys_change_t   change;
} evolu_keys_item_t;


/* a word that is not there */

extern const evolu_bytes_t  evolu_keys_none;


evolu_keys_status_t evolu_keys_redis_queue(evolu_keys_queue_t *q,
    evolu_bytes_t command, evolu_bytes_t key, evolu_bytes_t a,
    evolu_bytes_t b);

/* What writes a change: the record, and the token index of an instance. */
evolu_keys_status_t evolu_keys_redis_queue_item(evolu_keys_queue_t *q,
    const evolu_keys_item_t *item);


#endif /* _EVOLU_KEYS_REDIS_QUEUE_H_INCLUDED_ */
