
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Words of a configuration of nginx, a directive at a time, split as nginx
 * splits them.  It prints nothing and allocates nothing, and is fuzzed.
 */


#ifndef _EVOLU_KEYS_WORDS_H_INCLUDED_
#define _EVOLU_KEYS_WORDS_H_INCLUDED_


/* words of a directive that are kept; others are passed over */
#define EVOLU_KEYS_WORDS_OF_CONF  32


typedef struct {
    char       *p;               /* what is to be read; ends with a zero */
    unsigned    line;            /* from 1 */

    /* the directive; words stand in the text, unescaped */

    char       *words[EVOLU_KEYS_WORDS_OF_CONF];
    unsigned    n;
} evolu_keys_words_t;


/* Begins; words will be written into text. */
void evolu_keys_words_begin(evolu_keys_words_t *w, char *text);

/*
 * Reads what stands before the next ";", "{" or "}", and returns that; 0 at
 * the end of the text, -1 where it cannot be read.
 */
int evolu_keys_words_next(evolu_keys_words_t *w);


#endif /* _EVOLU_KEYS_WORDS_H_INCLUDED_ */
