
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What nginx of "build-nginx.sh fault" has in place of the functions that the
 * module takes memory with: they count, and do as they are told.  By a file,
 * named by EVOLU_FAULT when nginx starts and mapped by all its processes:
 *
 *   mode   0 nothing, 1 count, 2 the call number "at" gets no memory, 3 a
 *          worker is killed at that call, inside of the zone's lock
 *   at     a number, from 1
 *   count  calls so far, set to 0 by who sets the mode
 *   fired  how often that was done
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <hiredis/hiredis.h>
#include <sodium.h>


typedef struct {
    int32_t   mode;
    int32_t   at;
    int32_t   count;
    int32_t   fired;
} evolu_fault_t;


/* its calls come by these names, see build-nginx.sh */

void *evolu_fault_malloc(size_t size);
void *evolu_fault_calloc(size_t n, size_t size);
void *evolu_fault_realloc(void *p, size_t size);
void *evolu_fault_sodium_malloc(size_t size);
void *evolu_fault_ngx_alloc(size_t size, ngx_log_t *log);
void *evolu_fault_ngx_calloc(size_t size, ngx_log_t *log);
void *evolu_fault_ngx_palloc(ngx_pool_t *pool, size_t size);
void *evolu_fault_ngx_pnalloc(ngx_pool_t *pool, size_t size);
void *evolu_fault_ngx_pcalloc(ngx_pool_t *pool, size_t size);
void *evolu_fault_ngx_array_push(ngx_array_t *a);
void *evolu_fault_ngx_array_push_n(ngx_array_t *a, ngx_uint_t n);
ngx_array_t *evolu_fault_ngx_array_create(ngx_pool_t *p, ngx_uint_t n,
    size_t size);
void *evolu_fault_ngx_list_push(ngx_list_t *list);
ngx_buf_t *evolu_fault_ngx_create_temp_buf(ngx_pool_t *pool, size_t size);
ngx_pool_cleanup_t *evolu_fault_ngx_pool_cleanup_add(ngx_pool_t *p,
    size_t size);
ngx_http_cleanup_t *evolu_fault_ngx_http_cleanup_add(ngx_http_request_t *r,
    size_t size);
void *evolu_fault_ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size);
void *evolu_fault_ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size);
void *evolu_fault_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size);
void evolu_fault_ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p);


static evolu_fault_t   none;
static evolu_fault_t  *fault = &none;


static void __attribute__((constructor))
hook_open(void)
{
    int                 fd;
    char               *name;
    void               *p;
    hiredisAllocFuncs   functions;

    name = getenv("EVOLU_FAULT");

    if (name == NULL) {
        return;
    }

    fd = open(name, O_RDWR);

    if (fd == -1) {
        return;
    }

    p = mmap(NULL, sizeof(evolu_fault_t), PROT_READ|PROT_WRITE, MAP_SHARED, fd,
             0);
    close(fd);

    if (p == MAP_FAILED) {
        return;
    }

    fault = p;

    functions.mallocFn = evolu_fault_malloc;
    functions.callocFn = evolu_fault_calloc;
    functions.reallocFn = evolu_fault_realloc;
    functions.strdupFn = strdup;
    functions.freeFn = free;

    (void) hiredisSetAllocators(&functions);
}


/* 1: this call gets nothing */

static int
refused(void)
{
    if (fault->mode != 1 && fault->mode != 2) {
        return 0;
    }

    if (__sync_add_and_fetch(&fault->count, 1) != fault->at
        || fault->mode != 2)
    {
        return 0;
    }

    fault->fired++;

    return 1;
}


/* the lock is held here */

static void
killed(void)
{
    if (fault->mode == 3
        && __sync_add_and_fetch(&fault->count, 1) == fault->at)
    {
        fault->fired++;
        raise(SIGKILL);
    }
}


void *
evolu_fault_malloc(size_t size)
{
    return refused() ? NULL : malloc(size);
}


void *
evolu_fault_calloc(size_t n, size_t size)
{
    return refused() ? NULL : calloc(n, size);
}


void *
evolu_fault_realloc(void *p, size_t size)
{
    return refused() ? NULL : realloc(p, size);
}


void *
evolu_fault_sodium_malloc(size_t size)
{
    return refused() ? NULL : sodium_malloc(size);
}


void *
evolu_fault_ngx_alloc(size_t size, ngx_log_t *log)
{
    return refused() ? NULL : ngx_alloc(size, log);
}


void *
evolu_fault_ngx_calloc(size_t size, ngx_log_t *log)
{
    return refused() ? NULL : ngx_calloc(size, log);
}


void *
evolu_fault_ngx_palloc(ngx_pool_t *pool, size_t size)
{
    return refused() ? NULL : ngx_palloc(pool, size);
}


void *
evolu_fault_ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return refused() ? NULL : ngx_pnalloc(pool, size);
}


void *
evolu_fault_ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    return refused() ? NULL : ngx_pcalloc(pool, size);
}


void *
evolu_fault_ngx_array_push(ngx_array_t *a)
{
    return refused() ? NULL : ngx_array_push(a);
}


void *
evolu_fault_ngx_array_push_n(ngx_array_t *a, ngx_uint_t n)
{
    return refused() ? NULL : ngx_array_push_n(a, n);
}


ngx_array_t *
evolu_fault_ngx_array_create(ngx_pool_t *p, ngx_uint_t n, size_t size)
{
    return refused() ? NULL : ngx_array_create(p, n, size);
}


void *
evolu_fault_ngx_list_push(ngx_list_t *list)
{
    return refused() ? NULL : ngx_list_push(list);
}


ngx_buf_t *
evolu_fault_ngx_create_temp_buf(ngx_pool_t *pool, size_t size)
{
    return refused() ? NULL : ngx_create_temp_buf(pool, size);
}


ngx_pool_cleanup_t *
evolu_fault_ngx_pool_cleanup_add(ngx_pool_t *p, size_t size)
{
    return refused() ? NULL : ngx_pool_cleanup_add(p, size);
}


ngx_http_cleanup_t *
evolu_fault_ngx_http_cleanup_add(ngx_http_request_t *r, size_t size)
{
    return refused() ? NULL : ngx_http_cleanup_add(r, size);
}


void *
evolu_fault_ngx_slab_alloc(ngx_slab_pool_t *pool, size_t size)
{
    return refused() ? NULL : ngx_slab_alloc(pool, size);
}


void *
evolu_fault_ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    return refused() ? NULL : ngx_slab_calloc(pool, size);
}


void *
evolu_fault_ngx_slab_alloc_locked(ngx_slab_pool_t *pool, size_t size)
{
    void  *p;

    if (refused()) {
        return NULL;
    }

    killed();
    p = ngx_slab_alloc_locked(pool, size);
    killed();

    return p;
}


void
evolu_fault_ngx_slab_free_locked(ngx_slab_pool_t *pool, void *p)
{
    killed();
    ngx_slab_free_locked(pool, p);
    killed();
}
