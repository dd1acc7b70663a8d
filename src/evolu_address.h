
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Client addresses and the CIDRs of "ip=".  IPv4 addresses that are mapped
 * into IPv6 (RFC 4291 2.5.5.2) are the IPv4 addresses that they stand for.
 */


#ifndef _EVOLU_ADDRESS_H_INCLUDED_
#define _EVOLU_ADDRESS_H_INCLUDED_


#include "evolu_bytes.h"


/* "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128" */
#define EVOLU_CIDR_TEXT_MAX  49


typedef enum {
    EVOLU_ADDRESS_NONE = 0,      /* a unix: peer: outside every list */
    EVOLU_ADDRESS_IPV4 = 4,
    EVOLU_ADDRESS_IPV6 = 6
} evolu_address_family_t;


typedef struct {
    unsigned char  family;       /* evolu_address_family_t */
    unsigned char  bytes[16];    /* network order; IPv4: the first four */
} evolu_address_t;


typedef struct {
    evolu_address_t  address;    /* bits beyond the prefix are zero */
    unsigned char    bits;
} evolu_cidr_t;


/* From 4 (IPv4) or 16 (IPv6) bytes in network order; else family none. */
evolu_address_t evolu_address(const unsigned char *bytes, size_t len);

/*
 * Reads "address" or "address/bits": IPv4 in four decimal parts, IPv6 as in
 * RFC 4291 2.2.  Bits beyond the prefix are cleared.  Returns 0, or -1 for
 * anything else.
 */
int evolu_cidr_parse(evolu_bytes_t text, evolu_cidr_t *cidr);

/* 1 when the address lies in one of the n CIDRs, else 0 */
int evolu_address_in(const evolu_address_t *address, const evolu_cidr_t *cidrs,
    size_t n);


#endif /* _EVOLU_ADDRESS_H_INCLUDED_ */
