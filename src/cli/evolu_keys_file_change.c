
/*
 * Copyright (C) Evolu Auth Authors
 *
 * One change of the key file.  Lines that do not change stay as they are, byte
 * for byte.  The folder is locked meanwhile: a lock on the file itself would be
 * lost with its name, and another file would be left behind.
 */


#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "../evolu_target.h"
#include "evolu_keys_file.h"
#include "evolu_keys_print.h"
#include "evolu_keys_signal.h"


/* one record; it points into lines of the file */

typedef struct {
    evolu_keys_record_t        record;   /* as it is now */
    evolu_keys_change_t        change;
} evolu_keys_item_t;


typedef struct {
    evolu_keys_file_t         *file;
    const evolu_keys_batch_t  *batch;
    evolu_keys_item_t         *items;    /* one for each locator */
    size_t                     changed;  /* of them, those that change */
    const char                *path;     /* of the file, links resolved */
    char                      *folder;
    int                        fd;       /* of the folder */
    char                      *text;     /* what the file is to hold */
    size_t                     size;
} evolu_keys_rewrite_t;


static evolu_keys_status_t evolu_keys_file_lock(evolu_keys_rewrite_t *w);
static evolu_keys_status_t evolu_keys_file_decide(evolu_keys_rewrite_t *w);
static evolu_keys_status_t evolu_keys_file_edit(evolu_keys_rewrite_t *w,
    const evolu_locator_t *locator, evolu_keys_item_t *item);
static evolu_keys_status_t evolu_keys_file_compose(evolu_keys_rewrite_t *w);
static void evolu_keys_file_put_line(FILE *out,
    const evolu_keys_line_t *line, const evolu_keys_edit_t *edit);
static void evolu_keys_file_put_new(FILE *out,
    const evolu_keys_item_t *item);
static evolu_keys_status_t evolu_keys_file_validate(evolu_keys_rewrite_t *w);
static unsigned evolu_keys_file_parses(evolu_keys_rewrite_t *w,
    evolu_bytes_t text, unsigned *line, evolu_fault_t *fault);
static evolu_keys_status_t evolu_keys_file_replace(evolu_keys_rewrite_t *w);
static int evolu_keys_file_fill(evolu_keys_rewrite_t *w, int fd);


evolu_keys_status_t
evolu_keys_file_change(evolu_keys_store_t *store,
    const evolu_keys_batch_t *batch)
{
    char                  *real;
    size_t                 i;
    evolu_keys_status_t    status;
    evolu_keys_rewrite_t   w;

    memset(&w, 0, sizeof(evolu_keys_rewrite_t));

    w.file = (evolu_keys_file_t *) store;
    w.batch = batch;
    w.items = evolu_keys_alloc(batch->n * sizeof(evolu_keys_item_t));
    memset(w.items, 0, batch->n * sizeof(evolu_keys_item_t));

    real = realpath(w.file->path, NULL);
    w.path = real == NULL ? w.file->path : real;

    status = evolu_keys_file_lock(&w);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_file_decide(&w);
    }

    if (status == EVOLU_KEYS_DONE && w.changed != 0) {
        status = evolu_keys_file_compose(&w);

        if (status == EVOLU_KEYS_DONE) {
            status = evolu_keys_file_validate(&w);
        }

        if (status == EVOLU_KEYS_DONE && !batch->dry) {
            status = evolu_keys_file_replace(&w);
        }
    }

    if (w.fd > 0) {
        (void) close(w.fd);
    }

    for (i = 0; i < batch->n; i++) {
        evolu_keys_change_reset(&w.items[i].change);
        store->release(&w.items[i].record);
    }

    free(w.items);
    free(w.folder);
    free(w.text);
    free(real);

    return status;
}


static evolu_keys_status_t
evolu_keys_file_lock(evolu_keys_rewrite_t *w)
{
    char  *copy;

    copy = evolu_keys_format("%s", w->path);
    w->folder = evolu_keys_format("%s", dirname(copy));
    free(copy);

    w->fd = open(w->folder, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (w->fd == -1 || flock(w->fd, LOCK_EX) == -1) {
        evolu_keys_say("cannot lock the folder of key file \"%s\": %s",
                       w->path, strerror(errno));
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_file_decide(evolu_keys_rewrite_t *w)
{
    size_t               i;
    evolu_keys_status_t  status;

    status = evolu_keys_file_read(w->file);

    for (i = 0; i < w->batch->n && status == EVOLU_KEYS_DONE; i++) {
        status = evolu_keys_file_edit(w, &w->batch->locators[i],
                                      &w->items[i]);
    }

    if (status == EVOLU_KEYS_DONE && w->batch->progress != NULL) {
        w->batch->progress(w->batch->n, w->batch->data);
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_file_edit(evolu_keys_rewrite_t *w, const evolu_locator_t *locator,
    evolu_keys_item_t *item)
{
    size_t               i, first, end;
    evolu_keys_status_t  status;

    first = evolu_keys_file_record(w->file, locator, &item->record);

    status = w->batch->edit(&item->record, &item->change, w->batch->data);

    if (status != EVOLU_KEYS_DONE || evolu_keys_change_empty(&item->change)) {
        w->file->store.release(&item->record);
        return status;
    }

    w->changed++;
    end = item->record.found ? first + item->record.n - 1 : first;

    for (i = first; i < end; i++) {
        w->file->keys[i]->item = item;
        w->file->keys[i]->last = (i == end - 1);
    }

    return EVOLU_KEYS_DONE;
}


/* New lines follow the last one of their locator, else the end. */

static evolu_keys_status_t
evolu_keys_file_compose(evolu_keys_rewrite_t *w)
{
    FILE               *out;
    size_t              i;
    evolu_keys_line_t  *line;
    evolu_keys_item_t  *item;

    out = open_memstream(&w->text, &w->size);

    if (out == NULL) {
        evolu_keys_say("out of memory");
        return EVOLU_KEYS_REFUSED;
    }

    for (i = 0; i < w->file->n; i++) {
        line = &w->file->lines[i];
        item = line->item;

        if (item == NULL || !item->change.remove) {
            evolu_keys_file_put_line(out, line, item == NULL ? NULL
                   : evolu_keys_change_find(&item->change, line->parts.id));
        }

        if (item != NULL && line->last) {
            evolu_keys_file_put_new(out, item);
        }
    }

    for (i = 0; i < w->batch->n; i++) {
        if (!w->items[i].record.found) {
            evolu_keys_file_put_new(out, &w->items[i]);
        }
    }

    if (ferror(out) | (fclose(out) != 0)) {
        evolu_keys_say("out of memory");
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}


/* What stands before and after the entry stays, too. */

static void
evolu_keys_file_put_line(FILE *out, const evolu_keys_line_t *line,
    const evolu_keys_edit_t *edit)
{
    size_t         before;
    evolu_bytes_t  whole, entry;

    whole = line->whole;
    entry = line->parts.entry;

    if (edit == NULL) {
        fwrite(whole.data, 1, whole.len, out);

    } else if (edit->entry == NULL) {
        return;

    } else {
        before = (size_t) (entry.data - whole.data);

        fwrite(whole.data, 1, before, out);
        fputs(edit->entry, out);
        fwrite(entry.data + entry.len, 1, whole.len - before - entry.len,
               out);
    }

    fputc('\n', out);
}


static void
evolu_keys_file_put_new(FILE *out, const evolu_keys_item_t *item)
{
    size_t                    i, len;
    unsigned char             name[3 * EVOLU_INSTANCE_MAX];
    const evolu_locator_t    *locator;
    const evolu_keys_edit_t  *edit;

    locator = &item->record.locator;

    for (i = 0; i < item->change.n; i++) {
        edit = &item->change.edits[i];

        if (edit->entry == NULL
            || evolu_keys_record_key(&item->record, edit->id) != NULL)
        {
            continue;
        }

        fputs(evolu_scope_name(locator->scope), out);

        if (locator->scope == EVOLU_SCOPE_CAMPAIGN) {
            fprintf(out, " %s", evolu_mode_name(locator->mode));
        }

        if (locator->scope != EVOLU_SCOPE_GLOBAL) {
            len = evolu_percent_encode(locator->name, name);
            fprintf(out, " %.*s", (int) len, (char *) name);
        }

        fprintf(out, " %.*s %s\n", (int) edit->id.len,
                (const char *) edit->id.data, edit->entry);
    }
}


/*
 * nginx would refuse the file for the same fault.  A line that was bad before
 * is named by the number it has in the file as it is.
 */

static evolu_keys_status_t
evolu_keys_file_validate(evolu_keys_rewrite_t *w)
{
    unsigned       line;
    evolu_bytes_t  now, then;
    evolu_fault_t  fault;

    now.data = w->file->text;
    now.len = w->file->size;
    then.data = (unsigned char *) w->text;
    then.len = w->size;

    if (evolu_keys_file_parses(w, then, &line, &fault)) {
        return EVOLU_KEYS_DONE;
    }

    (void) evolu_keys_file_parses(w, now, &line, &fault);

    if (line == 0) {
        evolu_keys_say("out of memory");

    } else {
        evolu_keys_say("%s:%u: %s%s, nothing was written", w->path, line,
                       evolu_fault_text(fault),
                       fault == EVOLU_FAULT_PEPPER ? ": give --pepper" : "");
    }

    return EVOLU_KEYS_REFUSED;
}


/* 1, or 0 with line and fault set; those are left alone when all is well. */

static unsigned
evolu_keys_file_parses(evolu_keys_rewrite_t *w, evolu_bytes_t text,
    unsigned *line, evolu_fault_t *fault)
{
    unsigned          number;
    evolu_fault_t     why;
    evolu_keyfile_t  *keyfile;

    keyfile = evolu_keyfile_parse(text, w->file->store.peppers, &number,
                                  &why);

    if (keyfile != NULL) {
        evolu_keyfile_destroy(keyfile);
        return 1;
    }

    *line = number;
    *fault = why;

    return 0;
}


static evolu_keys_status_t
evolu_keys_file_replace(evolu_keys_rewrite_t *w)
{
    int        fd, failed;
    char      *path;
    sigset_t   before;

    path = evolu_keys_format("%s/.evolu-keys.XXXXXX", w->folder);

    evolu_keys_signal_save(&before);
    evolu_keys_signal_hold();

    /* created with mode 0600 */

    fd = mkostemp(path, O_CLOEXEC);
    failed = fd == -1;

    if (!failed) {
        failed = evolu_keys_file_fill(w, fd) != 0
                 || rename(path, w->path) != 0;

        if (failed) {
            evolu_keys_say("cannot write key file \"%s\": %s", w->path,
                           strerror(errno));
            (void) unlink(path);
        }

        (void) close(fd);

    } else {
        evolu_keys_say("cannot write into \"%s\": %s", w->folder,
                       strerror(errno));
    }

    free(path);

    if (!failed) {
        (void) fsync(w->fd);
    }

    evolu_keys_signal_release(&before);

    if (failed) {
        return EVOLU_KEYS_REFUSED;
    }

    evolu_keys_say("wrote \"%s\": reload nginx to use it", w->path);

    return EVOLU_KEYS_DONE;
}


/*
 * The file keeps its owner and group where we may give them, and what its mode
 * denied to its owner.
 */

static int
evolu_keys_file_fill(evolu_keys_rewrite_t *w, int fd)
{
    size_t   done;
    ssize_t  n;

    if (!w->file->missing) {
        if (fchown(fd, w->file->st.st_uid, w->file->st.st_gid) == -1
            && errno != EPERM)
        {
            return -1;
        }

        if (fchmod(fd, w->file->st.st_mode & (S_IRUSR|S_IWUSR)) == -1) {
            return -1;
        }
    }

    for (done = 0; done < w->size; done += (size_t) n) {
        n = write(fd, w->text + done, w->size - done);

        if (n == -1 && errno == EINTR) {
            n = 0;

        } else if (n == -1) {
            return -1;
        }
    }

    return fsync(fd);
}
