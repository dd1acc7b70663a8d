
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The setters of the directive table: each reads one directive's arguments.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_DIRECTIVES_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_DIRECTIVES_H_INCLUDED_


#include "ngx_http_evolu_auth_conf.h"


char *ngx_http_evolu_auth_set_enable(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_zone(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_pepper(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_sources(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_scope(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* evolu_auth_instance and evolu_auth_campaign: cmd->offset tells which */
char *ngx_http_evolu_auth_set_address(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_reserved(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_realm(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_evolu_auth_set_failure_zone(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
char *ngx_http_evolu_auth_set_failure_limit(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);

extern ngx_conf_enum_t  ngx_http_evolu_auth_modes[];
extern ngx_conf_enum_t  ngx_http_evolu_auth_formats[];


#endif /* _NGX_HTTP_EVOLU_AUTH_DIRECTIVES_H_INCLUDED_ */
