
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Which server the link is to: the URL's, the primary that its sentinels name,
 * or the node of a cluster that has the slot of all records.
 */


#include <stdio.h>
#include <stdlib.h>

#include "evolu_keys_input.h"
#include "evolu_keys_link.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_sentinel.h"


/* milliseconds */
#define EVOLU_KEYS_CONNECT_TIMEOUT   2000
#define EVOLU_KEYS_COMMAND_TIMEOUT   5000
#define EVOLU_KEYS_SENTINEL_TIMEOUT  500


typedef enum {
    EVOLU_KEYS_ROLE_UNKNOWN = 0,
    EVOLU_KEYS_ROLE_PRIMARY,
    EVOLU_KEYS_ROLE_REPLICA,
    EVOLU_KEYS_ROLE_SENTINEL
} evolu_keys_role_t;


/* what all servers are connected with, and what was found of the last one */

typedef struct {
    const evolu_keys_options_t  *options;
    evolu_keys_link_t           *link;
    evolu_secret_t              *password;
    evolu_secret_t              *sentinel_password;
    SSL_CTX                     *tls;
    evolu_keys_role_t            role;
    unsigned                     cluster;  /* 1: it is a node of one */
    char                        *host;     /* the primary tried last */
    unsigned                     port;
} evolu_keys_open_t;


static evolu_keys_status_t evolu_keys_open_files(evolu_keys_open_t *o);
static evolu_keys_status_t evolu_keys_open_url(evolu_keys_open_t *o);
static evolu_keys_status_t evolu_keys_open_sentinels(evolu_keys_open_t *o);
static int evolu_keys_open_sentinel(evolu_keys_open_t *o, const char *host,
    unsigned port, char error[EVOLU_KEYS_ERROR_SIZE]);
static int evolu_keys_open_primary(evolu_keys_open_t *o,
    char error[EVOLU_KEYS_ERROR_SIZE]);
static int evolu_keys_open_try(evolu_keys_open_t *o, const char *path,
    const char *host, unsigned port);
static int evolu_keys_open_greet(evolu_keys_open_t *o);
static void evolu_keys_open_hello(evolu_keys_open_t *o,
    const redisReply *reply);
static int evolu_keys_open_role(evolu_keys_open_t *o);
static evolu_keys_role_t evolu_keys_open_role_of(const redisReply *reply);
static evolu_keys_status_t evolu_keys_open_slot(evolu_keys_open_t *o);
static unsigned evolu_keys_open_braced(evolu_bytes_t prefix);
static evolu_keys_status_t evolu_keys_open_moved(evolu_keys_open_t *o,
    const char *moved);
static evolu_keys_status_t evolu_keys_open_select(evolu_keys_open_t *o);
static evolu_bytes_t evolu_keys_open_secret(const evolu_secret_t *secret);


evolu_keys_status_t
evolu_keys_link_open(evolu_keys_link_t *link,
    const evolu_keys_options_t *options)
{
    evolu_keys_open_t    o;
    evolu_keys_status_t  status;

    memset(&o, 0, sizeof(evolu_keys_open_t));

    o.options = options;
    o.link = link;

    link->prefix = options->prefix;
    link->text = evolu_keys_format("%s", options->url.text);

    status = evolu_keys_open_files(&o);

    if (status == EVOLU_KEYS_DONE) {
        status = options->url.master == NULL ? evolu_keys_open_url(&o)
                                             : evolu_keys_open_sentinels(&o);
    }

    if (status == EVOLU_KEYS_DONE && o.cluster) {
        status = evolu_keys_open_slot(&o);
    }

    if (status == EVOLU_KEYS_DONE && options->url.url.db != 0) {
        status = evolu_keys_open_select(&o);
    }

    link->replica = o.role == EVOLU_KEYS_ROLE_REPLICA;

    evolu_secret_destroy(o.password);
    evolu_secret_destroy(o.sentinel_password);
    SSL_CTX_free(o.tls);
    free(o.host);

    return status;
}


static evolu_keys_status_t
evolu_keys_open_files(evolu_keys_open_t *o)
{
    evolu_keys_status_t          status;
    const evolu_keys_options_t  *options;

    options = o->options;
    status = EVOLU_KEYS_DONE;

    if (options->password_file != NULL) {
        status = evolu_keys_input_password(options->password_file,
                                           &o->password);
    }

    if (status == EVOLU_KEYS_DONE
        && options->sentinel_password_file != NULL)
    {
        status = evolu_keys_input_password(options->sentinel_password_file,
                                           &o->sentinel_password);
    }

    if (status == EVOLU_KEYS_DONE && options->url.url.tls) {
        status = evolu_keys_tls_create(&options->tls, &o->tls);
    }

    return status;
}


static evolu_bytes_t
evolu_keys_open_secret(const evolu_secret_t *secret)
{
    return secret == NULL ? evolu_literal("") : evolu_secret_text(secret);
}


static evolu_keys_status_t
evolu_keys_open_url(evolu_keys_open_t *o)
{
    const evolu_keys_url_t  *url;

    url = &o->options->url;

    if (evolu_keys_open_try(o, url->path, url->host, url->url.port) != 0) {
        evolu_keys_say("Redis at %s: %s", o->link->text,
                       o->link->connection.error);
        return EVOLU_KEYS_UNREACHABLE;
    }

    if (o->role == EVOLU_KEYS_ROLE_SENTINEL) {
        evolu_keys_say("Redis at %s: it is a sentinel: give sentinel://"
                       "HOST:PORT/NAME", o->link->text);
        return EVOLU_KEYS_UNREACHABLE;
    }

    return EVOLU_KEYS_DONE;
}


/* The first sentinel that leads to a primary; they may not agree yet. */

static evolu_keys_status_t
evolu_keys_open_sentinels(evolu_keys_open_t *o)
{
    int                      rc;
    char                    *host, *notes[EVOLU_URL_SENTINELS_MAX];
    char                     error[EVOLU_KEYS_ERROR_SIZE];
    size_t                   pos;
    unsigned                 i, n, port;
    evolu_bytes_t            text;
    const evolu_keys_url_t  *url;

    url = &o->options->url;
    pos = 0;
    rc = -1;

    for (n = 0;
         rc != 0 && evolu_url_sentinel(&url->url, &pos, &text, &port);
         n++)
    {
        host = evolu_keys_format("%.*s", (int) text.len,
                                 (const char *) text.data);
        rc = evolu_keys_open_sentinel(o, host, port, error);

        notes[n] = evolu_keys_format("%s:%u: %s", host, port, error);
        free(host);
    }

    if (rc != 0) {
        evolu_keys_say("no sentinel led to a primary \"%s\": try again when "
                       "they have agreed on one", url->master);
    }

    for (i = 0; i < n; i++) {
        if (rc != 0) {
            evolu_keys_say("sentinel %s", notes[i]);
        }

        free(notes[i]);
    }

    return rc == 0 ? EVOLU_KEYS_DONE : EVOLU_KEYS_UNREACHABLE;
}


static int
evolu_keys_open_sentinel(evolu_keys_open_t *o, const char *host,
    unsigned port, char error[EVOLU_KEYS_ERROR_SIZE])
{
    char                 *primary;
    unsigned              primary_port;
    evolu_keys_server_t   server;

    memset(&server, 0, sizeof(evolu_keys_server_t));

    server.host = host;
    server.port = port;
    server.password = evolu_keys_open_secret(o->sentinel_password);
    server.connect_timeout = EVOLU_KEYS_SENTINEL_TIMEOUT;
    server.timeout = EVOLU_KEYS_SENTINEL_TIMEOUT;

    *error = '\0';

    primary = evolu_keys_sentinel_ask(&server, o->options->url.master,
                                      &primary_port, error);
    if (primary == NULL) {
        return -1;
    }

    if (o->host != NULL && strcmp(primary, o->host) == 0
        && primary_port == o->port)
    {
        snprintf(error, EVOLU_KEYS_ERROR_SIZE, "it names %s:%u, too",
                 primary, primary_port);
        free(primary);
        return -1;
    }

    free(o->host);
    o->host = primary;
    o->port = primary_port;

    return evolu_keys_open_primary(o, error);
}


/* A primary that was replaced may not know it yet, and a sentinel neither. */

static int
evolu_keys_open_primary(evolu_keys_open_t *o,
    char error[EVOLU_KEYS_ERROR_SIZE])
{
    evolu_keys_link_t  *link;

    link = o->link;

    if (evolu_keys_open_try(o, NULL, o->host, o->port) != 0) {
        snprintf(error, EVOLU_KEYS_ERROR_SIZE, "it names %s:%u: %.300s",
                 o->host, o->port, link->connection.error);
        return -1;
    }

    if (o->role != EVOLU_KEYS_ROLE_PRIMARY) {
        snprintf(error, EVOLU_KEYS_ERROR_SIZE,
                 "it names %s:%u, which is no primary", o->host, o->port);
        evolu_keys_server_close(&link->connection);
        return -1;
    }

    free(link->text);
    link->text = evolu_keys_format("%s:%u (primary \"%s\")", o->host, o->port,
                                   o->options->url.master);

    return 0;
}


/* Connects and looks what it is.  0, or -1 with the connection's error set */

static int
evolu_keys_open_try(evolu_keys_open_t *o, const char *path, const char *host,
    unsigned port)
{
    evolu_keys_server_t  server;

    memset(&server, 0, sizeof(evolu_keys_server_t));

    server.path = path;
    server.host = host;
    server.port = port;
    server.user = o->options->url.user;
    server.password = evolu_keys_open_secret(o->password);
    server.tls = o->tls;
    server.name = o->options->tls.server_name;
    server.connect_timeout = EVOLU_KEYS_CONNECT_TIMEOUT;
    server.timeout = EVOLU_KEYS_COMMAND_TIMEOUT;

    if (evolu_keys_server_connect(&server, &o->link->connection) != 0) {
        return -1;
    }

    if (evolu_keys_open_greet(o) != 0) {
        evolu_keys_server_close(&o->link->connection);
        return -1;
    }

    return 0;
}


/* HELLO tells role and mode to anybody; before Redis 6 there was only ROLE. */

static int
evolu_keys_open_greet(evolu_keys_open_t *o)
{
    int                       rc;
    redisReply               *reply;
    evolu_keys_connection_t  *c;

    static const char  *words[] = { "HELLO", "2" };

    c = &o->link->connection;
    rc = 0;

    o->role = EVOLU_KEYS_ROLE_UNKNOWN;
    o->cluster = 0;

    reply = evolu_keys_server_ask(c, 2, words);

    if (reply == NULL) {
        return -1;
    }

    if (reply->type == REDIS_REPLY_ARRAY || reply->type == REDIS_REPLY_MAP) {
        evolu_keys_open_hello(o, reply);

    } else if (evolu_keys_server_says(reply, "ERR unknown")
               || evolu_keys_server_says(reply, "NOPERM"))
    {
        rc = evolu_keys_open_role(o);

    } else {
        (void) evolu_keys_server_refused(c, reply);
        rc = -1;
    }

    freeReplyObject(reply);

    return rc;
}


static void
evolu_keys_open_hello(evolu_keys_open_t *o, const redisReply *reply)
{
    size_t             i;
    const redisReply  *name, *value;

    for (i = 0; i + 1 < reply->elements; i += 2) {
        name = reply->element[i];
        value = reply->element[i + 1];

        if (name->type != REDIS_REPLY_STRING
            || value->type != REDIS_REPLY_STRING)
        {
            continue;
        }

        if (strcmp(name->str, "role") == 0) {
            o->role = evolu_keys_open_role_of(value);

        } else if (strcmp(name->str, "mode") == 0) {
            o->cluster = strcmp(value->str, "cluster") == 0;

            if (strcmp(value->str, "sentinel") == 0) {
                o->role = EVOLU_KEYS_ROLE_SENTINEL;
            }
        }
    }
}


static int
evolu_keys_open_role(evolu_keys_open_t *o)
{
    redisReply  *reply;

    static const char  *words[] = { "ROLE" };

    reply = evolu_keys_server_ask(&o->link->connection, 1, words);

    if (reply == NULL) {
        return -1;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements != 0) {
        o->role = evolu_keys_open_role_of(reply->element[0]);
    }

    freeReplyObject(reply);

    return 0;
}


static evolu_keys_role_t
evolu_keys_open_role_of(const redisReply *reply)
{
    size_t  i;

    static const struct {
        const char         *name;
        evolu_keys_role_t   role;
    } roles[] = {
        { "master", EVOLU_KEYS_ROLE_PRIMARY },
        { "primary", EVOLU_KEYS_ROLE_PRIMARY },
        { "replica", EVOLU_KEYS_ROLE_REPLICA },
        { "slave", EVOLU_KEYS_ROLE_REPLICA },
        { "sentinel", EVOLU_KEYS_ROLE_SENTINEL }
    };

    if (reply->type != REDIS_REPLY_STRING) {
        return EVOLU_KEYS_ROLE_UNKNOWN;
    }

    for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(reply->str, roles[i].name) == 0) {
            return roles[i].role;
        }
    }

    return EVOLU_KEYS_ROLE_UNKNOWN;
}


/* The epoch is where all records are; who has it not says who does. */

static evolu_keys_status_t
evolu_keys_open_slot(evolu_keys_open_t *o)
{
    char                 *epoch;
    unsigned              hops;
    redisReply           *reply;
    const char           *words[2];
    evolu_keys_link_t    *link;
    evolu_keys_status_t   status;

    link = o->link;

    if (!evolu_keys_open_braced(link->prefix)) {
        evolu_keys_say("Redis at %s is a node of a cluster, where all records "
                       "must share a slot: give a prefix in braces, as in "
                       "--prefix {evolu}:, here and to nginx", link->text);
        return EVOLU_KEYS_REFUSED;
    }

    epoch = evolu_keys_format("%.*sepoch", (int) link->prefix.len,
                              (const char *) link->prefix.data);
    words[0] = "EXISTS";
    words[1] = epoch;

    status = EVOLU_KEYS_DONE;

    for (hops = 0; status == EVOLU_KEYS_DONE; hops++) {
        reply = evolu_keys_server_ask(&link->connection, 2, words);

        if (reply == NULL) {
            evolu_keys_say("Redis at %s: %s", link->text,
                           link->connection.error);
            status = EVOLU_KEYS_UNREACHABLE;

        } else if (hops == 0 && evolu_keys_server_says(reply, "MOVED ")) {
            status = evolu_keys_open_moved(o, reply->str);
            freeReplyObject(reply);

        } else {
            status = evolu_keys_link_failed(link, reply)
                     ? EVOLU_KEYS_UNREACHABLE : EVOLU_KEYS_DONE;
            freeReplyObject(reply);
            break;
        }
    }

    free(epoch);

    return status;
}


/* Redis hashes what stands between the first "{" and the next "}". */

static unsigned
evolu_keys_open_braced(evolu_bytes_t prefix)
{
    size_t                len;
    const unsigned char  *open, *end;

    open = memchr(prefix.data, '{', prefix.len);

    if (open == NULL) {
        return 0;
    }

    len = prefix.len - (size_t) (open - prefix.data);
    end = memchr(open, '}', len);

    return end != NULL && end > open + 1;
}


/* "MOVED SLOT HOST:PORT"; without a host it is the one that was asked. */

static evolu_keys_status_t
evolu_keys_open_moved(evolu_keys_open_t *o, const char *moved)
{
    char                 *host;
    unsigned              port;
    const char           *begin, *colon;
    evolu_keys_link_t    *link;
    evolu_keys_status_t   status;

    link = o->link;

    begin = strchr(moved + sizeof("MOVED ") - 1, ' ');
    begin = begin == NULL ? moved : begin + 1;
    colon = strrchr(begin, ':');

    host = colon == NULL ? NULL
           : colon > begin ? evolu_keys_format("%.*s", (int) (colon - begin),
                                               begin)
           : o->options->url.host == NULL ? NULL
           : evolu_keys_format("%s", o->options->url.host);

    if (host == NULL
        || evolu_keys_options_number(colon + 1, 65535, &port) != NULL)
    {
        evolu_keys_say("Redis at %s: it does not say which node has the "
                       "records (%.200s): give that node's URL", link->text,
                       moved);
        free(host);
        return EVOLU_KEYS_UNREACHABLE;
    }

    evolu_keys_server_close(&link->connection);

    free(link->text);
    link->text = evolu_keys_format("%s:%u (of the cluster of %s)", host, port,
                                   o->options->url.text);

    status = EVOLU_KEYS_DONE;

    if (evolu_keys_open_try(o, NULL, host, port) != 0) {
        evolu_keys_say("Redis at %s: %s", link->text, link->connection.error);
        status = EVOLU_KEYS_UNREACHABLE;
    }

    free(host);

    return status;
}


static evolu_keys_status_t
evolu_keys_open_select(evolu_keys_open_t *o)
{
    char                  number[16];
    redisReply           *reply;
    evolu_bytes_t         words[EVOLU_KEYS_WORDS_MAX];
    evolu_keys_status_t   status;

    sprintf(number, "%u", o->options->url.url.db);

    memset(words, 0, sizeof(words));
    words[0] = evolu_literal("SELECT");
    words[1] = evolu_keys_string(number);

    status = evolu_keys_link_command(o->link, words, &reply);

    if (status == EVOLU_KEYS_DONE) {
        freeReplyObject(reply);
    }

    return status;
}
