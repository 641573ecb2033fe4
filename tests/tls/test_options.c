/* Options of contexts, each seen to work, and each mistake told in words. */
#define _GNU_SOURCE
#include "tls/helper_duo.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/system.h"

static char why[300];

static struct rnl_tls_options told(void)
{
    struct rnl_tls_options o = RNL_TLS_OPTIONS_INIT;

    o.error_text = why;
    o.error_text_size = sizeof why;
    memset(why, '?', sizeof why - 1); /* what a caller did not clear */
    return o;
}

static int server_of(const struct rnl_tls_options *o)
{
    struct rnl_tls_context *c = NULL;
    int code = rnl_tls_server(&c, o);

    CU_ASSERT_EQUAL(c != NULL, code == RNL_OK);
    rnl_tls_free(c);
    return code;
}

static int client_of(const struct rnl_tls_options *o)
{
    struct rnl_tls_context *c = NULL;
    int code = rnl_tls_client(&c, o);

    CU_ASSERT_EQUAL(c != NULL, code == RNL_OK);
    rnl_tls_free(c);
    return code;
}

/* ---- Mistakes, in words ------------------------------------------------ */

#define SAYS(call, code, words)                                                                    \
    do {                                                                                           \
        IS(call, code);                                                                            \
        CU_ASSERT(strstr(why, words) != NULL);                                                     \
        if (!strstr(why, words))                                                                   \
            printf("\n    \"%.100s\", not \"%s\"", why, words);                                    \
    } while (0)

/* RSA, where the certificates' are of P-256. */
static struct rnl_bytes other_kind_of_key(void)
{
    static char pem[4096];
    struct cert_plan plan = {.weak = true};
    struct cert *cert = cert_make(&plan);

    pem[0] = '\0';
    cert_key_pem(cert, pem, sizeof pem);
    cert_free(cert);
    return text_bytes(pem);
}

static void mistakes(void)
{
    const struct rnl_bytes good = text_bytes(pki()->server_pem);
    const struct rnl_bytes root = text_bytes(pki()->root_pem);
    struct rnl_tls_options o = told();

    SAYS(server_of(&o), RNL_EINVAL, "cert_file");
    o.key_data = good;
    SAYS(client_of(&o), RNL_EINVAL, "without a certificate");
    o = told();
    o.cert_file = "/nonexistent/server.pem";
    SAYS(server_of(&o), RNL_ENOENT, "/nonexistent/server.pem, rb): No such"); /* ... file */
#ifndef _WIN32 /* where a directory does not even open */
    o = told();
    o.cert_file = "/";
    SAYS(server_of(&o), RNL_ECERT, "reading /: Is a directory");
    o = told();
    o.ca_file = "/";
    SAYS(client_of(&o), RNL_ECERT, "reading /: Is a directory");
#endif
    o = told();
    o.cert_data = text_bytes(pki()->root_pem); /* no key in it */
    SAYS(server_of(&o), RNL_ECERT, "no private key");
    o.cert_data = text_bytes("nothing in here");
    SAYS(server_of(&o), RNL_ECERT, "no certificate");
    o = told();
    o.cert_data = good;
    o.key_data = text_bytes(pki()->client_pem);
    SAYS(server_of(&o), RNL_ECERT, "the private key does not belong to the certificate");
    o.key_data = other_kind_of_key();
    SAYS(server_of(&o), RNL_ECERT, "the private key does not belong to the certificate");
    o = told();
    o.cert_data = good;
    o.client_cert = RNL_CERT_REQUIRED;
    SAYS(server_of(&o), RNL_EINVAL, "client_cert");
    o.client_cert = (enum rnl_client_cert)7;
    SAYS(server_of(&o), RNL_EINVAL, "client_cert is no such value");
    o = told();
    o.client_cert = RNL_CERT_OPTIONAL;
    SAYS(client_of(&o), RNL_EINVAL, "client_cert is for servers");
    o = told();
    o.ca_data = root;
    o.ciphers = "NO-SUCH-CIPHER";
    SAYS(client_of(&o), RNL_EINVAL, "cipher");
    o = told();
    o.ca_data = root;
    o.ciphersuites = "TLS_NO_SUCH_THING";
    SAYS(client_of(&o), RNL_EINVAL, "cipher");
    o = told();
    o.ca_data = root;
    o.groups = "P-255";
    SAYS(client_of(&o), RNL_EINVAL, "groups: none, or one that OpenSSL does not know");
    o.groups = "";
    SAYS(client_of(&o), RNL_EINVAL, "groups: none, or one that OpenSSL does not know");
    o = told();
    o.ca_data = root;
    o.min_version = (enum rnl_tls_version)0x0301;
    SAYS(client_of(&o), RNL_EINVAL, "version");
    o = told();
    o.ca_data = root;
    o.nalpn = 1;
    SAYS(client_of(&o), RNL_EINVAL, "nalpn without alpn");
    o = told();
    o.ca_data = root;
    OK(client_of(&o));
    CU_ASSERT_STRING_EQUAL(why, "");
}

static void protocol_names(void)
{
    char longest[256], longer[257];
    const char *const names[] = {"", NULL, longer, longest};
    struct rnl_tls_options o = told();

    memset(longest, 'a', 255);
    longest[255] = '\0';
    memset(longer, 'a', 256);
    longer[256] = '\0';
    o.ca_data = text_bytes(pki()->root_pem);
    for (int i = 0; i < 3; i++) {
        const char *const pair[] = {"h2", names[i]};

        o.alpn = pair;
        o.nalpn = 2;
        SAYS(client_of(&o), RNL_EINVAL, "a name in alpn is empty or longer than 255 bytes");
    }
    o.alpn = names + 3;
    o.nalpn = 1;
    OK(client_of(&o));
}

static void unused_arguments(void)
{
    struct rnl_tls_context *c = NULL;
    struct rnl_tls_options o = told();

    rnl_tls_free(NULL);
    o.cert_data = text_bytes(pki()->server_pem);
    OK(rnl_tls_server(&c, &o));
    IS(rnl_tls_add_name(c, "a.test", NULL), RNL_EINVAL);
    IS(rnl_tls_add_name(c, "", c), RNL_EINVAL);
    IS(rnl_tls_add_name(c, NULL, c), RNL_EINVAL);
    CU_ASSERT(rnl_tls_raw(c) != NULL);
    rnl_tls_free(c);
}

/* ---- Keys behind a password -------------------------------------------- */

static int give_password(void *user, char *buf, size_t size)
{
    const char *text = user;

    if (!text)
        return -1;
    if (*text == '+')
        return (int)size + 1; /* more than there is room for */
    memcpy(buf, text, strlen(text));
    return (int)strlen(text);
}

static void passwords(void)
{
    static char key[4096];
    struct rnl_tls_options o = told();
    BIO *bio = BIO_new(BIO_s_mem());
    int len;

    CU_ASSERT_FATAL(PEM_write_bio_PKCS8PrivateKey(bio, pki()->server->key, EVP_aes_256_cbc(), NULL,
                                                  0, NULL, (void *)(uintptr_t) "sesame") == 1);
    len = BIO_read(bio, key, sizeof key - 1);
    CU_ASSERT_FATAL(len > 0);
    BIO_free(bio);
    o.cert_data = text_bytes(pki()->server_pem);
    o.key_data = text_bytes(key);
    /* Nobody is asked at the terminal. */
    SAYS(server_of(&o), RNL_ECERT, "the private key is encrypted, and no password was given");
    o.password = give_password;
    SAYS(server_of(&o), RNL_ECERT, "the private key is encrypted, and no password was given");
    o.password_user = (void *)(uintptr_t) "wrong";
    IS(server_of(&o), RNL_ECERT);
    CU_ASSERT(strstr(why, "the password is wrong") != NULL);
    o.password_user = (void *)(uintptr_t) "+";
    SAYS(server_of(&o), RNL_ECERT, "the private key is encrypted, and no password was given");
    o.password_user = (void *)(uintptr_t) "sesame";
    OK(server_of(&o));
}

/* ---- Whom to trust ----------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CU_ASSERT_FATAL(file != NULL);
    fputs(text, file);
    fclose(file);
}

static int handshake_with(struct rnl_tls_options *copts)
{
    struct duo d;
    int code;

    duo_init(&d);
    d.copts = *copts;
    OK(duo_open(&d));
    duo_shake(&d);
    code = d.client_code;
    duo_close(&d);
    return code;
}

static void trust(void)
{
    char top[] = "/tmp/runnel-trust-XXXXXX", dir[64], file[64], hashed[80], odd[80];
    struct rnl_tls_options o = told();

    CU_ASSERT_FATAL(mkdtemp(top) != NULL);
    snprintf(file, sizeof file, "%s/ca.pem", top);
    snprintf(dir, sizeof dir, "%s/dir", top);
    snprintf(odd, sizeof odd, "%s/README", dir);
    snprintf(hashed, sizeof hashed, "%s/%08lx.0", dir, X509_subject_name_hash(pki()->root->x509));
    write_file(file, pki()->root_pem);
    o.ca_file = file;
    OK(handshake_with(&o));
    o = told();
    o.ca_dir = dir;
    SAYS(client_of(&o), RNL_ECERT, "ca_dir has to be hashed"); /* it is not there */
    mkdir(dir, 0700);
    SAYS(client_of(&o), RNL_ECERT, "no certificate found; ca_dir has to be hashed");
    write_file(odd, pki()->root_pem); /* nothing that would be found */
    SAYS(client_of(&o), RNL_ECERT, "no certificate found; ca_dir has to be hashed");
    write_file(hashed, pki()->root_pem);
    OK(handshake_with(&o));
    /* The system's store, moved by OpenSSL's own variables. */
    o = told();
    setenv("SSL_CERT_FILE", "/nonexistent", 1);
    setenv("SSL_CERT_DIR", dir, 1);
    OK(handshake_with(&o));
    unlink(hashed);
    SAYS(client_of(&o), RNL_ECERT, "no certificate found");
    setenv("SSL_CERT_FILE", file, 1);
    OK(handshake_with(&o));
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    unlink(odd);
    unlink(file);
    rmdir(dir);
    rmdir(top);
}

/* A server that verifies nobody asks nobody. */
static void unverified_clients(void)
{
    for (int i = 0; i < 2; i++) {
        struct duo d;

        duo_init(&d);
        d.sopts.ca_data = text_bytes(pki()->root_pem);
        d.sopts.client_cert = RNL_CERT_REQUIRED;
        OK(rnl_tls_server(&d.sc, &d.sopts));
        if (i == 1)
            OK(rnl_tls_disable_verification(d.sc));
        OK(duo_open(&d));
        duo_shake(&d);
        IS(d.server_code, i == 1 ? RNL_OK : RNL_ECERT);
        duo_close(&d);
    }
}

/* A list of revoked certificates by OpenSSL's own calls. */
static void revoked(void)
{
    X509_CRL *crl = X509_CRL_new();
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *later = X509_gmtime_adj(NULL, 3600);
    struct cert_plan plan = {.issuer = pki()->root};
    struct cert *cert = cert_make(&plan);
    static char pem[16384];
    struct duo d;

    X509_CRL_set_version(crl, 1);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(pki()->root->x509));
    X509_CRL_set1_lastUpdate(crl, now);
    X509_CRL_set1_nextUpdate(crl, later);
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(cert->x509));
    X509_REVOKED_set_revocationDate(entry, now);
    X509_CRL_add0_revoked(crl, entry);
    CU_ASSERT_FATAL(X509_CRL_sign(crl, pki()->root->key, EVP_sha256()) > 0);
    pem[0] = '\0';
    cert_pem(cert, pem, sizeof pem);
    cert_key_pem(cert, pem, sizeof pem);
    duo_init(&d);
    d.sopts.cert_data = text_bytes(pem);
    d.copts.strict = RNL_NO; /* the list has no number */
    OK(rnl_tls_client(&d.cc, &d.copts));
    CU_ASSERT_FATAL(X509_STORE_add_crl(SSL_CTX_get_cert_store(rnl_tls_raw(d.cc)), crl) == 1);
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(rnl_tls_raw(d.cc)), X509_V_FLAG_CRL_CHECK);
    OK(duo_open(&d));
    duo_shake(&d);
    IS(d.client_code, RNL_ECERT);
    CU_ASSERT(strstr(d.client->detail, "revoked") != NULL);
    IS(d.server_code, RNL_ETLS);
    CU_ASSERT(strstr(d.server->detail, "revoked") != NULL);
    duo_close(&d);
    X509_CRL_free(crl);
    ASN1_TIME_free(now);
    ASN1_TIME_free(later);
    cert_free(cert);
}

/* ---- What to speak ----------------------------------------------------- */

struct speech {
    const char *what;
    enum rnl_tls_version version;
    const char *client[3], *server[3]; /* ciphers, ciphersuites, groups */
    const char *client_says, *server_says;
};

static void nothing_in_common(void)
{
    static const struct speech rows[] = {
        {"ciphers of 1.2",
         RNL_TLS_1_2,
         {"ECDHE-ECDSA-AES128-GCM-SHA256", NULL, NULL},
         {"ECDHE-ECDSA-AES256-GCM-SHA384", NULL, NULL},
         "cipher",
         "no cipher"},
        {"suites of 1.3",
         RNL_TLS_1_3,
         {NULL, "TLS_AES_128_GCM_SHA256", NULL},
         {NULL, "TLS_AES_256_GCM_SHA384", NULL},
         "cipher",
         "no cipher"},
        {"groups", RNL_TLS_1_3, {NULL, NULL, "P-256"}, {NULL, NULL, "P-384"}, "group", "no group"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct speech *row = &rows[i];
        struct duo d;

        duo_init(&d);
        d.copts.min_version = d.copts.max_version = row->version;
        d.copts.ciphers = row->client[0];
        d.copts.ciphersuites = row->client[1];
        d.copts.groups = row->client[2];
        d.sopts.ciphers = row->server[0];
        d.sopts.ciphersuites = row->server[1];
        d.sopts.groups = row->server[2];
        OK(duo_open(&d));
        duo_shake(&d);
        IS(d.client_code, RNL_ETLS);
        IS(d.server_code, RNL_ETLS);
        CU_ASSERT(strstr(d.client->detail, row->client_says) != NULL);
        CU_ASSERT(strstr(d.server->detail, row->server_says) != NULL);
        if (!strstr(d.client->detail, row->client_says) ||
            !strstr(d.server->detail, row->server_says))
            printf("\n    %s: \"%s\", \"%s\"", row->what, d.client->detail, d.server->detail);
        duo_close(&d);
    }
}

/* The defaults, as the header tells them. */
static void defaults(void)
{
    struct rnl_tls_options o = told();
    struct rnl_tls_context *c = NULL;
    STACK_OF(SSL_CIPHER) * list;
    SSL_CTX *ctx;

    o.cert_data = text_bytes(pki()->server_pem);
    OK(rnl_tls_server(&c, &o));
    ctx = rnl_tls_raw(c);
    IS(SSL_CTX_get_min_proto_version(ctx), TLS1_2_VERSION);
    IS(SSL_CTX_get_security_level(ctx), 2);
    CU_ASSERT((SSL_CTX_get_options(ctx) & SSL_OP_NO_COMPRESSION) != 0);
    CU_ASSERT((SSL_CTX_get_options(ctx) & SSL_OP_NO_RENEGOTIATION) != 0);
    CU_ASSERT((SSL_CTX_get_options(ctx) & SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION) == 0);
    CU_ASSERT((SSL_CTX_get_options(ctx) & SSL_OP_IGNORE_UNEXPECTED_EOF) == 0);
    list = SSL_CTX_get_ciphers(ctx);
    CU_ASSERT(sk_SSL_CIPHER_num(list) > 3);
    for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(list, i);
        int exchange = SSL_CIPHER_get_kx_nid(cipher);

        CU_ASSERT(SSL_CIPHER_is_aead(cipher) == 1);
        CU_ASSERT(exchange == NID_kx_ecdhe || exchange == NID_kx_any);
    }
    rnl_tls_free(c);
}

/* ---- Hellos in pieces -------------------------------------------------- */

/* The hello cut into records of `n` bytes: a length at the front is no matter of records. */
static void hello_in_records(void)
{
    for (size_t n = 1; n <= 5; n++) {
        unsigned char record[5 + 5];
        struct rnl_bytes view;
        struct duo d;
        size_t len;

        duo_init(&d);
        OK(duo_open(&d));
        IS(d.client->ops->start(d.client), RNL_EAGAIN);
        CU_ASSERT_FATAL(rnl_core_peek(d.client->out, &view, 1) == 1);
        len = view.len;
        for (size_t at = 5; at < len; at += n) {
            size_t some = n < len - at ? n : len - at;

            memcpy(record, view.data, 3);
            record[3] = 0;
            record[4] = (unsigned char)some;
            memcpy(record + 5, view.data + at, some);
            OK(rnl_core_feed(d.server->in, record, 5 + some));
            (void)d.server->ops->start(d.server);
        }
        rnl_core_sent(d.client->out, len);
        duo_shake(&d);
        OK(d.server_code);
        OK(d.client_code);
        duo_close(&d);
    }
}

/* A length that is too large is seen wherever the records are cut. */
static void huge_hello_in_records(void)
{
    static const unsigned char head[] = {1, 0, 0xff, 0xff};

    for (size_t n = 1; n <= 4; n++) {
        int code = RNL_EAGAIN;
        struct duo d;

        duo_init(&d);
        OK(duo_open(&d));
        for (size_t at = 0; at < sizeof head; at += n) {
            size_t some = n < sizeof head - at ? n : sizeof head - at;
            unsigned char record[9] = {22, 3, 1, 0, (unsigned char)some};

            memcpy(record + 5, head + at, some);
            OK(rnl_core_feed(d.server->in, record, 5 + some));
            IS(code, RNL_EAGAIN);
            code = d.server->ops->start(d.server);
        }
        IS(code, RNL_ETLS);
        CU_ASSERT(strstr(d.server->detail, "too large") != NULL);
        duo_close(&d);
    }
}

SUITE("tls.options", {"mistakes are told in words", mistakes},
      {"names of protocols", protocol_names}, {"arguments that are not there", unused_arguments},
      {"keys behind a password", passwords}, {"whom to trust", trust},
      {"clients that are not verified", unverified_clients}, {"I12 revoked", revoked},
      {"nothing in common", nothing_in_common}, {"defaults", defaults},
      {"I19 a hello in small records", hello_in_records},
      {"I22 a huge hello in small records", huge_hello_in_records})
