
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys: the command line, and who does what.
 */


#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../evolu_url.h"
#include "../evolu_version.h"
#include "evolu_keys_conf.h"
#include "evolu_keys_input.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_store.h"


#define EVOLU_KEYS_OVERLAP_DEFAULT  86400


enum {
    EVOLU_KEYS_OPT_REDIS = 256,
    EVOLU_KEYS_OPT_FILE,
    EVOLU_KEYS_OPT_NGINX_CONF,
    EVOLU_KEYS_OPT_PREFIX,
    EVOLU_KEYS_OPT_DB,
    EVOLU_KEYS_OPT_PASSWORD,
    EVOLU_KEYS_OPT_PEPPER,
    EVOLU_KEYS_OPT_JSON,
    EVOLU_KEYS_OPT_MODE,
    EVOLU_KEYS_OPT_ID,
    EVOLU_KEYS_OPT_EXPIRES,
    EVOLU_KEYS_OPT_ALLOW,
    EVOLU_KEYS_OPT_TOKEN,
    EVOLU_KEYS_OPT_OVERLAP,
    EVOLU_KEYS_OPT_PRUNE,
    EVOLU_KEYS_OPT_DRY_RUN,
    EVOLU_KEYS_OPT_CLIENT,
    EVOLU_KEYS_OPT_SKIP_UNUSABLE,
    EVOLU_KEYS_OPT_ADDRESS
};


typedef struct {
    const char            *name;
    unsigned               min;      /* arguments after it */
    unsigned               max;
    unsigned               options;  /* set of EVOLU_KEYS_MODE, ... */
    unsigned               writes;   /* 1: one store, not two */
    evolu_keys_status_t  (*run)(evolu_keys_t *keys);
} evolu_keys_command_t;


/* what argp carries around */

typedef struct {
    evolu_keys_options_t         *options;
    const evolu_keys_command_t   *command;
    const char                   *db;
    evolu_keys_status_t           status;  /* of the configuration */
} evolu_keys_parse_t;


static error_t evolu_keys_parse(int key, char *arg, struct argp_state *state);
static const char *evolu_keys_parse_store(int key, char *arg,
    evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_key(int key, char *arg,
    evolu_keys_options_t *o);
static const char *evolu_keys_parse_import(int key, char *arg,
    evolu_keys_options_t *o);
static const char *evolu_keys_parse_argument(char *arg,
    evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_end(evolu_keys_parse_t *parse);
static const char *evolu_keys_parse_stores(evolu_keys_parse_t *parse);
static evolu_keys_status_t evolu_keys_run(evolu_keys_t *keys,
    const evolu_keys_command_t *command);
static evolu_keys_status_t evolu_keys_open(evolu_keys_t *keys);
static void evolu_keys_close(evolu_keys_t *keys);
static int evolu_keys_ready(void);


static const evolu_keys_command_t  evolu_keys_commands[] = {
    { "create", 1, 2,
      EVOLU_KEYS_MODE|EVOLU_KEYS_ID|EVOLU_KEYS_EXPIRES|EVOLU_KEYS_ALLOW
      |EVOLU_KEYS_TOKEN, 1, evolu_keys_create },

    { "rotate", 1, 1,
      EVOLU_KEYS_ID|EVOLU_KEYS_EXPIRES|EVOLU_KEYS_ALLOW|EVOLU_KEYS_TOKEN
      |EVOLU_KEYS_OVERLAP, 1, evolu_keys_rotate },

    { "revoke", 1, 2, 0, 1, evolu_keys_revoke },
    { "disable", 1, 2, 0, 1, evolu_keys_disable },
    { "enable", 1, 2, 0, 1, evolu_keys_enable },

    { "import", 1, 1,
      EVOLU_KEYS_PRUNE|EVOLU_KEYS_DRY_RUN|EVOLU_KEYS_CLIENT
      |EVOLU_KEYS_SKIP_UNUSABLE|EVOLU_KEYS_ID, 1, evolu_keys_import },

    { "list", 0, 1, 0, 0, evolu_keys_list },
    { "show", 1, 1, 0, 0, evolu_keys_show },
    { "verify", 0, 1, EVOLU_KEYS_ADDRESS, 0, evolu_keys_verify },
    { "check", 0, 0, 0, 0, evolu_keys_check },
    { NULL, 0, 0, 0, 0, NULL }
};


static const struct argp_option  evolu_keys_argp_options[] = {
    { NULL, 0, NULL, 0, "Where the keys are:", 1 },
    { "redis", EVOLU_KEYS_OPT_REDIS, "URL", 0,
      "redis://[user@]host[:port][/db] or unix:/path", 1 },
    { "file", EVOLU_KEYS_OPT_FILE, "PATH", 0, "The key file", 1 },
    { "nginx-conf", EVOLU_KEYS_OPT_NGINX_CONF, "PATH", 0,
      "Take stores and peppers from nginx's configuration", 1 },
    { "db", EVOLU_KEYS_OPT_DB, "N", 0, "Number of the database (unix:)", 1 },
    { "prefix", EVOLU_KEYS_OPT_PREFIX, "TEXT", 0,
      "What names in Redis begin with [evolu:]", 1 },
    { "password-file", EVOLU_KEYS_OPT_PASSWORD, "PATH", 0,
      "The password for Redis", 1 },
    { "pepper", EVOLU_KEYS_OPT_PEPPER, "ID:PATH", 0,
      "A pepper; the first one makes new hashes", 1 },

    { NULL, 0, NULL, 0, "New keys (create, rotate):", 2 },
    { "mode", EVOLU_KEYS_OPT_MODE, "live|test", 0,
      "Mode of a campaign's key [live]", 2 },
    { "id", EVOLU_KEYS_OPT_ID, "ID", 0,
      "Id of the key [the next of k1, k2, ...; of imported ones import]", 2 },
    { "expires", EVOLU_KEYS_OPT_EXPIRES, "TIME", 0,
      "90d, 24h, 2031-12-31 or 2031-12-31T23:59:59Z [never]", 2 },
    { "allow", EVOLU_KEYS_OPT_ALLOW, "CIDR,...", 0,
      "Addresses that may use the key [any]", 2 },
    { "token", EVOLU_KEYS_OPT_TOKEN, "-", 0,
      "Take an existing credential from standard input", 2 },
    { "overlap", EVOLU_KEYS_OPT_OVERLAP, "TIME", 0,
      "How long older keys stay good (rotate) [24h]", 2 },

    { NULL, 0, NULL, 0, "import:", 3 },
    { "prune", EVOLU_KEYS_OPT_PRUNE, NULL, 0,
      "Remove imported keys of instances that are gone", 3 },
    { "dry-run", EVOLU_KEYS_OPT_DRY_RUN, NULL, 0,
      "Say what would be done, and write nothing", 3 },
    { "client", EVOLU_KEYS_OPT_CLIENT, "NAME", 0,
      "Rows with this clientName only", 3 },
    { "skip-unusable", EVOLU_KEYS_OPT_SKIP_UNUSABLE, NULL, 0,
      "Import the others where some rows cannot be used", 3 },

    { NULL, 0, NULL, 0, "Other:", 4 },
    { "address", EVOLU_KEYS_OPT_ADDRESS, "ADDRESS", 0,
      "Address of the client (verify)", 4 },
    { "json", EVOLU_KEYS_OPT_JSON, NULL, 0, "Answer in JSON", 4 },
    { NULL, 0, NULL, 0, NULL, 0 }
};


static const char  evolu_keys_argp_args[] =
    "create global\n"
    "create instance NAME\n"
    "create campaign SLUG\n"
    "rotate LOCATOR\n"
    "revoke LOCATOR [ID]\n"
    "disable LOCATOR [ID]\n"
    "enable LOCATOR [ID]\n"
    "import instances\n"
    "import campaigns\n"
    "list [LOCATOR]\n"
    "show LOCATOR\n"
    "verify [LOCATOR]\n"
    "check";


static const char  evolu_keys_argp_doc[] =
    "Makes, lists, revokes and checks the API keys that "
    "ngx_http_evolu_auth_module accepts."
    "\v"
    "A LOCATOR is global, instance:NAME or campaign:MODE:SLUG. A new "
    "credential is printed once, alone on standard output. Without --redis, "
    "--file and --nginx-conf the store is that of EVOLU_REDIS_URL; without "
    "--pepper, peppers are those of EVOLU_PEPPER. import reads CSV: "
    "name,token[,clientName] of instances, mode,slug,id,hash[,exp] of "
    "campaigns.\n\n"
    "Examples:\n\n"
    "  export EVOLU_REDIS_URL=redis://127.0.0.1:6379\n"
    "  export EVOLU_PEPPER=p1:/etc/evolu/p1.pepper\n"
    "  evolu-keys create campaign aB3dE6gH --expires 90d\n"
    "  evolu-keys create instance shop --token - < token.txt\n"
    "  evolu-keys rotate campaign:live:aB3dE6gH --overlap 24h\n"
    "  evolu-keys revoke instance:shop k1\n"
    "  evolu-keys verify instance:shop < token.txt\n"
    "  evolu-keys --file /etc/evolu/keys create global\n"
    "  evolu-keys import instances --dry-run < instances.csv\n\n"
    "Exit status: 0 done, 1 refused or not found, 2 usage, 3 the store cannot "
    "be reached.";


static const struct argp  evolu_keys_argp = {
    evolu_keys_argp_options, evolu_keys_parse, evolu_keys_argp_args,
    evolu_keys_argp_doc, NULL, NULL, NULL
};


const char  *argp_program_version = "evolu-keys " EVOLU_AUTH_VERSION;


int
main(int argc, char *argv[])
{
    evolu_keys_t          keys;
    evolu_keys_parse_t    parse;
    evolu_keys_status_t   status;

    if (evolu_keys_ready() != 0) {
        return EVOLU_KEYS_REFUSED;
    }

    memset(&keys, 0, sizeof(evolu_keys_t));
    memset(&parse, 0, sizeof(evolu_keys_parse_t));

    keys.options.expires = EVOLU_NEVER;
    keys.options.overlap = EVOLU_KEYS_OVERLAP_DEFAULT;
    keys.options.now = (int64_t) time(NULL);

    parse.options = &keys.options;

    argp_err_exit_status = EVOLU_KEYS_USAGE;

    if (argp_parse(&evolu_keys_argp, argc, argv, 0, NULL, &parse) != 0) {
        return EVOLU_KEYS_USAGE;
    }

    status = parse.status;

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_open(&keys);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_run(&keys, parse.command);
    }

    evolu_keys_close(&keys);

    return (int) status;
}


/*
 * A closed standard descriptor would be taken by the next file or socket, and
 * a credential written there.
 */

static int
evolu_keys_ready(void)
{
    int  fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            evolu_keys_say("a standard descriptor is closed");
            return -1;
        }
    }

    (void) signal(SIGPIPE, SIG_IGN);
    (void) setlocale(LC_CTYPE, "");

    if (evolu_digest_init() != 0) {
        evolu_keys_say("libsodium cannot be used");
        return -1;
    }

    evolu_keys_json_init();

    return 0;
}


static error_t
evolu_keys_parse(int key, char *arg, struct argp_state *state)
{
    const char          *error;
    evolu_keys_parse_t  *parse;

    parse = state->input;

    switch (key) {

    case EVOLU_KEYS_OPT_REDIS:
    case EVOLU_KEYS_OPT_FILE:
    case EVOLU_KEYS_OPT_NGINX_CONF:
    case EVOLU_KEYS_OPT_PREFIX:
    case EVOLU_KEYS_OPT_DB:
    case EVOLU_KEYS_OPT_PASSWORD:
    case EVOLU_KEYS_OPT_PEPPER:
    case EVOLU_KEYS_OPT_JSON:
        error = evolu_keys_parse_store(key, arg, parse);
        break;

    case ARGP_KEY_ARG:
        error = evolu_keys_parse_argument(arg, parse);
        break;

    case ARGP_KEY_END:
        error = evolu_keys_parse_end(parse);
        break;

    default:
        if (key < EVOLU_KEYS_OPT_MODE || key > EVOLU_KEYS_OPT_ADDRESS) {
            return ARGP_ERR_UNKNOWN;
        }

        error = evolu_keys_parse_key(key, arg, parse->options);
    }

    if (error != NULL) {
        argp_error(state, "%s", error);
    }

    return 0;
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
        o->prefix = evolu_keys_string(arg);
        return o->prefix.len > EVOLU_KEYS_PREFIX_MAX ? "prefix too long"
                                                     : NULL;

    case EVOLU_KEYS_OPT_DB:
        parse->db = arg;
        return NULL;

    case EVOLU_KEYS_OPT_PASSWORD:
        o->password_file = arg;
        return NULL;

    case EVOLU_KEYS_OPT_JSON:
        o->json = 1;
        return NULL;

    default: /* EVOLU_KEYS_OPT_PEPPER */

        if (o->npeppers == EVOLU_PEPPERS_MAX) {
            return evolu_pepper_status_text(EVOLU_PEPPER_TOO_MANY);
        }

        o->peppers[o->npeppers++] = arg;
        return NULL;
    }
}


static const char *
evolu_keys_parse_key(int key, char *arg, evolu_keys_options_t *o)
{
    switch (key) {

    case EVOLU_KEYS_OPT_MODE:
        o->given |= EVOLU_KEYS_MODE;
        o->mode = (evolu_mode_t) evolu_mode_parse(evolu_keys_string(arg));
        return o->mode == 0 ? "--mode is live or test" : NULL;

    case EVOLU_KEYS_OPT_ID:
        o->given |= EVOLU_KEYS_ID;
        o->id = evolu_keys_string(arg);
        return evolu_key_id_valid(o->id)
               ? NULL : evolu_fault_text(EVOLU_FAULT_KEY_ID);

    case EVOLU_KEYS_OPT_EXPIRES:
        o->given |= EVOLU_KEYS_EXPIRES;
        return evolu_keys_options_expires(arg, o->now, &o->expires);

    case EVOLU_KEYS_OPT_ALLOW:
        o->given |= EVOLU_KEYS_ALLOW;
        return evolu_keys_options_allow(arg, &o->allow);

    case EVOLU_KEYS_OPT_TOKEN:
        o->given |= EVOLU_KEYS_TOKEN;

        if (strcmp(arg, "-") == 0) {
            return NULL;
        }

        sodium_memzero(arg, strlen(arg));

        return "a credential on the command line can be seen by others: give "
               "\"--token -\" and the credential on standard input";

    case EVOLU_KEYS_OPT_OVERLAP:
        o->given |= EVOLU_KEYS_OVERLAP;
        return evolu_keys_options_duration(arg, &o->overlap);

    case EVOLU_KEYS_OPT_ADDRESS:
        o->given |= EVOLU_KEYS_ADDRESS;
        return evolu_keys_options_address(arg, &o->address);

    default:
        return evolu_keys_parse_import(key, arg, o);
    }
}


static const char *
evolu_keys_parse_import(int key, char *arg, evolu_keys_options_t *o)
{
    switch (key) {

    case EVOLU_KEYS_OPT_PRUNE:
        o->given |= EVOLU_KEYS_PRUNE;
        break;

    case EVOLU_KEYS_OPT_DRY_RUN:
        o->given |= EVOLU_KEYS_DRY_RUN;
        break;

    case EVOLU_KEYS_OPT_CLIENT:
        o->given |= EVOLU_KEYS_CLIENT;
        o->client = evolu_keys_string(arg);
        break;

    default: /* EVOLU_KEYS_OPT_SKIP_UNUSABLE */
        o->given |= EVOLU_KEYS_SKIP_UNUSABLE;
    }

    return NULL;
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
            return "too many arguments";
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

    return "no such command";
}


/*
 * A configuration that cannot be read is no matter of usage: *parse keeps its
 * status.
 */

static const char *
evolu_keys_parse_end(evolu_keys_parse_t *parse)
{
    evolu_keys_options_t  *o;

    o = parse->options;

    if (parse->command == NULL) {
        return "no command";
    }

    if (o->nargs < parse->command->min) {
        return "the command needs an argument";
    }

    if (o->given & ~parse->command->options) {
        return "an option that this command does not take";
    }

    if (o->url.text != NULL && o->file != NULL && parse->command->writes) {
        return "two stores: this command changes one, give --redis or --file";
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
        && evolu_keys_options_number(parse->db, EVOLU_URL_DB_MAX, &o->url.db)
           != NULL)
    {
        return "bad number of a database";
    }

    if (o->prefix.data == NULL) {
        o->prefix = evolu_literal("evolu:");
    }

    return NULL;
}


static evolu_keys_status_t
evolu_keys_open(evolu_keys_t *keys)
{
    unsigned               i;
    evolu_keys_status_t    status;
    evolu_keys_options_t  *o;

    o = &keys->options;

    keys->peppers = evolu_peppers_create();

    if (keys->peppers == NULL) {
        evolu_keys_say("out of memory");
        return EVOLU_KEYS_REFUSED;
    }

    for (i = 0; i < o->npeppers; i++) {
        status = evolu_keys_input_pepper(o->peppers[i], keys->peppers);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }
    }

    if (o->file != NULL) {
        keys->file = evolu_keys_file_open(o->file, keys->peppers);
    }

    if (o->url.text != NULL) {
        return evolu_keys_redis_open(o, keys->peppers, &keys->redis);
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_run(evolu_keys_t *keys, const evolu_keys_command_t *command)
{
    evolu_keys_status_t  status;

    status = command->run(keys);

    if (evolu_keys_flush() != EVOLU_KEYS_DONE && status == EVOLU_KEYS_DONE) {
        status = EVOLU_KEYS_REFUSED;
    }

    return status;
}


static void
evolu_keys_close(evolu_keys_t *keys)
{
    if (keys->file != NULL) {
        keys->file->close(keys->file);
    }

    if (keys->redis != NULL) {
        keys->redis->close(keys->redis);
    }

    evolu_peppers_destroy(keys->peppers);
}


/*
 * With both stores at hand global keys are in the file and all others in
 * Redis; but what the file holds, too, would not change at the edge.
 */

evolu_keys_status_t
evolu_keys_target(evolu_keys_t *keys, const evolu_locator_t *locator,
    evolu_keys_store_t **store)
{
    unsigned             hidden;
    evolu_keys_record_t  record;
    evolu_keys_status_t  status;

    *store = keys->redis;

    if (keys->redis == NULL || (keys->file != NULL
                                && locator->scope == EVOLU_SCOPE_GLOBAL))
    {
        *store = keys->file;
    }

    if (*store == keys->file || keys->file == NULL
        || access(keys->options.file, F_OK) != 0)
    {
        return EVOLU_KEYS_DONE;
    }

    status = keys->file->load(keys->file, locator, &record);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    hidden = record.found;
    keys->file->release(&record);

    if (hidden) {
        evolu_keys_say("the key file holds that record, and hides the one in "
                       "Redis: give --file %s to change it there",
                       keys->options.file);
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}


evolu_keys_status_t
evolu_keys_locator(evolu_keys_t *keys, const char *text,
    evolu_locator_t *locator)
{
    if (evolu_locator_parse(evolu_keys_string(text), locator) != 0) {
        evolu_keys_say("\"%s\" is no locator: expected global, instance:NAME "
                       "or campaign:MODE:SLUG", text);
        return EVOLU_KEYS_USAGE;
    }

    if (locator->scope == EVOLU_SCOPE_GLOBAL && keys->file == NULL) {
        evolu_keys_say("global keys are kept in the key file only: give "
                       "--file");
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}
