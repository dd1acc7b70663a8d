
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_reply.h"
#include "ngx_http_evolu_auth_status.h"
#include "ngx_http_evolu_auth_status_page.h"
#include "ngx_http_evolu_auth_status_print.h"


typedef struct {
    ngx_str_t   name;
    ngx_str_t   type;
    void      (*print)(ngx_http_evolu_auth_print_t *out,
                       ngx_http_evolu_auth_metrics_t *metrics);
} ngx_http_evolu_auth_status_format_t;


/*
 * The configurations of nginx's own modules, which show them to nobody.  They
 * are so in all versions from 1.22 on; t/091-status.t finds out when not.
 */

typedef struct {
    ngx_array_t               *rules;
#if (NGX_HAVE_INET6)
    ngx_array_t               *rules6;
#endif
#if (NGX_HAVE_UNIX_DOMAIN)
    ngx_array_t               *rules_un;
#endif
} ngx_http_evolu_auth_access_conf_t;


typedef struct {
    ngx_http_complex_value_t  *realm;
    ngx_http_complex_value_t  *user_file;
} ngx_http_evolu_auth_basic_conf_t;


static ngx_int_t ngx_http_evolu_auth_status_handler(ngx_http_request_t *r);
static ngx_http_evolu_auth_status_format_t *
    ngx_http_evolu_auth_status_format(ngx_http_request_t *r);
static ngx_int_t ngx_http_evolu_auth_status_send(ngx_http_request_t *r,
    ngx_http_evolu_auth_status_format_t *format,
    ngx_http_evolu_auth_print_t *out);
static ngx_uint_t ngx_http_evolu_auth_status_admits(ngx_http_request_t *r);
static ngx_uint_t ngx_http_evolu_auth_status_is_local(ngx_http_request_t *r);
static ngx_uint_t ngx_http_evolu_auth_status_is_loopback(ngx_str_t *address);
static ngx_uint_t ngx_http_evolu_auth_status_has_rules(ngx_http_request_t *r);
static ngx_uint_t ngx_http_evolu_auth_status_has_basic(ngx_http_request_t *r);
static void *ngx_http_evolu_auth_status_conf_of(ngx_http_request_t *r,
    const char *module);


/* the first is the default */

static ngx_http_evolu_auth_status_format_t
    ngx_http_evolu_auth_status_formats[] = {

    { ngx_string("prometheus"),
      ngx_string("text/plain; version=0.0.4; charset=utf-8"),
      ngx_http_evolu_auth_print_prometheus },

    { ngx_string("json"),
      ngx_string("application/json"),
      ngx_http_evolu_auth_print_json },

    { ngx_string("html"),
      ngx_string("text/html; charset=utf-8"),
      ngx_http_evolu_auth_print_html },

    { ngx_null_string, ngx_null_string, NULL }
};


/* by their place there */

static ngx_conf_enum_t  ngx_http_evolu_auth_status_names[] = {
    { ngx_string("prometheus"), 0 },
    { ngx_string("json"), 1 },
    { ngx_string("html"), 2 },
    { ngx_null_string, 0 }
};


static ngx_int_t
ngx_http_evolu_auth_status_handler(ngx_http_request_t *r)
{
    ngx_int_t                             rc;
    ngx_http_evolu_auth_print_t           out;
    ngx_http_evolu_auth_metrics_t         metrics;
    ngx_http_evolu_auth_main_conf_t      *mcf;
    ngx_http_evolu_auth_status_format_t  *format;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    if (!ngx_http_evolu_auth_status_admits(r)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "evolu_auth: status is for loopback only; add \"allow\" "
                      "and \"deny\", \"auth_basic\" or \"evolu_auth on\" to "
                      "its location");
        return NGX_HTTP_FORBIDDEN;
    }

    format = ngx_http_evolu_auth_status_format(r);

    if (format == NULL) {
        return NGX_HTTP_BAD_REQUEST;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    ngx_memzero(&out, sizeof(ngx_http_evolu_auth_print_t));

    out.pool = r->pool;
    out.zone = mcf->cache->zone->shm.name;

    ngx_http_evolu_auth_metrics_read(mcf, &metrics);

    format->print(&out, &metrics);

    if (out.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_evolu_auth_status_send(r, format, &out);
}


/* What the request asks for, or the directive says; NULL: there is none. */

static ngx_http_evolu_auth_status_format_t *
ngx_http_evolu_auth_status_format(ngx_http_request_t *r)
{
    ngx_str_t                             wanted;
    ngx_http_evolu_auth_loc_conf_t       *lcf;
    ngx_http_evolu_auth_status_format_t  *format;

    if (ngx_http_arg(r, (u_char *) "format", 6, &wanted) != NGX_OK) {
        lcf = ngx_http_get_module_loc_conf(r, ngx_http_evolu_auth_module);
        return &ngx_http_evolu_auth_status_formats[lcf->status];
    }

    for (format = ngx_http_evolu_auth_status_formats;
         format->print != NULL;
         format++)
    {
        if (format->name.len == wanted.len
            && ngx_strncmp(format->name.data, wanted.data, wanted.len) == 0)
        {
            return format;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_evolu_auth_status_send(ngx_http_request_t *r,
    ngx_http_evolu_auth_status_format_t *format,
    ngx_http_evolu_auth_print_t *out)
{
    ngx_int_t         rc;
    static ngx_str_t  nosniff = ngx_string("nosniff");

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = out->size;
    r->headers_out.content_type = format->type;
    r->headers_out.content_type_len = format->type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_evolu_auth_reply_no_store(r) != NGX_OK
        || ngx_http_evolu_auth_reply_add(r, NULL, "X-Content-Type-Options",
                                         &nosniff)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (format->print == ngx_http_evolu_auth_print_html
        && ngx_http_evolu_auth_reply_add(r, NULL, "Content-Security-Policy",
                                         &ngx_http_evolu_auth_page_policy)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out->last->buf->last_buf = (r == r->main) ? 1 : 0;
    out->last->buf->last_in_chain = 1;

    return ngx_http_output_filter(r, out->first);
}


/*
 * The numbers are no secret, but nobody's business either: they are shown to
 * this machine, unless the location says to whom.  evolu_auth says so where it
 * lets nobody in, or has let this client in by its key.
 */

static ngx_uint_t
ngx_http_evolu_auth_status_admits(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_ctx_t       *ctx;
    ngx_http_evolu_auth_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_evolu_auth_module);

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_ON) {
        return 1;
    }

    if (lcf->enable != NGX_HTTP_EVOLU_AUTH_OFF) {
        ctx = ngx_http_evolu_auth_ctx_get(r);

        if (ctx != NULL && ctx->result == NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED) {
            return 1;
        }
    }

    return ngx_http_evolu_auth_status_is_local(r)
           || ngx_http_evolu_auth_status_has_rules(r)
           || ngx_http_evolu_auth_status_has_basic(r);
}


/*
 * By the connection's own address: realip puts another one in its place, which
 * a header may bring, and keeps it in a variable.
 */

static ngx_uint_t
ngx_http_evolu_auth_status_is_local(ngx_http_request_t *r)
{
    ngx_str_t                   address;
    ngx_uint_t                  key;
    ngx_http_variable_value_t  *v;

    static ngx_str_t  name = ngx_string("realip_remote_addr");

    key = ngx_hash_key(name.data, name.len);
    v = ngx_http_get_variable(r, &name, key);

    if (v != NULL && !v->not_found) {
        address.data = v->data;
        address.len = v->len;

    } else {
        address = r->connection->addr_text;
    }

    return ngx_http_evolu_auth_status_is_loopback(&address);
}


static ngx_uint_t
ngx_http_evolu_auth_status_is_loopback(ngx_str_t *address)
{
    evolu_cidr_t  peer, loopback[2];

    if (address->len >= 5 && ngx_strncmp(address->data, "unix:", 5) == 0) {
        return 1;
    }

    if (evolu_cidr_parse(ngx_http_evolu_auth_bytes(address), &peer) != 0) {
        return 0;
    }

    (void) evolu_cidr_parse(evolu_literal("127.0.0.0/8"), &loopback[0]);
    (void) evolu_cidr_parse(evolu_literal("::1"), &loopback[1]);

    return evolu_address_in(&peer.address, loopback, 2);
}


/* "allow" or "deny" */

static ngx_uint_t
ngx_http_evolu_auth_status_has_rules(ngx_http_request_t *r)
{
    ngx_http_evolu_auth_access_conf_t  *conf;

    conf = ngx_http_evolu_auth_status_conf_of(r, "ngx_http_access_module");

    if (conf == NULL) {
        return 0;
    }

    return conf->rules != NULL
#if (NGX_HAVE_INET6)
           || conf->rules6 != NULL
#endif
#if (NGX_HAVE_UNIX_DOMAIN)
           || conf->rules_un != NULL
#endif
           ;
}


/* "auth_basic", with users, and not off */

static ngx_uint_t
ngx_http_evolu_auth_status_has_basic(ngx_http_request_t *r)
{
    ngx_str_t                          realm;
    ngx_http_evolu_auth_basic_conf_t  *conf;

    conf = ngx_http_evolu_auth_status_conf_of(r, "ngx_http_auth_basic_module");

    if (conf == NULL
        || conf->realm == NULL
        || conf->user_file == NULL
        || ngx_http_complex_value(r, conf->realm, &realm) != NGX_OK)
    {
        return 0;
    }

    return !(realm.len == 3 && ngx_strncmp(realm.data, "off", 3) == 0);
}


/* NULL: nginx was built without that module */

static void *
ngx_http_evolu_auth_status_conf_of(ngx_http_request_t *r, const char *module)
{
    ngx_uint_t      i;
    ngx_module_t  **modules;

    modules = ngx_cycle->modules;

    for (i = 0; modules[i] != NULL; i++) {

        if (modules[i]->type == NGX_HTTP_MODULE
            && ngx_strcmp(modules[i]->name, module) == 0)
        {
            return r->loc_conf[modules[i]->ctx_index];
        }
    }

    return NULL;
}


char *
ngx_http_evolu_auth_set_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    char                             *rv;
    ngx_command_t                     as_enum;
    ngx_http_core_loc_conf_t         *clcf;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    if (lcf->status != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    if (cf->args->nelts == 1) {
        lcf->status = 0;

    } else {
        as_enum = *cmd;
        as_enum.offset = offsetof(ngx_http_evolu_auth_loc_conf_t, status);
        as_enum.post = ngx_http_evolu_auth_status_names;

        rv = ngx_conf_set_enum_slot(cf, &as_enum, conf);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    if (mcf->status_place.line == 0) {
        ngx_http_evolu_auth_conf_place(cf, &mcf->status_place);
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_evolu_auth_status_handler;

    return NGX_CONF_OK;
}
