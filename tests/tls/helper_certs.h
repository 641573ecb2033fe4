/* helper_certs.h: certificates made at test time, by OpenSSL's own calls. */
#ifndef TESTS_TLS_HELPER_CERTS_H
#define TESTS_TLS_HELPER_CERTS_H

#include <openssl/x509.h>
#include <runnel/tls.h>

/* What is to be in a certificate. Zero: what a good server's has. */
struct cert_plan {
    const char *cn;                       /* "test" */
    const char *san;                      /* "DNS:good.test,IP:127.0.0.1,IP:::1"; "": none */
    const char *usage;                    /* extendedKeyUsage; "serverAuth,clientAuth"; "": none */
    const char *names;                    /* nameConstraints */
    const char *extra_name, *extra_value; /* one more extension */
    long from, until;                     /* seconds from now; -3600 and 86400 */
    bool ca, weak, sha1, no_ids, v1;
    int path_len;        /* of a CA, plus one; 0: any */
    struct cert *issuer; /* NULL: self-signed */
};

struct cert {
    X509 *x509;
    EVP_PKEY *key;
};

struct cert *cert_make(const struct cert_plan *plan);
void cert_free(struct cert *cert);
/* Appends PEM to `text` (a string of at most `size` bytes). */
void cert_pem(const struct cert *cert, char *text, size_t size);
void cert_key_pem(const struct cert *cert, char *text, size_t size);

/* A root, and what a server and a client of it need. */
struct pki {
    struct cert *root, *other_root, *middle, *server, *client;
    char root_pem[4096], server_pem[16384], client_pem[8192];
};
void pki_make(struct pki *pki);
void pki_free(struct pki *pki);
struct rnl_bytes text_bytes(const char *text);

#endif
