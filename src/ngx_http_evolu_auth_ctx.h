
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What is known of a request.  Internal redirects zero r->ctx, so the context
 * is the data of a pool cleanup, where it is found again.
 */


#ifndef _NGX_HTTP_EVOLU_AUTH_CTX_H_INCLUDED_
#define _NGX_HTTP_EVOLU_AUTH_CTX_H_INCLUDED_


#include "ngx_http_evolu_auth_conf.h"


/*
 * $evolu_auth_result.  A judgement goes NONE -> WAITING -> one of the others,
 * or there at once; another location's policy begins anew.
 */

typedef enum {
    NGX_HTTP_EVOLU_AUTH_RESULT_NONE = 0,     /* "off" */
    NGX_HTTP_EVOLU_AUTH_RESULT_WAITING,
    NGX_HTTP_EVOLU_AUTH_RESULT_ALLOWED,
    NGX_HTTP_EVOLU_AUTH_RESULT_ANONYMOUS,
    NGX_HTTP_EVOLU_AUTH_RESULT_DENIED,
    NGX_HTTP_EVOLU_AUTH_RESULT_UNAVAILABLE
} ngx_http_evolu_auth_result_e;


/* what one credential source held when the request arrived */

typedef struct {
    ngx_str_t                        value;
    ngx_table_elt_t                 *header;     /* the last occurrence; NULL:
                                                    in the query */
    size_t                           offset;     /* of its pointer in
                                                    r->headers_in, or 0 */
    ngx_uint_t                       n;          /* occurrences */
    unsigned                         malformed:1;
} ngx_http_evolu_auth_found_t;


/* what the token index says of a token */

typedef struct {
    u_char                          *left;       /* names to be judged yet, */
    u_char                          *end;        /* each with its length */
    ngx_uint_t                       candidates; /* names that are valid */
    evolu_verdict_t                  candidate;  /* by the first of them */
    evolu_verdict_t                  refused;    /* by the first that is not */
} ngx_http_evolu_auth_names_t;


typedef struct {
    /* what the client sent, taken before anything was removed */
    ngx_http_evolu_auth_found_t     *found;      /* by source index */
    uint32_t                         connection; /* sources that Connection
                                                    names */
    evolu_target_t                   target;

    /* the judgement */
    ngx_http_evolu_auth_loc_conf_t  *lcf;        /* whose policy it was */
    ngx_http_evolu_auth_result_e     result;
    evolu_next_t                     next;       /* what it waits for */
    evolu_facts_t                    facts;
    evolu_verdict_t                  verdict;
    ngx_http_evolu_auth_from_e       from;
    ngx_msec_t                       waited;     /* for the store */
    ngx_http_evolu_auth_waiter_t     waiter;
    ngx_str_t                        key_id;     /* identity, when allowed; */
    ngx_str_t                        instance;   /* names percent-encoded */
    ngx_str_t                        campaign;
    ngx_http_evolu_auth_names_t     *names;      /* by the token index, or
                                                    NULL */

    /* the bucket that a failure charges, NULL: none; seconds until a
       throttled client finds room */
    ngx_http_evolu_auth_failures_t  *failures;
    uint64_t                         retry_after;

    ngx_list_part_t                 *injected;   /* headers of ours in the
                                                    request's list */
    ngx_list_part_t                 *last;       /* end of that list, as far */
    ngx_uint_t                       last_nelts; /* as it is known */
    ngx_http_evolu_auth_tally_t     *tally;      /* counts what became of it;
                                                    NULL: it is not judged
                                                    anywhere */

    /* the refusal that the access phase gave, 0: none */
    ngx_uint_t                       refusal;    /* status */
    ngx_uint_t                       refused_at; /* r->uri_changes then */
    ngx_http_evolu_auth_loc_conf_t  *refused_by;
    evolu_reason_t                   audited;    /* the reason logged last */

    unsigned                         taken:1;    /* headers were read */
    unsigned                         target_set:1;
    unsigned                         connection_identity:1;
    unsigned                         bad_arg:1;  /* of $evolu_arg_NAME */
    unsigned                         preflight:1; /* why it is anonymous */
    unsigned                         cleanup:1;  /* releases the waiter */
    unsigned                         replied:1;  /* the refusal's body is out */
    unsigned                         charged:1;  /* a failure, once a request */
} ngx_http_evolu_auth_ctx_t;


/* The context, found again after a redirect, or NULL. */
ngx_http_evolu_auth_ctx_t *ngx_http_evolu_auth_ctx_get(ngx_http_request_t *r);

/* The context, made when there is none; NULL when out of memory. */
ngx_http_evolu_auth_ctx_t *ngx_http_evolu_auth_ctx_need(
    ngx_http_request_t *r);

/* The request's raw target, taken apart once. */
evolu_target_t *ngx_http_evolu_auth_ctx_target(ngx_http_request_t *r,
    ngx_http_evolu_auth_ctx_t *ctx);


#endif /* _NGX_HTTP_EVOLU_AUTH_CTX_H_INCLUDED_ */
