
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_conf.h"
#include "ngx_http_evolu_auth_conf_redis.h"
#include "ngx_http_evolu_auth_spelling.h"


static ngx_array_t *ngx_http_evolu_auth_default_sources(ngx_conf_t *cf);
static ngx_array_t *ngx_http_evolu_auth_default_headers(ngx_conf_t *cf);
static char *ngx_http_evolu_auth_merge_sources(ngx_conf_t *cf,
    ngx_http_evolu_auth_loc_conf_t *conf);
static char *ngx_http_evolu_auth_merge_policy(ngx_conf_t *cf,
    ngx_http_evolu_auth_loc_conf_t *conf);
static char *ngx_http_evolu_auth_resolve_limits(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf);
static char *ngx_http_evolu_auth_load_file(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf);
static ngx_uint_t ngx_http_evolu_auth_is_published(
    ngx_http_evolu_auth_main_conf_t *mcf);
static ngx_int_t ngx_http_evolu_auth_fingerprint(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf);
static ngx_int_t ngx_http_evolu_auth_finish_headers(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf);
static ngx_int_t ngx_http_evolu_auth_finish_names(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf);
static ngx_int_t ngx_http_evolu_auth_add_identity(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_http_evolu_auth_header_t *header);
static ngx_int_t ngx_http_evolu_auth_add_name(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_str_t *name,
    ngx_http_evolu_auth_name_e kind, ngx_http_evolu_auth_source_t *source);
static ngx_uint_t ngx_http_evolu_auth_is_replaced(
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_str_t *name);
static void ngx_http_evolu_auth_conf_cleanup(void *data);


typedef struct {
    ngx_str_t                       name;
    ngx_http_evolu_auth_value_of_e  kind;
} ngx_http_evolu_auth_default_t;


static ngx_http_evolu_auth_default_t  ngx_http_evolu_auth_defaults[] = {
    { ngx_string("X-Evolu-Scope"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_SCOPE },
    { ngx_string("X-Evolu-Instance"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_INSTANCE },
    { ngx_string("X-Evolu-Campaign"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_CAMPAIGN },
    { ngx_string("X-Evolu-Livemode"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_LIVEMODE },
    { ngx_string("X-Evolu-Key-Id"), NGX_HTTP_EVOLU_AUTH_VALUE_OF_KEY_ID },
    { ngx_null_string, 0 }
};


void *
ngx_http_evolu_auth_create_main_conf(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t               *cln;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    if (evolu_digest_init() != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "evolu_auth: libsodium can't be used");
        return NULL;
    }

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_evolu_auth_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->cache = NULL;
     *     mcf->redis = NULL;
     *     mcf->peppers = NULL;
     *     mcf->file = NULL;
     *     mcf->globals = NULL;
     *     mcf->recall = NULL;
     *     mcf->file_name = { 0, NULL };
     *     mcf->names = { NULL };
     *     mcf->enabled = 0;
     *     mcf->query = 0;
     *     mcf->subrequest = 0;
     */

    if (ngx_array_init(&mcf->sources, cf->pool, 4,
                       sizeof(ngx_http_evolu_auth_source_t *))
        != NGX_OK
        || ngx_array_init(&mcf->lists, cf->pool, 4, sizeof(ngx_array_t *))
           != NGX_OK
        || ngx_array_init(&mcf->spelling, cf->pool, 2, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&mcf->failures, cf->pool, 1,
                          sizeof(ngx_http_evolu_auth_failures_t *))
           != NGX_OK
        || ngx_array_init(&mcf->limits, cf->pool, 4,
                          sizeof(ngx_http_evolu_auth_limit_t *))
           != NGX_OK)
    {
        return NULL;
    }

    mcf->default_sources = ngx_http_evolu_auth_default_sources(cf);
    mcf->default_headers = ngx_http_evolu_auth_default_headers(cf);

    if (mcf->default_sources == NULL || mcf->default_headers == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_evolu_auth_conf_cleanup;
    cln->data = mcf;

    return mcf;
}


/* What the libraries allocated, secrets among it, ends with the cycle. */

static void
ngx_http_evolu_auth_conf_cleanup(void *data)
{
    ngx_http_evolu_auth_main_conf_t  *mcf = data;

    evolu_keyfile_destroy(mcf->file);
    evolu_peppers_destroy(mcf->peppers);

    if (mcf->redis != NULL) {
        ngx_http_evolu_auth_redis_wipe(mcf->redis);
    }
}


static ngx_array_t *
ngx_http_evolu_auth_default_sources(ngx_conf_t *cf)
{
    ngx_array_t                   *sources;
    ngx_http_evolu_auth_source_t  *source;

    sources = ngx_array_create(cf->pool, 2,
                               sizeof(ngx_http_evolu_auth_source_t));
    if (sources == NULL) {
        return NULL;
    }

    source = ngx_array_push_n(sources, 2);
    if (source == NULL) {
        return NULL;
    }

    ngx_memzero(source, 2 * sizeof(ngx_http_evolu_auth_source_t));

    source[0].kind = NGX_HTTP_EVOLU_AUTH_SOURCE_HEADER;
    ngx_str_set(&source[0].name, "apikey");

    source[1].kind = NGX_HTTP_EVOLU_AUTH_SOURCE_BEARER;
    ngx_str_set(&source[1].name, "authorization");

    return sources;
}


static ngx_array_t *
ngx_http_evolu_auth_default_headers(ngx_conf_t *cf)
{
    ngx_array_t                    *headers;
    ngx_http_evolu_auth_header_t   *header;
    ngx_http_evolu_auth_default_t  *d;

    headers = ngx_array_create(cf->pool, 5,
                               sizeof(ngx_http_evolu_auth_header_t));
    if (headers == NULL) {
        return NULL;
    }

    for (d = ngx_http_evolu_auth_defaults; d->name.len; d++) {

        header = ngx_array_push(headers);
        if (header == NULL) {
            return NULL;
        }

        ngx_memzero(header, sizeof(ngx_http_evolu_auth_header_t));

        header->name = d->name;
        header->kind = d->kind;

        header->lowcase = ngx_pnalloc(cf->pool, d->name.len);
        if (header->lowcase == NULL) {
            return NULL;
        }

        header->hash = ngx_hash_strlow(header->lowcase, d->name.data,
                                       d->name.len);
    }

    return headers;
}


/* What needs all of the http block's directives. */

char *
ngx_http_evolu_auth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_evolu_auth_main_conf_t *mcf = conf;

    if (ngx_http_evolu_auth_resolve_limits(cf, mcf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (mcf->redis != NULL
        && ngx_http_evolu_auth_redis_resolve(cf, mcf->redis) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (mcf->file_name.len
        && ngx_http_evolu_auth_load_file(cf, mcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* A zone may be declared after the limits that name it. */

static char *
ngx_http_evolu_auth_resolve_limits(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf)
{
    ngx_uint_t                     i;
    ngx_http_evolu_auth_limit_t  **limit;

    limit = mcf->limits.elts;

    for (i = 0; i < mcf->limits.nelts; i++) {

        if (limit[i]->zone.lengths != NULL) {
            continue;
        }

        limit[i]->failures = ngx_http_evolu_auth_failures_find(&mcf->failures,
                                                       &limit[i]->zone.value);

        if (limit[i]->failures == NULL) {
            ngx_http_evolu_auth_conf_error(cf, &limit[i]->place,
                              "unknown failure zone \"%V\"; add "
                              "\"evolu_auth_failure_zone zone=%V:SIZE "
                              "rate=RATE\" to http",
                              &limit[i]->zone.value, &limit[i]->zone.value);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_load_file(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf)
{
    unsigned       line;
    ngx_str_t      text;
    evolu_fault_t  fault;

    if (ngx_http_evolu_auth_conf_read(cf, &mcf->file_name, &mcf->file_place,
                                      NGX_HTTP_EVOLU_AUTH_FILE_MAX, &text)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf->file = evolu_keyfile_parse(ngx_http_evolu_auth_bytes(&text),
                                    mcf->peppers, &line, &fault);
    ngx_http_evolu_auth_conf_free(&text);

    if (mcf->file == NULL && line == 0) {
        ngx_http_evolu_auth_conf_error(cf, &mcf->file_place,
                                       "no memory for key file \"%V\"",
                                       &mcf->file_name);
        return NGX_CONF_ERROR;
    }

    if (mcf->file == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "evolu_auth: %s in %V:%ui, the key file of %V:%ui",
                      evolu_fault_text(fault), &mcf->file_name,
                      (ngx_uint_t) line, &mcf->file_place.file,
                      mcf->file_place.line);
        return NGX_CONF_ERROR;
    }

    mcf->globals = evolu_keyfile_find(mcf->file, evolu_literal("global"));

    if (mcf->globals != NULL && ngx_http_evolu_auth_is_published(mcf)) {
        ngx_http_evolu_auth_conf_error(cf, &mcf->file_place,
                          "a global key in \"%V\" is a sample that Evolution "
                          "API publishes; create another one with "
                          "\"evolu-keys create global\"",
                          &mcf->file_name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Everybody knows these: a server that kept the sample is open. */

static ngx_uint_t
ngx_http_evolu_auth_is_published(ngx_http_evolu_auth_main_conf_t *mcf)
{
    ngx_uint_t       i, found;
    evolu_digests_t  d;

    static evolu_bytes_t  samples[] = {
        { (u_char *) "429683C4C977415CAAFCCE10F7D57E11", 32 },
        { (u_char *) "BQYHJGJHJ", 9 }
    };

    found = 0;

    for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {

        ngx_memzero(&d, sizeof(evolu_digests_t));
        d.text = samples[i];

        if (evolu_record_match(mcf->globals, &d, mcf->peppers)) {
            found = 1;
        }

        evolu_digests_wipe(&d);
    }

    return found;
}


void *
ngx_http_evolu_auth_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_evolu_auth_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_evolu_auth_loc_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     conf->scopes = 0;
     *     conf->challenge = { 0, NULL };
     *     conf->place = { { 0, NULL }, 0 };
     *     conf->policy = { 0 };
     *     conf->source_set = 0;
     */

    conf->enable = NGX_CONF_UNSET_UINT;
    conf->modes = NGX_CONF_UNSET_UINT;
    conf->format = NGX_CONF_UNSET_UINT;
    conf->status = NGX_CONF_UNSET_UINT;
    conf->token_index = NGX_CONF_UNSET;
    conf->hide = NGX_CONF_UNSET;
    conf->preflight = NGX_CONF_UNSET;
    conf->instance = NGX_CONF_UNSET_PTR;
    conf->campaign = NGX_CONF_UNSET_PTR;
    conf->sources = NGX_CONF_UNSET_PTR;
    conf->reserved = NGX_CONF_UNSET_PTR;
    conf->headers = NGX_CONF_UNSET_PTR;
    conf->limit = NGX_CONF_UNSET_PTR;

    return conf;
}


char *
ngx_http_evolu_auth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_evolu_auth_loc_conf_t *prev = parent;
    ngx_http_evolu_auth_loc_conf_t *conf = child;

    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    ngx_conf_merge_uint_value(conf->enable, prev->enable,
                              NGX_HTTP_EVOLU_AUTH_OFF);
    ngx_conf_merge_uint_value(conf->modes, prev->modes,
                              EVOLU_MODE_LIVE|EVOLU_MODE_TEST);
    ngx_conf_merge_uint_value(conf->format, prev->format,
                              NGX_HTTP_EVOLU_AUTH_FORMAT_EVOLU);
    ngx_conf_merge_uint_value(conf->status, prev->status, 0);
    ngx_conf_merge_value(conf->token_index, prev->token_index, 0);
    ngx_conf_merge_value(conf->hide, prev->hide, 1);
    ngx_conf_merge_value(conf->preflight, prev->preflight, 0);
    ngx_conf_merge_ptr_value(conf->instance, prev->instance, NULL);
    ngx_conf_merge_ptr_value(conf->campaign, prev->campaign, NULL);
    ngx_conf_merge_ptr_value(conf->sources, prev->sources,
                             mcf->default_sources);
    ngx_conf_merge_ptr_value(conf->reserved, prev->reserved, NULL);
    ngx_conf_merge_ptr_value(conf->headers, prev->headers,
                             mcf->default_headers);
    ngx_conf_merge_ptr_value(conf->limit, prev->limit, NULL);
    ngx_conf_merge_str_value(conf->challenge, prev->challenge,
                             "Bearer realm=\"evolu\"");

    if (conf->scopes == 0) {
        conf->scopes = prev->scopes;
    }

    if (conf->place.line == 0) {
        conf->place = prev->place;
    }

    if (conf->enable == NGX_HTTP_EVOLU_AUTH_OFF) {
        return NGX_CONF_OK;
    }

    if (ngx_http_evolu_auth_merge_sources(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_evolu_auth_merge_policy(cf, conf);
}


/* Gives each source in force its number in the http block's set. */

static char *
ngx_http_evolu_auth_merge_sources(ngx_conf_t *cf,
    ngx_http_evolu_auth_loc_conf_t *conf)
{
    ngx_uint_t                         i, n;
    ngx_http_evolu_auth_source_t      *source, **known;
    ngx_http_evolu_auth_main_conf_t   *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    source = conf->sources->elts;

    for (i = 0; i < conf->sources->nelts; i++) {

        known = mcf->sources.elts;

        for (n = 0; n < mcf->sources.nelts; n++) {

            if (known[n]->kind == source[i].kind
                && known[n]->name.len == source[i].name.len
                && ngx_strncmp(known[n]->name.data, source[i].name.data,
                               source[i].name.len)
                   == 0)
            {
                break;
            }
        }

        if (n == NGX_HTTP_EVOLU_AUTH_SOURCES) {
            ngx_http_evolu_auth_conf_error(cf, &conf->place,
                              "more than %d different credential sources",
                              NGX_HTTP_EVOLU_AUTH_SOURCES);
            return NGX_CONF_ERROR;
        }

        if (n == mcf->sources.nelts) {

            known = ngx_array_push(&mcf->sources);
            if (known == NULL) {
                return NGX_CONF_ERROR;
            }

            *known = &source[i];
        }

        source[i].index = n;
        conf->source_set |= (uint32_t) 1 << n;

        if (source[i].kind == NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY) {
            mcf->query = 1;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_evolu_auth_merge_policy(ngx_conf_t *cf,
    ngx_http_evolu_auth_loc_conf_t *conf)
{
    evolu_policy_t            *policy;
    ngx_http_core_loc_conf_t  *clcf;

    policy = &conf->policy;

    policy->instance = (conf->instance != NULL);
    policy->campaign = (conf->campaign != NULL);
    policy->token_index = conf->token_index;
    policy->modes = conf->modes;
    policy->scopes = conf->scopes;

    if (policy->scopes == 0) {
        policy->scopes = EVOLU_SCOPE_GLOBAL;

        if (policy->instance) {
            policy->scopes |= EVOLU_SCOPE_INSTANCE;
        }

        if (policy->campaign || !policy->instance) {
            policy->scopes |= EVOLU_SCOPE_CAMPAIGN;
        }
    }

    if (!(policy->scopes & EVOLU_SCOPE_INSTANCE)
        || policy->instance || policy->token_index)
    {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /*
     * A server is a location too, but one with locations may leave it to them;
     * an "if" says nothing of its own.
     */

    if ((clcf->name.len == 0 && clcf->locations != NULL)
        || (clcf->noname && !clcf->lmt_excpt))
    {
        return NGX_CONF_OK;
    }

    ngx_http_evolu_auth_conf_error(cf, &conf->place,
                      "scope \"instance\" is accepted%s%V%s where no instance "
                      "is addressed; add \"evolu_auth_instance\" or "
                      "\"evolu_auth_token_index on\"",
                      clcf->name.len ? " in location \"" : "", &clcf->name,
                      clcf->name.len ? "\"" : "");

    return NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_evolu_auth_conf_finish(ngx_conf_t *cf)
{
    ngx_str_t                         name;
    ngx_http_evolu_auth_main_conf_t  *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_evolu_auth_module);

    if (ngx_http_evolu_auth_spelling_finish(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mcf->cache == NULL && mcf->status_place.line != 0) {
        ngx_http_evolu_auth_conf_error(cf, &mcf->status_place,
                          "\"evolu_auth_status\" needs a zone; add "
                          "\"evolu_auth_zone zone=NAME:SIZE\" to http");
        return NGX_ERROR;
    }

    if (!mcf->enabled) {
        return NGX_OK;
    }

    if (mcf->cache == NULL) {
        ngx_http_evolu_auth_conf_error(cf, &mcf->on_place,
                          "\"evolu_auth\" needs a zone; add "
                          "\"evolu_auth_zone zone=NAME:SIZE\" to http");
        return NGX_ERROR;
    }

    if (mcf->redis == NULL && mcf->file == NULL) {
        ngx_http_evolu_auth_conf_error(cf, &mcf->on_place,
                          "\"evolu_auth\" needs a store; add "
                          "\"evolu_auth_redis\" or \"evolu_auth_key_file\" "
                          "to http");
        return NGX_ERROR;
    }

    if (mcf->cache->preload && mcf->redis == NULL) {
        ngx_http_evolu_auth_conf_error(cf, &mcf->on_place,
                          "\"preload\" of \"evolu_auth_zone\" needs "
                          "\"evolu_auth_redis\"");
        return NGX_ERROR;
    }

    if (ngx_http_evolu_auth_fingerprint(cf, mcf) != NGX_OK
        || ngx_http_evolu_auth_finish_headers(cf, mcf) != NGX_OK
        || ngx_http_evolu_auth_finish_names(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&name, "request_uri");

    mcf->request_uri = ngx_http_get_variable_index(cf, &name);
    if (mcf->request_uri == NGX_ERROR) {
        return NGX_ERROR;
    }

    mcf->store.cache = mcf->cache;
    mcf->store.conf = mcf->redis;
    /* lookups are spared a file that holds global keys alone */

    mcf->store.file = (evolu_keyfile_count(mcf->file)
                       > (size_t) (mcf->globals != NULL))
                      ? mcf->file : NULL;
    mcf->store.peppers = mcf->peppers;

    return NGX_OK;
}


/*
 * What the records in the zone were read from and matched against.  Global
 * keys belong to it: a tag in an instance's record says as well that the
 * credential is none of them.
 */

static ngx_int_t
ngx_http_evolu_auth_fingerprint(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf)
{
    u_char             *p, *text;
    size_t              size;
    u_char              peppers[EVOLU_FINGERPRINT_SIZE];
    u_char              digest[EVOLU_DIGEST_SIZE];
    evolu_bytes_t       all;
    evolu_algorithm_t   plain;

    size = EVOLU_FINGERPRINT_SIZE + NGX_INT_T_LEN + 4;

    if (mcf->globals != NULL) {
        size += mcf->globals->size;
    }

    if (mcf->redis != NULL) {
        size += mcf->redis->text.len + mcf->redis->prefix.len;
    }

    text = ngx_pnalloc(cf->temp_pool, size);
    if (text == NULL) {
        return NGX_ERROR;
    }

    evolu_peppers_fingerprint(mcf->peppers, peppers);
    p = ngx_cpymem(text, peppers, EVOLU_FINGERPRINT_SIZE);

    if (mcf->globals != NULL) {
        p = ngx_cpymem(p, mcf->globals, mcf->globals->size);
    }

    if (mcf->redis != NULL) {
        p = ngx_sprintf(p, "\n%V\n%V\n%ui", &mcf->redis->text,
                        &mcf->redis->prefix, mcf->redis->db);
    }

    all.data = text;
    all.len = p - text;

    plain.pepper = EVOLU_PEPPER_NONE;
    plain.secret = 0;

    evolu_digest(plain, NULL, all, digest);

    ngx_memcpy(mcf->cache->fingerprint, digest, EVOLU_FINGERPRINT_SIZE);

    return NGX_OK;
}


/* What is known of an injected header only when all sources are known. */

static ngx_int_t
ngx_http_evolu_auth_finish_headers(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf)
{
    ngx_uint_t                      i, n;
    ngx_array_t                   **lists;
    ngx_http_header_t              *hh;
    ngx_http_core_main_conf_t      *cmcf;
    ngx_http_evolu_auth_header_t   *header;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    lists = ngx_array_push(&mcf->lists);
    if (lists == NULL) {
        return NGX_ERROR;
    }

    *lists = mcf->default_headers;

    lists = mcf->lists.elts;

    for (i = 0; i < mcf->lists.nelts; i++) {

        header = lists[i]->elts;

        for (n = 0; n < lists[i]->nelts; n++) {

            header[n].replaces = ngx_http_evolu_auth_is_replaced(mcf,
                                                           &header[n].name);

            hh = ngx_hash_find(&cmcf->headers_in_hash, header[n].hash,
                               header[n].lowcase, header[n].name.len);

            if (hh != NULL) {
                header[n].offset = hh->offset;
            }
        }
    }

    return NGX_OK;
}


/* The table of header names that every request is searched for. */

static ngx_int_t
ngx_http_evolu_auth_finish_names(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf)
{
    ngx_str_t                        name;
    ngx_uint_t                       i, n;
    ngx_array_t                    **lists;
    ngx_http_evolu_auth_header_t    *header;
    ngx_http_evolu_auth_source_t   **source;

    lists = mcf->lists.elts;

    for (i = 0; i < mcf->lists.nelts; i++) {

        header = lists[i]->elts;

        for (n = 0; n < lists[i]->nelts; n++) {

            if (ngx_http_evolu_auth_add_identity(cf, mcf, &header[n])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    source = mcf->sources.elts;

    for (i = 0; i < mcf->sources.nelts; i++) {

        if (source[i]->kind != NGX_HTTP_EVOLU_AUTH_SOURCE_QUERY
            && ngx_http_evolu_auth_add_name(cf, mcf, &source[i]->name,
                                            NGX_HTTP_EVOLU_AUTH_NAME_SOURCE,
                                            source[i])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_str_set(&name, "connection");

    return ngx_http_evolu_auth_add_name(cf, mcf, &name,
                                        NGX_HTTP_EVOLU_AUTH_NAME_CONNECTION,
                                        NULL);
}


static ngx_int_t
ngx_http_evolu_auth_add_identity(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_http_evolu_auth_header_t *header)
{
    size_t                       i;
    ngx_str_t                    folded, *name;
    ngx_http_evolu_auth_name_t  *known;
    ngx_http_evolu_auth_name_e   kind;

    name = &header->name;
    kind = header->replaces ? NGX_HTTP_EVOLU_AUTH_NAME_REPLACED
                            : NGX_HTTP_EVOLU_AUTH_NAME_IDENTITY;

    folded.len = name->len;
    folded.data = ngx_pnalloc(cf->pool, name->len);
    if (folded.data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        folded.data[i] = ngx_http_evolu_auth_fold(name->data[i]);
    }

    known = mcf->names[name->len % NGX_HTTP_EVOLU_AUTH_LENGTHS];

    for ( /* void */ ; known; known = known->next) {

        if (known->kind == kind
            && known->name.len == folded.len
            && ngx_strncmp(known->name.data, folded.data, folded.len) == 0)
        {
            return NGX_OK;
        }
    }

    return ngx_http_evolu_auth_add_name(cf, mcf, &folded, kind, NULL);
}


static ngx_int_t
ngx_http_evolu_auth_add_name(ngx_conf_t *cf,
    ngx_http_evolu_auth_main_conf_t *mcf, ngx_str_t *name,
    ngx_http_evolu_auth_name_e kind, ngx_http_evolu_auth_source_t *source)
{
    u_char                      *lowcase;
    ngx_uint_t                   hash;
    ngx_http_header_t           *hh;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_http_evolu_auth_name_t  *entry, **chain;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    entry = ngx_palloc(cf->pool, sizeof(ngx_http_evolu_auth_name_t));
    if (entry == NULL) {
        return NGX_ERROR;
    }

    chain = &mcf->names[name->len % NGX_HTTP_EVOLU_AUTH_LENGTHS];

    lowcase = ngx_pnalloc(cf->temp_pool, name->len);
    if (lowcase == NULL) {
        return NGX_ERROR;
    }

    hash = ngx_hash_strlow(lowcase, name->data, name->len);
    hh = ngx_hash_find(&cmcf->headers_in_hash, hash, lowcase, name->len);

    entry->name = *name;
    entry->kind = kind;
    entry->source = source;
    entry->offset = (hh != NULL) ? hh->offset : 0;
    entry->next = *chain;

    *chain = entry;

    return NGX_OK;
}


/*
 * 1 for names that clients use for something else as well: they are not
 * removed everywhere, but replaced where one is injected.
 */

static ngx_uint_t
ngx_http_evolu_auth_is_replaced(ngx_http_evolu_auth_main_conf_t *mcf,
    ngx_str_t *name)
{
    ngx_uint_t                       i;
    ngx_http_evolu_auth_source_t   **source;

    if ((name->len == sizeof("Authorization") - 1
         && ngx_strncasecmp(name->data, (u_char *) "Authorization", name->len)
            == 0)
        || (name->len == sizeof("Cookie") - 1
            && ngx_strncasecmp(name->data, (u_char *) "Cookie", name->len)
               == 0))
    {
        return 1;
    }

    source = mcf->sources.elts;

    for (i = 0; i < mcf->sources.nelts; i++) {

        if (source[i]->kind == NGX_HTTP_EVOLU_AUTH_SOURCE_HEADER
            && source[i]->name.len == name->len
            && ngx_strncasecmp(source[i]->name.data, name->data, name->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}
