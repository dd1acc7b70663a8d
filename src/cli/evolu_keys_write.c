
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_signal.h"
#include "evolu_keys_write.h"


/* "k" and at most this many digits is numbered on */
#define EVOLU_KEYS_DIGITS  9


static evolu_keys_status_t evolu_keys_write_change(evolu_keys_write_t *w,
    evolu_keys_edit_pt edit);
static evolu_keys_status_t evolu_keys_write_id(evolu_keys_write_t *w,
    const evolu_keys_record_t *record);
static unsigned long evolu_keys_write_number(evolu_bytes_t id);
static evolu_keys_status_t evolu_keys_write_valid(evolu_keys_write_t *w,
    const evolu_keys_record_t *record, const evolu_keys_change_t *change,
    const char *entry);
static evolu_keys_status_t evolu_keys_write_answer(evolu_keys_write_t *w);
static void evolu_keys_write_told(evolu_keys_write_t *w);
static evolu_keys_status_t evolu_keys_write_json(evolu_keys_write_t *w);


evolu_keys_status_t
evolu_keys_write_key(evolu_keys_t *keys, const evolu_locator_t *locator,
    evolu_keys_edit_pt edit)
{
    char                 *name;
    evolu_bytes_t         text;
    unsigned char         buf[EVOLU_LOCATOR_MAX];
    evolu_keys_write_t    w;
    evolu_keys_status_t   status;

    memset(&w, 0, sizeof(evolu_keys_write_t));

    status = evolu_keys_target(keys, locator, &w.store);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    w.keys = keys;
    w.locator = *locator;

    text.data = buf;
    text.len = evolu_locator_print(locator, buf);
    name = evolu_keys_text(text);
    strcpy(w.name, name);
    free(name);

    status = EVOLU_KEYS_DONE;

    if (keys->options.given & EVOLU_KEYS_TOKEN) {
        status = evolu_keys_input_credential(locator, w.secret,
                                             &w.credential);

    } else {
        evolu_keys_input_generate(locator, w.secret, &w.credential);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_write_change(&w, edit);
    }

    sodium_memzero(&w, sizeof(evolu_keys_write_t));

    return status;
}


static evolu_keys_status_t
evolu_keys_write_change(evolu_keys_write_t *w, evolu_keys_edit_pt edit)
{
    sigset_t             before;
    evolu_keys_status_t  status;

    if ((w->keys->options.given & EVOLU_KEYS_TOKEN)
        && evolu_peppers_count(w->keys->peppers) == 0
        && evolu_keys_input_guessable(w->credential))
    {
        evolu_keys_say("warning: this token is short or simple, and without "
                       "a pepper it could be guessed from its hash: give "
                       "--pepper");
    }

    /* held since the key is decided on: see evolu_keys_write_add() */

    evolu_keys_signal_save(&before);

    status = evolu_keys_change(w->store, &w->locator, edit, w);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_write_answer(w);

    } else if (w->store->unknown
               && !(w->keys->options.given & EVOLU_KEYS_TOKEN))
    {
        evolu_keys_say("if key %.*s of %s is there then, revoke it: nobody "
                       "has seen its credential", (int) w->id.len,
                       (const char *) w->id.data, w->name);
    }

    evolu_keys_signal_release(&before);

    return status;
}


evolu_keys_status_t
evolu_keys_write_sound(evolu_keys_write_t *w, const evolu_keys_view_t *view)
{
    unsigned              i;
    uint64_t              matched;
    evolu_digests_t       digests;
    evolu_credential_t    c;
    const evolu_entry_t  *e;

    if (view->record == NULL) {
        evolu_keys_say("the record of %s is void: %s; set it right with "
                       "redis-cli, or revoke it first", w->name,
                       evolu_fault_text(view->report.fault));
        return EVOLU_KEYS_REFUSED;
    }

    w->disabled = (view->record->flags & EVOLU_RECORD_DISABLED) != 0;

    memset(&digests, 0, sizeof(evolu_digests_t));
    digests.text = w->credential;

    if (evolu_credential_parse(w->credential, &c) == EVOLU_CREDENTIAL_OK
        && c.family == EVOLU_FAMILY_CAMPAIGN)
    {
        digests.secret = c.secret;
    }

    matched = evolu_record_match(view->record, &digests, w->store->peppers);
    evolu_digests_wipe(&digests);

    for (i = 0; i < view->record->nentries; i++) {
        if (matched & ((uint64_t) 1 << i)) {
            e = evolu_record_entries(view->record) + i;
            evolu_keys_say("this credential is key %.*s of %s already",
                           e->id_len, (const char *) e->id, w->name);
            return EVOLU_KEYS_REFUSED;
        }
    }

    return EVOLU_KEYS_DONE;
}


evolu_keys_status_t
evolu_keys_write_add(evolu_keys_write_t *w, const evolu_keys_record_t *record,
    evolu_keys_change_t *change, evolu_bytes_t allow)
{
    char                 *entry;
    evolu_keys_status_t   status;

    status = evolu_keys_write_id(w, record);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    entry = evolu_keys_entry_create(w->credential, w->store->peppers,
                                    w->keys->options.expires, allow);

    status = evolu_keys_change_add(change, w->id, entry);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_write_valid(w, record, change, entry);
    }

    free(entry);

    /* once it is written its credential must be shown */

    if (status == EVOLU_KEYS_DONE) {
        evolu_keys_signal_hold();
    }

    return status;
}


/* k1, or the number after the highest: an id does not come back so soon. */

static evolu_keys_status_t
evolu_keys_write_id(evolu_keys_write_t *w, const evolu_keys_record_t *record)
{
    size_t         i;
    evolu_bytes_t  id;
    unsigned long  number, highest;

    if (w->keys->options.given & EVOLU_KEYS_ID) {
        w->id = w->keys->options.id;

        if (evolu_keys_record_key(record, w->id) == NULL) {
            return EVOLU_KEYS_DONE;
        }

        evolu_keys_say("%s has a key %.*s already: choose another --id",
                       w->name, (int) w->id.len,
                       (const char *) w->id.data);
        return EVOLU_KEYS_REFUSED;
    }

    highest = 0;

    for (i = 0; i < record->n; i++) {
        if (evolu_keys_field_id(&record->fields[i], &id)) {
            number = evolu_keys_write_number(id);
            highest = number > highest ? number : highest;
        }
    }

    w->id.data = w->id_text;
    w->id.len = (size_t) sprintf((char *) w->id_text, "k%lu", highest + 1);

    return EVOLU_KEYS_DONE;
}


static unsigned long
evolu_keys_write_number(evolu_bytes_t id)
{
    size_t         i;
    unsigned long  number;

    if (id.len < 2 || id.len > 1 + EVOLU_KEYS_DIGITS || id.data[0] != 'k') {
        return 0;
    }

    number = 0;

    for (i = 1; i < id.len; i++) {
        if (id.data[i] < '0' || id.data[i] > '9') {
            return 0;
        }

        number = number * 10 + (id.data[i] - '0');
    }

    return number;
}


/* Nothing is written that the edge would not take. */

static evolu_keys_status_t
evolu_keys_write_valid(evolu_keys_write_t *w,
    const evolu_keys_record_t *record, const evolu_keys_change_t *change,
    const char *entry)
{
    evolu_cidr_t   cidrs[EVOLU_ENTRY_CIDRS_MAX];
    evolu_entry_t  e;
    evolu_fault_t  fault;

    fault = evolu_entry_decode(evolu_keys_string(entry), w->locator.scope,
                               w->store->peppers, &e, cidrs);

    if (fault == EVOLU_FAULT_NONE) {
        fault = evolu_keys_change_fault(record, change, w->store->peppers);
    }

    if (fault != EVOLU_FAULT_NONE) {
        evolu_keys_say("the record of %s would be void: %s", w->name,
                       evolu_fault_text(fault));
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}


/* A credential that was given is known; one that was made is shown once. */

static evolu_keys_status_t
evolu_keys_write_answer(evolu_keys_write_t *w)
{
    size_t               len;
    evolu_keys_status_t  status;

    evolu_keys_write_told(w);

    if (w->keys->options.json) {
        status = evolu_keys_write_json(w);

    } else if (w->keys->options.given & EVOLU_KEYS_TOKEN) {
        return EVOLU_KEYS_DONE;

    } else {
        len = w->credential.len;
        w->secret[len] = '\n';
        status = evolu_keys_write(w->secret, len + 1);
    }

    if (status != EVOLU_KEYS_DONE) {
        evolu_keys_say("key %.*s of %s was made but could not be shown: "
                       "revoke it", (int) w->id.len,
                       (const char *) w->id.data, w->name);
    }

    return status;
}


static void
evolu_keys_write_told(evolu_keys_write_t *w)
{
    char  time[EVOLU_KEYS_TIME_SIZE];

    evolu_keys_time(w->keys->options.expires, time);

    evolu_keys_say("created key %.*s of %s, expires %s", (int) w->id.len,
                   (const char *) w->id.data, w->name,
                   w->keys->options.expires == EVOLU_NEVER ? "never" : time);

    if (w->expiring != 0) {
        evolu_keys_time(w->keys->options.now + w->keys->options.overlap,
                        time);
        evolu_keys_say("%u older key%s of it now expire%s at %s",
                       w->expiring, w->expiring == 1 ? "" : "s",
                       w->expiring == 1 ? "s" : "", time);
    }

    if (w->disabled) {
        evolu_keys_say("warning: the record is disabled, so the key is "
                       "refused");
    }
}


static evolu_keys_status_t
evolu_keys_write_json(evolu_keys_write_t *w)
{
    json_t         *json;
    evolu_bytes_t   text;
    unsigned char   buf[EVOLU_LOCATOR_MAX];

    text.data = buf;
    text.len = evolu_locator_print(&w->locator, buf);

    json = json_object();

    json_object_set_new(json, "locator", evolu_keys_json_text(text));
    json_object_set_new(json, "key_id", evolu_keys_json_text(w->id));
    json_object_set_new(json, "credential",
                        (w->keys->options.given & EVOLU_KEYS_TOKEN)
                        ? json_null() : evolu_keys_json_text(w->credential));
    json_object_set_new(json, "expires_at",
                        evolu_keys_json_time(w->keys->options.expires));

    return evolu_keys_json_print(json);
}
