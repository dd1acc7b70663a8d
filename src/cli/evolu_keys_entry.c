
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

#include "evolu_keys_entry.h"
#include "evolu_keys_print.h"
#include "evolu_keys_store.h"


/* " exp=99999999999" and a zero */
#define EVOLU_KEYS_EXP_SIZE  32


static evolu_bytes_t evolu_keys_entry_word(evolu_bytes_t *rest);


int
evolu_keys_entry_value(evolu_bytes_t entry, evolu_bytes_t name,
    evolu_bytes_t *value)
{
    evolu_bytes_t  word;

    for (word = evolu_keys_entry_word(&entry);
         word.len != 0;
         word = evolu_keys_entry_word(&entry))
    {
        if (word.len > name.len && word.data[name.len] == '='
            && memcmp(word.data, name.data, name.len) == 0)
        {
            value->data = word.data + name.len + 1;
            value->len = word.len - name.len - 1;
            return 1;
        }
    }

    return 0;
}


/* Cuts the next word off; empty when there is none. */

static evolu_bytes_t
evolu_keys_entry_word(evolu_bytes_t *rest)
{
    evolu_bytes_t  word;

    while (rest->len != 0 && *rest->data == ' ') {
        rest->data++;
        rest->len--;
    }

    word = *rest;

    while (rest->len != 0 && *rest->data != ' ') {
        rest->data++;
        rest->len--;
    }

    word.len -= rest->len;

    return word;
}


char *
evolu_keys_entry_create(evolu_bytes_t credential,
    const evolu_peppers_t *peppers, int64_t exp, evolu_bytes_t ip)
{
    char               *entry, *p;
    char                hash[EVOLU_KEYS_HASH_SIZE];
    unsigned char       digest[EVOLU_DIGEST_SIZE];
    evolu_algorithm_t   algorithm;

    algorithm = evolu_algorithm_default(peppers);
    evolu_digest(algorithm, peppers, credential, digest);
    evolu_keys_entry_hash(algorithm, peppers, digest, hash);

    entry = evolu_keys_alloc(sizeof("hash=") + sizeof(hash)
                             + EVOLU_KEYS_EXP_SIZE + sizeof(" ip=") + ip.len);

    p = entry + sprintf(entry, "hash=%s", hash);

    if (exp != EVOLU_NEVER) {
        p += sprintf(p, " exp=%" PRId64, exp);
    }

    if (ip.len != 0) {
        p += sprintf(p, " ip=");
        memcpy(p, ip.data, ip.len);
        p += ip.len;
    }

    *p = '\0';

    sodium_memzero(digest, sizeof(digest));

    return entry;
}


void
evolu_keys_entry_hash(evolu_algorithm_t algorithm,
    const evolu_peppers_t *peppers,
    const unsigned char digest[EVOLU_DIGEST_SIZE],
    char out[EVOLU_KEYS_HASH_SIZE])
{
    out += evolu_algorithm_print(algorithm, peppers, out);
    *out++ = ':';
    evolu_digest_hex(digest, out);
    out[EVOLU_DIGEST_HEX] = '\0';
}


char *
evolu_keys_entry_expire(evolu_bytes_t entry, int64_t exp)
{
    char  text[EVOLU_KEYS_EXP_SIZE];

    sprintf(text, "%" PRId64, exp);

    return evolu_keys_entry_set(entry, "exp", text);
}


/* A value that is there twice voids the entry: all make room for the new. */

char *
evolu_keys_entry_set(evolu_bytes_t entry, const char *name,
    const char *value)
{
    char           *copy, *p;
    size_t          len;
    evolu_bytes_t   word;

    len = strlen(name);

    copy = evolu_keys_alloc(entry.len + len + strlen(value) + 3);
    p = copy;

    for (word = evolu_keys_entry_word(&entry);
         word.len != 0;
         word = evolu_keys_entry_word(&entry))
    {
        if (word.len > len && word.data[len] == '='
            && memcmp(word.data, name, len) == 0)
        {
            continue;
        }

        memcpy(p, word.data, word.len);
        p += word.len;
        *p++ = ' ';
    }

    sprintf(p, "%s=%s", name, value);

    return copy;
}


size_t
evolu_keys_entry_token(evolu_bytes_t entry, unsigned char *buf)
{
    char                      hex[EVOLU_DIGEST_HEX];
    unsigned char            *p, digest[EVOLU_DIGEST_SIZE];
    evolu_bytes_t             hash, name, digits;
    evolu_algorithm_t         algorithm;
    const unsigned char      *colon;
    evolu_algorithm_status_t  status;

    if (!evolu_keys_entry_value(entry, evolu_literal("hash"), &hash)) {
        return 0;
    }

    colon = memchr(hash.data, ':', hash.len);

    if (colon == NULL) {
        return 0;
    }

    name.data = hash.data;
    name.len = (size_t) (colon - hash.data);
    digits.data = colon + 1;
    digits.len = hash.len - name.len - 1;

    status = evolu_algorithm_parse(name, NULL, &algorithm);

    if (status == EVOLU_ALGORITHM_UNKNOWN || name.len > EVOLU_ALGORITHM_MAX
        || evolu_digest_unhex(digits, digest) != 0)
    {
        return 0;
    }

    evolu_digest_hex(digest, hex);

    p = memcpy(buf, "token:", 6);
    p += 6;
    memcpy(p, name.data, name.len);
    p += name.len;
    *p++ = ':';
    memcpy(p, hex, EVOLU_DIGEST_HEX);

    return 6 + name.len + 1 + EVOLU_DIGEST_HEX;
}


size_t
evolu_keys_field_token(const evolu_field_t *field, unsigned char *buf)
{
    evolu_bytes_t  id;

    if (!evolu_keys_field_id(field, &id)) {
        return 0;
    }

    return evolu_keys_entry_token(field->value, buf);
}


size_t
evolu_keys_entry_index(const evolu_peppers_t *peppers, unsigned char *buf)
{
    unsigned char  digest[EVOLU_DIGEST_SIZE];

    memset(digest, 0, sizeof(digest));

    return evolu_locator_token(evolu_algorithm_default(peppers), peppers,
                               digest, buf)
           - EVOLU_DIGEST_HEX;
}
