
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The metrics (contract, section 8): their names, what they mean, and where
 * their values are.  All formats are printed from this one table.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_METRICS_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_METRICS_H_INCLUDED_


#include "ngx_http_evolu_auth_conf.h"


/* values of tracking_mode */

#define NGX_HTTP_EVOLU_AUTH_METRICS_BCAST  0
#define NGX_HTTP_EVOLU_AUTH_METRICS_TTL    1
#define NGX_HTTP_EVOLU_AUTH_METRICS_MODES  2


/* one reading of them all */

typedef struct {
    ngx_http_evolu_auth_cache_stat_t   zone;
    ngx_atomic_uint_t                  modes[NGX_HTTP_EVOLU_AUTH_METRICS_MODES];
} ngx_http_evolu_auth_metrics_t;


typedef enum {
    NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER = 0,
    NGX_HTTP_EVOLU_AUTH_METRIC_GAUGE,
    NGX_HTTP_EVOLU_AUTH_METRIC_HISTOGRAM
} ngx_http_evolu_auth_metric_e;


typedef struct {
    const char                        *name;     /* without "evolu_auth_" */
    ngx_http_evolu_auth_metric_e       type;
    const char                        *help;
    const char                        *label;    /* NULL: one value */
    const char *const                 *values;   /* of the label; NULL: they
                                                    are reasons */
    ngx_uint_t                         n;        /* places for values */
    size_t                             offset;   /* of the first one */
} ngx_http_evolu_auth_metric_t;


/* All of them, up to one without a name. */
extern const ngx_http_evolu_auth_metric_t  ngx_http_evolu_auth_metrics[];


/* Reads the numbers of the http block's zone, which must have one. */
void ngx_http_evolu_auth_metrics_read(ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_http_evolu_auth_metrics_t *metrics);

/* The label's value at a place below n, or NULL when that is not shown. */
const char *ngx_http_evolu_auth_metric_value(
    const ngx_http_evolu_auth_metric_t *metric, ngx_uint_t i);

/* The number at that place; of a histogram, of that bucket alone. */
ngx_atomic_uint_t ngx_http_evolu_auth_metric_number(
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics, ngx_uint_t i);


#endif /* _NGX_HTTP_EVOLU_AUTH_METRICS_H_INCLUDED_ */
