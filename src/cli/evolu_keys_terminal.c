
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "evolu_keys_print.h"
#include "evolu_keys_signal.h"
#include "evolu_keys_terminal.h"


/* a terminal that does not say how wide it is */
#define EVOLU_KEYS_TERMINAL_WIDTH  80

/* milliseconds before the first line of progress, and between two */
#define EVOLU_KEYS_PROGRESS_DELAY  300
#define EVOLU_KEYS_PROGRESS_EVERY  100

#define EVOLU_KEYS_PROGRESS_BAR    24


typedef struct {
    const char  *what;           /* NULL: nothing goes on */
    size_t       total;
    int64_t      next;           /* when a line is due, in milliseconds */
    unsigned     shown;          /* 1: a line is there */
} evolu_keys_progress_t;


static void evolu_keys_terminal_restore(void);
static void evolu_keys_terminal_leave(void);
static int64_t evolu_keys_terminal_now(void);
static void evolu_keys_progress_show(size_t done);
static void evolu_keys_progress_number(size_t number, char out[32]);


static evolu_keys_progress_t  evolu_keys_progress_state;
static struct termios         evolu_keys_terminal_before;


size_t
evolu_keys_terminal_columns(FILE *stream)
{
    struct winsize  size;

    if (isatty(fileno(stream)) != 1) {
        return 0;
    }

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col != 0) {
        return size.ws_col;
    }

    return EVOLU_KEYS_TERMINAL_WIDTH;
}


void
evolu_keys_terminal_colour(FILE *stream, evolu_keys_colour_t colour,
    const char *text)
{
    const char  *no, *term;

    static const char *const  codes[] = { "", "32", "33", "31" };

    no = getenv("NO_COLOR");
    term = getenv("TERM");

    if (colour == EVOLU_KEYS_COLOUR_NONE || (no != NULL && *no != '\0')
        || term == NULL || *term == '\0' || strcmp(term, "dumb") == 0
        || isatty(fileno(stream)) != 1)
    {
        fputs(text, stream);
        return;
    }

    fprintf(stream, "\033[%sm%s\033[0m", codes[colour], text);
}


void
evolu_keys_terminal_wrap(FILE *stream, size_t used, size_t indent,
    const char *text)
{
    size_t  len, width;

    width = evolu_keys_terminal_columns(stream);

    while (width > indent + 20 && used + evolu_keys_width(text) > width) {
        len = evolu_keys_terminal_fit(text, width - used);

        fprintf(stream, "%.*s\n%*s", (int) len, text, (int) indent, "");

        text += len;
        text += strspn(text, " ");
        used = indent;
    }

    fputs(text, stream);
    fputc('\n', stream);
}


size_t
evolu_keys_terminal_fit(const char *text, size_t width)
{
    size_t  len, columns, fit, whole;

    fit = 0;
    whole = 0;

    for (len = 0, columns = 0; text[len] != '\0'; /* void */ ) {

        if (text[len] == ' ') {
            fit = len;
        }

        columns += evolu_keys_char(text, &len);

        if (columns > width) {
            break;
        }

        whole = len;

        if (text[len - 1] == ',' && text[len] != '\0') {
            fit = len;
        }
    }

    if (text[whole] == '\0') {
        return whole;
    }

    return fit != 0 ? fit : whole;
}


/* Nor can it be stopped meanwhile: the shell would be left like this. */

void
evolu_keys_terminal_hide(void)
{
    struct termios  now;

    if (tcgetattr(STDIN_FILENO, &evolu_keys_terminal_before) != 0) {
        return;
    }

    evolu_keys_signal_catch(evolu_keys_terminal_leave);

    now = evolu_keys_terminal_before;
    now.c_lflag &= ~(tcflag_t) (ECHO|ECHOE|ECHOK|ECHONL);
    now.c_cc[VSUSP] = _POSIX_VDISABLE;

    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &now);
}


void
evolu_keys_terminal_unhide(void)
{
    evolu_keys_terminal_restore();
    evolu_keys_signal_catch(NULL);
}


static void
evolu_keys_terminal_restore(void)
{
    (void) tcsetattr(STDIN_FILENO, TCSANOW, &evolu_keys_terminal_before);
}


/* The line of the question is not over when a signal comes. */

static void
evolu_keys_terminal_leave(void)
{
    evolu_keys_terminal_restore();

    if (write(STDERR_FILENO, "\n", 1) == -1) {
        return;
    }
}


void
evolu_keys_progress_begin(const char *what, size_t total)
{
    if (isatty(STDERR_FILENO) != 1) {
        return;
    }

    evolu_keys_progress_state.what = what;
    evolu_keys_progress_state.total = total;
    evolu_keys_progress_state.next = evolu_keys_terminal_now()
                                     + EVOLU_KEYS_PROGRESS_DELAY;
}


void
evolu_keys_progress(size_t done)
{
    int64_t                 now;
    evolu_keys_progress_t  *p;

    p = &evolu_keys_progress_state;

    if (p->what == NULL) {
        return;
    }

    now = evolu_keys_terminal_now();

    if (now < p->next) {
        return;
    }

    p->next = now + EVOLU_KEYS_PROGRESS_EVERY;
    p->shown = 1;

    evolu_keys_progress_show(done);
}


/* "evolu-keys: writing [#########               ] 43,008 of 100,000" */

static void
evolu_keys_progress_show(size_t done)
{
    int                     filled;
    char                   *text, number[32], total[32];
    size_t                  bar, used, columns;
    evolu_keys_progress_t  *p;

    p = &evolu_keys_progress_state;

    evolu_keys_progress_number(done, number);
    evolu_keys_progress_number(p->total, total);

    text = evolu_keys_format("%s%s%s", number, p->total == 0 ? "" : " of ",
                             p->total == 0 ? "" : total);

    /* what does not fit is left out, for a line is all that is taken away */

    columns = evolu_keys_terminal_columns(stderr);
    used = sizeof("evolu-keys:  ") + strlen(p->what) + strlen(text);

    fputs("\r\033[K", stderr);

    if (used <= columns) {
        fprintf(stderr, "evolu-keys: %s ", p->what);
    }

    used += sizeof("[] ") - 1;
    bar = columns > used ? columns - used : 0;

    if (bar > EVOLU_KEYS_PROGRESS_BAR) {
        bar = EVOLU_KEYS_PROGRESS_BAR;
    }

    if (p->total != 0 && bar > 4) {
        filled = (int) (done < p->total ? done * bar / p->total : bar);

        fprintf(stderr, "[%.*s%*s] ", filled, "########################",
                (int) bar - filled, "");
    }

    fputs(text, stderr);
    free(text);
}


/* With a comma after each three digits */

static void
evolu_keys_progress_number(size_t number, char out[32])
{
    int   i, len;
    char  digits[24];

    len = snprintf(digits, sizeof(digits), "%zu", number);

    for (i = 0; i < len; i++) {
        if (i != 0 && (len - i) % 3 == 0) {
            *out++ = ',';
        }

        *out++ = digits[i];
    }

    *out = '\0';
}


void
evolu_keys_progress_end(void)
{
    evolu_keys_progress_hide();
    evolu_keys_progress_state.what = NULL;
}


void
evolu_keys_progress_hide(void)
{
    if (evolu_keys_progress_state.shown) {
        fputs("\r\033[K", stderr);
        evolu_keys_progress_state.shown = 0;
    }
}


static int64_t
evolu_keys_terminal_now(void)
{
    struct timespec  now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        return 0;
    }

    return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
