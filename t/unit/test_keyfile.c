
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The key file: lines, faults and where they are, records and how they are
 * found.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "evolu_keyfile.h"


#define HEX   "00112233445566778899aabbccddeeff" \
              "00112233445566778899aabbccddeeff"
#define HASH  "hash=sha256:" HEX

#define MANY  100000


typedef struct {
    const char     *text;
    unsigned        line;
    evolu_fault_t   fault;
} fault_case_t;


static evolu_bytes_t bytes(const char *text);
static int take(const char *line);
static evolu_keyfile_t *parse(const char *text);
static void expect_bytes(evolu_bytes_t found, const char *expected);


static unsigned               line;
static evolu_fault_t          fault;
static evolu_peppers_t       *peppers;
static evolu_keyfile_line_t   parts;


static const fault_case_t  fault_cases[] = {

    /* lines */

    { "nobody k1 " HASH, 1, EVOLU_FAULT_SCOPE },
    { "Global k1 " HASH, 1, EVOLU_FAULT_SCOPE },
    { "\r\n", 1, EVOLU_FAULT_SCOPE },
    { "\xef\xbb\xbfglobal k1 " HASH, 1, EVOLU_FAULT_SCOPE },
    { "global", 1, EVOLU_FAULT_LINE },
    { "global k1", 1, EVOLU_FAULT_LINE },
    { "global k1   \t ", 1, EVOLU_FAULT_LINE },
    { "instance", 1, EVOLU_FAULT_LINE },
    { "instance shop", 1, EVOLU_FAULT_LINE },
    { "instance shop k1", 1, EVOLU_FAULT_LINE },
    { "campaign", 1, EVOLU_FAULT_LINE },
    { "campaign live", 1, EVOLU_FAULT_LINE },
    { "campaign live slug", 1, EVOLU_FAULT_LINE },
    { "campaign live slug k1", 1, EVOLU_FAULT_LINE },
    { "campaign Live slug k1 " HASH, 1, EVOLU_FAULT_MODE },
    { "campaign any slug k1 " HASH, 1, EVOLU_FAULT_MODE },
    { "campaign slug k1 " HASH, 1, EVOLU_FAULT_MODE },

    /* names */

    { "campaign live sl_ug k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "campaign live sl%5Fug k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "instance %zz k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "instance a%2 k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "instance a%00 k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "instance a%0A k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "instance a%7f k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "instance a\r k1 " HASH, 1, EVOLU_FAULT_NAME },
    { "global a/b " HASH, 1, EVOLU_FAULT_KEY_ID },
    { "global hash=sha256:" HEX " exp=1", 1, EVOLU_FAULT_KEY_ID },

    /* entries */

    { "global k1 " HASH "\r\n", 1, EVOLU_FAULT_SYNTAX },
    { "global k1 " HASH "\texp=1", 1, EVOLU_FAULT_SYNTAX },
    { "global k1 " HASH " # why", 1, EVOLU_FAULT_SYNTAX },
    { "global k1 exp=1", 1, EVOLU_FAULT_NO_HASH },
    { "global k1 hash=sha256:00", 1, EVOLU_FAULT_HASH },
    { "global k1 hash=sha256-secret:" HEX, 1, EVOLU_FAULT_ALGORITHM },
    { "instance a k1 hash=sha256-secret:" HEX, 1, EVOLU_FAULT_ALGORITHM },
    { "global k1 hash=hmac-sha256/p2:" HEX, 1, EVOLU_FAULT_PEPPER },
    { "global k1 " HASH " exp=x", 1, EVOLU_FAULT_TIME },
    { "global k1 " HASH " ip=x", 1, EVOLU_FAULT_CIDR },
    { "global k1 " HASH " status=x", 1, EVOLU_FAULT_STATUS },

    /* where */

    { "# a\n\nglobal k1 " HASH "\n \t\nglobal k2 oops\nglobal k3 " HASH "\n",
      5, EVOLU_FAULT_SYNTAX },
    { "global k1 " HASH "\noops", 2, EVOLU_FAULT_SCOPE },
    { "instance b k1 " HASH "\ninstance a k1 " HASH "\ninstance b k0 oops\n",
      3, EVOLU_FAULT_SYNTAX },

    /* twice: the later line */

    { "global k1 " HASH "\nglobal k1 " HASH, 2, EVOLU_FAULT_DUPLICATE },
    { "global k1 " HASH "\nglobal k0 " HASH "\n#\nglobal k1 " HASH " exp=1\n",
      4, EVOLU_FAULT_DUPLICATE },
    { "instance a%62 k1 " HASH "\ninstance x k1 " HASH "\ninstance ab k1 "
      HASH, 3, EVOLU_FAULT_DUPLICATE }
};


static void
test_faults(void **state)
{
    size_t            i;
    evolu_keyfile_t  *file;

    (void) state;

    for (i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
        file = parse(fault_cases[i].text);

        if (file != NULL || fault != fault_cases[i].fault
            || line != fault_cases[i].line)
        {
            fail_msg("\"%s\": line %u: \"%s\"", fault_cases[i].text, line,
                     evolu_fault_text(fault));
        }
    }
}


static void
test_line_blank(void **state)
{
    (void) state;

    assert_int_equal(take(""), 0);
    assert_int_equal(take("  \t "), 0);
    assert_int_equal(take("#"), 0);
    assert_int_equal(take(" \t# global k1 " HASH), 0);
    assert_int_equal(take("# any bytes \x01\x7f\xff\r"), 0);
    assert_int_equal(fault, EVOLU_FAULT_NONE);
}


static void
test_line_nul(void **state)
{
    evolu_bytes_t                text;
    static const unsigned char   comment[] = "# a\0b";
    static const unsigned char   entry[] = "global k1 " HASH "\0";

    (void) state;

    text.data = comment;
    text.len = sizeof(comment) - 1;
    assert_int_equal(evolu_keyfile_line(text, &parts, &fault), -1);
    assert_int_equal(fault, EVOLU_FAULT_SYNTAX);

    text.data = entry;
    text.len = sizeof(entry) - 1;
    assert_int_equal(evolu_keyfile_line(text, &parts, &fault), -1);
    assert_int_equal(fault, EVOLU_FAULT_SYNTAX);
}


static void
test_line_parts(void **state)
{
    (void) state;

    assert_int_equal(take("global k1 a=b  c=d "), 1);
    assert_int_equal(parts.locator.scope, EVOLU_SCOPE_GLOBAL);
    assert_int_equal(parts.locator.mode, 0);
    assert_int_equal(parts.locator.name.len, 0);
    expect_bytes(parts.id, "k1");
    expect_bytes(parts.entry, "a=b  c=d");

    assert_int_equal(take(" \tinstance \t my%20shop%2f1+1\tk.2 \t not read"),
                     1);
    assert_int_equal(parts.locator.scope, EVOLU_SCOPE_INSTANCE);
    assert_int_equal(parts.locator.mode, 0);
    expect_bytes(parts.locator.name, "my shop/1+1");
    expect_bytes(parts.id, "k.2");
    expect_bytes(parts.entry, "not read");

    assert_int_equal(take("campaign test a%42c k-3 x"), 1);
    assert_int_equal(parts.locator.scope, EVOLU_SCOPE_CAMPAIGN);
    assert_int_equal(parts.locator.mode, EVOLU_MODE_TEST);
    expect_bytes(parts.locator.name, "aBc");
    expect_bytes(parts.id, "k-3");
    expect_bytes(parts.entry, "x");
}


static void
test_line_name_limits(void **state)
{
    char  text[1024];

    (void) state;

    /* encoded: 255 bytes in 765 */

    memset(text, 0, sizeof(text));
    strcpy(text, "instance ");

    while (strlen(text) < 9 + 3 * EVOLU_INSTANCE_MAX) {
        strcat(text, "%41");
    }

    strcat(text, " k1 x");
    assert_int_equal(take(text), 1);
    assert_int_equal(parts.locator.name.len, EVOLU_INSTANCE_MAX);

    memmove(text + 10, text + 9, strlen(text + 9) + 1);
    text[9] = 'A';
    assert_int_equal(take(text), -1);
    assert_int_equal(fault, EVOLU_FAULT_NAME);

    /* as it is: 256 bytes */

    sprintf(text, "instance %0256d k1 x", 1);
    assert_int_equal(take(text), -1);
    assert_int_equal(fault, EVOLU_FAULT_NAME);

    sprintf(text, "instance %0255d k1 x", 1);
    assert_int_equal(take(text), 1);

    sprintf(text, "campaign live %065d k1 x", 1);
    assert_int_equal(take(text), -1);
    assert_int_equal(fault, EVOLU_FAULT_NAME);

    sprintf(text, "campaign live %064d k1 x", 1);
    assert_int_equal(take(text), 1);
}


static void
test_empty(void **state)
{
    size_t              i;
    evolu_bytes_t       none;
    evolu_keyfile_t    *file;
    static const char  *texts[] = { "", "\n", "\n\n\n", "# only", "  \n\t\n" };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        file = parse(texts[i]);
        assert_non_null(file);
        assert_int_equal(evolu_keyfile_count(file), 0);
        assert_null(evolu_keyfile_find(file, evolu_literal("global")));
        evolu_keyfile_destroy(file);
    }

    none.data = NULL;
    none.len = 0;

    file = evolu_keyfile_parse(none, NULL, &line, &fault);
    assert_non_null(file);
    assert_null(evolu_keyfile_find(file, none));
    evolu_keyfile_destroy(file);

    assert_int_equal(evolu_keyfile_count(NULL), 0);
    assert_null(evolu_keyfile_find(NULL, evolu_literal("global")));
    evolu_keyfile_destroy(NULL);
}


static void
test_records(void **state)
{
    size_t              i;
    evolu_bytes_t       locator;
    evolu_record_t     *r;
    evolu_keyfile_t    *file;
    static const char  *locators[] = {
        "campaign:live:s", "campaign:test:s", "global", "instance:my shop",
        "instance:s", "instance:s2"
    };

    (void) state;

    file = parse("instance s k2 " HASH " exp=2\n"
                 "# comment\n"
                 "campaign test s k1 hash=sha256-secret:" HEX "\n"
                 "instance my%20shop k1 " HASH "\n"
                 "global g1 hash=hmac-sha256/p1:" HEX " ip=::1\n"
                 "instance s2 k1 " HASH "\n"
                 "campaign live s k1 " HASH "\n"
                 "instance s k1 " HASH " exp=1\n"
                 "global g0 " HASH "   ");
    assert_non_null(file);
    assert_int_equal(evolu_keyfile_count(file), 6);

    for (i = 0; i < 6; i++) {
        r = evolu_keyfile_record(file, i, &locator);
        expect_bytes(locator, locators[i]);
        assert_true(evolu_record_whole(r, r->size));
        assert_ptr_equal(r, evolu_keyfile_find(file, locator));
    }

    r = evolu_keyfile_find(file, evolu_literal("instance:s"));
    assert_int_equal(r->scope, EVOLU_SCOPE_INSTANCE);
    assert_int_equal(r->nentries, 2);
    assert_int_equal(evolu_record_entries(r)[0].exp, 1);
    assert_int_equal(evolu_record_entries(r)[1].exp, 2);
    assert_int_equal(r->flags, EVOLU_RECORD_LIVEMODE);

    r = evolu_keyfile_find(file, evolu_literal("global"));
    assert_int_equal(r->scope, EVOLU_SCOPE_GLOBAL);
    assert_int_equal(r->nentries, 2);
    assert_int_equal(evolu_record_entries(r)[1].ncidrs, 1);

    r = evolu_keyfile_find(file, evolu_literal("campaign:test:s"));
    assert_int_equal(r->scope, EVOLU_SCOPE_CAMPAIGN);
    assert_int_equal(r->mode, EVOLU_MODE_TEST);
    assert_int_equal(r->flags, 0);

    assert_null(evolu_keyfile_find(file, evolu_literal("")));
    assert_null(evolu_keyfile_find(file, evolu_literal("instance:")));
    assert_null(evolu_keyfile_find(file, evolu_literal("instance:S")));
    assert_null(evolu_keyfile_find(file, evolu_literal("instance:s3")));
    assert_null(evolu_keyfile_find(file, evolu_literal("campaign:live:s2")));
    assert_null(evolu_keyfile_find(file, evolu_literal("a")));
    assert_null(evolu_keyfile_find(file, evolu_literal("z")));

    evolu_keyfile_destroy(file);
}


/* The records don't need the text, and tags can be kept in them. */

static void
test_ownership(void **state)
{
    char                        *text;
    evolu_record_t              *r;
    evolu_keyfile_t             *file;
    static const unsigned char   tag[EVOLU_TAG_SIZE] = "tag";

    (void) state;

    text = strdup("instance shop k1 " HASH " ip=10.0.0.0/8\n");
    file = parse(text);
    memset(text, 0, strlen(text));
    free(text);

    r = evolu_keyfile_find(file, evolu_literal("instance:shop"));
    assert_non_null(r);
    assert_int_equal(evolu_record_entries(r)[0].id[1], '1');
    assert_int_equal(evolu_record_entries(r)[0].digest[1], 0x11);

    evolu_record_set_tag(r, 1, tag);
    r = evolu_keyfile_find(file, evolu_literal("instance:shop"));
    assert_true(evolu_record_match_tag(r, tag) == 1);

    evolu_keyfile_destroy(file);
}


static void
test_limits(void **state)
{
    char              *text, *p;
    unsigned           i;
    evolu_bytes_t      locator;
    evolu_keyfile_t   *file;

    (void) state;

    text = malloc(128 * (EVOLU_RECORD_KEYS_MAX + 2) + 2 * EVOLU_ENTRY_MAX);
    p = text;

    for (i = 0; i < EVOLU_RECORD_KEYS_MAX; i++) {
        p += sprintf(p, "instance a k%u " HASH "\n", 99 - i);
    }

    file = parse(text);
    assert_non_null(file);
    assert_int_equal(evolu_keyfile_record(file, 0, &locator)->nentries, 64);
    evolu_keyfile_destroy(file);

    /* the 65th key of a locator, another locator's do not count */

    p += sprintf(p, "instance b k1 " HASH "\n");
    file = parse(text);
    assert_non_null(file);
    evolu_keyfile_destroy(file);

    sprintf(p, "instance a k1 " HASH "\n");
    assert_null(parse(text));
    assert_int_equal(fault, EVOLU_FAULT_KEYS);
    assert_int_equal(line, 66);

    sprintf(text, "global k1 " HASH "\nglobal k2 " HASH " note=%04050d\n", 1);
    assert_null(parse(text));
    assert_int_equal(fault, EVOLU_FAULT_ENTRY_SIZE);
    assert_int_equal(line, 2);

    p = text + sprintf(text, "\nglobal k2 " HASH " ip=");

    for (i = 0; i < EVOLU_ENTRY_CIDRS_MAX; i++) {
        p += sprintf(p, "::,");
    }

    sprintf(p, "::");
    assert_null(parse(text));
    assert_int_equal(fault, EVOLU_FAULT_CIDRS);
    assert_int_equal(line, 2);

    free(text);
}


/* 64 KiB a record holds here, too: 17 entries of 4 KiB are too much. */

static void
test_record_size(void **state)
{
    char      *text, *p;
    unsigned   i;

    (void) state;

    text = malloc(17 * (EVOLU_ENTRY_MAX + 32));
    p = text;

    for (i = 0; i < 17; i++) {
        p += sprintf(p, "global k%02u " HASH " note=%04000d\n", i, 1);
    }

    assert_null(parse(text));
    assert_int_equal(fault, EVOLU_FAULT_RECORD_SIZE);
    assert_int_equal(line, 17);

    free(text);
}


static void
test_many(void **state)
{
    char              *text, *p, name[32];
    unsigned           i;
    evolu_record_t    *r;
    evolu_keyfile_t   *file;

    (void) state;

    text = malloc(MANY * 160);
    p = text;

    for (i = 0; i < MANY; i++) {
        p += sprintf(p, "instance n%u k1 " HASH " exp=%u\n",
                     (i * 7919u) % MANY, (i * 7919u) % MANY);
    }

    file = parse(text);
    assert_non_null(file);
    assert_int_equal(evolu_keyfile_count(file), MANY);

    for (i = 0; i < MANY; i++) {
        sprintf(name, "instance:n%u", i);
        r = evolu_keyfile_find(file, bytes(name));
        assert_non_null(r);
        assert_int_equal(evolu_record_entries(r)[0].exp, i);
    }

    evolu_keyfile_destroy(file);
    free(text);
}


static evolu_bytes_t
bytes(const char *text)
{
    return (evolu_bytes_t) { (const unsigned char *) text, strlen(text) };
}


static int
take(const char *text)
{
    return evolu_keyfile_line(bytes(text), &parts, &fault);
}


static evolu_keyfile_t *
parse(const char *text)
{
    return evolu_keyfile_parse(bytes(text), peppers, &line, &fault);
}


static void
expect_bytes(evolu_bytes_t found, const char *expected)
{
    assert_int_equal(found.len, strlen(expected));
    assert_memory_equal(found.data, expected, found.len);
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
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_line_blank),
        cmocka_unit_test(test_line_nul),
        cmocka_unit_test(test_line_parts),
        cmocka_unit_test(test_line_name_limits),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_ownership),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_record_size),
        cmocka_unit_test(test_many)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
