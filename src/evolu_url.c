
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_url.h"


static const char *evolu_url_database(evolu_bytes_t *text, evolu_url_t *u);
static const char *evolu_url_sentinels(evolu_bytes_t text, evolu_url_t *u);
static const char *evolu_url_user(evolu_bytes_t *text, evolu_url_t *u);
static const char *evolu_url_authority(evolu_bytes_t text,
    unsigned default_port, evolu_bytes_t *host, unsigned *port);
static int evolu_url_master_valid(evolu_bytes_t name);
static int evolu_url_begins(evolu_bytes_t *text, evolu_bytes_t scheme);
static evolu_bytes_t evolu_url_cut(evolu_bytes_t *text, unsigned char ch);
static int evolu_url_number(evolu_bytes_t text, unsigned max,
    unsigned *number);


const char *
evolu_url_parse(evolu_bytes_t text, evolu_url_t *u)
{
    const char  *what;

    memset(u, 0, sizeof(evolu_url_t));

    if (memchr(text.data, '\0', text.len) != NULL) {
        return "holds a NUL";
    }

    if (evolu_url_begins(&text, evolu_literal("unix:"))) {

        if (text.len < 2 || text.data[0] != '/') {
            return "has no absolute path after \"unix:\"";
        }

        u->path = text;
        return NULL;
    }

    if (evolu_url_begins(&text, evolu_literal("sentinel://"))) {
        return evolu_url_sentinels(text, u);
    }

    if (evolu_url_begins(&text, evolu_literal("rediss://"))) {
        u->tls = 1;

    } else if (!evolu_url_begins(&text, evolu_literal("redis://"))) {
        return "begins with none of \"redis://\", \"rediss://\", "
               "\"sentinel://\" and \"unix:\"";
    }

    what = evolu_url_database(&text, u);

    if (what == NULL) {
        what = evolu_url_user(&text, u);
    }

    if (what == NULL) {
        what = evolu_url_authority(text, EVOLU_URL_PORT, &u->host, &u->port);
    }

    return what;
}


/* Takes "/db" off the end. */

static const char *
evolu_url_database(evolu_bytes_t *text, evolu_url_t *u)
{
    evolu_bytes_t  db;

    db = evolu_url_cut(text, '/');

    if (db.len && evolu_url_number(db, EVOLU_URL_DB_MAX, &u->db) != 0) {
        return "has no database number at its end";
    }

    return NULL;
}


static const char *
evolu_url_sentinels(evolu_bytes_t text, evolu_url_t *u)
{
    unsigned       n, port;
    const char    *what;
    evolu_bytes_t  host, rest;

    u->master = evolu_url_cut(&text, '/');
    what = evolu_url_database(&u->master, u);

    if (what != NULL) {
        return what;
    }

    if (!evolu_url_master_valid(u->master)) {
        return "has no name of a primary after its sentinels: 1 to 64 visible "
               "characters";
    }

    what = evolu_url_user(&text, u);

    if (what != NULL) {
        return what;
    }

    u->sentinels = text;

    for (n = 1; /* void */ ; n++) {
        rest = evolu_url_cut(&text, ',');

        what = evolu_url_authority(text, EVOLU_URL_SENTINEL_PORT, &host,
                                   &port);
        if (what != NULL) {
            return what;
        }

        if (rest.data == NULL) {
            return NULL;
        }

        if (n == EVOLU_URL_SENTINELS_MAX) {
            return "has more than 16 sentinels";
        }

        text = rest;
    }
}


int
evolu_url_sentinel(const evolu_url_t *u, size_t *pos, evolu_bytes_t *host,
    unsigned *port)
{
    evolu_bytes_t  text;

    if (*pos >= u->sentinels.len) {
        return 0;
    }

    text.data = u->sentinels.data + *pos;
    text.len = u->sentinels.len - *pos;

    (void) evolu_url_cut(&text, ',');
    *pos += text.len + 1;

    return evolu_url_authority(text, EVOLU_URL_SENTINEL_PORT, host, port)
           == NULL;
}


/* Takes "user@" off the begin. */

static const char *
evolu_url_user(evolu_bytes_t *text, evolu_url_t *u)
{
    evolu_bytes_t  rest;

    rest = evolu_url_cut(text, '@');

    if (rest.data == NULL) {
        return NULL;
    }

    u->user = *text;
    *text = rest;

    if (memchr(u->user.data, ':', u->user.len) != NULL) {
        return "holds a password: put it into a file and name that with "
               "password_file";
    }

    if (u->user.len == 0) {
        return "has an empty user name";
    }

    return NULL;
}


/* "host[:port]" */

static const char *
evolu_url_authority(evolu_bytes_t text, unsigned default_port,
    evolu_bytes_t *host, unsigned *port)
{
    evolu_bytes_t         number;
    const unsigned char  *p, *last;

    last = text.data + text.len;
    *port = default_port;

    if (text.len && text.data[0] == '[') {
        p = memchr(text.data, ']', text.len);

        if (p == NULL || (p + 1 < last && p[1] != ':')) {
            return "has a bad IPv6 address";
        }

        host->data = text.data + 1;
        host->len = p - host->data;
        p++;

    } else {
        *host = text;
        (void) evolu_url_cut(host, ':');
        p = host->data + host->len;
    }

    if (host->len == 0) {
        return "has no host";
    }

    if (p < last) {
        number.data = p + 1;
        number.len = last - number.data;

        if (evolu_url_number(number, 65535, port) != 0 || *port == 0) {
            return "has a bad port";
        }
    }

    return NULL;
}


static int
evolu_url_master_valid(evolu_bytes_t name)
{
    size_t  i;

    for (i = 0; i < name.len; i++) {
        if (name.data[i] <= 0x20 || name.data[i] >= 0x7f) {
            return 0;
        }
    }

    return name.len >= 1 && name.len <= EVOLU_URL_MASTER_MAX;
}


/* Takes the scheme off text when it begins so. */

static int
evolu_url_begins(evolu_bytes_t *text, evolu_bytes_t scheme)
{
    if (text->len < scheme.len
        || memcmp(text->data, scheme.data, scheme.len) != 0)
    {
        return 0;
    }

    text->data += scheme.len;
    text->len -= scheme.len;

    return 1;
}


/* Cuts text at the first ch and returns what follows it, or NULL and 0. */

static evolu_bytes_t
evolu_url_cut(evolu_bytes_t *text, unsigned char ch)
{
    evolu_bytes_t         rest;
    const unsigned char  *p;

    rest.data = NULL;
    rest.len = 0;

    p = text->len ? memchr(text->data, ch, text->len) : NULL;

    if (p != NULL) {
        rest.data = p + 1;
        rest.len = text->data + text->len - rest.data;
        text->len = p - text->data;
    }

    return rest;
}


static int
evolu_url_number(evolu_bytes_t text, unsigned max, unsigned *number)
{
    size_t    i;
    unsigned  n;

    if (text.len == 0 || text.len > 5) {
        return -1;
    }

    n = 0;

    for (i = 0; i < text.len; i++) {

        if (text.data[i] < '0' || text.data[i] > '9') {
            return -1;
        }

        n = n * 10 + (text.data[i] - '0');
    }

    if (n > max) {
        return -1;
    }

    *number = n;

    return 0;
}
