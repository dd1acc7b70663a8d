
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Finds the credential in a request.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_CREDENTIAL_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_CREDENTIAL_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/* Notes that a header which may hold a credential was met; name is a source. */
void ngx_http_evolu_auth_credential_note(ngx_http_evolu_auth_ctx_t *ctx,
    ngx_http_evolu_auth_name_t *name, ngx_table_elt_t *h);

/* 1 when that header's value is this source's: Authorization may be not */
ngx_uint_t ngx_http_evolu_auth_credential_is(
    ngx_http_evolu_auth_source_t *source, ngx_str_t *value);

/*
 * Notes credentials in the query and overwrites them with "*" in the request
 * line, and a fragment with them, so that logs lose them; $args, $request_uri
 * and what is proxied keep them in a copy.
 */
ngx_int_t ngx_http_evolu_auth_credential_mask_args(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);

/*
 * Overwrites the whole query and fragment, in the request line, too: of a
 * request that is given up before the credentials in it were found.
 */
void ngx_http_evolu_auth_credential_blot(ngx_http_request_t *r);

/* Cuts the location's query credentials from that copy. */
ngx_int_t ngx_http_evolu_auth_credential_cut_args(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf);

/*
 * The credential by the sources of a location: sets facts->status,
 * ->credential, ->duplicate, ->connection.  EVOLU_CREDENTIAL_OK stands under
 * the reserve of evolu_credential_check().  *given is the number of sources
 * that were present at all.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_evolu_auth_credential_find(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    evolu_facts_t *facts, ngx_uint_t *given);


#endif /* _NGX_HTTP_EVOLU_AUTH_CREDENTIAL_H_INCLUDED_ */
