
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_url.h"


static int evolu_url_begins(evolu_bytes_t *text, evolu_bytes_t scheme);
static const char *evolu_url_authority(evolu_bytes_t text, evolu_url_t *u);
static int evolu_url_number(evolu_bytes_t text, unsigned max,
    unsigned *number);


const char *
evolu_url_parse(evolu_bytes_t text, evolu_url_t *u)
{
    evolu_bytes_t         db;
    const unsigned char  *slash;

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

    if (evolu_url_begins(&text, evolu_literal("rediss://"))) {
        return "has the scheme \"rediss://\", which is not supported yet";
    }

    if (evolu_url_begins(&text, evolu_literal("sentinel://"))) {
        return "has the scheme \"sentinel://\", which is not supported yet";
    }

    if (!evolu_url_begins(&text, evolu_literal("redis://"))) {
        return "begins with neither \"redis://\" nor \"unix:\"";
    }

    slash = memchr(text.data, '/', text.len);

    if (slash != NULL) {
        db.data = slash + 1;
        db.len = text.data + text.len - db.data;
        text.len = slash - text.data;

        if (db.len && evolu_url_number(db, EVOLU_URL_DB_MAX, &u->db) != 0) {
            return "has no database number after the host";
        }
    }

    return evolu_url_authority(text, u);
}


static const char *
evolu_url_authority(evolu_bytes_t text, evolu_url_t *u)
{
    evolu_bytes_t         port;
    const unsigned char  *p, *at, *last;

    last = text.data + text.len;
    at = memchr(text.data, '@', text.len);

    if (at != NULL) {
        u->user.data = text.data;
        u->user.len = at - text.data;

        if (memchr(text.data, ':', u->user.len) != NULL) {
            return "holds a password: put it into a file and name that with "
                   "password_file";
        }

        if (u->user.len == 0) {
            return "has an empty user name";
        }

        text.data = at + 1;
        text.len = last - text.data;
    }

    if (text.len && text.data[0] == '[') {
        p = memchr(text.data, ']', text.len);

        if (p == NULL || (p + 1 < last && p[1] != ':')) {
            return "has a bad IPv6 address";
        }

        u->host.data = text.data + 1;
        u->host.len = p - u->host.data;
        p++;

    } else {
        p = memchr(text.data, ':', text.len);

        if (p == NULL) {
            p = last;
        }

        u->host.data = text.data;
        u->host.len = p - text.data;
    }

    if (u->host.len == 0) {
        return "has no host";
    }

    u->port = EVOLU_URL_PORT;

    if (p < last) {
        port.data = p + 1;
        port.len = last - port.data;

        if (evolu_url_number(port, 65535, &u->port) != 0 || u->port == 0) {
            return "has a bad port";
        }
    }

    return NULL;
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
