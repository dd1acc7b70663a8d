
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Values of the command line and of the environment.  Functions that return
 * text return NULL when all is well, else what is wrong, for people.
 */


#ifndef _EVOLU_KEYS_OPTIONS_H_INCLUDED_
#define _EVOLU_KEYS_OPTIONS_H_INCLUDED_


#include "evolu_keys.h"


/* as that of evolu_auth_redis: SCAN patterns and key names begin with it */
#define EVOLU_KEYS_PREFIX_MAX  128


/*
 * Where no store is named, EVOLU_REDIS_URL names one; where no pepper is,
 * EVOLU_PEPPER does.
 */
const char *evolu_keys_options_environment(evolu_keys_options_t *options);

/* redis://[user@]host[:port][/db] or unix:/path; text is never changed */
const char *evolu_keys_options_url(const char *text, evolu_keys_url_t *url);

/* A number, at most max */
const char *evolu_keys_options_number(const char *text, unsigned max,
    unsigned *number);

/* "90d", "24h", "30m", "10s" */
const char *evolu_keys_options_duration(const char *text, int64_t *seconds);

/* A duration from now, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ; in the future */
const char *evolu_keys_options_expires(const char *text, int64_t now,
    int64_t *time);

/* CIDRs separated by commas */
const char *evolu_keys_options_allow(const char *text, evolu_bytes_t *allow);

/* One address */
const char *evolu_keys_options_address(const char *text,
    evolu_address_t *address);

/* A zero-terminated string as bytes, without its zero */
evolu_bytes_t evolu_keys_string(const char *text);


#endif /* _EVOLU_KEYS_OPTIONS_H_INCLUDED_ */
