
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_auth_status: the metrics, to those who may see them.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_STATUS_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_STATUS_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/* Setter of the directive: makes it the location's content handler. */
char *ngx_http_evolu_auth_set_status(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_EVOLU_AUTH_STATUS_H_INCLUDED_ */
