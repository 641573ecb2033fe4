/* Windows' certificate stores as what a client trusts. */
#include "tls/trust_win.h"

#include "tls/helper_duo.h"

#include <stdlib.h>

static HCERTSTORE new_store(void)
{
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, NULL);

    CU_ASSERT_FATAL(store != NULL);
    return store;
}

static void put(HCERTSTORE store, const struct cert *cert, const CERT_CONTEXT **out)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert->x509, &der);

    CU_ASSERT_FATAL(len > 0);
    CU_ASSERT(CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, (DWORD)len,
                                               CERT_STORE_ADD_ALWAYS, out));
    OPENSSL_free(der);
}

/* What Windows notes beside a root: the only purpose that it is trusted for; NULL: none. */
static void note_purpose(const CERT_CONTEXT *cert, const char *purpose)
{
    LPSTR names[] = {(LPSTR)(uintptr_t)purpose};
    CERT_ENHKEY_USAGE usage = {purpose ? 1 : 0, names};

    CU_ASSERT(CertSetEnhancedKeyUsage(cert, &usage));
    CertFreeCertificateContext(cert);
}

static int trusted(SSL_CTX *ctx)
{
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx)));
}

static void expect(HCERTSTORE roots, HCERTSTORE refused, int count)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    OK(rnli_tls_trust_store(ctx, roots, refused));
    IS(trusted(ctx), count);
    SSL_CTX_free(ctx);
}

static void a_store_is_read(void)
{
    HCERTSTORE roots = new_store();

    expect(roots, NULL, 0);
    put(roots, pki()->root, NULL);
    put(roots, pki()->other_root, NULL);
    expect(roots, NULL, 2);
    CertCloseStore(roots, 0);
}

static void purposes_and_refusals(void)
{
    HCERTSTORE roots = new_store(), refused = new_store();
    const CERT_CONTEXT *cert;

    put(roots, pki()->root, &cert);
    note_purpose(cert, szOID_PKIX_KP_SERVER_AUTH);
    put(roots, pki()->other_root, &cert);
    note_purpose(cert, szOID_PKIX_KP_EMAIL_PROTECTION);
    expect(roots, refused, 1);
    put(refused, pki()->other_root, NULL);
    expect(roots, refused, 1);
    put(refused, pki()->root, NULL);
    expect(roots, refused, 0);
    CertCloseStore(roots, 0);
    CertCloseStore(refused, 0);
}

static int count_roots(void)
{
    HCERTSTORE store = CertOpenSystemStoreW(0, L"ROOT");
    const CERT_CONTEXT *cert = NULL;
    int count = 0;

    while (store && (cert = CertEnumCertificatesInStore(store, cert)) != NULL)
        count++;
    CertCloseStore(store, 0);
    return count;
}

/* wine takes its roots from the Linux below; there may be none. */
static void the_system_is_trusted(void)
{
    struct rnl_tls_context *c = NULL;
    int roots = count_roots(), code = rnl_tls_client(&c, NULL);

    printf("(%d roots) ", roots);
    IS(code, roots > 0 ? RNL_OK : RNL_ECERT);
    if (c)
        CU_ASSERT(trusted(rnl_tls_raw(c)) > roots / 2);
    rnl_tls_free(c);
}

SUITE("tls.trust_win", {"a store of Windows is read", a_store_is_read},
      {"a root's purposes, and the refused ones", purposes_and_refusals},
      {"the system's roots", the_system_is_trusted})
