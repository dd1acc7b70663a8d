
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_recall.h"


typedef struct {
    uint32_t                            glance;    /* at the credential */
    u_char                              tag[EVOLU_TAG_SIZE];
    ngx_http_evolu_auth_loc_conf_t     *lcf;       /* NULL: empty */
    ngx_http_evolu_auth_cache_watch_t   watch;
    evolu_verdict_t                     verdict;
    int64_t                             nbf;       /* of the key */
    u_char                              from;
    u_char                              instance;  /* lengths of names: what */
    u_char                              campaign;  /* is addressed, and the */
    u_char                              owner;     /* record's instance, as it
                                                      is shown */
    u_char                              names[
                                              NGX_HTTP_EVOLU_AUTH_RECALL_NAMES];
} ngx_http_evolu_auth_recall_entry_t;


/* the one that was kept last stands first */

typedef struct {
    ngx_http_evolu_auth_recall_entry_t  entries[2];
} ngx_http_evolu_auth_recall_set_t;


struct ngx_http_evolu_auth_recall_s {
    ngx_http_evolu_auth_cache_t        *cache;
    ngx_uint_t                          mask;
    u_char                              tag_key[EVOLU_TAG_KEY_SIZE];
    ngx_http_evolu_auth_recall_set_t    sets[];
};


static uint32_t ngx_http_evolu_auth_recall_glance(evolu_bytes_t text);
static ngx_http_evolu_auth_recall_entry_t *ngx_http_evolu_auth_recall_entry(
    ngx_http_evolu_auth_recall_t *recall, uint32_t glance,
    ngx_http_evolu_auth_ctx_t *ctx, u_char tag[EVOLU_TAG_SIZE],
    ngx_uint_t *tagged);
static ngx_uint_t ngx_http_evolu_auth_recall_names(
    ngx_http_evolu_auth_recall_entry_t *e, evolu_facts_t *facts);
static ngx_int_t ngx_http_evolu_auth_recall_owner(ngx_http_request_t *r,
    ngx_http_evolu_auth_recall_entry_t *e, ngx_str_t *instance);


ngx_http_evolu_auth_recall_t *
ngx_http_evolu_auth_recall_create(ngx_pool_t *pool,
    ngx_http_evolu_auth_cache_t *cache)
{
    ngx_uint_t                     n, max;
    ngx_http_evolu_auth_recall_t  *recall;

    /* what is watched is read without a lock, so it must be one word each */

    if (sizeof(ngx_uint_t) < sizeof(uint64_t)) {
        return NULL;
    }

    max = cache->zone->shm.size / NGX_HTTP_EVOLU_AUTH_RECALL_BYTES;
    max = ngx_min(max, NGX_HTTP_EVOLU_AUTH_RECALL_MAX);

    for (n = 1; 4 * n <= max; n *= 2) { /* void */ }

    recall = ngx_pcalloc(pool, sizeof(ngx_http_evolu_auth_recall_t)
                         + n * sizeof(ngx_http_evolu_auth_recall_set_t));
    if (recall == NULL) {
        return NULL;
    }

    recall->cache = cache;
    recall->mask = n - 1;
    ngx_http_evolu_auth_cache_tag_key(cache, recall->tag_key);

    return recall;
}


ngx_int_t
ngx_http_evolu_auth_recall_find(ngx_http_request_t *r,
    ngx_http_evolu_auth_recall_t *recall, ngx_http_evolu_auth_ctx_t *ctx,
    u_char tag[EVOLU_TAG_SIZE], ngx_uint_t *tagged)
{
    uint32_t                             glance;
    ngx_http_evolu_auth_recall_entry_t  *e;

    if (recall == NULL) {
        return NGX_DECLINED;
    }

    glance = ngx_http_evolu_auth_recall_glance(ctx->facts.credential.text);

    e = ngx_http_evolu_auth_recall_entry(recall, glance, ctx, tag, tagged);

    if (e == NULL
        || !evolu_verdict_repeats(&e->verdict, e->nbf, &ctx->facts)
        || (e->from != NGX_HTTP_EVOLU_AUTH_FROM_FILE
            && !ngx_http_evolu_auth_cache_watched(recall->cache, &e->watch)))
    {
        return NGX_DECLINED;
    }

    ctx->verdict = e->verdict;
    ctx->from = e->from;

    return (e->owner == 0) ? NGX_OK
           : ngx_http_evolu_auth_recall_owner(r, e, &ctx->instance);
}


/*
 * Of parts of a credential: tells at little cost that it is none of those that
 * were kept.  Too short to tell which one it is.
 */

static uint32_t
ngx_http_evolu_auth_recall_glance(evolu_bytes_t text)
{
    uint64_t  a, b;

    /* a credential that was split has 8 bytes or more */

    ngx_memcpy(&a, text.data + text.len - sizeof(a), sizeof(a));
    ngx_memcpy(&b, text.data + (text.len - sizeof(b)) / 2, sizeof(b));

    a = (a ^ (b * 0x9e3779b97f4a7c15)) * 0xff51afd7ed558ccd;

    return (uint32_t) (a >> 32);
}


/* The entry of the same credential, location and addresses, or NULL. */

static ngx_http_evolu_auth_recall_entry_t *
ngx_http_evolu_auth_recall_entry(ngx_http_evolu_auth_recall_t *recall,
    uint32_t glance, ngx_http_evolu_auth_ctx_t *ctx,
    u_char tag[EVOLU_TAG_SIZE], ngx_uint_t *tagged)
{
    ngx_http_evolu_auth_recall_set_t    *set;
    ngx_http_evolu_auth_recall_entry_t  *e;

    set = &recall->sets[glance & recall->mask];

    for (e = set->entries; e < set->entries + 2; e++) {

        if (e->glance != glance || e->lcf != ctx->lcf) {
            continue;
        }

        if (!*tagged) {
            evolu_digest_tag(recall->tag_key, ctx->facts.credential.text, tag);
            *tagged = 1;
        }

        if (evolu_digest_tag_equal(e->tag, tag)
            && ngx_http_evolu_auth_recall_names(e, &ctx->facts))
        {
            return e;
        }
    }

    return NULL;
}


/* 1 when the entry is of what is addressed */

static ngx_uint_t
ngx_http_evolu_auth_recall_names(ngx_http_evolu_auth_recall_entry_t *e,
    evolu_facts_t *facts)
{
    if (e->instance != facts->instance.len
        || e->campaign != facts->campaign.len)
    {
        return 0;
    }

    if (e->instance
        && ngx_memcmp(e->names, facts->instance.data, e->instance) != 0)
    {
        return 0;
    }

    return e->campaign == 0
           || ngx_memcmp(e->names + e->instance, facts->campaign.data,
                         e->campaign)
              == 0;
}


/* The entry may make room for another while the request lasts. */

static ngx_int_t
ngx_http_evolu_auth_recall_owner(ngx_http_request_t *r,
    ngx_http_evolu_auth_recall_entry_t *e, ngx_str_t *instance)
{
    instance->data = ngx_pnalloc(r->pool, e->owner);
    if (instance->data == NULL) {
        return NGX_ERROR;
    }

    instance->len = e->owner;
    ngx_memcpy(instance->data, e->names + e->instance + e->campaign, e->owner);

    return NGX_OK;
}


void
ngx_http_evolu_auth_recall_keep(ngx_http_evolu_auth_recall_t *recall,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_answer_t *answer,
    uint64_t matched, u_char tag[EVOLU_TAG_SIZE])
{
    u_char                              *p;
    int64_t                              nbf;
    uint32_t                             glance;
    ngx_str_t                           *owner;
    ngx_uint_t                           tagged;
    evolu_facts_t                       *facts;
    ngx_http_evolu_auth_recall_entry_t  *e;

    facts = &ctx->facts;
    owner = &ctx->instance;

    if (recall == NULL
        || (answer->from != NGX_HTTP_EVOLU_AUTH_FROM_FRESH
            && answer->from != NGX_HTTP_EVOLU_AUTH_FROM_FILE)
        || facts->instance.len + facts->campaign.len + owner->len
           > NGX_HTTP_EVOLU_AUTH_RECALL_NAMES
        || !evolu_verdict_repeatable(answer->record, matched, &nbf))
    {
        return;
    }

    tagged = 1;
    glance = ngx_http_evolu_auth_recall_glance(facts->credential.text);

    e = ngx_http_evolu_auth_recall_entry(recall, glance, ctx, tag, &tagged);

    if (e == NULL) {
        e = recall->sets[glance & recall->mask].entries;
        e[1] = e[0];
    }

    ngx_memcpy(e->tag, tag, EVOLU_TAG_SIZE);

    e->glance = glance;
    e->lcf = ctx->lcf;
    e->watch = answer->watch;
    e->verdict = ctx->verdict;
    e->nbf = nbf;
    e->from = answer->from;
    e->instance = facts->instance.len;
    e->campaign = facts->campaign.len;
    e->owner = owner->len;

    /* a name that is not there is no address to copy from */

    p = e->names;

    if (e->instance) {
        p = ngx_cpymem(p, facts->instance.data, e->instance);
    }

    if (e->campaign) {
        p = ngx_cpymem(p, facts->campaign.data, e->campaign);
    }

    if (e->owner) {
        ngx_memcpy(p, owner->data, e->owner);
    }
}
