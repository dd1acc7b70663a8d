
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What is counted.  A worker has a block of counters in the zone that nobody
 * else writes, so that to count is one addition to memory, and those who read
 * sum over all blocks.  A block outlives its worker and is never emptied: the
 * next one to get it goes on.
 *
 * A worker without a block, which is one before it has joined the zone, or in a
 * zone with no room for blocks, shares one with others of its kind and adds
 * atomically.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_COUNTERS_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_COUNTERS_H_INCLUDED_


#include "ngx_http_evolu_auth.h"


/* values of enumerations that stand above this file */
#define NGX_HTTP_EVOLU_AUTH_RESULTS  6
#define NGX_HTTP_EVOLU_AUTH_FROMS    6
#define NGX_HTTP_EVOLU_AUTH_LINKS    4

/* buckets of the histogram, the one without an upper bound included */
#define NGX_HTTP_EVOLU_AUTH_BUCKETS  14


/* why a link, or an attempt at one, ended */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_LOSS_OTHER = 0,
    NGX_HTTP_EVOLU_AUTH_LOSS_RESOLVE,     /* the name of the server */
    NGX_HTTP_EVOLU_AUTH_LOSS_CONNECT,
    NGX_HTTP_EVOLU_AUTH_LOSS_TLS,
    NGX_HTTP_EVOLU_AUTH_LOSS_SENTINEL,    /* that names no primary */
    NGX_HTTP_EVOLU_AUTH_LOSS_GREETING,    /* connected, but not greeted */
    NGX_HTTP_EVOLU_AUTH_LOSS_REFUSED,     /* the server said an error */
    NGX_HTTP_EVOLU_AUTH_LOSS_ROLE,        /* no primary */
    NGX_HTTP_EVOLU_AUTH_LOSS_MOVED,
    NGX_HTTP_EVOLU_AUTH_LOSS_CLOSED,      /* by the server */
    NGX_HTTP_EVOLU_AUTH_LOSS_SILENT,
    NGX_HTTP_EVOLU_AUTH_LOSS_NETWORK,     /* an error of send() or recv() */
    NGX_HTTP_EVOLU_AUTH_LOSS_PROTOCOL,
    NGX_HTTP_EVOLU_AUTH_LOSS_LIMIT,       /* a reply over the limits */
    NGX_HTTP_EVOLU_AUTH_LOSSES
} ngx_http_evolu_auth_loss_e;


/* what made records stale, or dropped them */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_INVALIDATION_KEY = 0,    /* one was changed */
    NGX_HTTP_EVOLU_AUTH_INVALIDATION_FLUSH,      /* any may have been */
    NGX_HTTP_EVOLU_AUTH_INVALIDATION_EPOCH,
    NGX_HTTP_EVOLU_AUTH_INVALIDATION_LINK_LOSS,  /* nobody listened */
    NGX_HTTP_EVOLU_AUTH_INVALIDATIONS
} ngx_http_evolu_auth_invalidation_e;


/* an array of numbers with names: readers sum it as one */

typedef struct {
    ngx_atomic_t   requests[NGX_HTTP_EVOLU_AUTH_RESULTS];
    ngx_atomic_t   denied[EVOLU_REASONS];
    ngx_atomic_t   lookups[NGX_HTTP_EVOLU_AUTH_FROMS];
    ngx_atomic_t   stale_served;
    ngx_atomic_t   stripped;
    ngx_atomic_t   waits[NGX_HTTP_EVOLU_AUTH_BUCKETS];
    ngx_atomic_t   waited;                       /* microseconds */
    ngx_atomic_t   losses[NGX_HTTP_EVOLU_AUTH_LOSSES];
    ngx_atomic_t   invalidations[NGX_HTTP_EVOLU_AUTH_INVALIDATIONS];
    ngx_atomic_t   joined;
    ngx_atomic_t   invalid;
} ngx_http_evolu_auth_counters_t;

#define NGX_HTTP_EVOLU_AUTH_COUNTERS                                          \
    (sizeof(ngx_http_evolu_auth_counters_t) / sizeof(ngx_atomic_t))


/* where one counts: one a worker and configuration */

typedef struct {
    ngx_http_evolu_auth_counters_t  *block;
    ngx_uint_t                       shared;     /* 1: by others, too */
} ngx_http_evolu_auth_tally_t;


/* upper bounds of the histogram's buckets, microseconds; the last has none */
extern const uint64_t
    ngx_http_evolu_auth_bounds[NGX_HTTP_EVOLU_AUTH_BUCKETS - 1];


/* Microseconds by a clock that is never set. */
uint64_t ngx_http_evolu_auth_clock(void);

/* Counts one wait for the store, of so many microseconds. */
void ngx_http_evolu_auth_count_wait(ngx_http_evolu_auth_tally_t *tally,
    uint64_t us);

/* Adds a block to a sum of blocks. */
void ngx_http_evolu_auth_counters_sum(ngx_http_evolu_auth_counters_t *sum,
    ngx_http_evolu_auth_counters_t *block);


static ngx_inline void
ngx_http_evolu_auth_count_n(ngx_http_evolu_auth_tally_t *tally,
    ngx_atomic_t *counter, ngx_atomic_uint_t n)
{
    if (tally->shared) {
        (void) ngx_atomic_fetch_add(counter, n);

    } else {
        *counter += n;
    }
}


/* One more: ngx_http_evolu_auth_count(tally, joined), or denied[reason]. */

#define ngx_http_evolu_auth_count(tally, counter)                             \
    ngx_http_evolu_auth_count_n(tally, &(tally)->block->counter, 1)


#endif /* _NGX_HTTP_EVOLU_AUTH_COUNTERS_H_INCLUDED_ */
