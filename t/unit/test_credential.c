
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_credential: grammar, limits and the Bearer scheme (contract, sections
 * 1 and 2).
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evolu_credential.h"


#define OK         EVOLU_CREDENTIAL_OK
#define MISSING    EVOLU_CREDENTIAL_MISSING
#define MALFORMED  EVOLU_CREDENTIAL_MALFORMED
#define OTHER      EVOLU_CREDENTIAL_OTHER

#define SECRET16   "0123456789abcdef"
#define SECRET128  SECRET16 SECRET16 SECRET16 SECRET16                        \
                   SECRET16 SECRET16 SECRET16 SECRET16
#define SLUG64     "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"              \
                   "abcdefghijklmnopqrstuvwxyz-0"


typedef struct {
    const char                 *text;
    evolu_credential_status_t   status;
    const char                 *result;  /* the trimmed text, or the token */
} row_t;


typedef struct {
    const char                 *text;
    evolu_mode_t                mode;
    const char                 *slug;
    const char                 *secret;
} campaign_row_t;


static evolu_bytes_t exact(const void *data, size_t len);
static evolu_bytes_t exact_text(const char *text);
static void drop(evolu_bytes_t b);
static void assert_bytes(evolu_bytes_t b, const char *text);
static void assert_status(const char *text, evolu_credential_status_t status);


static const row_t  opaque_rows[] = {
    { "", MISSING, NULL },
    { " ", MISSING, NULL },
    { "\t \t", MISSING, NULL },
    { "1234567", MALFORMED, NULL },
    { " 1234567 ", MALFORMED, NULL },
    { "12345678", OK, "12345678" },
    { "  \t12345678\t ", OK, "12345678" },
    { "1234 678", OK, "1234 678" },
    { "1234\t678", MALFORMED, NULL },
    { "1234\n678", MALFORMED, NULL },
    { "1234567\r", MALFORMED, NULL },
    { "1234\x7f" "678", MALFORMED, NULL },
    { "1234\x1f" "678", MALFORMED, NULL },
    { "\x01" "2345678", MALFORMED, NULL },
    { "1234\x80" "678", OK, "1234\x80" "678" },
    { "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", OK,
      "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8" },
    { "!~!~!~!~", OK, "!~!~!~!~" },
    { "a,b;c=\"d", OK, "a,b;c=\"d" },

    /* the family is told by the exact prefix alone */

    { "evolu_liv", OK, "evolu_liv" },
    { "evolu_live", OK, "evolu_live" },
    { "Evolu_live_shop_" SECRET16, OK, "Evolu_live_shop_" SECRET16 },
    { "EVOLU_TEST_shop_" SECRET16, OK, "EVOLU_TEST_shop_" SECRET16 },
    { "evolu_prod_shop_" SECRET16, OK, "evolu_prod_shop_" SECRET16 },
    { "xevolu_live_shop_" SECRET16, OK, "xevolu_live_shop_" SECRET16 },
    { "evolu-live-shop-" SECRET16, OK, "evolu-live-shop-" SECRET16 },
    { "evolu_live\x80shop_" SECRET16, OK, "evolu_live\x80shop_" SECRET16 }
};


static const campaign_row_t  campaign_keys[] = {
    { "evolu_live_aB3dE6gH_" SECRET16, EVOLU_MODE_LIVE, "aB3dE6gH", SECRET16 },
    { "evolu_test_aB3dE6gH_" SECRET16, EVOLU_MODE_TEST, "aB3dE6gH", SECRET16 },
    { "evolu_live_a_" SECRET16, EVOLU_MODE_LIVE, "a", SECRET16 },
    { "evolu_live_-_" SECRET16, EVOLU_MODE_LIVE, "-", SECRET16 },
    { "evolu_live_" SLUG64 "_" SECRET16, EVOLU_MODE_LIVE, SLUG64, SECRET16 },
    { "evolu_live_a_" SECRET128, EVOLU_MODE_LIVE, "a", SECRET128 },
    { "evolu_test_" SLUG64 "_" SECRET128, EVOLU_MODE_TEST, SLUG64, SECRET128 },
    { " \tevolu_live_a_" SECRET16 "\t ", EVOLU_MODE_LIVE, "a", SECRET16 },

    /* underscores after the third belong to the secret */

    { "evolu_live_a_b_" SECRET16, EVOLU_MODE_LIVE, "a", "b_" SECRET16 },
    { "evolu_live_a__" SECRET16, EVOLU_MODE_LIVE, "a", "_" SECRET16 },
    { "evolu_live_a_________________", EVOLU_MODE_LIVE, "a",
      "________________" },
    { "evolu_live_a_ABCXYZabcxyz09-_", EVOLU_MODE_LIVE, "a",
      "ABCXYZabcxyz09-_" }
};


static const char  *malformed_keys[] = {
    "evolu_live_",
    "evolu_test_",
    "evolu_live__",
    "evolu_live_a",
    "evolu_live_a_",
    "evolu_live__" SECRET16,
    "evolu_live_" SECRET16,
    "evolu_live_a_0123456789abcde",
    "evolu_live_a_" SECRET128 "x",
    "evolu_live_" SLUG64 "x_" SECRET16,
    "evolu_live_a.b_" SECRET16,
    "evolu_live_a b_" SECRET16,
    "evolu_live_a%62_" SECRET16,
    "evolu_live_\xc3\xa9_" SECRET16,
    "evolu_live_a_" SECRET16 "=",
    "evolu_live_a_" SECRET16 ".",
    "evolu_live_a_" SECRET16 " x",
    "evolu_live_a_" SECRET16 "\x80",
    "evolu_live_a_" SECRET16 "\n",
    "evolu_live_a_ " SECRET16
};


static const row_t  bearer_rows[] = {
    { "Bearer 12345678", OK, "12345678" },
    { "bearer 12345678", OK, "12345678" },
    { "BEARER 12345678", OK, "12345678" },
    { "bEaReR 12345678", OK, "12345678" },
    { "Bearer    12345678", OK, "12345678" },
    { "Bearer 12345678   ", OK, "12345678" },
    { "  \tBearer 12345678", OK, "12345678" },
    { "Bearer x", OK, "x" },
    { "Bearer a:b/c+d==", OK, "a:b/c+d==" },
    { "Bearer \xc3\xa9", OK, "\xc3\xa9" },
    { "Bearer bearer", OK, "bearer" },

    { "Bearer", MISSING, "" },
    { "bearer ", MISSING, "" },
    { "bearer     ", MISSING, "" },

    { "Bearer 1234 5678", MALFORMED, NULL },
    { "Bearer 1234,5678", MALFORMED, NULL },
    { "Bearer 12345678,", MALFORMED, NULL },
    { "Bearer ,12345678", MALFORMED, NULL },
    { "Bearer 1234\t5678", MALFORMED, NULL },
    { "Bearer 12345678\t", MALFORMED, NULL },
    { "Bearer 12345678 \t", MALFORMED, NULL },
    { "Bearer \t12345678", MALFORMED, NULL },
    { "Bearer \t", MALFORMED, NULL },
    { "Bearer\t12345678", MALFORMED, NULL },
    { "Bearer\t", MALFORMED, NULL },
    { "Bearer,12345678", MALFORMED, NULL },
    { "Bearer:12345678", MALFORMED, NULL },
    { "Bearer=12345678", MALFORMED, NULL },
    { "Bearer\"12345678", MALFORMED, NULL },
    { "Bearer/12345678", MALFORMED, NULL },
    { "Bearer(12345678", MALFORMED, NULL },
    { "Bearer\x80", MALFORMED, NULL },
    { "Bearer\x7f", MALFORMED, NULL },
    { "Bearer\x01", MALFORMED, NULL },

    { "", OTHER, NULL },
    { "   ", OTHER, NULL },
    { "Bear", OTHER, NULL },
    { "Beare", OTHER, NULL },
    { "Beare\x12 12345678", OTHER, NULL },
    { "Basic dXNlcjpwYXNz", OTHER, NULL },
    { "Digest username=\"x\"", OTHER, NULL },
    { "XBearer 12345678", OTHER, NULL },
    { "12345678", OTHER, NULL }
};


static void
test_opaque(void **state)
{
    size_t              i;
    evolu_bytes_t       b;
    evolu_credential_t  c;

    (void) state;

    for (i = 0; i < sizeof(opaque_rows) / sizeof(row_t); i++) {
        b = exact_text(opaque_rows[i].text);

        assert_int_equal(evolu_credential_parse(b, &c), opaque_rows[i].status);

        if (opaque_rows[i].status == OK) {
            assert_int_equal(c.family, EVOLU_FAMILY_OPAQUE);
            assert_bytes(c.text, opaque_rows[i].result);
            assert_true(c.text.data >= b.data);
            assert_true(c.text.data + c.text.len <= b.data + b.len);
            assert_int_equal(c.slug.len, 0);
            assert_int_equal(c.secret.len, 0);
        }

        drop(b);
    }
}


static void
test_opaque_nul(void **state)
{
    evolu_credential_t  c;

    (void) state;

    assert_int_equal(evolu_credential_parse(evolu_literal("1234\0" "678"), &c),
                     MALFORMED);
}


static void
test_opaque_limits(void **state)
{
    char                *buf;
    size_t               i;
    evolu_bytes_t        b;
    evolu_credential_t   c;
    static const size_t  lens[] = { 7, 8, 4096, 4097, 100000 };

    (void) state;

    for (i = 0; i < 5; i++) {
        buf = malloc(lens[i]);
        memset(buf, 'x', lens[i]);

        b = exact(buf, lens[i]);
        assert_int_equal(evolu_credential_parse(b, &c),
                         i == 1 || i == 2 ? OK : MALFORMED);
        drop(b);
        free(buf);
    }

    /* outer blanks do not count */

    buf = malloc(4098);
    memset(buf, 'x', 4098);
    buf[0] = ' ';
    buf[4097] = '\t';

    b = exact(buf, 4098);
    assert_int_equal(evolu_credential_parse(b, &c), OK);
    assert_int_equal(c.text.len, 4096);
    drop(b);
    free(buf);
}


static void
test_opaque_every_byte(void **state)
{
    int                 ch;
    char                buf[9];
    evolu_credential_t  c;

    (void) state;

    for (ch = 0; ch < 256; ch++) {
        memset(buf, 'x', sizeof(buf));
        buf[4] = (char) ch;

        assert_int_equal(evolu_credential_parse(
                             (evolu_bytes_t) { (unsigned char *) buf, 9 }, &c),
                         ch < 0x20 || ch == 0x7f ? MALFORMED : OK);
    }
}


static void
test_unfilled_on_failure(void **state)
{
    evolu_credential_t  c, before;

    (void) state;

    memset(&c, 0x5a, sizeof(c));
    before = c;

    evolu_credential_parse(evolu_literal("evolu_live_a_short"), &c);
    evolu_credential_parse(evolu_literal("short"), &c);
    evolu_credential_parse(evolu_literal(" "), &c);
    evolu_credential_parse((evolu_bytes_t) { NULL, 0 }, &c);

    assert_memory_equal(&c, &before, sizeof(c));
}


static void
test_campaign(void **state)
{
    size_t              i;
    evolu_bytes_t       b;
    evolu_credential_t  c;

    (void) state;

    for (i = 0; i < sizeof(campaign_keys) / sizeof(campaign_row_t); i++) {
        b = exact_text(campaign_keys[i].text);

        assert_int_equal(evolu_credential_parse(b, &c), OK);
        assert_int_equal(c.family, EVOLU_FAMILY_CAMPAIGN);
        assert_int_equal(c.mode, campaign_keys[i].mode);
        assert_bytes(c.slug, campaign_keys[i].slug);
        assert_bytes(c.secret, campaign_keys[i].secret);

        /* the whole is what its parts were taken from */

        assert_ptr_equal(c.slug.data, c.text.data + 11);
        assert_ptr_equal(c.secret.data + c.secret.len,
                         c.text.data + c.text.len);
        drop(b);
    }
}


static void
test_campaign_malformed(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(malformed_keys) / sizeof(char *); i++) {
        assert_status(malformed_keys[i], MALFORMED);
    }

    assert_int_equal(evolu_credential_parse(
                         evolu_literal("evolu_live_a_0123456789\0abcdef"),
                         &(evolu_credential_t) { 0 }),
                     MALFORMED);
}


static void
test_campaign_every_byte(void **state)
{
    int                 ch, slug, secret;
    char                in_slug[] = "evolu_test_aXb_" SECRET16;
    char                in_secret[] = "evolu_test_ab_0123456X789abcdef";
    evolu_credential_t  c;

    (void) state;

    for (ch = 0; ch < 256; ch++) {
        slug = ch != 0
               && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "abcdefghijklmnopqrstuvwxyz0123456789-", ch) != NULL;
        secret = slug || ch == '_';

        in_slug[12] = (char) ch;
        in_secret[21] = (char) ch;

        /* an underscore there ends the slug: "a", then "b_0123..." */

        assert_int_equal(evolu_credential_parse(
                             (evolu_bytes_t) { (unsigned char *) in_slug,
                                               sizeof(in_slug) - 1 }, &c),
                         secret ? OK : MALFORMED);

        assert_int_equal(evolu_credential_parse(
                             (evolu_bytes_t) { (unsigned char *) in_secret,
                                               sizeof(in_secret) - 1 }, &c),
                         secret ? OK : MALFORMED);

        assert_int_equal(evolu_credential_slug_valid(
                             (evolu_bytes_t) { (unsigned char *) in_slug + 11,
                                               3 }),
                         slug);
    }
}


static void
test_bearer(void **state)
{
    size_t                     i;
    evolu_bytes_t              b, token;
    evolu_credential_status_t  status;

    (void) state;

    for (i = 0; i < sizeof(bearer_rows) / sizeof(row_t); i++) {
        b = exact_text(bearer_rows[i].text);
        status = evolu_credential_bearer(b, &token);

        if (status != bearer_rows[i].status) {
            print_error("\"%s\"\n", bearer_rows[i].text);
        }

        assert_int_equal(status, bearer_rows[i].status);

        if (status == OK || status == MISSING) {
            assert_bytes(token, bearer_rows[i].result);
        }

        if (status == OK) {
            assert_true(token.data >= b.data);
            assert_true(token.data + token.len <= b.data + b.len);
        }

        drop(b);
    }
}


/*
 * A campaign key is looked at by both functions in turn: wherever a separator
 * stands, one of them refuses it.
 */

static void
test_bearer_campaign_separators(void **state)
{
    char                        text[128];
    size_t                      i, n, len;
    evolu_bytes_t               b, token;
    evolu_credential_t          c;
    evolu_credential_status_t   status;

    static const char  key[] = "Bearer evolu_live_ab_" SECRET16;
    static const char  separators[] = " \t,";

    (void) state;

    len = sizeof(key) - 1;

    for (n = 0; n < 3; n++) {

        for (i = sizeof("Bearer ") - 1; i <= len; i++) {
            memcpy(text, key, i);
            text[i] = separators[n];
            memcpy(text + i + 1, key + i, len - i + 1);

            b = exact_text(text);
            status = evolu_credential_bearer(b, &token);

            if (status == EVOLU_CREDENTIAL_OK) {
                status = evolu_credential_parse(token, &c);
            }

            drop(b);

            /* spaces around the token are no part of it */

            if (separators[n] == ' '
                && (i == sizeof("Bearer ") - 1 || i == len))
            {
                assert_int_equal(status, EVOLU_CREDENTIAL_OK);

            } else {
                assert_int_equal(status, EVOLU_CREDENTIAL_MALFORMED);
            }
        }
    }
}


static void
test_bearer_next_byte(void **state)
{
    int                        ch;
    char                       buf[] = "bearerX12345678";
    evolu_bytes_t              token;
    evolu_credential_status_t  want;

    (void) state;

    for (ch = 0; ch < 256; ch++) {
        buf[6] = (char) ch;

        if (ch == ' ') {
            want = OK;

        } else if (ch != 0
                   && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                             "abcdefghijklmnopqrstuvwxyz0123456789"
                             "!#$%&'*+-.^_`|~", ch) != NULL)
        {
            want = OTHER;

        } else {
            want = MALFORMED;
        }

        assert_int_equal(evolu_credential_bearer(
                             (evolu_bytes_t) { (unsigned char *) buf,
                                               sizeof(buf) - 1 }, &token),
                         want);
    }
}


static void
test_bearer_scheme_every_byte(void **state)
{
    int            ch, i;
    char           buf[] = "bearer 12345678";
    evolu_bytes_t  token;

    (void) state;

    for (i = 0; i < 6; i++) {
        for (ch = 0; ch < 256; ch++) {
            memcpy(buf, "bearer", 6);
            buf[i] = (char) ch;

            if (i == 0 && (ch == ' ' || ch == '\t')) {
                continue;
            }

            assert_int_equal(evolu_credential_bearer(
                                 (evolu_bytes_t) { (unsigned char *) buf,
                                                   sizeof(buf) - 1 }, &token),
                             ch == "bearer"[i] || ch == "BEARER"[i]
                             ? OK : OTHER);
        }
    }
}


static void
test_slug(void **state)
{
    (void) state;

    assert_int_equal(evolu_credential_slug_valid(evolu_literal("")), 0);
    assert_int_equal(evolu_credential_slug_valid(evolu_literal("a")), 1);
    assert_int_equal(evolu_credential_slug_valid(evolu_literal("A-9")), 1);
    assert_int_equal(evolu_credential_slug_valid(evolu_literal("a_b")), 0);
    assert_int_equal(evolu_credential_slug_valid(evolu_literal("a ")), 0);
    assert_int_equal(evolu_credential_slug_valid(evolu_literal(SLUG64)), 1);
    assert_int_equal(evolu_credential_slug_valid(evolu_literal(SLUG64 "x")),
                     0);
}


static void
test_mode(void **state)
{
    (void) state;

    assert_string_equal(evolu_mode_name(EVOLU_MODE_LIVE), "live");
    assert_string_equal(evolu_mode_name(EVOLU_MODE_TEST), "test");

    assert_int_equal(evolu_mode_parse(evolu_literal("live")), EVOLU_MODE_LIVE);
    assert_int_equal(evolu_mode_parse(evolu_literal("test")), EVOLU_MODE_TEST);
    assert_int_equal(evolu_mode_parse(evolu_literal("")), 0);
    assert_int_equal(evolu_mode_parse(evolu_literal("any")), 0);
    assert_int_equal(evolu_mode_parse(evolu_literal("Live")), 0);
    assert_int_equal(evolu_mode_parse(evolu_literal("live ")), 0);
    assert_int_equal(evolu_mode_parse(evolu_literal("tes")), 0);
}


/* a copy that ends where its memory ends, so that an overrun is found */

static evolu_bytes_t
exact(const void *data, size_t len)
{
    unsigned char  *p;

    p = malloc(len);

    if (len != 0) {
        memcpy(p, data, len);
    }

    return (evolu_bytes_t) { p, len };
}


static evolu_bytes_t
exact_text(const char *text)
{
    return exact(text, strlen(text));
}


static void
drop(evolu_bytes_t b)
{
    free((void *) b.data);
}


static void
assert_bytes(evolu_bytes_t b, const char *text)
{
    assert_int_equal(b.len, strlen(text));
    assert_memory_equal(b.data, text, b.len);
}


static void
assert_status(const char *text, evolu_credential_status_t status)
{
    evolu_bytes_t       b;
    evolu_credential_t  c;

    b = exact_text(text);

    if (evolu_credential_parse(b, &c) != status) {
        fail_msg("\"%s\"", text);
    }

    drop(b);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_opaque_nul),
        cmocka_unit_test(test_opaque_limits),
        cmocka_unit_test(test_opaque_every_byte),
        cmocka_unit_test(test_unfilled_on_failure),
        cmocka_unit_test(test_campaign),
        cmocka_unit_test(test_campaign_malformed),
        cmocka_unit_test(test_campaign_every_byte),
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_bearer_campaign_separators),
        cmocka_unit_test(test_bearer_next_byte),
        cmocka_unit_test(test_bearer_scheme_every_byte),
        cmocka_unit_test(test_slug),
        cmocka_unit_test(test_mode)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
