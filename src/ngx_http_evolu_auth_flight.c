
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_answer.h"
#include "ngx_http_evolu_auth_flight.h"
#include "ngx_http_evolu_auth_preload.h"


static void ngx_http_evolu_auth_flight_arm(
    ngx_http_evolu_auth_flight_t *flight, ngx_msec_t delay);
static void ngx_http_evolu_auth_flight_late(ngx_event_t *ev);
static void ngx_http_evolu_auth_flight_answered(void *data,
    ngx_http_evolu_auth_read_status_e status, evolu_field_t *fields,
    ngx_uint_t n);
static void ngx_http_evolu_auth_flight_read(
    ngx_http_evolu_auth_flight_t *flight, evolu_field_t *fields, ngx_uint_t n);
static void ngx_http_evolu_auth_flight_settle(
    ngx_http_evolu_auth_flight_t *flight,
    ngx_http_evolu_auth_answer_t *answer);


/* debug builds of nginx take the data of a timer for a connection */

static ngx_connection_t  ngx_http_evolu_auth_flight_dumb = {
    .fd = (ngx_socket_t) -1
};


ngx_http_evolu_auth_flight_t *
ngx_http_evolu_auth_flight_find(ngx_http_evolu_auth_store_t *store,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator)
{
    ngx_queue_t                   *q;
    ngx_http_evolu_auth_flight_t  *flight;

    for (q = ngx_queue_last(&store->flights);
         q != ngx_queue_sentinel(&store->flights);
         q = ngx_queue_prev(q))
    {
        flight = ngx_queue_data(q, ngx_http_evolu_auth_flight_t, queue);

        if (flight->kind == kind
            && !flight->shadow
            && evolu_bytes_equal(ngx_http_evolu_auth_flight_locator(flight),
                                 locator))
        {
            if (flight->sent
                && !ngx_http_evolu_auth_cache_unchanged(store->cache, locator,
                                                        &flight->mark))
            {
                return NULL;
            }

            return flight;
        }
    }

    return NULL;
}


ngx_http_evolu_auth_flight_t *
ngx_http_evolu_auth_flight_create(ngx_http_evolu_auth_store_t *store,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator)
{
    ngx_http_evolu_auth_flight_t  *flight;

    if (locator.len > EVOLU_LOCATOR_MAX) {
        return NULL;
    }

    flight = ngx_calloc(sizeof(ngx_http_evolu_auth_flight_t), ngx_cycle->log);
    if (flight == NULL) {
        return NULL;
    }

    flight->store = store;
    flight->kind = kind;
    flight->len = locator.len;
    ngx_memcpy(flight->locator, locator.data, locator.len);

    flight->timer.handler = ngx_http_evolu_auth_flight_late;
    flight->timer.data = &ngx_http_evolu_auth_flight_dumb;
    flight->timer.log = ngx_cycle->log;

    ngx_queue_init(&flight->waiters);
    ngx_queue_insert_tail(&store->flights, &flight->queue);

    return flight;
}


void
ngx_http_evolu_auth_flight_destroy(ngx_http_evolu_auth_flight_t *flight)
{
    if (flight->timer.timer_set) {
        ngx_del_timer(&flight->timer);
    }

    ngx_queue_remove(&flight->queue);
    ngx_free(flight);
}


evolu_bytes_t
ngx_http_evolu_auth_flight_locator(ngx_http_evolu_auth_flight_t *flight)
{
    evolu_bytes_t  locator;

    locator.data = flight->locator;
    locator.len = flight->len;

    return locator;
}


ngx_int_t
ngx_http_evolu_auth_flight_send(ngx_http_evolu_auth_flight_t *flight)
{
    evolu_bytes_t                 locator;
    ngx_http_evolu_auth_store_t  *store;

    store = flight->store;
    locator = ngx_http_evolu_auth_flight_locator(flight);

    ngx_http_evolu_auth_cache_mark(store->cache, locator, &flight->mark);

    if (ngx_http_evolu_auth_redis_read(store->redis, flight->kind, locator,
                                       ngx_http_evolu_auth_flight_answered,
                                       flight)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    flight->sent = 1;
    flight->tracked = ngx_http_evolu_auth_redis_tracked(store->redis);

    /* who waited for the link has waited for a part of his time */

    if (flight->timer.timer_set
        && (ngx_msec_int_t) (flight->timer.timer.key - ngx_current_msec)
           > (ngx_msec_int_t) store->conf->timeout)
    {
        ngx_http_evolu_auth_flight_arm(flight, store->conf->timeout);
    }

    return NGX_OK;
}


static void
ngx_http_evolu_auth_flight_arm(ngx_http_evolu_auth_flight_t *flight,
    ngx_msec_t delay)
{
    /* nginx leaves a timer alone that is moved by little */

    if (flight->timer.timer_set) {
        ngx_del_timer(&flight->timer);
    }

    ngx_add_timer(&flight->timer, delay);
}


static void
ngx_http_evolu_auth_flight_late(ngx_event_t *ev)
{
    ngx_http_evolu_auth_flight_t  *flight;

    flight = ngx_queue_data(ev, ngx_http_evolu_auth_flight_t, timer);

    ngx_http_evolu_auth_flight_fall_back(flight);

    if (!flight->sent) {
        ngx_http_evolu_auth_flight_destroy(flight);
    }
}


static void
ngx_http_evolu_auth_flight_answered(void *data,
    ngx_http_evolu_auth_read_status_e status, evolu_field_t *fields,
    ngx_uint_t n)
{
    ngx_http_evolu_auth_flight_t  *flight;

    flight = data;
    flight->sent = 0;

    if (flight->preload) {
        flight->preload = 0;
        ngx_http_evolu_auth_preload_answered(flight->store, status);
    }

    if (flight->shadow) {

        if (n > 0
            || status == NGX_HTTP_EVOLU_AUTH_READ_VOID
            || status == NGX_HTTP_EVOLU_AUTH_READ_TOO_BIG)
        {
            ngx_http_evolu_auth_store_shadowed(flight->store,
                                 ngx_http_evolu_auth_flight_locator(flight));
        }

        ngx_http_evolu_auth_flight_destroy(flight);
        return;
    }

    switch (status) {

    case NGX_HTTP_EVOLU_AUTH_READ_LOST:

        if (!flight->again && !ngx_queue_empty(&flight->waiters)) {
            flight->again = 1;
            return;
        }

        ngx_http_evolu_auth_flight_fall_back(flight);
        break;

    case NGX_HTTP_EVOLU_AUTH_READ_OUTAGE:
        ngx_http_evolu_auth_flight_fall_back(flight);
        break;

    case NGX_HTTP_EVOLU_AUTH_READ_TOO_BIG:

        /* the link is down: noted now, it would be forgotten with that */

        flight->big = 1;
        ngx_http_evolu_auth_answer_void(flight->store,
                                  ngx_http_evolu_auth_flight_locator(flight),
                                  "the reply to it is over the limits", NULL);
        ngx_http_evolu_auth_flight_read(flight, NULL, 0);
        return;

    case NGX_HTTP_EVOLU_AUTH_READ_VOID:
        ngx_http_evolu_auth_answer_void(flight->store,
                                  ngx_http_evolu_auth_flight_locator(flight),
                                  "it is of another type", NULL);
        ngx_http_evolu_auth_flight_read(flight, NULL, 0);
        break;

    default: /* NGX_HTTP_EVOLU_AUTH_READ_OK */
        ngx_http_evolu_auth_flight_read(flight, fields, n);
        break;
    }

    ngx_http_evolu_auth_flight_destroy(flight);
}


void
ngx_http_evolu_auth_flight_note_big(ngx_http_evolu_auth_flight_t *flight)
{
    ngx_http_evolu_auth_store_t  *store;

    store = flight->store;

    ngx_http_evolu_auth_cache_mark(store->cache,
                                   ngx_http_evolu_auth_flight_locator(flight),
                                   &flight->mark);

    flight->tracked = ngx_http_evolu_auth_redis_tracked(store->redis);

    ngx_http_evolu_auth_flight_read(flight, NULL, 0);
}


/* the store has spoken; without fields, or with unreadable ones: "unknown" */

static void
ngx_http_evolu_auth_flight_read(ngx_http_evolu_auth_flight_t *flight,
    evolu_field_t *fields, ngx_uint_t n)
{
    evolu_bytes_t                  locator;
    ngx_http_evolu_auth_store_t   *store;
    ngx_http_evolu_auth_value_e    value;
    ngx_http_evolu_auth_answer_t   answer;

    store = flight->store;
    locator = ngx_http_evolu_auth_flight_locator(flight);

    value = ngx_http_evolu_auth_answer_decode(store, flight->kind, locator,
                                              fields, n, &answer);

    (void) ngx_http_evolu_auth_cache_put(store->cache, locator, &flight->mark,
                                    value,
                                    ngx_http_evolu_auth_answer_value(&answer),
                                    answer.size, flight->tracked);

    ngx_http_evolu_auth_flight_settle(flight, &answer);
}


void
ngx_http_evolu_auth_flight_fall_back(ngx_http_evolu_auth_flight_t *flight)
{
    ngx_http_evolu_auth_answer_t  answer;

    if (ngx_queue_empty(&flight->waiters)) {
        return;
    }

    ngx_memzero(&answer, sizeof(ngx_http_evolu_auth_answer_t));

    if (ngx_http_evolu_auth_answer_cached(flight->store, flight->kind,
                                   ngx_http_evolu_auth_flight_locator(flight),
                                   1, &answer)
        == NGX_HTTP_EVOLU_AUTH_CACHE_MISS)
    {
        answer.rc = NGX_BUSY;
    }

    ngx_http_evolu_auth_flight_settle(flight, &answer);
}


/*
 * Answers all who wait.  Their requests run later, from the events of their
 * connections: here others may still wait, and a request may end at once.
 */

static void
ngx_http_evolu_auth_flight_settle(ngx_http_evolu_auth_flight_t *flight,
    ngx_http_evolu_auth_answer_t *answer)
{
    ngx_queue_t                   *q;
    ngx_http_evolu_auth_flight_t  *value;
    ngx_http_evolu_auth_waiter_t  *waiter;

    if (ngx_queue_empty(&flight->waiters)) {
        return;
    }

    value = NULL;

    if (answer->rc == NGX_OK) {
        value = ngx_alloc(sizeof(ngx_http_evolu_auth_flight_t) + answer->size,
                          ngx_cycle->log);

        if (value == NULL) {
            ngx_memzero(answer, sizeof(ngx_http_evolu_auth_answer_t));
            answer->rc = NGX_BUSY;

        } else {
            value->references = 0;
            ngx_http_evolu_auth_answer_move(answer, value->value);
        }
    }

    while (!ngx_queue_empty(&flight->waiters)) {
        q = ngx_queue_head(&flight->waiters);
        waiter = ngx_queue_data(q, ngx_http_evolu_auth_waiter_t, queue);

        ngx_queue_remove(q);
        ngx_http_evolu_auth_store_waiting(flight->store,
                                          flight->store->waiting - 1);
        ngx_http_evolu_auth_count_wait(&flight->store->cache->tally,
                                       ngx_http_evolu_auth_clock()
                                       - waiter->since);

        if (value != NULL) {
            value->references++;
        }

        waiter->flight = value;
        waiter->answer = *answer;
        waiter->done = 1;

        ngx_post_event(waiter->request->connection->write, &ngx_posted_events);
    }

    if (flight->timer.timer_set) {
        ngx_del_timer(&flight->timer);
    }
}
