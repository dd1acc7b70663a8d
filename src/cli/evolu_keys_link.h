
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A synchronous connection to Redis.  Whatever goes wrong on it is reported
 * here and is EVOLU_KEYS_UNREACHABLE, but for errors that the caller expects.
 */


#ifndef _EVOLU_KEYS_LINK_H_INCLUDED_
#define _EVOLU_KEYS_LINK_H_INCLUDED_


#include "evolu_keys_server.h"


/* words of one command: HSET of a record's "v" and all of its keys */
#define EVOLU_KEYS_WORDS_MAX        (2 + 2 * (EVOLU_RECORD_KEYS_MAX + 2))


typedef struct {
    evolu_keys_connection_t   connection;
    char                     *text;     /* where it leads to, for messages */
    evolu_bytes_t             prefix;
    unsigned                  replica;  /* 1: nothing may be written here */
} evolu_keys_link_t;


/*
 * Finds the server that holds the records, connects, authenticates, selects
 * the database: the one that the URL names; the primary that sentinels know;
 * in a cluster the node that has the prefix's slot.
 */
evolu_keys_status_t evolu_keys_link_open(evolu_keys_link_t *link,
    const evolu_keys_options_t *options);

void evolu_keys_link_close(evolu_keys_link_t *link);

/*
 * Sends words, up to EVOLU_KEYS_WORDS_MAX or the first without data, as one
 * command and waits for its reply.  The reply, to be freed, is an error only
 * where it is a WRONGTYPE.
 */
evolu_keys_status_t evolu_keys_link_command(evolu_keys_link_t *link,
    const evolu_bytes_t *words, redisReply **reply);

/* The same in two halves, for many commands in one round trip. */
evolu_keys_status_t evolu_keys_link_append(evolu_keys_link_t *link,
    const evolu_bytes_t *words);
evolu_keys_status_t evolu_keys_link_reply(evolu_keys_link_t *link,
    redisReply **reply);

/* A reply which is an error only where it is a WRONGTYPE, as above */
evolu_keys_status_t evolu_keys_link_answer(evolu_keys_link_t *link,
    redisReply **reply);

/* Any error reply but WRONGTYPE is reported; 1 for those, else 0. */
int evolu_keys_link_failed(evolu_keys_link_t *link, const redisReply *reply);

/* Prefix and text: the name of a Redis key, its data to be freed. */
evolu_bytes_t evolu_keys_link_key(evolu_keys_link_t *link,
    evolu_bytes_t text);

/* The bytes of a string reply; empty when it is none */
evolu_bytes_t evolu_keys_link_string(const redisReply *reply);


#endif /* _EVOLU_KEYS_LINK_H_INCLUDED_ */
