
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The names of keys in Redis.
 */


#include <stdlib.h>

#include "evolu_keys_print.h"
#include "evolu_keys_redis.h"


/* keys that one SCAN looks at */
#define EVOLU_KEYS_SCAN_COUNT  evolu_literal("500")


static evolu_bytes_t evolu_keys_redis_pattern(evolu_keys_redis_t *redis,
    evolu_bytes_t begin);
static evolu_keys_status_t evolu_keys_redis_scan_page(
    evolu_keys_redis_t *redis, evolu_bytes_t pattern, redisReply **reply,
    evolu_keys_names_t *names);
static void evolu_keys_redis_add(evolu_keys_redis_t *redis,
    evolu_bytes_t key, evolu_keys_names_t *names);
static void evolu_keys_redis_sort(evolu_keys_names_t *names);
static int evolu_keys_redis_order(const void *one, const void *two);


evolu_keys_status_t
evolu_keys_redis_scan(evolu_keys_redis_t *redis, evolu_bytes_t begin,
    size_t limit, evolu_keys_names_t *names)
{
    redisReply           *reply;
    evolu_bytes_t         pattern;
    evolu_keys_status_t   status;

    memset(names, 0, sizeof(evolu_keys_names_t));

    pattern = evolu_keys_redis_pattern(redis, begin);
    reply = NULL;

    do {
        status = evolu_keys_redis_scan_page(redis, pattern, &reply, names);

    } while (status == EVOLU_KEYS_DONE && names->n < limit
             && !evolu_bytes_equal(evolu_keys_link_string(reply->element[0]),
                                   evolu_literal("0")));

    if (reply != NULL) {
        freeReplyObject(reply);
    }

    free((void *) pattern.data);
    evolu_keys_redis_sort(names);

    return status;
}


/* The reply before, if any, says where this page begins. */

static evolu_keys_status_t
evolu_keys_redis_scan_page(evolu_keys_redis_t *redis, evolu_bytes_t pattern,
    redisReply **reply, evolu_keys_names_t *names)
{
    size_t                i;
    redisReply           *page, *keys;
    evolu_bytes_t         words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t   status;

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("SCAN");
    words[1] = *reply == NULL ? evolu_literal("0")
                              : evolu_keys_link_string((*reply)->element[0]);
    words[2] = evolu_literal("MATCH");
    words[3] = pattern;
    words[4] = evolu_literal("COUNT");
    words[5] = EVOLU_KEYS_SCAN_COUNT;

    status = evolu_keys_link_command(&redis->link, words, &page);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    if (page->type != REDIS_REPLY_ARRAY || page->elements != 2
        || page->element[0]->type != REDIS_REPLY_STRING
        || page->element[1]->type != REDIS_REPLY_ARRAY)
    {
        freeReplyObject(page);
        evolu_keys_say("Redis at %s answered nonsense to SCAN",
                       redis->link.text);
        return EVOLU_KEYS_UNREACHABLE;
    }

    keys = page->element[1];

    for (i = 0; i < keys->elements; i++) {
        evolu_keys_redis_add(redis, evolu_keys_link_string(keys->element[i]),
                             names);
    }

    if (*reply != NULL) {
        freeReplyObject(*reply);
    }

    *reply = page;

    return EVOLU_KEYS_DONE;
}


/* What is special in a pattern is not special in a prefix. */

static evolu_bytes_t
evolu_keys_redis_pattern(evolu_keys_redis_t *redis, evolu_bytes_t begin)
{
    size_t          i;
    evolu_bytes_t   prefix, pattern;
    unsigned char  *p;

    prefix = redis->link.prefix;

    p = evolu_keys_alloc(2 * prefix.len + begin.len + 1);
    pattern.data = p;

    for (i = 0; i < prefix.len; i++) {
        if (strchr("*?[]\\^-", prefix.data[i]) != NULL) {
            *p++ = '\\';
        }

        *p++ = prefix.data[i];
    }

    memcpy(p, begin.data, begin.len);
    p += begin.len;
    *p++ = '*';

    pattern.len = (size_t) (p - pattern.data);

    return pattern;
}


static void
evolu_keys_redis_add(evolu_keys_redis_t *redis, evolu_bytes_t key,
    evolu_keys_names_t *names)
{
    size_t          len;
    unsigned char  *data;

    if (key.len < redis->link.prefix.len) {
        return;
    }

    if (names->n == names->size) {
        names->size = names->size == 0 ? 1024 : 2 * names->size;
        names->names = evolu_keys_realloc(names->names, names->size
                                          * sizeof(evolu_bytes_t));
    }

    len = key.len - redis->link.prefix.len;
    data = evolu_keys_alloc(len);
    memcpy(data, key.data + redis->link.prefix.len, len);

    names->names[names->n].data = data;
    names->names[names->n++].len = len;
}


/* SCAN may name a key more than once. */

static void
evolu_keys_redis_sort(evolu_keys_names_t *names)
{
    size_t  i, n;

    if (names->n == 0) {
        return;
    }

    qsort(names->names, names->n, sizeof(evolu_bytes_t),
          evolu_keys_redis_order);

    n = 1;

    for (i = 1; i < names->n; i++) {

        if (evolu_bytes_equal(names->names[i], names->names[n - 1])) {
            free((void *) names->names[i].data);
            continue;
        }

        names->names[n++] = names->names[i];
    }

    names->n = n;
}


static int
evolu_keys_redis_order(const void *one, const void *two)
{
    return evolu_keys_bytes_order(*(const evolu_bytes_t *) one,
                                  *(const evolu_bytes_t *) two);
}


void
evolu_keys_redis_names_free(evolu_keys_names_t *names)
{
    size_t  i;

    for (i = 0; i < names->n; i++) {
        free((void *) names->names[i].data);
    }

    free(names->names);
}
