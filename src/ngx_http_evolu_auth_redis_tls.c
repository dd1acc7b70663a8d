
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_redis_link.h"


#if (NGX_SSL)

static void ngx_http_evolu_auth_redis_tls_done(ngx_connection_t *c);
static const char *ngx_http_evolu_auth_redis_tls_check(
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_connection_t *c);
static const char *ngx_http_evolu_auth_redis_tls_address(
    ngx_http_evolu_auth_redis_conf_t *conf, ngx_connection_t *c);
static void ngx_http_evolu_auth_redis_tls_hear(ngx_log_t *log,
    ngx_uint_t level, u_char *buf, size_t len);


void
ngx_http_evolu_auth_redis_tls(ngx_http_evolu_auth_redis_t *redis)
{
    ngx_int_t                          rc;
    ngx_connection_t                  *c;
    ngx_http_evolu_auth_redis_conf_t  *conf;

    c = redis->connection;
    conf = redis->conf;

    redis->said[0] = '\0';
    redis->quiet.next = NULL;
    redis->quiet.writer = ngx_http_evolu_auth_redis_tls_hear;
    redis->quiet.wdata = redis;
    redis->quiet.log_level = NGX_LOG_INFO;

    c->pool = ngx_create_pool(256, &redis->quiet);

    if (c->pool == NULL
        || ngx_ssl_create_connection(conf->ssl, c, NGX_SSL_CLIENT) != NGX_OK)
    {
        ngx_http_evolu_auth_redis_reset(redis, 0, "out of memory");
        return;
    }

    /* commands may be appended to what could not be sent at once */

    SSL_set_mode(c->ssl->connection, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    if (!conf->server_ip) {
        (void) SSL_set_tlsext_host_name(c->ssl->connection,
                                        (char *) conf->server_name.data);
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_evolu_auth_redis_tls_done;
        return;
    }

    ngx_http_evolu_auth_redis_tls_done(c);
}


static void
ngx_http_evolu_auth_redis_tls_done(ngx_connection_t *c)
{
    u_char                        reason[NGX_HTTP_EVOLU_AUTH_SAID_MAX + 64];
    const char                   *what;
    ngx_http_evolu_auth_redis_t  *redis;

    redis = c->data;

    if (!c->ssl->handshaked) {
        ngx_http_evolu_auth_redis_failed(redis, "TLS failed");
        return;
    }

    what = ngx_http_evolu_auth_redis_tls_check(redis->conf, c);

    if (what != NULL) {
        ngx_snprintf(reason, sizeof(reason), "its certificate is refused: "
                     "%s%Z", what);

        ngx_http_evolu_auth_redis_reset(redis, 0, (char *) reason);
        return;
    }

    c->read->handler = ngx_http_evolu_auth_redis_read_handler;
    c->write->handler = ngx_http_evolu_auth_redis_write_handler;

    ngx_http_evolu_auth_redis_begin(redis);
}


/* What is wrong with the certificate; NULL: it is the server's. */

static const char *
ngx_http_evolu_auth_redis_tls_check(ngx_http_evolu_auth_redis_conf_t *conf,
    ngx_connection_t *c)
{
    long  rc;

    if (!conf->verify) {
        return NULL;
    }

    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        return X509_verify_cert_error_string(rc);
    }

    if (conf->server_ip) {
        return ngx_http_evolu_auth_redis_tls_address(conf, c);
    }

    return ngx_ssl_check_host(c, &conf->server_name) == NGX_OK
           ? NULL : "it is for another name";
}


static const char *
ngx_http_evolu_auth_redis_tls_address(ngx_http_evolu_auth_redis_conf_t *conf,
    ngx_connection_t *c)
{
    int    rc;
    X509  *cert;

    cert = SSL_get_peer_certificate(c->ssl->connection);

    if (cert == NULL) {
        return "there is none";
    }

    rc = X509_check_ip_asc(cert, (char *) conf->server_name.data, 0);

    X509_free(cert);

    return rc == 1 ? NULL : "it is for another address";
}


void
ngx_http_evolu_auth_redis_tls_close(ngx_connection_t *c)
{
    /* at once: nothing is sent, and nothing is waited for */

    c->ssl->no_wait_shutdown = 1;
    c->ssl->no_send_shutdown = 1;

    (void) ngx_ssl_shutdown(c);
}


/* Keeps the last thing that OpenSSL complained of, for our own message. */

static void
ngx_http_evolu_auth_redis_tls_hear(ngx_log_t *log, ngx_uint_t level,
    u_char *buf, size_t len)
{
    u_char                       *p, *last;
    ngx_http_evolu_auth_redis_t  *redis;

    redis = log->wdata;

    last = buf + len;
    p = ngx_strnstr(buf, "(SSL: ", len);

    if (p == NULL) {
        return;
    }

    p += sizeof("(SSL: ") - 1;

    while (last > p && (last[-1] == LF || last[-1] == ')')) {
        last--;
    }

    len = ngx_min(last - p, NGX_HTTP_EVOLU_AUTH_SAID_MAX - 1);

    (void) ngx_cpystrn(redis->said, p, len + 1);
}

#endif
