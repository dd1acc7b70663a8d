
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_locator: the names of records.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evolu_locator.h"


#define HEX32  "0123456789abcdef0123456789abcdef"
#define HEX64  HEX32 HEX32
#define ID32   "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123._"


typedef struct {
    const char     *text;
    evolu_scope_t   scope;
    int             mode;
    const char     *name;
} row_t;


static int parse(const char *text, evolu_locator_t *l);
static void assert_bytes(evolu_bytes_t b, const char *text);


static const row_t  good[] = {
    { "global", EVOLU_SCOPE_GLOBAL, 0, "" },
    { "instance:a", EVOLU_SCOPE_INSTANCE, 0, "a" },
    { "instance:My shop", EVOLU_SCOPE_INSTANCE, 0, "My shop" },
    { "instance: ", EVOLU_SCOPE_INSTANCE, 0, " " },
    { "instance::", EVOLU_SCOPE_INSTANCE, 0, ":" },
    { "instance:a:b:c", EVOLU_SCOPE_INSTANCE, 0, "a:b:c" },
    { "instance:100%", EVOLU_SCOPE_INSTANCE, 0, "100%" },
    { "instance:\xc3\xa9\xff", EVOLU_SCOPE_INSTANCE, 0, "\xc3\xa9\xff" },
    { "instance:campaign:live:x", EVOLU_SCOPE_INSTANCE, 0, "campaign:live:x" },
    { "campaign:live:aB3dE6gH", EVOLU_SCOPE_CAMPAIGN, EVOLU_MODE_LIVE,
      "aB3dE6gH" },
    { "campaign:test:-", EVOLU_SCOPE_CAMPAIGN, EVOLU_MODE_TEST, "-" }
};


static const char  *bad[] = {
    "", ":", "globa", "global:", "global ", "Global", "instance", "instance:",
    "Instance:a", "instance :a", "instance:a\n", "instance:\x1f",
    "instance:\x7f", "instances:a", "campaign", "campaign:", "campaign:live",
    "campaign:live:", "campaign::a", "campaign:any:a", "campaign:Live:a",
    "campaign:live:a:b", "campaign:live:a_b", "campaign:live:a ",
    "campaign: live:a", "token:sha256:" HEX64, "epoch", "evolu:instance:a"
};


static void
test_parse_and_print(void **state)
{
    size_t           i, len;
    unsigned char    buf[EVOLU_LOCATOR_MAX];
    evolu_locator_t  l;

    (void) state;

    for (i = 0; i < sizeof(good) / sizeof(row_t); i++) {
        if (evolu_locator_parse((evolu_bytes_t) {
                (const unsigned char *) good[i].text, strlen(good[i].text) },
                &l) != 0)
        {
            fail_msg("%s", good[i].text);
        }

        assert_int_equal(l.scope, good[i].scope);
        assert_int_equal(l.mode, good[i].mode);
        assert_bytes(l.name, good[i].name);

        len = evolu_locator_print(&l, buf);
        assert_bytes((evolu_bytes_t) { buf, len }, good[i].text);
    }
}


static void
test_parse_bad(void **state)
{
    size_t           i;
    evolu_locator_t  l;

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(char *); i++) {
        if (parse(bad[i], &l) != -1) {
            fail_msg("%s", bad[i]);
        }
    }

    assert_int_equal(evolu_locator_parse((evolu_bytes_t) { NULL, 0 }, &l), -1);
    assert_int_equal(evolu_locator_parse(evolu_literal("instance:a\0b"), &l),
                     -1);
}


static void
test_limits(void **state)
{
    char             text[400], out[EVOLU_LOCATOR_MAX];
    evolu_locator_t  l;

    (void) state;

    memset(text, 0, sizeof(text));
    strcpy(text, "instance:");
    memset(text + 9, 'n', 255);
    assert_int_equal(parse(text, &l), 0);

    assert_int_equal(evolu_locator_parse((evolu_bytes_t) {
                         (unsigned char *) text, 9 + 255 }, &l), 0);
    assert_int_equal(evolu_locator_print(&l, (unsigned char *) out), 264);
    assert_memory_equal(out, text, 264);

    text[9 + 255] = 'n';
    assert_int_equal(parse(text, &l), -1);

    memset(text, 0, sizeof(text));
    strcpy(text, "campaign:live:");
    memset(text + 14, 's', 64);
    assert_int_equal(parse(text, &l), 0);

    text[14 + 64] = 's';
    assert_int_equal(parse(text, &l), -1);
}


static void
test_instance_valid(void **state)
{
    int            ch;
    unsigned char  name[256];

    (void) state;

    assert_int_equal(evolu_instance_valid(evolu_literal("")), 0);

    memset(name, 'x', sizeof(name));
    assert_int_equal(evolu_instance_valid((evolu_bytes_t) { name, 1 }), 1);
    assert_int_equal(evolu_instance_valid((evolu_bytes_t) { name, 255 }), 1);
    assert_int_equal(evolu_instance_valid((evolu_bytes_t) { name, 256 }), 0);

    for (ch = 0; ch < 256; ch++) {
        name[254] = (unsigned char) ch;
        assert_int_equal(evolu_instance_valid((evolu_bytes_t) { name, 255 }),
                         ch >= 0x20 && ch != 0x7f);
    }
}


static void
test_scope_name(void **state)
{
    (void) state;

    assert_string_equal(evolu_scope_name(EVOLU_SCOPE_NONE), "-");
    assert_string_equal(evolu_scope_name(EVOLU_SCOPE_GLOBAL), "global");
    assert_string_equal(evolu_scope_name(EVOLU_SCOPE_INSTANCE), "instance");
    assert_string_equal(evolu_scope_name(EVOLU_SCOPE_CAMPAIGN), "campaign");
}


static void
test_print_none(void **state)
{
    unsigned char    buf[EVOLU_LOCATOR_MAX];
    evolu_locator_t  l;

    (void) state;

    memset(&l, 0, sizeof(l));
    assert_int_equal(evolu_locator_print(&l, buf), 0);
}


static void
test_token(void **state)
{
    size_t              len;
    unsigned char       digest[EVOLU_DIGEST_SIZE], buf[EVOLU_LOCATOR_MAX];
    evolu_peppers_t    *peppers;
    evolu_algorithm_t   a;

    (void) state;

    assert_int_equal(evolu_digest_init(), 0);
    assert_int_equal(evolu_digest_unhex(evolu_literal(HEX64), digest), 0);

    a = evolu_algorithm_default(NULL);
    len = evolu_locator_token(a, NULL, digest, buf);
    assert_bytes((evolu_bytes_t) { buf, len }, "token:sha256:" HEX64);

    peppers = evolu_peppers_create();
    assert_non_null(peppers);
    assert_int_equal(evolu_peppers_add(peppers, evolu_literal(ID32),
                                       evolu_literal(HEX64)),
                     EVOLU_PEPPER_OK);

    a = evolu_algorithm_default(peppers);
    len = evolu_locator_token(a, peppers, digest, buf);
    assert_bytes((evolu_bytes_t) { buf, len },
                 "token:hmac-sha256/" ID32 ":" HEX64);

    a.secret = 1;
    len = evolu_locator_token(a, peppers, digest, buf);
    assert_bytes((evolu_bytes_t) { buf, len },
                 "token:hmac-sha256-secret/" ID32 ":" HEX64);
    assert_true(len <= EVOLU_LOCATOR_MAX);

    evolu_peppers_destroy(peppers);
}


/* from memory that ends with the text; only the result may be used after */

static int
parse(const char *text, evolu_locator_t *l)
{
    int             rc;
    unsigned char  *p;

    p = malloc(strlen(text));
    memcpy(p, text, strlen(text));

    rc = evolu_locator_parse((evolu_bytes_t) { p, strlen(text) }, l);

    if (rc == 0) {
        assert_true(l->name.data >= p);
        assert_ptr_equal(l->name.data + l->name.len, p + strlen(text));
    }

    free(p);

    return rc;
}


static void
assert_bytes(evolu_bytes_t b, const char *text)
{
    assert_int_equal(b.len, strlen(text));
    assert_memory_equal(b.data, text, b.len);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse_and_print),
        cmocka_unit_test(test_parse_bad),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_instance_valid),
        cmocka_unit_test(test_scope_name),
        cmocka_unit_test(test_print_none),
        cmocka_unit_test(test_token)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
