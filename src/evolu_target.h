
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What a raw request target addresses, when it is ambiguous, and the two
 * codings of names: percent-encoding and query arguments.
 */


#ifndef _EVOLU_TARGET_H_INCLUDED_
#define _EVOLU_TARGET_H_INCLUDED_


#include "evolu_bytes.h"


typedef struct {
    evolu_bytes_t  path;         /* raw; of an absolute-form target the path
                                    only, "/" when it has none */
    evolu_bytes_t  args;         /* raw, what follows the first "?" */
    unsigned       bad;          /* 1: ambiguous by the bad_path rule */
} evolu_target_t;


typedef enum {
    EVOLU_ARG_ABSENT = 0,
    EVOLU_ARG_FOUND,
    EVOLU_ARG_BAD                /* twice, in a bracket form, or its value
                                    can't be decoded or does not fit */
} evolu_arg_status_t;


/*
 * Splits the raw target of the request line and applies the bad_path rule
 * (contract, section 5): dot segments, "//", encoded "/", "\", NUL or dot
 * segments, "\", bad escapes in the path, a raw "#" anywhere, ";" in the last
 * segment.  Cheap: one pass, no allocation; t points into target.
 */
void evolu_target_parse(evolu_bytes_t target, evolu_target_t *t);

/*
 * The last segment of a raw path, one trailing slash ignored, still encoded;
 * empty when there is none.  Points into path.
 */
evolu_bytes_t evolu_target_last(evolu_bytes_t path);

/*
 * Percent-decodes once into out, of at least text.len bytes; returns the
 * length, or -1 for a bad escape.  "+" is a plus sign.
 */
long evolu_percent_decode(evolu_bytes_t text, unsigned char *out);

/*
 * Encodes every byte outside A-Za-z0-9-._~ as %XX with upper-case hex into
 * out, of at least 3 * text.len bytes; returns the length (contract, section
 * 4; RFC 3986 2.3).
 */
size_t evolu_percent_encode(evolu_bytes_t text, unsigned char *out);

/* 1 when encoding would leave text as it is, else 0 */
int evolu_percent_plain(evolu_bytes_t text);

/*
 * The value of the query argument NAME (exact case): decoded once, "+" as
 * space, into out of size bytes, its length in *len.  An argument's name is
 * the text between "&"s up to the first "=", decoded once, "+" as space; its
 * root is what precedes the first "[", or, if it begins with "[", what stands
 * between that and the first "]" (contract, section 2,
 * evolu_auth_reserved_args, and section 3, $evolu_arg_NAME).
 */
evolu_arg_status_t evolu_target_arg(evolu_bytes_t args, evolu_bytes_t name,
    unsigned char *out, size_t size, size_t *len);

/*
 * 1 when some argument's root is one of the n names, decoded or, where
 * decoding fails, decoded or raw; else 0.
 */
int evolu_target_reserved(evolu_bytes_t args, const evolu_bytes_t *names,
    size_t n);

/*
 * Finds the occurrence of NAME (decoded name equal, no bracket forms) that
 * begins at or after offset *pos of args.  Returns 1 and sets *arg to the
 * whole raw argument, *value to its raw value (empty without "="), and *pos to
 * just behind it; or 0.  For credentials in the query.
 */
int evolu_target_next_arg(evolu_bytes_t args, evolu_bytes_t name,
    size_t *pos, evolu_bytes_t *arg, evolu_bytes_t *value);


#endif /* _EVOLU_TARGET_H_INCLUDED_ */
