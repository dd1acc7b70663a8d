
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The status page.  Its source is ngx_http_evolu_auth_status_page.html, which
 * scripts/page.sh turns into ngx_http_evolu_auth_status_page.c.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_STATUS_PAGE_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_STATUS_PAGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* text, then what is inserted after it: a metric, "zone" or "versions" */

typedef struct {
    ngx_str_t    text;
    const char  *insert;         /* NULL: nothing */
} ngx_http_evolu_auth_page_t;


/* All of it, up to one without text. */
extern const ngx_http_evolu_auth_page_t  ngx_http_evolu_auth_page[];

/*
 * The Content-Security-Policy: the page's own style and script, by their
 * hashes, and requests to where it came from.
 */
extern ngx_str_t  ngx_http_evolu_auth_page_policy;


#endif /* _NGX_HTTP_EVOLU_AUTH_STATUS_PAGE_H_INCLUDED_ */
