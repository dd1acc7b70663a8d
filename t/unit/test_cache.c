
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The cache without nginx: what it needs of nginx stands below, with a clock
 * that the tests set, and several workers are played in one process.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ngx_http_evolu_auth_cache.c"
#include "ngx_http_evolu_auth_cache_cover.c"
#include "ngx_http_evolu_auth_cache_stat.c"
#include "ngx_http_evolu_auth_cache_zone.c"
#include "ngx_http_evolu_auth_counters.c"

#include <sys/mman.h>
#include <sys/wait.h>


#define FRESH     600000
#define STALE     900000
#define NEGATIVE  5000
#define COVER     NGX_HTTP_EVOLU_AUTH_COVER

#define WORKERS   4
#define ROOM      (256 * 1024)

#define BLOCK     512
#define BLOCKS    4096

#define KEY(s)    evolu_literal(s)


typedef ngx_http_evolu_auth_cache_t         cache_t;
typedef ngx_http_evolu_auth_cache_sh_t      sh_t;
typedef ngx_http_evolu_auth_cache_node_t    node_t;
typedef ngx_http_evolu_auth_cache_list_t    list_t;
typedef ngx_http_evolu_auth_cache_mark_t    mark_t;
typedef ngx_http_evolu_auth_cache_watch_t   watch_t;
typedef ngx_http_evolu_auth_cache_state_e   state_t;
typedef ngx_http_evolu_auth_cache_found_t   found_t;
typedef ngx_http_evolu_auth_value_e         kind_t;


/* the allocator: malloc(), or blocks that processes share */

typedef struct {
    size_t              room;
    size_t              used;
    ngx_uint_t          refuse;          /* fail so many times */
    void               *header;          /* the first memory given out */
    void               *context;         /* the second */
    u_char             *blocks;
    u_char             *fixed;           /* for what is never given back */
} slab_t;


/* what is shared with processes that are killed */

typedef struct {
    volatile ngx_pid_t  owner;           /* of the lock */
    volatile ngx_uint_t steps;
    volatile u_char     taken[BLOCKS];
    ngx_slab_pool_t     pool;
} shared_t;


static void open_zone(size_t room);
static void start_worker(ngx_uint_t i);
static ngx_int_t put(cache_t *c, evolu_bytes_t key, kind_t kind, void *value,
    size_t size, ngx_uint_t tracked);
static ngx_int_t put_text(cache_t *c, evolu_bytes_t key, const char *text);
static state_t find(cache_t *c, evolu_bytes_t key);
static evolu_bytes_t number_key(const char *prefix, ngx_uint_t n);
static ngx_uint_t make_image(void *buf, ngx_uint_t nentries);
static void pass(ngx_msec_t ms);
static void pass_covered(ngx_msec_t ms);
static void check_lists(void);
static sh_t *zone_sh(void);


ngx_uint_t           ngx_pagesize = 4096;
ngx_pid_t            ngx_pid;
volatile ngx_msec_t  ngx_current_msec;
volatile ngx_cycle_t *ngx_cycle;

static ngx_cycle_t      cycle;
static ngx_log_t        test_log;
static ngx_uint_t       logged;
static slab_t           slab;
static shared_t        *shared;
static ngx_shm_zone_t   zone;
static cache_t          workers[WORKERS];
static ngx_pid_t        pids[WORKERS];

static _Alignas(8) u_char  out[EVOLU_IMAGE_MAX];
static _Alignas(8) u_char  image[EVOLU_IMAGE_MAX];
static size_t           out_size;
static kind_t           out_kind;
static ngx_uint_t       usable;
static found_t          found;


/* what the cache needs of nginx */

void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    (void) mtx;

    if (shared->owner == ngx_pid) {
        fail_msg("the lock is not recursive");
    }

    while (!__sync_bool_compare_and_swap(&shared->owner, 0, ngx_pid)) {
        sched_yield();
    }
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;

    if (!__sync_bool_compare_and_swap(&shared->owner, ngx_pid, 0)) {
        fail_msg("unlocked by one who does not hold the lock");
    }
}


static void *
take_block(size_t size)
{
    u_char      *p;
    ngx_uint_t   i;

    if (size > BLOCK) {
        p = slab.fixed;
        slab.fixed += ngx_align(size, 64);
        assert_true(slab.fixed <= slab.blocks + BLOCK * BLOCKS + ROOM);

        shared->pool.pfree = BLOCK * BLOCKS / ngx_pagesize;
        return p;
    }

    for (i = 0; i < BLOCKS; i++) {

        if (!shared->taken[i]) {
            shared->taken[i] = 1;
            return slab.blocks + i * BLOCK;
        }
    }

    return NULL;
}


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    size_t  *p, charge;

    assert_int_equal(shared->owner, ngx_pid);

    if (slab.blocks != NULL) {
        return take_block(size);
    }

    charge = ngx_http_evolu_auth_cache_charge(size);

    if (slab.refuse > 0) {
        slab.refuse--;
        return NULL;
    }

    if (slab.used + charge > slab.room) {
        return NULL;
    }

    p = malloc(16 + size);
    assert_non_null(p);
    memset(p, 0xa5, 16 + size);
    *p = charge;

    if (slab.header == NULL) {
        slab.header = p;

    } else if (slab.context == NULL) {
        slab.context = p;
    }

    slab.used += charge;
    pool->pfree = (slab.room - slab.used) / ngx_pagesize;

    return p + 2;
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p)
{
    size_t  *charge;

    (void) pool;

    assert_int_equal(shared->owner, ngx_pid);

    if (slab.blocks != NULL) {
        shared->taken[((u_char *) p - slab.blocks) / BLOCK] = 0;
        return;
    }

    charge = (size_t *) p - 2;
    slab.used -= *charge;

    free(charge);
}


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    ngx_shmtx_lock(&pool->mutex);
    p = ngx_slab_alloc_locked(pool, size);
    ngx_shmtx_unlock(&pool->mutex);

    return p;
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_slab_alloc(pool, size);

    if (p != NULL) {
        memset(p, 0, size);
    }

    return p;
}


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    (void) fmt;

    *buf = '\0';

    return buf;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) log;
    (void) err;
    (void) fmt;

    /* nothing may log while it holds the lock */
    assert_int_not_equal(shared->owner, ngx_pid);

    logged = level;
}


/* helpers */

static void
open_zone(size_t room)
{
    ngx_uint_t  i;

    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);

    slab.room = room;
    slab.header = NULL;
    slab.context = NULL;
    logged = 0;
    test_log.log_level = NGX_LOG_DEBUG;
    cycle.log = &test_log;
    ngx_cycle = &cycle;
    ngx_pid = 1000000;
    ngx_current_msec = 12345678;

    memset(&zone, 0, sizeof(zone));
    zone.shm.addr = (u_char *) &shared->pool;
    zone.shm.size = room;
    zone.shm.log = &test_log;
    ngx_str_set(&zone.shm.name, "test");

    for (i = 0; i < WORKERS; i++) {
        memset(&workers[i], 0, sizeof(cache_t));
        workers[i].zone = &zone;
        workers[i].fresh = FRESH;
        workers[i].stale = STALE;
        workers[i].negative = NEGATIVE;
        pids[i] = 0;
    }

    zone.data = &workers[0];
}


static int
setup(void **state)
{
    ngx_uint_t  i;

    (void) state;

    open_zone(ROOM);
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, NULL), NGX_OK);

    for (i = 0; i < WORKERS; i++) {
        workers[i].sh = workers[0].sh;
        workers[i].shpool = workers[0].shpool;
        start_worker(i);
    }

    return 0;
}


static int
teardown(void **state)
{
    sh_t        *sh;
    ngx_uint_t   i;

    (void) state;

    check_lists();
    sh = zone_sh();
    ngx_http_evolu_auth_cache_lock(&workers[0]);

    for (i = 0; i < sh->nbuckets; i++) {
        while (sh->buckets[i].head != NULL) {
            ngx_http_evolu_auth_cache_remove(&workers[0],
                                             &sh->buckets[i].head);
        }
    }

    assert_int_equal(sh->lists[0].bytes + sh->lists[1].bytes, 0);

    if (sh->blocks != NULL) {
        for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {
            if (sh->blocks[i] != NULL) {
                ngx_slab_free_locked(&shared->pool, sh->blocks[i]);
            }
        }

        ngx_slab_free_locked(&shared->pool, sh->blocks);
    }

    ngx_slab_free_locked(&shared->pool, shared->pool.log_ctx);
    ngx_slab_free_locked(&shared->pool, sh);
    ngx_http_evolu_auth_cache_unlock(&workers[0]);

    assert_int_equal(slab.used, 0);
    munmap(shared, sizeof(shared_t));

    return 0;
}


/* Each worker has a pid that no process can have. */

static void
start_worker(ngx_uint_t i)
{
    static ngx_pid_t  next = 100000000;

    pids[i] = next++;
    ngx_pid = pids[i];
    ngx_http_evolu_auth_cache_join(&workers[i]);
}


static sh_t *
zone_sh(void)
{
    return workers[0].sh;
}


static void
beat_sent(ngx_uint_t i, ngx_msec_t sent)
{
    ngx_pid = pids[i];
    ngx_http_evolu_auth_cache_beat(&workers[i], 1, sent);
}


static void
beat(ngx_uint_t i, ngx_uint_t tracked)
{
    ngx_pid = pids[i];
    ngx_http_evolu_auth_cache_beat(&workers[i], tracked, ngx_current_msec);
}


static void
pass(ngx_msec_t ms)
{
    ngx_current_msec += ms;
}


/* Lets time pass while worker 0 is linked. */

static void
pass_covered(ngx_msec_t ms)
{
    ngx_msec_t  step;

    while (ms > 0) {
        step = ngx_min(ms, 1000);
        pass(step);
        beat(0, 1);
        ms -= step;
    }
}


static ngx_int_t
put(cache_t *c, evolu_bytes_t key, kind_t kind, void *value, size_t size,
    ngx_uint_t tracked)
{
    mark_t  mark;

    ngx_http_evolu_auth_cache_mark(c, key, &mark);

    return ngx_http_evolu_auth_cache_put(c, key, &mark, kind, value, size,
                                         tracked);
}


/* a set of names is kept as it is, so it serves for any value */

static ngx_int_t
put_text(cache_t *c, evolu_bytes_t key, const char *text)
{
    return put(c, key, NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, (void *) text,
               strlen(text), 1);
}


static ngx_int_t
put_none(cache_t *c, evolu_bytes_t key)
{
    return put(c, key, NGX_HTTP_EVOLU_AUTH_VALUE_NONE, NULL, 0, 1);
}


static state_t
find(cache_t *c, evolu_bytes_t key)
{
    ngx_http_evolu_auth_cache_state_e  state;

    state = ngx_http_evolu_auth_cache_find(c, key, out, &found);

    out_size = found.size;
    out_kind = found.kind;
    usable = found.usable;

    return state;
}


static evolu_bytes_t
number_key(const char *prefix, ngx_uint_t n)
{
    static char  text[64];

    snprintf(text, sizeof(text), "%s:%05u", prefix, (unsigned) n);

    return (evolu_bytes_t) { (u_char *) text, strlen(text) };
}


static ngx_uint_t
make_image(void *buf, ngx_uint_t nentries)
{
    uint16_t         i;
    evolu_entry_t   *e;
    evolu_record_t  *r;

    r = buf;
    memset(r, 0, EVOLU_RECORD_HEADER);
    r->nentries = nentries;
    r->ncidrs = 1;
    r->instance_len = 4;
    r->size = EVOLU_RECORD_HEADER + nentries * sizeof(evolu_entry_t)
              + sizeof(evolu_cidr_t) + 4;

    e = evolu_record_entries(r);

    for (i = 0; i < nentries; i++) {
        memset(&e[i], 0, sizeof(evolu_entry_t));
        memset(e[i].digest, 0x40 + i, EVOLU_DIGEST_SIZE);
        e[i].exp = EVOLU_NEVER;
        e[i].id_len = 1;
        e[i].id[0] = 'a' + i;
    }

    memset(evolu_record_cidrs(r), 0, sizeof(evolu_cidr_t));
    memcpy((u_char *) (evolu_record_cidrs(r) + 1), "shop", 4);

    return r->size;
}


/* Chains, lists and counts tell the same. */

static void
check_lists(void)
{
    size_t        bytes[2], size;
    sh_t         *sh;
    node_t       *node;
    ngx_uint_t    i, c, chained[2], listed;
    ngx_queue_t  *q;

    sh = zone_sh();
    memset(bytes, 0, sizeof(bytes));
    memset(chained, 0, sizeof(chained));

    for (i = 0; i < sh->nbuckets; i++) {
        for (node = sh->buckets[i].head; node != NULL; node = node->next) {
            c = ngx_http_evolu_auth_cache_class(node->kind);
            size = ngx_http_evolu_auth_cache_offset(node->len) + node->size;
            bytes[c] += ngx_http_evolu_auth_cache_charge(size);
            chained[c]++;

            assert_int_equal(node->hash & (sh->nbuckets - 1), i);
        }
    }

    for (c = 0; c < 2; c++) {
        listed = 0;

        for (q = ngx_queue_head(&sh->lists[c].queue);
             q != ngx_queue_sentinel(&sh->lists[c].queue);
             q = ngx_queue_next(q))
        {
            assert_ptr_equal(ngx_queue_prev(ngx_queue_next(q)), q);
            listed++;
        }

        assert_int_equal(listed, chained[c]);
        assert_int_equal(listed, sh->lists[c].entries);
        assert_int_equal(bytes[c], sh->lists[c].bytes);
        assert_true(bytes[c] <= sh->lists[c].limit);
    }
}


/* how long what is trusted */

static void
test_fresh(void **state)
{
    cache_t  *c = &workers[0];

    (void) state;

    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);
    assert_int_equal(out_size, 0);

    beat(0, 1);
    assert_int_equal(put_text(c, KEY("a"), "value"), NGX_OK);

    pass_covered(FRESH - 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(out_kind, NGX_HTTP_EVOLU_AUTH_VALUE_NAMES);
    assert_int_equal(out_size, 5);
    assert_memory_equal(out, "value", 5);
    assert_int_equal(usable, 0);

    pass_covered(1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_memory_equal(out, "value", 5);
    assert_int_equal(usable, 1);

    /* as long as links vouch for it, however long nobody asks */

    pass_covered(2 * STALE);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 1);
}


/* which old record serves in an outage */

static void
test_idle(void **state)
{
    cache_t  *c = &workers[0];

    (void) state;

    /* one that was watched until the outage, for stale after that */

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    put(c, KEY("b"), NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "value", 5, 0);
    pass_covered(FRESH + STALE);
    ngx_http_evolu_auth_cache_uncover(c);

    (void) find(c, KEY("a"));
    assert_int_equal(usable, 1);
    (void) find(c, KEY("b"));
    assert_int_equal(usable, 0);

    pass(STALE - 1);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 1);
    pass(1);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 0);

    /* links that died without a word: from the last heartbeat on */

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    pass_covered(FRESH + STALE);
    pass(STALE - 1);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 1);
    pass(1);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 0);

    /* not for the next outage, without having been read in between */

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    pass_covered(FRESH);
    ngx_http_evolu_auth_cache_uncover(c);
    beat(0, 1);
    pass_covered(STALE - 1);
    ngx_http_evolu_auth_cache_uncover(c);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 1);

    beat(0, 1);
    pass_covered(1);
    ngx_http_evolu_auth_cache_uncover(c);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 0);

    /* nor after it was said that it may have changed, and no heartbeat came */

    beat(0, 1);
    ngx_http_evolu_auth_cache_epoch(c, KEY("1"));
    put_text(c, KEY("a"), "value");
    pass_covered(FRESH + STALE);
    ngx_http_evolu_auth_cache_expire(c);
    ngx_http_evolu_auth_cache_uncover(c);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 0);

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    pass_covered(FRESH + STALE);
    ngx_http_evolu_auth_cache_epoch(c, KEY("2"));
    ngx_http_evolu_auth_cache_uncover(c);
    (void) find(c, KEY("a"));
    assert_int_equal(usable, 0);
}


/* the clock of the worker that wrote may be ahead */

static void
test_clocks(void **state)
{
    cache_t  *c = &workers[0];

    (void) state;

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    put_none(c, KEY("b"));
    pass((ngx_msec_t) -20);

    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(find(c, KEY("b")), NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVE);
    beat(1, 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    ngx_http_evolu_auth_cache_expire(c);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 1);
}


static void
test_stale(void **state)
{
    cache_t  *c = &workers[0];

    (void) state;

    beat(0, 1);
    put_text(c, KEY("a"), "value");

    pass(COVER - 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    pass(1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 1);

    /* counted from when this worker's own link last knew the store good */

    beat(0, 0);
    pass(STALE - 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 1);

    pass(1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 0);

    beat(1, 0);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 0);

    beat(0, 0);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 1);

    c->stale = 0;
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(usable, 0);
}


static void
test_untracked(void **state)
{
    cache_t  *c = &workers[0];

    (void) state;

    put(c, KEY("a"), NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "value", 5, 0);

    pass(NGX_HTTP_EVOLU_AUTH_UNTRACKED - 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    c->fresh = NGX_HTTP_EVOLU_AUTH_UNTRACKED - 1;
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    c->fresh = FRESH;
    pass(1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    put(c, KEY("a"), NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "value", 5, 0);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    ngx_http_evolu_auth_cache_expire(c);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    /* a tracked one is not fresh where nobody covers, nor after that */

    put_text(c, KEY("b"), "value");
    assert_int_equal(find(c, KEY("b")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    beat(0, 1);
    assert_int_equal(find(c, KEY("b")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
}


static void
test_negative(void **state)
{
    cache_t  *c = &workers[0];

    (void) state;

    put_none(c, KEY("a"));
    pass(NEGATIVE - 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVE);
    assert_int_equal(out_size, 0);
    assert_int_equal(out_kind, NGX_HTTP_EVOLU_AUTH_VALUE_NONE);

    pass(1);
    assert_int_equal(zone_sh()->lists[1].entries, 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);
    assert_int_equal(zone_sh()->lists[1].entries, 0);

    put_none(c, KEY("a"));
    ngx_http_evolu_auth_cache_expire(c);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);

    /* it takes the place of a record, and the other way round */

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    put_none(c, KEY("a"));
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVE);
    put_text(c, KEY("a"), "value");
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(zone_sh()->lists[1].entries, 0);
}


/* what came in between */

static void
test_put_race(void **state)
{
    mark_t    mark;
    cache_t  *c = &workers[0];

    (void) state;

    beat(0, 1);
    put_text(c, KEY("a"), "old");

    ngx_http_evolu_auth_cache_mark(c, KEY("a"), &mark);
    assert_int_equal(ngx_http_evolu_auth_cache_unchanged(c, KEY("a"), &mark),
                     1);

    /* a push for a locator that is not kept counts, too */

    ngx_http_evolu_auth_cache_drop(&workers[1], KEY("a"));
    ngx_http_evolu_auth_cache_drop(&workers[1], KEY("a"));
    assert_int_equal(zone_sh()->lists[0].entries, 0);
    assert_int_equal(ngx_http_evolu_auth_cache_unchanged(c, KEY("a"), &mark),
                     0);
    assert_int_equal(ngx_http_evolu_auth_cache_put(c, KEY("a"), &mark,
                         NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "x", 1, 1),
                     NGX_DECLINED);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);

    /* what was kept does not survive an answer that is not */

    put_text(c, KEY("a"), "old");
    ngx_http_evolu_auth_cache_mark(c, KEY("a"), &mark);
    ngx_http_evolu_auth_cache_expire(c);
    assert_int_equal(ngx_http_evolu_auth_cache_unchanged(c, KEY("a"), &mark),
                     0);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(ngx_http_evolu_auth_cache_put(c, KEY("a"), &mark,
                         NGX_HTTP_EVOLU_AUTH_VALUE_NONE, NULL, 0, 1),
                     NGX_DECLINED);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);

    /* a value of an earlier generation may serve in an outage, no more */

    put_text(c, KEY("a"), "old");
    ngx_http_evolu_auth_cache_mark(c, KEY("a"), &mark);
    ngx_http_evolu_auth_cache_expire(c);
    assert_int_equal(ngx_http_evolu_auth_cache_put(c, KEY("a"), &mark,
                         NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "new", 3, 1),
                     NGX_OK);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_memory_equal(out, "new", 3);

    /* and takes the place of none that is later */

    put_text(c, KEY("a"), "newer");
    assert_int_equal(ngx_http_evolu_auth_cache_put(c, KEY("a"), &mark,
                         NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "new", 3, 1),
                     NGX_DECLINED);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_memory_equal(out, "newer", 5);

    /* but not when it may be older than a push */

    ngx_http_evolu_auth_cache_mark(c, KEY("a"), &mark);
    ngx_http_evolu_auth_cache_drop(&workers[1], KEY("a"));
    ngx_http_evolu_auth_cache_expire(c);
    assert_int_equal(ngx_http_evolu_auth_cache_put(c, KEY("a"), &mark,
                         NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "new", 3, 1),
                     NGX_DECLINED);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);

    /* an end of coverage that nobody noticed is noticed by the mark */

    pass(COVER);
    ngx_http_evolu_auth_cache_mark(c, KEY("a"), &mark);
    assert_int_equal(mark.generation, zone_sh()->generation);
    assert_int_equal(ngx_http_evolu_auth_cache_unchanged(c, KEY("a"), &mark),
                     1);
}


/* How long what was found fresh is fresh without another look. */

static void
test_watched(void **state)
{
    watch_t   watch;
    cache_t  *c = &workers[0];

    (void) state;

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    find(c, KEY("a"));
    watch = found.watch;
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(&workers[1], &watch),
                     1);

    /* by age, of the value and not of the watch */

    pass_covered(FRESH - 1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
    find(c, KEY("a"));
    assert_int_equal(found.watch.until, watch.until);
    pass_covered(1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);

    /* a push, whoever hears it, also when nothing is kept any more */

    put_text(c, KEY("a"), "value");
    find(c, KEY("a"));
    watch = found.watch;
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
    ngx_http_evolu_auth_cache_drop(&workers[1], KEY("a"));
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);

    put_text(c, KEY("a"), "value");
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);

    /* everything has to be read again */

    find(c, KEY("a"));
    watch = found.watch;
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
    ngx_http_evolu_auth_cache_expire(&workers[1]);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);
}


static void
test_watched_coverage(void **state)
{
    watch_t   watch;
    cache_t  *c = &workers[0];

    (void) state;

    /* nobody has said a word for too long: noticed or not */

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    find(c, KEY("a"));
    watch = found.watch;

    pass(COVER - 1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
    pass(1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);
    beat(0, 1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);

    /* a link that is lost */

    put_text(c, KEY("a"), "value");
    find(c, KEY("a"));
    watch = found.watch;
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
    ngx_http_evolu_auth_cache_uncover(c);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);
    beat(0, 1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);

    /* what nobody is told about has its own limit, and needs no coverage */

    ngx_http_evolu_auth_cache_uncover(c);
    put(c, KEY("b"), NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, "value", 5, 0);
    find(c, KEY("b"));
    watch = found.watch;
    pass(NGX_HTTP_EVOLU_AUTH_UNTRACKED - 1);
    find(c, KEY("b"));
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &found.watch), 1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
    pass(1);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &found.watch), 0);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 0);
}


static void
test_limits(void **state)
{
    u_char         long_key[EVOLU_LOCATOR_MAX + 1];
    cache_t       *c = &workers[0];
    evolu_bytes_t  key;

    (void) state;

    memset(long_key, 'k', sizeof(long_key));
    key = (evolu_bytes_t) { long_key, EVOLU_LOCATOR_MAX };

    beat(0, 1);
    memset(image, 'v', sizeof(image));
    assert_int_equal(put(c, key, NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, image,
                         EVOLU_IMAGE_MAX, 1), NGX_OK);
    assert_int_equal(find(c, key), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(out_size, EVOLU_IMAGE_MAX);
    assert_memory_equal(out, image, EVOLU_IMAGE_MAX);

    assert_int_equal(put(c, key, NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, image,
                         EVOLU_IMAGE_MAX + 1, 1), NGX_DECLINED);
    assert_int_equal(find(c, key), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);

    key.len++;
    assert_int_equal(put(c, key, NGX_HTTP_EVOLU_AUTH_VALUE_NONE, NULL, 0, 1),
                     NGX_DECLINED);

    key.len = 0;
    assert_int_equal(put(c, key, NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, NULL, 0, 1),
                     NGX_OK);
    assert_int_equal(find(c, key), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
}


/* an image that is not whole is never handed out */

static void
test_damaged(void **state)
{
    size_t    size;
    cache_t  *c = &workers[0];

    (void) state;

    beat(0, 1);
    size = make_image(image, 2);
    put(c, KEY("a"), NGX_HTTP_EVOLU_AUTH_VALUE_RECORD, image, size, 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_memory_equal(out, image, size);

    ((evolu_record_t *) image)->nentries++;
    put(c, KEY("a"), NGX_HTTP_EVOLU_AUTH_VALUE_RECORD, image, size, 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);
    assert_int_equal(out_size, 0);
    assert_int_equal(zone_sh()->lists[0].entries, 0);
}


static void
test_fingerprints(void **state)
{
    cache_t  *a = &workers[0], *b = &workers[1];

    (void) state;

    memset(b->fingerprint, 'b', sizeof(b->fingerprint));
    beat(0, 1);

    put_text(a, KEY("x"), "a");
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);

    /* what worker 0 hears is not of the store of worker 1 */

    put_text(b, KEY("x"), "b");
    assert_int_equal(find(a, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(out[0], 'a');
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(out[0], 'b');

    put_text(a, KEY("y"), "y");
    ngx_http_evolu_auth_cache_drop(a, KEY("x"));
    assert_int_equal(zone_sh()->lists[0].entries, 1);
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);
    assert_int_equal(find(a, KEY("y")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
}


/*
 * Workers 0 and 1 are of the configuration before, with another store, and
 * last while 2 and 3 begin.
 */

static void
test_another_store(void **state)
{
    cache_t                             *a = &workers[0], *b = &workers[2];
    uint64_t                             generation;
    ngx_http_evolu_auth_cache_found_t    before;

    (void) state;

    ngx_http_evolu_auth_cache_epoch(a, KEY("1"));
    beat(0, 1);
    beat(1, 1);
    pass_covered(1000);
    put_text(a, KEY("x"), "a");
    assert_int_equal(find(a, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    before = found;

    zone.data = b;
    memset(b->fingerprint, 'b', sizeof(b->fingerprint));
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, a), NGX_OK);
    start_worker(2);
    workers[3] = *b;
    start_worker(3);

    /* as long as none of them is linked, nothing changes */

    assert_int_equal(find(a, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(a, &before.watch), 1);

    /* the first link takes the zone over, and what it knew of the epoch */

    generation = zone_sh()->generation;
    ngx_http_evolu_auth_cache_epoch(b, KEY("2"));
    beat(2, 1);
    assert_true(zone_sh()->generation > generation);
    assert_int_equal(find(a, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(a, &before.watch), 0);

    put_text(b, KEY("x"), "b");
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    before = found;
    put_text(a, KEY("x"), "a");
    assert_int_equal(find(a, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    /* neither links nor epochs of the store before are of any weight */

    generation = zone_sh()->generation;
    ngx_http_evolu_auth_cache_epoch(a, KEY("1"));
    beat(0, 1);
    assert_int_equal(zone_sh()->generation, generation);
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    ngx_pid = pids[2];
    ngx_http_evolu_auth_cache_uncover(b);
    beat(0, 1);
    beat(1, 1);
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(ngx_http_evolu_auth_cache_watched(b, &before.watch), 0);

    /* not even for how long the other one is away, or its records serve */

    pass(STALE - 1);
    beat(0, 1);
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(found.usable, 1);
    assert_int_equal(find(a, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(found.usable, 1);
    pass(1);
    beat(0, 1);
    find(b, KEY("x"));
    assert_int_equal(found.usable, 0);
    find(a, KEY("x"));
    assert_int_equal(found.usable, 0);

    /* and one of them that ends leaves what the others cover */

    beat(3, 1);
    put_text(b, KEY("x"), "b");
    ngx_pid = pids[0];
    ngx_http_evolu_auth_cache_leave(a);
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    /* back to the first store, while a worker of its first time is there */

    a->slot = NGX_CONF_UNSET_UINT;
    zone.data = a;
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, b), NGX_OK);
    start_worker(0);
    beat(0, 1);
    put_text(a, KEY("y"), "a");
    assert_int_equal(find(b, KEY("x")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    beat(3, 1);
    assert_int_equal(find(a, KEY("y")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(find(&workers[1], KEY("y")),
                     NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
}


static ngx_uint_t
is_tag_byte(size_t i, evolu_record_t *r)
{
    if (i < EVOLU_RECORD_HEADER
        || i >= EVOLU_RECORD_HEADER + r->nentries * sizeof(evolu_entry_t))
    {
        return 0;
    }

    i = (i - EVOLU_RECORD_HEADER) % sizeof(evolu_entry_t);

    return i >= offsetof(evolu_entry_t, tag)
           && i < offsetof(evolu_entry_t, tag) + EVOLU_TAG_SIZE;
}


static void
test_tags(void **state)
{
    u_char           tag[EVOLU_TAG_SIZE], key[2][EVOLU_TAG_KEY_SIZE];
    size_t           size, i;
    cache_t         *c = &workers[0];
    evolu_record_t  *r;

    (void) state;

    ngx_http_evolu_auth_cache_tag_key(&workers[0], key[0]);
    ngx_http_evolu_auth_cache_tag_key(&workers[1], key[1]);
    assert_memory_equal(key[0], key[1], EVOLU_TAG_KEY_SIZE);

    beat(0, 1);
    memset(tag, 't', sizeof(tag));
    size = make_image(image, 3);
    r = (evolu_record_t *) image;

    ngx_http_evolu_auth_cache_set_tag(c, KEY("a"), r, 2, tag);
    put(c, KEY("a"), NGX_HTTP_EVOLU_AUTH_VALUE_RECORD, image, size, 1);
    ngx_http_evolu_auth_cache_set_tag(c, KEY("a"), r, 2, tag);

    find(c, KEY("a"));
    assert_int_equal(evolu_record_match_tag((evolu_record_t *) out, tag), 2);

    /* neither an earlier tag here nor one there is a difference */

    ngx_http_evolu_auth_cache_set_tag(c, KEY("a"), r, 4, tag);
    find(c, KEY("a"));
    assert_int_equal(evolu_record_match_tag((evolu_record_t *) out, tag), 6);

    /* any other byte is */

    memset(tag, 'u', sizeof(tag));

    for (i = 0; i < size; i++) {
        image[i] ^= 0x40;
        ngx_http_evolu_auth_cache_set_tag(c, KEY("a"), r, 1, tag);
        image[i] ^= 0x40;

        find(c, KEY("a"));
        assert_int_equal(evolu_record_match_tag((evolu_record_t *) out, tag),
                         is_tag_byte(i, r) ? 1 : 0);

        put(c, KEY("a"), NGX_HTTP_EVOLU_AUTH_VALUE_RECORD, image, size, 1);
    }

    put_none(c, KEY("a"));
    ngx_http_evolu_auth_cache_set_tag(c, KEY("a"), r, 1, tag);
}


/* room */

static void
test_second_chance(void **state)
{
    ngx_uint_t   i;
    cache_t     *c = &workers[0];

    (void) state;

    beat(0, 1);
    memset(image, 'v', 1000);

    put(c, KEY("hot"), NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, image, 800, 1);
    put(c, KEY("cold"), NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, image, 800, 1);

    for (i = 0; i < 2000; i++) {
        assert_int_equal(find(c, KEY("hot")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
        assert_int_equal(put(c, number_key("n", i),
                             NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, image, 800, 1),
                         NGX_OK);
    }

    assert_int_equal(find(c, KEY("cold")), NGX_HTTP_EVOLU_AUTH_CACHE_MISS);
    assert_int_equal(find(c, number_key("n", 1999)),
                     NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_true(zone_sh()->lists[0].bytes > zone_sh()->lists[0].limit - 2048);

    /* all are hot: a put still finds room */

    for (i = 0; i < 2000; i++) {
        find(c, number_key("n", i));
    }

    assert_int_equal(put_text(c, KEY("new"), "x"), NGX_OK);
    check_lists();
}


/* what is watched is not found, and stays for that */

static void
test_second_chance_watched(void **state)
{
    watch_t      watch;
    ngx_uint_t   i;
    cache_t     *c = &workers[0];

    (void) state;

    beat(0, 1);
    memset(image, 'v', 1000);

    put(c, KEY("hot"), NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, image, 800, 1);
    find(c, KEY("hot"));
    watch = found.watch;

    for (i = 0; i < 2000; i++) {
        assert_int_equal(ngx_http_evolu_auth_cache_watched(c, &watch), 1);
        assert_int_equal(put(c, number_key("n", i),
                             NGX_HTTP_EVOLU_AUTH_VALUE_NAMES, image, 800, 1),
                         NGX_OK);
    }

    assert_int_equal(find(c, KEY("hot")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(find(c, number_key("n", 0)),
                     NGX_HTTP_EVOLU_AUTH_CACHE_MISS);
}


static void
test_budgets(void **state)
{
    list_t      *lists = zone_sh()->lists;
    cache_t     *c = &workers[0];
    ngx_uint_t   i, records;

    (void) state;

    beat(0, 1);

    for (i = 0; i < 1000; i++) {
        put_text(c, number_key("r", i), "record");
    }

    records = lists[0].entries;

    for (i = 0; i < 5000; i++) {
        assert_int_equal(put_none(c, number_key("n", i)), NGX_OK);
        assert_true(lists[1].bytes <= lists[1].limit);
    }

    assert_int_equal(lists[0].entries, records);
    assert_int_equal(find(c, number_key("n", 4999)),
                     NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVE);

    /* nor do records in plenty take the share of negatives */

    for (i = 0; i < 5000; i++) {
        assert_int_equal(put_text(c, number_key("q", i), "record"), NGX_OK);
        assert_true(lists[0].bytes <= lists[0].limit);
    }

    assert_true(lists[1].bytes + 128 > lists[1].limit);
    check_lists();
}


/* the allocator may refuse though the shares are not used up */

static void
test_no_memory(void **state)
{
    list_t      *lists = zone_sh()->lists;
    cache_t     *c = &workers[0];
    ngx_uint_t   i;

    (void) state;

    beat(0, 1);

    for (i = 0; i < 40; i++) {
        put_text(c, number_key("r", i), "record");
        put_none(c, number_key("n", i));
    }

    /* a negative takes no record */

    slab.refuse = 1000;
    assert_int_equal(put_none(c, KEY("a")), NGX_DECLINED);
    assert_int_equal(lists[0].entries, 40);
    assert_int_equal(lists[1].entries, 6);

    /* a record takes records, at most so many, then negatives */

    slab.refuse = 1000;
    assert_int_equal(put_text(c, KEY("a"), "x"), NGX_DECLINED);
    assert_int_equal(lists[0].entries, 6);
    assert_int_equal(lists[1].entries, 6);

    slab.refuse = 9;
    assert_int_equal(put_text(c, KEY("a"), "x"), NGX_OK);
    assert_int_equal(lists[0].entries, 1);
    assert_int_equal(lists[1].entries, 3);

    slab.refuse = 1000;
    assert_int_equal(put_text(c, KEY("b"), "x"), NGX_DECLINED);
    assert_int_equal(lists[0].entries + lists[1].entries, 0);

    slab.refuse = 0;
    assert_int_equal(put_text(c, KEY("b"), "x"), NGX_OK);
}


/* workers */

static void
test_covered(void **state)
{
    cache_t     *c = &workers[3];
    ngx_uint_t   i;

    (void) state;

    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 0);
    beat(0, 0);
    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 0);

    beat(0, 1);
    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 1);
    put_text(c, KEY("a"), "value");

    /* one of two is enough, when the other could vouch for its begin */

    for (i = 0; i < 5; i++) {
        beat(1, 1);
        pass_covered(1000);
    }

    ngx_pid = pids[0];
    ngx_http_evolu_auth_cache_uncover(&workers[0]);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    ngx_pid = pids[1];
    ngx_http_evolu_auth_cache_uncover(&workers[1]);
    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 0);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    /* a link comes back: what was read before stays stale */

    beat(1, 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    put_text(c, KEY("a"), "value");
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    /* also when nobody looked during the gap */

    pass(COVER);
    beat(1, 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    /* a link that is tracked no more covers no more */

    put_text(c, KEY("a"), "value");
    beat(1, 0);
    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 0);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
}


/*
 * Worker 0 lost its link without knowing, then something changed, then worker
 * 1 was linked: neither was told, so what worker 0 vouched for must go stale
 * when worker 0 falls silent, though the zone was covered all the time.
 */

static void
test_handover(void **state)
{
    cache_t  *c = &workers[3];

    (void) state;

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    pass(500);
    beat(1, 1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    pass(1000);
    beat(1, 1);
    pass(1000);
    beat(1, 1);
    pass(499);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    pass(1);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    /* worker 1 covers what is read from here on */

    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 1);
    put_text(c, KEY("a"), "value");
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    /*
     * The same when the silent link is given up in time: its last heartbeat
     * was not sent after worker 2 was linked.
     */

    beat(1, 1);
    beat(2, 1);
    pass(500);
    beat_sent(1, ngx_current_msec - 500);
    ngx_pid = pids[1];
    ngx_http_evolu_auth_cache_uncover(&workers[1]);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 1);

    /* it was: worker 3 takes over */

    put_text(c, KEY("a"), "value");
    beat(3, 1);
    pass(500);
    beat_sent(2, ngx_current_msec - 499);
    ngx_pid = pids[2];
    ngx_http_evolu_auth_cache_uncover(&workers[2]);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
}


static void
test_reload(void **state)
{
    cache_t     *c = &workers[3];
    ngx_uint_t   slot;

    (void) state;

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    pass(10);
    beat(1, 1);

    /* a last heartbeat before it leaves, see redis.c */

    pass(1);
    beat(0, 1);

    slot = workers[0].slot;
    ngx_pid = pids[0];
    ngx_http_evolu_auth_cache_leave(&workers[0]);
    ngx_http_evolu_auth_cache_leave(&workers[0]);
    ngx_http_evolu_auth_cache_uncover(&workers[0]);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    pass(COVER - 2);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    beat(1, 1);
    pass(2);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    start_worker(0);
    assert_int_equal(workers[0].slot, slot);

    ngx_pid = pids[1];
    ngx_http_evolu_auth_cache_leave(&workers[1]);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);

    /*
     * Without that heartbeat nobody knows what its link missed before the
     * next one was there.
     */

    start_worker(1);
    beat(0, 1);
    put_text(c, KEY("a"), "value");
    pass(10);
    beat(1, 1);

    ngx_pid = pids[0];
    ngx_http_evolu_auth_cache_leave(&workers[0]);
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 1);
}


static void
test_join(void **state)
{
    sh_t        *sh = zone_sh();
    cache_t     *c = &workers[0];
    ngx_pid_t    self = getpid();
    ngx_uint_t   i;

    (void) state;

    for (i = 0; i < WORKERS; i++) {
        assert_int_equal(workers[i].slot, i);
    }

    for (i = WORKERS; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {
        sh->slots[i].pid = self;
    }

    /* the pids of the others are no processes, but their beats are young */

    start_worker(0);
    assert_int_equal(c->slot, NGX_CONF_UNSET_UINT);
    assert_int_equal(logged, NGX_LOG_WARN);

    /* without a slot: good news count, but nothing is covered */

    beat(0, 1);
    assert_int_equal(sh->last_good, ngx_current_msec);
    assert_int_equal(ngx_http_evolu_auth_cache_covered(c), 0);
    ngx_http_evolu_auth_cache_uncover(c);
    ngx_http_evolu_auth_cache_leave(c);

    beat(1, 1);
    pass(COVER);
    beat(0, 1);
    start_worker(0);
    assert_int_equal(c->slot, 0);

    /* a slot of the very pid, but not while it beats */

    ngx_pid = self;
    ngx_http_evolu_auth_cache_join(&workers[3]);
    assert_int_equal(workers[3].slot, 1);
    ngx_http_evolu_auth_cache_join(&workers[2]);
    assert_int_equal(workers[2].slot, 2);
}


/* what a test reads of the zone's numbers */

static ngx_http_evolu_auth_cache_stat_t *
read_stat(void)
{
    static ngx_http_evolu_auth_cache_stat_t  stat;

    ngx_http_evolu_auth_cache_stat(&workers[0], &stat);

    return &stat;
}


static void
test_counters(void **state)
{
    sh_t          *sh = zone_sh();
    cache_t       *c = &workers[1];
    ngx_uint_t     i;
    ngx_atomic_t  *block;

    (void) state;

    /* a block for each worker, nobody else's */

    for (i = 0; i < WORKERS; i++) {
        assert_int_equal(workers[i].tally.shared, 0);
        assert_ptr_equal(workers[i].tally.block, sh->blocks[i]);
        assert_ptr_not_equal(workers[i].tally.block, sh->blocks[i ^ 1]);

        ngx_http_evolu_auth_count(&workers[i].tally, joined);
    }

    assert_int_equal(sh->blocks[1]->joined, 1);
    assert_int_equal(read_stat()->counters.joined, WORKERS);

    /* a worker that ends counts elsewhere, and the next one goes on */

    block = &c->tally.block->joined;
    ngx_pid = pids[1];
    ngx_http_evolu_auth_cache_leave(c);
    assert_int_equal(c->tally.shared, 1);
    ngx_http_evolu_auth_count(&c->tally, joined);
    assert_int_equal(sh->counters.joined, 1);

    start_worker(1);
    assert_int_equal(c->slot, 1);
    assert_ptr_equal(&c->tally.block->joined, block);
    ngx_http_evolu_auth_count(&c->tally, joined);
    assert_int_equal(*block, 2);
    assert_int_equal(read_stat()->counters.joined, WORKERS + 2);

    /* killed: its slot is taken over, and so is its block */

    pass(COVER);
    start_worker(2);
    assert_int_equal(workers[2].slot, 0);
    assert_int_equal(workers[2].tally.block->joined, 1);
    assert_int_equal(read_stat()->counters.joined, WORKERS + 2);

    /* no slot: among others */

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {
        sh->slots[i].pid = getpid();
    }

    start_worker(3);
    assert_int_equal(workers[3].slot, NGX_CONF_UNSET_UINT);
    assert_int_equal(workers[3].tally.shared, 1);
    ngx_http_evolu_auth_count(&workers[3].tally, joined);
    assert_int_equal(read_stat()->counters.joined, WORKERS + 3);
}


/* Another configuration's workers go on where the zone was. */

static void
test_counters_reused(void **state)
{
    cache_t  *c = &workers[1];

    (void) state;

    ngx_http_evolu_auth_count(&workers[0].tally, joined);

    memset(c, 0, sizeof(cache_t));
    c->zone = &zone;
    zone.data = c;
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, &workers[0]),
                     NGX_OK);
    assert_int_equal(c->tally.shared, 1);
    assert_int_equal(c->slot, NGX_CONF_UNSET_UINT);

    ngx_http_evolu_auth_count(&c->tally, joined);
    start_worker(1);
    assert_int_equal(c->tally.shared, 0);
    ngx_http_evolu_auth_count(&c->tally, joined);

    assert_int_equal(read_stat()->counters.joined, 3);
}


/* No memory for blocks: all share one. */

static void
test_counters_without_blocks(void **state)
{
    cache_t     *c = &workers[0];
    ngx_uint_t   i, before;

    (void) state;

    /* none for the block of a fifth worker, however much is evicted */

    for (i = 0; i < 100; i++) {
        put_text(c, number_key("r", i), "value");
    }

    assert_null(zone_sh()->blocks[WORKERS]);
    pids[1] = 0;
    slab.refuse = 1000;
    start_worker(1);
    assert_int_equal(workers[1].slot, WORKERS);
    assert_int_equal(workers[1].tally.shared, 1);
    slab.refuse = 0;

    /* there is now, if records go */

    ngx_pid = pids[1];
    ngx_http_evolu_auth_cache_leave(&workers[1]);
    before = read_stat()->evictions[0];
    slab.refuse = 3;
    start_worker(1);
    assert_int_equal(workers[1].slot, WORKERS);
    assert_int_equal(workers[1].tally.shared, 0);
    assert_int_equal(read_stat()->evictions[0], before + 3);
}


/* Those who share lose nothing, however many they are. */

static void
test_counters_atomic(void **state)
{
    pid_t                            pid[3];
    ngx_uint_t                       i, n;
    ngx_http_evolu_auth_tally_t      tally;
    ngx_http_evolu_auth_counters_t  *counters;

    (void) state;

    counters = mmap(NULL, sizeof(ngx_http_evolu_auth_counters_t),
                    PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(counters, MAP_FAILED);

    tally.block = counters;
    tally.shared = 1;

    for (i = 0; i < 3; i++) {
        pid[i] = fork();
        assert_int_not_equal(pid[i], -1);

        if (pid[i] == 0) {
            ngx_http_evolu_auth_count(&tally, stripped);

            for (n = 0; counters->stripped < 3 && n < 1000000; n++) {
                sched_yield();
            }

            for (n = 0; n < 3000000; n++) {
                ngx_http_evolu_auth_count(&tally, joined);
            }

            _exit(0);
        }
    }

    for (i = 0; i < 3; i++) {
        assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
    }

    assert_int_equal(counters->joined, 9000000);
    munmap(counters, sizeof(ngx_http_evolu_auth_counters_t));
}


/* A zone of a few pages has none to spare. */

static void
test_counters_small(void **state)
{
    cache_t  *c = &workers[0];

    (void) state;

    assert_null(zone_sh()->blocks);
    assert_int_equal(c->slot, 0);
    assert_int_equal(c->tally.shared, 1);

    ngx_http_evolu_auth_count(&c->tally, joined);
    ngx_http_evolu_auth_count(&workers[1].tally, joined);
    assert_int_equal(read_stat()->counters.joined, 2);
}


static int
setup_small(void **state)
{
    ngx_uint_t  i;

    (void) state;

    /* 32k, less what the allocator has for itself */

    open_zone(7 * 4096);
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, NULL), NGX_OK);

    for (i = 0; i < WORKERS; i++) {
        workers[i].sh = workers[0].sh;
        workers[i].shpool = workers[0].shpool;
        start_worker(i);
    }

    return 0;
}


/* Links and waiting requests are those of workers that live. */

static void
test_gauges(void **state)
{
    ngx_http_evolu_auth_cache_stat_t  *stat;

    (void) state;

    ngx_http_evolu_auth_cache_link(&workers[0], 3);
    ngx_http_evolu_auth_cache_link(&workers[1], 3);
    ngx_http_evolu_auth_cache_link(&workers[2], 1);
    ngx_http_evolu_auth_cache_waiting(&workers[0], 5);
    ngx_http_evolu_auth_cache_waiting(&workers[1], 2);
    beat(0, 1);

    stat = read_stat();
    assert_int_equal(stat->links[3] + stat->links[1], 0);
    assert_int_equal(stat->waiting + stat->tracked, 0);

    zone_sh()->slots[0].pid = getpid();
    zone_sh()->slots[1].pid = getppid();

    stat = read_stat();
    assert_int_equal(stat->links[0], 0);
    assert_int_equal(stat->links[1], 0);
    assert_int_equal(stat->links[3], 2);
    assert_int_equal(stat->tracked, 1);
    assert_int_equal(stat->waiting, 7);

    /* a worker that has just begun has no link of its forerunner's */

    ngx_http_evolu_auth_cache_leave(&workers[0]);
    start_worker(0);
    zone_sh()->slots[0].pid = getpid();
    assert_int_equal(read_stat()->links[3], 1);
    assert_int_equal(read_stat()->waiting, 2);
}


static void
test_invalidations(void **state)
{
    ngx_uint_t     i;
    ngx_atomic_t  *n;

    (void) state;

    n = read_stat()->counters.invalidations;

    /* the first link loses nothing */

    for (i = 0; i < 5; i++) {
        beat(0, 1);
        beat(1, 1);
        pass(1000);
    }

    read_stat();
    assert_int_equal(n[NGX_HTTP_EVOLU_AUTH_INVALIDATION_LINK_LOSS], 0);

    ngx_http_evolu_auth_cache_uncover(&workers[0]);
    read_stat();
    assert_int_equal(n[NGX_HTTP_EVOLU_AUTH_INVALIDATION_LINK_LOSS], 0);

    ngx_http_evolu_auth_cache_uncover(&workers[1]);
    read_stat();
    assert_int_equal(n[NGX_HTTP_EVOLU_AUTH_INVALIDATION_LINK_LOSS], 1);

    beat(0, 1);
    pass(COVER);
    read_stat();
    assert_int_equal(n[NGX_HTTP_EVOLU_AUTH_INVALIDATION_LINK_LOSS], 2);

    /* an epoch is new once, whoever reads it */

    ngx_http_evolu_auth_cache_epoch(&workers[0], KEY("1"));
    ngx_http_evolu_auth_cache_epoch(&workers[0], KEY("2"));
    ngx_http_evolu_auth_cache_epoch(&workers[1], KEY("2"));
    read_stat();
    assert_int_equal(n[NGX_HTTP_EVOLU_AUTH_INVALIDATION_EPOCH], 1);
}


static void
test_waits(void **state)
{
    ngx_uint_t                       i;
    ngx_http_evolu_auth_tally_t     *tally = &workers[0].tally;
    ngx_http_evolu_auth_counters_t  *counters;

    (void) state;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_BUCKETS - 1; i++) {
        ngx_http_evolu_auth_count_wait(tally, ngx_http_evolu_auth_bounds[i]);
        ngx_http_evolu_auth_count_wait(tally,
                                       ngx_http_evolu_auth_bounds[i] + 1);
    }

    ngx_http_evolu_auth_count_wait(tally, 0);
    counters = &read_stat()->counters;
    assert_int_equal(counters->waits[0], 2);
    assert_int_equal(counters->waits[NGX_HTTP_EVOLU_AUTH_BUCKETS - 1], 1);
    assert_int_equal(counters->waits[5], 2);
    assert_int_equal(counters->waited, 2 * 1944350 + 13);
}


static void
test_epoch(void **state)
{
    cache_t   *c = &workers[0];
    uint64_t   generation;

    (void) state;

    beat(0, 1);
    put_text(c, KEY("a"), "value");
    generation = zone_sh()->generation;

    ngx_http_evolu_auth_cache_epoch(c, KEY("1"));
    ngx_http_evolu_auth_cache_epoch(&workers[1], KEY("1"));
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);

    ngx_http_evolu_auth_cache_epoch(c, KEY("2"));
    assert_int_equal(find(c, KEY("a")), NGX_HTTP_EVOLU_AUTH_CACHE_STALE);
    ngx_http_evolu_auth_cache_epoch(&workers[1], KEY("2"));
    assert_int_equal(zone_sh()->generation, generation + 1);

    ngx_http_evolu_auth_cache_epoch(c, KEY(""));
    assert_int_equal(zone_sh()->generation, generation + 2);
}


/* the zone itself */

static void
test_zone_reuse(void **state)
{
    cache_t  *c = &workers[1];

    (void) state;

    c->sh = NULL;
    c->shpool = NULL;
    zone.data = c;
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, &workers[0]),
                     NGX_OK);
    assert_ptr_equal(c->sh, workers[0].sh);
    assert_ptr_equal(c->shpool, workers[0].shpool);

    c->sh = NULL;
    zone.shm.exists = 1;
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, NULL), NGX_OK);
    assert_ptr_equal(c->sh, workers[0].sh);
    assert_int_equal(logged, 0);

    zone_sh()->layout[1]++;
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, &workers[0]),
                     NGX_ERROR);
    assert_int_equal(logged, NGX_LOG_EMERG);
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, NULL),
                     NGX_ERROR);
    zone_sh()->layout[1]--;

    shared->pool.data = NULL;
    assert_int_equal(ngx_http_evolu_auth_cache_init_zone(&zone, NULL),
                     NGX_ERROR);
}


static void
test_zone_too_small(void **state)
{
    size_t  room;

    (void) state;

    for (room = 0; room < 5 * ngx_pagesize; room += 512) {
        open_zone(room);
        logged = 0;

        if (ngx_http_evolu_auth_cache_init_zone(&zone, NULL) == NGX_OK) {
            assert_true(room >= 4 * ngx_pagesize);
            teardown(NULL);
            continue;
        }

        /* nginx drops such a zone as a whole */

        assert_int_equal(logged, NGX_LOG_EMERG);
        munmap(shared, sizeof(shared_t));
        free(slab.header);
        free(slab.context);
        slab.used = 0;
    }
}


/* A worker was killed while it changed a list. */

static void
test_repair(void **state)
{
    sh_t        *sh = zone_sh();
    cache_t     *c = &workers[0];
    ngx_uint_t   i;

    (void) state;

    beat(0, 1);

    for (i = 0; i < 50; i++) {
        put_text(c, number_key("r", i), "record");
        put_none(c, number_key("n", i));
    }

    sh->busy = 1;
    sh->lists[0].queue.next = NULL;
    sh->lists[1].queue.prev = &sh->lists[0].queue;
    sh->lists[0].bytes = 1;
    sh->lists[1].entries = 7;

    assert_int_equal(find(c, number_key("r", 7)),
                     NGX_HTTP_EVOLU_AUTH_CACHE_FRESH);
    assert_int_equal(sh->busy, 0);
    assert_int_equal(sh->lists[0].entries, 50);
    check_lists();
}


/*
 * Workers that are killed at any instant, the lock in their hands or not.  The
 * clone of nginx's slab allocator above can't be torn; nginx's own can, and
 * nothing here could help it.
 */

static void
work_until_killed(void)
{
    cache_t     *c = &workers[0];
    ngx_uint_t   n;

    srandom(getpid());
    ngx_pid = getpid();

    for ( ;; ) {
        n = random() % 300;

        switch (random() % 5) {

        case 0:
            put_none(c, number_key("n", n));
            break;

        case 1:
            ngx_http_evolu_auth_cache_drop(c, number_key("n", n));
            break;

        case 2:
            find(c, number_key("n", n));
            break;

        default:
            put_text(c, number_key("n", n), "record");
        }

        shared->steps++;
    }
}


static void
test_killed(void **state)
{
    pid_t        pid[2];
    size_t       i, k, torn;
    ngx_uint_t   steps;

    (void) state;

    torn = 0;

    for (i = 0; i < 150; i++) {
        steps = shared->steps;

        for (k = 0; k < 2; k++) {
            pid[k] = fork();
            assert_int_not_equal(pid[k], -1);

            if (pid[k] == 0) {
                work_until_killed();
            }
        }

        while (shared->steps < steps + 20) {
            sched_yield();
        }

        usleep(random() % 500);

        for (k = 0; k < 2; k++) {
            kill(pid[k], SIGKILL);
            waitpid(pid[k], NULL, 0);
            torn += zone_sh()->busy;
            (void) __sync_bool_compare_and_swap(&shared->owner, pid[k], 0);
        }

        ngx_http_evolu_auth_cache_covered(&workers[0]);
        check_lists();
    }

    print_message("killed in the middle of a change: %zu\n", torn);
}


static int
setup_shared(void **state)
{
    slab.blocks = mmap(NULL, BLOCK * BLOCKS + ROOM, PROT_READ|PROT_WRITE,
                       MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(slab.blocks, MAP_FAILED);

    slab.fixed = slab.blocks + BLOCK * BLOCKS;
    setup(state);

    /* a small share, so that there is eviction, too */

    zone_sh()->lists[0].limit = 100 * 128;
    zone_sh()->lists[1].limit = 100 * 128;

    return 0;
}


static int
teardown_shared(void **state)
{
    (void) state;

    munmap(slab.blocks, BLOCK * BLOCKS + ROOM);
    munmap(shared, sizeof(shared_t));
    memset(&slab, 0, sizeof(slab));

    return 0;
}


/*
 * Coherence, played: a store whose values are version numbers, workers whose
 * links delay, fall silent, are reset and come back, workers that stop, are
 * killed or end, reads and pushes in flight.  Whatever happens, a value is not
 * FRESH longer than BOUND after it was replaced.
 */

#define TICK      5
#define TICKS     40000
#define SEEDS     4
#define NAMES     5
#define VERSIONS  (TICKS / 50)
#define QUEUE     512
#define BOUND     (COVER + 100)


typedef enum {
    PUSH = 0,
    PONG,
    GREETED,
    REPLY,
    RESET
} packet_e;


typedef struct {
    packet_e            type;
    ngx_msec_t          at;
    ngx_uint_t          name;
    uint32_t            version;
    mark_t              mark;
} packet_t;


typedef struct {
    ngx_uint_t          linked;          /* as the worker sees it */
    ngx_uint_t          tracked;         /* as the server sees it */
    ngx_uint_t          silent;          /* nothing passes any more */
    ngx_msec_t          connect;         /* when to try again */
    ngx_msec_t          ping;            /* when the next one is due */
    ngx_uint_t          waiting;         /* for a pong, since: */
    ngx_msec_t          asked;
    ngx_msec_t          stopped;         /* until */
    packet_t            queue[QUEUE];    /* to the worker, in order */
    ngx_uint_t          head, tail;
} link_t;


/* what a worker found fresh, and watches */

typedef struct {
    ngx_uint_t          kept;
    uint32_t            version;
    watch_t             watch;
} recalled_t;


static link_t      links[WORKERS];
static uint32_t    current[NAMES];
static ngx_msec_t  replaced[NAMES][VERSIONS];
static recalled_t  recalled[WORKERS][NAMES];
static ngx_uint_t  outcomes[4], nrecalled;


static void
send_packet(link_t *l, packet_e type, ngx_uint_t name, mark_t *mark)
{
    packet_t  *p, *last;

    if (l->silent || l->tail - l->head == QUEUE) {
        l->silent = 1;
        return;
    }

    last = &l->queue[(l->tail - 1) % QUEUE];
    p = &l->queue[l->tail % QUEUE];

    p->type = type;
    p->name = name;
    p->version = current[name];
    p->at = ngx_current_msec + random() % 50;

    if (mark != NULL) {
        p->mark = *mark;
    }

    if (l->tail != l->head && p->at < last->at) {
        p->at = last->at;
    }

    l->tail++;
}


static void
lose_link(ngx_uint_t i)
{
    ngx_pid = pids[i];
    ngx_http_evolu_auth_cache_uncover(&workers[i]);

    memset(&links[i], 0, offsetof(link_t, stopped));
    links[i].head = links[i].tail;
    links[i].connect = ngx_current_msec + 50 + random() % 1000;
}


static void
receive(ngx_uint_t i, packet_t *p)
{
    link_t         *l = &links[i];
    cache_t        *c = &workers[i];
    evolu_bytes_t   key;

    ngx_pid = pids[i];
    key = number_key("name", p->name);

    switch (p->type) {

    case PUSH:
        ngx_http_evolu_auth_cache_drop(c, key);
        break;

    case GREETED:
        l->linked = 1;
        l->ping = ngx_current_msec + 1000;
        /* fall through */

    case PONG:
        l->waiting = 0;
        beat_sent(i, l->asked);
        break;

    case REPLY:
        (void) ngx_http_evolu_auth_cache_put(c, key, &p->mark,
                                             NGX_HTTP_EVOLU_AUTH_VALUE_NAMES,
                                             &p->version, sizeof(uint32_t), 1);
        break;

    case RESET:
        lose_link(i);
    }
}


static void
run_link(ngx_uint_t i)
{
    link_t    *l = &links[i];
    packet_t  *p;

    while (l->head != l->tail) {
        p = &l->queue[l->head % QUEUE];

        if (p->at > ngx_current_msec) {
            break;
        }

        l->head++;
        receive(i, p);
    }

    if (l->waiting && ngx_current_msec - l->asked >= 2000) {
        lose_link(i);
    }

    if (!l->linked && !l->waiting && ngx_current_msec >= l->connect) {
        l->waiting = 1;
        l->asked = ngx_current_msec;

        if (random() % 4) {
            l->tracked = 1;
            send_packet(l, GREETED, 0, NULL);
        }
    }

    if (l->linked && !l->waiting && ngx_current_msec >= l->ping) {
        l->waiting = 1;
        l->asked = ngx_current_msec;
        l->ping = ngx_current_msec + 1000;
        send_packet(l, PONG, 0, NULL);
    }
}


static void
expect_current(ngx_uint_t name, uint32_t version)
{
    if (version != current[name]
        && ngx_current_msec - replaced[name][version] > BOUND)
    {
        fail_msg("fresh %u ms after it was replaced",
                 (unsigned) (ngx_current_msec - replaced[name][version]));
    }
}


static void
ask(ngx_uint_t i)
{
    mark_t       mark;
    state_t      state;
    uint32_t     version;
    ngx_uint_t   name;

    name = random() % NAMES;
    ngx_pid = pids[i];

    if (recalled[i][name].kept
        && ngx_http_evolu_auth_cache_watched(&workers[i],
                                             &recalled[i][name].watch))
    {
        expect_current(name, recalled[i][name].version);
        nrecalled++;
    }

    state = find(&workers[i], number_key("name", name));
    outcomes[state]++;

    if (state == NGX_HTTP_EVOLU_AUTH_CACHE_FRESH) {
        memcpy(&version, out, sizeof(uint32_t));
        expect_current(name, version);

        recalled[i][name].kept = 1;
        recalled[i][name].version = version;
        recalled[i][name].watch = found.watch;
        return;
    }

    if (links[i].linked) {
        ngx_http_evolu_auth_cache_mark(&workers[i], number_key("name", name),
                                       &mark);
        send_packet(&links[i], REPLY, name, &mark);
    }
}


static void
change(void)
{
    ngx_uint_t  i, name;

    name = random() % NAMES;

    if (current[name] + 1 == VERSIONS) {
        return;
    }

    replaced[name][current[name]++] = ngx_current_msec;

    for (i = 0; i < WORKERS; i++) {
        if (links[i].tracked) {
            send_packet(&links[i], PUSH, name, NULL);
        }
    }
}


static void
disturb(ngx_uint_t i)
{
    link_t  *l = &links[i];

    switch (random() % 6) {

    case 0:
    case 1:
        l->silent = 1;
        break;

    case 2:
        send_packet(l, RESET, 0, NULL);
        l->tracked = 0;
        break;

    case 3:
        l->stopped = ngx_current_msec + random() % 6000;
        break;

    case 4:
        /* killed: nothing is undone, another comes */
        memset(l, 0, sizeof(link_t));
        start_worker(i);
        break;

    default:
        ngx_pid = pids[i];
        ngx_http_evolu_auth_cache_leave(&workers[i]);
        memset(l, 0, sizeof(link_t));
        start_worker(i);
    }
}


static void
test_coherence(void **state)
{
    ngx_uint_t  i, n, seed, calm;

    (void) state;

    nrecalled = 0;
    memset(outcomes, 0, sizeof(outcomes));
    memset(recalled, 0, sizeof(recalled));

    for (seed = 1; seed <= SEEDS; seed++) {
        srandom(seed);
        memset(links, 0, sizeof(links));
        memset(current, 0, sizeof(current));
        ngx_http_evolu_auth_cache_expire(&workers[0]);

        for (n = 0; n < TICKS; n++) {
            pass(TICK);

            /* much trouble, then little, in turns */

            calm = (n / 4000 % 2) ? 4000 : 300;

            if (random() % 200 == 0) {
                change();
            }

            for (i = 0; i < WORKERS; i++) {

                if (ngx_current_msec < links[i].stopped) {
                    continue;
                }

                run_link(i);
                ask(i);

                if (random() % calm == 0) {
                    disturb(i);
                }
            }
        }
    }

    print_message("missed %u, fresh %u, stale %u, recalled %u\n",
                  (unsigned) outcomes[NGX_HTTP_EVOLU_AUTH_CACHE_MISS],
                  (unsigned) outcomes[NGX_HTTP_EVOLU_AUTH_CACHE_FRESH],
                  (unsigned) outcomes[NGX_HTTP_EVOLU_AUTH_CACHE_STALE],
                  (unsigned) nrecalled);
    assert_true(outcomes[NGX_HTTP_EVOLU_AUTH_CACHE_FRESH] > TICKS);
    assert_true(outcomes[NGX_HTTP_EVOLU_AUTH_CACHE_STALE] > 100);
    assert_true(nrecalled > TICKS / 2);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_fresh, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stale, setup, teardown),
        cmocka_unit_test_setup_teardown(test_untracked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_negative, setup, teardown),
        cmocka_unit_test_setup_teardown(test_put_race, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watched, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watched_coverage, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fingerprints, setup, teardown),
        cmocka_unit_test_setup_teardown(test_another_store, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tags, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_chance, setup, teardown),
        cmocka_unit_test_setup_teardown(test_second_chance_watched, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_budgets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_covered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_handover, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
        cmocka_unit_test_setup_teardown(test_join, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counters_reused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_counters_without_blocks, setup,
                                        teardown),
        cmocka_unit_test(test_counters_atomic),
        cmocka_unit_test_setup_teardown(test_counters_small, setup_small,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_gauges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_invalidations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zone_reuse, setup, teardown),
        cmocka_unit_test(test_zone_too_small),
        cmocka_unit_test_setup_teardown(test_repair, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed, setup_shared,
                                        teardown_shared),
        cmocka_unit_test_setup_teardown(test_coherence, setup, teardown)
    };

    if (evolu_digest_init() != 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
