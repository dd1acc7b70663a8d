
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_cache_zone.h"


static ngx_uint_t ngx_http_evolu_auth_cache_claim(
    ngx_http_evolu_auth_cache_t *cache, ngx_uint_t i);
static ngx_http_evolu_auth_cache_slot_t *ngx_http_evolu_auth_cache_slot(
    ngx_http_evolu_auth_cache_t *cache);
static ngx_uint_t ngx_http_evolu_auth_cache_own(
    ngx_http_evolu_auth_cache_t *cache);
static ngx_uint_t ngx_http_evolu_auth_cache_covers(
    ngx_http_evolu_auth_cache_slot_t *slot);
static void ngx_http_evolu_auth_cache_lose(ngx_http_evolu_auth_cache_sh_t *sh,
    ngx_http_evolu_auth_cache_slot_t *slot);
static void ngx_http_evolu_auth_cache_anchor(
    ngx_http_evolu_auth_cache_sh_t *sh, ngx_msec_t age);
static void ngx_http_evolu_auth_cache_survey(
    ngx_http_evolu_auth_cache_sh_t *sh);


void
ngx_http_evolu_auth_cache_join(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_uint_t                       i;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;
    cache->last_good = sh->last_good;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {

        if (ngx_http_evolu_auth_cache_claim(cache, i)) {
            cache->slot = i;
            ngx_http_evolu_auth_cache_tally(cache);
            return;
        }
    }

    cache->slot = NGX_CONF_UNSET_UINT;
    ngx_http_evolu_auth_cache_tally(cache);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "evolu_auth_zone \"%V\" has no slot left for this worker: "
                  "its link will not keep records fresh",
                  &cache->zone->shm.name);
}


/*
 * A slot of this very pid is claimed only when its beat is old, as any other:
 * without a master, two cycles of one process may be at work.
 */

static ngx_uint_t
ngx_http_evolu_auth_cache_claim(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t i)
{
    ngx_pid_t                          pid;
    ngx_uint_t                         claimed;
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_slot_t  *slot;

    sh = cache->sh;
    slot = &sh->slots[i];
    pid = slot->pid;

    /* without the lock, as the system is asked; looked at again below */

    if (pid != 0 && pid != ngx_pid
        && (kill(pid, 0) != -1 || ngx_errno != NGX_ESRCH))
    {
        return 0;
    }

    claimed = 0;

    (void) ngx_http_evolu_auth_cache_lock(cache);

    if (slot->pid == pid
        && (pid == 0
            || ngx_http_evolu_auth_cache_elapsed(slot->beat)
               >= NGX_HTTP_EVOLU_AUTH_COVER))
    {
        slot->tracked = 0;
        slot->anchored = 0;
        slot->owner = 0;
        slot->link = 0;
        slot->waiting = 0;
        slot->beat = ngx_current_msec;
        slot->pid = ngx_pid;
        claimed = 1;
    }

    ngx_http_evolu_auth_cache_unlock(cache);

    return claimed;
}


void
ngx_http_evolu_auth_cache_leave(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_slot_t  *slot;

    slot = ngx_http_evolu_auth_cache_slot(cache);

    if (slot == NULL) {
        return;
    }

    /* what it counts from here on is not another worker's business */

    cache->slot = NGX_CONF_UNSET_UINT;
    ngx_http_evolu_auth_cache_tally(cache);

    sh = ngx_http_evolu_auth_cache_lock(cache);

    ngx_http_evolu_auth_cache_lose(sh, slot);
    slot->pid = 0;

    ngx_http_evolu_auth_cache_unlock(cache);
}


void
ngx_http_evolu_auth_cache_beat(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t tracked, ngx_msec_t sent)
{
    ngx_msec_t                         age;
    ngx_uint_t                         owns;
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_slot_t  *slot;

    slot = ngx_http_evolu_auth_cache_slot(cache);

    sh = ngx_http_evolu_auth_cache_lock(cache);

    cache->last_good = ngx_current_msec;
    owns = ngx_http_evolu_auth_cache_own(cache);

    if (owns) {
        sh->last_good = ngx_current_msec;
    }

    if (slot != NULL && tracked) {

        if (!ngx_http_evolu_auth_cache_covers(slot)) {
            slot->anchored = 0;
            slot->since = ngx_current_msec;
        }

        slot->beat = ngx_current_msec;
        slot->tracked = 1;
        slot->owner = owns;

        if (!owns) {
            /* it hears of changes in another store */

        } else if (!sh->covered) {
            ngx_http_evolu_auth_cache_advance(sh);

        } else if (slot->anchored) {

            /*
             * All that was pushed before the server read this heartbeat has
             * come by now.  So those take over that were there already when
             * it was sent.
             */

            age = ngx_http_evolu_auth_cache_elapsed(sent);

            ngx_http_evolu_auth_cache_anchor(sh, age + 1);
            ngx_http_evolu_auth_cache_survey(sh);
        }

    } else if (slot != NULL) {
        ngx_http_evolu_auth_cache_lose(sh, slot);
    }

    ngx_http_evolu_auth_cache_unlock(cache);
}


void
ngx_http_evolu_auth_cache_uncover(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_http_evolu_auth_cache_sh_t    *sh;
    ngx_http_evolu_auth_cache_slot_t  *slot;

    slot = ngx_http_evolu_auth_cache_slot(cache);

    if (slot == NULL) {
        return;
    }

    sh = ngx_http_evolu_auth_cache_lock(cache);

    ngx_http_evolu_auth_cache_lose(sh, slot);

    ngx_http_evolu_auth_cache_unlock(cache);
}


ngx_uint_t
ngx_http_evolu_auth_cache_covered(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_uint_t                       covered;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = ngx_http_evolu_auth_cache_lock(cache);

    covered = sh->covered;

    ngx_http_evolu_auth_cache_unlock(cache);

    return covered;
}


void
ngx_http_evolu_auth_cache_epoch(ngx_http_evolu_auth_cache_t *cache,
    evolu_bytes_t epoch)
{
    uint64_t                         hash;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    hash = ngx_http_evolu_auth_cache_hash(cache, epoch);

    sh = ngx_http_evolu_auth_cache_lock(cache);

    if (!ngx_http_evolu_auth_cache_own(cache)) {
        ngx_http_evolu_auth_cache_unlock(cache);
        return;
    }

    if (sh->epoch_known && sh->epoch != hash) {
        sh->vouched = ++sh->generation;
        ngx_http_evolu_auth_count(&cache->tally,
                         invalidations[NGX_HTTP_EVOLU_AUTH_INVALIDATION_EPOCH]);
    }

    sh->epoch = hash;
    sh->epoch_known = 1;

    ngx_http_evolu_auth_cache_unlock(cache);
}


/*
 * 1 when the zone is, or becomes now, that of a linked worker's configuration.
 * It goes to the newest one, which is known by then to work, and never back:
 * workers of earlier ones, if they mean another store, ask that each time.
 */

static ngx_uint_t
ngx_http_evolu_auth_cache_own(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_uint_t                       i;
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;

    if (ngx_http_evolu_auth_cache_owns(cache)) {
        sh->owner_order = ngx_max(sh->owner_order, cache->order);
        return 1;
    }

    if (cache->order <= sh->owner_order) {
        return 0;
    }

    ngx_memcpy(sh->owner, cache->fingerprint, EVOLU_FINGERPRINT_SIZE);
    sh->owner_order = cache->order;
    sh->epoch_known = 0;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {
        sh->slots[i].owner = 0;
        sh->slots[i].anchored = 0;
    }

    ngx_http_evolu_auth_cache_advance(sh);

    return 1;
}


ngx_uint_t
ngx_http_evolu_auth_cache_owns(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = cache->sh;

    return ngx_memcmp(sh->owner, cache->fingerprint, EVOLU_FINGERPRINT_SIZE)
           == 0;
}


void
ngx_http_evolu_auth_cache_expire(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    sh = ngx_http_evolu_auth_cache_lock(cache);

    sh->vouched = ++sh->generation;

    ngx_http_evolu_auth_cache_unlock(cache);
}


/* NULL: the worker has none */

static ngx_http_evolu_auth_cache_slot_t *
ngx_http_evolu_auth_cache_slot(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    if (cache->slot == NGX_CONF_UNSET_UINT) {
        return NULL;
    }

    sh = cache->sh;

    return &sh->slots[cache->slot];
}


static ngx_uint_t
ngx_http_evolu_auth_cache_covers(ngx_http_evolu_auth_cache_slot_t *slot)
{
    return slot->tracked
           && slot->owner
           && ngx_http_evolu_auth_cache_elapsed(slot->beat)
              < NGX_HTTP_EVOLU_AUTH_COVER;
}


/* The slot covers no more.  The last anchored one ends the generation. */

static void
ngx_http_evolu_auth_cache_lose(ngx_http_evolu_auth_cache_sh_t *sh,
    ngx_http_evolu_auth_cache_slot_t *slot)
{
    slot->tracked = 0;
    slot->anchored = 0;

    if (!sh->covered) {
        return;
    }

    ngx_http_evolu_auth_cache_survey(sh);

    if (!sh->covered) {
        ngx_http_evolu_auth_cache_gap(sh);
    }
}


void
ngx_http_evolu_auth_cache_gap(ngx_http_evolu_auth_cache_sh_t *sh)
{
    ngx_http_evolu_auth_counters_t  *counters;

    counters = &sh->counters;

    (void) ngx_atomic_fetch_add(
        &counters->invalidations[NGX_HTTP_EVOLU_AUTH_INVALIDATION_LINK_LOSS],
        1);

    ngx_http_evolu_auth_cache_advance(sh);
}


void
ngx_http_evolu_auth_cache_advance(ngx_http_evolu_auth_cache_sh_t *sh)
{
    sh->generation++;

    /* before coverage, see ngx_http_evolu_auth_cache_watched() */

    ngx_memory_barrier();

    ngx_http_evolu_auth_cache_anchor(sh, 0);
    ngx_http_evolu_auth_cache_survey(sh);
}


/* Anchors the slots that cover since age milliseconds or longer. */

static void
ngx_http_evolu_auth_cache_anchor(ngx_http_evolu_auth_cache_sh_t *sh,
    ngx_msec_t age)
{
    ngx_uint_t                         i;
    ngx_http_evolu_auth_cache_slot_t  *slot;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {
        slot = &sh->slots[i];

        if (ngx_http_evolu_auth_cache_covers(slot)
            && ngx_http_evolu_auth_cache_elapsed(slot->since) >= age)
        {
            slot->anchored = 1;
        }
    }
}


/* How long the zone is covered by what is known now. */

static void
ngx_http_evolu_auth_cache_survey(ngx_http_evolu_auth_cache_sh_t *sh)
{
    ngx_msec_t                         until;
    ngx_uint_t                         i, covered;
    ngx_http_evolu_auth_cache_slot_t  *slot;

    covered = 0;
    until = 0;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {
        slot = &sh->slots[i];

        if (!slot->anchored || !ngx_http_evolu_auth_cache_covers(slot)) {
            continue;
        }

        if (!covered
            || (ngx_msec_int_t) (slot->beat + NGX_HTTP_EVOLU_AUTH_COVER
                                 - until) > 0)
        {
            until = slot->beat + NGX_HTTP_EVOLU_AUTH_COVER;
        }

        covered = 1;
    }

    sh->covered_until = until;
    sh->covered = covered;

    if (covered) {
        sh->vouched = sh->generation;
        sh->vouched_until = until - NGX_HTTP_EVOLU_AUTH_COVER;
    }
}
