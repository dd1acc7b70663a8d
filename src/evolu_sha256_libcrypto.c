
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The functions below are deprecated since OpenSSL 3.0 in favour of EVP, which
 * looks an algorithm up by its name for each digest, and allocates.
 */


#define OPENSSL_SUPPRESS_DEPRECATED

#include <openssl/sha.h>

#include "evolu_sha256.h"


_Static_assert(sizeof(SHA256_CTX) <= sizeof(evolu_sha256_t),
               "OpenSSL's state fits");


void
evolu_sha256_init(evolu_sha256_t *state)
{
    (void) SHA256_Init((SHA256_CTX *) state);
}


void
evolu_sha256_update(evolu_sha256_t *state, evolu_bytes_t data)
{
    (void) SHA256_Update((SHA256_CTX *) state, data.data, data.len);
}


void
evolu_sha256_final(evolu_sha256_t *state,
    unsigned char out[EVOLU_SHA256_SIZE])
{
    (void) SHA256_Final(out, (SHA256_CTX *) state);
}
