
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_conf_redis.h"
#include "ngx_http_evolu_auth_directives.h"
#include "ngx_http_evolu_auth_spelling.h"


static char *ngx_http_evolu_auth_zone_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_cache_t *cache, ngx_str_t *param, ngx_str_t *name,
    ssize_t *size);
static char *ngx_http_evolu_auth_zone_name(ngx_conf_t *cf, ngx_str_t *param,
    ngx_str_t *name, ssize_t *size);
static char *ngx_http_evolu_auth_param_error(ngx_conf_t *cf,
    ngx_str_t *param, const char *hint);
static char *ngx_http_evolu_auth_source(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_evolu_auth_source_t *source);
static ngx_uint_t ngx_http_evolu_auth_is_refused(ngx_str_t *name);
static ngx_uint_t ngx_http_evolu_auth_is_token(ngx_str_t *name);
static char *ngx_http_evolu_auth_header_name(ngx_conf_t *cf,
    ngx_http_evolu_auth_loc_conf_t *lcf, ngx_str_t *name);
static char *ngx_http_evolu_auth_header_value(ngx_conf_t *cf,
    ngx_http_evolu_auth_header_t *header, ngx_str_t *value);
static u_char *ngx_http_evolu_auth_quote(u_char *dst, ngx_str_t *text);
static char *ngx_http_evolu_auth_rate(ngx_conf_t *cf, ngx_str_t *param,
    uint64_t *rate);
static char *ngx_http_evolu_auth_limit_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_limit_t *limit, ngx_str_t *param);


static const char  ngx_http_evolu_auth_zone_hint[] =
    "\"zone=NAME:SIZE\", \"fresh=TIME\", \"stale=TIME\", \"negative=TIME\" "
    "or \"preload\"";

static const char  ngx_http_evolu_auth_rate_hint[] =
    "\"zone=NAME:SIZE\" and \"rate=10r/s\" or \"rate=60r/m\"";

static const char  ngx_http_evolu_auth_limit_hint[] =
    "\"zone=NAME\" and \"burst=N\", or \"off\" alone";


static ngx_conf_enum_t  ngx_http_evolu_auth_enables[] = {
    { ngx_string("off"), NGX_HTTP_EVOLU_AUTH_OFF },
    { ngx_string("on"), NGX_HTTP_EVOLU_AUTH_ON },
    { ngx_string("optional"), NGX_HTTP_EVOLU_AUTH_OPTIONAL },
    { ngx_string("report"), NGX_HTTP_EVOLU_AUTH_REPORT },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_evolu_auth_scopes[] = {
    { ngx_string("global"), EVOLU_SCOPE_GLOBAL },
    { ngx_string("instance"), EVOLU_SCOPE_INSTANCE },
    { ngx_string("campaign"), EVOLU_SCOPE_CAMPAIGN },
    { ngx_null_string, 0 }
};


ngx_conf_enum_t  ngx_http_evolu_auth_modes[] = {
    { ngx_string("live"), EVOLU_MODE_LIVE },
    { ngx_string("test"), EVOLU_MODE_TEST },
    { ngx_string("any"), EVOLU_MODE_LIVE|EVOLU_MODE_TEST },
    { ngx_null_string, 0 }
};


ngx_conf_enum_t  ngx_http_evolu_auth_formats[] = {
    { ngx_string("off"), NGX_HTTP_EVOLU_AUTH_FORMAT_OFF },
    { ngx_string("evolu"), NGX_HTTP_EVOLU_AUTH_FORMAT_EVOLU },
    { ngx_string("evolution"), NGX_HTTP_EVOLU_AUTH_FORMAT_EVOLUTION },
    { ngx_string("problem"), NGX_HTTP_EVOLU_AUTH_FORMAT_PROBLEM },
    { ngx_null_string, 0 }
};


/* values of evolu_auth_header that need no script */

static ngx_conf_enum_t  ngx_http_evolu_auth_values[] = {
    { ngx_string("$evolu_scope"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_SCOPE },
    { ngx_string("$evolu_instance"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_INSTANCE },
    { ngx_string("$evolu_campaign"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_CAMPAIGN },
    { ngx_string("$evolu_livemode"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_LIVEMODE },
    { ngx_string("$evolu_key_id"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID },
    { ngx_null_string, 0 }
};


/* they frame the message: whoever sets them decides more than an identity */

static ngx_str_t  ngx_http_evolu_auth_refused_names[] = {
    ngx_string("Host"),
    ngx_string("Connection"),
    ngx_string("Content-Length"),
    ngx_string("Transfer-Encoding"),
    ngx_string("Upgrade"),
    ngx_string("TE"),
    ngx_string("Trailer"),
    ngx_string("Expect"),
    ngx_null_string
};


char *
ngx_http_evolu_auth_set_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    char                             *rv;
    ngx_command_t                     as_enum;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    as_enum = *cmd;
    as_enum.offset = offsetof(ngx_http_evolu_auth_loc_conf_t, enable);
    as_enum.post = ngx_http_evolu_auth_enables;

    rv = ngx_conf_set_enum_slot(cf, &as_enum, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_http_evolu_auth_conf_place(cf, &lcf->place);

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_OFF) {
        return NGX_CONF_OK;
    }

    if (lcf->enable == NGX_HTTP_EVOLU_AUTH_REPORT) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "evolu_auth: \"report\" refuses nothing");
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    if (!mcf->enabled) {
        mcf->enabled = 1;
        mcf->on_place = lcf->place;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_evolu_auth_set_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_main_conf_t *mcf = conf;

    char                         *rv;
    ssize_t                       size;
    ngx_str_t                     name, *value;
    ngx_uint_t                    i;
    ngx_http_evolu_auth_cache_t  *cache;

    if (mcf->cache != NULL) {
        return "is duplicate";
    }

    cache = ngx_pcalloc(cf->pool, sizeof(ngx_http_evolu_auth_cache_t));
    if (cache == NULL) {
        return NGX_CONF_ERROR;
    }

    cache->fresh = 600000;
    cache->stale = 900000;
    cache->negative = 5000;

    ngx_str_null(&name);
    size = 0;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        rv = ngx_http_evolu_auth_zone_param(cf, cache, &value[i], &name,
                                            &size);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: the zone has no name; write "
                           "\"zone=NAME:SIZE\"");
        return NGX_CONF_ERROR;
    }

    cache->zone = ngx_shared_memory_add(cf, &name, size,
                                        &ngx_http_evolu_auth_module);
    if (cache->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    cache->zone->init = ngx_http_evolu_auth_cache_init_zone;
    cache->zone->data = cache;

    mcf->cache = cache;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_zone_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_cache_t *cache, ngx_str_t *param, ngx_str_t *name,
    ssize_t *size)
{
    ngx_int_t    ms;
    ngx_str_t    s;
    ngx_msec_t  *time;

    if (ngx_strncmp(param->data, "zone=", 5) == 0) {
        return ngx_http_evolu_auth_zone_name(cf, param, name, size);
    }

    if (ngx_strcmp(param->data, "preload") == 0) {
        cache->preload = 1;
        return NGX_CONF_OK;
    }

    s = *param;

    if (ngx_strncmp(s.data, "fresh=", 6) == 0) {
        s.data += 6;
        s.len -= 6;
        time = &cache->fresh;

    } else if (ngx_strncmp(s.data, "stale=", 6) == 0) {
        s.data += 6;
        s.len -= 6;
        time = &cache->stale;

    } else if (ngx_strncmp(s.data, "negative=", 9) == 0) {
        s.data += 9;
        s.len -= 9;
        time = &cache->negative;

    } else {
        return ngx_http_evolu_auth_param_error(cf, param,
                                               ngx_http_evolu_auth_zone_hint);
    }

    ms = ngx_parse_time(&s, 0);

    if (ms == NGX_ERROR) {
        return ngx_http_evolu_auth_param_error(cf, param,
                                               ngx_http_evolu_auth_zone_hint);
    }

    *time = ms;

    return NGX_CONF_OK;
}


/* "zone=NAME:SIZE" */

static char *
ngx_http_evolu_auth_zone_name(ngx_conf_t *cf, ngx_str_t *param,
    ngx_str_t *name, ssize_t *size)
{
    u_char     *p;
    ngx_str_t   s;

    if (name->len) {
        return "has two zones";
    }

    name->data = param->data + 5;
    p = (u_char *) ngx_strchr(name->data, ':');

    if (p == NULL || p == name->data) {
        return ngx_http_evolu_auth_param_error(cf, param, "\"zone=NAME:SIZE\"");
    }

    name->len = p - name->data;

    s.data = p + 1;
    s.len = param->data + param->len - s.data;

    *size = ngx_parse_size(&s);

    if (*size == NGX_ERROR) {
        return ngx_http_evolu_auth_param_error(cf, param, "\"zone=NAME:SIZE\"");
    }

    if (*size < (ssize_t) (NGX_HTTP_EVOLU_AUTH_PAGES * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: zone \"%V\" is too small; give it "
                           "at least %uzk", name,
                           NGX_HTTP_EVOLU_AUTH_PAGES * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_param_error(ngx_conf_t *cf, ngx_str_t *param,
    const char *hint)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "evolu_auth: invalid parameter \"%V\"; write %s",
                       param, hint);

    return NGX_CONF_ERROR;
}


char *
ngx_http_evolu_auth_set_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_main_conf_t *mcf = conf;

    if (mcf->redis != NULL) {
        return "is duplicate";
    }

    return ngx_http_evolu_auth_redis_set(cf, &mcf->redis);
}


char *
ngx_http_evolu_auth_set_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_evolu_auth_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->file_name.len) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_evolu_auth_param_error(cf, &value[1],
                                               "the path of a file");
    }

    mcf->file_name = value[1];
    ngx_http_evolu_auth_conf_place(cf, &mcf->file_place);

    if (ngx_conf_full_name(cf->cycle, &mcf->file_name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_evolu_auth_set_pepper(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_main_conf_t *mcf = conf;

    ngx_str_t                    *value, text, name;
    evolu_pepper_status_t         status;
    ngx_http_evolu_auth_place_t   place;

    if (mcf->peppers == NULL) {
        mcf->peppers = evolu_peppers_create();

        if (mcf->peppers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;
    name = value[2];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_http_evolu_auth_conf_place(cf, &place);

    if (ngx_http_evolu_auth_conf_read(cf, &name, &place,
                                      2 * EVOLU_PEPPER_MAX + 2, &text)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    status = evolu_peppers_add(mcf->peppers,
                               ngx_http_evolu_auth_bytes(&value[1]),
                               ngx_http_evolu_auth_bytes(&text));

    ngx_http_evolu_auth_conf_free(&text);

    if (status != EVOLU_PEPPER_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: pepper \"%V\" in \"%V\": %s",
                           &value[1], &name,
                           evolu_pepper_status_text(status));
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_evolu_auth_set_sources(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    ngx_str_t                     *value;
    ngx_uint_t                     i, n;
    ngx_http_evolu_auth_source_t  *source, *earlier;

    if (lcf->sources != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    lcf->sources = ngx_array_create(cf->pool, cf->args->nelts,
                                    sizeof(ngx_http_evolu_auth_source_t));
    if (lcf->sources == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        source = ngx_array_push(lcf->sources);
        if (source == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(source, sizeof(ngx_http_evolu_auth_source_t));

        if (ngx_http_evolu_auth_source(cf, &value[i], source) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }

        earlier = lcf->sources->elts;

        for (n = 0; n < lcf->sources->nelts - 1; n++) {

            /* "bearer" is a reading of Authorization */

            if ((earlier[n].kind == NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY)
                == (source->kind == NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY)
                && earlier[n].name.len == source->name.len
                && ngx_strncmp(earlier[n].name.data, source->name.data,
                               source->name.len)
                   == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "evolu_auth: duplicate source \"%V\"",
                                   &value[i]);
                return NGX_CONF_ERROR;
            }
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_source(ngx_conf_t *cf, ngx_str_t *text,
    ngx_http_evolu_auth_source_t *source)
{
    ngx_uint_t  i;

    if (text->len == 6 && ngx_strncmp(text->data, "bearer", 6) == 0) {
        source->kind = NGX_HTTP_EVOLU_AUTH_SOURCE_BEARER;
        ngx_str_set(&source->name, "authorization");
        return NGX_CONF_OK;
    }

    if (text->len > 7 && ngx_strncmp(text->data, "header:", 7) == 0) {

        source->kind = NGX_HTTP_EVOLU_AUTH_SOURCE_HEADER;
        source->name.data = text->data + 7;
        source->name.len = text->len - 7;

        if (!ngx_http_evolu_auth_is_token(&source->name)
            || ngx_http_evolu_auth_is_refused(&source->name))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "evolu_auth: invalid header name in \"%V\"",
                               text);
            return NGX_CONF_ERROR;
        }

        ngx_strlow(source->name.data, source->name.data, source->name.len);

        return NGX_CONF_OK;
    }

    if (text->len > 6 && ngx_strncmp(text->data, "query:", 6) == 0) {

        source->kind = NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY;
        source->name.data = text->data + 6;
        source->name.len = text->len - 6;

        for (i = 0; i < source->name.len; i++) {

            if (source->name.data[i] < 0x20 || source->name.data[i] == 0x7f) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "evolu_auth: control character in a "
                                   "\"query:\" source");
                return NGX_CONF_ERROR;
            }
        }

        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "evolu_auth: source \"%V\": credentials in a query "
                           "are kept by browsers, proxies and Referer", text);

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "evolu_auth: invalid source \"%V\"; write "
                       "\"header:NAME\", \"bearer\" or \"query:NAME\"", text);

    return NGX_CONF_ERROR;
}


char *
ngx_http_evolu_auth_set_scope(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_conf_enum_t  *e;

    if (lcf->scopes) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (e = ngx_http_evolu_auth_scopes; e->name.len; e++) {

            if (e->name.len == value[i].len
                && ngx_strncmp(e->name.data, value[i].data, e->name.len) == 0)
            {
                break;
            }
        }

        if (e->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "evolu_auth: invalid scope \"%V\"; write "
                               "\"global\", \"instance\" or \"campaign\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        lcf->scopes |= e->value;
    }

    if (lcf->place.line == 0) {
        ngx_http_evolu_auth_conf_place(cf, &lcf->place);
    }

    return NGX_CONF_OK;
}


char *
ngx_http_evolu_auth_set_address(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    char  *p = conf;

    ngx_str_t                         *value;
    ngx_http_complex_value_t         **cv;
    ngx_http_compile_complex_value_t   ccv;

    cv = (ngx_http_complex_value_t **) (p + cmd->offset);

    if (*cv != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        *cv = NULL;
        return NGX_CONF_OK;
    }

    if (ngx_http_evolu_auth_spelling_of(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    *cv = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (*cv == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = *cv;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_evolu_auth_set_reserved(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    ngx_str_t      *value;
    ngx_uint_t      i;
    evolu_bytes_t  *name;

    if (lcf->reserved != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2
        && value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0)
    {
        lcf->reserved = NULL;
        return NGX_CONF_OK;
    }

    lcf->reserved = ngx_array_create(cf->pool, cf->args->nelts - 1,
                                     sizeof(evolu_bytes_t));
    if (lcf->reserved == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return ngx_http_evolu_auth_param_error(cf, &value[i],
                                                   "names of arguments");
        }

        if (ngx_http_evolu_auth_spelling_add(cf, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        name = ngx_array_push(lcf->reserved);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = ngx_http_evolu_auth_bytes(&value[i]);
    }

    return NGX_CONF_OK;
}


char *
ngx_http_evolu_auth_set_header(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    ngx_str_t                         *value;
    ngx_array_t                      **list;
    ngx_http_evolu_auth_header_t      *header;
    ngx_http_evolu_auth_main_conf_t   *mcf;

    value = cf->args->elts;

    if (lcf->headers == NGX_CONF_UNSET_PTR) {

        lcf->headers = ngx_array_create(cf->pool, 4,
                                        sizeof(ngx_http_evolu_auth_header_t));
        if (lcf->headers == NULL) {
            return NGX_CONF_ERROR;
        }

        mcf = ngx_http_conf_get_module_main_conf(cf,
                                                 ngx_http_evolu_auth_module);

        list = ngx_array_push(&mcf->lists);
        if (list == NULL) {
            return NGX_CONF_ERROR;
        }

        *list = lcf->headers;
    }

    if (ngx_http_evolu_auth_header_name(cf, lcf, &value[1]) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    header = ngx_array_push(lcf->headers);
    if (header == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(header, sizeof(ngx_http_evolu_auth_header_t));

    header->name = value[1];

    header->lowcase = ngx_pnalloc(cf->pool, header->name.len);
    if (header->lowcase == NULL) {
        return NGX_CONF_ERROR;
    }

    header->hash = ngx_hash_strlow(header->lowcase, header->name.data,
                                   header->name.len);

    return ngx_http_evolu_auth_header_value(cf, header, &value[2]);
}


static char *
ngx_http_evolu_auth_header_name(ngx_conf_t *cf,
    ngx_http_evolu_auth_loc_conf_t *lcf, ngx_str_t *name)
{
    ngx_uint_t                     i;
    ngx_http_evolu_auth_header_t  *header;

    if (!ngx_http_evolu_auth_is_token(name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: invalid header name");
        return NGX_CONF_ERROR;
    }

    if (ngx_http_evolu_auth_is_refused(name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: header \"%V\" can't be injected",
                           name);
        return NGX_CONF_ERROR;
    }

    header = lcf->headers->elts;

    for (i = 0; i < lcf->headers->nelts; i++) {

        /* backends may take "_" for "-" */

        if (ngx_http_evolu_auth_same_name(&header[i].name, name)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "evolu_auth: duplicate header \"%V\"", name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_header_value(ngx_conf_t *cf,
    ngx_http_evolu_auth_header_t *header, ngx_str_t *value)
{
    ngx_conf_enum_t                   *e;
    ngx_http_compile_complex_value_t   ccv;

    for (e = ngx_http_evolu_auth_values; e->name.len; e++) {

        if (e->name.len == value->len
            && ngx_strncmp(e->name.data, value->data, value->len) == 0)
        {
            header->kind = e->value;
            return NGX_CONF_OK;
        }
    }

    header->kind = NGX_HTTP_EVOLU_AUTH_VALUE_COMPLEX;

    if (ngx_http_evolu_auth_spelling_of(cf, value) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = &header->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_evolu_auth_is_refused(ngx_str_t *name)
{
    ngx_str_t  *refused;

    for (refused = ngx_http_evolu_auth_refused_names; refused->len; refused++)
    {
        if (refused->len == name->len
            && ngx_strncasecmp(refused->data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* 1 when the name is a token of RFC 9110, 5.6.2 */

static ngx_uint_t
ngx_http_evolu_auth_is_token(ngx_str_t *name)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < name->len; i++) {

        ch = name->data[i];

        if (ch <= 0x20 || ch >= 0x7f
            || ngx_strchr("\"(),/:;<=>?@[\\]{}", ch) != NULL)
        {
            return 0;
        }
    }

    return name->len > 0;
}


char *
ngx_http_evolu_auth_set_realm(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    u_char     *p;
    ngx_str_t  *value;
    ngx_uint_t  i;

    if (lcf->challenge.data != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        ngx_str_set(&lcf->challenge, NGX_HTTP_EVOLU_AUTH_SCHEME);
        return NGX_CONF_OK;
    }

    for (i = 0; i < value[1].len; i++) {

        if (value[1].data[i] < 0x20 || value[1].data[i] == 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "evolu_auth: control character in the realm");
            return NGX_CONF_ERROR;
        }
    }

    p = ngx_pnalloc(cf->pool, sizeof("Bearer realm=\"\"") + 2 * value[1].len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    lcf->challenge.data = p;

    p = ngx_cpymem(p, "Bearer realm=\"", sizeof("Bearer realm=\"") - 1);
    p = ngx_http_evolu_auth_quote(p, &value[1]);
    *p++ = '"';

    lcf->challenge.len = p - lcf->challenge.data;

    return NGX_CONF_OK;
}


/* the inside of a quoted-string (RFC 9110, 5.6.4) */

static u_char *
ngx_http_evolu_auth_quote(u_char *dst, ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] == '"' || text->data[i] == '\\') {
            *dst++ = '\\';
        }

        *dst++ = text->data[i];
    }

    return dst;
}


char *
ngx_http_evolu_auth_set_failure_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_evolu_auth_main_conf_t *mcf = conf;

    char                             *rv;
    ssize_t                           size;
    ngx_str_t                         name, *value;
    ngx_uint_t                        i;
    ngx_http_evolu_auth_failures_t   *failures, **slot;

    failures = ngx_pcalloc(cf->pool, sizeof(ngx_http_evolu_auth_failures_t));
    slot = ngx_array_push(&mcf->failures);

    if (failures == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_null(&name);
    size = 0;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {
            rv = ngx_http_evolu_auth_zone_name(cf, &value[i], &name, &size);

        } else {
            rv = ngx_http_evolu_auth_rate(cf, &value[i], &failures->rate);
        }

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (name.len == 0 || failures->rate == 0) {
        return "needs \"zone=NAME:SIZE\" and \"rate=RATE\"";
    }

    /* the other module's tag: its name can't be that of evolu_auth_zone */

    failures->zone = ngx_shared_memory_add(cf, &name, size,
                                         &ngx_http_evolu_auth_filter_module);
    if (failures->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (failures->zone->data != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: duplicate failure zone \"%V\"",
                           &name);
        return NGX_CONF_ERROR;
    }

    failures->zone->init = ngx_http_evolu_auth_failures_init_zone;
    failures->zone->data = failures;

    *slot = failures;

    return NGX_CONF_OK;
}


/* "rate=Nr/s" or "rate=Nr/m"; a bare number is by the second, too */

static char *
ngx_http_evolu_auth_rate(ngx_conf_t *cf, ngx_str_t *param, uint64_t *rate)
{
    ngx_int_t   n;
    ngx_str_t   s;
    ngx_uint_t  unit;

    s = *param;

    if (*rate != 0 || ngx_strncmp(s.data, "rate=", 5) != 0) {
        return ngx_http_evolu_auth_param_error(cf, param,
                                               ngx_http_evolu_auth_rate_hint);
    }

    s.data += 5;
    s.len -= 5;
    unit = EVOLU_BUCKET_PER_SECOND;

    if (s.len > 3 && ngx_strncmp(s.data + s.len - 3, "r/s", 3) == 0) {
        s.len -= 3;

    } else if (s.len > 3 && ngx_strncmp(s.data + s.len - 3, "r/m", 3) == 0) {
        s.len -= 3;
        unit = EVOLU_BUCKET_PER_MINUTE;
    }

    n = ngx_atoi(s.data, s.len);

    if (n <= 0 || n > EVOLU_BUCKET_MAX) {
        return ngx_http_evolu_auth_param_error(cf, param,
                                               ngx_http_evolu_auth_rate_hint);
    }

    *rate = (uint64_t) n * unit;

    return NGX_CONF_OK;
}


char *
ngx_http_evolu_auth_set_failure_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_evolu_auth_loc_conf_t *lcf = conf;

    char                              *rv;
    ngx_str_t                         *value;
    ngx_uint_t                         i;
    ngx_http_evolu_auth_limit_t       *limit, **slot;
    ngx_http_evolu_auth_main_conf_t   *mcf;

    if (lcf->limit != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->limit = NULL;
        return NGX_CONF_OK;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    limit = ngx_pcalloc(cf->pool, sizeof(ngx_http_evolu_auth_limit_t));
    slot = ngx_array_push(&mcf->limits);

    if (limit == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        rv = ngx_http_evolu_auth_limit_param(cf, limit, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (limit->zone.value.len == 0) {
        return "needs \"zone=NAME\"";
    }

    ngx_http_evolu_auth_conf_place(cf, &limit->place);

    lcf->limit = limit;
    *slot = limit;

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_limit_param(ngx_conf_t *cf,
    ngx_http_evolu_auth_limit_t *limit, ngx_str_t *param)
{
    ngx_int_t                          n;
    ngx_str_t                          s;
    ngx_http_compile_complex_value_t   ccv;

    s = *param;

    if (ngx_strncmp(s.data, "burst=", 6) == 0) {

        n = ngx_atoi(s.data + 6, s.len - 6);

        if (n < 0 || n > EVOLU_BUCKET_MAX) {
            return ngx_http_evolu_auth_param_error(cf, param,
                                            ngx_http_evolu_auth_limit_hint);
        }

        limit->burst = n;

        return NGX_CONF_OK;
    }

    if (ngx_strncmp(s.data, "zone=", 5) != 0 || s.len == 5
        || limit->zone.value.len)
    {
        return ngx_http_evolu_auth_param_error(cf, param,
                                               ngx_http_evolu_auth_limit_hint);
    }

    s.data += 5;
    s.len -= 5;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &s;
    ccv.complex_value = &limit->zone;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
