
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_ctx.h"


static void ngx_http_evolu_auth_ctx_cleanup(void *data);


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

    cln->handler = ngx_http_evolu_auth_ctx_cleanup;
    ngx_http_set_ctx(r, ctx, ngx_http_evolu_auth_module);

    return ctx;
}


/*
 * Identity alone: the cleanup is how the context is found again.  A waiter is
 * released earlier, by the request's own cleanup.
 */

static void
ngx_http_evolu_auth_ctx_cleanup(void *data)
{
    ngx_http_evolu_auth_ctx_t  *ctx = data;

    ngx_http_evolu_auth_store_release(&ctx->waiter);
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
