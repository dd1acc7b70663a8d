
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The requests of a workload, one after another.
 */


#ifndef _BENCH_REQUESTS_H_INCLUDED_
#define _BENCH_REQUESTS_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>

#include "bench_keys.h"


#define BENCH_REQUEST_MAX  1024


typedef enum {
    BENCH_VALID = 0,             /* a campaign key */
    BENCH_TOKEN,                 /* an instance token, its instance in the
                                    path */
    BENCH_WRONG,                 /* a record's name, never the same secret */
    BENCH_UNKNOWN,               /* a name without a record */
    BENCH_MALFORMED,             /* breaks the grammar */
    BENCH_MISSING,               /* no key */
    BENCH_MIX                    /* 95 of 100 valid, the others of each other
                                    kind */
} bench_workload_e;


/* Zero-fill, then set what is above the line. */

typedef struct {
    bench_workload_e  workload;
    const char       *path;      /* of the request; "/" if NULL */
    uint64_t          first;     /* records first .. first + count - 1 */
    uint64_t          count;     /* not 0 */
    int               each;      /* one after another, once; else at random */
    uint64_t          random;    /* where chance starts */

    uint64_t          made;      /* requests so far */
} bench_requests_t;


/* The workload of that name into *workload; -1: there is none. */

int bench_workload(const char *name, bench_workload_e *workload);


/*
 * Writes the next request, at most BENCH_REQUEST_MAX bytes, and returns its
 * length; 0: each record has been used.
 */

size_t bench_request(bench_requests_t *requests, char *out);


#endif /* _BENCH_REQUESTS_H_INCLUDED_ */
