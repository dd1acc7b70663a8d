
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A password in guarded memory: locked, kept out of core dumps, wiped when
 * destroyed.
 */


#ifndef _EVOLU_SECRET_H_INCLUDED_
#define _EVOLU_SECRET_H_INCLUDED_


#include "evolu_bytes.h"


#define EVOLU_SECRET_TEXT_MAX  1024


typedef struct evolu_secret_s  evolu_secret_t;


/*
 * Keeps text, the content of a password file: its first line, without its
 * newline.  text stays the caller's, who wipes it.  NULL: empty, over
 * EVOLU_SECRET_TEXT_MAX bytes, more than one line, a NUL, or no memory.
 */
evolu_secret_t *evolu_secret_create(evolu_bytes_t text);

/* The password; points into the guarded memory, copies are to be wiped. */
evolu_bytes_t evolu_secret_text(const evolu_secret_t *secret);

/* Locks the memory again in a worker: locks do not survive fork(). */
void evolu_secret_lock(evolu_secret_t *secret);

/* Wipes and frees; NULL is allowed. */
void evolu_secret_destroy(evolu_secret_t *secret);


#endif /* _EVOLU_SECRET_H_INCLUDED_ */
