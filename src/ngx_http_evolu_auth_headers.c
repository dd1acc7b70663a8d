
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
    ngx_table_elt_t *h, size_t *offset);
static ngx_uint_t ngx_http_evolu_auth_headers_match(
    ngx_http_evolu_auth_name_t *name, u_char *key, u_char *lowcase);
static ngx_uint_t ngx_http_evolu_auth_headers_changed(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);
static void ngx_http_evolu_auth_headers_remember(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);
static ngx_int_t ngx_http_evolu_auth_headers_remove(ngx_http_request_t *r,
    ngx_http_evolu_auth_found_t *found);
static void ngx_http_evolu_auth_headers_connection(
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_http_evolu_auth_ctx_t *ctx,
    ngx_str_t *value);
static ngx_int_t ngx_http_evolu_auth_headers_unlink(ngx_http_request_t *r,
    ngx_http_evolu_auth_cursor_t *cursor);
static void ngx_http_evolu_auth_headers_forget(ngx_http_request_t *r,
    size_t offset);
static ngx_int_t ngx_http_evolu_auth_headers_replace(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_header_t *header);
static void ngx_http_evolu_auth_headers_values(ngx_http_evolu_auth_ctx_t *ctx,
    ngx_str_t *values);
static ngx_int_t ngx_http_evolu_auth_headers_complex(ngx_http_request_t *r,
    ngx_http_evolu_auth_header_t *header, ngx_str_t *value);
static void ngx_http_evolu_auth_headers_known(ngx_http_request_t *r,
    ngx_http_evolu_auth_header_t *header, ngx_table_elt_t *h);


ngx_int_t
ngx_http_evolu_auth_headers_take(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    ngx_http_evolu_auth_walk_t        walk;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    if (ctx->taken) {
        return NGX_OK;
    }

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    if (mcf->query
        && ngx_http_evolu_auth_credential_mask_args(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    walk.ctx = ctx;
    walk.replaced = NULL;
    walk.sources = 0;
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
    ngx_list_t                 *list;
    ngx_uint_t                  i;
    ngx_list_part_t            *part;
    ngx_table_elt_t            *h;
    ngx_http_header_t          *hh;
    ngx_http_core_main_conf_t  *cmcf;

    if (ctx->injected == NULL) {
        return;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    list = &r->headers_in.headers;
    h = ctx->injected->elts;

    for (i = 0; i < ctx->injected->nelts; i++) {
        hh = ngx_hash_find(&cmcf->headers_in_hash, h[i].hash, h[i].lowcase_key,
                           h[i].key.len);

        if (hh != NULL) {
            ngx_http_evolu_auth_headers_forget(r, hh->offset);
        }
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
    ctx->last = NULL;
}


/*
 * What was noted when the headers were taken is taken out without a search,
 * unless somebody has added headers since, who may have added one more.
 */

ngx_int_t
ngx_http_evolu_auth_headers_hide(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf)
{
    ngx_uint_t                        i;
    ngx_http_evolu_auth_walk_t        walk;
    ngx_http_evolu_auth_found_t      *found;
    ngx_http_evolu_auth_source_t     *source;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);

    if (mcf->query
        && ngx_http_evolu_auth_credential_cut_args(r, ctx, lcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_evolu_auth_headers_changed(r, ctx)) {
        goto search;
    }

    source = lcf->sources->elts;

    for (i = 0; i < lcf->sources->nelts; i++) {
        found = &ctx->found[source[i].index];

        if (found->header == NULL) {
            continue;
        }

        if (found->n > 1) {
            goto search;
        }

        if (ngx_http_evolu_auth_headers_remove(r, found) != NGX_OK) {
            return NGX_ERROR;
        }

        found->header = NULL;
    }

    ngx_http_evolu_auth_headers_remember(r, ctx);

    return NGX_OK;

search:

    walk.ctx = ctx;
    walk.replaced = NULL;
    walk.sources = lcf->source_set;
    walk.take = 0;

    return ngx_http_evolu_auth_headers_walk(r, &walk);
}


/* 1 when the list does not end as it did: something was added to it. */

static ngx_uint_t
ngx_http_evolu_auth_headers_changed(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    ngx_list_part_t  *last;

    last = r->headers_in.headers.last;

    return last != ctx->last
           || (last != NULL && last->nelts != ctx->last_nelts);
}


static void
ngx_http_evolu_auth_headers_remember(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx)
{
    ctx->last = r->headers_in.headers.last;

    if (ctx->last != NULL) {
        ctx->last_nelts = ctx->last->nelts;
    }
}


/* Takes one header out, where it still is in the list. */

static ngx_int_t
ngx_http_evolu_auth_headers_remove(ngx_http_request_t *r,
    ngx_http_evolu_auth_found_t *found)
{
    ngx_table_elt_t               *h;
    ngx_http_evolu_auth_cursor_t   at;

    at.prev = NULL;
    at.part = &r->headers_in.headers.part;

    do {
        h = at.part->elts;

        if (found->header >= h && found->header < h + at.part->nelts) {
            at.i = found->header - h;

            ngx_http_evolu_auth_headers_forget(r, found->offset);

            return ngx_http_evolu_auth_headers_unlink(r, &at);
        }

        at.prev = at.part;
        at.part = at.part->next;

    } while (at.part != NULL);

    return NGX_OK;
}


/* One pass over the list; removes what ..._meet() says. */

static ngx_int_t
ngx_http_evolu_auth_headers_walk(ngx_http_request_t *r,
    ngx_http_evolu_auth_walk_t *walk)
{
    size_t                            offset;
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
                break;
            }

            at.prev = at.part;
            at.part = at.part->next;
            at.i = 0;
            continue;
        }

        h = at.part->elts;
        h += at.i;

        if (mcf->names[h->key.len % NGX_HTTP_EVOLU_AUTH_LENGTHS] == NULL
            || !ngx_http_evolu_auth_headers_meet(mcf, walk, h, &offset))
        {
            at.i++;
            continue;
        }

        ngx_http_evolu_auth_headers_forget(r, offset);

        if (walk->take) {
            ngx_http_evolu_auth_count(&mcf->cache->tally, stripped);
        }

        if (ngx_http_evolu_auth_headers_unlink(r, &at) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_http_evolu_auth_headers_remember(r, walk->ctx);

    return NGX_OK;
}


/*
 * Returns 1 when the header is to be removed, with the offset of its pointer.
 * Only names that stand in the table are met.
 */

static ngx_uint_t
ngx_http_evolu_auth_headers_meet(ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_http_evolu_auth_walk_t *walk, ngx_table_elt_t *h, size_t *offset)
{
    ngx_uint_t                   remove;
    ngx_http_evolu_auth_name_t  *name;

    if (walk->replaced != NULL) {
        *offset = walk->replaced->offset;

        return ngx_http_evolu_auth_same_name(&walk->replaced->name, &h->key);
    }

    remove = 0;
    *offset = 0;

    name = mcf->names[h->key.len % NGX_HTTP_EVOLU_AUTH_LENGTHS];

    for ( /* void */ ; name; name = name->next) {

        if (name->name.len != h->key.len
            || !ngx_http_evolu_auth_headers_match(name, h->key.data,
                                                  h->lowcase_key))
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
                ngx_http_evolu_auth_credential_note(walk->ctx, name, h);

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

        *offset |= name->offset;
    }

    return remove;
}


/* Of the same length; lowcase is key in lower case, or NULL. */

static ngx_uint_t
ngx_http_evolu_auth_headers_match(ngx_http_evolu_auth_name_t *name,
    u_char *key, u_char *lowcase)
{
    size_t  i;

    if (name->kind == NGX_HTTP_EVOLU_AUTH_NAME_SOURCE
        || name->kind == NGX_HTTP_EVOLU_AUTH_NAME_CONNECTION)
    {
        if (lowcase != NULL) {
            return ngx_memcmp(lowcase, name->name.data, name->name.len) == 0;
        }

        return ngx_strncasecmp(key, name->name.data, name->name.len) == 0;
    }

    for (i = 0; i < name->name.len; i++) {
        if (ngx_http_evolu_auth_fold(key[i]) != name->name.data[i]) {
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
                || !ngx_http_evolu_auth_headers_match(name, token, NULL))
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
ngx_http_evolu_auth_headers_forget(ngx_http_request_t *r, size_t offset)
{
    if (offset == 0) {
        return;
    }

#if (nginx_version < 1023000)

    if (offset == offsetof(ngx_http_headers_in_t, cookies)) {
        r->headers_in.cookies.nelts = 0;
        return;
    }

#if (NGX_HTTP_X_FORWARDED_FOR)
    if (offset == offsetof(ngx_http_headers_in_t, x_forwarded_for)) {
        r->headers_in.x_forwarded_for.nelts = 0;
        return;
    }
#endif

#endif

    *(ngx_table_elt_t **) ((char *) &r->headers_in + offset) = NULL;
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
    ngx_str_t                      values[NGX_HTTP_EVOLU_AUTH_VALUE_COMPLEX];
    ngx_str_t                     *key_id;
    ngx_uint_t                     n;
    ngx_list_t                    *list;
    ngx_list_part_t               *part;
    ngx_table_elt_t               *h;
    ngx_http_evolu_auth_header_t  *header, *last;

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
                               + n * sizeof(ngx_table_elt_t)
                               + ctx->key_id.len);
    if (part == NULL) {
        return NGX_ERROR;
    }

    h = (ngx_table_elt_t *) (part + 1);

    /* a verdict by another location may come while these are still in use */

    ngx_http_evolu_auth_headers_values(ctx, values);
    key_id = &values[NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID];
    key_id->data = ngx_copy((u_char *) (h + n), key_id->data, key_id->len)
                   - key_id->len;

    part->elts = h;
    part->next = NULL;

    for (last = header + n; header < last; header++) {

        if (header->replaces
            && ngx_http_evolu_auth_headers_replace(r, ctx, header) != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (header->kind != NGX_HTTP_EVOLU_AUTH_VALUE_COMPLEX) {
            h->value = values[header->kind];

        } else {
            rc = ngx_http_evolu_auth_headers_complex(r, header, &h->value);

            if (rc != NGX_OK) {
                return rc;
            }
        }

        if (h->value.len == 0) {
            continue;
        }

        h->hash = header->hash;
        h->key = header->name;
        h->lowcase_key = header->lowcase;
        ngx_http_evolu_auth_header_next(h);

        if (header->offset) {
            ngx_http_evolu_auth_headers_known(r, header, h);
        }

        h++;
    }

    part->nelts = h - (ngx_table_elt_t *) part->elts;

    if (part->nelts) {
        list->last->next = part;
        list->last = part;
        list->nalloc = part->nelts;
        ctx->injected = part;

        ngx_http_evolu_auth_headers_remember(r, ctx);
    }

    return NGX_OK;
}


/* Removes the client's header of a name that is not an identity's alone. */

static ngx_int_t
ngx_http_evolu_auth_headers_replace(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_header_t *header)
{
    ngx_http_evolu_auth_walk_t  walk;

    walk.ctx = ctx;
    walk.replaced = header;
    walk.sources = 0;
    walk.take = 0;

    return ngx_http_evolu_auth_headers_walk(r, &walk);
}


/* The identity, by the kinds of values that need no script. */

static void
ngx_http_evolu_auth_headers_values(ngx_http_evolu_auth_ctx_t *ctx,
    ngx_str_t *values)
{
    ngx_str_t  *scope, *livemode;

    scope = &values[NGX_HTTP_EVOLU_AUTH_VALUE_OF_SCOPE];
    scope->data = (u_char *) evolu_scope_name(ctx->verdict.scope);
    scope->len = ngx_strlen(scope->data);

    livemode = &values[NGX_HTTP_EVOLU_AUTH_VALUE_OF_LIVEMODE];

    if (ctx->verdict.livemode) {
        ngx_str_set(livemode, "true");

    } else {
        ngx_str_set(livemode, "false");
    }

    values[NGX_HTTP_EVOLU_AUTH_VALUE_OF_INSTANCE] = ctx->instance;
    values[NGX_HTTP_EVOLU_AUTH_VALUE_OF_CAMPAIGN] = ctx->campaign;
    values[NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID] = ctx->key_id;
}


/* A value that can't be sent is left empty.  NGX_OK or NGX_ERROR. */

static ngx_int_t
ngx_http_evolu_auth_headers_complex(ngx_http_request_t *r,
    ngx_http_evolu_auth_header_t *header, ngx_str_t *value)
{
    size_t  i;

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

            ngx_str_null(value);
            break;
        }
    }

    return NGX_OK;
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
