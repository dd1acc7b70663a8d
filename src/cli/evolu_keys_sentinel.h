
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A sentinel is asked where the primary is.
 */


#ifndef _EVOLU_KEYS_SENTINEL_H_INCLUDED_
#define _EVOLU_KEYS_SENTINEL_H_INCLUDED_


#include "evolu_keys_server.h"


/*
 * Asks one sentinel.  *host, to be freed, and *port are what it answered; or
 * NULL, with why not in error.
 */
char *evolu_keys_sentinel_ask(const evolu_keys_server_t *sentinel,
    const char *master, unsigned *port, char error[EVOLU_KEYS_ERROR_SIZE]);


#endif /* _EVOLU_KEYS_SENTINEL_H_INCLUDED_ */
