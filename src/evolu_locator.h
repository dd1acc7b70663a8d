
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Names of records.  A locator is the text that follows the prefix in the
 * store, "campaign:live:aB3dE6gH" or "instance:shop", and "global" in the key
 * file.  The cache, the key file and the command know records by it.
 */


#ifndef _EVOLU_LOCATOR_H_INCLUDED_
#define _EVOLU_LOCATOR_H_INCLUDED_


#include "evolu_credential.h"
#include "evolu_digest.h"


#define EVOLU_INSTANCE_MAX  255

/* the longest is "token:hmac-sha256/<id>:<hex>" or "instance:<name>" */
#define EVOLU_LOCATOR_MAX   272


typedef enum {
    EVOLU_SCOPE_NONE = 0,
    EVOLU_SCOPE_GLOBAL = 1,
    EVOLU_SCOPE_INSTANCE = 2,
    EVOLU_SCOPE_CAMPAIGN = 4
} evolu_scope_t;


typedef struct {
    evolu_scope_t  scope;
    evolu_mode_t   mode;         /* campaigns only */
    evolu_bytes_t  name;         /* slug or instance name; empty: global */
} evolu_locator_t;


/* "global", "instance", "campaign", or "-" for EVOLU_SCOPE_NONE */
const char *evolu_scope_name(evolu_scope_t scope);

/*
 * 1 when name is 1 to 255 bytes, none below 0x20 nor 0x7F (contract, section
 * 4), else 0.
 */
int evolu_instance_valid(evolu_bytes_t name);

/*
 * Writes the text of a locator, unterminated, into buf of at least
 * EVOLU_LOCATOR_MAX bytes, and returns its length.  The name must be valid for
 * its scope.
 */
size_t evolu_locator_print(const evolu_locator_t *l, unsigned char *buf);

/*
 * Writes the name of a token's set in the token index (contract, section 6),
 * "token:<alg>:<hex>", into buf of at least EVOLU_LOCATOR_MAX bytes, and
 * returns its length.
 */
size_t evolu_locator_token(evolu_algorithm_t a,
    const evolu_peppers_t *peppers,
    const unsigned char digest[EVOLU_DIGEST_SIZE], unsigned char *buf);

/*
 * Reads "global", "instance:NAME" or "campaign:MODE:SLUG"; *l points into
 * text.  Returns 0, or -1 when the text is no valid locator.
 */
int evolu_locator_parse(evolu_bytes_t text, evolu_locator_t *l);


#endif /* _EVOLU_LOCATOR_H_INCLUDED_ */
