
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The metrics as text: for Prometheus, as JSON, and as a page for people.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_STATUS_PRINT_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_STATUS_PRINT_H_INCLUDED_


#include "ngx_http_evolu_auth_metrics.h"


/* what is printed so far; zero-filled but for the pool and the zone's name */

typedef struct {
    ngx_pool_t          *pool;
    ngx_str_t            zone;
    ngx_chain_t         *first;
    ngx_chain_t         *last;
    size_t               size;
    unsigned             failed:1;    /* out of memory */
} ngx_http_evolu_auth_print_t;


/*
 * Print all of it.  The result is the chain that begins at out->first, of
 * out->size bytes, unless out->failed is set.
 */
void ngx_http_evolu_auth_print_prometheus(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_metrics_t *metrics);
void ngx_http_evolu_auth_print_json(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_metrics_t *metrics);
void ngx_http_evolu_auth_print_html(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_metrics_t *metrics);


#endif /* _NGX_HTTP_EVOLU_AUTH_STATUS_PRINT_H_INCLUDED_ */
