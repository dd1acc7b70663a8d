
/*
 * Copyright (C) Evolu Auth Authors
 *
 * Blocks do not matter, since the directives that are looked for stand in one
 * place only.
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
#include "evolu_keys_words.h"


#define EVOLU_KEYS_CONF_SIZE   (4 * 1024 * 1024)  /* bytes of a file */
#define EVOLU_KEYS_CONF_FILES  1024               /* in all */
#define EVOLU_KEYS_CONF_DEPTH  16                 /* of includes */


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


/* a file that is read */

typedef struct {
    const char             *path;
    char                   *text;
    evolu_keys_words_t      words;   /* of the directive, in text */
} evolu_keys_conf_file_t;


static evolu_keys_status_t evolu_keys_conf_file(evolu_keys_conf_t *conf,
    const char *path);
static char *evolu_keys_conf_text(const char *path);
static evolu_keys_status_t evolu_keys_conf_directives(
    evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f);
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
        evolu_keys_say("too many includes, at \"%s\": does one include "
                       "itself?", path);
        return EVOLU_KEYS_REFUSED;
    }

    memset(&f, 0, sizeof(evolu_keys_conf_file_t));

    f.path = path;
    f.text = evolu_keys_conf_text(path);

    if (f.text == NULL) {
        return EVOLU_KEYS_REFUSED;
    }

    evolu_keys_words_begin(&f.words, f.text);

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
    int                  end;
    evolu_keys_status_t  status;

    status = EVOLU_KEYS_DONE;

    for (end = evolu_keys_words_next(&f->words);
         end > 0 && status == EVOLU_KEYS_DONE;
         end = evolu_keys_words_next(&f->words))
    {
        if (end == ';') {
            status = evolu_keys_conf_directive(conf, f);
        }
    }

    if (end == -1 && status == EVOLU_KEYS_DONE) {
        evolu_keys_say("%s:%u: cannot be read: see \"nginx -t\"", f->path,
                       f->words.line);
        status = EVOLU_KEYS_REFUSED;
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_conf_directive(evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f)
{
    const char  *error;

    error = NULL;

    if (f->words.n < 2) {
        return EVOLU_KEYS_DONE;
    }

    if (strcmp(f->words.words[0], "include") == 0) {
        return evolu_keys_conf_include(conf, f);
    }

    if (strcmp(f->words.words[0], "evolu_auth_redis") == 0 && conf->stores) {
        error = evolu_keys_conf_redis(conf, f);

    } else if (strcmp(f->words.words[0], "evolu_auth_key_file") == 0
               && conf->stores)
    {
        error = evolu_keys_conf_key_file(conf, f);

    } else if (strcmp(f->words.words[0], "evolu_auth_pepper") == 0
               && conf->peppers)
    {
        error = evolu_keys_conf_pepper(conf, f);
    }

    if (error != NULL) {
        evolu_keys_say("%s:%u: %s: %s", f->path, f->words.line,
                       f->words.words[0], error);
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

    path = evolu_keys_conf_path(conf, f->words.words[1]);

    if (strpbrk(path, "*?[") == NULL) {
        status = evolu_keys_conf_file(conf, path);
        free(path);
        return status;
    }

    rc = glob(path, 0, NULL, &found);
    status = EVOLU_KEYS_DONE;

    if (rc != 0 && rc != GLOB_NOMATCH) {
        evolu_keys_say("%s:%u: cannot look for \"%s\"", f->path, f->words.line,
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

    text = evolu_keys_conf_copy(f->words.words[1]);
    error = evolu_keys_options_url(text, &conf->options->url);

    for (i = 2; i < f->words.n && error == NULL; i++) {
        value = strchr(f->words.words[i], '=');

        if (value != NULL) {
            error = evolu_keys_conf_param(conf, f->words.words[i], value + 1);
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

    conf->options->file = evolu_keys_conf_path(conf, f->words.words[1]);

    return NULL;
}


static const char *
evolu_keys_conf_pepper(evolu_keys_conf_t *conf, evolu_keys_conf_file_t *f)
{
    char                  *path, *text;
    size_t                 size;
    evolu_keys_options_t  *o;

    o = conf->options;

    if (f->words.n != 3) {
        return "expected an id and a path";
    }

    if (o->npeppers == EVOLU_PEPPERS_MAX) {
        return evolu_pepper_status_text(EVOLU_PEPPER_TOO_MANY);
    }

    path = evolu_keys_conf_path(conf, f->words.words[2]);

    size = strlen(f->words.words[1]) + 1 + strlen(path) + 1;
    text = evolu_keys_alloc(size);
    snprintf(text, size, "%s:%s", f->words.words[1], path);
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
