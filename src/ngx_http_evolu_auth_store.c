
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_answer.h"
#include "ngx_http_evolu_auth_flight.h"
#include "ngx_http_evolu_auth_preload.h"


#define NGX_HTTP_EVOLU_AUTH_SHADOWS    16  /* records of the file that are
                                              looked for at a heartbeat */
#define NGX_HTTP_EVOLU_AUTH_SHARE      8   /* one address may hold this part
                                              of the waiting requests */


static void ngx_http_evolu_auth_store_lost(void *data);
static void ngx_http_evolu_auth_store_beat(void *data, ngx_uint_t tracked,
    ngx_msec_t sent, evolu_bytes_t epoch);
static void ngx_http_evolu_auth_store_changed(void *data,
    evolu_bytes_t locator);
static void ngx_http_evolu_auth_store_flushed(void *data);
static void ngx_http_evolu_auth_store_ended(void *data,
    ngx_http_evolu_auth_loss_e why);
static void ngx_http_evolu_auth_store_moved(void *data);
static void ngx_http_evolu_auth_store_look_for_shadows(
    ngx_http_evolu_auth_store_t *store);

static ngx_int_t ngx_http_evolu_auth_store_enlist(
    ngx_http_evolu_auth_store_t *store, ngx_http_request_t *r,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator,
    ngx_http_evolu_auth_waiter_t *waiter);
static ngx_uint_t ngx_http_evolu_auth_store_full(
    ngx_http_evolu_auth_store_t *store, ngx_connection_t *c);


ngx_int_t
ngx_http_evolu_auth_store_open(ngx_http_evolu_auth_store_t *store,
    ngx_cycle_t *cycle)
{
    ngx_http_evolu_auth_redis_events_t  events;

    ngx_queue_init(&store->flights);

    store->waiting = 0;
    store->shadow = 0;
    store->log = cycle->log;
    ngx_memzero(&store->preload, sizeof(ngx_http_evolu_auth_preload_t));
    store->redis = NULL;
    store->open = 1;

    if (store->cache == NULL) {
        return NGX_OK;
    }

    ngx_http_evolu_auth_cache_tag_key(store->cache, store->tag_key);
    ngx_http_evolu_auth_cache_join(store->cache);

    if (store->conf == NULL) {
        return NGX_OK;
    }

    events.data = store;
    events.lost = ngx_http_evolu_auth_store_lost;
    events.beat = ngx_http_evolu_auth_store_beat;
    events.changed = ngx_http_evolu_auth_store_changed;
    events.flushed = ngx_http_evolu_auth_store_flushed;
    events.ended = ngx_http_evolu_auth_store_ended;
    events.moved = ngx_http_evolu_auth_store_moved;

    store->redis = ngx_http_evolu_auth_redis_open(cycle->pool, store->conf,
                                                  &events, cycle->log);
    if (store->redis == NULL) {
        store->open = 0;
        return NGX_ERROR;
    }

    ngx_http_evolu_auth_store_moved(store);

    return NGX_OK;
}


void
ngx_http_evolu_auth_store_close(ngx_http_evolu_auth_store_t *store)
{
    ngx_queue_t                   *q;
    ngx_http_evolu_auth_flight_t  *flight;
    ngx_http_evolu_auth_waiter_t  *waiter;

    if (!store->open) {
        return;
    }

    store->open = 0;

    ngx_http_evolu_auth_preload_end(store);

    if (store->redis != NULL) {
        ngx_http_evolu_auth_redis_close(store->redis);
        store->redis = NULL;
    }

    while (!ngx_queue_empty(&store->flights)) {
        q = ngx_queue_head(&store->flights);
        flight = ngx_queue_data(q, ngx_http_evolu_auth_flight_t, queue);

        while (!ngx_queue_empty(&flight->waiters)) {
            q = ngx_queue_head(&flight->waiters);
            waiter = ngx_queue_data(q, ngx_http_evolu_auth_waiter_t, queue);

            ngx_queue_remove(q);
            waiter->flight = NULL;
        }

        ngx_http_evolu_auth_flight_destroy(flight);
    }

    store->waiting = 0;

    if (store->cache != NULL) {
        ngx_http_evolu_auth_cache_leave(store->cache);
    }
}


void
ngx_http_evolu_auth_store_lookup(ngx_http_evolu_auth_store_t *store,
    ngx_http_request_t *r, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator, ngx_uint_t wait,
    ngx_http_evolu_auth_waiter_t *waiter, ngx_http_evolu_auth_answer_t *answer)
{
    ngx_http_evolu_auth_link_e         link;
    ngx_http_evolu_auth_cache_state_e  state;

    ngx_memzero(answer, sizeof(ngx_http_evolu_auth_answer_t));

    if (kind == NGX_HTTP_EVOLU_AUTH_READ_HASH) {
        answer->record = evolu_keyfile_find(store->file, locator);

        if (answer->record != NULL) {
            answer->rc = NGX_OK;
            answer->from = NGX_HTTP_EVOLU_AUTH_FROM_FILE;
            return;
        }
    }

    /* global keys have one home, whatever the store holds */

    if (store->conf == NULL || store->cache == NULL
        || evolu_bytes_equal(locator, evolu_literal("global")))
    {
        answer->rc = NGX_DECLINED;
        answer->from = NGX_HTTP_EVOLU_AUTH_FROM_FILE;
        return;
    }

    if (!store->open
        && ngx_http_evolu_auth_store_open(store, (ngx_cycle_t *) ngx_cycle)
           != NGX_OK)
    {
        answer->rc = NGX_BUSY;
        return;
    }

    link = ngx_http_evolu_auth_redis_state(store->redis);

    state = ngx_http_evolu_auth_answer_cached(store, kind, locator,
                                        link != NGX_HTTP_EVOLU_AUTH_LINK_LIVE,
                                        answer);

    if (state != NGX_HTTP_EVOLU_AUTH_CACHE_MISS) {
        return;
    }

    answer->rc = NGX_BUSY;
    answer->from = NGX_HTTP_EVOLU_AUTH_FROM_NOWHERE;

    if (wait
        && (link == NGX_HTTP_EVOLU_AUTH_LINK_LIVE
            || link == NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING))
    {
        answer->rc = ngx_http_evolu_auth_store_enlist(store, r, kind, locator,
                                                      waiter);
    }
}


void
ngx_http_evolu_auth_store_release(ngx_http_evolu_auth_waiter_t *waiter)
{
    ngx_http_evolu_auth_flight_t  *flight;

    flight = waiter->flight;

    if (flight == NULL) {
        return;
    }

    waiter->flight = NULL;

    if (waiter->done) {
        flight->references--;

        if (flight->references == 0) {
            ngx_free(flight);
        }

        return;
    }

    ngx_queue_remove(&waiter->queue);
    ngx_http_evolu_auth_store_waiting(flight->store,
                                      flight->store->waiting - 1);

    if (!ngx_queue_empty(&flight->waiters)) {
        return;
    }

    if (!flight->sent && !flight->big) {
        ngx_http_evolu_auth_flight_destroy(flight);
        return;
    }

    /* its answer fills the cache; no deadline is to delay the worker's exit */

    if (flight->timer.timer_set) {
        ngx_del_timer(&flight->timer);
    }
}


void
ngx_http_evolu_auth_store_waiting(ngx_http_evolu_auth_store_t *store,
    ngx_uint_t n)
{
    store->waiting = n;

    ngx_http_evolu_auth_cache_waiting(store->cache, n);
}


void
ngx_http_evolu_auth_store_verified(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator, evolu_record_t *record, uint64_t entries,
    u_char tag[EVOLU_TAG_SIZE], ngx_http_evolu_auth_from_e from)
{
    switch (from) {

    case NGX_HTTP_EVOLU_AUTH_FROM_FILE:
        evolu_record_set_tag(record, entries, tag);
        break;

    case NGX_HTTP_EVOLU_AUTH_FROM_FRESH:
    case NGX_HTTP_EVOLU_AUTH_FROM_STALE:
    case NGX_HTTP_EVOLU_AUTH_FROM_MISS:
        ngx_http_evolu_auth_cache_set_tag(store->cache, locator, record,
                                          entries, tag);
        break;

    default: /* no record */
        break;
    }
}


/* what the link tells */

static void
ngx_http_evolu_auth_store_lost(void *data)
{
    ngx_queue_t                   *q, *next;
    ngx_http_evolu_auth_store_t   *store;
    ngx_http_evolu_auth_flight_t  *flight;

    store = data;

    ngx_http_evolu_auth_store_moved(store);
    ngx_http_evolu_auth_cache_uncover(store->cache);

    if (ngx_http_evolu_auth_redis_state(store->redis)
        != NGX_HTTP_EVOLU_AUTH_LINK_NOT_READY)
    {
        /* the next attempt may be in time for those who wait */
        return;
    }

    for (q = ngx_queue_head(&store->flights);
         q != ngx_queue_sentinel(&store->flights);
         q = next)
    {
        next = ngx_queue_next(q);
        flight = ngx_queue_data(q, ngx_http_evolu_auth_flight_t, queue);

        if (!flight->sent) {
            ngx_http_evolu_auth_flight_fall_back(flight);
            ngx_http_evolu_auth_flight_destroy(flight);
        }
    }
}


static void
ngx_http_evolu_auth_store_beat(void *data, ngx_uint_t tracked,
    ngx_msec_t sent, evolu_bytes_t epoch)
{
    ngx_queue_t                   *q, *next;
    ngx_http_evolu_auth_store_t   *store;
    ngx_http_evolu_auth_flight_t  *flight;

    store = data;

    ngx_http_evolu_auth_cache_epoch(store->cache, epoch);
    ngx_http_evolu_auth_cache_beat(store->cache, tracked, sent);
    ngx_http_evolu_auth_store_moved(store);

    for (q = ngx_queue_head(&store->flights);
         q != ngx_queue_sentinel(&store->flights);
         q = next)
    {
        next = ngx_queue_next(q);
        flight = ngx_queue_data(q, ngx_http_evolu_auth_flight_t, queue);

        if (flight->big) {
            ngx_http_evolu_auth_flight_note_big(flight);
            ngx_http_evolu_auth_flight_destroy(flight);

        } else if (!flight->sent
                   && ngx_http_evolu_auth_flight_send(flight) != NGX_OK)
        {
            ngx_http_evolu_auth_flight_fall_back(flight);
            ngx_http_evolu_auth_flight_destroy(flight);
        }
    }

    ngx_http_evolu_auth_preload_begin(store);

    if (ngx_worker == 0 && !store->shadow_logged) {
        ngx_http_evolu_auth_store_look_for_shadows(store);
    }
}


static void
ngx_http_evolu_auth_store_changed(void *data, evolu_bytes_t locator)
{
    ngx_http_evolu_auth_store_t  *store;

    store = data;

    ngx_http_evolu_auth_count(&store->cache->tally,
                          invalidations[NGX_HTTP_EVOLU_AUTH_INVALIDATION_KEY]);

    ngx_http_evolu_auth_cache_drop(store->cache, locator);

    if (evolu_keyfile_find(store->file, locator) != NULL) {
        ngx_http_evolu_auth_store_shadowed(store, locator);
    }
}


static void
ngx_http_evolu_auth_store_flushed(void *data)
{
    ngx_http_evolu_auth_store_t  *store;

    store = data;

    ngx_http_evolu_auth_count(&store->cache->tally,
                        invalidations[NGX_HTTP_EVOLU_AUTH_INVALIDATION_FLUSH]);

    ngx_http_evolu_auth_cache_expire(store->cache);
}


static void
ngx_http_evolu_auth_store_ended(void *data, ngx_http_evolu_auth_loss_e why)
{
    ngx_http_evolu_auth_store_t  *store;

    store = data;

    ngx_http_evolu_auth_count(&store->cache->tally, losses[why]);
}


static void
ngx_http_evolu_auth_store_moved(void *data)
{
    ngx_http_evolu_auth_store_t  *store;

    store = data;

    ngx_http_evolu_auth_cache_link(store->cache,
                                ngx_http_evolu_auth_redis_state(store->redis));
}


/* are there records of the file that the store holds, too?  Some at a time */

static void
ngx_http_evolu_auth_store_look_for_shadows(ngx_http_evolu_auth_store_t *store)
{
    size_t                         end;
    evolu_bytes_t                  locator;
    ngx_http_evolu_auth_flight_t  *flight;

    end = ngx_min(store->shadow + NGX_HTTP_EVOLU_AUTH_SHADOWS,
                  evolu_keyfile_count(store->file));

    while (store->shadow < end) {
        (void) evolu_keyfile_record(store->file, store->shadow, &locator);
        store->shadow++;

        flight = ngx_http_evolu_auth_flight_create(store,
                                                NGX_HTTP_EVOLU_AUTH_READ_HASH,
                                                locator);
        if (flight == NULL) {
            return;
        }

        flight->shadow = 1;

        if (ngx_http_evolu_auth_flight_send(flight) != NGX_OK) {
            ngx_http_evolu_auth_flight_destroy(flight);
            return;
        }
    }
}


void
ngx_http_evolu_auth_store_shadowed(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator)
{
    u_char  *last, text[4 * EVOLU_LOCATOR_MAX];

    if (store->shadow_logged) {
        return;
    }

    store->shadow_logged = 1;

    last = ngx_http_evolu_auth_answer_escape(text, locator);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "evolu_auth: record \"%*s\" is in the key file and in the "
                  "store: only the key file's counts",
                  (size_t) (last - text), text);
}


/* NGX_AGAIN: the request waits; NGX_BUSY: it can't */

static ngx_int_t
ngx_http_evolu_auth_store_enlist(ngx_http_evolu_auth_store_t *store,
    ngx_http_request_t *r, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator, ngx_http_evolu_auth_waiter_t *waiter)
{
    ngx_http_evolu_auth_flight_t  *flight;

    if (locator.len > EVOLU_LOCATOR_MAX
        || ngx_http_evolu_auth_store_full(store, r->connection))
    {
        return NGX_BUSY;
    }

    flight = ngx_http_evolu_auth_flight_find(store, kind, locator);

    if (flight == NULL) {
        flight = ngx_http_evolu_auth_flight_create(store, kind, locator);
        if (flight == NULL) {
            return NGX_BUSY;
        }

        if (ngx_http_evolu_auth_redis_state(store->redis)
            == NGX_HTTP_EVOLU_AUTH_LINK_LIVE
            && ngx_http_evolu_auth_flight_send(flight) != NGX_OK)
        {
            ngx_http_evolu_auth_flight_destroy(flight);
            return NGX_BUSY;
        }

    } else {
        ngx_http_evolu_auth_count(&store->cache->tally, joined);
    }

    if (!flight->timer.timer_set) {
        ngx_add_timer(&flight->timer,
                      flight->sent ? store->conf->timeout
                                   : store->conf->connect_timeout
                                     + store->conf->timeout);
    }

    ngx_memzero(&waiter->answer, sizeof(ngx_http_evolu_auth_answer_t));

    waiter->flight = flight;
    waiter->request = r;
    waiter->store = store;
    waiter->begin = ngx_current_msec;
    waiter->since = ngx_http_evolu_auth_clock();
    waiter->done = 0;

    ngx_queue_insert_tail(&flight->waiters, &waiter->queue);
    ngx_http_evolu_auth_store_waiting(store, store->waiting + 1);

    return NGX_AGAIN;
}


/* no room for one more, at all or for this client's address */

static ngx_uint_t
ngx_http_evolu_auth_store_full(ngx_http_evolu_auth_store_t *store,
    ngx_connection_t *c)
{
    ngx_uint_t                     n, share;
    ngx_queue_t                   *f, *q;
    ngx_connection_t              *wc;
    ngx_http_evolu_auth_flight_t  *flight;
    ngx_http_evolu_auth_waiter_t  *waiter;

    if (store->waiting >= store->conf->pending) {
        return 1;
    }

    share = store->conf->pending / NGX_HTTP_EVOLU_AUTH_SHARE;
    share = ngx_max(share, 1);

    if (store->waiting < share || c->sockaddr->sa_family == AF_UNIX) {
        return 0;
    }

    n = 0;

    for (f = ngx_queue_head(&store->flights);
         f != ngx_queue_sentinel(&store->flights);
         f = ngx_queue_next(f))
    {
        flight = ngx_queue_data(f, ngx_http_evolu_auth_flight_t, queue);

        for (q = ngx_queue_head(&flight->waiters);
             q != ngx_queue_sentinel(&flight->waiters);
             q = ngx_queue_next(q))
        {
            waiter = ngx_queue_data(q, ngx_http_evolu_auth_waiter_t, queue);
            wc = waiter->request->connection;

            if (ngx_cmp_sockaddr(wc->sockaddr, wc->socklen, c->sockaddr,
                                 c->socklen, 0)
                == NGX_OK)
            {
                n++;
            }
        }
    }

    return n >= share;
}
