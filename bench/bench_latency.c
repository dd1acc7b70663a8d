
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "bench_latency.h"


#define BENCH_LATENCY_STEPS  ((uint64_t) 1 << BENCH_LATENCY_BITS)


static unsigned bench_latency_slot(uint64_t nanoseconds);
static uint64_t bench_latency_top(unsigned slot);


void
bench_latency_add(bench_latency_t *latency, uint64_t nanoseconds)
{
    latency->n++;
    latency->slot[bench_latency_slot(nanoseconds)]++;

    if (nanoseconds > latency->most) {
        latency->most = nanoseconds;
    }
}


uint64_t
bench_latency_at(bench_latency_t *latency, uint64_t part)
{
    unsigned  slot;
    uint64_t  sum, wanted, top;

    wanted = (latency->n * part + 999999) / 1000000;
    sum = 0;

    for (slot = 0; slot < BENCH_LATENCY_SLOTS; slot++) {

        sum += latency->slot[slot];

        if (sum >= wanted && sum != 0) {
            top = bench_latency_top(slot);
            return top < latency->most ? top : latency->most;
        }
    }

    return 0;
}


/* Small times each have a slot; of larger ones the highest bits count. */

static unsigned
bench_latency_slot(uint64_t nanoseconds)
{
    unsigned  shift;

    if (nanoseconds < 2 * BENCH_LATENCY_STEPS) {
        return (unsigned) nanoseconds;
    }

    shift = 63 - (unsigned) __builtin_clzll(nanoseconds) - BENCH_LATENCY_BITS;

    return (shift << BENCH_LATENCY_BITS) + (unsigned) (nanoseconds >> shift);
}


/* The largest time of a slot */

static uint64_t
bench_latency_top(unsigned slot)
{
    unsigned  shift;

    if (slot < 2 * BENCH_LATENCY_STEPS) {
        return slot;
    }

    shift = (slot >> BENCH_LATENCY_BITS) - 1;

    return ((slot - ((uint64_t) shift << BENCH_LATENCY_BITS) + 1) << shift) - 1;
}
