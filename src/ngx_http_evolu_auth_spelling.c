
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_spelling.h"


#define NGX_HTTP_EVOLU_AUTH_ARG_LEN  (sizeof(NGX_HTTP_EVOLU_AUTH_ARG) - 1)


static u_char *ngx_http_evolu_auth_spelling_comment(u_char *line,
    u_char *last);
static ngx_int_t ngx_http_evolu_auth_spelling_check(ngx_conf_t *cf);
static ngx_int_t ngx_http_evolu_auth_spelling_source(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_str_t *name);


ngx_int_t
ngx_http_evolu_auth_spelling_add(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_str_t                        *known;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    known = ngx_http_evolu_auth_spelling_find(mcf, name);

    if (known == NULL) {

        known = ngx_array_push(&mcf->spelling);
        if (known == NULL) {
            return NGX_ERROR;
        }

        *known = *name;

        return NGX_OK;
    }

    if (ngx_strncmp(known->data, name->data, name->len) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: argument \"%V\" is spelled \"%V\" "
                           "elsewhere; nginx takes $evolu_arg_ of both for one "
                           "variable", name, known);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_spelling_of(ngx_conf_t *cf, ngx_str_t *text)
{
    u_char     *p, *last;
    ngx_str_t   name;

    p = text->data;
    last = p + text->len;

    for ( ;; ) {

        p = ngx_strnstr(p, NGX_HTTP_EVOLU_AUTH_ARG, last - p);

        if (p == NULL) {
            return NGX_OK;
        }

        p += NGX_HTTP_EVOLU_AUTH_ARG_LEN;
        name.data = p;

        while (p < last
               && ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z')
                   || (*p >= '0' && *p <= '9') || *p == '_'))
        {
            p++;
        }

        name.len = p - name.data;

        if (name.len
            && ngx_http_evolu_auth_spelling_add(cf, &name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
}


/*
 * Directives of other modules tell nobody how they name a variable.  Debug
 * builds of nginx, Debian's among them, keep the text of the configuration;
 * elsewhere the check refuses what was not told.
 */

ngx_int_t
ngx_http_evolu_auth_spelling_finish(ngx_conf_t *cf)
{
    u_char           *end, *last;
    ngx_str_t         line;
    ngx_uint_t        i;
    ngx_conf_dump_t  *dump;

    dump = cf->cycle->config_dump.elts;

    for (i = 0; i < cf->cycle->config_dump.nelts; i++) {

        line.data = dump[i].buffer->start;
        last = dump[i].buffer->last;

        while (line.data < last) {

            end = ngx_strlchr(line.data, last, LF);

            if (end == NULL) {
                end = last;
            }

            line.len = ngx_http_evolu_auth_spelling_comment(line.data, end)
                       - line.data;

            if (ngx_http_evolu_auth_spelling_of(cf, &line) != NGX_OK) {
                return NGX_ERROR;
            }

            line.data = end + 1;
        }
    }

    return ngx_http_evolu_auth_spelling_check(cf);
}


/* Where the comment of a line begins, or the line ends. */

static u_char *
ngx_http_evolu_auth_spelling_comment(u_char *line, u_char *last)
{
    u_char  *p;

    for (p = line; p < last; p++) {
        if (*p == '#' && (p == line || p[-1] <= ' ' || p[-1] == ';')) {
            return p;
        }
    }

    return last;
}


static ngx_int_t
ngx_http_evolu_auth_spelling_check(ngx_conf_t *cf)
{
    ngx_str_t                         name;
    ngx_uint_t                        i;
    ngx_http_variable_t              *var;
    ngx_http_core_main_conf_t        *cmcf;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    var = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        name = var[i].name;

        if (name.len < NGX_HTTP_EVOLU_AUTH_ARG_LEN
            || ngx_strncmp(name.data, NGX_HTTP_EVOLU_AUTH_ARG,
                           NGX_HTTP_EVOLU_AUTH_ARG_LEN)
               != 0)
        {
            continue;
        }

        name.data += NGX_HTTP_EVOLU_AUTH_ARG_LEN;
        name.len -= NGX_HTTP_EVOLU_AUTH_ARG_LEN;

        if (ngx_http_evolu_auth_spelling_find(mcf, &name) == NULL
            && ngx_http_evolu_auth_spelling_source(cf, mcf, &name) != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "evolu_auth: this nginx does not tell how the "
                               "argument of \"$%V\" is spelled; list it in "
                               "\"evolu_auth_reserved_args\"", &var[i].name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* A "query:NAME" source is the same argument. */

static ngx_int_t
ngx_http_evolu_auth_spelling_source(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_str_t *name)
{
    ngx_uint_t                      i;
    ngx_http_evolu_auth_source_t  **source;

    source = mcf->sources.elts;

    for (i = 0; i < mcf->sources.nelts; i++) {

        if (source[i]->kind == NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY
            && source[i]->name.len == name->len
            && ngx_strncasecmp(source[i]->name.data, name->data, name->len)
               == 0)
        {
            return ngx_http_evolu_auth_spelling_add(cf, &source[i]->name);
        }
    }

    return NGX_DECLINED;
}


ngx_str_t *
ngx_http_evolu_auth_spelling_find(ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_str_t *name)
{
    ngx_str_t   *known;
    ngx_uint_t   i;

    known = mcf->spelling.elts;

    for (i = 0; i < mcf->spelling.nelts; i++) {

        if (known[i].len == name->len
            && ngx_strncasecmp(known[i].data, name->data, name->len) == 0)
        {
            return &known[i];
        }
    }

    return NULL;
}
