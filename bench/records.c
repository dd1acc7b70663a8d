
/*
 * Copyright (C) Evolu Auth Authors
 *
 * records KIND PEPPER FIRST COUNT
 *
 * Prints the commands that write so many records, as RESP for redis-cli
 * --pipe; the last one sets the epoch.  KIND is
 *
 *     campaigns  records of one campaign key each, in the module's form
 *     instances  records of one instance token each
 *     digests    names of campaigns by SHA-256 of their keys, for other guards
 *     keys       the campaign keys as such, one a line
 *
 * PEPPER, the key of the hashes, is 64 hex digits.
 */


#include <argp.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_keys.h"


typedef enum {
    RECORDS_CAMPAIGNS = 0,
    RECORDS_INSTANCES,
    RECORDS_DIGESTS,
    RECORDS_KEYS
} records_kind_e;


typedef struct {
    int            kind;
    const char    *pepper;
    uint64_t       first;
    uint64_t       count;
    unsigned char  key[crypto_auth_hmacsha256_KEYBYTES];
} records_t;


static error_t records_parse(int key, char *arg, struct argp_state *state);
static int records_kind(const char *name);
static void records_print(records_t *records, uint64_t number);
static void records_print_record(records_t *records, uint64_t number);
static void records_print_digest(uint64_t number);


static const struct argp  records_argp = {
    NULL, records_parse, "KIND PEPPER FIRST COUNT",
    "Prints RESP that writes the records of the bench.", NULL, NULL, NULL
};


static const char *const  records_kinds[] = {
    "campaigns", "instances", "digests", "keys"
};


int
main(int argc, char **argv)
{
    size_t     len;
    uint64_t   i;
    records_t  records;

    memset(&records, 0, sizeof(records_t));

    if (argp_parse(&records_argp, argc, argv, 0, NULL, &records) != 0
        || sodium_init() == -1)
    {
        return 1;
    }

    if (sodium_hex2bin(records.key, sizeof(records.key), records.pepper,
                       strlen(records.pepper), NULL, &len, NULL)
        != 0
        || len != sizeof(records.key))
    {
        fprintf(stderr, "records: the pepper is not 64 hex digits\n");
        return 1;
    }

    for (i = 0; i < records.count; i++) {
        records_print(&records, records.first + i);
    }

    if (records.kind != RECORDS_KEYS) {
        printf("*3\r\n$3\r\nSET\r\n$11\r\nevolu:epoch\r\n$1\r\n1\r\n");
    }

    return (fflush(stdout) == 0) ? 0 : 1;
}


static error_t
records_parse(int key, char *arg, struct argp_state *state)
{
    records_t  *records;

    records = state->input;

    switch (key) {

    case ARGP_KEY_ARG:
        switch (state->arg_num) {

        case 0:
            records->kind = records_kind(arg);

            if (records->kind == -1) {
                argp_usage(state);
            }

            return 0;

        case 1:
            records->pepper = arg;
            return 0;

        case 2:
            records->first = strtoull(arg, NULL, 10);
            return 0;

        case 3:
            records->count = strtoull(arg, NULL, 10);
            return 0;

        default:
            argp_usage(state);
            return EINVAL;
        }

    case ARGP_KEY_END:
        if (state->arg_num != 4) {
            argp_usage(state);
        }

        return 0;

    default:
        return ARGP_ERR_UNKNOWN;
    }
}


static int
records_kind(const char *name)
{
    int  i;

    for (i = 0; i <= RECORDS_KEYS; i++) {
        if (strcmp(name, records_kinds[i]) == 0) {
            return i;
        }
    }

    return -1;
}


static void
records_print(records_t *records, uint64_t number)
{
    char    credential[BENCH_CREDENTIAL_MAX];
    size_t  n;

    switch (records->kind) {

    case RECORDS_KEYS:
        n = bench_campaign_key(credential, number);
        printf("%.*s\n", (int) n, credential);
        break;

    case RECORDS_DIGESTS:
        records_print_digest(number);
        break;

    default:
        records_print_record(records, number);
        break;
    }
}


static void
records_print_record(records_t *records, uint64_t number)
{
    int            len;
    char           credential[BENCH_CREDENTIAL_MAX], name[BENCH_NAME_LEN];
    char           locator[64], entry[128];
    char           hex[2 * crypto_auth_hmacsha256_BYTES + 1];
    size_t         n;
    unsigned char  digest[crypto_auth_hmacsha256_BYTES];

    n = (records->kind == RECORDS_INSTANCES)
        ? bench_instance_token(credential, number)
        : bench_campaign_key(credential, number);

    (void) crypto_auth_hmacsha256(digest, (unsigned char *) credential, n,
                                  records->key);
    (void) sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    (void) bench_name(name, number);

    len = snprintf(locator, sizeof(locator), "evolu:%s:%.*s",
                   (records->kind == RECORDS_INSTANCES) ? "instance"
                                                        : "campaign:live",
                   BENCH_NAME_LEN, name);

    printf("*6\r\n$4\r\nHSET\r\n$%d\r\n%s\r\n$1\r\nv\r\n$1\r\n1\r\n", len,
           locator);

    len = snprintf(entry, sizeof(entry), "hash=hmac-sha256/p1:%s", hex);

    printf("$6\r\nkey.k1\r\n$%d\r\n%s\r\n", len, entry);
}


static void
records_print_digest(uint64_t number)
{
    char           credential[BENCH_CREDENTIAL_MAX], name[BENCH_NAME_LEN];
    size_t         n;
    unsigned char  digest[crypto_hash_sha256_BYTES];

    n = bench_campaign_key(credential, number);

    (void) crypto_hash_sha256(digest, (unsigned char *) credential, n);
    (void) bench_name(name, number);

    printf("*3\r\n$3\r\nSET\r\n$%d\r\ndigest:",
           (int) (sizeof("digest:") - 1 + sizeof(digest)));
    (void) fwrite(digest, 1, sizeof(digest), stdout);
    printf("\r\n$%d\r\n%.*s\r\n", BENCH_NAME_LEN, BENCH_NAME_LEN, name);
}
