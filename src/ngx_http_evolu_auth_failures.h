
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Failed attempts by client address: a leaky bucket for each, in a shared zone
 * of its own.  An IPv6 client is its /64.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_FAILURES_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_FAILURES_H_INCLUDED_


#include "ngx_http_evolu_auth.h"
#include "evolu_bucket.h"


/* one evolu_auth_failure_zone */

typedef struct {
    ngx_shm_zone_t   *zone;
    void             *sh;          /* the table in the zone */
    ngx_slab_pool_t  *shpool;
    uint64_t          rate;        /* as in evolu_bucket.h */
} ngx_http_evolu_auth_failures_t;


/* Init handler of the shared zone; zone->data must be the failures_t. */
ngx_int_t ngx_http_evolu_auth_failures_init_zone(ngx_shm_zone_t *zone,
    void *old);

/* The zone of that name in an array of failures_t *, or NULL. */
ngx_http_evolu_auth_failures_t *ngx_http_evolu_auth_failures_find(
    ngx_array_t *zones, ngx_str_t *name);

/*
 * Milliseconds until the bucket of the address has room for a failure; 0: it
 * has.  Charges nothing.
 */
uint64_t ngx_http_evolu_auth_failures_wait(
    ngx_http_evolu_auth_failures_t *failures, evolu_address_t *address,
    uint64_t burst);

/*
 * One failure of the address.  Where there is no room for one more address,
 * the one that was seen least recently of its neighbours is forgotten.
 */
void ngx_http_evolu_auth_failures_charge(
    ngx_http_evolu_auth_failures_t *failures, evolu_address_t *address);

/*
 * Credentials by their tags, for those that were verified against the key
 * file: its records hold tags too, but each worker's their own.  The table is
 * of fixed size, and a tag in it may be replaced by another.
 */
void ngx_http_evolu_auth_failures_remember(
    ngx_http_evolu_auth_failures_t *failures, u_char tag[EVOLU_TAG_SIZE]);
ngx_uint_t ngx_http_evolu_auth_failures_remembers(
    ngx_http_evolu_auth_failures_t *failures, u_char tag[EVOLU_TAG_SIZE]);


#endif /* _NGX_HTTP_EVOLU_AUTH_FAILURES_H_INCLUDED_ */
