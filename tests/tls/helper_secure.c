#include "tls/helper_secure.h"

#include <stdlib.h>

/* RUNNEL_TEST_KTLS: every suite over the kernel's TLS, where there is one. */
static enum rnl_switch kernel_tls(void)
{
    return getenv("RUNNEL_TEST_KTLS") ? RNL_YES : RNL_DEFAULT;
}

struct rnl_tls_options client_tls(void)
{
    struct rnl_tls_options o = RNL_TLS_OPTIONS_INIT;

    o.ca_data = text_bytes(pki()->root_pem);
    o.kernel_tls = kernel_tls();
    return o;
}

struct rnl_tls_options server_tls(void)
{
    struct rnl_tls_options o = RNL_TLS_OPTIONS_INIT;

    o.cert_data = text_bytes(pki()->server_pem);
    o.kernel_tls = kernel_tls();
    return o;
}

struct rnl_tls_context *client_context(void)
{
    struct rnl_tls_options o = client_tls();
    struct rnl_tls_context *c = NULL;

    OK(rnl_tls_client(&c, &o));
    return c;
}

struct rnl_tls_context *server_context(void)
{
    struct rnl_tls_options o = server_tls();
    struct rnl_tls_context *c = NULL;

    OK(rnl_tls_server(&c, &o));
    return c;
}

void secure_init(struct net *net, const struct rnl_tls_options *copts,
                 const struct rnl_tls_options *sopts)
{
    struct rnl_tls_options c = client_tls(), s = server_tls();

    OK(rnl_tls_client(&net->client.ssl.context, copts ? copts : &c));
    OK(rnl_tls_server(&net->options.ssl.context, sopts ? sopts : &s));
    net->client.ssl.server_hostname = "good.test";
}

void secure_open(struct net *net)
{
    secure_init(net, NULL, NULL);
    net_open(net);
}

void secure_close(struct net *net)
{
    net_close(net);
    rnl_tls_free(net->client.ssl.context);
    rnl_tls_free(net->options.ssl.context);
}
