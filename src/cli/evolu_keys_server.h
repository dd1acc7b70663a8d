
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A connection to one server, Redis or sentinel: connect, TLS, password.  What
 * goes wrong is kept as text: another server may do.
 */


#ifndef _EVOLU_KEYS_SERVER_H_INCLUDED_
#define _EVOLU_KEYS_SERVER_H_INCLUDED_


#include <hiredis/hiredis.h>

#include "evolu_keys.h"
#include "evolu_keys_tls.h"


typedef struct {
    const char       *path;      /* of a unix socket; NULL: host and port */
    const char       *host;
    unsigned          port;
    const char       *user;      /* NULL: the default user */
    evolu_bytes_t     password;  /* empty: none is sent */
    SSL_CTX          *tls;       /* NULL: none */
    const char       *name;      /* of the certificate; NULL: the host */
    unsigned          connect_timeout;  /* milliseconds */
    unsigned          timeout;          /* of one reply */
} evolu_keys_server_t;


typedef struct {
    redisContext     *context;   /* NULL: closed */
    evolu_keys_tls_t  tls;
    unsigned          timeout;
    char              error[EVOLU_KEYS_ERROR_SIZE];
} evolu_keys_connection_t;


/* Connects and authenticates.  0, or -1 with error set and nothing open. */
int evolu_keys_server_connect(const evolu_keys_server_t *server,
    evolu_keys_connection_t *c);

void evolu_keys_server_close(evolu_keys_connection_t *c);

/* One command of n words.  The reply, to be freed, or NULL with error set. */
redisReply *evolu_keys_server_ask(evolu_keys_connection_t *c, int n,
    const char **words);

/* Why hiredis gave the connection up, for people; in error as well */
const char *evolu_keys_server_lost(evolu_keys_connection_t *c);

/* What a reply that is an error says, and what to do; in error as well */
const char *evolu_keys_server_refused(evolu_keys_connection_t *c,
    const redisReply *reply);

/* 1 when a reply is an error that begins with code, else 0 */
int evolu_keys_server_says(const redisReply *reply, const char *code);


#endif /* _EVOLU_KEYS_SERVER_H_INCLUDED_ */
