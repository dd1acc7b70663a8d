
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_cache_zone.h"


static ngx_uint_t ngx_http_evolu_auth_cache_usable(
    ngx_http_evolu_auth_cache_t *cache, ngx_http_evolu_auth_cache_node_t *node,
    ngx_msec_t age, ngx_uint_t owns);
static ngx_http_evolu_auth_cache_state_e ngx_http_evolu_auth_cache_judge(
    ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_node_t *node,
    ngx_http_evolu_auth_cache_found_t *found);
static ngx_uint_t ngx_http_evolu_auth_cache_same_image(evolu_record_t *a,
    evolu_record_t *b);
static ngx_uint_t ngx_http_evolu_auth_cache_same_entry(evolu_entry_t *a,
    evolu_entry_t *b);


ngx_int_t
ngx_http_evolu_auth_cache_init_zone(ngx_shm_zone_t *zone, void *old)
{
    ngx_http_evolu_auth_cache_t  *cache, *before;

    cache = zone->data;
    before = old;

    cache->slot = NGX_CONF_UNSET_UINT;

    if (before != NULL) {
        cache->shpool = before->shpool;

        return ngx_http_evolu_auth_cache_reuse(cache, before->sh);
    }

    cache->shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        return ngx_http_evolu_auth_cache_reuse(cache, cache->shpool->data);
    }

    if (ngx_http_evolu_auth_cache_create(cache) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                      "evolu_auth_zone \"%V\" is too small", &zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_evolu_auth_cache_tag_key(ngx_http_evolu_auth_cache_t *cache,
    u_char key[EVOLU_TAG_KEY_SIZE])
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;

    ngx_memcpy(key, sh->tag_key, EVOLU_TAG_KEY_SIZE);
}


ngx_http_evolu_auth_cache_state_e
ngx_http_evolu_auth_cache_find(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, void *buf, ngx_http_evolu_auth_cache_found_t *found)
{
    uint64_t                            hash;
    ngx_http_evolu_auth_cache_node_t   *node, **link;
    ngx_http_evolu_auth_cache_state_e   state;

    found->size = 0;
    found->kind = NGX_HTTP_EVOLU_AUTH_VALUE_NONE;
    found->usable = 0;

    state = NGX_HTTP_EVOLU_AUTH_CACHE_MISS;
    hash = ngx_http_evolu_auth_cache_hash(cache, locator);

    (void) ngx_http_evolu_auth_cache_lock(cache);

    link = ngx_http_evolu_auth_cache_lookup(cache, hash, locator);
    node = *link;

    if (node != NULL) {
        state = ngx_http_evolu_auth_cache_judge(cache, node, found);

        if (state == NGX_HTTP_EVOLU_AUTH_CACHE_MISS) {
            ngx_http_evolu_auth_cache_remove(cache, link);

        } else {
            node->flags |= NGX_HTTP_EVOLU_AUTH_CACHE_USED;

            found->size = node->size;
            found->kind = node->kind;
            ngx_memcpy(buf, ngx_http_evolu_auth_cache_value(node), node->size);
        }
    }

    ngx_http_evolu_auth_cache_unlock(cache);

    if (found->kind == NGX_HTTP_EVOLU_AUTH_VALUE_RECORD
        && !evolu_record_whole(buf, found->size))
    {
        ngx_http_evolu_auth_cache_drop(cache, locator);

        found->size = 0;
        found->kind = NGX_HTTP_EVOLU_AUTH_VALUE_NONE;
        found->usable = 0;

        return NGX_HTTP_EVOLU_AUTH_CACHE_MISS;
    }

    return state;
}


/* MISS: the node is of no use to anybody */

static ngx_http_evolu_auth_cache_state_e
ngx_http_evolu_auth_cache_judge(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_node_t *node,
    ngx_http_evolu_auth_cache_found_t *found)
{
    ngx_msec_t                          age, limit;
    ngx_uint_t                          current, owns, tracked;
    ngx_http_evolu_auth_cache_sh_t     *sh;
    ngx_http_evolu_auth_cache_watch_t  *watch;

    sh = cache->sh;
    age = ngx_http_evolu_auth_cache_elapsed(node->read);
    current = (node->generation == sh->generation);

    if (node->kind == NGX_HTTP_EVOLU_AUTH_VALUE_NONE) {
        return (current && age < cache->negative)
               ? NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVE
               : NGX_HTTP_EVOLU_AUTH_CACHE_MISS;
    }

    tracked = (node->flags & NGX_HTTP_EVOLU_AUTH_CACHE_TRACKED) != 0;

    owns = ngx_http_evolu_auth_cache_owns(cache);

    if (tracked) {
        limit = (sh->covered && owns) ? cache->fresh : 0;

    } else {
        limit = ngx_min(cache->fresh, NGX_HTTP_EVOLU_AUTH_UNTRACKED);
    }

    if (current && age < limit) {
        watch = &found->watch;

        watch->bucket = node->hash & (sh->nbuckets - 1);
        watch->sequence = sh->buckets[watch->bucket].sequence;
        watch->generation = sh->generation;
        watch->until = ngx_current_msec - age + limit;
        watch->tracked = tracked;

        return NGX_HTTP_EVOLU_AUTH_CACHE_FRESH;
    }

    found->usable = ngx_http_evolu_auth_cache_usable(cache, node, age, owns);

    return NGX_HTTP_EVOLU_AUTH_CACHE_STALE;
}


/* Whether a stale record may serve, by what is known of it and of its store */

static ngx_uint_t
ngx_http_evolu_auth_cache_usable(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_node_t *node, ngx_msec_t age, ngx_uint_t owns)
{
    ngx_msec_t                       lost;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;

    if (!owns) {
        /* when its store was good is not known, but it was when it was read */
        return age < cache->stale;
    }

    if ((node->flags & NGX_HTTP_EVOLU_AUTH_CACHE_TRACKED)
        && node->generation == sh->vouched)
    {
        /* however old: had it changed before then, it would not be here */

        lost = ngx_http_evolu_auth_cache_elapsed(sh->vouched_until);

        if (lost < cache->stale) {
            return 1;
        }
    }

    /*
     * There were links since, of which it knows nothing.  Those of others do
     * not count: a worker whose own is down would serve it for ever.
     */

    lost = ngx_http_evolu_auth_cache_elapsed(cache->last_good);
    lost = ngx_min(lost, age);

    return lost < cache->stale && age < cache->fresh + cache->stale;
}


/*
 * Each of these is one word, written under the lock, and no sequence and no
 * generation comes back.  Coverage is read first: when the others are found
 * unchanged after that, all of it was true together at that moment.  The other
 * way round a gap, with its new generation, would fit in between.
 */

ngx_uint_t
ngx_http_evolu_auth_cache_watched(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_watch_t *watch)
{
    volatile ngx_http_evolu_auth_cache_sh_t      *sh;
    volatile ngx_http_evolu_auth_cache_bucket_t  *bucket;

    sh = cache->sh;
    bucket = &sh->buckets[watch->bucket];

    if ((ngx_msec_int_t) (ngx_current_msec - watch->until) >= 0
        || (watch->tracked
            && (!sh->covered
                || (ngx_msec_int_t) (ngx_current_msec - sh->covered_until)
                   >= 0)))
    {
        return 0;
    }

    ngx_memory_barrier();

    if (sh->generation != watch->generation
        || bucket->sequence != watch->sequence)
    {
        return 0;
    }

    if (!bucket->used) {
        bucket->used = 1;
    }

    return 1;
}


void
ngx_http_evolu_auth_cache_mark(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, ngx_http_evolu_auth_cache_mark_t *mark)
{
    uint64_t                         hash;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    hash = ngx_http_evolu_auth_cache_hash(cache, locator);

    sh = ngx_http_evolu_auth_cache_lock(cache);

    mark->sequence = ngx_http_evolu_auth_cache_bucket(sh, hash)->sequence;
    mark->generation = sh->generation;

    ngx_http_evolu_auth_cache_unlock(cache);
}


ngx_uint_t
ngx_http_evolu_auth_cache_unchanged(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, ngx_http_evolu_auth_cache_mark_t *mark)
{
    ngx_http_evolu_auth_cache_mark_t  now;

    ngx_http_evolu_auth_cache_mark(cache, locator, &now);

    return now.sequence == mark->sequence
           && now.generation == mark->generation;
}


ngx_int_t
ngx_http_evolu_auth_cache_put(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, ngx_http_evolu_auth_cache_mark_t *mark,
    ngx_http_evolu_auth_value_e kind, void *value, size_t size,
    ngx_uint_t tracked)
{
    size_t                               total;
    uint64_t                             hash;
    ngx_http_evolu_auth_cache_sh_t      *sh;
    ngx_http_evolu_auth_cache_node_t    *node, **link;
    ngx_http_evolu_auth_cache_bucket_t  *bucket;

    node = NULL;
    total = ngx_http_evolu_auth_cache_offset(locator.len) + size;
    hash = ngx_http_evolu_auth_cache_hash(cache, locator);

    sh = ngx_http_evolu_auth_cache_lock(cache);

    bucket = ngx_http_evolu_auth_cache_bucket(sh, hash);
    link = ngx_http_evolu_auth_cache_lookup(cache, hash, locator);

    if (*link != NULL) {

        if ((*link)->generation > mark->generation) {

            /* read in a later generation, by another one */

            ngx_http_evolu_auth_cache_unlock(cache);
            return NGX_DECLINED;
        }

        /*
         * What was kept goes even if the answer can't be kept: it may be older
         * than what the store said now, and must not serve as stale after
         * that.
         */

        ngx_http_evolu_auth_cache_remove(cache, link);
    }

    if (bucket->sequence == mark->sequence
        && (sh->generation == mark->generation
            || kind != NGX_HTTP_EVOLU_AUTH_VALUE_NONE)
        && locator.len <= EVOLU_LOCATOR_MAX
        && size <= EVOLU_IMAGE_MAX)
    {
        node = ngx_http_evolu_auth_cache_allocate(cache,
                                  ngx_http_evolu_auth_cache_class(kind), total);
    }

    if (node != NULL) {
        node->hash = hash;
        node->generation = mark->generation;
        node->read = ngx_current_msec;
        node->size = size;
        node->len = locator.len;
        node->kind = kind;
        node->flags = tracked ? NGX_HTTP_EVOLU_AUTH_CACHE_TRACKED : 0;

        ngx_memcpy(node->fingerprint, cache->fingerprint,
                   EVOLU_FINGERPRINT_SIZE);
        ngx_memcpy(&node[1], locator.data, locator.len);

        if (size > 0) {
            ngx_memcpy(ngx_http_evolu_auth_cache_value(node), value, size);
        }

        ngx_http_evolu_auth_cache_insert(sh, node);
    }

    ngx_http_evolu_auth_cache_unlock(cache);

    return node != NULL ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_evolu_auth_cache_set_tag(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator, evolu_record_t *record, uint64_t entries,
    u_char tag[EVOLU_TAG_SIZE])
{
    uint64_t                           hash;
    evolu_record_t                    *kept;
    ngx_http_evolu_auth_cache_node_t  *node;

    hash = ngx_http_evolu_auth_cache_hash(cache, locator);

    (void) ngx_http_evolu_auth_cache_lock(cache);

    node = *ngx_http_evolu_auth_cache_lookup(cache, hash, locator);

    if (node != NULL
        && node->kind == NGX_HTTP_EVOLU_AUTH_VALUE_RECORD
        && node->size == record->size)
    {
        kept = ngx_http_evolu_auth_cache_value(node);

        if (ngx_http_evolu_auth_cache_same_image(kept, record)) {
            evolu_record_set_tag(kept, entries, tag);
        }
    }

    ngx_http_evolu_auth_cache_unlock(cache);
}


/* Compares two images of the same size, b whole, apart from tags. */

static ngx_uint_t
ngx_http_evolu_auth_cache_same_image(evolu_record_t *a, evolu_record_t *b)
{
    size_t          head;
    uint16_t        i;
    evolu_entry_t  *ea, *eb;

    if (ngx_memcmp(a, b, EVOLU_RECORD_HEADER) != 0) {
        return 0;
    }

    ea = evolu_record_entries(a);
    eb = evolu_record_entries(b);

    for (i = 0; i < b->nentries; i++) {
        if (!ngx_http_evolu_auth_cache_same_entry(&ea[i], &eb[i])) {
            return 0;
        }
    }

    head = EVOLU_RECORD_HEADER + b->nentries * sizeof(evolu_entry_t);

    return ngx_memcmp((u_char *) a + head, (u_char *) b + head, b->size - head)
           == 0;
}


static ngx_uint_t
ngx_http_evolu_auth_cache_same_entry(evolu_entry_t *a, evolu_entry_t *b)
{
    return ngx_memcmp(a->digest, b->digest, EVOLU_DIGEST_SIZE) == 0
           && a->exp == b->exp
           && a->nbf == b->nbf
           && a->cidr == b->cidr
           && a->ncidrs == b->ncidrs
           && a->algorithm.pepper == b->algorithm.pepper
           && a->algorithm.secret == b->algorithm.secret
           && ((a->flags ^ b->flags) & ~EVOLU_ENTRY_TAGGED) == 0
           && a->id_len == b->id_len
           && ngx_memcmp(a->id, b->id, EVOLU_KEY_ID_MAX) == 0;
}


void
ngx_http_evolu_auth_cache_drop(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t locator)
{
    uint64_t                              hash;
    ngx_http_evolu_auth_cache_sh_t       *sh;
    ngx_http_evolu_auth_cache_node_t    **link;
    ngx_http_evolu_auth_cache_bucket_t   *bucket;

    hash = ngx_http_evolu_auth_cache_hash(cache, locator);

    sh = ngx_http_evolu_auth_cache_lock(cache);

    bucket = ngx_http_evolu_auth_cache_bucket(sh, hash);
    bucket->sequence++;

    /* of every fingerprint */

    for (link = &bucket->head; *link != NULL; /* void */) {

        if (ngx_http_evolu_auth_cache_of(*link, hash, locator)) {
            ngx_http_evolu_auth_cache_remove(cache, link);
            continue;
        }

        link = &(*link)->next;
    }

    ngx_http_evolu_auth_cache_unlock(cache);
}
