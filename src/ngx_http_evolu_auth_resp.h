
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The words of the link: commands in, replies out, with hiredis's formatter
 * and reader, and the limits that a server's replies are held to.  Knows the
 * protocol and no state of the link.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_RESP_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_RESP_H_INCLUDED_


#include "ngx_http_evolu_auth_redis.h"

#include <hiredis/hiredis.h>


#define NGX_HTTP_EVOLU_AUTH_DEPTH_MAX  8    /* of nested arrays */
#define NGX_HTTP_EVOLU_AUTH_TEXT_MAX   128  /* of a server's text in logs */


typedef struct {
    redisReader                 *reader;
    redisReplyObjectFunctions    functions;
    void                      *(*array)(const redisReadTask *task,
                                        size_t elements);  /* hiredis's own */
    size_t                       unread;    /* bytes that are no whole reply
                                               yet */
    size_t                       elements;  /* of the reply being read */
    unsigned                     over:1;    /* they broke a limit */

    u_char                      *out;       /* commands to be sent */
    size_t                       sent;
    size_t                       len;
    size_t                       size;
} ngx_http_evolu_auth_resp_t;


/* Prepares for a new connection.  NGX_OK or NGX_ERROR (out of memory). */
ngx_int_t ngx_http_evolu_auth_resp_open(ngx_http_evolu_auth_resp_t *resp);

/* Frees all, wipes commands; may be called twice. */
void ngx_http_evolu_auth_resp_close(ngx_http_evolu_auth_resp_t *resp);

/*
 * Appends a command of n words, which are copied.  NGX_OK, NGX_DECLINED when
 * more than NGX_HTTP_EVOLU_AUTH_REPLY_MAX bytes wait to be sent, NGX_ERROR when
 * out of memory.
 */
ngx_int_t ngx_http_evolu_auth_resp_command(ngx_http_evolu_auth_resp_t *resp,
    ngx_uint_t n, evolu_bytes_t *words);

/* Sends what it can.  NGX_OK: all; NGX_AGAIN: the rest later; NGX_ERROR. */
ngx_int_t ngx_http_evolu_auth_resp_send(ngx_http_evolu_auth_resp_t *resp,
    ngx_connection_t *c);

/* Takes input, at most 16 KiB at once.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_evolu_auth_resp_feed(ngx_http_evolu_auth_resp_t *resp,
    u_char *data, size_t len);

/*
 * The next reply, to be freed by freeReplyObject().  NGX_OK; NGX_AGAIN: not
 * whole yet; NGX_DECLINED: a reply to a command broke a limit or a rule;
 * NGX_ERROR: something else did (a push, garbage, no memory).  After the last
 * two the connection is of no use.
 */
ngx_int_t ngx_http_evolu_auth_resp_next(ngx_http_evolu_auth_resp_t *resp,
    redisReply **reply);

/* 1 when the reply is an error whose first word is word */
ngx_uint_t ngx_http_evolu_auth_resp_error(redisReply *reply, const char *word);

/*
 * A text of the server for the log: its beginning, without control
 * characters, terminated, in buf of NGX_HTTP_EVOLU_AUTH_TEXT_MAX + 1 bytes.
 */
char *ngx_http_evolu_auth_resp_text(redisReply *reply, char *buf);

/* The value of a name in a map (or in a flat array); NULL: none. */
redisReply *ngx_http_evolu_auth_resp_value(redisReply *map, const char *name);

/* 1 when the reply is a string or a status with this text */
ngx_uint_t ngx_http_evolu_auth_resp_is(redisReply *reply, const char *text);

/*
 * The fields of a hash, or the members of a set as names, to be freed by
 * ngx_free().  NGX_OK; NGX_DECLINED: another shape; NGX_ERROR: out of memory.
 */
ngx_int_t ngx_http_evolu_auth_resp_fields(redisReply *reply,
    ngx_http_evolu_auth_read_e kind, evolu_field_t **fields, ngx_uint_t *n);

/* The same of the reply to SCAN: its cursor, then the keys, as names. */
ngx_int_t ngx_http_evolu_auth_resp_keys(redisReply *reply,
    evolu_field_t **fields, ngx_uint_t *n);


#endif /* _NGX_HTTP_EVOLU_AUTH_RESP_H_INCLUDED_ */
