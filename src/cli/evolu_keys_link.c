
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdlib.h>

#include "evolu_keys_link.h"
#include "evolu_keys_print.h"


static evolu_keys_status_t evolu_keys_link_broken(evolu_keys_link_t *link);


void
evolu_keys_link_close(evolu_keys_link_t *link)
{
    evolu_keys_server_close(&link->connection);
    free(link->text);
}


evolu_keys_status_t
evolu_keys_link_command(evolu_keys_link_t *link, const evolu_bytes_t *words,
    redisReply **reply)
{
    evolu_keys_status_t  status;

    *reply = NULL;

    status = evolu_keys_link_append(link, words);

    return status == EVOLU_KEYS_DONE ? evolu_keys_link_answer(link, reply)
                                     : status;
}


evolu_keys_status_t
evolu_keys_link_append(evolu_keys_link_t *link, const evolu_bytes_t *words)
{
    int          n;
    size_t       lens[EVOLU_KEYS_WORDS_MAX];
    const char  *argv[EVOLU_KEYS_WORDS_MAX];

    for (n = 0; n < EVOLU_KEYS_WORDS_MAX && words[n].data != NULL; n++) {
        argv[n] = (const char *) words[n].data;
        lens[n] = words[n].len;
    }

    if (redisAppendCommandArgv(link->connection.context, n, argv, lens)
        != REDIS_OK)
    {
        return evolu_keys_link_broken(link);
    }

    return EVOLU_KEYS_DONE;
}


evolu_keys_status_t
evolu_keys_link_reply(evolu_keys_link_t *link, redisReply **reply)
{
    void  *data;

    *reply = NULL;
    data = NULL;

    if (redisGetReply(link->connection.context, &data) != REDIS_OK
        || data == NULL)
    {
        return evolu_keys_link_broken(link);
    }

    *reply = data;

    return EVOLU_KEYS_DONE;
}


evolu_keys_status_t
evolu_keys_link_answer(evolu_keys_link_t *link, redisReply **reply)
{
    evolu_keys_status_t  status;

    status = evolu_keys_link_reply(link, reply);

    if (status == EVOLU_KEYS_DONE && evolu_keys_link_failed(link, *reply)) {
        freeReplyObject(*reply);
        *reply = NULL;
        status = EVOLU_KEYS_UNREACHABLE;
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_link_broken(evolu_keys_link_t *link)
{
    evolu_keys_say("Redis at %s: %s", link->text,
                   evolu_keys_server_lost(&link->connection));

    return EVOLU_KEYS_UNREACHABLE;
}


int
evolu_keys_link_failed(evolu_keys_link_t *link, const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ERROR
        || evolu_keys_server_says(reply, "WRONGTYPE"))
    {
        return 0;
    }

    evolu_keys_say("Redis at %s: %s", link->text,
                   evolu_keys_server_refused(&link->connection, reply));

    return 1;
}


evolu_bytes_t
evolu_keys_link_key(evolu_keys_link_t *link, evolu_bytes_t text)
{
    evolu_bytes_t   key;
    unsigned char  *data;

    key.len = link->prefix.len + text.len;
    data = evolu_keys_alloc(key.len);
    key.data = data;

    memcpy(data, link->prefix.data, link->prefix.len);
    memcpy(data + link->prefix.len, text.data, text.len);

    return key;
}


evolu_bytes_t
evolu_keys_link_string(const redisReply *reply)
{
    evolu_bytes_t  bytes;

    bytes.data = (const unsigned char *) "";
    bytes.len = 0;

    if (reply->type == REDIS_REPLY_STRING) {
        bytes.data = (const unsigned char *) reply->str;
        bytes.len = reply->len;
    }

    return bytes;
}
