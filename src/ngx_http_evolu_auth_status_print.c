
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_status_page.h"
#include "ngx_http_evolu_auth_status_print.h"
#include "evolu_version.h"

#include <hiredis/hiredis.h>
#include <sodium.h>


#define NGX_HTTP_EVOLU_AUTH_PRINT_BUFFER  8192
#define NGX_HTTP_EVOLU_AUTH_PRINT_LINE    512   /* and the zone's name */

#define ngx_http_evolu_auth_text(n)      ngx_http_evolu_auth_text_of(n)
#define ngx_http_evolu_auth_text_of(n)   #n

#define NGX_HTTP_EVOLU_AUTH_HIREDIS                                           \
    ngx_http_evolu_auth_text(HIREDIS_MAJOR) "."                               \
    ngx_http_evolu_auth_text(HIREDIS_MINOR) "."                               \
    ngx_http_evolu_auth_text(HIREDIS_PATCH)


/* how a name is written in a format: its length with n = NULL, else into p */

typedef uintptr_t (*ngx_http_evolu_auth_escape_pt)(u_char *p, u_char *src,
    size_t size);


static void ngx_http_evolu_auth_print_family(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics);
static void ngx_http_evolu_auth_print_histogram(
    ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics);
static void ngx_http_evolu_auth_print_member(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics);
static void ngx_http_evolu_auth_print_buckets(
    ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics);
static void ngx_http_evolu_auth_print_insert(ngx_http_evolu_auth_print_t *out,
    const char *name, ngx_http_evolu_auth_metrics_t *metrics);
static void ngx_http_evolu_auth_print_rows(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics);
static void ngx_http_evolu_auth_print_bound(ngx_http_evolu_auth_print_t *out,
    ngx_uint_t i);
static void ngx_http_evolu_auth_print_escape(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_escape_pt escape);
static uintptr_t ngx_http_evolu_auth_escape_label(u_char *p, u_char *src,
    size_t size);

static void ngx_http_evolu_auth_printf(ngx_http_evolu_auth_print_t *out,
    const char *fmt, ...);
static void ngx_http_evolu_auth_print_text(ngx_http_evolu_auth_print_t *out,
    const ngx_str_t *text);
static ngx_buf_t *ngx_http_evolu_auth_print_buffer(
    ngx_http_evolu_auth_print_t *out, ngx_buf_t *b);


static const char *const  ngx_http_evolu_auth_print_types[] = {
    [NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER]   = "counter",
    [NGX_HTTP_EVOLU_AUTH_METRIC_GAUGE]     = "gauge",
    [NGX_HTTP_EVOLU_AUTH_METRIC_HISTOGRAM] = "histogram"
};


/* text format 0.0.4 */

void
ngx_http_evolu_auth_print_prometheus(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    const ngx_http_evolu_auth_metric_t  *metric;

    ngx_http_evolu_auth_print_escape(out, ngx_http_evolu_auth_escape_label);

    for (metric = ngx_http_evolu_auth_metrics; metric->name; metric++) {

        ngx_http_evolu_auth_printf(out, "# HELP evolu_auth_%s %s\n"
                                        "# TYPE evolu_auth_%s %s\n",
                            metric->name, metric->help, metric->name,
                            ngx_http_evolu_auth_print_types[metric->type]);

        if (metric->type == NGX_HTTP_EVOLU_AUTH_METRIC_HISTOGRAM) {
            ngx_http_evolu_auth_print_histogram(out, metric, metrics);

        } else {
            ngx_http_evolu_auth_print_family(out, metric, metrics);
        }
    }

    ngx_http_evolu_auth_printf(out, "# HELP evolu_auth_build_info Versions of "
                               "the module and of what it is built on.\n"
                               "# TYPE evolu_auth_build_info gauge\n"
                               "evolu_auth_build_info{version=\"%s\","
                               "nginx=\"%s\",hiredis=\"%s\",sodium=\"%s\"} "
                               "1\n",
                               EVOLU_AUTH_VERSION, NGINX_VERSION,
                               NGX_HTTP_EVOLU_AUTH_HIREDIS,
                               sodium_version_string());
}


static void
ngx_http_evolu_auth_print_family(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    ngx_uint_t         i;
    const char        *value;
    ngx_atomic_uint_t  number;

    for (i = 0; i < metric->n; i++) {
        number = ngx_http_evolu_auth_metric_number(metric, metrics, i);

        if (metric->label == NULL) {
            ngx_http_evolu_auth_printf(out, "evolu_auth_%s{zone=\"%V\"} %uA\n",
                                       metric->name, &out->zone, number);
            continue;
        }

        value = ngx_http_evolu_auth_metric_value(metric, i);

        if (value != NULL) {
            ngx_http_evolu_auth_printf(out, "evolu_auth_%s{zone=\"%V\","
                                            "%s=\"%s\"} %uA\n",
                                       metric->name, &out->zone, metric->label,
                                       value, number);
        }
    }
}


static void
ngx_http_evolu_auth_print_histogram(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    ngx_uint_t         i;
    const char        *name;
    ngx_str_t         *zone;
    ngx_atomic_uint_t  total, waited;

    name = metric->name;
    zone = &out->zone;
    waited = metrics->zone.counters.waited;
    total = 0;

    for (i = 0; i < metric->n; i++) {
        total += ngx_http_evolu_auth_metric_number(metric, metrics, i);

        ngx_http_evolu_auth_printf(out, "evolu_auth_%s_bucket{zone=\"%V\","
                                        "le=\"", name, zone);
        ngx_http_evolu_auth_print_bound(out, i);
        ngx_http_evolu_auth_printf(out, "\"} %uA\n", total);
    }

    ngx_http_evolu_auth_printf(out, "evolu_auth_%s_sum{zone=\"%V\"} "
                                    "%uA.%06uA\n"
                                    "evolu_auth_%s_count{zone=\"%V\"} %uA\n",
                               name, zone, waited / 1000000, waited % 1000000,
                               name, zone, total);
}


/* an upper bound in seconds, as short as it can be */

static void
ngx_http_evolu_auth_print_bound(ngx_http_evolu_auth_print_t *out, ngx_uint_t i)
{
    uint64_t    us;
    ngx_uint_t  digits;

    if (i == NGX_HTTP_EVOLU_AUTH_BUCKETS - 1) {
        ngx_http_evolu_auth_printf(out, "+Inf");
        return;
    }

    us = ngx_http_evolu_auth_bounds[i];

    ngx_http_evolu_auth_printf(out, "%uL", us / 1000000);

    us %= 1000000;

    if (us == 0) {
        return;
    }

    ngx_http_evolu_auth_printf(out, ".");

    for (digits = 100000; us != 0; digits /= 10) {
        ngx_http_evolu_auth_printf(out, "%uL", us / digits);
        us %= digits;
    }
}


void
ngx_http_evolu_auth_print_json(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    const ngx_http_evolu_auth_metric_t  *metric;

    ngx_http_evolu_auth_print_escape(out, ngx_escape_json);

    ngx_http_evolu_auth_printf(out, "{\"zone\":\"%V\",\"time\":%T,"
                               "\"build_info\":{\"version\":\"%s\","
                               "\"nginx\":\"%s\",\"hiredis\":\"%s\","
                               "\"sodium\":\"%s\"}",
                               &out->zone, ngx_time(), EVOLU_AUTH_VERSION,
                               NGINX_VERSION, NGX_HTTP_EVOLU_AUTH_HIREDIS,
                               sodium_version_string());

    for (metric = ngx_http_evolu_auth_metrics; metric->name; metric++) {

        ngx_http_evolu_auth_printf(out, ",\"%s\":", metric->name);

        if (metric->type == NGX_HTTP_EVOLU_AUTH_METRIC_HISTOGRAM) {
            ngx_http_evolu_auth_print_buckets(out, metric, metrics);

        } else {
            ngx_http_evolu_auth_print_member(out, metric, metrics);
        }
    }

    ngx_http_evolu_auth_printf(out, "}\n");
}


static void
ngx_http_evolu_auth_print_member(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    char               comma;
    ngx_uint_t         i;
    const char        *value;
    ngx_atomic_uint_t  number;

    comma = '{';

    for (i = 0; i < metric->n; i++) {
        number = ngx_http_evolu_auth_metric_number(metric, metrics, i);

        if (metric->label == NULL) {
            ngx_http_evolu_auth_printf(out, "%uA", number);
            return;
        }

        value = ngx_http_evolu_auth_metric_value(metric, i);

        if (value != NULL) {
            ngx_http_evolu_auth_printf(out, "%c\"%s\":%uA", comma, value,
                                       number);
            comma = ',';
        }
    }

    ngx_http_evolu_auth_printf(out, "}");
}


/* cumulative, as for Prometheus */

static void
ngx_http_evolu_auth_print_buckets(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    ngx_uint_t         i;
    ngx_atomic_uint_t  total, waited;

    total = 0;
    waited = metrics->zone.counters.waited;

    for (i = 0; i < metric->n; i++) {
        total += ngx_http_evolu_auth_metric_number(metric, metrics, i);

        ngx_http_evolu_auth_printf(out, "%s\"",
                                   i == 0 ? "{\"buckets\":{" : ",");
        ngx_http_evolu_auth_print_bound(out, i);
        ngx_http_evolu_auth_printf(out, "\":%uA", total);
    }

    ngx_http_evolu_auth_printf(out, "},\"sum\":%uA.%06uA,\"count\":%uA}",
                               waited / 1000000, waited % 1000000, total);
}


/* The page, with numbers where it names a metric. */

void
ngx_http_evolu_auth_print_html(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    const ngx_http_evolu_auth_page_t  *piece;

    ngx_http_evolu_auth_print_escape(out, ngx_escape_html);

    for (piece = ngx_http_evolu_auth_page; piece->text.len; piece++) {

        ngx_http_evolu_auth_print_text(out, &piece->text);

        if (piece->insert != NULL) {
            ngx_http_evolu_auth_print_insert(out, piece->insert, metrics);
        }
    }
}


static void
ngx_http_evolu_auth_print_insert(ngx_http_evolu_auth_print_t *out,
    const char *name, ngx_http_evolu_auth_metrics_t *metrics)
{
    const ngx_http_evolu_auth_metric_t  *metric;

    if (ngx_strcmp(name, "zone") == 0) {
        ngx_http_evolu_auth_printf(out, "%V", &out->zone);
        return;
    }

    if (ngx_strcmp(name, "versions") == 0) {
        ngx_http_evolu_auth_printf(out, "%s, nginx %s, hiredis %s, libsodium "
                                        "%s", EVOLU_AUTH_VERSION,
                                   NGINX_VERSION, NGX_HTTP_EVOLU_AUTH_HIREDIS,
                                   sodium_version_string());
        return;
    }

    for (metric = ngx_http_evolu_auth_metrics; metric->name; metric++) {

        if (ngx_strcmp(metric->name, name) == 0) {
            ngx_http_evolu_auth_print_rows(out, metric, metrics);
            return;
        }
    }
}


/* a number alone, or rows of a table */

static void
ngx_http_evolu_auth_print_rows(ngx_http_evolu_auth_print_t *out,
    const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    ngx_uint_t         i, histogram;
    const char        *value;
    ngx_atomic_uint_t  number;

    histogram = (metric->type == NGX_HTTP_EVOLU_AUTH_METRIC_HISTOGRAM);

    for (i = 0; i < metric->n; i++) {
        number = ngx_http_evolu_auth_metric_number(metric, metrics, i);

        if (histogram) {
            ngx_http_evolu_auth_printf(out, "<tr data-key=\"");
            ngx_http_evolu_auth_print_bound(out, i);
            ngx_http_evolu_auth_printf(out, "\"><th scope=\"row\">");
            ngx_http_evolu_auth_print_bound(out, i);
            ngx_http_evolu_auth_printf(out, "</th><td>%uA</td></tr>\n",
                                       number);
            continue;
        }

        if (metric->label == NULL) {
            ngx_http_evolu_auth_printf(out, "%uA", number);
            continue;
        }

        value = ngx_http_evolu_auth_metric_value(metric, i);

        if (value != NULL) {
            ngx_http_evolu_auth_printf(out, "<tr data-key=\"%s\">"
                                       "<th scope=\"row\">%s</th>"
                                       "<td>%uA</td></tr>\n",
                                       value, value, number);
        }
    }
}


/* Writes the zone's name as the format wants it, once for all uses. */

static void
ngx_http_evolu_auth_print_escape(ngx_http_evolu_auth_print_t *out,
    ngx_http_evolu_auth_escape_pt escape)
{
    u_char     *p;
    size_t      more;
    ngx_str_t  *zone;

    zone = &out->zone;
    more = escape(NULL, zone->data, zone->len);

    if (more == 0) {
        return;
    }

    p = ngx_pnalloc(out->pool, zone->len + more);
    if (p == NULL) {
        out->failed = 1;
        return;
    }

    zone->len = (u_char *) escape(p, zone->data, zone->len) - p;
    zone->data = p;
}


static uintptr_t
ngx_http_evolu_auth_escape_label(u_char *p, u_char *src, size_t size)
{
    size_t  i, more;

    more = 0;

    for (i = 0; i < size; i++) {

        if (src[i] != '\\' && src[i] != '"' && src[i] != '\n') {
            if (p != NULL) {
                *p++ = src[i];
            }

            continue;
        }

        more++;

        if (p != NULL) {
            *p++ = '\\';
            *p++ = (src[i] == '\n') ? 'n' : src[i];
        }
    }

    return (p != NULL) ? (uintptr_t) p : more;
}


/* At most LINE bytes besides the zone's name. */

static void
ngx_http_evolu_auth_printf(ngx_http_evolu_auth_print_t *out, const char *fmt,
    ...)
{
    size_t      need;
    u_char     *p;
    va_list     args;
    ngx_buf_t  *b;

    need = NGX_HTTP_EVOLU_AUTH_PRINT_LINE + 2 * out->zone.len;
    b = (out->last != NULL) ? out->last->buf : NULL;

    if (b == NULL || !b->temporary || (size_t) (b->end - b->last) < need) {
        b = ngx_create_temp_buf(out->pool,
                            ngx_max(NGX_HTTP_EVOLU_AUTH_PRINT_BUFFER, need));
        b = ngx_http_evolu_auth_print_buffer(out, b);

        if (b == NULL) {
            return;
        }
    }

    va_start(args, fmt);
    p = ngx_vslprintf(b->last, b->end, fmt, args);
    va_end(args);

    out->size += p - b->last;
    b->last = p;
}


/* Text that stays where it is. */

static void
ngx_http_evolu_auth_print_text(ngx_http_evolu_auth_print_t *out,
    const ngx_str_t *text)
{
    ngx_buf_t  *b;

    b = ngx_http_evolu_auth_print_buffer(out, ngx_calloc_buf(out->pool));

    if (b == NULL) {
        return;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;

    out->size += text->len;
}


/* Appends b; NULL when out of memory, now or before. */

static ngx_buf_t *
ngx_http_evolu_auth_print_buffer(ngx_http_evolu_auth_print_t *out,
    ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(out->pool);

    if (b == NULL || cl == NULL || out->failed) {
        out->failed = 1;
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;

    if (out->last != NULL) {
        out->last->next = cl;

    } else {
        out->first = cl;
    }

    out->last = cl;

    return b;
}
