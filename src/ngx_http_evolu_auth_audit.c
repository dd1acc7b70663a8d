
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_audit.h"


static ngx_uint_t ngx_http_evolu_auth_audit_admits(void);
static void ngx_http_evolu_auth_audit_rest(ngx_event_t *ev);


/* of the worker: this second's lines, and what was left out of it */

static time_t            ngx_http_evolu_auth_audit_second;
static ngx_uint_t        ngx_http_evolu_auth_audit_lines;
static ngx_uint_t        ngx_http_evolu_auth_audit_left;
static ngx_event_t       ngx_http_evolu_auth_audit_event;

/* debug logs read a timer's data as a connection */
static ngx_connection_t  ngx_http_evolu_auth_audit_dumb;


void
ngx_http_evolu_auth_audit(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_uint_t shadow)
{
    ngx_str_t         id;
    evolu_verdict_t  *verdict;

    verdict = &ctx->verdict;

    if (ctx->result < NGX_HTTP_EVOLU_AUTH_RESULT_DENIED
        || !ngx_http_evolu_auth_audit_admits())
    {
        return;
    }

    if (verdict->key_id_len) {
        id.data = verdict->key_id;
        id.len = verdict->key_id_len;

    } else {
        ngx_str_set(&id, "-");
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "evolu_auth: %s reason=%s scope=%s id=%V",
                  shadow ? "would deny" : "denied",
                  evolu_reason_name(verdict->reason),
                  evolu_scope_name(verdict->scope), &id);
}


static ngx_uint_t
ngx_http_evolu_auth_audit_admits(void)
{
    ngx_event_t  *ev;

    if (ngx_http_evolu_auth_audit_second != ngx_time()) {
        ngx_http_evolu_auth_audit_second = ngx_time();
        ngx_http_evolu_auth_audit_lines = 0;
    }

    if (ngx_http_evolu_auth_audit_lines < NGX_HTTP_EVOLU_AUTH_AUDIT_LINES) {
        ngx_http_evolu_auth_audit_lines++;
        return 1;
    }

    ngx_http_evolu_auth_audit_left++;

    ev = &ngx_http_evolu_auth_audit_event;

    if (!ev->timer_set) {
        ngx_http_evolu_auth_audit_dumb.fd = (ngx_socket_t) -1;

        ev->handler = ngx_http_evolu_auth_audit_rest;
        ev->data = &ngx_http_evolu_auth_audit_dumb;
        ev->log = ngx_cycle->log;
        ev->cancelable = 1;

        ngx_add_timer(ev, 1000);
    }

    return 0;
}


static void
ngx_http_evolu_auth_audit_rest(ngx_event_t *ev)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "evolu_auth: %ui refusals not logged",
                  ngx_http_evolu_auth_audit_left);

    ngx_http_evolu_auth_audit_left = 0;
}


void
ngx_http_evolu_auth_audit_close(void)
{
    if (ngx_http_evolu_auth_audit_left) {
        ngx_http_evolu_auth_audit_rest(&ngx_http_evolu_auth_audit_event);
    }
}
