
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <sodium.h>

#include "evolu_digest.h"
#include "evolu_sha256.h"


/*
 * The fingerprint of a pepper is the HMAC of this text, hashed once more: the
 * HMAC itself, which is also the digest of a possible credential, stays here.
 */

#define EVOLU_FINGERPRINT_TEXT  "evolu_auth pepper fingerprint 1"


/*
 * A pepper is kept as the two states of an HMAC (RFC 2104) that have taken in
 * the key, which also spares two of the four SHA-256 blocks of every digest.
 */

typedef struct {
    evolu_sha256_t                inner;
    evolu_sha256_t                outer;
    unsigned char                 id_len;
    unsigned char                 id[EVOLU_PEPPER_ID_MAX];
} evolu_pepper_t;


_Static_assert(EVOLU_PEPPER_MAX <= EVOLU_SHA256_BLOCK
               && EVOLU_DIGEST_SIZE == EVOLU_SHA256_SIZE,
               "the key of an HMAC is used as it is");


struct evolu_peppers_s {
    unsigned                      n;
    evolu_pepper_t                pepper[EVOLU_PEPPERS_MAX];
};


typedef struct {
    evolu_bytes_t                 name;
    unsigned char                 peppered;
    unsigned char                 secret;
} evolu_algorithm_name_t;


static int evolu_digest_digit(unsigned char ch);
static int evolu_pepper_id_valid(evolu_bytes_t id);
static int evolu_pepper_read(evolu_bytes_t text, evolu_pepper_t *pepper);
static void evolu_pepper_pad(evolu_sha256_t *state, const unsigned char *key,
    size_t len, unsigned char pad);
static void evolu_pepper_hmac(const evolu_pepper_t *pepper, evolu_bytes_t data,
    unsigned char out[EVOLU_DIGEST_SIZE]);


/* in the order of evolu_algorithm_print(): peppered * 2 + secret */

static const evolu_algorithm_name_t  evolu_algorithm_names[] = {

    { { (const unsigned char *) "sha256", 6 }, 0, 0 },
    { { (const unsigned char *) "sha256-secret", 13 }, 0, 1 },
    { { (const unsigned char *) "hmac-sha256", 11 }, 1, 0 },
    { { (const unsigned char *) "hmac-sha256-secret", 18 }, 1, 1 }
};


int
evolu_digest_init(void)
{
    return sodium_init() == -1 ? -1 : 0;
}


evolu_peppers_t *
evolu_peppers_create(void)
{
    evolu_peppers_t  *peppers;

    peppers = sodium_malloc(sizeof(evolu_peppers_t));

    if (peppers != NULL) {
        sodium_memzero(peppers, sizeof(evolu_peppers_t));
    }

    return peppers;
}


void
evolu_peppers_destroy(evolu_peppers_t *peppers)
{
    sodium_free(peppers);
}


evolu_pepper_status_t
evolu_peppers_add(evolu_peppers_t *peppers, evolu_bytes_t id,
    evolu_bytes_t text)
{
    evolu_pepper_t  *pepper;

    if (!evolu_pepper_id_valid(id)) {
        return EVOLU_PEPPER_BAD_ID;
    }

    if (evolu_peppers_find(peppers, id) != -1) {
        return EVOLU_PEPPER_DUPLICATE;
    }

    if (peppers->n == EVOLU_PEPPERS_MAX) {
        return EVOLU_PEPPER_TOO_MANY;
    }

    pepper = &peppers->pepper[peppers->n];

    if (evolu_pepper_read(text, pepper) != 0) {
        return EVOLU_PEPPER_BAD_TEXT;
    }

    pepper->id_len = (unsigned char) id.len;
    memcpy(pepper->id, id.data, id.len);
    peppers->n++;

    return EVOLU_PEPPER_OK;
}


const char *
evolu_pepper_status_text(evolu_pepper_status_t status)
{
    switch (status) {

    case EVOLU_PEPPER_OK:
        return "the pepper is good";

    case EVOLU_PEPPER_BAD_ID:
        return "a pepper id is 1 to 32 of A-Z a-z 0-9 . _ -";

    case EVOLU_PEPPER_DUPLICATE:
        return "this pepper id was given before";

    case EVOLU_PEPPER_BAD_TEXT:
        return "a pepper file holds 64 to 128 hex digits, an even number of "
               "them, and at most one newline at the end, nothing else";

    case EVOLU_PEPPER_TOO_MANY:
        return "more than 16 peppers";

    default:
        return "out of memory for a pepper";
    }
}


int
evolu_peppers_lock(evolu_peppers_t *peppers)
{
    /*
     * libsodium set MADV_DONTDUMP on the whole pages when it made the set,
     * and fork() keeps that; only the lock is gone.
     */

    return sodium_mlock(peppers, sizeof(evolu_peppers_t)) == 0 ? 0 : -1;
}


int
evolu_peppers_find(const evolu_peppers_t *peppers, evolu_bytes_t id)
{
    unsigned  i, n;

    n = evolu_peppers_count(peppers);

    for (i = 0; i < n; i++) {
        if (evolu_bytes_equal(evolu_peppers_id(peppers, i), id)) {
            return (int) i;
        }
    }

    return -1;
}


unsigned
evolu_peppers_count(const evolu_peppers_t *peppers)
{
    return peppers != NULL ? peppers->n : 0;
}


evolu_bytes_t
evolu_peppers_id(const evolu_peppers_t *peppers, unsigned n)
{
    evolu_bytes_t  id;

    id.data = peppers->pepper[n].id;
    id.len = peppers->pepper[n].id_len;

    return id;
}


void
evolu_peppers_fingerprint(const evolu_peppers_t *peppers,
    unsigned char out[EVOLU_FINGERPRINT_SIZE])
{
    unsigned                  i, n;
    unsigned char             mac[EVOLU_DIGEST_SIZE];
    const evolu_pepper_t     *pepper;
    crypto_generichash_state  hash;

    n = evolu_peppers_count(peppers);

    crypto_generichash_init(&hash, NULL, 0, EVOLU_FINGERPRINT_SIZE);

    for (i = 0; i < n; i++) {
        pepper = &peppers->pepper[i];

        evolu_pepper_hmac(pepper, evolu_literal(EVOLU_FINGERPRINT_TEXT), mac);

        crypto_generichash_update(&hash, &pepper->id_len, 1);
        crypto_generichash_update(&hash, pepper->id, pepper->id_len);
        crypto_generichash_update(&hash, mac, sizeof(mac));
    }

    crypto_generichash_final(&hash, out, EVOLU_FINGERPRINT_SIZE);

    sodium_memzero(mac, sizeof(mac));
    sodium_memzero(&hash, sizeof(hash));
}


evolu_algorithm_status_t
evolu_algorithm_parse(evolu_bytes_t name, const evolu_peppers_t *peppers,
    evolu_algorithm_t *a)
{
    int                            pepper;
    unsigned                       i;
    evolu_bytes_t                  word, id;
    const unsigned char           *slash;
    const evolu_algorithm_name_t  *known;

    slash = name.len != 0 ? memchr(name.data, '/', name.len) : NULL;

    word = name;
    id = name;

    if (slash != NULL) {
        word.len = (size_t) (slash - name.data);
        id.data = slash + 1;
        id.len = name.len - word.len - 1;
    }

    for (i = 0; i < 4; i++) {
        known = &evolu_algorithm_names[i];

        if (known->peppered != (slash != NULL)
            || !evolu_bytes_equal(word, known->name))
        {
            continue;
        }

        if (!known->peppered) {
            a->pepper = EVOLU_PEPPER_NONE;
            a->secret = known->secret;

            return EVOLU_ALGORITHM_OK;
        }

        if (!evolu_pepper_id_valid(id)) {
            return EVOLU_ALGORITHM_UNKNOWN;
        }

        pepper = evolu_peppers_find(peppers, id);

        if (pepper == -1) {
            return EVOLU_ALGORITHM_NO_PEPPER;
        }

        a->pepper = (unsigned char) pepper;
        a->secret = known->secret;

        return EVOLU_ALGORITHM_OK;
    }

    return EVOLU_ALGORITHM_UNKNOWN;
}


size_t
evolu_algorithm_print(evolu_algorithm_t a, const evolu_peppers_t *peppers,
    char *buf)
{
    size_t         len;
    unsigned       peppered;
    evolu_bytes_t  name, id;

    peppered = a.pepper != EVOLU_PEPPER_NONE;
    name = evolu_algorithm_names[peppered * 2 + (a.secret != 0)].name;

    memcpy(buf, name.data, name.len);
    len = name.len;

    if (peppered) {
        id = evolu_peppers_id(peppers, a.pepper);

        buf[len++] = '/';
        memcpy(buf + len, id.data, id.len);
        len += id.len;
    }

    return len;
}


evolu_algorithm_t
evolu_algorithm_default(const evolu_peppers_t *peppers)
{
    evolu_algorithm_t  a;

    a.pepper = evolu_peppers_count(peppers) != 0 ? 0 : EVOLU_PEPPER_NONE;
    a.secret = 0;

    return a;
}


void
evolu_digest(evolu_algorithm_t a, const evolu_peppers_t *peppers,
    evolu_bytes_t data, unsigned char out[EVOLU_DIGEST_SIZE])
{
    evolu_sha256_t  state;

    if (a.pepper == EVOLU_PEPPER_NONE) {
        evolu_sha256_init(&state);
        evolu_sha256_update(&state, data);
        evolu_sha256_final(&state, out);

        sodium_memzero(&state, sizeof(state));
        return;
    }

    evolu_pepper_hmac(&peppers->pepper[a.pepper], data, out);
}


const unsigned char *
evolu_digests_get(evolu_digests_t *d, evolu_algorithm_t a,
    const evolu_peppers_t *peppers)
{
    unsigned  i;

    if (a.secret && d->secret.len == 0) {
        return NULL;
    }

    /* a pepper that is not ours: nothing can match */

    if (a.pepper != EVOLU_PEPPER_NONE
        && a.pepper >= evolu_peppers_count(peppers))
    {
        return NULL;
    }

    for (i = 0; i < d->n && i < EVOLU_DIGESTS_KEPT; i++) {
        if (d->algorithm[i].pepper == a.pepper
            && d->algorithm[i].secret == a.secret)
        {
            return d->digest[i];
        }
    }

    i = d->n++ % EVOLU_DIGESTS_KEPT;

    d->algorithm[i] = a;
    evolu_digest(a, peppers, a.secret ? d->secret : d->text, d->digest[i]);

    return d->digest[i];
}


void
evolu_digests_wipe(evolu_digests_t *d)
{
    d->n = 0;
    sodium_memzero(d->digest, sizeof(d->digest));
}


int
evolu_digest_equal(const unsigned char a[EVOLU_DIGEST_SIZE],
    const unsigned char b[EVOLU_DIGEST_SIZE])
{
    return crypto_verify_32(a, b) == 0;
}


void
evolu_digest_tag(const unsigned char key[EVOLU_TAG_KEY_SIZE],
    evolu_bytes_t text, unsigned char tag[EVOLU_TAG_SIZE])
{
    crypto_shorthash_siphashx24(tag, text.data, text.len, key);
}


int
evolu_digest_tag_equal(const unsigned char a[EVOLU_TAG_SIZE],
    const unsigned char b[EVOLU_TAG_SIZE])
{
    return crypto_verify_16(a, b) == 0;
}


/* Not sodium_hex2bin(), which takes 2,400 instructions to decode a digest. */

int
evolu_digest_unhex(evolu_bytes_t text, unsigned char out[EVOLU_DIGEST_SIZE])
{
    int                   high, low, bad;
    size_t                i;
    const unsigned char  *p;

    if (text.len != EVOLU_DIGEST_HEX) {
        return -1;
    }

    bad = 0;

    for (i = 0, p = text.data; i < EVOLU_DIGEST_SIZE; i++, p += 2) {
        high = evolu_digest_digit(p[0]);
        low = evolu_digest_digit(p[1]);
        bad |= high | low;

        out[i] = (unsigned char) ((unsigned) high << 4 | (unsigned) low);
    }

    return bad < 0 ? -1 : 0;
}


/* -1: none */

static int
evolu_digest_digit(unsigned char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}


void
evolu_digest_hex(const unsigned char digest[EVOLU_DIGEST_SIZE],
    char out[EVOLU_DIGEST_HEX])
{
    char  text[EVOLU_DIGEST_HEX + 1];

    sodium_bin2hex(text, sizeof(text), digest, EVOLU_DIGEST_SIZE);
    memcpy(out, text, EVOLU_DIGEST_HEX);
}


static int
evolu_pepper_id_valid(evolu_bytes_t id)
{
    size_t         i;
    unsigned char  ch;

    if (id.len == 0 || id.len > EVOLU_PEPPER_ID_MAX) {
        return 0;
    }

    for (i = 0; i < id.len; i++) {
        ch = id.data[i];

        if (!((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z')
              || (ch >= '0' && ch <= '9')
              || ch == '.' || ch == '_' || ch == '-'))
        {
            return 0;
        }
    }

    return 1;
}


/* Sets the key from the text of a pepper file, or leaves it: 0 or -1. */

static int
evolu_pepper_read(evolu_bytes_t text, evolu_pepper_t *pepper)
{
    int            rc;
    size_t         len;
    unsigned char  key[EVOLU_PEPPER_MAX];

    if (text.len != 0 && text.data[text.len - 1] == '\n') {
        text.len--;
    }

    if (text.len < 2 * EVOLU_PEPPER_MIN || text.len > 2 * EVOLU_PEPPER_MAX) {
        return -1;
    }

    rc = sodium_hex2bin(key, sizeof(key), (const char *) text.data, text.len,
                        NULL, &len, NULL);

    if (rc == 0) {
        evolu_pepper_pad(&pepper->inner, key, len, 0x36);
        evolu_pepper_pad(&pepper->outer, key, len, 0x5c);
    }

    sodium_memzero(key, sizeof(key));

    return rc;
}


/* Begins one of the two digests of an HMAC; no key is longer than a block. */

static void
evolu_pepper_pad(evolu_sha256_t *state, const unsigned char *key, size_t len,
    unsigned char pad)
{
    size_t         i;
    evolu_bytes_t  all;
    unsigned char  block[EVOLU_SHA256_BLOCK];

    memset(block, pad, sizeof(block));

    for (i = 0; i < len; i++) {
        block[i] ^= key[i];
    }

    all.data = block;
    all.len = sizeof(block);

    evolu_sha256_init(state);
    evolu_sha256_update(state, all);

    sodium_memzero(block, sizeof(block));
}


static void
evolu_pepper_hmac(const evolu_pepper_t *pepper, evolu_bytes_t data,
    unsigned char out[EVOLU_DIGEST_SIZE])
{
    evolu_bytes_t   inner;
    evolu_sha256_t  state;
    unsigned char   digest[EVOLU_SHA256_SIZE];

    state = pepper->inner;
    evolu_sha256_update(&state, data);
    evolu_sha256_final(&state, digest);

    inner.data = digest;
    inner.len = sizeof(digest);

    state = pepper->outer;
    evolu_sha256_update(&state, inner);
    evolu_sha256_final(&state, out);

    sodium_memzero(&state, sizeof(state));
    sodium_memzero(digest, sizeof(digest));
}
