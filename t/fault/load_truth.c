
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "load.h"


#define LOAD_TOLD  40               /* answers that are told at most */


load_phase_t        load_phase;
load_credential_t  *load_credentials[LOAD_KINDS];
unsigned            load_counts[LOAD_KINDS];
load_record_t      *load_records;
unsigned            load_nrecords;

static const char  *kinds[LOAD_KINDS] = {
    "warm", "churn", "rotate", "expire", "bad", "nobody", "cold"
};

static unsigned     told;


static void
name_credential(load_credential_t *c, const char *slug, const char *secret)
{
    unsigned char  digest[crypto_hash_sha256_BYTES];
    char           hex[2 * crypto_hash_sha256_BYTES + 1];

    snprintf(c->text, sizeof(c->text), "evolu_live_%s_%s", slug, secret);

    crypto_hash_sha256(digest, (unsigned char *) c->text, strlen(c->text));
    sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));

    snprintf(c->hash, sizeof(c->hash), "hash=sha256:%s", hex);
}


static void
make_kind(load_kind_e kind, unsigned n, unsigned of_a_record)
{
    char                slug[48], secret[48];
    unsigned            i;
    load_record_t      *record;
    load_credential_t  *c;

    load_counts[kind] = n;
    load_credentials[kind] = calloc(n, sizeof(load_credential_t));

    if (load_credentials[kind] == NULL) {
        load_die("calloc");
    }

    for (i = 0; i < n; i++) {
        c = &load_credentials[kind][i];
        c->kind = kind;

        snprintf(slug, sizeof(slug), "%s-%u",
                 kinds[kind == LOAD_BAD ? LOAD_WARM : kind],
                 i / (of_a_record ? of_a_record : 1));
        snprintf(secret, sizeof(secret), "%s%u-Secret0123456789",
                 kind == LOAD_BAD ? "Wrong" : "Good", i);

        name_credential(c, slug, secret);

        if (of_a_record == 0) {
            continue;
        }

        record = &load_records[load_nrecords + i / of_a_record];

        snprintf(record->key, sizeof(record->key), "evolu:campaign:live:%s",
                 slug);
        record->credentials[i % of_a_record] = c;
    }

    if (of_a_record > 0) {
        load_nrecords += n / of_a_record;
    }
}


void
load_truth_init(unsigned keys)
{
    unsigned  some;

    some = keys < 8 ? 1 : keys / 8;

    load_records = calloc(keys + 3 * some, sizeof(load_record_t));

    if (load_records == NULL) {
        load_die("calloc");
    }

    make_kind(LOAD_WARM, keys, 1);
    make_kind(LOAD_CHURN, some, 1);
    make_kind(LOAD_ROTATE, 2 * some, 2);
    make_kind(LOAD_EXPIRE, some, 1);
    make_kind(LOAD_BAD, keys, 0);
    make_kind(LOAD_NOBODY, some, 0);
    make_kind(LOAD_COLD, 1024, 0);
}


load_credential_t *
load_truth_pick(load_kind_e kind)
{
    char                slug[48];
    load_credential_t  *c;

    static unsigned     number, warm;

    c = &load_credentials[kind][(unsigned) random() % load_counts[kind]];

    if (kind == LOAD_WARM) {

        /* in turn, so that it is known when all of them are cached */

        c = &load_credentials[kind][warm++ % load_counts[kind]];

    } else if (kind == LOAD_COLD) {

        /* more of them than requests that may be under way */

        c = &load_credentials[kind][number++ % load_counts[kind]];

        snprintf(slug, sizeof(slug), "cold-%u-%u", (unsigned) random(),
                 number);
        name_credential(c, slug, "Good-Secret0123456789");
    }

    return c;
}


static load_change_t *
change_at(load_credential_t *c, unsigned i)
{
    return &c->changes[i % LOAD_CHANGES];
}


void
load_truth_asked(load_credential_t *c, int allowed)
{
    load_change_t  *change;

    change = change_at(c, c->n++);

    change->asked = load_now();
    change->acked = LOAD_NEVER;
    change->allowed = allowed;
}


/* With it all that went before it is settled, too. */

void
load_truth_acked(load_credential_t *c)
{
    uint64_t        now;
    unsigned        i;
    load_change_t  *change;

    now = load_now();

    for (i = c->n; i > 0 && c->n - i < LOAD_CHANGES; i--) {
        change = change_at(c, i - 1);

        if (change->acked != LOAD_NEVER) {
            break;
        }

        change->acked = now;
    }
}


void
load_truth_refused(load_credential_t *c)
{
    c->n--;
}


void
load_truth_expires(load_credential_t *c, uint64_t from, uint64_t to)
{
    load_change_t  *change;

    change = change_at(c, c->n++);

    change->asked = from;
    change->acked = to;
    change->allowed = 0;
}


void
load_truth_forget(load_credential_t *c)
{
    load_truth_asked(c, 1);
    load_truth_asked(c, 0);
}


/*
 * Was there a moment from then to then at which it may have been so?  Since:
 * when the last such time before the first moment was over at the latest.
 */

static int
possible(load_credential_t *c, int allowed, uint64_t from, uint64_t to,
    uint64_t *since)
{
    uint64_t        end;
    unsigned        i, oldest;
    load_change_t  *change;

    *since = 0;
    end = LOAD_NEVER;
    oldest = c->n > LOAD_CHANGES ? c->n - LOAD_CHANGES : 0;

    for (i = c->n; i > oldest; i--) {
        change = change_at(c, i - 1);

        if (change->allowed == allowed && change->asked <= to) {

            if (end >= from) {
                return 1;
            }

            *since = end;
            return 0;
        }

        end = change->acked;
    }

    /* not before the first change, of all or of those that are remembered */

    if (oldest > 0) {
        return end >= from;
    }

    *since = end;

    return !allowed && end >= from;
}


static uint64_t
elapsed(uint64_t now)
{
    return now - load_phase.begin;
}


static void
wrong(load_credential_t *c, unsigned status, uint64_t sent, uint64_t since)
{
    load_phase.last_bad = elapsed(load_now());

    if (told++ < LOAD_TOLD) {
        fprintf(stderr, "wrong: %u for %s \"%s\", asked %.1f ms after it was"
                " true no more\n", status, kinds[c->kind], c->text,
                since == 0 ? -1.0 : (double) (sent - since) / 1000);
    }
}


static void
unavailable(load_credential_t *c, uint64_t now)
{
    if (told++ < LOAD_TOLD) {
        fprintf(stderr, "503 for \"%s\", %.1f ms after the phase began\n",
                c->text, (double) elapsed(now) / 1000);
    }
}


static void
count_cache(uint64_t sent, uint64_t now, const char *cache)
{
    if (strcmp(cache, "FRESH") == 0) {
        load_phase.fresh++;
        load_phase.last_fresh = elapsed(now);

        if (now - sent > load_phase.slowest) {
            load_phase.slowest = now - sent;
        }

    } else if (strcmp(cache, "STALE") == 0) {
        load_phase.stale++;

    } else if (strcmp(cache, "MISS") == 0) {
        load_phase.miss++;
    }
}


static void
judge(load_credential_t *c, uint64_t sent, uint64_t now, unsigned status)
{
    int        allowed;
    uint64_t   from, since, late, *latest;

    allowed = (status == 200);
    from = sent > load_phase.bound ? sent - load_phase.bound : 0;
    latest = allowed ? &load_phase.late_allow : &load_phase.late_deny;

    if (possible(c, allowed, sent, now, &since)) {
        return;
    }

    late = since > 0 && since < sent ? sent - since : 0;

    if (late > *latest) {
        *latest = late;
    }

    if (!possible(c, allowed, from, now, &since)) {
        wrong(c, status, sent, since);

        if (allowed) {
            load_phase.wrong_allows++;

        } else {
            load_phase.wrong_denies++;
        }
    }
}


void
load_truth_judge(load_credential_t *c, uint64_t sent, unsigned status,
    const char *cache)
{
    uint64_t  now;

    now = load_now();
    load_phase.requests++;

    count_cache(sent, now, cache);

    switch (status) {

    case 200:
        load_phase.allowed++;
        load_phase.last_allowed = elapsed(now);

        if (load_phase.first_allowed == 0) {
            load_phase.first_allowed = elapsed(now);
        }

        judge(c, sent, now, status);
        break;

    case 401:
        load_phase.denied++;
        judge(c, sent, now, status);
        break;

    case 503:
        load_phase.last_bad = elapsed(now);

        if (c->kind == LOAD_WARM) {
            load_phase.warm503++;
            unavailable(c, now);

        } else {
            load_phase.other503++;
        }

        if (c->kind == LOAD_COLD) {
            load_phase.last_cold = elapsed(now);
        }

        break;

    default:
        load_phase.errors++;
        load_phase.last_bad = elapsed(now);
    }
}
