
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <string.h>

#include "bench_keys.h"


#define BENCH_PREFIX  "evolu_live_"


uint64_t
bench_random(uint64_t *state)
{
    uint64_t  z;

    *state += 0x9e3779b97f4a7c15;

    z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return z ^ (z >> 31);
}


size_t
bench_name(char *out, uint64_t number)
{
    int  i;

    for (i = BENCH_NAME_LEN - 1; i >= 0; i--) {
        out[i] = (char) ('0' + number % 10);
        number /= 10;
    }

    return BENCH_NAME_LEN;
}


size_t
bench_campaign_key(char *out, uint64_t number)
{
    char  *p;

    p = out;

    memcpy(p, BENCH_PREFIX, sizeof(BENCH_PREFIX) - 1);
    p += sizeof(BENCH_PREFIX) - 1;

    p += bench_name(p, number);
    *p++ = '_';
    p += bench_instance_token(p, number);

    return (size_t) (p - out);
}


size_t
bench_instance_token(char *out, uint64_t number)
{
    uint64_t  state;

    state = number << 8;

    return bench_secret(out, &state);
}


size_t
bench_secret(char *out, uint64_t *state)
{
    size_t    i;
    uint64_t  bits;

    static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789-_";

    bits = 0;

    for (i = 0; i < BENCH_SECRET_LEN; i++) {

        if (i % 10 == 0) {
            bits = bench_random(state);
        }

        out[i] = letters[bits & 63];
        bits >>= 6;
    }

    return BENCH_SECRET_LEN;
}
