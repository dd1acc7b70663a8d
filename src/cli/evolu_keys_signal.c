
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stddef.h>
#include <string.h>

#include "evolu_keys_signal.h"


static void evolu_keys_signal_set(sigset_t *set);
static void evolu_keys_signal_caught(int number);


static const int  evolu_keys_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };

#define EVOLU_KEYS_SIGNALS \
    (sizeof(evolu_keys_signals) / sizeof(evolu_keys_signals[0]))


static void (*volatile evolu_keys_signal_handler)(void);


void
evolu_keys_signal_save(sigset_t *now)
{
    (void) sigprocmask(SIG_BLOCK, NULL, now);
}


void
evolu_keys_signal_hold(void)
{
    sigset_t  set;

    evolu_keys_signal_set(&set);

    (void) sigprocmask(SIG_BLOCK, &set, NULL);
}


void
evolu_keys_signal_release(const sigset_t *saved)
{
    (void) sigprocmask(SIG_SETMASK, saved, NULL);
}


static void
evolu_keys_signal_set(sigset_t *set)
{
    size_t  i;

    (void) sigemptyset(set);

    for (i = 0; i < EVOLU_KEYS_SIGNALS; i++) {
        (void) sigaddset(set, evolu_keys_signals[i]);
    }
}


/* A signal that was ignored from the start, as under nohup, stays so. */

void
evolu_keys_signal_catch(void (*handler)(void))
{
    size_t            i;
    struct sigaction  action, now;

    evolu_keys_signal_handler = handler;

    memset(&action, 0, sizeof(struct sigaction));
    evolu_keys_signal_set(&action.sa_mask);

    action.sa_handler = handler == NULL ? SIG_DFL : evolu_keys_signal_caught;

    for (i = 0; i < EVOLU_KEYS_SIGNALS; i++) {
        if (sigaction(evolu_keys_signals[i], NULL, &now) == 0
            && now.sa_handler != SIG_IGN)
        {
            (void) sigaction(evolu_keys_signals[i], &action, NULL);
        }
    }
}


/* It comes again when this returns, and ends the process then. */

static void
evolu_keys_signal_caught(int number)
{
    if (evolu_keys_signal_handler != NULL) {
        evolu_keys_signal_handler();
    }

    (void) signal(number, SIG_DFL);
    (void) raise(number);
}
