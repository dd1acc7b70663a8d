
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_conf_read.h"

#include <sodium.h>

#include "evolu_url.h"


static char *ngx_http_evolu_auth_redis_url(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_str_t *text);
static char *ngx_http_evolu_auth_redis_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_str_t *param);
static char *ngx_http_evolu_auth_redis_password(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_str_t *name);
static char *ngx_http_evolu_auth_redis_number(ngx_str_t *text, ngx_int_t min,
    ngx_int_t max, ngx_uint_t *number);
static char *ngx_http_evolu_auth_redis_time(ngx_str_t *text,
    ngx_msec_t *time);


void
ngx_http_evolu_auth_conf_place(ngx_conf_t *cf,
    ngx_http_evolu_auth_place_t *place)
{
    if (cf->conf_file == NULL) {
        return;
    }

    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;

    if (place->file.len == 0) {
        ngx_str_set(&place->file, "command line");
    }
}


void
ngx_http_evolu_auth_conf_error(ngx_conf_t *cf,
    ngx_http_evolu_auth_place_t *place, const char *fmt, ...)
{
    u_char   text[NGX_MAX_CONF_ERRSTR], *p;
    va_list  args;

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + NGX_MAX_CONF_ERRSTR, fmt, args);
    va_end(args);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "evolu_auth: %*s in %V:%ui",
                  (size_t) (p - text), text, &place->file, place->line);
}


char *
ngx_http_evolu_auth_conf_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_evolu_auth_place_t *place, size_t max, ngx_str_t *text)
{
    size_t           size;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_err_t        err;
    const char      *what;
    ngx_file_info_t  fi;

    text->data = NULL;
    text->len = 0;
    what = NULL;
    err = 0;

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "evolu_auth: can't open \"%V\" in %V:%ui", name,
                      &place->file, place->line);
        return NGX_CONF_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        what = "can't be examined";
        goto failed;
    }

    if (!ngx_is_file(&fi)) {
        what = "is no regular file";
        goto failed;
    }

    if (fi.st_mode & S_IRWXO) {
        what = "can be read or changed by others; change its mode to 0640 or "
               "less";
        goto failed;
    }

    if (ngx_file_size(&fi) > (off_t) max) {
        what = "is too large";
        goto failed;
    }

    size = ngx_file_size(&fi);

    text->data = sodium_malloc(size ? size : 1);
    if (text->data == NULL) {
        what = "does not fit into memory";
        goto failed;
    }

    while (text->len < size) {

        n = ngx_read_fd(fd, text->data + text->len, size - text->len);

        if (n == 0) {
            break;
        }

        if (n == -1) {
            err = ngx_errno;
            what = "can't be read";
            goto failed;
        }

        text->len += n;
    }

    (void) ngx_close_file(fd);

    return NGX_CONF_OK;

failed:

    (void) ngx_close_file(fd);
    ngx_http_evolu_auth_conf_free(text);

    ngx_log_error(NGX_LOG_EMERG, cf->log, err,
                  "evolu_auth: \"%V\" %s in %V:%ui", name, what,
                  &place->file, place->line);

    return NGX_CONF_ERROR;
}


void
ngx_http_evolu_auth_conf_free(ngx_str_t *text)
{
    sodium_free(text->data);
    ngx_str_null(text);
}


char *
ngx_http_evolu_auth_redis_set(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t **conf)
{
    char                              *rv;
    ngx_str_t                         *value;
    ngx_uint_t                         i;
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

    value = cf->args->elts;

    rv = ngx_http_evolu_auth_redis_url(cf, rcf, &value[1]);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    /* from here on the configuration's cleanup finds the password */

    *conf = rcf;

    for (i = 2; i < cf->args->nelts; i++) {

        rv = ngx_http_evolu_auth_redis_param(cf, rcf, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (rcf->user.len && rcf->password == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: the URL names a user; name its "
                           "password's file with \"password_file=PATH\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_url(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_str_t *text)
{
    ngx_url_t     u;
    evolu_url_t   url;
    const char   *what;

    what = evolu_url_parse(ngx_http_evolu_auth_bytes(text), &url);

    if (what == NULL && url.tls) {
        what = "has the scheme \"rediss://\", which is not supported yet";
    }

    if (what == NULL && url.sentinels.len) {
        what = "has the scheme \"sentinel://\", which is not supported yet";
    }

    if (what != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: the URL of \"evolu_auth_redis\" %s",
                           what);
        return NGX_CONF_ERROR;
    }

    conf->text = *text;
    conf->db = url.db;
    conf->port = url.port;
    conf->user.data = (u_char *) url.user.data;
    conf->user.len = url.user.len;

    if (url.path.len == 0) {
        conf->host.data = (u_char *) url.host.data;
        conf->host.len = url.host.len;
        return NGX_CONF_OK;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = *text;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "evolu_auth: %s in \"%V\"",
                           u.err ? u.err : "no address", text);
        return NGX_CONF_ERROR;
    }

    conf->addrs = u.addrs;
    conf->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_str_t *param)
{
    char       *rv;
    u_char     *p;
    ngx_str_t   name, value;

    rv = NGX_CONF_ERROR;

    p = ngx_strlchr(param->data, param->data + param->len, '=');

    if (p != NULL) {

        name.data = param->data;
        name.len = p - param->data;
        value.data = p + 1;
        value.len = param->data + param->len - value.data;

        if (name.len == 13 && ngx_strncmp(name.data, "password_file", 13) == 0)
        {
            return ngx_http_evolu_auth_redis_password(cf, conf, &value);
        }

        if (name.len == 2 && ngx_strncmp(name.data, "db", 2) == 0
            && conf->host.len == 0)
        {
            rv = ngx_http_evolu_auth_redis_number(&value, 0, EVOLU_URL_DB_MAX,
                                                  &conf->db);

        } else if (name.len == 7 && ngx_strncmp(name.data, "pending", 7) == 0)
        {
            rv = ngx_http_evolu_auth_redis_number(&value, 1, 1000000,
                                                  &conf->pending);

        } else if (name.len == 7 && ngx_strncmp(name.data, "timeout", 7) == 0)
        {
            rv = ngx_http_evolu_auth_redis_time(&value, &conf->timeout);

        } else if (name.len == 15
                   && ngx_strncmp(name.data, "connect_timeout", 15) == 0)
        {
            rv = ngx_http_evolu_auth_redis_time(&value,
                                                &conf->connect_timeout);

        } else if (name.len == 6 && ngx_strncmp(name.data, "prefix", 6) == 0
                   && value.len > 0
                   && value.len <= NGX_HTTP_EVOLU_AUTH_PREFIX_MAX)
        {
            conf->prefix = value;
            rv = NGX_CONF_OK;

        } else if (name.len == 4 && ngx_strncmp(name.data, "role", 4) == 0) {

            if (value.len == 3 && ngx_strncmp(value.data, "any", 3) == 0) {
                conf->any_role = 1;
                rv = NGX_CONF_OK;

            } else if (value.len == 7
                       && ngx_strncmp(value.data, "primary", 7) == 0)
            {
                conf->any_role = 0;
                rv = NGX_CONF_OK;
            }
        }
    }

    if (rv != NGX_CONF_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: invalid parameter \"%V\"", param);
    }

    return rv;
}


static char *
ngx_http_evolu_auth_redis_password(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_str_t *name)
{
    ngx_str_t  text;

    if (conf->password != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: duplicate \"password_file\"");
        return NGX_CONF_ERROR;
    }

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK
        || ngx_http_evolu_auth_conf_read(cf, name, &conf->place,
                                         EVOLU_SECRET_TEXT_MAX + 1, &text)
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    conf->password = evolu_secret_create(ngx_http_evolu_auth_bytes(&text));

    ngx_http_evolu_auth_conf_free(&text);

    if (conf->password == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: \"%V\" holds no password; write one "
                           "line of 1 to %d bytes", name,
                           EVOLU_SECRET_TEXT_MAX);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_number(ngx_str_t *text, ngx_int_t min,
    ngx_int_t max, ngx_uint_t *number)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    if (n == NGX_ERROR || n < min || n > max) {
        return NGX_CONF_ERROR;
    }

    *number = n;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_redis_time(ngx_str_t *text, ngx_msec_t *time)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(text, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return NGX_CONF_ERROR;
    }

    *time = ms;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_evolu_auth_redis_resolve(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf)
{
    ngx_url_t                  u;
    ngx_addr_t                 addr;
    ngx_http_core_loc_conf_t  *clcf;

    if (conf->host.len == 0) {
        return NGX_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_memzero(&u, sizeof(ngx_url_t));

    if (ngx_parse_addr(cf->pool, &addr, conf->host.data, conf->host.len)
        != NGX_OK
        && clcf->resolver != NULL && clcf->resolver->connections.nelts)
    {
        conf->resolver = clcf->resolver;
        conf->resolver_timeout =
                            (clcf->resolver_timeout == NGX_CONF_UNSET_MSEC)
                            ? 30000 : clcf->resolver_timeout;
        return NGX_OK;
    }

    u.url.data = ngx_pnalloc(cf->pool, conf->host.len + 2);
    if (u.url.data == NULL) {
        return NGX_ERROR;
    }

    u.url.len = ngx_sprintf(u.url.data,
                            ngx_strlchr(conf->host.data,
                                        conf->host.data + conf->host.len, ':')
                            ? "[%V]" : "%V",
                            &conf->host)
                - u.url.data;
    u.default_port = conf->port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_http_evolu_auth_conf_error(cf, &conf->place,
                          "%s in \"%V\"; give an address, or a \"resolver\" "
                          "in http", u.err ? u.err : "no address",
                          &conf->text);
        return NGX_ERROR;
    }

    conf->addrs = u.addrs;
    conf->naddrs = u.naddrs;
    ngx_str_null(&conf->host);

    return NGX_OK;
}
