
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_target.h"


/* kinds of bytes in a path */

#define EVOLU_PATH_PLAIN      0
#define EVOLU_PATH_SLASH      1
#define EVOLU_PATH_DOT        2
#define EVOLU_PATH_PERCENT    3
#define EVOLU_PATH_SEMICOLON  4
#define EVOLU_PATH_QUERY      5
#define EVOLU_PATH_BAD        6  /* NUL, "#", "\" */


/* one segment of a path, as far as it was read */

typedef struct {
    size_t                dots;
    unsigned              other:1;      /* something that is no dot */
    unsigned              semicolon:1;
} evolu_segment_t;


/* one query argument, raw */

typedef struct {
    evolu_bytes_t         whole;
    evolu_bytes_t         name;
    evolu_bytes_t         value;
} evolu_arg_t;


/* reads the name of an argument, byte by byte */

typedef struct {
    const unsigned char  *p;
    const unsigned char  *end;
    unsigned              raw:1;        /* as it stands */
    unsigned              bad:1;        /* a bad escape was passed */
} evolu_name_reader_t;


typedef enum {
    EVOLU_ROOT_OTHER = 0,
    EVOLU_ROOT_PLAIN,                   /* the root is the whole name */
    EVOLU_ROOT_BRACKET
} evolu_root_t;


static const unsigned char *evolu_target_authority(evolu_bytes_t target);
static const unsigned char *evolu_path_scan(const unsigned char *p,
    const unsigned char *end, unsigned *bad);
static const unsigned char *evolu_path_escape(const unsigned char *p,
    const unsigned char *end, evolu_segment_t *segment, unsigned *bad);
static int evolu_has_byte(const unsigned char *p, const unsigned char *end,
    int ch);
static int evolu_escape(const unsigned char *p, const unsigned char *end);
static int evolu_arg_next(evolu_bytes_t *args, evolu_arg_t *arg);
static evolu_arg_status_t evolu_arg_value(evolu_bytes_t value,
    unsigned char *out, size_t size, size_t *len);
static evolu_root_t evolu_name_root(evolu_bytes_t text, evolu_bytes_t name);
static evolu_root_t evolu_name_compare(evolu_bytes_t text, unsigned raw,
    evolu_bytes_t name);
static int evolu_name_undecodable(evolu_bytes_t text);
static int evolu_name_read(evolu_name_reader_t *reader);


static const unsigned char  evolu_path_kinds[256] = {
    ['\0'] = EVOLU_PATH_BAD,
    ['#'] = EVOLU_PATH_BAD,
    ['\\'] = EVOLU_PATH_BAD,
    ['/'] = EVOLU_PATH_SLASH,
    ['.'] = EVOLU_PATH_DOT,
    ['%'] = EVOLU_PATH_PERCENT,
    [';'] = EVOLU_PATH_SEMICOLON,
    ['?'] = EVOLU_PATH_QUERY
};


/* the value of a hex digit and one; 0: no hex digit */

static const unsigned char  evolu_hex_values[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
    ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16
};


/* 1: unreserved, RFC 3986 2.3 */

static const unsigned char  evolu_unreserved[256] = {
    ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
    ['G'] = 1, ['H'] = 1, ['I'] = 1, ['J'] = 1, ['K'] = 1, ['L'] = 1,
    ['M'] = 1, ['N'] = 1, ['O'] = 1, ['P'] = 1, ['Q'] = 1, ['R'] = 1,
    ['S'] = 1, ['T'] = 1, ['U'] = 1, ['V'] = 1, ['W'] = 1, ['X'] = 1,
    ['Y'] = 1, ['Z'] = 1,
    ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
    ['g'] = 1, ['h'] = 1, ['i'] = 1, ['j'] = 1, ['k'] = 1, ['l'] = 1,
    ['m'] = 1, ['n'] = 1, ['o'] = 1, ['p'] = 1, ['q'] = 1, ['r'] = 1,
    ['s'] = 1, ['t'] = 1, ['u'] = 1, ['v'] = 1, ['w'] = 1, ['x'] = 1,
    ['y'] = 1, ['z'] = 1,
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1,
    ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1,
    ['-'] = 1, ['.'] = 1, ['_'] = 1, ['~'] = 1
};


void
evolu_target_parse(evolu_bytes_t target, evolu_target_t *t)
{
    unsigned              bad;
    const unsigned char  *path, *args, *end;

    end = target.data + target.len;

    path = evolu_target_authority(target);
    bad = evolu_has_byte(target.data, path, '#');

    args = evolu_path_scan(path, end, &bad);

    t->path.data = path;
    t->path.len = (size_t) (args - path);

    if (t->path.len == 0 && path != target.data) {

        /* absolute without a path: the second slash of "://" stands for it */

        t->path.data = memchr(target.data, '/', target.len);
        t->path.data++;
        t->path.len = 1;
    }

    if (args != end) {
        args++;
    }

    t->args.data = args;
    t->args.len = (size_t) (end - args);

    t->bad = bad || evolu_has_byte(args, end, '#');
}


evolu_bytes_t
evolu_target_last(evolu_bytes_t path)
{
    size_t         start;
    evolu_bytes_t  last;

    if (path.len != 0 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    start = path.len;

    while (start != 0 && path.data[start - 1] != '/') {
        start--;
    }

    last.data = path.data + start;
    last.len = path.len - start;

    return last;
}


long
evolu_percent_decode(evolu_bytes_t text, unsigned char *out)
{
    int                   ch;
    unsigned char        *o;
    const unsigned char  *p, *end;

    o = out;
    end = text.data + text.len;

    for (p = text.data; p < end; p++) {
        ch = *p;

        if (ch == '%') {
            ch = evolu_escape(p, end);

            if (ch == -1) {
                return -1;
            }

            p += 2;
        }

        *o++ = (unsigned char) ch;
    }

    return (long) (o - out);
}


size_t
evolu_percent_encode(evolu_bytes_t text, unsigned char *out)
{
    size_t             i;
    unsigned char     *o, ch;
    static const char  hex[] = "0123456789ABCDEF";

    o = out;

    for (i = 0; i < text.len; i++) {
        ch = text.data[i];

        if (evolu_unreserved[ch]) {
            *o++ = ch;

        } else {
            *o++ = '%';
            *o++ = (unsigned char) hex[ch >> 4];
            *o++ = (unsigned char) hex[ch & 0x0f];
        }
    }

    return (size_t) (o - out);
}


int
evolu_percent_plain(evolu_bytes_t text)
{
    size_t  i;

    for (i = 0; i < text.len; i++) {
        if (!evolu_unreserved[text.data[i]]) {
            return 0;
        }
    }

    return 1;
}


evolu_arg_status_t
evolu_target_arg(evolu_bytes_t args, evolu_bytes_t name, unsigned char *out,
    size_t size, size_t *len)
{
    evolu_arg_t         arg;
    evolu_root_t        root;
    evolu_arg_status_t  status;

    status = EVOLU_ARG_ABSENT;

    while (evolu_arg_next(&args, &arg)) {

        root = evolu_name_root(arg.name, name);

        if (root == EVOLU_ROOT_OTHER) {
            continue;
        }

        if (root == EVOLU_ROOT_BRACKET || status == EVOLU_ARG_FOUND) {
            return EVOLU_ARG_BAD;
        }

        status = evolu_arg_value(arg.value, out, size, len);

        if (status == EVOLU_ARG_BAD) {
            return EVOLU_ARG_BAD;
        }
    }

    return status;
}


int
evolu_target_reserved(evolu_bytes_t args, const evolu_bytes_t *names,
    size_t n)
{
    size_t       i;
    evolu_arg_t  arg;

    while (evolu_arg_next(&args, &arg)) {

        for (i = 0; i < n; i++) {
            if (evolu_name_root(arg.name, names[i]) != EVOLU_ROOT_OTHER) {
                return 1;
            }
        }
    }

    return 0;
}


int
evolu_target_next_arg(evolu_bytes_t args, evolu_bytes_t name, size_t *pos,
    evolu_bytes_t *arg, evolu_bytes_t *value)
{
    evolu_arg_t    found;
    evolu_bytes_t  rest;

    if (*pos > args.len || name.len == 0) {
        return 0;
    }

    rest.data = args.data + *pos;
    rest.len = args.len - *pos;

    if (*pos != 0 && args.data[*pos - 1] != '&') {

        /* inside or behind an argument: pass the rest of it */

        (void) evolu_arg_next(&rest, &found);
    }

    while (evolu_arg_next(&rest, &found)) {

        if (evolu_name_root(found.name, name) == EVOLU_ROOT_PLAIN) {
            *arg = found.whole;
            *value = found.value;
            *pos = (size_t) (arg->data + arg->len - args.data);

            return 1;
        }
    }

    return 0;
}


/*
 * Where the authority of an absolute-form target ends (RFC 9112 3.2.2), else
 * where the target begins.
 */

static const unsigned char *
evolu_target_authority(evolu_bytes_t target)
{
    unsigned char         ch;
    const unsigned char  *p, *end;

    end = target.data + target.len;

    for (p = target.data; p < end; p++) {
        ch = *p | 0x20;

        if (ch >= 'a' && ch <= 'z') {
            continue;
        }

        if (p == target.data
            || !((*p >= '0' && *p <= '9')
                 || *p == '+' || *p == '-' || *p == '.'))
        {
            break;
        }
    }

    if (p == target.data || end - p < 3 || memcmp(p, "://", 3) != 0) {
        return target.data;
    }

    for (p += 3; p < end; p++) {
        if (*p == '/' || *p == '?') {
            break;
        }
    }

    return p;
}


/* Returns the end of the path: its "?", or end. */

static const unsigned char *
evolu_path_scan(const unsigned char *p, const unsigned char *end,
    unsigned *bad)
{
    unsigned         semicolon;
    evolu_segment_t  segment;

    semicolon = 0;
    memset(&segment, 0, sizeof(evolu_segment_t));

    /* no segment ends at the first slash */

    if (p < end && *p == '/') {
        p++;
    }

    for ( /* void */ ; p < end; p++) {

        switch (evolu_path_kinds[*p]) {

        case EVOLU_PATH_PLAIN:
            segment.other = 1;
            break;

        case EVOLU_PATH_SLASH:

            /* "//", "/./", "/../" */

            if (!segment.other && segment.dots <= 2) {
                *bad = 1;
            }

            semicolon = segment.semicolon;
            memset(&segment, 0, sizeof(evolu_segment_t));
            break;

        case EVOLU_PATH_DOT:
            segment.dots++;
            break;

        case EVOLU_PATH_PERCENT:
            p = evolu_path_escape(p, end, &segment, bad);
            break;

        case EVOLU_PATH_SEMICOLON:
            segment.other = 1;
            segment.semicolon = 1;
            break;

        case EVOLU_PATH_QUERY:
            goto done;

        default: /* EVOLU_PATH_BAD */
            segment.other = 1;
            *bad = 1;
        }
    }

done:

    if (segment.other) {
        *bad |= segment.semicolon;

    } else if (segment.dots == 0) {

        /* a trailing slash: the last segment is the one before it */

        *bad |= semicolon;

    } else if (segment.dots <= 2) {
        *bad = 1;
    }

    return p;
}


/* Takes the escape at p into the segment; returns its last byte. */

static const unsigned char *
evolu_path_escape(const unsigned char *p, const unsigned char *end,
    evolu_segment_t *segment, unsigned *bad)
{
    int  ch;

    ch = evolu_escape(p, end);

    if (ch == '.') {
        segment->dots++;
        return p + 2;
    }

    segment->other = 1;

    if (ch == -1) {
        *bad = 1;
        return p;
    }

    if (ch == '/' || ch == '\\' || ch == '\0') {
        *bad = 1;
    }

    return p + 2;
}


static int
evolu_has_byte(const unsigned char *p, const unsigned char *end, int ch)
{
    return p != end && memchr(p, ch, (size_t) (end - p)) != NULL;
}


/* The byte that the escape at p ("%") stands for, or -1 when it is bad. */

static int
evolu_escape(const unsigned char *p, const unsigned char *end)
{
    int  high, low;

    if (end - p < 3) {
        return -1;
    }

    high = evolu_hex_values[p[1]];
    low = evolu_hex_values[p[2]];

    if (high == 0 || low == 0) {
        return -1;
    }

    return (high - 1) << 4 | (low - 1);
}


/* Takes the first argument off args: 1, or 0 when nothing is left. */

static int
evolu_arg_next(evolu_bytes_t *args, evolu_arg_t *arg)
{
    size_t                len;
    const unsigned char  *p;

    if (args->len == 0) {
        return 0;
    }

    p = memchr(args->data, '&', args->len);
    len = p == NULL ? args->len : (size_t) (p - args->data);

    arg->whole.data = args->data;
    arg->whole.len = len;

    args->data += p == NULL ? len : len + 1;
    args->len -= p == NULL ? len : len + 1;

    arg->name = arg->whole;
    arg->value.data = arg->whole.data + len;
    arg->value.len = 0;

    p = memchr(arg->whole.data, '=', len);

    if (p != NULL) {
        arg->name.len = (size_t) (p - arg->whole.data);
        arg->value.data = p + 1;
        arg->value.len = len - arg->name.len - 1;
    }

    return 1;
}


static evolu_arg_status_t
evolu_arg_value(evolu_bytes_t value, unsigned char *out, size_t size,
    size_t *len)
{
    int                   ch;
    size_t                n;
    const unsigned char  *p, *end;

    n = 0;
    end = value.data + value.len;

    for (p = value.data; p < end; p++) {
        ch = *p;

        if (ch == '+') {
            ch = ' ';

        } else if (ch == '%') {
            ch = evolu_escape(p, end);

            if (ch == -1) {
                return EVOLU_ARG_BAD;
            }

            p += 2;
        }

        if (n == size) {
            return EVOLU_ARG_BAD;
        }

        out[n++] = (unsigned char) ch;
    }

    *len = n;

    return EVOLU_ARG_FOUND;
}


/*
 * Whether name is the root of text, decoded; where decoding fails, good
 * escapes are decoded and bad ones stand, and the raw text counts as well.
 */

static evolu_root_t
evolu_name_root(evolu_bytes_t text, evolu_bytes_t name)
{
    evolu_root_t  root;

    root = evolu_name_compare(text, 0, name);

    if (root == EVOLU_ROOT_OTHER && evolu_name_undecodable(text)) {
        root = evolu_name_compare(text, 1, name);
    }

    return root;
}


static evolu_root_t
evolu_name_compare(evolu_bytes_t text, unsigned raw, evolu_bytes_t name)
{
    int                  ch, stop;
    size_t               i;
    evolu_name_reader_t  reader;

    reader.p = text.data;
    reader.end = text.data + text.len;
    reader.raw = raw;
    reader.bad = 0;

    stop = '[';
    ch = evolu_name_read(&reader);

    if (ch == '[') {
        stop = ']';
        ch = evolu_name_read(&reader);
    }

    for (i = 0; ch != -1 && ch != stop; i++) {
        if (i == name.len || ch != name.data[i]) {
            return EVOLU_ROOT_OTHER;
        }

        ch = evolu_name_read(&reader);
    }

    if (i != name.len) {
        return EVOLU_ROOT_OTHER;
    }

    return stop == '[' && ch == -1 ? EVOLU_ROOT_PLAIN : EVOLU_ROOT_BRACKET;
}


static int
evolu_name_undecodable(evolu_bytes_t text)
{
    evolu_name_reader_t  reader;

    reader.p = text.data;
    reader.end = text.data + text.len;
    reader.raw = 0;
    reader.bad = 0;

    if (!evolu_has_byte(reader.p, reader.end, '%')) {
        return 0;
    }

    while (evolu_name_read(&reader) != -1) { /* void */ }

    return reader.bad;
}


/* The next byte of the name, or -1 at its end. */

static int
evolu_name_read(evolu_name_reader_t *reader)
{
    int  ch;

    if (reader->p == reader->end) {
        return -1;
    }

    ch = *reader->p++;

    if (reader->raw) {
        return ch;
    }

    if (ch == '+') {
        return ' ';
    }

    if (ch != '%') {
        return ch;
    }

    ch = evolu_escape(reader->p - 1, reader->end);

    if (ch == -1) {
        reader->bad = 1;
        return '%';
    }

    reader->p += 2;

    return ch;
}
