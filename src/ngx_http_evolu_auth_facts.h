
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What a request says of itself, gathered for the core: the credential, what
 * is addressed, from where.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_FACTS_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_FACTS_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/*
 * Gathers ctx->facts for a judgement by lcf, all but the address; an earlier
 * judgement's are forgotten.  NGX_OK; *done is 1 when the request passes
 * without a judgement, ctx->result being ANONYMOUS.  NGX_ERROR: out of memory.
 */
ngx_int_t ngx_http_evolu_auth_facts_gather(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf,
    ngx_uint_t *done);

/* The client's address as nginx sees it; of no family when it is none. */
evolu_address_t ngx_http_evolu_auth_facts_address(ngx_http_request_t *r);

/*
 * 1 when the judgement in ctx is that of lcf and what the request addresses is
 * still the same, so that it holds after a redirect; 0 when not, -1 when out
 * of memory.
 */
ngx_int_t ngx_http_evolu_auth_facts_hold(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf);


#endif /* _NGX_HTTP_EVOLU_AUTH_FACTS_H_INCLUDED_ */
