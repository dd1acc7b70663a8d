
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_answer.h"


#define NGX_HTTP_EVOLU_AUTH_FIELD_MAX  64  /* bytes of a field in logs */


static size_t ngx_http_evolu_auth_answer_record(
    ngx_http_evolu_auth_store_t *store, evolu_bytes_t name,
    evolu_field_t *fields, ngx_uint_t n);
static size_t ngx_http_evolu_auth_answer_names(evolu_field_t *fields,
    ngx_uint_t n);
static void ngx_http_evolu_auth_answer_set(
    ngx_http_evolu_auth_answer_t *answer, ngx_http_evolu_auth_read_e kind,
    void *value, size_t size);


/* the value of the last answer that was there at once */

static int64_t
    ngx_http_evolu_auth_answer_image[EVOLU_IMAGE_MAX / sizeof(int64_t)];


ngx_http_evolu_auth_cache_state_e
ngx_http_evolu_auth_answer_cached(ngx_http_evolu_auth_store_t *store,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator, ngx_uint_t stale,
    ngx_http_evolu_auth_answer_t *answer)
{
    ngx_http_evolu_auth_cache_found_t   found;
    ngx_http_evolu_auth_cache_state_e   state;

    state = ngx_http_evolu_auth_cache_find(store->cache, locator,
                                           ngx_http_evolu_auth_answer_image,
                                           &found);

    if (state == NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVE) {
        answer->rc = NGX_DECLINED;
        answer->from = NGX_HTTP_EVOLU_AUTH_FROM_NEGATIVE;
        return state;
    }

    if (found.kind != (kind == NGX_HTTP_EVOLU_AUTH_READ_HASH
                       ? NGX_HTTP_EVOLU_AUTH_VALUE_RECORD
                       : NGX_HTTP_EVOLU_AUTH_VALUE_NAMES))
    {
        return NGX_HTTP_EVOLU_AUTH_CACHE_MISS;
    }

    switch (state) {

    case NGX_HTTP_EVOLU_AUTH_CACHE_FRESH:
        answer->from = NGX_HTTP_EVOLU_AUTH_FROM_FRESH;
        answer->watch = found.watch;
        break;

    case NGX_HTTP_EVOLU_AUTH_CACHE_STALE:

        if (!stale || !found.usable) {
            return NGX_HTTP_EVOLU_AUTH_CACHE_MISS;
        }

        answer->from = NGX_HTTP_EVOLU_AUTH_FROM_STALE;
        break;

    default:
        return NGX_HTTP_EVOLU_AUTH_CACHE_MISS;
    }

    answer->rc = NGX_OK;
    ngx_http_evolu_auth_answer_set(answer, kind,
                                   ngx_http_evolu_auth_answer_image,
                                   found.size);

    return state;
}


ngx_http_evolu_auth_value_e
ngx_http_evolu_auth_answer_decode(ngx_http_evolu_auth_store_t *store,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator,
    evolu_field_t *fields, ngx_uint_t n, ngx_http_evolu_auth_answer_t *answer)
{
    size_t  size;

    ngx_memzero(answer, sizeof(ngx_http_evolu_auth_answer_t));

    answer->rc = NGX_DECLINED;
    answer->from = NGX_HTTP_EVOLU_AUTH_FROM_MISS;

    size = 0;

    if (n > 0) {
        size = (kind == NGX_HTTP_EVOLU_AUTH_READ_HASH)
               ? ngx_http_evolu_auth_answer_record(store, locator, fields, n)
               : ngx_http_evolu_auth_answer_names(fields, n);
    }

    if (size == 0) {

        if (n > 0 && kind == NGX_HTTP_EVOLU_AUTH_READ_SET) {
            ngx_http_evolu_auth_answer_void(store, locator,
                                            "it holds over 64 names, or one "
                                            "that no instance has", NULL);
        }

        return NGX_HTTP_EVOLU_AUTH_VALUE_NONE;
    }

    answer->rc = NGX_OK;
    ngx_http_evolu_auth_answer_set(answer, kind,
                                   ngx_http_evolu_auth_answer_image, size);

    return (kind == NGX_HTTP_EVOLU_AUTH_READ_HASH)
           ? NGX_HTTP_EVOLU_AUTH_VALUE_RECORD
           : NGX_HTTP_EVOLU_AUTH_VALUE_NAMES;
}


/* size of the image, 0: the record is void */

static size_t
ngx_http_evolu_auth_answer_record(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t name, evolu_field_t *fields, ngx_uint_t n)
{
    evolu_record_t         *record;
    evolu_locator_t         locator;
    evolu_record_report_t   report;

    if (evolu_locator_parse(name, &locator) != 0) {
        return 0;
    }

    record = evolu_record_decode(fields, n, &locator, store->peppers,
                                 ngx_http_evolu_auth_answer_image, &report);

    if (record == NULL) {
        report.void_entries = 0;
    }

    if (report.fault != EVOLU_FAULT_NONE) {
        ngx_http_evolu_auth_answer_void(store, name,
                                        evolu_fault_text(report.fault),
                                        &report);
    }

    return (record != NULL) ? record->size : 0;
}


/* size of the names, each with its length before it; 0: the set is void */

static size_t
ngx_http_evolu_auth_answer_names(evolu_field_t *fields, ngx_uint_t n)
{
    u_char         *p;
    ngx_uint_t      i;
    evolu_bytes_t   name;

    if (n > NGX_HTTP_EVOLU_AUTH_NAMES_MAX) {
        return 0;
    }

    p = (u_char *) ngx_http_evolu_auth_answer_image;

    for (i = 0; i < n; i++) {
        name = fields[i].name;

        if (!evolu_instance_valid(name)) {
            return 0;
        }

        *p++ = (u_char) name.len;
        p = ngx_cpymem(p, name.data, name.len);
    }

    return p - (u_char *) ngx_http_evolu_auth_answer_image;
}


static void
ngx_http_evolu_auth_answer_set(ngx_http_evolu_auth_answer_t *answer,
    ngx_http_evolu_auth_read_e kind, void *value, size_t size)
{
    answer->size = size;

    if (kind == NGX_HTTP_EVOLU_AUTH_READ_HASH) {
        answer->record = value;

    } else {
        answer->names = value;
    }
}


void *
ngx_http_evolu_auth_answer_value(ngx_http_evolu_auth_answer_t *answer)
{
    if (answer->record != NULL) {
        return answer->record;
    }

    return answer->names;
}


void
ngx_http_evolu_auth_answer_move(ngx_http_evolu_auth_answer_t *answer, void *to)
{
    ngx_memcpy(to, ngx_http_evolu_auth_answer_value(answer), answer->size);

    if (answer->record != NULL) {
        answer->record = to;

    } else {
        answer->names = to;
    }
}


void
ngx_http_evolu_auth_answer_void(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t name, const char *why, evolu_record_report_t *report)
{
    u_char  *p, *q, locator[4 * EVOLU_LOCATOR_MAX];
    u_char   field[4 * NGX_HTTP_EVOLU_AUTH_FIELD_MAX];

    ngx_http_evolu_auth_count(&store->cache->tally, invalid);

    if (store->void_logged == ngx_time()) {
        return;
    }

    store->void_logged = ngx_time();

    /* a token's digest is not for logs */

    if (name.len > 6 && ngx_strncmp(name.data, "token:", 6) == 0) {
        while (name.data[name.len - 1] != ':') {
            name.len--;
        }
    }

    p = ngx_http_evolu_auth_answer_escape(locator, name);

    if (report == NULL || report->void_entries == 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "evolu_auth: record \"%*s\" is void: %s",
                      (size_t) (p - locator), locator, why);
        return;
    }

    report->field.len = ngx_min(report->field.len,
                                NGX_HTTP_EVOLU_AUTH_FIELD_MAX);

    q = ngx_http_evolu_auth_answer_escape(field, report->field);

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "evolu_auth: record \"%*s\" has void entries, %ud of them: "
                  "first \"%*s\": %s", (size_t) (p - locator), locator,
                  report->void_entries, (size_t) (q - field), field, why);
}


u_char *
ngx_http_evolu_auth_answer_escape(u_char *p, evolu_bytes_t text)
{
    u_char  ch;
    size_t  i;

    for (i = 0; i < text.len; i++) {
        ch = text.data[i];

        if (ch < 0x20 || ch >= 0x7f || ch == '"' || ch == '\\') {
            p = ngx_sprintf(p, "\\x%02Xd", ch);

        } else {
            *p++ = ch;
        }
    }

    return p;
}
