
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The credentials of the bench.  They follow from a number, so that the
 * program that writes records and the one that sends requests agree without a
 * file between them.  None of them is worth a secret.
 */


#ifndef _BENCH_KEYS_H_INCLUDED_
#define _BENCH_KEYS_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


/* as evolu-keys makes them */
#define BENCH_SECRET_LEN      40
#define BENCH_NAME_LEN        12
#define BENCH_CREDENTIAL_MAX  80


/* A generator of numbers (SplitMix64): any start will do. */

uint64_t bench_random(uint64_t *state);


/*
 * The name of record number N: 12 digits, as redis-benchmark writes
 * __rand_int__.  Writes BENCH_NAME_LEN bytes, returns their number.
 */

size_t bench_name(char *out, uint64_t number);


/*
 * The campaign key of a record, evolu_live_NAME_SECRET, and the token of an
 * instance, SECRET.  At most BENCH_CREDENTIAL_MAX bytes; return their number.
 */

size_t bench_campaign_key(char *out, uint64_t number);
size_t bench_instance_token(char *out, uint64_t number);


/* BENCH_SECRET_LEN letters that follow from state, which moves on. */

size_t bench_secret(char *out, uint64_t *state);


#endif /* _BENCH_KEYS_H_INCLUDED_ */
