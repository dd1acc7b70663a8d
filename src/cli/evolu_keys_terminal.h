
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What only people on a terminal get: colours, lines that fit, and progress of
 * what takes long.  Elsewhere none of it is there.
 */


#ifndef _EVOLU_KEYS_TERMINAL_H_INCLUDED_
#define _EVOLU_KEYS_TERMINAL_H_INCLUDED_


#include <stddef.h>
#include <stdio.h>


typedef enum {
    EVOLU_KEYS_COLOUR_NONE = 0,
    EVOLU_KEYS_COLOUR_GOOD,
    EVOLU_KEYS_COLOUR_WARNING,
    EVOLU_KEYS_COLOUR_BAD
} evolu_keys_colour_t;


/* Width of the terminal that stream is, or 0 where it is none */
size_t evolu_keys_terminal_columns(FILE *stream);

/*
 * Prints text on stream in a colour; in none where stream is no terminal, where
 * NO_COLOR says so (no-color.org), and on a terminal that is dumb.
 */
void evolu_keys_terminal_colour(FILE *stream, evolu_keys_colour_t colour,
    const char *text);

/*
 * Prints text and a newline on stream.  On a terminal it is broken at spaces:
 * used is what the first line holds already, indent what others begin with.
 */
void evolu_keys_terminal_wrap(FILE *stream, size_t used, size_t indent,
    const char *text);

/*
 * The length of text that goes on a line of width columns: up to a space or
 * behind a comma where there is one, else all that fits.  width is not 0.
 */
size_t evolu_keys_terminal_fit(const char *text, size_t width);

/*
 * Has nothing shown of what is typed on standard input, up to the other call
 * or to the signal that ends the process.
 */
void evolu_keys_terminal_hide(void);
void evolu_keys_terminal_unhide(void);

/*
 * Shows on stderr how far something is, where that is a terminal; total is 0
 * where it is not known.  Nothing appears of what is done at once.
 */
void evolu_keys_progress_begin(const char *what, size_t total);
void evolu_keys_progress(size_t done);
void evolu_keys_progress_end(void);

/* Takes the line away so that another can be printed. */
void evolu_keys_progress_hide(void);


#endif /* _EVOLU_KEYS_TERMINAL_H_INCLUDED_ */
