
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The input is an Authorization value and a credential at once: what is taken
 * apart must lie inside it and keep the grammar (contract, section 1).
 */


#define _GNU_SOURCE              /* mempcpy() */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "evolu_locator.h"


#define require(truth)                                                        \
    do {                                                                      \
        if (!(truth)) {                                                       \
            abort();                                                          \
        }                                                                     \
    } while (0)


static void check_credential(evolu_bytes_t text);
static void check_opaque(const evolu_credential_t *c);
static void check_campaign(const evolu_credential_t *c);
static void check_bearer(evolu_bytes_t value);
static int inside(evolu_bytes_t part, evolu_bytes_t whole);
static int all_of(evolu_bytes_t text, const char *set);


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    evolu_bytes_t  input;

    input.data = data;
    input.len = size;

    check_credential(input);
    check_bearer(input);

    return 0;
}


static void
check_credential(evolu_bytes_t text)
{
    evolu_credential_t         c, again;
    evolu_credential_status_t  status;

    status = evolu_credential_parse(text, &c);

    if (status != EVOLU_CREDENTIAL_OK) {
        require(status == EVOLU_CREDENTIAL_MISSING
                || status == EVOLU_CREDENTIAL_MALFORMED);
        return;
    }

    require(inside(c.text, text));

    if (c.family == EVOLU_FAMILY_CAMPAIGN) {
        check_campaign(&c);

    } else {
        require(c.family == EVOLU_FAMILY_OPAQUE);
        check_opaque(&c);
    }

    /* what was parsed is its own canonical form */

    require(evolu_credential_parse(c.text, &again) == EVOLU_CREDENTIAL_OK);
    require(again.family == c.family);
    require(again.text.data == c.text.data && again.text.len == c.text.len);
}


static void
check_opaque(const evolu_credential_t *c)
{
    size_t  i;

    require(c->text.len >= EVOLU_OPAQUE_MIN);
    require(c->text.len <= EVOLU_OPAQUE_MAX);
    require(c->text.data[0] != ' ');
    require(c->text.data[c->text.len - 1] != ' ');
    require(c->slug.len == 0 && c->secret.len == 0);
    require(c->text.len < 11
            || (memcmp(c->text.data, "evolu_live_", 11) != 0
                && memcmp(c->text.data, "evolu_test_", 11) != 0));

    for (i = 0; i < c->text.len; i++) {
        require(c->text.data[i] >= 0x20 && c->text.data[i] != 0x7f);
    }
}


static void
check_campaign(const evolu_credential_t *c)
{
    char             text[11 + EVOLU_SLUG_MAX + 1 + EVOLU_SECRET_MAX], *p;
    unsigned char    name[EVOLU_LOCATOR_MAX];
    evolu_locator_t  l, again;

    require(c->mode == EVOLU_MODE_LIVE || c->mode == EVOLU_MODE_TEST);
    require(evolu_credential_slug_valid(c->slug));
    require(c->slug.len >= 1 && c->slug.len <= EVOLU_SLUG_MAX);
    require(c->secret.len >= EVOLU_SECRET_MIN);
    require(c->secret.len <= EVOLU_SECRET_MAX);
    require(all_of(c->slug, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "abcdefghijklmnopqrstuvwxyz0123456789-"));
    require(all_of(c->secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "abcdefghijklmnopqrstuvwxyz0123456789-_"));

    /* the parts make up the whole */

    p = text;
    p = stpcpy(p, "evolu_");
    p = stpcpy(p, evolu_mode_name(c->mode));
    *p++ = '_';
    p = mempcpy(p, c->slug.data, c->slug.len);
    *p++ = '_';
    p = mempcpy(p, c->secret.data, c->secret.len);

    require(c->text.len == (size_t) (p - text));
    require(memcmp(c->text.data, text, c->text.len) == 0);

    /* and name a record */

    l.scope = EVOLU_SCOPE_CAMPAIGN;
    l.mode = c->mode;
    l.name = c->slug;

    require(evolu_locator_parse((evolu_bytes_t) {
                name, evolu_locator_print(&l, name) }, &again) == 0);
    require(again.scope == l.scope && again.mode == l.mode);
    require(evolu_bytes_equal(again.name, l.name));
}


static void
check_bearer(evolu_bytes_t value)
{
    size_t                     i;
    evolu_bytes_t              token;
    evolu_credential_t         c;
    evolu_credential_status_t  status;

    status = evolu_credential_bearer(value, &token);

    if (status == EVOLU_CREDENTIAL_MISSING) {
        require(token.len == 0);
        return;
    }

    if (status != EVOLU_CREDENTIAL_OK) {
        return;
    }

    require(inside(token, value));
    require(token.len != 0);
    require((size_t) (token.data - value.data) >= sizeof("bearer ") - 1);
    require(token.data[-1] == ' ');

    /* one clean token, or it is refused by what comes next */

    for (i = 0; i < token.len; i++) {
        require((token.data[i] != ' ' && token.data[i] != ','
                 && token.data[i] != '\t')
                || evolu_credential_parse(token, &c)
                   == EVOLU_CREDENTIAL_MALFORMED);
    }

    check_credential(token);
}


static int
inside(evolu_bytes_t part, evolu_bytes_t whole)
{
    return part.data >= whole.data
           && part.data + part.len <= whole.data + whole.len;
}


static int
all_of(evolu_bytes_t text, const char *set)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (memchr(set, text.data[i], strlen(set)) == NULL) {
            return 0;
        }
    }

    return 1;
}
