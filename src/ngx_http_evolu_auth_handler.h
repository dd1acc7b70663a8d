
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The four phase handlers: take, judge, refuse, dress (architecture.md, "A
 * request's way").
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_HANDLER_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_HANDLER_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"



/* Registers the handlers where evolu_auth is in force. */
ngx_int_t ngx_http_evolu_auth_handler_init(ngx_conf_t *cf);

/*
 * Registers the one that must run before the rewrite module's.  Handlers of a
 * phase run in the reverse order of their registration, so it takes the
 * postconfiguration of a module that stands behind rewrite: the filter's.
 */
ngx_int_t ngx_http_evolu_auth_handler_init_late(ngx_conf_t *cf);


#endif /* _NGX_HTTP_EVOLU_AUTH_HANDLER_H_INCLUDED_ */
