/* trust_win.c: the system's trust is Windows' store "ROOT", the user's and the machine's.
 *
 * OpenSSL's own default is a folder that was named when it was built: on Windows anybody may
 * be able to make one of that name, so it is not looked at. Intermediates ("CA") are not
 * trusted by themselves. Roots that come by Windows Update when they are first wanted are not
 * there before: a limit of reading the store, which Python shares. */
#include "tls/trust_win.h"

#include <string.h>

/* Windows notes what a root may vouch for. No note: anything; an empty one: nothing. */
static bool lists_servers(const CERT_ENHKEY_USAGE *usage, bool noted)
{
    for (DWORD i = 0; i < usage->cUsageIdentifier; i++)
        if (strcmp(usage->rgpszUsageIdentifier[i], szOID_PKIX_KP_SERVER_AUTH) == 0)
            return true;
    return usage->cUsageIdentifier == 0 && !noted;
}

static bool is_for_servers(const CERT_CONTEXT *cert)
{
    CERT_ENHKEY_USAGE *usage;
    DWORD size = 0;
    bool yes;

    if (!CertGetEnhancedKeyUsage(cert, 0, NULL, &size))
        return GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;
    usage = calloc(1, size);
    SetLastError(ERROR_SUCCESS);
    yes = usage && CertGetEnhancedKeyUsage(cert, 0, usage, &size);
    if (yes)
        yes = lists_servers(usage, GetLastError() != (DWORD)CRYPT_E_NOT_FOUND);
    free(usage);
    return yes;
}

static bool is_refused(const CERT_CONTEXT *cert, HCERTSTORE refused)
{
    const CERT_CONTEXT *found =
        refused ? CertFindCertificateInStore(refused, X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, 0,
                                             CERT_FIND_EXISTING, cert, NULL)
                : NULL;

    if (found)
        CertFreeCertificateContext(found);
    return found != NULL;
}

/* What OpenSSL cannot read is passed over: one odd root must not cost all others. */
static int trust_encoded(SSL_CTX *ctx, const unsigned char *data, long len)
{
    X509 *cert = d2i_X509(NULL, &data, len);
    int code = RNL_OK;

    if (cert && !X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert))
        code = RNL_ENOMEM;
    X509_free(cert);
    return code;
}

int rnli_tls_trust_store(SSL_CTX *ctx, HCERTSTORE roots, HCERTSTORE refused)
{
    const CERT_CONTEXT *cert = NULL;
    int code = RNL_OK;

    while (!code && (cert = CertEnumCertificatesInStore(roots, cert)) != NULL)
        if ((cert->dwCertEncodingType & X509_ASN_ENCODING) && is_for_servers(cert) &&
            !is_refused(cert, refused))
            code = trust_encoded(ctx, cert->pbCertEncoded, (long)cert->cbCertEncoded);
    if (cert)
        CertFreeCertificateContext(cert);
    return code;
}

static int trust_windows(SSL_CTX *ctx)
{
    HCERTSTORE roots = CertOpenSystemStoreW(0, L"ROOT"), refused;
    int code;

    if (!roots)
        return RNL_OK; /* nobody is trusted */
    refused = CertOpenSystemStoreW(0, L"Disallowed");
    code = rnli_tls_trust_store(ctx, roots, refused);
    CertCloseStore(roots, 0);
    if (refused)
        CertCloseStore(refused, 0);
    return code;
}

int rnli_tls_trust_system(SSL_CTX *ctx, const char **dir)
{
    const char *file = rnli_sys_getenv(X509_get_default_cert_file_env());

    *dir = rnli_sys_getenv(X509_get_default_cert_dir_env());
    if (!file && !*dir)
        return trust_windows(ctx);
    if (file)
        (void)SSL_CTX_load_verify_file(ctx, file);
    if (*dir)
        (void)SSL_CTX_load_verify_dir(ctx, *dir);
    return RNL_OK;
}
