
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The arithmetic of a leaky bucket.  A level is counted in parts of a drop, so
 * small that a rate of whole drops a second or a minute is a whole number of
 * parts a millisecond: nothing is lost by rounding, however often one looks.
 */


#ifndef _EVOLU_BUCKET_H_INCLUDED_
#define _EVOLU_BUCKET_H_INCLUDED_


#include <stdint.h>


#define EVOLU_BUCKET_DROP        60000

/* rates, in parts a millisecond */
#define EVOLU_BUCKET_PER_SECOND  60
#define EVOLU_BUCKET_PER_MINUTE  1

/* largest number of drops in a rate or a burst */
#define EVOLU_BUCKET_MAX         1000000000


/* What is left of level after some milliseconds; negative ones are none. */
uint64_t evolu_bucket_leak(uint64_t level, uint64_t rate, int64_t elapsed);

/* level with one drop more */
uint64_t evolu_bucket_add(uint64_t level);

/*
 * Milliseconds until there is room for a drop; 0: there is.  A bucket holds
 * one drop and burst more; rate is not 0.
 */
uint64_t evolu_bucket_wait(uint64_t level, uint64_t rate, uint64_t burst);


#endif /* _EVOLU_BUCKET_H_INCLUDED_ */
