
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_ctx.h"
#include "ngx_http_evolu_auth_metrics.h"


#define ngx_http_evolu_auth_metric(counter)                                   \
    offsetof(ngx_http_evolu_auth_metrics_t, counter)


static const char *const  ngx_http_evolu_auth_metric_results[] = {
    [NGX_HTTP_EVOLU_AUTH_RESULT_NONE]        = "off",
    [NGX_HTTP_EVOLU_AUTH_RESULT_WAITING]     = NULL,  /* counted in "off" */
    [NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED]     = "allowed",
    [NGX_HTTP_EVOLU_AUTH_RESULT_ANONYMOUS]   = "anonymous",
    [NGX_HTTP_EVOLU_AUTH_RESULT_DENIED]      = "denied",
    [NGX_HTTP_EVOLU_AUTH_RESULT_UNAVAILABLE] = "unavailable"
};

static const char *const  ngx_http_evolu_auth_metric_outcomes[] = {
    [NGX_HTTP_EVOLU_AUTH_FROM_NOWHERE]       = NULL,  /* nothing to look up */
    [NGX_HTTP_EVOLU_AUTH_FROM_FRESH]         = "fresh",
    [NGX_HTTP_EVOLU_AUTH_FROM_STALE]         = "stale",
    [NGX_HTTP_EVOLU_AUTH_FROM_NEGATIVE]      = "negative",
    [NGX_HTTP_EVOLU_AUTH_FROM_MISS]          = "miss",
    [NGX_HTTP_EVOLU_AUTH_FROM_FILE]          = "file"
};

static const char *const  ngx_http_evolu_auth_metric_links[] = {
    [NGX_HTTP_EVOLU_AUTH_LINK_DOWN]          = "down",
    [NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING]    = "connecting",
    [NGX_HTTP_EVOLU_AUTH_LINK_NOT_READY]     = "not_ready",
    [NGX_HTTP_EVOLU_AUTH_LINK_LIVE]          = "live"
};

static const char *const  ngx_http_evolu_auth_metric_losses[] = {
    [NGX_HTTP_EVOLU_AUTH_LOSS_OTHER]         = "other",
    [NGX_HTTP_EVOLU_AUTH_LOSS_RESOLVE]       = "resolve",
    [NGX_HTTP_EVOLU_AUTH_LOSS_CONNECT]       = "connect",
    [NGX_HTTP_EVOLU_AUTH_LOSS_TLS]           = "tls",
    [NGX_HTTP_EVOLU_AUTH_LOSS_SENTINEL]      = "sentinel",
    [NGX_HTTP_EVOLU_AUTH_LOSS_GREETING]      = "greeting",
    [NGX_HTTP_EVOLU_AUTH_LOSS_REFUSED]       = "refused",
    [NGX_HTTP_EVOLU_AUTH_LOSS_ROLE]          = "role",
    [NGX_HTTP_EVOLU_AUTH_LOSS_MOVED]         = "moved",
    [NGX_HTTP_EVOLU_AUTH_LOSS_CLOSED]        = "closed",
    [NGX_HTTP_EVOLU_AUTH_LOSS_SILENT]        = "silent",
    [NGX_HTTP_EVOLU_AUTH_LOSS_NETWORK]       = "network",
    [NGX_HTTP_EVOLU_AUTH_LOSS_PROTOCOL]      = "protocol",
    [NGX_HTTP_EVOLU_AUTH_LOSS_LIMIT]         = "limit"
};

static const char *const  ngx_http_evolu_auth_metric_modes[] = {
    [NGX_HTTP_EVOLU_AUTH_METRICS_BCAST]      = "bcast",
    [NGX_HTTP_EVOLU_AUTH_METRICS_TTL]        = "ttl"
};

static const char *const  ngx_http_evolu_auth_metric_kinds[] = {
    [NGX_HTTP_EVOLU_AUTH_INVALIDATION_KEY]       = "key",
    [NGX_HTTP_EVOLU_AUTH_INVALIDATION_FLUSH]     = "flush",
    [NGX_HTTP_EVOLU_AUTH_INVALIDATION_EPOCH]     = "epoch",
    [NGX_HTTP_EVOLU_AUTH_INVALIDATION_LINK_LOSS] = "link_loss"
};

static const char *const  ngx_http_evolu_auth_metric_classes[] = {
    [NGX_HTTP_EVOLU_AUTH_CACHE_RECORDS]      = "record",
    [NGX_HTTP_EVOLU_AUTH_CACHE_NEGATIVES]    = "negative"
};

static const char *const  ngx_http_evolu_auth_metric_bytes[] = {
    "used", "free"
};


const ngx_http_evolu_auth_metric_t  ngx_http_evolu_auth_metrics[] = {

    { "requests_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Requests that ended, by $evolu_auth_result.",
      "result", ngx_http_evolu_auth_metric_results,
      NGX_HTTP_EVOLU_AUTH_RESULTS,
      ngx_http_evolu_auth_metric(zone.counters.requests) },

    { "denied_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Refused requests, and those that report would refuse, by "
      "$evolu_auth_reason.",
      "reason", NULL, EVOLU_REASONS,
      ngx_http_evolu_auth_metric(zone.counters.denied) },

    { "cache_lookups_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Requests that needed a record, by where it was, as $evolu_auth_cache.",
      "outcome", ngx_http_evolu_auth_metric_outcomes,
      NGX_HTTP_EVOLU_AUTH_FROMS,
      ngx_http_evolu_auth_metric(zone.counters.lookups) },

    { "stale_served_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Requests allowed by a stale record.",
      NULL, NULL, 1,
      ngx_http_evolu_auth_metric(zone.counters.stale_served) },

    { "stripped_headers_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Identity headers that clients sent and that were removed.",
      NULL, NULL, 1,
      ngx_http_evolu_auth_metric(zone.counters.stripped) },

    { "lookup_duration_seconds", NGX_HTTP_EVOLU_AUTH_METRIC_HISTOGRAM,
      "Time that requests waited for Redis, those that had to.",
      NULL, NULL, NGX_HTTP_EVOLU_AUTH_BUCKETS,
      ngx_http_evolu_auth_metric(zone.counters.waits) },

    { "redis_links", NGX_HTTP_EVOLU_AUTH_METRIC_GAUGE,
      "Links of workers to Redis, by state.",
      "state", ngx_http_evolu_auth_metric_links, NGX_HTTP_EVOLU_AUTH_LINKS,
      ngx_http_evolu_auth_metric(zone.links) },

    { "redis_reconnects_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Links to Redis, and attempts at one, that ended and were tried again, "
      "by reason.",
      "reason", ngx_http_evolu_auth_metric_losses, NGX_HTTP_EVOLU_AUTH_LOSSES,
      ngx_http_evolu_auth_metric(zone.counters.losses) },

    { "tracking_mode", NGX_HTTP_EVOLU_AUTH_METRIC_GAUGE,
      "1 when a live link hears of changes by push (bcast), or not (ttl).",
      "mode", ngx_http_evolu_auth_metric_modes,
      NGX_HTTP_EVOLU_AUTH_METRICS_MODES,
      ngx_http_evolu_auth_metric(modes) },

    { "invalidations_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "What made records stale: pushes, key and flush, once a link; changes "
      "of the epoch; times when no link was left to hear of changes.",
      "kind", ngx_http_evolu_auth_metric_kinds,
      NGX_HTTP_EVOLU_AUTH_INVALIDATIONS,
      ngx_http_evolu_auth_metric(zone.counters.invalidations) },

    { "singleflight_joined_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Requests that waited for a read that another one had begun.",
      NULL, NULL, 1,
      ngx_http_evolu_auth_metric(zone.counters.joined) },

    { "pending_lookups", NGX_HTTP_EVOLU_AUTH_METRIC_GAUGE,
      "Requests that wait for Redis now.",
      NULL, NULL, 1, ngx_http_evolu_auth_metric(zone.waiting) },

    { "zone_entries", NGX_HTTP_EVOLU_AUTH_METRIC_GAUGE,
      "Entries of the zone: records, and names without one.",
      "class", ngx_http_evolu_auth_metric_classes,
      NGX_HTTP_EVOLU_AUTH_CACHE_LISTS,
      ngx_http_evolu_auth_metric(zone.entries) },

    { "zone_bytes", NGX_HTTP_EVOLU_AUTH_METRIC_GAUGE,
      "Memory of the zone.",
      "state", ngx_http_evolu_auth_metric_bytes, 2,
      ngx_http_evolu_auth_metric(zone.bytes) },

    { "zone_evictions_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Entries that a full zone dropped for newer ones.",
      "class", ngx_http_evolu_auth_metric_classes,
      NGX_HTTP_EVOLU_AUTH_CACHE_LISTS,
      ngx_http_evolu_auth_metric(zone.evictions) },

    { "records_invalid_total", NGX_HTTP_EVOLU_AUTH_METRIC_COUNTER,
      "Records read from Redis that were void, in whole or in part.",
      NULL, NULL, 1,
      ngx_http_evolu_auth_metric(zone.counters.invalid) },

    { NULL, 0, NULL, NULL, NULL, 0, 0 }
};


void
ngx_http_evolu_auth_metrics_read(ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_http_evolu_auth_metrics_t *metrics)
{
    ngx_atomic_uint_t                  live;
    ngx_http_evolu_auth_counters_t    *counters;
    ngx_http_evolu_auth_cache_stat_t  *zone;

    zone = &metrics->zone;
    counters = &zone->counters;

    ngx_http_evolu_auth_cache_stat(mcf->cache, zone);

    /* whose client went away while it waited was judged as little */

    counters->requests[NGX_HTTP_EVOLU_AUTH_RESULT_NONE]
        += counters->requests[NGX_HTTP_EVOLU_AUTH_RESULT_WAITING];

    live = zone->links[NGX_HTTP_EVOLU_AUTH_LINK_LIVE];

    metrics->modes[NGX_HTTP_EVOLU_AUTH_METRICS_BCAST] = (zone->tracked > 0);
    metrics->modes[NGX_HTTP_EVOLU_AUTH_METRICS_TTL] = (live > zone->tracked);
}


const char *
ngx_http_evolu_auth_metric_value(const ngx_http_evolu_auth_metric_t *metric,
    ngx_uint_t i)
{
    if (metric->values != NULL) {
        return metric->values[i];
    }

    if (i == EVOLU_REASON_NONE || i == EVOLU_REASON_OK) {
        return NULL;
    }

    return evolu_reason_name(i);
}


ngx_atomic_uint_t
ngx_http_evolu_auth_metric_number(const ngx_http_evolu_auth_metric_t *metric,
    ngx_http_evolu_auth_metrics_t *metrics, ngx_uint_t i)
{
    ngx_atomic_uint_t  *first;

    first = (ngx_atomic_uint_t *) ((u_char *) metrics + metric->offset);

    return first[i];
}
