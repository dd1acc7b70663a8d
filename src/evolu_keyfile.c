
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_keyfile.h"
#include "evolu_target.h"

#include <sodium.h>
#include <stdlib.h>


#define EVOLU_KEYFILE_FIELD_MAX  (4 + EVOLU_KEY_ID_MAX)


/* a record, its locator's text behind the image in the same block */

typedef struct {
    evolu_record_t  *record;
    size_t           locator_len;
} evolu_keyfile_slot_t;


struct evolu_keyfile_s {
    size_t                 n;
    evolu_keyfile_slot_t  *slots;    /* in the byte order of locators */
};


/* a line while the file is parsed */

typedef struct {
    unsigned         number;
    evolu_locator_t  locator;        /* name is not kept */
    evolu_bytes_t    text;           /* of the locator */
    evolu_bytes_t    id;
    evolu_bytes_t    entry;
} evolu_keyfile_key_t;


typedef struct {
    size_t                  n;
    size_t                  used;    /* bytes of names */
    void                   *image;
    unsigned char          *names;   /* texts of locators */
    evolu_keyfile_key_t    *keys;
    const evolu_peppers_t  *peppers;
} evolu_keyfile_parse_t;


static int evolu_keyfile_parse_open(evolu_keyfile_parse_t *p,
    evolu_bytes_t text);
static void evolu_keyfile_parse_close(evolu_keyfile_parse_t *p);
static int evolu_keyfile_parse_lines(evolu_keyfile_parse_t *p,
    evolu_bytes_t text, unsigned *line, evolu_fault_t *fault);
static void evolu_keyfile_parse_key(evolu_keyfile_parse_t *p,
    const evolu_keyfile_line_t *line, unsigned number);
static int evolu_keyfile_parse_records(evolu_keyfile_parse_t *p,
    evolu_keyfile_t *file, unsigned *line, evolu_fault_t *fault);
static evolu_record_t *evolu_keyfile_parse_record(evolu_keyfile_parse_t *p,
    const evolu_keyfile_key_t *keys, size_t n, unsigned *line,
    evolu_fault_t *fault);
static int evolu_keyfile_add(evolu_keyfile_t *file, const evolu_record_t *r,
    evolu_bytes_t locator);
static evolu_keyfile_t *evolu_keyfile_create(size_t n);
static int evolu_keyfile_order(const void *one, const void *two);
static evolu_bytes_t evolu_keyfile_locator(const evolu_keyfile_slot_t *slot);

static evolu_fault_t evolu_keyfile_line_locator(evolu_bytes_t *rest,
    evolu_keyfile_line_t *out);
static int evolu_keyfile_line_name(evolu_bytes_t word,
    evolu_keyfile_line_t *out);
static evolu_bytes_t evolu_keyfile_word(evolu_bytes_t *rest);
static evolu_bytes_t evolu_keyfile_trim(evolu_bytes_t text);


evolu_keyfile_t *
evolu_keyfile_parse(evolu_bytes_t text, const evolu_peppers_t *peppers,
    unsigned *line, evolu_fault_t *fault)
{
    evolu_keyfile_t        *file;
    evolu_keyfile_parse_t   p;

    *line = 0;
    *fault = EVOLU_FAULT_NONE;

    memset(&p, 0, sizeof(evolu_keyfile_parse_t));
    p.peppers = peppers;

    file = NULL;

    if (evolu_keyfile_parse_open(&p, text) != 0
        || evolu_keyfile_parse_lines(&p, text, line, fault) != 0)
    {
        goto done;
    }

    if (p.n != 0) {
        qsort(p.keys, p.n, sizeof(evolu_keyfile_key_t), evolu_keyfile_order);
    }

    file = evolu_keyfile_create(p.n);

    if (file == NULL) {
        goto done;
    }

    if (evolu_keyfile_parse_records(&p, file, line, fault) != 0) {
        evolu_keyfile_destroy(file);
        file = NULL;
    }

done:

    evolu_keyfile_parse_close(&p);

    return file;
}


/*
 * The text of a locator is never longer than the words of its line, so all of
 * them fit in as many bytes as the file has.
 */

static int
evolu_keyfile_parse_open(evolu_keyfile_parse_t *p, evolu_bytes_t text)
{
    size_t  i, lines;

    lines = 1;

    for (i = 0; i < text.len; i++) {
        lines += (text.data[i] == '\n');
    }

    p->keys = calloc(lines, sizeof(evolu_keyfile_key_t));
    p->names = malloc(text.len + 1);
    p->image = malloc(EVOLU_IMAGE_MAX);

    if (p->keys == NULL || p->names == NULL || p->image == NULL) {
        return -1;
    }

    return 0;
}


static void
evolu_keyfile_parse_close(evolu_keyfile_parse_t *p)
{
    if (p->image != NULL) {
        sodium_memzero(p->image, EVOLU_IMAGE_MAX);
    }

    free(p->image);
    free(p->names);
    free(p->keys);
}


static int
evolu_keyfile_parse_lines(evolu_keyfile_parse_t *p, evolu_bytes_t text,
    unsigned *line, evolu_fault_t *fault)
{
    int                    rc;
    size_t                 pos;
    unsigned               number;
    evolu_bytes_t          one;
    evolu_keyfile_line_t   parts;
    const unsigned char   *end;

    number = 0;

    for (pos = 0; pos < text.len; pos += one.len + 1) {
        number++;

        one.data = text.data + pos;
        one.len = text.len - pos;

        end = memchr(one.data, '\n', one.len);

        if (end != NULL) {
            one.len = end - one.data;
        }

        rc = evolu_keyfile_line(one, &parts, fault);

        if (rc < 0) {
            *line = number;
            return -1;
        }

        if (rc == 1) {
            evolu_keyfile_parse_key(p, &parts, number);
        }
    }

    return 0;
}


static void
evolu_keyfile_parse_key(evolu_keyfile_parse_t *p,
    const evolu_keyfile_line_t *line, unsigned number)
{
    size_t                len;
    unsigned char         text[EVOLU_LOCATOR_MAX];
    evolu_keyfile_key_t  *key;

    len = evolu_locator_print(&line->locator, text);

    key = &p->keys[p->n++];

    key->number = number;
    key->locator.scope = line->locator.scope;
    key->locator.mode = line->locator.mode;
    key->text.data = memcpy(p->names + p->used, text, len);
    key->text.len = len;
    key->id = line->id;
    key->entry = line->entry;

    p->used += len;
}


static int
evolu_keyfile_parse_records(evolu_keyfile_parse_t *p, evolu_keyfile_t *file,
    unsigned *line, evolu_fault_t *fault)
{
    size_t                i, n;
    evolu_record_t       *r;
    evolu_keyfile_key_t  *keys;

    for (i = 0; i < p->n; i += n) {
        keys = &p->keys[i];

        for (n = 1; i + n < p->n; n++) {
            if (!evolu_bytes_equal(keys[0].text, keys[n].text)) {
                break;
            }
        }

        r = evolu_keyfile_parse_record(p, keys, n, line, fault);

        if (r == NULL || evolu_keyfile_add(file, r, keys[0].text) != 0) {
            return -1;
        }
    }

    return 0;
}


/* The keys of one locator, in the order of their lines. */

static evolu_record_t *
evolu_keyfile_parse_record(evolu_keyfile_parse_t *p,
    const evolu_keyfile_key_t *keys, size_t n, unsigned *line,
    evolu_fault_t *fault)
{
    size_t                  i;
    evolu_field_t           fields[EVOLU_RECORD_KEYS_MAX + 1];
    evolu_record_t         *r;
    unsigned char           names[EVOLU_RECORD_KEYS_MAX]
                                 [EVOLU_KEYFILE_FIELD_MAX];
    evolu_record_report_t   report;

    if (n > EVOLU_RECORD_KEYS_MAX) {
        *line = keys[EVOLU_RECORD_KEYS_MAX].number;
        *fault = EVOLU_FAULT_KEYS;
        return NULL;
    }

    fields[0].name = evolu_literal("v");
    fields[0].value = evolu_literal("1");

    for (i = 0; i < n; i++) {
        memcpy(names[i], "key.", 4);
        memcpy(names[i] + 4, keys[i].id.data, keys[i].id.len);

        fields[i + 1].name.data = names[i];
        fields[i + 1].name.len = 4 + keys[i].id.len;
        fields[i + 1].value = keys[i].entry;
    }

    r = evolu_record_decode(fields, n + 1, &keys[0].locator, p->peppers,
                            p->image, &report);

    if (report.fault == EVOLU_FAULT_NONE) {
        return r;
    }

    i = (report.field.data - names[0]) / EVOLU_KEYFILE_FIELD_MAX;

    *line = keys[i].number;
    *fault = (report.fault == EVOLU_FAULT_TWICE) ? EVOLU_FAULT_DUPLICATE
                                                 : report.fault;

    return NULL;
}


static int
evolu_keyfile_add(evolu_keyfile_t *file, const evolu_record_t *r,
    evolu_bytes_t locator)
{
    unsigned char         *block;
    evolu_keyfile_slot_t  *slot;

    block = malloc(r->size + locator.len);

    if (block == NULL) {
        return -1;
    }

    memcpy(block, r, r->size);
    memcpy(block + r->size, locator.data, locator.len);

    slot = &file->slots[file->n++];

    slot->record = (evolu_record_t *) block;
    slot->locator_len = locator.len;

    return 0;
}


static evolu_keyfile_t *
evolu_keyfile_create(size_t n)
{
    evolu_keyfile_t  *file;

    file = calloc(1, sizeof(evolu_keyfile_t));

    if (file == NULL) {
        return NULL;
    }

    file->slots = calloc(n + 1, sizeof(evolu_keyfile_slot_t));

    if (file->slots == NULL) {
        free(file);
        return NULL;
    }

    return file;
}


void
evolu_keyfile_destroy(evolu_keyfile_t *file)
{
    size_t                 i;
    evolu_keyfile_slot_t  *slot;

    if (file == NULL) {
        return;
    }

    for (i = 0; i < file->n; i++) {
        slot = &file->slots[i];

        sodium_memzero(slot->record, slot->record->size + slot->locator_len);
        free(slot->record);
    }

    free(file->slots);
    free(file);
}


evolu_record_t *
evolu_keyfile_find(evolu_keyfile_t *file, evolu_bytes_t locator)
{
    int            order;
    size_t         low, high, middle;
    evolu_bytes_t  found;

    if (file == NULL) {
        return NULL;
    }

    low = 0;
    high = file->n;

    while (low < high) {
        middle = low + (high - low) / 2;

        found = evolu_keyfile_locator(&file->slots[middle]);
        order = evolu_bytes_compare(locator, found);

        if (order == 0) {
            return file->slots[middle].record;
        }

        if (order < 0) {
            high = middle;

        } else {
            low = middle + 1;
        }
    }

    return NULL;
}


size_t
evolu_keyfile_count(const evolu_keyfile_t *file)
{
    return (file == NULL) ? 0 : file->n;
}


evolu_record_t *
evolu_keyfile_record(const evolu_keyfile_t *file, size_t n,
    evolu_bytes_t *locator)
{
    *locator = evolu_keyfile_locator(&file->slots[n]);

    return file->slots[n].record;
}


static int
evolu_keyfile_order(const void *one, const void *two)
{
    int                         order;
    const evolu_keyfile_key_t  *a, *b;

    a = one;
    b = two;

    order = evolu_bytes_compare(a->text, b->text);

    if (order != 0) {
        return order;
    }

    return (a->number > b->number) - (a->number < b->number);
}


static evolu_bytes_t
evolu_keyfile_locator(const evolu_keyfile_slot_t *slot)
{
    evolu_bytes_t  locator;

    locator.data = (unsigned char *) slot->record + slot->record->size;
    locator.len = slot->locator_len;

    return locator;
}


int
evolu_keyfile_line(evolu_bytes_t line, evolu_keyfile_line_t *out,
    evolu_fault_t *fault)
{
    evolu_bytes_t  rest;

    *fault = EVOLU_FAULT_NONE;

    rest = evolu_keyfile_trim(line);

    if (rest.len == 0) {
        return 0;
    }

    if (memchr(rest.data, '\0', rest.len) != NULL) {
        *fault = EVOLU_FAULT_SYNTAX;
        return -1;
    }

    if (rest.data[0] == '#') {
        return 0;
    }

    memset(&out->locator, 0, sizeof(evolu_locator_t));

    *fault = evolu_keyfile_line_locator(&rest, out);

    if (*fault != EVOLU_FAULT_NONE) {
        return -1;
    }

    out->id = evolu_keyfile_word(&rest);
    out->entry = rest;

    if (out->entry.len == 0) {
        *fault = EVOLU_FAULT_LINE;
        return -1;
    }

    if (!evolu_key_id_valid(out->id)) {
        *fault = EVOLU_FAULT_KEY_ID;
        return -1;
    }

    return 1;
}


static evolu_fault_t
evolu_keyfile_line_locator(evolu_bytes_t *rest, evolu_keyfile_line_t *out)
{
    int            mode;
    evolu_bytes_t  word;

    word = evolu_keyfile_word(rest);

    if (evolu_bytes_equal(word, evolu_literal("global"))) {
        out->locator.scope = EVOLU_SCOPE_GLOBAL;
        return EVOLU_FAULT_NONE;
    }

    if (evolu_bytes_equal(word, evolu_literal("instance"))) {
        out->locator.scope = EVOLU_SCOPE_INSTANCE;

    } else if (evolu_bytes_equal(word, evolu_literal("campaign"))) {
        out->locator.scope = EVOLU_SCOPE_CAMPAIGN;

        word = evolu_keyfile_word(rest);

        if (word.len == 0) {
            return EVOLU_FAULT_LINE;
        }

        mode = evolu_mode_parse(word);

        if (mode == 0) {
            return EVOLU_FAULT_MODE;
        }

        out->locator.mode = mode;

    } else {
        return EVOLU_FAULT_SCOPE;
    }

    word = evolu_keyfile_word(rest);

    if (word.len == 0) {
        return EVOLU_FAULT_LINE;
    }

    if (evolu_keyfile_line_name(word, out) != 0) {
        return EVOLU_FAULT_NAME;
    }

    return EVOLU_FAULT_NONE;
}


static int
evolu_keyfile_line_name(evolu_bytes_t word, evolu_keyfile_line_t *out)
{
    int            valid;
    long           len;
    unsigned char  name[3 * EVOLU_INSTANCE_MAX];

    if (word.len > sizeof(name)) {
        return -1;
    }

    len = evolu_percent_decode(word, name);

    if (len < 0 || len > EVOLU_INSTANCE_MAX) {
        return -1;
    }

    memcpy(out->name, name, len);

    out->locator.name.data = out->name;
    out->locator.name.len = len;

    if (out->locator.scope == EVOLU_SCOPE_CAMPAIGN) {
        valid = evolu_credential_slug_valid(out->locator.name);

    } else {
        valid = evolu_instance_valid(out->locator.name);
    }

    return valid ? 0 : -1;
}


/* Cuts the next word off; empty when there is none. */

static evolu_bytes_t
evolu_keyfile_word(evolu_bytes_t *rest)
{
    size_t         i;
    evolu_bytes_t  word;

    for (i = 0; i < rest->len; i++) {
        if (rest->data[i] == ' ' || rest->data[i] == '\t') {
            break;
        }
    }

    word.data = rest->data;
    word.len = i;

    rest->data += i;
    rest->len -= i;

    *rest = evolu_keyfile_trim(*rest);

    return word;
}


static evolu_bytes_t
evolu_keyfile_trim(evolu_bytes_t text)
{
    while (text.len != 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }

    while (text.len != 0 && (text.data[text.len - 1] == ' '
                             || text.data[text.len - 1] == '\t'))
    {
        text.len--;
    }

    return text;
}
