
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The audit trail: one error-log line a refusal, so many a second, and a count
 * of those left out (contract, section 8).
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_AUDIT_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_AUDIT_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/* lines that one worker writes in a second; the rest is counted */
#define NGX_HTTP_EVOLU_AUTH_AUDIT_LINES  100


/*
 * Logs the refusal in ctx; what is allowed or anonymous is not logged.
 * shadow: it "would deny".
 */
void ngx_http_evolu_auth_audit(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_uint_t shadow);

/* The worker ends: logs how many lines were left out, if any were. */
void ngx_http_evolu_auth_audit_close(void);


#endif /* _NGX_HTTP_EVOLU_AUTH_AUDIT_H_INCLUDED_ */
