
/*
 * Copyright (C) Evolu Auth Authors
 *
 * A load generator that knows the truth: clients that ask nginx, writers that
 * change the records in Redis, and for every answer the question whether it
 * can be right.  One process, one thread, one clock (monotonic, microseconds).
 *
 * load.c (life, control), load_truth.c (what is true), load_client.c,
 * load_writer.c, load_probe.c (how soon a revocation is seen).
 */


#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>


#define LOAD_NEVER    UINT64_MAX
#define LOAD_CHANGES  64            /* of a credential that are remembered */
#define LOAD_LINE     256


typedef enum {
    LOAD_WARM = 0,                  /* good and never changed: always cached */
    LOAD_CHURN,                     /* made and deleted */
    LOAD_ROTATE,                    /* two keys of a record take turns */
    LOAD_EXPIRE,                    /* good until a second that comes soon */
    LOAD_BAD,                       /* another secret than its record has */
    LOAD_NOBODY,                    /* no such record, the same few */
    LOAD_COLD,                      /* no such record, a new one each time */
    LOAD_KINDS
} load_kind_e;


/*
 * The credential is allowed or not, from some moment after the change was
 * asked for, and from its acknowledgement at the latest.  LOAD_NEVER: none came
 * (yet).
 */

typedef struct {
    uint64_t             asked;
    uint64_t             acked;
    int                  allowed;
} load_change_t;


typedef struct {
    load_kind_e          kind;
    char                 text[96];  /* as a client sends it */
    char                 hash[96];  /* as an entry has it */
    load_change_t        changes[LOAD_CHANGES];
    unsigned             n;         /* changes so far */
} load_credential_t;


typedef struct {
    char                 key[96];   /* in Redis */
    load_credential_t   *credentials[2];
    unsigned             step;
    int                  busy;      /* a change is under way */
    uint64_t             due;       /* of the next one; of LOAD_EXPIRE */
} load_record_t;


/* what happened since the phase began; times from its begin */

typedef struct {
    uint64_t             begin;
    uint64_t             bound;     /* how late a change may be seen */

    uint64_t             requests;
    uint64_t             allowed;
    uint64_t             denied;
    uint64_t             warm503;   /* 503 to LOAD_WARM */
    uint64_t             other503;
    uint64_t             errors;    /* any other status */
    uint64_t             wrong_allows;
    uint64_t             wrong_denies;
    uint64_t             aborted;   /* closed in place of an answer */
    uint64_t             lost;      /* again, on a new connection */
    uint64_t             stuck;     /* no answer in time */
    uint64_t             refused;   /* connections */
    uint64_t             changes;   /* acknowledged */
    uint64_t             failures;  /* changes that Redis refused */
    uint64_t             late_allow;
    uint64_t             late_deny;

    uint64_t             fresh;     /* by what X-Cache says */
    uint64_t             stale;
    uint64_t             miss;
    uint64_t             last_fresh;
    uint64_t             last_bad;  /* 503, errors, aborted, wrong */
    uint64_t             last_allowed;
    uint64_t             first_allowed;
    uint64_t             last_cold; /* 503 to LOAD_COLD */
    uint64_t             slowest;   /* answer from the cache */
} load_phase_t;


/* what epoll hands back */

typedef struct load_event_s  load_event_t;

struct load_event_s {
    void               (*handler)(load_event_t *ev, uint32_t events);
    int                  fd;
};


typedef struct {
    struct sockaddr_storage  addr;
    socklen_t                len;
} load_address_t;


extern load_phase_t        load_phase;
extern load_credential_t  *load_credentials[LOAD_KINDS];
extern unsigned            load_counts[LOAD_KINDS];
extern load_record_t      *load_records;
extern unsigned            load_nrecords;


/* Now, in microseconds. */
uint64_t load_now(void);

/* Ends with a message. */
void load_die(const char *what) __attribute__((noreturn));

/*
 * Reads an address, "unix:PATH" or "HOST:PORT" (numbers), or ends; a socket
 * that is connected to it, or -1.
 */
void load_address(const char *text, load_address_t *address);
int load_connect(load_address_t *address);

/* Watches an event's descriptor; it is forgotten when that is closed. */
void load_watch(load_event_t *ev, uint32_t events);


/* Makes the credentials and the records that hold them. */
void load_truth_init(unsigned keys);

/* A credential of this kind; of LOAD_COLD another one each time. */
load_credential_t *load_truth_pick(load_kind_e kind);

/* A change is asked for; was acknowledged; was refused and did not happen. */
void load_truth_asked(load_credential_t *c, int allowed);
void load_truth_acked(load_credential_t *c);
void load_truth_refused(load_credential_t *c);

/* A change that comes by itself, between two moments. */
void load_truth_expires(load_credential_t *c, uint64_t from, uint64_t to);

/* From now on nobody knows, until a change is acknowledged. */
void load_truth_forget(load_credential_t *c);

/* Counts an answer, and whether it can be right. */
void load_truth_judge(load_credential_t *c, uint64_t sent, unsigned status,
    const char *cache);


/* Clients: so many connections, so many requests a second by all of them. */
void load_clients_init(load_address_t *nginx, unsigned n);
void load_clients_rate(unsigned per_second);
void load_clients_run(void);
unsigned load_clients_waiting(void);


/* Writers: where Redis is, and so many changes a second. */
void load_writer_init(load_address_t *redis);
void load_writer_store(load_address_t *redis);
void load_writer_rate(unsigned per_second);
void load_writer_run(void);

/* Writes all records, then the epoch; load_writer_filled() once it is done. */
void load_writer_fill(void);
int load_writer_filled(void);

/* Is nothing under way? */
int load_writer_idle(void);

/*
 * One command of the probe, from a format and words (see hiredis); handler is
 * called with 1 when it was acknowledged, with 0 when it was refused or lost.
 */
void load_writer_send(void (*handler)(int done), const char *format, ...);


/*
 * Revokes so many keys, one after another, each once all workers have it
 * cached, and measures until all have refused it.  load_probe_done() once that
 * is through, with its result.
 */
void load_probe_start(load_address_t *nginx, unsigned workers, unsigned n);
void load_probe_run(void);
int load_probe_done(char *line, size_t size);


#endif /* _LOAD_H_INCLUDED_ */
