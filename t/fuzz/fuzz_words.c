
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A configuration of nginx as evolu-keys --nginx-conf reads it.  Input: its
 * text.
 */


#include <stdlib.h>
#include <string.h>

#include "cli/evolu_keys_words.h"


#define check(e)  do { if (!(e)) { abort(); } } while (0)


static void check_words(const evolu_keys_words_t *w, const char *text,
    size_t size, size_t lines);
static void check_again(const evolu_keys_words_t *w);
static char *put_word(char *p, const char *word);


int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);


int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    int                  end;
    char                *text;
    size_t               i, lines;
    evolu_keys_words_t   w;

    text = malloc(size + 1);
    check(text != NULL);

    memcpy(text, data, size);
    text[size] = '\0';

    lines = 1;

    for (i = 0; i < size; i++) {
        lines += text[i] == '\n';
    }

    evolu_keys_words_begin(&w, text);

    for (end = evolu_keys_words_next(&w);
         end > 0;
         end = evolu_keys_words_next(&w))
    {
        check(end == ';' || end == '{' || end == '}');

        check_words(&w, text, size, lines);
        check_again(&w);
    }

    check(end == 0 || end == -1);

    free(text);

    return 0;
}


/* They lie in the text, one after another, and end there. */

static void
check_words(const evolu_keys_words_t *w, const char *text, size_t size,
    size_t lines)
{
    unsigned     i;
    const char  *end;

    check(w->n <= EVOLU_KEYS_WORDS_OF_CONF);
    check(w->line >= 1 && w->line <= lines);
    check(w->p > text && w->p <= text + size);

    end = text;

    for (i = 0; i < w->n; i++) {
        check(w->words[i] >= end && w->words[i] < w->p);

        end = w->words[i] + strlen(w->words[i]);
        check(end < w->p);
    }
}


/* With quotes around every word it says the same. */

static void
check_again(const evolu_keys_words_t *w)
{
    char                *text, *p;
    size_t               size;
    unsigned             i;
    evolu_keys_words_t   again;

    size = 2;

    for (i = 0; i < w->n; i++) {
        size += 2 * strlen(w->words[i]) + 3;
    }

    text = malloc(size);
    check(text != NULL);

    p = text;

    for (i = 0; i < w->n; i++) {
        p = put_word(p, w->words[i]);
    }

    *p++ = ';';
    *p = '\0';

    evolu_keys_words_begin(&again, text);

    check(evolu_keys_words_next(&again) == ';');
    check(again.n == w->n);

    for (i = 0; i < w->n; i++) {
        check(strcmp(again.words[i], w->words[i]) == 0);
    }

    check(evolu_keys_words_next(&again) == 0);

    free(text);
}


static char *
put_word(char *p, const char *word)
{
    *p++ = '"';

    for ( /* void */ ; *word != '\0'; word++) {
        if (*word == '"' || *word == '\\') {
            *p++ = '\\';
        }

        *p++ = *word;
    }

    *p++ = '"';
    *p++ = ' ';

    return p;
}
