
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What a change of one record is in commands.
 */


#include <stdlib.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_print.h"
#include "evolu_keys_redis_queue.h"


static evolu_keys_status_t evolu_keys_redis_queue_record(
    evolu_keys_queue_t *q, const evolu_keys_item_t *item);
static evolu_keys_status_t evolu_keys_redis_queue_removals(
    evolu_keys_queue_t *q, const evolu_keys_item_t *item);
static evolu_keys_status_t evolu_keys_redis_queue_index(
    evolu_keys_queue_t *q, const evolu_keys_item_t *item);
static evolu_keys_status_t evolu_keys_redis_queue_token(
    evolu_keys_queue_t *q, const evolu_keys_item_t *item,
    evolu_bytes_t command, evolu_bytes_t token);
static unsigned evolu_keys_redis_has(const evolu_keys_record_t *record,
    const evolu_field_t *field);
static unsigned evolu_keys_redis_holds(const evolu_field_t *fields, size_t n,
    evolu_bytes_t token);


const evolu_bytes_t  evolu_keys_none = { NULL, 0 };


evolu_keys_status_t
evolu_keys_redis_queue(evolu_keys_queue_t *q, evolu_bytes_t command,
    evolu_bytes_t key, evolu_bytes_t a, evolu_bytes_t b)
{
    evolu_bytes_t  words[EVOLU_KEYS_WORDS_MAX];

    memset(words, 0, sizeof(words));
    words[0] = command;
    words[1] = key;
    words[2] = a;
    words[3] = b;

    q->queued++;

    return evolu_keys_link_append(&q->redis->link, words);
}


evolu_keys_status_t
evolu_keys_redis_queue_item(evolu_keys_queue_t *q,
    const evolu_keys_item_t *item)
{
    evolu_keys_status_t  status;

    if (evolu_keys_change_empty(&item->change)) {
        return EVOLU_KEYS_DONE;
    }

    status = evolu_keys_redis_queue_record(q, item);

    if (status == EVOLU_KEYS_DONE
        && item->record.locator.scope == EVOLU_SCOPE_INSTANCE)
    {
        status = evolu_keys_redis_queue_index(q, item);
    }

    return status;
}


/* What is new or other than it was is set at once, in one command. */

static evolu_keys_status_t
evolu_keys_redis_queue_record(evolu_keys_queue_t *q,
    const evolu_keys_item_t *item)
{
    size_t               i, n, words_n;
    evolu_field_t       *fields;
    evolu_bytes_t        words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t  status;

    if (item->change.remove) {
        return evolu_keys_redis_queue(q, evolu_literal("DEL"), item->key,
                                      evolu_keys_none, evolu_keys_none);
    }

    status = evolu_keys_redis_queue_removals(q, item);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("HSET");
    words[1] = item->key;
    words_n = 2;

    fields = evolu_keys_change_apply(&item->record, &item->change, &n);

    for (i = 0; i < n && words_n + 2 <= EVOLU_KEYS_WORDS_MAX; i++) {
        if (!evolu_keys_redis_has(&item->record, &fields[i])) {
            words[words_n++] = fields[i].name;
            words[words_n++] = fields[i].value;
        }
    }

    if (words_n > 2) {
        q->queued++;
        status = evolu_keys_link_append(&q->redis->link, words);
    }

    free(fields);

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_queue_removals(evolu_keys_queue_t *q,
    const evolu_keys_item_t *item)
{
    size_t                    i;
    const evolu_field_t      *field;
    evolu_keys_status_t       status;
    const evolu_keys_edit_t  *edit;

    status = EVOLU_KEYS_DONE;

    for (i = 0; i < item->change.n && status == EVOLU_KEYS_DONE; i++) {
        edit = &item->change.edits[i];
        field = evolu_keys_record_key(&item->record, edit->id);

        if (edit->entry == NULL && field != NULL) {
            status = evolu_keys_redis_queue(q, evolu_literal("HDEL"), item->key,
                                            field->name, evolu_keys_none);
        }
    }

    return status;
}


static unsigned
evolu_keys_redis_has(const evolu_keys_record_t *record,
    const evolu_field_t *field)
{
    size_t  i;

    for (i = 0; i < record->n; i++) {
        if (evolu_bytes_equal(record->fields[i].name, field->name)
            && evolu_bytes_equal(record->fields[i].value, field->value))
        {
            return 1;
        }
    }

    return 0;
}


/*
 * The instance leaves the sets of hashes that its record held and holds no
 * more, and is in those of all that it holds by the index algorithm.
 */

static evolu_keys_status_t
evolu_keys_redis_queue_index(evolu_keys_queue_t *q,
    const evolu_keys_item_t *item)
{
    size_t                i, n, index;
    evolu_bytes_t         token;
    evolu_field_t        *fields;
    unsigned char         buf[EVOLU_KEYS_TOKEN_MAX];
    unsigned char         begin[EVOLU_KEYS_TOKEN_MAX];
    evolu_keys_status_t   status;

    status = EVOLU_KEYS_DONE;

    fields = evolu_keys_change_apply(&item->record, &item->change, &n);
    index = evolu_keys_entry_index(q->redis->store.peppers, begin);
    token.data = buf;

    for (i = 0; i < item->record.n && status == EVOLU_KEYS_DONE; i++) {
        token.len = evolu_keys_field_token(&item->record.fields[i], buf);

        if (token.len != 0 && !evolu_keys_redis_holds(fields, n, token)) {
            status = evolu_keys_redis_queue_token(q, item,
                                              evolu_literal("SREM"), token);
        }
    }

    for (i = 0; i < n && status == EVOLU_KEYS_DONE; i++) {
        token.len = evolu_keys_field_token(&fields[i], buf);

        if (token.len == index + EVOLU_DIGEST_HEX
            && memcmp(buf, begin, index) == 0)
        {
            status = evolu_keys_redis_queue_token(q, item,
                                              evolu_literal("SADD"), token);
        }
    }

    free(fields);

    return status;
}


static evolu_keys_status_t
evolu_keys_redis_queue_token(evolu_keys_queue_t *q,
    const evolu_keys_item_t *item, evolu_bytes_t command, evolu_bytes_t token)
{
    evolu_bytes_t        key;
    evolu_keys_status_t  status;

    key = evolu_keys_link_key(&q->redis->link, token);

    status = evolu_keys_redis_queue(q, command, key, item->record.locator.name,
                                    evolu_keys_none);
    free((void *) key.data);

    return status;
}


static unsigned
evolu_keys_redis_holds(const evolu_field_t *fields, size_t n,
    evolu_bytes_t token)
{
    size_t         i;
    evolu_bytes_t  one;
    unsigned char  buf[EVOLU_KEYS_TOKEN_MAX];

    one.data = buf;

    for (i = 0; i < n; i++) {
        one.len = evolu_keys_field_token(&fields[i], buf);

        if (evolu_bytes_equal(one, token)) {
            return 1;
        }
    }

    return 0;
}
