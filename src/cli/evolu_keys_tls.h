
/*
 * Copyright (C) Evolu Auth Authors
 *
 * TLS to a server.  hiredis carries it but checks no name of a host, so chain
 * and name are verified here, before anything is sent.
 */


#ifndef _EVOLU_KEYS_TLS_H_INCLUDED_
#define _EVOLU_KEYS_TLS_H_INCLUDED_


#include <hiredis/hiredis.h>
#include <openssl/ssl.h>

#include "evolu_keys.h"


/* a message about a connection */
#define EVOLU_KEYS_ERROR_SIZE  512


/*
 * Reads the files that the options name; to be freed with SSL_CTX_free().
 * Without a CA file the system's authorities are trusted.
 */
evolu_keys_status_t evolu_keys_tls_create(
    const evolu_keys_tls_options_t *options, SSL_CTX **ctx);

/* TLS on a connection */

typedef struct {
    SSL           *ssl;          /* NULL: none */
    unsigned       wanted;       /* 1: a certificate of ours, and we had none */
} evolu_keys_tls_t;


/*
 * The handshake on a connection that is just made.  name is the host's name or
 * address that the certificate must be for.  NULL, or what went wrong, which
 * may be in error; the connection is of no use then.  *tls stays where it is as
 * long as the connection lives, which has the SSL.
 */
const char *evolu_keys_tls_start(SSL_CTX *ctx, const char *name,
    redisContext *context, evolu_keys_tls_t *tls,
    char error[EVOLU_KEYS_ERROR_SIZE]);

/* What the other side said to end the connection, or NULL */
const char *evolu_keys_tls_alert(void);


#endif /* _EVOLU_KEYS_TLS_H_INCLUDED_ */
