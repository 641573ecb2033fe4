#include "tls/helper_certs.h"

#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *new_key(bool weak)
{
    return weak ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
}

static void add(X509 *x, X509 *issuer, const char *name, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *e;

    X509V3_set_ctx(&context, issuer, x, NULL, NULL, 0);
    e = X509V3_EXT_conf(NULL, &context, name, value);
    CU_ASSERT_FATAL(e != NULL);
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

static void add_extensions(X509 *x, X509 *issuer, const struct cert_plan *p)
{
    const char *san = p->san ? p->san : "DNS:good.test,DNS:*.wild.test,IP:127.0.0.1,IP:::1";
    const char *usage = p->usage ? p->usage : "serverAuth,clientAuth";
    char ca[40] = "critical,CA:TRUE";

    if (p->path_len > 0)
        snprintf(ca, sizeof ca, "critical,CA:TRUE,pathlen:%d", p->path_len - 1);
    add(x, issuer, "basicConstraints", p->ca ? ca : "critical,CA:FALSE");
    add(x, issuer, "keyUsage",
        p->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    if (!p->no_ids) {
        add(x, issuer, "subjectKeyIdentifier", "hash");
        if (issuer != x)
            add(x, issuer, "authorityKeyIdentifier", "keyid:always");
    }
    if (p->names)
        add(x, issuer, "nameConstraints", p->names);
    if (p->extra_name)
        add(x, issuer, p->extra_name, p->extra_value);
    if (p->ca)
        return;
    if (*san)
        add(x, issuer, "subjectAltName", san);
    if (*usage)
        add(x, issuer, "extendedKeyUsage", usage);
}

struct cert *cert_make(const struct cert_plan *p)
{
    static long serial = 1000;
    struct cert *c = calloc(1, sizeof *c);
    const char *cn = p->cn ? p->cn : "test";
    X509_NAME *name;

    CU_ASSERT_FATAL(c != NULL);
    c->key = new_key(p->weak);
    c->x509 = X509_new();
    CU_ASSERT_FATAL(c->key && c->x509);
    X509_set_version(c->x509, p->v1 ? X509_VERSION_1 : X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(c->x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(c->x509), p->from ? p->from : -3600);
    X509_gmtime_adj(X509_getm_notAfter(c->x509), p->until ? p->until : 86400);
    X509_set_pubkey(c->x509, c->key);
    name = X509_get_subject_name(c->x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(c->x509, X509_get_subject_name(p->issuer ? p->issuer->x509 : c->x509));
    if (!p->v1)
        add_extensions(c->x509, p->issuer ? p->issuer->x509 : c->x509, p);
    CU_ASSERT_FATAL(X509_sign(c->x509, p->issuer ? p->issuer->key : c->key,
                              p->sha1 ? EVP_sha1() : EVP_sha256()) > 0);
    return c;
}

void cert_free(struct cert *c)
{
    if (!c)
        return;
    X509_free(c->x509);
    EVP_PKEY_free(c->key);
    free(c);
}

static void append(BIO *bio, char *text, size_t size)
{
    size_t used = strlen(text);
    int got = BIO_read(bio, text + used, (int)(size - used - 1));

    CU_ASSERT_FATAL(got > 0);
    text[used + (size_t)got] = '\0';
    BIO_free(bio);
}

void cert_pem(const struct cert *c, char *text, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509(bio, c->x509);
    append(bio, text, size);
}

void cert_key_pem(const struct cert *c, char *text, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_PrivateKey(bio, c->key, NULL, NULL, 0, NULL, NULL);
    append(bio, text, size);
}

void pki_make(struct pki *p)
{
    struct cert_plan root = {.cn = "root", .ca = true};
    struct cert_plan other = {.cn = "other root", .ca = true};
    struct cert_plan middle = {.cn = "middle", .ca = true};
    struct cert_plan leaf = {.cn = "leaf"};

    memset(p, 0, sizeof *p);
    p->root = middle.issuer = cert_make(&root);
    p->other_root = cert_make(&other);
    p->middle = leaf.issuer = cert_make(&middle);
    p->server = cert_make(&leaf);
    leaf.issuer = p->root;
    leaf.cn = "client";
    p->client = cert_make(&leaf);
    cert_pem(p->root, p->root_pem, sizeof p->root_pem);
    cert_pem(p->server, p->server_pem, sizeof p->server_pem);
    cert_pem(p->middle, p->server_pem, sizeof p->server_pem);
    cert_key_pem(p->server, p->server_pem, sizeof p->server_pem);
    cert_pem(p->client, p->client_pem, sizeof p->client_pem);
    cert_key_pem(p->client, p->client_pem, sizeof p->client_pem);
}

void pki_free(struct pki *p)
{
    cert_free(p->root);
    cert_free(p->other_root);
    cert_free(p->middle);
    cert_free(p->server);
    cert_free(p->client);
}

struct rnl_bytes text_bytes(const char *text)
{
    struct rnl_bytes b = {(const unsigned char *)text, strlen(text)};

    return b;
}
