
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_sentinel.h"


static char *evolu_keys_sentinel_answer(const redisReply *reply,
    unsigned *port, char error[EVOLU_KEYS_ERROR_SIZE]);


char *
evolu_keys_sentinel_ask(const evolu_keys_server_t *sentinel,
    const char *master, unsigned *port, char error[EVOLU_KEYS_ERROR_SIZE])
{
    char                     *host;
    redisReply               *reply;
    const char               *words[3];
    evolu_keys_connection_t   c;

    words[0] = "SENTINEL";
    words[1] = "GET-MASTER-ADDR-BY-NAME";
    words[2] = master;

    if (evolu_keys_server_connect(sentinel, &c) != 0) {
        strcpy(error, c.error);
        return NULL;
    }

    reply = evolu_keys_server_ask(&c, 3, words);

    if (reply == NULL) {
        strcpy(error, c.error);
        host = NULL;

    } else {
        host = evolu_keys_sentinel_answer(reply, port, error);
        freeReplyObject(reply);
    }

    evolu_keys_server_close(&c);

    return host;
}


/* Two strings, host and port; or nothing where it does not know the name. */

static char *
evolu_keys_sentinel_answer(const redisReply *reply, unsigned *port,
    char error[EVOLU_KEYS_ERROR_SIZE])
{
    char  *host;

    if (reply->type == REDIS_REPLY_NIL) {
        strcpy(error, "it knows no primary of that name");
        return NULL;
    }

    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(error, EVOLU_KEYS_ERROR_SIZE, "it answered: %.300s%s",
                 reply->str, evolu_keys_server_says(reply, "NOAUTH")
                 ? ": give --sentinel-password-file"
                 : evolu_keys_server_says(reply, "ERR unknown")
                 ? ": it is no sentinel" : "");
        return NULL;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2
        || reply->element[0]->type != REDIS_REPLY_STRING
        || reply->element[0]->len == 0
        || reply->element[1]->type != REDIS_REPLY_STRING
        || evolu_keys_options_number(reply->element[1]->str, 65535, port)
           != NULL)
    {
        strcpy(error, "it answered nonsense");
        return NULL;
    }

    host = evolu_keys_alloc(reply->element[0]->len + 1);

    return strcpy(host, reply->element[0]->str);
}
