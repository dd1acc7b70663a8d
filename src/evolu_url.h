
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Where a store is: the URL of evolu_auth_redis and of "evolu-keys --redis".
 */


#ifndef _EVOLU_URL_H_INCLUDED_
#define _EVOLU_URL_H_INCLUDED_


#include "evolu_bytes.h"


#define EVOLU_URL_PORT           6379
#define EVOLU_URL_SENTINEL_PORT  26379
#define EVOLU_URL_SENTINELS_MAX  16
#define EVOLU_URL_MASTER_MAX     64
#define EVOLU_URL_DB_MAX         65535


typedef struct {
    evolu_bytes_t  user;         /* empty: none */
    evolu_bytes_t  host;         /* name, IPv4, or IPv6 without brackets */
    evolu_bytes_t  path;         /* of a unix socket; then there is no host */
    evolu_bytes_t  sentinels;    /* where to ask for the host, else empty;
                                    see evolu_url_sentinel() */
    evolu_bytes_t  master;       /* the name to ask sentinels for */
    unsigned       port;         /* of host */
    unsigned       db;
    unsigned       tls;          /* 1: the link is TLS */
} evolu_url_t;


/*
 * Reads one of
 *
 *     redis://[user@]host[:port][/db]
 *     rediss://[user@]host[:port][/db]                       (TLS)
 *     unix:/path
 *     sentinel://[user@]host[:port],.../MASTER_NAME[/db]
 *
 * where user is that of the store itself.  *u points into text.  Returns NULL,
 * or a message for people that says what is wrong; it never quotes the text,
 * which may hold a password.
 */
const char *evolu_url_parse(evolu_bytes_t text, evolu_url_t *u);

/*
 * The next of the sentinels of a URL that was parsed; *pos is 0 at first.
 * Returns 1 with host and port, or 0 after the last one.
 */
int evolu_url_sentinel(const evolu_url_t *u, size_t *pos,
    evolu_bytes_t *host, unsigned *port);


#endif /* _EVOLU_URL_H_INCLUDED_ */
