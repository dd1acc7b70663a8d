
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

#define A  (EVOLU_SLUG_BYTE|EVOLU_SECRET_BYTE|EVOLU_SCHEME_BYTE)
#define U  (EVOLU_SECRET_BYTE|EVOLU_SCHEME_BYTE)
#define T  (EVOLU_SCHEME_BYTE)


static evolu_bytes_t evolu_credential_trim_left(evolu_bytes_t text);
static int evolu_credential_prefix(evolu_bytes_t text);
static evolu_credential_status_t evolu_credential_campaign(evolu_bytes_t text,
    evolu_mode_t mode, evolu_credential_t *c);
static evolu_credential_status_t evolu_credential_opaque(evolu_bytes_t text,
    evolu_credential_t *c);
static int evolu_credential_scheme(evolu_bytes_t value);
static size_t evolu_credential_span(evolu_bytes_t text, unsigned kind);


static const unsigned char  evolu_credential_kinds[256] = {

    /* 0x00 - 0x1f */
    0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0,

    /*  ! " # $ % & '        ( ) * + , - . / */
    0, T, 0, T, T, T, T, T,  0, 0, T, T, 0, A, T, 0,

    /* 0 - 9, : ; < = > ? */
    A, A, A, A, A, A, A, A,  A, A, 0, 0, 0, 0, 0, 0,

    /* @, A - Z, [ \ ] ^ _ */
    0, A, A, A, A, A, A, A,  A, A, A, A, A, A, A, A,
    A, A, A, A, A, A, A, A,  A, A, A, 0, 0, 0, T, U,

    /* `, a - z, { | } ~ DEL */
    T, A, A, A, A, A, A, A,  A, A, A, A, A, A, A, A,
    A, A, A, A, A, A, A, A,  A, A, A, 0, T, 0, T, 0

    /* 0x80 - 0xff: none */
};


evolu_credential_status_t
evolu_credential_parse(evolu_bytes_t text, evolu_credential_t *c)
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

    if (mode != 0) {
        return evolu_credential_campaign(text, mode, c);
    }

    return evolu_credential_opaque(text, c);
}


evolu_credential_status_t
evolu_credential_bearer(evolu_bytes_t value, evolu_bytes_t *token)
{
    size_t         i;
    evolu_bytes_t  rest;

    value = evolu_credential_trim_left(value);

    if (!evolu_credential_scheme(value)) {
        return EVOLU_CREDENTIAL_OTHER;
    }

    rest.data = value.data + EVOLU_SCHEME_LEN;
    rest.len = value.len - EVOLU_SCHEME_LEN;

    if (rest.len != 0 && rest.data[0] != ' ') {

        /* "Bearerx" is a scheme of its own, "Bearer:" or "Bearer\t" is none */

        return evolu_credential_span(rest, EVOLU_SCHEME_BYTE) != 0
               ? EVOLU_CREDENTIAL_OTHER : EVOLU_CREDENTIAL_MALFORMED;
    }

    while (rest.len != 0 && rest.data[0] == ' ') {
        rest.data++;
        rest.len--;
    }

    while (rest.len != 0 && rest.data[rest.len - 1] == ' ') {
        rest.len--;
    }

    for (i = 0; i < rest.len; i++) {
        if (rest.data[i] == ' ' || rest.data[i] == '\t'
            || rest.data[i] == ',')
        {
            return EVOLU_CREDENTIAL_MALFORMED;
        }
    }

    *token = rest;

    return rest.len != 0 ? EVOLU_CREDENTIAL_OK : EVOLU_CREDENTIAL_MISSING;
}


int
evolu_credential_slug_valid(evolu_bytes_t slug)
{
    return slug.len != 0
           && slug.len <= EVOLU_SLUG_MAX
           && evolu_credential_span(slug, EVOLU_SLUG_BYTE) == slug.len;
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


static evolu_credential_status_t
evolu_credential_campaign(evolu_bytes_t text, evolu_mode_t mode,
    evolu_credential_t *c)
{
    evolu_bytes_t  slug, secret;

    slug.data = text.data + EVOLU_PREFIX_LEN;
    slug.len = text.len - EVOLU_PREFIX_LEN;

    /* a slug holds no underscore, so its run ends at the third one */

    secret = slug;
    slug.len = evolu_credential_span(slug, EVOLU_SLUG_BYTE);

    if (slug.len == 0 || slug.len > EVOLU_SLUG_MAX || slug.len == secret.len
        || slug.data[slug.len] != '_')
    {
        return EVOLU_CREDENTIAL_MALFORMED;
    }

    secret.data += slug.len + 1;
    secret.len -= slug.len + 1;

    if (secret.len < EVOLU_SECRET_MIN || secret.len > EVOLU_SECRET_MAX
        || evolu_credential_span(secret, EVOLU_SECRET_BYTE) != secret.len)
    {
        return EVOLU_CREDENTIAL_MALFORMED;
    }

    c->family = EVOLU_FAMILY_CAMPAIGN;
    c->text = text;
    c->mode = mode;
    c->slug = slug;
    c->secret = secret;

    return EVOLU_CREDENTIAL_OK;
}


static evolu_credential_status_t
evolu_credential_opaque(evolu_bytes_t text, evolu_credential_t *c)
{
    size_t         i;
    unsigned char  ch, bad;

    if (text.len < EVOLU_OPAQUE_MIN || text.len > EVOLU_OPAQUE_MAX) {
        return EVOLU_CREDENTIAL_MALFORMED;
    }

    bad = 0;

    for (i = 0; i < text.len; i++) {
        ch = text.data[i];
        bad |= (ch < 0x20) | (ch == 0x7f);
    }

    if (bad) {
        return EVOLU_CREDENTIAL_MALFORMED;
    }

    memset(c, 0, sizeof(evolu_credential_t));

    c->family = EVOLU_FAMILY_OPAQUE;
    c->text = text;

    return EVOLU_CREDENTIAL_OK;
}


/* 1 when value begins with "bearer" in any case, whatever follows. */

static int
evolu_credential_scheme(evolu_bytes_t value)
{
    size_t             i;
    static const char  scheme[] = "bearer";

    if (value.len < EVOLU_SCHEME_LEN) {
        return 0;
    }

    for (i = 0; i < EVOLU_SCHEME_LEN; i++) {
        if ((value.data[i] | 0x20) != scheme[i]) {
            return 0;
        }
    }

    return 1;
}


/* The length of the run of bytes of a kind that text begins with. */

static size_t
evolu_credential_span(evolu_bytes_t text, unsigned kind)
{
    size_t  n;

    for (n = 0; n < text.len; n++) {
        if ((evolu_credential_kinds[text.data[n]] & kind) == 0) {
            break;
        }
    }

    return n;
}
