
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
#define EVOLU_KEYS_PREFIX_MAX  64


/*
 * Where no store is named, EVOLU_REDIS_URL names one, and EVOLU_REDIS_PREFIX
 * and so on say what else there is to say of it; where no pepper is named,
 * EVOLU_PEPPER names some.
 */
const char *evolu_keys_options_environment(evolu_keys_options_t *options);

/* A URL that evolu_url_parse() takes; text is never changed */
const char *evolu_keys_options_url(const char *text, evolu_keys_url_t *url);

/* What names of keys begin with */
const char *evolu_keys_options_prefix(const char *text, evolu_bytes_t *prefix);

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
