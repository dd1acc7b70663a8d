
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_address: client addresses and the CIDRs of "ip=".
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "evolu_address.h"


typedef struct {
    const char  *text;
    int          family;         /* 4 or 6 */
    const char  *network;
    unsigned     bits;
} cidr_row_t;


typedef struct {
    const char  *cidr;
    const char  *address;
    int          in;
} in_row_t;


static evolu_cidr_t cidr_of(const char *text);
static evolu_address_t address_of(const char *text);
static int parse(const char *text, evolu_cidr_t *cidr);


static const cidr_row_t  good[] = {
    { "10.0.0.1", 4, "10.0.0.1", 32 },
    { "10.0.0.1/32", 4, "10.0.0.1", 32 },
    { "10.1.2.3/8", 4, "10.0.0.0", 8 },
    { "10.1.2.3/31", 4, "10.1.2.2", 31 },
    { "10.255.2.3/9", 4, "10.128.0.0", 9 },
    { "255.255.255.255/0", 4, "0.0.0.0", 0 },
    { "255.255.255.255/1", 4, "128.0.0.0", 1 },
    { "0.0.0.0/0", 4, "0.0.0.0", 0 },
    { "::", 6, "::", 128 },
    { "::/0", 6, "::", 0 },
    { "2001:db8::1", 6, "2001:db8::1", 128 },
    { "2001:DB8::1/128", 6, "2001:db8::1", 128 },
    { "2001:db8:ffff::1/32", 6, "2001:db8::", 32 },
    { "2001:db8:ffff::1/33", 6, "2001:db8:8000::", 33 },
    { "2001:db8::3/127", 6, "2001:db8::2", 127 },
    { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", 6,
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 128 },

    /* mapped IPv4 is IPv4 */

    { "::ffff:10.1.2.3", 4, "10.1.2.3", 32 },
    { "::FFFF:a01:203/128", 4, "10.1.2.3", 32 },
    { "::ffff:10.1.2.3/104", 4, "10.0.0.0", 8 },
    { "::ffff:0:0/96", 4, "0.0.0.0", 0 },
    { "::ffff:10.1.2.3/95", 6, "::fffe:0:0", 95 },
    { "::10.1.2.3", 6, "::10.1.2.3", 128 }
};


static const char  *bad[] = {
    "", "/", "/8", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/032", "10.0.0.1/08",
    "10.0.0.1/00", "10.0.0.1/+8", "10.0.0.1/-1", "10.0.0.1/ 8", "10.0.0.1/8 ",
    "10.0.0.1/8/8", "10.0.0.1/a", "10.0.0.1/0x8", "10.0.0.1/1000",
    "10.0.0.1/4294967304", " 10.0.0.1", "10.0.0.1 ", "10.0.0", "10", "10/8",
    "10.0.0.0.1", "10.0.0.256", "010.0.0.1", "10.0.0.01", "0x0a.0.0.1",
    "10.0.0.-1", "10..0.1", "10.0.0.1.", "a.b.c.d", "localhost", "all",
    "10.0.0.1/255.0.0.0", "::/129", "::/-1", "::1%lo", "fe80::1%1",
    "[::1]", "[::1]/128", ":::", "1::2::3", "12345::", "::g", "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9", "::256.0.0.1", "unix:",
    "0fff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/1288",
    "00000000000000000000000000000000000000000000000000000"
};


static const in_row_t  in_rows[] = {
    { "10.0.0.0/8", "10.255.255.255", 1 },
    { "10.0.0.0/8", "11.0.0.0", 0 },
    { "10.0.0.0/8", "9.255.255.255", 0 },
    { "10.0.0.128/25", "10.0.0.128", 1 },
    { "10.0.0.128/25", "10.0.0.127", 0 },
    { "10.0.0.6/31", "10.0.0.7", 1 },
    { "10.0.0.6/31", "10.0.0.8", 0 },
    { "10.0.0.7", "10.0.0.7", 1 },
    { "10.0.0.7", "10.0.0.6", 0 },
    { "0.0.0.0/0", "255.255.255.255", 1 },
    { "0.0.0.0/0", "::1", 0 },
    { "::/0", "2001:db8::1", 1 },
    { "::/0", "10.0.0.1", 0 },
    { "2001:db8::/32", "2001:db8:ffff::", 1 },
    { "2001:db8::/32", "2001:db9::", 0 },
    { "2001:db8::/127", "2001:db8::1", 1 },
    { "2001:db8::/127", "2001:db8::2", 0 },
    { "2001:db8::1", "2001:db8::1", 1 },
    { "2001:db8::1", "2001:db8::", 0 },

    /* either side may be mapped */

    { "10.0.0.0/8", "::ffff:10.1.2.3", 1 },
    { "10.0.0.0/8", "::ffff:11.1.2.3", 0 },
    { "::ffff:10.0.0.0/104", "10.1.2.3", 1 },
    { "::ffff:10.0.0.0/104", "::ffff:10.1.2.3", 1 },
    { "::ffff:10.0.0.0/104", "11.1.2.3", 0 },
    { "::/0", "::ffff:10.1.2.3", 0 }
};


static void
test_address(void **state)
{
    size_t           len;
    evolu_address_t  a;
    unsigned char    bytes[32] = { 192, 0, 2, 1 };

    (void) state;

    a = evolu_address(bytes, 4);
    assert_int_equal(a.family, EVOLU_ADDRESS_IPV4);
    assert_memory_equal(a.bytes, bytes, 16);

    a = evolu_address(bytes, 16);
    assert_int_equal(a.family, EVOLU_ADDRESS_IPV6);
    assert_memory_equal(a.bytes, bytes, 16);

    for (len = 0; len <= 32; len++) {
        if (len != 4 && len != 16) {
            a = evolu_address(bytes, len);
            assert_int_equal(a.family, EVOLU_ADDRESS_NONE);
        }
    }

    a = evolu_address(NULL, 0);
    assert_int_equal(a.family, EVOLU_ADDRESS_NONE);
}


static void
test_address_mapped(void **state)
{
    int              i;
    evolu_address_t  a;
    unsigned char    want[16] = { 192, 0, 2, 1 };
    unsigned char    bytes[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
                                   192, 0, 2, 1 };

    (void) state;

    a = evolu_address(bytes, 16);
    assert_int_equal(a.family, EVOLU_ADDRESS_IPV4);
    assert_memory_equal(a.bytes, want, 16);

    for (i = 0; i < 12; i++) {
        bytes[i] ^= 1;
        a = evolu_address(bytes, 16);
        assert_int_equal(a.family, EVOLU_ADDRESS_IPV6);
        assert_memory_equal(a.bytes, bytes, 16);
        bytes[i] ^= 1;
    }
}


static void
test_cidr(void **state)
{
    size_t         i;
    evolu_cidr_t   cidr;
    unsigned char  want[16];

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(cidr_row_t); i++) {
        if (parse(good[i].text, &cidr) != 0) {
            fail_msg("%s", good[i].text);
        }

        memset(want, 0, sizeof(want));
        inet_pton(good[i].family == 4 ? AF_INET : AF_INET6, good[i].network,
                  want);

        assert_int_equal(cidr.address.family, good[i].family);
        assert_int_equal(cidr.bits, good[i].bits);
        assert_memory_equal(cidr.address.bytes, want, 16);
    }
}


static void
test_cidr_bad(void **state)
{
    size_t        i;
    evolu_cidr_t  cidr;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(char *); i++) {
        if (parse(bad[i], &cidr) != -1) {
            fail_msg("%s", bad[i]);
        }
    }

    assert_int_equal(evolu_cidr_parse(evolu_literal("10.0.0.1\0"), &cidr), -1);
    assert_int_equal(evolu_cidr_parse(evolu_literal("10.0.0.1\0/8"), &cidr),
                     -1);
    assert_int_equal(evolu_cidr_parse((evolu_bytes_t) { NULL, 0 }, &cidr), -1);
}


static void
test_cidr_every_length(void **state)
{
    char          text[64];
    unsigned      bits;
    evolu_cidr_t  cidr;

    (void) state;

    for (bits = 0; bits <= 999; bits++) {
        snprintf(text, sizeof(text), "255.255.255.255/%u", bits);
        assert_int_equal(parse(text, &cidr), bits <= 32 ? 0 : -1);

        snprintf(text, sizeof(text), "ffff::/%u", bits);
        assert_int_equal(parse(text, &cidr), bits <= 128 ? 0 : -1);
    }
}


static void
test_in(void **state)
{
    size_t           i;
    evolu_cidr_t     cidr;
    evolu_address_t  a;

    (void) state;

    for (i = 0; i < sizeof(in_rows) / sizeof(in_row_t); i++) {
        cidr = cidr_of(in_rows[i].cidr);
        a = address_of(in_rows[i].address);

        if (evolu_address_in(&a, &cidr, 1) != in_rows[i].in) {
            fail_msg("%s %s", in_rows[i].cidr, in_rows[i].address);
        }
    }
}


/* of a prefix of n bits, the first n bits count and no other */

static void
test_in_every_bit(void **state)
{
    unsigned         bits, bit;
    evolu_cidr_t     cidr;
    evolu_address_t  a;

    (void) state;

    memset(&cidr, 0, sizeof(cidr));
    cidr.address.family = EVOLU_ADDRESS_IPV6;

    for (bits = 0; bits <= 128; bits++) {
        cidr.bits = (unsigned char) bits;

        for (bit = 0; bit < 128; bit++) {
            memset(&a, 0, sizeof(a));
            a.family = EVOLU_ADDRESS_IPV6;
            a.bytes[bit / 8] = (unsigned char) (0x80 >> bit % 8);

            assert_int_equal(evolu_address_in(&a, &cidr, 1), bit >= bits);
        }
    }
}


static void
test_in_several(void **state)
{
    evolu_cidr_t     cidrs[3];
    evolu_address_t  a;

    (void) state;

    cidrs[0] = cidr_of("10.0.0.0/8");
    cidrs[1] = cidr_of("2001:db8::/32");
    cidrs[2] = cidr_of("192.0.2.1");

    a = address_of("192.0.2.1");
    assert_int_equal(evolu_address_in(&a, cidrs, 3), 1);
    assert_int_equal(evolu_address_in(&a, cidrs, 2), 0);
    assert_int_equal(evolu_address_in(&a, cidrs, 0), 0);
    assert_int_equal(evolu_address_in(&a, NULL, 0), 0);

    a = address_of("2001:db8::7");
    assert_int_equal(evolu_address_in(&a, cidrs, 3), 1);
}


/* a unix: peer is outside every list, even one that was never filled */

static void
test_in_none(void **state)
{
    evolu_cidr_t     cidrs[3];
    evolu_address_t  none;

    (void) state;

    cidrs[0] = cidr_of("0.0.0.0/0");
    cidrs[1] = cidr_of("::/0");
    memset(&cidrs[2], 0, sizeof(evolu_cidr_t));

    none = evolu_address(NULL, 0);
    assert_int_equal(evolu_address_in(&none, cidrs, 3), 0);
}


static evolu_cidr_t
cidr_of(const char *text)
{
    evolu_cidr_t  cidr;

    assert_int_equal(parse(text, &cidr), 0);

    return cidr;
}


static evolu_address_t
address_of(const char *text)
{
    unsigned char  bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        return evolu_address(bytes, 4);
    }

    assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);

    return evolu_address(bytes, 16);
}


/* from memory that ends with the text, so that an overrun is found */

static int
parse(const char *text, evolu_cidr_t *cidr)
{
    int             rc;
    unsigned char  *p;

    p = malloc(strlen(text));
    memcpy(p, text, strlen(text));

    rc = evolu_cidr_parse((evolu_bytes_t) { p, strlen(text) }, cidr);

    free(p);

    return rc;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_address_mapped),
        cmocka_unit_test(test_cidr),
        cmocka_unit_test(test_cidr_bad),
        cmocka_unit_test(test_cidr_every_length),
        cmocka_unit_test(test_in),
        cmocka_unit_test(test_in_every_bit),
        cmocka_unit_test(test_in_several),
        cmocka_unit_test(test_in_none)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
