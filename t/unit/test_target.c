
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_target: the raw target, the bad_path rule, query arguments and
 * percent-coding (contract, sections 2, 3, 4 and 5).
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evolu_target.h"


typedef struct {
    const char          *target;
    const char          *path;
    const char          *args;
    unsigned             bad;
} target_row_t;


typedef struct {
    const char          *args;
    evolu_arg_status_t   status;
    const char          *value;
} arg_row_t;


typedef struct {
    const char          *text;
    const char          *result;      /* NULL: -1 */
} coding_row_t;


static evolu_bytes_t exact(const char *text);
static void drop(evolu_bytes_t b);
static evolu_bytes_t text_of(const char *text);
static void assert_bytes(evolu_bytes_t b, const char *text);
static unsigned bad_of(const char *target);


static const target_row_t  targets[] = {
    { "/", "/", "", 0 },
    { "/a", "/a", "", 0 },
    { "/a/", "/a/", "", 0 },
    { "/a/b?c=d", "/a/b", "c=d", 0 },
    { "/a/b?", "/a/b", "", 0 },
    { "/?", "/", "", 0 },
    { "/a?b?c", "/a", "b?c", 0 },
    { "/a?b=/../&c=//&d=%2f&e=%zz&f=;&g=\\&h=%00", "/a",
      "b=/../&c=//&d=%2f&e=%zz&f=;&g=\\&h=%00", 0 },
    { "", "", "", 0 },
    { "?a", "", "a", 0 },
    { "*", "*", "", 0 },
    { "host:80", "host:80", "", 0 },

    /* of an absolute-form target the path counts */

    { "http://host/a/b?c", "/a/b", "c", 0 },
    { "HTTPS://host:443/a", "/a", "", 0 },
    { "a1+-.://h/a", "/a", "", 0 },
    { "http://host", "/", "", 0 },
    { "http://host?a=b", "/", "a=b", 0 },
    { "http://host/", "/", "", 0 },
    { "http:///a", "/a", "", 0 },
    { "http://", "/", "", 0 },
    { "http://[::1]:80/a", "/a", "", 0 },
    { "http://host//a", "//a", "", 1 },
    { "http://host/a/../b", "/a/../b", "", 1 },
    { "http://host/?x=http://y/", "/", "x=http://y/", 0 },
    { "http://host#/a", "/a", "", 1 },
    { "/a?x=http://h/../", "/a", "x=http://h/../", 0 },

    /* not absolute: the whole is the path, "//" and all */

    { "http:/a", "http:/a", "", 0 },
    { "1http://host/a", "1http://host/a", "", 1 },
    { "://host/a", "://host/a", "", 1 },
    { "ht_tp://host/a", "ht_tp://host/a", "", 1 },
    { "//host/a", "//host/a", "", 1 }
};


static const char  *bad_targets[] = {

    /* dot segments */

    "/.", "/..", "/./", "/../", "/a/.", "/a/..", "/a/./b", "/a/../b", "/./a",
    "/../a", "/a/..?x", "/a/.?x", ".", "..", "./a", "../a",

    /* and encoded */

    "/%2e", "/%2E", "/%2e%2e", "/.%2e", "/%2E.", "/a/%2e/b", "/a/%2e%2E/b",
    "/a/.%2e/b", "/a/%2e.", "/a/%2e%2e?x", "%2e%2e/a",

    /* empty segments */

    "//", "//a", "/a//", "/a//b", "/a///b", "/a//?x",

    /* encoded separators and NUL */

    "/a%2fb", "/a%2Fb", "/%2f", "/a/%2F", "/a%5cb", "/a%5Cb", "/a%00",
    "/%00/a", "/a%00b/c", "/..%2fa", "/a%2f..", "/a%2f?x",

    /* raw ones */

    "\\", "/\\", "/a\\b", "/a/b\\", "\\a", "/a\\?x",

    /* bad escapes */

    "/%", "/a%", "/a%2", "/a%/b", "/a%2/b", "/a%zz", "/a%2g", "/a%g2",
    "/a%%41", "/a% 41", "/a%2?x", "/a%?41", "/%u0041", "/a%-1", "/a%+1",

    /* a fragment, wherever */

    "#", "/#", "/a#", "/a#b", "/a?#", "/a?b#c", "/a?b=c#", "/#?a",

    /* parameters of the last segment */

    "/;", "/a;", "/a;b", "/;a", "/a/b;c", "/a/b;c/", "/a/;", "/a/;/",
    "/a;b?x", "/a;b/?x", "/..;", "/.;", ";", "a;b"
};


static const char  *good_targets[] = {
    "/...", "/....", "/a/.../b", "/.a", "/a.", "/..a", "/a..", "/.a/..b/c..",
    "/%2e%2e%2e", "/%2ea", "/a%2e", "/.%2ea", "/%61..", "/%252e%252e",
    "/%252f", "/%255c", "/%2500", "/a%20b", "/%25", "/%c3%a9", "/\xc3\xa9",
    "/a%3fb", "/a%23b", "/a%3bb", "/a%0a", "/%7e", "/~", "/a:b@c", "/a+b",
    "/a;b/c", "/;/a", "/a;/b;/c", "/..;/a", "/a;x=../b", "/a/%2e%2e%2e/",
    "/instance/connect/My%20shop", "/a?;", "/a/?;", "/a?/..;"
};


/* the argument "instanceName" */

static const arg_row_t  args[] = {
    { "", EVOLU_ARG_ABSENT, NULL },
    { "&", EVOLU_ARG_ABSENT, NULL },
    { "=", EVOLU_ARG_ABSENT, NULL },
    { "=instanceName", EVOLU_ARG_ABSENT, NULL },
    { "a=instanceName", EVOLU_ARG_ABSENT, NULL },
    { "instancename=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceNam=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceNames=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceName.x=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceName]=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceName;=a", EVOLU_ARG_ABSENT, NULL },
    { "a[instanceName]=a", EVOLU_ARG_ABSENT, NULL },
    { "[a][instanceName]=a", EVOLU_ARG_ABSENT, NULL },
    { "[]instanceName=a", EVOLU_ARG_ABSENT, NULL },
    { "[[instanceName]]=a", EVOLU_ARG_ABSENT, NULL },
    { "+instanceName=a", EVOLU_ARG_ABSENT, NULL },
    { "instance%2561Name=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceName%00=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceName%=a", EVOLU_ARG_ABSENT, NULL },
    { "instanceName%3Da", EVOLU_ARG_ABSENT, NULL },
    { "x;instanceName=a", EVOLU_ARG_ABSENT, NULL },

    { "instanceName", EVOLU_ARG_FOUND, "" },
    { "instanceName=", EVOLU_ARG_FOUND, "" },
    { "instanceName=a", EVOLU_ARG_FOUND, "a" },
    { "instanceName=a=b", EVOLU_ARG_FOUND, "a=b" },
    { "x=1&instanceName=a&y=2", EVOLU_ARG_FOUND, "a" },
    { "&&instanceName=a&&", EVOLU_ARG_FOUND, "a" },
    { "instance%4eame=a", EVOLU_ARG_FOUND, "a" },
    { "%69nstance%4Eame=a", EVOLU_ARG_FOUND, "a" },
    { "instanceName=%61+b%2Bc%2561", EVOLU_ARG_FOUND, "a b+c%61" },
    { "instanceName=a%26b%3dc", EVOLU_ARG_FOUND, "a&b=c" },
    { "instanceName=[x]", EVOLU_ARG_FOUND, "[x]" },
    { "instanceName=a&%zz=1&a%=2", EVOLU_ARG_FOUND, "a" },
    { "instanceName=12345678", EVOLU_ARG_FOUND, "12345678" },
    { "instanceName=123456789", EVOLU_ARG_FOUND, "123456789" },
    { "instanceName=123456789%30", EVOLU_ARG_FOUND, "1234567890" },

    /* it does not fit into ten bytes */

    { "instanceName=12345678901", EVOLU_ARG_BAD, NULL },
    { "instanceName=1234567890%31", EVOLU_ARG_BAD, NULL },

    /* twice */

    { "instanceName=a&instanceName=a", EVOLU_ARG_BAD, NULL },
    { "instanceName=a&x=1&instanceName=b", EVOLU_ARG_BAD, NULL },
    { "instanceName&instanceName", EVOLU_ARG_BAD, NULL },
    { "instanceName=a&instance%4eame=a", EVOLU_ARG_BAD, NULL },

    /* bracket forms */

    { "instanceName[]=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[not]=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[a][b]=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[a=b]=c", EVOLU_ARG_BAD, NULL },
    { "[instanceName]=a", EVOLU_ARG_BAD, NULL },
    { "[instanceName][x]=a", EVOLU_ARG_BAD, NULL },
    { "[instanceName]x=a", EVOLU_ARG_BAD, NULL },
    { "[instanceName=a", EVOLU_ARG_BAD, NULL },
    { "instanceName%5b%5d=a", EVOLU_ARG_BAD, NULL },
    { "instanceName%5Bx%5D=a", EVOLU_ARG_BAD, NULL },
    { "%5binstanceName%5D=a", EVOLU_ARG_BAD, NULL },
    { "%5Binstance%4eame]=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[%zz]=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[%=a", EVOLU_ARG_BAD, NULL },
    { "instance%4eame[%ff]=a", EVOLU_ARG_BAD, NULL },
    { "instanceName=a&instanceName[]=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[]=a&instanceName=a", EVOLU_ARG_BAD, NULL },
    { "instanceName[]", EVOLU_ARG_BAD, NULL },
    { "%5BinstanceName%5D%3Dx", EVOLU_ARG_BAD, NULL },

    /* its value can't be decoded */

    { "instanceName=%", EVOLU_ARG_BAD, NULL },
    { "instanceName=a%2", EVOLU_ARG_BAD, NULL },
    { "instanceName=%zz", EVOLU_ARG_BAD, NULL },
    { "instanceName=%4&x=1", EVOLU_ARG_BAD, NULL }
};


static const coding_row_t  decode_rows[] = {
    { "", "" },
    { "a", "a" },
    { "a+b", "a+b" },
    { "%41%7a%7A", "Azz" },
    { "%c3%A9", "\xc3\xa9" },
    { "%2541", "%41" },
    { "%ff", "\xff" },
    { "a%20b", "a b" },
    { "%", NULL },
    { "%4", NULL },
    { "a%", NULL },
    { "%4g", NULL },
    { "%g4", NULL },
    { "%%41", NULL },
    { "%41%", NULL }
};


static const coding_row_t  encode_rows[] = {
    { "", "" },
    { "AZaz09-._~", "AZaz09-._~" },
    { "My shop", "My%20shop" },
    { "%", "%25" },
    { "a/b?c#d", "a%2Fb%3Fc%23d" },
    { "\xc3\xa9\xff\x01", "%C3%A9%FF%01" },
    { "a+b", "a%2Bb" },
    { "[]\\^`{|}", "%5B%5D%5C%5E%60%7B%7C%7D" }
};


static void
test_parse(void **state)
{
    size_t          i;
    evolu_bytes_t   b;
    evolu_target_t  t;

    (void) state;

    for (i = 0; i < sizeof(targets) / sizeof(target_row_t); i++) {
        b = exact(targets[i].target);
        evolu_target_parse(b, &t);

        if (t.bad != targets[i].bad) {
            fail_msg("%s", targets[i].target);
        }

        assert_bytes(t.path, targets[i].path);
        assert_bytes(t.args, targets[i].args);

        assert_true(t.path.data >= b.data);
        assert_true(t.path.data + t.path.len <= b.data + b.len);
        assert_true(t.args.data >= b.data);
        assert_true(t.args.data + t.args.len <= b.data + b.len);

        drop(b);
    }
}


static void
test_bad(void **state)
{
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(bad_targets) / sizeof(char *); i++) {
        if (bad_of(bad_targets[i]) != 1) {
            fail_msg("not bad: %s", bad_targets[i]);
        }
    }

    for (i = 0; i < sizeof(good_targets) / sizeof(char *); i++) {
        if (bad_of(good_targets[i]) != 0) {
            fail_msg("bad: %s", good_targets[i]);
        }
    }
}


/* the same paths behind an authority are judged the same */

static void
test_bad_absolute(void **state)
{
    char    text[128];
    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(bad_targets) / sizeof(char *); i++) {
        if (bad_targets[i][0] == '/') {
            strcpy(text, "http://host:80");
            strcat(text, bad_targets[i]);
            assert_int_equal(bad_of(text), 1);
        }
    }

    for (i = 0; i < sizeof(good_targets) / sizeof(char *); i++) {
        strcpy(text, "http://host:80");
        strcat(text, good_targets[i]);
        assert_int_equal(bad_of(text), 0);
    }
}


static void
test_bad_every_escape(void **state)
{
    int                ch;
    char               target[] = "/a%XXb/c";
    static const char  hex[] = "0123456789abcdef";

    (void) state;

    for (ch = 0; ch < 256; ch++) {
        target[3] = hex[ch >> 4];
        target[4] = hex[ch & 15];

        assert_int_equal(bad_of(target),
                         ch == 0 || ch == '/' || ch == '\\');
    }
}


static void
test_bad_every_byte(void **state)
{
    int             ch;
    unsigned char   target[] = "/aXb/c";
    evolu_target_t  t;

    (void) state;

    for (ch = 0; ch < 256; ch++) {
        target[2] = (unsigned char) ch;
        evolu_target_parse((evolu_bytes_t) { target, 6 }, &t);

        assert_int_equal(t.bad, ch == 0 || ch == '#' || ch == '\\'
                                || ch == '%');
    }
}


static void
test_parse_nothing(void **state)
{
    evolu_target_t  t;

    (void) state;

    evolu_target_parse((evolu_bytes_t) { NULL, 0 }, &t);
    assert_int_equal(t.path.len, 0);
    assert_int_equal(t.args.len, 0);
    assert_int_equal(t.bad, 0);
}


static void
test_last(void **state)
{
    size_t         i;
    evolu_bytes_t  b, last;

    static const coding_row_t  rows[] = {
        { "", "" }, { "/", "" }, { "//", "" }, { "/a", "a" }, { "/a/", "a" },
        { "/a//", "" }, { "/a/b", "b" }, { "/a/b/", "b" }, { "a", "a" },
        { "a/", "a" }, { "*", "*" }, { "/a/My%20shop/", "My%20shop" },
        { "/a/b%2fc", "b%2fc" }, { "/a/;b", ";b" }
    };

    (void) state;

    for (i = 0; i < sizeof(rows) / sizeof(coding_row_t); i++) {
        b = exact(rows[i].text);
        last = evolu_target_last(b);

        assert_bytes(last, rows[i].result);
        assert_true(last.data >= b.data);
        assert_true(last.data + last.len <= b.data + b.len);
        drop(b);
    }

    last = evolu_target_last((evolu_bytes_t) { NULL, 0 });
    assert_int_equal(last.len, 0);
}


static void
test_decode(void **state)
{
    long            n;
    size_t          i;
    evolu_bytes_t   b;
    unsigned char  *out;

    (void) state;

    for (i = 0; i < sizeof(decode_rows) / sizeof(coding_row_t); i++) {
        b = exact(decode_rows[i].text);
        out = malloc(b.len);
        n = evolu_percent_decode(b, out);

        if (decode_rows[i].result == NULL) {
            assert_int_equal(n, -1);

        } else {
            assert_true(n >= 0);
            assert_bytes((evolu_bytes_t) { out, (size_t) n },
                         decode_rows[i].result);
        }

        free(out);
        drop(b);
    }
}


static void
test_encode(void **state)
{
    size_t          i, n;
    evolu_bytes_t   b;
    unsigned char  *out;

    (void) state;

    for (i = 0; i < sizeof(encode_rows) / sizeof(coding_row_t); i++) {
        b = exact(encode_rows[i].text);
        out = malloc(3 * b.len);
        n = evolu_percent_encode(b, out);

        assert_bytes((evolu_bytes_t) { out, n }, encode_rows[i].result);
        free(out);
        drop(b);
    }
}


static void
test_coding_every_byte(void **state)
{
    int            ch;
    size_t         n;
    unsigned char  in, coded[3], out[3];

    (void) state;

    for (ch = 0; ch < 256; ch++) {
        in = (unsigned char) ch;
        n = evolu_percent_encode((evolu_bytes_t) { &in, 1 }, coded);

        assert_int_equal(n, ch != 0
                            && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "abcdefghijklmnopqrstuvwxyz"
                                      "0123456789-._~", ch) != NULL ? 1 : 3);
        assert_int_equal(evolu_percent_decode((evolu_bytes_t) { coded, n },
                                              out), 1);
        assert_int_equal(out[0], ch);
    }
}


static void
test_arg(void **state)
{
    size_t              i, len;
    evolu_bytes_t       b;
    unsigned char      *out;
    evolu_arg_status_t  status;

    (void) state;

    out = malloc(10);

    for (i = 0; i < sizeof(args) / sizeof(arg_row_t); i++) {
        b = exact(args[i].args);
        status = evolu_target_arg(b, evolu_literal("instanceName"), out, 10,
                                  &len);

        if (status != args[i].status) {
            fail_msg("%s: %d", args[i].args, (int) status);
        }

        if (status == EVOLU_ARG_FOUND) {
            assert_bytes((evolu_bytes_t) { out, len }, args[i].value);
        }

        drop(b);
    }

    free(out);
}


/* what is found is reserved; what is bad is, unless its value alone is bad */

static void
test_reserved(void **state)
{
    size_t         i;
    evolu_bytes_t  b, names[2];

    (void) state;

    names[0] = evolu_literal("instanceId");
    names[1] = evolu_literal("instanceName");

    for (i = 0; i < sizeof(args) / sizeof(arg_row_t); i++) {
        b = exact(args[i].args);

        if (evolu_target_reserved(b, names, 2)
            != (args[i].status != EVOLU_ARG_ABSENT))
        {
            fail_msg("%s", args[i].args);
        }

        assert_int_equal(evolu_target_reserved(b, names, 1), 0);
        assert_int_equal(evolu_target_reserved(b, names, 0), 0);
        drop(b);
    }

    assert_int_equal(evolu_target_reserved(evolu_literal("instanceId=1"),
                                           names, 2), 1);
}


/* where decoding fails, both forms count */

static void
test_reserved_undecodable(void **state)
{
    evolu_bytes_t  name;

    (void) state;

    name = evolu_literal("a%zz");
    assert_int_equal(evolu_target_reserved(evolu_literal("a%zz=1"), &name, 1),
                     1);
    assert_int_equal(evolu_target_reserved(evolu_literal("%61%zz=1"), &name,
                                           1), 1);

    name = evolu_literal("a+b");
    assert_int_equal(evolu_target_reserved(evolu_literal("a+b[%]=1"), &name,
                                           1), 1);
    assert_int_equal(evolu_target_reserved(evolu_literal("a+b[]=1"), &name,
                                           1), 0);
    assert_int_equal(evolu_target_reserved(evolu_literal("a%2bb=1"), &name,
                                           1), 1);

    name = evolu_literal("a b");
    assert_int_equal(evolu_target_reserved(evolu_literal("a+b=1"), &name, 1),
                     1);
    assert_int_equal(evolu_target_reserved(evolu_literal("a+b[%]=1"), &name,
                                           1), 1);
    assert_int_equal(evolu_target_reserved(evolu_literal("a%20b=1"), &name,
                                           1), 1);
}


static void
test_next_arg(void **state)
{
    size_t         i, pos;
    evolu_bytes_t  b, arg, value;

    static const struct {
        const char  *arg;
        const char  *value;
        size_t       pos;
    } found[] = {
        { "apikey=one", "one", 10 },
        { "api%6Bey=t%77o", "t%77o", 29 },
        { "apikey", "", 69 },
        { "apikey=", "", 77 },
        { "%61pikey=a=b+c", "a=b+c", 93 }
    };

    (void) state;

    b = exact("apikey=one&x=1&api%6Bey=t%77o&apikey[]=no&[apikey]=no"
              "&apikeys=no&apikey&apikey=&&%61pikey=a=b+c");
    pos = 0;

    for (i = 0; i < 5; i++) {
        assert_int_equal(evolu_target_next_arg(b, evolu_literal("apikey"),
                                               &pos, &arg, &value), 1);
        assert_bytes(arg, found[i].arg);
        assert_bytes(value, found[i].value);
        assert_ptr_equal(arg.data + arg.len, b.data + pos);
    }

    assert_int_equal(pos, b.len);
    assert_int_equal(evolu_target_next_arg(b, evolu_literal("apikey"), &pos,
                                           &arg, &value), 0);
    drop(b);
}


static void
test_next_arg_from(void **state)
{
    size_t         pos;
    evolu_bytes_t  arg, value, b;

    (void) state;

    b = evolu_literal("k=1&k=2");

    pos = 1;                     /* inside the first */
    assert_int_equal(evolu_target_next_arg(b, evolu_literal("k"), &pos, &arg,
                                           &value), 1);
    assert_bytes(value, "2");

    pos = 4;                     /* where the second begins */
    assert_int_equal(evolu_target_next_arg(b, evolu_literal("k"), &pos, &arg,
                                           &value), 1);
    assert_bytes(value, "2");

    pos = 5;
    assert_int_equal(evolu_target_next_arg(b, evolu_literal("k"), &pos, &arg,
                                           &value), 0);

    pos = 8;                     /* behind the end */
    assert_int_equal(evolu_target_next_arg(b, evolu_literal("k"), &pos, &arg,
                                           &value), 0);

    pos = 0;
    assert_int_equal(evolu_target_next_arg(b, evolu_literal(""), &pos, &arg,
                                           &value), 0);
    assert_int_equal(evolu_target_next_arg((evolu_bytes_t) { NULL, 0 },
                                           evolu_literal("k"), &pos, &arg,
                                           &value), 0);
}


/* a copy that ends where its memory ends, so that an overrun is found */

static evolu_bytes_t
exact(const char *text)
{
    size_t          len;
    unsigned char  *p;

    len = strlen(text);
    p = malloc(len);
    memcpy(p, text, len);

    return (evolu_bytes_t) { p, len };
}


static void
drop(evolu_bytes_t b)
{
    free((void *) b.data);
}


static evolu_bytes_t
text_of(const char *text)
{
    return (evolu_bytes_t) { (const unsigned char *) text, strlen(text) };
}


static void
assert_bytes(evolu_bytes_t b, const char *text)
{
    if (!evolu_bytes_equal(b, text_of(text))) {
        fail_msg("\"%.*s\", not \"%s\"", (int) b.len, (const char *) b.data,
                 text);
    }
}


static unsigned
bad_of(const char *target)
{
    evolu_bytes_t   b;
    evolu_target_t  t;

    b = exact(target);
    evolu_target_parse(b, &t);
    drop(b);

    return t.bad;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_bad_absolute),
        cmocka_unit_test(test_bad_every_escape),
        cmocka_unit_test(test_bad_every_byte),
        cmocka_unit_test(test_parse_nothing),
        cmocka_unit_test(test_last),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_encode),
        cmocka_unit_test(test_coding_every_byte),
        cmocka_unit_test(test_arg),
        cmocka_unit_test(test_reserved),
        cmocka_unit_test(test_reserved_undecodable),
        cmocka_unit_test(test_next_arg),
        cmocka_unit_test(test_next_arg_from)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
