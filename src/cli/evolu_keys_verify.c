
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys verify: the verdict that an edge with these stores would give.
 */


#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "../evolu_target.h"
#include "evolu_keys_input.h"
#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"
#include "evolu_keys_view.h"


typedef struct {
    evolu_keys_t     *keys;
    evolu_policy_t    policy;
    evolu_facts_t     facts;
    evolu_digests_t   digests;
    evolu_verdict_t   verdict;
    evolu_bytes_t     instance;      /* who it is, where allowed */
    unsigned          no_globals;    /* it may be one, and they are not here */
    unsigned char     name[EVOLU_INSTANCE_MAX];
    void             *image;
} evolu_keys_verify_t;


static evolu_keys_status_t evolu_keys_verify_request(evolu_keys_verify_t *v);
static evolu_keys_status_t evolu_keys_verify_credential(
    evolu_keys_verify_t *v, unsigned char *buf);
static evolu_keys_status_t evolu_keys_verify_admit(evolu_keys_verify_t *v);
static evolu_keys_status_t evolu_keys_verify_next(evolu_keys_verify_t *v,
    evolu_next_t next);
static evolu_keys_status_t evolu_keys_verify_judge(evolu_keys_verify_t *v,
    const evolu_locator_t *locator);
static evolu_keys_status_t evolu_keys_verify_token(evolu_keys_verify_t *v);
static evolu_keys_status_t evolu_keys_verify_names(evolu_keys_verify_t *v,
    const evolu_keys_record_t *set);
static evolu_keys_status_t evolu_keys_verify_load(evolu_keys_verify_t *v,
    const evolu_locator_t *locator, evolu_record_t **record);
static void evolu_keys_verify_named(evolu_keys_verify_t *v,
    evolu_bytes_t instance);
static evolu_keys_status_t evolu_keys_verify_answer(evolu_keys_verify_t *v);
static void evolu_keys_verify_print(evolu_keys_verify_t *v);
static void evolu_keys_verify_encoded(const char *name, evolu_bytes_t text);
static evolu_keys_status_t evolu_keys_verify_json(evolu_keys_verify_t *v);
static evolu_bytes_t evolu_keys_verify_campaign(evolu_keys_verify_t *v);


evolu_keys_status_t
evolu_keys_verify(evolu_keys_t *keys)
{
    unsigned char        buf[EVOLU_KEYS_CREDENTIAL_SIZE];
    evolu_keys_status_t  status;
    evolu_keys_verify_t  v;

    memset(&v, 0, sizeof(evolu_keys_verify_t));

    v.keys = keys;
    v.image = evolu_keys_alloc(EVOLU_IMAGE_MAX);

    status = evolu_keys_verify_request(&v);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_verify_credential(&v, buf);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_verify_admit(&v);
    }

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_verify_answer(&v);
    }

    evolu_digests_wipe(&v.digests);
    sodium_memzero(buf, sizeof(buf));
    free(v.image);

    return status;
}


/* A location that accepts everything, or what LOCATOR addresses. */

static evolu_keys_status_t
evolu_keys_verify_request(evolu_keys_verify_t *v)
{
    evolu_locator_t       locator;
    evolu_keys_status_t   status;

    v->policy.scopes = EVOLU_SCOPE_GLOBAL|EVOLU_SCOPE_INSTANCE
                       |EVOLU_SCOPE_CAMPAIGN;
    v->policy.modes = EVOLU_MODE_LIVE|EVOLU_MODE_TEST;
    v->policy.token_index = 1;

    v->facts.now = v->keys->options.now;
    v->facts.address = v->keys->options.address;

    if (v->keys->options.nargs == 0) {
        return EVOLU_KEYS_DONE;
    }

    status = evolu_keys_locator(v->keys, v->keys->options.args[0], &locator);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    switch (locator.scope) {

    case EVOLU_SCOPE_GLOBAL:
        v->policy.scopes = EVOLU_SCOPE_GLOBAL;
        break;

    case EVOLU_SCOPE_INSTANCE:
        v->policy.instance = 1;
        v->facts.instance = locator.name;
        break;

    default: /* EVOLU_SCOPE_CAMPAIGN */
        v->policy.campaign = 1;
        v->policy.modes = locator.mode;
        v->facts.campaign = locator.name;
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_verify_credential(evolu_keys_verify_t *v, unsigned char *buf)
{
    size_t                len;
    evolu_bytes_t         text;
    evolu_keys_status_t   status;

    status = evolu_keys_input_line(buf, &len);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    text.data = buf;
    text.len = len;

    v->facts.status = evolu_credential_parse(text, &v->facts.credential);

    if (v->facts.status == EVOLU_CREDENTIAL_OK) {
        v->digests.text = v->facts.credential.text;

        if (v->facts.credential.family == EVOLU_FAMILY_CAMPAIGN) {
            v->digests.secret = v->facts.credential.secret;
        }
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_verify_admit(evolu_keys_verify_t *v)
{
    uint64_t              matched;
    evolu_next_t          next;
    evolu_record_t       *global;
    evolu_locator_t       locator;
    evolu_keys_status_t   status;

    global = NULL;
    matched = 0;

    if (!evolu_verdict_tries_global(&v->policy, &v->facts)) {
        /* it is none of them */

    } else if (v->keys->file == NULL) {
        v->no_globals = 1;

    } else {
        memset(&locator, 0, sizeof(evolu_locator_t));
        locator.scope = EVOLU_SCOPE_GLOBAL;

        status = evolu_keys_verify_load(v, &locator, &global);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }

        if (global != NULL) {
            matched = evolu_record_match(global, &v->digests,
                                         v->keys->peppers);
        }
    }

    next = evolu_verdict_admit(&v->policy, &v->facts, global, matched,
                               &v->verdict);

    if (v->verdict.scope == EVOLU_SCOPE_GLOBAL) {
        v->instance = v->facts.instance;
    }

    return evolu_keys_verify_next(v, next);
}


static evolu_keys_status_t
evolu_keys_verify_next(evolu_keys_verify_t *v, evolu_next_t next)
{
    evolu_locator_t  locator;

    memset(&locator, 0, sizeof(evolu_locator_t));

    switch (next) {

    case EVOLU_NEXT_CAMPAIGN:
        locator.scope = EVOLU_SCOPE_CAMPAIGN;
        locator.mode = v->facts.credential.mode;
        locator.name = v->facts.credential.slug;
        return evolu_keys_verify_judge(v, &locator);

    case EVOLU_NEXT_INSTANCE:
        locator.scope = EVOLU_SCOPE_INSTANCE;
        locator.name = v->facts.instance;
        return evolu_keys_verify_judge(v, &locator);

    case EVOLU_NEXT_TOKEN:
        return evolu_keys_verify_token(v);

    default:
        return EVOLU_KEYS_DONE;
    }
}


static evolu_keys_status_t
evolu_keys_verify_judge(evolu_keys_verify_t *v,
    const evolu_locator_t *locator)
{
    uint64_t              matched;
    evolu_record_t       *record;
    evolu_keys_status_t   status;

    status = evolu_keys_verify_load(v, locator, &record);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    matched = record == NULL ? 0 : evolu_record_match(record, &v->digests,
                                                      v->keys->peppers);

    evolu_verdict_judge(&v->policy, &v->facts, record, matched, &v->verdict);

    if (locator->scope == EVOLU_SCOPE_INSTANCE) {
        evolu_keys_verify_named(v, locator->name);

    } else if (record != NULL) {
        evolu_keys_verify_named(v, evolu_record_instance(record));
    }

    return EVOLU_KEYS_DONE;
}


/* The name may live in a reply or in the image, which go. */

static void
evolu_keys_verify_named(evolu_keys_verify_t *v, evolu_bytes_t instance)
{
    memcpy(v->name, instance.data, instance.len);

    v->instance.data = v->name;
    v->instance.len = instance.len;
}


static evolu_keys_status_t
evolu_keys_verify_token(evolu_keys_verify_t *v)
{
    evolu_bytes_t         token;
    unsigned char         buf[EVOLU_LOCATOR_MAX];
    evolu_algorithm_t     algorithm;
    evolu_keys_store_t   *redis;
    evolu_keys_record_t   set;
    evolu_keys_status_t   status;

    redis = v->keys->redis;

    evolu_verdict_judge(&v->policy, &v->facts, NULL, 0, &v->verdict);

    if (redis == NULL) {
        evolu_keys_say("this is no global key, and only Redis has an index "
                       "of instance tokens: name the instance, as in "
                       "\"verify instance:NAME\"");
        return EVOLU_KEYS_DONE;
    }

    algorithm = evolu_algorithm_default(v->keys->peppers);

    token.data = buf;
    token.len = evolu_locator_token(algorithm, v->keys->peppers,
                                    evolu_digests_get(&v->digests, algorithm,
                                                      v->keys->peppers),
                                    buf);

    status = redis->names(redis, token, &set);
    sodium_memzero(buf, sizeof(buf));

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    if (!set.wrong_type && set.n <= EVOLU_KEYS_NAMES_MAX) {
        status = evolu_keys_verify_names(v, &set);
    }

    redis->release(&set);

    return status;
}


/*
 * The first instance that allows wins, else the first that is there; with more
 * than one that allows there is none to name.
 */

static evolu_keys_status_t
evolu_keys_verify_names(evolu_keys_verify_t *v,
    const evolu_keys_record_t *set)
{
    size_t                i;
    unsigned              allowed;
    evolu_bytes_t         winner;
    evolu_locator_t       locator;
    evolu_verdict_t       verdict;
    evolu_keys_status_t   status;

    memset(&locator, 0, sizeof(evolu_locator_t));
    locator.scope = EVOLU_SCOPE_INSTANCE;

    verdict = v->verdict;
    winner = evolu_literal("");
    allowed = 0;

    for (i = 0; i < set->n; i++) {
        locator.name = set->fields[i].name;

        if (!evolu_instance_valid(locator.name)) {
            continue;
        }

        status = evolu_keys_verify_judge(v, &locator);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }

        if (v->verdict.reason == EVOLU_REASON_OK && allowed++ == 0) {
            verdict = v->verdict;
            winner = locator.name;

        } else if (verdict.reason == EVOLU_REASON_UNKNOWN) {
            verdict = v->verdict;
        }
    }

    v->verdict = verdict;

    if (allowed != 1) {
        winner.len = 0;
    }

    evolu_keys_verify_named(v, winner);

    return EVOLU_KEYS_DONE;
}


/*
 * *record is NULL where there is none, or a void one; valid until the next
 * call.
 */

static evolu_keys_status_t
evolu_keys_verify_load(evolu_keys_verify_t *v,
    const evolu_locator_t *locator, evolu_record_t **record)
{
    unsigned                i, found;
    evolu_keys_store_t     *stores[2];
    evolu_keys_status_t     status;
    evolu_keys_record_t     fields;
    evolu_record_report_t   report;

    *record = NULL;

    stores[0] = v->keys->file;
    stores[1] = locator->scope == EVOLU_SCOPE_GLOBAL ? NULL : v->keys->redis;

    for (i = 0, found = 0; i < 2 && !found; i++) {

        if (stores[i] == NULL) {
            continue;
        }

        status = stores[i]->load(stores[i], locator, &fields);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }

        found = fields.found;

        if (found) {
            *record = evolu_record_decode(fields.fields, fields.n, locator,
                                          v->keys->peppers, v->image,
                                          &report);
        }

        stores[i]->release(&fields);
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_verify_answer(evolu_keys_verify_t *v)
{
    evolu_keys_status_t  status;

    if (v->verdict.reason == EVOLU_REASON_ADDRESS
        && v->keys->options.address.family == EVOLU_ADDRESS_NONE)
    {
        evolu_keys_say("the key is good from certain addresses only: give "
                       "the client's with --address");
    }

    if (v->no_globals && v->verdict.reason != EVOLU_REASON_OK) {
        evolu_keys_say("global keys were not looked at: give --file or "
                       "--nginx-conf");
    }

    status = EVOLU_KEYS_DONE;

    if (v->keys->options.json) {
        status = evolu_keys_verify_json(v);

    } else {
        evolu_keys_verify_print(v);
    }

    if (status == EVOLU_KEYS_DONE && v->verdict.reason != EVOLU_REASON_OK) {
        status = EVOLU_KEYS_REFUSED;
    }

    return status;
}


/* Names look as they do in the identity headers. */

static void
evolu_keys_verify_print(evolu_keys_verify_t *v)
{
    evolu_bytes_t  id;

    id.data = v->verdict.key_id;
    id.len = v->verdict.key_id_len;

    if (v->verdict.reason != EVOLU_REASON_OK) {
        evolu_keys_terminal_colour(stdout, EVOLU_KEYS_COLOUR_BAD, "denied");
        printf(" reason=%s", evolu_reason_name(v->verdict.reason));
        evolu_keys_verify_encoded("id", id);
        putchar('\n');
        return;
    }

    evolu_keys_terminal_colour(stdout, EVOLU_KEYS_COLOUR_GOOD, "allowed");
    printf(" scope=%s", evolu_scope_name(v->verdict.scope));

    evolu_keys_verify_encoded("id", id);
    evolu_keys_verify_encoded("instance", v->instance);
    evolu_keys_verify_encoded("campaign", evolu_keys_verify_campaign(v));

    printf(" livemode=%s", v->verdict.livemode ? "true" : "false");

    if (v->verdict.exp != EVOLU_NEVER) {
        printf(" expires_at=%" PRId64, v->verdict.exp);
    }

    putchar('\n');
}


static void
evolu_keys_verify_encoded(const char *name, evolu_bytes_t text)
{
    size_t         len;
    unsigned char  buf[3 * EVOLU_INSTANCE_MAX];

    if (text.len == 0) {
        return;
    }

    len = evolu_percent_encode(text, buf);
    printf(" %s=%.*s", name, (int) len, (const char *) buf);
}


/* The members of evolu_auth_whoami, result and reason. */

static evolu_keys_status_t
evolu_keys_verify_json(evolu_keys_verify_t *v)
{
    json_t         *json;
    unsigned        allowed;
    evolu_bytes_t   id, campaign;

    id.data = v->verdict.key_id;
    id.len = v->verdict.key_id_len;

    allowed = v->verdict.reason == EVOLU_REASON_OK;
    campaign = evolu_keys_verify_campaign(v);

    json = json_object();

    json_object_set_new(json, "result",
                        json_string(allowed ? "allowed" : "denied"));
    json_object_set_new(json, "reason",
                    json_string(evolu_reason_name(v->verdict.reason)));
    json_object_set_new(json, "scope", !allowed ? json_null()
                    : json_string(evolu_scope_name(v->verdict.scope)));
    json_object_set_new(json, "instance",
                        !allowed || v->instance.len == 0
                        ? json_null() : evolu_keys_json_text(v->instance));
    json_object_set_new(json, "campaign", !allowed || campaign.len == 0
                        ? json_null() : evolu_keys_json_text(campaign));
    json_object_set_new(json, "livemode", !allowed
                        ? json_null() : json_boolean(v->verdict.livemode));
    json_object_set_new(json, "key_id", id.len == 0
                        ? json_null() : evolu_keys_json_text(id));
    json_object_set_new(json, "expires_at", !allowed
                        ? json_null() : evolu_keys_json_time(v->verdict.exp));

    return evolu_keys_json_print(json);
}


/* The credential's, or with a global key the one that is addressed. */

static evolu_bytes_t
evolu_keys_verify_campaign(evolu_keys_verify_t *v)
{
    if (v->verdict.scope == EVOLU_SCOPE_CAMPAIGN) {
        return v->facts.credential.slug;
    }

    return v->facts.campaign;
}
