
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_redis_link.h"


#define NGX_HTTP_EVOLU_AUTH_WORDS_MAX  8    /* of a command */


static ngx_uint_t ngx_http_evolu_auth_redis_words(
    ngx_http_evolu_auth_redis_t *redis, ngx_http_evolu_auth_read_e kind,
    evolu_bytes_t locator, evolu_bytes_t *words);
static ngx_int_t ngx_http_evolu_auth_redis_ask(
    ngx_http_evolu_auth_redis_t *redis);
static ngx_int_t ngx_http_evolu_auth_redis_auth(
    ngx_http_evolu_auth_redis_t *redis, ngx_str_t *user,
    evolu_secret_t *password);
static ngx_int_t ngx_http_evolu_auth_redis_select(
    ngx_http_evolu_auth_redis_t *redis);
static ngx_int_t ngx_http_evolu_auth_redis_send(
    ngx_http_evolu_auth_redis_t *redis, ngx_http_evolu_auth_command_e command,
    ngx_uint_t n, evolu_bytes_t *words);


ngx_int_t
ngx_http_evolu_auth_redis_read(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator,
    ngx_http_evolu_auth_read_pt handler, void *data)
{
    ngx_int_t                       rc;
    ngx_uint_t                      n;
    evolu_bytes_t                   words[NGX_HTTP_EVOLU_AUTH_WORDS_MAX];
    ngx_http_evolu_auth_command_t  *node;

    if (redis->state != NGX_HTTP_EVOLU_AUTH_LINK_LIVE
        || locator.len > EVOLU_LOCATOR_MAX)
    {
        return NGX_DECLINED;
    }

    n = ngx_http_evolu_auth_redis_words(redis, kind, locator, words);

    rc = ngx_http_evolu_auth_redis_send(redis,
                                        NGX_HTTP_EVOLU_AUTH_COMMAND_READ,
                                        n, words);
    if (rc != NGX_OK) {
        return rc;
    }

    node = ngx_queue_data(ngx_queue_last(&redis->commands),
                          ngx_http_evolu_auth_command_t, queue);

    node->kind = kind;
    node->handler = handler;
    node->data = data;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_evolu_auth_redis_words(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_read_e kind, evolu_bytes_t locator,
    evolu_bytes_t *words)
{
    ngx_http_evolu_auth_redis_conf_t  *conf;

    conf = redis->conf;

    if (kind == NGX_HTTP_EVOLU_AUTH_READ_KEYS) {
        words[0] = evolu_literal("SCAN");
        words[1] = locator;
        words[2] = evolu_literal("MATCH");
        words[3] = ngx_http_evolu_auth_bytes(&conf->match);
        words[4] = evolu_literal("COUNT");
        words[5] = evolu_literal(ngx_value(NGX_HTTP_EVOLU_AUTH_KEYS));
        return 6;
    }

    ngx_memcpy(redis->key + conf->prefix.len, locator.data, locator.len);

    words[0] = (kind == NGX_HTTP_EVOLU_AUTH_READ_HASH)
               ? evolu_literal("HGETALL") : evolu_literal("SMEMBERS");
    words[1].data = redis->key;
    words[1].len = conf->prefix.len + locator.len;

    return 2;
}


/*
 * Tracking stands before the first look at the epoch, so that no change after
 * it can be missed.
 */

ngx_int_t
ngx_http_evolu_auth_redis_greet(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_uint_t                         n;
    evolu_bytes_t                      words[NGX_HTTP_EVOLU_AUTH_WORDS_MAX];
    ngx_http_evolu_auth_redis_conf_t  *conf;

    conf = redis->conf;

    if (redis->asking) {
        return ngx_http_evolu_auth_redis_ask(redis);
    }

    n = 0;
    words[n++] = evolu_literal("HELLO");
    words[n++] = evolu_literal("3");

    if (conf->password != NULL) {
        words[n++] = evolu_literal("AUTH");
        words[n++] = conf->user.len > 0
                     ? ngx_http_evolu_auth_bytes(&conf->user)
                     : evolu_literal("default");
        words[n++] = evolu_secret_text(conf->password);
    }

    words[n++] = evolu_literal("SETNAME");
    words[n++] = evolu_literal("evolu-auth");

    if (ngx_http_evolu_auth_redis_send(redis,
                                       NGX_HTTP_EVOLU_AUTH_COMMAND_HELLO,
                                       n, words)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_evolu_auth_redis_select(redis) != NGX_OK) {
        return NGX_ERROR;
    }

    words[0] = evolu_literal("CLIENT");
    words[1] = evolu_literal("TRACKING");
    words[2] = evolu_literal("ON");
    words[3] = evolu_literal("BCAST");
    words[4] = evolu_literal("PREFIX");
    words[5] = ngx_http_evolu_auth_bytes(&conf->prefix);

    if (ngx_http_evolu_auth_redis_send(redis,
                                       NGX_HTTP_EVOLU_AUTH_COMMAND_TRACKING,
                                       6, words)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_evolu_auth_redis_epoch(redis);
}


ngx_int_t
ngx_http_evolu_auth_redis_greet_plain(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_queue_t                       *q;
    ngx_http_evolu_auth_command_t     *node;
    ngx_http_evolu_auth_redis_conf_t  *conf;

    conf = redis->conf;

    redis->plain = 1;

    for (q = ngx_queue_head(&redis->commands);
         q != ngx_queue_sentinel(&redis->commands);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_http_evolu_auth_command_t, queue);
        node->command = NGX_HTTP_EVOLU_AUTH_COMMAND_SKIPPED;
    }

    if (conf->password != NULL
        && ngx_http_evolu_auth_redis_auth(redis, &conf->user, conf->password)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_evolu_auth_redis_select(redis) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_evolu_auth_redis_hello(redis) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_evolu_auth_redis_epoch(redis);
}


/* What a sentinel is asked. */

static ngx_int_t
ngx_http_evolu_auth_redis_ask(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_str_t                          nobody;
    evolu_bytes_t                      words[3];
    ngx_http_evolu_auth_redis_conf_t  *conf;

    conf = redis->conf;

    ngx_str_null(&nobody);

    if (conf->sentinel_password != NULL
        && ngx_http_evolu_auth_redis_auth(redis, &nobody,
                                          conf->sentinel_password)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    words[0] = evolu_literal("SENTINEL");
    words[1] = evolu_literal("GET-MASTER-ADDR-BY-NAME");
    words[2] = ngx_http_evolu_auth_bytes(&conf->master);

    return ngx_http_evolu_auth_redis_send(redis,
                                      NGX_HTTP_EVOLU_AUTH_COMMAND_SENTINEL,
                                      3, words);
}


static ngx_int_t
ngx_http_evolu_auth_redis_auth(ngx_http_evolu_auth_redis_t *redis,
    ngx_str_t *user, evolu_secret_t *password)
{
    ngx_uint_t     n;
    evolu_bytes_t  words[3];

    n = 0;
    words[n++] = evolu_literal("AUTH");

    if (user->len > 0) {
        words[n++] = ngx_http_evolu_auth_bytes(user);
    }

    words[n++] = evolu_secret_text(password);

    return ngx_http_evolu_auth_redis_send(redis,
                                          NGX_HTTP_EVOLU_AUTH_COMMAND_AUTH,
                                          n, words);
}


ngx_int_t
ngx_http_evolu_auth_redis_hello(ngx_http_evolu_auth_redis_t *redis)
{
    evolu_bytes_t  words[2];

    if (redis->plain) {
        words[0] = evolu_literal("ROLE");

        return ngx_http_evolu_auth_redis_send(redis,
                                              NGX_HTTP_EVOLU_AUTH_COMMAND_ROLE,
                                              1, words);
    }

    words[0] = evolu_literal("HELLO");
    words[1] = evolu_literal("3");

    return ngx_http_evolu_auth_redis_send(redis,
                                          NGX_HTTP_EVOLU_AUTH_COMMAND_HELLO,
                                          2, words);
}


ngx_int_t
ngx_http_evolu_auth_redis_epoch(ngx_http_evolu_auth_redis_t *redis)
{
    size_t         len;
    evolu_bytes_t  words[2];

    len = redis->conf->prefix.len;

    ngx_memcpy(redis->key + len, "epoch", 5);

    words[0] = evolu_literal("GET");
    words[1].data = redis->key;
    words[1].len = len + 5;

    return ngx_http_evolu_auth_redis_send(redis,
                                          NGX_HTTP_EVOLU_AUTH_COMMAND_EPOCH,
                                          2, words);
}


static ngx_int_t
ngx_http_evolu_auth_redis_select(ngx_http_evolu_auth_redis_t *redis)
{
    u_char         number[NGX_INT_T_LEN];
    evolu_bytes_t  words[2];

    if (redis->conf->db == 0) {
        return NGX_OK;
    }

    words[0] = evolu_literal("SELECT");
    words[1].data = number;
    words[1].len = ngx_sprintf(number, "%ui", redis->conf->db) - number;

    return ngx_http_evolu_auth_redis_send(redis,
                                          NGX_HTTP_EVOLU_AUTH_COMMAND_SELECT,
                                          2, words);
}


/*
 * Appends a command to the output and to the queue.  It is written at the end
 * of this turn of the event loop, with all others of the turn.
 */

static ngx_int_t
ngx_http_evolu_auth_redis_send(ngx_http_evolu_auth_redis_t *redis,
    ngx_http_evolu_auth_command_e command, ngx_uint_t n, evolu_bytes_t *words)
{
    ngx_int_t                       rc;
    ngx_queue_t                    *q;
    ngx_http_evolu_auth_command_t  *node;

    if (ngx_queue_empty(&redis->spare)) {
        node = ngx_alloc(sizeof(ngx_http_evolu_auth_command_t),
                         ngx_cycle->log);
        if (node == NULL) {
            return NGX_ERROR;
        }

        ngx_queue_insert_head(&redis->spare, &node->queue);
    }

    rc = ngx_http_evolu_auth_resp_command(&redis->resp, n, words);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_queue_head(&redis->spare);
    node = ngx_queue_data(q, ngx_http_evolu_auth_command_t, queue);

    ngx_queue_remove(q);
    ngx_memzero(node, sizeof(ngx_http_evolu_auth_command_t));

    node->command = command;
    node->sent = ngx_current_msec;

    ngx_queue_insert_tail(&redis->commands, &node->queue);
    ngx_post_event(redis->connection->write, &ngx_posted_events);

    return NGX_OK;
}
