
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "evolu_keys_input.h"
#include "evolu_keys_link.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"


static evolu_keys_status_t evolu_keys_link_greet(evolu_keys_link_t *link,
    const evolu_keys_options_t *options);
static evolu_keys_status_t evolu_keys_link_auth(evolu_keys_link_t *link,
    const char *user, evolu_bytes_t password);
static evolu_keys_status_t evolu_keys_link_send(evolu_keys_link_t *link,
    const char *data, size_t len);
static evolu_keys_status_t evolu_keys_link_select(evolu_keys_link_t *link,
    unsigned db);
static evolu_keys_status_t evolu_keys_link_broken(evolu_keys_link_t *link);


evolu_keys_status_t
evolu_keys_link_open(evolu_keys_link_t *link,
    const evolu_keys_options_t *options)
{
    redisOptions    redis;
    struct timeval  connect, command;

    memset(&redis, 0, sizeof(redisOptions));
    memset(&connect, 0, sizeof(struct timeval));
    memset(&command, 0, sizeof(struct timeval));

    connect.tv_sec = EVOLU_KEYS_CONNECT_TIMEOUT;
    command.tv_sec = EVOLU_KEYS_COMMAND_TIMEOUT;

    if (options->url.path != NULL) {
        REDIS_OPTIONS_SET_UNIX(&redis, options->url.path);

    } else {
        REDIS_OPTIONS_SET_TCP(&redis, options->url.host,
                              (int) options->url.port);
    }

    redis.connect_timeout = &connect;
    redis.command_timeout = &command;

    link->text = options->url.text;
    link->prefix = options->prefix;
    link->context = redisConnectWithOptions(&redis);

    if (link->context == NULL) {
        evolu_keys_say("out of memory");
        return EVOLU_KEYS_UNREACHABLE;
    }

    if (link->context->err) {
        evolu_keys_say("cannot connect to Redis at %s: %s", link->text,
                       link->context->errstr);
        return EVOLU_KEYS_UNREACHABLE;
    }

    return evolu_keys_link_greet(link, options);
}


static evolu_keys_status_t
evolu_keys_link_greet(evolu_keys_link_t *link,
    const evolu_keys_options_t *options)
{
    evolu_secret_t       *password;
    evolu_keys_status_t   status;

    if (options->password_file != NULL) {
        status = evolu_keys_input_password(options->password_file, &password);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }

        status = evolu_keys_link_auth(link, options->url.user,
                                      evolu_secret_text(password));
        evolu_secret_destroy(password);

        if (status != EVOLU_KEYS_DONE) {
            return status;
        }
    }

    return evolu_keys_link_select(link, options->url.db);
}


/*
 * hiredis would leave the password behind in memory that it freed, so this one
 * command is written past its buffers.  An error is not shown whole: it may
 * repeat what it was sent.
 */

static evolu_keys_status_t
evolu_keys_link_auth(evolu_keys_link_t *link, const char *user,
    evolu_bytes_t password)
{
    int                   n, argc;
    char                 *command;
    size_t                lens[3];
    redisReply           *reply;
    const char           *argv[3];
    evolu_keys_status_t   status;

    argc = 0;
    argv[argc] = "AUTH";
    lens[argc++] = 4;

    if (user != NULL) {
        argv[argc] = user;
        lens[argc++] = strlen(user);
    }

    argv[argc] = (const char *) password.data;
    lens[argc++] = password.len;

    n = (int) redisFormatCommandArgv(&command, argc, argv, lens);

    if (n < 0) {
        evolu_keys_say("out of memory");
        return EVOLU_KEYS_UNREACHABLE;
    }

    status = evolu_keys_link_send(link, command, (size_t) n);

    sodium_memzero(command, (size_t) n);
    redisFreeCommand(command);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    status = evolu_keys_link_reply(link, &reply);

    if (status == EVOLU_KEYS_DONE && reply->type == REDIS_REPLY_ERROR) {
        evolu_keys_say("Redis at %s refused the password (%.*s)", link->text,
                       (int) strcspn(reply->str, " "), reply->str);
        status = EVOLU_KEYS_UNREACHABLE;
    }

    if (reply != NULL) {
        freeReplyObject(reply);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_link_send(evolu_keys_link_t *link, const char *data, size_t len)
{
    ssize_t  n;

    for ( /* void */ ; len > 0; data += n, len -= (size_t) n) {
        n = write(link->context->fd, data, len);

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n <= 0) {
            evolu_keys_say("lost Redis at %s: %s", link->text,
                           strerror(errno));
            return EVOLU_KEYS_UNREACHABLE;
        }
    }

    return EVOLU_KEYS_DONE;
}


/* Sent for database 0 as well: it shows at once whether Redis obeys us. */

static evolu_keys_status_t
evolu_keys_link_select(evolu_keys_link_t *link, unsigned db)
{
    char                  number[16];
    redisReply           *reply;
    evolu_bytes_t         words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t   status;

    sprintf(number, "%u", db);

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("SELECT");
    words[1] = evolu_keys_string(number);

    status = evolu_keys_link_command(link, words, &reply);

    if (status == EVOLU_KEYS_DONE) {
        freeReplyObject(reply);
    }

    return status;
}


void
evolu_keys_link_close(evolu_keys_link_t *link)
{
    if (link->context != NULL) {
        redisFree(link->context);
    }
}


evolu_keys_status_t
evolu_keys_link_command(evolu_keys_link_t *link, const evolu_bytes_t *words,
    redisReply **reply)
{
    evolu_keys_status_t  status;

    *reply = NULL;

    status = evolu_keys_link_append(link, words);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_link_reply(link, reply);
    }

    if (status == EVOLU_KEYS_DONE && evolu_keys_link_failed(link, *reply)) {
        freeReplyObject(*reply);
        *reply = NULL;
        status = EVOLU_KEYS_UNREACHABLE;
    }

    return status;
}


evolu_keys_status_t
evolu_keys_link_append(evolu_keys_link_t *link, const evolu_bytes_t *words)
{
    int          n;
    size_t       lens[EVOLU_KEYS_WORDS_MAX];
    const char  *argv[EVOLU_KEYS_WORDS_MAX];

    for (n = 0; n < EVOLU_KEYS_WORDS_MAX && words[n].data != NULL; n++) {
        argv[n] = (const char *) words[n].data;
        lens[n] = words[n].len;
    }

    if (redisAppendCommandArgv(link->context, n, argv, lens) != REDIS_OK) {
        return evolu_keys_link_broken(link);
    }

    return EVOLU_KEYS_DONE;
}


evolu_keys_status_t
evolu_keys_link_reply(evolu_keys_link_t *link, redisReply **reply)
{
    void  *data;

    *reply = NULL;
    data = NULL;

    if (redisGetReply(link->context, &data) != REDIS_OK || data == NULL) {
        return evolu_keys_link_broken(link);
    }

    *reply = data;

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_link_broken(evolu_keys_link_t *link)
{
    if (link->context->err == REDIS_ERR_IO
        && (errno == EAGAIN || errno == EWOULDBLOCK))
    {
        evolu_keys_say("Redis at %s did not answer in %d seconds",
                       link->text, EVOLU_KEYS_COMMAND_TIMEOUT);

    } else {
        evolu_keys_say("lost Redis at %s: %s", link->text,
                       link->context->errstr);
    }

    return EVOLU_KEYS_UNREACHABLE;
}


int
evolu_keys_link_failed(evolu_keys_link_t *link, const redisReply *reply)
{
    char           *text;
    evolu_bytes_t   error;

    if (reply->type != REDIS_REPLY_ERROR
        || evolu_keys_link_is(reply, "WRONGTYPE"))
    {
        return 0;
    }

    error.data = (const unsigned char *) reply->str;
    error.len = reply->len;
    text = evolu_keys_text(error);

    evolu_keys_say("Redis at %s answered: %s%s", link->text, text,
                   evolu_keys_link_is(reply, "NOAUTH")
                   ? ": give --password-file" : "");
    free(text);

    return 1;
}


int
evolu_keys_link_is(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR
           && strncmp(reply->str, code, strlen(code)) == 0;
}


evolu_bytes_t
evolu_keys_link_key(evolu_keys_link_t *link, evolu_bytes_t text)
{
    evolu_bytes_t   key;
    unsigned char  *data;

    key.len = link->prefix.len + text.len;
    data = evolu_keys_alloc(key.len);
    key.data = data;

    memcpy(data, link->prefix.data, link->prefix.len);
    memcpy(data + link->prefix.len, text.data, text.len);

    return key;
}


evolu_bytes_t
evolu_keys_link_string(const redisReply *reply)
{
    evolu_bytes_t  bytes;

    bytes.data = (const unsigned char *) "";
    bytes.len = 0;

    if (reply->type == REDIS_REPLY_STRING) {
        bytes.data = (const unsigned char *) reply->str;
        bytes.len = reply->len;
    }

    return bytes;
}
