
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What a credential is: classify and split credential text.
 */


#ifndef _EVOLU_CREDENTIAL_H_INCLUDED_
#define _EVOLU_CREDENTIAL_H_INCLUDED_


#include "evolu_bytes.h"


/* limits of the grammar, in bytes (contract, section 1) */

#define EVOLU_OPAQUE_MIN   8
#define EVOLU_OPAQUE_MAX   4096
#define EVOLU_SLUG_MAX     64
#define EVOLU_SECRET_MIN   16
#define EVOLU_SECRET_MAX   128


typedef enum {
    EVOLU_MODE_LIVE = 1,
    EVOLU_MODE_TEST = 2
} evolu_mode_t;


typedef enum {
    EVOLU_FAMILY_OPAQUE = 1,     /* instance token or global key */
    EVOLU_FAMILY_CAMPAIGN
} evolu_family_t;


typedef enum {
    EVOLU_CREDENTIAL_OK = 0,
    EVOLU_CREDENTIAL_MISSING,    /* nothing there once trimmed */
    EVOLU_CREDENTIAL_MALFORMED,  /* breaks length or grammar */
    EVOLU_CREDENTIAL_OTHER       /* evolu_credential_bearer() only: the value
                                    belongs to another authentication scheme */
} evolu_credential_status_t;


/* all pointers lead into the text that was parsed */

typedef struct {
    evolu_family_t  family;
    evolu_bytes_t   text;        /* the whole credential, trimmed */
    evolu_mode_t    mode;        /* the rest: campaign keys only */
    evolu_bytes_t   slug;
    evolu_bytes_t   secret;      /* what follows the third underscore */
} evolu_credential_t;


/*
 * Trims outer spaces and tabs, then classifies and checks the text (contract,
 * section 1).  Text that begins with "evolu_live_" or "evolu_test_" is a
 * campaign key and nothing else.  Fills *c only on EVOLU_CREDENTIAL_OK; *c
 * points into text.  Never returns EVOLU_CREDENTIAL_OTHER.
 */
evolu_credential_status_t evolu_credential_parse(evolu_bytes_t text,
    evolu_credential_t *c);

/*
 * The two halves of that: what can be told without a look at every byte, and
 * whether each byte is one that may stand there.  A credential is good only
 * after both, unless it is known to be one that was.  _check(): _OK or
 * _MALFORMED.
 */
evolu_credential_status_t evolu_credential_split(evolu_bytes_t text,
    evolu_credential_t *c);
evolu_credential_status_t evolu_credential_check(const evolu_credential_t *c);

/*
 * The token of an Authorization value with the Bearer scheme: the scheme in
 * any case, one or more spaces, one token without space, comma or tab (RFC
 * 6750 2.1, RFC 9110 11.1; contract, section 2, evolu_auth_key_sources).
 *
 * EVOLU_CREDENTIAL_OK         *token points into value
 * EVOLU_CREDENTIAL_MISSING    the scheme alone, *token is empty
 * EVOLU_CREDENTIAL_MALFORMED  Bearer, but not one clean token after it; of a
 *                             campaign key evolu_credential_check() says so
 * EVOLU_CREDENTIAL_OTHER      another scheme ("Basic x", "Bearerx y"), or
 *                             nothing at all: not a credential of ours
 *
 * The token itself is not checked further: see evolu_credential_parse().
 */
evolu_credential_status_t evolu_credential_bearer(evolu_bytes_t value,
    evolu_bytes_t *token);

/* 1 when slug is [A-Za-z0-9-]{1,64}, else 0 */
int evolu_credential_slug_valid(evolu_bytes_t slug);

/* "live" or "test" */
const char *evolu_mode_name(evolu_mode_t mode);

/* EVOLU_MODE_LIVE or EVOLU_MODE_TEST for exactly "live" or "test", else 0 */
int evolu_mode_parse(evolu_bytes_t text);


#endif /* _EVOLU_CREDENTIAL_H_INCLUDED_ */
