
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdlib.h>

#include "evolu_keys_print.h"
#include "evolu_keys_redis.h"


/* records that one round trip reads */
#define EVOLU_KEYS_PAGE  128


/* what a record's fields live in; text is the locator's, where it is ours */

typedef struct {
    redisReply     *reply;
    unsigned char   text[EVOLU_LOCATOR_MAX];
    evolu_field_t   fields[];
} evolu_keys_reply_t;


static void evolu_keys_redis_close(evolu_keys_store_t *store);
static evolu_keys_status_t evolu_keys_redis_loaded(evolu_keys_redis_t *redis,
    const evolu_locator_t *locator, evolu_keys_record_t *record);
static evolu_keys_status_t evolu_keys_redis_instances(
    evolu_keys_store_t *store, evolu_keys_name_pt handler, void *data);
static evolu_keys_status_t evolu_keys_redis_each(evolu_keys_store_t *store,
    evolu_keys_each_pt handler, void *data);
static evolu_keys_status_t evolu_keys_redis_page(evolu_keys_redis_t *redis,
    const evolu_bytes_t *names, size_t n, evolu_keys_each_pt handler,
    void *data);
static evolu_keys_status_t evolu_keys_redis_read(evolu_keys_redis_t *redis,
    const evolu_bytes_t *names, size_t n, redisReply **replies);
static evolu_keys_status_t evolu_keys_redis_pass(evolu_bytes_t name,
    redisReply *reply, evolu_keys_each_pt handler, void *data);
static evolu_keys_status_t evolu_keys_redis_ask(evolu_keys_redis_t *redis,
    evolu_bytes_t text);
static unsigned evolu_keys_redis_is_record(evolu_bytes_t name,
    evolu_locator_t *locator);
static void evolu_keys_redis_record(redisReply *reply,
    const evolu_locator_t *locator, evolu_bytes_t text,
    evolu_keys_record_t *record);


evolu_keys_status_t
evolu_keys_redis_open(const evolu_keys_options_t *options,
    const evolu_peppers_t *peppers, evolu_keys_store_t **store)
{
    evolu_keys_redis_t  *redis;

    redis = evolu_keys_alloc(sizeof(evolu_keys_redis_t));
    memset(redis, 0, sizeof(evolu_keys_redis_t));

    redis->store.name = "redis";
    redis->store.peppers = peppers;
    redis->store.load = evolu_keys_redis_load;
    redis->store.each = evolu_keys_redis_each;
    redis->store.change = evolu_keys_redis_change;
    redis->store.instances = evolu_keys_redis_instances;
    redis->store.names = evolu_keys_redis_names;
    redis->store.check = evolu_keys_redis_check;
    redis->store.release = evolu_keys_redis_release;
    redis->store.close = evolu_keys_redis_close;

    *store = &redis->store;

    return evolu_keys_link_open(&redis->link, options);
}


static void
evolu_keys_redis_close(evolu_keys_store_t *store)
{
    evolu_keys_redis_t  *redis;

    redis = (evolu_keys_redis_t *) store;

    evolu_keys_link_close(&redis->link);
    free(redis);
}


evolu_keys_status_t
evolu_keys_redis_load(evolu_keys_store_t *store,
    const evolu_locator_t *locator, evolu_keys_record_t *record)
{
    return evolu_keys_redis_load_all((evolu_keys_redis_t *) store, locator, 1,
                                     record);
}


/* All are asked for before the first reply is read: one round trip. */

evolu_keys_status_t
evolu_keys_redis_load_all(evolu_keys_redis_t *redis,
    const evolu_locator_t *locators, size_t n, evolu_keys_record_t *records)
{
    size_t                i;
    evolu_bytes_t         name;
    unsigned char         text[EVOLU_LOCATOR_MAX];
    evolu_keys_status_t   status;

    memset(records, 0, n * sizeof(evolu_keys_record_t));

    name.data = text;
    status = EVOLU_KEYS_DONE;

    for (i = 0; i < n && status == EVOLU_KEYS_DONE; i++) {
        name.len = evolu_locator_print(&locators[i], text);
        status = evolu_keys_redis_ask(redis, name);
    }

    for (i = 0; i < n && status == EVOLU_KEYS_DONE; i++) {
        status = evolu_keys_redis_loaded(redis, &locators[i], &records[i]);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_loaded(evolu_keys_redis_t *redis,
    const evolu_locator_t *locator, evolu_keys_record_t *record)
{
    redisReply           *reply;
    evolu_bytes_t         name;
    evolu_keys_reply_t   *memory;
    evolu_keys_status_t   status;

    status = evolu_keys_link_answer(&redis->link, &reply);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    name.data = NULL;
    name.len = 0;

    evolu_keys_redis_record(reply, locator, name, record);

    memory = record->memory;
    record->text.data = memory->text;
    record->text.len = evolu_locator_print(locator, memory->text);

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_redis_ask(evolu_keys_redis_t *redis, evolu_bytes_t text)
{
    evolu_bytes_t        key, words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t  status;

    key = evolu_keys_link_key(&redis->link, text);

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("HGETALL");
    words[1] = key;

    status = evolu_keys_link_append(&redis->link, words);
    free((void *) key.data);

    return status;
}


/* The reply becomes the record's. */

static void
evolu_keys_redis_record(redisReply *reply, const evolu_locator_t *locator,
    evolu_bytes_t text, evolu_keys_record_t *record)
{
    size_t               i, n;
    evolu_keys_reply_t  *memory;

    n = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0;

    memory = evolu_keys_alloc(sizeof(evolu_keys_reply_t)
                              + n * sizeof(evolu_field_t));
    memory->reply = reply;

    for (i = 0; i < n; i++) {
        memory->fields[i].name =
                             evolu_keys_link_string(reply->element[2 * i]);
        memory->fields[i].value =
                         evolu_keys_link_string(reply->element[2 * i + 1]);
    }

    memset(record, 0, sizeof(evolu_keys_record_t));

    record->locator = *locator;
    record->text = text;
    record->fields = memory->fields;
    record->n = n;
    record->memory = memory;
    record->wrong_type = evolu_keys_server_says(reply, "WRONGTYPE");
    record->found = (n != 0 || record->wrong_type);
}


void
evolu_keys_redis_release(evolu_keys_record_t *record)
{
    evolu_keys_reply_t  *memory;

    memory = record->memory;

    if (memory != NULL) {
        freeReplyObject(memory->reply);
        free(memory);
        record->memory = NULL;
    }
}


/* Members of a set look like fields without values. */

evolu_keys_status_t
evolu_keys_redis_names(evolu_keys_store_t *store, evolu_bytes_t token,
    evolu_keys_record_t *record)
{
    size_t                i;
    redisReply           *reply;
    evolu_bytes_t         key, words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_redis_t   *redis;
    evolu_keys_reply_t   *memory;
    evolu_keys_status_t   status;

    redis = (evolu_keys_redis_t *) store;

    memset(record, 0, sizeof(evolu_keys_record_t));

    key = evolu_keys_link_key(&redis->link, token);

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("SMEMBERS");
    words[1] = key;

    status = evolu_keys_link_command(&redis->link, words, &reply);
    free((void *) key.data);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    memory = evolu_keys_alloc(sizeof(evolu_keys_reply_t)
                              + reply->elements * sizeof(evolu_field_t));
    memory->reply = reply;

    for (i = 0; i < reply->elements; i++) {
        memory->fields[i].name = evolu_keys_link_string(reply->element[i]);
        memory->fields[i].value = evolu_literal("");
    }

    record->fields = memory->fields;
    record->n = reply->elements;
    record->memory = memory;
    record->wrong_type = evolu_keys_server_says(reply, "WRONGTYPE");
    record->found = (record->n != 0 || record->wrong_type);

    qsort(record->fields, record->n, sizeof(evolu_field_t),
          evolu_keys_field_order);

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_redis_instances(evolu_keys_store_t *store,
    evolu_keys_name_pt handler, void *data)
{
    size_t               i;
    evolu_locator_t      locator;
    evolu_keys_names_t   names;
    evolu_keys_status_t  status;

    status = evolu_keys_redis_scan((evolu_keys_redis_t *) store,
                                   evolu_literal("instance:"), SIZE_MAX,
                                   &names);

    for (i = 0; i < names.n && status == EVOLU_KEYS_DONE; i++) {
        if (evolu_keys_redis_is_record(names.names[i], &locator)) {
            handler(locator.name, data);
        }
    }

    evolu_keys_redis_names_free(&names);

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_each(evolu_keys_store_t *store, evolu_keys_each_pt handler,
    void *data)
{
    size_t                i, n;
    evolu_keys_names_t    names;
    evolu_keys_redis_t   *redis;
    evolu_keys_status_t   status;

    redis = (evolu_keys_redis_t *) store;

    status = evolu_keys_redis_scan(redis, evolu_literal(""), SIZE_MAX,
                                   &names);

    for (i = 0; i < names.n && status == EVOLU_KEYS_DONE; i += n) {
        n = names.n - i;

        if (n > EVOLU_KEYS_PAGE) {
            n = EVOLU_KEYS_PAGE;
        }

        status = evolu_keys_redis_page(redis, names.names + i, n, handler,
                                       data);
    }

    evolu_keys_redis_names_free(&names);

    return status;
}


/*
 * One round trip; the handler may ask Redis, so all replies are read before it
 * is called.  Names that are no locators are passed on unread; the epoch and
 * the token index are no records.
 */

static evolu_keys_status_t
evolu_keys_redis_page(evolu_keys_redis_t *redis, const evolu_bytes_t *names,
    size_t n, evolu_keys_each_pt handler, void *data)
{
    size_t                i;
    redisReply           *replies[EVOLU_KEYS_PAGE];
    evolu_keys_status_t   status;

    memset(replies, 0, sizeof(replies));

    status = evolu_keys_redis_read(redis, names, n, replies);

    for (i = 0; i < n; i++) {

        if (status == EVOLU_KEYS_DONE) {
            status = evolu_keys_redis_pass(names[i], replies[i], handler,
                                           data);

        } else if (replies[i] != NULL) {
            freeReplyObject(replies[i]);
        }
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_read(evolu_keys_redis_t *redis, const evolu_bytes_t *names,
    size_t n, redisReply **replies)
{
    size_t                i;
    evolu_locator_t       locator;
    evolu_keys_status_t   status;

    status = EVOLU_KEYS_DONE;

    for (i = 0; i < n && status == EVOLU_KEYS_DONE; i++) {
        if (evolu_keys_redis_is_record(names[i], &locator)) {
            status = evolu_keys_redis_ask(redis, names[i]);
        }
    }

    for (i = 0; i < n && status == EVOLU_KEYS_DONE; i++) {

        if (evolu_keys_redis_is_record(names[i], &locator)) {
            status = evolu_keys_link_answer(&redis->link, &replies[i]);
        }
    }

    return status;
}


/* The reply is freed; it is NULL where the name was not asked for. */

static evolu_keys_status_t
evolu_keys_redis_pass(evolu_bytes_t name, redisReply *reply,
    evolu_keys_each_pt handler, void *data)
{
    evolu_locator_t       locator;
    evolu_keys_record_t   record;
    evolu_keys_status_t   status;

    (void) evolu_keys_redis_is_record(name, &locator);

    if (reply != NULL) {
        evolu_keys_redis_record(reply, &locator, name, &record);

        /* not found: gone since it was scanned */

        status = record.found ? handler(&record, data) : EVOLU_KEYS_DONE;
        evolu_keys_redis_release(&record);

        return status;
    }

    if (evolu_bytes_equal(name, evolu_literal("epoch"))
        || (name.len >= 6 && memcmp(name.data, "token:", 6) == 0))
    {
        return EVOLU_KEYS_DONE;
    }

    memset(&record, 0, sizeof(evolu_keys_record_t));
    record.locator = locator;
    record.text = name;

    return handler(&record, data);
}


/* Global keys are no records of Redis, but *locator tells what it is. */

static unsigned
evolu_keys_redis_is_record(evolu_bytes_t name, evolu_locator_t *locator)
{
    memset(locator, 0, sizeof(evolu_locator_t));

    return evolu_locator_parse(name, locator) == 0
           && locator->scope != EVOLU_SCOPE_GLOBAL;
}
