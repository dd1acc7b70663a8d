
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_credential.h"


/* what a request line ends with */
#define NGX_HTTP_EVOLU_AUTH_VERSION  (sizeof(" HTTP/1.1") - 1)


static ngx_int_t ngx_http_evolu_auth_credential_copy_target(
    ngx_http_request_t *r, ngx_str_t *line, ngx_str_t *old);
static ngx_uint_t ngx_http_evolu_auth_credential_sent(ngx_http_request_t *r);
static void ngx_http_evolu_auth_credential_blot_text(u_char *p, u_char *end);
static void ngx_http_evolu_auth_credential_mask(ngx_str_t *where,
    ngx_str_t *within, evolu_bytes_t value);
static void ngx_http_evolu_auth_credential_cut(ngx_str_t *text,
    evolu_bytes_t name);
static void ngx_http_evolu_auth_credential_cut_uri(ngx_str_t *uri,
    evolu_bytes_t name);


void
ngx_http_evolu_auth_credential_note(ngx_http_evolu_auth_ctx_t *ctx,
    ngx_http_evolu_auth_name_t *name, ngx_table_elt_t *h)
{
    evolu_bytes_t                 token;
    ngx_http_evolu_auth_found_t  *found;

    found = &ctx->found[name->source->index];

    if (name->source->kind == NGX_HTTP_EVOLU_AUTH_SOURCE_HEADER) {
        found->value = h->value;

    } else {

        switch (evolu_credential_bearer(ngx_http_evolu_auth_bytes(&h->value),
                                        &token))
        {
        case EVOLU_CREDENTIAL_OK:
            found->value.data = (u_char *) token.data;
            found->value.len = token.len;
            break;

        case EVOLU_CREDENTIAL_MISSING:
            break;

        case EVOLU_CREDENTIAL_MALFORMED:
            found->malformed = 1;
            break;

        case EVOLU_CREDENTIAL_OTHER:
            return;
        }
    }

    found->header = h;
    found->offset = name->offset;
    found->n++;
}


ngx_uint_t
ngx_http_evolu_auth_credential_is(ngx_http_evolu_auth_source_t *source,
    ngx_str_t *value)
{
    evolu_bytes_t  token;

    if (source->kind != NGX_HTTP_EVOLU_AUTH_SOURCE_BEARER) {
        return 1;
    }

    return evolu_credential_bearer(ngx_http_evolu_auth_bytes(value), &token)
           != EVOLU_CREDENTIAL_OTHER;
}


ngx_int_t
ngx_http_evolu_auth_credential_find(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    evolu_facts_t *facts, ngx_uint_t *given)
{
    long                           n;
    ngx_str_t                      value;
    ngx_uint_t                     i, present;
    ngx_http_evolu_auth_found_t   *found;
    ngx_http_evolu_auth_source_t  *source, *from;

    present = 0;
    from = NULL;
    source = lcf->sources->elts;

    for (i = 0; i < lcf->sources->nelts; i++) {
        found = &ctx->found[source[i].index];

        if (found->n) {
            present += found->n;
            from = &source[i];
        }
    }

    *given = present;

    facts->duplicate = (present > 1);
    facts->connection = ctx->connection_identity
                        || (ctx->connection & lcf->source_set);
    facts->status = EVOLU_CREDENTIAL_MISSING;

    if (present != 1) {
        return NGX_OK;
    }

    found = &ctx->found[from->index];
    value = found->value;

    if (found->malformed) {
        facts->status = EVOLU_CREDENTIAL_MALFORMED;
        return NGX_OK;
    }

    if (from->kind == NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY && value.len) {

        value.data = ngx_pnalloc(r->pool, value.len);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        n = evolu_percent_decode(ngx_http_evolu_auth_bytes(&found->value),
                                 value.data);
        if (n < 0) {
            facts->status = EVOLU_CREDENTIAL_MALFORMED;
            return NGX_OK;
        }

        value.len = n;
    }

    facts->status = evolu_credential_split(ngx_http_evolu_auth_bytes(&value),
                                           &facts->credential);

    return NGX_OK;
}


/*
 * The request line is what nginx logs.  $args and r->unparsed_uri point into
 * it (HTTP/1) or into the :path that it was made of (HTTP/2), so they get a
 * copy first.
 */

ngx_int_t
ngx_http_evolu_auth_credential_mask_args(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    u_char                            *end, *fragment;
    size_t                             pos;
    ngx_str_t                          line, old;
    ngx_uint_t                         i, sent;
    evolu_bytes_t                      arg, value, args;
    ngx_http_evolu_auth_found_t       *found;
    ngx_http_evolu_auth_source_t     **source;
    ngx_http_evolu_auth_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    end = r->request_line.data + r->request_line.len;
    fragment = ngx_strlchr(r->request_line.data, end, '#');

    sent = ngx_http_evolu_auth_credential_sent(r);

    if (!sent && fragment == NULL) {
        return NGX_OK;
    }

    if (ngx_http_evolu_auth_credential_copy_target(r, &line, &old) != NGX_OK) {
        return NGX_ERROR;
    }

    if (fragment != NULL) {
        /* not a part of the query, but it may look like one */
        ngx_http_evolu_auth_credential_blot_text(fragment, end);
    }

    if (!sent) {
        return NGX_OK;
    }

    source = mcf->sources.elts;

    for (i = 0; i < mcf->sources.nelts; i++) {

        if (source[i]->kind != NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY) {
            continue;
        }

        pos = 0;
        args = ngx_http_evolu_auth_bytes(&r->args);
        found = &ctx->found[i];

        while (evolu_target_next_arg(args,
                                ngx_http_evolu_auth_bytes(&source[i]->name),
                                &pos, &arg, &value))
        {
            found->value.data = (u_char *) value.data;
            found->value.len = value.len;
            found->n++;

            ngx_http_evolu_auth_credential_mask(&line, &r->args, value);
            ngx_http_evolu_auth_credential_mask(&old, &r->args, value);
        }
    }

    return NGX_OK;
}


/*
 * 1 when there are args and the client has sent them: those of a redirect are
 * another's, and may be memory of the configuration.
 */

static ngx_uint_t
ngx_http_evolu_auth_credential_sent(ngx_http_request_t *r)
{
    return r->args.len
           && r->args.data >= r->unparsed_uri.data
           && r->args.data + r->args.len
              <= r->unparsed_uri.data + r->unparsed_uri.len;
}


/*
 * Gives $args and the raw target memory of their own.  *old is where the args
 * were, *line their place in the request line, which may be the same.
 */

static ngx_int_t
ngx_http_evolu_auth_credential_copy_target(ngx_http_request_t *r,
    ngx_str_t *line, ngx_str_t *old)
{
    u_char  *p, *args, *uri;

    uri = ngx_pstrdup(r->pool, &r->unparsed_uri);
    args = ngx_pstrdup(r->pool, &r->args);

    if (uri == NULL || args == NULL) {
        return NGX_ERROR;
    }

    *old = r->args;
    ngx_str_null(line);

    p = ngx_strlchr(r->request_line.data,
                    r->request_line.data + r->request_line.len, '?');

    if (p != NULL
        && (size_t) (r->request_line.data + r->request_line.len - p - 1)
           >= r->args.len)
    {
        line->data = p + 1;
        line->len = r->args.len;
    }

    /* an empty one is none only while it has no address */

    if (r->unparsed_uri.len) {
        r->unparsed_uri.data = uri;
    }

    if (r->args.len) {
        r->args.data = args;
    }

    return NGX_OK;
}


void
ngx_http_evolu_auth_credential_blot(ngx_http_request_t *r)
{
    u_char                           *p, *end;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    if (!mcf->query) {
        return;
    }

    if (ngx_http_evolu_auth_credential_sent(r)) {
        ngx_memset(r->args.data, '*', r->args.len);
    }

    p = r->unparsed_uri.data;
    ngx_http_evolu_auth_credential_blot_text(p, p + r->unparsed_uri.len);

    p = r->request_line.data;

    if (p != NULL) {
        ngx_http_evolu_auth_credential_blot_text(p, p + r->request_line.len);
        return;
    }

    /* a line that nginx could not read; $request will be all of it */

    p = r->request_start;

    if (p != NULL) {
        end = p;

        while (end < r->header_in->last && *end != CR && *end != LF) {
            end++;
        }

        ngx_http_evolu_auth_credential_blot_text(p, end);
    }
}


/*
 * Overwrites what follows the first "?" or "#".  A line that nginx refused may
 * have spaces anywhere: only the version at its end is known to be none of it.
 */

static void
ngx_http_evolu_auth_credential_blot_text(u_char *p, u_char *end)
{
    while (p < end && *p != '?' && *p != '#') {
        p++;
    }

    if (p == end) {
        return;
    }

    if ((size_t) (end - p) > NGX_HTTP_EVOLU_AUTH_VERSION
        && ngx_memcmp(end - NGX_HTTP_EVOLU_AUTH_VERSION, " HTTP/", 6) == 0)
    {
        end -= NGX_HTTP_EVOLU_AUTH_VERSION;
    }

    for (p++; p < end; p++) {
        *p = '*';
    }
}


static void
ngx_http_evolu_auth_credential_mask(ngx_str_t *where, ngx_str_t *within,
    evolu_bytes_t value)
{
    if (where->data != NULL && value.len) {
        ngx_memset(where->data + (value.data - within->data), '*', value.len);
    }
}


ngx_int_t
ngx_http_evolu_auth_credential_cut_args(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf)
{
    u_char                           *uri, *args;
    ngx_uint_t                        i;
    evolu_bytes_t                     name;
    ngx_http_evolu_auth_source_t     *source;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);
    source = lcf->sources->elts;

    for (i = 0; i < lcf->sources->nelts; i++) {

        if (source[i].kind != NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY
            || ctx->found[source[i].index].n == 0)
        {
            continue;
        }

        /* what was noted of the target and of credentials stays whole */

        (void) ngx_http_evolu_auth_ctx_target(r, ctx);

        uri = ngx_pstrdup(r->pool, &r->unparsed_uri);
        args = ngx_pstrdup(r->pool, &r->args);

        if (uri == NULL || args == NULL) {
            return NGX_ERROR;
        }

        r->unparsed_uri.data = uri;
        r->args.data = args;

        name = ngx_http_evolu_auth_bytes(&source[i].name);

        ngx_http_evolu_auth_credential_cut_uri(&r->unparsed_uri, name);
        ngx_http_evolu_auth_credential_cut(&r->args, name);

        /* $request_uri may have been kept before */

        r->variables[mcf->request_uri].valid = 0;
        r->variables[mcf->request_uri].not_found = 0;
    }

    return NGX_OK;
}


/* Cuts all arguments NAME, with the "&" that parts them, in place. */

static void
ngx_http_evolu_auth_credential_cut(ngx_str_t *text, evolu_bytes_t name)
{
    u_char         *begin, *end, *last;
    size_t          pos;
    evolu_bytes_t   arg, value;

    pos = 0;

    while (evolu_target_next_arg(ngx_http_evolu_auth_bytes(text), name, &pos,
                                 &arg, &value))
    {
        begin = (u_char *) arg.data;
        end = begin + arg.len;
        last = text->data + text->len;

        if (end < last) {
            end++;

        } else if (begin > text->data) {
            begin--;
        }

        ngx_memmove(begin, end, last - end);

        text->len -= end - begin;
        pos = begin - text->data;
    }
}


static void
ngx_http_evolu_auth_credential_cut_uri(ngx_str_t *uri, evolu_bytes_t name)
{
    u_char     *p;
    ngx_str_t   args;

    p = ngx_strlchr(uri->data, uri->data + uri->len, '?');

    if (p == NULL) {
        return;
    }

    args.data = p + 1;
    args.len = uri->data + uri->len - args.data;

    ngx_http_evolu_auth_credential_cut(&args, name);

    uri->len = args.len ? (size_t) (args.data + args.len - uri->data)
                        : (size_t) (p - uri->data);
}
