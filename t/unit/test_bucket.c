
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu_bucket: how fast it leaks, and when there is room.
 */


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "evolu_bucket.h"


#define DROP    EVOLU_BUCKET_DROP
#define SECOND  EVOLU_BUCKET_PER_SECOND
#define MINUTE  EVOLU_BUCKET_PER_MINUTE


static void
test_leak(void **state)
{
    assert_int_equal(evolu_bucket_leak(0, SECOND, 1000), 0);
    assert_int_equal(evolu_bucket_leak(DROP, SECOND, 0), DROP);
    assert_int_equal(evolu_bucket_leak(DROP, SECOND, 1), DROP - 60);
    assert_int_equal(evolu_bucket_leak(DROP, SECOND, 999), 60);
    assert_int_equal(evolu_bucket_leak(DROP, SECOND, 1000), 0);
    assert_int_equal(evolu_bucket_leak(DROP, SECOND, 1001), 0);
    assert_int_equal(evolu_bucket_leak(DROP, MINUTE, 59999), 1);
    assert_int_equal(evolu_bucket_leak(DROP, MINUTE, 60000), 0);
}


static void
test_clock(void **state)
{
    /* another worker's clock is ahead */

    assert_int_equal(evolu_bucket_leak(DROP, SECOND, -1), DROP);
    assert_int_equal(evolu_bucket_leak(DROP, SECOND, INT64_MIN), DROP);

    assert_int_equal(evolu_bucket_leak(UINT64_MAX, SECOND, INT64_MAX), 0);
    assert_int_equal(evolu_bucket_leak(DROP, (uint64_t) 1000000000 * SECOND,
                                       INT64_MAX),
                     0);
}


/* Looking often takes nothing more away than looking once. */

static void
test_rounding(void **state)
{
    int       i;
    uint64_t  level;

    level = DROP;

    for (i = 0; i < 59999; i++) {
        level = evolu_bucket_leak(level, MINUTE, 1);
    }

    assert_int_equal(level, 1);
    assert_int_equal(evolu_bucket_leak(level, MINUTE, 1), 0);
}


static void
test_add(void **state)
{
    assert_int_equal(evolu_bucket_add(0), DROP);
    assert_int_equal(evolu_bucket_add(DROP), 2 * DROP);
    assert_true(evolu_bucket_add(UINT64_MAX) == UINT64_MAX);
    assert_true(evolu_bucket_add(UINT64_MAX - DROP) == UINT64_MAX);
    assert_true(evolu_bucket_add(UINT64_MAX - DROP + 1)
                == UINT64_MAX - DROP + 1);
}


static void
test_wait(void **state)
{
    assert_int_equal(evolu_bucket_wait(0, SECOND, 0), 0);
    assert_int_equal(evolu_bucket_wait(1, SECOND, 0), 1);
    assert_int_equal(evolu_bucket_wait(DROP, SECOND, 0), 1000);
    assert_int_equal(evolu_bucket_wait(DROP, MINUTE, 0), 60000);
    assert_int_equal(evolu_bucket_wait(DROP, SECOND, 1), 0);
    assert_int_equal(evolu_bucket_wait(DROP + 1, SECOND, 1), 1);
    assert_int_equal(evolu_bucket_wait(3 * DROP, SECOND, 1), 2000);
    assert_int_equal(evolu_bucket_wait(UINT64_MAX, SECOND, EVOLU_BUCKET_MAX),
                     (UINT64_MAX - (uint64_t) EVOLU_BUCKET_MAX * DROP) / SECOND
                     + 1);
}


/* After the time that wait tells there is room, and not a moment before. */

static void
test_together(void **state)
{
    unsigned  rate, burst, drops;
    uint64_t  level, wait;

    for (rate = 1; rate < 200; rate += 7) {
        for (burst = 0; burst < 4; burst++) {
            for (level = 0, drops = 1; drops < 8; drops++) {

                level = evolu_bucket_add(level);
                wait = evolu_bucket_wait(level, rate, burst);

                assert_int_equal(wait != 0, drops > burst);

                if (wait == 0) {
                    continue;
                }

                assert_int_equal(evolu_bucket_wait(
                                     evolu_bucket_leak(level, rate, wait),
                                     rate, burst),
                                 0);
                assert_int_equal(evolu_bucket_wait(
                                     evolu_bucket_leak(level, rate, wait - 1),
                                     rate, burst),
                                 1);
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_leak),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_wait),
        cmocka_unit_test(test_together)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
