
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_verdict.h"


static evolu_reason_t evolu_verdict_credential(const evolu_facts_t *facts);
static evolu_scope_t evolu_verdict_scope(const evolu_policy_t *policy,
    const evolu_facts_t *facts);
static evolu_reason_t evolu_verdict_family(const evolu_policy_t *policy,
    const evolu_facts_t *facts);
static unsigned evolu_verdict_bad_path(const evolu_policy_t *policy,
    const evolu_facts_t *facts);
static evolu_next_t evolu_verdict_next(const evolu_policy_t *policy,
    const evolu_facts_t *facts, evolu_verdict_t *verdict);
static unsigned evolu_verdict_belongs(const evolu_facts_t *facts,
    const evolu_record_t *record);
static evolu_reason_t evolu_verdict_request(const evolu_policy_t *policy,
    const evolu_facts_t *facts, const evolu_record_t *record);
static uint64_t evolu_verdict_entries(const evolu_record_t *record,
    uint64_t matched);
static void evolu_verdict_choose(const evolu_facts_t *facts,
    const evolu_record_t *record, uint64_t entries, evolu_reason_t request,
    evolu_verdict_t *verdict);
static evolu_reason_t evolu_verdict_entry(const evolu_facts_t *facts,
    const evolu_record_t *record, const evolu_entry_t *e);
static void evolu_verdict_fill(const evolu_record_t *record,
    const evolu_entry_t *e, evolu_reason_t reason, evolu_verdict_t *verdict);
static void evolu_verdict_clear(evolu_verdict_t *verdict);


static const struct {
    const char  *name;
    unsigned     status;
} evolu_reasons[EVOLU_REASONS] = {
    [EVOLU_REASON_NONE]              = { "-", 0 },
    [EVOLU_REASON_OK]                = { "ok", 200 },
    [EVOLU_REASON_CONNECTION_HEADER] = { "connection_header", 400 },
    [EVOLU_REASON_DUPLICATE]         = { "duplicate", 401 },
    [EVOLU_REASON_MISSING]           = { "missing", 401 },
    [EVOLU_REASON_MALFORMED]         = { "malformed", 401 },
    [EVOLU_REASON_THROTTLED]         = { "throttled", 429 },
    [EVOLU_REASON_SCOPE]             = { "scope", 403 },
    [EVOLU_REASON_WRONG_FAMILY]      = { "wrong_family", 401 },
    [EVOLU_REASON_BAD_PATH]          = { "bad_path", 400 },
    [EVOLU_REASON_UNAVAILABLE]       = { "unavailable", 503 },
    [EVOLU_REASON_UNKNOWN]           = { "unknown", 401 },
    [EVOLU_REASON_BAD_SECRET]        = { "bad_secret", 401 },
    [EVOLU_REASON_DISABLED]          = { "disabled", 401 },
    [EVOLU_REASON_NOT_YET_VALID]     = { "not_yet_valid", 401 },
    [EVOLU_REASON_EXPIRED]           = { "expired", 401 },
    [EVOLU_REASON_ADDRESS]           = { "address", 403 },
    [EVOLU_REASON_WRONG_MODE]        = { "wrong_mode", 403 },
    [EVOLU_REASON_WRONG_CAMPAIGN]    = { "wrong_campaign", 403 },
    [EVOLU_REASON_WRONG_INSTANCE]    = { "wrong_instance", 403 },
    [EVOLU_REASON_RESERVED_ARG]      = { "reserved_arg", 403 }
};


evolu_next_t
evolu_verdict_admit(const evolu_policy_t *policy, const evolu_facts_t *facts,
    const evolu_record_t *global, uint64_t matched, evolu_verdict_t *verdict)
{
    evolu_reason_t  reason;

    evolu_verdict_clear(verdict);

    reason = evolu_verdict_credential(facts);

    if (reason != EVOLU_REASON_NONE) {
        verdict->reason = reason;
        return EVOLU_NEXT_DONE;
    }

    verdict->scope = evolu_verdict_scope(policy, facts);
    matched = evolu_verdict_entries(global, matched);

    if (matched != 0 && global->scope == EVOLU_SCOPE_GLOBAL
        && evolu_verdict_tries_global(policy, facts))
    {
        /* the failure limit does not hold a global key up */

        if (evolu_verdict_bad_path(policy, facts)) {
            verdict->scope = EVOLU_SCOPE_GLOBAL;
            verdict->reason = EVOLU_REASON_BAD_PATH;

        } else {
            evolu_verdict_choose(facts, global, matched, EVOLU_REASON_OK,
                                 verdict);
        }

        return EVOLU_NEXT_DONE;
    }

    verdict->reason = evolu_verdict_family(policy, facts);

    if (verdict->reason != EVOLU_REASON_NONE) {
        return EVOLU_NEXT_DONE;
    }

    if (evolu_verdict_bad_path(policy, facts)) {
        verdict->reason = EVOLU_REASON_BAD_PATH;
        return EVOLU_NEXT_DONE;
    }

    return evolu_verdict_next(policy, facts, verdict);
}


int
evolu_verdict_tries_global(const evolu_policy_t *policy,
    const evolu_facts_t *facts)
{
    return (policy->scopes & EVOLU_SCOPE_GLOBAL) != 0
           && evolu_verdict_credential(facts) == EVOLU_REASON_NONE
           && facts->credential.family == EVOLU_FAMILY_OPAQUE;
}


static evolu_reason_t
evolu_verdict_credential(const evolu_facts_t *facts)
{
    if (facts->connection) {
        return EVOLU_REASON_CONNECTION_HEADER;
    }

    if (facts->duplicate) {
        return EVOLU_REASON_DUPLICATE;
    }

    switch (facts->status) {
    case EVOLU_CREDENTIAL_OK:
        return EVOLU_REASON_NONE;

    case EVOLU_CREDENTIAL_MISSING:
    case EVOLU_CREDENTIAL_OTHER:
        return EVOLU_REASON_MISSING;

    default:
        return EVOLU_REASON_MALFORMED;
    }
}


static evolu_scope_t
evolu_verdict_scope(const evolu_policy_t *policy, const evolu_facts_t *facts)
{
    if (facts->credential.family == EVOLU_FAMILY_CAMPAIGN) {
        return EVOLU_SCOPE_CAMPAIGN;
    }

    return (policy->scopes & EVOLU_SCOPE_INSTANCE) ? EVOLU_SCOPE_INSTANCE
                                                   : EVOLU_SCOPE_NONE;
}


/* Of a credential that is no global key: whether it may be looked up at all. */

static evolu_reason_t
evolu_verdict_family(const evolu_policy_t *policy, const evolu_facts_t *facts)
{
    unsigned  accepts;

    if (facts->throttled) {
        return EVOLU_REASON_THROTTLED;
    }

    if (policy->scopes == EVOLU_SCOPE_GLOBAL) {
        return EVOLU_REASON_SCOPE;
    }

    switch (facts->credential.family) {
    case EVOLU_FAMILY_CAMPAIGN:
        accepts = policy->scopes & EVOLU_SCOPE_CAMPAIGN;
        break;

    case EVOLU_FAMILY_OPAQUE:
        accepts = policy->scopes & EVOLU_SCOPE_INSTANCE;
        break;

    default:
        accepts = 0;
    }

    return accepts ? EVOLU_REASON_NONE : EVOLU_REASON_WRONG_FAMILY;
}


static unsigned
evolu_verdict_bad_path(const evolu_policy_t *policy,
    const evolu_facts_t *facts)
{
    if (!policy->instance && !policy->campaign) {
        return 0;
    }

    if (facts->bad_target) {
        return 1;
    }

    if (policy->campaign && facts->campaign.len == 0) {
        return 1;
    }

    return policy->instance && !evolu_instance_valid(facts->instance);
}


static evolu_next_t
evolu_verdict_next(const evolu_policy_t *policy, const evolu_facts_t *facts,
    evolu_verdict_t *verdict)
{
    if (facts->credential.family == EVOLU_FAMILY_CAMPAIGN) {
        return EVOLU_NEXT_CAMPAIGN;
    }

    if (policy->instance) {
        return EVOLU_NEXT_INSTANCE;
    }

    if (policy->token_index) {
        return EVOLU_NEXT_TOKEN;
    }

    /* nothing says which instance; the configuration refuses this */

    verdict->reason = EVOLU_REASON_UNKNOWN;

    return EVOLU_NEXT_DONE;
}


void
evolu_verdict_judge(const evolu_policy_t *policy, const evolu_facts_t *facts,
    const evolu_record_t *record, uint64_t matched, evolu_verdict_t *verdict)
{
    evolu_verdict_clear(verdict);

    verdict->scope = (facts->credential.family == EVOLU_FAMILY_CAMPAIGN)
                     ? EVOLU_SCOPE_CAMPAIGN : EVOLU_SCOPE_INSTANCE;

    if (record == NULL || !evolu_verdict_belongs(facts, record)) {
        verdict->reason = EVOLU_REASON_UNKNOWN;
        return;
    }

    matched = evolu_verdict_entries(record, matched);

    if (matched == 0) {
        verdict->reason = EVOLU_REASON_BAD_SECRET;
        return;
    }

    evolu_verdict_choose(facts, record, matched,
                         evolu_verdict_request(policy, facts, record),
                         verdict);
}


/* A record of another kind than the credential's can't vouch for it. */

static unsigned
evolu_verdict_belongs(const evolu_facts_t *facts,
    const evolu_record_t *record)
{
    switch (facts->credential.family) {
    case EVOLU_FAMILY_CAMPAIGN:
        return record->scope == EVOLU_SCOPE_CAMPAIGN
               && record->mode == facts->credential.mode;

    case EVOLU_FAMILY_OPAQUE:
        return record->scope == EVOLU_SCOPE_INSTANCE;

    default:
        return 0;
    }
}


/* What the request asks beyond what the key itself allows. */

static evolu_reason_t
evolu_verdict_request(const evolu_policy_t *policy, const evolu_facts_t *facts,
    const evolu_record_t *record)
{
    evolu_mode_t   mode;
    evolu_bytes_t  instance;

    mode = (record->flags & EVOLU_RECORD_LIVEMODE) ? EVOLU_MODE_LIVE
                                                   : EVOLU_MODE_TEST;

    if (!(policy->modes & mode)) {
        return EVOLU_REASON_WRONG_MODE;
    }

    if (record->scope == EVOLU_SCOPE_CAMPAIGN) {

        if (policy->campaign
            && !evolu_bytes_equal(facts->campaign, facts->credential.slug))
        {
            return EVOLU_REASON_WRONG_CAMPAIGN;
        }

        instance = evolu_record_instance(record);

        if (policy->instance
            && (instance.len == 0
                || !evolu_bytes_equal(instance, facts->instance)))
        {
            return EVOLU_REASON_WRONG_INSTANCE;
        }
    }

    if (facts->reserved_arg) {
        return EVOLU_REASON_RESERVED_ARG;
    }

    return EVOLU_REASON_OK;
}


/* A set of entries, without bits that stand for none. */

static uint64_t
evolu_verdict_entries(const evolu_record_t *record, uint64_t matched)
{
    if (record == NULL) {
        return 0;
    }

    if (record->nentries < EVOLU_RECORD_KEYS_MAX) {
        matched &= ((uint64_t) 1 << record->nentries) - 1;
    }

    return matched;
}


/*
 * Of the entries, at least one, the first that allows, else the first.
 * request is the reason for those that are good in themselves.
 */

static void
evolu_verdict_choose(const evolu_facts_t *facts, const evolu_record_t *record,
    uint64_t entries, evolu_reason_t request, evolu_verdict_t *verdict)
{
    evolu_entry_t   *e;
    evolu_reason_t   reason;

    verdict->reason = EVOLU_REASON_NONE;

    for ( /* void */ ; entries != 0; entries &= entries - 1) {
        e = evolu_record_entries(record) + __builtin_ctzll(entries);

        reason = evolu_verdict_entry(facts, record, e);

        if (reason == EVOLU_REASON_OK) {
            reason = request;
        }

        if (reason == EVOLU_REASON_OK
            || verdict->reason == EVOLU_REASON_NONE)
        {
            evolu_verdict_fill(record, e, reason, verdict);
        }

        if (reason == EVOLU_REASON_OK) {
            break;
        }
    }
}


static evolu_reason_t
evolu_verdict_entry(const evolu_facts_t *facts, const evolu_record_t *record,
    const evolu_entry_t *e)
{
    if ((e->flags & EVOLU_ENTRY_DISABLED)
        || (record->flags & EVOLU_RECORD_DISABLED))
    {
        return EVOLU_REASON_DISABLED;
    }

    if (facts->now < e->nbf) {
        return EVOLU_REASON_NOT_YET_VALID;
    }

    if (facts->now >= e->exp) {
        return EVOLU_REASON_EXPIRED;
    }

    if ((e->flags & EVOLU_ENTRY_RESTRICTED)
        && !evolu_address_in(&facts->address,
                             evolu_record_cidrs(record) + e->cidr, e->ncidrs))
    {
        return EVOLU_REASON_ADDRESS;
    }

    return EVOLU_REASON_OK;
}


static void
evolu_verdict_fill(const evolu_record_t *record, const evolu_entry_t *e,
    evolu_reason_t reason, evolu_verdict_t *verdict)
{
    verdict->reason = reason;
    verdict->scope = record->scope;
    verdict->livemode = (record->flags & EVOLU_RECORD_LIVEMODE) != 0;
    verdict->exp = e->exp;
    verdict->key_id_len = e->id_len;
    memcpy(verdict->key_id, e->id, EVOLU_KEY_ID_MAX);
}


static void
evolu_verdict_clear(evolu_verdict_t *verdict)
{
    memset(verdict, 0, sizeof(evolu_verdict_t));
    verdict->exp = EVOLU_NEVER;
}


int
evolu_verdict_repeatable(const evolu_record_t *record, uint64_t matched,
    int64_t *nbf)
{
    evolu_entry_t  *e;

    matched = evolu_verdict_entries(record, matched);

    if (matched == 0 || (matched & (matched - 1)) != 0) {
        return 0;
    }

    e = evolu_record_entries(record) + __builtin_ctzll(matched);

    *nbf = e->nbf;

    return (e->flags & EVOLU_ENTRY_RESTRICTED) == 0;
}


int
evolu_verdict_repeats(const evolu_verdict_t *verdict, int64_t nbf,
    const evolu_facts_t *facts)
{
    return verdict->reason == EVOLU_REASON_OK
           && !facts->connection
           && !facts->duplicate
           && !facts->bad_target
           && !facts->reserved_arg
           && !facts->throttled
           && facts->status == EVOLU_CREDENTIAL_OK
           && facts->now >= nbf
           && facts->now < verdict->exp;
}


const char *
evolu_reason_name(evolu_reason_t reason)
{
    return ((unsigned) reason < EVOLU_REASONS) ? evolu_reasons[reason].name
                                               : "-";
}


unsigned
evolu_reason_status(evolu_reason_t reason)
{
    return ((unsigned) reason < EVOLU_REASONS) ? evolu_reasons[reason].status
                                               : 0;
}
