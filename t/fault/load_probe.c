
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "load.h"


#define LOAD_WORKERS  8


typedef struct {
    load_event_t  event;            /* first */
    int           worker;           /* pid; 0: not known yet */
    int           asked;
    int           ready;            /* it has the key cached */
    int           over;             /* it refused the key */
    int           back;             /* and took it again */
    uint64_t      sent;
    size_t        len;
    char          answer[4096];
} asker_t;


static load_address_t   nginx;
static asker_t          askers[LOAD_WORKERS];
static unsigned         nworkers;
static unsigned         revocations;
static unsigned         number;
static uint64_t        *delays;
static unsigned         flips;
static unsigned         repeated;
static uint64_t         gone;       /* acknowledged; 0: not yet */
static int              going;      /* asked for */
static char             text[96], hash[96], key[96];


static void asker_event(load_event_t *ev, uint32_t events);


static void
asker_connect(asker_t *a)
{
    if (a->event.fd != -1) {
        close(a->event.fd);
    }

    a->worker = 0;
    a->asked = 0;
    a->len = 0;
    a->event.handler = asker_event;
    a->event.fd = load_connect(&nginx);

    if (a->event.fd != -1) {
        load_watch(&a->event, EPOLLIN);
    }
}


static void
asker_ask(asker_t *a)
{
    int   len;
    char  request[LOAD_LINE];

    if (a->event.fd == -1) {
        asker_connect(a);

        if (a->event.fd == -1) {
            return;
        }
    }

    len = snprintf(request, sizeof(request),
                   "GET / HTTP/1.1\r\nHost: a\r\napikey: %s\r\n\r\n", text);

    a->asked = 1;
    a->sent = load_now();
    a->len = 0;
    (void) !write(a->event.fd, request, len);
}


static void
added(int done)
{
    if (!done) {
        load_die("the probe's key can't be made");
    }
}


static void
revoked(int done)
{
    if (!done) {
        load_die("the probe's key can't be revoked");
    }

    gone = load_now();
}


static void
begin(void)
{
    unsigned        i;
    unsigned char   digest[crypto_hash_sha256_BYTES];
    char            hex[2 * crypto_hash_sha256_BYTES + 1];

    snprintf(text, sizeof(text), "evolu_live_probe-%u_Secret0123456789abc",
             number);
    snprintf(key, sizeof(key), "evolu:campaign:live:probe-%u", number);

    crypto_hash_sha256(digest, (unsigned char *) text, strlen(text));
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    snprintf(hash, sizeof(hash), "hash=sha256:%s", hex);

    gone = 0;
    going = 0;

    for (i = 0; i < nworkers; i++) {
        askers[i].ready = 0;
        askers[i].over = 0;
    }

    load_writer_send(added, "HSET %s v 1 key.k %s", key, hash);
}


void
load_probe_start(load_address_t *address, unsigned workers, unsigned n)
{
    unsigned  i;

    nginx = *address;
    nworkers = workers > LOAD_WORKERS ? LOAD_WORKERS : workers;
    revocations = n;
    number = 0;
    delays = calloc(n, sizeof(uint64_t));

    if (delays == NULL) {
        load_die("calloc");
    }

    for (i = 0; i < nworkers; i++) {
        askers[i].event.fd = -1;
        asker_connect(&askers[i]);
    }

    begin();
}


/* Each asker is another worker's. */

static int
asker_known(asker_t *a)
{
    char      *p;
    unsigned   i;

    p = strstr(a->answer, "\nX-Worker: ");
    a->worker = (p != NULL) ? atoi(p + 11) : -1;

    for (i = 0; i < nworkers; i++) {
        if (&askers[i] != a && askers[i].worker == a->worker) {
            asker_connect(a);
            return 0;
        }
    }

    return 1;
}


static void
asker_answered(asker_t *a)
{
    int       ok;
    uint64_t  now;

    now = load_now();
    a->asked = 0;

    if (a->worker == 0 && !asker_known(a)) {
        return;
    }

    ok = (strncmp(a->answer, "HTTP/1.1 200", 12) == 0);

    if (!going) {
        a->ready = ok && strstr(a->answer, "\nX-Cache: FRESH") != NULL;
        return;
    }

    if (ok) {

        if (a->over && gone != 0 && a->sent > gone) {
            flips++;
        }

        return;
    }

    if (strncmp(a->answer, "HTTP/1.1 401", 12) != 0) {
        load_die("the probe was answered neither 200 nor 401");
    }

    if (a->over || gone == 0) {

        /* what comes before the acknowledgement is asked once more */

        return;
    }

    a->over = 1;

    if (now - gone > delays[number]) {
        delays[number] = now - gone;
    }
}


static void
asker_event(load_event_t *ev, uint32_t events)
{
    ssize_t   n;
    asker_t  *a;

    (void) events;

    a = (asker_t *) ev;
    n = read(ev->fd, a->answer + a->len, sizeof(a->answer) - 1 - a->len);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        repeated++;
        asker_connect(a);
        return;
    }

    a->len += n;
    a->answer[a->len] = '\0';

    /* "whoami" and refusals end with a brace */

    if (a->answer[a->len - 1] == '}'
        && strstr(a->answer, "\r\n\r\n") != NULL)
    {
        asker_answered(a);
    }
}


void
load_probe_run(void)
{
    unsigned  i, ready, over;

    if (revocations == 0 || number == revocations) {
        return;
    }

    ready = 0;
    over = 0;

    for (i = 0; i < nworkers; i++) {

        if (!askers[i].asked) {
            asker_ask(&askers[i]);
        }

        ready += askers[i].ready;
        over += askers[i].over;
    }

    if (!going && ready == nworkers) {
        going = 1;

        if (number % 2) {
            load_writer_send(revoked, "DEL %s", key);

        } else {
            load_writer_send(revoked, "HDEL %s key.k", key);
        }
    }

    if (over == nworkers && ++number < revocations) {
        begin();
    }
}


static int
compare(const void *a, const void *b)
{
    uint64_t  x, y;

    x = *(const uint64_t *) a;
    y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}


int
load_probe_done(char *line, size_t size)
{
    unsigned  n;

    if (revocations == 0 || number < revocations) {
        return 0;
    }

    n = revocations;
    qsort(delays, n, sizeof(uint64_t), compare);

    snprintf(line, size, "revocations=%u workers=%u p50=%.2f p90=%.2f"
             " p99=%.2f p999=%.2f max=%.2f flips=%u reconnects=%u", n,
             nworkers, delays[n / 2] / 1000.0, delays[n * 9 / 10] / 1000.0,
             delays[n * 99 / 100] / 1000.0, delays[n * 999 / 1000] / 1000.0,
             delays[n - 1] / 1000.0, flips, repeated);

    free(delays);
    delays = NULL;
    revocations = 0;

    for (n = 0; n < nworkers; n++) {
        close(askers[n].event.fd);
        askers[n].event.fd = -1;
    }

    return 1;
}
