
/*
 * Copyright (C) Evolu Auth Authors
 *
 * load [OPTION...] WORKLOAD PORT
 *
 * Sends the requests of a workload to 127.0.0.1:PORT, over kept connections.
 *
 * Without --rate each connection sends its next request when the last one is
 * answered (a closed loop, for throughput).  With it, requests fall due by
 * chance at that rate whatever the answers do (an open loop, for latency), and
 * a time is counted from when the request was due: one that had to wait for a
 * free connection has waited.
 *
 * Prints one line of NAME=VALUE: requests, seconds, status_N, p50, p99, p999
 * and most (microseconds), and cpu and own, the CPU time of the processes of
 * --cpu and of this one (seconds).
 */


#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "bench_latency.h"
#include "bench_requests.h"


#define LOAD_SECOND       1000000000ull
#define LOAD_ANSWER_MAX   8192
#define LOAD_WAITING_MAX  (1 << 20)
#define LOAD_STATUS_MAX   600
#define LOAD_PIDS_MAX     16
#define LOAD_EVENTS       256

/* no answer for so long, and the run is given up */
#define LOAD_PATIENCE     (20 * LOAD_SECOND)


typedef struct {
    int       fd;
    uint64_t  due;               /* of the request that is under way */
    size_t    got;
    char      answer[LOAD_ANSWER_MAX];
} load_connection_t;


typedef struct {
    bench_requests_t    requests;
    bench_latency_t     latency;

    unsigned            port;
    unsigned            nconnections;
    double              seconds;
    double              rate;    /* a second; 0: closed loop */
    uint64_t            most;    /* requests; 0: as many as there are */
    pid_t               pids[LOAD_PIDS_MAX];
    unsigned            npids;

    int                 epoll;
    load_connection_t  *connections;
    load_connection_t **idle;
    unsigned            nidle;

    uint64_t            now;
    uint64_t            end;
    uint64_t            next;    /* when the next request falls due */
    uint64_t            sent;
    uint64_t            answered;
    unsigned            done;    /* nothing more is sent */
    uint64_t            status[LOAD_STATUS_MAX];

    /* times of requests that are due, while no connection is idle */
    uint64_t           *waiting;
    uint64_t            head;
    uint64_t            tail;
} load_t;


static error_t load_parse(int key, char *arg, struct argp_state *state);
static error_t load_parse_argument(load_t *load, int key, char *arg,
    struct argp_state *state);
static void load_start(load_t *load);
static void load_connect(load_t *load, load_connection_t *c);
static void load_loop(load_t *load);
static void load_due(load_t *load);
static uint64_t load_interval(load_t *load);
static void load_wait(load_t *load);
static void load_send(load_t *load, load_connection_t *c, uint64_t due);
static void load_read(load_t *load, load_connection_t *c);
static size_t load_answer_len(load_connection_t *c);
static void load_answered(load_t *load, load_connection_t *c);
static uint64_t load_cpu(load_t *load);
static uint64_t load_cpu_of(const char *path);
static uint64_t load_now(void);
static void load_report(load_t *load, double seconds, uint64_t cpu,
    uint64_t own);
static void load_die(const char *what);


static const struct argp_option  load_options[] = {
    { "connections", 'c', "N", 0, "Kept connections (1)", 0 },
    { "seconds", 'd', "S", 0, "End after so long (1)", 0 },
    { "number", 'n', "N", 0, "End after so many requests", 0 },
    { "rate", 'r', "N", 0, "Requests a second, whatever the answers do", 0 },
    { "first", 'f', "N", 0, "First record (0)", 0 },
    { "records", 'k', "N", 0, "Number of records (1)", 0 },
    { "each", 'e', NULL, 0, "Each record once, in order; else at random", 0 },
    { "seed", 's', "N", 0, "Where chance starts (1)", 0 },
    { "path", 'p', "PATH", 0, "Path (/); the instance's name follows it", 0 },
    { "cpu", 'P', "PID", 0, "Count the CPU time of this process, too", 0 },
    { NULL, 0, NULL, 0, NULL, 0 }
};


static const struct argp  load_argp = {
    load_options, load_parse, "WORKLOAD PORT",
    "Sends requests: valid, token, wrong, unknown, malformed, missing or mix.",
    NULL, NULL, NULL
};


int
main(int argc, char **argv)
{
    double         seconds;
    uint64_t       start, cpu, own;

    static load_t  load;

    load.nconnections = 1;
    load.seconds = 1;
    load.requests.count = 1;
    load.requests.random = 1;

    if (argp_parse(&load_argp, argc, argv, 0, NULL, &load) != 0) {
        return 1;
    }

    load_start(&load);

    cpu = load_cpu(&load);
    own = load_cpu_of("/proc/self/schedstat");
    start = load_now();

    load.now = start;
    load.end = start + (uint64_t) (load.seconds * LOAD_SECOND);
    load.next = start;

    load_loop(&load);

    seconds = (double) (load_now() - start) / LOAD_SECOND;
    cpu = load_cpu(&load) - cpu;
    own = load_cpu_of("/proc/self/schedstat") - own;

    load_report(&load, seconds, cpu, own);

    return 0;
}


static error_t
load_parse(int key, char *arg, struct argp_state *state)
{
    load_t  *load;

    load = state->input;

    switch (key) {

    case 'c':
        load->nconnections = (unsigned) strtoul(arg, NULL, 10);
        return 0;

    case 'd':
        load->seconds = strtod(arg, NULL);
        return 0;

    case 'n':
        load->most = strtoull(arg, NULL, 10);
        return 0;

    case 'r':
        load->rate = strtod(arg, NULL);
        return 0;

    case 'f':
        load->requests.first = strtoull(arg, NULL, 10);
        return 0;

    case 'k':
        load->requests.count = strtoull(arg, NULL, 10);
        return 0;

    case 'e':
        load->requests.each = 1;
        return 0;

    case 's':
        load->requests.random = strtoull(arg, NULL, 10);
        return 0;

    case 'p':
        load->requests.path = arg;
        return 0;

    case 'P':
        if (load->npids == LOAD_PIDS_MAX) {
            argp_error(state, "too many processes");
        }

        load->pids[load->npids++] = (pid_t) strtol(arg, NULL, 10);
        return 0;

    default:
        return load_parse_argument(load, key, arg, state);
    }
}


static error_t
load_parse_argument(load_t *load, int key, char *arg, struct argp_state *state)
{
    switch (key) {

    case ARGP_KEY_ARG:
        if (state->arg_num == 1) {
            load->port = (unsigned) strtoul(arg, NULL, 10);
            return 0;
        }

        if (state->arg_num != 0
            || bench_workload(arg, &load->requests.workload) != 0)
        {
            argp_usage(state);
        }

        return 0;

    case ARGP_KEY_END:
        if (state->arg_num != 2 || load->nconnections == 0
            || load->requests.count == 0)
        {
            argp_usage(state);
        }

        return 0;

    default:
        return ARGP_ERR_UNKNOWN;
    }
}


static void
load_start(load_t *load)
{
    unsigned            i;
    load_connection_t  *c;

    load->connections = calloc(load->nconnections, sizeof(load_connection_t));
    load->idle = calloc(load->nconnections, sizeof(load_connection_t *));
    load->waiting = calloc(LOAD_WAITING_MAX, sizeof(uint64_t));
    load->epoll = epoll_create1(0);

    if (load->connections == NULL || load->idle == NULL
        || load->waiting == NULL || load->epoll == -1)
    {
        load_die("start");
    }

    /* or else the kernel puts wake-ups off by up to 50 microseconds */

    (void) prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);

    for (i = 0; i < load->nconnections; i++) {
        c = &load->connections[i];
        load_connect(load, c);
        load->idle[load->nidle++] = c;
    }
}


static void
load_connect(load_t *load, load_connection_t *c)
{
    int                 on;
    struct epoll_event  event;
    struct sockaddr_in  address;

    memset(&address, 0, sizeof(address));

    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t) load->port);

    event.events = EPOLLIN;
    event.data.ptr = c;

    on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);

    if (c->fd == -1
        || connect(c->fd, (struct sockaddr *) &address, sizeof(address)) == -1
        || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1
        || epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) == -1)
    {
        load_die("connect");
    }
}


static void
load_loop(load_t *load)
{
    uint64_t  heard, answered;

    heard = load->now;
    answered = load->answered;

    for ( ;; ) {

        if (load->now >= load->end) {
            load->done = 1;
        }

        if (!load->done) {
            load_due(load);
        }

        if (load->done && load->answered == load->sent) {
            return;
        }

        load_wait(load);

        if (load->answered != answered || load->answered == load->sent) {
            heard = load->now;
            answered = load->answered;

        } else if (load->now - heard > LOAD_PATIENCE) {
            errno = ETIMEDOUT;
            load_die("answer");
        }
    }
}


/* Sends what is due: at once in a closed loop, by the clock in an open one. */

static void
load_due(load_t *load)
{
    if (load->rate == 0) {
        while (load->nidle && !load->done) {
            load_send(load, load->idle[--load->nidle], load->now);
        }

        return;
    }

    while (load->next <= load->now) {

        if (load->tail - load->head == LOAD_WAITING_MAX) {
            errno = EOVERFLOW;
            load_die("rate");
        }

        load->waiting[load->tail++ % LOAD_WAITING_MAX] = load->next;
        load->next += load_interval(load);
    }

    while (load->nidle && load->head != load->tail && !load->done) {
        load_send(load, load->idle[--load->nidle],
                  load->waiting[load->head++ % LOAD_WAITING_MAX]);
    }
}


/* Nanoseconds to the next request: those of many clients fall as they will. */

static uint64_t
load_interval(load_t *load)
{
    double           part;
    static uint64_t  state;

    part = (double) (bench_random(&state) >> 11) / (double) (1ull << 53);

    return (uint64_t) (-log(1 - part) / load->rate * LOAD_SECOND);
}


static void
load_wait(load_t *load)
{
    int                 i, n;
    uint64_t            wait;
    struct timespec     timeout;
    struct epoll_event  events[LOAD_EVENTS];

    wait = LOAD_SECOND / 10;

    if (load->rate != 0 && !load->done && load->next - load->now < wait) {
        wait = load->next - load->now;
    }

    timeout.tv_sec = 0;
    timeout.tv_nsec = (long) wait;

    n = epoll_pwait2(load->epoll, events, LOAD_EVENTS, &timeout, NULL);

    if (n == -1 && errno != EINTR) {
        load_die("wait");
    }

    load->now = load_now();

    for (i = 0; i < n; i++) {
        load_read(load, events[i].data.ptr);
    }
}


static void
load_send(load_t *load, load_connection_t *c, uint64_t due)
{
    char    request[BENCH_REQUEST_MAX];
    size_t  len;

    len = (load->most != 0 && load->sent == load->most)
          ? 0 : bench_request(&load->requests, request);

    if (len == 0) {
        load->done = 1;
        load->idle[load->nidle++] = c;
        return;
    }

    if (write(c->fd, request, len) != (ssize_t) len) {
        load_die("write");
    }

    c->due = due;
    c->got = 0;
    load->sent++;
}


static void
load_read(load_t *load, load_connection_t *c)
{
    ssize_t  n;

    n = read(c->fd, c->answer + c->got, LOAD_ANSWER_MAX - c->got);

    if (n <= 0) {
        if (n == 0) {
            errno = ECONNRESET;
        }

        load_die("read");
    }

    c->got += (size_t) n;

    if (load_answer_len(c) == c->got) {
        load_answered(load, c);
    }
}


/* The length of an answer; 0: its head is not there yet. */

static size_t
load_answer_len(load_connection_t *c)
{
    char    *end, *p;
    size_t   len;

    static const char  name[] = "\r\nContent-Length: ";

    end = memmem(c->answer, c->got, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }

    end += 4;

    p = memmem(c->answer, (size_t) (end - c->answer), name, sizeof(name) - 1);
    if (p == NULL) {
        errno = EPROTO;
        load_die("an answer without length");
    }

    len = strtoul(p + sizeof(name) - 1, NULL, 10);

    return (size_t) (end - c->answer) + len;
}


static void
load_answered(load_t *load, load_connection_t *c)
{
    unsigned long  status;

    status = strtoul(c->answer + sizeof("HTTP/1.1 ") - 1, NULL, 10);

    if (status >= LOAD_STATUS_MAX) {
        errno = EPROTO;
        load_die("status");
    }

    load->now = load_now();
    load->status[status]++;
    load->answered++;
    bench_latency_add(&load->latency, load->now - c->due);

    load->idle[load->nidle++] = c;

    if (load->now >= load->end) {
        load->done = 1;
    }

    if (!load->done) {
        load_due(load);
    }
}


/* Nanoseconds of run time, by the kernel's own count */

static uint64_t
load_cpu(load_t *load)
{
    char      path[64];
    unsigned  i;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i < load->npids; i++) {
        snprintf(path, sizeof(path), "/proc/%d/schedstat", load->pids[i]);
        sum += load_cpu_of(path);
    }

    return sum;
}


static uint64_t
load_cpu_of(const char *path)
{
    FILE      *file;
    uint64_t   time;

    file = fopen(path, "r");

    if (file == NULL || fscanf(file, "%lu", &time) != 1) {
        load_die(path);
    }

    fclose(file);

    return time;
}


static uint64_t
load_now(void)
{
    struct timespec  time;

    (void) clock_gettime(CLOCK_MONOTONIC, &time);

    return (uint64_t) time.tv_sec * LOAD_SECOND + (uint64_t) time.tv_nsec;
}


static void
load_report(load_t *load, double seconds, uint64_t cpu, uint64_t own)
{
    unsigned  i;

    printf("requests=%lu seconds=%.6f", load->answered, seconds);

    for (i = 0; i < LOAD_STATUS_MAX; i++) {
        if (load->status[i] != 0) {
            printf(" status_%u=%lu", i, load->status[i]);
        }
    }

    printf(" p50=%.1f p99=%.1f p999=%.1f most=%.1f",
           (double) bench_latency_at(&load->latency, 500000) / 1000,
           (double) bench_latency_at(&load->latency, 990000) / 1000,
           (double) bench_latency_at(&load->latency, 999000) / 1000,
           (double) load->latency.most / 1000);

    printf(" cpu=%.6f own=%.6f\n", (double) cpu / LOAD_SECOND,
           (double) own / LOAD_SECOND);
}


static void
load_die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}
