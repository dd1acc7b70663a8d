
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_redis_link.h"


static void ngx_http_evolu_auth_redis_approach(
    ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_endpoint_t *endpoint);
static void ngx_http_evolu_auth_redis_approach_named(
    ngx_http_evolu_auth_redis_t *redis);
static void ngx_http_evolu_auth_redis_resolve(
    ngx_http_evolu_auth_redis_t *redis, ngx_str_t *host, in_port_t port);
static void ngx_http_evolu_auth_redis_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_http_evolu_auth_redis_dial(ngx_http_evolu_auth_redis_t *redis,
    struct sockaddr *sockaddr, socklen_t socklen);
static socklen_t ngx_http_evolu_auth_redis_literal(evolu_bytes_t host,
    ngx_sockaddr_t *sa);


void
ngx_http_evolu_auth_redis_connect(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_http_evolu_auth_endpoint_t    *endpoint;
    ngx_http_evolu_auth_redis_conf_t  *conf;

    conf = redis->conf;
    endpoint = conf->endpoints.elts;

    redis->state = NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING;
    redis->events.moved(redis->events.data);
    redis->attempts++;

    ngx_http_evolu_auth_redis_arm(redis, conf->connect_timeout,
                                  ngx_http_evolu_auth_redis_late);

    if (redis->redirected) {

        /* when that fails, the next attempt begins at the beginning */

        redis->redirected = 0;
        ngx_http_evolu_auth_redis_approach_named(redis);
        return;
    }

    if (conf->master.len) {
        redis->asking = 1;
        endpoint += redis->sentinel;
    }

    ngx_http_evolu_auth_redis_approach(redis, endpoint);
}


void
ngx_http_evolu_auth_redis_follow(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_http_evolu_auth_redis_drop(redis);

    ngx_http_evolu_auth_redis_arm(redis, redis->conf->connect_timeout,
                                  ngx_http_evolu_auth_redis_late);

    ngx_http_evolu_auth_redis_approach_named(redis);
}


static void
ngx_http_evolu_auth_redis_approach(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_endpoint_t *endpoint)
{
    ngx_addr_t  *addr;

    if (endpoint->host.len > 0) {
        ngx_http_evolu_auth_redis_resolve(redis, &endpoint->host,
                                          endpoint->port);
        return;
    }

    addr = &endpoint->addrs[(redis->attempts - 1) % endpoint->naddrs];

    ngx_http_evolu_auth_redis_dial(redis, addr->sockaddr, addr->socklen);
}


static void
ngx_http_evolu_auth_redis_approach_named(ngx_http_evolu_auth_redis_t *redis)
{
    if (redis->named_len == 0) {
        ngx_http_evolu_auth_redis_resolve(redis, &redis->named_host,
                                          redis->named_port);
        return;
    }

    ngx_http_evolu_auth_redis_dial(redis, &redis->named.sockaddr,
                                   redis->named_len);
}


static void
ngx_http_evolu_auth_redis_resolve(ngx_http_evolu_auth_redis_t *redis,
    ngx_str_t *host, in_port_t port)
{
    ngx_resolver_ctx_t  *ctx;

    redis->peer_name = *host;
    redis->peer_port = port;

    ctx = ngx_resolve_start(redis->conf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_evolu_auth_redis_reset(redis, 0, "no resolver");
        return;
    }

    ctx->name = *host;
    ctx->handler = ngx_http_evolu_auth_redis_resolved;
    ctx->data = redis;
    ctx->timeout = redis->conf->resolver_timeout;
    ctx->cancelable = 1;

    redis->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {

        /* the resolver has freed it */

        redis->resolving = NULL;
        ngx_http_evolu_auth_redis_reset(redis, 0, "can't resolve its name");
    }
}


static void
ngx_http_evolu_auth_redis_resolved(ngx_resolver_ctx_t *ctx)
{
    socklen_t                     socklen;
    ngx_sockaddr_t                sa;
    ngx_resolver_addr_t          *addr;
    ngx_http_evolu_auth_redis_t  *redis;

    redis = ctx->data;
    redis->resolving = NULL;

    if (ctx->state != NGX_OK || ctx->naddrs == 0) {
        ngx_resolve_name_done(ctx);
        ngx_http_evolu_auth_redis_reset(redis, 0, "can't resolve its name");
        return;
    }

    addr = &ctx->addrs[(redis->attempts - 1) % ctx->naddrs];

    socklen = addr->socklen;
    ngx_memcpy(&sa, addr->sockaddr, socklen);
    ngx_inet_set_port(&sa.sockaddr, redis->peer_port);

    ngx_resolve_name_done(ctx);

    ngx_http_evolu_auth_redis_dial(redis, &sa.sockaddr, socklen);
}


static void
ngx_http_evolu_auth_redis_dial(ngx_http_evolu_auth_redis_t *redis,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t   peer;

    ngx_memcpy(&redis->peer, sockaddr, socklen);

    redis->peer_len = socklen;
    redis->peer_name.data = redis->peer_text;
    redis->peer_name.len = ngx_sock_ntop(sockaddr, socklen, redis->peer_text,
                                         NGX_SOCKADDR_STRLEN, 1);

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = &redis->peer.sockaddr;
    peer.socklen = redis->peer_len;
    peer.name = &redis->peer_name;
    peer.get = ngx_event_get_peer;
    peer.log = &redis->quiet;
    peer.log_error = NGX_ERROR_ERR;
    peer.so_keepalive = 1;

    ngx_set_errno(0);

    rc = ngx_event_connect_peer(&peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_http_evolu_auth_redis_reset(redis, ngx_socket_errno,
                                        "can't connect");
        return;
    }

    c = peer.connection;

    c->data = redis;
    c->idle = 1;                /* so that it is told when the worker ends */
    c->log = &redis->quiet;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_http_evolu_auth_redis_read_handler;
    c->write->handler = ngx_http_evolu_auth_redis_write_handler;

    redis->connection = c;

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }
}


ngx_int_t
ngx_http_evolu_auth_redis_name(ngx_http_evolu_auth_redis_t *redis,
    evolu_bytes_t host, evolu_bytes_t port)
{
    ngx_int_t  n;

    n = ngx_atoi((u_char *) port.data, port.len);

    if (n < 1 || n > 65535 || host.len > NGX_HTTP_EVOLU_AUTH_HOST_MAX) {
        return NGX_ERROR;
    }

    redis->named_port = (in_port_t) n;

    if (host.len == 0) {
        redis->named = redis->peer;
        redis->named_len = redis->peer_len;

    } else {
        redis->named_len = ngx_http_evolu_auth_redis_literal(host,
                                                             &redis->named);
    }

    if (redis->named_len != 0) {
        ngx_inet_set_port(&redis->named.sockaddr, redis->named_port);
        return NGX_OK;
    }

    if (redis->conf->resolver == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(redis->named_text, host.data, host.len);

    redis->named_host.data = redis->named_text;
    redis->named_host.len = host.len;

    return NGX_OK;
}


/* The length of the address that host is the text of; 0: it is none. */

static socklen_t
ngx_http_evolu_auth_redis_literal(evolu_bytes_t host, ngx_sockaddr_t *sa)
{
    in_addr_t  inaddr;

    ngx_memzero(sa, sizeof(ngx_sockaddr_t));

    inaddr = ngx_inet_addr((u_char *) host.data, host.len);

    if (inaddr != INADDR_NONE) {
        sa->sockaddr_in.sin_family = AF_INET;
        sa->sockaddr_in.sin_addr.s_addr = inaddr;

        return sizeof(struct sockaddr_in);
    }

#if (NGX_HAVE_INET6)

    if (ngx_inet6_addr((u_char *) host.data, host.len,
                       sa->sockaddr_in6.sin6_addr.s6_addr)
        == NGX_OK)
    {
        sa->sockaddr_in6.sin6_family = AF_INET6;

        return sizeof(struct sockaddr_in6);
    }

#endif

    return 0;
}
