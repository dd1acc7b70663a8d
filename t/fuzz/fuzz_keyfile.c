
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A whole key file.  Input: its text.
 */


#include <stdlib.h>

#include "evolu_keyfile.h"


#define check(e)  do { if (!(e)) { abort(); } } while (0)


static void check_fault(evolu_bytes_t text, unsigned line,
    evolu_fault_t fault);
static void check_file(evolu_keyfile_t *file);
static void check_lines(evolu_keyfile_t *file, evolu_bytes_t text);
static void check_line(evolu_keyfile_t *file, evolu_keyfile_line_t *parts);


static evolu_peppers_t  *peppers;


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    unsigned          line;
    evolu_bytes_t     text;
    evolu_fault_t     fault;
    evolu_keyfile_t  *file;

    if (peppers == NULL) {
        check(evolu_digest_init() == 0);
        peppers = evolu_peppers_create();
        check(evolu_peppers_add(peppers, evolu_literal("p1"),
                  evolu_literal("00112233445566778899aabbccddeeff"
                                "00112233445566778899aabbccddeeff"))
              == EVOLU_PEPPER_OK);
    }

    text.data = data;
    text.len = size;

    file = evolu_keyfile_parse(text, peppers, &line, &fault);

    if (file == NULL) {
        check_fault(text, line, fault);
        return 0;
    }

    check_file(file);
    check_lines(file, text);

    evolu_keyfile_destroy(file);

    return 0;
}


static void
check_fault(evolu_bytes_t text, unsigned line, evolu_fault_t fault)
{
    size_t    i;
    unsigned  lines;

    lines = 1;

    for (i = 0; i < text.len; i++) {
        lines += (text.data[i] == '\n');
    }

    check(line >= 1 && line <= lines);
    check(fault != EVOLU_FAULT_NONE);
    check(fault != EVOLU_FAULT_VERSION && fault != EVOLU_FAULT_TWICE);
}


/* Records are whole, in the order of their locators, and are found. */

static void
check_file(evolu_keyfile_t *file)
{
    size_t            i;
    evolu_bytes_t     locator, last;
    evolu_record_t   *r;
    evolu_locator_t   parsed;

    last.len = 0;

    for (i = 0; i < evolu_keyfile_count(file); i++) {
        r = evolu_keyfile_record(file, i, &locator);

        check(evolu_record_whole(r, r->size));
        check(r->nentries != 0);
        check(evolu_keyfile_find(file, locator) == r);
        check(last.len == 0 || evolu_bytes_compare(last, locator) < 0);
        last = locator;

        check(evolu_locator_parse(locator, &parsed) == 0);
        check(parsed.scope == r->scope);
        check(r->mode == (r->scope == EVOLU_SCOPE_CAMPAIGN ? parsed.mode : 0));
    }
}


/* Each line that is not blank stands in the record of its locator. */

static void
check_lines(evolu_keyfile_t *file, evolu_bytes_t text)
{
    int                    rc;
    size_t                 i, start;
    evolu_bytes_t          line;
    evolu_fault_t          fault;
    evolu_keyfile_line_t   parts;

    start = 0;

    for (i = 0; i <= text.len; i++) {

        if (i < text.len && text.data[i] != '\n') {
            continue;
        }

        line.data = (text.len == 0) ? NULL : text.data + start;
        line.len = i - start;
        start = i + 1;

        rc = evolu_keyfile_line(line, &parts, &fault);
        check(rc >= 0);

        if (rc == 1) {
            check_line(file, &parts);
        }
    }
}


static void
check_line(evolu_keyfile_t *file, evolu_keyfile_line_t *parts)
{
    unsigned         i, found;
    evolu_bytes_t    locator, id;
    evolu_cidr_t     cidrs[EVOLU_ENTRY_CIDRS_MAX];
    evolu_entry_t    one, *e;
    unsigned char    buf[EVOLU_LOCATOR_MAX];
    evolu_record_t  *r;

    locator.data = buf;
    locator.len = evolu_locator_print(&parts->locator, buf);

    r = evolu_keyfile_find(file, locator);
    check(r != NULL);

    check(evolu_entry_decode(parts->entry, parts->locator.scope, peppers, &one,
                             cidrs)
          == EVOLU_FAULT_NONE);

    e = evolu_record_entries(r);
    found = 0;

    for (i = 0; i < r->nentries; i++) {
        id.data = e[i].id;
        id.len = e[i].id_len;

        if (evolu_bytes_equal(id, parts->id)) {
            check(e[i].exp == one.exp && e[i].nbf == one.nbf);
            check(e[i].flags == one.flags && e[i].ncidrs == one.ncidrs);
            check(memcmp(e[i].digest, one.digest, EVOLU_DIGEST_SIZE) == 0);
            check(memcmp(evolu_record_cidrs(r) + e[i].cidr, cidrs,
                         one.ncidrs * sizeof(evolu_cidr_t)) == 0);
            found++;
        }
    }

    check(found == 1);
}
