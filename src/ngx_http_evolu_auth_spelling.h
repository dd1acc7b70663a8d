
/*
 * Copyright (C) Evolu Auth Authors
 *
 * How the arguments of $evolu_arg_NAME are spelled: nginx itself keeps the
 * names of variables in lower case only, while arguments are compared exactly
 * (contract, section 3).
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_SPELLING_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_SPELLING_H_INCLUDED_


#include "ngx_http_evolu_auth_conf.h"


/*
 * Notes the spelling of one argument; it must be kept by the caller.  NGX_OK,
 * or NGX_ERROR after the message that it is spelled otherwise elsewhere.
 */
ngx_int_t ngx_http_evolu_auth_spelling_add(ngx_conf_t *cf, ngx_str_t *name);

/* The same for each $evolu_arg_NAME that a text mentions. */
ngx_int_t ngx_http_evolu_auth_spelling_of(ngx_conf_t *cf, ngx_str_t *text);

/*
 * Looks for the rest in the text of the configuration, where nginx kept it,
 * and checks that no variable is left whose spelling is not known.  NGX_OK, or
 * NGX_ERROR after the message.
 */
ngx_int_t ngx_http_evolu_auth_spelling_finish(ngx_conf_t *cf);

/* The argument as spelled, by its name in any case; NULL: not known. */
ngx_str_t *ngx_http_evolu_auth_spelling_find(
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_str_t *name);


#endif /* _NGX_HTTP_EVOLU_AUTH_SPELLING_H_INCLUDED_ */
