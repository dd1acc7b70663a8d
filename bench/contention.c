
/*
 * Copyright (C) Evolu Auth Authors
 *
 * contention [--seconds S] RECORDS
 *
 * How many look-ups a second the zone can serve: so many processes do nothing
 * else, with records chosen at random.  What nginx does for the zone is played
 * below; the lock spins as nginx's.
 *
 * Prints a line of NAME=VALUE for 1, 2 and 4 processes.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_evolu_auth_cache.h"

#include <argp.h>
#include <errno.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "bench_keys.h"


#define CONTENTION_PROCESSES  4
#define CONTENTION_SPIN       2048

/* a record of one key, decoded */
#define CONTENTION_VALUE      176

/* of the zone, for each record */
#define CONTENTION_ROOM       640


typedef struct {
    volatile ngx_pid_t    owner;         /* of the lock */
    volatile ngx_uint_t   go;
    volatile ngx_uint_t   found[CONTENTION_PROCESSES];
    size_t                used;
    size_t                size;
    ngx_slab_pool_t       pool;
} contention_shared_t;


typedef struct {
    ngx_uint_t            records;
    double                seconds;
} contention_t;


static error_t contention_parse(int key, char *arg, struct argp_state *state);
static int contention_open(ngx_uint_t records);
static void contention_fill(ngx_uint_t records);
static evolu_bytes_t contention_locator(char *buf, uint64_t number);
static int contention_run(contention_t *contention, ngx_uint_t n);
static void contention_work(contention_t *contention, ngx_uint_t i);
static double contention_now(void);


ngx_uint_t            ngx_pagesize = 4096;
ngx_pid_t             ngx_pid;
volatile ngx_msec_t   ngx_current_msec = 1000000;
volatile ngx_cycle_t *ngx_cycle;

static ngx_log_t                    contention_log;
static ngx_cycle_t                  contention_cycle;
static ngx_shm_zone_t               contention_zone;
static contention_shared_t         *contention_shared;
static ngx_http_evolu_auth_cache_t  contention_cache;


static const struct argp_option  contention_options[] = {
    { "seconds", 's', "S", 0, "For so long (1)", 0 },
    { NULL, 0, NULL, 0, NULL, 0 }
};


static const struct argp  contention_argp = {
    contention_options, contention_parse, "RECORDS",
    "Look-ups a second in the zone, by 1, 2 and 4 processes.", NULL, NULL, NULL
};


int
main(int argc, char **argv)
{
    ngx_uint_t    n;
    contention_t  contention;

    contention.records = 0;
    contention.seconds = 1;

    if (argp_parse(&contention_argp, argc, argv, 0, NULL, &contention) != 0
        || sodium_init() == -1
        || contention_open(contention.records) != 0)
    {
        return 1;
    }

    contention_fill(contention.records);

    for (n = 1; n <= CONTENTION_PROCESSES; n *= 2) {
        if (contention_run(&contention, n) != 0) {
            return 1;
        }
    }

    return 0;
}


static error_t
contention_parse(int key, char *arg, struct argp_state *state)
{
    contention_t  *contention;

    contention = state->input;

    switch (key) {

    case 's':
        contention->seconds = strtod(arg, NULL);
        return 0;

    case ARGP_KEY_ARG:
        contention->records = strtoul(arg, NULL, 10);
        return 0;

    case ARGP_KEY_END:
        if (contention->records == 0 || contention->seconds <= 0) {
            argp_usage(state);
        }

        return 0;

    default:
        return ARGP_ERR_UNKNOWN;
    }
}


static int
contention_open(ngx_uint_t records)
{
    size_t  size;

    size = sizeof(contention_shared_t) + 1024 * 1024
           + records * CONTENTION_ROOM;

    contention_shared = mmap(NULL, size, PROT_READ|PROT_WRITE,
                             MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (contention_shared == MAP_FAILED) {
        perror("contention: mmap");
        return -1;
    }

    contention_shared->used = ngx_align(sizeof(contention_shared_t), 64);
    contention_shared->size = size;
    contention_shared->pool.pfree = size / ngx_pagesize;

    contention_cycle.log = &contention_log;
    ngx_cycle = &contention_cycle;
    ngx_pid = getpid();

    contention_zone.shm.addr = (u_char *) &contention_shared->pool;
    contention_zone.shm.size = size;
    contention_zone.shm.log = &contention_log;
    contention_zone.data = &contention_cache;
    ngx_str_set(&contention_zone.shm.name, "contention");

    contention_cache.zone = &contention_zone;
    contention_cache.fresh = 600000;
    contention_cache.stale = 900000;
    contention_cache.negative = 5000;

    if (ngx_http_evolu_auth_cache_init_zone(&contention_zone, NULL)
        != NGX_OK)
    {
        fprintf(stderr, "contention: no zone\n");
        return -1;
    }

    ngx_http_evolu_auth_cache_join(&contention_cache);
    ngx_http_evolu_auth_cache_beat(&contention_cache, 1, ngx_current_msec);

    return 0;
}


static void
contention_fill(ngx_uint_t records)
{
    char                              buf[64];
    u_char                            value[CONTENTION_VALUE];
    ngx_uint_t                        i;
    evolu_bytes_t                     locator;
    ngx_http_evolu_auth_cache_mark_t  mark;

    memset(value, 0x2a, sizeof(value));

    for (i = 0; i < records; i++) {
        locator = contention_locator(buf, i);

        ngx_http_evolu_auth_cache_mark(&contention_cache, locator, &mark);
        (void) ngx_http_evolu_auth_cache_put(&contention_cache, locator, &mark,
                                             NGX_HTTP_EVOLU_AUTH_VALUE_NAMES,
                                             value, sizeof(value), 1);
    }
}


static evolu_bytes_t
contention_locator(char *buf, uint64_t number)
{
    size_t         len;
    evolu_bytes_t  locator;

    static const char  prefix[] = "campaign:live:";

    len = sizeof(prefix) - 1;
    memcpy(buf, prefix, len);
    len += bench_name(buf + len, number);

    locator.data = (u_char *) buf;
    locator.len = len;

    return locator;
}


static int
contention_run(contention_t *contention, ngx_uint_t n)
{
    pid_t       pid;
    double      start, seconds;
    ngx_uint_t  i, sum;

    contention_shared->go = 0;
    ngx_memzero((void *) contention_shared->found,
                sizeof(contention_shared->found));

    for (i = 0; i < n; i++) {
        pid = fork();

        if (pid == -1) {
            perror("contention: fork");
            return -1;
        }

        if (pid == 0) {
            contention_work(contention, i);
            _exit(0);
        }
    }

    start = contention_now();
    contention_shared->go = 1;

    (void) usleep((useconds_t) (contention->seconds * 1000000));

    contention_shared->go = 2;
    seconds = contention_now() - start;
    sum = 0;

    for (i = 0; i < n; i++) {
        (void) wait(NULL);
    }

    for (i = 0; i < n; i++) {
        sum += contention_shared->found[i];
    }

    printf("records=%lu processes=%lu found=%.0f\n", contention->records, n,
           (double) sum / seconds);

    return fflush(stdout);
}


static void
contention_work(contention_t *contention, ngx_uint_t i)
{
    char                               buf[64];
    uint64_t                           state;
    cpu_set_t                          cpus;
    ngx_uint_t                         n;
    evolu_bytes_t                      locator;
    ngx_http_evolu_auth_cache_found_t  found;

    static _Alignas(8) u_char  value[EVOLU_IMAGE_MAX];

    CPU_ZERO(&cpus);
    CPU_SET(i % (ngx_uint_t) sysconf(_SC_NPROCESSORS_ONLN), &cpus);
    (void) sched_setaffinity(0, sizeof(cpus), &cpus);

    ngx_pid = getpid();
    state = i;
    n = 0;

    while (contention_shared->go == 0) {
        ngx_cpu_pause();
    }

    while (contention_shared->go == 1) {
        locator = contention_locator(buf, bench_random(&state)
                                          % contention->records);
        (void) ngx_http_evolu_auth_cache_find(&contention_cache, locator,
                                              value, &found);

        n += (found.size == CONTENTION_VALUE);
    }

    contention_shared->found[i] = n;
}


static double
contention_now(void)
{
    struct timespec  time;

    (void) clock_gettime(CLOCK_MONOTONIC, &time);

    return (double) time.tv_sec + (double) time.tv_nsec / 1e9;
}


/* what the zone needs of nginx */

void
ngx_shmtx_lock(ngx_shmtx_t *mtx)
{
    ngx_uint_t  i, n;

    (void) mtx;

    for ( ;; ) {
        for (n = 1; n < CONTENTION_SPIN; n <<= 1) {

            if (contention_shared->owner == 0
                && __sync_bool_compare_and_swap(&contention_shared->owner, 0,
                                                ngx_pid))
            {
                return;
            }

            for (i = 0; i < n; i++) {
                ngx_cpu_pause();
            }
        }

        (void) sched_yield();
    }
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mtx)
{
    (void) mtx;
    (void) __sync_bool_compare_and_swap(&contention_shared->owner, ngx_pid, 0);
}


void *
ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    u_char  *p;

    size = ngx_align(size, 64);

    if (contention_shared->used + size > contention_shared->size) {
        return NULL;
    }

    p = (u_char *) contention_shared + contention_shared->used;
    contention_shared->used += size;
    pool->pfree -= size / ngx_pagesize;

    return p;
}


void *
ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    return ngx_slab_alloc_locked(pool, size);
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    return ngx_slab_alloc_locked(pool, size);
}


void
ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p)
{
    (void) pool;
    (void) p;
}


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    (void) fmt;

    *buf = '\0';

    return buf;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) log;
    (void) err;

    fprintf(stderr, "contention: %s\n", fmt);
}
