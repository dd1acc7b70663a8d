
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Verdicts that this worker gave lately.  An "ok" that followed from nothing
 * but the credential, the location and a record is the same again, without a
 * look at the record, for as long as nothing can have changed: the credential
 * (by its tag), the location, what is addressed, the record (the cache tells,
 * see ngx_http_evolu_auth_cache_watched()) and the key's lifetime.  Whatever
 * else may decide, an address or a second key that matches, is not kept here.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_RECALL_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_RECALL_H_INCLUDED_


#include "ngx_http_evolu_auth_ctx.h"


/* one verdict for so many bytes of the zone, and at most */
#define NGX_HTTP_EVOLU_AUTH_RECALL_BYTES  1024
#define NGX_HTTP_EVOLU_AUTH_RECALL_MAX    16384

/* bytes of names that are kept with one; longer ones are not kept */
#define NGX_HTTP_EVOLU_AUTH_RECALL_NAMES  64


/*
 * Room for verdicts of one worker and configuration, in memory from pool: no
 * credential in it, tags alone.  NULL where there is no memory, or words have
 * 32 bits; all below take NULL for "nothing is recalled".
 */
ngx_http_evolu_auth_recall_t *ngx_http_evolu_auth_recall_create(
    ngx_pool_t *pool, ngx_http_evolu_auth_cache_t *cache);

/*
 * The verdict of ctx->facts under ctx->lcf, if it was kept and holds; the
 * credential may be unchecked yet.  tag is that of the credential when *tagged
 * is 1, and may be set here.  NGX_OK: ctx->verdict and
 * ->from are set, and ->instance when the record names one; NGX_DECLINED: it
 * has to be found out; NGX_ERROR: out of memory.
 */
ngx_int_t ngx_http_evolu_auth_recall_find(ngx_http_request_t *r,
    ngx_http_evolu_auth_recall_t *recall, ngx_http_evolu_auth_ctx_t *ctx,
    u_char tag[EVOLU_TAG_SIZE], ngx_uint_t *tagged);

/*
 * Keeps ctx->verdict, an "ok" by the record of answer, matched being the
 * entries that the credential matches, unless something else may change it.
 */
void ngx_http_evolu_auth_recall_keep(ngx_http_evolu_auth_recall_t *recall,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_answer_t *answer,
    uint64_t matched, u_char tag[EVOLU_TAG_SIZE]);


#endif /* _NGX_HTTP_EVOLU_AUTH_RECALL_H_INCLUDED_ */
