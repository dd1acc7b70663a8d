
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The command evolu-keys (contract, section 7): what all of its files share.
 */


#ifndef _EVOLU_KEYS_H_INCLUDED_
#define _EVOLU_KEYS_H_INCLUDED_


#include "../evolu_record.h"
#include "../evolu_url.h"


/* what a function came to, and the exit status; the message is out already */

typedef enum {
    EVOLU_KEYS_DONE = 0,
    EVOLU_KEYS_REFUSED = 1,      /* or not found */
    EVOLU_KEYS_USAGE = 2,
    EVOLU_KEYS_UNREACHABLE = 3   /* the store can't be asked */
} evolu_keys_status_t;


/* options that only some commands take */

#define EVOLU_KEYS_MODE     0x01
#define EVOLU_KEYS_ID       0x02
#define EVOLU_KEYS_EXPIRES  0x04
#define EVOLU_KEYS_ALLOW    0x08
#define EVOLU_KEYS_TOKEN    0x10
#define EVOLU_KEYS_OVERLAP  0x20
#define EVOLU_KEYS_ADDRESS  0x40
#define EVOLU_KEYS_PRUNE    0x80
#define EVOLU_KEYS_DRY_RUN  0x100
#define EVOLU_KEYS_CLIENT   0x200
#define EVOLU_KEYS_SKIP_UNUSABLE  0x400

#define EVOLU_KEYS_ARGS_MAX  2


/* where Redis is; all strings live as long as the options */

typedef struct {
    const char     *text;        /* the URL, for messages; NULL: no Redis */
    evolu_url_t     url;         /* points into text */
    const char     *path;        /* unix:, else NULL */
    const char     *host;        /* NULL where sentinels know it */
    const char     *user;        /* NULL: the default user */
    const char     *master;      /* NULL: there are no sentinels */
} evolu_keys_url_t;


/* files and the name for TLS; NULL where nothing was said */

typedef struct {
    const char     *ca;
    const char     *cert;
    const char     *key;
    const char     *server_name;
    unsigned        insecure;    /* 1: verify=off in a configuration */
} evolu_keys_tls_options_t;


/* the command line, read and checked; 0 and NULL where nothing was said */

typedef struct {
    evolu_keys_url_t  url;
    evolu_keys_tls_options_t  tls;
    const char       *file;
    const char       *nginx_conf;
    const char       *password_file;
    const char       *sentinel_password_file;
    evolu_bytes_t     prefix;
    const char       *peppers[EVOLU_PEPPERS_MAX];
    unsigned          npeppers;
    unsigned          given;     /* set of EVOLU_KEYS_MODE, ... */
    unsigned          json;      /* 1: answers are JSON */
    evolu_mode_t      mode;
    evolu_bytes_t     id;
    evolu_bytes_t     allow;     /* as written; every CIDR was read */
    evolu_bytes_t     client;
    int64_t           expires;   /* unix seconds; EVOLU_NEVER */
    int64_t           overlap;   /* seconds */
    evolu_address_t   address;
    int64_t           now;
    const char       *args[EVOLU_KEYS_ARGS_MAX];
    unsigned          nargs;
} evolu_keys_options_t;


typedef struct evolu_keys_store_s  evolu_keys_store_t;


typedef struct {
    evolu_keys_options_t  options;
    evolu_peppers_t      *peppers;
    evolu_keys_store_t   *file;  /* NULL: not given */
    evolu_keys_store_t   *redis;
} evolu_keys_t;


typedef struct {
    const char            *name;
    unsigned               min;      /* arguments after it */
    unsigned               max;
    unsigned               options;  /* set of EVOLU_KEYS_MODE, ... */
    unsigned               writes:1; /* to one store, not two */
    unsigned               asks:1;   /* its answer is for people on a terminal,
                                        for programs elsewhere */
    evolu_keys_status_t  (*run)(evolu_keys_t *keys);
} evolu_keys_command_t;


/* all commands; the last one has no name */

extern const evolu_keys_command_t  evolu_keys_commands[];


/* Reads a LOCATOR; global keys are refused where there is no key file. */
evolu_keys_status_t evolu_keys_locator(evolu_keys_t *keys, const char *text,
    evolu_locator_t *locator);

/* The store that a change of a record goes to */
evolu_keys_status_t evolu_keys_target(evolu_keys_t *keys,
    const evolu_locator_t *locator, evolu_keys_store_t **store);


/* Both, of the LOCATOR that is the command's first argument */
evolu_keys_status_t evolu_keys_addressed(evolu_keys_t *keys,
    evolu_locator_t *locator, evolu_keys_store_t **store);

/* Says that there is no such record, or no such key of it; id may be NULL. */
evolu_keys_status_t evolu_keys_not_found(const char *locator, const char *id);


/* The commands; each prints what it has to say. */

evolu_keys_status_t evolu_keys_create(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_rotate(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_revoke(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_disable(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_enable(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_import(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_list(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_show(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_verify(evolu_keys_t *keys);
evolu_keys_status_t evolu_keys_check(evolu_keys_t *keys);


#endif /* _EVOLU_KEYS_H_INCLUDED_ */
