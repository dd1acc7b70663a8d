
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../evolu_version.h"
#include "evolu_keys_conf.h"
#include "evolu_keys_help.h"
#include "evolu_keys_options.h"
#include "evolu_keys_parse.h"
#include "evolu_keys_print.h"


#define EVOLU_KEYS_OVERLAP_DEFAULT  86400


/* what argp carries around */

typedef struct {
    evolu_keys_options_t         *options;
    const evolu_keys_command_t   *command;
    const char                   *db;
    unsigned                      help:1;
    unsigned                      version:1;
    unsigned                      text:1;
    unsigned                      tls:1;       /* 1: --ca, --cert, ... */
    unsigned                      sentinel:1;  /* 1: a password for them */
    evolu_keys_status_t           status;      /* of the configuration */
} evolu_keys_parse_t;


static error_t evolu_keys_parse_one(int key, char *arg,
    struct argp_state *state);
static const char *evolu_keys_parse_general(int key, char *arg,
    evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_store(int key, char *arg,
    evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_tls(int key, char *arg,
    evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_new(int key, char *arg,
    evolu_keys_options_t *o);
static const char *evolu_keys_parse_some(int key, char *arg,
    evolu_keys_options_t *o);
static const char *evolu_keys_parse_argument(char *arg,
    evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_end(evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_taken(evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_stores(evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_suits(evolu_keys_parse_t *parse);


const struct argp_option  evolu_keys_argp_options[] = {
    { NULL, 0, NULL, 0, "New keys:", 1 },
    { "mode", EVOLU_KEYS_OPT_MODE, "live|test", 0,
      "Mode of a campaign's key [live]", 1 },
    { "id", EVOLU_KEYS_OPT_ID, "ID", 0,
      "Id of the key [k1, k2, ...; of imported ones \"import\"]", 1 },
    { "expires", EVOLU_KEYS_OPT_EXPIRES, "TIME", 0,
      "90d, 24h, 2031-12-31, 2031-12-31T23:59:59Z [never]", 1 },
    { "allow", EVOLU_KEYS_OPT_ALLOW, "CIDR,...", 0,
      "Addresses that may use the key [any; of rotate: those of the others]",
      1 },
    { "token", EVOLU_KEYS_OPT_TOKEN, "-", 0,
      "Take an existing credential from standard input", 1 },
    { "overlap", EVOLU_KEYS_OPT_OVERLAP, "TIME", 0,
      "How long older keys stay good [24h]", 1 },

    { NULL, 0, NULL, 0, "Import:", 2 },
    { "prune", EVOLU_KEYS_OPT_PRUNE, NULL, 0,
      "Remove imported keys of instances that are gone", 2 },
    { "dry-run", EVOLU_KEYS_OPT_DRY_RUN, NULL, 0,
      "Say what would be done, and write nothing", 2 },
    { "client", EVOLU_KEYS_OPT_CLIENT, "NAME", 0,
      "Rows with this clientName only", 2 },
    { "skip-unusable", EVOLU_KEYS_OPT_SKIP_UNUSABLE, NULL, 0,
      "Import the others where some rows cannot be used", 2 },

    { NULL, 0, NULL, 0, "Where the keys are:", 3 },
    { "redis", EVOLU_KEYS_OPT_REDIS, "URL", 0,
      "redis://[user@]host[:port][/db], rediss://... for TLS, unix:/path, "
      "sentinel://host[:port],.../NAME[/db]", 3 },
    { "file", EVOLU_KEYS_OPT_FILE, "PATH", 0, "The key file", 3 },
    { "nginx-conf", EVOLU_KEYS_OPT_NGINX_CONF, "PATH", 0,
      "nginx's configuration: stores and peppers as there", 3 },
    { "db", EVOLU_KEYS_OPT_DB, "N", 0, "Number of the database (unix:)", 3 },
    { "prefix", EVOLU_KEYS_OPT_PREFIX, "TEXT", 0,
      "What names in Redis begin with [evolu:]", 3 },
    { "password-file", EVOLU_KEYS_OPT_PASSWORD, "PATH", 0,
      "The password for Redis", 3 },
    { "sentinel-password-file", EVOLU_KEYS_OPT_SENTINEL_PASSWORD, "PATH", 0,
      "The password for the sentinels", 3 },
    { "pepper", EVOLU_KEYS_OPT_PEPPER, "ID:PATH", 0,
      "A pepper; the first one makes new hashes", 3 },

    { NULL, 0, NULL, 0, "TLS, with rediss://", 4 },
    { "ca", EVOLU_KEYS_OPT_CA, "PATH", 0,
      "Who may have signed Redis's certificate [the system's]", 4 },
    { "cert", EVOLU_KEYS_OPT_CERT, "PATH", 0, "Our certificate", 4 },
    { "key", EVOLU_KEYS_OPT_KEY, "PATH", 0, "Its private key", 4 },
    { "server-name", EVOLU_KEYS_OPT_SERVER_NAME, "NAME", 0,
      "What Redis's certificate is for [the URL's host]", 4 },

    { NULL, 0, NULL, 0, "Other:", 5 },
    { "address", EVOLU_KEYS_OPT_ADDRESS, "ADDRESS", 0,
      "Address of the client", 5 },
    { "json", EVOLU_KEYS_OPT_JSON, NULL, 0, "Answer in JSON", 5 },
    { "text", EVOLU_KEYS_OPT_TEXT, NULL, 0,
      "Answer in text, on no terminal, too", 5 },
    { "help", EVOLU_KEYS_OPT_HELP, NULL, 0,
      "Say how evolu-keys, or a command, is used", 5 },
    { "usage", EVOLU_KEYS_OPT_USAGE, NULL, 0, "List the options in short", 5 },
    { "version", EVOLU_KEYS_OPT_VERSION, NULL, 0, "Print the version", 5 },
    { NULL, 0, NULL, 0, NULL, 0 }
};


static const struct argp  evolu_keys_argp = {
    evolu_keys_argp_options, evolu_keys_parse_one, "COMMAND [ARGUMENT...]",
    NULL, NULL, NULL, NULL
};


evolu_keys_status_t
evolu_keys_parse(int argc, char **argv, evolu_keys_options_t *options,
    const evolu_keys_command_t **command)
{
    evolu_keys_parse_t  parse;

    memset(&parse, 0, sizeof(evolu_keys_parse_t));

    options->expires = EVOLU_NEVER;
    options->overlap = EVOLU_KEYS_OVERLAP_DEFAULT;
    options->now = (int64_t) time(NULL);

    parse.options = options;

    argp_err_exit_status = EVOLU_KEYS_USAGE;

    /* its own --help knows nothing of commands */

    if (argp_parse(&evolu_keys_argp, argc, argv, ARGP_NO_HELP, NULL, &parse)
        != 0)
    {
        return EVOLU_KEYS_USAGE;
    }

    if (parse.version) {
        puts("evolu-keys " EVOLU_AUTH_VERSION);
        exit(evolu_keys_flush());
    }

    if (parse.help) {
        evolu_keys_help(parse.command);
        exit(evolu_keys_flush());
    }

    *command = parse.command;

    return parse.status;
}


unsigned
evolu_keys_parse_bit(int key)
{
    size_t  i;

    static const struct {
        int       key;
        unsigned  bit;
    } bits[] = {
        { EVOLU_KEYS_OPT_MODE, EVOLU_KEYS_MODE },
        { EVOLU_KEYS_OPT_ID, EVOLU_KEYS_ID },
        { EVOLU_KEYS_OPT_EXPIRES, EVOLU_KEYS_EXPIRES },
        { EVOLU_KEYS_OPT_ALLOW, EVOLU_KEYS_ALLOW },
        { EVOLU_KEYS_OPT_TOKEN, EVOLU_KEYS_TOKEN },
        { EVOLU_KEYS_OPT_OVERLAP, EVOLU_KEYS_OVERLAP },
        { EVOLU_KEYS_OPT_ADDRESS, EVOLU_KEYS_ADDRESS },
        { EVOLU_KEYS_OPT_PRUNE, EVOLU_KEYS_PRUNE },
        { EVOLU_KEYS_OPT_DRY_RUN, EVOLU_KEYS_DRY_RUN },
        { EVOLU_KEYS_OPT_CLIENT, EVOLU_KEYS_CLIENT },
        { EVOLU_KEYS_OPT_SKIP_UNUSABLE, EVOLU_KEYS_SKIP_UNUSABLE }
    };

    for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if (bits[i].key == key) {
            return bits[i].bit;
        }
    }

    return 0;
}


static error_t
evolu_keys_parse_one(int key, char *arg, struct argp_state *state)
{
    unsigned             bit;
    const char          *error;
    evolu_keys_parse_t  *parse;

    parse = state->input;
    bit = evolu_keys_parse_bit(key);

    if (bit != 0) {
        parse->options->given |= bit;
        error = evolu_keys_parse_new(key, arg, parse->options);

    } else if (key == ARGP_KEY_ARG) {
        error = evolu_keys_parse_argument(arg, parse);

    } else if (key == ARGP_KEY_END) {
        error = evolu_keys_parse_end(parse);

    } else if (key == EVOLU_KEYS_OPT_USAGE) {
        argp_state_help(state, stdout, ARGP_HELP_USAGE|ARGP_HELP_EXIT_OK);
        error = NULL;

    } else if (key == EVOLU_KEYS_OPT_HELP || key == EVOLU_KEYS_OPT_VERSION
               || (key >= EVOLU_KEYS_OPT_REDIS && key <= EVOLU_KEYS_OPT_TEXT))
    {
        error = evolu_keys_parse_general(key, arg, parse);

    } else {
        return ARGP_ERR_UNKNOWN;
    }

    if (error != NULL) {
        evolu_keys_say("%s", error);
        fprintf(stderr, "Try \"evolu-keys%s%s --help\".\n",
                parse->command == NULL ? "" : " ",
                parse->command == NULL ? "" : parse->command->name);
        exit(EVOLU_KEYS_USAGE);
    }

    return 0;
}


static const char *
evolu_keys_parse_general(int key, char *arg, evolu_keys_parse_t *parse)
{
    evolu_keys_options_t  *o;

    o = parse->options;

    switch (key) {

    case EVOLU_KEYS_OPT_HELP:
        parse->help = 1;
        return NULL;

    case EVOLU_KEYS_OPT_VERSION:
        parse->version = 1;
        return NULL;

    case EVOLU_KEYS_OPT_JSON:
    case EVOLU_KEYS_OPT_TEXT:
        o->json = key == EVOLU_KEYS_OPT_JSON;
        parse->text = !o->json;
        return NULL;

    case EVOLU_KEYS_OPT_PEPPER:

        if (o->npeppers == EVOLU_PEPPERS_MAX) {
            return evolu_pepper_status_text(EVOLU_PEPPER_TOO_MANY);
        }

        o->peppers[o->npeppers++] = arg;
        return NULL;

    default:
        return evolu_keys_parse_store(key, arg, parse);
    }
}


static const char *
evolu_keys_parse_store(int key, char *arg, evolu_keys_parse_t *parse)
{
    evolu_keys_options_t  *o;

    o = parse->options;

    switch (key) {

    case EVOLU_KEYS_OPT_REDIS:
        return evolu_keys_options_url(arg, &o->url);

    case EVOLU_KEYS_OPT_FILE:
        o->file = arg;
        return NULL;

    case EVOLU_KEYS_OPT_NGINX_CONF:
        o->nginx_conf = arg;
        return NULL;

    case EVOLU_KEYS_OPT_PREFIX:
        return evolu_keys_options_prefix(arg, &o->prefix);

    case EVOLU_KEYS_OPT_DB:
        parse->db = arg;
        return NULL;

    case EVOLU_KEYS_OPT_PASSWORD:
        o->password_file = arg;
        return NULL;

    case EVOLU_KEYS_OPT_SENTINEL_PASSWORD:
        parse->sentinel = 1;
        o->sentinel_password_file = arg;
        return NULL;

    default:
        return evolu_keys_parse_tls(key, arg, parse);
    }
}


static const char *
evolu_keys_parse_tls(int key, char *arg, evolu_keys_parse_t *parse)
{
    evolu_keys_tls_options_t  *tls;

    tls = &parse->options->tls;
    parse->tls = 1;

    switch (key) {

    case EVOLU_KEYS_OPT_CA:
        tls->ca = arg;
        break;

    case EVOLU_KEYS_OPT_CERT:
        tls->cert = arg;
        break;

    case EVOLU_KEYS_OPT_KEY:
        tls->key = arg;
        break;

    default: /* EVOLU_KEYS_OPT_SERVER_NAME */
        tls->server_name = arg;
    }

    return NULL;
}


static const char *
evolu_keys_parse_new(int key, char *arg, evolu_keys_options_t *o)
{
    switch (key) {

    case EVOLU_KEYS_OPT_MODE:
        o->mode = (evolu_mode_t) evolu_mode_parse(evolu_keys_string(arg));
        return o->mode == 0 ? "--mode is live or test" : NULL;

    case EVOLU_KEYS_OPT_ID:
        o->id = evolu_keys_string(arg);
        return evolu_key_id_valid(o->id)
               ? NULL : evolu_fault_text(EVOLU_FAULT_KEY_ID);

    case EVOLU_KEYS_OPT_EXPIRES:
        return evolu_keys_options_expires(arg, o->now, &o->expires);

    case EVOLU_KEYS_OPT_ALLOW:
        return evolu_keys_options_allow(arg, &o->allow);

    case EVOLU_KEYS_OPT_TOKEN:

        if (strcmp(arg, "-") == 0) {
            return NULL;
        }

        sodium_memzero(arg, strlen(arg));

        return "a credential on the command line can be seen by others: give "
               "\"--token -\" and the credential on standard input";

    case EVOLU_KEYS_OPT_OVERLAP:
        return evolu_keys_options_duration(arg, &o->overlap);

    default:
        return evolu_keys_parse_some(key, arg, o);
    }
}


/* Of those without a value it is enough that they were given. */

static const char *
evolu_keys_parse_some(int key, char *arg, evolu_keys_options_t *o)
{
    switch (key) {

    case EVOLU_KEYS_OPT_ADDRESS:
        return evolu_keys_options_address(arg, &o->address);

    case EVOLU_KEYS_OPT_CLIENT:
        o->client = evolu_keys_string(arg);
        return NULL;

    default:
        return NULL;
    }
}


/* The command, then what it is about. */

static const char *
evolu_keys_parse_argument(char *arg, evolu_keys_parse_t *parse)
{
    evolu_keys_options_t        *o;
    const evolu_keys_command_t  *command;

    o = parse->options;

    if (parse->command != NULL) {

        if (o->nargs == parse->command->max) {
            return evolu_keys_format("too many arguments for \"%s\"",
                                     parse->command->name);
        }

        o->args[o->nargs++] = arg;
        return NULL;
    }

    for (command = evolu_keys_commands; command->name != NULL; command++) {
        if (strcmp(arg, command->name) == 0) {
            parse->command = command;
            return NULL;
        }
    }

    return evolu_keys_format("no such command: %s", arg);
}


/*
 * A configuration that cannot be read is no matter of usage: *parse keeps its
 * status.
 */

static const char *
evolu_keys_parse_end(evolu_keys_parse_t *parse)
{
    const char            *error;
    evolu_keys_options_t  *o;

    o = parse->options;

    if (parse->help || parse->version) {
        return NULL;
    }

    if (parse->command == NULL) {
        return "no command";
    }

    error = evolu_keys_parse_taken(parse);

    if (error != NULL) {
        return error;
    }

    if (parse->command->asks && !parse->text && isatty(STDOUT_FILENO) != 1) {
        o->json = 1;
    }

    if (o->nginx_conf != NULL) {
        parse->status = evolu_keys_conf_read(o);

        if (parse->status != EVOLU_KEYS_DONE) {
            return NULL;
        }
    }

    return evolu_keys_parse_stores(parse);
}


static const char *
evolu_keys_parse_taken(evolu_keys_parse_t *parse)
{
    unsigned                      wrong;
    evolu_keys_options_t         *o;
    const struct argp_option     *option;
    const evolu_keys_command_t   *command;

    o = parse->options;
    command = parse->command;

    if (o->nargs < command->min) {
        return evolu_keys_format("\"%s\" needs an argument", command->name);
    }

    wrong = o->given & ~command->options;

    for (option = evolu_keys_argp_options;
         option->name != NULL || option->doc != NULL;
         option++)
    {
        if (evolu_keys_parse_bit(option->key) & wrong) {
            return evolu_keys_format("\"%s\" does not take --%s",
                                     command->name, option->name);
        }
    }

    if (o->url.text != NULL && o->file != NULL && command->writes) {
        return "two stores: this command changes one, give --redis or --file";
    }

    return NULL;
}


static const char *
evolu_keys_parse_stores(evolu_keys_parse_t *parse)
{
    const char            *error;
    evolu_keys_options_t  *o;

    o = parse->options;
    error = evolu_keys_options_environment(o);

    if (error != NULL) {
        return error;
    }

    if (o->url.text == NULL && o->file == NULL) {
        return "no store: give --redis, --file or --nginx-conf, or set "
               "EVOLU_REDIS_URL";
    }

    if (o->url.user != NULL && o->password_file == NULL) {
        return "a Redis user needs a password: give --password-file";
    }

    if (parse->db != NULL
        && evolu_keys_options_number(parse->db, EVOLU_URL_DB_MAX,
                                     &o->url.url.db)
           != NULL)
    {
        return "--db is a number from 0 to 65535";
    }

    if (o->prefix.data == NULL) {
        o->prefix = evolu_literal("evolu:");
    }

    return evolu_keys_parse_suits(parse);
}


/* What was said of a link that is another. */

static const char *
evolu_keys_parse_suits(evolu_keys_parse_t *parse)
{
    evolu_keys_options_t  *o;

    o = parse->options;

    if (parse->sentinel && o->url.master == NULL) {
        return "--sentinel-password-file is for sentinel://";
    }

    if (parse->tls && !o->url.url.tls) {
        return "--ca, --cert, --key and --server-name are for rediss://";
    }

    if ((o->tls.cert == NULL) != (o->tls.key == NULL)) {
        return "a certificate and its private key go together: give --cert "
               "and --key";
    }

    return NULL;
}
