
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Single flight: one read of one locator and those who wait for it.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_FLIGHT_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_FLIGHT_H_INCLUDED_


#include "ngx_http_evolu_auth_store.h"


/*
 * A flight stands in the store's list until its read is answered, or, when that
 * was not sent, until nobody waits.
 */

struct ngx_http_evolu_auth_flight_s {
    ngx_queue_t                         queue;
    ngx_queue_t                         waiters;
    ngx_event_t                         timer;
    ngx_http_evolu_auth_store_t        *store;
    ngx_http_evolu_auth_read_e          kind;
    ngx_http_evolu_auth_cache_mark_t    mark;

    /*
     * A value that was given to waiters belongs to a flight of its own, which
     * is in no list and ends with the last of them.
     */
    ngx_uint_t                          references;

    unsigned                            sent:1;
    unsigned                            again:1;    /* sent a second time */
    unsigned                            shadow:1;   /* a record of the file */
    unsigned                            preload:1;
    unsigned                            big:1;      /* a reply over a limit */
    unsigned                            tracked:1;  /* the link, when sent */
    size_t                              len;
    u_char                              locator[EVOLU_LOCATOR_MAX];

    int64_t                             value[];    /* aligned for an image */
};


/*
 * One that may be joined: what it will read is not older than this moment, as
 * far as anybody told.  NULL: none.
 */
ngx_http_evolu_auth_flight_t *ngx_http_evolu_auth_flight_find(
    ngx_http_evolu_auth_store_t *store, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator);

/* Makes one, not sent yet, in the store's list.  NULL: out of memory. */
ngx_http_evolu_auth_flight_t *ngx_http_evolu_auth_flight_create(
    ngx_http_evolu_auth_store_t *store, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator);

/* Takes one out of the store's list and frees it; nobody may wait for it. */
void ngx_http_evolu_auth_flight_destroy(ngx_http_evolu_auth_flight_t *flight);

/* The locator that it reads, valid while it is there. */
evolu_bytes_t ngx_http_evolu_auth_flight_locator(
    ngx_http_evolu_auth_flight_t *flight);

/*
 * Sends its read, whose answer settles and ends it.  NGX_OK, or NGX_ERROR: it
 * was not sent.
 */
ngx_int_t ngx_http_evolu_auth_flight_send(
    ngx_http_evolu_auth_flight_t *flight);

/*
 * Its reply was over a limit, and the link is there again: "unknown" is kept
 * for a while, as to ask again would reset the link again.
 */
void ngx_http_evolu_auth_flight_note_big(ngx_http_evolu_auth_flight_t *flight);

/* The store can't be asked: settles it with what may serve meanwhile. */
void ngx_http_evolu_auth_flight_fall_back(
    ngx_http_evolu_auth_flight_t *flight);


#endif /* _NGX_HTTP_EVOLU_AUTH_FLIGHT_H_INCLUDED_ */
