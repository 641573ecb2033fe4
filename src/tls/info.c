/* info.c: what get_extra_info tells of a TLS connection. */
#include <string.h>

#include "tls/tls.h"

const void *rnli_tls_info(const struct rnli_filter *filter, const char *name)
{
    const struct rnli_tls_engine *e = (const struct rnli_tls_engine *)filter;

    if (strcmp(name, "ssl_object") == 0)
        return e->ssl;
    if (strcmp(name, "sslcontext") == 0)
        return e->context;
    if (!filter->started)
        return NULL;
    if (strcmp(name, "peercert") == 0)
        return SSL_get0_peer_certificate(e->ssl);
    if (strcmp(name, "cipher") == 0)
        return SSL_get_cipher_name(e->ssl);
    if (strcmp(name, "version") == 0)
        return SSL_get_version(e->ssl);
    if (strcmp(name, "alpn") == 0)
        return e->alpn[0] ? e->alpn : NULL;
    if (strcmp(name, "ktls") == 0)
        return filter->kernel ? "send" : NULL;
    return NULL; /* "compression" among them: there is none */
}
