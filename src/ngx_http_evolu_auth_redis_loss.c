
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_redis_link.h"


typedef struct {
    const char                  *begin;   /* of the reason */
    ngx_http_evolu_auth_loss_e   loss;
} ngx_http_evolu_auth_redis_loss_t;


/*
 * Every reason that a link is reset for stands here, by how it begins: what
 * follows may be what a server said.
 */

static const ngx_http_evolu_auth_redis_loss_t
    ngx_http_evolu_auth_redis_losses[] = {

    { "no resolver", NGX_HTTP_EVOLU_AUTH_LOSS_RESOLVE },
    { "can't resolve its name", NGX_HTTP_EVOLU_AUTH_LOSS_RESOLVE },
    { "can't connect", NGX_HTTP_EVOLU_AUTH_LOSS_CONNECT },
    { "timed out connecting", NGX_HTTP_EVOLU_AUTH_LOSS_CONNECT },
    { "TLS failed", NGX_HTTP_EVOLU_AUTH_LOSS_TLS },
    { "its certificate is refused", NGX_HTTP_EVOLU_AUTH_LOSS_TLS },
    { "it knows no primary", NGX_HTTP_EVOLU_AUTH_LOSS_SENTINEL },
    { "it breaks the protocol", NGX_HTTP_EVOLU_AUTH_LOSS_SENTINEL },
    { "it names a host", NGX_HTTP_EVOLU_AUTH_LOSS_SENTINEL },
    { "no answer to the greeting", NGX_HTTP_EVOLU_AUTH_LOSS_GREETING },
    { "refused", NGX_HTTP_EVOLU_AUTH_LOSS_REFUSED },
    { "the server is a replica", NGX_HTTP_EVOLU_AUTH_LOSS_ROLE },
    { "moved", NGX_HTTP_EVOLU_AUTH_LOSS_MOVED },
    { "the server closed it", NGX_HTTP_EVOLU_AUTH_LOSS_CLOSED },
    { "silent for too long", NGX_HTTP_EVOLU_AUTH_LOSS_SILENT },
    { "can't send", NGX_HTTP_EVOLU_AUTH_LOSS_NETWORK },
    { "can't receive", NGX_HTTP_EVOLU_AUTH_LOSS_NETWORK },
    { "the server spoke unasked", NGX_HTTP_EVOLU_AUTH_LOSS_PROTOCOL },
    { "the server breaks the protocol", NGX_HTTP_EVOLU_AUTH_LOSS_PROTOCOL },
    { "its protocol changed", NGX_HTTP_EVOLU_AUTH_LOSS_PROTOCOL },
    { "out of memory", NGX_HTTP_EVOLU_AUTH_LOSS_OTHER },
    { "no event for", NGX_HTTP_EVOLU_AUTH_LOSS_OTHER },
    { "the worker ends", NGX_HTTP_EVOLU_AUTH_LOSS_OTHER },
    { NULL, NGX_HTTP_EVOLU_AUTH_LOSS_OTHER }
};


ngx_http_evolu_auth_loss_e
ngx_http_evolu_auth_redis_loss(const char *reason)
{
    const ngx_http_evolu_auth_redis_loss_t  *entry;

    for (entry = ngx_http_evolu_auth_redis_losses; entry->begin; entry++) {

        if (ngx_strncmp(reason, entry->begin, ngx_strlen(entry->begin)) == 0) {
            break;
        }
    }

    return entry->loss;
}
