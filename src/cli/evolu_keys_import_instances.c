
/*
 * Copyright (C) Evolu Auth Authors
 *
 * evolu-keys import instances: rows of Evolution API's table "Instance".  The
 * text is UTF-8.  Names are stored as they are, since paths name instances in
 * UTF-8; tokens as Latin-1, which is what Evolution API takes headers for.
 */


#include <locale.h>
#include <sodium.h>
#include <stdlib.h>
#include <wctype.h>

#include "evolu_keys_import.h"
#include "evolu_keys_input.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"


/* names that one token's set in the index may hold (contract, section 6) */
#define EVOLU_KEYS_SHARED_MAX  EVOLU_KEYS_NAMES_MAX


typedef struct {
    int                 name;
    int                 token;
    int                 client;      /* -1: not there */
} evolu_keys_columns_t;


/* a name without its case and its spaces at the end, for comparison */

typedef struct {
    unsigned char       tag[EVOLU_TAG_SIZE];
    evolu_keys_row_t   *row;
} evolu_keys_folded_t;


static evolu_keys_status_t evolu_keys_instances_heading(
    evolu_keys_import_t *import, evolu_keys_columns_t *columns);
static void evolu_keys_instances_row(evolu_keys_import_t *import,
    const evolu_keys_columns_t *columns);
static unsigned evolu_keys_instances_unclear(const evolu_keys_csv_t *csv,
    const evolu_keys_columns_t *columns);
static const char *evolu_keys_instances_name(evolu_bytes_t name);
static const char *evolu_keys_instances_token(evolu_bytes_t text,
    unsigned char *buf, evolu_bytes_t *token);
static const char *evolu_keys_instances_suits(evolu_bytes_t token);
static unsigned evolu_keys_instances_utf8(evolu_bytes_t text);
static size_t evolu_keys_instances_char(evolu_bytes_t text, wint_t *c);
static void evolu_keys_instances_conflicts(evolu_keys_import_t *import);
static void evolu_keys_instances_same(evolu_keys_import_t *import,
    evolu_keys_row_t *rows, size_t n);
static void evolu_keys_instances_shared(evolu_keys_import_t *import);
static int evolu_keys_instances_digest_order(const void *one,
    const void *two);
static void evolu_keys_instances_alike(evolu_keys_import_t *import);
static void evolu_keys_instances_fold(evolu_bytes_t name, locale_t locale,
    const unsigned char *key, unsigned char tag[EVOLU_TAG_SIZE]);
static int evolu_keys_instances_tag_order(const void *one, const void *two);
static evolu_bytes_t evolu_keys_instances_text(evolu_bytes_t name,
    unsigned char *buf);


evolu_keys_status_t
evolu_keys_import_instances(evolu_keys_import_t *import)
{
    evolu_keys_status_t   status;
    evolu_keys_columns_t  columns;

    status = evolu_keys_import_row(import);

    if (status == EVOLU_KEYS_DONE && import->more) {
        status = evolu_keys_instances_heading(import, &columns);
    }

    while (status == EVOLU_KEYS_DONE && import->more) {
        evolu_keys_progress(++import->read);
        evolu_keys_instances_row(import, &columns);
        status = evolu_keys_import_row(import);
    }

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    evolu_keys_rows_sort(&import->rows);
    evolu_keys_instances_conflicts(import);
    evolu_keys_rows_sort(&import->rows);

    evolu_keys_instances_shared(import);
    evolu_keys_instances_alike(import);

    return EVOLU_KEYS_DONE;
}


/*
 * No instance can be meant by "name,token": that token would be too short.
 * Without a heading the columns are name, token and perhaps clientName.
 */

static evolu_keys_status_t
evolu_keys_instances_heading(evolu_keys_import_t *import,
    evolu_keys_columns_t *columns)
{
    columns->name = evolu_keys_csv_column(import->csv, "name");
    columns->token = evolu_keys_csv_column(import->csv, "token");
    columns->client = evolu_keys_csv_column(import->csv, "clientName");

    import->named = columns->name != -1 && columns->token != -1;

    if (!import->named) {
        columns->name = 0;
        columns->token = 1;
        columns->client = import->csv->n == 3 ? 2 : -1;

        if (import->csv->n < 2 || import->csv->n > 3) {
            evolu_keys_say("expected two columns on standard input, name and "
                           "token, and perhaps clientName; or a heading that "
                           "says which they are");
            return EVOLU_KEYS_REFUSED;
        }
    }

    if ((import->keys->options.given & EVOLU_KEYS_CLIENT)
        && columns->client == -1)
    {
        evolu_keys_say("--client needs a column clientName");
        return EVOLU_KEYS_REFUSED;
    }

    return import->named ? evolu_keys_import_row(import) : EVOLU_KEYS_DONE;
}


/* Neither a null token nor an empty one ever passes Evolution API. */

static void
evolu_keys_instances_row(evolu_keys_import_t *import,
    const evolu_keys_columns_t *columns)
{
    const char             *why;
    evolu_bytes_t           name, text, token;
    unsigned char           buf[EVOLU_KEYS_CSV_FIELD];
    unsigned char           shown[9 + EVOLU_KEYS_CSV_FIELD];
    evolu_locator_t         locator;
    evolu_keys_csv_t       *csv;
    evolu_keys_row_t       *row;
    evolu_keys_options_t   *o;

    csv = import->csv;
    o = &import->keys->options;

    name = csv->fields[columns->name];
    text = csv->fields[columns->token];

    if ((o->given & EVOLU_KEYS_CLIENT)
        && !evolu_bytes_equal(csv->fields[columns->client], o->client))
    {
        import->other++;
        import->unclear += !evolu_keys_instances_utf8(
                                                csv->fields[columns->client]);
        return;
    }

    why = evolu_keys_instances_name(name);

    if (why == NULL && text.len == 0) {
        import->without++;
        return;
    }

    if (why == NULL) {
        why = (csv->cut & (1u << columns->token))
              ? "its token is over 4096 bytes"
              : evolu_keys_instances_token(text, buf, &token);
    }

    if (why != NULL) {
        evolu_keys_import_unusable(import, csv->line,
                              evolu_keys_instances_text(name, shown), why);
        import->unclear += evolu_keys_instances_unclear(csv, columns);
        sodium_memzero(buf, sizeof(buf));
        return;
    }

    memset(&locator, 0, sizeof(evolu_locator_t));
    locator.scope = EVOLU_SCOPE_INSTANCE;
    locator.name = name;

    row = evolu_keys_rows_add(&import->rows, &locator, import->id);
    row->line = csv->line;
    row->algorithm = evolu_algorithm_default(import->keys->peppers);
    evolu_digest(row->algorithm, import->keys->peppers, token, row->digest);

    import->guessable += evolu_peppers_count(import->keys->peppers) == 0
                         && evolu_keys_input_guessable(token);

    sodium_memzero(buf, sizeof(buf));
}


/*
 * Of a row in another encoding one cannot say whose it is, or whether its token
 * is still the one of the key.  A field that was cut is too long for a key.
 */

static unsigned
evolu_keys_instances_unclear(const evolu_keys_csv_t *csv,
    const evolu_keys_columns_t *columns)
{
    return (!(csv->cut & (1u << columns->name))
            && !evolu_keys_instances_utf8(csv->fields[columns->name]))
           || (!(csv->cut & (1u << columns->token))
               && !evolu_keys_instances_utf8(csv->fields[columns->token]));
}


static evolu_bytes_t
evolu_keys_instances_text(evolu_bytes_t name, unsigned char *buf)
{
    evolu_bytes_t  text;

    memcpy(buf, "instance:", 9);
    memcpy(buf + 9, name.data, name.len);

    text.data = buf;
    text.len = 9 + name.len;

    return text;
}


static const char *
evolu_keys_instances_name(evolu_bytes_t name)
{
    if (name.len == 0) {
        return "its name is empty";
    }

    if (name.len > EVOLU_INSTANCE_MAX) {
        return "its name is over 255 bytes";
    }

    if (!evolu_instance_valid(name)) {
        return "its name has control characters";
    }

    return evolu_keys_instances_utf8(name) ? NULL : "its name is not UTF-8";
}


/* Into buf, which is as large as a field */

static const char *
evolu_keys_instances_token(evolu_bytes_t text, unsigned char *buf,
    evolu_bytes_t *token)
{
    size_t  len;
    wint_t  c;

    token->data = buf;
    token->len = 0;

    for ( /* void */ ; text.len != 0; text.data += len, text.len -= len) {
        len = evolu_keys_instances_char(text, &c);

        if (len == 0) {
            return "its token is not UTF-8";
        }

        if (c > 0xFF) {
            return "its token has characters beyond U+00FF, which no header "
                   "can carry";
        }

        buf[token->len++] = (unsigned char) c;
    }

    return evolu_keys_instances_suits(*token);
}


static const char *
evolu_keys_instances_suits(evolu_bytes_t token)
{
    size_t              i;
    evolu_credential_t  c;

    for (i = 0; i < token.len; i++) {
        if (token.data[i] < 0x20 || token.data[i] == 0x7F) {
            return "its token has control characters";
        }
    }

    if (token.data[0] == ' ' || token.data[token.len - 1] == ' ') {
        return "its token begins or ends with a space, which no header keeps";
    }

    if (token.len < EVOLU_OPAQUE_MIN) {
        return "its token is under 8 bytes";
    }

    if (token.len > EVOLU_OPAQUE_MAX) {
        return "its token is over 4096 bytes";
    }

    if (token.len >= 11 && (memcmp(token.data, "evolu_live_", 11) == 0
                            || memcmp(token.data, "evolu_test_", 11) == 0))
    {
        return "its token begins like a campaign key";
    }

    if (evolu_credential_parse(token, &c) != EVOLU_CREDENTIAL_OK
        || c.family != EVOLU_FAMILY_OPAQUE || c.text.len != token.len)
    {
        return "its token is no credential";
    }

    return NULL;
}


static unsigned
evolu_keys_instances_utf8(evolu_bytes_t text)
{
    size_t  len;
    wint_t  c;

    for ( /* void */ ; text.len != 0; text.data += len, text.len -= len) {
        len = evolu_keys_instances_char(text, &c);

        if (len == 0) {
            return 0;
        }
    }

    return 1;
}


/* The length of the character that text begins with, 0 when it is none */

static size_t
evolu_keys_instances_char(evolu_bytes_t text, wint_t *c)
{
    size_t   i, len;
    wint_t   least;

    if (text.data[0] < 0x80) {
        *c = text.data[0];
        return 1;
    }

    if (text.data[0] >= 0xC2 && text.data[0] < 0xE0) {
        len = 2;
        least = 0x80;
        *c = text.data[0] & 0x1F;

    } else if (text.data[0] >= 0xE0 && text.data[0] < 0xF0) {
        len = 3;
        least = 0x800;
        *c = text.data[0] & 0x0F;

    } else if (text.data[0] >= 0xF0 && text.data[0] < 0xF5) {
        len = 4;
        least = 0x10000;
        *c = text.data[0] & 0x07;

    } else {
        return 0;
    }

    if (text.len < len) {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if ((text.data[i] & 0xC0) != 0x80) {
            return 0;
        }

        *c = (*c << 6) | (text.data[i] & 0x3F);
    }

    if (*c < least || *c > 0x10FFFF || (*c >= 0xD800 && *c <= 0xDFFF)) {
        return 0;
    }

    return len;
}


/* The table has each name once; a list that was made by hand may not. */

static void
evolu_keys_instances_conflicts(evolu_keys_import_t *import)
{
    size_t              i, n;
    evolu_keys_row_t   *row;

    for (i = 0; i < import->rows.n; i += n) {
        row = &import->rows.rows[i];

        for (n = 1; i + n < import->rows.n; n++) {
            if (evolu_keys_locator_order(&row->locator, &row[n].locator)
                != 0)
            {
                break;
            }
        }

        if (n > 1) {
            evolu_keys_instances_same(import, row, n);
        }
    }
}


static void
evolu_keys_instances_same(evolu_keys_import_t *import,
    evolu_keys_row_t *rows, size_t n)
{
    size_t         i;
    unsigned       differ;
    evolu_bytes_t  text;
    unsigned char  buf[EVOLU_LOCATOR_MAX];

    differ = 0;

    for (i = 1; i < n; i++) {
        differ |= !evolu_digest_equal(rows[0].digest, rows[i].digest);
        rows[i].dropped = 1;
    }

    if (!differ) {
        import->repeated += n - 1;
        return;
    }

    text.data = buf;
    text.len = evolu_locator_print(&rows[0].locator, buf);

    rows[0].dropped = 1;
    import->unclear += n;

    for (i = 0; i < n; i++) {
        evolu_keys_import_unusable(import, rows[i].line, text,
                             "it is there again with another token");
    }
}


/* Digests by one algorithm are equal when tokens are. */

static void
evolu_keys_instances_shared(evolu_keys_import_t *import)
{
    size_t              i, n;
    evolu_keys_row_t  **sorted;

    sorted = evolu_keys_alloc(import->rows.n * sizeof(evolu_keys_row_t *));

    for (i = 0; i < import->rows.n; i++) {
        sorted[i] = &import->rows.rows[i];
    }

    qsort(sorted, import->rows.n, sizeof(evolu_keys_row_t *),
          evolu_keys_instances_digest_order);

    for (i = 0; i < import->rows.n; i += n) {
        for (n = 1; i + n < import->rows.n; n++) {
            if (evolu_keys_instances_digest_order(&sorted[i], &sorted[i + n])
                != 0)
            {
                break;
            }
        }

        import->shared += n > 1 ? n : 0;

        if (n > EVOLU_KEYS_SHARED_MAX) {
            evolu_keys_say("warning: %zu instances share one token: more "
                           "than %d are unknown to the token index", n,
                           EVOLU_KEYS_SHARED_MAX);
        }
    }

    free(sorted);
}


static int
evolu_keys_instances_digest_order(const void *one, const void *two)
{
    return memcmp((*(evolu_keys_row_t *const *) one)->digest,
                  (*(evolu_keys_row_t *const *) two)->digest,
                  EVOLU_DIGEST_SIZE);
}


/*
 * MySQL takes names that differ by case or by spaces at the end for the same;
 * the edge does not.
 */

static void
evolu_keys_instances_alike(evolu_keys_import_t *import)
{
    size_t                i;
    locale_t              locale;
    evolu_bytes_t         text;
    unsigned char         buf[EVOLU_LOCATOR_MAX], key[EVOLU_TAG_KEY_SIZE];
    evolu_keys_folded_t  *folded;

    folded = evolu_keys_alloc(import->rows.n * sizeof(evolu_keys_folded_t));
    locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t) 0);

    randombytes_buf(key, sizeof(key));

    for (i = 0; i < import->rows.n; i++) {
        folded[i].row = &import->rows.rows[i];
        evolu_keys_instances_fold(folded[i].row->locator.name, locale, key,
                                  folded[i].tag);
    }

    qsort(folded, import->rows.n, sizeof(evolu_keys_folded_t),
          evolu_keys_instances_tag_order);

    text.data = buf;

    for (i = 1; i < import->rows.n; i++) {
        if (evolu_digest_tag_equal(folded[i - 1].tag, folded[i].tag)) {
            text.len = evolu_locator_print(&folded[i].row->locator, buf);
            evolu_keys_import_problem(import, folded[i].row->line, text,
                         "warning: another name differs only by case or by "
                         "spaces at its end, which are the same to MySQL");
        }
    }

    if (locale != (locale_t) 0) {
        freelocale(locale);
    }

    free(folded);
}


/* The name is UTF-8 by now; lower case may be longer. */

static void
evolu_keys_instances_fold(evolu_bytes_t name, locale_t locale,
    const unsigned char *key, unsigned char tag[EVOLU_TAG_SIZE])
{
    size_t         n, len;
    wint_t         c, text[EVOLU_INSTANCE_MAX];
    evolu_bytes_t  folded;

    for (n = 0; name.len != 0; name.data += len, name.len -= len) {
        len = evolu_keys_instances_char(name, &c);
        text[n++] = locale == (locale_t) 0 ? c : towlower_l(c, locale);
    }

    while (n != 0 && text[n - 1] == ' ') {
        n--;
    }

    folded.data = (unsigned char *) text;
    folded.len = n * sizeof(wint_t);

    evolu_digest_tag(key, folded, tag);
}


static int
evolu_keys_instances_tag_order(const void *one, const void *two)
{
    int                         order;
    const evolu_keys_folded_t  *a, *b;

    a = one;
    b = two;

    order = memcmp(a->tag, b->tag, EVOLU_TAG_SIZE);

    return order != 0 ? order : (a->row->line > b->row->line)
                                - (a->row->line < b->row->line);
}
