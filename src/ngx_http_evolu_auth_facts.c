
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_credential.h"
#include "ngx_http_evolu_auth_facts.h"


static void ngx_http_evolu_auth_facts_clear(ngx_http_evolu_auth_ctx_t *ctx);
static ngx_int_t ngx_http_evolu_auth_facts_addressed(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    ngx_str_t *instance, ngx_str_t *campaign);
static ngx_uint_t ngx_http_evolu_auth_facts_preflight(ngx_http_request_t *r);


ngx_int_t
ngx_http_evolu_auth_facts_gather(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    ngx_uint_t *done)
{
    ngx_str_t        instance, campaign;
    ngx_uint_t       given;
    evolu_facts_t   *facts;
    evolu_target_t  *target;

    facts = &ctx->facts;

    if (ctx->lcf != NULL) {
        ngx_http_evolu_auth_facts_clear(ctx);
    }

    ctx->lcf = lcf;

    *done = 1;

    if (lcf->preflight && ngx_http_evolu_auth_facts_preflight(r)) {
        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_ANONYMOUS;
        ctx->preflight = 1;
        return NGX_OK;
    }

    if (ngx_http_evolu_auth_facts_addressed(r, ctx, lcf, &instance, &campaign)
        != NGX_OK
        || ngx_http_evolu_auth_credential_find(r, ctx, lcf, facts, &given)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_OPTIONAL && given == 0
        && !facts->connection)
    {
        ctx->verdict.reason = EVOLU_REASON_MISSING;
        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_ANONYMOUS;
        return NGX_OK;
    }

    facts->instance = ngx_http_evolu_auth_bytes(&instance);
    facts->campaign = ngx_http_evolu_auth_bytes(&campaign);
    facts->now = ngx_time();

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_REPORT) {
        /* a shadow computes no 400 of its own for hop-by-hop tricks */
        facts->connection = 0;
    }

    if (lcf->policy.instance || lcf->policy.campaign || lcf->reserved) {

        target = ngx_http_evolu_auth_ctx_target(r, ctx);

        facts->bad_target = target->bad || ctx->bad_arg;

        if (lcf->reserved != NULL) {
            facts->reserved_arg = evolu_target_reserved(target->args,
                                                        lcf->reserved->elts,
                                                        lcf->reserved->nelts);
        }
    }

    *done = 0;

    return NGX_OK;
}


/* What an earlier judgement left: the context is made empty. */

static void
ngx_http_evolu_auth_facts_clear(ngx_http_evolu_auth_ctx_t *ctx)
{
    ctx->from = NGX_HTTP_EVOLU_AUTH_FROM_NOWHERE;
    ctx->names = NULL;
    ctx->failures = NULL;
    ctx->preflight = 0;
    ngx_str_null(&ctx->key_id);
    ngx_str_null(&ctx->instance);
    ngx_str_null(&ctx->campaign);

    ngx_memzero(&ctx->verdict, sizeof(evolu_verdict_t));
    ngx_memzero(&ctx->facts, sizeof(evolu_facts_t));
}


/* What the request addresses by the expressions of its location. */

static ngx_int_t
ngx_http_evolu_auth_facts_addressed(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    ngx_str_t *instance, ngx_str_t *campaign)
{
    ngx_str_null(instance);
    ngx_str_null(campaign);

    if (lcf->instance != NULL
        && ngx_http_complex_value(r, lcf->instance, instance) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (lcf->campaign != NULL
        && ngx_http_complex_value(r, lcf->campaign, campaign) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_facts_hold(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf)
{
    ngx_str_t  instance, campaign;

    if (ctx->lcf != lcf || ctx->result < NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED) {
        return 0;
    }

    if (ctx->preflight) {
        /* an error_page makes a GET of it */
        return ngx_http_evolu_auth_facts_preflight(r);
    }

    if (lcf->instance == NULL && lcf->campaign == NULL) {
        return 1;
    }

    if (ngx_http_evolu_auth_facts_addressed(r, ctx, lcf, &instance, &campaign)
        != NGX_OK)
    {
        return -1;
    }

    return evolu_bytes_equal(ngx_http_evolu_auth_bytes(&instance),
                             ctx->facts.instance)
           && evolu_bytes_equal(ngx_http_evolu_auth_bytes(&campaign),
                                ctx->facts.campaign);
}


/* A CORS preflight as browsers send it (Fetch standard, 3.2.2). */

static ngx_uint_t
ngx_http_evolu_auth_facts_preflight(ngx_http_request_t *r)
{
    ngx_uint_t        i, origin, method;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (r->method != NGX_HTTP_OPTIONS) {
        return 0;
    }

    origin = 0;
    method = 0;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("Origin") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Origin",
                                   sizeof("Origin") - 1)
                   == 0)
            {
                origin = 1;
            }

            if (h[i].key.len == sizeof("Access-Control-Request-Method") - 1
                && ngx_strncasecmp(h[i].key.data,
                                   (u_char *) "Access-Control-Request-Method",
                                   sizeof("Access-Control-Request-Method")
                                   - 1)
                   == 0)
            {
                method = 1;
            }
        }
    }

    return origin && method;
}


evolu_address_t
ngx_http_evolu_auth_facts_address(ngx_http_request_t *r)
{
    struct sockaddr      *sockaddr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sockaddr = r->connection->sockaddr;

    switch (sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sockaddr;
        return evolu_address((u_char *) &sin->sin_addr, 4);

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sockaddr;
        return evolu_address((u_char *) &sin6->sin6_addr, 16);
#endif

    default: /* AF_UNIX */
        return evolu_address(NULL, 0);
    }
}
