#include "tls_kit.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "fuzz.h"

static char pem[8192], key[4096];

static void add(X509 *x, int what, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *e;

    X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
    e = X509V3_EXT_conf_nid(NULL, &context, what, value);
    CHECK(e);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static void write_pem(X509 *x, EVP_PKEY *k)
{
    BIO *one = BIO_new(BIO_s_mem()), *two = BIO_new(BIO_s_mem());

    CHECK(one && two);
    PEM_write_bio_X509(one, x);
    PEM_write_bio_PrivateKey(two, k, NULL, NULL, 0, NULL, NULL);
    CHECK(BIO_read(one, pem, sizeof pem - 1) > 0 && BIO_read(two, key, sizeof key - 1) > 0);
    BIO_free(one);
    BIO_free(two);
}

/* Its own CA: partial chains are trusted. */
static void make_certificate(void)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = X509_new();

    CHECK(k && x);
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 864000);
    X509_set_pubkey(x, k);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const unsigned char *)"fuzz", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    add(x, NID_subject_key_identifier, "hash");
    add(x, NID_subject_alt_name, "DNS:fuzz.test");
    CHECK(X509_sign(x, k, EVP_sha256()) > 0);
    write_pem(x, k);
    X509_free(x);
    EVP_PKEY_free(k);
}

static struct rnl_tls_context *context(bool server)
{
    static struct rnl_tls_context *contexts[2];
    struct rnl_tls_options o = RNL_TLS_OPTIONS_INIT;
    struct rnl_bytes cert = {(const unsigned char *)pem, 0},
                     secret = {(const unsigned char *)key, 0};

    if (contexts[server])
        return contexts[server];
    if (!*pem)
        make_certificate();
    cert.len = strlen(pem);
    secret.len = strlen(key);
    o.strict = RNL_NO; /* a certificate that is its own CA */
    if (server) {
        o.cert_data = cert;
        o.key_data = secret;
        CHECK(rnl_tls_server(&contexts[1], &o) == RNL_OK);
    } else {
        o.ca_data = cert;
        CHECK(rnl_tls_client(&contexts[0], &o) == RNL_OK);
    }
    return contexts[server];
}

struct rnli_filter *kit_engine(bool server)
{
    struct rnl_tls_context *c = context(server);
    struct rnli_filter_request r = {
        .server_side = server, .name = server ? NULL : "fuzz.test", .allocator = fuzz_allocator()};
    struct rnli_filter *f = NULL;

    CHECK(c->source.open(&c->source, &r, &f) == RNL_OK);
    return f;
}
