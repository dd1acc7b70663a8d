
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys: the commands, and the stores that they work on.
 */


#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "evolu_keys_input.h"
#include "evolu_keys_options.h"
#include "evolu_keys_parse.h"
#include "evolu_keys_print.h"
#include "evolu_keys_store.h"


static evolu_keys_status_t evolu_keys_run(evolu_keys_t *keys,
    const evolu_keys_command_t *command);
static evolu_keys_status_t evolu_keys_open(evolu_keys_t *keys);
static void evolu_keys_close(evolu_keys_t *keys);
static int evolu_keys_ready(void);


const evolu_keys_command_t  evolu_keys_commands[] = {
    { "create", 1, 2,
      EVOLU_KEYS_MODE|EVOLU_KEYS_ID|EVOLU_KEYS_EXPIRES|EVOLU_KEYS_ALLOW
      |EVOLU_KEYS_TOKEN, 1, 0, evolu_keys_create },

    { "rotate", 1, 1,
      EVOLU_KEYS_ID|EVOLU_KEYS_EXPIRES|EVOLU_KEYS_ALLOW|EVOLU_KEYS_TOKEN
      |EVOLU_KEYS_OVERLAP, 1, 0, evolu_keys_rotate },

    { "revoke", 1, 2, 0, 1, 0, evolu_keys_revoke },
    { "disable", 1, 2, 0, 1, 0, evolu_keys_disable },
    { "enable", 1, 2, 0, 1, 0, evolu_keys_enable },

    { "import", 1, 1,
      EVOLU_KEYS_PRUNE|EVOLU_KEYS_DRY_RUN|EVOLU_KEYS_CLIENT
      |EVOLU_KEYS_SKIP_UNUSABLE|EVOLU_KEYS_ID, 1, 0, evolu_keys_import },

    { "list", 0, 1, 0, 0, 1, evolu_keys_list },
    { "show", 1, 1, 0, 0, 1, evolu_keys_show },
    { "verify", 0, 1, EVOLU_KEYS_ADDRESS, 0, 1, evolu_keys_verify },
    { "check", 0, 0, 0, 0, 1, evolu_keys_check },
    { NULL, 0, 0, 0, 0, 0, NULL }
};


int
main(int argc, char *argv[])
{
    evolu_keys_t                  keys;
    evolu_keys_status_t           status;
    const evolu_keys_command_t   *command;

    if (evolu_keys_ready() != 0) {
        return EVOLU_KEYS_REFUSED;
    }

    memset(&keys, 0, sizeof(evolu_keys_t));

    status = evolu_keys_parse(argc, argv, &keys.options, &command);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_open(&keys);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_run(&keys, command);
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
            evolu_keys_say("standard input, output or error is closed: if it "
                           "is not wanted, open /dev/null for it");
            return -1;
        }
    }

    /* nor shall a core dump show one */

    (void) prctl(PR_SET_DUMPABLE, 0);

    (void) signal(SIGPIPE, SIG_IGN);
    (void) setlocale(LC_CTYPE, "");

    if (evolu_digest_init() != 0) {
        evolu_keys_say("libsodium cannot be used");
        return -1;
    }

    evolu_keys_json_init();

    return 0;
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
evolu_keys_addressed(evolu_keys_t *keys, evolu_locator_t *locator,
    evolu_keys_store_t **store)
{
    evolu_keys_status_t  status;

    status = evolu_keys_locator(keys, keys->options.args[0], locator);

    return status == EVOLU_KEYS_DONE
           ? evolu_keys_target(keys, locator, store) : status;
}


evolu_keys_status_t
evolu_keys_not_found(const char *locator, const char *id)
{
    char  *name, *key;

    name = evolu_keys_text(evolu_keys_string(locator));

    if (id == NULL) {
        evolu_keys_say("no record of %s: see \"evolu-keys list\"", name);

    } else {
        key = evolu_keys_text(evolu_keys_string(id));
        evolu_keys_say("%s has no key %s: see \"evolu-keys show\"", name, key);
        free(key);
    }

    free(name);

    return EVOLU_KEYS_REFUSED;
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
