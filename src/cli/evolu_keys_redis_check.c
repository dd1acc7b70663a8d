
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What can be wrong in Redis besides records: the epoch and the token index.
 */


#include <stdlib.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_print.h"
#include "evolu_keys_redis.h"
#include "evolu_keys_terminal.h"


/* hex digits of a digest in a message */
#define EVOLU_KEYS_SHOWN  8

/* what one round trip asks for */
#define EVOLU_KEYS_BATCH  128


/* an instance that a set of the index names; it points into the reply */

typedef struct {
    evolu_bytes_t           token;      /* the set's name */
    evolu_bytes_t           name;
} evolu_keys_member_t;


/* a key that must be in the index; its texts are in the memory of locator */

typedef struct {
    evolu_bytes_t           locator;
    evolu_bytes_t           name;       /* the locator's */
    evolu_bytes_t           id;
    evolu_bytes_t           token;      /* the set's name */
} evolu_keys_indexed_t;


typedef struct {
    evolu_keys_redis_t     *redis;
    evolu_keys_problem_pt   problem;
    void                   *data;
    evolu_bytes_t           begin;      /* of the index's sets */
    size_t                  done;       /* sets, then records */
    size_t                  n;          /* members, then keys */
    evolu_keys_member_t     members[EVOLU_KEYS_BATCH];
    evolu_keys_indexed_t    keys[EVOLU_KEYS_BATCH];
} evolu_keys_redis_check_t;


static evolu_keys_status_t evolu_keys_check_epoch(
    evolu_keys_redis_check_t *check);
static evolu_keys_status_t evolu_keys_check_index(
    evolu_keys_redis_check_t *check);
static evolu_keys_status_t evolu_keys_check_sets(
    evolu_keys_redis_check_t *check, const evolu_bytes_t *tokens, size_t n);
static evolu_keys_status_t evolu_keys_check_set(
    evolu_keys_redis_check_t *check, evolu_bytes_t token,
    const redisReply *reply);
static evolu_keys_status_t evolu_keys_check_members(
    evolu_keys_redis_check_t *check);
static const char *evolu_keys_check_holds(evolu_keys_redis_check_t *check,
    const evolu_keys_record_t *record, evolu_bytes_t token);
static evolu_keys_status_t evolu_keys_check_record(
    const evolu_keys_record_t *record, void *data);
static evolu_keys_status_t evolu_keys_check_ask(
    evolu_keys_redis_check_t *check, evolu_bytes_t command,
    evolu_bytes_t token, evolu_bytes_t name);
static void evolu_keys_check_note(evolu_keys_redis_check_t *check,
    const evolu_keys_record_t *record, const evolu_field_t *field,
    evolu_bytes_t token);
static evolu_keys_status_t evolu_keys_check_keys(
    evolu_keys_redis_check_t *check);
static unsigned evolu_keys_check_by_index(evolu_keys_redis_check_t *check,
    evolu_bytes_t token);
static void evolu_keys_check_say(evolu_keys_redis_check_t *check,
    evolu_bytes_t locator, evolu_bytes_t id, const char *text);


static const evolu_bytes_t  evolu_keys_no_id = { NULL, 0 };


evolu_keys_status_t
evolu_keys_redis_check(evolu_keys_store_t *store,
    evolu_keys_problem_pt problem, void *data)
{
    unsigned char              begin[EVOLU_KEYS_TOKEN_MAX];
    evolu_keys_status_t        status;
    evolu_keys_redis_check_t   check;

    memset(&check, 0, sizeof(evolu_keys_redis_check_t));

    check.redis = (evolu_keys_redis_t *) store;
    check.problem = problem;
    check.data = data;
    check.begin.data = begin;
    check.begin.len = evolu_keys_entry_index(store->peppers, begin);

    status = evolu_keys_check_epoch(&check);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_check_index(&check);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_check_epoch(evolu_keys_redis_check_t *check)
{
    const char           *text;
    redisReply           *reply;
    evolu_bytes_t         key, words[EVOLU_KEYS_WORDS_MAX];
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

    text = NULL;

    if (reply->type == REDIS_REPLY_NIL) {
        text = "missing, so no edge uses this store: when the records are "
               "whole, SET it to 1 with redis-cli";

    } else if (!evolu_epoch_valid(evolu_keys_link_string(reply))) {
        text = "no number of 1 to 20 digits, so no edge uses this store";
    }

    if (text != NULL) {
        evolu_keys_check_say(check, evolu_literal("epoch"), evolu_keys_no_id,
                             text);
    }

    freeReplyObject(reply);

    return EVOLU_KEYS_DONE;
}


/* Both ways, unless there is no index at all. */

static evolu_keys_status_t
evolu_keys_check_index(evolu_keys_redis_check_t *check)
{
    size_t               i, n;
    evolu_keys_names_t   names;
    evolu_keys_store_t  *store;
    evolu_keys_status_t  status;

    store = &check->redis->store;

    status = evolu_keys_redis_scan(check->redis, evolu_literal("token:"),
                                   SIZE_MAX, &names);

    evolu_keys_progress_begin("checking the token index:", names.n);

    for (i = 0; i < names.n && status == EVOLU_KEYS_DONE; i += n) {
        n = names.n - i < EVOLU_KEYS_BATCH ? names.n - i : EVOLU_KEYS_BATCH;

        status = evolu_keys_check_sets(check, names.names + i, n);
        evolu_keys_progress(i);
    }

    evolu_keys_progress_end();

    if (status == EVOLU_KEYS_DONE && names.n != 0) {
        evolu_keys_progress_begin("checking keys of records:", 0);

        status = store->each(store, evolu_keys_check_record, check);

        if (status == EVOLU_KEYS_DONE) {
            status = evolu_keys_check_keys(check);
        }

        evolu_keys_progress_end();
    }

    evolu_keys_redis_names_free(&names);

    return status;
}


/* All are read before records are asked for. */

static evolu_keys_status_t
evolu_keys_check_sets(evolu_keys_redis_check_t *check,
    const evolu_bytes_t *tokens, size_t n)
{
    size_t                i, asked, got;
    redisReply           *replies[EVOLU_KEYS_BATCH];
    evolu_bytes_t         sets[EVOLU_KEYS_BATCH];
    evolu_keys_status_t   status;

    asked = 0;
    status = EVOLU_KEYS_DONE;

    for (i = 0; i < n && status == EVOLU_KEYS_DONE; i++) {

        if (!evolu_keys_check_by_index(check, tokens[i])) {
            evolu_keys_check_say(check, tokens[i], evolu_keys_no_id,
                                 "not a set of the token index, which is by "
                                 "the first pepper, or sha256 without one");
            continue;
        }

        sets[asked++] = tokens[i];
        status = evolu_keys_check_ask(check, evolu_literal("SMEMBERS"),
                                      tokens[i], evolu_keys_no_id);
    }

    for (got = 0; got < asked && status == EVOLU_KEYS_DONE; /* void */ ) {
        status = evolu_keys_link_answer(&check->redis->link, &replies[got]);
        got += (status == EVOLU_KEYS_DONE);
    }

    for (i = 0; i < got && status == EVOLU_KEYS_DONE; i++) {
        status = evolu_keys_check_set(check, sets[i], replies[i]);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_check_members(check);
    }

    for (i = 0; i < got; i++) {
        freeReplyObject(replies[i]);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_check_set(evolu_keys_redis_check_t *check, evolu_bytes_t token,
    const redisReply *reply)
{
    size_t                i;
    evolu_bytes_t         name;
    evolu_keys_status_t   status;

    if (reply->type == REDIS_REPLY_ERROR) {
        evolu_keys_check_say(check, token, evolu_keys_no_id, "not a set");
        return EVOLU_KEYS_DONE;
    }

    if (reply->elements > EVOLU_KEYS_NAMES_MAX) {
        evolu_keys_check_say(check, token, evolu_keys_no_id,
                             "holds more than 64 names, so it counts as "
                             "unknown");
    }

    status = EVOLU_KEYS_DONE;

    for (i = 0; i < reply->elements && status == EVOLU_KEYS_DONE; i++) {
        name = evolu_keys_link_string(reply->element[i]);

        if (!evolu_instance_valid(name)) {
            evolu_keys_check_say(check, token, evolu_keys_no_id,
                                 "holds what cannot be an instance's name");
            continue;
        }

        check->members[check->n].token = token;
        check->members[check->n++].name = name;

        if (check->n == EVOLU_KEYS_BATCH) {
            status = evolu_keys_check_members(check);
        }
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_check_members(evolu_keys_redis_check_t *check)
{
    size_t                i;
    const char           *text;
    evolu_locator_t       locators[EVOLU_KEYS_BATCH];
    evolu_keys_record_t   records[EVOLU_KEYS_BATCH];
    evolu_keys_status_t   status;

    memset(locators, 0, sizeof(locators));

    for (i = 0; i < check->n; i++) {
        locators[i].scope = EVOLU_SCOPE_INSTANCE;
        locators[i].name = check->members[i].name;
    }

    status = evolu_keys_redis_load_all(check->redis, locators, check->n,
                                       records);

    for (i = 0; i < check->n; i++) {
        text = status == EVOLU_KEYS_DONE
               ? evolu_keys_check_holds(check, &records[i],
                                        check->members[i].token)
               : NULL;

        if (text != NULL) {
            evolu_keys_check_say(check, records[i].text, evolu_keys_no_id,
                                 text);
        }

        evolu_keys_redis_release(&records[i]);
    }

    check->n = 0;

    return status;
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


/*
 * The other way round: every key by the index algorithm is in the index.  Many
 * are asked for in one round trip.
 */

static evolu_keys_status_t
evolu_keys_check_record(const evolu_keys_record_t *record, void *data)
{
    size_t                     i;
    evolu_bytes_t              token;
    unsigned char              buf[EVOLU_KEYS_TOKEN_MAX];
    evolu_keys_status_t        status;
    evolu_keys_redis_check_t  *check;

    check = data;
    token.data = buf;
    status = EVOLU_KEYS_DONE;

    evolu_keys_progress(++check->done);

    if (record->locator.scope != EVOLU_SCOPE_INSTANCE) {
        return EVOLU_KEYS_DONE;
    }

    for (i = 0; i < record->n && status == EVOLU_KEYS_DONE; i++) {
        token.len = evolu_keys_field_token(&record->fields[i], buf);

        if (token.len == 0 || !evolu_keys_check_by_index(check, token)) {
            continue;
        }

        evolu_keys_check_note(check, record, &record->fields[i], token);

        if (check->n == EVOLU_KEYS_BATCH) {
            status = evolu_keys_check_keys(check);
        }
    }

    return status;
}


static void
evolu_keys_check_note(evolu_keys_redis_check_t *check,
    const evolu_keys_record_t *record, const evolu_field_t *field,
    evolu_bytes_t token)
{
    unsigned char         *p;
    evolu_bytes_t          id;
    evolu_keys_indexed_t  *key;

    key = &check->keys[check->n++];
    (void) evolu_keys_field_id(field, &id);

    p = evolu_keys_alloc(record->text.len + id.len + token.len);

    key->locator.data = memcpy(p, record->text.data, record->text.len);
    key->locator.len = record->text.len;
    p += record->text.len;

    key->name.len = record->locator.name.len;
    key->name.data = p - key->name.len;

    key->id.data = memcpy(p, id.data, id.len);
    key->id.len = id.len;
    p += id.len;

    key->token.data = memcpy(p, token.data, token.len);
    key->token.len = token.len;
}


static evolu_keys_status_t
evolu_keys_check_keys(evolu_keys_redis_check_t *check)
{
    size_t                 i;
    redisReply            *reply;
    evolu_keys_indexed_t  *key;
    evolu_keys_status_t    status;

    status = EVOLU_KEYS_DONE;

    for (i = 0; i < check->n && status == EVOLU_KEYS_DONE; i++) {
        key = &check->keys[i];
        status = evolu_keys_check_ask(check, evolu_literal("SISMEMBER"),
                                      key->token, key->name);
    }

    for (i = 0; i < check->n; i++) {
        key = &check->keys[i];

        if (status == EVOLU_KEYS_DONE) {
            status = evolu_keys_link_answer(&check->redis->link, &reply);
        }

        if (status == EVOLU_KEYS_DONE) {

            if (reply->type == REDIS_REPLY_INTEGER && reply->integer == 0) {
                evolu_keys_check_say(check, key->locator, key->id,
                                     "not in the token index");
            }

            freeReplyObject(reply);
        }

        free((void *) key->locator.data);
    }

    check->n = 0;

    return status;
}


static evolu_keys_status_t
evolu_keys_check_ask(evolu_keys_redis_check_t *check, evolu_bytes_t command,
    evolu_bytes_t token, evolu_bytes_t name)
{
    evolu_bytes_t        key, words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t  status;

    key = evolu_keys_link_key(&check->redis->link, token);

    memset(words, 0, sizeof(words));
    words[0] = command;
    words[1] = key;
    words[2] = name;

    status = evolu_keys_link_append(&check->redis->link, words);
    free((void *) key.data);

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
