
/*
 * Copyright (C) Evolu Auth Authors
 *
 * One link of one worker to Redis: connect, greeting, tracking, heartbeat,
 * deadlines, backoff, a queue of reads, pushes.  Knows neither the cache nor
 * requests: it calls back.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_REDIS_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_REDIS_H_INCLUDED_


#include "ngx_http_evolu_auth_counters.h"


/* input that is not a whole reply yet, or one reply: at most this */
#define NGX_HTTP_EVOLU_AUTH_REPLY_MAX     (1024 * 1024)  /* bytes */
#define NGX_HTTP_EVOLU_AUTH_ELEMENTS_MAX  4096

/* of prefix=, in bytes */
#define NGX_HTTP_EVOLU_AUTH_PREFIX_MAX    64

/* keys that one READ_KEYS asks for, more or less */
#define NGX_HTTP_EVOLU_AUTH_KEYS          128

#define NGX_HTTP_EVOLU_AUTH_HEARTBEAT     1000           /* milliseconds */
#define NGX_HTTP_EVOLU_AUTH_SILENCE       2000
#define NGX_HTTP_EVOLU_AUTH_BACKOFF_MIN   50
#define NGX_HTTP_EVOLU_AUTH_BACKOFF_MAX   1000


/* where one server is */

typedef struct {
    ngx_str_t            host;            /* a name to resolve at every
                                             connect; empty: use addrs */
    ngx_addr_t          *addrs;           /* resolved while configuring */
    ngx_uint_t           naddrs;
    in_port_t            port;
} ngx_http_evolu_auth_endpoint_t;


/* what evolu_auth_redis says; constant once the configuration is read */

typedef struct {
    ngx_str_t            text;            /* URL as given, for messages */
    ngx_array_t          endpoints;       /* of endpoint_t: the store's one, or
                                             its sentinels */
    ngx_str_t            master;          /* name of the primary, to ask the
                                             sentinels for; empty: there are
                                             none */
    ngx_resolver_t      *resolver;        /* of the http block, or NULL */
    ngx_msec_t           resolver_timeout;
    ngx_str_t            user;
    evolu_secret_t      *password;        /* NULL: none */
    evolu_secret_t      *sentinel_password;
    ngx_str_t            prefix;
    ngx_str_t            match;           /* pattern of keys with the prefix */
    ngx_uint_t           db;
    ngx_uint_t           pending;         /* waiting requests of a worker */
    ngx_msec_t           timeout;         /* of one lookup */
    ngx_msec_t           connect_timeout;
    ngx_uint_t           any_role;        /* 1: a replica will do */
#if (NGX_SSL)
    ngx_ssl_t           *ssl;             /* NULL: no TLS */
    ngx_str_t            server_name;     /* what the certificate is for */
    ngx_uint_t           server_ip;       /* 1: it is an address */
    ngx_uint_t           verify;          /* 0: any certificate will do */
#endif
    ngx_http_evolu_auth_place_t  place;   /* of the directive */
} ngx_http_evolu_auth_redis_conf_t;


typedef struct ngx_http_evolu_auth_redis_s  ngx_http_evolu_auth_redis_t;


typedef enum {
    NGX_HTTP_EVOLU_AUTH_LINK_DOWN = 0,    /* waiting for the next attempt */
    NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING,  /* up to the end of the greeting */
    NGX_HTTP_EVOLU_AUTH_LINK_NOT_READY,   /* greeted, but no epoch: an outage */
    NGX_HTTP_EVOLU_AUTH_LINK_LIVE
} ngx_http_evolu_auth_link_e;


typedef enum {
    NGX_HTTP_EVOLU_AUTH_READ_HASH = 0,    /* HGETALL */
    NGX_HTTP_EVOLU_AUTH_READ_SET,         /* SMEMBERS */
    NGX_HTTP_EVOLU_AUTH_READ_KEYS         /* SCAN */
} ngx_http_evolu_auth_read_e;


typedef enum {
    NGX_HTTP_EVOLU_AUTH_READ_OK = 0,      /* fields or members, maybe none */
    NGX_HTTP_EVOLU_AUTH_READ_VOID,        /* WRONGTYPE, or a shape that is
                                             no record */
    NGX_HTTP_EVOLU_AUTH_READ_TOO_BIG,     /* broke a limit; the link is reset */
    NGX_HTTP_EVOLU_AUTH_READ_LOST,        /* the link was lost before */
    NGX_HTTP_EVOLU_AUTH_READ_OUTAGE       /* any other error of the server */
} ngx_http_evolu_auth_read_status_e;


/*
 * The answer to one read.  READ_OK: for a hash n fields, for a set n names
 * with empty values, for keys the next cursor and the names of keys, prefix
 * and all, in the same form; valid during the call only.  Called exactly once
 * for each read that was accepted, but for reads that were abandoned by
 * ngx_http_evolu_auth_redis_close().
 */
typedef void (*ngx_http_evolu_auth_read_pt)(void *data,
    ngx_http_evolu_auth_read_status_e status, evolu_field_t *fields,
    ngx_uint_t n);


/* how the link tells its owner what happens; all are called with data */

typedef struct {
    void                *data;

    /* the link was live or connecting, and is no more; called once a loss,
       before the reads in its queue are answered READ_LOST */
    void               (*lost)(void *data);

    /* a heartbeat was answered while live, the first of them when the link
       became so; tracked: changes are pushed; sent: when it was; epoch as
       read just now */
    void               (*beat)(void *data, ngx_uint_t tracked,
                           ngx_msec_t sent, evolu_bytes_t epoch);

    /* a key changed (its name without the prefix) */
    void               (*changed)(void *data, evolu_bytes_t locator);

    /* anything may have changed (null push) */
    void               (*flushed)(void *data);

    /* a connection or an attempt at one ended, and another will follow */
    void               (*ended)(void *data, ngx_http_evolu_auth_loss_e why);

    /* the state is DOWN or CONNECTING now, see _state(); lost and beat tell of
       the other two */
    void               (*moved)(void *data);
} ngx_http_evolu_auth_redis_events_t;


/*
 * Makes the worker's link, memory from pool, and begins to connect.  NULL
 * when out of memory.  Never blocks.
 */
ngx_http_evolu_auth_redis_t *ngx_http_evolu_auth_redis_open(ngx_pool_t *pool,
    ngx_http_evolu_auth_redis_conf_t *conf,
    ngx_http_evolu_auth_redis_events_t *events, ngx_log_t *log);

/*
 * Closes the connection and forgets all reads without calling back; for the
 * end of the worker.
 */
void ngx_http_evolu_auth_redis_close(ngx_http_evolu_auth_redis_t *redis);

/* State of the link; CONNECTING while a first attempt is under way. */
ngx_http_evolu_auth_link_e ngx_http_evolu_auth_redis_state(
    ngx_http_evolu_auth_redis_t *redis);

/*
 * 1 while live and what is read is tracked by BCAST.  Not where a replica will
 * do: replicas lag, each by itself, so the link of one worker does not vouch
 * for what another read of another replica and hears no more of.
 */
ngx_uint_t ngx_http_evolu_auth_redis_tracked(
    ngx_http_evolu_auth_redis_t *redis);

/*
 * Reads a locator; READ_KEYS: some of the store's keys, from a cursor on that
 * stands in the place of the locator ("0": the first).  While LIVE the command
 * is written at once (all reads of one event-loop turn in one write).  NGX_OK:
 * handler will be called, never from within this call.  NGX_DECLINED: not live.
 * NGX_ERROR: out of memory.
 */
ngx_int_t ngx_http_evolu_auth_redis_read(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator,
    ngx_http_evolu_auth_read_pt handler, void *data);


#endif /* _NGX_HTTP_EVOLU_AUTH_REDIS_H_INCLUDED_ */
