
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_spelling.h"
#include "ngx_http_evolu_auth_variables.h"


static ngx_int_t ngx_http_evolu_auth_result_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_evolu_auth_reason_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_evolu_auth_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_evolu_auth_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_evolu_auth_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_evolu_auth_path_last_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_evolu_auth_path_bad_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_evolu_auth_arg_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_http_evolu_auth_variable_target(ngx_http_request_t *r,
    evolu_target_t *target);
static void ngx_http_evolu_auth_variable_text(ngx_http_variable_value_t *v,
    const char *text);
static void ngx_http_evolu_auth_variable_bytes(ngx_http_variable_value_t *v,
    u_char *data, size_t len);


static ngx_http_variable_t  ngx_http_evolu_auth_vars[] = {

    { ngx_string("evolu_auth_result"), NULL,
      ngx_http_evolu_auth_result_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_auth_reason"), NULL,
      ngx_http_evolu_auth_reason_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_auth_cache"), NULL,
      ngx_http_evolu_auth_cache_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_auth_time"), NULL,
      ngx_http_evolu_auth_time_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_key_id"), NULL,
      ngx_http_evolu_auth_identity_variable,
      NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_scope"), NULL,
      ngx_http_evolu_auth_identity_variable,
      NGX_HTTP_EVOLU_AUTH_VALUE_OF_SCOPE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_instance"), NULL,
      ngx_http_evolu_auth_identity_variable,
      NGX_HTTP_EVOLU_AUTH_VALUE_OF_INSTANCE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_campaign"), NULL,
      ngx_http_evolu_auth_identity_variable,
      NGX_HTTP_EVOLU_AUTH_VALUE_OF_CAMPAIGN,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_livemode"), NULL,
      ngx_http_evolu_auth_identity_variable,
      NGX_HTTP_EVOLU_AUTH_VALUE_OF_LIVEMODE,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("evolu_path_last"), NULL,
      ngx_http_evolu_auth_path_last_variable, 0, 0, 0 },

    { ngx_string("evolu_path_bad"), NULL,
      ngx_http_evolu_auth_path_bad_variable, 0, 0, 0 },

    { ngx_string(NGX_HTTP_EVOLU_AUTH_ARG), NULL,
      ngx_http_evolu_auth_arg_variable, 0, NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


static const char  *ngx_http_evolu_auth_results[] = {
    "off",
    "off",
    "allowed",
    "anonymous",
    "denied",
    "unavailable"
};


static const char  *ngx_http_evolu_auth_froms[] = {
    "-",
    "FRESH",
    "STALE",
    "NEGATIVE",
    "MISS",
    "FILE"
};


static ngx_int_t
ngx_http_evolu_auth_result_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = ngx_http_evolu_auth_ctx_get(r);

    ngx_http_evolu_auth_variable_text(v,
                    ngx_http_evolu_auth_results[ctx ? ctx->result : 0]);

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_reason_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = ngx_http_evolu_auth_ctx_get(r);

    ngx_http_evolu_auth_variable_text(v,
                    evolu_reason_name(ctx ? ctx->verdict.reason
                                          : EVOLU_REASON_NONE));

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_cache_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = ngx_http_evolu_auth_ctx_get(r);

    ngx_http_evolu_auth_variable_text(v,
                    ngx_http_evolu_auth_froms[ctx ? ctx->from : 0]);

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p;
    ngx_msec_t                  ms;
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = ngx_http_evolu_auth_ctx_get(r);
    ms = ctx ? ctx->waited : 0;

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_http_evolu_auth_variable_bytes(v, p,
                    ngx_sprintf(p, "%T.%03M", (time_t) ms / 1000, ms % 1000)
                    - p);

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_identity_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx == NULL || ctx->result != NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED) {
        ngx_http_evolu_auth_variable_text(v, "");
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_SCOPE:
        ngx_http_evolu_auth_variable_text(v,
                                          evolu_scope_name(ctx->verdict.scope));
        break;

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_INSTANCE:
        ngx_http_evolu_auth_variable_bytes(v, ctx->instance.data,
                                           ctx->instance.len);
        break;

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_CAMPAIGN:
        ngx_http_evolu_auth_variable_bytes(v, ctx->campaign.data,
                                           ctx->campaign.len);
        break;

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_LIVEMODE:
        ngx_http_evolu_auth_variable_text(v, ctx->verdict.livemode ? "true"
                                                                   : "false");
        break;

    default: /* NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID */
        ngx_http_evolu_auth_variable_bytes(v, ctx->key_id.data,
                                           ctx->key_id.len);
        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_path_last_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    long             n;
    u_char          *p;
    evolu_bytes_t    last;
    evolu_target_t   target;

    ngx_http_evolu_auth_variable_target(r, &target);

    last = evolu_target_last(target.path);

    if (last.len == 0) {
        ngx_http_evolu_auth_variable_text(v, "");
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, last.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    n = evolu_percent_decode(last, p);

    ngx_http_evolu_auth_variable_bytes(v, p, n > 0 ? n : 0);

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_path_bad_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    evolu_target_t  target;

    ngx_http_evolu_auth_variable_target(r, &target);

    ngx_http_evolu_auth_variable_text(v, target.bad ? "1" : "");

    return NGX_OK;
}


/* Of the client's request, wherever it was redirected to. */

static void
ngx_http_evolu_auth_variable_target(ngx_http_request_t *r,
    evolu_target_t *target)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = ngx_http_evolu_auth_ctx_get(r);

    if (ctx != NULL) {
        *target = *ngx_http_evolu_auth_ctx_target(r->main, ctx);
        return;
    }

    evolu_target_parse(ngx_http_evolu_auth_bytes(&r->main->unparsed_uri),
                       target);
}


/*
 * nginx keeps the names of variables in lower case; how the argument is
 * spelled was noted when the configuration was read.
 */

static ngx_int_t
ngx_http_evolu_auth_arg_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *var = (ngx_str_t *) data;

    size_t                            len;
    u_char                           *p;
    ngx_str_t                         name, *spelling;
    evolu_target_t                   *target;
    evolu_arg_status_t                status;
    ngx_http_evolu_auth_ctx_t        *ctx;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    name.data = var->data + sizeof(NGX_HTTP_EVOLU_AUTH_ARG) - 1;
    name.len = var->len - (sizeof(NGX_HTTP_EVOLU_AUTH_ARG) - 1);

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);
    spelling = ngx_http_evolu_auth_spelling_find(mcf, &name);

    if (spelling == NULL) {
        /* refused when the configuration was read */
        return NGX_ERROR;
    }

    ctx = ngx_http_evolu_auth_ctx_need(r->main);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    target = ngx_http_evolu_auth_ctx_target(r->main, ctx);

    p = ngx_pnalloc(r->pool, target->args.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    status = evolu_target_arg(target->args, ngx_http_evolu_auth_bytes(spelling),
                              p, target->args.len, &len);

    if (status == EVOLU_ARG_BAD) {
        ctx->bad_arg = 1;
    }

    ngx_http_evolu_auth_variable_bytes(v, p,
                                       status == EVOLU_ARG_FOUND ? len : 0);

    return NGX_OK;
}


static void
ngx_http_evolu_auth_variable_text(ngx_http_variable_value_t *v,
    const char *text)
{
    ngx_http_evolu_auth_variable_bytes(v, (u_char *) text, ngx_strlen(text));
}


static void
ngx_http_evolu_auth_variable_bytes(ngx_http_variable_value_t *v, u_char *data,
    size_t len)
{
    v->data = data;
    v->len = len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}


ngx_int_t
ngx_http_evolu_auth_variables_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_evolu_auth_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}
