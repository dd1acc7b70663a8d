
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_redis_link.h"


#define NGX_HTTP_EVOLU_AUTH_CHUNK   16384  /* bytes of input at a time */
#define NGX_HTTP_EVOLU_AUTH_CHUNKS  64     /* of them in one event */
#define NGX_HTTP_EVOLU_AUTH_STABLE  10000  /* milliseconds: backoff starts
                                              again */


static void ngx_http_evolu_auth_redis_attempt(ngx_event_t *ev);
static void ngx_http_evolu_auth_redis_beat(ngx_event_t *ev);
static void ngx_http_evolu_auth_redis_farewell(
    ngx_http_evolu_auth_redis_t *redis);

static void ngx_http_evolu_auth_redis_ready(
    ngx_http_evolu_auth_redis_t *redis);
static ngx_int_t ngx_http_evolu_auth_redis_take(
    ngx_http_evolu_auth_redis_t *redis, u_char *data, size_t len);
static void ngx_http_evolu_auth_redis_broken(
    ngx_http_evolu_auth_redis_t *redis, ngx_int_t rc);

static void ngx_http_evolu_auth_redis_lose(ngx_http_evolu_auth_redis_t *redis,
    ngx_msec_t delay, ngx_http_evolu_auth_read_status_e first);
static ngx_msec_t ngx_http_evolu_auth_redis_delay(
    ngx_http_evolu_auth_redis_t *redis);


/* debug builds of nginx take the data of a timer for a connection */

static ngx_connection_t  ngx_http_evolu_auth_redis_dumb = {
    .fd = (ngx_socket_t) -1
};


ngx_http_evolu_auth_redis_t *
ngx_http_evolu_auth_redis_open(ngx_pool_t *pool,
    ngx_http_evolu_auth_redis_conf_t *conf,
    ngx_http_evolu_auth_redis_events_t *events, ngx_log_t *log)
{
    ngx_http_evolu_auth_redis_t  *redis;

    redis = ngx_pcalloc(pool, sizeof(ngx_http_evolu_auth_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->key = ngx_pnalloc(pool, conf->prefix.len + EVOLU_LOCATOR_MAX);
    if (redis->key == NULL) {
        return NULL;
    }

    ngx_memcpy(redis->key, conf->prefix.data, conf->prefix.len);

    redis->conf = conf;
    redis->events = *events;
    redis->backoff = NGX_HTTP_EVOLU_AUTH_BACKOFF_MIN;
    redis->quiet = *log;
    redis->quiet.log_level = NGX_LOG_STDERR;

    ngx_queue_init(&redis->commands);
    ngx_queue_init(&redis->spare);

    redis->timer.data = &ngx_http_evolu_auth_redis_dumb;
    redis->timer.log = log;
    redis->timer.cancelable = 1;

    if (conf->password != NULL) {
        evolu_secret_lock(conf->password);
    }

    if (conf->sentinel_password != NULL) {
        evolu_secret_lock(conf->sentinel_password);
    }

    /* from the event loop, so that the owner hears of nothing before this
       call returned */

    redis->state = NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING;
    ngx_http_evolu_auth_redis_arm(redis, 0, ngx_http_evolu_auth_redis_attempt);

    return redis;
}


void
ngx_http_evolu_auth_redis_close(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_queue_t                    *q;
    ngx_http_evolu_auth_command_t  *node;

    redis->over = 1;
    redis->state = NGX_HTTP_EVOLU_AUTH_LINK_DOWN;

    ngx_http_evolu_auth_redis_drop(redis);

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    ngx_queue_add(&redis->spare, &redis->commands);
    ngx_queue_init(&redis->commands);

    while (!ngx_queue_empty(&redis->spare)) {
        q = ngx_queue_head(&redis->spare);
        node = ngx_queue_data(q, ngx_http_evolu_auth_command_t, queue);

        ngx_queue_remove(q);
        ngx_free(node);
    }
}


ngx_http_evolu_auth_link_e
ngx_http_evolu_auth_redis_state(ngx_http_evolu_auth_redis_t *redis)
{
    return redis->state;
}


ngx_uint_t
ngx_http_evolu_auth_redis_tracked(ngx_http_evolu_auth_redis_t *redis)
{
    return redis->state == NGX_HTTP_EVOLU_AUTH_LINK_LIVE
           && redis->tracked
           && !redis->conf->any_role;
}


static void
ngx_http_evolu_auth_redis_attempt(ngx_event_t *ev)
{
    ngx_http_evolu_auth_redis_t  *redis;

    redis = ngx_queue_data(ev, ngx_http_evolu_auth_redis_t, timer);

    ngx_http_evolu_auth_redis_connect(redis);
}


void
ngx_http_evolu_auth_redis_late(ngx_event_t *ev)
{
    ngx_http_evolu_auth_redis_t  *redis;

    redis = ngx_queue_data(ev, ngx_http_evolu_auth_redis_t, timer);

    ngx_http_evolu_auth_redis_reset(redis, 0, redis->connected
                                              ? "no answer to the greeting"
                                              : "timed out connecting");
}


void
ngx_http_evolu_auth_redis_greeted(ngx_http_evolu_auth_redis_t *redis)
{
    if (redis->state == NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING) {
        ngx_http_evolu_auth_redis_arm(redis, NGX_HTTP_EVOLU_AUTH_HEARTBEAT,
                                      ngx_http_evolu_auth_redis_beat);
    }
}


static void
ngx_http_evolu_auth_redis_beat(ngx_event_t *ev)
{
    ngx_queue_t                    *q;
    ngx_http_evolu_auth_redis_t    *redis;
    ngx_http_evolu_auth_command_t  *node;

    redis = ngx_queue_data(ev, ngx_http_evolu_auth_redis_t, timer);

    if (!ngx_queue_empty(&redis->commands)) {
        q = ngx_queue_head(&redis->commands);
        node = ngx_queue_data(q, ngx_http_evolu_auth_command_t, queue);

        if (ngx_current_msec - node->sent >= NGX_HTTP_EVOLU_AUTH_SILENCE) {
            ngx_http_evolu_auth_redis_reset(redis, 0, "silent for too long");
            return;
        }
    }

    if (ngx_http_evolu_auth_redis_hello(redis) == NGX_ERROR
        || ngx_http_evolu_auth_redis_epoch(redis) == NGX_ERROR)
    {
        ngx_http_evolu_auth_redis_reset(redis, 0, "out of memory");
        return;
    }

    ngx_http_evolu_auth_redis_arm(redis, NGX_HTTP_EVOLU_AUTH_HEARTBEAT,
                                  ngx_http_evolu_auth_redis_beat);
}


/*
 * The worker begins to end.  It stays for one more heartbeat: when that is
 * answered, all that was pushed before has been heard, and the links of new
 * workers can take over.
 */

static void
ngx_http_evolu_auth_redis_farewell(ngx_http_evolu_auth_redis_t *redis)
{
    if (ngx_http_evolu_auth_redis_tracked(redis)) {
        redis->timer.cancelable = 0;
        ngx_http_evolu_auth_redis_arm(redis, 0,
                                      ngx_http_evolu_auth_redis_beat);
    }
}


void
ngx_http_evolu_auth_redis_write_handler(ngx_event_t *wev)
{
    ngx_int_t                     rc;
    ngx_connection_t             *c;
    ngx_http_evolu_auth_redis_t  *redis;

    c = wev->data;
    redis = c->data;

    if (!redis->connected) {
        ngx_http_evolu_auth_redis_ready(redis);
        return;
    }

    rc = ngx_http_evolu_auth_resp_send(&redis->resp, c);

    if (rc == NGX_ERROR) {
        ngx_http_evolu_auth_redis_failed(redis, "can't send");
        return;
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_http_evolu_auth_redis_reset(redis, 0, "no event for writing");
    }
}


void
ngx_http_evolu_auth_redis_read_handler(ngx_event_t *rev)
{
    ssize_t                       n;
    ngx_uint_t                    i;
    ngx_connection_t             *c;
    ngx_http_evolu_auth_redis_t  *redis;
    u_char                        chunk[NGX_HTTP_EVOLU_AUTH_CHUNK];

    c = rev->data;
    redis = c->data;

    if (c->close && !c->error) {
        c->close = 0;
        ngx_http_evolu_auth_redis_farewell(redis);

        /*
         * While TLS began, that was told to the handler of the handshake, and
         * this is the first event after it: there is something to read.
         */

        if (!redis->connected || !rev->ready) {
            return;
        }
    }

    if (c->close) {

        /* worker_shutdown_timeout is over */

        redis->over = 1;
        ngx_http_evolu_auth_redis_reset(redis, 0, "the worker ends");
        return;
    }

    if (!redis->connected) {
        ngx_http_evolu_auth_redis_ready(redis);
        return;
    }

    for (i = 0; i < NGX_HTTP_EVOLU_AUTH_CHUNKS; i++) {
        n = c->recv(c, chunk, NGX_HTTP_EVOLU_AUTH_CHUNK);

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_evolu_auth_redis_reset(redis, 0,
                                                "no event for reading");
            }

            return;
        }

        if (n == NGX_ERROR) {
            ngx_http_evolu_auth_redis_failed(redis, "can't receive");
            return;
        }

        if (n == 0) {
            ngx_http_evolu_auth_redis_reset(redis, 0,
                                            "the server closed it");
            return;
        }

        if (ngx_http_evolu_auth_redis_take(redis, chunk, n) != NGX_OK) {
            return;
        }
    }

    /* there is more, but requests have to go on as well */

    ngx_post_event(rev, &ngx_posted_next_events);
}


/* the first event of a connection: is there one? */

static void
ngx_http_evolu_auth_redis_ready(ngx_http_evolu_auth_redis_t *redis)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = redis->connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err != 0) {
        ngx_http_evolu_auth_redis_reset(redis, err, "can't connect");
        return;
    }

    (void) ngx_tcp_nodelay(c);

#if (NGX_SSL)

    if (redis->conf->ssl != NULL) {
        ngx_http_evolu_auth_redis_tls(redis);
        return;
    }

#endif

    ngx_http_evolu_auth_redis_begin(redis);
}


void
ngx_http_evolu_auth_redis_begin(ngx_http_evolu_auth_redis_t *redis)
{
    redis->connected = 1;

    if (ngx_http_evolu_auth_resp_open(&redis->resp) != NGX_OK
        || ngx_http_evolu_auth_redis_greet(redis) != NGX_OK)
    {
        ngx_http_evolu_auth_redis_reset(redis, 0, "out of memory");
    }
}


/* NGX_ERROR: the link is lost, nothing of it may be touched */

static ngx_int_t
ngx_http_evolu_auth_redis_take(ngx_http_evolu_auth_redis_t *redis,
    u_char *data, size_t len)
{
    ngx_int_t    rc;
    redisReply  *reply;

    /* the worker may have been stopped in the middle of this turn */

    ngx_time_update();

    if (ngx_http_evolu_auth_resp_feed(&redis->resp, data, len) != NGX_OK) {
        ngx_http_evolu_auth_redis_reset(redis, 0, "out of memory");
        return NGX_ERROR;
    }

    for ( ;; ) {
        rc = ngx_http_evolu_auth_resp_next(&redis->resp, &reply);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            ngx_http_evolu_auth_redis_broken(redis, rc);
            return NGX_ERROR;
        }

        rc = ngx_http_evolu_auth_redis_reply(redis, reply);

        freeReplyObject(reply);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


/*
 * A read whose reply breaks a rule pays alone: the others of the queue may be
 * sent again at once.  Of a push that can't be read it is not known what
 * changed.
 */

static void
ngx_http_evolu_auth_redis_broken(ngx_http_evolu_auth_redis_t *redis,
    ngx_int_t rc)
{
    ngx_queue_t                    *q;
    ngx_http_evolu_auth_command_t  *node;

    if (rc == NGX_DECLINED && !ngx_queue_empty(&redis->commands)) {
        q = ngx_queue_head(&redis->commands);
        node = ngx_queue_data(q, ngx_http_evolu_auth_command_t, queue);

        if (node->command == NGX_HTTP_EVOLU_AUTH_COMMAND_READ) {

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "evolu_auth: redis link to %V begins again: a reply "
                          "is over the limits", &redis->conf->text);

            redis->events.ended(redis->events.data,
                                NGX_HTTP_EVOLU_AUTH_LOSS_LIMIT);
            ngx_http_evolu_auth_redis_lose(redis, 0,
                                           NGX_HTTP_EVOLU_AUTH_READ_TOO_BIG);
            return;
        }
    }

    redis->events.flushed(redis->events.data);

    ngx_http_evolu_auth_redis_reset(redis, 0,
                                    "the server breaks the protocol");
}


void
ngx_http_evolu_auth_redis_failed(ngx_http_evolu_auth_redis_t *redis,
    const char *what)
{
    u_char     reason[NGX_HTTP_EVOLU_AUTH_SAID_MAX + 64];
    ngx_err_t  err;

    err = ngx_socket_errno;

    if (redis->said[0] == '\0') {
        ngx_http_evolu_auth_redis_reset(redis, err, what);
        return;
    }

    ngx_snprintf(reason, sizeof(reason), "%s: %s%Z", what, redis->said);

    ngx_http_evolu_auth_redis_reset(redis, 0, (char *) reason);
}


void
ngx_http_evolu_auth_redis_reset(ngx_http_evolu_auth_redis_t *redis,
    ngx_err_t err, const char *reason)
{
    uint32_t    loss;
    ngx_str_t  *url;

    url = &redis->conf->text;

    /*
     * Once a reason: one that explains "closed" may come after it.  Of
     * sentinels, once each.
     */

    loss = ngx_crc32_short((u_char *) reason, ngx_strlen(reason)) | 1;

    if (redis->over) {
        /* void */

    } else if (redis->asking) {

        if (redis->failed < redis->conf->endpoints.nelts) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                          "evolu_auth: redis link to %V: sentinel at %V: %s",
                          url, &redis->peer_name, reason);
        }

    } else if (redis->loss != loss) {
        redis->loss = loss;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, err,
                      "evolu_auth: redis link to %V lost: %s", url, reason);
    }

    if (!redis->over) {
        redis->events.ended(redis->events.data,
                            ngx_http_evolu_auth_redis_loss(reason));
    }

    ngx_http_evolu_auth_redis_lose(redis,
                                   ngx_http_evolu_auth_redis_delay(redis),
                                   NGX_HTTP_EVOLU_AUTH_READ_LOST);
}


/* Until the next attempt. */

static ngx_msec_t
ngx_http_evolu_auth_redis_delay(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_msec_t  delay;
    ngx_uint_t  n;

    n = redis->conf->endpoints.nelts;

    if (redis->state == NGX_HTTP_EVOLU_AUTH_LINK_LIVE) {
        redis->failed = 0;

        if (ngx_current_msec - redis->since >= NGX_HTTP_EVOLU_AUTH_STABLE) {
            redis->backoff = NGX_HTTP_EVOLU_AUTH_BACKOFF_MIN;
        }

    } else {
        redis->failed++;

        /* whether it does not answer or names the wrong one: ask another */

        redis->sentinel = (redis->sentinel + 1) % n;

        if (redis->failed % n != 0) {
            return 1;
        }
    }

    delay = 1 + (ngx_msec_t) ngx_random() % redis->backoff;

    redis->backoff = ngx_min(2 * redis->backoff,
                             NGX_HTTP_EVOLU_AUTH_BACKOFF_MAX);

    return delay;
}


/* first: the status of the read that was to be answered next */

static void
ngx_http_evolu_auth_redis_lose(ngx_http_evolu_auth_redis_t *redis,
    ngx_msec_t delay, ngx_http_evolu_auth_read_status_e first)
{
    ngx_queue_t                         lost, *q;
    ngx_http_evolu_auth_link_e          state;
    ngx_http_evolu_auth_command_t      *node;
    ngx_http_evolu_auth_read_status_e   status;

    ngx_http_evolu_auth_redis_drop(redis);

    state = redis->state;
    redis->state = NGX_HTTP_EVOLU_AUTH_LINK_DOWN;

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    if (!redis->over) {
        ngx_http_evolu_auth_redis_arm(redis, delay,
                                      ngx_http_evolu_auth_redis_attempt);
    }

    if (state == NGX_HTTP_EVOLU_AUTH_LINK_LIVE
        || state == NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING)
    {
        redis->events.lost(redis->events.data);
    }

    redis->events.moved(redis->events.data);

    ngx_queue_init(&lost);
    ngx_queue_add(&lost, &redis->commands);
    ngx_queue_init(&redis->commands);

    status = first;

    while (!ngx_queue_empty(&lost)) {
        q = ngx_queue_head(&lost);
        node = ngx_queue_data(q, ngx_http_evolu_auth_command_t, queue);

        ngx_queue_remove(q);

        if (node->handler != NULL) {
            node->handler(node->data, status, NULL, 0);
        }

        status = NGX_HTTP_EVOLU_AUTH_READ_LOST;

        ngx_queue_insert_head(&redis->spare, q);
    }
}


void
ngx_http_evolu_auth_redis_drop(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    if (redis->resolving != NULL) {
        ngx_resolve_name_done(redis->resolving);
        redis->resolving = NULL;
    }

    if (redis->connection != NULL) {
        c = redis->connection;
        redis->connection = NULL;

        pool = c->pool;

#if (NGX_SSL)
        if (c->ssl != NULL) {
            ngx_http_evolu_auth_redis_tls_close(c);
        }
#endif

        ngx_close_connection(c);

        if (pool != NULL) {
            ngx_destroy_pool(pool);
        }
    }

    ngx_http_evolu_auth_resp_close(&redis->resp);

    redis->asking = 0;
    redis->timer.cancelable = 1;
    redis->connected = 0;
    redis->plain = 0;
    redis->proto3 = 0;
    redis->tracked = 0;
}


void
ngx_http_evolu_auth_redis_arm(ngx_http_evolu_auth_redis_t *redis,
    ngx_msec_t delay, ngx_event_handler_pt handler)
{
    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    redis->timer.handler = handler;

    ngx_add_timer(&redis->timer, delay);
}
