
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"


/* what jansson's memory begins with, so that it can be wiped */

typedef union {
    size_t       size;
    max_align_t  align;
} evolu_keys_block_t;


static void *evolu_keys_json_alloc(size_t size);
static void evolu_keys_json_free(void *data);


void
evolu_keys_say(const char *format, ...)
{
    char        *text;
    size_t       used;
    va_list      args;
    const char  *rest;

    va_start(args, format);

    if (vasprintf(&text, format, args) == -1) {
        text = NULL;
    }

    va_end(args);

    evolu_keys_progress_hide();

    (void) fflush(stdout);
    fputs("evolu-keys: ", stderr);

    rest = text == NULL ? "out of memory" : text;
    used = sizeof("evolu-keys: ") - 1;

    if (strncmp(rest, "warning:", 8) == 0) {
        evolu_keys_terminal_colour(stderr, EVOLU_KEYS_COLOUR_WARNING,
                                   "warning:");
        rest += 8;
        used += 8;
    }

    evolu_keys_terminal_wrap(stderr, used, 4, rest);
    free(text);
}


void *
evolu_keys_alloc(size_t size)
{
    return evolu_keys_realloc(NULL, size);
}


void *
evolu_keys_realloc(void *data, size_t size)
{
    data = realloc(data, size == 0 ? 1 : size);

    if (data == NULL) {
        evolu_keys_say("out of memory");
        exit(EVOLU_KEYS_REFUSED);
    }

    return data;
}


char *
evolu_keys_format(const char *format, ...)
{
    int       rc;
    char     *text;
    va_list   args;

    va_start(args, format);
    rc = vasprintf(&text, format, args);
    va_end(args);

    if (rc == -1) {
        evolu_keys_say("out of memory");
        exit(EVOLU_KEYS_REFUSED);
    }

    return text;
}


char *
evolu_keys_text(evolu_bytes_t bytes)
{
    char       *text, *p;
    size_t      i, len;
    wchar_t     c;
    mbstate_t   state;

    text = evolu_keys_alloc(4 * bytes.len + 1);
    p = text;

    for (i = 0; i < bytes.len; i += len) {
        memset(&state, 0, sizeof(mbstate_t));

        len = mbrtowc(&c, (const char *) bytes.data + i, bytes.len - i,
                      &state);

        if (len == 0 || len > bytes.len - i || !iswprint((wint_t) c)) {
            p += sprintf(p, "\\x%02X", bytes.data[i]);
            len = 1;
            continue;
        }

        memcpy(p, bytes.data + i, len);
        p += len;
    }

    *p = '\0';

    return text;
}


size_t
evolu_keys_width(const char *text)
{
    size_t  pos, width;

    width = 0;

    for (pos = 0; text[pos] != '\0'; /* void */ ) {
        width += evolu_keys_char(text, &pos);
    }

    return width;
}


size_t
evolu_keys_char(const char *text, size_t *pos)
{
    int        columns;
    size_t     len;
    wchar_t    c;
    mbstate_t  state;

    memset(&state, 0, sizeof(mbstate_t));

    len = mbrtowc(&c, text + *pos, strlen(text + *pos), &state);

    if (len == 0 || len == (size_t) -1 || len == (size_t) -2) {
        (*pos)++;
        return 1;
    }

    *pos += len;
    columns = wcwidth(c);

    return columns > 0 ? (size_t) columns : 0;
}


json_t *
evolu_keys_json_text(evolu_bytes_t bytes)
{
    char    *text;
    json_t  *json;

    json = json_stringn((const char *) bytes.data, bytes.len);

    if (json == NULL) {
        text = evolu_keys_text(bytes);
        json = json_string(text);
        free(text);
    }

    return json;
}


json_t *
evolu_keys_json_time(int64_t time)
{
    return time == EVOLU_NEVER ? json_null() : json_integer(time);
}


void
evolu_keys_time(int64_t time, char out[EVOLU_KEYS_TIME_SIZE])
{
    time_t     seconds;
    struct tm  tm;

    seconds = (time_t) time;

    if (time == EVOLU_NEVER || gmtime_r(&seconds, &tm) == NULL
        || strftime(out, EVOLU_KEYS_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
    {
        strcpy(out, "-");
    }
}


void
evolu_keys_cidr(const evolu_cidr_t *cidr, char *out)
{
    int   family;
    char  address[INET6_ADDRSTRLEN];

    family = cidr->address.family == EVOLU_ADDRESS_IPV4 ? AF_INET : AF_INET6;

    if (inet_ntop(family, cidr->address.bytes, address, sizeof(address))
        == NULL)
    {
        strcpy(address, "?");
    }

    snprintf(out, EVOLU_CIDR_TEXT_MAX + 1, "%s/%u", address, cidr->bits);
}


void
evolu_keys_json_init(void)
{
    json_set_alloc_funcs(evolu_keys_json_alloc, evolu_keys_json_free);
}


static void *
evolu_keys_json_alloc(size_t size)
{
    evolu_keys_block_t  *block;

    block = evolu_keys_alloc(sizeof(evolu_keys_block_t) + size);
    block->size = size;

    return block + 1;
}


static void
evolu_keys_json_free(void *data)
{
    evolu_keys_block_t  *block;

    if (data == NULL) {
        return;
    }

    block = (evolu_keys_block_t *) data - 1;

    sodium_memzero(data, block->size);
    free(block);
}


void
evolu_keys_json_item(size_t *n, json_t *item)
{
    fputs((*n)++ == 0 ? "[\n" : ",\n", stdout);

    (void) json_dumpf(item, stdout, JSON_COMPACT);
    json_decref(item);
}


void
evolu_keys_json_end(size_t n)
{
    puts(n == 0 ? "[]" : "\n]");
}


evolu_keys_status_t
evolu_keys_json_print(json_t *json)
{
    char                 *text;
    evolu_keys_status_t   status;

    text = json_dumps(json, JSON_COMPACT|JSON_ENCODE_ANY);
    json_decref(json);

    if (text == NULL) {
        evolu_keys_say("the answer cannot be written as JSON");
        return EVOLU_KEYS_REFUSED;
    }

    status = evolu_keys_write(text, strlen(text));
    evolu_keys_json_free(text);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_write("\n", 1);
    }

    return status;
}


evolu_keys_status_t
evolu_keys_write(const void *data, size_t len)
{
    ssize_t               n;
    const unsigned char  *p;

    if (evolu_keys_flush() != EVOLU_KEYS_DONE) {
        return EVOLU_KEYS_REFUSED;
    }

    for (p = data; len > 0; p += n, len -= (size_t) n) {
        n = write(STDOUT_FILENO, p, len);

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n <= 0) {
            evolu_keys_say("cannot write to standard output: %s",
                           strerror(errno));
            return EVOLU_KEYS_REFUSED;
        }
    }

    return EVOLU_KEYS_DONE;
}


evolu_keys_status_t
evolu_keys_flush(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        evolu_keys_say("cannot write to standard output: %s",
                       strerror(errno));
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}
