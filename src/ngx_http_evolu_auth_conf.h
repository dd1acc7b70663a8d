
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The configuration: structures, setters, inheritance, cross-checks.  All of
 * it is constant once nginx runs, but for what is marked as the worker's.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_CONF_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_CONF_H_INCLUDED_


#include "ngx_http_evolu_auth_conf_read.h"
#include "ngx_http_evolu_auth_failures.h"
#include "ngx_http_evolu_auth_store.h"


/* credential sources in one http block, so that a set fits into 32 bits */
#define NGX_HTTP_EVOLU_AUTH_SOURCES  32


/* largest key file, in bytes */
#define NGX_HTTP_EVOLU_AUTH_FILE_MAX  (256 * 1024 * 1024)


/* prefix of the variables $evolu_arg_NAME */
#define NGX_HTTP_EVOLU_AUTH_ARG  "evolu_arg_"


/* evolu_auth */

#define NGX_HTTP_EVOLU_AUTH_OFF       0
#define NGX_HTTP_EVOLU_AUTH_ON        1
#define NGX_HTTP_EVOLU_AUTH_OPTIONAL  2
#define NGX_HTTP_EVOLU_AUTH_REPORT    3


/* the challenge when evolu_auth_realm is off */
#define NGX_HTTP_EVOLU_AUTH_SCHEME  "Bearer"


/* evolu_auth_error_format */

#define NGX_HTTP_EVOLU_AUTH_FORMAT_OFF        0
#define NGX_HTTP_EVOLU_AUTH_FORMAT_EVOLU      1
#define NGX_HTTP_EVOLU_AUTH_FORMAT_EVOLUTION  2
#define NGX_HTTP_EVOLU_AUTH_FORMAT_PROBLEM    3


typedef enum {
    NGX_HTTP_EVOLU_AUTH_SOURCE_HEADER = 0,
    NGX_HTTP_EVOLU_AUTH_SOURCE_BEARER,
    NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY
} ngx_http_evolu_auth_source_e;


typedef struct {
    ngx_http_evolu_auth_source_e       kind;
    ngx_str_t                          name;     /* header: lower case */
    ngx_uint_t                         index;    /* in the http block's set */
} ngx_http_evolu_auth_source_t;


/* what evolu_auth_header injects; the defaults need no script */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_VALUE_OF_SCOPE = 0,
    NGX_HTTP_EVOLU_AUTH_VALUE_OF_INSTANCE,
    NGX_HTTP_EVOLU_AUTH_VALUE_OF_CAMPAIGN,
    NGX_HTTP_EVOLU_AUTH_VALUE_OF_LIVEMODE,
    NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID,
    NGX_HTTP_EVOLU_AUTH_VALUE_COMPLEX
} ngx_http_evolu_auth_value_of_e;


typedef struct {
    ngx_str_t                          name;
    u_char                            *lowcase;
    ngx_uint_t                         hash;     /* of lowcase */
    size_t                             offset;   /* of its pointer in
                                                    r->headers_in, or 0 */
    ngx_http_evolu_auth_value_of_e     kind;
    ngx_http_complex_value_t           value;    /* of VALUE_COMPLEX */
    unsigned                           replaces:1; /* the client's is removed
                                                      only where injected */
} ngx_http_evolu_auth_header_t;


/*
 * A header name that is looked for in every request.  Identity headers match
 * in every spelling ("_" and "." for "-"), the others exactly.
 */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_NAME_IDENTITY = 0,
    NGX_HTTP_EVOLU_AUTH_NAME_REPLACED,    /* injected, but not removed */
    NGX_HTTP_EVOLU_AUTH_NAME_SOURCE,
    NGX_HTTP_EVOLU_AUTH_NAME_CONNECTION
} ngx_http_evolu_auth_name_e;


typedef struct ngx_http_evolu_auth_name_s  ngx_http_evolu_auth_name_t;

struct ngx_http_evolu_auth_name_s {
    ngx_str_t                          name;     /* lower case; identity:
                                                    folded */
    ngx_http_evolu_auth_name_e         kind;
    ngx_http_evolu_auth_source_t      *source;   /* of NAME_SOURCE */
    size_t                             offset;   /* of its pointer in
                                                    r->headers_in, or 0 */
    ngx_http_evolu_auth_name_t        *next;     /* of the same length */
};


/* by length, modulo this */
#define NGX_HTTP_EVOLU_AUTH_LENGTHS  32


/* evolu_auth_failure_limit; zone may be a matter of the request */

typedef struct {
    ngx_http_complex_value_t           zone;
    ngx_http_evolu_auth_failures_t    *failures; /* NULL: by zone */
    ngx_uint_t                         burst;
    ngx_http_evolu_auth_place_t        place;
} ngx_http_evolu_auth_limit_t;


typedef struct ngx_http_evolu_auth_recall_s  ngx_http_evolu_auth_recall_t;


typedef struct {
    ngx_http_evolu_auth_cache_t       *cache;    /* NULL: no zone */
    ngx_http_evolu_auth_redis_conf_t  *redis;    /* NULL: no Redis */
    evolu_peppers_t                   *peppers;  /* NULL: none */
    evolu_keyfile_t                   *file;     /* NULL: no key file */
    evolu_record_t                    *globals;  /* global keys; NULL: none */
    ngx_http_evolu_auth_store_t        store;    /* the worker's */
    ngx_http_evolu_auth_recall_t      *recall;   /* the worker's; NULL: none */

    ngx_str_t                          file_name;
    ngx_http_evolu_auth_place_t        file_place;
    ngx_http_evolu_auth_place_t        on_place; /* first evolu_auth in force */
    ngx_http_evolu_auth_place_t        status_place; /* first status */

    ngx_array_t                        sources;  /* of ngx_http_evolu_auth_
                                                    source_t *, in force */
    ngx_array_t                        lists;    /* of ngx_array_t *, each of
                                                    header_t */
    ngx_array_t                        failures; /* of ngx_http_evolu_auth_
                                                    failures_t * */
    ngx_array_t                        limits;   /* of limit_t *, all */
    ngx_array_t                       *default_sources;
    ngx_array_t                       *default_headers;
    ngx_array_t                        spelling; /* of ngx_str_t: arguments of
                                                    $evolu_arg_, exact case */
    ngx_http_evolu_auth_name_t        *names[NGX_HTTP_EVOLU_AUTH_LENGTHS];
    ngx_int_t                          request_uri; /* index of the variable,
                                                       with query */

    unsigned                           enabled:1;     /* on somewhere */
    unsigned                           query:1;       /* a query source */
    unsigned                           subrequest:1;  /* the worker's: the
                                                         warning was given */
} ngx_http_evolu_auth_main_conf_t;


typedef struct {
    ngx_uint_t                         enable;
    ngx_uint_t                         scopes;   /* evolu_auth_scope */
    ngx_uint_t                         modes;
    ngx_uint_t                         format;
    ngx_uint_t                         status;   /* evolu_auth_status: its
                                                    format */
    ngx_flag_t                         token_index;
    ngx_flag_t                         hide;
    ngx_flag_t                         preflight;
    ngx_http_complex_value_t          *instance; /* NULL: off */
    ngx_http_complex_value_t          *campaign;
    ngx_array_t                       *sources;  /* of source_t */
    ngx_array_t                       *reserved; /* of evolu_bytes_t */
    ngx_array_t                       *headers;  /* of header_t */
    ngx_http_evolu_auth_limit_t       *limit;    /* NULL: off */
    ngx_str_t                          challenge;
    ngx_http_evolu_auth_place_t        place;    /* of evolu_auth or _scope */

    /* derived when merged */
    evolu_policy_t                     policy;
    uint32_t                           source_set;
} ngx_http_evolu_auth_loc_conf_t;


/* hooks of the module */

void *ngx_http_evolu_auth_create_main_conf(ngx_conf_t *cf);
char *ngx_http_evolu_auth_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_evolu_auth_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_evolu_auth_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);

/* Cross-checks, and the table of header names; from postconfiguration. */
ngx_int_t ngx_http_evolu_auth_conf_finish(ngx_conf_t *cf);


#endif /* _NGX_HTTP_EVOLU_AUTH_CONF_H_INCLUDED_ */
