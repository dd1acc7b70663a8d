
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The judgement of a request: has its facts gathered and the records looked
 * up, lets the core decide, keeps the outcome in the context.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_JUDGE_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_JUDGE_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/*
 * Judges the request by the policy of lcf, or goes on with it when the answer
 * that it waited for is there.  NGX_OK: ctx holds the result.  NGX_AGAIN:
 * ctx->result is WAITING, the connection's write event will be posted.
 * NGX_ERROR: out of memory.
 */
ngx_int_t ngx_http_evolu_auth_judge(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf);


#endif /* _NGX_HTTP_EVOLU_AUTH_JUDGE_H_INCLUDED_ */
