
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Where a store is: the URL of evolu_auth_redis and of "evolu-keys --redis".
 */


#ifndef _EVOLU_URL_H_INCLUDED_
#define _EVOLU_URL_H_INCLUDED_


#include "evolu_bytes.h"


#define EVOLU_URL_PORT    6379
#define EVOLU_URL_DB_MAX  65535


typedef struct {
    evolu_bytes_t  user;         /* empty: none */
    evolu_bytes_t  host;         /* name, IPv4, or IPv6 without brackets */
    evolu_bytes_t  path;         /* of a unix socket; then there is no host */
    unsigned       port;
    unsigned       db;
} evolu_url_t;


/*
 * Reads "redis://[user@]host[:port][/db]" or "unix:/path"; *u points into
 * text.  Returns NULL, or a message for people that says what is wrong; it
 * never quotes the text, which may hold a password.
 */
const char *evolu_url_parse(evolu_bytes_t text, evolu_url_t *u);


#endif /* _EVOLU_URL_H_INCLUDED_ */
