
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_flight.h"
#include "ngx_http_evolu_auth_preload.h"


/* milliseconds from the last answer of a batch to the next one */
#define NGX_HTTP_EVOLU_AUTH_PRELOAD_PAUSE  10


static void ngx_http_evolu_auth_preload_scan(
    ngx_http_evolu_auth_store_t *store);
static void ngx_http_evolu_auth_preload_keys(void *data,
    ngx_http_evolu_auth_read_status_e status, evolu_field_t *fields,
    ngx_uint_t n);
static void ngx_http_evolu_auth_preload_record(
    ngx_http_evolu_auth_store_t *store, evolu_bytes_t key);
static void ngx_http_evolu_auth_preload_next(
    ngx_http_evolu_auth_store_t *store);
static void ngx_http_evolu_auth_preload_log(ngx_http_evolu_auth_store_t *store,
    ngx_uint_t last);
static void ngx_http_evolu_auth_preload_timer(ngx_event_t *ev);


/* debug builds of nginx take the data of a timer for a connection */

static ngx_connection_t  ngx_http_evolu_auth_preload_dumb = {
    .fd = (ngx_socket_t) -1
};


void
ngx_http_evolu_auth_preload_begin(ngx_http_evolu_auth_store_t *store)
{
    ngx_http_evolu_auth_preload_t  *preload;

    preload = &store->preload;

    if (!store->cache->preload
        || ngx_worker != 0
        || preload->running
        || preload->reads
        || preload->over)
    {
        return;
    }

    if (ngx_http_evolu_auth_cache_preloaded(store->cache, 0)) {
        preload->over = 1;
        return;
    }

    preload->timer.handler = ngx_http_evolu_auth_preload_timer;
    preload->timer.data = &ngx_http_evolu_auth_preload_dumb;
    preload->timer.log = ngx_cycle->log;
    preload->timer.cancelable = 1;

    if (preload->cursor.len == 0) {
        preload->cursor.text[0] = '0';
        preload->cursor.len = 1;
    }

    preload->running = 1;

    ngx_http_evolu_auth_preload_scan(store);
}


void
ngx_http_evolu_auth_preload_end(ngx_http_evolu_auth_store_t *store)
{
    if (store->preload.timer.timer_set) {
        ngx_del_timer(&store->preload.timer);
    }

    store->preload.running = 0;
}


static void
ngx_http_evolu_auth_preload_scan(ngx_http_evolu_auth_store_t *store)
{
    evolu_bytes_t                   cursor;
    ngx_http_evolu_auth_preload_t  *preload;

    preload = &store->preload;

    cursor.data = preload->cursor.text;
    cursor.len = preload->cursor.len;

    if (ngx_http_evolu_auth_redis_read(store->redis,
                                       NGX_HTTP_EVOLU_AUTH_READ_KEYS, cursor,
                                       ngx_http_evolu_auth_preload_keys,
                                       store)
        != NGX_OK)
    {
        preload->running = 0;
    }
}


static void
ngx_http_evolu_auth_preload_keys(void *data,
    ngx_http_evolu_auth_read_status_e status, evolu_field_t *fields,
    ngx_uint_t n)
{
    ngx_uint_t                      i;
    ngx_http_evolu_auth_store_t    *store;
    ngx_http_evolu_auth_preload_t  *preload;

    store = data;
    preload = &store->preload;

    if (status == NGX_HTTP_EVOLU_AUTH_READ_LOST) {
        preload->running = 0;
        return;
    }

    if (status != NGX_HTTP_EVOLU_AUTH_READ_OK
        || fields[0].name.len == 0
        || fields[0].name.len > NGX_HTTP_EVOLU_AUTH_CURSOR_MAX)
    {
        preload->running = 0;
        preload->over = 1;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "evolu_auth: records are not preloaded: SCAN of %V "
                      "failed", &store->conf->text);
        return;
    }

    preload->next.len = fields[0].name.len;
    ngx_memcpy(preload->next.text, fields[0].name.data, preload->next.len);

    for (i = 1; i < n; i++) {
        ngx_http_evolu_auth_preload_record(store, fields[i].name);
    }

    if (preload->reads == 0) {
        ngx_http_evolu_auth_preload_next(store);
    }
}


/* Reads what is a record's key, unless the record is being read. */

static void
ngx_http_evolu_auth_preload_record(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t key)
{
    size_t                         prefix;
    evolu_locator_t                locator;
    ngx_http_evolu_auth_flight_t  *flight;

    prefix = store->conf->prefix.len;

    if (key.len <= prefix) {
        return;
    }

    key.data += prefix;
    key.len -= prefix;

    if (evolu_locator_parse(key, &locator) != 0
        || locator.scope == EVOLU_SCOPE_GLOBAL
        || evolu_keyfile_find(store->file, key) != NULL
        || ngx_http_evolu_auth_flight_find(store,
                                           NGX_HTTP_EVOLU_AUTH_READ_HASH, key)
           != NULL)
    {
        return;
    }

    flight = ngx_http_evolu_auth_flight_create(store,
                                               NGX_HTTP_EVOLU_AUTH_READ_HASH,
                                               key);
    if (flight == NULL) {
        return;
    }

    if (ngx_http_evolu_auth_flight_send(flight) != NGX_OK) {
        ngx_http_evolu_auth_flight_destroy(flight);
        return;
    }

    flight->preload = 1;
    store->preload.reads++;
}


void
ngx_http_evolu_auth_preload_answered(ngx_http_evolu_auth_store_t *store,
    ngx_http_evolu_auth_read_status_e status)
{
    ngx_http_evolu_auth_preload_t  *preload;

    preload = &store->preload;

    switch (status) {

    case NGX_HTTP_EVOLU_AUTH_READ_LOST:
        preload->lost++;
        break;

    case NGX_HTTP_EVOLU_AUTH_READ_OUTAGE:
        preload->refused++;
        break;

    default:
        preload->read++;
        break;
    }

    preload->reads--;

    if (preload->reads == 0 && preload->running) {
        ngx_http_evolu_auth_preload_next(store);
    }
}


/*
 * The batch is read.  One that the link was lost over is read once more, when
 * it is back; what ends the link again must not be able to do so for ever.
 */

static void
ngx_http_evolu_auth_preload_next(ngx_http_evolu_auth_store_t *store)
{
    ngx_uint_t                      again, last;
    ngx_http_evolu_auth_preload_t  *preload;

    preload = &store->preload;

    again = (preload->lost && !preload->again);

    if (!again) {
        preload->records += preload->read;
        preload->unread += preload->lost + preload->refused;
        preload->cursor = preload->next;
    }

    preload->again = again;
    preload->read = 0;
    preload->lost = 0;
    preload->refused = 0;

    last = (preload->cursor.len == 1 && preload->cursor.text[0] == '0');

    if (again
        || (!last && !ngx_http_evolu_auth_cache_full(store->cache)))
    {
        ngx_add_timer(&preload->timer, NGX_HTTP_EVOLU_AUTH_PRELOAD_PAUSE);
        return;
    }

    preload->running = 0;
    preload->over = 1;

    (void) ngx_http_evolu_auth_cache_preloaded(store->cache, 1);

    ngx_http_evolu_auth_preload_log(store, last);
}


static void
ngx_http_evolu_auth_preload_log(ngx_http_evolu_auth_store_t *store,
    ngx_uint_t last)
{
    ngx_http_evolu_auth_preload_t  *preload;

    preload = &store->preload;

    if (!last) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "evolu_auth: zone \"%V\" is full with %ui records "
                      "preloaded; the others are read when they are asked "
                      "for", &store->cache->zone->shm.name, preload->records);
        return;
    }

    if (preload->unread) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "evolu_auth: %ui records were preloaded; %ui could not "
                      "be read, and are when they are asked for",
                      preload->records, preload->unread);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "evolu_auth: %ui records were preloaded", preload->records);
}


static void
ngx_http_evolu_auth_preload_timer(ngx_event_t *ev)
{
    ngx_http_evolu_auth_store_t  *store;

    store = (ngx_http_evolu_auth_store_t *)
                ((u_char *) ev
                 - offsetof(ngx_http_evolu_auth_store_t, preload.timer));

    ngx_http_evolu_auth_preload_scan(store);
}
