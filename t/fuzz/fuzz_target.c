
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The input is a raw request target.  What passes the bad_path rule must read
 * the same to anybody who decodes it once; a slow and plain reading of the
 * rules stands against the fast one.
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "evolu_target.h"


#define require(truth)                                                        \
    do {                                                                      \
        if (!(truth)) {                                                       \
            abort();                                                          \
        }                                                                     \
    } while (0)

#define VALUE_MAX  16


static void check_split(evolu_bytes_t target, const evolu_target_t *t);
static unsigned path_bad(evolu_bytes_t path);
static int segment_bad(evolu_bytes_t segment, int last);
static void check_last(evolu_bytes_t path);
static void check_args(evolu_bytes_t args);
static void check_arg(evolu_bytes_t args, evolu_bytes_t name);
static void check_coding(evolu_bytes_t text);
static int inside(evolu_bytes_t part, evolu_bytes_t whole);
static int holds(evolu_bytes_t text, int ch);


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    evolu_bytes_t   target;
    evolu_target_t  t, again;

    target.data = data;
    target.len = size;

    evolu_target_parse(target, &t);
    evolu_target_parse(target, &again);

    require(t.path.data == again.path.data && t.path.len == again.path.len);
    require(t.args.data == again.args.data && t.args.len == again.args.len);
    require(t.bad == again.bad && t.bad <= 1);

    check_split(target, &t);
    require(t.bad == (path_bad(t.path) || holds(target, '#')));
    check_last(t.path);
    check_args(t.args);
    check_coding(target);

    return 0;
}


static void
check_split(evolu_bytes_t target, const evolu_target_t *t)
{
    const unsigned char  *query;

    require(inside(t->path, target));
    require(inside(t->args, target));
    require(!holds(t->path, '?'));
    require(!holds(target, '#') || t->bad);

    query = target.len != 0 ? memchr(target.data, '?', target.len) : NULL;

    if (query == NULL) {
        require(t->args.len == 0);

    } else {
        require(t->args.data == query + 1);
        require(t->args.data + t->args.len == target.data + target.len);
    }

    if (target.len != 0 && target.data[0] == '/') {
        require(t->path.data == target.data);
        require(t->path.len == (query != NULL ? (size_t) (query - target.data)
                                              : target.len));
    }
}


/* the rule once more: segment by segment, each decoded on its own */

static unsigned
path_bad(evolu_bytes_t path)
{
    size_t         i, start, end;
    unsigned       bad;
    evolu_bytes_t  segment;

    bad = 0;
    end = path.len;

    if (end != 0 && path.data[end - 1] == '/') {
        end--;
    }

    start = path.len != 0 && path.data[0] == '/';

    for (i = start; i <= path.len; i++) {

        if (i < path.len && path.data[i] != '/') {
            continue;
        }

        segment.data = path.data + start;
        segment.len = i - start;

        /* an empty one is right at the end alone */

        if ((segment.len == 0 && i < path.len)
            || segment_bad(segment, i >= end))
        {
            bad = 1;
        }

        start = i + 1;
    }

    return bad;
}


static int
segment_bad(evolu_bytes_t segment, int last)
{
    int             bad;
    long            n;
    unsigned char  *out;
    evolu_bytes_t   decoded;

    out = malloc(segment.len + 1);
    n = evolu_percent_decode(segment, out);

    bad = 1;

    if (n >= 0) {
        decoded.data = out;
        decoded.len = (size_t) n;

        bad = evolu_bytes_equal(decoded, evolu_literal("."))
              || evolu_bytes_equal(decoded, evolu_literal(".."))
              || holds(decoded, '/') || holds(decoded, '\\')
              || holds(decoded, '\0') || (last && holds(segment, ';'));
    }

    free(out);

    return bad;
}


static void
check_last(evolu_bytes_t path)
{
    evolu_bytes_t  last;

    last = evolu_target_last(path);

    require(inside(last, path));
    require(!holds(last, '/'));

    if (last.len != 0) {
        require(last.data == path.data || last.data[-1] == '/');
        require(path.data + path.len - (last.data + last.len) <= 1);
    }
}


static void
check_args(evolu_bytes_t args)
{
    size_t         n;
    evolu_bytes_t  name;

    check_arg(args, evolu_literal("n"));
    check_arg(args, evolu_literal("a b"));
    check_arg(args, evolu_literal("%"));

    /* some name that occurs */

    for (n = 0; n < args.len && args.data[n] != '=' && args.data[n] != '&';
         n++)
    {
        /* void */
    }

    name.data = args.data;
    name.len = n;

    if (n != 0) {
        check_arg(args, name);
    }
}


static void
check_arg(evolu_bytes_t args, evolu_bytes_t name)
{
    size_t              len, pos, before;
    unsigned            plain;
    evolu_bytes_t       arg, value;
    unsigned char       out[VALUE_MAX];
    evolu_arg_status_t  status;

    status = evolu_target_arg(args, name, out, VALUE_MAX, &len);

    require((status != EVOLU_ARG_ABSENT)
            == evolu_target_reserved(args, &name, 1));
    require(status != EVOLU_ARG_FOUND || len <= VALUE_MAX);

    plain = 0;
    before = 0;

    for (pos = 0; evolu_target_next_arg(args, name, &pos, &arg, &value); ) {
        require(inside(arg, args) && inside(value, arg));
        require(!holds(arg, '&'));
        require(arg.data == args.data || arg.data[-1] == '&');
        require(arg.data + arg.len == args.data + pos);
        require(pos > before && pos <= args.len);
        require(pos == args.len || args.data[pos] == '&');
        require(value.data + value.len == arg.data + arg.len);

        before = pos;
        plain++;
    }

    require(status != EVOLU_ARG_FOUND || plain == 1);
    require(status != EVOLU_ARG_ABSENT || plain == 0);
    require(plain < 2 || status == EVOLU_ARG_BAD);
}


static void
check_coding(evolu_bytes_t text)
{
    long            n;
    size_t          i;
    unsigned char  *coded, *out;
    evolu_bytes_t   b;

    coded = malloc(3 * text.len + 1);
    out = malloc(3 * text.len + 1);

    b.data = coded;
    b.len = evolu_percent_encode(text, coded);
    require(b.len >= text.len && b.len <= 3 * text.len);

    for (i = 0; i < b.len; i++) {
        require(b.data[i] > 0x20 && b.data[i] < 0x7f);
    }

    n = evolu_percent_decode(b, out);
    require(n >= 0 && (size_t) n == text.len);
    require(text.len == 0 || memcmp(out, text.data, text.len) == 0);

    n = evolu_percent_decode(text, out);
    require(n >= -1 && n <= (long) text.len);
    require(n != -1 || holds(text, '%'));

    free(coded);
    free(out);
}


static int
inside(evolu_bytes_t part, evolu_bytes_t whole)
{
    return part.data >= whole.data
           && part.data + part.len <= whole.data + whole.len;
}


static int
holds(evolu_bytes_t text, int ch)
{
    return text.len != 0 && memchr(text.data, ch, text.len) != NULL;
}
