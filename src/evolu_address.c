
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <arpa/inet.h>

#include "evolu_address.h"


/* "::ffff:0:0/96" holds the mapped IPv4 addresses */

#define EVOLU_MAPPED_BITS  96
#define EVOLU_MAPPED_LEN   (EVOLU_MAPPED_BITS / 8)


static int evolu_cidr_host(const unsigned char *text, size_t len,
    unsigned char bytes[16]);
static int evolu_cidr_bits(evolu_bytes_t text, int max);
static void evolu_cidr_mask(evolu_cidr_t *cidr);
static int evolu_address_in_cidr(const evolu_address_t *address,
    const evolu_cidr_t *cidr);


static const unsigned char  evolu_address_mapped[EVOLU_MAPPED_LEN] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
};


evolu_address_t
evolu_address(const unsigned char *bytes, size_t len)
{
    evolu_address_t  address;

    memset(&address, 0, sizeof(evolu_address_t));

    if (len == 16
        && memcmp(bytes, evolu_address_mapped, EVOLU_MAPPED_LEN) == 0)
    {
        bytes += EVOLU_MAPPED_LEN;
        len = 4;
    }

    if (len == 4) {
        address.family = EVOLU_ADDRESS_IPV4;
        memcpy(address.bytes, bytes, 4);

    } else if (len == 16) {
        address.family = EVOLU_ADDRESS_IPV6;
        memcpy(address.bytes, bytes, 16);
    }

    return address;
}


int
evolu_cidr_parse(evolu_bytes_t text, evolu_cidr_t *cidr)
{
    int            bits, max;
    size_t         len;
    unsigned char  bytes[16];

    if (text.len == 0 || text.len > EVOLU_CIDR_TEXT_MAX) {
        return -1;
    }

    for (len = 0; len < text.len && text.data[len] != '/'; len++) {
        /* void */
    }

    max = evolu_cidr_host(text.data, len, bytes);
    bits = max;

    if (max != -1 && len != text.len) {
        text.data += len + 1;
        text.len -= len + 1;

        bits = evolu_cidr_bits(text, max);
    }

    if (bits == -1) {
        return -1;
    }

    cidr->address = evolu_address(bytes, (size_t) max / 8);

    if (max == 128 && cidr->address.family == EVOLU_ADDRESS_IPV4) {

        if (bits >= EVOLU_MAPPED_BITS) {
            bits -= EVOLU_MAPPED_BITS;

        } else {
            /* wider than the mapped addresses: a network of IPv6 */
            cidr->address.family = EVOLU_ADDRESS_IPV6;
            memcpy(cidr->address.bytes, bytes, 16);
        }
    }

    cidr->bits = (unsigned char) bits;
    evolu_cidr_mask(cidr);

    return 0;
}


int
evolu_address_in(const evolu_address_t *address, const evolu_cidr_t *cidrs,
    size_t n)
{
    size_t  i;

    if (address->family == EVOLU_ADDRESS_NONE) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (evolu_address_in_cidr(address, &cidrs[i])) {
            return 1;
        }
    }

    return 0;
}


/* Reads the address into bytes; returns the bits it has, or -1. */

static int
evolu_cidr_host(const unsigned char *text, size_t len,
    unsigned char bytes[16])
{
    char  host[EVOLU_CIDR_TEXT_MAX + 1];

    if (memchr(text, '\0', len) != NULL) {
        return -1;
    }

    memcpy(host, text, len);
    host[len] = '\0';

    if (inet_pton(AF_INET, host, bytes) == 1) {
        return 32;
    }

    return inet_pton(AF_INET6, host, bytes) == 1 ? 128 : -1;
}


/* Decimal 0 to max without leading zeros, or -1. */

static int
evolu_cidr_bits(evolu_bytes_t text, int max)
{
    int     bits;
    size_t  i;

    if (text.len == 0 || text.len > 3
        || (text.len > 1 && text.data[0] == '0'))
    {
        return -1;
    }

    bits = 0;

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }

        bits = bits * 10 + (text.data[i] - '0');
    }

    return bits <= max ? bits : -1;
}


static void
evolu_cidr_mask(evolu_cidr_t *cidr)
{
    unsigned  byte;

    byte = cidr->bits / 8;

    if (byte == sizeof(cidr->address.bytes)) {
        return;
    }

    cidr->address.bytes[byte] &= (unsigned char) ~(0xff >> cidr->bits % 8);

    while (++byte < sizeof(cidr->address.bytes)) {
        cidr->address.bytes[byte] = 0;
    }
}


static int
evolu_address_in_cidr(const evolu_address_t *address, const evolu_cidr_t *cidr)
{
    unsigned  whole, rest;

    if (address->family != cidr->address.family) {
        return 0;
    }

    whole = cidr->bits / 8;
    rest = cidr->bits % 8;

    if (memcmp(address->bytes, cidr->address.bytes, whole) != 0) {
        return 0;
    }

    return rest == 0
           || ((address->bytes[whole] ^ cidr->address.bytes[whole])
               >> (8 - rest)) == 0;
}
