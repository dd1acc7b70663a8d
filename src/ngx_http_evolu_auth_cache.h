
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The shared zone: records by locator, what is known of the store's life, the
 * worker slots and their counters.  Owns the lock; no pointer into the zone
 * leaves its files but the one to where a worker counts: this one, cache_zone
 * (memory), cache_cover (epoch and slots) and cache_stat (numbers).
 *
 * All times are ngx_current_msec (monotonic, the same clock in all workers of
 * a machine), compared by signed difference.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_CACHE_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_CACHE_H_INCLUDED_


#include "ngx_http_evolu_auth_counters.h"


/* a slot or the store is believed this long after an answered heartbeat */
#define NGX_HTTP_EVOLU_AUTH_COVER      3000   /* milliseconds */

/* longest trust in a record that no tracked link watches */
#define NGX_HTTP_EVOLU_AUTH_UNTRACKED  10000  /* milliseconds */

/* smallest zone, in pages of the slab allocator */
#define NGX_HTTP_EVOLU_AUTH_PAGES      8


typedef struct {
    ngx_shm_zone_t      *zone;
    void                *sh;           /* the header in the zone */
    ngx_slab_pool_t     *shpool;
    ngx_uint_t           slot;         /* of this worker, see _join() */
    ngx_http_evolu_auth_tally_t  tally;  /* where this worker counts */
    ngx_msec_t           fresh;
    ngx_msec_t           stale;        /* 0: never serve stale */
    ngx_msec_t           negative;
    ngx_uint_t           preload;      /* 1: read all records once */
    ngx_msec_t           last_good;    /* by the link of this worker */

    /* of peppers, prefix, database and global keys: what the records of this
       configuration mean; entries of another one are not seen */
    u_char               fingerprint[EVOLU_FINGERPRINT_SIZE];
    ngx_uint_t           order;        /* of this configuration, see _own() */
} ngx_http_evolu_auth_cache_t;


typedef enum {
    NGX_HTTP_EVOLU_AUTH_CACHE_MISS = 0,
    NGX_HTTP_EVOLU_AUTH_CACHE_FRESH,
    NGX_HTTP_EVOLU_AUTH_CACHE_STALE,      /* a value; ask the store first */
    NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVE    /* the store said: no such record */
} ngx_http_evolu_auth_cache_state_e;


typedef enum {
    NGX_HTTP_EVOLU_AUTH_VALUE_NONE = 0,   /* no such record, or a void one */
    NGX_HTTP_EVOLU_AUTH_VALUE_RECORD,     /* an evolu_record_t image */
    NGX_HTTP_EVOLU_AUTH_VALUE_NAMES       /* a token's set: names, each with
                                             a leading length byte */
} ngx_http_evolu_auth_value_e;


/* the two lists of the zone */

#define NGX_HTTP_EVOLU_AUTH_CACHE_RECORDS    0
#define NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVES  1
#define NGX_HTTP_EVOLU_AUTH_CACHE_LISTS      2


/* the zone in numbers; all of them are words, to be told by their offset */

typedef struct {
    ngx_http_evolu_auth_counters_t  counters;    /* over all workers */
    ngx_atomic_uint_t    links[NGX_HTTP_EVOLU_AUTH_LINKS];  /* by state */
    ngx_atomic_uint_t    tracked;                /* links */
    ngx_atomic_uint_t    waiting;                /* requests */
    ngx_atomic_uint_t    entries[NGX_HTTP_EVOLU_AUTH_CACHE_LISTS];
    ngx_atomic_uint_t    evictions[NGX_HTTP_EVOLU_AUTH_CACHE_LISTS];
    ngx_atomic_uint_t    bytes[2];               /* used, free */
} ngx_http_evolu_auth_cache_stat_t;


/*
 * Until when a value that was found fresh is so without another look: what
 * ngx_http_evolu_auth_cache_watched() compares
 */

typedef struct {
    uint64_t             sequence;     /* of the locator's bucket */
    uint64_t             generation;   /* of the zone */
    ngx_msec_t           until;
    uint32_t             bucket;
    uint32_t             tracked;      /* 1: its changes are pushed */
} ngx_http_evolu_auth_cache_watch_t;


/* what is found */

typedef struct {
    size_t                             size;    /* of the value */
    ngx_http_evolu_auth_value_e        kind;
    ngx_uint_t                         usable;  /* of a stale one */
    ngx_http_evolu_auth_cache_watch_t  watch;   /* of a fresh one */
} ngx_http_evolu_auth_cache_found_t;


/* what must be noted before a read is sent, and shown when it is put */

typedef struct {
    uint64_t             sequence;     /* of the locator's bucket */
    uint64_t             generation;   /* of the zone */
} ngx_http_evolu_auth_cache_mark_t;


/*
 * Called when the configuration is read: prepares the shared zone's init
 * handler.  zone->data must be the cache.
 */
ngx_int_t ngx_http_evolu_auth_cache_init_zone(ngx_shm_zone_t *zone,
    void *old);

/* The zone's random key for evolu_digest_tag(); constant over its life. */
void ngx_http_evolu_auth_cache_tag_key(ngx_http_evolu_auth_cache_t *cache,
    u_char key[EVOLU_TAG_KEY_SIZE]);

/*
 * Looks a locator up.  A value is copied to buf (EVOLU_IMAGE_MAX bytes,
 * aligned), its kind and size are set.  STALE means: neither trusted nor
 * forgotten; whether it may serve, see usable: 1 while `stale` allows it,
 * counted from when a link last vouched for it; or, where it was lost in
 * between, from when this worker's own link last knew the store good, and
 * then never beyond read time + fresh + stale.  FRESH comes with a watch.
 * Never blocks but for the zone's lock; copies at most the value.
 */
ngx_http_evolu_auth_cache_state_e ngx_http_evolu_auth_cache_find(
    ngx_http_evolu_auth_cache_t *cache, evolu_bytes_t locator, void *buf,
    ngx_http_evolu_auth_cache_found_t *found);

/*
 * 1 when what was found fresh would be found so again: nothing was pushed for
 * its bucket, the zone is still covered, and it is not too old.  Takes no lock:
 * it sees what another worker wrote as soon as that left its processor.
 */
ngx_uint_t ngx_http_evolu_auth_cache_watched(
    ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_watch_t *watch);

/* Notes the locator's bucket and the generation before a read is sent. */
void ngx_http_evolu_auth_cache_mark(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, ngx_http_evolu_auth_cache_mark_t *mark);

/*
 * 1 when no invalidation touched the bucket nor the generation since mark was
 * taken.
 */
ngx_uint_t ngx_http_evolu_auth_cache_unchanged(
    ngx_http_evolu_auth_cache_t *cache, evolu_bytes_t locator,
    ngx_http_evolu_auth_cache_mark_t *mark);

/*
 * Stores what the store said, unless an invalidation came in between; when the
 * generation has ended meanwhile, a value is stale from the start.  tracked:
 * the link that read it is tracked, so a change will be pushed.  kind NONE goes
 * to the negative budget.  A full zone evicts least recently used entries,
 * negatives only for negatives; when that does not help, the value is not
 * kept.  NGX_OK, or NGX_DECLINED when it was not kept.
 */
ngx_int_t ngx_http_evolu_auth_cache_put(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, ngx_http_evolu_auth_cache_mark_t *mark,
    ngx_http_evolu_auth_value_e kind, void *value, size_t size,
    ngx_uint_t tracked);

/*
 * Sets tag in the given entries of the locator's record, where that record is
 * still byte for byte the one the entries were matched against (tags apart).
 */
void ngx_http_evolu_auth_cache_set_tag(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, evolu_record_t *record, uint64_t entries,
    u_char tag[EVOLU_TAG_SIZE]);

/* The store pushed that this locator changed. */
void ngx_http_evolu_auth_cache_drop(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator);

/* A null push, a changed epoch: everything is stale from now on. */
void ngx_http_evolu_auth_cache_expire(ngx_http_evolu_auth_cache_t *cache);

/*
 * The epoch as a worker read it.  The first one to report a value other than
 * the zone's advances the generation.
 */
void ngx_http_evolu_auth_cache_epoch(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t epoch);

/*
 * 1 when the zone was preloaded, now or in an earlier cycle, else 0.  done: it
 * has been by now.
 */
ngx_uint_t ngx_http_evolu_auth_cache_preloaded(
    ngx_http_evolu_auth_cache_t *cache, ngx_uint_t done);

/* 1 when what is put from now on takes the place of other records. */
ngx_uint_t ngx_http_evolu_auth_cache_full(ngx_http_evolu_auth_cache_t *cache);

/* Claims a slot for this worker; forgets those of dead ones. */
void ngx_http_evolu_auth_cache_join(ngx_http_evolu_auth_cache_t *cache);

/*
 * Gives the slot back when the worker ends.  Records stay fresh only where
 * others have taken over before, by a heartbeat of this one.
 */
void ngx_http_evolu_auth_cache_leave(ngx_http_evolu_auth_cache_t *cache);

/*
 * A heartbeat that was sent then was answered on this worker's link.  tracked:
 * the link is tracked and covers the zone; when no other slot did, the
 * generation advances first.  The store is known good now in either case.
 */
void ngx_http_evolu_auth_cache_beat(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t tracked, ngx_msec_t sent);

/* This worker's link is lost: its slot covers nothing any more. */
void ngx_http_evolu_auth_cache_uncover(ngx_http_evolu_auth_cache_t *cache);

/* 1 while some worker's tracked link covers the zone. */
ngx_uint_t ngx_http_evolu_auth_cache_covered(
    ngx_http_evolu_auth_cache_t *cache);

/* Notes the state of this worker's link, and how many requests wait for it. */
void ngx_http_evolu_auth_cache_link(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t state);
void ngx_http_evolu_auth_cache_waiting(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t n);

/*
 * Fills *stat: counters summed over all workers there ever were, links and
 * waiting requests of those that live, and the zone's own numbers.  Asks the
 * system for each worker whether it lives; holds the lock but for a moment.
 */
void ngx_http_evolu_auth_cache_stat(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_stat_t *stat);


#endif /* _NGX_HTTP_EVOLU_AUTH_CACHE_H_INCLUDED_ */
