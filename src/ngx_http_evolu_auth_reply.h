
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Refusals: the filter module gives a refused request its headers and body.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_REPLY_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_REPLY_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/*
 * Records that the location refuses the request with a status: that of its
 * verdict, or 401 where an identity is needed and there is none.  When a
 * response with that status goes out the filter adds Cache-Control,
 * WWW-Authenticate and Retry-After, and, unless an error_page took the request
 * over, the body.  Returns the status, for the phase handler to return.
 */
ngx_int_t ngx_http_evolu_auth_reply_refuse(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    ngx_uint_t status);

/*
 * Adds a header to the response, name and value as they are; known: where
 * r->headers_out points to it, or NULL.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_evolu_auth_reply_add(ngx_http_request_t *r,
    ngx_table_elt_t **known, char *name, ngx_str_t *value);

/* Adds "Cache-Control: no-store" to the response.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_evolu_auth_reply_no_store(ngx_http_request_t *r);

/*
 * The access phase let the request through: a refusal given in this pass does
 * not count ("satisfy any"), nor an earlier one when the location that an
 * error_page led to has itself judged and not refused.
 */
void ngx_http_evolu_auth_reply_withdraw(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf);

/* Puts the filters in place; from the filter module's postconfiguration. */
ngx_int_t ngx_http_evolu_auth_reply_init(ngx_conf_t *cf);


#endif /* _NGX_HTTP_EVOLU_AUTH_REPLY_H_INCLUDED_ */
