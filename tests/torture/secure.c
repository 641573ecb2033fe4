/* secure.c: scenarios over TLS. The contexts are made once, before anything goes
 * wrong: tests/tls/test_memory.c is about those. */
#include "torture/kit.h"
#include "torture/scenarios.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <runnel/tls.h>
#include <stdio.h>
#include <stdlib.h>

static struct rnl_tls_context *client, *server;

static void free_contexts(void)
{
    rnl_tls_free(client);
    rnl_tls_free(server);
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:good.test");

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_set_pubkey(cert, key);
    X509_add_ext(cert, san, -1);
    X509_EXTENSION_free(san);
    X509_sign(cert, key, NULL);
    return cert;
}

static void make_contexts(const struct rnl_bytes *pem)
{
    struct rnl_tls_options c = RNL_TLS_OPTIONS_INIT, s = RNL_TLS_OPTIONS_INIT;

    c.ca_data = s.cert_data = *pem;
    c.strict = RNL_NO; /* it is its own issuer */
    if (rnl_tls_client(&client, &c) || rnl_tls_server(&server, &s)) {
        fprintf(stderr, "no TLS contexts\n");
        exit(2);
    }
    atexit(free_contexts);
}

void secure_init(void)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *cert = make_certificate(key);
    BIO *bio = BIO_new(BIO_s_mem());
    struct rnl_bytes pem;
    char *data;

    PEM_write_bio_X509(bio, cert);
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    pem.len = (size_t)BIO_get_mem_data(bio, &data);
    pem.data = (const unsigned char *)data;
    make_contexts(&pem);
    BIO_free(bio);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* As net_open, over TLS. */
static int open_secure(struct net *net, rnl_handler_fn *handler)
{
    struct rnl_server_options s = RNL_SERVER_OPTIONS_INIT;
    struct rnl_connect_options c = RNL_CONNECT_OPTIONS_INIT;
    int err;

    s.ssl.context = server;
    c.ssl.context = client;
    c.ssl.server_hostname = "good.test";
    err = net_serve(net, handler, &s);
    if (!err)
        err = net_dial(net, &c, &net->r, &net->w);
    if (!err)
        torture_pair(0, net->w);
    return err;
}

int secret_line(void *arg)
{
    struct net net;
    struct rnl_bytes line;
    int err = open_secure(&net, lines);

    (void)arg;
    if (!err)
        err = rnl_write_str(net.w, "a line\n");
    if (!err)
        TRY(err, rnl_readline(net.r, &line));
    if (!err)
        check_text(&line, "a line\n");
    net_close(&net);
    return err;
}

int much_secret(void *arg)
{
    struct net net;
    int err = open_secure(&net, echo);

    (void)arg;
    if (!err)
        err = put_bytes(net.w, 0, 50000);
    if (!err)
        err = rnl_write_eof(net.w);
    if (!err)
        err = get_bytes(net.r, 50000);
    net_close(&net);
    return err;
}

int secret_in_order(void *arg)
{
    struct net net;
    int err = open_secure(&net, sink);

    (void)arg;
    if (!err)
        err = put_bytes(net.w, 0, 20000);
    if (!err) {
        rnl_close(net.w);
        TRY(err, rnl_wait_closed(net.w));
    }
    net_close(&net);
    return err;
}

static int upgrade(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct rnl_start_tls_options options = RNL_START_TLS_OPTIONS_INIT;
    struct rnl_bytes line;
    int err = rnl_readline(reader, &line);

    if (!err && line.len > 0)
        err = rnl_write_str(writer, "go on\n");
    options.ssl.context = server;
    if (!err && line.len > 0)
        err = rnl_start_tls(writer, &options);
    return err || line.len == 0 ? err : lines(reader, writer, arg);
}

int upgraded(void *arg)
{
    struct rnl_start_tls_options options = RNL_START_TLS_OPTIONS_INIT;
    struct net net;
    struct rnl_bytes line;
    int err = net_open(&net, upgrade, NULL);

    (void)arg;
    options.ssl.context = client;
    options.ssl.server_hostname = "good.test";
    if (!err)
        err = rnl_write_str(net.w, "start\n");
    if (!err)
        TRY(err, rnl_readline(net.r, &line));
    if (!err)
        check_text(&line, "go on\n");
    if (!err)
        err = rnl_start_tls(net.w, &options); /* a cancel ends it */
    if (!err)
        err = rnl_write_str(net.w, "a line\n");
    if (!err)
        TRY(err, rnl_readline(net.r, &line));
    if (!err)
        check_text(&line, "a line\n");
    net_close(&net);
    return err;
}
