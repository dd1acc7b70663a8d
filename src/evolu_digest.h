
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Hashes of credentials: the algorithms of "hash=", peppers, constant-time
 * comparison.  Peppers live in guarded memory (libsodium's sodium_malloc):
 * locked, kept out of core dumps, wiped when destroyed.  No function here
 * prints or returns a pepper.
 */


#ifndef _EVOLU_DIGEST_H_INCLUDED_
#define _EVOLU_DIGEST_H_INCLUDED_


#include "evolu_bytes.h"


#define EVOLU_DIGEST_SIZE       32
#define EVOLU_DIGEST_HEX        64
#define EVOLU_TAG_SIZE          16
#define EVOLU_TAG_KEY_SIZE      16
#define EVOLU_FINGERPRINT_SIZE  16

#define EVOLU_PEPPER_ID_MAX     32   /* [A-Za-z0-9._-]{1,32} */
#define EVOLU_PEPPER_MIN        32   /* decoded bytes: 64 hex digits */
#define EVOLU_PEPPER_MAX        64   /* decoded bytes: 128 hex digits */
#define EVOLU_PEPPERS_MAX       16   /* peppers in one set */
#define EVOLU_PEPPER_NONE       0xff

/* "hmac-sha256-secret/" and a pepper id */
#define EVOLU_ALGORITHM_MAX     (19 + EVOLU_PEPPER_ID_MAX)


typedef struct evolu_peppers_s  evolu_peppers_t;


/* what "hash=<alg>:" names (contract, section 6) */

typedef struct {
    unsigned char  pepper;       /* index in the set; EVOLU_PEPPER_NONE: plain
                                    SHA-256, else HMAC-SHA-256 */
    unsigned char  secret;       /* 1: over the part after the third
                                    underscore only, 0: over the whole */
} evolu_algorithm_t;


typedef enum {
    EVOLU_PEPPER_OK = 0,
    EVOLU_PEPPER_BAD_ID,         /* id breaks [A-Za-z0-9._-]{1,32} */
    EVOLU_PEPPER_DUPLICATE,      /* id is in the set */
    EVOLU_PEPPER_BAD_TEXT,       /* not 64 to 128 hex digits, an even number
                                    of them, and at most one newline */
    EVOLU_PEPPER_TOO_MANY,       /* the set holds EVOLU_PEPPERS_MAX */
    EVOLU_PEPPER_NO_MEMORY
} evolu_pepper_status_t;


typedef enum {
    EVOLU_ALGORITHM_OK = 0,
    EVOLU_ALGORITHM_UNKNOWN,     /* no such algorithm */
    EVOLU_ALGORITHM_NO_PEPPER    /* its pepper is not in the set */
} evolu_algorithm_status_t;


/*
 * The digests of one credential by the algorithms asked for so far, so that
 * none is computed twice for the same request.  Zero-fill before use, wipe
 * with evolu_digests_wipe() after.
 */

#define EVOLU_DIGESTS_KEPT      4

typedef struct {
    evolu_bytes_t      text;     /* the whole credential */
    evolu_bytes_t      secret;   /* its secret part; empty: opaque */
    unsigned           n;
    evolu_algorithm_t  algorithm[EVOLU_DIGESTS_KEPT];
    unsigned char      digest[EVOLU_DIGESTS_KEPT][EVOLU_DIGEST_SIZE];
} evolu_digests_t;


/*
 * Prepares libsodium; once in a process before any other function here and
 * before fork().  Returns 0, or -1 when the library can't be used.  May be
 * called again.
 */
int evolu_digest_init(void);

/* An empty set, or NULL when out of memory. */
evolu_peppers_t *evolu_peppers_create(void);

/* Wipes and frees the set; NULL is allowed. */
void evolu_peppers_destroy(evolu_peppers_t *peppers);

/*
 * Adds a pepper; text is the content of its file, whole.  The first one added
 * has index 0 and names the token index.  text stays the caller's, who wipes
 * it.  The set is unchanged unless EVOLU_PEPPER_OK is returned.
 */
evolu_pepper_status_t evolu_peppers_add(evolu_peppers_t *peppers,
    evolu_bytes_t id, evolu_bytes_t text);

/* For people: what is wrong and what is expected; without the text. */
const char *evolu_pepper_status_text(evolu_pepper_status_t status);

/*
 * Locks the set's memory again and excludes it from dumps: locks do not
 * survive fork(), so each worker calls it.  Returns 0, or -1 when the limit of
 * locked memory forbids it (the set can be used all the same).
 */
int evolu_peppers_lock(evolu_peppers_t *peppers);

/* Index of a pepper in the set, or -1.  peppers may be NULL: an empty set. */
int evolu_peppers_find(const evolu_peppers_t *peppers, evolu_bytes_t id);

/* Number of peppers in the set; NULL is an empty set. */
unsigned evolu_peppers_count(const evolu_peppers_t *peppers);

/* The id of pepper number n; n < evolu_peppers_count(). */
evolu_bytes_t evolu_peppers_id(const evolu_peppers_t *peppers, unsigned n);

/*
 * Feeds ids, order and keys of the set into a one-way fingerprint: two sets
 * with the same fingerprint mean the same by "hash=hmac-sha256/ID".  The
 * peppers can't be computed from it, so it may stand in shared memory.
 */
void evolu_peppers_fingerprint(const evolu_peppers_t *peppers,
    unsigned char out[EVOLU_FINGERPRINT_SIZE]);

/*
 * Reads an algorithm name: "sha256", "sha256-secret", "hmac-sha256/ID",
 * "hmac-sha256-secret/ID".  peppers may be NULL.  *a is set on
 * EVOLU_ALGORITHM_OK only.
 */
evolu_algorithm_status_t evolu_algorithm_parse(evolu_bytes_t name,
    const evolu_peppers_t *peppers, evolu_algorithm_t *a);

/*
 * Writes the name of an algorithm, unterminated, into buf of at least
 * EVOLU_ALGORITHM_MAX bytes; returns its length.
 */
size_t evolu_algorithm_print(evolu_algorithm_t a,
    const evolu_peppers_t *peppers, char *buf);

/* The algorithm new hashes get: the first pepper, else plain SHA-256. */
evolu_algorithm_t evolu_algorithm_default(const evolu_peppers_t *peppers);

/* The digest of data (already the right part of a credential). */
void evolu_digest(evolu_algorithm_t a, const evolu_peppers_t *peppers,
    evolu_bytes_t data, unsigned char out[EVOLU_DIGEST_SIZE]);

/*
 * The digest of d's credential by a, from memory where it was computed before.
 * NULL when a wants the secret part and the credential has none, or a pepper
 * that is not in the set.  Valid until EVOLU_DIGESTS_KEPT further algorithms
 * were asked for.
 */
const unsigned char *evolu_digests_get(evolu_digests_t *d,
    evolu_algorithm_t a, const evolu_peppers_t *peppers);

/* Wipes the digests; the credential itself is the caller's. */
void evolu_digests_wipe(evolu_digests_t *d);

/* 1 when both digests are equal, else 0; in constant time. */
int evolu_digest_equal(const unsigned char a[EVOLU_DIGEST_SIZE],
    const unsigned char b[EVOLU_DIGEST_SIZE]);

/*
 * SipHash-2-4-128 of the credential under a zone's random key: recognises a
 * credential that was verified before, so that its HMAC need not be computed
 * again.  It never takes the place of a first verification.
 */
void evolu_digest_tag(const unsigned char key[EVOLU_TAG_KEY_SIZE],
    evolu_bytes_t text, unsigned char tag[EVOLU_TAG_SIZE]);

/* 1 when both tags are equal, else 0; in constant time. */
int evolu_digest_tag_equal(const unsigned char a[EVOLU_TAG_SIZE],
    const unsigned char b[EVOLU_TAG_SIZE]);

/*
 * 64 hex digits (either case) to 32 bytes: 0, or -1 when text is anything
 * else.
 */
int evolu_digest_unhex(evolu_bytes_t text,
    unsigned char out[EVOLU_DIGEST_SIZE]);

/* 32 bytes to 64 lower-case hex digits, unterminated. */
void evolu_digest_hex(const unsigned char digest[EVOLU_DIGEST_SIZE],
    char out[EVOLU_DIGEST_HEX]);


#endif /* _EVOLU_DIGEST_H_INCLUDED_ */
