
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_bucket.h"


uint64_t
evolu_bucket_leak(uint64_t level, uint64_t rate, int64_t elapsed)
{
    if (elapsed <= 0) {
        return level;
    }

    if ((uint64_t) elapsed > level / rate) {
        return 0;
    }

    return level - (uint64_t) elapsed * rate;
}


uint64_t
evolu_bucket_add(uint64_t level)
{
    if (level > UINT64_MAX - EVOLU_BUCKET_DROP) {
        return level;
    }

    return level + EVOLU_BUCKET_DROP;
}


uint64_t
evolu_bucket_wait(uint64_t level, uint64_t rate, uint64_t burst)
{
    uint64_t  room;

    room = burst * EVOLU_BUCKET_DROP;

    if (level <= room) {
        return 0;
    }

    level -= room;

    return level / rate + (level % rate != 0);
}
