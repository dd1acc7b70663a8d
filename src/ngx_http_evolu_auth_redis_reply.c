
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_redis_link.h"


#define NGX_HTTP_EVOLU_AUTH_ECHO_MAX   4   /* bytes of a password that may be
                                              the begin of it, cut short */

#define NGX_HTTP_EVOLU_AUTH_REASON_MAX                                        \
    (NGX_HTTP_EVOLU_AUTH_TEXT_MAX + 64)


static ngx_int_t ngx_http_evolu_auth_redis_dispatch(
    ngx_http_evolu_auth_redis_t *redis, ngx_http_evolu_auth_command_t *node,
    redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_on_hello(
    ngx_http_evolu_auth_redis_t *redis, redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_on_role(
    ngx_http_evolu_auth_redis_t *redis, redisReply *role);
static ngx_int_t ngx_http_evolu_auth_redis_on_sentinel(
    ngx_http_evolu_auth_redis_t *redis, redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_on_tracking(
    ngx_http_evolu_auth_redis_t *redis, redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_on_epoch(
    ngx_http_evolu_auth_redis_t *redis, ngx_http_evolu_auth_command_t *node,
    redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_on_read(
    ngx_http_evolu_auth_redis_t *redis, ngx_http_evolu_auth_command_t *node,
    redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_on_error(
    ngx_http_evolu_auth_redis_t *redis, ngx_http_evolu_auth_command_t *node,
    redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_moved(
    ngx_http_evolu_auth_redis_t *redis, redisReply *reply);
static ngx_int_t ngx_http_evolu_auth_redis_on_push(
    ngx_http_evolu_auth_redis_t *redis, redisReply *push);
static ngx_int_t ngx_http_evolu_auth_redis_on_changed(
    ngx_http_evolu_auth_redis_t *redis, redisReply *name);

static void ngx_http_evolu_auth_redis_live(ngx_http_evolu_auth_redis_t *redis);
static void ngx_http_evolu_auth_redis_not_ready(
    ngx_http_evolu_auth_redis_t *redis, redisReply *reply);
static void ngx_http_evolu_auth_redis_refused(
    ngx_http_evolu_auth_redis_t *redis, const char *what, redisReply *reply);
static char *ngx_http_evolu_auth_redis_text(
    ngx_http_evolu_auth_redis_t *redis, redisReply *reply, char *buf);


ngx_int_t
ngx_http_evolu_auth_redis_reply(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply)
{
    ngx_int_t                       rc;
    ngx_queue_t                    *q;
    ngx_http_evolu_auth_command_t  *node;

    if (reply->type == REDIS_REPLY_PUSH) {
        return ngx_http_evolu_auth_redis_on_push(redis, reply);
    }

    if (ngx_queue_empty(&redis->commands)) {
        ngx_http_evolu_auth_redis_refused(redis,
                                          "the server spoke unasked", reply);
        return NGX_ERROR;
    }

    q = ngx_queue_head(&redis->commands);
    node = ngx_queue_data(q, ngx_http_evolu_auth_command_t, queue);

    if (ngx_current_msec - node->sent >= NGX_HTTP_EVOLU_AUTH_SILENCE) {

        /* this worker was stopped, or hung, and the answer is an old one */

        ngx_http_evolu_auth_redis_reset(redis, 0, "silent for too long");
        return NGX_ERROR;
    }

    ngx_queue_remove(q);

    rc = ngx_http_evolu_auth_redis_dispatch(redis, node, reply);

    ngx_queue_insert_head(&redis->spare, q);

    return rc;
}


static ngx_int_t
ngx_http_evolu_auth_redis_dispatch(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_command_t *node, redisReply *reply)
{
    switch (node->command) {

    case NGX_HTTP_EVOLU_AUTH_COMMAND_HELLO:
        return ngx_http_evolu_auth_redis_on_hello(redis, reply);

    case NGX_HTTP_EVOLU_AUTH_COMMAND_AUTH:
    case NGX_HTTP_EVOLU_AUTH_COMMAND_SELECT:

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_http_evolu_auth_redis_refused(redis, "refused", reply);
            return NGX_ERROR;
        }

        return NGX_OK;

    case NGX_HTTP_EVOLU_AUTH_COMMAND_ROLE:

        if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
            return NGX_OK;
        }

        return ngx_http_evolu_auth_redis_on_role(redis, reply->element[0]);

    case NGX_HTTP_EVOLU_AUTH_COMMAND_SENTINEL:
        return ngx_http_evolu_auth_redis_on_sentinel(redis, reply);

    case NGX_HTTP_EVOLU_AUTH_COMMAND_TRACKING:
        return ngx_http_evolu_auth_redis_on_tracking(redis, reply);

    case NGX_HTTP_EVOLU_AUTH_COMMAND_EPOCH:
    case NGX_HTTP_EVOLU_AUTH_COMMAND_CONFIRM:
        return ngx_http_evolu_auth_redis_on_epoch(redis, node, reply);

    case NGX_HTTP_EVOLU_AUTH_COMMAND_READ:
        return ngx_http_evolu_auth_redis_on_read(redis, node, reply);

    default: /* NGX_HTTP_EVOLU_AUTH_COMMAND_SKIPPED */
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_evolu_auth_redis_on_hello(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply)
{
    redisReply  *value;

    if (reply->type == REDIS_REPLY_ERROR) {

        if (redis->state != NGX_HTTP_EVOLU_AUTH_LINK_CONNECTING) {

            /* a heartbeat: the epoch behind it decides */

            return NGX_OK;
        }

        if (!ngx_http_evolu_auth_resp_error(reply, "ERR")
            && !ngx_http_evolu_auth_resp_error(reply, "NOPROTO"))
        {
            ngx_http_evolu_auth_redis_refused(redis, "refused", reply);
            return NGX_ERROR;
        }

        if (ngx_http_evolu_auth_redis_greet_plain(redis) != NGX_OK) {
            ngx_http_evolu_auth_redis_reset(redis, 0, "out of memory");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    value = ngx_http_evolu_auth_resp_value(reply, "proto");

    redis->proto3 = (reply->type == REDIS_REPLY_MAP
                     && value != NULL
                     && value->type == REDIS_REPLY_INTEGER
                     && value->integer == 3);

    if (redis->tracked && !redis->proto3) {
        ngx_http_evolu_auth_redis_reset(redis, 0, "its protocol changed");
        return NGX_ERROR;
    }

    return ngx_http_evolu_auth_redis_on_role(redis,
                               ngx_http_evolu_auth_resp_value(reply, "role"));
}


static ngx_int_t
ngx_http_evolu_auth_redis_on_role(ngx_http_evolu_auth_redis_t *redis,
    redisReply *role)
{
    if (redis->conf->any_role
        || (role != NULL && ngx_http_evolu_auth_resp_is(role, "master")))
    {
        return NGX_OK;
    }

    ngx_http_evolu_auth_redis_reset(redis, 0,
                                    "the server is a replica, not a primary");
    return NGX_ERROR;
}


/* the host and port of the primary, or nothing */

static ngx_int_t
ngx_http_evolu_auth_redis_on_sentinel(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply)
{
    evolu_bytes_t    host, port;
    redisReply     **e;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_evolu_auth_redis_refused(redis, "refused", reply);
        return NGX_ERROR;
    }

    if (reply->type == REDIS_REPLY_NIL) {
        ngx_http_evolu_auth_redis_reset(redis, 0,
                                        "it knows no primary of that name");
        return NGX_ERROR;
    }

    e = reply->element;

    if (reply->type != REDIS_REPLY_ARRAY
        || reply->elements != 2
        || e[0]->type != REDIS_REPLY_STRING
        || e[1]->type != REDIS_REPLY_STRING
        || e[0]->len == 0)
    {
        ngx_http_evolu_auth_redis_reset(redis, 0, "it breaks the protocol");
        return NGX_ERROR;
    }

    host.data = (u_char *) e[0]->str;
    host.len = e[0]->len;
    port.data = (u_char *) e[1]->str;
    port.len = e[1]->len;

    if (ngx_http_evolu_auth_redis_name(redis, host, port) != NGX_OK) {
        ngx_http_evolu_auth_redis_reset(redis, 0,
                                  "it names a host, and http no resolver");
        return NGX_ERROR;
    }

    /* the connection ends here, and with it all that was read of it */

    ngx_http_evolu_auth_redis_follow(redis);

    return NGX_ERROR;
}


/* a server that can't track says ERR or NOPERM; any other error is an outage */

static ngx_int_t
ngx_http_evolu_auth_redis_on_tracking(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR
        && !ngx_http_evolu_auth_resp_error(reply, "ERR")
        && !ngx_http_evolu_auth_resp_error(reply, "NOPERM"))
    {
        ngx_http_evolu_auth_redis_refused(redis, "refused", reply);
        return NGX_ERROR;
    }

    redis->tracked = redis->proto3 && ngx_http_evolu_auth_resp_is(reply, "OK");

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_redis_on_epoch(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_command_t *node, redisReply *reply)
{
    ngx_uint_t     valid;
    evolu_bytes_t  epoch;

    if (ngx_queue_empty(&redis->commands)) {
        /* a worker that ends need not wait any more, see _farewell() */
        redis->timer.cancelable = 1;
    }

    if (ngx_http_evolu_auth_resp_error(reply, "MOVED")) {
        return ngx_http_evolu_auth_redis_on_error(redis, node, reply);
    }

    epoch.data = (u_char *) reply->str;
    epoch.len = reply->len;

    valid = reply->type == REDIS_REPLY_STRING && evolu_epoch_valid(epoch);

    if (node->command == NGX_HTTP_EVOLU_AUTH_COMMAND_CONFIRM) {

        if (!valid) {
            ngx_http_evolu_auth_redis_not_ready(redis, reply);
        }

        node->handler(node->data,
                      valid ? NGX_HTTP_EVOLU_AUTH_READ_OK
                            : NGX_HTTP_EVOLU_AUTH_READ_OUTAGE,
                      NULL, 0);

        return NGX_OK;
    }

    if (!valid) {
        ngx_http_evolu_auth_redis_not_ready(redis, reply);
        return NGX_OK;
    }

    if (redis->state != NGX_HTTP_EVOLU_AUTH_LINK_LIVE) {
        ngx_http_evolu_auth_redis_live(redis);
    }

    redis->events.beat(redis->events.data,
                       ngx_http_evolu_auth_redis_tracked(redis), node->sent,
                       epoch);

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_redis_on_read(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_command_t *node, redisReply *reply)
{
    ngx_int_t                       rc;
    ngx_uint_t                      n;
    evolu_field_t                  *fields;
    ngx_http_evolu_auth_command_t  *confirm;

    if (reply->type == REDIS_REPLY_ERROR) {
        return ngx_http_evolu_auth_redis_on_error(redis, node, reply);
    }

    rc = (node->kind == NGX_HTTP_EVOLU_AUTH_READ_KEYS)
         ? ngx_http_evolu_auth_resp_keys(reply, &fields, &n)
         : ngx_http_evolu_auth_resp_fields(reply, node->kind, &fields, &n);

    if (rc == NGX_DECLINED) {
        node->handler(node->data, NGX_HTTP_EVOLU_AUTH_READ_VOID, NULL, 0);
        return NGX_OK;
    }

    if (rc == NGX_OK && n > 0) {
        node->handler(node->data, NGX_HTTP_EVOLU_AUTH_READ_OK, fields, n);
        ngx_free(fields);
        return NGX_OK;
    }

    /*
     * An emptied store looks just like this, so "no such record" is believed
     * only when the epoch is there after it.
     */

    if (rc == NGX_OK && ngx_http_evolu_auth_redis_epoch(redis) == NGX_OK) {
        confirm = ngx_queue_data(ngx_queue_last(&redis->commands),
                                 ngx_http_evolu_auth_command_t, queue);

        confirm->command = NGX_HTTP_EVOLU_AUTH_COMMAND_CONFIRM;
        confirm->handler = node->handler;
        confirm->data = node->data;

        return NGX_OK;
    }

    node->handler(node->data, NGX_HTTP_EVOLU_AUTH_READ_OUTAGE, NULL, 0);

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_redis_on_error(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_command_t *node, redisReply *reply)
{
    char  text[NGX_HTTP_EVOLU_AUTH_TEXT_MAX + 1];

    if (ngx_http_evolu_auth_resp_error(reply, "WRONGTYPE")) {
        node->handler(node->data, NGX_HTTP_EVOLU_AUTH_READ_VOID, NULL, 0);
        return NGX_OK;
    }

    if (redis->logged != ngx_time()) {
        redis->logged = ngx_time();

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "evolu_auth: redis at %V failed a lookup: %s",
                      &redis->conf->text,
                      ngx_http_evolu_auth_redis_text(redis, reply, text));
    }

    if (node->handler != NULL) {
        node->handler(node->data, NGX_HTTP_EVOLU_AUTH_READ_OUTAGE, NULL, 0);
    }

    if (ngx_http_evolu_auth_resp_error(reply, "MOVED")) {

        /* what that server said of these records is nobody's word now */

        redis->events.flushed(redis->events.data);

        redis->redirected = (ngx_http_evolu_auth_redis_moved(redis, reply)
                             == NGX_OK);

        ngx_http_evolu_auth_redis_refused(redis, "moved", reply);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* "MOVED SLOT HOST:PORT"; an IPv6 address has no brackets */

static ngx_int_t
ngx_http_evolu_auth_redis_moved(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply)
{
    u_char         *p, *last;
    evolu_bytes_t   host, port;

    p = (u_char *) reply->str;
    last = p + reply->len;

    port.data = last;

    while (port.data > p && port.data[-1] != ':' && port.data[-1] != ' ') {
        port.data--;
    }

    port.len = last - port.data;

    if (port.data == p || port.data[-1] != ':') {
        return NGX_ERROR;
    }

    host.data = port.data - 1;

    while (host.data > p && host.data[-1] != ' ') {
        host.data--;
    }

    host.len = port.data - 1 - host.data;

    return ngx_http_evolu_auth_redis_name(redis, host, port);
}


static ngx_int_t
ngx_http_evolu_auth_redis_on_push(ngx_http_evolu_auth_redis_t *redis,
    redisReply *push)
{
    size_t       i;
    redisReply  *names;

    if (push->elements < 2
        || !ngx_http_evolu_auth_resp_is(push->element[0], "invalidate"))
    {
        return NGX_OK;
    }

    names = push->element[1];

    if (names->type == REDIS_REPLY_ARRAY) {

        for (i = 0; i < names->elements; i++) {
            if (ngx_http_evolu_auth_redis_on_changed(redis, names->element[i])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        return NGX_OK;
    }

    /* null: a flush, after which the epoch may be gone */

    redis->events.flushed(redis->events.data);

    if (ngx_http_evolu_auth_redis_epoch(redis) == NGX_ERROR) {
        ngx_http_evolu_auth_redis_reset(redis, 0, "out of memory");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_evolu_auth_redis_on_changed(ngx_http_evolu_auth_redis_t *redis,
    redisReply *name)
{
    ngx_str_t      *prefix;
    evolu_bytes_t   locator;

    prefix = &redis->conf->prefix;

    if (name->type != REDIS_REPLY_STRING
        || name->len < prefix->len
        || ngx_memcmp(name->str, prefix->data, prefix->len) != 0)
    {
        return NGX_OK;
    }

    locator.data = (u_char *) name->str + prefix->len;
    locator.len = name->len - prefix->len;

    if (!evolu_bytes_equal(locator, evolu_literal("epoch"))) {
        redis->events.changed(redis->events.data, locator);
        return NGX_OK;
    }

    /* its value decides, and comes before any record that is read after it */

    if (ngx_http_evolu_auth_redis_epoch(redis) == NGX_ERROR) {
        ngx_http_evolu_auth_redis_reset(redis, 0, "out of memory");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_evolu_auth_redis_live(ngx_http_evolu_auth_redis_t *redis)
{
    if (!redis->known) {
        redis->known = 1;
        redis->backoff = NGX_HTTP_EVOLU_AUTH_BACKOFF_MIN;
    }

    ngx_http_evolu_auth_redis_greeted(redis);

    redis->state = NGX_HTTP_EVOLU_AUTH_LINK_LIVE;
    redis->since = ngx_current_msec;
    redis->failed = 0;
    redis->loss = 0;
    redis->epoch_logged = 0;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "evolu_auth: redis link to %V is live at %V, changes are %s",
                  &redis->conf->text, &redis->peer_name,
                  redis->tracked ? "pushed" : "not pushed");

    if (!redis->tracked && !redis->untracked_logged) {
        redis->untracked_logged = 1;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "evolu_auth: redis at %V offers no invalidation (CLIENT "
                      "TRACKING with BCAST over RESP3): records are trusted "
                      "for 10s at most", &redis->conf->text);
    }
}


static void
ngx_http_evolu_auth_redis_not_ready(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply)
{
    char                        text[NGX_HTTP_EVOLU_AUTH_TEXT_MAX + 1];
    ngx_http_evolu_auth_link_e  state;

    state = redis->state;

    ngx_http_evolu_auth_redis_greeted(redis);

    redis->state = NGX_HTTP_EVOLU_AUTH_LINK_NOT_READY;

    if (redis->epoch_logged != reply->type) {
        redis->epoch_logged = reply->type;

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "evolu_auth: redis at %V can't be asked: %s",
                          &redis->conf->text,
                          ngx_http_evolu_auth_redis_text(redis, reply, text));

        } else if (reply->type == REDIS_REPLY_NIL) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "evolu_auth: the store holds no \"%Vepoch\": set it "
                          "with \"SET %Vepoch 1 NX\" once its records are "
                          "complete", &redis->conf->prefix,
                          &redis->conf->prefix);

        } else {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "evolu_auth: \"%Vepoch\" of the store is no number "
                          "of 1 to 20 digits", &redis->conf->prefix);
        }
    }

    if (state != NGX_HTTP_EVOLU_AUTH_LINK_NOT_READY) {
        redis->events.lost(redis->events.data);
    }
}


/* the link ends by what the server said */

static void
ngx_http_evolu_auth_redis_refused(ngx_http_evolu_auth_redis_t *redis,
    const char *what, redisReply *reply)
{
    char    text[NGX_HTTP_EVOLU_AUTH_TEXT_MAX + 1];
    u_char  reason[NGX_HTTP_EVOLU_AUTH_REASON_MAX];

    ngx_snprintf(reason, sizeof(reason), "%s: %s%Z", what,
                 ngx_http_evolu_auth_redis_text(redis, reply, text));

    ngx_http_evolu_auth_redis_reset(redis, 0, (char *) reason);
}


/*
 * What the server said, for a log.  Some say what they were told, too, maybe
 * cut short: the text ends where the password may begin.
 */

static char *
ngx_http_evolu_auth_redis_text(ngx_http_evolu_auth_redis_t *redis,
    redisReply *reply, char *buf)
{
    char            *p;
    u_char           ch;
    size_t           i, len;
    evolu_bytes_t    text;
    evolu_secret_t  *password;
    char             begin[NGX_HTTP_EVOLU_AUTH_ECHO_MAX];

    ngx_http_evolu_auth_resp_text(reply, buf);

    password = redis->asking ? redis->conf->sentinel_password
                             : redis->conf->password;

    if (password == NULL) {
        return buf;
    }

    text = evolu_secret_text(password);
    len = ngx_min(text.len, NGX_HTTP_EVOLU_AUTH_ECHO_MAX);

    /* as _resp_text() shows it */

    for (i = 0; i < len; i++) {
        ch = text.data[i];
        begin[i] = (ch < 0x20 || ch >= 0x7f) ? '?' : (char) ch;
    }

    for (p = buf; *p != '\0'; p++) {

        if (ngx_strncmp(p, begin, len) == 0) {
            *p = '\0';
            break;
        }
    }

    ngx_explicit_memzero(begin, sizeof(begin));

    return buf;
}
