
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The verdict: every reason of the contract, section 5, and their order.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evolu_verdict.h"


#define HASH  "hash=sha256:00112233445566778899aabbccddeeff" \
              "00112233445566778899aabbccddeeff"

#define NOW   1700000000
#define PAST  "1699999999"
#define THIS  "1700000000"
#define NEXT  "1700000001"

#define ALL   (EVOLU_SCOPE_GLOBAL | EVOLU_SCOPE_INSTANCE                      \
               | EVOLU_SCOPE_CAMPAIGN)
#define ANY   (EVOLU_MODE_LIVE | EVOLU_MODE_TEST)

#define KEYS(...)  ((const char *[]) { __VA_ARGS__, NULL })


static evolu_bytes_t bytes(const char *text);
static void reset(void);
static void use_opaque(void);
static void use_address(const char *text);
static evolu_record_t *record(const evolu_locator_t *locator,
    const char **fields);
static evolu_record_t *campaign(const char *entry);
static evolu_record_t *instance(const char *entry);
static evolu_record_t *global(const char *entry);
static evolu_reason_t judge(const evolu_record_t *r, uint64_t matched);
static evolu_next_t admit(const evolu_record_t *r, uint64_t matched);
static void expect_reason(evolu_reason_t reason);
static void expect_refused(evolu_reason_t reason);
static void expect_key(const char *id);


static evolu_policy_t             policy;
static evolu_facts_t              facts;
static evolu_verdict_t            verdict;
static _Alignas(8) unsigned char  image[EVOLU_IMAGE_MAX];

static const evolu_locator_t  live = {
    EVOLU_SCOPE_CAMPAIGN, EVOLU_MODE_LIVE, evolu_literal("slug")
};

static const evolu_locator_t  test = {
    EVOLU_SCOPE_CAMPAIGN, EVOLU_MODE_TEST, evolu_literal("slug")
};

static const evolu_locator_t  shop = {
    EVOLU_SCOPE_INSTANCE, 0, evolu_literal("shop")
};

static const evolu_locator_t  everywhere = {
    EVOLU_SCOPE_GLOBAL, 0, { NULL, 0 }
};


/* What is wrong with a request, one by one, in the order of the contract. */

typedef void (*fault_pt)(void);

static void
break_connection(void)
{
    facts.connection = 1;
}

static void
break_duplicate(void)
{
    facts.duplicate = 1;
}

static void
break_missing(void)
{
    facts.status = EVOLU_CREDENTIAL_MISSING;
}

static void
break_malformed(void)
{
    facts.status = EVOLU_CREDENTIAL_MALFORMED;
}

static void
break_throttled(void)
{
    facts.throttled = 1;
}

static void
break_scope(void)
{
    policy.scopes = EVOLU_SCOPE_GLOBAL;
}

static void
break_family(void)
{
    policy.scopes &= ~EVOLU_SCOPE_CAMPAIGN;
}

static void
break_path(void)
{
    facts.bad_target = 1;
}

static void
break_reserved(void)
{
    facts.reserved_arg = 1;
}


static const struct {
    fault_pt        set;
    evolu_reason_t  reason;
} admit_order[] = {
    { break_connection, EVOLU_REASON_CONNECTION_HEADER },
    { break_duplicate, EVOLU_REASON_DUPLICATE },
    { break_missing, EVOLU_REASON_MISSING },
    { break_malformed, EVOLU_REASON_MALFORMED },
    { break_throttled, EVOLU_REASON_THROTTLED },
    { break_scope, EVOLU_REASON_SCOPE },
    { break_family, EVOLU_REASON_WRONG_FAMILY },
    { break_path, EVOLU_REASON_BAD_PATH }
};

#define ADMIT_N  (sizeof(admit_order) / sizeof(admit_order[0]))


/* every two of them: the earlier wins */

static void
test_admit_order(void **state)
{
    size_t  i, k;

    (void) state;

    for (i = 0; i < ADMIT_N; i++) {
        for (k = i; k < ADMIT_N; k++) {

            if (admit_order[i].set == break_missing
                && admit_order[k].set == break_malformed)
            {
                continue;    /* a credential can't be both */
            }

            reset();
            policy.instance = 1;
            facts.instance = bytes("shop");

            /* scope and family share a field: the narrower is set last */

            admit_order[k].set();
            admit_order[i].set();

            assert_int_equal(admit(NULL, 0), EVOLU_NEXT_DONE);
            expect_refused(admit_order[i].reason);
        }
    }

    reset();
    facts.status = EVOLU_CREDENTIAL_OTHER;
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_DONE);
    expect_refused(EVOLU_REASON_MISSING);
}


static void
test_admit_next(void **state)
{
    (void) state;

    reset();
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_CAMPAIGN);
    assert_int_equal(verdict.reason, EVOLU_REASON_NONE);
    assert_int_equal(verdict.scope, EVOLU_SCOPE_CAMPAIGN);

    policy.instance = 1;
    facts.instance = bytes("shop");
    policy.token_index = 1;
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_CAMPAIGN);

    use_opaque();
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_INSTANCE);
    assert_int_equal(verdict.reason, EVOLU_REASON_NONE);
    assert_int_equal(verdict.scope, EVOLU_SCOPE_INSTANCE);

    policy.instance = 0;
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_TOKEN);
    assert_int_equal(verdict.scope, EVOLU_SCOPE_INSTANCE);

    policy.token_index = 0;
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_DONE);
    expect_refused(EVOLU_REASON_UNKNOWN);
}


static void
test_admit_family(void **state)
{
    size_t           i;
    evolu_next_t     next;
    evolu_reason_t   reason;

    static const struct {
        unsigned        scopes;
        evolu_reason_t  campaign;
        evolu_reason_t  opaque;
    } cases[] = {
        { 0, EVOLU_REASON_WRONG_FAMILY, EVOLU_REASON_WRONG_FAMILY },
        { 1, EVOLU_REASON_SCOPE, EVOLU_REASON_SCOPE },
        { 2, EVOLU_REASON_WRONG_FAMILY, EVOLU_REASON_NONE },
        { 3, EVOLU_REASON_WRONG_FAMILY, EVOLU_REASON_NONE },
        { 4, EVOLU_REASON_NONE, EVOLU_REASON_WRONG_FAMILY },
        { 5, EVOLU_REASON_NONE, EVOLU_REASON_WRONG_FAMILY },
        { 6, EVOLU_REASON_NONE, EVOLU_REASON_NONE },
        { 7, EVOLU_REASON_NONE, EVOLU_REASON_NONE }
    };

    (void) state;

    for (i = 0; i < 16; i++) {
        reset();
        policy.token_index = 1;
        policy.scopes = cases[i / 2].scopes;
        reason = cases[i / 2].campaign;

        if (i % 2) {
            use_opaque();
            reason = cases[i / 2].opaque;
        }

        next = admit(NULL, 0);

        assert_int_equal(verdict.reason, reason);
        assert_int_equal(next == EVOLU_NEXT_DONE, reason != EVOLU_REASON_NONE);
        assert_int_equal(verdict.scope,
                         (i % 2 == 0) ? EVOLU_SCOPE_CAMPAIGN
                         : (policy.scopes & EVOLU_SCOPE_INSTANCE)
                         ? EVOLU_SCOPE_INSTANCE : EVOLU_SCOPE_NONE);
    }

    /* of no family at all */

    reset();
    facts.credential.family = 0;
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_DONE);
    expect_refused(EVOLU_REASON_WRONG_FAMILY);
}


static void
test_admit_scope_unknown(void **state)
{
    size_t            i;
    static fault_pt   faults[] = {
        break_connection, break_duplicate, break_missing, break_malformed
    };

    (void) state;

    for (i = 0; i < 4; i++) {
        reset();
        faults[i]();
        admit(NULL, 0);
        assert_int_equal(verdict.scope, EVOLU_SCOPE_NONE);
    }
}


static void
test_admit_bad_path(void **state)
{
    char  name[EVOLU_INSTANCE_MAX + 2];

    (void) state;

    /* nothing is addressed: the target does not matter */

    reset();
    facts.bad_target = 1;
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_CAMPAIGN);

    policy.campaign = 1;
    facts.campaign = bytes("slug");
    admit(NULL, 0);
    expect_refused(EVOLU_REASON_BAD_PATH);

    facts.bad_target = 0;
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_CAMPAIGN);

    facts.campaign = bytes("");
    admit(NULL, 0);
    expect_refused(EVOLU_REASON_BAD_PATH);

    /* both are addressed: both count */

    policy.instance = 1;
    facts.instance = bytes("shop");
    admit(NULL, 0);
    expect_refused(EVOLU_REASON_BAD_PATH);

    facts.campaign = bytes("slug");
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_CAMPAIGN);

    facts.instance = bytes("");
    admit(NULL, 0);
    expect_refused(EVOLU_REASON_BAD_PATH);

    /* names that can't be */

    use_opaque();
    facts.instance = bytes("a\nb");
    admit(NULL, 0);
    expect_refused(EVOLU_REASON_BAD_PATH);

    facts.instance = bytes("a\x7f");
    admit(NULL, 0);
    expect_refused(EVOLU_REASON_BAD_PATH);

    memset(name, 'n', sizeof(name));
    name[EVOLU_INSTANCE_MAX + 1] = '\0';
    facts.instance = bytes(name);
    admit(NULL, 0);
    expect_refused(EVOLU_REASON_BAD_PATH);

    name[EVOLU_INSTANCE_MAX] = '\0';
    facts.instance = bytes(name);
    assert_int_equal(admit(NULL, 0), EVOLU_NEXT_INSTANCE);
}


static void
test_tries_global(void **state)
{
    unsigned  scopes;

    (void) state;

    for (scopes = 0; scopes <= ALL; scopes++) {
        reset();
        policy.scopes = scopes;
        assert_int_equal(evolu_verdict_tries_global(&policy, &facts), 0);

        use_opaque();
        assert_int_equal(evolu_verdict_tries_global(&policy, &facts),
                         scopes & 1);

        /* a global key passes the failure limit, so it must be tried */

        facts.throttled = 1;
        assert_int_equal(evolu_verdict_tries_global(&policy, &facts),
                         scopes & 1);

        facts.status = EVOLU_CREDENTIAL_MALFORMED;
        assert_int_equal(evolu_verdict_tries_global(&policy, &facts), 0);

        facts.status = EVOLU_CREDENTIAL_MISSING;
        assert_int_equal(evolu_verdict_tries_global(&policy, &facts), 0);

        facts.status = EVOLU_CREDENTIAL_OK;
        facts.duplicate = 1;
        assert_int_equal(evolu_verdict_tries_global(&policy, &facts), 0);

        facts.duplicate = 0;
        facts.connection = 1;
        assert_int_equal(evolu_verdict_tries_global(&policy, &facts), 0);
    }
}


static void
test_global_ok(void **state)
{
    evolu_record_t  *r;

    (void) state;

    reset();
    use_opaque();
    r = global(HASH " exp=" NEXT);

    policy.modes = 0;
    policy.instance = 1;
    policy.campaign = 1;
    facts.instance = bytes("any");
    facts.campaign = bytes("any");
    facts.reserved_arg = 1;
    facts.throttled = 1;

    assert_int_equal(admit(r, 1), EVOLU_NEXT_DONE);
    expect_reason(EVOLU_REASON_OK);
    expect_key("k1");
    assert_int_equal(verdict.scope, EVOLU_SCOPE_GLOBAL);
    assert_int_equal(verdict.livemode, 1);
    assert_int_equal(verdict.exp, NOW + 1);

    policy.scopes = EVOLU_SCOPE_GLOBAL;
    assert_int_equal(admit(r, 1), EVOLU_NEXT_DONE);
    expect_reason(EVOLU_REASON_OK);
}


static void
test_global_not_tried(void **state)
{
    evolu_record_t  *r;

    (void) state;

    r = global(HASH);

    /* not a match */

    reset();
    use_opaque();
    policy.token_index = 1;
    assert_int_equal(admit(r, 0), EVOLU_NEXT_TOKEN);
    assert_int_equal(admit(r, 0x2), EVOLU_NEXT_TOKEN);
    assert_int_equal(admit(NULL, 1), EVOLU_NEXT_TOKEN);

    policy.scopes = EVOLU_SCOPE_GLOBAL;
    assert_int_equal(admit(r, 0), EVOLU_NEXT_DONE);
    expect_refused(EVOLU_REASON_SCOPE);

    /* not accepted here */

    policy.scopes = EVOLU_SCOPE_INSTANCE;
    assert_int_equal(admit(r, 1), EVOLU_NEXT_TOKEN);

    /* of another family */

    reset();
    assert_int_equal(admit(r, 1), EVOLU_NEXT_CAMPAIGN);
    policy.scopes = EVOLU_SCOPE_GLOBAL;
    admit(r, 1);
    expect_refused(EVOLU_REASON_SCOPE);

    /* of another record */

    reset();
    use_opaque();
    policy.token_index = 1;
    assert_int_equal(admit(instance(HASH), 1), EVOLU_NEXT_TOKEN);
}


static void
test_global_refused(void **state)
{
    size_t  i;

    static const struct {
        const char      *entry;
        unsigned         bad_target;
        evolu_reason_t   reason;
    } cases[] = {
        { HASH " status=disabled exp=" PAST, 1, EVOLU_REASON_BAD_PATH },
        { HASH " status=disabled exp=" PAST, 0, EVOLU_REASON_DISABLED },
        { HASH " nbf=" NEXT " exp=" PAST, 0, EVOLU_REASON_NOT_YET_VALID },
        { HASH " exp=" THIS " ip=10.0.0.0/8", 0, EVOLU_REASON_EXPIRED },
        { HASH " ip=10.0.0.0/8", 0, EVOLU_REASON_ADDRESS }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reset();
        use_opaque();
        use_address("192.0.2.1");
        policy.instance = 1;
        facts.instance = bytes("shop");
        facts.bad_target = cases[i].bad_target;

        assert_int_equal(admit(global(cases[i].entry), 1), EVOLU_NEXT_DONE);
        expect_refused(cases[i].reason);
        assert_int_equal(verdict.scope, EVOLU_SCOPE_GLOBAL);
        assert_int_equal(verdict.key_id_len,
                         cases[i].reason == EVOLU_REASON_BAD_PATH ? 0 : 2);
    }

    /* nothing is addressed: any target will do */

    reset();
    use_opaque();
    facts.bad_target = 1;
    admit(global(HASH), 1);
    expect_reason(EVOLU_REASON_OK);

    policy.instance = 1;
    facts.bad_target = 0;
    facts.instance = bytes("");
    admit(global(HASH), 1);
    expect_refused(EVOLU_REASON_BAD_PATH);
}


static void
test_global_several(void **state)
{
    evolu_record_t  *r;

    (void) state;

    reset();
    use_opaque();
    use_address("10.1.1.1");

    r = record(&everywhere, KEYS("v", "1",
                                 "key.a", HASH " ip=192.0.2.0/24",
                                 "key.b", HASH " exp=" PAST,
                                 "key.c", HASH " ip=10.0.0.0/8",
                                 "key.d", HASH));

    admit(r, 0xf);
    expect_reason(EVOLU_REASON_OK);
    expect_key("c");

    admit(r, 0x3);
    expect_refused(EVOLU_REASON_ADDRESS);
    expect_key("a");

    admit(r, 0x2);
    expect_refused(EVOLU_REASON_EXPIRED);
    expect_key("b");
}


static void
test_judge_unknown(void **state)
{
    (void) state;

    reset();
    assert_int_equal(judge(NULL, 1), EVOLU_REASON_UNKNOWN);
    assert_int_equal(verdict.scope, EVOLU_SCOPE_CAMPAIGN);

    use_opaque();
    assert_int_equal(judge(NULL, 0), EVOLU_REASON_UNKNOWN);
    assert_int_equal(verdict.scope, EVOLU_SCOPE_INSTANCE);
    assert_int_equal(verdict.key_id_len, 0);
    assert_true(verdict.exp == EVOLU_NEVER);

    /* a record that is not of this credential's kind */

    assert_int_equal(judge(campaign(HASH), 1), EVOLU_REASON_UNKNOWN);
    assert_int_equal(judge(global(HASH), 1), EVOLU_REASON_UNKNOWN);
    assert_int_equal(judge(instance(HASH), 1), EVOLU_REASON_OK);

    reset();
    assert_int_equal(judge(instance(HASH), 1), EVOLU_REASON_UNKNOWN);
    assert_int_equal(judge(record(&test, KEYS("v", "1", "key.k1", HASH)), 1),
                     EVOLU_REASON_UNKNOWN);

    facts.credential.family = 0;
    assert_int_equal(judge(instance(HASH), 1), EVOLU_REASON_UNKNOWN);
}


static void
test_judge_bad_secret(void **state)
{
    (void) state;

    reset();
    assert_int_equal(judge(campaign(HASH), 0), EVOLU_REASON_BAD_SECRET);
    expect_key("");

    /* bits beyond the entries are no matches */

    assert_int_equal(judge(campaign(HASH), ~(uint64_t) 1),
                     EVOLU_REASON_BAD_SECRET);
    assert_int_equal(judge(record(&live, KEYS("v", "1")), UINT64_MAX),
                     EVOLU_REASON_BAD_SECRET);

    /* no 403 before the secret: not of the mode, not of the campaign */

    policy.modes = 0;
    policy.campaign = 1;
    facts.campaign = bytes("other");
    assert_int_equal(judge(record(&live, KEYS("v", "1", "status", "disabled",
                                              "key.k1", HASH)), 0),
                     EVOLU_REASON_BAD_SECRET);
}


static void
test_judge_time(void **state)
{
    (void) state;

    reset();
    assert_int_equal(judge(campaign(HASH " exp=" PAST), 1),
                     EVOLU_REASON_EXPIRED);
    assert_int_equal(verdict.exp, NOW - 1);
    assert_int_equal(judge(campaign(HASH " exp=" THIS), 1),
                     EVOLU_REASON_EXPIRED);
    assert_int_equal(judge(campaign(HASH " exp=" NEXT), 1), EVOLU_REASON_OK);
    assert_int_equal(judge(campaign(HASH " exp=0"), 1), EVOLU_REASON_EXPIRED);
    assert_int_equal(judge(campaign(HASH " exp=99999999999"), 1),
                     EVOLU_REASON_OK);

    assert_int_equal(judge(campaign(HASH " nbf=" PAST), 1), EVOLU_REASON_OK);
    assert_int_equal(judge(campaign(HASH " nbf=" THIS), 1), EVOLU_REASON_OK);
    assert_int_equal(judge(campaign(HASH " nbf=" NEXT), 1),
                     EVOLU_REASON_NOT_YET_VALID);
}


static void
test_judge_address(void **state)
{
    evolu_record_t  *r;

    (void) state;

    reset();
    r = campaign(HASH " ip=10.0.0.0/8,2001:db8::/32");

    use_address("10.255.255.255");
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);
    use_address("11.0.0.0");
    assert_int_equal(judge(r, 1), EVOLU_REASON_ADDRESS);
    use_address("9.255.255.255");
    assert_int_equal(judge(r, 1), EVOLU_REASON_ADDRESS);
    use_address("2001:db8::1");
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);
    use_address("2001:db9::1");
    assert_int_equal(judge(r, 1), EVOLU_REASON_ADDRESS);

    /* a unix: peer is outside of every list, and may come without one */

    memset(&facts.address, 0, sizeof(facts.address));
    assert_int_equal(judge(campaign(HASH " ip=0.0.0.0/0,::/0"), 1),
                     EVOLU_REASON_ADDRESS);
    assert_int_equal(judge(campaign(HASH), 1), EVOLU_REASON_OK);

    /* each entry has its own list */

    use_address("10.0.0.2");
    r = record(&live, KEYS("v", "1", "key.a", HASH " ip=10.0.0.1,10.0.0.4",
                           "key.b", HASH " ip=10.0.0.2"));
    assert_int_equal(judge(r, 1), EVOLU_REASON_ADDRESS);
    assert_int_equal(judge(r, 2), EVOLU_REASON_OK);
    use_address("10.0.0.4");
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);
    assert_int_equal(judge(r, 2), EVOLU_REASON_ADDRESS);
}


static void
test_judge_mode(void **state)
{
    evolu_record_t  *r;

    (void) state;

    reset();
    policy.modes = EVOLU_MODE_LIVE;
    assert_int_equal(judge(campaign(HASH), 1), EVOLU_REASON_OK);
    assert_int_equal(verdict.livemode, 1);

    policy.modes = EVOLU_MODE_TEST;
    assert_int_equal(judge(campaign(HASH), 1), EVOLU_REASON_WRONG_MODE);

    facts.credential.mode = EVOLU_MODE_TEST;
    r = record(&test, KEYS("v", "1", "key.k1", HASH));
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);
    assert_int_equal(verdict.livemode, 0);

    policy.modes = EVOLU_MODE_LIVE;
    assert_int_equal(judge(r, 1), EVOLU_REASON_WRONG_MODE);

    /* instances: by the field */

    use_opaque();
    assert_int_equal(judge(instance(HASH), 1), EVOLU_REASON_OK);
    assert_int_equal(verdict.livemode, 1);

    r = record(&shop, KEYS("v", "1", "livemode", "false", "key.k1", HASH));
    assert_int_equal(judge(r, 1), EVOLU_REASON_WRONG_MODE);

    policy.modes = EVOLU_MODE_TEST;
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);
    assert_int_equal(verdict.livemode, 0);
}


static void
test_judge_addressed(void **state)
{
    evolu_record_t  *r;

    (void) state;

    reset();
    r = record(&live, KEYS("v", "1", "instance", "shop", "key.k1", HASH));

    policy.campaign = 1;
    facts.campaign = bytes("slug");
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);
    facts.campaign = bytes("Slug");
    assert_int_equal(judge(r, 1), EVOLU_REASON_WRONG_CAMPAIGN);
    facts.campaign = bytes("slu");
    assert_int_equal(judge(r, 1), EVOLU_REASON_WRONG_CAMPAIGN);
    facts.campaign = bytes("slug2");
    assert_int_equal(judge(r, 1), EVOLU_REASON_WRONG_CAMPAIGN);

    policy.campaign = 0;
    policy.instance = 1;
    facts.instance = bytes("shop");
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);
    facts.instance = bytes("SHOP");
    assert_int_equal(judge(r, 1), EVOLU_REASON_WRONG_INSTANCE);

    /* a record that names no instance is of none */

    assert_int_equal(judge(campaign(HASH), 1), EVOLU_REASON_WRONG_INSTANCE);
    facts.instance = bytes("");
    assert_int_equal(judge(campaign(HASH), 1), EVOLU_REASON_WRONG_INSTANCE);

    /* what is not addressed does not matter, nor to an instance's token */

    policy.instance = 0;
    facts.instance = bytes("other");
    assert_int_equal(judge(r, 1), EVOLU_REASON_OK);

    use_opaque();
    policy.campaign = 1;
    policy.instance = 1;
    facts.campaign = bytes("other");
    assert_int_equal(judge(instance(HASH), 1), EVOLU_REASON_OK);
}


/* All at once, then what the contract names first is mended, and so on. */

static void
test_judge_order(void **state)
{
    char      entry[256];
    unsigned  mended;

    static const evolu_reason_t  order[] = {
        EVOLU_REASON_UNKNOWN, EVOLU_REASON_BAD_SECRET, EVOLU_REASON_DISABLED,
        EVOLU_REASON_NOT_YET_VALID, EVOLU_REASON_EXPIRED, EVOLU_REASON_ADDRESS,
        EVOLU_REASON_WRONG_MODE, EVOLU_REASON_WRONG_CAMPAIGN,
        EVOLU_REASON_WRONG_INSTANCE, EVOLU_REASON_RESERVED_ARG,
        EVOLU_REASON_OK
    };

    (void) state;

    for (mended = 0; mended <= 10; mended++) {
        reset();
        use_address("192.0.2.1");

        sprintf(entry, HASH "%s%s%s%s",
                mended > 2 ? "" : " status=disabled",
                mended > 3 ? "" : " nbf=" NEXT,
                mended > 4 ? "" : " exp=" THIS,
                mended > 5 ? "" : " ip=10.0.0.0/8");

        policy.modes = (mended > 6) ? ANY : EVOLU_MODE_TEST;
        policy.campaign = 1;
        facts.campaign = bytes(mended > 7 ? "slug" : "other");
        policy.instance = 1;
        facts.instance = bytes(mended > 8 ? "shop" : "other");
        facts.reserved_arg = (mended <= 9);

        judge(mended > 0 ? record(&live, KEYS("v", "1", "instance", "shop",
                                              "key.k1", entry))
                         : NULL,
              mended > 1);

        expect_reason(order[mended]);
        expect_key(mended > 1 ? "k1" : "");
    }
}


/* Any two of what a key itself can be refused for. */

static void
test_judge_pairs(void **state)
{
    char    entry[256];
    size_t  i, k;

    static const struct {
        const char      *text;
        evolu_reason_t   reason;
    } parts[] = {
        { " status=disabled", EVOLU_REASON_DISABLED },
        { " nbf=" NEXT, EVOLU_REASON_NOT_YET_VALID },
        { " exp=" THIS, EVOLU_REASON_EXPIRED },
        { " ip=10.0.0.0/8", EVOLU_REASON_ADDRESS },
        { "", EVOLU_REASON_WRONG_MODE }
    };

    (void) state;

    for (i = 0; i < 5; i++) {
        for (k = i + 1; k < 5; k++) {
            reset();
            use_address("192.0.2.1");
            policy.modes = EVOLU_MODE_TEST;

            sprintf(entry, HASH "%s%s", parts[k].text, parts[i].text);
            assert_int_equal(judge(campaign(entry), 1), parts[i].reason);
        }
    }
}


static void
test_judge_record_disabled(void **state)
{
    evolu_record_t  *r;

    (void) state;

    reset();
    r = record(&live, KEYS("v", "1", "status", "disabled", "key.a", HASH,
                           "key.b", HASH " status=active"));
    assert_int_equal(judge(r, 3), EVOLU_REASON_DISABLED);
    expect_key("a");
}


static void
test_judge_several(void **state)
{
    evolu_record_t  *r;

    (void) state;

    reset();
    r = record(&live, KEYS("v", "1", "key.a", HASH " exp=" PAST,
                           "key.b", HASH " status=disabled",
                           "key.c", HASH " exp=" NEXT,
                           "key.d", HASH));

    assert_int_equal(judge(r, 0xf), EVOLU_REASON_OK);
    expect_key("c");
    assert_int_equal(verdict.exp, NOW + 1);

    assert_int_equal(judge(r, 0x8), EVOLU_REASON_OK);
    expect_key("d");
    assert_true(verdict.exp == EVOLU_NEVER);

    assert_int_equal(judge(r, 0x3), EVOLU_REASON_EXPIRED);
    expect_key("a");
    assert_int_equal(verdict.exp, NOW - 1);

    assert_int_equal(judge(r, 0x2), EVOLU_REASON_DISABLED);
    expect_key("b");

    /* none allows: the first in id order says why, not the best one */

    facts.reserved_arg = 1;
    assert_int_equal(judge(r, 0xf), EVOLU_REASON_EXPIRED);
    expect_key("a");
    assert_int_equal(judge(r, 0xc), EVOLU_REASON_RESERVED_ARG);
    expect_key("c");
}


static void
test_judge_last_of_64(void **state)
{
    char             ids[64][8];
    const char      *fields[2 * 64 + 3];
    unsigned         i;
    evolu_record_t  *r;

    (void) state;

    for (i = 0; i < 64; i++) {
        sprintf(ids[i], "key.%02u", i);
        fields[2 * i] = ids[i];
        fields[2 * i + 1] = (i == 63) ? HASH : HASH " exp=1";
    }

    fields[128] = "v";
    fields[129] = "1";
    fields[130] = NULL;

    reset();
    r = record(&live, fields);
    assert_int_equal(judge(r, UINT64_MAX), EVOLU_REASON_OK);
    expect_key("63");
    assert_int_equal(judge(r, UINT64_MAX >> 1), EVOLU_REASON_EXPIRED);
    expect_key("00");
    assert_int_equal(judge(r, (uint64_t) 1 << 63), EVOLU_REASON_OK);
}


/* Which "ok" may be given again without a look at the record. */

static void
test_repeatable(void **state)
{
    int64_t          nbf;
    evolu_record_t  *r;

    (void) state;

    reset();
    assert_int_equal(evolu_verdict_repeatable(campaign(HASH), 1, &nbf), 1);
    assert_true(nbf <= 0);
    assert_int_equal(evolu_verdict_repeatable(campaign(HASH " nbf=" PAST), 1,
                                              &nbf),
                     1);
    assert_int_equal(nbf, NOW - 1);

    /* nothing matches, or what the record does not have */

    assert_int_equal(evolu_verdict_repeatable(campaign(HASH), 0, &nbf), 0);
    assert_int_equal(evolu_verdict_repeatable(campaign(HASH), 2, &nbf), 0);
    assert_int_equal(evolu_verdict_repeatable(campaign(HASH), 3, &nbf), 1);

    /* it depends on the address */

    r = campaign(HASH " ip=0.0.0.0/0");
    assert_int_equal(evolu_verdict_repeatable(r, 1, &nbf), 0);

    /* another key may be better, or be the one in a moment */

    r = record(&live, KEYS("v", "1", "key.a", HASH " nbf=" PAST,
                           "key.b", HASH " nbf=" THIS, "key.c",
                           HASH " ip=10.0.0.1"));
    assert_int_equal(evolu_verdict_repeatable(r, 3, &nbf), 0);
    assert_int_equal(evolu_verdict_repeatable(r, 5, &nbf), 0);
    assert_int_equal(evolu_verdict_repeatable(r, 4, &nbf), 0);
    assert_int_equal(evolu_verdict_repeatable(r, 2, &nbf), 1);
    assert_int_equal(nbf, NOW);
    assert_int_equal(evolu_verdict_repeatable(r, 1, &nbf), 1);
    assert_int_equal(nbf, NOW - 1);
}


/* Whatever admit() or the time refuses is no repetition. */

static void
test_repeats(void **state)
{
    size_t           i;
    evolu_verdict_t  ok;

    static const fault_pt  faults[] = {
        break_connection, break_duplicate, break_missing, break_malformed,
        break_throttled, break_path, break_reserved
    };

    (void) state;

    reset();
    assert_int_equal(judge(campaign(HASH " nbf=" THIS " exp=" NEXT), 1),
                     EVOLU_REASON_OK);
    ok = verdict;
    assert_int_equal(evolu_verdict_repeats(&ok, NOW, &facts), 1);

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        reset();
        faults[i]();
        assert_int_equal(evolu_verdict_repeats(&ok, NOW, &facts), 0);
    }

    reset();
    facts.now = NOW - 1;
    assert_int_equal(evolu_verdict_repeats(&ok, NOW, &facts), 0);
    facts.now = NOW + 1;
    assert_int_equal(evolu_verdict_repeats(&ok, NOW, &facts), 0);

    /* a key without an end */

    reset();
    judge(campaign(HASH), 1);
    facts.now = (int64_t) NOW * 2;
    assert_int_equal(evolu_verdict_repeats(&verdict, 0, &facts), 1);

    /* a refusal is found out each time */

    reset();
    judge(campaign(HASH), 0);
    assert_int_equal(evolu_verdict_repeats(&verdict, 0, &facts), 0);
}


static void
test_reasons(void **state)
{
    int  i;

    static const struct {
        const char  *name;
        unsigned     status;
    } reasons[EVOLU_REASONS] = {
        { "-", 0 }, { "ok", 200 }, { "connection_header", 400 },
        { "duplicate", 401 }, { "missing", 401 }, { "malformed", 401 },
        { "throttled", 429 }, { "scope", 403 }, { "wrong_family", 401 },
        { "bad_path", 400 }, { "unavailable", 503 }, { "unknown", 401 },
        { "bad_secret", 401 }, { "disabled", 401 }, { "not_yet_valid", 401 },
        { "expired", 401 }, { "address", 403 }, { "wrong_mode", 403 },
        { "wrong_campaign", 403 }, { "wrong_instance", 403 },
        { "reserved_arg", 403 }
    };

    (void) state;

    for (i = 0; i < EVOLU_REASONS; i++) {
        assert_string_equal(evolu_reason_name(i), reasons[i].name);
        assert_int_equal(evolu_reason_status(i), reasons[i].status);
    }

    assert_string_equal(evolu_reason_name(EVOLU_REASONS), "-");
    assert_string_equal(evolu_reason_name(-1), "-");
    assert_int_equal(evolu_reason_status(EVOLU_REASONS), 0);
    assert_int_equal(evolu_reason_status(-1), 0);
}


static evolu_bytes_t
bytes(const char *text)
{
    return (evolu_bytes_t) { (const unsigned char *) text, strlen(text) };
}


/* a live campaign key at a location that takes anything */

static void
reset(void)
{
    memset(&policy, 0, sizeof(policy));
    policy.scopes = ALL;
    policy.modes = ANY;

    memset(&facts, 0, sizeof(facts));
    facts.status = evolu_credential_parse(
                       bytes("evolu_live_slug_0123456789abcdef"),
                       &facts.credential);
    facts.now = NOW;

    assert_int_equal(facts.status, EVOLU_CREDENTIAL_OK);
}


static void
use_opaque(void)
{
    memset(&facts.credential, 0, sizeof(facts.credential));
    facts.status = evolu_credential_parse(bytes("opaque-token"),
                                          &facts.credential);

    assert_int_equal(facts.status, EVOLU_CREDENTIAL_OK);
}


static void
use_address(const char *text)
{
    evolu_cidr_t  cidr;

    assert_int_equal(evolu_cidr_parse(bytes(text), &cidr), 0);

    facts.address = cidr.address;
}


static evolu_record_t *
record(const evolu_locator_t *locator, const char **texts)
{
    size_t                  n;
    evolu_field_t           fields[EVOLU_RECORD_KEYS_MAX + 8];
    evolu_record_t         *r;
    evolu_record_report_t   report;

    for (n = 0; texts[2 * n] != NULL; n++) {
        fields[n].name = bytes(texts[2 * n]);
        fields[n].value = bytes(texts[2 * n + 1]);
    }

    r = evolu_record_decode(fields, n, locator, NULL, image, &report);

    assert_non_null(r);
    assert_int_equal(report.fault, EVOLU_FAULT_NONE);

    return r;
}


static evolu_record_t *
campaign(const char *entry)
{
    return record(&live, KEYS("v", "1", "key.k1", entry));
}


static evolu_record_t *
instance(const char *entry)
{
    return record(&shop, KEYS("v", "1", "key.k1", entry));
}


static evolu_record_t *
global(const char *entry)
{
    return record(&everywhere, KEYS("v", "1", "key.k1", entry));
}


static evolu_reason_t
judge(const evolu_record_t *r, uint64_t matched)
{
    memset(&verdict, 0xa5, sizeof(verdict));
    evolu_verdict_judge(&policy, &facts, r, matched, &verdict);

    return verdict.reason;
}


static evolu_next_t
admit(const evolu_record_t *r, uint64_t matched)
{
    memset(&verdict, 0xa5, sizeof(verdict));

    return evolu_verdict_admit(&policy, &facts, r, matched, &verdict);
}


static void
expect_reason(evolu_reason_t reason)
{
    assert_string_equal(evolu_reason_name(verdict.reason),
                        evolu_reason_name(reason));
}


static void
expect_refused(evolu_reason_t reason)
{
    expect_reason(reason);
    assert_true(evolu_reason_status(verdict.reason) >= 400);
}


static void
expect_key(const char *id)
{
    assert_int_equal(verdict.key_id_len, strlen(id));
    assert_memory_equal(verdict.key_id, id, strlen(id));
}


static int
setup(void **state)
{
    (void) state;

    return evolu_digest_init();
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_admit_order),
        cmocka_unit_test(test_admit_next),
        cmocka_unit_test(test_admit_family),
        cmocka_unit_test(test_admit_scope_unknown),
        cmocka_unit_test(test_admit_bad_path),
        cmocka_unit_test(test_tries_global),
        cmocka_unit_test(test_global_ok),
        cmocka_unit_test(test_global_not_tried),
        cmocka_unit_test(test_global_refused),
        cmocka_unit_test(test_global_several),
        cmocka_unit_test(test_judge_unknown),
        cmocka_unit_test(test_judge_bad_secret),
        cmocka_unit_test(test_judge_time),
        cmocka_unit_test(test_judge_address),
        cmocka_unit_test(test_judge_mode),
        cmocka_unit_test(test_judge_addressed),
        cmocka_unit_test(test_judge_order),
        cmocka_unit_test(test_judge_pairs),
        cmocka_unit_test(test_judge_record_disabled),
        cmocka_unit_test(test_judge_several),
        cmocka_unit_test(test_judge_last_of_64),
        cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_reasons)
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
