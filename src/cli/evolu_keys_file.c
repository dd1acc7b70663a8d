
/*
 * Copyright (C) Evolu Auth Authors
 *
 * The store in the key file.  It is read whole whenever it is used, and
 * written as a new file beside it that then takes its name.
 */


#include <errno.h>
#include <stdlib.h>

#include "evolu_keys_file.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"


static void evolu_keys_file_close(evolu_keys_store_t *store);
static evolu_keys_status_t evolu_keys_file_load(evolu_keys_store_t *store,
    const evolu_locator_t *locator, evolu_keys_record_t *record);
static evolu_keys_status_t evolu_keys_file_each(evolu_keys_store_t *store,
    evolu_keys_each_pt handler, void *data);
static evolu_keys_status_t evolu_keys_file_instances(
    evolu_keys_store_t *store, evolu_keys_name_pt handler, void *data);
static void evolu_keys_file_release(evolu_keys_record_t *record);
static evolu_keys_status_t evolu_keys_file_check(evolu_keys_store_t *store,
    evolu_keys_problem_pt problem, void *data);
static int evolu_keys_file_order(const void *one, const void *two);
static evolu_keys_status_t evolu_keys_file_sound(evolu_keys_file_t *file);
static void evolu_keys_file_sort(evolu_keys_file_t *file);
static size_t evolu_keys_file_gather(evolu_keys_file_t *file, size_t first,
    evolu_keys_record_t *record);


evolu_keys_store_t *
evolu_keys_file_open(const char *path, const evolu_peppers_t *peppers)
{
    evolu_keys_file_t  *file;

    file = evolu_keys_alloc(sizeof(evolu_keys_file_t));
    memset(file, 0, sizeof(evolu_keys_file_t));

    file->path = path;
    file->store.name = "file";
    file->store.peppers = peppers;
    file->store.load = evolu_keys_file_load;
    file->store.each = evolu_keys_file_each;
    file->store.change = evolu_keys_file_change;
    file->store.instances = evolu_keys_file_instances;
    file->store.check = evolu_keys_file_check;
    file->store.release = evolu_keys_file_release;
    file->store.close = evolu_keys_file_close;

    return &file->store;
}


static void
evolu_keys_file_close(evolu_keys_store_t *store)
{
    evolu_keys_file_reset((evolu_keys_file_t *) store);
    free(store);
}


void
evolu_keys_file_reset(evolu_keys_file_t *file)
{
    free(file->text);
    free(file->lines);
    free(file->keys);

    file->text = NULL;
    file->size = 0;
    file->lines = NULL;
    file->n = 0;
    file->keys = NULL;
    file->nkeys = 0;
    file->missing = 0;
}


evolu_keys_status_t
evolu_keys_file_read(evolu_keys_file_t *file)
{
    FILE                 *stream;
    evolu_keys_status_t   status;

    evolu_keys_file_reset(file);

    status = evolu_keys_input_open(file->path, "key file", &stream,
                                   &file->st, &file->missing);

    if (status != EVOLU_KEYS_DONE || file->missing) {
        return status;
    }

    if (file->st.st_size > EVOLU_KEYS_FILE_MAX) {
        evolu_keys_say("key file \"%s\" is too large", file->path);
        (void) fclose(stream);
        return EVOLU_KEYS_REFUSED;
    }

    file->text = evolu_keys_alloc((size_t) file->st.st_size);
    file->size = fread(file->text, 1, (size_t) file->st.st_size, stream);

    if (ferror(stream)) {
        evolu_keys_say("cannot read key file \"%s\": %s", file->path,
                       strerror(errno));
        (void) fclose(stream);
        return EVOLU_KEYS_REFUSED;
    }

    (void) fclose(stream);
    evolu_keys_file_split(file);

    return EVOLU_KEYS_DONE;
}


/* Every line gets a place, blank ones and bad ones as well. */

void
evolu_keys_file_split(evolu_keys_file_t *file)
{
    size_t              i, lines;
    unsigned char      *end, *p, *newline;
    evolu_keys_line_t  *line;

    end = file->text + file->size;
    lines = 1;

    for (i = 0; i < file->size; i++) {
        lines += (file->text[i] == '\n');
    }

    file->lines = evolu_keys_alloc(lines * sizeof(evolu_keys_line_t));

    for (p = file->text; p < end; p = newline + 1) {
        newline = memchr(p, '\n', (size_t) (end - p));

        if (newline == NULL) {
            newline = end;
        }

        line = &file->lines[file->n++];
        memset(line, 0, sizeof(evolu_keys_line_t));

        line->whole.data = p;
        line->whole.len = (size_t) (newline - p);
        line->number = file->n;
        line->kind = evolu_keyfile_line(line->whole, &line->parts,
                                        &line->fault);

        if (line->kind == 1) {
            line->locator.data = line->text;
            line->locator.len = evolu_locator_print(&line->parts.locator,
                                                    line->text);
        }
    }

    evolu_keys_file_sort(file);
}


/* Names of keys look as they do in Redis. */

static void
evolu_keys_file_sort(evolu_keys_file_t *file)
{
    size_t              i;
    evolu_keys_line_t  *line;

    file->keys = evolu_keys_alloc((file->n + 1)
                                  * sizeof(evolu_keys_line_t *));

    for (i = 0; i < file->n; i++) {
        line = &file->lines[i];

        if (line->kind == 1) {
            memcpy(line->field, "key.", 4);
            memcpy(line->field + 4, line->parts.id.data, line->parts.id.len);

            file->keys[file->nkeys++] = line;
        }
    }

    qsort(file->keys, file->nkeys, sizeof(evolu_keys_line_t *),
          evolu_keys_file_order);
}


static int
evolu_keys_file_order(const void *one, const void *two)
{
    int                       order;
    const evolu_keys_line_t  *a, *b;

    a = *(evolu_keys_line_t *const *) one;
    b = *(evolu_keys_line_t *const *) two;

    order = evolu_keys_bytes_order(a->locator, b->locator);

    if (order != 0) {
        return order;
    }

    return (a->number > b->number) - (a->number < b->number);
}


/* Refuses what nginx would refuse, too: no file, or a line of nothing. */

static evolu_keys_status_t
evolu_keys_file_sound(evolu_keys_file_t *file)
{
    size_t  i;

    if (file->missing) {
        evolu_keys_say("no key file \"%s\": create a key first", file->path);
        return EVOLU_KEYS_REFUSED;
    }

    for (i = 0; i < file->n && !file->store.lenient; i++) {
        if (file->lines[i].kind == -1) {
            evolu_keys_say("%s:%zu: %s", file->path, file->lines[i].number,
                           evolu_fault_text(file->lines[i].fault));
            return EVOLU_KEYS_REFUSED;
        }
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_file_load(evolu_keys_store_t *store,
    const evolu_locator_t *locator, evolu_keys_record_t *record)
{
    evolu_keys_file_t    *file;
    evolu_keys_status_t   status;

    memset(record, 0, sizeof(evolu_keys_record_t));

    file = (evolu_keys_file_t *) store;
    status = evolu_keys_file_read(file);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_file_sound(file);
    }

    if (status == EVOLU_KEYS_DONE) {
        (void) evolu_keys_file_record(file, locator, record);
    }

    return status;
}


size_t
evolu_keys_file_record(evolu_keys_file_t *file,
    const evolu_locator_t *locator, evolu_keys_record_t *record)
{
    size_t         low, high, middle;
    evolu_bytes_t  text;
    unsigned char  buf[EVOLU_LOCATOR_MAX];

    text.data = buf;
    text.len = evolu_locator_print(locator, buf);

    low = 0;
    high = file->nkeys;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (evolu_keys_bytes_order(file->keys[middle]->locator, text) < 0) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    memset(record, 0, sizeof(evolu_keys_record_t));
    record->locator = *locator;

    if (low < file->nkeys
        && evolu_bytes_equal(file->keys[low]->locator, text))
    {
        (void) evolu_keys_file_gather(file, low, record);
    }

    return low;
}


/*
 * The record that begins with key number first; returns the number of its
 * lines.  It points into them; "v" is what it would say in Redis.
 */

static size_t
evolu_keys_file_gather(evolu_keys_file_t *file, size_t first,
    evolu_keys_record_t *record)
{
    size_t              n;
    evolu_field_t      *field;
    evolu_keys_line_t  *line;

    line = file->keys[first];
    n = 1;

    while (first + n < file->nkeys
           && evolu_bytes_equal(file->keys[first + n]->locator,
                                line->locator))
    {
        n++;
    }

    memset(record, 0, sizeof(evolu_keys_record_t));

    record->memory = evolu_keys_alloc((n + 1) * sizeof(evolu_field_t));
    record->locator = line->parts.locator;
    record->text = line->locator;
    record->fields = record->memory;
    record->n = n + 1;
    record->found = 1;

    field = record->fields;
    field->name = evolu_literal("v");
    field->value = evolu_literal("1");

    for (field++; field < record->fields + record->n; field++, first++) {
        line = file->keys[first];

        field->name.data = line->field;
        field->name.len = 4 + line->parts.id.len;
        field->value = line->parts.entry;
    }

    return n;
}


static void
evolu_keys_file_release(evolu_keys_record_t *record)
{
    free(record->memory);
    record->memory = NULL;
}


static evolu_keys_status_t
evolu_keys_file_each(evolu_keys_store_t *store, evolu_keys_each_pt handler,
    void *data)
{
    size_t                i;
    evolu_keys_file_t    *file;
    evolu_keys_record_t   record;
    evolu_keys_status_t   status;

    file = (evolu_keys_file_t *) store;
    status = evolu_keys_file_read(file);

    if (status == EVOLU_KEYS_DONE) {
        status = evolu_keys_file_sound(file);
    }

    for (i = 0; i < file->nkeys && status == EVOLU_KEYS_DONE; /* void */ ) {
        i += evolu_keys_file_gather(file, i, &record);
        status = handler(&record, data);
        evolu_keys_file_release(&record);
    }

    return status;
}


/*
 * Lines that nothing can be made of.  What is wrong with entries is found in
 * records, as in Redis.
 */

static evolu_keys_status_t
evolu_keys_file_check(evolu_keys_store_t *store,
    evolu_keys_problem_pt problem, void *data)
{
    size_t                i;
    char                  where[sizeof("line ") + 20];
    evolu_bytes_t         none;
    evolu_keys_file_t    *file;
    evolu_keys_status_t   status;

    file = (evolu_keys_file_t *) store;
    none.data = NULL;
    none.len = 0;

    status = evolu_keys_file_read(file);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    status = evolu_keys_file_sound(file);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    for (i = 0; i < file->n; i++) {
        if (file->lines[i].kind == -1) {
            snprintf(where, sizeof(where), "line %zu",
                     file->lines[i].number);
            problem(data, store, evolu_keys_string(where), none,
                    evolu_fault_text(file->lines[i].fault));
        }
    }

    return EVOLU_KEYS_DONE;
}


static evolu_keys_status_t
evolu_keys_file_instances(evolu_keys_store_t *store,
    evolu_keys_name_pt handler, void *data)
{
    size_t                i;
    evolu_locator_t      *locator;
    evolu_keys_file_t    *file;
    evolu_keys_status_t   status;

    file = (evolu_keys_file_t *) store;
    status = evolu_keys_file_read(file);

    for (i = 0; i < file->nkeys && status == EVOLU_KEYS_DONE; i++) {
        locator = &file->keys[i]->parts.locator;

        if (locator->scope == EVOLU_SCOPE_INSTANCE) {
            handler(locator->name, data);
        }
    }

    return status;
}
