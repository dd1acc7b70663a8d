
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hiredis/hiredis.h>

#include "load.h"


#define LOAD_UNDER_WAY  8192        /* commands */
#define LOAD_PAUSE      50000       /* before Redis is tried again */
#define LOAD_LIFE       2           /* seconds, of a key that expires */


typedef enum {
    CHANGE = 0,
    FILL,
    LAST,                           /* the epoch, at the end of the fill */
    PROBE
} what_e;


typedef struct {
    what_e               what;
    load_record_t       *record;
    load_credential_t   *credential;
    uint64_t             expires;   /* LOAD_EXPIRE: when, 0: not now */
    void               (*handler)(int done);
} command_t;


static load_event_t      event;
static load_address_t    store;
static redisReader      *reader;
static command_t         commands[LOAD_UNDER_WAY];
static unsigned          first, last;
static unsigned          rate;
static double            tokens;
static uint64_t          tokens_at;
static uint64_t          again;
static int               filled;


static void writer_event(load_event_t *ev, uint32_t events);
static void writer_send(command_t *command, const char *format, ...);
static void change(load_record_t *record);


void
load_writer_init(load_address_t *redis)
{
    event.fd = -1;
    event.handler = writer_event;
    load_writer_store(redis);
}


static void
command_lost(command_t *command)
{
    /* a change of which nobody knows stays as it is: asked for */

    if (command->record != NULL) {
        command->record->busy = 0;

        if (command->record->due == LOAD_NEVER) {
            command->record->due = load_now() + (LOAD_LIFE + 2) * 1000000;
        }
    }

    if (command->handler != NULL) {
        command->handler(0);
    }
}


static void
writer_close(void)
{
    if (event.fd != -1) {
        close(event.fd);
        event.fd = -1;
    }

    if (reader != NULL) {
        redisReaderFree(reader);
        reader = NULL;
    }

    while (first != last) {
        command_lost(&commands[first++ % LOAD_UNDER_WAY]);
    }

    again = load_now() + LOAD_PAUSE;
}


void
load_writer_store(load_address_t *redis)
{
    if (event.fd != -1) {
        writer_close();
    }

    store = *redis;
    again = 0;
}


void
load_writer_rate(unsigned per_second)
{
    rate = per_second;
    tokens = 0;
    tokens_at = load_now();
}


int
load_writer_idle(void)
{
    return first == last;
}


int
load_writer_filled(void)
{
    return filled;
}


static int
writer_connect(void)
{
    if (event.fd != -1) {
        return 1;
    }

    if (load_now() < again) {
        return 0;
    }

    event.fd = load_connect(&store);

    if (event.fd == -1) {
        again = load_now() + LOAD_PAUSE;
        return 0;
    }

    reader = redisReaderCreate();

    if (reader == NULL) {
        load_die("redisReaderCreate");
    }

    load_watch(&event, EPOLLIN);

    return 1;
}


/* What does not go out soon is a lost link. */

static int
writer_write(const char *bytes, size_t len)
{
    ssize_t        n;
    struct pollfd  pfd;

    pfd.fd = event.fd;
    pfd.events = POLLOUT;

    while (len > 0) {
        n = write(event.fd, bytes, len);

        if (n == -1) {

            if (errno == EAGAIN && poll(&pfd, 1, 200) == 1) {
                continue;
            }

            return 0;
        }

        bytes += n;
        len -= n;
    }

    return 1;
}


static void
writer_vsend(command_t *command, const char *format, va_list args)
{
    int    len;
    char  *bytes;

    if (last - first == LOAD_UNDER_WAY) {
        load_die("too many commands are under way");
    }

    len = redisvFormatCommand(&bytes, format, args);

    if (len < 0) {
        load_die("redisvFormatCommand");
    }

    commands[last++ % LOAD_UNDER_WAY] = *command;

    if (!writer_write(bytes, len)) {
        writer_close();
    }

    free(bytes);
}


static void
writer_send(command_t *command, const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    writer_vsend(command, format, args);
    va_end(args);
}


void
load_writer_send(void (*handler)(int done), const char *format, ...)
{
    va_list    args;
    command_t  command;

    if (!writer_connect()) {
        handler(0);
        return;
    }

    memset(&command, 0, sizeof(command_t));
    command.what = PROBE;
    command.handler = handler;

    va_start(args, format);
    writer_vsend(&command, format, args);
    va_end(args);
}


/*
 * nginx's clock is in whole seconds, and may be late by one turn of its event
 * loop.
 */

static void
expires(load_credential_t *c, uint64_t at)
{
    struct timespec  wall;
    int64_t          left;

    clock_gettime(CLOCK_REALTIME, &wall);

    left = (int64_t) (at - wall.tv_sec) * 1000000 - wall.tv_nsec / 1000;

    load_truth_expires(c, load_now() + left - 10000,
                       load_now() + left + 1000000);
}


static void
change_done(command_t *command, int refused)
{
    load_record_t  *record;

    record = command->record;
    record->busy = 0;

    if (command->expires > 0) {
        record->due = load_now() + (LOAD_LIFE + 2) * 1000000;
    }

    if (refused) {
        load_truth_refused(command->credential);
        load_phase.failures++;

        /* as if nothing had been tried */

        record->step--;
        return;
    }

    load_truth_acked(command->credential);
    load_phase.changes++;

    if (command->expires > 0) {
        expires(command->credential, command->expires);
        return;
    }

    /* often again at once: the last one must win */

    if (rate > 0 && random() % 2) {
        change(record);
    }
}


static void
command_done(command_t *command, redisReply *reply)
{
    int  refused;

    refused = (reply->type == REDIS_REPLY_ERROR);

    switch (command->what) {

    case CHANGE:
        change_done(command, refused);
        break;

    case FILL:
        command->record->busy = 0;

        if (refused) {
            load_truth_refused(command->credential);
            fprintf(stderr, "fill: %s\n", reply->str);

        } else {
            load_truth_acked(command->credential);
        }

        break;

    case LAST:
        filled = !refused;
        break;

    default: /* PROBE */
        command->handler(!refused);
    }
}


static void
writer_event(load_event_t *ev, uint32_t events)
{
    char        bytes[65536];
    void       *reply;
    ssize_t     n;
    command_t   command;

    (void) events;

    n = read(ev->fd, bytes, sizeof(bytes));

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0 || redisReaderFeed(reader, bytes, n) != REDIS_OK) {
        writer_close();
        return;
    }

    while (reader != NULL) {

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            writer_close();
            return;
        }

        if (reply == NULL) {
            return;
        }

        if (first == last) {

            /* it says why it closes the link */

            freeReplyObject(reply);
            writer_close();
            return;
        }

        command = commands[first++ % LOAD_UNDER_WAY];
        command_done(&command, reply);
        freeReplyObject(reply);
    }
}


/* b comes, a goes, a comes, b goes */

static void
change_rotate(command_t *command, load_record_t *record, unsigned step)
{
    const char         *id;
    load_credential_t  *c;

    id = (step % 4 == 0 || step % 4 == 3) ? "b" : "a";
    c = record->credentials[id[0] == 'b'];

    command->credential = c;
    load_truth_asked(c, step % 2 == 0);

    if (step % 2 == 0) {
        writer_send(command, "HSET %s key.%s %s", record->key, id, c->hash);

    } else {
        writer_send(command, "HDEL %s key.%s", record->key, id);
    }
}


/* it goes, in one of two ways, and comes again */

static void
change_churn(command_t *command, load_record_t *record, unsigned step)
{
    load_truth_asked(command->credential, step % 2 == 1);

    if (step % 2 == 1) {
        writer_send(command, "HSET %s v 1 key.k %s", record->key,
                    command->credential->hash);

    } else if (step % 4 == 0) {
        writer_send(command, "DEL %s", record->key);

    } else {
        writer_send(command, "HDEL %s key.k", record->key);
    }
}


static void
change_expire(command_t *command, load_record_t *record)
{
    char  entry[LOAD_LINE];

    command->expires = time(NULL) + LOAD_LIFE;
    record->due = LOAD_NEVER;

    load_truth_asked(command->credential, 1);

    snprintf(entry, sizeof(entry), "%s exp=%llu", command->credential->hash,
             (unsigned long long) command->expires);

    writer_send(command, "HSET %s v 1 key.k %s", record->key, entry);
}


static void
change(load_record_t *record)
{
    unsigned   step;
    command_t  command;

    memset(&command, 0, sizeof(command_t));

    command.what = CHANGE;
    command.record = record;
    command.credential = record->credentials[0];

    record->busy = 1;
    step = record->step++;

    switch (command.credential->kind) {

    case LOAD_ROTATE:
        change_rotate(&command, record, step);
        break;

    case LOAD_EXPIRE:
        change_expire(&command, record);
        break;

    default:
        change_churn(&command, record, step);
    }
}


void
load_writer_run(void)
{
    uint64_t        now;
    load_record_t  *record;

    now = load_now();
    tokens += (double) (now - tokens_at) * rate / 1000000;
    tokens_at = now;

    if (tokens > rate / 10 + 1) {
        tokens = rate / 10 + 1;
    }

    while (tokens >= 1 && writer_connect()) {
        tokens -= 1;

        record = &load_records[load_counts[LOAD_WARM]
                               + (unsigned) random()
                                 % (load_nrecords - load_counts[LOAD_WARM])];

        if (!record->busy && record->due <= now) {
            change(record);
        }
    }
}


/* The state that the steps of a record begin with */

void
load_writer_fill(void)
{
    unsigned        i;
    command_t       command;
    load_record_t  *record;

    filled = 0;
    again = 0;
    memset(&command, 0, sizeof(command_t));

    if (!writer_connect()) {
        return;
    }

    for (i = 0; i < load_nrecords; i++) {
        record = &load_records[i];
        command.what = FILL;
        command.record = record;
        command.credential = record->credentials[0];

        if (command.credential->kind == LOAD_EXPIRE) {
            record->due = 0;
            continue;
        }

        record->busy = 1;
        record->step = 0;
        load_truth_asked(command.credential, 1);

        if (command.credential->kind != LOAD_ROTATE) {
            writer_send(&command, "HSET %s v 1 key.k %s", record->key,
                        command.credential->hash);
            continue;
        }

        writer_send(&command, "HSET %s v 1 key.a %s", record->key,
                    command.credential->hash);

        command.credential = record->credentials[1];
        load_truth_asked(command.credential, 0);
        writer_send(&command, "HDEL %s key.b", record->key);
    }

    command.what = LAST;
    command.record = NULL;
    writer_send(&command, "INCR evolu:epoch");
}
