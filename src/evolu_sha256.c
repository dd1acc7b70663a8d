
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <sodium.h>

#include "evolu_sha256.h"


_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(evolu_sha256_t),
               "libsodium's state fits");


void
evolu_sha256_init(evolu_sha256_t *state)
{
    crypto_hash_sha256_init((crypto_hash_sha256_state *) state);
}


void
evolu_sha256_update(evolu_sha256_t *state, evolu_bytes_t data)
{
    crypto_hash_sha256_update((crypto_hash_sha256_state *) state, data.data,
                              data.len);
}


void
evolu_sha256_final(evolu_sha256_t *state,
    unsigned char out[EVOLU_SHA256_SIZE])
{
    crypto_hash_sha256_final((crypto_hash_sha256_state *) state, out);
}
