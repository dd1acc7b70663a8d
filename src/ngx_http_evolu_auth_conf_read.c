
/*
 * Copyright (C) Evolu Auth Authors
 */


#include "ngx_http_evolu_auth_conf_read.h"

#include <sodium.h>


void
ngx_http_evolu_auth_conf_place(ngx_conf_t *cf,
    ngx_http_evolu_auth_place_t *place)
{
    if (cf->conf_file == NULL) {
        return;
    }

    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;

    if (place->file.len == 0) {
        ngx_str_set(&place->file, "command line");
    }
}


void
ngx_http_evolu_auth_conf_error(ngx_conf_t *cf,
    ngx_http_evolu_auth_place_t *place, const char *fmt, ...)
{
    u_char   text[NGX_MAX_CONF_ERRSTR], *p;
    va_list  args;

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + NGX_MAX_CONF_ERRSTR, fmt, args);
    va_end(args);

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "evolu_auth: %*s in %V:%ui",
                  (size_t) (p - text), text, &place->file, place->line);
}


char *
ngx_http_evolu_auth_conf_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_http_evolu_auth_place_t *place, size_t max, ngx_str_t *text)
{
    size_t           size;
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_err_t        err;
    const char      *what;
    ngx_file_info_t  fi;

    text->data = NULL;
    text->len = 0;
    what = NULL;
    err = 0;

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                       NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno,
                      "evolu_auth: can't open \"%V\" in %V:%ui", name,
                      &place->file, place->line);
        return NGX_CONF_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        err = ngx_errno;
        what = "can't be examined";
        goto failed;
    }

    if (!ngx_is_file(&fi)) {
        what = "is no regular file";
        goto failed;
    }

    if (fi.st_mode & S_IRWXO) {
        what = "can be read or changed by others; change its mode to 0640 or "
               "less";
        goto failed;
    }

    if (ngx_file_size(&fi) > (off_t) max) {
        what = "is too large";
        goto failed;
    }

    size = ngx_file_size(&fi);

    text->data = sodium_malloc(size ? size : 1);
    if (text->data == NULL) {
        what = "does not fit into memory";
        goto failed;
    }

    while (text->len < size) {

        n = ngx_read_fd(fd, text->data + text->len, size - text->len);

        if (n == 0) {
            break;
        }

        if (n == -1) {
            err = ngx_errno;
            what = "can't be read";
            goto failed;
        }

        text->len += n;
    }

    (void) ngx_close_file(fd);

    return NGX_CONF_OK;

failed:

    (void) ngx_close_file(fd);
    ngx_http_evolu_auth_conf_free(text);

    ngx_log_error(NGX_LOG_EMERG, cf->log, err,
                  "evolu_auth: \"%V\" %s in %V:%ui", name, what,
                  &place->file, place->line);

    return NGX_CONF_ERROR;
}


void
ngx_http_evolu_auth_conf_free(ngx_str_t *text)
{
    sodium_free(text->data);
    ngx_str_null(text);
}
