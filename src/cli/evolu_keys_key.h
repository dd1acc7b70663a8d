
/*
 * Copyright (C) Evolu Auth Authors
 *
 * One key as list and show print it; never its hash.
 */


#ifndef _EVOLU_KEYS_KEY_H_INCLUDED_
#define _EVOLU_KEYS_KEY_H_INCLUDED_


#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"
#include "evolu_keys_view.h"


/* key may be NULL below: a record without keys */

typedef struct {
    char         *id;
    const char   *status;
    char          not_before[EVOLU_KEYS_TIME_SIZE];
    char          expires[EVOLU_KEYS_TIME_SIZE];
    char          algorithm[EVOLU_ALGORITHM_MAX + 1];
    char         *allow;             /* of a void key: what is wrong */
} evolu_keys_cells_t;


void evolu_keys_key_cells(const evolu_keys_view_t *view,
    const evolu_keys_key_t *key, const evolu_peppers_t *peppers,
    evolu_keys_cells_t *cells);

void evolu_keys_key_cells_free(evolu_keys_cells_t *cells);

/* The colour of a state; a heading has none */
evolu_keys_colour_t evolu_keys_key_colour(const char *status);

json_t *evolu_keys_key_json(const evolu_keys_view_t *view,
    const evolu_keys_key_t *key, const evolu_peppers_t *peppers);


#endif /* _EVOLU_KEYS_KEY_H_INCLUDED_ */
