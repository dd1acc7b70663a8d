
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The key file (contract, section 6): the embedded store, and the only home of
 * global keys.  Parses the text as a whole into records; reading the file is
 * the caller's.
 */


#ifndef _EVOLU_KEYFILE_H_INCLUDED_
#define _EVOLU_KEYFILE_H_INCLUDED_


#include "evolu_record.h"


typedef struct evolu_keyfile_s  evolu_keyfile_t;


/* one line, taken apart; pointers lead into the line and into name[] */

typedef struct {
    evolu_locator_t  locator;
    evolu_bytes_t    id;
    evolu_bytes_t    entry;      /* the rest of the line, trimmed */
    unsigned char    name[EVOLU_INSTANCE_MAX];
} evolu_keyfile_line_t;


/*
 * Takes one line (without its newline) apart.  1: *out is filled; 0: blank or
 * comment; -1: *fault says why not.  The entry's text is not read yet.
 */
int evolu_keyfile_line(evolu_bytes_t line, evolu_keyfile_line_t *out,
    evolu_fault_t *fault);

/*
 * Parses a whole file, strictly: any line that can't be used fails the file.
 * The records own their memory; text may be freed after.  peppers must outlive
 * the call only.
 *
 * Returns the file, or NULL with *line (from 1) and *fault set; *line is 0
 * when memory ran out.
 */
evolu_keyfile_t *evolu_keyfile_parse(evolu_bytes_t text,
    const evolu_peppers_t *peppers, unsigned *line, evolu_fault_t *fault);

/* Wipes and frees; NULL is allowed. */
void evolu_keyfile_destroy(evolu_keyfile_t *file);

/*
 * The record of a locator text ("global", "instance:NAME", ...), or NULL.  It
 * belongs to the file; tags may be set in it.  file may be NULL.
 */
evolu_record_t *evolu_keyfile_find(evolu_keyfile_t *file,
    evolu_bytes_t locator);

/* Number of records; NULL: none. */
size_t evolu_keyfile_count(const evolu_keyfile_t *file);

/* Record number n in the byte order of locators, and its locator's text. */
evolu_record_t *evolu_keyfile_record(const evolu_keyfile_t *file, size_t n,
    evolu_bytes_t *locator);


#endif /* _EVOLU_KEYFILE_H_INCLUDED_ */
