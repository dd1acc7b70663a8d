
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_known.h"


/* a set of names, each with a length byte */
#define NGX_HTTP_EVOLU_AUTH_KNOWN_NAMES                                       \
    (NGX_HTTP_EVOLU_AUTH_NAMES_MAX * (1 + EVOLU_INSTANCE_MAX))


static size_t ngx_http_evolu_auth_known_find(
    ngx_http_evolu_auth_store_t *store, evolu_bytes_t locator,
    ngx_http_evolu_auth_value_e kind);


static int64_t
    ngx_http_evolu_auth_known_image[EVOLU_IMAGE_MAX / sizeof(int64_t)];


ngx_uint_t
ngx_http_evolu_auth_known(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator, u_char tag[EVOLU_TAG_SIZE])
{
    evolu_record_t  *record;

    record = evolu_keyfile_find(store->file, locator);

    if (record == NULL) {

        if (ngx_http_evolu_auth_known_find(store, locator,
                                           NGX_HTTP_EVOLU_AUTH_VALUE_RECORD)
            == 0)
        {
            return 0;
        }

        record = (evolu_record_t *) ngx_http_evolu_auth_known_image;
    }

    return evolu_record_match_tag(record, tag) != 0;
}


ngx_uint_t
ngx_http_evolu_auth_known_by_index(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator, u_char tag[EVOLU_TAG_SIZE])
{
    u_char           *p, *end;
    size_t            size;
    evolu_bytes_t     name;
    evolu_locator_t   instance;

    static u_char  names[NGX_HTTP_EVOLU_AUTH_KNOWN_NAMES];
    static u_char  text[EVOLU_LOCATOR_MAX];

    size = ngx_http_evolu_auth_known_find(store, locator,
                                          NGX_HTTP_EVOLU_AUTH_VALUE_NAMES);
    if (size > sizeof(names)) {
        return 0;
    }

    ngx_memcpy(names, ngx_http_evolu_auth_known_image, size);

    instance.scope = EVOLU_SCOPE_INSTANCE;
    instance.mode = 0;

    end = names + size;

    for (p = names; p < end; p += 1 + p[0]) {

        instance.name.len = p[0];
        instance.name.data = p + 1;

        name.data = text;
        name.len = evolu_locator_print(&instance, text);

        if (ngx_http_evolu_auth_known(store, name, tag)) {
            return 1;
        }
    }

    return 0;
}


/* The size of the value of that kind that is in the image now, 0: none. */

static size_t
ngx_http_evolu_auth_known_find(ngx_http_evolu_auth_store_t *store,
    evolu_bytes_t locator, ngx_http_evolu_auth_value_e kind)
{
    ngx_http_evolu_auth_cache_found_t  found;

    if (store->conf == NULL) {
        return 0;
    }

    (void) ngx_http_evolu_auth_cache_find(store->cache, locator,
                                          ngx_http_evolu_auth_known_image,
                                          &found);

    return (found.kind == kind) ? found.size : 0;
}
