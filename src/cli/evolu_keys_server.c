
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <openssl/err.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "evolu_keys_print.h"
#include "evolu_keys_server.h"


static int evolu_keys_server_open(const evolu_keys_server_t *server,
    evolu_keys_connection_t *c);
static int evolu_keys_server_auth(const evolu_keys_server_t *server,
    evolu_keys_connection_t *c);
static int evolu_keys_server_send(evolu_keys_connection_t *c,
    const char *data, size_t len);
static void evolu_keys_server_time(unsigned milliseconds,
    struct timeval *time);


int
evolu_keys_server_connect(const evolu_keys_server_t *server,
    evolu_keys_connection_t *c)
{
    int  rc;

    memset(c, 0, sizeof(evolu_keys_connection_t));
    c->timeout = server->timeout;

    rc = evolu_keys_server_open(server, c);

    if (rc == 0 && server->password.len != 0) {
        rc = evolu_keys_server_auth(server, c);
    }

    if (rc != 0) {
        evolu_keys_server_close(c);
    }

    return rc;
}


static int
evolu_keys_server_open(const evolu_keys_server_t *server,
    evolu_keys_connection_t *c)
{
    const char      *name, *error;
    redisOptions     options;
    struct timeval   connect, command;

    memset(&options, 0, sizeof(redisOptions));

    evolu_keys_server_time(server->connect_timeout, &connect);
    evolu_keys_server_time(server->timeout, &command);

    if (server->path != NULL) {
        REDIS_OPTIONS_SET_UNIX(&options, server->path);

    } else {
        REDIS_OPTIONS_SET_TCP(&options, server->host, (int) server->port);
    }

    options.connect_timeout = &connect;
    options.command_timeout = &command;

    c->context = redisConnectWithOptions(&options);

    if (c->context == NULL || c->context->err) {
        snprintf(c->error, sizeof(c->error), "cannot connect: %s",
                 c->context == NULL ? "out of memory" : c->context->errstr);
        return -1;
    }

    if (server->tls == NULL) {
        return 0;
    }

    name = server->name != NULL ? server->name : server->host;
    error = evolu_keys_tls_start(server->tls, name, c->context, &c->tls,
                                 c->error);

    if (error != NULL && error != c->error) {
        snprintf(c->error, sizeof(c->error), "%s", error);
    }

    return error == NULL ? 0 : -1;
}


static void
evolu_keys_server_time(unsigned milliseconds, struct timeval *time)
{
    memset(time, 0, sizeof(struct timeval));

    time->tv_sec = milliseconds / 1000;
    time->tv_usec = milliseconds % 1000 * 1000;
}


void
evolu_keys_server_close(evolu_keys_connection_t *c)
{
    if (c->context != NULL) {
        redisFree(c->context);
    }

    c->context = NULL;
    c->tls.ssl = NULL;
}


/*
 * hiredis would leave the password behind in memory that it freed, so this one
 * command is written past its buffers.  An error is not shown whole: it may
 * repeat what it was sent.
 */

static int
evolu_keys_server_auth(const evolu_keys_server_t *server,
    evolu_keys_connection_t *c)
{
    int          rc, n;
    char        *command;
    void        *data;
    size_t       lens[3];
    redisReply  *reply;
    const char  *words[3];

    n = 0;
    words[n] = "AUTH";
    lens[n++] = 4;

    if (server->user != NULL) {
        words[n] = server->user;
        lens[n++] = strlen(server->user);
    }

    words[n] = (const char *) server->password.data;
    lens[n++] = server->password.len;

    n = (int) redisFormatCommandArgv(&command, n, words, lens);

    if (n < 0) {
        snprintf(c->error, sizeof(c->error), "out of memory");
        return -1;
    }

    rc = evolu_keys_server_send(c, command, (size_t) n);

    sodium_memzero(command, (size_t) n);
    redisFreeCommand(command);

    if (rc != 0) {
        return rc;
    }

    data = NULL;

    if (redisGetReply(c->context, &data) != REDIS_OK || data == NULL) {
        (void) evolu_keys_server_lost(c);
        return -1;
    }

    reply = data;

    if (reply->type == REDIS_REPLY_ERROR) {
        snprintf(c->error, sizeof(c->error), "it refused the password (%.*s)",
                 (int) strcspn(reply->str, " "), reply->str);
        rc = -1;
    }

    freeReplyObject(reply);

    return rc;
}


static int
evolu_keys_server_send(evolu_keys_connection_t *c, const char *data,
    size_t len)
{
    ssize_t  n;

    for ( /* void */ ; len > 0; data += n, len -= (size_t) n) {
        n = c->tls.ssl == NULL ? write(c->context->fd, data, len)
                           : SSL_write(c->tls.ssl, data, (int) len);

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n <= 0) {
            snprintf(c->error, sizeof(c->error),
                     "the connection was lost: %s", strerror(errno));
            return -1;
        }
    }

    return 0;
}


redisReply *
evolu_keys_server_ask(evolu_keys_connection_t *c, int n, const char **words)
{
    void  *data;

    data = NULL;

    if (redisAppendCommandArgv(c->context, n, words, NULL) != REDIS_OK
        || redisGetReply(c->context, &data) != REDIS_OK || data == NULL)
    {
        (void) evolu_keys_server_lost(c);
        return NULL;
    }

    return data;
}


const char *
evolu_keys_server_lost(evolu_keys_connection_t *c)
{
    const char  *alert;

    if (c->context->err == REDIS_ERR_IO
        && (errno == EAGAIN || errno == EWOULDBLOCK))
    {
        snprintf(c->error, sizeof(c->error),
                 "it did not answer in %g seconds", c->timeout / 1000.0);
        return c->error;
    }

    alert = c->tls.ssl == NULL ? NULL : evolu_keys_tls_alert();

    if (alert != NULL) {
        snprintf(c->error, sizeof(c->error), "%s", alert);

    } else {
        snprintf(c->error, sizeof(c->error), "the connection was lost: %s%s",
                 c->context->errstr, c->tls.wanted
                 ? ": it asked for a certificate, give --cert and --key" : "");
    }

    return c->error;
}


const char *
evolu_keys_server_refused(evolu_keys_connection_t *c, const redisReply *reply)
{
    size_t          i;
    char           *text;
    const char     *advice;
    evolu_bytes_t   error;

    static const struct {
        const char  *code;
        const char  *advice;
    } advices[] = {
        { "NOAUTH", ": give --password-file" },
        { "NOPERM", ": its user needs more rights, see ACL SETUSER" },
        { "EXECABORT Transaction discarded because of: NOPERM",
          ": its user needs more rights, see ACL SETUSER" },
        { "READONLY", ": this is a replica, give the primary's URL" },
        { "LOADING", ": try again when it has read its data" },
        { "BUSY", ": a script keeps it busy, try again" },
        { "MASTERDOWN", ": this is a replica without its primary, give the "
                        "primary's URL" },
        { "MISCONF", ": it cannot save its data, look at its log" },
        { "OOM", ": raise its maxmemory" },
        { "ERR max number of clients", ": raise its maxclients" },
        { "MOVED", ": the slot has moved, run the command again" },
        { "ASK", ": the slot is on the move, try again later" },
        { "TRYAGAIN", ": the slot is on the move, try again later" },
        { "CLUSTERDOWN", ": try again when the cluster is whole" }
    };

    advice = "";

    for (i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (evolu_keys_server_says(reply, advices[i].code)) {
            advice = advices[i].advice;
        }
    }

    error.data = (const unsigned char *) reply->str;
    error.len = reply->len;
    text = evolu_keys_text(error);

    snprintf(c->error, sizeof(c->error), "it answered: %.300s%s", text,
             advice);
    free(text);

    return c->error;
}


int
evolu_keys_server_says(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR
           && strncmp(reply->str, code, strlen(code)) == 0;
}
