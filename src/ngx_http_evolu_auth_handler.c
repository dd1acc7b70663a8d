
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_audit.h"
#include "ngx_http_evolu_auth_credential.h"
#include "ngx_http_evolu_auth_facts.h"
#include "ngx_http_evolu_auth_handler.h"
#include "ngx_http_evolu_auth_headers.h"
#include "ngx_http_evolu_auth_judge.h"
#include "ngx_http_evolu_auth_reply.h"


static ngx_int_t ngx_http_evolu_auth_post_read_handler(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_rewrite_handler(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_evolu_auth_handler_passed(ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_preaccess_handler(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_suspend(ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_resume(ngx_http_request_t *r);
static void ngx_http_evolu_auth_warn_subrequest(ngx_http_request_t *r,
    ngx_http_evolu_auth_loc_conf_t *lcf);
static ngx_int_t ngx_http_evolu_auth_access_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_precontent_handler(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_log_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_handler_add(ngx_conf_t *cf,
    ngx_http_phases phase, ngx_http_handler_pt handler);
static ngx_int_t ngx_http_evolu_auth_handler_add_first(ngx_conf_t *cf,
    ngx_http_phases phase, ngx_http_handler_pt handler);


/*
 * Before if, set and map can see them, the client's identity headers go; what
 * the credential sources hold is noted, since it may be hidden by the time
 * that a redirect has it judged again.
 */

static ngx_int_t
ngx_http_evolu_auth_post_read_handler(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_evolu_auth_ctx_need(r);

    if (ctx == NULL
        || ngx_http_evolu_auth_headers_take(r, ctx) != NGX_OK)
    {
        ngx_http_evolu_auth_credential_blot(r);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * Requests that never ran post_read (error_page 400) come here first: before
 * the rewrite module, since this handler is registered after its; of the
 * server, or where a named location is the page, of that location.
 */

static ngx_int_t
ngx_http_evolu_auth_rewrite_handler(ngx_http_request_t *r)
{
    if (ngx_http_evolu_auth_handler_passed(r)) {
        return NGX_DECLINED;
    }

    /* refused before its query was looked through, or was read */

    ngx_http_evolu_auth_credential_blot(r);

    return ngx_http_evolu_auth_post_read_handler(r);
}


/* 1 when the request ran post_read, as all do but those refused before it. */

static ngx_uint_t
ngx_http_evolu_auth_handler_passed(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = ngx_http_evolu_auth_ctx_get(r);

    return ctx != NULL && ctx->taken;
}


/* Always declines when done, so that limit_req and the rest run. */

static ngx_int_t
ngx_http_evolu_auth_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_http_evolu_auth_ctx_t       *ctx;
    ngx_http_evolu_auth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_evolu_auth_module);

    if (r != r->main) {
        ngx_http_evolu_auth_warn_subrequest(r, lcf);
        return NGX_DECLINED;
    }

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* after a redirect: auth_request sees no identity of another location */

    ngx_http_evolu_auth_headers_retract(r, ctx);

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_OFF) {
        return NGX_DECLINED;
    }

    if (ctx->result == NGX_HTTP_EVOLU_AUTH_RESULT_WAITING
        && ctx->lcf == lcf)
    {
        if (!ctx->waiter.done) {
            /* a write event woke the phases, not the answer */
            return NGX_AGAIN;
        }

        if (ngx_http_evolu_auth_resume(r) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

    } else {

        rc = ngx_http_evolu_auth_facts_hold(r, ctx, lcf);

        if (rc < 0) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        if (rc > 0) {
            return NGX_DECLINED;
        }

        /* a post_action may follow on a wait that was given up */

        ngx_http_evolu_auth_store_release(&ctx->waiter);

        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_NONE;
        ctx->waited = 0;
    }

    rc = ngx_http_evolu_auth_judge(r, ctx, lcf);

    if (rc == NGX_AGAIN) {
        return ngx_http_evolu_auth_suspend(r);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_REPORT
        && ctx->audited != ctx->verdict.reason)
    {
        /* once, wherever it is redirected to */
        ngx_http_evolu_auth_audit(r, ctx, 1);
        ctx->audited = ctx->verdict.reason;
    }

    return NGX_DECLINED;
}


/* While it waits, a request notices that its client has gone. */

static ngx_int_t
ngx_http_evolu_auth_suspend(ngx_http_request_t *r)
{
    if (r->connection->read->ready) {
        ngx_post_event(r->connection->read, &ngx_posted_events);

    } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_evolu_auth_resume(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_block_reading;

    return ngx_handle_read_event(r->connection->read, 0);
}


/*
 * nginx checks no access for subrequests: a location that is reached by one
 * is not protected, and its operator should know.
 */

static void
ngx_http_evolu_auth_warn_subrequest(ngx_http_request_t *r,
    ngx_http_evolu_auth_loc_conf_t *lcf)
{
    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_OFF || mcf->subrequest) {
        return;
    }

    mcf->subrequest = 1;

    /* its name, not the URI, in which a client may have lines of its own */

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "evolu_auth: subrequest reached a protected location, "
                  "\"%V\"; access is not checked for subrequests",
                  &clcf->name);
}


/*
 * Only turns the verdict into a status, so that satisfy, auth_delay and
 * error_page work as with nginx's own modules.
 */

static ngx_int_t
ngx_http_evolu_auth_access_handler(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_ctx_t        *ctx;
    ngx_http_evolu_auth_loc_conf_t   *lcf;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_evolu_auth_module);

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_OFF
        || lcf->enable == NGX_HTTP_EVOLU_AUTH_REPORT)
    {
        return NGX_DECLINED;
    }

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx == NULL || ctx->lcf != lcf) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "evolu_auth: no verdict in the access phase");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    switch (ctx->result) {

    case NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED:
        return NGX_OK;

    case NGX_HTTP_EVOLU_AUTH_RESULT_ANONYMOUS:
        return NGX_DECLINED;

    case NGX_HTTP_EVOLU_AUTH_RESULT_DENIED:
    case NGX_HTTP_EVOLU_AUTH_RESULT_UNAVAILABLE:

        if (ctx->refusal == 0 || ctx->audited != ctx->verdict.reason) {
            /* not again when its own error_page is refused, too */
            ngx_http_evolu_auth_audit(r, ctx, 0);
            ctx->audited = ctx->verdict.reason;
        }

        mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

        if (lcf->hide && mcf->query
            && ngx_http_evolu_auth_credential_cut_args(r, ctx, lcf) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_evolu_auth_reply_refuse(r, ctx, lcf,
                                 evolu_reason_status(ctx->verdict.reason));

    default:
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "evolu_auth: unfinished verdict in the access phase");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/*
 * Whoever satisfied access: the credential goes, and the identity that the
 * request carries is that of our own verdict or none.
 */

static ngx_int_t
ngx_http_evolu_auth_precontent_handler(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_ctx_t       *ctx;
    ngx_http_evolu_auth_loc_conf_t  *lcf;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_evolu_auth_module);

    ngx_http_evolu_auth_reply_withdraw(r, ctx, lcf);

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_OFF) {
        return NGX_DECLINED;
    }

    if (lcf->hide && lcf->enable != NGX_HTTP_EVOLU_AUTH_REPORT
        && ngx_http_evolu_auth_headers_hide(r, ctx, lcf) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->result == NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED
        && ngx_http_evolu_auth_headers_inject(r, ctx, lcf) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * What nginx refused before any phase (no Host, TRACE, a bad escape) is logged
 * all the same, with the credentials that its query may hold.
 */

static ngx_int_t
ngx_http_evolu_auth_log_handler(ngx_http_request_t *r)
{
    if (!ngx_http_evolu_auth_handler_passed(r)) {
        ngx_http_evolu_auth_credential_blot(r);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_handler_init(ngx_conf_t *cf)
{
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    if (!mcf->enabled) {
        return NGX_OK;
    }

    if (ngx_http_evolu_auth_handler_add(cf, NGX_HTTP_POST_READ_PHASE,
                                        ngx_http_evolu_auth_post_read_handler)
        != NGX_OK
        || ngx_http_evolu_auth_handler_add(cf, NGX_HTTP_PREACCESS_PHASE,
                                        ngx_http_evolu_auth_preaccess_handler)
           != NGX_OK
        || ngx_http_evolu_auth_handler_add(cf, NGX_HTTP_ACCESS_PHASE,
                                        ngx_http_evolu_auth_access_handler)
           != NGX_OK
        || ngx_http_evolu_auth_handler_add(cf, NGX_HTTP_PRECONTENT_PHASE,
                                        ngx_http_evolu_auth_precontent_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_handler_init_late(ngx_conf_t *cf)
{
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    if (!mcf->enabled) {
        return NGX_OK;
    }

    if (ngx_http_evolu_auth_handler_add(cf, NGX_HTTP_SERVER_REWRITE_PHASE,
                                        ngx_http_evolu_auth_rewrite_handler)
        != NGX_OK
        || ngx_http_evolu_auth_handler_add(cf, NGX_HTTP_REWRITE_PHASE,
                                        ngx_http_evolu_auth_rewrite_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!mcf->query) {
        return NGX_OK;
    }

    return ngx_http_evolu_auth_handler_add_first(cf, NGX_HTTP_LOG_PHASE,
                                             ngx_http_evolu_auth_log_handler);
}


static ngx_int_t
ngx_http_evolu_auth_handler_add(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}


/* Log handlers run in the order of the array, all others from its end. */

static ngx_int_t
ngx_http_evolu_auth_handler_add_first(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    ngx_array_t                *handlers;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    if (ngx_http_evolu_auth_handler_add(cf, phase, handler) != NGX_OK) {
        return NGX_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    handlers = &cmcf->phases[phase].handlers;
    h = handlers->elts;

    ngx_memmove(&h[1], &h[0],
                (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));
    h[0] = handler;

    return NGX_OK;
}
