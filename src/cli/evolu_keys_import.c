
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys import: existing keys, from CSV on standard input.
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "evolu_keys_import.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"


/* bytes of a name that a message shows */
#define EVOLU_KEYS_NAME_SHOWN  300


static evolu_keys_status_t evolu_keys_import_run(evolu_keys_import_t *import,
    unsigned instances);
static ssize_t evolu_keys_import_input(void *data, unsigned char *buf,
    size_t size);
static evolu_keys_status_t evolu_keys_import_admit(
    const evolu_keys_import_t *import);
static evolu_keys_status_t evolu_keys_import_gone(
    evolu_keys_import_t *import);
static evolu_keys_status_t evolu_keys_import_may_prune(
    const evolu_keys_import_t *import);
static void evolu_keys_import_gone_name(evolu_bytes_t name, void *data);
static evolu_keys_status_t evolu_keys_import_hidden(
    evolu_keys_import_t *import);
static void evolu_keys_import_hidden_name(evolu_bytes_t name, void *data);
static evolu_keys_status_t evolu_keys_import_answer(
    evolu_keys_import_t *import);
static void evolu_keys_import_notes(const evolu_keys_import_t *import);
static evolu_keys_status_t evolu_keys_import_json(
    evolu_keys_import_t *import, const size_t *outcomes);


evolu_keys_status_t
evolu_keys_import(evolu_keys_t *keys)
{
    unsigned               instances;
    evolu_bytes_t          what;
    evolu_keys_status_t    status;
    evolu_keys_import_t    import;
    evolu_keys_options_t  *o;

    o = &keys->options;
    what = evolu_keys_string(o->args[0]);
    instances = evolu_bytes_equal(what, evolu_literal("instances"));

    if (!instances && !evolu_bytes_equal(what, evolu_literal("campaigns"))) {
        evolu_keys_say("expected \"import instances\" or \"import "
                       "campaigns\"");
        return EVOLU_KEYS_USAGE;
    }

    if (!instances
        && (o->given & (EVOLU_KEYS_PRUNE|EVOLU_KEYS_CLIENT|EVOLU_KEYS_ID)))
    {
        evolu_keys_say("--prune, --client and --id are for instances: rows "
                       "of campaigns have ids of their own");
        return EVOLU_KEYS_USAGE;
    }

    memset(&import, 0, sizeof(evolu_keys_import_t));

    import.keys = keys;
    import.store = keys->redis != NULL ? keys->redis : keys->file;
    import.id = (o->given & EVOLU_KEYS_ID)
                ? o->id : evolu_literal(EVOLU_KEYS_IMPORT_ID);
    import.problems = json_array();
    import.csv = evolu_keys_alloc(sizeof(evolu_keys_csv_t));

    status = evolu_keys_import_run(&import, instances);

    free(import.csv);
    evolu_keys_rows_free(&import.rows);
    json_decref(import.problems);

    return status;
}


static evolu_keys_status_t
evolu_keys_import_run(evolu_keys_import_t *import, unsigned instances)
{
    evolu_keys_status_t    status;
    evolu_keys_options_t  *o;

    o = &import->keys->options;

    if (isatty(STDIN_FILENO) == 1) {
        evolu_keys_say("type or paste CSV, and end it with Ctrl-D on a line "
                       "of its own");
    }

    evolu_keys_progress_begin("reading", 0);
    evolu_keys_csv_begin(import->csv, evolu_keys_import_input, NULL);

    status = instances ? evolu_keys_import_instances(import)
                       : evolu_keys_import_campaigns(import);

    evolu_keys_progress_end();
    evolu_keys_csv_end(import->csv);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    status = evolu_keys_import_admit(import);

    if (status != EVOLU_KEYS_DONE) {

        if (o->json) {
            (void) evolu_keys_import_answer(import);
        }

        return status;
    }

    if (o->given & EVOLU_KEYS_PRUNE) {
        status = evolu_keys_import_gone(import);
    }

    if (status == EVOLU_KEYS_DONE && import->keys->file != NULL
        && import->store != import->keys->file)
    {
        status = evolu_keys_import_hidden(import);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_import_apply(import);
    }

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    return evolu_keys_import_answer(import);
}


static ssize_t
evolu_keys_import_input(void *data, unsigned char *buf, size_t size)
{
    (void) data;

    return read(STDIN_FILENO, buf, size);
}


evolu_keys_status_t
evolu_keys_import_row(evolu_keys_import_t *import)
{
    int          rc;
    const char  *error;

    rc = evolu_keys_csv_row(import->csv, &error);
    import->more = rc == 1;

    if (rc != -1) {
        return EVOLU_KEYS_DONE;
    }

    if (error == NULL) {
        evolu_keys_say("cannot read standard input: %s", strerror(errno));

    } else {
        evolu_keys_say("line %zu of standard input is no CSV: %s; nothing "
                       "was written", import->csv->line, error);
    }

    return EVOLU_KEYS_REFUSED;
}


/* Whether what was read may be acted on; says why not. */

static evolu_keys_status_t
evolu_keys_import_admit(const evolu_keys_import_t *import)
{
    unsigned  given;

    given = import->keys->options.given;

    if (import->unusable != 0 && !(given & EVOLU_KEYS_SKIP_UNUSABLE)) {
        evolu_keys_say("%zu row%s cannot be used, so nothing was written: "
                       "mend %s, or give --skip-unusable", import->unusable,
                       import->unusable == 1 ? "" : "s",
                       import->unusable == 1 ? "it" : "them");
        return EVOLU_KEYS_REFUSED;
    }

    return (given & EVOLU_KEYS_PRUNE) ? evolu_keys_import_may_prune(import)
                                      : EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_import_gone(evolu_keys_import_t *import)
{
    evolu_keys_status_t  status;

    status = import->store->instances(import->store,
                                      evolu_keys_import_gone_name, import);

    evolu_keys_rows_sort(&import->rows);

    return status;
}


/*
 * No line at all is what is left of a query that failed, and rows of which
 * none gives a key are a wrong query or a client that is spelled wrong, more
 * likely than a table without instances.  That one is a heading alone.
 *
 * A row whose token cannot be used is there, but its key goes: the token of the
 * key is the instance's no more.  Not so where a row does not tell.
 */

static evolu_keys_status_t
evolu_keys_import_may_prune(const evolu_keys_import_t *import)
{
    if (import->read == 0 && !import->named) {
        evolu_keys_say("standard input is empty, and --prune would remove "
                       "everything: if that is so, say it with the heading "
                       "\"name,token\"");
        return EVOLU_KEYS_REFUSED;
    }

    if (import->unclear != 0) {
        evolu_keys_say("%zu row%s not UTF-8 or there again with another "
                       "token, and --prune could remove a key that is good: "
                       "mend %s, or leave --prune out", import->unclear,
                       import->unclear == 1 ? " is" : "s are",
                       import->unclear == 1 ? "it" : "them");
        return EVOLU_KEYS_REFUSED;
    }

    if (import->read == 0 || import->rows.n != 0) {
        return EVOLU_KEYS_DONE;
    }

    if (import->other == import->read) {
        evolu_keys_say("no row has the clientName that --client says, and "
                       "--prune would remove everything: look how it is "
                       "spelled, or if that is so, say it with the heading "
                       "\"name,token,clientName\" alone");
        return EVOLU_KEYS_REFUSED;
    }

    evolu_keys_say("no row gives a key, and --prune would remove everything: "
                   "look at the rows, or if that is so, say it with the "
                   "heading alone");

    return EVOLU_KEYS_REFUSED;
}


static void
evolu_keys_import_gone_name(evolu_bytes_t name, void *data)
{
    size_t                n;
    evolu_locator_t       locator;
    evolu_keys_import_t  *import;

    import = data;

    memset(&locator, 0, sizeof(evolu_locator_t));
    locator.scope = EVOLU_SCOPE_INSTANCE;
    locator.name = name;

    if (evolu_keys_rows_find(&import->rows, &locator, &n) == NULL) {
        evolu_keys_rows_add(&import->rows, &locator, import->id)->gone = 1;
    }
}


static evolu_keys_status_t
evolu_keys_import_hidden(evolu_keys_import_t *import)
{
    evolu_keys_store_t  *file;

    file = import->keys->file;

    return file->instances(file, evolu_keys_import_hidden_name, import);
}


static void
evolu_keys_import_hidden_name(evolu_bytes_t name, void *data)
{
    size_t                n;
    evolu_bytes_t         text;
    unsigned char         buf[EVOLU_LOCATOR_MAX];
    evolu_locator_t       locator;
    evolu_keys_import_t  *import;

    import = data;

    memset(&locator, 0, sizeof(evolu_locator_t));
    locator.scope = EVOLU_SCOPE_INSTANCE;
    locator.name = name;

    if (evolu_keys_rows_find(&import->rows, &locator, &n) != NULL) {
        text.data = buf;
        text.len = evolu_locator_print(&locator, buf);

        evolu_keys_import_problem(import, 0, text,
                                  "warning: the key file holds it, too, and "
                                  "hides it");
    }
}


void
evolu_keys_import_unusable(evolu_keys_import_t *import, size_t line,
    evolu_bytes_t locator, const char *why)
{
    import->unusable++;

    evolu_keys_import_problem(import, line, locator, why);
}


void
evolu_keys_import_problem(evolu_keys_import_t *import, size_t line,
    evolu_bytes_t locator, const char *why)
{
    char        *text;
    json_t      *json;
    const char  *more;

    more = "";

    if (locator.len > EVOLU_KEYS_NAME_SHOWN) {
        locator.len = EVOLU_KEYS_NAME_SHOWN;
        more = "...";
    }

    if (import->keys->options.json) {
        json = json_object();

        json_object_set_new(json, "line", line == 0 ? json_null()
                            : json_integer((json_int_t) line));
        json_object_set_new(json, "locator", evolu_keys_json_text(locator));
        json_object_set_new(json, "problem", json_string(why));

        json_array_append_new(import->problems, json);
        return;
    }

    text = evolu_keys_text(locator);

    if (line == 0) {
        evolu_keys_say("%s%s: %s", text, more, why);

    } else {
        evolu_keys_say("line %zu: %s%s: %s", line, text, more, why);
    }

    free(text);
}


static evolu_keys_status_t
evolu_keys_import_answer(evolu_keys_import_t *import)
{
    char                  *text;
    size_t                 i, outcomes[EVOLU_KEYS_ROW_OUTCOMES];
    evolu_keys_row_t      *row;
    evolu_keys_status_t    status;
    evolu_keys_options_t  *o;

    o = &import->keys->options;
    memset(outcomes, 0, sizeof(outcomes));

    for (i = 0; i < import->rows.n; i++) {
        row = &import->rows.rows[i];
        outcomes[row->outcome]++;
    }

    evolu_keys_import_notes(import);

    status = EVOLU_KEYS_DONE;

    if (o->json) {
        status = evolu_keys_import_json(import, outcomes);

    } else {
        text = evolu_keys_format("created %zu, changed %zu, unchanged %zu, "
                    "removed %zu, failed %zu, unusable %zu%s",
                    outcomes[EVOLU_KEYS_ROW_CREATED],
                    outcomes[EVOLU_KEYS_ROW_CHANGED],
                    outcomes[EVOLU_KEYS_ROW_UNCHANGED],
                    outcomes[EVOLU_KEYS_ROW_REMOVED],
                    outcomes[EVOLU_KEYS_ROW_FAILED], import->unusable,
                    (o->given & EVOLU_KEYS_DRY_RUN)
                    ? " (dry run: nothing was written)" : "");
        evolu_keys_terminal_wrap(stdout, 0, 0, text);
        free(text);
    }

    if (outcomes[EVOLU_KEYS_ROW_FAILED] != 0) {
        return EVOLU_KEYS_REFUSED;
    }

    return status;
}


static void
evolu_keys_import_notes(const evolu_keys_import_t *import)
{
    if (import->without != 0) {
        evolu_keys_say("without a token: %zu", import->without);
    }

    if (import->other != 0) {
        evolu_keys_say("of other clients: %zu", import->other);
    }

    if (import->repeated != 0) {
        evolu_keys_say("repeated rows: %zu", import->repeated);
    }

    if (import->shared != 0) {
        evolu_keys_say("instances that share a token with another: %zu",
                       import->shared);
    }

    if (import->guessable != 0) {
        evolu_keys_say("warning: %zu tokens are short or simple, and without "
                       "a pepper they could be guessed from their hashes: "
                       "give --pepper", import->guessable);
    }
}


static evolu_keys_status_t
evolu_keys_import_json(evolu_keys_import_t *import, const size_t *outcomes)
{
    size_t   i;
    json_t  *json;

    const struct {
        const char  *name;
        size_t       n;
    } counts[] = {
        { "read", import->read },
        { "created", outcomes[EVOLU_KEYS_ROW_CREATED] },
        { "changed", outcomes[EVOLU_KEYS_ROW_CHANGED] },
        { "unchanged", outcomes[EVOLU_KEYS_ROW_UNCHANGED] },
        { "removed", outcomes[EVOLU_KEYS_ROW_REMOVED] },
        { "failed", outcomes[EVOLU_KEYS_ROW_FAILED] },
        { "unusable", import->unusable },
        { "without_token", import->without },
        { "other_clients", import->other },
        { "repeated", import->repeated },
        { "shared", import->shared }
    };

    json = json_object();

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        json_object_set_new(json, counts[i].name,
                            json_integer((json_int_t) counts[i].n));
    }

    json_object_set_new(json, "dry_run",
                        json_boolean(import->keys->options.given
                                     & EVOLU_KEYS_DRY_RUN));
    json_object_set(json, "problems", import->problems);

    return evolu_keys_json_print(json);
}
