
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Reading what the configuration names: files that others must not read;
 * messages that say where a directive stands.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_CONF_READ_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_CONF_READ_H_INCLUDED_


#include "ngx_http_evolu_auth.h"


/* Notes where the directive that is being read stands. */
void ngx_http_evolu_auth_conf_place(ngx_conf_t *cf,
    ngx_http_evolu_auth_place_t *place);

/* Logs "evolu_auth: <message> in <file>:<line>" at emerg. */
void ngx_http_evolu_auth_conf_error(ngx_conf_t *cf,
    ngx_http_evolu_auth_place_t *place, const char *fmt, ...);

/*
 * Reads a file that others must not read, at most max bytes.  *text is in
 * guarded memory; ngx_http_evolu_auth_conf_free() wipes and frees it.
 * NGX_CONF_OK, or NGX_CONF_ERROR after the message.
 */
char *ngx_http_evolu_auth_conf_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_evolu_auth_place_t *place, size_t max, ngx_str_t *text);

void ngx_http_evolu_auth_conf_free(ngx_str_t *text);


#endif /* _NGX_HTTP_EVOLU_AUTH_CONF_READ_H_INCLUDED_ */
