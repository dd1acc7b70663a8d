
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "evolu_keys_input.h"
#include "evolu_keys_options.h"
#include "evolu_keys_print.h"
#include "evolu_keys_terminal.h"


/* the longest private file: a password and its newline, and one byte more */
#define EVOLU_KEYS_PRIVATE_SIZE  (EVOLU_SECRET_TEXT_MAX + 2)


/* a token that is shorter, or of fewer different bytes, can be guessed */
#define EVOLU_KEYS_GUESSABLE_LEN    20
#define EVOLU_KEYS_GUESSABLE_BYTES  8


static evolu_keys_status_t evolu_keys_input_read(const char *path,
    const char *what, unsigned char *buf, size_t *len);
static evolu_keys_status_t evolu_keys_input_bytes(unsigned char *buf,
    size_t *size, unsigned typed);
static evolu_keys_status_t evolu_keys_input_suits(
    const evolu_locator_t *locator, const evolu_credential_t *c);


const evolu_bytes_t  evolu_keys_samples[EVOLU_KEYS_SAMPLES] = {
    evolu_literal("429683C4C977415CAAFCCE10F7D57E11"),
    evolu_literal("BQYHJGJHJ")
};


evolu_keys_status_t
evolu_keys_input_open(const char *path, const char *what, FILE **file,
    struct stat *st, unsigned *missing)
{
    int  fd;

    *file = NULL;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NOCTTY|O_NONBLOCK);

    if (fd == -1 && errno == ENOENT && missing != NULL) {
        *missing = 1;
        return EVOLU_KEYS_DONE;
    }

    if (fd == -1 || fstat(fd, st) == -1) {
        evolu_keys_say("cannot open %s \"%s\": %s", what, path,
                       strerror(errno));
        goto failed;
    }

    if (!S_ISREG(st->st_mode)) {
        evolu_keys_say("%s \"%s\" is not a regular file", what, path);
        goto failed;
    }

    if (st->st_mode & S_IRWXO) {
        evolu_keys_say("others can read %s \"%s\": chmod 0640 or stricter",
                       what, path);
        goto failed;
    }

    *file = fdopen(fd, "r");

    if (*file == NULL) {
        evolu_keys_say("cannot read %s \"%s\": %s", what, path,
                       strerror(errno));
        goto failed;
    }

    return EVOLU_KEYS_DONE;

failed:

    if (fd != -1) {
        (void) close(fd);
    }

    return EVOLU_KEYS_REFUSED;
}


evolu_keys_status_t
evolu_keys_input_pepper(const char *text, evolu_peppers_t *peppers)
{
    size_t                 len;
    const char            *colon;
    evolu_bytes_t          id, content;
    unsigned char          buf[EVOLU_KEYS_PRIVATE_SIZE];
    evolu_keys_status_t    status;
    evolu_pepper_status_t  added;

    colon = strchr(text, ':');

    if (colon == NULL || colon[1] == '\0') {
        evolu_keys_say("bad pepper: expected ID:PATH");
        return EVOLU_KEYS_USAGE;
    }

    id.data = (const unsigned char *) text;
    id.len = (size_t) (colon - text);

    status = evolu_keys_input_read(colon + 1, "pepper file", buf, &len);

    if (status == EVOLU_KEYS_DONE) {
        content.data = buf;
        content.len = len;

        added = evolu_peppers_add(peppers, id, content);

        if (added != EVOLU_PEPPER_OK) {
            evolu_keys_say("pepper \"%.*s\" of \"%s\": %s", (int) id.len,
                           text, colon + 1, evolu_pepper_status_text(added));
            status = EVOLU_KEYS_REFUSED;
        }
    }

    sodium_memzero(buf, sizeof(buf));

    return status;
}


evolu_keys_status_t
evolu_keys_input_password(const char *path, evolu_secret_t **password)
{
    size_t               len;
    evolu_bytes_t        content;
    unsigned char        buf[EVOLU_KEYS_PRIVATE_SIZE];
    evolu_keys_status_t  status;

    status = evolu_keys_input_read(path, "password file", buf, &len);

    if (status == EVOLU_KEYS_DONE) {
        content.data = buf;
        content.len = len;

        *password = evolu_secret_create(content);

        if (*password == NULL) {
            evolu_keys_say("password file \"%s\" does not hold one line of 1 "
                           "to %d bytes", path, EVOLU_SECRET_TEXT_MAX);
            status = EVOLU_KEYS_REFUSED;
        }
    }

    sodium_memzero(buf, sizeof(buf));

    return status;
}


/* One byte too many is read of a file that is too long, so that it shows. */

static evolu_keys_status_t
evolu_keys_input_read(const char *path, const char *what, unsigned char *buf,
    size_t *len)
{
    FILE                 *file;
    struct stat           st;
    evolu_keys_status_t   status;

    status = evolu_keys_input_open(path, what, &file, &st, NULL);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    setvbuf(file, NULL, _IONBF, 0);

    *len = fread(buf, 1, EVOLU_KEYS_PRIVATE_SIZE, file);

    if (ferror(file)) {
        evolu_keys_say("cannot read %s \"%s\": %s", what, path,
                       strerror(errno));
        status = EVOLU_KEYS_REFUSED;
    }

    (void) fclose(file);

    return status;
}


evolu_keys_status_t
evolu_keys_input_line(unsigned char *buf, size_t *len)
{
    size_t                size;
    unsigned              typed;
    unsigned char        *newline;
    evolu_keys_status_t   status;

    typed = isatty(STDIN_FILENO) == 1;

    if (typed) {
        evolu_keys_terminal_hide();
        fputs("evolu-keys: type or paste the credential, it is not shown: ",
              stderr);
    }

    status = evolu_keys_input_bytes(buf, &size, typed);

    if (typed) {
        evolu_keys_terminal_unhide();
        fputc('\n', stderr);
    }

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    newline = memchr(buf, '\n', size);

    if ((newline == NULL && size == EVOLU_KEYS_CREDENTIAL_SIZE)
        || (newline != NULL && newline != buf + size - 1))
    {
        evolu_keys_say("standard input holds more than one line of %d bytes",
                       EVOLU_OPAQUE_MAX);
        return EVOLU_KEYS_REFUSED;
    }

    *len = newline == NULL ? size : size - 1;

    return EVOLU_KEYS_DONE;
}


/* Up to the end; what is typed ends with its line. */

static evolu_keys_status_t
evolu_keys_input_bytes(unsigned char *buf, size_t *size, unsigned typed)
{
    ssize_t  n;

    *size = 0;

    while (*size < EVOLU_KEYS_CREDENTIAL_SIZE
           && (!typed || *size == 0 || buf[*size - 1] != '\n'))
    {
        n = read(STDIN_FILENO, buf + *size,
                 EVOLU_KEYS_CREDENTIAL_SIZE - *size);

        if (n == -1 && errno == EINTR) {
            continue;
        }

        if (n == -1) {
            evolu_keys_say("cannot read standard input: %s", strerror(errno));
            return EVOLU_KEYS_REFUSED;
        }

        if (n == 0) {
            break;
        }

        *size += (size_t) n;
    }

    return EVOLU_KEYS_DONE;
}


evolu_keys_status_t
evolu_keys_input_credential(const evolu_locator_t *locator,
    unsigned char *buf, evolu_bytes_t *credential)
{
    size_t                     len;
    evolu_bytes_t              text;
    evolu_credential_t         c;
    evolu_keys_status_t        status;
    evolu_credential_status_t  parsed;

    status = evolu_keys_input_line(buf, &len);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    text.data = buf;
    text.len = len;

    parsed = evolu_credential_parse(text, &c);

    if (parsed == EVOLU_CREDENTIAL_MISSING) {
        evolu_keys_say("no credential on standard input");
        return EVOLU_KEYS_REFUSED;
    }

    if (parsed != EVOLU_CREDENTIAL_OK) {
        evolu_keys_say("the credential on standard input is malformed: "
                       "expected evolu_MODE_SLUG_SECRET, or %d to %d bytes "
                       "without control characters", EVOLU_OPAQUE_MIN,
                       EVOLU_OPAQUE_MAX);
        return EVOLU_KEYS_REFUSED;
    }

    *credential = c.text;

    return evolu_keys_input_suits(locator, &c);
}


static evolu_keys_status_t
evolu_keys_input_suits(const evolu_locator_t *locator,
    const evolu_credential_t *c)
{
    unsigned  i;

    if (locator->scope == EVOLU_SCOPE_CAMPAIGN) {

        if (c->family != EVOLU_FAMILY_CAMPAIGN || c->mode != locator->mode
            || !evolu_bytes_equal(c->slug, locator->name))
        {
            evolu_keys_say("the credential on standard input does not begin "
                           "with evolu_%s_%.*s_, so it cannot be a key of "
                           "this campaign", evolu_mode_name(locator->mode),
                           (int) locator->name.len,
                           (const char *) locator->name.data);
            return EVOLU_KEYS_REFUSED;
        }

        return EVOLU_KEYS_DONE;
    }

    if (c->family != EVOLU_FAMILY_OPAQUE) {
        evolu_keys_say("the credential on standard input is a campaign key, "
                       "so it cannot be used here");
        return EVOLU_KEYS_REFUSED;
    }

    for (i = 0; i < EVOLU_KEYS_SAMPLES; i++) {
        if (locator->scope == EVOLU_SCOPE_GLOBAL
            && evolu_bytes_equal(c->text, evolu_keys_samples[i]))
        {
            evolu_keys_say("the credential on standard input is a sample key "
                           "that everybody can read in the documentation of "
                           "Evolution API: choose another");
            return EVOLU_KEYS_REFUSED;
        }
    }

    return EVOLU_KEYS_DONE;
}


int
evolu_keys_input_guessable(evolu_bytes_t credential)
{
    size_t         i;
    unsigned       different;
    unsigned char  seen[256];

    memset(seen, 0, sizeof(seen));
    different = 0;

    for (i = 0; i < credential.len; i++) {
        different += !seen[credential.data[i]];
        seen[credential.data[i]] = 1;
    }

    sodium_memzero(seen, sizeof(seen));

    return credential.len < EVOLU_KEYS_GUESSABLE_LEN
           || different < EVOLU_KEYS_GUESSABLE_BYTES;
}


/*
 * Letters and digits only: one double click takes the whole, and no opaque
 * credential made here can begin like a campaign key.
 */

void
evolu_keys_input_generate(const evolu_locator_t *locator, unsigned char *buf,
    evolu_bytes_t *credential)
{
    size_t          i;
    unsigned char  *p;

    static const char  letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789";

    p = buf;

    if (locator->scope == EVOLU_SCOPE_CAMPAIGN) {
        p += sprintf((char *) p, "evolu_%s_%.*s_",
                     evolu_mode_name(locator->mode),
                     (int) locator->name.len,
                     (const char *) locator->name.data);
    }

    for (i = 0; i < EVOLU_KEYS_SECRET_LEN; i++) {
        *p++ = (unsigned char) letters[randombytes_uniform(62)];
    }

    credential->data = buf;
    credential->len = (size_t) (p - buf);
}
