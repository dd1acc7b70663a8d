
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Preloading: all records of the store are read once into a zone that is new,
 * a few at a time, so that a restart does not meet cold misses.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_PRELOAD_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_PRELOAD_H_INCLUDED_


#include "ngx_http_evolu_auth_store.h"


/*
 * Begins, where that is configured, not under way and not done; by the first
 * worker alone.  Called at each heartbeat: what a lost link ended goes on.
 */
void ngx_http_evolu_auth_preload_begin(ngx_http_evolu_auth_store_t *store);

/*
 * A read of a flight that preloads has ended.  The batch of one that was LOST
 * is read once more; what can't be read is told of at the end.
 */
void ngx_http_evolu_auth_preload_answered(ngx_http_evolu_auth_store_t *store,
    ngx_http_evolu_auth_read_status_e status);

/* Ends with the worker. */
void ngx_http_evolu_auth_preload_end(ngx_http_evolu_auth_store_t *store);


#endif /* _NGX_HTTP_EVOLU_AUTH_PRELOAD_H_INCLUDED_ */
