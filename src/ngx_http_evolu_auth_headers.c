
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_credential.h"
#include "ngx_http_evolu_auth_headers.h"


/* what one pass over the list is for */

typedef struct {
    ngx_http_evolu_auth_ctx_t     *ctx;
    ngx_http_evolu_auth_header_t  *replaced;   /* remove this name */
    uint32_t                       sources;    /* remove these sources */
    unsigned                       take:1;     /* note what is met, remove
                                                  identity headers */
} ngx_http_evolu_auth_walk_t;


typedef struct {
    ngx_list_part_t  *prev;      /* of part; NULL: part is the first */
    ngx_list_part_t  *part;
    ngx_uint_t        i;
} ngx_http_evolu_auth_cursor_t;


static ngx_int_t ngx_http_evolu_auth_headers_walk(ngx_http_request_t *r,
    ngx_http_evolu_auth_walk_t *walk);
static ngx_uint_t ngx_http_evolu_auth_headers_meet(
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_http_evolu_auth_walk_t *walk,
    ngx_table_elt_t *h);
static ngx_uint_t ngx_http_evolu_auth_headers_match(
    ngx_http_evolu_auth_name_t *name, u_char *data);
static void ngx_http_evolu_auth_headers_connection(
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_http_evolu_auth_ctx_t *ctx,
    ngx_str_t *value);
static ngx_int_t ngx_http_evolu_auth_headers_unlink(ngx_http_request_t *r,
    ngx_http_evolu_auth_cursor_t *cursor);
static void ngx_http_evolu_auth_headers_forget(ngx_http_request_t *r,
    ngx_table_elt_t *h);
static ngx_int_t ngx_http_evolu_auth_headers_replace(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_header_t *header);
static ngx_int_t ngx_http_evolu_auth_headers_value(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_header_t *header,
    ngx_str_t *value);
static void ngx_http_evolu_auth_headers_known(ngx_http_request_t *r,
    ngx_http_evolu_auth_header_t *header, ngx_table_elt_t *h);


ngx_int_t
ngx_http_evolu_auth_headers_take(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    ngx_http_evolu_auth_walk_t  walk;

    if (ctx->taken) {
        return NGX_OK;
    }

    if (ngx_http_evolu_auth_credential_mask_args(r, ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&walk, sizeof(ngx_http_evolu_auth_walk_t));

    walk.ctx = ctx;
    walk.take = 1;

    if (ngx_http_evolu_auth_headers_walk(r, &walk) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->taken = 1;

    return NGX_OK;
}


void
ngx_http_evolu_auth_headers_retract(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    ngx_list_t       *list;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (ctx->injected == NULL) {
        return;
    }

    list = &r->headers_in.headers;
    h = ctx->injected->elts;

    for (i = 0; i < ctx->injected->nelts; i++) {
        ngx_http_evolu_auth_headers_forget(r, &h[i]);
    }

    for (part = &list->part; part; part = part->next) {

        if (part->next != ctx->injected) {
            continue;
        }

        part->next = ctx->injected->next;

        if (part->next == NULL) {
            list->last = part;
            list->nalloc = ngx_max(part->nelts, 1);
        }

        break;
    }

    ctx->injected = NULL;
}


ngx_int_t
ngx_http_evolu_auth_headers_hide(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf)
{
    ngx_http_evolu_auth_walk_t  walk;

    if (ngx_http_evolu_auth_credential_cut_args(r, ctx, lcf) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&walk, sizeof(ngx_http_evolu_auth_walk_t));

    walk.ctx = ctx;
    walk.sources = lcf->source_set;

    return ngx_http_evolu_auth_headers_walk(r, &walk);
}


/* One pass over the list; removes what ..._meet() says. */

static ngx_int_t
ngx_http_evolu_auth_headers_walk(ngx_http_request_t *r,
    ngx_http_evolu_auth_walk_t *walk)
{
    ngx_table_elt_t                  *h;
    ngx_http_evolu_auth_cursor_t      at;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    if (r->headers_in.headers.last == NULL) {
        /* the request line was bad, no header was read */
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    at.prev = NULL;
    at.part = &r->headers_in.headers.part;
    at.i = 0;

    for ( ;; ) {

        if (at.i >= at.part->nelts) {

            if (at.part->next == NULL) {
                return NGX_OK;
            }

            at.prev = at.part;
            at.part = at.part->next;
            at.i = 0;
            continue;
        }

        h = at.part->elts;
        h += at.i;

        if (!ngx_http_evolu_auth_headers_meet(mcf, walk, h)) {
            at.i++;
            continue;
        }

        ngx_http_evolu_auth_headers_forget(r, h);

        if (walk->take) {
            ngx_http_evolu_auth_count(&mcf->cache->tally, stripped);
        }

        if (ngx_http_evolu_auth_headers_unlink(r, &at) != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


/* Returns 1 when the header is to be removed. */

static ngx_uint_t
ngx_http_evolu_auth_headers_meet(ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_http_evolu_auth_walk_t *walk, ngx_table_elt_t *h)
{
    ngx_uint_t                   remove;
    ngx_http_evolu_auth_name_t  *name;

    if (walk->replaced != NULL) {
        return ngx_http_evolu_auth_same_name(&walk->replaced->name, &h->key);
    }

    remove = 0;

    name = mcf->names[h->key.len % NGX_HTTP_EVOLU_AUTH_LENGTHS];

    for ( /* void */ ; name; name = name->next) {

        if (name->name.len != h->key.len
            || !ngx_http_evolu_auth_headers_match(name, h->key.data))
        {
            continue;
        }

        switch (name->kind) {

        case NGX_HTTP_EVOLU_AUTH_NAME_IDENTITY:
            remove |= walk->take;
            break;

        case NGX_HTTP_EVOLU_AUTH_NAME_REPLACED:
            break;

        case NGX_HTTP_EVOLU_AUTH_NAME_SOURCE:

            if (walk->take) {
                ngx_http_evolu_auth_credential_note(walk->ctx, name->source,
                                                    &h->value);

            } else if ((walk->sources & ((uint32_t) 1 << name->source->index))
                       && ngx_http_evolu_auth_credential_is(name->source,
                                                            &h->value))
            {
                remove = 1;
            }

            break;

        case NGX_HTTP_EVOLU_AUTH_NAME_CONNECTION:

            if (walk->take) {
                ngx_http_evolu_auth_headers_connection(mcf, walk->ctx,
                                                       &h->value);
            }

            break;
        }
    }

    return remove;
}


static ngx_uint_t
ngx_http_evolu_auth_headers_match(ngx_http_evolu_auth_name_t *name,
    u_char *data)
{
    size_t  i;

    if (name->kind == NGX_HTTP_EVOLU_AUTH_NAME_SOURCE
        || name->kind == NGX_HTTP_EVOLU_AUTH_NAME_CONNECTION)
    {
        return ngx_strncasecmp(data, name->name.data, name->name.len) == 0;
    }

    for (i = 0; i < name->name.len; i++) {
        if (ngx_http_evolu_auth_fold(data[i]) != name->name.data[i]) {
            return 0;
        }
    }

    return 1;
}


/* Notes which of our header names a Connection value lists. */

static void
ngx_http_evolu_auth_headers_connection(ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_str_t *value)
{
    size_t                       len;
    u_char                      *p, *last, *token;
    ngx_http_evolu_auth_name_t  *name;

    p = value->data;
    last = p + value->len;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        token = p;

        while (p < last && *p != ' ' && *p != '\t' && *p != ',') {
            p++;
        }

        len = p - token;
        name = mcf->names[len % NGX_HTTP_EVOLU_AUTH_LENGTHS];

        for ( /* void */ ; name; name = name->next) {

            if (name->name.len != len
                || !ngx_http_evolu_auth_headers_match(name, token))
            {
                continue;
            }

            if (name->kind == NGX_HTTP_EVOLU_AUTH_NAME_IDENTITY
                || name->kind == NGX_HTTP_EVOLU_AUTH_NAME_REPLACED)
            {
                ctx->connection_identity = 1;

            } else if (name->kind == NGX_HTTP_EVOLU_AUTH_NAME_SOURCE) {
                ctx->connection |= (uint32_t) 1 << name->source->index;
            }
        }
    }
}


/*
 * Takes the element at the cursor out of the list; the cursor then stands at
 * what followed it.  Elements do not move, since r->headers_in points at them,
 * and no part but the first may be left empty, since loops over such lists
 * look at a part's first element unasked.
 *
 * ngx_list_push() fills the last part up to nalloc elements: where that part
 * begins later now, nalloc says that it is full.
 */

static ngx_int_t
ngx_http_evolu_auth_headers_unlink(ngx_http_request_t *r,
    ngx_http_evolu_auth_cursor_t *cursor)
{
    ngx_list_t       *list;
    ngx_list_part_t  *part, *rest;

    list = &r->headers_in.headers;
    part = cursor->part;

    if (part->nelts == 1) {

        if (cursor->prev == NULL) {
            part->nelts = 0;

        } else {
            part = cursor->prev;
            part->next = cursor->part->next;
            cursor->part = part;
            cursor->i = part->nelts;
        }

        if (part->next == NULL) {
            list->last = part;
            list->nalloc = ngx_max(part->nelts, 1);
        }

        return NGX_OK;
    }

    if (cursor->i == 0) {
        part->elts = (ngx_table_elt_t *) part->elts + 1;
        part->nelts--;

        if (part->next == NULL) {
            list->nalloc = part->nelts;
        }

        return NGX_OK;
    }

    if (cursor->i == part->nelts - 1) {
        part->nelts--;
        return NGX_OK;
    }

    rest = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
    if (rest == NULL) {
        return NGX_ERROR;
    }

    rest->elts = (ngx_table_elt_t *) part->elts + cursor->i + 1;
    rest->nelts = part->nelts - cursor->i - 1;
    rest->next = part->next;

    part->nelts = cursor->i;
    part->next = rest;

    if (rest->next == NULL) {
        list->last = rest;
        list->nalloc = rest->nelts;
    }

    cursor->prev = part;
    cursor->part = rest;
    cursor->i = 0;

    return NGX_OK;
}


/*
 * Nothing may still find a removed header through its pointer in
 * r->headers_in.  Every copy of a name is removed, so the pointer is emptied.
 */

static void
ngx_http_evolu_auth_headers_forget(ngx_http_request_t *r, ngx_table_elt_t *h)
{
    ngx_http_header_t          *hh;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    hh = ngx_hash_find(&cmcf->headers_in_hash, h->hash, h->lowcase_key,
                       h->key.len);

    if (hh == NULL || hh->offset == 0) {
        return;
    }

#if (nginx_version < 1023000)

    if (hh->offset == offsetof(ngx_http_headers_in_t, cookies)) {
        r->headers_in.cookies.nelts = 0;
        return;
    }

#if (NGX_HTTP_X_FORWARDED_FOR)
    if (hh->offset == offsetof(ngx_http_headers_in_t, x_forwarded_for)) {
        r->headers_in.x_forwarded_for.nelts = 0;
        return;
    }
#endif

#endif

    *(ngx_table_elt_t **) ((char *) &r->headers_in + hh->offset) = NULL;
}


/*
 * The headers get a part of the list of their own, in one allocation: nothing
 * is copied and nothing that exists moves.
 */

ngx_int_t
ngx_http_evolu_auth_headers_inject(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf)
{
    ngx_int_t                      rc;
    ngx_str_t                      value;
    ngx_list_t                    *list;
    ngx_uint_t                     i, n;
    ngx_list_part_t               *part;
    ngx_table_elt_t               *h;
    ngx_http_evolu_auth_header_t  *header;

    list = &r->headers_in.headers;

    if (lcf->headers->nelts == 0) {
        return NGX_OK;
    }

    /* HTTP/0.9 has no headers, but its upstream has */

    if (list->last == NULL
        && ngx_list_init(list, r->pool, 4, sizeof(ngx_table_elt_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    header = lcf->headers->elts;
    n = lcf->headers->nelts;

    part = ngx_palloc(r->pool, sizeof(ngx_list_part_t)
                               + n * sizeof(ngx_table_elt_t));
    if (part == NULL) {
        return NGX_ERROR;
    }

    h = (ngx_table_elt_t *) (part + 1);

    part->elts = h;
    part->nelts = 0;
    part->next = NULL;

    for (i = 0; i < n; i++) {

        if (header[i].replaces
            && ngx_http_evolu_auth_headers_replace(r, ctx, &header[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        rc = ngx_http_evolu_auth_headers_value(r, ctx, &header[i], &value);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            continue;
        }

        h = (ngx_table_elt_t *) part->elts + part->nelts++;

        h->hash = header[i].hash;
        h->key = header[i].name;
        h->lowcase_key = header[i].lowcase;
        h->value = value;
        ngx_http_evolu_auth_header_next(h);

        if (header[i].offset) {
            ngx_http_evolu_auth_headers_known(r, &header[i], h);
        }
    }

    if (part->nelts) {
        list->last->next = part;
        list->last = part;
        list->nalloc = part->nelts;
        ctx->injected = part;
    }

    return NGX_OK;
}


/* Removes the client's header of a name that is not an identity's alone. */

static ngx_int_t
ngx_http_evolu_auth_headers_replace(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_header_t *header)
{
    ngx_http_evolu_auth_walk_t  walk;

    ngx_memzero(&walk, sizeof(ngx_http_evolu_auth_walk_t));

    walk.ctx = ctx;
    walk.replaced = header;

    return ngx_http_evolu_auth_headers_walk(r, &walk);
}


/* NGX_OK, NGX_DECLINED when nothing is to be sent, NGX_ERROR */

static ngx_int_t
ngx_http_evolu_auth_headers_value(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_header_t *header,
    ngx_str_t *value)
{
    size_t  i;

    switch (header->kind) {

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_SCOPE:
        value->data = (u_char *) evolu_scope_name(ctx->verdict.scope);
        value->len = ngx_strlen(value->data);
        return NGX_OK;

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_INSTANCE:
        *value = ctx->instance;
        break;

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_CAMPAIGN:
        *value = ctx->campaign;
        break;

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_LIVEMODE:

        if (ctx->verdict.livemode) {
            ngx_str_set(value, "true");

        } else {
            ngx_str_set(value, "false");
        }

        return NGX_OK;

    case NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID:
        *value = ctx->key_id;
        break;

    case NGX_HTTP_EVOLU_AUTH_VALUE_COMPLEX:

        if (ngx_http_complex_value(r, &header->value, value) != NGX_OK) {
            return NGX_ERROR;
        }

        for (i = 0; i < value->len; i++) {

            if (value->data[i] == CR || value->data[i] == LF
                || value->data[i] == '\0')
            {
                ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                              "evolu_auth: header \"%V\" is not sent: its "
                              "value holds CR, LF or NUL", &header->name);
                return NGX_DECLINED;
            }
        }

        break;
    }

    return value->len ? NGX_OK : NGX_DECLINED;
}


/* A header that nginx itself looks at is found through its pointer. */

static void
ngx_http_evolu_auth_headers_known(ngx_http_request_t *r,
    ngx_http_evolu_auth_header_t *header, ngx_table_elt_t *h)
{
#if (nginx_version < 1023000)

    ngx_array_t       *a;
    ngx_table_elt_t  **p;

    if (header->offset == offsetof(ngx_http_headers_in_t, cookies)
#if (NGX_HTTP_X_FORWARDED_FOR)
        || header->offset == offsetof(ngx_http_headers_in_t, x_forwarded_for)
#endif
       )
    {
        a = (ngx_array_t *) ((char *) &r->headers_in + header->offset);

        if (a->elts == NULL
            && ngx_array_init(a, r->pool, 1, sizeof(ngx_table_elt_t *))
               != NGX_OK)
        {
            return;
        }

        a->nelts = 0;

        p = ngx_array_push(a);
        if (p != NULL) {
            *p = h;
        }

        return;
    }

#endif

    *(ngx_table_elt_t **) ((char *) &r->headers_in + header->offset) = h;
}
