
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A record from hostile fields.  Input: the locator's text in the first line,
 * then one field a line, its name up to the first space, its value after.
 */


#include <stdlib.h>

#include "evolu_record.h"


#define FIELDS  256

#define check(e)  do { if (!(e)) { abort(); } } while (0)


static size_t split(const unsigned char *data, size_t size,
    evolu_bytes_t *first, evolu_field_t *fields);
static evolu_bytes_t cut(evolu_bytes_t *rest, unsigned char end);
static void check_record(const evolu_record_t *r, const evolu_field_t *fields,
    size_t n);
static void check_entry(const evolu_entry_t *e, evolu_bytes_t text);
static void check_token(const evolu_entry_t *e, evolu_bytes_t name,
    evolu_bytes_t value);
static int same_name(evolu_bytes_t name, const char *known);
static void check_again(const evolu_record_t *r, const evolu_field_t *fields,
    size_t n, const evolu_locator_t *locator);
static void check_match(evolu_record_t *r);


static evolu_peppers_t            *peppers;
static _Alignas(8) unsigned char   image[EVOLU_IMAGE_MAX];
static _Alignas(8) unsigned char   again[EVOLU_IMAGE_MAX];

/* of "evolu_live_slug_0123456789abcdef" */

static const evolu_bytes_t  text =
    evolu_literal("evolu_live_slug_0123456789abcdef");

static const evolu_bytes_t  secret = evolu_literal("0123456789abcdef");


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    size_t                  n;
    evolu_bytes_t           first;
    evolu_field_t           fields[FIELDS];
    evolu_record_t         *r;
    evolu_locator_t         locator;
    evolu_record_report_t   report;

    if (peppers == NULL) {
        check(evolu_digest_init() == 0);
        peppers = evolu_peppers_create();
        check(evolu_peppers_add(peppers, evolu_literal("p1"),
                  evolu_literal("00112233445566778899aabbccddeeff"
                                "00112233445566778899aabbccddeeff"))
              == EVOLU_PEPPER_OK);
    }

    n = split(data, size, &first, fields);

    if (evolu_locator_parse(first, &locator) != 0) {
        return 0;
    }

    r = evolu_record_decode(fields, n, &locator, peppers, image, &report);

    if (r == NULL) {
        check(report.fault >= EVOLU_FAULT_VERSION
              && report.fault <= EVOLU_FAULT_RECORD_SIZE);
        return 0;
    }

    check((void *) r == image);
    check((report.fault == EVOLU_FAULT_NONE) == (report.void_entries == 0));
    check(report.fault < EVOLU_FAULT_VERSION);
    check(r->scope == locator.scope);

    check_record(r, fields, n);
    check_again(r, fields, n, &locator);
    check_match(r);

    return 0;
}


static size_t
split(const unsigned char *data, size_t size, evolu_bytes_t *first,
    evolu_field_t *fields)
{
    size_t         n;
    evolu_bytes_t  rest, line;

    rest.data = data;
    rest.len = size;

    *first = cut(&rest, '\n');

    for (n = 0; n < FIELDS && rest.len != 0; n++) {
        line = cut(&rest, '\n');

        fields[n].name = cut(&line, ' ');
        fields[n].value = line;
    }

    return n;
}


static evolu_bytes_t
cut(evolu_bytes_t *rest, unsigned char end)
{
    size_t         i;
    evolu_bytes_t  part;

    for (i = 0; i < rest->len && rest->data[i] != end; i++) {
        /* void */
    }

    part.data = rest->data;
    part.len = i;

    if (i < rest->len) {
        i++;
    }

    if (i != 0) {
        rest->data += i;
        rest->len -= i;
    }

    return part;
}


/* Whole, in order, and each entry says what its text says. */

static void
check_record(const evolu_record_t *r, const evolu_field_t *fields, size_t n)
{
    size_t          i, k, found;
    evolu_bytes_t   id, last;
    evolu_entry_t  *e;

    check(evolu_record_whole(r, r->size));
    check(r->size <= EVOLU_IMAGE_MAX);

    e = evolu_record_entries(r);
    last.len = 0;

    for (i = 0; i < r->nentries; i++) {
        id.data = e[i].id;
        id.len = e[i].id_len;

        check(evolu_key_id_valid(id));
        check(last.len == 0 || evolu_bytes_compare(last, id) < 0);
        last = id;

        found = 0;

        for (k = 0; k < n; k++) {

            if (fields[k].name.len == 4 + id.len
                && memcmp(fields[k].name.data, "key.", 4) == 0
                && memcmp(fields[k].name.data + 4, id.data, id.len) == 0)
            {
                check_entry(&e[i], fields[k].value);
                found++;
            }
        }

        check(found == 1);
    }
}


/*
 * The restrictions of an entry, read again in the plainest way: none of them
 * is missing, however its name is written.
 */

static void
check_entry(const evolu_entry_t *e, evolu_bytes_t rest)
{
    evolu_bytes_t  token, name;

    while (rest.len != 0) {
        token = cut(&rest, ' ');

        if (token.len != 0) {
            name = cut(&token, '=');
            check_token(e, name, token);
        }
    }
}


static void
check_token(const evolu_entry_t *e, evolu_bytes_t name, evolu_bytes_t value)
{
    char    number[16];
    size_t  i, n;

    memset(number, 0, sizeof(number));

    if (same_name(name, "exp") || same_name(name, "nbf")) {
        check(value.len >= 1 && value.len <= 12);
        memcpy(number, value.data, value.len);
        check(strspn(number, "0123456789") == value.len);
        check(strtoll(number, NULL, 10)
              == (same_name(name, "exp") ? e->exp : e->nbf));
        check(strtoll(number, NULL, 10) < EVOLU_TIME_LIMIT);
    }

    if (same_name(name, "ip")) {
        n = 1;

        for (i = 0; i < value.len; i++) {
            n += (value.data[i] == ',');
        }

        check(e->flags & EVOLU_ENTRY_RESTRICTED);
        check(e->ncidrs == n);
    }

    if (same_name(name, "status")) {
        check(value.len == ((e->flags & EVOLU_ENTRY_DISABLED) ? 8 : 6));
    }
}


static int
same_name(evolu_bytes_t name, const char *known)
{
    size_t         i;
    unsigned char  c;

    if (name.len != strlen(known)) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        c = name.data[i];

        if (c >= 'A' && c <= 'Z') {
            c += 'a' - 'A';
        }

        if (c != (unsigned char) known[i]) {
            return 0;
        }
    }

    return 1;
}


/* The same bytes from the fields in another order, in a dirty buffer. */

static void
check_again(const evolu_record_t *r, const evolu_field_t *fields, size_t n,
    const evolu_locator_t *locator)
{
    size_t                  i;
    evolu_field_t           turned[FIELDS];
    evolu_record_t         *other;
    evolu_record_report_t   report;

    for (i = 0; i < n; i++) {
        turned[i] = fields[n - 1 - i];
    }

    memset(again, 0xa5, r->size + 256);

    other = evolu_record_decode(turned, n, locator, peppers, again, &report);

    check(other != NULL);
    check(other->size == r->size);
    check(memcmp(other, r, r->size) == 0);
}


static void
check_match(evolu_record_t *r)
{
    uint64_t         matched, entries;
    unsigned char    tag[EVOLU_TAG_SIZE];
    evolu_digests_t  digests;

    entries = (r->nentries == 64) ? UINT64_MAX
                                  : ((uint64_t) 1 << r->nentries) - 1;

    memset(&digests, 0, sizeof(digests));
    digests.text = text;
    digests.secret = (r->scope == EVOLU_SCOPE_CAMPAIGN)
                     ? secret : evolu_literal("");

    matched = evolu_record_match(r, &digests, peppers);
    check((matched & ~entries) == 0);

    memset(tag, 0, sizeof(tag));
    check(evolu_record_match_tag(r, tag) == 0);

    evolu_record_set_tag(r, matched, tag);
    check(evolu_record_match_tag(r, tag) == matched);
    check(evolu_record_whole(r, r->size));

    evolu_digests_wipe(&digests);
}
