/*
 * Copyright (C) Evolu Auth Authors
 *
 * Those who wait for one locator's record in one worker: flights, their timers
 * and the life of what they are answered, src/..._flight.c and _store.c as a
 * model, for scripts/model.sh.
 *
 * Whatever the link, the server and the clients do, in whatever order, and
 * wherever memory is short: who waits is answered, if only timers fire; a
 * flight that is gone has nobody who waits for it; a value is freed once, by
 * the last who had it.
 */

#define WAITERS  2
#define FLIGHTS  2
#define NONE     255


mtype = { DOWN, CONNECTING, NOT_READY, LIVE };
mtype = { AWAY, WAITS, ANSWERED };

typedef Flight {
    bool  used;                  /* stands in the store's list */
    bool  sent;
    bool  again;
    bool  big;
    bool  changed;               /* since its mark was taken */
    bool  timer;
    byte  waiters;
};

typedef Waiter {
    mtype  state = AWAY;
    byte   flight = NONE;
    byte   value = NONE;
};

Flight  f[FLIGHTS];
Waiter  w[WAITERS];
mtype   link = DOWN;
byte    newest = NONE;           /* of the flights */
chan    reads = [FLIGHTS] of { byte };

/* values that were given out: how many have them */

byte    had[WAITERS];


inline check()
{
    for (k : 0 .. WAITERS - 1) {
        if
        :: w[k].state == WAITS ->
            assert(f[w[k].flight].used && f[w[k].flight].timer);
        :: w[k].state == ANSWERED && w[k].value != NONE ->
            assert(had[w[k].value] > 0);
        :: else
        fi
    }

    k = 0;
}


/* Flights */

inline destroy(i)
{
    assert(f[i].used);

    f[i].used = false;
    f[i].sent = false;
    f[i].again = false;
    f[i].big = false;
    f[i].changed = false;
    f[i].timer = false;
    f[i].waiters = 0;

    if
    :: newest == i ->
        newest = NONE;

        for (k : 0 .. FLIGHTS - 1) {
            if
            :: f[k].used -> newest = k;
            :: else
            fi
        }
    :: else
    fi
}

inline settle(i, usable)
{
    value = NONE;

    if
    :: usable && f[i].waiters > 0 ->
        for (k : 0 .. WAITERS - 1) {
            if
            :: had[k] == 0 -> value = k;
            :: else
            fi
        }

        assert(value != NONE);
    :: true                      /* unknown, unavailable, no memory */
    fi

    for (k : 0 .. WAITERS - 1) {
        if
        :: w[k].state == WAITS && w[k].flight == i ->
            w[k].state = ANSWERED;
            w[k].flight = NONE;
            w[k].value = value;
            f[i].waiters--;

            if
            :: value != NONE -> had[value]++;
            :: else
            fi
        :: else
        fi
    }

    assert(f[i].waiters == 0);
    f[i].timer = false;
    value = 0;
}

/* it may be that memory is short, or that too much waits to be sent */

inline send(i)
{
    if
    :: true ->
        f[i].sent = true;
        f[i].changed = false;
        reads ! i;
        failed = false;
    :: true -> failed = true;
    fi
}

inline arrive(j)
{
    i = NONE;

    if
    :: newest != NONE && !(f[newest].sent && f[newest].changed) ->
        i = newest;
    :: else ->
        for (k : 0 .. FLIGHTS - 1) {
            if
            :: !f[k].used -> i = k;
            :: else
            fi
        }

        if
        :: i != NONE ->
            f[i].used = true;
            newest = i;

            if
            :: link == LIVE ->
                send(i);

                if
                :: failed -> destroy(i); i = NONE;
                :: else
                fi
            :: else
            fi
        :: else
        fi
    fi

    if
    :: i != NONE ->
#ifdef BUG_JOIN
        if
        :: f[i].waiters == 0 && !f[i].sent -> f[i].timer = true;
        :: else
        fi
#else
        f[i].timer = true;
#endif
        w[j].state = WAITS;
        w[j].flight = i;
        f[i].waiters++;
    :: else
    fi

    i = 0;
    failed = false;
}

/* the client leaves, or the request has got what it waited for */

inline release(j)
{
    if
    :: w[j].state == ANSWERED && w[j].value != NONE ->
        assert(had[w[j].value] > 0);
        had[w[j].value]--;
    :: w[j].state == WAITS ->
        i = w[j].flight;
        f[i].waiters--;

        if
#ifdef BUG_RELEASE
        :: true ->
#else
        :: f[i].waiters == 0 ->
#endif
            if
            :: !f[i].sent && !f[i].big -> destroy(i);
            :: else -> f[i].timer = false;
            fi
        :: else
        fi
    :: else
    fi

    w[j].state = AWAY;
    w[j].flight = NONE;
    w[j].value = NONE;
    i = 0;
}


/* The link */

inline beat()
{
    for (i : 0 .. FLIGHTS - 1) {
        if
        :: f[i].used && f[i].big -> settle(i, false); destroy(i);
        :: f[i].used && !f[i].big && !f[i].sent ->
            send(i);

            if
            :: failed ->
#ifndef BUG_BEAT
                settle(i, true);
#endif
                destroy(i);
            :: else
            fi
        :: else
        fi
    }

    i = 0;
    failed = false;
}

inline not_ready()
{
    for (i : 0 .. FLIGHTS - 1) {
        if
        :: f[i].used && !f[i].sent ->
#ifndef BUG_NOT_READY
            settle(i, true);
#endif
            destroy(i);
        :: else
        fi
    }

    i = 0;
}

/* the first read may be the one whose reply was too big */

inline lose()
{
    link = DOWN;

    if
    :: len(reads) > 0 ->
        reads ? i;
        f[i].sent = false;
        f[i].big = true;
        settle(i, false);
    :: true
    fi

    do
    :: len(reads) > 0 ->
        reads ? i;
        f[i].sent = false;

        if
        :: !f[i].again && f[i].waiters > 0 -> f[i].again = true;
        :: else -> settle(i, true); destroy(i);
        fi
    :: else -> break;
    od

    i = 0;
}


proctype worker()
{
    byte  i, k, value;
    bool  failed;

end:
    do
    :: atomic { link == DOWN -> link = CONNECTING; }
    :: atomic { link != DOWN -> lose(); check(); }
    :: atomic { link != DOWN -> link = LIVE; beat(); check(); }

    :: atomic {
           link == CONNECTING || link == LIVE ->
               link = NOT_READY;
               not_ready();
               check();
       }

    :: atomic {
           len(reads) > 0 ->
               reads ? i;
               f[i].sent = false;
               settle(i, true);
               destroy(i);
               i = 0;
               check();
       }

    /* somebody was told that the record changed */

    :: atomic {
           newest != NONE && f[newest].sent -> f[newest].changed = true;
       }
    od
}


proctype client(byte j)
{
    byte  i, k;
    bool  failed;

end:
    do
    :: atomic {
           w[j].state == AWAY && (link == LIVE || link == CONNECTING) ->
               arrive(j);
               check();
       }

    :: atomic { w[j].state != AWAY -> release(j); check(); }
    od
}


proctype deadline(byte n)
{
    byte  k, value;

end:
    do
    :: atomic {
           f[n].timer ->
               f[n].timer = false;

               if
#ifdef BUG_LATE
               :: f[n].sent
#endif
               :: else -> settle(n, true);
               fi

               if
               :: !f[n].sent -> destroy(n);
               :: else
               fi

               check();
       }
    od
}


#define waits  (w[0].state == WAITS)

ltl answered { [] (waits -> <> !waits) }


init
{
    atomic {
        run worker();
        run client(0);
        run client(1);
        run deadline(0);
        run deadline(1);
    }
}
