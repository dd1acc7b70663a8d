
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Records and entries: every rule and limit of the contract, section 6.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evolu_record.h"


#define HEX   "00112233445566778899aabbccddeeff" \
              "00112233445566778899AABBCCDDEEFF"
#define HASH  "hash=sha256:" HEX

#define PAIRS(...)  ((const pair_t []) { __VA_ARGS__, { NULL, NULL } })


typedef struct {
    const char  *name;
    const char  *value;
} pair_t;


typedef struct {
    const char     *text;
    evolu_fault_t   fault;
} entry_case_t;


static evolu_bytes_t bytes(const char *text);
static evolu_record_t *decode_as(evolu_locator_t locator, const pair_t *pairs);
static evolu_record_t *decode(const pair_t *pairs);
static evolu_record_t *decode_keys(unsigned n, const char *entry);
static evolu_fault_t entry(const char *text);
static char *ip_list(unsigned n);
static char *hash_of(const char *algorithm, const char *text, char *buf);
static void expect_void(const pair_t *pairs, evolu_fault_t fault,
    const char *field);


static _Alignas(8) unsigned char  image[EVOLU_IMAGE_MAX];
static evolu_record_report_t      report;
static evolu_entry_t              e;
static evolu_cidr_t               cidrs[EVOLU_ENTRY_CIDRS_MAX];
static evolu_peppers_t           *peppers;

static const evolu_locator_t  live = {
    EVOLU_SCOPE_CAMPAIGN, EVOLU_MODE_LIVE, evolu_literal("aB3dE6gH")
};

static const evolu_locator_t  test = {
    EVOLU_SCOPE_CAMPAIGN, EVOLU_MODE_TEST, evolu_literal("aB3dE6gH")
};

static const evolu_locator_t  shop = {
    EVOLU_SCOPE_INSTANCE, 0, evolu_literal("shop")
};

static const evolu_locator_t  global = {
    EVOLU_SCOPE_GLOBAL, 0, { NULL, 0 }
};


static const entry_case_t  entry_cases[] = {
    { HASH, EVOLU_FAULT_NONE },
    { "   " HASH "   ", EVOLU_FAULT_NONE },
    { HASH "  exp=1    nbf=0", EVOLU_FAULT_NONE },
    { "hash=hmac-sha256/p1:" HEX, EVOLU_FAULT_NONE },
    { "hash=hmac-sha256-secret/p1:" HEX, EVOLU_FAULT_NONE },
    { "hash=sha256-secret:" HEX, EVOLU_FAULT_NONE },

    { "", EVOLU_FAULT_NO_HASH },
    { "   ", EVOLU_FAULT_NO_HASH },
    { "exp=1", EVOLU_FAULT_NO_HASH },

    { HASH " exp", EVOLU_FAULT_SYNTAX },
    { HASH " =1", EVOLU_FAULT_SYNTAX },
    { HASH " =", EVOLU_FAULT_SYNTAX },
    { HASH " exp =1", EVOLU_FAULT_SYNTAX },
    { HASH " exp= 1", EVOLU_FAULT_TIME },
    { HASH " # comment", EVOLU_FAULT_SYNTAX },
    { HASH "\t", EVOLU_FAULT_SYNTAX },
    { "\t" HASH, EVOLU_FAULT_SYNTAX },
    { HASH "\texp=1", EVOLU_FAULT_SYNTAX },
    { HASH "\r", EVOLU_FAULT_SYNTAX },
    { HASH " note=a\nb", EVOLU_FAULT_SYNTAX },
    { HASH " note=\x01", EVOLU_FAULT_SYNTAX },
    { HASH " note=\x1f", EVOLU_FAULT_SYNTAX },
    { HASH " note=\x7f", EVOLU_FAULT_SYNTAX },
    { HASH " note=\xc3\xa9", EVOLU_FAULT_NONE },

    { HASH " " HASH, EVOLU_FAULT_SYNTAX },
    { HASH " exp=1 exp=1", EVOLU_FAULT_SYNTAX },
    { HASH " nbf=1 nbf=2", EVOLU_FAULT_SYNTAX },
    { HASH " ip=::1 ip=::1", EVOLU_FAULT_SYNTAX },
    { HASH " status=active status=active", EVOLU_FAULT_SYNTAX },

    { HASH " note=1 note=2", EVOLU_FAULT_NONE },
    { HASH " note=", EVOLU_FAULT_NONE },
    { HASH " note=a=b", EVOLU_FAULT_NONE },
    { HASH " expires=1 ex=2 ips=3", EVOLU_FAULT_NONE },
    { HASH " EXP=1", EVOLU_FAULT_SYNTAX },
    { HASH " eXp=1", EVOLU_FAULT_SYNTAX },
    { HASH " Nbf=1", EVOLU_FAULT_SYNTAX },
    { HASH " IP=::1", EVOLU_FAULT_SYNTAX },
    { HASH " statuS=active", EVOLU_FAULT_SYNTAX },
    { "HASH=sha256:" HEX, EVOLU_FAULT_SYNTAX },

    { "hash=", EVOLU_FAULT_HASH },
    { "hash=sha256", EVOLU_FAULT_HASH },
    { "hash=sha256:", EVOLU_FAULT_HASH },
    { HASH "0", EVOLU_FAULT_HASH },
    { "hash=sha256:0" HEX, EVOLU_FAULT_HASH },
    { "hash=sha256::" HEX, EVOLU_FAULT_HASH },
    { "hash=sha256:0011223344556677889900112233445566778899001122334455667"
      "78899001", EVOLU_FAULT_HASH },
    { "hash=sha256:g0112233445566778899aabbccddeeff00112233445566778899aabbcc"
      "ddeeff", EVOLU_FAULT_HASH },
    { "hash=:" HEX, EVOLU_FAULT_ALGORITHM },
    { "hash=md5:" HEX, EVOLU_FAULT_ALGORITHM },
    { "hash=SHA256:" HEX, EVOLU_FAULT_ALGORITHM },
    { "hash=sha256/p1:" HEX, EVOLU_FAULT_ALGORITHM },
    { "hash=hmac-sha256:" HEX, EVOLU_FAULT_ALGORITHM },
    { "hash=hmac-sha256/p2:" HEX, EVOLU_FAULT_PEPPER },
    { "hash=hmac-sha256-secret/p2:" HEX, EVOLU_FAULT_PEPPER },

    { HASH " exp=", EVOLU_FAULT_TIME },
    { HASH " exp=0", EVOLU_FAULT_NONE },
    { HASH " exp=99999999999", EVOLU_FAULT_NONE },
    { HASH " exp=099999999999", EVOLU_FAULT_NONE },
    { HASH " exp=100000000000", EVOLU_FAULT_TIME },
    { HASH " exp=999999999999", EVOLU_FAULT_TIME },
    { HASH " exp=0000000000001", EVOLU_FAULT_TIME },
    { HASH " exp=18446744073709551617", EVOLU_FAULT_TIME },
    { HASH " exp=+1", EVOLU_FAULT_TIME },
    { HASH " exp=-1", EVOLU_FAULT_TIME },
    { HASH " exp=1.5", EVOLU_FAULT_TIME },
    { HASH " exp=1e9", EVOLU_FAULT_TIME },
    { HASH " exp=0x1", EVOLU_FAULT_TIME },
    { HASH " exp=never", EVOLU_FAULT_TIME },
    { HASH " nbf=", EVOLU_FAULT_TIME },
    { HASH " nbf=99999999999", EVOLU_FAULT_NONE },
    { HASH " nbf=100000000000", EVOLU_FAULT_TIME },
    { HASH " nbf=1:", EVOLU_FAULT_TIME },
    { HASH " nbf=/1", EVOLU_FAULT_TIME },

    { HASH " ip=", EVOLU_FAULT_CIDR },
    { HASH " ip=,", EVOLU_FAULT_CIDR },
    { HASH " ip=::1,", EVOLU_FAULT_CIDR },
    { HASH " ip=,::1", EVOLU_FAULT_CIDR },
    { HASH " ip=::1,,::2", EVOLU_FAULT_CIDR },
    { HASH " ip=10.0.0.0/33", EVOLU_FAULT_CIDR },
    { HASH " ip=localhost", EVOLU_FAULT_CIDR },
    { HASH " ip=10.0.0.0/8,oops", EVOLU_FAULT_CIDR },
    { HASH " ip=10.0.0.0/8,2001:db8::/32", EVOLU_FAULT_NONE },

    { HASH " status=", EVOLU_FAULT_STATUS },
    { HASH " status=active", EVOLU_FAULT_NONE },
    { HASH " status=disabled", EVOLU_FAULT_NONE },
    { HASH " status=Disabled", EVOLU_FAULT_STATUS },
    { HASH " status=revoked", EVOLU_FAULT_STATUS }
};


static void
test_entry_rules(void **state)
{
    size_t         i;
    evolu_fault_t  fault;

    (void) state;

    for (i = 0; i < sizeof(entry_cases) / sizeof(entry_cases[0]); i++) {
        fault = entry(entry_cases[i].text);

        if (fault != entry_cases[i].fault) {
            fail_msg("\"%s\": \"%s\"", entry_cases[i].text,
                     evolu_fault_text(fault));
        }
    }
}


static void
test_entry_defaults(void **state)
{
    (void) state;

    assert_int_equal(entry(HASH), EVOLU_FAULT_NONE);

    assert_true(e.exp == EVOLU_NEVER);
    assert_int_equal(e.nbf, 0);
    assert_int_equal(e.flags, 0);
    assert_int_equal(e.cidr, 0);
    assert_int_equal(e.ncidrs, 0);
    assert_int_equal(e.id_len, 0);
    assert_int_equal(e.algorithm.pepper, EVOLU_PEPPER_NONE);
    assert_int_equal(e.algorithm.secret, 0);
    assert_int_equal(e.digest[1], 0x11);
    assert_int_equal(e.digest[31], 0xff);
}


static void
test_entry_values(void **state)
{
    (void) state;

    assert_int_equal(entry("status=disabled nbf=007 exp=1798761600 "
                           "ip=10.1.2.3/8,::1 "
                           "hash=hmac-sha256-secret/p1:" HEX),
                     EVOLU_FAULT_NONE);

    assert_int_equal(e.exp, 1798761600);
    assert_int_equal(e.nbf, 7);
    assert_int_equal(e.flags, EVOLU_ENTRY_DISABLED | EVOLU_ENTRY_RESTRICTED);
    assert_int_equal(e.ncidrs, 2);
    assert_int_equal(e.algorithm.pepper, 0);
    assert_int_equal(e.algorithm.secret, 1);

    assert_int_equal(cidrs[0].address.family, EVOLU_ADDRESS_IPV4);
    assert_int_equal(cidrs[0].bits, 8);
    assert_int_equal(cidrs[0].address.bytes[0], 10);
    assert_int_equal(cidrs[0].address.bytes[1], 0);
    assert_int_equal(cidrs[1].address.family, EVOLU_ADDRESS_IPV6);
    assert_int_equal(cidrs[1].bits, 128);
}


static void
test_entry_scopes(void **state)
{
    size_t                i;
    evolu_fault_t         fault, expected;
    static const char    *secret[] = {
        "hash=sha256-secret:" HEX,
        "hash=hmac-sha256-secret/p1:" HEX
    };
    static evolu_scope_t  scopes[] = {
        EVOLU_SCOPE_GLOBAL, EVOLU_SCOPE_INSTANCE, EVOLU_SCOPE_CAMPAIGN
    };

    (void) state;

    for (i = 0; i < 6; i++) {
        fault = evolu_entry_decode(bytes(secret[i % 2]), scopes[i / 2],
                                   peppers, &e, cidrs);
        expected = (scopes[i / 2] == EVOLU_SCOPE_CAMPAIGN)
                   ? EVOLU_FAULT_NONE : EVOLU_FAULT_ALGORITHM;

        assert_int_equal(fault, expected);
    }

    /* no set of peppers is an empty one */

    fault = evolu_entry_decode(bytes("hash=hmac-sha256/p1:" HEX),
                               EVOLU_SCOPE_GLOBAL, NULL, &e, cidrs);
    assert_int_equal(fault, EVOLU_FAULT_PEPPER);
}


static void
test_entry_nul(void **state)
{
    evolu_bytes_t         text;
    static unsigned char  nul[] = HASH " exp=1\0";

    (void) state;

    text.data = nul;
    text.len = sizeof(nul) - 1;

    assert_int_equal(evolu_entry_decode(text, EVOLU_SCOPE_GLOBAL, NULL, &e,
                                        cidrs),
                     EVOLU_FAULT_SYNTAX);

    text.data = NULL;
    text.len = 0;

    assert_int_equal(evolu_entry_decode(text, EVOLU_SCOPE_GLOBAL, NULL, &e,
                                        cidrs),
                     EVOLU_FAULT_NO_HASH);
}


static void
test_entry_limits(void **state)
{
    char  *ip, text[EVOLU_ENTRY_MAX + 2];

    (void) state;

    memset(text, ' ', sizeof(text));
    memcpy(text, HASH, sizeof(HASH) - 1);

    text[EVOLU_ENTRY_MAX] = '\0';
    assert_int_equal(entry(text), EVOLU_FAULT_NONE);

    text[EVOLU_ENTRY_MAX] = ' ';
    text[EVOLU_ENTRY_MAX + 1] = '\0';
    assert_int_equal(entry(text), EVOLU_FAULT_ENTRY_SIZE);

    ip = ip_list(EVOLU_ENTRY_CIDRS_MAX);
    assert_int_equal(entry(ip), EVOLU_FAULT_NONE);
    assert_int_equal(e.ncidrs, EVOLU_ENTRY_CIDRS_MAX);
    assert_int_equal(cidrs[63].address.bytes[3], 63);
    free(ip);

    ip = ip_list(EVOLU_ENTRY_CIDRS_MAX + 1);
    assert_int_equal(entry(ip), EVOLU_FAULT_CIDRS);
    free(ip);
}


static void
test_record_version(void **state)
{
    (void) state;

    assert_non_null(decode(PAIRS({ "v", "1" })));
    assert_int_equal(report.fault, EVOLU_FAULT_NONE);

    expect_void(PAIRS({ "key.k1", HASH }), EVOLU_FAULT_VERSION, "v");
    expect_void(PAIRS({ "v", "" }), EVOLU_FAULT_VERSION, "v");
    expect_void(PAIRS({ "v", "2" }), EVOLU_FAULT_VERSION, "v");
    expect_void(PAIRS({ "v", "1 " }), EVOLU_FAULT_VERSION, "v");
    expect_void(PAIRS({ "v", "01" }), EVOLU_FAULT_VERSION, "v");
    expect_void(PAIRS({ "V", "1" }), EVOLU_FAULT_VERSION, "v");

    assert_null(evolu_record_decode(NULL, 0, &live, NULL, image, &report));
    assert_int_equal(report.fault, EVOLU_FAULT_VERSION);
}


static void
test_record_status(void **state)
{
    evolu_record_t  *r;

    (void) state;

    r = decode(PAIRS({ "v", "1" }, { "status", "active" }));
    assert_non_null(r);
    assert_int_equal(r->flags, EVOLU_RECORD_LIVEMODE);

    r = decode(PAIRS({ "status", "disabled" }, { "v", "1" }));
    assert_non_null(r);
    assert_int_equal(r->flags, EVOLU_RECORD_LIVEMODE | EVOLU_RECORD_DISABLED);

    expect_void(PAIRS({ "v", "1" }, { "status", "" }),
                EVOLU_FAULT_RECORD_STATUS, "status");
    expect_void(PAIRS({ "v", "1" }, { "status", "DISABLED" }),
                EVOLU_FAULT_RECORD_STATUS, "status");
}


static void
test_record_instance(void **state)
{
    char             name[EVOLU_INSTANCE_MAX + 2];
    evolu_bytes_t    instance;
    evolu_record_t  *r;

    (void) state;

    r = decode(PAIRS({ "v", "1" }, { "key.a", HASH " ip=::1" },
                     { "instance", "my shop" }, { "key.b", "void" }));
    assert_non_null(r);
    instance = evolu_record_instance(r);
    assert_int_equal(instance.len, 7);
    assert_memory_equal(instance.data, "my shop", 7);

    memset(name, 'n', sizeof(name));
    name[EVOLU_INSTANCE_MAX] = '\0';
    r = decode(PAIRS({ "v", "1" }, { "instance", name }));
    assert_non_null(r);
    assert_int_equal(evolu_record_instance(r).len, EVOLU_INSTANCE_MAX);

    name[EVOLU_INSTANCE_MAX] = 'n';
    name[EVOLU_INSTANCE_MAX + 1] = '\0';
    expect_void(PAIRS({ "v", "1" }, { "instance", name }),
                EVOLU_FAULT_INSTANCE, "instance");
    expect_void(PAIRS({ "v", "1" }, { "instance", "" }),
                EVOLU_FAULT_INSTANCE, "instance");
    expect_void(PAIRS({ "v", "1" }, { "instance", "a\tb" }),
                EVOLU_FAULT_INSTANCE, "instance");

    /* elsewhere it means nothing */

    r = decode_as(shop, PAIRS({ "v", "1" }, { "instance", "" }));
    assert_non_null(r);
    r = decode_as(shop, PAIRS({ "v", "1" }, { "instance", "other" }));
    assert_non_null(r);
    assert_int_equal(evolu_record_instance(r).len, 0);
    assert_int_equal(r->size, EVOLU_RECORD_HEADER);
}


static void
test_record_livemode(void **state)
{
    size_t           i;
    evolu_record_t  *r;

    static const struct {
        const evolu_locator_t  *locator;
        const char             *value;
        int                     flag;      /* -1: void */
    } cases[] = {
        { &live, NULL, 1 },
        { &live, "true", 1 },
        { &live, "false", -1 },
        { &live, "", -1 },
        { &live, "1", -1 },
        { &test, NULL, 0 },
        { &test, "false", 0 },
        { &test, "true", -1 },
        { &test, "no", -1 },
        { &shop, NULL, 1 },
        { &shop, "true", 1 },
        { &shop, "false", 0 },
        { &shop, "False", -1 },
        { &global, NULL, 1 },
        { &global, "false", 1 },
        { &global, "maybe", -1 }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        r = decode_as(*cases[i].locator,
                      PAIRS({ "v", "1" },
                            { cases[i].value ? "livemode" : "x",
                              cases[i].value ? cases[i].value : "" }));

        if (cases[i].flag < 0) {
            assert_null(r);
            assert_int_equal(report.fault, EVOLU_FAULT_LIVEMODE);
            continue;
        }

        assert_non_null(r);
        assert_int_equal((r->flags & EVOLU_RECORD_LIVEMODE) != 0,
                         cases[i].flag);
    }
}


static void
test_record_scope(void **state)
{
    evolu_record_t  *r;

    (void) state;

    r = decode_as(test, PAIRS({ "v", "1" }));
    assert_int_equal(r->scope, EVOLU_SCOPE_CAMPAIGN);
    assert_int_equal(r->mode, EVOLU_MODE_TEST);

    r = decode_as(shop, PAIRS({ "v", "1" }));
    assert_int_equal(r->scope, EVOLU_SCOPE_INSTANCE);
    assert_int_equal(r->mode, 0);

    r = decode_as(global, PAIRS({ "v", "1" }));
    assert_int_equal(r->scope, EVOLU_SCOPE_GLOBAL);
    assert_int_equal(r->mode, 0);
}


static void
test_record_order(void **state)
{
    unsigned            i;
    evolu_entry_t      *entries;
    evolu_record_t     *r;
    static const char  *ids[] = { "-", "10", "2", "B", "a", "aa", "b" };

    (void) state;

    r = decode(PAIRS({ "key.b", HASH " exp=6" }, { "key.aa", HASH " exp=5" },
                     { "key.-", HASH " exp=0" }, { "key.a", HASH " exp=4" },
                     { "key.10", HASH " exp=1" }, { "v", "1" },
                     { "key.B", HASH " exp=3" }, { "key.2", HASH " exp=2" }));

    assert_non_null(r);
    assert_int_equal(r->nentries, 7);

    entries = evolu_record_entries(r);

    for (i = 0; i < 7; i++) {
        assert_int_equal(entries[i].id_len, strlen(ids[i]));
        assert_memory_equal(entries[i].id, ids[i], strlen(ids[i]));
        assert_int_equal(entries[i].exp, i);
    }
}


/* What can't be read is left out, what remains is not disturbed. */

static void
test_record_void_entries(void **state)
{
    evolu_entry_t   *entries;
    evolu_record_t  *r;

    (void) state;

    r = decode(PAIRS({ "v", "1" },
                     { "key.d", HASH " ip=10.0.0.4" },
                     { "key.c", HASH " ip=10.0.0.3,bad" },
                     { "key.b", HASH " ip=10.0.0.2,10.0.1.2" },
                     { "key.a", HASH " ip=10.0.0.1 exp=soon" }));

    assert_non_null(r);
    assert_int_equal(r->nentries, 2);
    assert_int_equal(r->ncidrs, 3);
    assert_int_equal(report.void_entries, 2);
    assert_int_equal(report.fault, EVOLU_FAULT_TIME);
    assert_memory_equal(report.field.data, "key.a", 5);

    entries = evolu_record_entries(r);

    assert_int_equal(entries[0].id[0], 'b');
    assert_int_equal(entries[0].cidr, 0);
    assert_int_equal(entries[0].ncidrs, 2);
    assert_int_equal(entries[1].id[0], 'd');
    assert_int_equal(entries[1].cidr, 2);
    assert_int_equal(entries[1].ncidrs, 1);
    assert_int_equal(evolu_record_cidrs(r)[1].address.bytes[3], 2);
    assert_int_equal(evolu_record_cidrs(r)[2].address.bytes[3], 4);
    assert_true(evolu_record_whole(r, r->size));

    /* none usable: still a record */

    r = decode(PAIRS({ "v", "1" }, { "key.k1", "" }));
    assert_non_null(r);
    assert_int_equal(r->nentries, 0);
    assert_int_equal(r->size, EVOLU_RECORD_HEADER);
    assert_int_equal(report.fault, EVOLU_FAULT_NO_HASH);
}


static void
test_record_key_ids(void **state)
{
    char             name[4 + EVOLU_KEY_ID_MAX + 2];
    evolu_record_t  *r;

    (void) state;

    r = decode(PAIRS({ "v", "1" }, { "key.", HASH }, { "key.a b", HASH },
                     { "key.a:b", HASH }, { "key.\xc3\xa9", HASH },
                     { "key.ok", HASH }));
    assert_non_null(r);
    assert_int_equal(r->nentries, 1);
    assert_int_equal(report.void_entries, 4);
    assert_int_equal(report.fault, EVOLU_FAULT_KEY_ID);

    memset(name, 'k', sizeof(name));
    memcpy(name, "key.", 4);

    name[4 + EVOLU_KEY_ID_MAX] = '\0';
    r = decode(PAIRS({ "v", "1" }, { name, HASH }));
    assert_int_equal(r->nentries, 1);

    name[4 + EVOLU_KEY_ID_MAX] = 'k';
    name[4 + EVOLU_KEY_ID_MAX + 1] = '\0';
    r = decode(PAIRS({ "v", "1" }, { name, HASH }));
    assert_int_equal(r->nentries, 0);
    assert_int_equal(report.fault, EVOLU_FAULT_KEY_ID);

    assert_true(evolu_key_id_valid(bytes("azAZ09._-")));
    assert_false(evolu_key_id_valid(bytes("")));
    assert_false(evolu_key_id_valid(bytes("a/b")));
    assert_false(evolu_key_id_valid(bytes("a@b")));
    assert_false(evolu_key_id_valid(bytes("a[b")));
    assert_false(evolu_key_id_valid(bytes("a`b")));
    assert_false(evolu_key_id_valid(bytes("a{b")));
}


static void
test_epoch_valid(void **state)
{
    size_t  i;

    static const char  *good[] = {
        "0", "1", "9", "007", "18446744073709551615", "99999999999999999999"
    };

    static const char  *bad[] = {
        "", "-1", "+1", "-", " 1", "1 ", "1\n", "1.0", "0x1", "one", "/", ":",
        "\xb2", "100000000000000000000", "999999999999999999999999999999"
    };

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(evolu_epoch_valid(bytes(good[i])));
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(evolu_epoch_valid(bytes(bad[i])));
    }

    assert_false(evolu_epoch_valid((evolu_bytes_t) { NULL, 0 }));
    assert_false(evolu_epoch_valid((evolu_bytes_t) {
        (const unsigned char *) "1\0", 2 }));
}


static void
test_record_twice(void **state)
{
    (void) state;

    expect_void(PAIRS({ "v", "1" }, { "v", "1" }), EVOLU_FAULT_TWICE, "v");
    expect_void(PAIRS({ "v", "1" }, { "status", "active" },
                      { "status", "active" }), EVOLU_FAULT_TWICE, "status");
    expect_void(PAIRS({ "v", "1" }, { "livemode", "true" },
                      { "livemode", "true" }), EVOLU_FAULT_TWICE, "livemode");
    expect_void(PAIRS({ "v", "1" }, { "instance", "a" }, { "instance", "a" }),
                EVOLU_FAULT_TWICE, "instance");
    expect_void(PAIRS({ "v", "1" }, { "key.k1", HASH }, { "key.k0", HASH },
                      { "key.k2", HASH }, { "key.k1", "void" }),
                EVOLU_FAULT_TWICE, "key.k1");
    expect_void(PAIRS({ "v", "1" }, { "key.", HASH }, { "key.", HASH }),
                EVOLU_FAULT_TWICE, "key.");

    /* unknown fields are nobody's */

    assert_non_null(decode(PAIRS({ "v", "1" }, { "note", "a" },
                                 { "note", "b" }, { "key", "c" },
                                 { "Status", "disabled" }, { "", "" })));
}


static void
test_record_limits(void **state)
{
    char             text[EVOLU_ENTRY_MAX + 2];
    char            *ip;
    evolu_record_t  *r;

    (void) state;

    r = decode_keys(EVOLU_RECORD_KEYS_MAX, HASH);
    assert_non_null(r);
    assert_int_equal(r->nentries, EVOLU_RECORD_KEYS_MAX);

    assert_null(decode_keys(EVOLU_RECORD_KEYS_MAX + 1, HASH));
    assert_int_equal(report.fault, EVOLU_FAULT_KEYS);

    /* void entries count, too */

    assert_null(decode_keys(EVOLU_RECORD_KEYS_MAX + 1, "void"));
    assert_int_equal(report.fault, EVOLU_FAULT_KEYS);

    memset(text, ' ', sizeof(text));
    memcpy(text, HASH, sizeof(HASH) - 1);
    text[EVOLU_ENTRY_MAX + 1] = '\0';
    expect_void(PAIRS({ "v", "1" }, { "key.a", HASH }, { "key.b", text }),
                EVOLU_FAULT_ENTRY_SIZE, "key.b");
    expect_void(PAIRS({ "v", "1" }, { "key.a", HASH }, { "key.!", text }),
                EVOLU_FAULT_ENTRY_SIZE, "key.!");

    ip = ip_list(EVOLU_ENTRY_CIDRS_MAX + 1);
    expect_void(PAIRS({ "v", "1" }, { "key.a", HASH }, { "key.b", ip }),
                EVOLU_FAULT_CIDRS, "key.b");
    free(ip);
}


/* The largest image there is: 64 keys with 64 short CIDRs each, and a name. */

static void
test_record_largest(void **state)
{
    char             ids[EVOLU_RECORD_KEYS_MAX][8], *ip;
    char             name[EVOLU_INSTANCE_MAX + 1];
    size_t           i;
    pair_t           pairs[EVOLU_RECORD_KEYS_MAX + 3];
    evolu_record_t  *r;

    (void) state;

    ip = malloc(1024);
    strcpy(ip, HASH " ip=::");

    for (i = 1; i < EVOLU_ENTRY_CIDRS_MAX; i++) {
        strcat(ip, ",::");
    }

    for (i = 0; i < EVOLU_RECORD_KEYS_MAX; i++) {
        sprintf(ids[i], "key.%02u", (unsigned) i);
        pairs[i].name = ids[i];
        pairs[i].value = ip;
    }

    memset(name, 'n', sizeof(name));
    name[EVOLU_INSTANCE_MAX] = '\0';

    pairs[i++] = (pair_t) { "v", "1" };
    pairs[i++] = (pair_t) { "instance", name };
    pairs[i++] = (pair_t) { NULL, NULL };

    r = decode(pairs);
    assert_non_null(r);
    assert_int_equal(r->ncidrs, 4096);
    assert_int_equal(r->size, EVOLU_RECORD_HEADER + 64 * sizeof(evolu_entry_t)
                              + 4096 * sizeof(evolu_cidr_t) + 255);
    assert_true(r->size <= EVOLU_IMAGE_MAX);
    assert_true(evolu_record_whole(r, r->size));
    assert_memory_equal(evolu_record_instance(r).data, name, 255);
    assert_int_equal(evolu_record_entries(r)[63].cidr, 63 * 64);

    free(ip);
}


static void
test_record_size(void **state)
{
    char            *fill;
    evolu_field_t    fields[3];
    evolu_record_t  *r;

    (void) state;

    fill = malloc(EVOLU_RECORD_MAX);
    memset(fill, 'f', EVOLU_RECORD_MAX);

    fields[0] = (evolu_field_t) { evolu_literal("v"), evolu_literal("1") };
    fields[1] = (evolu_field_t) { evolu_literal("key.k1"),
                                  evolu_literal(HASH) };
    fields[2].name = bytes("note");
    fields[2].value.data = (unsigned char *) fill;
    fields[2].value.len = EVOLU_RECORD_MAX - 2 - 6 - (sizeof(HASH) - 1) - 4;

    r = evolu_record_decode(fields, 3, &live, NULL, image, &report);
    assert_non_null(r);
    assert_int_equal(r->nentries, 1);

    fields[2].value.len++;
    r = evolu_record_decode(fields, 3, &live, NULL, image, &report);
    assert_null(r);
    assert_int_equal(report.fault, EVOLU_FAULT_RECORD_SIZE);
    assert_true(report.field.data == fields[2].name.data);

    /* lengths whose sum would wrap around */

    fields[2].value.len = SIZE_MAX - 1;
    r = evolu_record_decode(fields, 3, &live, NULL, image, &report);
    assert_null(r);
    fields[2].value.len = 0;
    fields[2].name.len = SIZE_MAX;
    r = evolu_record_decode(fields, 3, &live, NULL, image, &report);
    assert_null(r);
    assert_int_equal(report.fault, EVOLU_FAULT_RECORD_SIZE);

    free(fill);
}


/* Same fields, same bytes, whatever the buffer held and the order was. */

static void
test_record_deterministic(void **state)
{
    uint32_t         size;
    unsigned char   *first;
    evolu_record_t  *r;

    (void) state;

    memset(image, 0xa5, sizeof(image));
    r = decode(PAIRS({ "v", "1" }, { "key.a", HASH " ip=10.0.0.0/8" },
                     { "key.x", "void" }, { "key.b", HASH },
                     { "instance", "shop" }));
    assert_non_null(r);
    size = r->size;
    first = malloc(size);
    memcpy(first, r, size);

    memset(image, 0x5a, sizeof(image));
    r = decode(PAIRS({ "instance", "shop" }, { "key.b", HASH }, { "v", "1" },
                     { "key.x", "void" }, { "key.a", HASH " ip=10.0.0.0/8" }));
    assert_non_null(r);
    assert_int_equal(r->size, size);
    assert_memory_equal(r, first, size);

    free(first);
}


static void
test_record_whole(void **state)
{
    size_t           size;
    evolu_entry_t   *entries;
    evolu_record_t  *r;

    (void) state;

    r = decode(PAIRS({ "v", "1" }, { "key.a", HASH " ip=::1,::2" },
                     { "instance", "shop" }));
    size = r->size;
    entries = evolu_record_entries(r);

    assert_true(evolu_record_whole(r, size));
    assert_false(evolu_record_whole(r, size - 1));
    assert_false(evolu_record_whole(r, size + 1));
    assert_false(evolu_record_whole(r, 0));
    assert_false(evolu_record_whole(r, EVOLU_RECORD_HEADER - 1));
    assert_false(evolu_record_whole(r, EVOLU_IMAGE_MAX + 1));

    r->size++;
    assert_false(evolu_record_whole(r, size));
    assert_false(evolu_record_whole(r, size + 1));
    r->size--;

    r->nentries++;
    assert_false(evolu_record_whole(r, size));
    r->nentries--;

    r->instance_len++;
    assert_false(evolu_record_whole(r, size));
    r->instance_len--;

    entries[0].cidr = 1;
    assert_false(evolu_record_whole(r, size));
    entries[0].cidr = 0;

    entries[0].ncidrs = 3;
    assert_false(evolu_record_whole(r, size));
    entries[0].ncidrs = 65535;
    assert_false(evolu_record_whole(r, size));
    entries[0].ncidrs = 2;

    entries[0].id_len = 0;
    assert_false(evolu_record_whole(r, size));
    entries[0].id_len = EVOLU_KEY_ID_MAX + 1;
    assert_false(evolu_record_whole(r, size));
    entries[0].id_len = 1;

    assert_true(evolu_record_whole(r, size));

    /* 65 entries whose lengths add up */

    r->nentries = 65;
    r->ncidrs = 0;
    r->instance_len = 0;
    r->size = EVOLU_RECORD_HEADER + 65 * sizeof(evolu_entry_t);
    assert_false(evolu_record_whole(r, r->size));
}


static void
test_match(void **state)
{
    char              a[160], b[160], c[160], d[160], n[160];
    evolu_record_t   *r;
    evolu_digests_t   digests;

    (void) state;

    hash_of("sha256", "evolu_live_s_0123456789abcdef", a);
    hash_of("hmac-sha256/p1", "evolu_live_s_0123456789abcdef", b);
    hash_of("sha256-secret", "0123456789abcdef", c);
    hash_of("hmac-sha256-secret/p1", "0123456789abcdef", d);
    hash_of("sha256", "evolu_live_s_0123456789abcdeF", n);

    r = decode(PAIRS({ "v", "1" }, { "key.0", n }, { "key.1", a },
                     { "key.2", b }, { "key.3", n }, { "key.4", c },
                     { "key.5", d }, { "key.6", n }));
    assert_int_equal(r->nentries, 7);

    memset(&digests, 0, sizeof(digests));
    digests.text = bytes("evolu_live_s_0123456789abcdef");
    digests.secret = bytes("0123456789abcdef");
    assert_int_equal(evolu_record_match(r, &digests, peppers), 0x36);

    /* an opaque credential has no secret part */

    memset(&digests, 0, sizeof(digests));
    digests.text = bytes("0123456789abcdef");
    assert_int_equal(evolu_record_match(r, &digests, peppers), 0);

    /* the secret alone is not the whole credential */

    memset(&digests, 0, sizeof(digests));
    digests.text = bytes("evolu_live_s_0123456789abcdef");
    assert_int_equal(evolu_record_match(r, &digests, peppers), 0x06);

    /* peppers that are not there match nothing */

    memset(&digests, 0, sizeof(digests));
    digests.text = bytes("evolu_live_s_0123456789abcdef");
    digests.secret = bytes("0123456789abcdef");
    assert_int_equal(evolu_record_match(r, &digests, NULL), 0x12);

    evolu_digests_wipe(&digests);
}


static void
test_match_all_bits(void **state)
{
    char              text[160];
    evolu_record_t   *r;
    evolu_digests_t   digests;

    (void) state;

    hash_of("sha256", "opaque-token", text);

    r = decode_keys(EVOLU_RECORD_KEYS_MAX, text);

    memset(&digests, 0, sizeof(digests));
    digests.text = bytes("opaque-token");
    assert_true(evolu_record_match(r, &digests, NULL) == UINT64_MAX);

    r = decode(PAIRS({ "v", "1" }));
    assert_true(evolu_record_match(r, &digests, NULL) == 0);
}


static void
test_tags(void **state)
{
    evolu_record_t              *r;
    static const unsigned char   zero[EVOLU_TAG_SIZE];
    static const unsigned char   one[EVOLU_TAG_SIZE] = "0123456789abcde";
    static const unsigned char   two[EVOLU_TAG_SIZE] = "0123456789abcdf";

    (void) state;

    r = decode_keys(EVOLU_RECORD_KEYS_MAX, HASH);

    /* a tag that was never set is not the tag of zeros */

    assert_true(evolu_record_match_tag(r, zero) == 0);

    evolu_record_set_tag(r, 0x8000000000000005, one);
    assert_true(evolu_record_match_tag(r, one) == 0x8000000000000005);
    assert_true(evolu_record_match_tag(r, two) == 0);
    assert_true(evolu_record_match_tag(r, zero) == 0);

    evolu_record_set_tag(r, 0x4, two);
    assert_true(evolu_record_match_tag(r, one) == 0x8000000000000001);
    assert_true(evolu_record_match_tag(r, two) == 0x4);

    evolu_record_set_tag(r, 0x2, zero);
    assert_true(evolu_record_match_tag(r, zero) == 0x2);

    assert_true(evolu_record_whole(r, r->size));

    /* bits that stand for no entry */

    r = decode(PAIRS({ "v", "1" }, { "key.a", HASH }));
    evolu_record_set_tag(r, UINT64_MAX, one);
    assert_true(evolu_record_match_tag(r, one) == 0x1);
}


static void
test_fault_texts(void **state)
{
    int  fault;

    (void) state;

    for (fault = 0; fault <= EVOLU_FAULT_DUPLICATE; fault++) {
        assert_non_null(evolu_fault_text(fault));
        assert_true(strlen(evolu_fault_text(fault)) > 0);
    }

    assert_non_null(evolu_fault_text(EVOLU_FAULT_DUPLICATE + 1));
    assert_non_null(evolu_fault_text(-1));
}


static evolu_bytes_t
bytes(const char *text)
{
    return (evolu_bytes_t) { (const unsigned char *) text, strlen(text) };
}


static evolu_record_t *
decode_as(evolu_locator_t locator, const pair_t *pairs)
{
    size_t         n;
    evolu_field_t  fields[EVOLU_RECORD_KEYS_MAX + 8];

    for (n = 0; pairs[n].name != NULL; n++) {
        fields[n].name = bytes(pairs[n].name);
        fields[n].value = bytes(pairs[n].value);
    }

    return evolu_record_decode(fields, n, &locator, peppers, image, &report);
}


static evolu_record_t *
decode(const pair_t *pairs)
{
    return decode_as(live, pairs);
}


static evolu_record_t *
decode_keys(unsigned n, const char *text)
{
    char      ids[EVOLU_RECORD_KEYS_MAX + 1][8];
    pair_t    pairs[EVOLU_RECORD_KEYS_MAX + 3];
    unsigned  i;

    for (i = 0; i < n; i++) {
        sprintf(ids[i], "key.%02u", i);
        pairs[i].name = ids[i];
        pairs[i].value = text;
    }

    pairs[n] = (pair_t) { "v", "1" };
    pairs[n + 1] = (pair_t) { NULL, NULL };

    return decode(pairs);
}


static evolu_fault_t
entry(const char *text)
{
    return evolu_entry_decode(bytes(text), EVOLU_SCOPE_CAMPAIGN, peppers, &e,
                              cidrs);
}


static char *
ip_list(unsigned n)
{
    char      *text, *p;
    unsigned   i;

    text = malloc(sizeof(HASH) + 16 * n);
    p = text + sprintf(text, "%s ip=", HASH);

    for (i = 0; i < n; i++) {
        p += sprintf(p, "%s10.0.0.%u", i ? "," : "", i);
    }

    return text;
}


static char *
hash_of(const char *algorithm, const char *text, char *buf)
{
    char               hex[EVOLU_DIGEST_HEX];
    unsigned char      digest[EVOLU_DIGEST_SIZE];
    evolu_algorithm_t  a;

    assert_int_equal(evolu_algorithm_parse(bytes(algorithm), peppers, &a),
                     EVOLU_ALGORITHM_OK);

    evolu_digest(a, peppers, bytes(text), digest);
    evolu_digest_hex(digest, hex);
    sprintf(buf, "hash=%s:%.64s", algorithm, hex);

    return buf;
}


static void
expect_void(const pair_t *pairs, evolu_fault_t fault, const char *field)
{
    assert_null(decode(pairs));
    assert_int_equal(report.fault, fault);
    assert_int_equal(report.field.len, strlen(field));
    assert_memory_equal(report.field.data, field, strlen(field));
}


static int
setup(void **state)
{
    (void) state;

    if (evolu_digest_init() != 0) {
        return -1;
    }

    peppers = evolu_peppers_create();

    return evolu_peppers_add(peppers, bytes("p1"), bytes(HEX))
           != EVOLU_PEPPER_OK;
}


static int
teardown(void **state)
{
    (void) state;

    evolu_peppers_destroy(peppers);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_entry_rules),
        cmocka_unit_test(test_entry_defaults),
        cmocka_unit_test(test_entry_values),
        cmocka_unit_test(test_entry_scopes),
        cmocka_unit_test(test_entry_nul),
        cmocka_unit_test(test_entry_limits),
        cmocka_unit_test(test_record_version),
        cmocka_unit_test(test_record_status),
        cmocka_unit_test(test_record_instance),
        cmocka_unit_test(test_record_livemode),
        cmocka_unit_test(test_record_scope),
        cmocka_unit_test(test_record_order),
        cmocka_unit_test(test_record_void_entries),
        cmocka_unit_test(test_record_key_ids),
        cmocka_unit_test(test_epoch_valid),
        cmocka_unit_test(test_record_twice),
        cmocka_unit_test(test_record_limits),
        cmocka_unit_test(test_record_largest),
        cmocka_unit_test(test_record_size),
        cmocka_unit_test(test_record_deterministic),
        cmocka_unit_test(test_record_whole),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_match_all_bits),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_fault_texts)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
