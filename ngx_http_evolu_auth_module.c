
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The table of contents: directives, variables, phases, process hooks, of
 * both modules.
 */


#include "ngx_http_evolu_auth_audit.h"
#include "ngx_http_evolu_auth_directives.h"
#include "ngx_http_evolu_auth_handler.h"
#include "ngx_http_evolu_auth_recall.h"
#include "ngx_http_evolu_auth_reply.h"
#include "ngx_http_evolu_auth_status.h"
#include "ngx_http_evolu_auth_variables.h"
#include "ngx_http_evolu_auth_whoami.h"


#define NGX_HTTP_EVOLU_AUTH_ANYWHERE                                          \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF


static ngx_int_t ngx_http_evolu_auth_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_evolu_auth_filter_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_evolu_auth_init_process(ngx_cycle_t *cycle);
static void ngx_http_evolu_auth_exit_process(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_evolu_auth_commands[] = {

    { ngx_string("evolu_auth"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_evolu_auth_set_enable,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_evolu_auth_set_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_evolu_auth_set_redis,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_key_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_evolu_auth_set_key_file,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_pepper"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_evolu_auth_set_pepper,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_key_sources"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_evolu_auth_set_sources,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_scope"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_evolu_auth_set_scope,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_instance"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_evolu_auth_set_address,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_evolu_auth_loc_conf_t, instance),
      NULL },

    { ngx_string("evolu_auth_campaign"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_evolu_auth_set_address,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_evolu_auth_loc_conf_t, campaign),
      NULL },

    { ngx_string("evolu_auth_token_index"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_evolu_auth_loc_conf_t, token_index),
      NULL },

    { ngx_string("evolu_auth_mode"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_evolu_auth_loc_conf_t, modes),
      &ngx_http_evolu_auth_modes },

    { ngx_string("evolu_auth_reserved_args"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_1MORE,
      ngx_http_evolu_auth_set_reserved,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_header"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE2,
      ngx_http_evolu_auth_set_header,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_hide_credentials"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_evolu_auth_loc_conf_t, hide),
      NULL },

    { ngx_string("evolu_auth_error_format"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_evolu_auth_loc_conf_t, format),
      &ngx_http_evolu_auth_formats },

    { ngx_string("evolu_auth_realm"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE1,
      ngx_http_evolu_auth_set_realm,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_preflight"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_evolu_auth_loc_conf_t, preflight),
      NULL },

    { ngx_string("evolu_auth_failure_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_evolu_auth_set_failure_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_failure_limit"),
      NGX_HTTP_EVOLU_AUTH_ANYWHERE|NGX_CONF_TAKE12,
      ngx_http_evolu_auth_set_failure_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_status"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_evolu_auth_set_status,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("evolu_auth_whoami"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_evolu_auth_set_whoami,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_evolu_auth_module_ctx = {
    ngx_http_evolu_auth_variables_add,     /* preconfiguration */
    ngx_http_evolu_auth_init,              /* postconfiguration */

    ngx_http_evolu_auth_create_main_conf,  /* create main configuration */
    ngx_http_evolu_auth_init_main_conf,    /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_evolu_auth_create_loc_conf,   /* create location configuration */
    ngx_http_evolu_auth_merge_loc_conf     /* merge location configuration */
};


ngx_module_t  ngx_http_evolu_auth_module = {
    NGX_MODULE_V1,
    &ngx_http_evolu_auth_module_ctx,       /* module context */
    ngx_http_evolu_auth_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_http_evolu_auth_init_process,      /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_evolu_auth_exit_process,      /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* the second module: its place in nginx's list is that of a filter */

static ngx_http_module_t  ngx_http_evolu_auth_filter_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_evolu_auth_filter_init,       /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_evolu_auth_filter_module = {
    NGX_MODULE_V1,
    &ngx_http_evolu_auth_filter_module_ctx, /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_evolu_auth_init(ngx_conf_t *cf)
{
    if (ngx_http_evolu_auth_conf_finish(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_evolu_auth_handler_init(cf);
}


static ngx_int_t
ngx_http_evolu_auth_filter_init(ngx_conf_t *cf)
{
    if (ngx_http_evolu_auth_reply_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_evolu_auth_handler_init_late(cf);
}


static ngx_int_t
ngx_http_evolu_auth_init_process(ngx_cycle_t *cycle)
{
    ngx_http_evolu_auth_main_conf_t  *mcf;

    /* cache managers and loaders run this too */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_evolu_auth_module);

    /* without an http block there is none */

    if (mcf == NULL || !mcf->enabled) {
        return NGX_OK;
    }

    if (mcf->peppers != NULL && evolu_peppers_lock(mcf->peppers) != 0) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "evolu_auth: peppers can't be locked in memory; raise "
                      "\"ulimit -l\" to keep them out of swap");
    }

    mcf->recall = ngx_http_evolu_auth_recall_create(cycle->pool, mcf->cache);

    return ngx_http_evolu_auth_store_open(&mcf->store, cycle);
}


static void
ngx_http_evolu_auth_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle,
                                              ngx_http_evolu_auth_module);

    if (mcf != NULL && mcf->enabled) {
        ngx_http_evolu_auth_store_close(&mcf->store);
        ngx_http_evolu_auth_audit_close();
    }
}
