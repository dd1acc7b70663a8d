
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The base of the shell: nginx's headers, both modules, and what differs
 * between nginx versions.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "evolu_secret.h"
#include "evolu_target.h"
#include "evolu_verdict.h"


/* since 1.23.0 headers with the same name are linked */

#if (nginx_version >= 1023000)
#define ngx_http_evolu_auth_header_next(h)  (h)->next = NULL
#else
#define ngx_http_evolu_auth_header_next(h)
#endif


/* where a directive stands, for messages that come later */

typedef struct {
    ngx_str_t   file;
    ngx_uint_t  line;
} ngx_http_evolu_auth_place_t;


extern ngx_module_t  ngx_http_evolu_auth_module;
extern ngx_module_t  ngx_http_evolu_auth_filter_module;


static ngx_inline evolu_bytes_t
ngx_http_evolu_auth_bytes(ngx_str_t *s)
{
    evolu_bytes_t  b;

    b.data = s->data;
    b.len = s->len;

    return b;
}


/* "_" and "." as "-", lower case: how identity names are compared */

static ngx_inline u_char
ngx_http_evolu_auth_fold(u_char ch)
{
    return (ch == '_' || ch == '.') ? '-' : ngx_tolower(ch);
}


/* 1 when two names are one name in any spelling, else 0 */

static ngx_inline ngx_uint_t
ngx_http_evolu_auth_same_name(ngx_str_t *a, ngx_str_t *b)
{
    size_t  i;

    if (a->len != b->len) {
        return 0;
    }

    for (i = 0; i < a->len; i++) {

        if (ngx_http_evolu_auth_fold(a->data[i])
            != ngx_http_evolu_auth_fold(b->data[i]))
        {
            return 0;
        }
    }

    return 1;
}


#endif /* _NGX_HTTP_EVOLU_AUTH_H_INCLUDED_ */
