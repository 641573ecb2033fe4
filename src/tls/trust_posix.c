/* trust_posix.c: the system's trust is where OpenSSL looks for it. */
#include "backend/sys.h"

#include "tls/load.h"

int rnli_tls_trust_system(SSL_CTX *ctx, const char **dir)
{
    *dir = rnli_sys_getenv(X509_get_default_cert_dir_env());
    if (!*dir)
        *dir = X509_get_default_cert_dir();
    return SSL_CTX_set_default_verify_paths(ctx) ? RNL_OK : RNL_ENOMEM;
}
