
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_auth_redis: its URL, its parameters, the addresses they lead to.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_CONF_REDIS_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_CONF_REDIS_H_INCLUDED_


#include "ngx_http_evolu_auth_conf_read.h"
#include "ngx_http_evolu_auth_redis.h"


/* Setter of evolu_auth_redis; sets *conf. */
char *ngx_http_evolu_auth_redis_set(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t **conf);

/*
 * Addresses of the store or of its sentinels, once the http block was read:
 * host names are left to the http level's resolver, or resolved now.  NGX_OK
 * or NGX_ERROR.
 */
ngx_int_t ngx_http_evolu_auth_redis_resolve(ngx_conf_t *cf,
    ngx_http_evolu_auth_redis_conf_t *conf);

/* Wipes the passwords, with the configuration. */
void ngx_http_evolu_auth_redis_wipe(ngx_http_evolu_auth_redis_conf_t *conf);


#endif /* _NGX_HTTP_EVOLU_AUTH_CONF_REDIS_H_INCLUDED_ */
