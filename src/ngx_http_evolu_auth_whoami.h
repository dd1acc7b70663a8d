
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_auth_whoami: tells a client who it is to this location.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_WHOAMI_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_WHOAMI_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/* Setter of the directive: makes it the location's content handler. */
char *ngx_http_evolu_auth_set_whoami(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_EVOLU_AUTH_WHOAMI_H_INCLUDED_ */
