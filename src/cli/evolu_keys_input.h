
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Secrets on their way in: private files, a credential on standard input, a
 * new one from the system's generator.
 */


#ifndef _EVOLU_KEYS_INPUT_H_INCLUDED_
#define _EVOLU_KEYS_INPUT_H_INCLUDED_


#include <stdio.h>
#include <sys/stat.h>

#include "evolu_keys.h"
#include "../evolu_secret.h"


/* "evolu_live_", a slug, "_" and a secret; an opaque credential; newline */
#define EVOLU_KEYS_CREDENTIAL_SIZE  (EVOLU_OPAQUE_MAX + 2)

/* characters of a generated secret, each of 62: 238 bits */
#define EVOLU_KEYS_SECRET_LEN       40


/* Evolution API's documentation shows these: no global keys (section 2) */
#define EVOLU_KEYS_SAMPLES          2

extern const evolu_bytes_t  evolu_keys_samples[EVOLU_KEYS_SAMPLES];


/*
 * Opens a file for reading and refuses one that others can read; what is its
 * name in messages ("key file").  With missing not NULL a file that does not
 * exist sets it and is no error; *file is NULL then.
 */
evolu_keys_status_t evolu_keys_input_open(const char *path, const char *what,
    FILE **file, struct stat *st, unsigned *missing);

/* Adds a pepper that was given as ID:PATH. */
evolu_keys_status_t evolu_keys_input_pepper(const char *text,
    evolu_peppers_t *peppers);

/* Reads a password file. */
evolu_keys_status_t evolu_keys_input_password(const char *path,
    evolu_secret_t **password);

/*
 * Reads one line from standard input into buf of EVOLU_KEYS_CREDENTIAL_SIZE
 * bytes; the newline is not counted.  On a terminal it asks for it, and shows
 * nothing of it.
 */
evolu_keys_status_t evolu_keys_input_line(unsigned char *buf, size_t *len);

/*
 * Reads a credential for a locator from standard input into buf of
 * EVOLU_KEYS_CREDENTIAL_SIZE bytes.  Refuses one that no request could use
 * there, and published sample keys as global ones.
 */
evolu_keys_status_t evolu_keys_input_credential(
    const evolu_locator_t *locator, unsigned char *buf,
    evolu_bytes_t *credential);

/* Makes a credential for a locator in buf of the same size. */
void evolu_keys_input_generate(const evolu_locator_t *locator,
    unsigned char *buf, evolu_bytes_t *credential);

/* 1 when a credential could be found from its plain hash, else 0 */
int evolu_keys_input_guessable(evolu_bytes_t credential);


#endif /* _EVOLU_KEYS_INPUT_H_INCLUDED_ */
