
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <string.h>

#include "bench_requests.h"


static bench_workload_e bench_request_mixed(bench_requests_t *requests);
static char *bench_request_credential(bench_requests_t *requests,
    bench_workload_e workload, uint64_t number, char *p);
static char *bench_request_text(char *p, const char *text);


static const char *const  bench_workload_names[] = {
    "valid", "token", "wrong", "unknown", "malformed", "missing", "mix"
};


int
bench_workload(const char *name, bench_workload_e *workload)
{
    unsigned  i;

    for (i = 0; i <= BENCH_MIX; i++) {
        if (strcmp(name, bench_workload_names[i]) == 0) {
            *workload = (bench_workload_e) i;
            return 0;
        }
    }

    return -1;
}


size_t
bench_request(bench_requests_t *requests, char *out)
{
    char              *p;
    uint64_t           number;
    bench_workload_e   workload;

    if (requests->each) {
        if (requests->made == requests->count) {
            return 0;
        }

        number = requests->first + requests->made;

    } else {
        number = requests->first
                 + bench_random(&requests->random) % requests->count;
    }

    requests->made++;

    workload = requests->workload;

    if (workload == BENCH_MIX) {
        workload = bench_request_mixed(requests);
    }

    p = bench_request_text(out, "GET ");
    p = bench_request_text(p, requests->path ? requests->path : "/");

    if (workload == BENCH_TOKEN) {
        p += bench_name(p, number);
    }

    p = bench_request_text(p, " HTTP/1.1\r\nHost: localhost\r\n");
    p = bench_request_credential(requests, workload, number, p);
    p = bench_request_text(p, "\r\n");

    return (size_t) (p - out);
}


static bench_workload_e
bench_request_mixed(bench_requests_t *requests)
{
    switch (bench_random(&requests->random) % 100) {

    case 0:
    case 1:
        return BENCH_WRONG;

    case 2:
        return BENCH_UNKNOWN;

    case 3:
        return BENCH_MALFORMED;

    case 4:
        return BENCH_MISSING;

    default:
        return BENCH_VALID;
    }
}


static char *
bench_request_credential(bench_requests_t *requests, bench_workload_e workload,
    uint64_t number, char *p)
{
    switch (workload) {

    case BENCH_MISSING:
        return p;

    case BENCH_TOKEN:
        p = bench_request_text(p, "apikey: ");
        p += bench_instance_token(p, number);
        break;

    case BENCH_WRONG:
        p = bench_request_text(p, "Authorization: Bearer ");
        p += bench_campaign_key(p, number);
        bench_secret(p - BENCH_SECRET_LEN, &requests->random);
        break;

    case BENCH_UNKNOWN:
        /* names of records are digits alone */
        p = bench_request_text(p, "Authorization: Bearer ");
        p += bench_campaign_key(p, number);
        p[-1 - BENCH_SECRET_LEN - BENCH_NAME_LEN] = 'x';
        break;

    case BENCH_MALFORMED:
        /* a dot is no letter of a secret */
        p = bench_request_text(p, "Authorization: Bearer ");
        p += bench_campaign_key(p, number);
        p[-1] = '.';
        break;

    default: /* BENCH_VALID */
        p = bench_request_text(p, "Authorization: Bearer ");
        p += bench_campaign_key(p, number);
        break;
    }

    return bench_request_text(p, "\r\n");
}


static char *
bench_request_text(char *p, const char *text)
{
    size_t  len;

    len = strlen(text);
    memcpy(p, text, len);

    return p + len;
}
