
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Changes of records as transactions: WATCH, read, decide, MULTI, EXEC.  The
 * token index and a missing epoch are written in the same transaction.
 */


#include <stdlib.h>

#include "evolu_keys_print.h"
#include "evolu_keys_redis_queue.h"


/* how often another writer may come in between */
#define EVOLU_KEYS_TRIES  32

/*
 * Records of one transaction: WATCH names them and the epoch in one command,
 * and the some 500 commands of EXEC hold Redis up for a few milliseconds.
 */
#define EVOLU_KEYS_ITEMS  128


typedef struct {
    evolu_keys_queue_t          queue;
    const evolu_keys_batch_t   *batch;
    const evolu_locator_t      *locators;   /* of this transaction */
    size_t                      n;
    unsigned                    set_epoch;
    unsigned                    conflict;
    evolu_bytes_t               epoch;
    evolu_keys_item_t           items[EVOLU_KEYS_ITEMS];
} evolu_keys_transaction_t;


static evolu_keys_status_t evolu_keys_redis_transact(
    evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_try(evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_watch(
    evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_say(evolu_keys_transaction_t *t,
    const evolu_bytes_t *words);
static evolu_keys_status_t evolu_keys_redis_decide(
    evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_edit(evolu_keys_transaction_t *t,
    evolu_keys_item_t *item);
static void evolu_keys_redis_forget(evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_write(
    evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_epoch(
    evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_epoch_there(
    evolu_keys_transaction_t *t, unsigned *there);
static evolu_keys_status_t evolu_keys_redis_any_record(
    evolu_keys_transaction_t *t, unsigned *any);
static evolu_keys_status_t evolu_keys_redis_commit(
    evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_replies(
    evolu_keys_transaction_t *t);
static evolu_keys_status_t evolu_keys_redis_executed(
    evolu_keys_transaction_t *t, const redisReply *reply);


evolu_keys_status_t
evolu_keys_redis_change(evolu_keys_store_t *store,
    const evolu_keys_batch_t *batch)
{
    size_t                     done;
    evolu_keys_status_t        status;
    evolu_keys_transaction_t   t;

    memset(&t, 0, sizeof(evolu_keys_transaction_t));

    t.queue.redis = (evolu_keys_redis_t *) store;

    if (t.queue.redis->link.replica && !batch->dry) {
        evolu_keys_say("Redis at %s is a replica, so nothing was written: "
                       "give the primary's URL, or sentinel://",
                       t.queue.redis->link.text);
        return EVOLU_KEYS_REFUSED;
    }

    t.batch = batch;
    t.epoch = evolu_keys_link_key(&t.queue.redis->link,
                                  evolu_literal("epoch"));

    status = EVOLU_KEYS_DONE;

    for (done = 0; done < batch->n && status == EVOLU_KEYS_DONE; /* void */ ) {
        t.locators = batch->locators + done;
        t.n = batch->n - done;

        if (t.n > EVOLU_KEYS_ITEMS) {
            t.n = EVOLU_KEYS_ITEMS;
        }

        status = evolu_keys_redis_transact(&t);
        done += t.n;

        if (status == EVOLU_KEYS_DONE && batch->progress != NULL) {
            batch->progress(done, batch->data);
        }
    }

    free((void *) t.epoch.data);

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_transact(evolu_keys_transaction_t *t)
{
    size_t               i;
    unsigned             tries;
    evolu_bytes_t        text;
    unsigned char        buf[EVOLU_LOCATOR_MAX];
    evolu_keys_status_t  status;

    text.data = buf;
    status = EVOLU_KEYS_DONE;

    for (i = 0; i < t->n; i++) {
        text.len = evolu_locator_print(&t->locators[i], buf);
        t->items[i].key = evolu_keys_link_key(&t->queue.redis->link, text);
    }

    for (tries = 0; tries < EVOLU_KEYS_TRIES; tries++) {
        t->conflict = 0;

        status = evolu_keys_redis_try(t);
        evolu_keys_redis_forget(t);

        if (!t->conflict) {
            break;
        }
    }

    if (t->conflict) {
        evolu_keys_say("others write the same record all the time: try again "
                       "later");
        status = EVOLU_KEYS_REFUSED;
    }

    for (i = 0; i < t->n; i++) {
        free((void *) t->items[i].key.data);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_try(evolu_keys_transaction_t *t)
{
    size_t               i;
    evolu_bytes_t        words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t  status;

    status = evolu_keys_redis_watch(t);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_redis_decide(t);
    }

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    for (i = 0; i < t->n; i++) {
        if (!evolu_keys_change_empty(&t->items[i].change)) {
            return evolu_keys_redis_write(t);
        }
    }

    if (t->batch->dry) {
        return EVOLU_KEYS_DONE;
    }

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("UNWATCH");

    return evolu_keys_redis_say(t, words);
}


static evolu_keys_status_t
evolu_keys_redis_watch(evolu_keys_transaction_t *t)
{
    size_t         i;
    evolu_bytes_t  words[EVOLU_KEYS_WORDS_MAX];

    if (t->batch->dry) {
        return EVOLU_KEYS_DONE;
    }

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("WATCH");
    words[1] = t->epoch;

    for (i = 0; i < t->n; i++) {
        words[2 + i] = t->items[i].key;
    }

    return evolu_keys_redis_say(t, words);
}


/* For commands whose reply says no more than that all is well. */

static evolu_keys_status_t
evolu_keys_redis_say(evolu_keys_transaction_t *t, const evolu_bytes_t *words)
{
    redisReply           *reply;
    evolu_keys_status_t   status;

    status = evolu_keys_link_command(&t->queue.redis->link, words, &reply);

    if (status == EVOLU_KEYS_DONE) {
        freeReplyObject(reply);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_decide(evolu_keys_transaction_t *t)
{
    size_t               i;
    evolu_keys_record_t  records[EVOLU_KEYS_ITEMS];
    evolu_keys_status_t  status;

    status = evolu_keys_redis_load_all(t->queue.redis, t->locators, t->n,
                                       records);

    for (i = 0; i < t->n; i++) {
        t->items[i].record = records[i];
    }

    for (i = 0; i < t->n && status == EVOLU_KEYS_DONE; i++) {
        status = evolu_keys_redis_edit(t, &t->items[i]);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_edit(evolu_keys_transaction_t *t, evolu_keys_item_t *item)
{
    if (item->record.wrong_type && !t->batch->lenient) {
        evolu_keys_say("the key \"%.*s\" in Redis is no hash, so it is no "
                       "record: look what it is, and DEL it",
                       (int) item->key.len, (const char *) item->key.data);
        return EVOLU_KEYS_REFUSED;
    }

    return t->batch->edit(&item->record, &item->change, t->batch->data);
}


static void
evolu_keys_redis_forget(evolu_keys_transaction_t *t)
{
    size_t  i;

    for (i = 0; i < t->n; i++) {
        evolu_keys_change_reset(&t->items[i].change);
        evolu_keys_redis_release(&t->items[i].record);
    }
}


static evolu_keys_status_t
evolu_keys_redis_write(evolu_keys_transaction_t *t)
{
    evolu_keys_status_t  status;

    status = evolu_keys_redis_epoch(t);

    if (status == EVOLU_KEYS_DONE && !t->batch->dry) {
        status = evolu_keys_redis_commit(t);
    }

    return status;
}


/*
 * Records without an epoch were lost in part, or are not where we think; but
 * another's first write may have made both since we looked.
 */

static evolu_keys_status_t
evolu_keys_redis_epoch(evolu_keys_transaction_t *t)
{
    unsigned             there, records;
    evolu_keys_status_t  status;

    status = evolu_keys_redis_epoch_there(t, &there);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    t->set_epoch = !there;

    if (there) {
        return EVOLU_KEYS_DONE;
    }

    status = evolu_keys_redis_any_record(t, &records);

    if (status != EVOLU_KEYS_DONE || !records) {
        return status;
    }

    status = evolu_keys_redis_epoch_there(t, &t->conflict);

    if (status == EVOLU_KEYS_DONE && !t->conflict) {
        evolu_keys_say("the store holds records but no \"%.*s\", so it may "
                       "have lost others: if it is whole, say "
                       "\"SET %.*s 1 NX\" with redis-cli",
                       (int) t->epoch.len, (const char *) t->epoch.data,
                       (int) t->epoch.len, (const char *) t->epoch.data);
    }

    return status == EVOLU_KEYS_DONE ? EVOLU_KEYS_REFUSED : status;
}


static evolu_keys_status_t
evolu_keys_redis_epoch_there(evolu_keys_transaction_t *t, unsigned *there)
{
    redisReply           *reply;
    evolu_bytes_t         words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t   status;

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("EXISTS");
    words[1] = t->epoch;

    status = evolu_keys_link_command(&t->queue.redis->link, words, &reply);

    if (status == EVOLU_KEYS_DONE) {
        *there = reply->type == REDIS_REPLY_INTEGER && reply->integer == 1;
        freeReplyObject(reply);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_any_record(evolu_keys_transaction_t *t, unsigned *any)
{
    evolu_keys_names_t   names;
    evolu_keys_status_t  status;

    status = evolu_keys_redis_scan(t->queue.redis,
                                   evolu_literal("campaign:"), 1, &names);
    *any = names.n != 0;
    evolu_keys_redis_names_free(&names);

    if (status == EVOLU_KEYS_DONE && !*any) {
        status = evolu_keys_redis_scan(t->queue.redis,
                                       evolu_literal("instance:"), 1, &names);
        *any = names.n != 0;
        evolu_keys_redis_names_free(&names);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_commit(evolu_keys_transaction_t *t)
{
    size_t                i;
    evolu_keys_queue_t   *q;
    evolu_keys_status_t   status;

    q = &t->queue;
    q->queued = 0;

    status = evolu_keys_redis_queue(q, evolu_literal("MULTI"),
                                    evolu_keys_none, evolu_keys_none,
                                    evolu_keys_none);

    if (status == EVOLU_KEYS_DONE && t->set_epoch) {
        status = evolu_keys_redis_queue(q, evolu_literal("SET"), t->epoch,
                                        evolu_literal("1"),
                                        evolu_literal("NX"));
    }

    for (i = 0; i < t->n && status == EVOLU_KEYS_DONE; i++) {
        status = evolu_keys_redis_queue_item(q, &t->items[i]);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_redis_queue(q, evolu_literal("EXEC"),
                                        evolu_keys_none, evolu_keys_none,
                                        evolu_keys_none);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_redis_replies(t);
    }

    return status;
}


/* The last reply is that of EXEC; a command that was not queued voids it. */

static evolu_keys_status_t
evolu_keys_redis_replies(evolu_keys_transaction_t *t)
{
    unsigned              i;
    redisReply           *reply;
    evolu_keys_status_t   status;

    status = EVOLU_KEYS_DONE;

    for (i = 0; i < t->queue.queued; i++) {

        if (evolu_keys_link_reply(&t->queue.redis->link, &reply)
            != EVOLU_KEYS_DONE)
        {
            t->queue.redis->store.unknown = 1;
            evolu_keys_say("it is not known whether the change was made: see "
                           "\"list\" when Redis is back");
            return EVOLU_KEYS_UNREACHABLE;
        }

        if (status != EVOLU_KEYS_DONE) {
            /* reported already; the rest follows from it */

        } else if (i == t->queue.queued - 1) {
            status = evolu_keys_redis_executed(t, reply);

        } else if (evolu_keys_link_failed(&t->queue.redis->link, reply)) {
            status = EVOLU_KEYS_UNREACHABLE;
        }

        freeReplyObject(reply);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_executed(evolu_keys_transaction_t *t,
    const redisReply *reply)
{
    size_t  i;

    if (reply->type == REDIS_REPLY_NIL) {
        t->conflict = 1;
        return EVOLU_KEYS_DONE;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        (void) evolu_keys_link_failed(&t->queue.redis->link, reply);
        return EVOLU_KEYS_UNREACHABLE;
    }

    for (i = 0; i < reply->elements; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            evolu_keys_say("the record was written, but the token index was "
                           "not (%s): see \"check\"",
                           reply->element[i]->str);
            return EVOLU_KEYS_REFUSED;
        }
    }

    return EVOLU_KEYS_DONE;
}
