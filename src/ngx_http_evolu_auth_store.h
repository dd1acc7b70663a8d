
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Where records come from: the key file, then the cache, then Redis.  With its
 * files answer and flight, waiting requests and the coherence rules
 * (architecture.md); the only part that knows both cache and redis.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_STORE_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_STORE_H_INCLUDED_


#include "ngx_http_evolu_auth_cache.h"
#include "ngx_http_evolu_auth_redis.h"
#include "evolu_keyfile.h"


/* names of one token that are looked at; a set with more is void */
#define NGX_HTTP_EVOLU_AUTH_NAMES_MAX  64


/* of a cursor of SCAN, in digits */
#define NGX_HTTP_EVOLU_AUTH_CURSOR_MAX  20


typedef struct {
    size_t                             len;      /* 0: none yet */
    u_char                             text[NGX_HTTP_EVOLU_AUTH_CURSOR_MAX];
} ngx_http_evolu_auth_scan_t;


/* reading all records once, a batch after the other */

typedef struct {
    ngx_event_t                        timer;
    ngx_http_evolu_auth_scan_t         cursor;   /* of this batch */
    ngx_http_evolu_auth_scan_t         next;     /* of the one after it */
    ngx_uint_t                         reads;    /* not answered yet */
    ngx_uint_t                         read;     /* of this batch, as are */
    ngx_uint_t                         lost;     /* those that went with */
    ngx_uint_t                         refused;  /* the link, or by an error */
    ngx_uint_t                         records;  /* of the batches before */
    ngx_uint_t                         unread;
    unsigned                           running:1;
    unsigned                           again:1;  /* for the second time */
    unsigned                           over:1;
} ngx_http_evolu_auth_preload_t;


/* one a worker and configuration */

typedef struct {
    ngx_http_evolu_auth_cache_t       *cache;
    ngx_http_evolu_auth_redis_conf_t  *conf;     /* NULL: no Redis */
    evolu_keyfile_t                   *file;     /* NULL: no key file */
    evolu_peppers_t                   *peppers;

    /* of the worker, set by ngx_http_evolu_auth_store_open() */
    ngx_http_evolu_auth_redis_t       *redis;
    u_char                             tag_key[EVOLU_TAG_KEY_SIZE];
    ngx_queue_t                        flights;
    ngx_uint_t                         waiting;  /* requests */
    size_t                             shadow;   /* next record of the file to
                                                    be looked for in Redis */
    ngx_http_evolu_auth_preload_t      preload;
    time_t                             void_logged;
    ngx_log_t                         *log;
    unsigned                           open:1;
    unsigned                           shadow_logged:1;
} ngx_http_evolu_auth_store_t;


/* where an answer came from, as $evolu_auth_cache shows it */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_FROM_NOWHERE = 0,        /* "-" */
    NGX_HTTP_EVOLU_AUTH_FROM_FRESH,
    NGX_HTTP_EVOLU_AUTH_FROM_STALE,
    NGX_HTTP_EVOLU_AUTH_FROM_NEGATIVE,
    NGX_HTTP_EVOLU_AUTH_FROM_MISS,               /* Redis was asked */
    NGX_HTTP_EVOLU_AUTH_FROM_FILE
} ngx_http_evolu_auth_from_e;


/*
 * An answer: NGX_OK: value is there; NGX_DECLINED: no such record, or a void
 * one; NGX_BUSY: the store can't be asked and nothing usable is cached;
 * NGX_AGAIN: wait.
 */

typedef struct {
    ngx_int_t                          rc;
    ngx_http_evolu_auth_from_e         from;
    evolu_record_t                    *record;   /* of a record */
    u_char                            *names;    /* of a token's set: each
                                                    name with a length byte */
    size_t                             size;     /* of names */
    ngx_http_evolu_auth_cache_watch_t  watch;    /* with FROM_FRESH */
} ngx_http_evolu_auth_answer_t;


typedef struct ngx_http_evolu_auth_flight_s  ngx_http_evolu_auth_flight_t;

/* a request that waits; lives in its pool */

typedef struct {
    ngx_queue_t                        queue;    /* of the flight */
    ngx_http_evolu_auth_flight_t      *flight;   /* NULL: not waiting */
    ngx_http_request_t                *request;
    ngx_http_evolu_auth_store_t       *store;
    ngx_http_evolu_auth_answer_t       answer;
    ngx_msec_t                         begin;
    uint64_t                           since;    /* the same, by
                                                    ngx_http_evolu_auth_clock
                                                    () */
    unsigned                           done:1;   /* answer is there */
} ngx_http_evolu_auth_waiter_t;


/*
 * Opens the store in a worker: claims a slot, starts the link.  Called by
 * init_process, or by the first lookup where that did not run.  Redis being
 * away is no error.  NGX_OK or NGX_ERROR (out of memory).
 */
ngx_int_t ngx_http_evolu_auth_store_open(ngx_http_evolu_auth_store_t *store,
    ngx_cycle_t *cycle);

/* Closes the link and leaves the zone; at the end of the worker. */
void ngx_http_evolu_auth_store_close(ngx_http_evolu_auth_store_t *store);

/*
 * Asks for the record of a locator (kind READ_HASH) or the names of a token
 * (READ_SET).  When answer->rc is not NGX_AGAIN the answer is there; its value
 * is valid until the next call of any function here.
 *
 * NGX_AGAIN: waiter (zero-filled, from r->pool) was enlisted.  When the answer
 * arrives it is kept in waiter->answer, done is set and the write event of the
 * request's connection is posted; the value is valid until
 * ngx_http_evolu_auth_store_release().  A waiter is enlisted in one flight at
 * a time.  wait = 0: never wait; NGX_BUSY instead.
 */
void ngx_http_evolu_auth_store_lookup(ngx_http_evolu_auth_store_t *store,
    ngx_http_request_t *r, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator, ngx_uint_t wait,
    ngx_http_evolu_auth_waiter_t *waiter,
    ngx_http_evolu_auth_answer_t *answer);

/*
 * Gives up waiting, or the value of an answer that was waited for.  Idempotent;
 * the request's cleanup calls it, so that nothing wakes a request that ended.
 */
void ngx_http_evolu_auth_store_release(ngx_http_evolu_auth_waiter_t *waiter);

/* So many requests wait now. */
void ngx_http_evolu_auth_store_waiting(ngx_http_evolu_auth_store_t *store,
    ngx_uint_t n);

/*
 * Remembers that a credential was verified against entries of a record, so
 * that the next request with it needs no digest.  record as it was answered.
 */
void ngx_http_evolu_auth_store_verified(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator, evolu_record_t *record, uint64_t entries,
    u_char tag[EVOLU_TAG_SIZE], ngx_http_evolu_auth_from_e from);

/* Warns, once, that the store holds a record that the key file holds, too. */
void ngx_http_evolu_auth_store_shadowed(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator);


#endif /* _NGX_HTTP_EVOLU_AUTH_STORE_H_INCLUDED_ */
