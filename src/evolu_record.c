
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "evolu_record.h"


#define EVOLU_DECIMAL_MAX  12

#define evolu_array_size(a)  (sizeof(a) / sizeof((a)[0]))


/* images are shared between processes and compared: no holes in them */

_Static_assert(sizeof(evolu_record_t) <= EVOLU_RECORD_HEADER
               && EVOLU_RECORD_HEADER % _Alignof(evolu_entry_t) == 0,
               "entries follow the header, aligned");

_Static_assert(sizeof(evolu_entry_t)
               == EVOLU_DIGEST_SIZE + EVOLU_TAG_SIZE + 2 * sizeof(int64_t)
                  + 2 * sizeof(uint16_t) + sizeof(evolu_algorithm_t) + 2
                  + EVOLU_KEY_ID_MAX,
               "an entry has no padding");

_Static_assert(sizeof(evolu_cidr_t) == 18 && _Alignof(evolu_cidr_t) == 1,
               "a CIDR has no padding");

_Static_assert(EVOLU_RECORD_HEADER
               + EVOLU_RECORD_KEYS_MAX * sizeof(evolu_entry_t)
               + EVOLU_RECORD_KEYS_MAX * EVOLU_ENTRY_CIDRS_MAX
                 * sizeof(evolu_cidr_t)
               + EVOLU_INSTANCE_MAX <= EVOLU_IMAGE_MAX,
               "the largest image fits");

_Static_assert(EVOLU_RECORD_KEYS_MAX <= 64, "a set of entries is 64 bits");


typedef enum {
    EVOLU_FIELD_VERSION = 0,
    EVOLU_FIELD_STATUS,
    EVOLU_FIELD_INSTANCE,
    EVOLU_FIELD_LIVEMODE,
    EVOLU_FIELDS
} evolu_field_index_t;


typedef enum {
    EVOLU_NAME_HASH = 0,
    EVOLU_NAME_EXP,
    EVOLU_NAME_NBF,
    EVOLU_NAME_IP,
    EVOLU_NAME_STATUS,
    EVOLU_NAME_UNKNOWN
} evolu_name_index_t;


/* the fields that mean something, each at most once */

typedef struct {
    unsigned              nkeys;
    const evolu_field_t  *known[EVOLU_FIELDS];
    const evolu_field_t  *keys[EVOLU_RECORD_KEYS_MAX];  /* by id */
} evolu_record_scan_t;


static int evolu_record_scan(const evolu_field_t *fields, size_t n,
    evolu_record_scan_t *scan, evolu_record_report_t *report);
static evolu_fault_t evolu_record_scan_known(const evolu_field_t *field,
    evolu_record_scan_t *scan);
static evolu_fault_t evolu_record_scan_key(const evolu_field_t *field,
    evolu_record_scan_t *scan);
static int evolu_record_header(const evolu_record_scan_t *scan,
    const evolu_locator_t *locator, evolu_record_t *r,
    evolu_record_report_t *report);
static evolu_fault_t evolu_record_livemode(const evolu_field_t *field,
    evolu_record_t *r);
static int evolu_record_keys(const evolu_record_scan_t *scan,
    const evolu_peppers_t *peppers, evolu_record_t *r,
    evolu_record_report_t *report);
static void evolu_record_finish(const evolu_record_scan_t *scan,
    evolu_record_t *r);
static int evolu_record_void(evolu_record_report_t *report,
    evolu_fault_t fault, evolu_bytes_t field);
static evolu_bytes_t evolu_record_key_id(const evolu_field_t *field);

static int evolu_entry_token(evolu_bytes_t text, size_t *pos,
    evolu_bytes_t *name, evolu_bytes_t *value);
static int evolu_entry_name(evolu_bytes_t name, evolu_name_index_t *index);
static int evolu_entry_same_letters(evolu_bytes_t name, evolu_bytes_t known);
static evolu_fault_t evolu_entry_hash(evolu_bytes_t value, evolu_scope_t scope,
    const evolu_peppers_t *peppers, evolu_entry_t *e);
static evolu_fault_t evolu_entry_time(evolu_bytes_t value, int64_t *time);
static evolu_fault_t evolu_entry_ip(evolu_bytes_t value, evolu_entry_t *e,
    evolu_cidr_t *cidrs);
static evolu_fault_t evolu_entry_status(evolu_bytes_t value,
    evolu_entry_t *e);


static const evolu_bytes_t  evolu_field_names[EVOLU_FIELDS] = {
    [EVOLU_FIELD_VERSION]  = evolu_literal("v"),
    [EVOLU_FIELD_STATUS]   = evolu_literal("status"),
    [EVOLU_FIELD_INSTANCE] = evolu_literal("instance"),
    [EVOLU_FIELD_LIVEMODE] = evolu_literal("livemode")
};


static const evolu_bytes_t  evolu_field_key = evolu_literal("key.");


static const evolu_bytes_t  evolu_entry_names[EVOLU_NAME_UNKNOWN] = {
    [EVOLU_NAME_HASH]   = evolu_literal("hash"),
    [EVOLU_NAME_EXP]    = evolu_literal("exp"),
    [EVOLU_NAME_NBF]    = evolu_literal("nbf"),
    [EVOLU_NAME_IP]     = evolu_literal("ip"),
    [EVOLU_NAME_STATUS] = evolu_literal("status")
};


static const char  *evolu_fault_texts[] = {
    [EVOLU_FAULT_NONE]          = "no fault",
    [EVOLU_FAULT_KEY_ID]        = "bad key id, expected 1 to 32 of "
                                  "A-Z a-z 0-9 . _ -",
    [EVOLU_FAULT_SYNTAX]        = "bad entry, expected name=value pairs "
                                  "separated by spaces, each known name once "
                                  "and in lower case",
    [EVOLU_FAULT_NO_HASH]       = "entry without \"hash=\"",
    [EVOLU_FAULT_HASH]          = "bad \"hash=\", expected an algorithm, a "
                                  "colon and 64 hex digits",
    [EVOLU_FAULT_ALGORITHM]     = "bad algorithm in \"hash=\", expected "
                                  "sha256 or hmac-sha256/ID, or, for "
                                  "campaigns only, sha256-secret or "
                                  "hmac-sha256-secret/ID",
    [EVOLU_FAULT_PEPPER]        = "\"hash=\" names a pepper that is not "
                                  "configured",
    [EVOLU_FAULT_TIME]          = "bad \"exp=\" or \"nbf=\", expected unix "
                                  "seconds below 100000000000",
    [EVOLU_FAULT_CIDR]          = "bad \"ip=\", expected addresses or CIDRs "
                                  "separated by commas",
    [EVOLU_FAULT_STATUS]        = "bad \"status=\", expected active or "
                                  "disabled",
    [EVOLU_FAULT_VERSION]       = "field \"v\" is missing or not 1",
    [EVOLU_FAULT_RECORD_STATUS] = "bad field \"status\", expected active or "
                                  "disabled",
    [EVOLU_FAULT_INSTANCE]      = "bad field \"instance\", expected 1 to 255 "
                                  "bytes without control characters",
    [EVOLU_FAULT_LIVEMODE]      = "bad field \"livemode\", expected true or "
                                  "false, and of a campaign what its mode "
                                  "says",
    [EVOLU_FAULT_TWICE]         = "the same field twice",
    [EVOLU_FAULT_KEYS]          = "too many keys, a record holds at most 64",
    [EVOLU_FAULT_CIDRS]         = "too many addresses in \"ip=\", an entry "
                                  "holds at most 64",
    [EVOLU_FAULT_ENTRY_SIZE]    = "entry too long, it has at most 4096 bytes",
    [EVOLU_FAULT_RECORD_SIZE]   = "record too long, names and values have at "
                                  "most 65536 bytes together",
    [EVOLU_FAULT_LINE]          = "bad line, expected \"global ID ENTRY\", "
                                  "\"instance NAME ID ENTRY\" or "
                                  "\"campaign MODE SLUG ID ENTRY\"",
    [EVOLU_FAULT_SCOPE]         = "bad scope, expected global, instance or "
                                  "campaign",
    [EVOLU_FAULT_MODE]          = "bad mode, expected live or test",
    [EVOLU_FAULT_NAME]          = "bad name, expected a campaign's slug or a "
                                  "percent-encoded instance name",
    [EVOLU_FAULT_DUPLICATE]     = "this key id was given before"
};


evolu_record_t *
evolu_record_decode(const evolu_field_t *fields, size_t n,
    const evolu_locator_t *locator, const evolu_peppers_t *peppers,
    void *image, evolu_record_report_t *report)
{
    evolu_record_t       *r;
    evolu_record_scan_t   scan;

    memset(report, 0, sizeof(evolu_record_report_t));

    r = image;

    if (evolu_record_scan(fields, n, &scan, report) != 0) {
        return NULL;
    }

    if (evolu_record_header(&scan, locator, r, report) != 0) {
        return NULL;
    }

    if (evolu_record_keys(&scan, peppers, r, report) != 0) {
        return NULL;
    }

    evolu_record_finish(&scan, r);

    return r;
}


/*
 * One pass over the fields, whatever their number.  Only fields that mean
 * something are kept and compared, so a record full of others costs no more
 * than its size.
 */

static int
evolu_record_scan(const evolu_field_t *fields, size_t n,
    evolu_record_scan_t *scan, evolu_record_report_t *report)
{
    size_t                i, size;
    evolu_fault_t         fault;
    const evolu_field_t  *field;

    memset(scan, 0, sizeof(evolu_record_scan_t));

    size = 0;

    for (i = 0; i < n; i++) {
        field = &fields[i];

        if (field->name.len > EVOLU_RECORD_MAX - size
            || field->value.len > EVOLU_RECORD_MAX - size - field->name.len)
        {
            return evolu_record_void(report, EVOLU_FAULT_RECORD_SIZE,
                                     field->name);
        }

        size += field->name.len + field->value.len;

        if (field->name.len >= evolu_field_key.len
            && memcmp(field->name.data, evolu_field_key.data,
                      evolu_field_key.len) == 0)
        {
            fault = evolu_record_scan_key(field, scan);

        } else {
            fault = evolu_record_scan_known(field, scan);
        }

        if (fault != EVOLU_FAULT_NONE) {
            return evolu_record_void(report, fault, field->name);
        }
    }

    return 0;
}


static evolu_fault_t
evolu_record_scan_known(const evolu_field_t *field, evolu_record_scan_t *scan)
{
    unsigned  i;

    for (i = 0; i < EVOLU_FIELDS; i++) {

        if (!evolu_bytes_equal(field->name, evolu_field_names[i])) {
            continue;
        }

        if (scan->known[i] != NULL) {
            return EVOLU_FAULT_TWICE;
        }

        scan->known[i] = field;
        break;
    }

    return EVOLU_FAULT_NONE;
}


static evolu_fault_t
evolu_record_scan_key(const evolu_field_t *field, evolu_record_scan_t *scan)
{
    int       order;
    unsigned  i;

    if (scan->nkeys == EVOLU_RECORD_KEYS_MAX) {
        return EVOLU_FAULT_KEYS;
    }

    for (i = scan->nkeys; i > 0; i--) {
        order = evolu_bytes_compare(field->name, scan->keys[i - 1]->name);

        if (order == 0) {
            return EVOLU_FAULT_TWICE;
        }

        if (order > 0) {
            break;
        }
    }

    memmove(&scan->keys[i + 1], &scan->keys[i],
            (scan->nkeys - i) * sizeof(scan->keys[0]));

    scan->keys[i] = field;
    scan->nkeys++;

    return EVOLU_FAULT_NONE;
}


static int
evolu_record_header(const evolu_record_scan_t *scan,
    const evolu_locator_t *locator, evolu_record_t *r,
    evolu_record_report_t *report)
{
    evolu_fault_t         fault;
    const evolu_field_t  *field;

    memset(r, 0, EVOLU_RECORD_HEADER);

    r->scope = locator->scope;

    if (locator->scope == EVOLU_SCOPE_CAMPAIGN) {
        r->mode = locator->mode;
    }

    field = scan->known[EVOLU_FIELD_VERSION];

    if (field == NULL || !evolu_bytes_equal(field->value, evolu_literal("1")))
    {
        return evolu_record_void(report, EVOLU_FAULT_VERSION,
                                 evolu_field_names[EVOLU_FIELD_VERSION]);
    }

    field = scan->known[EVOLU_FIELD_STATUS];

    if (field != NULL) {

        if (evolu_bytes_equal(field->value, evolu_literal("disabled"))) {
            r->flags |= EVOLU_RECORD_DISABLED;

        } else if (!evolu_bytes_equal(field->value, evolu_literal("active"))) {
            return evolu_record_void(report, EVOLU_FAULT_RECORD_STATUS,
                                     field->name);
        }
    }

    field = scan->known[EVOLU_FIELD_INSTANCE];

    if (field != NULL && r->scope == EVOLU_SCOPE_CAMPAIGN) {

        if (!evolu_instance_valid(field->value)) {
            return evolu_record_void(report, EVOLU_FAULT_INSTANCE,
                                     field->name);
        }

        r->instance_len = field->value.len;
    }

    fault = evolu_record_livemode(scan->known[EVOLU_FIELD_LIVEMODE], r);

    if (fault != EVOLU_FAULT_NONE) {
        return evolu_record_void(report, fault,
                                 evolu_field_names[EVOLU_FIELD_LIVEMODE]);
    }

    return 0;
}


/* The mode of a campaign stands in its locator, the field can only agree. */

static evolu_fault_t
evolu_record_livemode(const evolu_field_t *field, evolu_record_t *r)
{
    int  live, said;

    live = (r->scope != EVOLU_SCOPE_CAMPAIGN || r->mode == EVOLU_MODE_LIVE);

    if (field != NULL) {
        said = evolu_bytes_equal(field->value, evolu_literal("true"));

        if (!said && !evolu_bytes_equal(field->value, evolu_literal("false")))
        {
            return EVOLU_FAULT_LIVEMODE;
        }

        if (r->scope == EVOLU_SCOPE_CAMPAIGN && said != live) {
            return EVOLU_FAULT_LIVEMODE;
        }

        if (r->scope == EVOLU_SCOPE_INSTANCE) {
            live = said;
        }
    }

    if (live) {
        r->flags |= EVOLU_RECORD_LIVEMODE;
    }

    return EVOLU_FAULT_NONE;
}


/*
 * How many entries are usable is known at the end only: until then CIDRs stand
 * where they would if all were.
 */

static int
evolu_record_keys(const evolu_record_scan_t *scan,
    const evolu_peppers_t *peppers, evolu_record_t *r,
    evolu_record_report_t *report)
{
    unsigned              i;
    evolu_cidr_t         *cidrs;
    evolu_bytes_t         id;
    evolu_entry_t        *e;
    evolu_fault_t         fault;
    const evolu_field_t  *field;

    e = evolu_record_entries(r);
    cidrs = (evolu_cidr_t *) (e + scan->nkeys);

    for (i = 0; i < scan->nkeys; i++) {
        field = scan->keys[i];
        id = evolu_record_key_id(field);

        fault = evolu_entry_decode(field->value, r->scope, peppers, e,
                                   cidrs + r->ncidrs);

        if (fault == EVOLU_FAULT_CIDRS || fault == EVOLU_FAULT_ENTRY_SIZE) {
            return evolu_record_void(report, fault, field->name);
        }

        if (!evolu_key_id_valid(id)) {
            fault = EVOLU_FAULT_KEY_ID;
        }

        if (fault != EVOLU_FAULT_NONE) {

            if (report->void_entries++ == 0) {
                report->fault = fault;
                report->field = field->name;
            }

            continue;
        }

        memcpy(e->id, id.data, id.len);
        e->id_len = id.len;
        e->cidr = r->ncidrs;

        r->ncidrs += e->ncidrs;
        r->nentries++;
        e++;
    }

    memmove(e, cidrs, r->ncidrs * sizeof(evolu_cidr_t));

    return 0;
}


static void
evolu_record_finish(const evolu_record_scan_t *scan, evolu_record_t *r)
{
    unsigned char  *name;

    name = (unsigned char *) (evolu_record_cidrs(r) + r->ncidrs);

    if (r->instance_len != 0) {
        memcpy(name, scan->known[EVOLU_FIELD_INSTANCE]->value.data,
               r->instance_len);
    }

    r->size = name + r->instance_len - (unsigned char *) r;
}


static int
evolu_record_void(evolu_record_report_t *report, evolu_fault_t fault,
    evolu_bytes_t field)
{
    report->fault = fault;
    report->field = field;

    return -1;
}


static evolu_bytes_t
evolu_record_key_id(const evolu_field_t *field)
{
    evolu_bytes_t  id;

    id.data = field->name.data + evolu_field_key.len;
    id.len = field->name.len - evolu_field_key.len;

    return id;
}


evolu_fault_t
evolu_entry_decode(evolu_bytes_t text, evolu_scope_t scope,
    const evolu_peppers_t *peppers, evolu_entry_t *e, evolu_cidr_t *cidrs)
{
    int                 rc;
    size_t              pos;
    unsigned            seen;
    evolu_bytes_t       name, value;
    evolu_fault_t       fault;
    evolu_name_index_t  index;

    memset(e, 0, sizeof(evolu_entry_t));
    e->exp = EVOLU_NEVER;

    if (text.len > EVOLU_ENTRY_MAX) {
        return EVOLU_FAULT_ENTRY_SIZE;
    }

    pos = 0;
    seen = 0;

    while ((rc = evolu_entry_token(text, &pos, &name, &value)) == 1) {

        if (evolu_entry_name(name, &index) != 0) {
            return EVOLU_FAULT_SYNTAX;
        }

        if (index == EVOLU_NAME_UNKNOWN) {
            continue;
        }

        if (seen & (1u << index)) {
            return EVOLU_FAULT_SYNTAX;
        }

        seen |= 1u << index;

        switch (index) {
        case EVOLU_NAME_HASH:
            fault = evolu_entry_hash(value, scope, peppers, e);
            break;

        case EVOLU_NAME_EXP:
            fault = evolu_entry_time(value, &e->exp);
            break;

        case EVOLU_NAME_NBF:
            fault = evolu_entry_time(value, &e->nbf);
            break;

        case EVOLU_NAME_IP:
            fault = evolu_entry_ip(value, e, cidrs);
            break;

        default: /* EVOLU_NAME_STATUS */
            fault = evolu_entry_status(value, e);
        }

        if (fault != EVOLU_FAULT_NONE) {
            return fault;
        }
    }

    if (rc != 0) {
        return EVOLU_FAULT_SYNTAX;
    }

    if (!(seen & (1u << EVOLU_NAME_HASH))) {
        return EVOLU_FAULT_NO_HASH;
    }

    return EVOLU_FAULT_NONE;
}


/* 1: a token was taken apart, 0: there is none left, -1: bad syntax */

static int
evolu_entry_token(evolu_bytes_t text, size_t *pos, evolu_bytes_t *name,
    evolu_bytes_t *value)
{
    size_t         i, start, equals;
    unsigned char  c;

    i = *pos;

    while (i < text.len && text.data[i] == ' ') {
        i++;
    }

    if (i == text.len) {
        return 0;
    }

    start = i;
    equals = text.len;

    for ( /* void */ ; i < text.len && text.data[i] != ' '; i++) {
        c = text.data[i];

        if (c < 0x20 || c == 0x7f) {
            return -1;
        }

        if (c == '=' && equals == text.len) {
            equals = i;
        }
    }

    if (equals == text.len || equals == start) {
        return -1;
    }

    name->data = text.data + start;
    name->len = equals - start;
    value->data = text.data + equals + 1;
    value->len = i - equals - 1;

    *pos = i;

    return 1;
}


/*
 * "EXP=" was meant to be a restriction: what differs from a known name in case
 * only is refused (-1), not ignored.
 */

static int
evolu_entry_name(evolu_bytes_t name, evolu_name_index_t *index)
{
    unsigned  i;

    for (i = 0; i < EVOLU_NAME_UNKNOWN; i++) {

        if (evolu_bytes_equal(name, evolu_entry_names[i])) {
            break;
        }

        if (evolu_entry_same_letters(name, evolu_entry_names[i])) {
            return -1;
        }
    }

    *index = i;

    return 0;
}


/* known has lower-case letters only */

static int
evolu_entry_same_letters(evolu_bytes_t name, evolu_bytes_t known)
{
    size_t  i;

    if (name.len != known.len) {
        return 0;
    }

    for (i = 0; i < name.len; i++) {

        if ((name.data[i] | 0x20) != known.data[i]) {
            return 0;
        }
    }

    return 1;
}


static evolu_fault_t
evolu_entry_hash(evolu_bytes_t value, evolu_scope_t scope,
    const evolu_peppers_t *peppers, evolu_entry_t *e)
{
    evolu_bytes_t             name, hex;
    const unsigned char      *colon;
    evolu_algorithm_status_t  status;

    colon = memchr(value.data, ':', value.len);

    if (colon == NULL) {
        return EVOLU_FAULT_HASH;
    }

    name.data = value.data;
    name.len = colon - value.data;
    hex.data = colon + 1;
    hex.len = value.len - name.len - 1;

    status = evolu_algorithm_parse(name, peppers, &e->algorithm);

    if (status == EVOLU_ALGORITHM_NO_PEPPER) {
        return EVOLU_FAULT_PEPPER;
    }

    if (status != EVOLU_ALGORITHM_OK
        || (e->algorithm.secret && scope != EVOLU_SCOPE_CAMPAIGN))
    {
        return EVOLU_FAULT_ALGORITHM;
    }

    if (evolu_digest_unhex(hex, e->digest) != 0) {
        return EVOLU_FAULT_HASH;
    }

    return EVOLU_FAULT_NONE;
}


static evolu_fault_t
evolu_entry_time(evolu_bytes_t value, int64_t *time)
{
    size_t   i;
    int64_t  seconds;

    if (value.len == 0 || value.len > EVOLU_DECIMAL_MAX) {
        return EVOLU_FAULT_TIME;
    }

    seconds = 0;

    for (i = 0; i < value.len; i++) {

        if (value.data[i] < '0' || value.data[i] > '9') {
            return EVOLU_FAULT_TIME;
        }

        seconds = seconds * 10 + (value.data[i] - '0');
    }

    if (seconds >= EVOLU_TIME_LIMIT) {
        return EVOLU_FAULT_TIME;
    }

    *time = seconds;

    return EVOLU_FAULT_NONE;
}


static evolu_fault_t
evolu_entry_ip(evolu_bytes_t value, evolu_entry_t *e, evolu_cidr_t *cidrs)
{
    size_t         i, start, n;
    evolu_bytes_t  text;

    n = 1;

    for (i = 0; i < value.len; i++) {
        n += (value.data[i] == ',');
    }

    if (n > EVOLU_ENTRY_CIDRS_MAX) {
        return EVOLU_FAULT_CIDRS;
    }

    memset(cidrs, 0, n * sizeof(evolu_cidr_t));

    n = 0;
    start = 0;

    for (i = 0; i <= value.len; i++) {

        if (i < value.len && value.data[i] != ',') {
            continue;
        }

        text.data = value.data + start;
        text.len = i - start;

        if (text.len == 0 || evolu_cidr_parse(text, &cidrs[n]) != 0) {
            return EVOLU_FAULT_CIDR;
        }

        n++;
        start = i + 1;
    }

    e->ncidrs = n;
    e->flags |= EVOLU_ENTRY_RESTRICTED;

    return EVOLU_FAULT_NONE;
}


static evolu_fault_t
evolu_entry_status(evolu_bytes_t value, evolu_entry_t *e)
{
    if (evolu_bytes_equal(value, evolu_literal("disabled"))) {
        e->flags |= EVOLU_ENTRY_DISABLED;
        return EVOLU_FAULT_NONE;
    }

    if (evolu_bytes_equal(value, evolu_literal("active"))) {
        return EVOLU_FAULT_NONE;
    }

    return EVOLU_FAULT_STATUS;
}


int
evolu_key_id_valid(evolu_bytes_t id)
{
    size_t         i;
    unsigned char  c;

    if (id.len == 0 || id.len > EVOLU_KEY_ID_MAX) {
        return 0;
    }

    for (i = 0; i < id.len; i++) {
        c = id.data[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-')
        {
            continue;
        }

        return 0;
    }

    return 1;
}


int
evolu_epoch_valid(evolu_bytes_t value)
{
    size_t  i;

    if (value.len == 0 || value.len > EVOLU_EPOCH_MAX) {
        return 0;
    }

    for (i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return 0;
        }
    }

    return 1;
}


const char *
evolu_fault_text(evolu_fault_t fault)
{
    if ((size_t) fault >= evolu_array_size(evolu_fault_texts)) {
        return "unknown fault";
    }

    return evolu_fault_texts[fault];
}


int
evolu_record_whole(const void *image, size_t size)
{
    size_t                 i, whole;
    const evolu_entry_t   *e;
    const evolu_record_t  *r;

    if (size < EVOLU_RECORD_HEADER || size > EVOLU_IMAGE_MAX) {
        return 0;
    }

    r = image;

    whole = EVOLU_RECORD_HEADER + r->nentries * sizeof(evolu_entry_t)
            + r->ncidrs * sizeof(evolu_cidr_t) + r->instance_len;

    if (r->size != size || whole != size
        || r->nentries > EVOLU_RECORD_KEYS_MAX)
    {
        return 0;
    }

    e = evolu_record_entries(r);

    for (i = 0; i < r->nentries; i++) {

        if (e[i].id_len == 0 || e[i].id_len > EVOLU_KEY_ID_MAX
            || e[i].ncidrs > EVOLU_ENTRY_CIDRS_MAX
            || e[i].cidr + e[i].ncidrs > r->ncidrs)
        {
            return 0;
        }
    }

    return 1;
}


uint64_t
evolu_record_match(const evolu_record_t *r, evolu_digests_t *d,
    const evolu_peppers_t *peppers)
{
    unsigned              i, npeppers;
    uint64_t              matched;
    const evolu_entry_t  *e;
    const unsigned char  *digest;

    e = evolu_record_entries(r);
    npeppers = evolu_peppers_count(peppers);
    matched = 0;

    for (i = 0; i < r->nentries; i++) {

        if (e[i].algorithm.pepper != EVOLU_PEPPER_NONE
            && e[i].algorithm.pepper >= npeppers)
        {
            /* an image made with other peppers */
            continue;
        }

        digest = evolu_digests_get(d, e[i].algorithm, peppers);

        if (digest == NULL) {
            continue;
        }

        matched |= (uint64_t) evolu_digest_equal(digest, e[i].digest) << i;
    }

    return matched;
}


uint64_t
evolu_record_match_tag(const evolu_record_t *r,
    const unsigned char tag[EVOLU_TAG_SIZE])
{
    unsigned              i;
    uint64_t              matched;
    const evolu_entry_t  *e;

    e = evolu_record_entries(r);
    matched = 0;

    for (i = 0; i < r->nentries; i++) {

        if (e[i].flags & EVOLU_ENTRY_TAGGED) {
            matched |= (uint64_t) evolu_digest_tag_equal(tag, e[i].tag) << i;
        }
    }

    return matched;
}


void
evolu_record_set_tag(evolu_record_t *r, uint64_t entries,
    const unsigned char tag[EVOLU_TAG_SIZE])
{
    unsigned        i;
    evolu_entry_t  *e;

    e = evolu_record_entries(r);

    for (i = 0; i < r->nentries; i++) {

        if (entries & ((uint64_t) 1 << i)) {
            memcpy(e[i].tag, tag, EVOLU_TAG_SIZE);
            e[i].flags |= EVOLU_ENTRY_TAGGED;
        }
    }
}
