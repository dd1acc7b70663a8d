
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The command line.
 */


#ifndef _EVOLU_KEYS_PARSE_H_INCLUDED_
#define _EVOLU_KEYS_PARSE_H_INCLUDED_


#include <argp.h>

#include "evolu_keys.h"


/* keys of options */

enum {
    EVOLU_KEYS_OPT_HELP = '?',
    EVOLU_KEYS_OPT_VERSION = 'V',

    EVOLU_KEYS_OPT_USAGE = 256,

    EVOLU_KEYS_OPT_REDIS,
    EVOLU_KEYS_OPT_FILE,
    EVOLU_KEYS_OPT_NGINX_CONF,
    EVOLU_KEYS_OPT_PREFIX,
    EVOLU_KEYS_OPT_DB,
    EVOLU_KEYS_OPT_PASSWORD,
    EVOLU_KEYS_OPT_SENTINEL_PASSWORD,
    EVOLU_KEYS_OPT_CA,
    EVOLU_KEYS_OPT_CERT,
    EVOLU_KEYS_OPT_KEY,
    EVOLU_KEYS_OPT_SERVER_NAME,
    EVOLU_KEYS_OPT_PEPPER,
    EVOLU_KEYS_OPT_JSON,
    EVOLU_KEYS_OPT_TEXT,

    /* of some commands only; see evolu_keys_parse_bit() */

    EVOLU_KEYS_OPT_MODE,
    EVOLU_KEYS_OPT_ID,
    EVOLU_KEYS_OPT_EXPIRES,
    EVOLU_KEYS_OPT_ALLOW,
    EVOLU_KEYS_OPT_TOKEN,
    EVOLU_KEYS_OPT_OVERLAP,
    EVOLU_KEYS_OPT_ADDRESS,
    EVOLU_KEYS_OPT_PRUNE,
    EVOLU_KEYS_OPT_DRY_RUN,
    EVOLU_KEYS_OPT_CLIENT,
    EVOLU_KEYS_OPT_SKIP_UNUSABLE
};


/* of all commands, by groups; the last one has neither name nor text */

extern const struct argp_option  evolu_keys_argp_options[];


/*
 * Reads the command line, the configuration that it names, and the
 * environment.  What is wrong with its words, and --help, end the process.
 */
evolu_keys_status_t evolu_keys_parse(int argc, char **argv,
    evolu_keys_options_t *options, const evolu_keys_command_t **command);

/* EVOLU_KEYS_MODE and so on, of an option of some commands; 0: of all */
unsigned evolu_keys_parse_bit(int key);


#endif /* _EVOLU_KEYS_PARSE_H_INCLUDED_ */
