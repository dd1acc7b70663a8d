/*
 * Copyright (C) Evolu Auth Authors
 *
 * What keeps the cached record of one locator true: src/..._cache_cover.c,
 * _cache.c, _flight.c and _redis_reply.c as a model, for scripts/model.sh.
 *
 * A worker may be killed, be stopped, or end at any moment.  To be stopped, or
 * behind a network that carries nothing, is to take no step while the clock
 * goes on, and every process here may take none for as long as it likes.  The
 * server may forget a link without a word.  A tick of the clock is a second.
 *
 * A record has versions; each change makes the one before it old.  Whatever
 * happens, in whatever order:
 *
 *   - who is answered FRESH gets no version that is older than a change that
 *     some worker has heard of, and none that is old for more than BOUND;
 *   - who is answered STALE gets none that is older than a change that was
 *     pushed to some worker, and heard;
 *   - who waited for a read gets none that was too old when he asked.
 *
 * Left out, as it only makes less be believed: the end of "fresh" and "stale",
 * eviction, NOT_READY, links that are not tracked, and workers of another store,
 * whose slots do not cover.
 */

#ifndef WORKERS
#define WORKERS   2          /* each with a slot */
#endif

#ifndef READERS
#define READERS   1          /* those of them that ask the store */
#endif

#ifndef CHANGES
#define CHANGES   1
#endif

#ifndef COVER
#define COVER     3          /* NGX_HTTP_EVOLU_AUTH_COVER */
#define SILENCE   2          /* NGX_HTTP_EVOLU_AUTH_SILENCE */
#endif

/*
 * A heartbeat is believed when it is answered in less than SILENCE, and a
 * slot for less than COVER after that; in whole seconds:
 */

#define BOUND     ((SILENCE - 1) + (COVER - 1))


mtype = { GREETING, LIVE };               /* a link, as the worker sees it */
mtype = { CONNECTED, TRACKED, GONE };     /* the same, as the server does */
mtype = { PUSH, VALUE, BEAT };            /* what the server says */

typedef Worker {
    /* slot in the zone */
    bool   tracked;
    bool   anchored;
    byte   beat = COVER;         /* its age */

    /* link */
    mtype  link = GREETING;
    mtype  server = CONNECTED;
    bool   beating;              /* a heartbeat was sent, and not answered */
    byte   sent;                 /* its age */
    bool   before[WORKERS];      /* slots that cover since before that */

    /* flight, and one who waits for it */
    bool   flying;
    byte   flown;                /* its age */
    byte   value;                /* the version that it reads */
    bool   same;                 /* the bucket's sequence is that of the mark */
    bool   young;                /* the generation is */
    bool   waits;
    byte   least;                /* the version that he may get */
};

Worker  w[WORKERS];
chan    said[WORKERS] = [CHANGES + 2] of { mtype, byte };

/* the store; old[v]: for how long version v is not the record any more */

byte  version;
byte  old[CHANGES + 1];
byte  epoch;

/* the zone */

bool  covered;
byte  until;                     /* covered for so long */
bool  there;                     /* a node */
byte  kept;                      /* its version */
bool  current;                   /* it is of this generation */
byte  epoch_known;

/* changes that some worker has heard of: by a push; by a push or the epoch */

byte  pushed;
byte  heard;


#define covers(i)      (w[i].tracked && w[i].beat < COVER)
#define fit(v)         ((v) == version || old[v] <= BOUND)
#define believed(i)    (w[i].anchored && covers(i))
#define takes_over(i, k)  (w[i].before[k] && covers(k))
#define joined(i)      (w[i].same && w[i].young)
#define keeps(i)       w[i].same
#define fresh(i)       w[i].young

#ifdef BUG_ANCHOR
#undef believed
#define believed(i)    covers(i)
#endif

#ifdef BUG_TAKEOVER
#undef takes_over
#define takes_over(i, k)  covers(k)
#endif

#ifdef BUG_SEQUENCE
#undef keeps
#define keeps(i)       true
#endif

#ifdef BUG_MARK
#undef fresh
#define fresh(i)       true
#endif

#ifdef BUG_JOIN
#undef joined
#define joined(i)      true
#endif

/* no version is old, nor can one become so: all that follows is the same */

#define outdated(i)    (w[i].flying && w[i].value < version)

#if WORKERS == 1
#define any_outdated   outdated(0)
#elif WORKERS == 2
#define any_outdated   (outdated(0) || outdated(1))
#else
#define any_outdated   (outdated(0) || outdated(1) || outdated(2))
#endif

#define over           (version == CHANGES \
                        && !(there && kept < version) && !any_outdated)


/* The zone */

inline generation()
{
    current = false;

    for (k : 0 .. WORKERS - 1) {
        w[k].young = false;
    }
}

inline survey()
{
    covered = false;
    until = 0;

    for (k : 0 .. WORKERS - 1) {
        if
        :: believed(k) ->
            covered = true;

            if
            :: COVER - w[k].beat > until -> until = COVER - w[k].beat;
            :: else
            fi
        :: else
        fi
    }
}

inline anchor_all()
{
    for (k : 0 .. WORKERS - 1) {
        if
        :: covers(k) -> w[k].anchored = true;
        :: else
        fi
    }
}

inline advance()
{
#ifndef BUG_GENERATION
    generation();
#endif
    anchor_all();
    survey();
}

inline lock()
{
    if
#ifdef BUG_AGE
    :: false
#else
    :: covered && until == 0 -> advance();
#endif
    :: else
    fi
}

inline lose(i)
{
    w[i].tracked = false;
    w[i].anchored = false;
    w[i].beat = COVER;

    if
    :: covered ->
        survey();

        if
        :: !covered -> advance();
        :: else
        fi
    :: else
    fi
}

inline cache_beat(i)
{
    lock();

    if
    :: !covers(i) ->
        w[i].anchored = false;

        for (k : 0 .. WORKERS - 1) {
            w[k].before[i] = false;
        }
    :: else
    fi

    w[i].beat = 0;
    w[i].tracked = true;

    if
    :: !covered -> advance();
    :: else ->
        if
        :: w[i].anchored ->
            for (k : 0 .. WORKERS - 1) {
                if
                :: takes_over(i, k) -> w[k].anchored = true;
                :: else
                fi
            }

            survey();
        :: else
        fi
    fi
}

inline cache_epoch(e)
{
    lock();

    if
    :: e != epoch_known ->
#ifndef BUG_EPOCH
        generation();
#endif
        epoch_known = e;
    :: else
    fi
}

inline drop()
{
    there = false;
    kept = 0;
    current = false;
}


/* The link */

inline ask_beat(i)
{
    w[i].beating = true;
    w[i].sent = 0;

    for (k : 0 .. WORKERS - 1) {
        w[i].before[k] = covers(k);
    }
}

inline no_flight(i)
{
    w[i].flying = false;
    w[i].flown = 0;
    w[i].value = 0;
    w[i].same = false;
    w[i].young = false;
}

inline forget(i)
{
    w[i].link = GREETING;
    w[i].server = CONNECTED;
    w[i].beating = false;
    w[i].sent = 0;
    no_flight(i);
    served(i);

    for (k : 0 .. WORKERS - 1) {
        w[i].before[k] = false;
    }

    do
    :: len(said[i]) > 0 -> said[i] ? _, _;
    :: else -> break;
    od
}

inline reset(i)
{
#ifndef BUG_UNCOVER
    lock();
    lose(i);
#endif
    forget(i);
}


/* Who asks */

inline send(i)
{
    lock();
    w[i].flying = true;
    w[i].flown = 0;
    w[i].value = version;
    w[i].same = true;
    w[i].young = true;

    if
    :: w[i].server == TRACKED -> said[i] ! VALUE, 0;
    :: else
    fi
}

inline wait(i)
{
    w[i].waits = true;
    w[i].least = heard;

    do
    :: !fit(w[i].least) -> w[i].least++;
    :: else -> break;
    od
}

inline served(i)
{
    w[i].waits = false;
    w[i].least = 0;
}

inline stale()
{
    if
    :: there -> assert(kept >= pushed);
    :: else
    fi
}

inline request(i)
{
    lock();

    if
    :: there && current && covered ->
        assert(fit(kept));
        assert(kept >= heard);

    :: else ->
        if
        :: w[i].link != LIVE -> stale();
        :: else
        fi

        if
        :: i < READERS && !w[i].waits ->
            if
            :: w[i].link == LIVE && !w[i].flying -> send(i); wait(i);
            :: w[i].link == LIVE && w[i].flying && joined(i) -> wait(i);
            :: else
            fi
        :: else
        fi
    fi
}

/* the deadline has come, or the link was lost again */

inline fall_back(i)
{
    lock();
    stale();
    served(i);
}


/* What the server said */

inline on_value(i)
{
    if
#ifndef BUG_LATE
    :: w[i].flown >= SILENCE -> reset(i);
#endif
    :: else ->
        lock();

        if
        :: there && current && !w[i].young
        :: else ->
            drop();

            if
            :: keeps(i) ->
                there = true;
                kept = w[i].value;
                current = fresh(i);
            :: else
            fi
        fi

        if
        :: w[i].waits ->
            assert(w[i].value >= w[i].least);
            served(i);
        :: else
        fi

        no_flight(i);
    fi
}

inline on_push(i)
{
    lock();

#ifndef BUG_DROP
    drop();
#endif

    for (k : 0 .. WORKERS - 1) {
        w[k].same = false;
    }

    if
    :: v > pushed -> pushed = v;
    :: else
    fi

    if
    :: v > heard -> heard = v;
    :: else
    fi
}

inline on_beat(i)
{
    if
#ifndef BUG_SILENCE
    :: w[i].sent >= SILENCE -> reset(i);
#endif
    :: else ->
        w[i].link = LIVE;
        w[i].beating = false;
        w[i].sent = 0;

        cache_epoch(v);

        /* the epoch of a version stands for it */

        if
        :: v > heard -> heard = v;
        :: else
        fi

        cache_beat(i);

        for (k : 0 .. WORKERS - 1) {
            w[i].before[k] = false;
        }
    fi
}


proctype worker(byte i)
{
    byte  k, v;

end:
    do
    /* the link, and its loss, for any reason */

    :: d_step {
           !over && w[i].link == LIVE && !w[i].beating ->
               ask_beat(i);

               if
               :: w[i].server == TRACKED -> said[i] ! BEAT, epoch;
               :: else
               fi

               k = 0;
       }

    :: d_step {
           !over -> reset(i); k = 0;
       }

    :: d_step {
           !over && len(said[i]) > 0 ->
               if
               :: said[i] ? VALUE, v -> on_value(i);
               :: said[i] ? PUSH, v -> on_push(i);
               :: said[i] ? BEAT, v -> on_beat(i);
               fi

               v = 0;
               k = 0;
       }

    /* who asks */

    :: d_step { !over -> request(i); k = 0; }
    :: d_step { !over && w[i].waits -> fall_back(i); k = 0; }

    /* the server */

    :: d_step {
           !over && w[i].server == CONNECTED ->
               w[i].server = TRACKED;
               w[i].beating = true;
               said[i] ! BEAT, epoch;
       }

#ifdef BUG_LEAVE
    /* a worker ends, and those that are left take its word for what they did
       not hear */

    :: d_step {
           !over ->
               lock();

               if
               :: believed(i) -> anchor_all();
               :: else
               fi

               lose(i);
               forget(i);
               k = 0;
       }
#endif
    od
}


proctype world()
{
    byte  k;

end:
    do
    :: d_step {
           !over ->

           for (k : 0 .. WORKERS - 1) {
               if
               :: w[k].beat < COVER - 1 -> w[k].beat++;
               :: else ->
                   /* it covers no more, whatever it was */
                   w[k].beat = COVER;
                   w[k].tracked = false;
                   w[k].anchored = false;
               fi

               if
               :: w[k].beating && w[k].sent < SILENCE -> w[k].sent++;
               :: else
               fi

               if
               :: w[k].flying && w[k].flown < SILENCE -> w[k].flown++;
               :: else
               fi
           }

           for (k : 0 .. CHANGES) {
               if
               :: k < version && old[k] <= BOUND -> old[k]++;
               :: else
               fi
           }

           if
           :: until > 0 -> until--;
           :: else
           fi

           k = 0;
       }

    /* a change that is pushed; a link may have been lost without a word (d_step
       makes no choice) */

    :: atomic {
           version < CHANGES ->
               version++;

               for (k : 0 .. WORKERS - 1) {
                   if
                   :: w[k].server == TRACKED -> said[k] ! PUSH, version;
                   :: w[k].server == TRACKED -> w[k].server = GONE;
                   :: else
                   fi
               }

               k = 0;
       }

    /* one that is not (SWAPDB); who made it has set the epoch after it */

    :: d_step {
           version < CHANGES ->
               version++;
               epoch = version;
       }
    od
}


init
{
    byte  i;

    atomic {
        for (i : 0 .. WORKERS - 1) {
            run worker(i);
        }

        run world();
    }
}
