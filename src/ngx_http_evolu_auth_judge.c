
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_answer.h"
#include "ngx_http_evolu_auth_facts.h"
#include "ngx_http_evolu_auth_judge.h"
#include "ngx_http_evolu_auth_known.h"
#include "ngx_http_evolu_auth_recall.h"


/* bytes of a failure zone's name that are logged, where there is none */
#define NGX_HTTP_EVOLU_AUTH_ZONE_MAX  64


/* what one judgement needs besides the context; lives on the stack */

typedef struct {
    ngx_http_request_t               *request;
    ngx_http_evolu_auth_ctx_t        *ctx;
    ngx_http_evolu_auth_main_conf_t  *mcf;
    ngx_http_evolu_auth_loc_conf_t   *lcf;
    evolu_digests_t                   digests;
    evolu_next_t                      next;
    evolu_bytes_t                     locator;
    uint64_t                          matched;   /* entries of the record */
    ngx_http_evolu_auth_answer_t      answer;    /* when peeked */
    unsigned                          peeked:1;  /* the store was asked, and
                                                    the answer is there */
    ngx_uint_t                        tagged;    /* 1: tag is there */
    u_char                            tag[EVOLU_TAG_SIZE];
    u_char                            name[EVOLU_LOCATOR_MAX];
} ngx_http_evolu_auth_judge_t;


static ngx_int_t ngx_http_evolu_auth_judge_recall(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_throttle(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_failures(
    ngx_http_evolu_auth_judge_t *j, ngx_http_evolu_auth_failures_t **failures);
static void ngx_http_evolu_auth_judge_charge(ngx_http_evolu_auth_judge_t *j);
static uint64_t ngx_http_evolu_auth_judge_global(
    ngx_http_evolu_auth_judge_t *j);
static ngx_uint_t ngx_http_evolu_auth_judge_peek(
    ngx_http_evolu_auth_judge_t *j);
static ngx_uint_t ngx_http_evolu_auth_judge_is_known(
    ngx_http_evolu_auth_judge_t *j);
static ngx_uint_t ngx_http_evolu_auth_judge_is_global(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_record(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_token(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_names(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_lookup(
    ngx_http_evolu_auth_judge_t *j, ngx_http_evolu_auth_read_e kind,
    ngx_http_evolu_auth_answer_t *answer);
static ngx_int_t ngx_http_evolu_auth_judge_by(ngx_http_evolu_auth_judge_t *j,
    ngx_http_evolu_auth_answer_t *answer, evolu_verdict_t *verdict);
static void ngx_http_evolu_auth_judge_locator(ngx_http_evolu_auth_judge_t *j,
    evolu_scope_t scope, evolu_bytes_t name);
static ngx_int_t ngx_http_evolu_auth_judge_token_locator(
    ngx_http_evolu_auth_judge_t *j);
static u_char *ngx_http_evolu_auth_judge_tag(ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_done(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_identity(
    ngx_http_evolu_auth_judge_t *j);
static ngx_int_t ngx_http_evolu_auth_judge_encode(ngx_pool_t *pool,
    evolu_bytes_t name, ngx_str_t *out);
static void ngx_http_evolu_auth_judge_release(void *data);


ngx_int_t
ngx_http_evolu_auth_judge(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx, ngx_http_evolu_auth_loc_conf_t *lcf)
{
    ngx_int_t                    rc;
    ngx_uint_t                   done;
    ngx_http_evolu_auth_judge_t  j;

    j.request = r;
    j.ctx = ctx;
    j.lcf = lcf;
    j.mcf = ngx_http_get_module_main_conf(r, ngx_http_evolu_auth_module);
    j.peeked = 0;
    j.tagged = 0;

    if (ctx->result != NGX_HTTP_EVOLU_AUTH_RESULT_WAITING) {

        rc = ngx_http_evolu_auth_facts_gather(r, ctx, lcf, &done);

        if (rc != NGX_OK || done) {
            return rc;
        }

        rc = ngx_http_evolu_auth_judge_recall(&j);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        ctx->facts.address = ngx_http_evolu_auth_facts_address(r);
    }

    j.digests.n = 0;
    j.digests.text = ctx->facts.credential.text;
    j.digests.secret = ctx->facts.credential.secret;

    rc = NGX_OK;

    if (ctx->result == NGX_HTTP_EVOLU_AUTH_RESULT_WAITING) {
        j.next = ctx->next;

        /* a key may have ended while its record was waited for */

        ctx->facts.now = ngx_time();

    } else if (ngx_http_evolu_auth_judge_throttle(&j) != NGX_OK) {
        j.next = EVOLU_NEXT_DONE;
        rc = NGX_ERROR;

    } else {
        j.next = evolu_verdict_admit(&lcf->policy, &ctx->facts,
                                     j.mcf->globals,
                                     ngx_http_evolu_auth_judge_global(&j),
                                     &ctx->verdict);
        ctx->next = j.next;
    }

    switch (j.next) {

    case EVOLU_NEXT_CAMPAIGN:
    case EVOLU_NEXT_INSTANCE:
        rc = ngx_http_evolu_auth_judge_record(&j);
        break;

    case EVOLU_NEXT_TOKEN:
        rc = ngx_http_evolu_auth_judge_token(&j);
        break;

    default: /* EVOLU_NEXT_DONE */
        break;
    }

    if (j.digests.n) {
        evolu_digests_wipe(&j.digests);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_evolu_auth_judge_done(&j);
}


/*
 * The verdict that was given to the same before.  NGX_OK; NGX_DECLINED: there
 * is none, and the credential was looked at byte by byte; NGX_ERROR.
 */

static ngx_int_t
ngx_http_evolu_auth_judge_recall(ngx_http_evolu_auth_judge_t *j)
{
    ngx_int_t                   rc;
    evolu_facts_t              *facts;
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = j->ctx;
    facts = &ctx->facts;

    if (facts->status != EVOLU_CREDENTIAL_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_http_evolu_auth_recall_find(j->request, j->mcf->recall, ctx,
                                         j->tag, &j->tagged);

    if (rc == NGX_DECLINED) {
        facts->status = evolu_credential_check(&facts->credential);
        return NGX_DECLINED;
    }

    return (rc == NGX_OK) ? ngx_http_evolu_auth_judge_done(j) : rc;
}


/*
 * The failure limit.  A client whose bucket is full is throttled, unless it
 * shows a credential that was verified before; what it does then is charged to
 * nobody.  A request is charged once, and judged to its end by all locations
 * that it is redirected to, or an error_page would turn 401 into 429.
 */

static ngx_int_t
ngx_http_evolu_auth_judge_throttle(ngx_http_evolu_auth_judge_t *j)
{
    uint64_t                         wait;
    evolu_facts_t                   *facts;
    ngx_http_evolu_auth_ctx_t       *ctx;
    ngx_http_evolu_auth_failures_t  *failures;

    ctx = j->ctx;
    facts = &ctx->facts;

    if (j->lcf->limit == NULL || ctx->charged
        || facts->address.family == EVOLU_ADDRESS_NONE)
    {
        return NGX_OK;
    }

    if (ngx_http_evolu_auth_judge_failures(j, &failures) != NGX_OK) {
        return NGX_ERROR;
    }

    if (failures == NULL) {
        return NGX_OK;
    }

    wait = ngx_http_evolu_auth_failures_wait(failures, &facts->address,
                                             j->lcf->limit->burst);

    if (wait != 0) {
        ctx->retry_after = wait / 1000 + (wait % 1000 != 0);
        facts->throttled = facts->status != EVOLU_CREDENTIAL_OK
                           || !(ngx_http_evolu_auth_judge_is_known(j)
                                || ngx_http_evolu_auth_failures_remembers(
                                            failures,
                                            ngx_http_evolu_auth_judge_tag(j)));

    } else if (j->lcf->enable != NGX_HTTP_EVOLU_AUTH_REPORT) {
        ctx->failures = failures;
    }

    return NGX_OK;
}


/* The zone that the limit names for this request; NULL: it is exempt. */

static ngx_int_t
ngx_http_evolu_auth_judge_failures(ngx_http_evolu_auth_judge_t *j,
    ngx_http_evolu_auth_failures_t **failures)
{
    u_char                       *last;
    ngx_str_t                     name;
    evolu_bytes_t                 shown;
    ngx_http_evolu_auth_limit_t  *limit;
    u_char                        text[4 * NGX_HTTP_EVOLU_AUTH_ZONE_MAX];

    limit = j->lcf->limit;
    *failures = limit->failures;

    if (limit->failures != NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(j->request, &limit->zone, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    if (name.len == 0
        || (name.len == 3 && ngx_strncmp(name.data, "off", 3) == 0))
    {
        return NGX_OK;
    }

    *failures = ngx_http_evolu_auth_failures_find(&j->mcf->failures, &name);

    if (*failures == NULL) {

        /* whatever a client may have made of it */

        shown = ngx_http_evolu_auth_bytes(&name);
        shown.len = ngx_min(shown.len, NGX_HTTP_EVOLU_AUTH_ZONE_MAX);
        last = ngx_http_evolu_auth_answer_escape(text, shown);

        ngx_log_error(NGX_LOG_ERR, j->request->connection->log, 0,
                      "evolu_auth: unknown failure zone \"%*s\" by \"%V\"",
                      (size_t) (last - text), text, &limit->zone.value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Guesses are charged; a key that is good, or was, and an outage are not. */

static void
ngx_http_evolu_auth_judge_charge(ngx_http_evolu_auth_judge_t *j)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = j->ctx;

    if (ctx->failures == NULL) {
        return;
    }

    switch (ctx->verdict.reason) {

    case EVOLU_REASON_DUPLICATE:
    case EVOLU_REASON_MALFORMED:
    case EVOLU_REASON_WRONG_FAMILY:
    case EVOLU_REASON_UNKNOWN:
    case EVOLU_REASON_BAD_SECRET:
        ngx_http_evolu_auth_failures_charge(ctx->failures,
                                            &ctx->facts.address);
        ctx->charged = 1;
        break;

    default:
        break;
    }
}


/*
 * The entries of the global record that the credential matches.  A credential
 * whose tag stands in the record of the addressed instance was compared with
 * the global keys when that tag was set, and matched none: that record is
 * needed next anyway.
 */

static uint64_t
ngx_http_evolu_auth_judge_global(ngx_http_evolu_auth_judge_t *j)
{
    u_char          *tag;
    uint64_t         matched;
    evolu_record_t  *globals;

    globals = j->mcf->globals;

    if (globals == NULL
        || !evolu_verdict_tries_global(&j->lcf->policy, &j->ctx->facts))
    {
        return 0;
    }

    tag = ngx_http_evolu_auth_judge_tag(j);

    matched = evolu_record_match_tag(globals, tag);

    if (matched || ngx_http_evolu_auth_judge_peek(j)) {
        return matched;
    }

    matched = evolu_record_match(globals, &j->digests, j->mcf->peppers);

    if (matched) {
        evolu_record_set_tag(globals, matched, tag);
    }

    return matched;
}


/*
 * Looks the record of the addressed instance up, where that takes no waiting.
 * 1 when the credential was verified before against it.
 */

static ngx_uint_t
ngx_http_evolu_auth_judge_peek(ngx_http_evolu_auth_judge_t *j)
{
    evolu_facts_t    *facts;
    evolu_verdict_t   verdict;

    facts = &j->ctx->facts;

    if (evolu_verdict_admit(&j->lcf->policy, facts, NULL, 0, &verdict)
        != EVOLU_NEXT_INSTANCE)
    {
        return 0;
    }

    ngx_http_evolu_auth_judge_locator(j, EVOLU_SCOPE_INSTANCE,
                                      facts->instance);

    ngx_http_evolu_auth_store_lookup(&j->mcf->store, j->request,
                                     NGX_HTTP_EVOLU_AUTH_READ_HASH,
                                     j->locator, 0, NULL, &j->answer);

    j->peeked = (j->answer.rc != NGX_BUSY);

    return j->answer.rc == NGX_OK
           && evolu_record_match_tag(j->answer.record,
                                     ngx_http_evolu_auth_judge_tag(j))
              != 0;
}


/*
 * 1 when the credential was verified before against a record at hand.  Nothing
 * waits, and no digest is computed but to look into the index.
 */

static ngx_uint_t
ngx_http_evolu_auth_judge_is_known(ngx_http_evolu_auth_judge_t *j)
{
    u_char           *tag;
    evolu_facts_t    *facts;
    evolu_verdict_t   verdict;

    facts = &j->ctx->facts;

    switch (evolu_verdict_admit(&j->lcf->policy, facts, NULL, 0, &verdict)) {

    case EVOLU_NEXT_CAMPAIGN:
        ngx_http_evolu_auth_judge_locator(j, EVOLU_SCOPE_CAMPAIGN,
                                          facts->credential.slug);
        break;

    case EVOLU_NEXT_INSTANCE:
        ngx_http_evolu_auth_judge_locator(j, EVOLU_SCOPE_INSTANCE,
                                          facts->instance);
        break;

    case EVOLU_NEXT_TOKEN:

        if (ngx_http_evolu_auth_judge_token_locator(j) != NGX_OK) {
            return 0;
        }

        tag = ngx_http_evolu_auth_judge_tag(j);

        return ngx_http_evolu_auth_known_by_index(&j->mcf->store, j->locator,
                                                  tag);

    default: /* EVOLU_NEXT_DONE */
        return 0;
    }

    tag = ngx_http_evolu_auth_judge_tag(j);

    return ngx_http_evolu_auth_known(&j->mcf->store, j->locator, tag);
}


/*
 * 1 when the credential is a global key as well, whether or not this location
 * accepts such: then no tag may say that it is none.
 */

static ngx_uint_t
ngx_http_evolu_auth_judge_is_global(ngx_http_evolu_auth_judge_t *j)
{
    return j->mcf->globals != NULL
           && evolu_record_match(j->mcf->globals, &j->digests, j->mcf->peppers)
              != 0;
}


/* By the record of the credential's campaign or of the addressed instance. */

static ngx_int_t
ngx_http_evolu_auth_judge_record(ngx_http_evolu_auth_judge_t *j)
{
    ngx_int_t                      rc;
    evolu_facts_t                 *facts;
    ngx_http_evolu_auth_answer_t   answer;

    facts = &j->ctx->facts;

    if (j->next == EVOLU_NEXT_CAMPAIGN) {
        ngx_http_evolu_auth_judge_locator(j, EVOLU_SCOPE_CAMPAIGN,
                                          facts->credential.slug);

    } else if (!j->peeked) {
        ngx_http_evolu_auth_judge_locator(j, EVOLU_SCOPE_INSTANCE,
                                          facts->instance);
    }

    rc = ngx_http_evolu_auth_judge_lookup(j, NGX_HTTP_EVOLU_AUTH_READ_HASH,
                                          &answer);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_evolu_auth_judge_by(j, &answer, &j->ctx->verdict) != NGX_OK) {
        return NGX_ERROR;
    }

    if (j->ctx->verdict.reason == EVOLU_REASON_OK) {
        ngx_http_evolu_auth_recall_keep(j->mcf->recall, j->ctx, &answer,
                                        j->matched,
                                        ngx_http_evolu_auth_judge_tag(j));
    }

    return NGX_OK;
}


/*
 * By the token index: the names that the token's set holds, then each name's
 * own record, which alone decides.
 */

static ngx_int_t
ngx_http_evolu_auth_judge_token(ngx_http_evolu_auth_judge_t *j)
{
    ngx_int_t                      rc;
    ngx_http_evolu_auth_ctx_t     *ctx;
    ngx_http_evolu_auth_names_t   *names;
    ngx_http_evolu_auth_answer_t   answer;

    ctx = j->ctx;

    if (ctx->names == NULL) {

        if (ngx_http_evolu_auth_judge_token_locator(j) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_evolu_auth_judge_lookup(j, NGX_HTTP_EVOLU_AUTH_READ_SET,
                                              &answer);
        if (rc != NGX_OK) {
            return rc;
        }

        if (answer.rc == NGX_BUSY) {
            ctx->verdict.reason = EVOLU_REASON_UNAVAILABLE;
            return NGX_OK;
        }

        if (answer.rc != NGX_OK) {
            ctx->verdict.reason = EVOLU_REASON_UNKNOWN;
            return NGX_OK;
        }

        names = ngx_palloc(j->request->pool,
                           sizeof(ngx_http_evolu_auth_names_t) + answer.size);
        if (names == NULL) {
            return NGX_ERROR;
        }

        names->left = (u_char *) (names + 1);
        names->end = ngx_cpymem(names->left, answer.names, answer.size);
        names->refused = ctx->verdict;
        names->refused.reason = EVOLU_REASON_UNKNOWN;
        names->candidates = 0;

        ctx->names = names;

        ngx_http_evolu_auth_store_release(&ctx->waiter);
    }

    return ngx_http_evolu_auth_judge_names(j);
}


/*
 * Judges by each name that is left.  One that can't be asked makes the request
 * unavailable: the names that allow would be known in part only.
 */

static ngx_int_t
ngx_http_evolu_auth_judge_names(ngx_http_evolu_auth_judge_t *j)
{
    ngx_int_t                      rc;
    evolu_bytes_t                  name;
    evolu_verdict_t                verdict;
    ngx_http_evolu_auth_ctx_t     *ctx;
    ngx_http_evolu_auth_names_t   *names;
    ngx_http_evolu_auth_answer_t   answer;

    ctx = j->ctx;
    names = ctx->names;

    while (names->left < names->end) {

        name.len = names->left[0];
        name.data = names->left + 1;

        ngx_http_evolu_auth_judge_locator(j, EVOLU_SCOPE_INSTANCE, name);

        rc = ngx_http_evolu_auth_judge_lookup(j, NGX_HTTP_EVOLU_AUTH_READ_HASH,
                                              &answer);
        if (rc != NGX_OK) {
            return rc;
        }

        verdict = ctx->verdict;

        if (ngx_http_evolu_auth_judge_by(j, &answer, &verdict) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_evolu_auth_store_release(&ctx->waiter);

        if (verdict.reason == EVOLU_REASON_UNAVAILABLE) {
            ctx->verdict = verdict;
            return NGX_OK;
        }

        if (verdict.reason != EVOLU_REASON_OK) {

            if (names->refused.reason == EVOLU_REASON_UNKNOWN) {
                names->refused = verdict;
            }

        } else if (names->candidates++ == 0) {

            names->candidate = verdict;

            if (ngx_http_evolu_auth_judge_encode(j->request->pool, name,
                                                 &ctx->instance)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        names->left += 1 + name.len;
    }

    if (names->candidates == 0) {
        ctx->verdict = names->refused;
        return NGX_OK;
    }

    ctx->verdict = names->candidate;

    if (names->candidates > 1) {
        /* the token alone does not say which one is meant */
        ngx_str_null(&ctx->instance);
    }

    return NGX_OK;
}


/*
 * Looks j->locator up, or takes the answer that was waited for.  NGX_OK:
 * *answer is there (its rc says what); NGX_AGAIN: waiting.
 */

static ngx_int_t
ngx_http_evolu_auth_judge_lookup(ngx_http_evolu_auth_judge_t *j,
    ngx_http_evolu_auth_read_e kind, ngx_http_evolu_auth_answer_t *answer)
{
    ngx_http_cleanup_t         *cln;
    ngx_http_request_t         *r;
    ngx_http_evolu_auth_ctx_t  *ctx;

    r = j->request;
    ctx = j->ctx;

    if (ctx->result == NGX_HTTP_EVOLU_AUTH_RESULT_WAITING) {
        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_NONE;
        ctx->waited += ngx_current_msec - ctx->waiter.begin;

        *answer = ctx->waiter.answer;
        ctx->from = answer->from;

        return NGX_OK;
    }

    if (j->peeked) {
        *answer = j->answer;
        ctx->from = answer->from;
        j->peeked = 0;

        return NGX_OK;
    }

    ngx_http_evolu_auth_store_lookup(&j->mcf->store, r, kind, j->locator,
                                     !r->post_action, &ctx->waiter, answer);

    if (answer->rc != NGX_AGAIN) {
        ctx->from = answer->from;
        return NGX_OK;
    }

    if (!ctx->cleanup) {

        cln = ngx_http_cleanup_add(r, 0);

        if (cln == NULL) {
            ngx_http_evolu_auth_store_release(&ctx->waiter);
            return NGX_ERROR;
        }

        cln->handler = ngx_http_evolu_auth_judge_release;
        cln->data = &ctx->waiter;
        ctx->cleanup = 1;
    }

    ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_WAITING;

    return NGX_AGAIN;
}


static void
ngx_http_evolu_auth_judge_release(void *data)
{
    ngx_http_evolu_auth_store_release(data);
}


/* The core's verdict by what the store answered for j->locator. */

static ngx_int_t
ngx_http_evolu_auth_judge_by(ngx_http_evolu_auth_judge_t *j,
    ngx_http_evolu_auth_answer_t *answer, evolu_verdict_t *verdict)
{
    u_char         *tag, *copy;
    uint64_t        matched;
    evolu_bytes_t   instance;

    if (answer->rc == NGX_BUSY) {
        verdict->reason = EVOLU_REASON_UNAVAILABLE;
        return NGX_OK;
    }

    if (answer->rc != NGX_OK) {
        evolu_verdict_judge(&j->lcf->policy, &j->ctx->facts, NULL, 0, verdict);
        return NGX_OK;
    }

    tag = ngx_http_evolu_auth_judge_tag(j);

    matched = evolu_record_match_tag(answer->record, tag);

    if (matched == 0) {
        matched = evolu_record_match(answer->record, &j->digests,
                                     j->mcf->peppers);
        if (matched && !ngx_http_evolu_auth_judge_is_global(j)) {
            ngx_http_evolu_auth_store_verified(&j->mcf->store, j->locator,
                                               answer->record, matched, tag,
                                               answer->from);

            if (answer->from == NGX_HTTP_EVOLU_AUTH_FROM_FILE
                && j->ctx->failures != NULL)
            {
                ngx_http_evolu_auth_failures_remember(j->ctx->failures, tag);
            }
        }
    }

    j->matched = matched;

    evolu_verdict_judge(&j->lcf->policy, &j->ctx->facts, answer->record,
                        matched, verdict);

    if (verdict->reason != EVOLU_REASON_OK
        || verdict->scope != EVOLU_SCOPE_CAMPAIGN)
    {
        return NGX_OK;
    }

    /* the record is not there for as long as the request */

    instance = evolu_record_instance(answer->record);

    if (instance.len == 0) {
        return NGX_OK;
    }

    copy = ngx_pnalloc(j->request->pool, instance.len);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, instance.data, instance.len);
    instance.data = copy;

    return ngx_http_evolu_auth_judge_encode(j->request->pool, instance,
                                            &j->ctx->instance);
}


static void
ngx_http_evolu_auth_judge_locator(ngx_http_evolu_auth_judge_t *j,
    evolu_scope_t scope, evolu_bytes_t name)
{
    evolu_locator_t  locator;

    locator.scope = scope;
    locator.mode = j->ctx->facts.credential.mode;
    locator.name = name;

    j->locator.data = j->name;
    j->locator.len = evolu_locator_print(&locator, j->name);
}


static ngx_int_t
ngx_http_evolu_auth_judge_token_locator(ngx_http_evolu_auth_judge_t *j)
{
    evolu_algorithm_t     algorithm;
    const unsigned char  *digest;

    algorithm = evolu_algorithm_default(j->mcf->peppers);
    digest = evolu_digests_get(&j->digests, algorithm, j->mcf->peppers);

    if (digest == NULL) {
        return NGX_ERROR;
    }

    j->locator.data = j->name;
    j->locator.len = evolu_locator_token(algorithm, j->mcf->peppers, digest,
                                         j->name);

    return NGX_OK;
}


/* The credential's tag, computed once a judgement. */

static u_char *
ngx_http_evolu_auth_judge_tag(ngx_http_evolu_auth_judge_t *j)
{
    if (!j->tagged) {
        evolu_digest_tag(j->mcf->store.tag_key, j->ctx->facts.credential.text,
                         j->tag);
        j->tagged = 1;
    }

    return j->tag;
}


/* The verdict is there: what it means to the request. */

static ngx_int_t
ngx_http_evolu_auth_judge_done(ngx_http_evolu_auth_judge_t *j)
{
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = j->ctx;

    ngx_http_evolu_auth_store_release(&ctx->waiter);
    ngx_http_evolu_auth_judge_charge(j);

    switch (ctx->verdict.reason) {

    case EVOLU_REASON_OK:

        /* not allowed before all of the identity is there */

        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_NONE;

        if (ngx_http_evolu_auth_judge_identity(j) != NGX_OK) {
            return NGX_ERROR;
        }

        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED;
        return NGX_OK;

    case EVOLU_REASON_UNAVAILABLE:
        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_UNAVAILABLE;
        return NGX_OK;

    default:
        ctx->result = NGX_HTTP_EVOLU_AUTH_RESULT_DENIED;
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_evolu_auth_judge_identity(ngx_http_evolu_auth_judge_t *j)
{
    ngx_int_t                   rc;
    evolu_facts_t              *facts;
    ngx_http_evolu_auth_ctx_t  *ctx;

    ctx = j->ctx;
    facts = &ctx->facts;

    ctx->key_id.data = ctx->verdict.key_id;
    ctx->key_id.len = ctx->verdict.key_id_len;

    switch (ctx->verdict.scope) {

    case EVOLU_SCOPE_GLOBAL:
        ctx->from = NGX_HTTP_EVOLU_AUTH_FROM_FILE;

        rc = ngx_http_evolu_auth_judge_encode(j->request->pool,
                                              facts->instance,
                                              &ctx->instance);
        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_evolu_auth_judge_encode(j->request->pool,
                                                facts->campaign,
                                                &ctx->campaign);

    case EVOLU_SCOPE_INSTANCE:

        if (ctx->names != NULL) {

            /* by the token index, which has set it, or left it open */

            return NGX_OK;
        }

        return ngx_http_evolu_auth_judge_encode(j->request->pool,
                                                facts->instance,
                                                &ctx->instance);

    default: /* EVOLU_SCOPE_CAMPAIGN */

        /* nothing in a slug needs to be encoded */

        ctx->campaign.data = (u_char *) facts->credential.slug.data;
        ctx->campaign.len = facts->credential.slug.len;
        return NGX_OK;
    }
}


/*
 * Percent-encodes a name for headers and variables; one that needs none stays
 * where it is, which must be memory of the request.
 */

static ngx_int_t
ngx_http_evolu_auth_judge_encode(ngx_pool_t *pool, evolu_bytes_t name,
    ngx_str_t *out)
{
    if (evolu_percent_plain(name)) {
        out->data = (u_char *) name.data;
        out->len = name.len;
        return NGX_OK;
    }

    out->data = ngx_pnalloc(pool, 3 * name.len);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    out->len = evolu_percent_encode(name, out->data);

    return NGX_OK;
}
