
/*
 * Copyright (C) Evolu Auth Authors
 *
 * What people and programs see: messages on stderr, texts and JSON on stdout.
 */


#ifndef _EVOLU_KEYS_PRINT_H_INCLUDED_
#define _EVOLU_KEYS_PRINT_H_INCLUDED_


#include <jansson.h>

#include "evolu_keys.h"


/* "2026-12-31T23:59:59Z" and its zero */
#define EVOLU_KEYS_TIME_SIZE  21


/* "evolu-keys: ..." and a newline on stderr */
void evolu_keys_say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Memory, or the end of the process; never NULL. */
void *evolu_keys_alloc(size_t size);
void *evolu_keys_realloc(void *data, size_t size);

/* A text as printf() would print it; to be freed. */
char *evolu_keys_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * A copy that a terminal can show: whatever is not printable in the locale
 * stands as \xHH.  To be freed.
 */
char *evolu_keys_text(evolu_bytes_t bytes);

/* Columns that a text of evolu_keys_text() takes on a terminal */
size_t evolu_keys_width(const char *text);

/* The same for the character at text[*pos], which is passed over */
size_t evolu_keys_char(const char *text, size_t *pos);

/* A JSON string: the bytes themselves where they are UTF-8, else as above */
json_t *evolu_keys_json_text(evolu_bytes_t bytes);

/* A JSON number, or null for EVOLU_NEVER */
json_t *evolu_keys_json_time(int64_t time);

/* Unix seconds in UTC; "-" for EVOLU_NEVER */
void evolu_keys_time(int64_t time, char out[EVOLU_KEYS_TIME_SIZE]);

/* A CIDR as text, into out of at least EVOLU_CIDR_TEXT_MAX + 1 bytes */
void evolu_keys_cidr(const evolu_cidr_t *cidr, char *out);

/* Makes jansson wipe the memory that it frees; before its first use. */
void evolu_keys_json_init(void);

/*
 * A JSON array, an item a line; *n is the number of items up to now, 0 at
 * first.  item is released.  An array that is not ended shows that it is not
 * whole; one that was not begun shows nothing.
 */
void evolu_keys_json_item(size_t *n, json_t *item);
void evolu_keys_json_end(size_t n);

/* Prints one JSON value and a newline on stdout, and releases it. */
evolu_keys_status_t evolu_keys_json_print(json_t *json);

/*
 * Writes bytes to standard output at once, past the buffers of stdio, so that
 * no copy of a credential stays there.
 */
evolu_keys_status_t evolu_keys_write(const void *data, size_t len);

/* Flushes stdout; a failure is reported. */
evolu_keys_status_t evolu_keys_flush(void);


#endif /* _EVOLU_KEYS_PRINT_H_INCLUDED_ */
