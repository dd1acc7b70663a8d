
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Whether a credential was verified before, by the records at hand: those of
 * the key file and of the cache, stale ones too.  Nothing is asked and nothing
 * waits.  It says who may go on to a judgement, and judges nothing.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_KNOWN_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_KNOWN_H_INCLUDED_


#include "ngx_http_evolu_auth_store.h"


/* 1 when the locator's record holds the tag, else 0 */
ngx_uint_t ngx_http_evolu_auth_known(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator, u_char tag[EVOLU_TAG_SIZE]);

/* 1 when a record of one of the instances of a token's set holds the tag */
ngx_uint_t ngx_http_evolu_auth_known_by_index(
    ngx_http_evolu_auth_store_t *store, evolu_bytes_t locator,
    u_char tag[EVOLU_TAG_SIZE]);


#endif /* _NGX_HTTP_EVOLU_AUTH_KNOWN_H_INCLUDED_ */
