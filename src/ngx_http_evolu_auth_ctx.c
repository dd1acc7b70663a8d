
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_ctx.h"


_Static_assert(NGX_HTTP_EVOLU_AUTH_RESULT_UNAVAILABLE
               == NGX_HTTP_EVOLU_AUTH_RESULTS - 1
               && NGX_HTTP_EVOLU_AUTH_FROM_FILE
                  == NGX_HTTP_EVOLU_AUTH_FROMS - 1
               && NGX_HTTP_EVOLU_AUTH_LINK_LIVE
                  == NGX_HTTP_EVOLU_AUTH_LINKS - 1,
               "counters have room for all values");


static void ngx_http_evolu_auth_ctx_cleanup(void *data);
static void ngx_http_evolu_auth_ctx_count(ngx_http_evolu_auth_ctx_t *ctx);


ngx_http_evolu_auth_ctx_t *
ngx_http_evolu_auth_ctx_get(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t         *cln;
    ngx_http_evolu_auth_ctx_t  *ctx;

    r = r->main;

    ctx = ngx_http_get_module_ctx(r, ngx_http_evolu_auth_module);

    if (ctx != NULL || !(r->internal || r->filter_finalize)) {
        return ctx;
    }

    /* a redirect zeroed it; the cleanup record did not move */

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_http_evolu_auth_ctx_cleanup) {
            ngx_http_set_ctx(r, cln->data, ngx_http_evolu_auth_module);
            return cln->data;
        }
    }

    return NULL;
}


ngx_http_evolu_auth_ctx_t *
ngx_http_evolu_auth_ctx_need(ngx_http_request_t *r)
{
    size_t                            size;
    ngx_pool_cleanup_t               *cln;
    ngx_http_evolu_auth_ctx_t        *ctx;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx != NULL) {
        return ctx;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    size = sizeof(ngx_http_evolu_auth_ctx_t)
           + mcf->sources.nelts * sizeof(ngx_http_evolu_auth_found_t);

    cln = ngx_pool_cleanup_add(r->pool, size);
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, size);

    ctx->found = (ngx_http_evolu_auth_found_t *) (ctx + 1);
    ctx->tally = mcf->enabled ? &mcf->cache->tally : NULL;

    cln->handler = ngx_http_evolu_auth_ctx_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_evolu_auth_module);

    return ctx;
}


/*
 * The cleanup is how the context is found again.  A waiter is released earlier,
 * by the request's own cleanup.
 */

static void
ngx_http_evolu_auth_ctx_cleanup(void *data)
{
    ngx_http_evolu_auth_ctx_t  *ctx = data;

    ngx_http_evolu_auth_store_release(&ctx->waiter);

    if (ctx->tally != NULL) {
        ngx_http_evolu_auth_ctx_count(ctx);
    }
}


/*
 * Each request once, when it ends, wherever it was redirected to: by its last
 * verdict, as the variables show it to the access log.
 */

static void
ngx_http_evolu_auth_ctx_count(ngx_http_evolu_auth_ctx_t *ctx)
{
    ngx_http_evolu_auth_from_e    from;
    ngx_http_evolu_auth_tally_t  *tally;

    tally = ctx->tally;
    from = ctx->from;

    ngx_http_evolu_auth_count(tally, requests[ctx->result]);

    if (ctx->result >= NGX_HTTP_EVOLU_AUTH_RESULT_DENIED) {
        ngx_http_evolu_auth_count(tally, denied[ctx->verdict.reason]);

        if (ctx->result == NGX_HTTP_EVOLU_AUTH_RESULT_UNAVAILABLE) {
            /* the cache was looked into in vain, and nobody else answered */
            from = NGX_HTTP_EVOLU_AUTH_FROM_MISS;
        }

    } else if (from == NGX_HTTP_EVOLU_AUTH_FROM_STALE
               && ctx->result == NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED)
    {
        ngx_http_evolu_auth_count(tally, stale_served);
    }

    ngx_http_evolu_auth_count(tally, lookups[from]);
}


evolu_target_t *
ngx_http_evolu_auth_ctx_target(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    if (!ctx->target_set) {
        evolu_target_parse(ngx_http_evolu_auth_bytes(&r->unparsed_uri),
                           &ctx->target);
        ctx->target_set = 1;
    }

    return &ctx->target;
}
