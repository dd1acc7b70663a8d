
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Words are split as nginx splits them; blocks do not matter, since the
 * directives that are looked for stand in one place only.
 */


#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "evolu_keys_conf.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"


#define EVOLU_KEYS_CONF_SIZE   (4 * 1024 * 1024)  /* bytes of a file */
#define EVOLU_KEYS_CONF_FILES  1024               /* in all */
#define EVOLU_KEYS_CONF_DEPTH  16                 /* of includes */
#define EVOLU_KEYS_CONF_WORDS  32                 /* of a directive; others
                                                     are passed over */


typedef struct {
    evolu_keys_options_t   *options;
    char                   *folder;  /* relative names begin there */
    unsigned                files;
    unsigned                depth;
    unsigned                stores;  /* 1: are taken from here */
    unsigned                peppers; /* as well */
    unsigned                redis;   /* 1: was found */
    unsigned                file;
    unsigned                ca;      /* 1: the command line names one */
} evolu_keys_conf_t;


/* a file that is read; words stand in its own text, unescaped */

typedef struct {
    const char             *path;
    char                   *text;
    char                   *p;
    unsigned                line;
    char                   *words[EVOLU_KEYS_CONF_WORDS];
    unsigned                n;
} evolu_keys_conf_file_t;


static evolu_keys_status_t evolu_keys_conf_file(evolu_keys_conf_t *conf,
    const char *path);
static char *evolu_keys_conf_text(const char *path);
static evolu_keys_status_t evolu_keys_conf_directives(
    evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f);
static int evolu_keys_conf_word(evolu_keys_conf_file_t *f);
static int evolu_keys_conf_quoted(evolu_keys_conf_file_t *f, char **out);
static int evolu_keys_conf_plain(evolu_keys_conf_file_t *f, char **out);
static int evolu_keys_conf_escape(evolu_keys_conf_file_t *f);
static evolu_keys_status_t evolu_keys_conf_directive(
    evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f);
static evolu_keys_status_t evolu_keys_conf_include(evolu_keys_conf_t *conf,
    evolu_keys_conf_file_t *f);
static const char *evolu_keys_conf_redis(evolu_keys_conf_t *conf,
    evolu_keys_conf_file_t *f);
static const char *evolu_keys_conf_param(evolu_keys_conf_t *conf,
    const char *word, const char *value);
static const char *evolu_keys_conf_key_file(evolu_keys_conf_t *conf,
    evolu_keys_conf_file_t *f);
static const char *evolu_keys_conf_pepper(evolu_keys_conf_t *conf,
    evolu_keys_conf_file_t *f);
static char *evolu_keys_conf_path(evolu_keys_conf_t *conf, const char *name);
static char *evolu_keys_conf_copy(const char *text);


evolu_keys_status_t
evolu_keys_conf_read(evolu_keys_options_t *options)
{
    char                 *copy;
    evolu_keys_conf_t     conf;
    evolu_keys_status_t   status;

    memset(&conf, 0, sizeof(evolu_keys_conf_t));

    copy = evolu_keys_conf_copy(options->nginx_conf);

    conf.options = options;
    conf.folder = evolu_keys_conf_copy(dirname(copy));
    conf.stores = options->url.text == NULL && options->file == NULL;
    conf.peppers = options->npeppers == 0;
    conf.ca = options->tls.ca != NULL;

    status = evolu_keys_conf_file(&conf, options->nginx_conf);

    free(copy);
    free(conf.folder);

    if (status == EVOLU_KEYS_DONE && conf.stores && !conf.redis
        && !conf.file)
    {
        evolu_keys_say("\"%s\" has neither \"evolu_auth_redis\" nor "
                       "\"evolu_auth_key_file\"", options->nginx_conf);
        return EVOLU_KEYS_REFUSED;
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_conf_file(evolu_keys_conf_t *conf, const char *path)
{
    evolu_keys_status_t      status;
    evolu_keys_conf_file_t   f;

    if (conf->depth == EVOLU_KEYS_CONF_DEPTH
        || conf->files == EVOLU_KEYS_CONF_FILES)
    {
        evolu_keys_say("too many includes, at \"%s\"", path);
        return EVOLU_KEYS_REFUSED;
    }

    memset(&f, 0, sizeof(evolu_keys_conf_file_t));

    f.path = path;
    f.line = 1;
    f.text = evolu_keys_conf_text(path);
    f.p = f.text;

    if (f.text == NULL) {
        return EVOLU_KEYS_REFUSED;
    }

    conf->depth++;
    conf->files++;

    status = evolu_keys_conf_directives(conf, &f);

    conf->depth--;
    free(f.text);

    return status;
}


/* The content of a file and a zero, or NULL */

static char *
evolu_keys_conf_text(const char *path)
{
    int          fd;
    char        *text;
    ssize_t      n;
    size_t       size, len;
    struct stat  st;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOCTTY|O_NONBLOCK);

    if (fd == -1 || fstat(fd, &st) == -1) {
        evolu_keys_say("cannot open \"%s\": %s", path, strerror(errno));

        if (fd != -1) {
            (void) close(fd);
        }

        return NULL;
    }

    if (!S_ISREG(st.st_mode) || st.st_size > EVOLU_KEYS_CONF_SIZE) {
        evolu_keys_say("\"%s\" is no file, or too large", path);
        (void) close(fd);
        return NULL;
    }

    size = (size_t) st.st_size;
    text = evolu_keys_alloc(size + 1);
    len = 0;

    do {
        n = read(fd, text + len, size - len);
        len += n > 0 ? (size_t) n : 0;
    } while ((n > 0 && len < size) || (n == -1 && errno == EINTR));

    if (n == -1) {
        evolu_keys_say("cannot read \"%s\": %s", path, strerror(errno));
        free(text);
        text = NULL;

    } else {
        text[len] = '\0';
    }

    (void) close(fd);

    return text;
}


static evolu_keys_status_t
evolu_keys_conf_directives(evolu_keys_conf_t *conf,
    evolu_keys_conf_file_t *f)
{
    char                  end;
    evolu_keys_status_t   status;

    for ( ;; ) {
        while (*f->p != '\0' && strchr(" \t\r\n", *f->p) != NULL) {
            f->line += (*f->p++ == '\n');
        }

        end = *f->p;

        switch (end) {

        case '\0':
            return EVOLU_KEYS_DONE;

        case '#':
            f->p += strcspn(f->p, "\n");
            break;

        case ';':
        case '{':
        case '}':
            *f->p++ = '\0';

            status = end == ';' ? evolu_keys_conf_directive(conf, f)
                                : EVOLU_KEYS_DONE;

            if (status != EVOLU_KEYS_DONE) {
                return status;
            }

            f->n = 0;
            break;

        default:
            if (evolu_keys_conf_word(f) != 0) {
                evolu_keys_say("%s:%u: cannot be read", f->path, f->line);
                return EVOLU_KEYS_REFUSED;
            }
        }
    }
}


/*
 * Words are copied to where they stand or before, since unescaping only makes
 * them shorter; a plain one that ends at ";" or "{" is ended when that byte has
 * been seen, by the zero that takes its place.
 */

static int
evolu_keys_conf_word(evolu_keys_conf_file_t *f)
{
    int    rc;
    char  *word, *out;

    word = f->p;
    out = f->p;

    rc = (*f->p == '"' || *f->p == '\'') ? evolu_keys_conf_quoted(f, &out)
                                         : evolu_keys_conf_plain(f, &out);

    if (rc != 0) {
        return rc;
    }

    if (f->n < EVOLU_KEYS_CONF_WORDS) {
        f->words[f->n++] = word;
    }

    if (out == f->p && *f->p != ';' && *f->p != '{') {
        f->line += (*f->p == '\n');
        f->p++;
    }

    if (out != f->p) {
        *out = '\0';
    }

    return 0;
}


static int
evolu_keys_conf_quoted(evolu_keys_conf_file_t *f, char **out)
{
    int   c;
    char  quote;

    quote = *f->p++;

    while (*f->p != quote) {
        c = evolu_keys_conf_escape(f);

        if (c == '\0') {
            return -1;
        }

        *(*out)++ = (char) c;
    }

    f->p++;

    return strchr(" \t\r\n;{)", *f->p) == NULL ? -1 : 0;
}


/* "${" is no block */

static int
evolu_keys_conf_plain(evolu_keys_conf_file_t *f, char **out)
{
    char  before;

    before = '\0';

    while (*f->p != '\0' && strchr(" \t\r\n;", *f->p) == NULL
           && (*f->p != '{' || before == '$'))
    {
        before = *f->p;
        *(*out)++ = (char) evolu_keys_conf_escape(f);
    }

    return *f->p == '\0' ? -1 : 0;
}


/* One byte of a word, as it is meant; 0 at the end of the file */

static int
evolu_keys_conf_escape(evolu_keys_conf_file_t *f)
{
    f->line += (*f->p == '\n');

    if (*f->p == '\0') {
        return '\0';
    }

    if (*f->p != '\\') {
        return (unsigned char) *f->p++;
    }

    switch (f->p[1]) {

    case '"':
    case '\'':
    case '\\':
        f->p += 2;
        return (unsigned char) f->p[-1];

    case 't':
        f->p += 2;
        return '\t';

    case 'r':
        f->p += 2;
        return '\r';

    case 'n':
        f->p += 2;
        return '\n';

    default:
        return (unsigned char) *f->p++;
    }
}


static evolu_keys_status_t
evolu_keys_conf_directive(evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f)
{
    const char  *error;

    error = NULL;

    if (f->n < 2) {
        return EVOLU_KEYS_DONE;
    }

    if (strcmp(f->words[0], "include") == 0) {
        return evolu_keys_conf_include(conf, f);
    }

    if (strcmp(f->words[0], "evolu_auth_redis") == 0 && conf->stores) {
        error = evolu_keys_conf_redis(conf, f);

    } else if (strcmp(f->words[0], "evolu_auth_key_file") == 0
               && conf->stores)
    {
        error = evolu_keys_conf_key_file(conf, f);

    } else if (strcmp(f->words[0], "evolu_auth_pepper") == 0
               && conf->peppers)
    {
        error = evolu_keys_conf_pepper(conf, f);
    }

    if (error != NULL) {
        evolu_keys_say("%s:%u: %s: %s", f->path, f->line, f->words[0], error);
        return EVOLU_KEYS_REFUSED;
    }

    return EVOLU_KEYS_DONE;
}


/* A pattern may match nothing, a name must be there. */

static evolu_keys_status_t
evolu_keys_conf_include(evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f)
{
    int                   rc;
    char                 *path;
    size_t                i;
    glob_t                found;
    evolu_keys_status_t   status;

    path = evolu_keys_conf_path(conf, f->words[1]);

    if (strpbrk(path, "*?[") == NULL) {
        status = evolu_keys_conf_file(conf, path);
        free(path);
        return status;
    }

    rc = glob(path, 0, NULL, &found);
    status = EVOLU_KEYS_DONE;

    if (rc != 0 && rc != GLOB_NOMATCH) {
        evolu_keys_say("%s:%u: cannot look for \"%s\"", f->path, f->line,
                       path);
        status = EVOLU_KEYS_REFUSED;
    }

    if (rc == 0) {
        for (i = 0; i < found.gl_pathc && status == EVOLU_KEYS_DONE; i++) {
            status = evolu_keys_conf_file(conf, found.gl_pathv[i]);
        }

        globfree(&found);
    }

    free(path);

    return status;
}


/* Parameters that are about waiting are the edge's alone. */

static const char *
evolu_keys_conf_redis(evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f)
{
    char         *text;
    unsigned      i;
    const char   *error, *value;

    if (conf->redis++) {
        return "is there twice";
    }

    text = evolu_keys_conf_copy(f->words[1]);
    error = evolu_keys_options_url(text, &conf->options->url);

    for (i = 2; i < f->n && error == NULL; i++) {
        value = strchr(f->words[i], '=');

        if (value != NULL) {
            error = evolu_keys_conf_param(conf, f->words[i], value + 1);
        }
    }

    return error;
}


/*
 * What the command line said stands: who names an authority there wants it to
 * be asked.
 */

static const char *
evolu_keys_conf_param(evolu_keys_conf_t *conf, const char *word,
    const char *value)
{
    size_t                 i, len;
    evolu_keys_options_t  *o;

    o = conf->options;

    const struct {
        const char   *name;
        const char  **value;
    } files[] = {
        { "password_file=", &o->password_file },
        { "sentinel_password_file=", &o->sentinel_password_file },
        { "ca=", &o->tls.ca },
        { "cert=", &o->tls.cert },
        { "key=", &o->tls.key }
    };

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        len = strlen(files[i].name);

        if (strncmp(word, files[i].name, len) == 0) {

            if (*files[i].value == NULL) {
                *files[i].value = evolu_keys_conf_path(conf, value);
            }

            return NULL;
        }
    }

    if (strncmp(word, "server_name=", 12) == 0 && o->tls.server_name == NULL)
    {
        o->tls.server_name = evolu_keys_conf_copy(value);

    } else if (strcmp(word, "verify=off") == 0) {
        o->tls.insecure = !conf->ca;

    } else if (strncmp(word, "prefix=", 7) == 0 && o->prefix.data == NULL) {
        return evolu_keys_options_prefix(evolu_keys_conf_copy(value),
                                         &o->prefix);

    } else if (strncmp(word, "db=", 3) == 0) {
        return evolu_keys_options_number(value, EVOLU_URL_DB_MAX,
                                         &o->url.url.db);
    }

    return NULL;
}


static const char *
evolu_keys_conf_key_file(evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f)
{
    if (conf->file++) {
        return "is there twice";
    }

    conf->options->file = evolu_keys_conf_path(conf, f->words[1]);

    return NULL;
}


static const char *
evolu_keys_conf_pepper(evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f)
{
    char                  *path, *text;
    size_t                 size;
    evolu_keys_options_t  *o;

    o = conf->options;

    if (f->n != 3) {
        return "expected an id and a path";
    }

    if (o->npeppers == EVOLU_PEPPERS_MAX) {
        return evolu_pepper_status_text(EVOLU_PEPPER_TOO_MANY);
    }

    path = evolu_keys_conf_path(conf, f->words[2]);

    size = strlen(f->words[1]) + 1 + strlen(path) + 1;
    text = evolu_keys_alloc(size);
    snprintf(text, size, "%s:%s", f->words[1], path);
    free(path);

    o->peppers[o->npeppers++] = text;

    return NULL;
}


static char *
evolu_keys_conf_path(evolu_keys_conf_t *conf, const char *name)
{
    char    *path;
    size_t   size;

    if (*name == '/') {
        return evolu_keys_conf_copy(name);
    }

    size = strlen(conf->folder) + 1 + strlen(name) + 1;
    path = evolu_keys_alloc(size);
    snprintf(path, size, "%s/%s", conf->folder, name);

    return path;
}


static char *
evolu_keys_conf_copy(const char *text)
{
    return strcpy(evolu_keys_alloc(strlen(text) + 1), text);
}
