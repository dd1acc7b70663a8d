
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_reply.h"
#include "ngx_http_evolu_auth_whoami.h"


static ngx_int_t ngx_http_evolu_auth_whoami_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_whoami_anonymous(ngx_http_request_t *r);
static ngx_buf_t *ngx_http_evolu_auth_whoami_body(ngx_pool_t *pool,
    ngx_http_evolu_auth_ctx_t *ctx);
static u_char *ngx_http_evolu_auth_whoami_member(u_char *p, char *name,
    ngx_str_t *value);


static ngx_int_t
ngx_http_evolu_auth_whoami_handler(ngx_http_request_t *r)
{
    ngx_int_t                        rc;
    ngx_buf_t                       *b;
    ngx_chain_t                      out;
    ngx_http_evolu_auth_ctx_t       *ctx;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx == NULL || ctx->result != NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED) {
        return ngx_http_evolu_auth_whoami_anonymous(r);
    }

    b = ngx_http_evolu_auth_whoami_body(r->pool, ctx);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = b->last - b->pos;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (ngx_http_evolu_auth_reply_no_store(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* Nobody in particular is not told 200: 401, as where a key is missing. */

static ngx_int_t
ngx_http_evolu_auth_whoami_anonymous(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_ctx_t       *ctx;
    ngx_http_evolu_auth_loc_conf_t  *lcf;

    ctx = ngx_http_evolu_auth_ctx_need(r);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_evolu_auth_module);

    return ngx_http_evolu_auth_reply_refuse(r, ctx, lcf,
                                            NGX_HTTP_UNAUTHORIZED);
}


/* Names are percent-encoded, key ids are plain: nothing needs escaping. */

static ngx_buf_t *
ngx_http_evolu_auth_whoami_body(ngx_pool_t *pool,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    u_char           *p;
    ngx_buf_t        *b;
    ngx_str_t         scope;
    evolu_verdict_t  *verdict;

    verdict = &ctx->verdict;

    scope.data = (u_char *) evolu_scope_name(verdict->scope);
    scope.len = ngx_strlen(scope.data);

    b = ngx_create_temp_buf(pool,
                            sizeof("{\"scope\":\"\",\"instance\":\"\","
                                   "\"campaign\":\"\",\"livemode\":false,"
                                   "\"key_id\":\"\",\"expires_at\":}")
                            + sizeof("null") * 4 + NGX_INT64_LEN + scope.len
                            + ctx->instance.len + ctx->campaign.len
                            + ctx->key_id.len);
    if (b == NULL) {
        return NULL;
    }

    p = ngx_http_evolu_auth_whoami_member(b->last, "{\"scope\":", &scope);
    p = ngx_http_evolu_auth_whoami_member(p, ",\"instance\":",
                                          &ctx->instance);
    p = ngx_http_evolu_auth_whoami_member(p, ",\"campaign\":",
                                          &ctx->campaign);
    p = ngx_sprintf(p, ",\"livemode\":%s",
                    verdict->livemode ? "true" : "false");
    p = ngx_http_evolu_auth_whoami_member(p, ",\"key_id\":", &ctx->key_id);

    if (verdict->exp == EVOLU_NEVER) {
        p = ngx_sprintf(p, ",\"expires_at\":null}");

    } else {
        p = ngx_sprintf(p, ",\"expires_at\":%L}", verdict->exp);
    }

    b->last = p;

    return b;
}


static u_char *
ngx_http_evolu_auth_whoami_member(u_char *p, char *name, ngx_str_t *value)
{
    if (value->len == 0) {
        return ngx_sprintf(p, "%snull", name);
    }

    return ngx_sprintf(p, "%s\"%V\"", name, value);
}


char *
ngx_http_evolu_auth_set_whoami(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_evolu_auth_whoami_handler;

    return NGX_CONF_OK;
}
