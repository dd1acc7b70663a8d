
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Signals that end the process wait while it must not end: a key that was made
 * is shown, a file that was begun takes its name or goes.
 */


#ifndef _EVOLU_KEYS_SIGNAL_H_INCLUDED_
#define _EVOLU_KEYS_SIGNAL_H_INCLUDED_


#include <signal.h>


/* Which of them wait now */
void evolu_keys_signal_save(sigset_t *now);

/* SIGHUP, SIGINT, SIGQUIT and SIGTERM wait. */
void evolu_keys_signal_hold(void);

/* They come now, unless they waited when they were saved. */
void evolu_keys_signal_release(const sigset_t *saved);

/* Has handler called before one of them ends the process; NULL: no more. */
void evolu_keys_signal_catch(void (*handler)(void));


#endif /* _EVOLU_KEYS_SIGNAL_H_INCLUDED_ */
