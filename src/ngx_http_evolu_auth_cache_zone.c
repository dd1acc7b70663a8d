
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_cache_zone.h"


#define NGX_HTTP_EVOLU_AUTH_CACHE_MAGIC      0x65766c61
#define NGX_HTTP_EVOLU_AUTH_CACHE_VERSION    4

/* a part of the records' share that is kept free when a zone is preloaded */
#define NGX_HTTP_EVOLU_AUTH_CACHE_UNFILLED   16

/* one bucket for so many bytes of the zone, and never fewer than */
#define NGX_HTTP_EVOLU_AUTH_CACHE_BUCKET     512
#define NGX_HTTP_EVOLU_AUTH_CACHE_BUCKETS    32

/* a zone with fewer pages for entries has none to spare for counters */
#define NGX_HTTP_EVOLU_AUTH_CACHE_SPARE      32

/*
 * What one put may evict to get room, and one more for so many bytes, as what
 * is larger than a page needs neighbours; how many one eviction may pass over.
 */
#define NGX_HTTP_EVOLU_AUTH_CACHE_EVICTIONS  32
#define NGX_HTTP_EVOLU_AUTH_CACHE_ONE_MORE   32
#define NGX_HTTP_EVOLU_AUTH_CACHE_CHANCES    8


static ngx_uint_t ngx_http_evolu_auth_cache_evict(
    ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_list_t *list);
static void ngx_http_evolu_auth_cache_begin(
    ngx_http_evolu_auth_cache_sh_t *sh);
static void ngx_http_evolu_auth_cache_end(ngx_http_evolu_auth_cache_sh_t *sh);
static void ngx_http_evolu_auth_cache_repair(
    ngx_http_evolu_auth_cache_sh_t *sh);
static void ngx_http_evolu_auth_cache_enlist(
    ngx_http_evolu_auth_cache_sh_t *sh,
    ngx_http_evolu_auth_cache_node_t *node);
static size_t ngx_http_evolu_auth_cache_charge(size_t size);


/* what must be equal before a zone of an earlier cycle is used again */

static const uint32_t  ngx_http_evolu_auth_cache_layout[6] = {
    NGX_HTTP_EVOLU_AUTH_CACHE_MAGIC,
    NGX_HTTP_EVOLU_AUTH_CACHE_VERSION,
    sizeof(ngx_http_evolu_auth_cache_sh_t),
    sizeof(ngx_http_evolu_auth_cache_node_t),
    sizeof(evolu_entry_t),
    sizeof(evolu_cidr_t)
};


ngx_int_t
ngx_http_evolu_auth_cache_create(ngx_http_evolu_auth_cache_t *cache)
{
    size_t                             len, size, room, negatives;
    ngx_str_t                         *name;
    ngx_uint_t                         i, n;
    ngx_slab_pool_t                   *shpool;
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_list_t  *lists;

    shpool = cache->shpool;
    shpool->log_nomem = 0;
    name = &cache->zone->shm.name;

    n = NGX_HTTP_EVOLU_AUTH_CACHE_BUCKETS;

    while (n * 2 <= cache->zone->shm.size / NGX_HTTP_EVOLU_AUTH_CACHE_BUCKET) {
        n *= 2;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_evolu_auth_cache_sh_t)
                         + n * sizeof(ngx_http_evolu_auth_cache_bucket_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    len = sizeof(" in evolu_auth_zone \"\"") + name->len;

    shpool->log_ctx = ngx_slab_alloc(shpool, len);
    if (shpool->log_ctx == NULL) {
        shpool->log_ctx = &shpool->zero;
        return NGX_ERROR;
    }

    ngx_sprintf(shpool->log_ctx, " in evolu_auth_zone \"%V\"%Z", name);

    if (shpool->pfree >= NGX_HTTP_EVOLU_AUTH_CACHE_SPARE) {
        size = NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS * sizeof(void *);

        sh->blocks = ngx_slab_calloc(shpool, size);
        if (sh->blocks == NULL) {
            return NGX_ERROR;
        }
    }

    room = shpool->pfree * ngx_pagesize;
    negatives = ngx_max(room / 8, ngx_pagesize);

    if (room < 2 * ngx_pagesize) {
        return NGX_ERROR;
    }

    lists = sh->lists;
    lists[NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVES].limit = negatives;
    lists[NGX_HTTP_EVOLU_AUTH_CACHE_RECORDS].limit = room - negatives;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_LISTS; i++) {
        ngx_queue_init(&lists[i].queue);
    }

    ngx_memcpy(sh->layout, ngx_http_evolu_auth_cache_layout,
               sizeof(sh->layout));
    randombytes_buf(sh->key, sizeof(sh->key));
    randombytes_buf(sh->tag_key, sizeof(sh->tag_key));
    sh->nbuckets = n;
    cache->order = ++sh->order;

    shpool->data = sh;
    cache->sh = sh;
    ngx_http_evolu_auth_cache_tally(cache);

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_cache_reuse(ngx_http_evolu_auth_cache_t *cache,
    void *before)
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = before;

    if (sh == NULL
        || ngx_memcmp(sh, ngx_http_evolu_auth_cache_layout,
                      sizeof(ngx_http_evolu_auth_cache_layout))
           != 0)
    {
        ngx_log_error(NGX_LOG_EMERG, cache->zone->shm.log, 0,
                      "evolu_auth_zone \"%V\" was laid out by another version "
                      "of the module: nginx must be restarted",
                      &cache->zone->shm.name);
        return NGX_ERROR;
    }

    cache->sh = sh;
    cache->order = ++sh->order;
    ngx_http_evolu_auth_cache_tally(cache);

    return NGX_OK;
}


ngx_http_evolu_auth_cache_sh_t *
ngx_http_evolu_auth_cache_lock(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;

    ngx_shmtx_lock(&cache->shpool->mutex);

    if (sh->busy) {
        ngx_http_evolu_auth_cache_repair(sh);
    }

    if (sh->covered
        && (ngx_msec_int_t) (ngx_current_msec - sh->covered_until) >= 0)
    {
        ngx_http_evolu_auth_cache_gap(sh);
    }

    return sh;
}


void
ngx_http_evolu_auth_cache_unlock(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_shmtx_unlock(&cache->shpool->mutex);
}


static void
ngx_http_evolu_auth_cache_repair(ngx_http_evolu_auth_cache_sh_t *sh)
{
    ngx_uint_t                         i;
    ngx_http_evolu_auth_cache_list_t  *list;
    ngx_http_evolu_auth_cache_node_t  *node;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_LISTS; i++) {
        list = &sh->lists[i];

        ngx_queue_init(&list->queue);
        list->bytes = 0;
        list->entries = 0;
    }

    for (i = 0; i < sh->nbuckets; i++) {
        for (node = sh->buckets[i].head; node != NULL; node = node->next) {
            ngx_http_evolu_auth_cache_enlist(sh, node);
        }
    }

    ngx_http_evolu_auth_cache_end(sh);
}


ngx_uint_t
ngx_http_evolu_auth_cache_preloaded(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t done)
{
    ngx_uint_t                       preloaded;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = ngx_http_evolu_auth_cache_lock(cache);

    sh->preloaded |= done;
    preloaded = sh->preloaded;

    ngx_http_evolu_auth_cache_unlock(cache);

    return preloaded;
}


ngx_uint_t
ngx_http_evolu_auth_cache_full(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_uint_t                         full;
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_list_t  *list;

    sh = ngx_http_evolu_auth_cache_lock(cache);

    list = &sh->lists[NGX_HTTP_EVOLU_AUTH_CACHE_RECORDS];
    full = (list->bytes + list->limit / NGX_HTTP_EVOLU_AUTH_CACHE_UNFILLED
            >= list->limit);

    ngx_http_evolu_auth_cache_unlock(cache);

    return full;
}


uint64_t
ngx_http_evolu_auth_cache_hash(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t bytes)
{
    u_char                           out[crypto_shorthash_BYTES];
    uint64_t                         hash;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;

    (void) crypto_shorthash(out, bytes.data, bytes.len, sh->key);

    ngx_memcpy(&hash, out, sizeof(hash));

    return hash;
}


ngx_http_evolu_auth_cache_bucket_t *
ngx_http_evolu_auth_cache_bucket(ngx_http_evolu_auth_cache_sh_t *sh,
    uint64_t hash)
{
    return &sh->buckets[hash & (sh->nbuckets - 1)];
}


ngx_http_evolu_auth_cache_node_t **
ngx_http_evolu_auth_cache_lookup(ngx_http_evolu_auth_cache_t *cache,
    uint64_t hash, evolu_bytes_t locator)
{
    ngx_http_evolu_auth_cache_node_t  **link;

    link = &ngx_http_evolu_auth_cache_bucket(cache->sh, hash)->head;

    while (*link != NULL
           && !(ngx_http_evolu_auth_cache_of(*link, hash, locator)
                && ngx_memcmp((*link)->fingerprint, cache->fingerprint,
                              EVOLU_FINGERPRINT_SIZE)
                   == 0))
    {
        link = &(*link)->next;
    }

    return link;
}


ngx_uint_t
ngx_http_evolu_auth_cache_of(ngx_http_evolu_auth_cache_node_t *node,
    uint64_t hash, evolu_bytes_t locator)
{
    return node->hash == hash
           && node->len == locator.len
           && ngx_memcmp(&node[1], locator.data, locator.len) == 0;
}


ngx_http_evolu_auth_cache_node_t *
ngx_http_evolu_auth_cache_allocate(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t list, size_t size)
{
    size_t                             charge;
    ngx_uint_t                         n, max;
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_list_t  *own, *negatives;
    ngx_http_evolu_auth_cache_node_t  *node;

    sh = cache->sh;
    own = &sh->lists[list];
    negatives = &sh->lists[NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVES];
    charge = ngx_http_evolu_auth_cache_charge(size);

    if (charge > own->limit) {
        return NULL;
    }

    max = NGX_HTTP_EVOLU_AUTH_CACHE_EVICTIONS
          + size / NGX_HTTP_EVOLU_AUTH_CACHE_ONE_MORE;

    for (n = 0; n <= max; n++) {

        if (own->bytes + charge <= own->limit) {

            node = ngx_slab_alloc_locked(cache->shpool, size);
            if (node != NULL) {
                return node;
            }
        }

        if (n < max
            && !ngx_http_evolu_auth_cache_evict(cache, own)
            && !ngx_http_evolu_auth_cache_evict(cache, negatives))
        {
            break;
        }
    }

    return NULL;
}


/* What a block takes is taken from the share of the records. */

ngx_http_evolu_auth_counters_t *
ngx_http_evolu_auth_cache_block(ngx_http_evolu_auth_cache_t *cache)
{
    void                            *block;
    size_t                           size;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;
    size = sizeof(ngx_http_evolu_auth_counters_t);

    block = ngx_http_evolu_auth_cache_allocate(cache,
                                      NGX_HTTP_EVOLU_AUTH_CACHE_RECORDS, size);
    if (block == NULL) {
        return NULL;
    }

    sh->lists[NGX_HTTP_EVOLU_AUTH_CACHE_RECORDS].limit -=
                                     ngx_http_evolu_auth_cache_charge(size);
    ngx_memzero(block, size);

    return block;
}


/* Second chance: the oldest, unless it was used since it was looked at. */

static ngx_uint_t
ngx_http_evolu_auth_cache_evict(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_list_t *list)
{
    ngx_uint_t                            n;
    ngx_queue_t                          *q;
    ngx_http_evolu_auth_cache_node_t     *node, **link;
    ngx_http_evolu_auth_cache_bucket_t   *bucket;

    if (ngx_queue_empty(&list->queue)) {
        return 0;
    }

    for (n = 0; n < NGX_HTTP_EVOLU_AUTH_CACHE_CHANCES; n++) {
        q = ngx_queue_last(&list->queue);
        node = ngx_queue_data(q, ngx_http_evolu_auth_cache_node_t, queue);
        bucket = ngx_http_evolu_auth_cache_bucket(cache->sh, node->hash);

        if (!(node->flags & NGX_HTTP_EVOLU_AUTH_CACHE_USED) && !bucket->used) {
            break;
        }

        node->flags &= ~NGX_HTTP_EVOLU_AUTH_CACHE_USED;
        bucket->used = 0;

        ngx_http_evolu_auth_cache_begin(cache->sh);

        ngx_queue_remove(q);
        ngx_queue_insert_head(&list->queue, q);

        ngx_http_evolu_auth_cache_end(cache->sh);
    }

    q = ngx_queue_last(&list->queue);
    node = ngx_queue_data(q, ngx_http_evolu_auth_cache_node_t, queue);

    link = &ngx_http_evolu_auth_cache_bucket(cache->sh, node->hash)->head;

    while (*link != node) {
        link = &(*link)->next;
    }

    ngx_http_evolu_auth_cache_remove(cache, link);
    list->evictions++;

    return 1;
}


/*
 * The chains of the buckets are always whole: one store links a node that was
 * fully written, one store unlinks it.  Lists and counts follow from them.
 */

void
ngx_http_evolu_auth_cache_insert(ngx_http_evolu_auth_cache_sh_t *sh,
    ngx_http_evolu_auth_cache_node_t *node)
{
    ngx_http_evolu_auth_cache_bucket_t  *bucket;

    bucket = ngx_http_evolu_auth_cache_bucket(sh, node->hash);

    node->next = bucket->head;

    ngx_http_evolu_auth_cache_begin(sh);

    bucket->head = node;
    ngx_http_evolu_auth_cache_enlist(sh, node);

    ngx_http_evolu_auth_cache_end(sh);
}


void
ngx_http_evolu_auth_cache_remove(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_node_t **link)
{
    size_t                             size;
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_node_t  *node;
    ngx_http_evolu_auth_cache_list_t  *list;

    sh = cache->sh;
    node = *link;
    list = &sh->lists[ngx_http_evolu_auth_cache_class(node->kind)];
    size = ngx_http_evolu_auth_cache_offset(node->len) + node->size;

    ngx_http_evolu_auth_cache_begin(sh);

    *link = node->next;
    ngx_queue_remove(&node->queue);
    list->bytes -= ngx_http_evolu_auth_cache_charge(size);
    list->entries--;

    ngx_http_evolu_auth_cache_end(sh);

    ngx_slab_free_locked(cache->shpool, node);
}


static void
ngx_http_evolu_auth_cache_begin(ngx_http_evolu_auth_cache_sh_t *sh)
{
    sh->busy = 1;

    ngx_memory_barrier();
}


static void
ngx_http_evolu_auth_cache_end(ngx_http_evolu_auth_cache_sh_t *sh)
{
    ngx_memory_barrier();

    sh->busy = 0;
}


static void
ngx_http_evolu_auth_cache_enlist(ngx_http_evolu_auth_cache_sh_t *sh,
    ngx_http_evolu_auth_cache_node_t *node)
{
    size_t                             size;
    ngx_http_evolu_auth_cache_list_t  *list;

    list = &sh->lists[ngx_http_evolu_auth_cache_class(node->kind)];
    size = ngx_http_evolu_auth_cache_offset(node->len) + node->size;

    ngx_queue_insert_head(&list->queue, &node->queue);
    list->bytes += ngx_http_evolu_auth_cache_charge(size);
    list->entries++;
}


ngx_uint_t
ngx_http_evolu_auth_cache_class(ngx_uint_t kind)
{
    return kind == NGX_HTTP_EVOLU_AUTH_VALUE_NONE
           ? NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVES
           : NGX_HTTP_EVOLU_AUTH_CACHE_RECORDS;
}


void *
ngx_http_evolu_auth_cache_value(ngx_http_evolu_auth_cache_node_t *node)
{
    return (u_char *) node + ngx_http_evolu_auth_cache_offset(node->len);
}


size_t
ngx_http_evolu_auth_cache_offset(size_t len)
{
    return ngx_align(sizeof(ngx_http_evolu_auth_cache_node_t) + len,
                     sizeof(uint64_t));
}


/* what the slab allocator takes for so many bytes */

static size_t
ngx_http_evolu_auth_cache_charge(size_t size)
{
    size_t  charge;

    if (size > ngx_pagesize / 2) {
        return ngx_align(size, ngx_pagesize);
    }

    for (charge = 1; charge < size; charge *= 2) { /* void */ }

    return charge;
}
