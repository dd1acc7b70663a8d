
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_digest: algorithms, peppers, comparison (contract, sections 2 and 6).
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evolu_digest.h"


#define HEX16   "0001020304050607"
#define HEX64   HEX16 "08090a0b0c0d0e0f" "1011121314151617" "18191A1B1C1D1E1F"
#define ID32    "abcdefghijklmnopqrstuvwxyz0-._AZ"

#define KEY     "evolu_live_aB3dE6gH_0123456789abcdef"
#define SECRET  "0123456789abcdef"


typedef struct {
    const char             *key;
    const char             *data;
    const char             *digest;
} hmac_row_t;


typedef struct {
    const char             *id;
    const char             *text;
    evolu_pepper_status_t   status;
} pepper_row_t;


static evolu_peppers_t *peppers_of(const char *id0, const char *id1);
static evolu_bytes_t text_of(const char *text);
static void assert_digest(const unsigned char *digest, const char *hex);


/*
 * RFC 4231 cases 1 to 4: a key shorter than the block is padded with zeros, so
 * it may be given padded to the 32 bytes that a pepper has at least.  The rest
 * is computed by python3's hmac.
 */

static const hmac_row_t  hmac_rows[] = {
    { "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b000000000000000000000000",
      "Hi There",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "4a65666500000000000000000000000000000000000000000000000000000000",
      "what do ya want for nothing?",
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
    { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa000000000000000000000000",
      "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
      "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd"
      "\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd\xdd",
      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
    { "0102030405060708090a0b0c0d0e0f1011121314151617181900000000000000",
      "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
      "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd"
      "\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd\xcd",
      "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
    { HEX64, KEY,
      "39af07395e4ddce1b6dc454c8d518e8202ee68d766cd5205001ba3a6e3956bff" },
    { "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021",
      KEY,
      "24cc495a0fc38c4a0e11a63d67b72a043766666cb82e9303eb86c5d677ff6908" },
    { HEX64 "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
      KEY,
      "06f8127392cd9a3606d0d287ce33a1300bac6a8f00c8aaae7cd27daf1fb7e78d" }
};


static const pepper_row_t  pepper_rows[] = {
    { "p", HEX64, EVOLU_PEPPER_OK },
    { "p", HEX64 "\n", EVOLU_PEPPER_OK },
    { "p", HEX64 "AA", EVOLU_PEPPER_OK },
    { "p", HEX64 HEX64, EVOLU_PEPPER_OK },
    { "p", HEX64 HEX64 "\n", EVOLU_PEPPER_OK },
    { ID32, HEX64, EVOLU_PEPPER_OK },

    { "p", "", EVOLU_PEPPER_BAD_TEXT },
    { "p", "\n", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX16, EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX16 HEX16 HEX16 "00010203040506", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 "0", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 "\n\n", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 "\r\n", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 " ", EVOLU_PEPPER_BAD_TEXT },
    { "p", " " HEX64, EVOLU_PEPPER_BAD_TEXT },
    { "p", "\n" HEX64, EVOLU_PEPPER_BAD_TEXT },
    { "p", "0x" HEX64, EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 "0g", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 "\n00", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 "# x", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 HEX64 "0", EVOLU_PEPPER_BAD_TEXT },
    { "p", HEX64 HEX64 "00", EVOLU_PEPPER_BAD_TEXT },

    { "", HEX64, EVOLU_PEPPER_BAD_ID },
    { ID32 "x", HEX64, EVOLU_PEPPER_BAD_ID },
    { "a b", HEX64, EVOLU_PEPPER_BAD_ID },
    { "a/b", HEX64, EVOLU_PEPPER_BAD_ID },
    { "a:b", HEX64, EVOLU_PEPPER_BAD_ID },
    { "\xc3\xa9", HEX64, EVOLU_PEPPER_BAD_ID },
    { "first", HEX64, EVOLU_PEPPER_DUPLICATE }
};


static void
test_sha256(void **state)
{
    unsigned char      out[EVOLU_DIGEST_SIZE];
    evolu_algorithm_t  a = { EVOLU_PEPPER_NONE, 0 };

    (void) state;

    evolu_digest(a, NULL, evolu_literal(""), out);
    assert_digest(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca49599"
                       "1b7852b855");

    evolu_digest(a, NULL, evolu_literal("abc"), out);
    assert_digest(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff"
                       "61f20015ad");
}


static void
test_hmac(void **state)
{
    size_t              i;
    unsigned char       out[EVOLU_DIGEST_SIZE];
    evolu_peppers_t    *peppers;
    evolu_algorithm_t   a;

    (void) state;

    for (i = 0; i < sizeof(hmac_rows) / sizeof(hmac_row_t); i++) {
        peppers = evolu_peppers_create();
        assert_non_null(peppers);
        assert_int_equal(evolu_peppers_add(peppers, evolu_literal("p1"),
                                           text_of(hmac_rows[i].key)),
                         EVOLU_PEPPER_OK);

        a = evolu_algorithm_default(peppers);
        evolu_digest(a, peppers, text_of(hmac_rows[i].data), out);
        assert_digest(out, hmac_rows[i].digest);

        /* once more: the prepared state is not used up */

        evolu_digest(a, peppers, text_of(hmac_rows[i].data), out);
        assert_digest(out, hmac_rows[i].digest);

        evolu_peppers_destroy(peppers);
    }
}


static void
test_pepper_add(void **state)
{
    size_t                  i;
    evolu_peppers_t        *peppers;
    evolu_pepper_status_t   status;

    (void) state;

    for (i = 0; i < sizeof(pepper_rows) / sizeof(pepper_row_t); i++) {
        peppers = peppers_of("first", NULL);
        status = evolu_peppers_add(peppers, text_of(pepper_rows[i].id),
                                   text_of(pepper_rows[i].text));

        if (status != pepper_rows[i].status) {
            fail_msg("row %zu: %d", i, (int) status);
        }

        assert_int_equal(evolu_peppers_count(peppers),
                         status == EVOLU_PEPPER_OK ? 2 : 1);
        assert_int_equal(evolu_peppers_find(peppers, evolu_literal("first")),
                         0);

        evolu_peppers_destroy(peppers);
    }
}


static void
test_pepper_nul(void **state)
{
    evolu_peppers_t  *peppers;

    (void) state;

    peppers = peppers_of("first", NULL);

    assert_int_equal(evolu_peppers_add(peppers, evolu_literal("p"),
                                       evolu_literal(HEX64 "\0\0")),
                     EVOLU_PEPPER_BAD_TEXT);
    assert_int_equal(evolu_peppers_add(peppers, evolu_literal("p\0"),
                                       evolu_literal(HEX64)),
                     EVOLU_PEPPER_BAD_ID);

    evolu_peppers_destroy(peppers);
}


static void
test_pepper_order(void **state)
{
    evolu_peppers_t  *peppers;

    (void) state;

    peppers = peppers_of("b", "a");

    assert_int_equal(evolu_peppers_count(peppers), 2);
    assert_int_equal(evolu_peppers_find(peppers, evolu_literal("b")), 0);
    assert_int_equal(evolu_peppers_find(peppers, evolu_literal("a")), 1);
    assert_int_equal(evolu_peppers_find(peppers, evolu_literal("A")), -1);
    assert_int_equal(evolu_peppers_find(peppers, evolu_literal("")), -1);
    assert_int_equal(evolu_peppers_find(NULL, evolu_literal("a")), -1);
    assert_true(evolu_bytes_equal(evolu_peppers_id(peppers, 1),
                                  evolu_literal("a")));

    assert_int_equal(evolu_peppers_count(NULL), 0);
    evolu_peppers_destroy(peppers);
    evolu_peppers_destroy(NULL);
}


static void
test_pepper_too_many(void **state)
{
    unsigned          i;
    unsigned char     id;
    evolu_peppers_t  *peppers;

    (void) state;

    peppers = evolu_peppers_create();
    assert_int_equal(evolu_peppers_count(peppers), 0);

    for (i = 0; i <= EVOLU_PEPPERS_MAX; i++) {
        id = (unsigned char) ('a' + i);
        assert_int_equal(evolu_peppers_add(peppers, (evolu_bytes_t) { &id, 1 },
                                           evolu_literal(HEX64)),
                         i < EVOLU_PEPPERS_MAX ? EVOLU_PEPPER_OK
                                               : EVOLU_PEPPER_TOO_MANY);
    }

    assert_int_equal(evolu_peppers_count(peppers), EVOLU_PEPPERS_MAX);
    evolu_peppers_destroy(peppers);
}


static void
test_pepper_status_text(void **state)
{
    evolu_pepper_status_t  a, b;

    (void) state;

    for (a = EVOLU_PEPPER_OK; a <= EVOLU_PEPPER_NO_MEMORY; a++) {
        assert_true(strlen(evolu_pepper_status_text(a)) > 10);

        for (b = EVOLU_PEPPER_OK; b < a; b++) {
            assert_string_not_equal(evolu_pepper_status_text(a),
                                    evolu_pepper_status_text(b));
        }
    }
}


/* a child may lock, use and free the set that its parent made */

static void
test_lock_after_fork(void **state)
{
    int                 status;
    pid_t               pid;
    unsigned char       out[EVOLU_DIGEST_SIZE], want[EVOLU_DIGEST_SIZE];
    evolu_peppers_t    *peppers;
    evolu_algorithm_t   a;

    (void) state;

    peppers = peppers_of("p1", NULL);
    a = evolu_algorithm_default(peppers);
    evolu_digest(a, peppers, evolu_literal(KEY), want);

    pid = fork();
    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        if (evolu_peppers_lock(peppers) != 0) {
            _exit(1);
        }

        evolu_digest(a, peppers, evolu_literal(KEY), out);
        evolu_peppers_destroy(peppers);
        _exit(evolu_digest_equal(out, want) ? 0 : 2);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    evolu_digest(a, peppers, evolu_literal(KEY), out);
    assert_true(evolu_digest_equal(out, want));
    evolu_peppers_destroy(peppers);
}


static void
test_fingerprint(void **state)
{
    unsigned                i, j;
    evolu_peppers_t        *sets[7];
    static unsigned char    prints[7][EVOLU_FINGERPRINT_SIZE];
    unsigned char           again[EVOLU_FINGERPRINT_SIZE];

    (void) state;

    sets[0] = NULL;
    sets[1] = peppers_of("a", NULL);
    sets[2] = peppers_of("b", NULL);
    sets[3] = peppers_of("a", "b");
    sets[4] = peppers_of("b", "a");
    sets[5] = peppers_of("ab", NULL);

    sets[6] = evolu_peppers_create();      /* "a" with another key */
    assert_int_equal(evolu_peppers_add(sets[6], evolu_literal("a"),
                                       evolu_literal(HEX64 "00ff")),
                     EVOLU_PEPPER_OK);

    for (i = 0; i < 7; i++) {
        evolu_peppers_fingerprint(sets[i], prints[i]);
        evolu_peppers_fingerprint(sets[i], again);
        assert_memory_equal(prints[i], again, EVOLU_FINGERPRINT_SIZE);

        for (j = 0; j < i; j++) {
            assert_memory_not_equal(prints[i], prints[j],
                                    EVOLU_FINGERPRINT_SIZE);
        }

        evolu_peppers_destroy(sets[i]);
    }

    /* another set with the same content, and an empty one */

    sets[0] = peppers_of("a", "b");
    evolu_peppers_fingerprint(sets[0], again);
    assert_memory_equal(prints[3], again, EVOLU_FINGERPRINT_SIZE);
    evolu_peppers_destroy(sets[0]);

    sets[0] = evolu_peppers_create();
    evolu_peppers_fingerprint(sets[0], again);
    assert_memory_equal(prints[0], again, EVOLU_FINGERPRINT_SIZE);
    evolu_peppers_destroy(sets[0]);
}


static void
test_algorithm(void **state)
{
    size_t              i, len;
    char                buf[EVOLU_ALGORITHM_MAX];
    evolu_peppers_t    *peppers;
    evolu_algorithm_t   a;

    static const struct {
        const char     *name;
        unsigned char   pepper;
        unsigned char   secret;
    } rows[] = {
        { "sha256", EVOLU_PEPPER_NONE, 0 },
        { "sha256-secret", EVOLU_PEPPER_NONE, 1 },
        { "hmac-sha256/p1", 0, 0 },
        { "hmac-sha256-secret/p1", 0, 1 },
        { "hmac-sha256/" ID32, 1, 0 },
        { "hmac-sha256-secret/" ID32, 1, 1 }
    };

    (void) state;

    peppers = peppers_of("p1", ID32);

    for (i = 0; i < 6; i++) {
        memset(&a, 0x5a, sizeof(a));

        assert_int_equal(evolu_algorithm_parse(text_of(rows[i].name), peppers,
                                               &a),
                         EVOLU_ALGORITHM_OK);
        assert_int_equal(a.pepper, rows[i].pepper);
        assert_int_equal(a.secret, rows[i].secret);

        len = evolu_algorithm_print(a, peppers, buf);
        assert_int_equal(len, strlen(rows[i].name));
        assert_memory_equal(buf, rows[i].name, len);

        /* without peppers: plain hashes alone */

        assert_int_equal(evolu_algorithm_parse(text_of(rows[i].name), NULL,
                                               &a),
                         i < 2 ? EVOLU_ALGORITHM_OK
                               : EVOLU_ALGORITHM_NO_PEPPER);
    }

    evolu_peppers_destroy(peppers);
}


static void
test_algorithm_bad(void **state)
{
    size_t              i;
    evolu_peppers_t    *peppers;
    evolu_algorithm_t   a;

    static const char  *unknown[] = {
        "", "/", "/p1", "sha1", "md5", "sha25", "sha2566", "SHA256",
        "sha256/", "sha256/p1", "sha256-secret/p1", "sha256-", "sha256 ",
        "sha256-secrets", "hmac-sha256", "hmac-sha256/", "hmac-sha256-secret",
        "hmac-sha256-secret/", "hmac-sha256 /p1", "HMAC-SHA256/p1",
        "hmac-sha512/p1", "hmac-sha256//p1", "hmac-sha256/p1/",
        "hmac-sha256/p 1", ("hmac-sha256/" ID32 "x"), "bcrypt/p1"
    };
    static const char  *no_pepper[] = {
        "hmac-sha256/p2", "hmac-sha256/P1", "hmac-sha256/p",
        "hmac-sha256-secret/p11", ("hmac-sha256/" ID32)
    };

    (void) state;

    peppers = peppers_of("p1", NULL);
    memset(&a, 0x5a, sizeof(a));

    for (i = 0; i < sizeof(unknown) / sizeof(char *); i++) {
        if (evolu_algorithm_parse(text_of(unknown[i]), peppers, &a)
            != EVOLU_ALGORITHM_UNKNOWN)
        {
            fail_msg("%s", unknown[i]);
        }
    }

    for (i = 0; i < sizeof(no_pepper) / sizeof(char *); i++) {
        if (evolu_algorithm_parse(text_of(no_pepper[i]), peppers, &a)
            != EVOLU_ALGORITHM_NO_PEPPER)
        {
            fail_msg("%s", no_pepper[i]);
        }
    }

    assert_int_equal(a.pepper, 0x5a);
    assert_int_equal(a.secret, 0x5a);
    evolu_peppers_destroy(peppers);
}


static void
test_algorithm_default(void **state)
{
    evolu_peppers_t    *peppers;
    evolu_algorithm_t   a;

    (void) state;

    a = evolu_algorithm_default(NULL);
    assert_int_equal(a.pepper, EVOLU_PEPPER_NONE);
    assert_int_equal(a.secret, 0);

    peppers = evolu_peppers_create();
    a = evolu_algorithm_default(peppers);
    assert_int_equal(a.pepper, EVOLU_PEPPER_NONE);
    evolu_peppers_destroy(peppers);

    peppers = peppers_of("x", "y");
    a = evolu_algorithm_default(peppers);
    assert_int_equal(a.pepper, 0);
    assert_int_equal(a.secret, 0);
    evolu_peppers_destroy(peppers);
}


static void
test_digests(void **state)
{
    evolu_digests_t       d;
    evolu_peppers_t      *peppers;
    const unsigned char  *first;

    (void) state;

    memset(&d, 0, sizeof(d));
    d.text = evolu_literal(KEY);
    d.secret = evolu_literal(SECRET);
    peppers = peppers_of("p1", NULL);

    first = evolu_digests_get(&d, (evolu_algorithm_t) { EVOLU_PEPPER_NONE, 0 },
                              peppers);
    assert_digest(first, "6e55b52c7c5c0fdeb15d28eed8bfabf1666e66e9244fe1873b5f"
                         "d279103cd916");

    assert_digest(evolu_digests_get(&d, (evolu_algorithm_t) {
                      EVOLU_PEPPER_NONE, 1 }, peppers),
                  "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176"
                  "929f");
    assert_digest(evolu_digests_get(&d, (evolu_algorithm_t) { 0, 0 }, peppers),
                  "39af07395e4ddce1b6dc454c8d518e8202ee68d766cd5205001ba3a6e395"
                  "6bff");
    assert_digest(evolu_digests_get(&d, (evolu_algorithm_t) { 0, 1 }, peppers),
                  "75de808a0aacf75b83f1158ec2a4d3c2d60bd190f438a9a580d2bb27c320"
                  "05d7");

    /* all four are still there, computed once */

    assert_int_equal(d.n, 4);
    assert_ptr_equal(evolu_digests_get(&d, (evolu_algorithm_t) {
                         EVOLU_PEPPER_NONE, 0 }, peppers), first);
    assert_int_equal(d.n, 4);

    evolu_peppers_destroy(peppers);
}


static void
test_digests_more_than_kept(void **state)
{
    unsigned              i, turn;
    unsigned char         id, want[EVOLU_DIGEST_SIZE];
    evolu_digests_t       d;
    evolu_peppers_t      *peppers;
    evolu_algorithm_t     a;

    (void) state;

    memset(&d, 0, sizeof(d));
    d.text = evolu_literal(KEY);
    peppers = evolu_peppers_create();

    for (i = 0; i < 7; i++) {
        id = (unsigned char) ('a' + i);
        assert_int_equal(evolu_peppers_add(peppers, (evolu_bytes_t) { &id, 1 },
                                           text_of(hmac_rows[i].key)),
                         EVOLU_PEPPER_OK);
    }

    for (turn = 0; turn < 3; turn++) {
        for (i = 0; i < 7; i++) {
            a.pepper = (unsigned char) i;
            a.secret = 0;

            evolu_digest(a, peppers, d.text, want);
            assert_memory_equal(evolu_digests_get(&d, a, peppers), want,
                                EVOLU_DIGEST_SIZE);
        }
    }

    evolu_peppers_destroy(peppers);
}


static void
test_digests_none(void **state)
{
    evolu_digests_t   d;
    evolu_peppers_t  *peppers;

    (void) state;

    memset(&d, 0, sizeof(d));
    d.text = evolu_literal("12345678");
    peppers = peppers_of("p1", NULL);

    /* an opaque credential has no secret part */

    assert_null(evolu_digests_get(&d, (evolu_algorithm_t) {
                    EVOLU_PEPPER_NONE, 1 }, peppers));
    assert_null(evolu_digests_get(&d, (evolu_algorithm_t) { 0, 1 }, peppers));

    /* a pepper that is not in the set */

    assert_null(evolu_digests_get(&d, (evolu_algorithm_t) { 1, 0 }, peppers));
    assert_null(evolu_digests_get(&d, (evolu_algorithm_t) { 0, 0 }, NULL));

    assert_int_equal(d.n, 0);
    evolu_peppers_destroy(peppers);
}


static void
test_digests_wipe(void **state)
{
    evolu_digests_t       d;
    const unsigned char  *p;
    static unsigned char  zero[EVOLU_DIGESTS_KEPT][EVOLU_DIGEST_SIZE];

    (void) state;

    memset(&d, 0, sizeof(d));
    d.text = evolu_literal(KEY);

    p = evolu_digests_get(&d, evolu_algorithm_default(NULL), NULL);
    assert_memory_not_equal(p, zero, EVOLU_DIGEST_SIZE);

    evolu_digests_wipe(&d);
    assert_int_equal(d.n, 0);
    assert_memory_equal(d.digest, zero, sizeof(zero));
}


static void
test_equal(void **state)
{
    unsigned       i;
    unsigned char  a[EVOLU_DIGEST_SIZE], b[EVOLU_DIGEST_SIZE];

    (void) state;

    memset(a, 0x5a, sizeof(a));
    memcpy(b, a, sizeof(b));
    assert_int_equal(evolu_digest_equal(a, b), 1);
    assert_int_equal(evolu_digest_tag_equal(a, b), 1);

    for (i = 0; i < 8 * EVOLU_DIGEST_SIZE; i++) {
        b[i / 8] ^= (unsigned char) (1 << i % 8);
        assert_int_equal(evolu_digest_equal(a, b), 0);
        assert_int_equal(evolu_digest_tag_equal(a, b),
                         i >= 8 * EVOLU_TAG_SIZE);
        b[i / 8] ^= (unsigned char) (1 << i % 8);
    }
}


/* SipHash-2-4 with 128 bits of output: the reference key and inputs */

static void
test_tag(void **state)
{
    unsigned              i;
    unsigned char         key[EVOLU_TAG_KEY_SIZE], in[2];
    unsigned char         tag[EVOLU_TAG_SIZE];
    static unsigned char  want0[EVOLU_TAG_SIZE] = {
        0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
        0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93
    };
    static unsigned char  want2[EVOLU_TAG_SIZE] = {
        0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7,
        0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff, 0xe4
    };

    (void) state;

    for (i = 0; i < EVOLU_TAG_KEY_SIZE; i++) {
        key[i] = (unsigned char) i;
    }

    in[0] = 0;
    in[1] = 1;

    evolu_digest_tag(key, (evolu_bytes_t) { in, 0 }, tag);
    assert_memory_equal(tag, want0, EVOLU_TAG_SIZE);

    evolu_digest_tag(key, (evolu_bytes_t) { in, 2 }, tag);
    assert_memory_equal(tag, want2, EVOLU_TAG_SIZE);

    key[0] ^= 1;
    evolu_digest_tag(key, (evolu_bytes_t) { in, 2 }, tag);
    assert_memory_not_equal(tag, want2, EVOLU_TAG_SIZE);
}


static void
test_hex(void **state)
{
    size_t         len;
    char           hex[EVOLU_DIGEST_HEX + 1], text[130];
    unsigned char  digest[EVOLU_DIGEST_SIZE + 1];

    (void) state;

    digest[EVOLU_DIGEST_SIZE] = 0x5a;
    hex[EVOLU_DIGEST_HEX] = 0x5a;

    assert_int_equal(evolu_digest_unhex(evolu_literal(HEX64), digest), 0);
    assert_int_equal(digest[0], 0);
    assert_int_equal(digest[31], 31);
    assert_int_equal(digest[EVOLU_DIGEST_SIZE], 0x5a);

    evolu_digest_hex(digest, hex);
    assert_memory_equal(hex, "000102030405060708090a0b0c0d0e0f"
                             "101112131415161718191a1b1c1d1e1f", 64);
    assert_int_equal(hex[EVOLU_DIGEST_HEX], 0x5a);

    memset(text, 'a', sizeof(text));

    for (len = 0; len <= sizeof(text); len++) {
        assert_int_equal(evolu_digest_unhex((evolu_bytes_t) {
                             (unsigned char *) text, len }, digest),
                         len == 64 ? 0 : -1);
    }
}


static void
test_unhex_every_byte(void **state)
{
    int            ch;
    char           text[] = HEX64;
    unsigned char  digest[EVOLU_DIGEST_SIZE];

    (void) state;

    for (ch = 0; ch < 256; ch++) {
        text[63] = (char) ch;
        assert_int_equal(evolu_digest_unhex((evolu_bytes_t) {
                             (unsigned char *) text, 64 }, digest),
                         ch != 0 && strchr("0123456789abcdefABCDEF", ch)
                         ? 0 : -1);
    }
}


static evolu_peppers_t *
peppers_of(const char *id0, const char *id1)
{
    evolu_peppers_t  *peppers;

    peppers = evolu_peppers_create();
    assert_non_null(peppers);
    assert_int_equal(evolu_peppers_add(peppers, text_of(id0),
                                       evolu_literal(HEX64)),
                     EVOLU_PEPPER_OK);

    if (id1 != NULL) {
        assert_int_equal(evolu_peppers_add(peppers, text_of(id1),
                                           evolu_literal(HEX64)),
                         EVOLU_PEPPER_OK);
    }

    return peppers;
}


static evolu_bytes_t
text_of(const char *text)
{
    return (evolu_bytes_t) { (const unsigned char *) text, strlen(text) };
}


static void
assert_digest(const unsigned char *digest, const char *hex)
{
    char  text[EVOLU_DIGEST_HEX];

    assert_non_null(digest);
    evolu_digest_hex(digest, text);
    assert_memory_equal(text, hex, EVOLU_DIGEST_HEX);
}


static int
setup(void **state)
{
    (void) state;

    if (evolu_digest_init() != 0) {
        return -1;
    }

    return evolu_digest_init();            /* may be called again */
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_pepper_add),
        cmocka_unit_test(test_pepper_nul),
        cmocka_unit_test(test_pepper_order),
        cmocka_unit_test(test_pepper_too_many),
        cmocka_unit_test(test_pepper_status_text),
        cmocka_unit_test(test_lock_after_fork),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_algorithm),
        cmocka_unit_test(test_algorithm_bad),
        cmocka_unit_test(test_algorithm_default),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_digests_more_than_kept),
        cmocka_unit_test(test_digests_none),
        cmocka_unit_test(test_digests_wipe),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_tag),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_unhex_every_byte)
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
