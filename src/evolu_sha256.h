
/*
 * Copyright (C) Evolu Auth Authors
 *
 * SHA-256 (FIPS 180-4), in pieces.  There are two of these, evolu_sha256.c by
 * libsodium and evolu_sha256_libcrypto.c by OpenSSL's library, which uses the
 * processor's instructions for it; a program is linked with one of them.
 */


#ifndef _EVOLU_SHA256_H_INCLUDED_
#define _EVOLU_SHA256_H_INCLUDED_


#include "evolu_bytes.h"


#define EVOLU_SHA256_SIZE   32
#define EVOLU_SHA256_BLOCK  64


/* room for the state of either; may be copied, and must be wiped by its owner
   when what went into it is secret */

typedef struct {
    uint64_t  opaque[16];
} evolu_sha256_t;


/* Begins a digest. */
void evolu_sha256_init(evolu_sha256_t *state);

/* Takes more of what is digested. */
void evolu_sha256_update(evolu_sha256_t *state, evolu_bytes_t data);

/* Ends it; the state is of no further use. */
void evolu_sha256_final(evolu_sha256_t *state,
    unsigned char out[EVOLU_SHA256_SIZE]);


#endif /* _EVOLU_SHA256_H_INCLUDED_ */
