
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <sodium.h>

#include "evolu_secret.h"


struct evolu_secret_s {
    size_t         len;
    unsigned char  text[];
};


evolu_secret_t *
evolu_secret_create(evolu_bytes_t text)
{
    evolu_secret_t  *secret;

    if (text.len > 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    if (text.len == 0 || text.len > EVOLU_SECRET_TEXT_MAX
        || memchr(text.data, '\n', text.len) != NULL
        || memchr(text.data, '\0', text.len) != NULL)
    {
        return NULL;
    }

    secret = sodium_malloc(sizeof(evolu_secret_t) + EVOLU_SECRET_TEXT_MAX);
    if (secret == NULL) {
        return NULL;
    }

    secret->len = text.len;
    memcpy(secret->text, text.data, text.len);

    return secret;
}


evolu_bytes_t
evolu_secret_text(const evolu_secret_t *secret)
{
    evolu_bytes_t  text;

    text.data = secret->text;
    text.len = secret->len;

    return text;
}


void
evolu_secret_lock(evolu_secret_t *secret)
{
    (void) sodium_mlock(secret, sizeof(evolu_secret_t) + secret->len);
}


void
evolu_secret_destroy(evolu_secret_t *secret)
{
    sodium_free(secret);
}
