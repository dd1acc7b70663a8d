
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The inside of the shared zone: its structures, and what cache.c (records),
 * cache_zone.c (memory), cache_cover.c (coverage) and cache_stat.c (numbers)
 * are to each other.  No other file includes this one.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_CACHE_ZONE_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_CACHE_ZONE_H_INCLUDED_


#include "ngx_http_evolu_auth_cache.h"

#include <sodium.h>


#define NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS      256

#define NGX_HTTP_EVOLU_AUTH_CACHE_TRACKED    0x01
#define NGX_HTTP_EVOLU_AUTH_CACHE_USED       0x02


typedef struct ngx_http_evolu_auth_cache_node_s
    ngx_http_evolu_auth_cache_node_t;

/* the locator's bytes follow, then the value, aligned */

struct ngx_http_evolu_auth_cache_node_s {
    ngx_http_evolu_auth_cache_node_t  *next;         /* of the bucket */
    ngx_queue_t                        queue;        /* of the list */
    uint64_t                           hash;
    uint64_t                           generation;
    ngx_msec_t                         read;
    uint32_t                           size;         /* of the value */
    uint16_t                           len;          /* of the locator */
    u_char                             kind;
    u_char                             flags;
    u_char                             fingerprint[EVOLU_FINGERPRINT_SIZE];
};


typedef struct {
    ngx_http_evolu_auth_cache_node_t  *head;
    uint64_t                           sequence;

    /* 1: a record was used by who did not look into it, see _watched() */
    ngx_uint_t                         used;
} ngx_http_evolu_auth_cache_bucket_t;


/* newest put first; a hit only sets USED, so that it changes no link */

typedef struct {
    ngx_queue_t                        queue;
    size_t                             bytes;
    size_t                             limit;
    ngx_uint_t                         entries;
    ngx_uint_t                         evictions;
} ngx_http_evolu_auth_cache_list_t;


/*
 * A slot covers while it is tracked and its last beat is young.  It is
 * anchored once nothing that changed in this generation can have passed
 * between it and the slots before it; only anchored slots cover the zone.
 *
 * After a reload that names another store, workers of the configuration before
 * may last for as long as their requests do.  Their links hear of changes in
 * their own store: only slots of the configuration that owns the zone cover.
 */

typedef struct {
    ngx_pid_t                          pid;          /* 0: free */
    u_char                             tracked;
    u_char                             anchored;
    u_char                             owner;        /* 1: covers for it */
    u_char                             link;         /* its state, and one;
                                                        0: none */
    uint32_t                           waiting;      /* requests */
    ngx_msec_t                         since;        /* covers without a gap */
    ngx_msec_t                         beat;
} ngx_http_evolu_auth_cache_slot_t;


typedef struct {
    uint32_t                           layout[6];    /* always first */

    u_char                             key[crypto_shorthash_KEYBYTES];
    u_char                             tag_key[EVOLU_TAG_KEY_SIZE];

    uint64_t                           generation;
    uint64_t                           epoch;        /* its hash */
    ngx_uint_t                         epoch_known;
    ngx_uint_t                         covered;
    ngx_msec_t                         covered_until;
    ngx_msec_t                         last_good;    /* where the next
                                                        worker begins */

    /* what is tracked in this generation was so until then, at the least */
    uint64_t                           vouched;
    ngx_msec_t                         vouched_until;

    ngx_uint_t                         preloaded;

    /* the newest configuration that was linked, and the newest that was read */
    u_char                             owner[EVOLU_FINGERPRINT_SIZE];
    ngx_uint_t                         owner_order;
    ngx_uint_t                         order;

    /* 1 while lists and counts are changed, see _repair() */
    ngx_uint_t                         busy;

    ngx_http_evolu_auth_cache_list_t
        lists[NGX_HTTP_EVOLU_AUTH_CACHE_LISTS];
    ngx_http_evolu_auth_cache_slot_t
        slots[NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS];

    ngx_http_evolu_auth_counters_t     counters;     /* of those without a
                                                        block */
    ngx_http_evolu_auth_counters_t   **blocks;       /* by slot, NULL: no room
                                                        for them */

    ngx_uint_t                         nbuckets;     /* a power of two */
    ngx_http_evolu_auth_cache_bucket_t buckets[];
} ngx_http_evolu_auth_cache_sh_t;


/* Lays out a new zone.  NGX_OK, or NGX_ERROR: it is too small. */
ngx_int_t ngx_http_evolu_auth_cache_create(ngx_http_evolu_auth_cache_t *cache);

/*
 * Takes over the zone of an earlier cycle.  NGX_OK, or NGX_ERROR: it has
 * another layout (logged).
 */
ngx_int_t ngx_http_evolu_auth_cache_reuse(ngx_http_evolu_auth_cache_t *cache,
    void *before);

/*
 * Takes the lock and sets right what can't wait: lists that a killed worker
 * left in the middle of a change, and coverage that ended unnoticed.
 */
ngx_http_evolu_auth_cache_sh_t *ngx_http_evolu_auth_cache_lock(
    ngx_http_evolu_auth_cache_t *cache);

void ngx_http_evolu_auth_cache_unlock(ngx_http_evolu_auth_cache_t *cache);

/* Where this worker counts, by its slot; takes the lock itself. */
void ngx_http_evolu_auth_cache_tally(ngx_http_evolu_auth_cache_t *cache);

/* The hash of a locator or an epoch, with the zone's key; needs no lock. */
uint64_t ngx_http_evolu_auth_cache_hash(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t bytes);


/* All that follows is called with the lock held. */

/* The bucket of a locator with this hash. */
ngx_http_evolu_auth_cache_bucket_t *ngx_http_evolu_auth_cache_bucket(
    ngx_http_evolu_auth_cache_sh_t *sh, uint64_t hash);

/*
 * The place that links to the node of this locator and configuration; it holds
 * NULL when there is none.
 */
ngx_http_evolu_auth_cache_node_t **ngx_http_evolu_auth_cache_lookup(
    ngx_http_evolu_auth_cache_t *cache, uint64_t hash, evolu_bytes_t locator);

/* 1 when the node is of this locator, whatever its configuration */
ngx_uint_t ngx_http_evolu_auth_cache_of(ngx_http_evolu_auth_cache_node_t *node,
    uint64_t hash, evolu_bytes_t locator);

/*
 * Memory of a node, within the share of its list.  Lists make room in
 * themselves; records that find none at all take that of negatives.  NULL:
 * there is no room.
 */
ngx_http_evolu_auth_cache_node_t *ngx_http_evolu_auth_cache_allocate(
    ngx_http_evolu_auth_cache_t *cache, ngx_uint_t list, size_t size);

/*
 * Memory of a block of counters, zeroed, which is never given back; records
 * make room for it.  NULL: there is no room.
 */
ngx_http_evolu_auth_counters_t *ngx_http_evolu_auth_cache_block(
    ngx_http_evolu_auth_cache_t *cache);

/* Puts a node that was fully written into its bucket and its list. */
void ngx_http_evolu_auth_cache_insert(ngx_http_evolu_auth_cache_sh_t *sh,
    ngx_http_evolu_auth_cache_node_t *node);

/* Takes the node out that link holds, and frees it. */
void ngx_http_evolu_auth_cache_remove(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_node_t **link);

/* The list for a kind of value. */
ngx_uint_t ngx_http_evolu_auth_cache_class(ngx_uint_t kind);

/* The value of a node. */
void *ngx_http_evolu_auth_cache_value(ngx_http_evolu_auth_cache_node_t *node);

/* Where the value stands in a node with a locator of len bytes. */
size_t ngx_http_evolu_auth_cache_offset(size_t len);

/* 1 when what is said of the store, and of coverage, is of this one's store. */
ngx_uint_t ngx_http_evolu_auth_cache_owns(ngx_http_evolu_auth_cache_t *cache);

/* Nobody covers any more: a new generation, counted. */
void ngx_http_evolu_auth_cache_gap(ngx_http_evolu_auth_cache_sh_t *sh);

/* A new generation: whoever covers now covers all of it. */
void ngx_http_evolu_auth_cache_advance(ngx_http_evolu_auth_cache_sh_t *sh);


/* Clocks of other workers may be ahead by a moment. */

static ngx_inline ngx_msec_t
ngx_http_evolu_auth_cache_elapsed(ngx_msec_t since)
{
    ngx_msec_int_t  ms;

    ms = (ngx_msec_int_t) (ngx_current_msec - since);

    return ms > 0 ? (ngx_msec_t) ms : 0;
}


#endif /* _NGX_HTTP_EVOLU_AUTH_CACHE_ZONE_H_INCLUDED_ */
