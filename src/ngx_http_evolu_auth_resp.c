
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_resp.h"


#define NGX_HTTP_EVOLU_AUTH_OUT_KEPT  16384  /* a larger buffer is freed */


static void *ngx_http_evolu_auth_resp_array(const redisReadTask *task,
    size_t elements);
static ngx_int_t ngx_http_evolu_auth_resp_broken(
    ngx_http_evolu_auth_resp_t *resp);
static ngx_int_t ngx_http_evolu_auth_resp_take(redisReply **e,
    size_t elements, size_t step, size_t empty, evolu_field_t **fields,
    ngx_uint_t *n);
static ngx_int_t ngx_http_evolu_auth_resp_reserve(
    ngx_http_evolu_auth_resp_t *resp, size_t len);


ngx_int_t
ngx_http_evolu_auth_resp_open(ngx_http_evolu_auth_resp_t *resp)
{
    redisReader  *reader;

    ngx_http_evolu_auth_resp_close(resp);

    reader = redisReaderCreate();
    if (reader == NULL) {
        return NGX_ERROR;
    }

    resp->array = reader->fn->createArray;
    resp->functions = *reader->fn;
    resp->functions.createArray = ngx_http_evolu_auth_resp_array;

    reader->fn = &resp->functions;
    reader->maxelements = NGX_HTTP_EVOLU_AUTH_ELEMENTS_MAX;
    reader->privdata = resp;

    resp->reader = reader;

    return NGX_OK;
}


void
ngx_http_evolu_auth_resp_close(ngx_http_evolu_auth_resp_t *resp)
{
    if (resp->reader != NULL) {
        redisReaderFree(resp->reader);
    }

    if (resp->out != NULL) {
        ngx_explicit_memzero(resp->out, resp->len);
        ngx_free(resp->out);
    }

    ngx_memzero(resp, sizeof(ngx_http_evolu_auth_resp_t));
}


ngx_int_t
ngx_http_evolu_auth_resp_command(ngx_http_evolu_auth_resp_t *resp,
    ngx_uint_t n, evolu_bytes_t *words)
{
    size_t       size;
    u_char      *p;
    ngx_uint_t   i;

    if (resp->len - resp->sent > NGX_HTTP_EVOLU_AUTH_REPLY_MAX) {
        return NGX_DECLINED;
    }

    size = sizeof("*" CRLF) - 1 + NGX_INT_T_LEN;

    for (i = 0; i < n; i++) {
        size += sizeof("$" CRLF CRLF) - 1 + NGX_SIZE_T_LEN + words[i].len;
    }

    if (ngx_http_evolu_auth_resp_reserve(resp, size) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(resp->out + resp->len, "*%ui" CRLF, n);

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "$%uz" CRLF, words[i].len);
        p = ngx_cpymem(p, words[i].data, words[i].len);
        *p++ = CR;
        *p++ = LF;
    }

    resp->len = p - resp->out;

    return NGX_OK;
}


/* Room for so many bytes more */

static ngx_int_t
ngx_http_evolu_auth_resp_reserve(ngx_http_evolu_auth_resp_t *resp, size_t len)
{
    size_t   unsent, size;
    u_char  *out;

    if (resp->size - resp->len >= len) {
        return NGX_OK;
    }

    /* not realloc(), which may leave a copy of a password behind */

    unsent = resp->len - resp->sent;
    size = ngx_max(2 * (unsent + len), 1024);

    out = ngx_alloc(size, ngx_cycle->log);
    if (out == NULL) {
        return NGX_ERROR;
    }

    if (resp->out != NULL) {
        ngx_memcpy(out, resp->out + resp->sent, unsent);
        ngx_explicit_memzero(resp->out, resp->len);
        ngx_free(resp->out);
    }

    resp->out = out;
    resp->size = size;
    resp->len = unsent;
    resp->sent = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_resp_send(ngx_http_evolu_auth_resp_t *resp,
    ngx_connection_t *c)
{
    ssize_t  n;

    while (resp->sent < resp->len) {
        n = c->send(c, resp->out + resp->sent, resp->len - resp->sent);

        if (n == NGX_AGAIN || n == NGX_ERROR) {
            return n;
        }

        resp->sent += n;
    }

    if (resp->len == 0) {
        return NGX_OK;
    }

    ngx_explicit_memzero(resp->out, resp->len);

    resp->sent = 0;
    resp->len = 0;

    if (resp->size > NGX_HTTP_EVOLU_AUTH_OUT_KEPT) {
        ngx_free(resp->out);
        resp->out = NULL;
        resp->size = 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_resp_feed(ngx_http_evolu_auth_resp_t *resp, u_char *data,
    size_t len)
{
    resp->unread += len;

    if (redisReaderFeed(resp->reader, (char *) data, len) != REDIS_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_evolu_auth_resp_next(ngx_http_evolu_auth_resp_t *resp,
    redisReply **reply)
{
    void         *r;
    redisReader  *reader;

    reader = resp->reader;

    if (redisReaderGetReply(reader, &r) != REDIS_OK) {
        return ngx_http_evolu_auth_resp_broken(resp);
    }

    if (r == NULL) {
        if (resp->unread > NGX_HTTP_EVOLU_AUTH_REPLY_MAX) {
            return ngx_http_evolu_auth_resp_broken(resp);
        }

        return NGX_AGAIN;
    }

    resp->elements = 0;
    resp->unread = reader->len - reader->pos;

    *reply = r;

    return NGX_OK;
}


/*
 * An array's header of few bytes makes hiredis allocate room for all its
 * elements, and freeing recurses: so both are held for a reply as a whole.
 */

static void *
ngx_http_evolu_auth_resp_array(const redisReadTask *task, size_t elements)
{
    ngx_uint_t                   depth;
    const redisReadTask         *t;
    ngx_http_evolu_auth_resp_t  *resp;

    resp = task->privdata;

    depth = 0;

    for (t = task->parent; t != NULL; t = t->parent) {
        depth++;
    }

    resp->elements += elements;

    if (depth >= NGX_HTTP_EVOLU_AUTH_DEPTH_MAX
        || resp->elements > 2 * NGX_HTTP_EVOLU_AUTH_ELEMENTS_MAX)
    {
        resp->over = 1;
        return NULL;
    }

    return resp->array(task, elements);
}


/*
 * Which kind of input it was: its first byte is kept in the root task.  Want
 * of memory is no fault of the reply, but for hiredis a limit of ours is that.
 */

static ngx_int_t
ngx_http_evolu_auth_resp_broken(ngx_http_evolu_auth_resp_t *resp)
{
    int  type;

    type = resp->reader->task[0]->type;

    if (type < 0
        || type == REDIS_REPLY_PUSH
        || (resp->reader->err == REDIS_ERR_OOM && !resp->over))
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


ngx_uint_t
ngx_http_evolu_auth_resp_error(redisReply *reply, const char *word)
{
    size_t  len;

    if (reply->type != REDIS_REPLY_ERROR) {
        return 0;
    }

    len = ngx_strlen(word);

    if (reply->len < len || ngx_memcmp(reply->str, word, len) != 0) {
        return 0;
    }

    return reply->len == len || reply->str[len] == ' ';
}


char *
ngx_http_evolu_auth_resp_text(redisReply *reply, char *buf)
{
    u_char  ch;
    size_t  i, len;

    len = 0;

    if (reply->type == REDIS_REPLY_ERROR || reply->type == REDIS_REPLY_STATUS) {
        len = ngx_min(reply->len, NGX_HTTP_EVOLU_AUTH_TEXT_MAX);
    }

    for (i = 0; i < len; i++) {
        ch = (u_char) reply->str[i];
        buf[i] = (ch < 0x20 || ch >= 0x7f) ? '?' : (char) ch;
    }

    buf[len] = '\0';

    return buf;
}


redisReply *
ngx_http_evolu_auth_resp_value(redisReply *map, const char *name)
{
    size_t  i;

    if (map->type != REDIS_REPLY_MAP && map->type != REDIS_REPLY_ARRAY) {
        return NULL;
    }

    for (i = 0; i + 1 < map->elements; i += 2) {
        if (ngx_http_evolu_auth_resp_is(map->element[i], name)) {
            return map->element[i + 1];
        }
    }

    return NULL;
}


ngx_uint_t
ngx_http_evolu_auth_resp_is(redisReply *reply, const char *text)
{
    size_t  len;

    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
    {
        return 0;
    }

    len = ngx_strlen(text);

    return reply->len == len && ngx_memcmp(reply->str, text, len) == 0;
}


ngx_int_t
ngx_http_evolu_auth_resp_fields(redisReply *reply,
    ngx_http_evolu_auth_read_e kind, evolu_field_t **fields, ngx_uint_t *n)
{
    size_t        i, step;
    redisReply  **e;

    step = (kind == NGX_HTTP_EVOLU_AUTH_READ_HASH) ? 2 : 1;

    /* RESP2 has arrays only */

    if (reply->type != REDIS_REPLY_ARRAY
        && reply->type != (step == 2 ? REDIS_REPLY_MAP : REDIS_REPLY_SET))
    {
        return NGX_DECLINED;
    }

    e = reply->element;

    for (i = 0; i < reply->elements; i++) {
        if (e[i]->type != REDIS_REPLY_STRING) {
            return NGX_DECLINED;
        }
    }

    if (reply->elements % step != 0) {
        return NGX_DECLINED;
    }

    return ngx_http_evolu_auth_resp_take(e, reply->elements / step, step, 0,
                                         fields, n);
}


ngx_int_t
ngx_http_evolu_auth_resp_keys(redisReply *reply, evolu_field_t **fields,
    ngx_uint_t *n)
{
    size_t       i;
    ngx_int_t    rc;
    redisReply  *cursor, *keys;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return NGX_DECLINED;
    }

    cursor = reply->element[0];
    keys = reply->element[1];

    if (cursor->type != REDIS_REPLY_STRING || keys->type != REDIS_REPLY_ARRAY)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < keys->elements; i++) {
        if (keys->element[i]->type != REDIS_REPLY_STRING) {
            return NGX_DECLINED;
        }
    }

    rc = ngx_http_evolu_auth_resp_take(keys->element, keys->elements, 1, 1,
                                       fields, n);
    if (rc != NGX_OK) {
        return rc;
    }

    (*fields)[0].name.data = (u_char *) cursor->str;
    (*fields)[0].name.len = cursor->len;

    return NGX_OK;
}


/*
 * Makes fields of elements, each of step strings, after so many that are left
 * empty.
 */

static ngx_int_t
ngx_http_evolu_auth_resp_take(redisReply **e, size_t elements, size_t step,
    size_t empty, evolu_field_t **fields, ngx_uint_t *n)
{
    size_t          i;
    evolu_field_t  *field;

    *n = empty + elements;
    *fields = NULL;

    if (*n == 0) {
        return NGX_OK;
    }

    field = ngx_calloc(*n * sizeof(evolu_field_t), ngx_cycle->log);
    if (field == NULL) {
        return NGX_ERROR;
    }

    *fields = field;
    field += empty;

    for (i = 0; i < elements; i++, e += step) {
        field[i].name.data = (u_char *) e[0]->str;
        field[i].name.len = e[0]->len;

        if (step == 2) {
            field[i].value.data = (u_char *) e[1]->str;
            field[i].value.len = e[1]->len;
        }
    }

    return NGX_OK;
}
