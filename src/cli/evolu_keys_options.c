
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdlib.h>
#include <time.h>

#include "evolu_keys_options.h"
#include "evolu_keys_print.h"


static const char *evolu_keys_options_redis(evolu_keys_options_t *options);
static const char *evolu_keys_options_variable(const char *name);
static const char *evolu_keys_options_peppers(char *list,
    evolu_keys_options_t *options);
static int evolu_keys_options_date(const char *text, int64_t *time);
static char *evolu_keys_options_copy(evolu_bytes_t text);


const char *
evolu_keys_options_environment(evolu_keys_options_t *options)
{
    char        *list;
    const char  *text, *error;

    if (options->url.text == NULL && options->file == NULL) {
        error = evolu_keys_options_redis(options);
        if (error != NULL) {
            return error;
        }
    }

    text = evolu_keys_options_variable("EVOLU_PEPPER");

    if (options->npeppers != 0 || text == NULL) {
        return NULL;
    }

    list = evolu_keys_options_copy(evolu_keys_string(text));

    return evolu_keys_options_peppers(list, options);
}


/* The others belong to the URL: what is for one server is not for another. */

static const char *
evolu_keys_options_redis(evolu_keys_options_t *options)
{
    size_t       i;
    const char  *text, *error;

    const struct {
        const char   *name;
        const char  **value;
    } files[] = {
        { "EVOLU_REDIS_PASSWORD_FILE", &options->password_file },
        { "EVOLU_REDIS_SENTINEL_PASSWORD_FILE",
          &options->sentinel_password_file },
        { "EVOLU_REDIS_CA", &options->tls.ca },
        { "EVOLU_REDIS_CERT", &options->tls.cert },
        { "EVOLU_REDIS_KEY", &options->tls.key },
        { "EVOLU_REDIS_SERVER_NAME", &options->tls.server_name }
    };

    text = evolu_keys_options_variable("EVOLU_REDIS_URL");

    if (text == NULL) {
        return NULL;
    }

    error = evolu_keys_options_url(text, &options->url);

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (*files[i].value == NULL) {
            *files[i].value = evolu_keys_options_variable(files[i].name);
        }
    }

    text = evolu_keys_options_variable("EVOLU_REDIS_PREFIX");

    if (error == NULL && text != NULL && options->prefix.data == NULL) {
        error = evolu_keys_options_prefix(text, &options->prefix);
    }

    return error;
}


/* An empty variable is none. */

static const char *
evolu_keys_options_variable(const char *name)
{
    const char  *text;

    text = getenv(name);

    return text == NULL || *text == '\0' ? NULL : text;
}


/* Several stand in one variable, separated by spaces or commas. */

static const char *
evolu_keys_options_peppers(char *list, evolu_keys_options_t *options)
{
    char  *word, *state;

    for (word = strtok_r(list, " ,", &state);
         word != NULL;
         word = strtok_r(NULL, " ,", &state))
    {
        if (options->npeppers == EVOLU_PEPPERS_MAX) {
            return evolu_pepper_status_text(EVOLU_PEPPER_TOO_MANY);
        }

        options->peppers[options->npeppers++] = word;
    }

    return NULL;
}


/* The core says what a URL is; it is told what the option is called here. */

const char *
evolu_keys_options_url(const char *text, evolu_keys_url_t *url)
{
    const char  *error;

    memset(url, 0, sizeof(evolu_keys_url_t));

    error = evolu_url_parse(evolu_keys_string(text), &url->url);

    if (error != NULL) {
        return evolu_keys_format("the Redis URL %s%s", error,
                                 strstr(error, "password_file") != NULL
                                 ? " (--password-file)" : "");
    }

    url->text = text;
    url->path = evolu_keys_options_copy(url->url.path);
    url->host = evolu_keys_options_copy(url->url.host);
    url->user = evolu_keys_options_copy(url->url.user);
    url->master = evolu_keys_options_copy(url->url.master);

    return NULL;
}


const char *
evolu_keys_options_prefix(const char *text, evolu_bytes_t *prefix)
{
    *prefix = evolu_keys_string(text);

    return prefix->len > EVOLU_KEYS_PREFIX_MAX
           ? "the prefix is over 64 bytes" : NULL;
}


const char *
evolu_keys_options_number(const char *text, unsigned max, unsigned *number)
{
    unsigned     n;
    const char  *p;

    n = 0;

    for (p = text; *p >= '0' && *p <= '9' && p - text < 7; p++) {
        n = n * 10 + (unsigned) (*p - '0');
    }

    if (p == text || *p != '\0' || n > max) {
        return "bad number";
    }

    *number = n;

    return NULL;
}


const char *
evolu_keys_options_duration(const char *text, int64_t *seconds)
{
    int64_t      n;
    const char  *p;

    n = 0;

    for (p = text; *p >= '0' && *p <= '9' && p - text < 10; p++) {
        n = n * 10 + (*p - '0');
    }

    switch (*p) {

    case 'd':
        n *= 86400;
        break;

    case 'h':
        n *= 3600;
        break;

    case 'm':
        n *= 60;
        break;

    case 's':
        break;

    default:
        p = text;
    }

    if (p == text || p[1] != '\0' || n >= EVOLU_TIME_LIMIT) {
        return "bad time: expected a number with d, h, m or s, as in 90d or "
               "24h";
    }

    *seconds = n;

    return NULL;
}


const char *
evolu_keys_options_expires(const char *text, int64_t now, int64_t *time)
{
    int64_t  seconds;

    if (evolu_keys_options_duration(text, &seconds) == NULL) {
        seconds += now;

    } else if (evolu_keys_options_date(text, &seconds) != 0) {
        return "bad time of expiry: expected 90d, 24h, 2031-12-31 or "
               "2031-12-31T23:59:59Z";
    }

    if (seconds <= now) {
        return "the time of expiry is not in the future";
    }

    if (seconds >= EVOLU_TIME_LIMIT) {
        return "the time of expiry is too far away";
    }

    *time = seconds;

    return NULL;
}


/* A date without a time is its first second in UTC. */

static int
evolu_keys_options_date(const char *text, int64_t *time)
{
    struct tm    tm, normal;
    const char  *end;

    memset(&tm, 0, sizeof(struct tm));

    if (strlen(text) == 10) {
        end = strptime(text, "%Y-%m-%d", &tm);

    } else if (strlen(text) == 20) {
        end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);

    } else {
        return -1;
    }

    if (end == NULL || *end != '\0') {
        return -1;
    }

    normal = tm;
    *time = timegm(&normal);

    /* the 30th of February became a day in March */

    if (normal.tm_mday != tm.tm_mday || normal.tm_sec != tm.tm_sec) {
        return -1;
    }

    return 0;
}


const char *
evolu_keys_options_allow(const char *text, evolu_bytes_t *allow)
{
    size_t         i, start;
    evolu_cidr_t   cidr;
    evolu_bytes_t  part;

    *allow = evolu_keys_string(text);
    start = 0;

    for (i = 0; i <= allow->len; i++) {

        if (i < allow->len && text[i] != ',') {
            continue;
        }

        part.data = allow->data + start;
        part.len = i - start;
        start = i + 1;

        if (evolu_cidr_parse(part, &cidr) != 0) {
            return "bad list of addresses: expected addresses or CIDRs "
                   "separated by commas, as in 10.0.0.0/8,2001:db8::1";
        }
    }

    return NULL;
}


const char *
evolu_keys_options_address(const char *text, evolu_address_t *address)
{
    evolu_cidr_t  cidr;

    if (strchr(text, '/') != NULL
        || evolu_cidr_parse(evolu_keys_string(text), &cidr) != 0)
    {
        return "bad address: expected an IPv4 or IPv6 address";
    }

    *address = cidr.address;

    return NULL;
}


evolu_bytes_t
evolu_keys_string(const char *text)
{
    evolu_bytes_t  bytes;

    bytes.data = (const unsigned char *) text;
    bytes.len = strlen(text);

    return bytes;
}


/* Lives as long as the process, for options point into it; empty is NULL. */

static char *
evolu_keys_options_copy(evolu_bytes_t text)
{
    char  *copy;

    if (text.len == 0) {
        return NULL;
    }

    copy = evolu_keys_alloc(text.len + 1);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';

    return copy;
}
