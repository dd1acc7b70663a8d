
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_failures.h"

#include <sodium.h>


/* buckets that one address may take the place of, see below */
#define NGX_HTTP_EVOLU_AUTH_FAILURES_WAYS  16

/* the part of a zone that holds tags is one of so many */
#define NGX_HTTP_EVOLU_AUTH_FAILURES_SHARE  8

/* by so many milliseconds the clock of another worker may be ahead */
#define NGX_HTTP_EVOLU_AUTH_FAILURES_LAG   60000


typedef struct {
    uint64_t                              prefix;  /* address, or its /64 */
    uint64_t                              level;   /* at the time of seen */
    ngx_msec_t                            seen;
    ngx_uint_t                            family;  /* 0: free */
} ngx_http_evolu_auth_failures_bucket_t;


typedef struct {
    ngx_http_evolu_auth_failures_bucket_t
        buckets[NGX_HTTP_EVOLU_AUTH_FAILURES_WAYS];
} ngx_http_evolu_auth_failures_set_t;


/*
 * Tables of fixed size: sets, then tags.  The hash of an address, under a key
 * that nobody knows, names the set that its bucket is in.  There are no links:
 * a worker that dies in the midst of a change leaves one wrong bucket at most.
 */

typedef struct {
    u_char                                key[EVOLU_TAG_KEY_SIZE];
    ngx_uint_t                            nsets;
    ngx_uint_t                            ntags;
    ngx_http_evolu_auth_failures_set_t    sets[];
} ngx_http_evolu_auth_failures_sh_t;


static ngx_int_t ngx_http_evolu_auth_failures_create(
    ngx_http_evolu_auth_failures_t *failures);
static ngx_http_evolu_auth_failures_set_t *ngx_http_evolu_auth_failures_set(
    ngx_http_evolu_auth_failures_sh_t *sh,
    ngx_http_evolu_auth_failures_bucket_t *wanted);
static void ngx_http_evolu_auth_failures_want(evolu_address_t *address,
    ngx_http_evolu_auth_failures_bucket_t *wanted);
static ngx_http_evolu_auth_failures_bucket_t *
    ngx_http_evolu_auth_failures_lookup(
    ngx_http_evolu_auth_failures_set_t *set,
    ngx_http_evolu_auth_failures_bucket_t *wanted);
static ngx_http_evolu_auth_failures_bucket_t *
    ngx_http_evolu_auth_failures_victim(
    ngx_http_evolu_auth_failures_set_t *set);
static void ngx_http_evolu_auth_failures_see(
    ngx_http_evolu_auth_failures_t *failures,
    ngx_http_evolu_auth_failures_bucket_t *bucket);
static int64_t ngx_http_evolu_auth_failures_elapsed(ngx_msec_t since);
static u_char *ngx_http_evolu_auth_failures_tag(
    ngx_http_evolu_auth_failures_sh_t *sh, u_char tag[EVOLU_TAG_SIZE]);


ngx_int_t
ngx_http_evolu_auth_failures_init_zone(ngx_shm_zone_t *zone, void *old)
{
    ngx_http_evolu_auth_failures_t  *failures, *before;

    failures = zone->data;
    before = old;

    /* levels mean the same at any rate */

    if (before != NULL) {
        failures->shpool = before->shpool;
        failures->sh = before->sh;
        return NGX_OK;
    }

    failures->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        failures->sh = failures->shpool->data;
        return NGX_OK;
    }

    if (ngx_http_evolu_auth_failures_create(failures) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "evolu_auth_failure_zone \"%V\" is too small",
                      &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* All of the zone is one allocation: nothing is allocated later. */

static ngx_int_t
ngx_http_evolu_auth_failures_create(ngx_http_evolu_auth_failures_t *failures)
{
    size_t                              size;
    ngx_slab_pool_t                    *shpool;
    ngx_http_evolu_auth_failures_sh_t  *sh;

    shpool = failures->shpool;
    size = shpool->pfree * ngx_pagesize;

    sh = ngx_slab_calloc(shpool, size);
    if (sh == NULL) {
        return NGX_ERROR;
    }

    randombytes_buf(sh->key, sizeof(sh->key));
    size -= sizeof(ngx_http_evolu_auth_failures_sh_t);

    sh->ntags = size / NGX_HTTP_EVOLU_AUTH_FAILURES_SHARE / EVOLU_TAG_SIZE;
    sh->nsets = (size - sh->ntags * EVOLU_TAG_SIZE)
                / sizeof(ngx_http_evolu_auth_failures_set_t);

    shpool->data = sh;
    failures->sh = sh;

    return NGX_OK;
}


ngx_http_evolu_auth_failures_t *
ngx_http_evolu_auth_failures_find(ngx_array_t *zones, ngx_str_t *name)
{
    ngx_str_t                        *known;
    ngx_uint_t                        i;
    ngx_http_evolu_auth_failures_t  **failures;

    failures = zones->elts;

    for (i = 0; i < zones->nelts; i++) {
        known = &failures[i]->zone->shm.name;

        if (known->len == name->len
            && ngx_strncmp(known->data, name->data, name->len) == 0)
        {
            return failures[i];
        }
    }

    return NULL;
}


uint64_t
ngx_http_evolu_auth_failures_wait(ngx_http_evolu_auth_failures_t *failures,
    evolu_address_t *address, uint64_t burst)
{
    uint64_t                                wait;
    ngx_http_evolu_auth_failures_set_t     *set;
    ngx_http_evolu_auth_failures_bucket_t   wanted, *bucket;

    wait = 0;

    ngx_http_evolu_auth_failures_want(address, &wanted);
    set = ngx_http_evolu_auth_failures_set(failures->sh, &wanted);

    ngx_shmtx_lock(&failures->shpool->mutex);

    bucket = ngx_http_evolu_auth_failures_lookup(set, &wanted);

    if (bucket != NULL) {
        ngx_http_evolu_auth_failures_see(failures, bucket);
        wait = evolu_bucket_wait(bucket->level, failures->rate, burst);
    }

    ngx_shmtx_unlock(&failures->shpool->mutex);

    return wait;
}


void
ngx_http_evolu_auth_failures_charge(ngx_http_evolu_auth_failures_t *failures,
    evolu_address_t *address)
{
    ngx_http_evolu_auth_failures_set_t     *set;
    ngx_http_evolu_auth_failures_bucket_t   wanted, *bucket;

    ngx_http_evolu_auth_failures_want(address, &wanted);
    set = ngx_http_evolu_auth_failures_set(failures->sh, &wanted);

    ngx_shmtx_lock(&failures->shpool->mutex);

    bucket = ngx_http_evolu_auth_failures_lookup(set, &wanted);

    if (bucket == NULL) {
        bucket = ngx_http_evolu_auth_failures_victim(set);
        *bucket = wanted;
    }

    ngx_http_evolu_auth_failures_see(failures, bucket);
    bucket->level = evolu_bucket_add(bucket->level);

    ngx_shmtx_unlock(&failures->shpool->mutex);
}


/* The address as an empty bucket that was seen now. */

static void
ngx_http_evolu_auth_failures_want(evolu_address_t *address,
    ngx_http_evolu_auth_failures_bucket_t *wanted)
{
    size_t  len;

    len = (address->family == EVOLU_ADDRESS_IPV4) ? 4 : sizeof(uint64_t);

    wanted->prefix = 0;
    ngx_memcpy(&wanted->prefix, address->bytes, len);

    wanted->level = 0;
    wanted->seen = ngx_current_msec;
    wanted->family = address->family;
}


static ngx_http_evolu_auth_failures_set_t *
ngx_http_evolu_auth_failures_set(ngx_http_evolu_auth_failures_sh_t *sh,
    ngx_http_evolu_auth_failures_bucket_t *wanted)
{
    u_char         text[1 + sizeof(uint64_t)];
    u_char         tag[EVOLU_TAG_SIZE];
    uint64_t       hash;
    evolu_bytes_t  bytes;

    text[0] = (u_char) wanted->family;
    ngx_memcpy(&text[1], &wanted->prefix, sizeof(uint64_t));

    bytes.data = text;
    bytes.len = sizeof(text);

    evolu_digest_tag(sh->key, bytes, tag);
    ngx_memcpy(&hash, tag, sizeof(uint64_t));

    return &sh->sets[hash % sh->nsets];
}


static ngx_http_evolu_auth_failures_bucket_t *
ngx_http_evolu_auth_failures_lookup(ngx_http_evolu_auth_failures_set_t *set,
    ngx_http_evolu_auth_failures_bucket_t *wanted)
{
    ngx_uint_t                              i;
    ngx_http_evolu_auth_failures_bucket_t  *bucket;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_FAILURES_WAYS; i++) {
        bucket = &set->buckets[i];

        if (bucket->prefix == wanted->prefix
            && bucket->family == wanted->family)
        {
            return bucket;
        }
    }

    return NULL;
}


/* The bucket of a set that a new address gets: free, or unseen for longest. */

static ngx_http_evolu_auth_failures_bucket_t *
ngx_http_evolu_auth_failures_victim(ngx_http_evolu_auth_failures_set_t *set)
{
    int64_t                                 elapsed, longest;
    ngx_uint_t                              i;
    ngx_http_evolu_auth_failures_bucket_t  *bucket, *victim;

    longest = INT64_MIN;
    victim = set->buckets;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_FAILURES_WAYS; i++) {
        bucket = &set->buckets[i];

        if (bucket->family == EVOLU_ADDRESS_NONE) {
            return bucket;
        }

        elapsed = ngx_http_evolu_auth_failures_elapsed(bucket->seen);

        if (elapsed > longest) {
            longest = elapsed;
            victim = bucket;
        }
    }

    return victim;
}


/* Brings a bucket up to date. */

static void
ngx_http_evolu_auth_failures_see(ngx_http_evolu_auth_failures_t *failures,
    ngx_http_evolu_auth_failures_bucket_t *bucket)
{
    int64_t  elapsed;

    elapsed = ngx_http_evolu_auth_failures_elapsed(bucket->seen);

    if (elapsed > 0) {
        bucket->level = evolu_bucket_leak(bucket->level, failures->rate,
                                          elapsed);
        bucket->seen = ngx_current_msec;
    }
}


/* Where the clock has 32 bits, it may have gone round. */

static int64_t
ngx_http_evolu_auth_failures_elapsed(ngx_msec_t since)
{
    ngx_msec_int_t  elapsed;

    elapsed = (ngx_msec_int_t) (ngx_current_msec - since);

    return (elapsed < -NGX_HTTP_EVOLU_AUTH_FAILURES_LAG) ? INT64_MAX
                                                          : elapsed;
}


void
ngx_http_evolu_auth_failures_remember(ngx_http_evolu_auth_failures_t *failures,
    u_char tag[EVOLU_TAG_SIZE])
{
    u_char  *place;

    place = ngx_http_evolu_auth_failures_tag(failures->sh, tag);

    ngx_shmtx_lock(&failures->shpool->mutex);
    ngx_memcpy(place, tag, EVOLU_TAG_SIZE);
    ngx_shmtx_unlock(&failures->shpool->mutex);
}


ngx_uint_t
ngx_http_evolu_auth_failures_remembers(
    ngx_http_evolu_auth_failures_t *failures, u_char tag[EVOLU_TAG_SIZE])
{
    u_char      *place;
    ngx_uint_t   same;

    place = ngx_http_evolu_auth_failures_tag(failures->sh, tag);

    ngx_shmtx_lock(&failures->shpool->mutex);
    same = evolu_digest_tag_equal(place, tag);
    ngx_shmtx_unlock(&failures->shpool->mutex);

    return same;
}


/* The one place that a tag may have. */

static u_char *
ngx_http_evolu_auth_failures_tag(ngx_http_evolu_auth_failures_sh_t *sh,
    u_char tag[EVOLU_TAG_SIZE])
{
    uint64_t  hash;

    ngx_memcpy(&hash, tag, sizeof(uint64_t));

    return (u_char *) &sh->sets[sh->nsets]
           + hash % sh->ntags * EVOLU_TAG_SIZE;
}
