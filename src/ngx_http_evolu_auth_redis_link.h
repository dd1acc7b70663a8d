
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The inside of a link: its structure, and what redis.c (its life),
 * redis_connect.c (the way to a server), redis_tls.c, redis_command.c (what is
 * asked) and redis_reply.c (what is answered) are to each other.  No other
 * file includes this one.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_REDIS_LINK_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_REDIS_LINK_H_INCLUDED_


#include "ngx_http_evolu_auth_resp.h"


/* of a host that a server names, in bytes */
#define NGX_HTTP_EVOLU_AUTH_HOST_MAX  255

/* of what nginx says of TLS, in bytes, with a zero */
#define NGX_HTTP_EVOLU_AUTH_SAID_MAX  160


/* what a reply that is waited for belongs to */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_COMMAND_HELLO = 0,
    NGX_HTTP_EVOLU_AUTH_COMMAND_AUTH,
    NGX_HTTP_EVOLU_AUTH_COMMAND_SELECT,
    NGX_HTTP_EVOLU_AUTH_COMMAND_SENTINEL,  /* where is the primary? */
    NGX_HTTP_EVOLU_AUTH_COMMAND_ROLE,
    NGX_HTTP_EVOLU_AUTH_COMMAND_TRACKING,
    NGX_HTTP_EVOLU_AUTH_COMMAND_EPOCH,
    NGX_HTTP_EVOLU_AUTH_COMMAND_READ,
    NGX_HTTP_EVOLU_AUTH_COMMAND_CONFIRM,   /* the epoch, after an empty read */
    NGX_HTTP_EVOLU_AUTH_COMMAND_SKIPPED    /* of a greeting that failed */
} ngx_http_evolu_auth_command_e;


typedef struct {
    ngx_queue_t                          queue;
    ngx_http_evolu_auth_command_e        command;
    ngx_http_evolu_auth_read_e           kind;
    ngx_http_evolu_auth_read_pt          handler;  /* of a read */
    void                                *data;
    ngx_msec_t                           sent;
} ngx_http_evolu_auth_command_t;


struct ngx_http_evolu_auth_redis_s {
    ngx_http_evolu_auth_redis_conf_t    *conf;
    ngx_http_evolu_auth_redis_events_t   events;
    ngx_http_evolu_auth_link_e           state;

    ngx_connection_t                    *connection;
    ngx_resolver_ctx_t                  *resolving;

    /* the server of this attempt */
    ngx_sockaddr_t                       peer;
    socklen_t                            peer_len;
    in_port_t                            peer_port; /* while its name is being
                                                       resolved */
    ngx_str_t                            peer_name;
    u_char                               peer_text[NGX_SOCKADDR_STRLEN];

    /* the one that another named: a sentinel, or a cluster's node by MOVED */
    ngx_sockaddr_t                       named;
    socklen_t                            named_len; /* 0: by its host's name */
    ngx_str_t                            named_host;
    u_char                               named_text[
                                                NGX_HTTP_EVOLU_AUTH_HOST_MAX];
    in_port_t                            named_port;

    ngx_http_evolu_auth_resp_t           resp;
    ngx_queue_t                          commands;  /* sent, not answered */
    ngx_queue_t                          spare;     /* nodes for them */

    /* the next attempt, the end of this one, or the next heartbeat */
    ngx_event_t                          timer;

    /*
     * nginx logs some failures to connect at "crit", and a lack of connections
     * at "alert"; they are outages, logged here
     */
    ngx_log_t                            quiet;

    u_char                               said[NGX_HTTP_EVOLU_AUTH_SAID_MAX];

    ngx_uint_t                           attempts;
    ngx_uint_t                           sentinel;  /* the one to ask */
    ngx_uint_t                           failed;    /* attempts since live */
    ngx_msec_t                           backoff;
    ngx_msec_t                           since;     /* live */
    uint32_t                             loss;      /* CRC of the reason that
                                                       was logged; 0: none */
    time_t                               logged;    /* an error of a read */
    u_char                              *key;       /* the prefix, and room
                                                       for a locator */
    int                                  epoch_logged;  /* the reply's type;
                                                           0: none */
    unsigned                             asking:1;      /* a sentinel */
    unsigned                             redirected:1;  /* named comes next */
    unsigned                             connected:1;
    unsigned                             plain:1;       /* RESP2 */
    unsigned                             proto3:1;
    unsigned                             tracked:1;
    unsigned                             known:1;       /* was live once */
    unsigned                             over:1;        /* for good */
    unsigned                             untracked_logged:1;
};


/*
 * Begins an attempt: at a server that was named, at a sentinel, or at the
 * store.  What it comes to arrives by events.
 */
void ngx_http_evolu_auth_redis_connect(ngx_http_evolu_auth_redis_t *redis);

/*
 * Notes the server that another one named; host is an address, or a name where
 * there is a resolver; empty: the server that is talked to now.  NGX_OK, or
 * NGX_ERROR: it can't be one.
 */
ngx_int_t ngx_http_evolu_auth_redis_name(ngx_http_evolu_auth_redis_t *redis,
    evolu_bytes_t host, evolu_bytes_t port);

/* Leaves the sentinel for the primary that it named. */
void ngx_http_evolu_auth_redis_follow(ngx_http_evolu_auth_redis_t *redis);

/* Greets on a connection that is there; with TLS, only after all of that. */
void ngx_http_evolu_auth_redis_begin(ngx_http_evolu_auth_redis_t *redis);

/* The handlers of a connection. */
void ngx_http_evolu_auth_redis_write_handler(ngx_event_t *wev);
void ngx_http_evolu_auth_redis_read_handler(ngx_event_t *rev);

/* The handler of the timer while an attempt is under way. */
void ngx_http_evolu_auth_redis_late(ngx_event_t *ev);

/* Sets the link's timer, which is one, in place of what it was set to. */
void ngx_http_evolu_auth_redis_arm(ngx_http_evolu_auth_redis_t *redis,
    ngx_msec_t delay, ngx_event_handler_pt handler);

/* Closes the connection, or gives up what was to become one. */
void ngx_http_evolu_auth_redis_drop(ngx_http_evolu_auth_redis_t *redis);

#if (NGX_SSL)

/*
 * Begins TLS on a new connection, and calls _begin() when the server proved to
 * be the one that is meant; otherwise the link is reset.
 */
void ngx_http_evolu_auth_redis_tls(ngx_http_evolu_auth_redis_t *redis);

/* Frees what TLS holds of a connection that is about to be closed. */
void ngx_http_evolu_auth_redis_tls_close(ngx_connection_t *c);

#endif

/*
 * Sends the greeting of a new connection.  NGX_OK; else the link is to be
 * reset.
 */
ngx_int_t ngx_http_evolu_auth_redis_greet(ngx_http_evolu_auth_redis_t *redis);

/*
 * Greets again in RESP2, for a server without HELLO: what was sent after it
 * counts for nothing.
 */
ngx_int_t ngx_http_evolu_auth_redis_greet_plain(
    ngx_http_evolu_auth_redis_t *redis);

/*
 * Asks for the role, and for the protocol where there are two.  This and
 * _epoch(): NGX_OK, NGX_DECLINED when too much waits to be sent, or NGX_ERROR
 * (out of memory).
 */
ngx_int_t ngx_http_evolu_auth_redis_hello(ngx_http_evolu_auth_redis_t *redis);

/* Asks for the epoch. */
ngx_int_t ngx_http_evolu_auth_redis_epoch(ngx_http_evolu_auth_redis_t *redis);

/*
 * Acts on a reply or a push.  NGX_OK, or NGX_ERROR: the link is lost, nothing
 * of it may be touched.  The reply remains the caller's.
 */
ngx_int_t ngx_http_evolu_auth_redis_reply(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply);

/* The greeting was answered: heartbeats begin.  Later it does nothing. */
void ngx_http_evolu_auth_redis_greeted(ngx_http_evolu_auth_redis_t *redis);

/* Resets for what the system, or TLS, said last of the connection. */
void ngx_http_evolu_auth_redis_failed(ngx_http_evolu_auth_redis_t *redis,
    const char *what);

/* The kind of a reason that _reset() was given. */
ngx_http_evolu_auth_loss_e ngx_http_evolu_auth_redis_loss(const char *reason);

/*
 * Ends the connection, logs why (once a loss), tells the owner and those who
 * wait, and leaves the next attempt to the timer.
 */
void ngx_http_evolu_auth_redis_reset(ngx_http_evolu_auth_redis_t *redis,
    ngx_err_t err, const char *reason);


#endif /* _NGX_HTTP_EVOLU_AUTH_REDIS_LINK_H_INCLUDED_ */
