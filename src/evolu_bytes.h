
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A run of bytes that somebody else owns: pointer and length, never
 * terminated.  The one type that all of the core speaks.
 */


#ifndef _EVOLU_BYTES_H_INCLUDED_
#define _EVOLU_BYTES_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


typedef struct {
    const unsigned char  *data;
    size_t                len;
} evolu_bytes_t;


/* of a string literal; its terminating zero is not counted */

#define evolu_literal(s)                                                      \
    ((evolu_bytes_t) { (const unsigned char *) (s), sizeof(s) - 1 })


/* 1 when both hold the same bytes, else 0; not for secrets */

static inline int
evolu_bytes_equal(evolu_bytes_t a, evolu_bytes_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}


/* Byte order: below zero, zero or above; a prefix stands before the longer. */

static inline int
evolu_bytes_compare(evolu_bytes_t a, evolu_bytes_t b)
{
    int     order;
    size_t  len;

    len = (a.len < b.len) ? a.len : b.len;
    order = (len == 0) ? 0 : memcmp(a.data, b.data, len);

    if (order != 0) {
        return order;
    }

    return (a.len > b.len) - (a.len < b.len);
}


#endif /* _EVOLU_BYTES_H_INCLUDED_ */
