
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_locator.h"


static unsigned char *evolu_locator_copy(unsigned char *p,
    evolu_bytes_t text);
static int evolu_locator_word(evolu_bytes_t *text, evolu_bytes_t *word);


const char *
evolu_scope_name(evolu_scope_t scope)
{
    switch (scope) {

    case EVOLU_SCOPE_GLOBAL:
        return "global";

    case EVOLU_SCOPE_INSTANCE:
        return "instance";

    case EVOLU_SCOPE_CAMPAIGN:
        return "campaign";

    default:
        return "-";
    }
}


int
evolu_instance_valid(evolu_bytes_t name)
{
    size_t  i;

    if (name.len == 0 || name.len > EVOLU_INSTANCE_MAX) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        if (name.data[i] < 0x20 || name.data[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


size_t
evolu_locator_print(const evolu_locator_t *l, unsigned char *buf)
{
    unsigned char  *p;

    switch (l->scope) {

    case EVOLU_SCOPE_GLOBAL:
        p = evolu_locator_copy(buf, evolu_literal("global"));
        break;

    case EVOLU_SCOPE_INSTANCE:
        p = evolu_locator_copy(buf, evolu_literal("instance:"));
        p = evolu_locator_copy(p, l->name);
        break;

    case EVOLU_SCOPE_CAMPAIGN:
        p = evolu_locator_copy(buf, l->mode == EVOLU_MODE_LIVE
                                    ? evolu_literal("campaign:live:")
                                    : evolu_literal("campaign:test:"));
        p = evolu_locator_copy(p, l->name);
        break;

    default:
        p = buf;
    }

    return (size_t) (p - buf);
}


size_t
evolu_locator_token(evolu_algorithm_t a, const evolu_peppers_t *peppers,
    const unsigned char digest[EVOLU_DIGEST_SIZE], unsigned char *buf)
{
    unsigned char  *p;

    p = evolu_locator_copy(buf, evolu_literal("token:"));
    p += evolu_algorithm_print(a, peppers, (char *) p);
    *p++ = ':';

    evolu_digest_hex(digest, (char *) p);
    p += EVOLU_DIGEST_HEX;

    return (size_t) (p - buf);
}


int
evolu_locator_parse(evolu_bytes_t text, evolu_locator_t *l)
{
    int            mode;
    evolu_bytes_t  word, rest;

    if (evolu_bytes_equal(text, evolu_literal("global"))) {
        l->scope = EVOLU_SCOPE_GLOBAL;
        l->mode = 0;
        l->name.data = text.data + text.len;
        l->name.len = 0;

        return 0;
    }

    rest = text;

    if (evolu_locator_word(&rest, &word) != 0) {
        return -1;
    }

    if (evolu_bytes_equal(word, evolu_literal("instance"))
        && evolu_instance_valid(rest))
    {
        l->scope = EVOLU_SCOPE_INSTANCE;
        l->mode = 0;
        l->name = rest;

        return 0;
    }

    if (!evolu_bytes_equal(word, evolu_literal("campaign"))
        || evolu_locator_word(&rest, &word) != 0)
    {
        return -1;
    }

    mode = evolu_mode_parse(word);

    if (mode == 0 || !evolu_credential_slug_valid(rest)) {
        return -1;
    }

    l->scope = EVOLU_SCOPE_CAMPAIGN;
    l->mode = mode;
    l->name = rest;

    return 0;
}


static unsigned char *
evolu_locator_copy(unsigned char *p, evolu_bytes_t text)
{
    if (text.len != 0) {
        memcpy(p, text.data, text.len);
    }

    return p + text.len;
}


/*
 * Takes the word before the first colon off text: 0, or -1 when there is no
 * colon.
 */

static int
evolu_locator_word(evolu_bytes_t *text, evolu_bytes_t *word)
{
    const unsigned char  *colon;

    if (text->len == 0) {
        return -1;
    }

    colon = memchr(text->data, ':', text->len);

    if (colon == NULL) {
        return -1;
    }

    word->data = text->data;
    word->len = (size_t) (colon - text->data);

    text->data = colon + 1;
    text->len -= word->len + 1;

    return 0;
}
