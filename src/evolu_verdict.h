
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The decision: policy of the location, facts of the request and a record
 * give a reason.  The order of the reasons is that of the contract, section 5.
 */


#ifndef _EVOLU_VERDICT_H_INCLUDED_
#define _EVOLU_VERDICT_H_INCLUDED_


#include "evolu_record.h"


typedef enum {
    EVOLU_REASON_NONE = 0,       /* not decided yet; also "off" */
    EVOLU_REASON_OK,
    EVOLU_REASON_CONNECTION_HEADER,
    EVOLU_REASON_DUPLICATE,
    EVOLU_REASON_MISSING,
    EVOLU_REASON_MALFORMED,
    EVOLU_REASON_THROTTLED,
    EVOLU_REASON_SCOPE,
    EVOLU_REASON_WRONG_FAMILY,
    EVOLU_REASON_BAD_PATH,
    EVOLU_REASON_UNAVAILABLE,
    EVOLU_REASON_UNKNOWN,
    EVOLU_REASON_BAD_SECRET,
    EVOLU_REASON_DISABLED,
    EVOLU_REASON_NOT_YET_VALID,
    EVOLU_REASON_EXPIRED,
    EVOLU_REASON_ADDRESS,
    EVOLU_REASON_WRONG_MODE,
    EVOLU_REASON_WRONG_CAMPAIGN,
    EVOLU_REASON_WRONG_INSTANCE,
    EVOLU_REASON_RESERVED_ARG
} evolu_reason_t;

#define EVOLU_REASONS  (EVOLU_REASON_RESERVED_ARG + 1)


/* what a location accepts */

typedef struct {
    unsigned  scopes;            /* set of evolu_scope_t */
    unsigned  modes;             /* set of evolu_mode_t */
    unsigned  instance:1;        /* an instance is addressed */
    unsigned  campaign:1;        /* a campaign is addressed */
    unsigned  token_index:1;
} evolu_policy_t;


/* what a request is */

typedef struct {
    evolu_credential_status_t  status;       /* of credential */
    evolu_credential_t         credential;   /* when EVOLU_CREDENTIAL_OK */
    evolu_bytes_t              instance;     /* addressed, decoded */
    evolu_bytes_t              campaign;
    evolu_address_t            address;      /* of the client */
    int64_t                    now;          /* unix seconds */
    unsigned                   connection:1; /* Connection names a header of
                                                ours */
    unsigned                   duplicate:1;  /* two credentials */
    unsigned                   throttled:1;  /* the failure limit */
    unsigned                   bad_target:1; /* evolu_target_t.bad, or an
                                                $evolu_arg_NAME that is bad */
    unsigned                   reserved_arg:1;
} evolu_facts_t;


/* the decision; plain values, no pointers, so it can be kept */

typedef struct {
    evolu_reason_t  reason;
    evolu_scope_t   scope;       /* of the credential, as far as known */
    unsigned char   livemode;    /* when allowed */
    unsigned char   key_id_len;  /* 0: no entry matched */
    unsigned char   key_id[EVOLU_KEY_ID_MAX];
    int64_t         exp;         /* of the key; EVOLU_NEVER: none */
} evolu_verdict_t;


/* what evolu_verdict_admit() asks for next */

typedef enum {
    EVOLU_NEXT_DONE = 0,         /* the verdict is final */
    EVOLU_NEXT_CAMPAIGN,         /* the record of the credential's campaign */
    EVOLU_NEXT_INSTANCE,         /* the record of the addressed instance */
    EVOLU_NEXT_TOKEN             /* the token index */
} evolu_next_t;


/*
 * Everything that is decided before a record is looked up.  global is the
 * record of global keys, or NULL, and matched the set of its entries that the
 * credential matches; both are used only where the location accepts global
 * keys.  matched may be computed lazily: evolu_verdict_tries_global() tells
 * whether it counts.
 */
evolu_next_t evolu_verdict_admit(const evolu_policy_t *policy,
    const evolu_facts_t *facts, const evolu_record_t *global, uint64_t matched,
    evolu_verdict_t *verdict);

/* 1 when the credential is to be tried as a global key here, else 0 */
int evolu_verdict_tries_global(const evolu_policy_t *policy,
    const evolu_facts_t *facts);

/*
 * The verdict by the record of the credential's campaign or of an instance:
 * record NULL is "unknown", matched the set of its matching entries.  Of
 * several the first in id order that allows wins, else the first.
 */
void evolu_verdict_judge(const evolu_policy_t *policy,
    const evolu_facts_t *facts, const evolu_record_t *record,
    uint64_t matched, evolu_verdict_t *verdict);

/*
 * 1 when an "ok" that evolu_verdict_judge() gave for this record and this set
 * of matching entries depends on nothing else but policy, credential and names
 * addressed, on the time, and on what evolu_verdict_repeats() looks at: one
 * entry matches, from every address.  *nbf is set to that entry's, then.
 */
int evolu_verdict_repeatable(const evolu_record_t *record, uint64_t matched,
    int64_t *nbf);

/*
 * 1 when such an "ok" is the verdict of these facts as well; who asks has
 * compared the rest of what it depends on.
 */
int evolu_verdict_repeats(const evolu_verdict_t *verdict, int64_t nbf,
    const evolu_facts_t *facts);

/* "ok", "bad_secret", ...; "-" for EVOLU_REASON_NONE */
const char *evolu_reason_name(evolu_reason_t reason);

/* The HTTP status of a reason: 400, 401, 403, 429, 503; 200 for "ok", else 0 */
unsigned evolu_reason_status(evolu_reason_t reason);


#endif /* _EVOLU_VERDICT_H_INCLUDED_ */
