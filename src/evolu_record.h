
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The record of a locator: all keys of one tenant.  Decodes the entry
 * language of the contract (section 6) into a flat image without pointers,
 * which can be copied between processes as it is.
 */


#ifndef _EVOLU_RECORD_H_INCLUDED_
#define _EVOLU_RECORD_H_INCLUDED_


#include "evolu_address.h"
#include "evolu_locator.h"


/* limits (contract, section 6) */

#define EVOLU_KEY_ID_MAX       32         /* [A-Za-z0-9._-]{1,32} */
#define EVOLU_RECORD_KEYS_MAX  64         /* keys of a record */
#define EVOLU_ENTRY_CIDRS_MAX  64         /* CIDRs of an entry */
#define EVOLU_ENTRY_MAX        4096       /* bytes of an entry's text */
#define EVOLU_RECORD_MAX       65536      /* bytes of all names and values */
#define EVOLU_EPOCH_MAX        20         /* digits of the epoch */
#define EVOLU_TIME_LIMIT       100000000000LL  /* from here: milliseconds */
#define EVOLU_NEVER            INT64_MAX

/* an image is never larger: header, 64 entries, 64 * 64 CIDRs, a name */
#define EVOLU_IMAGE_MAX        98304


typedef enum {
    EVOLU_FAULT_NONE = 0,

    /* of an entry: it is void and matches nothing */
    EVOLU_FAULT_KEY_ID,          /* id breaks its grammar */
    EVOLU_FAULT_SYNTAX,          /* not name=value, or a name twice */
    EVOLU_FAULT_NO_HASH,
    EVOLU_FAULT_HASH,            /* not <alg>:<64 hex digits> */
    EVOLU_FAULT_ALGORITHM,       /* unknown, or "-secret" of an opaque key */
    EVOLU_FAULT_PEPPER,          /* its pepper is not configured */
    EVOLU_FAULT_TIME,            /* exp= or nbf= */
    EVOLU_FAULT_CIDR,            /* ip= */
    EVOLU_FAULT_STATUS,          /* status= */

    /* of a record: it is void as a whole */
    EVOLU_FAULT_VERSION,         /* no "v", or not 1 */
    EVOLU_FAULT_RECORD_STATUS,
    EVOLU_FAULT_INSTANCE,        /* present but not a valid name */
    EVOLU_FAULT_LIVEMODE,        /* not true or false, or it contradicts the
                                    mode of a campaign record */
    EVOLU_FAULT_TWICE,           /* the same field twice */
    EVOLU_FAULT_KEYS,            /* over a limit: keys, CIDRs, sizes */
    EVOLU_FAULT_CIDRS,
    EVOLU_FAULT_ENTRY_SIZE,
    EVOLU_FAULT_RECORD_SIZE,

    /* of a line of the key file */
    EVOLU_FAULT_LINE,            /* fewer words than its scope needs */
    EVOLU_FAULT_SCOPE,           /* first word is no scope */
    EVOLU_FAULT_MODE,
    EVOLU_FAULT_NAME,            /* slug, or percent-encoded instance name */
    EVOLU_FAULT_DUPLICATE        /* that id was given for that locator */
} evolu_fault_t;


typedef struct {
    evolu_bytes_t  name;
    evolu_bytes_t  value;
} evolu_field_t;


#define EVOLU_ENTRY_DISABLED    0x01
#define EVOLU_ENTRY_RESTRICTED  0x02      /* ip= is present */
#define EVOLU_ENTRY_TAGGED      0x04      /* tag is set */

typedef struct {
    unsigned char      digest[EVOLU_DIGEST_SIZE];
    unsigned char      tag[EVOLU_TAG_SIZE];
    int64_t            exp;      /* unix seconds; EVOLU_NEVER when absent */
    int64_t            nbf;      /* unix seconds; 0 when absent */
    uint16_t           cidr;     /* its first one in the record's table */
    uint16_t           ncidrs;
    evolu_algorithm_t  algorithm;
    unsigned char      flags;
    unsigned char      id_len;
    unsigned char      id[EVOLU_KEY_ID_MAX];
} evolu_entry_t;


#define EVOLU_RECORD_DISABLED   0x01
#define EVOLU_RECORD_LIVEMODE   0x02      /* what X-Evolu-Livemode says */

/*
 * An image: this header, then nentries entries in the order of their ids
 * (byte order), then ncidrs CIDRs, then instance_len bytes.
 */

typedef struct {
    uint32_t           size;     /* of the whole image, bytes */
    uint16_t           nentries;
    uint16_t           ncidrs;
    unsigned char      flags;
    unsigned char      scope;    /* evolu_scope_t */
    unsigned char      mode;     /* evolu_mode_t of a campaign record, else 0 */
    unsigned char      instance_len;
} evolu_record_t;

#define EVOLU_RECORD_HEADER     16        /* entries follow, aligned */


/* what decoding found besides the image */

typedef struct {
    evolu_fault_t  fault;        /* why the record is void, else the first
                                    fault of an entry, else none */
    evolu_bytes_t  field;        /* the field it was found in */
    unsigned       void_entries;
} evolu_record_report_t;


/*
 * Decodes a record from its fields into image, which must be aligned for
 * int64_t and hold EVOLU_IMAGE_MAX bytes.  locator says what the record is of
 * (its scope and mode; a global record stands in the key file).  Entries that
 * can't be read are left out and counted.  peppers may be NULL, *report always
 * is filled.
 *
 * Returns the record (at image), or NULL when the record as a whole is void:
 * it then means "unknown" (contract, section 5).
 */
evolu_record_t *evolu_record_decode(const evolu_field_t *fields, size_t n,
    const evolu_locator_t *locator, const evolu_peppers_t *peppers,
    void *image, evolu_record_report_t *report);

/* 1 when image, of size bytes, is whole: lengths add up; else 0. */
int evolu_record_whole(const void *image, size_t size);

/*
 * Reads the text of one entry.  Its CIDRs go to cidrs (room for
 * EVOLU_ENTRY_CIDRS_MAX), e->cidr is set to 0; e->id is left empty.
 * EVOLU_FAULT_CIDRS and EVOLU_FAULT_ENTRY_SIZE void the whole record, any
 * other fault this entry.
 */
evolu_fault_t evolu_entry_decode(evolu_bytes_t text, evolu_scope_t scope,
    const evolu_peppers_t *peppers, evolu_entry_t *e, evolu_cidr_t *cidrs);

/* 1 when id is [A-Za-z0-9._-]{1,32}, else 0 */
int evolu_key_id_valid(evolu_bytes_t id);

/*
 * 1 when value is what the epoch of a store may be, else 0: the store is not
 * ready then, as without one (contract, section 6: an integer that is set to 1
 * and counted up).  That is 1 to EVOLU_EPOCH_MAX digits, as many as 64 bits
 * have, and no sign; its value is compared as text and never counted with.
 */
int evolu_epoch_valid(evolu_bytes_t value);

/* For people, in English: what is wrong and what is expected. */
const char *evolu_fault_text(evolu_fault_t fault);

/*
 * The entries of r that the credential of d matches, as a set: bit i is entry
 * i.  Every entry is compared, in constant time each.
 */
uint64_t evolu_record_match(const evolu_record_t *r, evolu_digests_t *d,
    const evolu_peppers_t *peppers);

/* The same by tag, for credentials that were verified before. */
uint64_t evolu_record_match_tag(const evolu_record_t *r,
    const unsigned char tag[EVOLU_TAG_SIZE]);

/* Remembers tag in the entries of the set, replacing an earlier one. */
void evolu_record_set_tag(evolu_record_t *r, uint64_t entries,
    const unsigned char tag[EVOLU_TAG_SIZE]);


static inline evolu_entry_t *
evolu_record_entries(const evolu_record_t *r)
{
    return (evolu_entry_t *) ((unsigned char *) r
                               + EVOLU_RECORD_HEADER);
}


static inline evolu_cidr_t *
evolu_record_cidrs(const evolu_record_t *r)
{
    return (evolu_cidr_t *) (evolu_record_entries(r) + r->nentries);
}


/* the record's "instance" field; empty when it has none */

static inline evolu_bytes_t
evolu_record_instance(const evolu_record_t *r)
{
    evolu_bytes_t  name;

    name.data = (const unsigned char *) (evolu_record_cidrs(r) + r->ncidrs);
    name.len = r->instance_len;

    return name;
}


#endif /* _EVOLU_RECORD_H_INCLUDED_ */
