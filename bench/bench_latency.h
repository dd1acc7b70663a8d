
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A histogram of times, exact to 1 %.
 */


#ifndef _BENCH_LATENCY_H_INCLUDED_
#define _BENCH_LATENCY_H_INCLUDED_


#include <stdint.h>


/* 64 to 127 steps in each power of two */
#define BENCH_LATENCY_BITS   6
#define BENCH_LATENCY_SLOTS  (64 << BENCH_LATENCY_BITS)


/* Zero-fill before use. */

typedef struct {
    uint64_t  n;
    uint64_t  most;              /* nanoseconds */
    uint64_t  slot[BENCH_LATENCY_SLOTS];
} bench_latency_t;


void bench_latency_add(bench_latency_t *latency, uint64_t nanoseconds);


/*
 * The time, in nanoseconds, that PART of 1,000,000 requests did not exceed; 0
 * when none was added.
 */

uint64_t bench_latency_at(bench_latency_t *latency, uint64_t part);


#endif /* _BENCH_LATENCY_H_INCLUDED_ */
