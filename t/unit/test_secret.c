
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_secret: a password in guarded memory.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "evolu_digest.h"
#include "evolu_secret.h"


static void
assert_secret(evolu_bytes_t text, evolu_bytes_t expected)
{
    evolu_secret_t  *secret;

    secret = evolu_secret_create(text);

    assert_non_null(secret);
    assert_true(evolu_bytes_equal(evolu_secret_text(secret), expected));

    evolu_secret_lock(secret);
    assert_true(evolu_bytes_equal(evolu_secret_text(secret), expected));

    evolu_secret_destroy(secret);
}


static void
test_one_line(void **state)
{
    assert_secret(evolu_literal("hunter2"), evolu_literal("hunter2"));
    assert_secret(evolu_literal("hunter2\n"), evolu_literal("hunter2"));
    assert_secret(evolu_literal(" a b "), evolu_literal(" a b "));
    assert_secret(evolu_literal("\xff"), evolu_literal("\xff"));
}


static void
test_refused(void **state)
{
    assert_null(evolu_secret_create(evolu_literal("")));
    assert_null(evolu_secret_create(evolu_literal("\n")));
    assert_null(evolu_secret_create(evolu_literal("a\nb")));
    assert_null(evolu_secret_create(evolu_literal("a\n\n")));
    assert_null(evolu_secret_create(evolu_literal("a\0b")));
}


static void
test_limit(void **state)
{
    unsigned char  text[EVOLU_SECRET_TEXT_MAX + 1];
    evolu_bytes_t  longest;

    memset(text, 'x', sizeof(text));

    longest.data = text;
    longest.len = EVOLU_SECRET_TEXT_MAX;
    assert_secret(longest, longest);

    longest.len++;
    assert_null(evolu_secret_create(longest));
}


static void
test_nothing(void **state)
{
    evolu_secret_destroy(NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_one_line),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_nothing)
    };

    if (evolu_digest_init() != 0) {
        return 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
