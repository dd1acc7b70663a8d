
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <string.h>

#include "evolu_keys_words.h"


static int evolu_keys_words_one(evolu_keys_words_t *w);
static int evolu_keys_words_quoted(evolu_keys_words_t *w, char **out);
static int evolu_keys_words_plain(evolu_keys_words_t *w, char **out);
static int evolu_keys_words_escape(evolu_keys_words_t *w);


void
evolu_keys_words_begin(evolu_keys_words_t *w, char *text)
{
    w->p = text;
    w->line = 1;
    w->n = 0;
}


int
evolu_keys_words_next(evolu_keys_words_t *w)
{
    int  end;

    w->n = 0;

    for ( ;; ) {
        while (*w->p != '\0' && strchr(" \t\r\n", *w->p) != NULL) {
            w->line += (*w->p++ == '\n');
        }

        end = *w->p;

        switch (end) {

        case '\0':
            return 0;

        case '#':
            w->p += strcspn(w->p, "\n");
            break;

        case ';':
        case '{':
        case '}':
            *w->p++ = '\0';
            return end;

        default:
            if (evolu_keys_words_one(w) != 0) {
                return -1;
            }
        }
    }
}


/*
 * Words are copied to where they stand or before, since unescaping only makes
 * them shorter; a plain one that ends at ";" or "{" is ended when that byte has
 * been seen, by the zero that takes its place.
 */

static int
evolu_keys_words_one(evolu_keys_words_t *w)
{
    int    rc;
    char  *word, *out;

    word = w->p;
    out = w->p;

    rc = (*w->p == '"' || *w->p == '\'') ? evolu_keys_words_quoted(w, &out)
                                         : evolu_keys_words_plain(w, &out);

    if (rc != 0) {
        return rc;
    }

    if (w->n < EVOLU_KEYS_WORDS_OF_CONF) {
        w->words[w->n++] = word;
    }

    if (out == w->p && *w->p != ';' && *w->p != '{') {
        w->line += (*w->p == '\n');
        w->p++;
    }

    if (out != w->p) {
        *out = '\0';
    }

    return 0;
}


static int
evolu_keys_words_quoted(evolu_keys_words_t *w, char **out)
{
    int   c;
    char  quote;

    quote = *w->p++;

    while (*w->p != quote) {
        c = evolu_keys_words_escape(w);

        if (c == '\0') {
            return -1;
        }

        *(*out)++ = (char) c;
    }

    w->p++;

    return strchr(" \t\r\n;{)", *w->p) == NULL ? -1 : 0;
}


/* "${" is no block */

static int
evolu_keys_words_plain(evolu_keys_words_t *w, char **out)
{
    char  before;

    before = '\0';

    while (*w->p != '\0' && strchr(" \t\r\n;", *w->p) == NULL
           && (*w->p != '{' || before == '$'))
    {
        before = *w->p;
        *(*out)++ = (char) evolu_keys_words_escape(w);
    }

    return *w->p == '\0' ? -1 : 0;
}


/* One byte of a word, as it is meant; 0 at the end of the file */

static int
evolu_keys_words_escape(evolu_keys_words_t *w)
{
    w->line += (*w->p == '\n');

    if (*w->p == '\0') {
        return '\0';
    }

    if (*w->p != '\\') {
        return (unsigned char) *w->p++;
    }

    switch (w->p[1]) {

    case '"':
    case '\'':
    case '\\':
        w->p += 2;
        return (unsigned char) w->p[-1];

    case 't':
        w->p += 2;
        return '\t';

    case 'r':
        w->p += 2;
        return '\r';

    case 'n':
        w->p += 2;
        return '\n';

    default:
        return (unsigned char) *w->p++;
    }
}
