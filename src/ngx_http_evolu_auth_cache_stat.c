
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_cache_zone.h"


static void ngx_http_evolu_auth_cache_stat_slot(
    ngx_http_evolu_auth_cache_stat_t *stat,
    ngx_http_evolu_auth_cache_slot_t *slot);


void
ngx_http_evolu_auth_cache_tally(ngx_http_evolu_auth_cache_t *cache)
{
    ngx_http_evolu_auth_cache_sh_t   *sh;
    ngx_http_evolu_auth_counters_t  **block;

    sh = cache->sh;

    cache->tally.block = &sh->counters;
    cache->tally.shared = 1;

    if (cache->slot == NGX_CONF_UNSET_UINT || sh->blocks == NULL) {
        return;
    }

    block = &sh->blocks[cache->slot];

    if (*block == NULL) {
        (void) ngx_http_evolu_auth_cache_lock(cache);

        *block = ngx_http_evolu_auth_cache_block(cache);

        ngx_http_evolu_auth_cache_unlock(cache);
    }

    if (*block != NULL) {
        cache->tally.block = *block;
        cache->tally.shared = 0;
    }
}


void
ngx_http_evolu_auth_cache_link(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t state)
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    if (cache->slot != NGX_CONF_UNSET_UINT) {
        sh = cache->sh;
        sh->slots[cache->slot].link = state + 1;
    }
}


void
ngx_http_evolu_auth_cache_waiting(ngx_http_evolu_auth_cache_t *cache,
    ngx_uint_t n)
{
    ngx_http_evolu_auth_cache_sh_t  *sh;

    if (cache->slot != NGX_CONF_UNSET_UINT) {
        sh = cache->sh;
        sh->slots[cache->slot].waiting = n;
    }
}


void
ngx_http_evolu_auth_cache_stat(ngx_http_evolu_auth_cache_t *cache,
    ngx_http_evolu_auth_cache_stat_t *stat)
{
    ngx_uint_t                        i;
    ngx_http_evolu_auth_cache_sh_t   *sh;

    ngx_memzero(stat, sizeof(ngx_http_evolu_auth_cache_stat_t));

    sh = ngx_http_evolu_auth_cache_lock(cache);

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_LISTS; i++) {
        stat->entries[i] = sh->lists[i].entries;
        stat->evictions[i] = sh->lists[i].evictions;
    }

    stat->bytes[1] = cache->shpool->pfree * ngx_pagesize;
    stat->bytes[0] = cache->zone->shm.size - stat->bytes[1];

    ngx_http_evolu_auth_cache_unlock(cache);

    /* words of memory, each whole: there is nothing to lock */

    ngx_http_evolu_auth_counters_sum(&stat->counters, &sh->counters);

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CACHE_SLOTS; i++) {

        if (sh->blocks != NULL && sh->blocks[i] != NULL) {
            ngx_http_evolu_auth_counters_sum(&stat->counters, sh->blocks[i]);
        }

        ngx_http_evolu_auth_cache_stat_slot(stat, &sh->slots[i]);
    }
}


/* What a worker that died says of its link is not true any more. */

static void
ngx_http_evolu_auth_cache_stat_slot(ngx_http_evolu_auth_cache_stat_t *stat,
    ngx_http_evolu_auth_cache_slot_t *slot)
{
    ngx_pid_t   pid;
    ngx_uint_t  link;

    pid = slot->pid;
    link = slot->link;

    if (pid == 0
        || link == 0
        || link > NGX_HTTP_EVOLU_AUTH_LINKS
        || (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH))
    {
        return;
    }

    stat->links[link - 1]++;
    stat->tracked += slot->tracked;
    stat->waiting += slot->waiting;
}
