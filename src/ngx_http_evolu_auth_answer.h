
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The store's answers: from what the cache holds, or from what a reply of
 * Redis says.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_ANSWER_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_ANSWER_H_INCLUDED_


#include "ngx_http_evolu_auth_store.h"


/*
 * What the cache says; stale: a usable stale value will do.  FRESH, STALE or
 * NEGATIVE with the answer, or MISS.  The value is valid until the next call
 * of this or of _decode().
 */
ngx_http_evolu_auth_cache_state_e ngx_http_evolu_auth_answer_cached(
    ngx_http_evolu_auth_store_t *store, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator, ngx_uint_t stale,
    ngx_http_evolu_auth_answer_t *answer);

/*
 * What n fields of a hash or members of a set say, and the kind of that value
 * for the cache; NONE, and NGX_DECLINED in the answer, where there are none or
 * they are no record (logged).  Valid as above.
 */
ngx_http_evolu_auth_value_e ngx_http_evolu_auth_answer_decode(
    ngx_http_evolu_auth_store_t *store, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator, evolu_field_t *fields, ngx_uint_t n,
    ngx_http_evolu_auth_answer_t *answer);

/* The record or the names, answer->size bytes; NULL: none. */
void *ngx_http_evolu_auth_answer_value(ngx_http_evolu_auth_answer_t *answer);

/* Copies the value to other memory, aligned, where it stays valid. */
void ngx_http_evolu_auth_answer_move(ngx_http_evolu_auth_answer_t *answer,
    void *to);

/*
 * Counts a record that is void, and why, or has void entries, by report (NULL:
 * none), and logs it, at most one a second.
 */
void ngx_http_evolu_auth_answer_void(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t name, const char *why, evolu_record_report_t *report);

/* Writes a text for the log, at most four bytes for one; returns its end. */
u_char *ngx_http_evolu_auth_answer_escape(u_char *p, evolu_bytes_t text);


#endif /* _NGX_HTTP_EVOLU_AUTH_ANSWER_H_INCLUDED_ */
