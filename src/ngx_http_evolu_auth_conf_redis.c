
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_conf_redis.h"

#include "evolu_url.h"


/* the kinds of URL that a parameter goes with */

#define NGX_HTTP_EVOLU_AUTH_URL_PLAIN     0x01
#define NGX_HTTP_EVOLU_AUTH_URL_TLS       0x02
#define NGX_HTTP_EVOLU_AUTH_URL_UNIX      0x04
#define NGX_HTTP_EVOLU_AUTH_URL_SENTINEL  0x08
#define NGX_HTTP_EVOLU_AUTH_URL_ANY       0x0f

#define NGX_HTTP_EVOLU_AUTH_PENDING_MAX   1000000

/* largest file of a private key, in bytes */
#define NGX_HTTP_EVOLU_AUTH_KEY_MAX       (64 * 1024)

/* certificates between that of the server and a trusted one */
#define NGX_HTTP_EVOLU_AUTH_TLS_DEPTH     9


/* what is known while the directive is read */

typedef struct {
    ngx_http_evolu_auth_redis_conf_t  *conf;
    ngx_uint_t                         kind;     /* of the URL */
    ngx_str_t                          host;
    ngx_str_t                          ca;
    ngx_str_t                          cert;
    ngx_str_t                          key;
    ngx_str_t                          server_name;
    ngx_uint_t                         verify;
} ngx_http_evolu_auth_redis_args_t;


/*
 * A setter returns NGX_CONF_OK, NGX_CONF_ERROR after a message, or what is to
 * be written instead.
 */

typedef struct {
    ngx_str_t                          name;
    ngx_uint_t                         kinds;    /* of URL */
    char                            *(*set)(ngx_conf_t *cf,
                                          ngx_http_evolu_auth_redis_args_t *a,
                                          ngx_str_t *value, size_t offset);
    size_t                             offset;   /* in args or conf, for set */
} ngx_http_evolu_auth_redis_param_t;


static char *ngx_http_evolu_auth_redis_url(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text);
static char *ngx_http_evolu_auth_redis_endpoints(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, evolu_url_t *url);
static char *ngx_http_evolu_auth_redis_unix(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a);
static char *ngx_http_evolu_auth_redis_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *param);
static char *ngx_http_evolu_auth_redis_password(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *name, size_t offset);
static char *ngx_http_evolu_auth_redis_db(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset);
static char *ngx_http_evolu_auth_redis_pending(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset);
static char *ngx_http_evolu_auth_redis_time(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset);
static char *ngx_http_evolu_auth_redis_prefix(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset);
static char *ngx_http_evolu_auth_redis_role(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset);
static char *ngx_http_evolu_auth_redis_text(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset);
static char *ngx_http_evolu_auth_redis_verify(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset);
static ngx_int_t ngx_http_evolu_auth_redis_match(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf);
static char *ngx_http_evolu_auth_redis_tls(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a);
#if (NGX_SSL)
static char *ngx_http_evolu_auth_redis_tls_peer(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a);
static char *ngx_http_evolu_auth_redis_tls_own(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a);
#endif
static ngx_int_t ngx_http_evolu_auth_redis_address(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf,
    ngx_http_evolu_auth_endpoint_t *endpoint);


static ngx_http_evolu_auth_redis_param_t  ngx_http_evolu_auth_params[] = {

    { ngx_string("password_file"),
      NGX_HTTP_EVOLU_AUTH_URL_ANY,
      ngx_http_evolu_auth_redis_password,
      offsetof(ngx_http_evolu_auth_redis_conf_t, password) },

    { ngx_string("sentinel_password_file"),
      NGX_HTTP_EVOLU_AUTH_URL_SENTINEL,
      ngx_http_evolu_auth_redis_password,
      offsetof(ngx_http_evolu_auth_redis_conf_t, sentinel_password) },

    { ngx_string("db"),
      NGX_HTTP_EVOLU_AUTH_URL_UNIX,
      ngx_http_evolu_auth_redis_db,
      0 },

    { ngx_string("prefix"),
      NGX_HTTP_EVOLU_AUTH_URL_ANY,
      ngx_http_evolu_auth_redis_prefix,
      0 },

    { ngx_string("role"),
      NGX_HTTP_EVOLU_AUTH_URL_ANY,
      ngx_http_evolu_auth_redis_role,
      0 },

    { ngx_string("pending"),
      NGX_HTTP_EVOLU_AUTH_URL_ANY,
      ngx_http_evolu_auth_redis_pending,
      0 },

    { ngx_string("timeout"),
      NGX_HTTP_EVOLU_AUTH_URL_ANY,
      ngx_http_evolu_auth_redis_time,
      offsetof(ngx_http_evolu_auth_redis_conf_t, timeout) },

    { ngx_string("connect_timeout"),
      NGX_HTTP_EVOLU_AUTH_URL_ANY,
      ngx_http_evolu_auth_redis_time,
      offsetof(ngx_http_evolu_auth_redis_conf_t, connect_timeout) },

    { ngx_string("ca"),
      NGX_HTTP_EVOLU_AUTH_URL_TLS,
      ngx_http_evolu_auth_redis_text,
      offsetof(ngx_http_evolu_auth_redis_args_t, ca) },

    { ngx_string("cert"),
      NGX_HTTP_EVOLU_AUTH_URL_TLS,
      ngx_http_evolu_auth_redis_text,
      offsetof(ngx_http_evolu_auth_redis_args_t, cert) },

    { ngx_string("key"),
      NGX_HTTP_EVOLU_AUTH_URL_TLS,
      ngx_http_evolu_auth_redis_text,
      offsetof(ngx_http_evolu_auth_redis_args_t, key) },

    { ngx_string("server_name"),
      NGX_HTTP_EVOLU_AUTH_URL_TLS,
      ngx_http_evolu_auth_redis_text,
      offsetof(ngx_http_evolu_auth_redis_args_t, server_name) },

    { ngx_string("verify"),
      NGX_HTTP_EVOLU_AUTH_URL_TLS,
      ngx_http_evolu_auth_redis_verify,
      0 },

    { ngx_null_string, 0, NULL, 0 }
};


char *
ngx_http_evolu_auth_redis_set(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t **conf)
{
    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_evolu_auth_redis_args_t   a;
    ngx_http_evolu_auth_redis_conf_t  *rcf;

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_evolu_auth_redis_conf_t));
    if (rcf == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&rcf->prefix, "evolu:");
    rcf->timeout = 50;
    rcf->connect_timeout = 250;
    rcf->pending = 1024;

    ngx_http_evolu_auth_conf_place(cf, &rcf->place);

    ngx_memzero(&a, sizeof(ngx_http_evolu_auth_redis_args_t));

    a.conf = rcf;
    a.verify = 1;

    value = cf->args->elts;

    if (ngx_http_evolu_auth_redis_url(cf, &a, &value[1]) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    /* from here on the configuration's cleanup finds the passwords */

    *conf = rcf;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_http_evolu_auth_redis_param(cf, &a, &value[i]) != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (rcf->user.len && rcf->password == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: the URL names a user; name its "
                           "password's file with \"password_file=PATH\"");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_evolu_auth_redis_match(cf, rcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (a.kind == NGX_HTTP_EVOLU_AUTH_URL_TLS) {
        return ngx_http_evolu_auth_redis_tls(cf, &a);
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_url(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text)
{
    evolu_url_t                        url;
    const char                        *what;
    ngx_http_evolu_auth_redis_conf_t  *conf;

    conf = a->conf;

    what = evolu_url_parse(ngx_http_evolu_auth_bytes(text), &url);

    if (what != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: the URL of \"evolu_auth_redis\" %s",
                           what);
        return NGX_CONF_ERROR;
    }

    conf->text = *text;
    conf->db = url.db;
    conf->user.data = (u_char *) url.user.data;
    conf->user.len = url.user.len;
    conf->master.data = (u_char *) url.master.data;
    conf->master.len = url.master.len;

    if (ngx_array_init(&conf->endpoints, cf->pool, 1,
                       sizeof(ngx_http_evolu_auth_endpoint_t))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (url.path.len) {
        a->kind = NGX_HTTP_EVOLU_AUTH_URL_UNIX;

        return ngx_http_evolu_auth_redis_unix(cf, a);
    }

    if (url.sentinels.len) {
        a->kind = NGX_HTTP_EVOLU_AUTH_URL_SENTINEL;

    } else {
        a->kind = url.tls ? NGX_HTTP_EVOLU_AUTH_URL_TLS
                          : NGX_HTTP_EVOLU_AUTH_URL_PLAIN;
    }

    return ngx_http_evolu_auth_redis_endpoints(cf, a, &url);
}


/* Notes the hosts; their addresses come when the http block was read. */

static char *
ngx_http_evolu_auth_redis_endpoints(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, evolu_url_t *url)
{
    size_t                           pos;
    unsigned                         port;
    evolu_bytes_t                    host;
    ngx_http_evolu_auth_endpoint_t  *endpoint;

    pos = 0;
    host = url->host;
    port = url->port;

    while (url->sentinels.len == 0
           || evolu_url_sentinel(url, &pos, &host, &port))
    {
        endpoint = ngx_array_push(&a->conf->endpoints);
        if (endpoint == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(endpoint, sizeof(ngx_http_evolu_auth_endpoint_t));

        endpoint->host.data = (u_char *) host.data;
        endpoint->host.len = host.len;
        endpoint->port = port;

        if (url->sentinels.len == 0) {
            a->host = endpoint->host;
            break;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_unix(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a)
{
    ngx_url_t                        u;
    ngx_http_evolu_auth_endpoint_t  *endpoint;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = a->conf->text;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "evolu_auth: %s in \"%V\"",
                           u.err ? u.err : "no address", &u.url);
        return NGX_CONF_ERROR;
    }

    endpoint = ngx_array_push(&a->conf->endpoints);
    if (endpoint == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(endpoint, sizeof(ngx_http_evolu_auth_endpoint_t));

    endpoint->addrs = u.addrs;
    endpoint->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *param)
{
    char                               *rv;
    size_t                              len;
    ngx_str_t                           value;
    ngx_http_evolu_auth_redis_param_t  *p;

    for (p = ngx_http_evolu_auth_params; p->name.len; p++) {

        if (param->len > p->name.len
            && param->data[p->name.len] == '='
            && ngx_strncmp(param->data, p->name.data, p->name.len) == 0)
        {
            break;
        }
    }

    if (p->name.len == 0) {

        /* without its value: it may be "password=..." */

        for (len = 0; len < param->len; len++) {
            if (param->data[len] == '=') {
                break;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: invalid parameter \"%*s\"", len,
                           param->data);
        return NGX_CONF_ERROR;
    }

    if (!(p->kinds & a->kind)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: invalid parameter \"%V\": \"%V\" "
                           "does not go with this kind of URL", param,
                           &p->name);
        return NGX_CONF_ERROR;
    }

    len = p->name.len + 1;
    value.data = param->data + len;
    value.len = param->len - len;

    rv = value.len ? p->set(cf, a, &value, p->offset) : "give it a value";

    if (rv == NGX_CONF_OK || rv == NGX_CONF_ERROR) {
        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "evolu_auth: invalid parameter \"%V\"; %s", param, rv);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_evolu_auth_redis_password(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *name, size_t offset)
{
    ngx_str_t         text;
    evolu_secret_t  **password;

    password = (evolu_secret_t **) ((u_char *) a->conf + offset);

    if (*password != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: a second password file");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK
        || ngx_http_evolu_auth_conf_read(cf, name, &a->conf->place,
                                         EVOLU_SECRET_TEXT_MAX + 1, &text)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    *password = evolu_secret_create(ngx_http_evolu_auth_bytes(&text));

    ngx_http_evolu_auth_conf_free(&text);

    if (*password == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: \"%V\" holds no password; write one "
                           "line of 1 to %d bytes", name,
                           EVOLU_SECRET_TEXT_MAX);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_db(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    if (n == NGX_ERROR || n > EVOLU_URL_DB_MAX) {
        return "write the number of a database";
    }

    a->conf->db = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_pending(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    if (n < 1 || n > NGX_HTTP_EVOLU_AUTH_PENDING_MAX) {
        return "write a number from 1 to 1000000";
    }

    a->conf->pending = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_time(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset)
{
    ngx_int_t    ms;
    ngx_msec_t  *time;

    time = (ngx_msec_t *) ((u_char *) a->conf + offset);
    ms = ngx_parse_time(text, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return "write a time, such as 50ms";
    }

    *time = ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_prefix(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset)
{
    if (text->len > NGX_HTTP_EVOLU_AUTH_PREFIX_MAX) {
        return "write at most 64 bytes";
    }

    a->conf->prefix = *text;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_role(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset)
{
    if (ngx_strcmp(text->data, "any") == 0) {
        a->conf->any_role = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(text->data, "primary") == 0) {
        a->conf->any_role = 0;
        return NGX_CONF_OK;
    }

    return "write \"primary\" or \"any\"";
}


static char *
ngx_http_evolu_auth_redis_text(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset)
{
    ngx_str_t  *field;

    field = (ngx_str_t *) ((u_char *) a + offset);
    *field = *text;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_verify(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a, ngx_str_t *text, size_t offset)
{
    if (ngx_strcmp(text->data, "on") == 0) {
        a->verify = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(text->data, "off") == 0) {
        a->verify = 0;

        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "evolu_auth: \"verify=off\" trusts whoever answers "
                           "in the place of Redis");
        return NGX_CONF_OK;
    }

    return "write \"on\" or \"off\"";
}


/* The prefix as a pattern of SCAN, where some characters are not themselves. */

static ngx_int_t
ngx_http_evolu_auth_redis_match(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf)
{
    size_t   i;
    u_char  *p;

    p = ngx_pnalloc(cf->pool, 2 * conf->prefix.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    conf->match.data = p;

    for (i = 0; i < conf->prefix.len; i++) {

        if (ngx_strchr("*?[]\\^-", conf->prefix.data[i]) != NULL) {
            *p++ = '\\';
        }

        *p++ = conf->prefix.data[i];
    }

    *p++ = '*';

    conf->match.len = p - conf->match.data;

    return NGX_OK;
}


#if (NGX_SSL)

static char *
ngx_http_evolu_auth_redis_tls(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NGX_CONF_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    a->conf->ssl = ssl;
    a->conf->verify = a->verify;

    if (ngx_http_evolu_auth_redis_tls_peer(cf, a) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_evolu_auth_redis_tls_own(cf, a);
}


/* Whom to trust, and by which name. */

static char *
ngx_http_evolu_auth_redis_tls_peer(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a)
{
    u_char                            *p;
    ngx_str_t                          name;
    ngx_addr_t                         addr;
    ngx_http_evolu_auth_redis_conf_t  *conf;

    conf = a->conf;
    name = a->server_name.len ? a->server_name : a->host;

    /* OpenSSL wants it terminated */

    p = ngx_pnalloc(cf->pool, name.len + 1);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(p, name.data, name.len + 1);

    conf->server_name.data = p;
    conf->server_name.len = name.len;
    conf->server_ip = (ngx_parse_addr(cf->pool, &addr, p, name.len) == NGX_OK);

    if (a->ca.len == 0) {

        if (SSL_CTX_set_default_verify_paths(conf->ssl->ctx) != 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "evolu_auth: the system's trusted certificates "
                               "can't be read; name some with \"ca=PATH\"");
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (ngx_ssl_trusted_certificate(cf, conf->ssl, &a->ca,
                                    NGX_HTTP_EVOLU_AUTH_TLS_DEPTH)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: the certificates of \"ca=%V\" can't "
                           "be used", &a->ca);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* The certificate that the server may ask for. */

static char *
ngx_http_evolu_auth_redis_tls_own(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a)
{
    ngx_str_t  text;

    if (a->cert.len == 0 && a->key.len == 0) {
        return NGX_CONF_OK;
    }

    if (a->cert.len == 0 || a->key.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: \"cert=PATH\" and \"key=PATH\" go "
                           "together");
        return NGX_CONF_ERROR;
    }

    /* only looked at, so that others can't */

    if (ngx_conf_full_name(cf->cycle, &a->key, 1) != NGX_OK
        || ngx_http_evolu_auth_conf_read(cf, &a->key, &a->conf->place,
                                         NGX_HTTP_EVOLU_AUTH_KEY_MAX, &text)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_evolu_auth_conf_free(&text);

    if (ngx_ssl_certificate(cf, a->conf->ssl, &a->cert, &a->key, NULL)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: the certificate of \"cert=%V\" can't "
                           "be used with its key", &a->cert);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}

#else

static char *
ngx_http_evolu_auth_redis_tls(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_args_t *a)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "evolu_auth: \"rediss://\" needs an nginx that was "
                       "built with OpenSSL");

    return NGX_CONF_ERROR;
}

#endif


ngx_int_t
ngx_http_evolu_auth_redis_resolve(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf)
{
    ngx_uint_t                       i;
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_evolu_auth_endpoint_t  *endpoint;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver != NULL && clcf->resolver->connections.nelts) {
        conf->resolver = clcf->resolver;
        conf->resolver_timeout =
                            (clcf->resolver_timeout == NGX_CONF_UNSET_MSEC)
                            ? 30000 : clcf->resolver_timeout;
    }

    endpoint = conf->endpoints.elts;

    for (i = 0; i < conf->endpoints.nelts; i++) {

        if (endpoint[i].host.len
            && ngx_http_evolu_auth_redis_address(cf, conf, &endpoint[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_redis_address(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf,
    ngx_http_evolu_auth_endpoint_t *endpoint)
{
    ngx_url_t    u;
    ngx_str_t   *host;
    ngx_addr_t   addr;

    host = &endpoint->host;

    if (conf->resolver != NULL
        && ngx_parse_addr(cf->pool, &addr, host->data, host->len) != NGX_OK)
    {
        return NGX_OK;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.data = ngx_pnalloc(cf->pool, host->len + 2);
    if (u.url.data == NULL) {
        return NGX_ERROR;
    }

    u.url.len = ngx_sprintf(u.url.data,
                            ngx_strlchr(host->data, host->data + host->len,
                                        ':')
                            ? "[%V]" : "%V",
                            host)
                - u.url.data;
    u.default_port = endpoint->port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_http_evolu_auth_conf_error(cf, &conf->place,
                          "%s in \"%V\"; give an address, or a \"resolver\" "
                          "in http", u.err ? u.err : "no address",
                          &conf->text);
        return NGX_ERROR;
    }

    endpoint->addrs = u.addrs;
    endpoint->naddrs = u.naddrs;
    ngx_str_null(&endpoint->host);

    return NGX_OK;
}


void
ngx_http_evolu_auth_redis_wipe(ngx_http_evolu_auth_redis_conf_t *conf)
{
    evolu_secret_destroy(conf->password);
    evolu_secret_destroy(conf->sentinel_password);
}
