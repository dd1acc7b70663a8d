
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_sha256: by libsodium and by OpenSSL's library, which must agree.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* the same names twice, each under a name of its own */

#define evolu_sha256_init    sodium_init_state
#define evolu_sha256_update  sodium_update_state
#define evolu_sha256_final   sodium_final_state

#include "../../src/evolu_sha256.c"

#undef evolu_sha256_init
#undef evolu_sha256_update
#undef evolu_sha256_final

#define evolu_sha256_init    libcrypto_init_state
#define evolu_sha256_update  libcrypto_update_state
#define evolu_sha256_final   libcrypto_final_state

#include "../../src/evolu_sha256_libcrypto.c"


#define LONGEST  300


typedef struct {
    const char     *text;
    unsigned char   digest[EVOLU_SHA256_SIZE];
} row_t;


/* FIPS 180-4's examples */

static const row_t  rows[] = {
    { "abc",
      { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
        0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
        0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad } },
    { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      { 0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8,
        0xe5, 0xc0, 0x26, 0x93, 0x0c, 0x3e, 0x60, 0x39,
        0xa3, 0x3c, 0xe4, 0x59, 0x64, 0xff, 0x21, 0x67,
        0xf6, 0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1 } }
};


static void
by_sodium(const unsigned char *data, size_t len, size_t first,
    unsigned char out[EVOLU_SHA256_SIZE])
{
    evolu_sha256_t  state;

    sodium_init_state(&state);
    sodium_update_state(&state, (evolu_bytes_t) { data, first });
    sodium_update_state(&state, (evolu_bytes_t) { data + first, len - first });
    sodium_final_state(&state, out);
}


static void
by_libcrypto(const unsigned char *data, size_t len, size_t first,
    unsigned char out[EVOLU_SHA256_SIZE])
{
    evolu_sha256_t  state;

    libcrypto_init_state(&state);
    libcrypto_update_state(&state, (evolu_bytes_t) { data, first });
    libcrypto_update_state(&state,
                           (evolu_bytes_t) { data + first, len - first });
    libcrypto_final_state(&state, out);
}


static void
test_examples(void **state)
{
    size_t               i, len;
    unsigned char        out[EVOLU_SHA256_SIZE];
    const unsigned char  *data;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        data = (const unsigned char *) rows[i].text;
        len = strlen(rows[i].text);

        by_sodium(data, len, 0, out);
        assert_memory_equal(out, rows[i].digest, sizeof(out));

        by_libcrypto(data, len, len, out);
        assert_memory_equal(out, rows[i].digest, sizeof(out));
    }
}


static void
test_same(void **state)
{
    size_t         i, len, first;
    unsigned char  data[LONGEST], a[EVOLU_SHA256_SIZE], b[EVOLU_SHA256_SIZE];

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char) (i * 7 + 1);
    }

    for (len = 0; len <= LONGEST; len++) {

        for (first = 0; first <= len; first += 1 + len / 9) {
            by_sodium(data, len, first, a);
            by_libcrypto(data, len, first, b);

            assert_memory_equal(a, b, sizeof(a));
        }
    }
}


/* A state that was copied goes on where the other one was. */

static void
test_copy(void **state)
{
    unsigned char   a[EVOLU_SHA256_SIZE], b[EVOLU_SHA256_SIZE];
    evolu_sha256_t  one, two;

    libcrypto_init_state(&one);
    libcrypto_update_state(&one, evolu_literal("ab"));
    two = one;
    libcrypto_update_state(&one, evolu_literal("x"));
    libcrypto_final_state(&one, a);
    libcrypto_update_state(&two, evolu_literal("c"));
    libcrypto_final_state(&two, b);

    assert_memory_equal(b, rows[0].digest, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_same),
        cmocka_unit_test(test_copy)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
