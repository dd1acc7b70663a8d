
/*
 * Copyright (C) Evolu Auth Authors
 *
 * load NGINX REDIS [KEYS [CLIENTS]]   reads words on standard input, a line
 * each, and answers each with a line:
 *
 *   fill          writes all records and advances the epoch
 *   rate N        requests a second
 *   writes N      changes a second, and what follows on them; 0: waits until
 *                 all are acknowledged or lost
 *   store ADDRESS where writers find Redis from now on
 *   forget        what changes is not known until it is changed again
 *   settle        asks no more, waits for all answers
 *   phase MS      what was counted, then counts anew; a change may be seen
 *                 late by so many milliseconds
 *   so-far        what was counted
 *   probe WORKERS N   revokes N keys, measures how soon it is seen
 *   quit
 *
 * Addresses: HOST:PORT or unix:PATH.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "load.h"


#define LOAD_EVENTS  256
#define LOAD_WAIT    10000000       /* for what a word asks for, microseconds */


static int             ep;
static int             over;
static load_address_t  nginx_address;
static uint64_t        deadline;
static int           (*waiting)(void);


uint64_t
load_now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


void
load_die(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}


void
load_address(const char *text, load_address_t *address)
{
    char                 host[64];
    const char          *colon;
    struct sockaddr_in  *sin;
    struct sockaddr_un  *sun;

    memset(address, 0, sizeof(load_address_t));

    if (strncmp(text, "unix:", 5) == 0) {
        sun = (struct sockaddr_un *) &address->addr;
        sun->sun_family = AF_UNIX;
        snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", text + 5);
        address->len = sizeof(struct sockaddr_un);
        return;
    }

    colon = strrchr(text, ':');

    if (colon == NULL || (size_t) (colon - text) >= sizeof(host)) {
        load_die("no such address");
    }

    memcpy(host, text, colon - text);
    host[colon - text] = '\0';

    sin = (struct sockaddr_in *) &address->addr;
    sin->sin_family = AF_INET;
    sin->sin_port = htons(atoi(colon + 1));
    address->len = sizeof(struct sockaddr_in);

    if (inet_pton(AF_INET, host, &sin->sin_addr) != 1) {
        load_die("no such address");
    }
}


/* Loopback connects at once or not at all, but for a full backlog. */

int
load_connect(load_address_t *address)
{
    int             fd, one;
    struct timeval  tv = { 1, 0 };

    fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        load_die("socket");
    }

    one = 1;
    (void) setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));

    if (address->addr.ss_family == AF_INET) {
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }

    if (connect(fd, (struct sockaddr *) &address->addr, address->len) == -1
        || fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
    {
        close(fd);
        return -1;
    }

    return fd;
}


void
load_watch(load_event_t *ev, uint32_t events)
{
    struct epoll_event  ee;

    memset(&ee, 0, sizeof(ee));
    ee.events = events;
    ee.data.ptr = ev;

    if (epoll_ctl(ep, EPOLL_CTL_ADD, ev->fd, &ee) == -1) {
        load_die("epoll_ctl");
    }
}


static void
print_phase(void)
{
    load_phase_t  *p;

    p = &load_phase;

#define N(name)   (unsigned long long) p->name
#define MS(name)  (double) p->name / 1000

    printf("ms=%.0f requests=%llu allowed=%llu denied=%llu warm503=%llu"
           " other503=%llu errors=%llu wrong_allows=%llu wrong_denies=%llu"
           " aborted=%llu lost=%llu stuck=%llu refused=%llu changes=%llu"
           " failures=%llu late_allow=%.1f late_deny=%.1f fresh=%llu"
           " stale=%llu miss=%llu last_fresh=%.0f last_bad=%.0f"
           " last_allowed=%.0f first_allowed=%.0f last_cold=%.0f"
           " slowest=%.1f\n",
           (double) (load_now() - p->begin) / 1000, N(requests), N(allowed),
           N(denied), N(warm503), N(other503), N(errors), N(wrong_allows),
           N(wrong_denies), N(aborted), N(lost), N(stuck), N(refused),
           N(changes), N(failures), MS(late_allow), MS(late_deny), N(fresh),
           N(stale), N(miss), MS(last_fresh), MS(last_bad), MS(last_allowed),
           MS(first_allowed), MS(last_cold), MS(slowest));
}


static void
begin_phase(unsigned ms)
{
    memset(&load_phase, 0, sizeof(load_phase_t));
    load_phase.begin = load_now();
    load_phase.bound = (uint64_t) ms * 1000;
}


static void
forget(void)
{
    unsigned        i;
    load_record_t  *record;

    for (i = load_counts[LOAD_WARM]; i < load_nrecords; i++) {
        record = &load_records[i];

        load_truth_forget(record->credentials[0]);

        if (record->credentials[1] != NULL) {
            load_truth_forget(record->credentials[1]);
        }
    }
}


static int
settled(void)
{
    return load_clients_waiting() == 0;
}


static void
wait_for(int (*what)(void))
{
    waiting = what;
    deadline = load_now() + LOAD_WAIT;
}


static void
obey(char *line)
{
    char            *word, *rest, *save;
    unsigned         n;
    load_address_t   address;

    word = strtok_r(line, " \n", &save);
    rest = strtok_r(NULL, " \n", &save);
    n = (rest != NULL) ? strtoul(rest, NULL, 10) : 0;

    if (word == NULL) {
        load_die("no word");
    }

    if (strcmp(word, "phase") == 0 || strcmp(word, "so-far") == 0) {
        print_phase();

        if (word[0] == 'p') {
            begin_phase(n);
        }

        return;
    }

    if (strcmp(word, "probe") == 0) {
        rest = strtok_r(NULL, " \n", &save);
        load_probe_start(&nginx_address, n,
                         rest != NULL ? strtoul(rest, NULL, 10) : 1);
        return;
    }

    if (strcmp(word, "fill") == 0) {
        load_writer_fill();
        wait_for(load_writer_filled);
        return;
    }

    if (strcmp(word, "settle") == 0) {
        load_clients_rate(0);
        wait_for(settled);
        return;
    }

    if (strcmp(word, "rate") == 0) {
        load_clients_rate(n);

    } else if (strcmp(word, "writes") == 0) {
        load_writer_rate(n);

        if (n == 0) {
            wait_for(load_writer_idle);
            return;
        }

    } else if (strcmp(word, "store") == 0 && rest != NULL) {
        load_address(rest, &address);
        load_writer_store(&address);

    } else if (strcmp(word, "forget") == 0) {
        forget();

    } else if (strcmp(word, "quit") == 0) {
        over = 1;

    } else {
        load_die("what is that?");
    }

    printf("ok\n");
}


static void
control(load_event_t *ev, uint32_t events)
{
    ssize_t        n;
    char          *end;

    static char    line[4096];
    static size_t  len;

    (void) events;

    n = read(ev->fd, line + len, sizeof(line) - 1 - len);

    if (n <= 0) {
        over = 1;
        return;
    }

    len += n;
    line[len] = '\0';
    end = strchr(line, '\n');

    /* the next line comes when this one was answered */

    if (end != NULL) {
        obey(line);
        len = 0;
    }
}


static void
look(void)
{
    char  line[LOAD_LINE];

    if (load_probe_done(line, sizeof(line))) {
        printf("%s\n", line);
    }

    if (waiting == NULL) {
        return;
    }

    if (waiting()) {
        waiting = NULL;
        printf("ok\n");

    } else if (load_now() > deadline) {
        waiting = NULL;
        printf("late\n");
    }
}


int
main(int argc, char **argv)
{
    int                  i, n;
    load_event_t        *ev, input;
    load_address_t       redis;
    struct epoll_event   events[LOAD_EVENTS];

    if (argc < 3 || sodium_init() == -1) {
        load_die("load NGINX REDIS [KEYS [CLIENTS]]");
    }

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    srandom(getpid());

    ep = epoll_create1(EPOLL_CLOEXEC);

    load_address(argv[1], &nginx_address);
    load_address(argv[2], &redis);

    load_truth_init(argc > 3 ? atoi(argv[3]) : 64);
    load_clients_init(&nginx_address, argc > 4 ? atoi(argv[4]) : 32);
    load_writer_init(&redis);
    begin_phase(100);

    input.fd = STDIN_FILENO;
    input.handler = control;
    load_watch(&input, EPOLLIN);

    while (!over) {
        n = epoll_wait(ep, events, LOAD_EVENTS, 1);

        if (n == -1 && errno != EINTR) {
            load_die("epoll_wait");
        }

        for (i = 0; i < n; i++) {
            ev = events[i].data.ptr;

            /* closed meanwhile, by what came before it */

            if (ev->fd != -1) {
                ev->handler(ev, events[i].events);
            }
        }

        load_clients_run();
        load_writer_run();
        load_probe_run();
        look();
    }

    return 0;
}
