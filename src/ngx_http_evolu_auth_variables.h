
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The variables of the contract, section 3.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_VARIABLES_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_VARIABLES_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/* Adds the variables; from preconfiguration. */
ngx_int_t ngx_http_evolu_auth_variables_add(ngx_conf_t *cf);


#endif /* _NGX_HTTP_EVOLU_AUTH_VARIABLES_H_INCLUDED_ */
