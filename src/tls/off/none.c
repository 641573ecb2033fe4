/* none.c: the TLS room of a build without OpenSSL. There is no context, so no
 * connection can ask for one: every way in is closed here. */
#include <runnel/tls.h>

int rnl_tls_client(struct rnl_tls_context **out, const struct rnl_tls_options *options)
{
    (void)options;
    *out = NULL;
    return RNL_ENOTSUP;
}

int rnl_tls_server(struct rnl_tls_context **out, const struct rnl_tls_options *options)
{
    return rnl_tls_client(out, options);
}

void rnl_tls_free(struct rnl_tls_context *context)
{
    (void)context;
}

int rnl_tls_add_name(struct rnl_tls_context *context, const char *name,
                     struct rnl_tls_context *other)
{
    (void)context;
    (void)name;
    (void)other;
    return RNL_ENOTSUP;
}

int rnl_tls_disable_verification(struct rnl_tls_context *context)
{
    (void)context;
    return RNL_ENOTSUP;
}

void *rnl_tls_raw(struct rnl_tls_context *context)
{
    (void)context;
    return NULL;
}
