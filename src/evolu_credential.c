
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_credential.h"


#define EVOLU_PREFIX_LEN  (sizeof("evolu_live_") - 1)
#define EVOLU_SCHEME_LEN  (sizeof("bearer") - 1)


/* kinds of bytes */

#define EVOLU_SLUG_BYTE    0x01  /* A-Za-z0-9- */
#define EVOLU_SECRET_BYTE  0x02  /* A-Za-z0-9-_ */
#define EVOLU_SCHEME_BYTE   0x04  /* tchar of RFC 9110 5.6.2 */
#define EVOLU_TOKEN_BYTE    0x08  /* all but space, tab and comma */
#define EVOLU_OPAQUE_BYTE   0x10  /* all but control characters */

#define C  (EVOLU_TOKEN_BYTE)
#define S  (EVOLU_OPAQUE_BYTE)
#define N  (EVOLU_TOKEN_BYTE|EVOLU_OPAQUE_BYTE)
#define T  (N|EVOLU_SCHEME_BYTE)
#define U  (T|EVOLU_SECRET_BYTE)
#define A  (U|EVOLU_SLUG_BYTE)


static evolu_bytes_t evolu_credential_trim_left(evolu_bytes_t text);
static int evolu_credential_prefix(evolu_bytes_t text);
static evolu_credential_status_t evolu_credential_campaign(
    evolu_credential_t *c);
static int evolu_credential_scheme(evolu_bytes_t value);
static int evolu_credential_all(evolu_bytes_t text, unsigned kind);


static const unsigned char  evolu_credential_kinds[256] = {

    /* 0x00 - 0x1f; 0x09 is the tab */
    C, C, C, C, C, C, C, C,  C, 0, C, C, C, C, C, C,
    C, C, C, C, C, C, C, C,  C, C, C, C, C, C, C, C,

    /*  ! " # $ % & '        ( ) * + , - . / */
    S, T, N, T, T, T, T, T,  N, N, T, T, S, A, T, N,

    /* 0 - 9, : ; < = > ? */
    A, A, A, A, A, A, A, A,  A, A, N, N, N, N, N, N,

    /* @, A - Z, [ \ ] ^ _ */
    N, A, A, A, A, A, A, A,  A, A, A, A, A, A, A, A,
    A, A, A, A, A, A, A, A,  A, A, A, N, N, N, T, U,

    /* `, a - z, { | } ~ DEL */
    T, A, A, A, A, A, A, A,  A, A, A, A, A, A, A, A,
    A, A, A, A, A, A, A, A,  A, A, A, N, T, N, T, C,

    /* 0x80 - 0xff */
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N, N,  N, N, N, N, N, N, N, N
};


evolu_credential_status_t
evolu_credential_parse(evolu_bytes_t text, evolu_credential_t *c)
{
    evolu_credential_t         split;
    evolu_credential_status_t  status;

    status = evolu_credential_split(text, &split);

    if (status == EVOLU_CREDENTIAL_OK) {
        status = evolu_credential_check(&split);
    }

    if (status == EVOLU_CREDENTIAL_OK) {
        *c = split;
    }

    return status;
}


evolu_credential_status_t
evolu_credential_split(evolu_bytes_t text, evolu_credential_t *c)
{
    int  mode;

    text = evolu_credential_trim_left(text);

    while (text.len != 0
           && (text.data[text.len - 1] == ' '
               || text.data[text.len - 1] == '\t'))
    {
        text.len--;
    }

    if (text.len == 0) {
        return EVOLU_CREDENTIAL_MISSING;
    }

    mode = evolu_credential_prefix(text);

    c->text = text;

    if (mode != 0) {
        c->mode = mode;
        return evolu_credential_campaign(c);
    }

    if (text.len < EVOLU_OPAQUE_MIN || text.len > EVOLU_OPAQUE_MAX) {
        return EVOLU_CREDENTIAL_MALFORMED;
    }

    c->family = EVOLU_FAMILY_OPAQUE;
    c->mode = 0;
    c->slug.data = NULL;
    c->slug.len = 0;
    c->secret = c->slug;

    return EVOLU_CREDENTIAL_OK;
}


evolu_credential_status_t
evolu_credential_check(const evolu_credential_t *c)
{
    int  good;

    if (c->family == EVOLU_FAMILY_CAMPAIGN) {
        good = evolu_credential_all(c->slug, EVOLU_SLUG_BYTE)
               & evolu_credential_all(c->secret, EVOLU_SECRET_BYTE);

    } else {
        good = evolu_credential_all(c->text, EVOLU_OPAQUE_BYTE);
    }

    return good ? EVOLU_CREDENTIAL_OK : EVOLU_CREDENTIAL_MALFORMED;
}


evolu_credential_status_t
evolu_credential_bearer(evolu_bytes_t value, evolu_bytes_t *token)
{
    evolu_bytes_t  rest;

    value = evolu_credential_trim_left(value);

    if (!evolu_credential_scheme(value)) {
        return EVOLU_CREDENTIAL_OTHER;
    }

    rest.data = value.data + EVOLU_SCHEME_LEN;
    rest.len = value.len - EVOLU_SCHEME_LEN;

    if (rest.len != 0 && rest.data[0] != ' ') {

        /* "Bearerx" is a scheme of its own, "Bearer:" or "Bearer\t" is none */

        return (evolu_credential_kinds[rest.data[0]] & EVOLU_SCHEME_BYTE)
               ? EVOLU_CREDENTIAL_OTHER : EVOLU_CREDENTIAL_MALFORMED;
    }

    while (rest.len != 0 && rest.data[0] == ' ') {
        rest.data++;
        rest.len--;
    }

    while (rest.len != 0 && rest.data[rest.len - 1] == ' ') {
        rest.len--;
    }

    *token = rest;

    if (rest.len == 0) {
        return EVOLU_CREDENTIAL_MISSING;
    }

    if (evolu_credential_prefix(rest) != 0
        && rest.data[rest.len - 1] != '\t')
    {
        /*
         * Its own grammar has no room for them, and no tab is left that
         * evolu_credential_parse() might trim.
         */

        return EVOLU_CREDENTIAL_OK;
    }

    return evolu_credential_all(rest, EVOLU_TOKEN_BYTE)
           ? EVOLU_CREDENTIAL_OK : EVOLU_CREDENTIAL_MALFORMED;
}


int
evolu_credential_slug_valid(evolu_bytes_t slug)
{
    return slug.len != 0
           && slug.len <= EVOLU_SLUG_MAX
           && evolu_credential_all(slug, EVOLU_SLUG_BYTE);
}


const char *
evolu_mode_name(evolu_mode_t mode)
{
    return mode == EVOLU_MODE_LIVE ? "live" : "test";
}


int
evolu_mode_parse(evolu_bytes_t text)
{
    if (evolu_bytes_equal(text, evolu_literal("live"))) {
        return EVOLU_MODE_LIVE;
    }

    if (evolu_bytes_equal(text, evolu_literal("test"))) {
        return EVOLU_MODE_TEST;
    }

    return 0;
}


static evolu_bytes_t
evolu_credential_trim_left(evolu_bytes_t text)
{
    while (text.len != 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }

    return text;
}


/* The mode of a campaign key, or 0: no campaign key. */

static int
evolu_credential_prefix(evolu_bytes_t text)
{
    if (text.len < EVOLU_PREFIX_LEN) {
        return 0;
    }

    if (memcmp(text.data, "evolu_live_", EVOLU_PREFIX_LEN) == 0) {
        return EVOLU_MODE_LIVE;
    }

    if (memcmp(text.data, "evolu_test_", EVOLU_PREFIX_LEN) == 0) {
        return EVOLU_MODE_TEST;
    }

    return 0;
}


/* Splits c->text, which begins as a campaign key, and measures its parts. */

static evolu_credential_status_t
evolu_credential_campaign(evolu_credential_t *c)
{
    evolu_bytes_t         slug, secret;
    const unsigned char  *third;

    slug.data = c->text.data + EVOLU_PREFIX_LEN;
    slug.len = c->text.len - EVOLU_PREFIX_LEN;

    /* a slug holds no underscore, so the next one is the third */

    third = memchr(slug.data, '_', slug.len);

    if (third == NULL) {
        return EVOLU_CREDENTIAL_MALFORMED;
    }

    secret.data = third + 1;
    secret.len = slug.data + slug.len - secret.data;
    slug.len = third - slug.data;

    if (slug.len == 0 || slug.len > EVOLU_SLUG_MAX
        || secret.len < EVOLU_SECRET_MIN || secret.len > EVOLU_SECRET_MAX)
    {
        return EVOLU_CREDENTIAL_MALFORMED;
    }

    c->family = EVOLU_FAMILY_CAMPAIGN;
    c->slug = slug;
    c->secret = secret;

    return EVOLU_CREDENTIAL_OK;
}


/* 1 when value begins with "bearer" in any case, whatever follows. */

static int
evolu_credential_scheme(evolu_bytes_t value)
{
    size_t             i;
    unsigned char      other;
    static const char  scheme[] = "bearer";

    if (value.len < EVOLU_SCHEME_LEN) {
        return 0;
    }

    other = 0;

    for (i = 0; i < EVOLU_SCHEME_LEN; i++) {
        other |= (value.data[i] | 0x20) ^ scheme[i];
    }

    return other == 0;
}


/* 1 when all bytes of text are of a kind; four at a time. */

static int
evolu_credential_all(evolu_bytes_t text, unsigned kind)
{
    const unsigned char  *p, *last, *kinds;

    kinds = evolu_credential_kinds;
    p = text.data;
    last = p + text.len;

    for ( /* void */ ; last - p >= 4; p += 4) {
        kind &= kinds[p[0]] & kinds[p[1]] & kinds[p[2]] & kinds[p[3]];
    }

    for ( /* void */ ; p < last; p++) {
        kind &= kinds[*p];
    }

    return kind != 0;
}
