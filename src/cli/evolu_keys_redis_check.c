
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What can be wrong in Redis besides records: the epoch and the token index.
 */


#include <stdlib.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_print.h"
#include "evolu_keys_redis.h"


/* hex digits of a digest in a message */
#define EVOLU_KEYS_SHOWN  8


typedef struct {
    evolu_keys_redis_t     *redis;
    evolu_keys_problem_pt   problem;
    void                   *data;
    evolu_bytes_t           begin;      /* of the index's sets */
    unsigned                index;      /* 1: there is one */
} evolu_keys_redis_check_t;


static evolu_keys_status_t evolu_keys_check_epoch(
    evolu_keys_redis_check_t *check);
static evolu_keys_status_t evolu_keys_check_token(
    evolu_keys_redis_check_t *check, evolu_bytes_t token);
static evolu_keys_status_t evolu_keys_check_member(
    evolu_keys_redis_check_t *check, evolu_bytes_t token, evolu_bytes_t name);
static const char *evolu_keys_check_holds(evolu_keys_redis_check_t *check,
    const evolu_keys_record_t *record, evolu_bytes_t token);
static evolu_keys_status_t evolu_keys_check_record(
    const evolu_keys_record_t *record, void *data);
static unsigned evolu_keys_check_by_index(evolu_keys_redis_check_t *check,
    evolu_bytes_t token);
static void evolu_keys_check_say(evolu_keys_redis_check_t *check,
    evolu_bytes_t locator, evolu_bytes_t id, const char *text);


static const evolu_bytes_t  evolu_keys_no_id = { NULL, 0 };


evolu_keys_status_t
evolu_keys_redis_check(evolu_keys_store_t *store,
    evolu_keys_problem_pt problem, void *data)
{
    size_t                     i;
    unsigned char              begin[EVOLU_KEYS_TOKEN_MAX];
    evolu_keys_names_t         names;
    evolu_keys_status_t        status;
    evolu_keys_redis_check_t   check;

    check.redis = (evolu_keys_redis_t *) store;
    check.problem = problem;
    check.data = data;
    check.begin.data = begin;
    check.begin.len = evolu_keys_entry_index(store->peppers, begin);

    status = evolu_keys_check_epoch(&check);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    status = evolu_keys_redis_scan(check.redis, evolu_literal("token:"),
                                   SIZE_MAX, &names);
    check.index = names.n != 0;

    for (i = 0; i < names.n && status == EVOLU_KEYS_DONE; i++) {
        status = evolu_keys_check_token(&check, names.names[i]);
    }

    evolu_keys_redis_names_free(&names);

    if (status == EVOLU_KEYS_DONE && check.index) {
        status = store->each(store, evolu_keys_check_record, &check);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_check_epoch(evolu_keys_redis_check_t *check)
{
    size_t                i;
    redisReply           *reply;
    evolu_bytes_t         key, epoch, words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t   status;

    key = evolu_keys_link_key(&check->redis->link, evolu_literal("epoch"));

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("GET");
    words[1] = key;

    status = evolu_keys_link_command(&check->redis->link, words, &reply);
    free((void *) key.data);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    epoch = evolu_keys_link_string(reply);

    for (i = 0; i < epoch.len; i++) {
        if ((epoch.data[i] < '0' || epoch.data[i] > '9')
            && !(i == 0 && epoch.len > 1 && epoch.data[i] == '-'))
        {
            break;
        }
    }

    if (reply->type == REDIS_REPLY_NIL) {
        evolu_keys_check_say(check, evolu_literal("epoch"), evolu_keys_no_id,
                             "missing, so no edge uses this store: when the "
                             "records are whole, SET it to 1 with redis-cli");

    } else if (epoch.len == 0 || i < epoch.len) {
        evolu_keys_check_say(check, evolu_literal("epoch"), evolu_keys_no_id,
                             "not an integer, so no edge uses this store");
    }

    freeReplyObject(reply);

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_check_token(evolu_keys_redis_check_t *check, evolu_bytes_t token)
{
    size_t                i;
    evolu_keys_store_t   *store;
    evolu_keys_record_t   set;
    evolu_keys_status_t   status;

    store = &check->redis->store;

    if (!evolu_keys_check_by_index(check, token)) {
        evolu_keys_check_say(check, token, evolu_keys_no_id,
                             "not a set of the token index, which is by the "
                             "first pepper, or sha256 without one");
        return EVOLU_KEYS_DONE;
    }

    status = store->names(store, token, &set);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    if (set.wrong_type) {
        evolu_keys_check_say(check, token, evolu_keys_no_id, "not a set");

    } else if (set.n > EVOLU_KEYS_NAMES_MAX) {
        evolu_keys_check_say(check, token, evolu_keys_no_id,
                             "holds more than 64 names, so it counts as "
                             "unknown");
    }

    for (i = 0; i < set.n && status == EVOLU_KEYS_DONE; i++) {
        status = evolu_keys_check_member(check, token, set.fields[i].name);
    }

    store->release(&set);

    return status;
}


static evolu_keys_status_t
evolu_keys_check_member(evolu_keys_redis_check_t *check, evolu_bytes_t token,
    evolu_bytes_t name)
{
    const char           *text;
    evolu_locator_t       locator;
    evolu_keys_record_t   record;
    evolu_keys_status_t   status;

    if (!evolu_instance_valid(name)) {
        evolu_keys_check_say(check, token, evolu_keys_no_id,
                             "holds what cannot be an instance's name");
        return EVOLU_KEYS_DONE;
    }

    memset(&locator, 0, sizeof(evolu_locator_t));
    locator.scope = EVOLU_SCOPE_INSTANCE;
    locator.name = name;

    status = evolu_keys_redis_load(&check->redis->store, &locator, &record);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    text = evolu_keys_check_holds(check, &record, token);

    if (text != NULL) {
        evolu_keys_check_say(check, record.text, evolu_keys_no_id, text);
    }

    evolu_keys_redis_release(&record);

    return EVOLU_KEYS_DONE;
}


/* A key with a hash by another algorithm may be the token, too. */

static const char *
evolu_keys_check_holds(evolu_keys_redis_check_t *check,
    const evolu_keys_record_t *record, evolu_bytes_t token)
{
    size_t         i;
    evolu_bytes_t  one;
    unsigned char  buf[EVOLU_KEYS_TOKEN_MAX];

    if (!record->found) {
        return "the token index names this instance, which has no record";
    }

    one.data = buf;

    for (i = 0; i < record->n; i++) {
        one.len = evolu_keys_field_token(&record->fields[i], buf);

        if (one.len != 0
            && (!evolu_keys_check_by_index(check, one)
                || evolu_bytes_equal(one, token)))
        {
            return NULL;
        }
    }

    return "the token index names this instance for a token that none of its "
           "keys is";
}


/* The other way round: every key by the index algorithm is in the index. */

static evolu_keys_status_t
evolu_keys_check_record(const evolu_keys_record_t *record, void *data)
{
    size_t                     i;
    redisReply                *reply;
    evolu_bytes_t              id, key, token, words[EVOLU_KEYS_WORDS_MAX];
    unsigned char              buf[EVOLU_KEYS_TOKEN_MAX];
    evolu_keys_status_t        status;
    evolu_keys_redis_check_t  *check;

    check = data;

    if (record->locator.scope != EVOLU_SCOPE_INSTANCE) {
        return EVOLU_KEYS_DONE;
    }

    token.data = buf;
    status = EVOLU_KEYS_DONE;

    for (i = 0; i < record->n && status == EVOLU_KEYS_DONE; i++) {
        token.len = evolu_keys_field_token(&record->fields[i], buf);

        if (token.len == 0 || !evolu_keys_check_by_index(check, token)) {
            continue;
        }

        key = evolu_keys_link_key(&check->redis->link, token);

        memset(words, 0, sizeof(words));
        words[0] = evolu_literal("SISMEMBER");
        words[1] = key;
        words[2] = record->locator.name;

        status = evolu_keys_link_command(&check->redis->link, words, &reply);
        free((void *) key.data);

        if (status != EVOLU_KEYS_DONE) {
            break;
        }

        if (reply->type == REDIS_REPLY_INTEGER && reply->integer == 0) {
            (void) evolu_keys_field_id(&record->fields[i], &id);
            evolu_keys_check_say(check, record->text, id,
                                 "not in the token index");
        }

        freeReplyObject(reply);
    }

    return status;
}


static unsigned
evolu_keys_check_by_index(evolu_keys_redis_check_t *check,
    evolu_bytes_t token)
{
    return token.len == check->begin.len + EVOLU_DIGEST_HEX
           && memcmp(token.data, check->begin.data, check->begin.len) == 0;
}


/* Of a token's digest the beginning is shown: enough to find it. */

static void
evolu_keys_check_say(evolu_keys_redis_check_t *check, evolu_bytes_t locator,
    evolu_bytes_t id, const char *text)
{
    size_t                len;
    const unsigned char  *colon;

    if (locator.len > 6 && memcmp(locator.data, "token:", 6) == 0) {
        colon = memrchr(locator.data, ':', locator.len);
        len = (size_t) (colon - locator.data) + 1 + EVOLU_KEYS_SHOWN;

        if (len < locator.len) {
            locator.len = len;
        }
    }

    check->problem(check->data, &check->redis->store, locator, id, text);
}
