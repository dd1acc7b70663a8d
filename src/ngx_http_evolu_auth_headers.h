
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Removes headers from and adds headers to r->headers_in, physically: proxying
 * modules copy every element of the list, whatever its hash says.  Main
 * requests only: a subrequest shares its parent's list.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_HEADERS_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_HEADERS_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/*
 * Reads the request's headers once, before anything can see them: notes what
 * the credential sources hold and what Connection names, removes the client's
 * identity headers.  Also notes and masks credentials in the query.  NGX_OK or
 * NGX_ERROR (out of memory).
 */
ngx_int_t ngx_http_evolu_auth_headers_take(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);

/*
 * Takes the headers injected for another location out again, before this
 * one's are injected, or none.
 */
void ngx_http_evolu_auth_headers_retract(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);

/*
 * Removes the credential from what is proxied: all sources of the location,
 * all copies; from the query as well.
 */
ngx_int_t ngx_http_evolu_auth_headers_hide(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf);

/*
 * Adds the identity headers of the location by the verdict of ctx, which must
 * be allow; empty values are left out, values with CR, LF or NUL are left out
 * and logged.
 */
ngx_int_t ngx_http_evolu_auth_headers_inject(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf);


#endif /* _NGX_HTTP_EVOLU_AUTH_HEADERS_H_INCLUDED_ */
