
/*
 * Copyright (C) Evolu Auth Authors
 */


#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "evolu_keys_input.h"
#include "evolu_keys_print.h"
#include "evolu_keys_tls.h"


static evolu_keys_status_t evolu_keys_tls_trust(
    const evolu_keys_tls_options_t *options, SSL_CTX *ctx);
static evolu_keys_status_t evolu_keys_tls_identity(
    const evolu_keys_tls_options_t *options, SSL_CTX *ctx);
static int evolu_keys_tls_no_passphrase(char *buf, int size, int writing,
    void *data);
static evolu_keys_status_t evolu_keys_tls_refuse(const char *what,
    const char *path);
static int evolu_keys_tls_wanted(SSL *ssl, X509 **x509, EVP_PKEY **key);
static int evolu_keys_tls_name(SSL *ssl, const char *name);
static const char *evolu_keys_tls_failed(const char *name,
    const redisContext *context, SSL *ssl,
    char error[EVOLU_KEYS_ERROR_SIZE]);
static const char *evolu_keys_tls_advice(long verified);


evolu_keys_status_t
evolu_keys_tls_create(const evolu_keys_tls_options_t *options, SSL_CTX **ctx)
{
    evolu_keys_status_t  status;

    *ctx = SSL_CTX_new(TLS_client_method());

    if (*ctx == NULL
        || SSL_CTX_set_min_proto_version(*ctx, TLS1_2_VERSION) != 1)
    {
        evolu_keys_say("OpenSSL cannot be used");
        SSL_CTX_free(*ctx);
        *ctx = NULL;
        return EVOLU_KEYS_REFUSED;
    }

    SSL_CTX_set_verify(*ctx, options->insecure ? SSL_VERIFY_NONE
                                               : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_default_passwd_cb(*ctx, evolu_keys_tls_no_passphrase);
    SSL_CTX_set_client_cert_cb(*ctx, evolu_keys_tls_wanted);

    status = EVOLU_KEYS_DONE;

    if (options->insecure) {
        evolu_keys_say("warning: with verify=off Redis may be anybody");

    } else {
        status = evolu_keys_tls_trust(options, *ctx);
    }

    if (status == EVOLU_KEYS_DONE && options->cert != NULL) {
        status = evolu_keys_tls_identity(options, *ctx);
    }

    if (status != EVOLU_KEYS_DONE) {
        SSL_CTX_free(*ctx);
        *ctx = NULL;
    }

    return status;
}


static evolu_keys_status_t
evolu_keys_tls_trust(const evolu_keys_tls_options_t *options, SSL_CTX *ctx)
{
    if (options->ca == NULL) {

        if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
            evolu_keys_say("the system's certificate authorities cannot be "
                           "read: give --ca");
            return EVOLU_KEYS_REFUSED;
        }

        return EVOLU_KEYS_DONE;
    }

    if (SSL_CTX_load_verify_locations(ctx, options->ca, NULL) != 1) {
        return evolu_keys_tls_refuse("CA file", options->ca);
    }

    return EVOLU_KEYS_DONE;
}


/* Who reads the private key is taken for us. */

static evolu_keys_status_t
evolu_keys_tls_identity(const evolu_keys_tls_options_t *options, SSL_CTX *ctx)
{
    FILE                 *file;
    struct stat           st;
    evolu_keys_status_t   status;

    if (SSL_CTX_use_certificate_chain_file(ctx, options->cert) != 1) {
        return evolu_keys_tls_refuse("certificate", options->cert);
    }

    status = evolu_keys_input_open(options->key, "private key", &file, &st,
                                   NULL);

    if (status != EVOLU_KEYS_DONE) {
        return status;
    }

    (void) fclose(file);

    if (SSL_CTX_use_PrivateKey_file(ctx, options->key, SSL_FILETYPE_PEM) != 1)
    {
        return evolu_keys_tls_refuse("private key", options->key);
    }

    return EVOLU_KEYS_DONE;
}


/* A key with a passphrase is refused: nobody may be there to ask. */

static int
evolu_keys_tls_no_passphrase(char *buf, int size, int writing, void *data)
{
    (void) buf;
    (void) size;
    (void) writing;
    (void) data;

    return -1;
}


/* The first of OpenSSL's errors says it best: "No such file", "no start". */

static evolu_keys_status_t
evolu_keys_tls_refuse(const char *what, const char *path)
{
    char           error[256];
    const char    *reason;
    unsigned long  code;

    code = ERR_peek_error();
    reason = ERR_SYSTEM_ERROR(code) ? strerror((int) ERR_GET_REASON(code))
                                    : ERR_reason_error_string(code);

    if (reason == NULL) {
        ERR_error_string_n(code, error, sizeof(error));
        reason = error;
    }

    evolu_keys_say("%s \"%s\" cannot be used: %s", what, path, reason);
    ERR_clear_error();

    return EVOLU_KEYS_REFUSED;
}


const char *
evolu_keys_tls_start(SSL_CTX *ctx, const char *name, redisContext *context,
    evolu_keys_tls_t *tls, char error[EVOLU_KEYS_ERROR_SIZE])
{
    SSL         *ssl;
    const char  *text;

    ssl = SSL_new(ctx);

    if (ssl == NULL || evolu_keys_tls_name(ssl, name) != 0) {
        SSL_free(ssl);
        return "OpenSSL cannot be used";
    }

    SSL_set_app_data(ssl, tls);

    ERR_clear_error();
    errno = 0;

    /* with success it belongs to the connection */

    if (redisInitiateSSL(context, ssl) != REDIS_OK) {
        text = evolu_keys_tls_failed(name, context, ssl, error);
        SSL_free(ssl);
        return text;
    }

    tls->ssl = ssl;

    if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE
        && SSL_get_verify_result(ssl) != X509_V_OK)
    {
        return evolu_keys_tls_failed(name, context, ssl, error);
    }

    return NULL;
}


/* Called where the server asks for a certificate and none was given. */

static int
evolu_keys_tls_wanted(SSL *ssl, X509 **x509, EVP_PKEY **key)
{
    evolu_keys_tls_t  *tls;

    (void) x509;
    (void) key;

    tls = SSL_get_app_data(ssl);
    tls->wanted = 1;

    return 0;
}


/* Of an address the certificate must hold just that, as an address. */

static int
evolu_keys_tls_name(SSL *ssl, const char *name)
{
    unsigned char  address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1
        || inet_pton(AF_INET6, name, address) == 1)
    {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1
               ? 0 : -1;
    }

    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    return SSL_set1_host(ssl, name) == 1
           && SSL_set_tlsext_host_name(ssl, name) == 1 ? 0 : -1;
}


static const char *
evolu_keys_tls_failed(const char *name, const redisContext *context, SSL *ssl,
    char error[EVOLU_KEYS_ERROR_SIZE])
{
    long         verified;
    const char  *alert;

    verified = SSL_get_verify_result(ssl);

    if (verified != X509_V_OK
        && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE)
    {
        snprintf(error, EVOLU_KEYS_ERROR_SIZE,
                 "its certificate is not to be trusted as that of %s: %s%s",
                 name, X509_verify_cert_error_string(verified),
                 evolu_keys_tls_advice(verified));
        return error;
    }

    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return "no answer to the TLS handshake: is this its TLS port?";
    }

    alert = evolu_keys_tls_alert();

    snprintf(error, EVOLU_KEYS_ERROR_SIZE, "no TLS with it: %s",
             alert != NULL ? alert : context->errstr);

    return error;
}


static const char *
evolu_keys_tls_advice(long verified)
{
    switch (verified) {

    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return ": give the name that it is for with --server-name";

    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return ": give the CA that it is from with --ca";

    default:
        return "";
    }
}


/*
 * A server that wants a certificate of ours says so after the handshake, in
 * place of its first reply.
 */

const char *
evolu_keys_tls_alert(void)
{
    const char     *text;
    unsigned long   code;

    code = ERR_peek_last_error();
    text = code == 0 ? NULL : ERR_reason_error_string(code);

    switch (ERR_GET_REASON(code)) {

    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return "it wants a certificate of the client's: give --cert and "
               "--key";

    case SSL_R_WRONG_VERSION_NUMBER:
        return "it does not speak TLS: is this its TLS port?";

    default:
        return text;
    }
}
