
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_reply.h"


/* Retry-After of 503, seconds */
#define NGX_HTTP_EVOLU_AUTH_REPLY_OUTAGE  1


/* the five kinds of refusal, in the columns of the contract, section 5 */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_REPLY_401 = 0,
    NGX_HTTP_EVOLU_AUTH_REPLY_403,
    NGX_HTTP_EVOLU_AUTH_REPLY_403_SCOPE,
    NGX_HTTP_EVOLU_AUTH_REPLY_429,
    NGX_HTTP_EVOLU_AUTH_REPLY_503,
    NGX_HTTP_EVOLU_AUTH_REPLY_400
} ngx_http_evolu_auth_reply_e;


typedef struct {
    ngx_str_t  type;
    ngx_str_t  charset;
    ngx_str_t  body[6];
} ngx_http_evolu_auth_reply_t;


static ngx_int_t ngx_http_evolu_auth_reply_header_filter(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_reply_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_http_evolu_auth_ctx_t *ngx_http_evolu_auth_reply_refused(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_evolu_auth_reply_is_ours(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);
static ngx_str_t *ngx_http_evolu_auth_reply_body(
    ngx_http_evolu_auth_ctx_t *ctx);
static ngx_int_t ngx_http_evolu_auth_reply_retry_after(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);


static ngx_str_t  ngx_http_evolu_auth_no_store = ngx_string("no-store");


/* by evolu_auth_error_format */

static ngx_http_evolu_auth_reply_t  ngx_http_evolu_auth_replies[] = {

    /* off: nginx's own pages */
    { ngx_null_string, ngx_null_string,
      { ngx_null_string, ngx_null_string, ngx_null_string, ngx_null_string,
        ngx_null_string, ngx_null_string } },

    /* evolu */
    { ngx_string("application/json"), ngx_null_string,
      { ngx_string("{\"detail\":\"Invalid or missing API key.\"}"),
        ngx_string("{\"detail\":\"This API key is not allowed to access this "
                   "resource.\"}"),
        ngx_string("{\"detail\":\"This API key is not allowed to access this "
                   "resource.\"}"),
        ngx_string("{\"detail\":\"Too many failed authentication "
                   "attempts.\"}"),
        ngx_string("{\"detail\":\"Authentication is temporarily "
                   "unavailable.\"}"),
        ngx_string("{\"detail\":\"Malformed request.\"}") } },

    /* evolution */
    { ngx_string("application/json"), ngx_string("utf-8"),
      { ngx_string("{\"status\":401,\"error\":\"Unauthorized\",\"response\":"
                   "{\"message\":\"Unauthorized\"}}"),
        ngx_string("{\"status\":403,\"error\":\"Forbidden\",\"response\":"
                   "{\"message\":[\"Forbidden\"]}}"),
        ngx_string("{\"status\":403,\"error\":\"Forbidden\",\"response\":"
                   "{\"message\":[\"Missing global api key\","
                   "\"The global api key must be set\"]}}"),
        ngx_string("{\"status\":429,\"error\":\"Too Many Requests\","
                   "\"response\":{\"message\":[\"Too Many Requests\"]}}"),
        ngx_string("{\"status\":503,\"error\":\"Service Unavailable\","
                   "\"response\":{\"message\":[\"Service Unavailable\"]}}"),
        ngx_string("{\"status\":400,\"error\":\"Bad Request\",\"response\":"
                   "{\"message\":[\"Bad Request\"]}}") } },

    /* problem */
    { ngx_string("application/problem+json"), ngx_null_string,
      { ngx_string("{\"type\":\"about:blank\",\"title\":\"Unauthorized\","
                   "\"status\":401,"
                   "\"detail\":\"Invalid or missing API key.\"}"),
        ngx_string("{\"type\":\"about:blank\",\"title\":\"Forbidden\","
                   "\"status\":403,\"detail\":\"This API key is not allowed "
                   "to access this resource.\"}"),
        ngx_string("{\"type\":\"about:blank\",\"title\":\"Forbidden\","
                   "\"status\":403,\"detail\":\"This API key is not allowed "
                   "to access this resource.\"}"),
        ngx_string("{\"type\":\"about:blank\","
                   "\"title\":\"Too Many Requests\",\"status\":429,"
                   "\"detail\":\"Too many failed authentication "
                   "attempts.\"}"),
        ngx_string("{\"type\":\"about:blank\","
                   "\"title\":\"Service Unavailable\",\"status\":503,"
                   "\"detail\":\"Authentication is temporarily "
                   "unavailable.\"}"),
        ngx_string("{\"type\":\"about:blank\",\"title\":\"Bad Request\","
                   "\"status\":400,\"detail\":\"Malformed request.\"}") } }
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_evolu_auth_reply_refuse(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    ngx_uint_t status)
{
    ctx->refusal = status;
    ctx->refused_at = r->uri_changes;
    ctx->refused_by = lcf;

    return ctx->refusal;
}


void
ngx_http_evolu_auth_reply_withdraw(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf)
{
    if (ctx->refused_at == r->uri_changes
        || (ctx->lcf == lcf
            && ctx->result < NGX_HTTP_EVOLU_AUTH_RESULT_DENIED))
    {
        ctx->refusal = 0;
    }
}


static ngx_int_t
ngx_http_evolu_auth_reply_header_filter(ngx_http_request_t *r)
{
    ngx_str_t                       *body;
    ngx_uint_t                       taken;
    ngx_http_evolu_auth_ctx_t       *ctx;
    ngx_http_evolu_auth_reply_t     *reply;
    ngx_http_evolu_auth_loc_conf_t  *lcf;

    ctx = ngx_http_evolu_auth_reply_refused(r);

    if (ctx == NULL) {
        return ngx_http_next_header_filter(r);
    }

    lcf = ctx->refused_by;

    if (ngx_http_evolu_auth_reply_no_store(r) != NGX_OK) {
        return NGX_ERROR;
    }

    /* an error_page may bring its own challenge where there is no realm */

    taken = (ctx->refused_at != r->uri_changes);

    if (ctx->refusal == NGX_HTTP_UNAUTHORIZED
        && !(taken
             && lcf->challenge.len == sizeof(NGX_HTTP_EVOLU_AUTH_SCHEME) - 1)
        && ngx_http_evolu_auth_reply_add(r, &r->headers_out.www_authenticate,
                                         "WWW-Authenticate", &lcf->challenge)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_evolu_auth_reply_retry_after(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!ngx_http_evolu_auth_reply_is_ours(r, ctx)) {
        return ngx_http_next_header_filter(r);
    }

    reply = &ngx_http_evolu_auth_replies[lcf->format];
    body = ngx_http_evolu_auth_reply_body(ctx);

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_content_length(r);

    r->headers_out.content_type = reply->type;
    r->headers_out.content_type_len = reply->type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.charset = reply->charset;
    r->headers_out.content_length_n = body->len;

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_evolu_auth_reply_retry_after(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    uint64_t   seconds;
    ngx_str_t  value;

    switch (ctx->refusal) {

    case NGX_HTTP_TOO_MANY_REQUESTS:
        seconds = ctx->retry_after;
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        seconds = NGX_HTTP_EVOLU_AUTH_REPLY_OUTAGE;
        break;

    default:
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%uL", seconds) - value.data;

    return ngx_http_evolu_auth_reply_add(r, NULL, "Retry-After", &value);
}


static ngx_int_t
ngx_http_evolu_auth_reply_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t                  *b;
    ngx_str_t                  *body;
    ngx_chain_t                *cl, out;
    ngx_http_evolu_auth_ctx_t  *ctx;

    if (in == NULL || r->header_only) {
        return ngx_http_next_body_filter(r, in);
    }

    ctx = ngx_http_evolu_auth_reply_refused(r);

    if (ctx == NULL || !ngx_http_evolu_auth_reply_is_ours(r, ctx)) {
        return ngx_http_next_body_filter(r, in);
    }

    /* what stood in for the body so far is not sent */

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (ctx->replied) {
        return NGX_OK;
    }

    ctx->replied = 1;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    body = ngx_http_evolu_auth_reply_body(ctx);

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_next_body_filter(r, &out);
}


/* The context when this response carries a refusal of ours, else NULL. */

static ngx_http_evolu_auth_ctx_t *
ngx_http_evolu_auth_reply_refused(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    if (r->headers_out.status < NGX_HTTP_BAD_REQUEST || r != r->main) {
        return NULL;
    }

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx == NULL || ctx->refusal == 0
        || ctx->refusal != r->headers_out.status)
    {
        return NULL;
    }

    return ctx;
}


/*
 * 1 when the body is ours too.  An error_page is an internal redirect or a
 * jump to a named location, and each of these uses up one of r->uri_changes.
 */

static ngx_uint_t
ngx_http_evolu_auth_reply_is_ours(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    return ctx->refused_at == r->uri_changes
           && ctx->refused_by->format != NGX_HTTP_EVOLU_AUTH_FORMAT_OFF;
}


static ngx_str_t *
ngx_http_evolu_auth_reply_body(ngx_http_evolu_auth_ctx_t *ctx)
{
    ngx_uint_t  n;

    switch (ctx->refusal) {

    case NGX_HTTP_UNAUTHORIZED:
        n = NGX_HTTP_EVOLU_AUTH_REPLY_401;
        break;

    case NGX_HTTP_FORBIDDEN:
        n = (ctx->verdict.reason == EVOLU_REASON_SCOPE)
            ? NGX_HTTP_EVOLU_AUTH_REPLY_403_SCOPE
            : NGX_HTTP_EVOLU_AUTH_REPLY_403;
        break;

    case NGX_HTTP_TOO_MANY_REQUESTS:
        n = NGX_HTTP_EVOLU_AUTH_REPLY_429;
        break;

    case NGX_HTTP_SERVICE_UNAVAILABLE:
        n = NGX_HTTP_EVOLU_AUTH_REPLY_503;
        break;

    default:
        n = NGX_HTTP_EVOLU_AUTH_REPLY_400;
        break;
    }

    return &ngx_http_evolu_auth_replies[ctx->refused_by->format].body[n];
}


ngx_int_t
ngx_http_evolu_auth_reply_no_store(ngx_http_request_t *r)
{
    return ngx_http_evolu_auth_reply_add(r, NULL, "Cache-Control",
                                         &ngx_http_evolu_auth_no_store);
}


ngx_int_t
ngx_http_evolu_auth_reply_add(ngx_http_request_t *r, ngx_table_elt_t **known,
    char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    ngx_http_evolu_auth_header_next(h);

    if (known != NULL) {
        *known = h;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_reply_init(ngx_conf_t *cf)
{
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    if (!mcf->enabled) {
        return NGX_OK;
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_evolu_auth_reply_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_evolu_auth_reply_body_filter;

    return NGX_OK;
}
