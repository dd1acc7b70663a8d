
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_counters.h"


const uint64_t  ngx_http_evolu_auth_bounds[NGX_HTTP_EVOLU_AUTH_BUCKETS - 1] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
    500000, 1000000
};


uint64_t
ngx_http_evolu_auth_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
ngx_http_evolu_auth_count_wait(ngx_http_evolu_auth_tally_t *tally,
    uint64_t us)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_BUCKETS - 1; i++) {
        if (us <= ngx_http_evolu_auth_bounds[i]) {
            break;
        }
    }

    ngx_http_evolu_auth_count(tally, waits[i]);
    ngx_http_evolu_auth_count_n(tally, &tally->block->waited, us);
}


void
ngx_http_evolu_auth_counters_sum(ngx_http_evolu_auth_counters_t *sum,
    ngx_http_evolu_auth_counters_t *block)
{
    ngx_uint_t     i;
    ngx_atomic_t  *to, *from;

    to = (ngx_atomic_t *) sum;
    from = (ngx_atomic_t *) block;

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_COUNTERS; i++) {
        to[i] += from[i];
    }
}
