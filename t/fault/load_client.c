
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"


#define LOAD_ANSWER    8192
#define LOAD_PATIENCE  10000000     /* for an answer, microseconds */
#define LOAD_PAUSE     20000        /* before another connection is tried */


typedef struct {
    load_event_t        event;      /* first */
    load_credential_t  *credential; /* NULL: nothing is asked */
    char                text[96];   /* its own, as that of a cold one changes */
    uint64_t            sent;
    uint64_t            again;      /* when to connect */
    int                 used;       /* answers on this connection */
    int                 retried;
    size_t              len;
    char                answer[LOAD_ANSWER];
} client_t;


static load_address_t   nginx;
static client_t        *clients;
static unsigned         nclients;
static unsigned         rate;
static unsigned         next;
static uint64_t         tokens_at;
static double           tokens;


static void client_event(load_event_t *ev, uint32_t events);
static void client_ask(client_t *c);


void
load_clients_init(load_address_t *address, unsigned n)
{
    unsigned  i;

    nginx = *address;
    nclients = n;
    clients = calloc(n, sizeof(client_t));

    if (clients == NULL) {
        load_die("calloc");
    }

    for (i = 0; i < n; i++) {
        clients[i].event.fd = -1;
        clients[i].event.handler = client_event;
    }
}


void
load_clients_rate(unsigned per_second)
{
    rate = per_second;
    tokens = 0;
    tokens_at = load_now();
}


unsigned
load_clients_waiting(void)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < nclients; i++) {
        n += (clients[i].credential != NULL);
    }

    return n;
}


static void
client_close(client_t *c)
{
    if (c->event.fd != -1) {
        close(c->event.fd);
        c->event.fd = -1;
    }

    c->used = 0;
    c->len = 0;
}


/* What nginx closed in place of an answer is asked once more, as clients do. */

static void
client_aborted(client_t *c)
{
    client_close(c);

    if (c->credential == NULL) {
        return;
    }

    load_phase.aborted++;

    if (c->retried) {
        load_phase.lost++;
        load_phase.last_bad = load_now() - load_phase.begin;
        c->credential = NULL;
        c->retried = 0;
        return;
    }

    c->retried = 1;
    client_ask(c);
}


static void
client_connect(client_t *c)
{
    c->event.fd = load_connect(&nginx);

    if (c->event.fd == -1) {
        load_phase.refused++;
        load_phase.last_bad = load_now() - load_phase.begin;
        c->again = load_now() + LOAD_PAUSE;
        c->credential = NULL;
        c->retried = 0;
        return;
    }

    load_watch(&c->event, EPOLLIN);
}


static load_kind_e
some_kind(void)
{
    unsigned  i, n;

    static const struct {
        unsigned     parts;
        load_kind_e  kind;
    } mix[] = {
        { 40, LOAD_WARM }, { 25, LOAD_CHURN }, { 12, LOAD_ROTATE },
        { 6, LOAD_EXPIRE }, { 7, LOAD_BAD }, { 5, LOAD_NOBODY },
        { 5, LOAD_COLD }
    };

    n = (unsigned) random() % 100;

    for (i = 0; n >= mix[i].parts; i++) {
        n -= mix[i].parts;
    }

    return mix[i].kind;
}


static void
client_ask(client_t *c)
{
    int   len;
    char  request[LOAD_LINE];

    if (c->credential == NULL) {
        c->credential = load_truth_pick(some_kind());
        snprintf(c->text, sizeof(c->text), "%s", c->credential->text);
    }

    if (c->event.fd == -1) {
        client_connect(c);

        if (c->event.fd == -1) {
            return;
        }
    }

    len = snprintf(request, sizeof(request),
                   "GET / HTTP/1.1\r\nHost: a\r\napikey: %s\r\n\r\n", c->text);

    c->sent = load_now();
    c->len = 0;

    /* an error is told by an event, too */

    (void) !write(c->event.fd, request, len);
}


/* the whole answer is there: its status; else 0 */

static unsigned
client_status(client_t *c)
{
    char      *end, *p;
    size_t     head;
    unsigned   status, length;

    c->answer[c->len] = '\0';
    end = strstr(c->answer, "\r\n\r\n");

    if (end == NULL) {
        return 0;
    }

    head = end + 4 - c->answer;
    length = 0;
    p = strstr(c->answer, "\nContent-Length: ");

    if (p != NULL && p < end) {
        length = strtoul(p + 17, NULL, 10);
    }

    if (c->len < head + length
        || sscanf(c->answer, "HTTP/1.1 %u", &status) != 1)
    {
        return 0;
    }

    return status;
}


static void
client_answered(client_t *c, unsigned status)
{
    char  *p, cache[16];
    int    closes;

    cache[0] = '\0';
    p = strstr(c->answer, "\nX-Cache: ");

    if (p != NULL) {
        sscanf(p + 10, "%15s", cache);
    }

    closes = (strstr(c->answer, "\nConnection: close") != NULL);

    load_truth_judge(c->credential, c->sent, status, cache);

    c->credential = NULL;
    c->retried = 0;
    c->len = 0;
    c->used++;

    /* now and then another connection, which may be another worker's */

    if (closes || random() % 50 == 0) {
        client_close(c);
    }
}


static void
client_event(load_event_t *ev, uint32_t events)
{
    ssize_t    n;
    unsigned   status;
    client_t  *c;

    (void) events;

    c = (client_t *) ev;
    n = read(ev->fd, c->answer + c->len, LOAD_ANSWER - 1 - c->len);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        client_aborted(c);
        return;
    }

    if (c->credential == NULL) {
        load_die("an answer that nobody asked for");
    }

    c->len += n;
    status = client_status(c);

    if (status != 0) {
        client_answered(c, status);
    }
}


void
load_clients_run(void)
{
    uint64_t   now;
    unsigned   i;
    client_t  *c;

    now = load_now();
    tokens += (double) (now - tokens_at) * rate / 1000000;
    tokens_at = now;

    /* what could not be asked in time is not made up for */

    if (tokens > nclients) {
        tokens = nclients;
    }

    for (i = 0; i < nclients; i++) {
        c = &clients[next++ % nclients];

        if (c->credential != NULL && now - c->sent > LOAD_PATIENCE
            && now > c->sent)
        {
            load_phase.stuck++;
            load_phase.last_bad = now - load_phase.begin;
            c->credential = NULL;
            c->retried = 0;
            client_close(c);
        }

        if (tokens >= 1 && c->credential == NULL && c->again <= now) {
            tokens -= 1;
            client_ask(c);
        }
    }
}
