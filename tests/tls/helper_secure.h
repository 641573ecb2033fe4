/* helper_secure.h: the stream tests' net, with TLS: contexts for both ends. */
#ifndef TESTS_TLS_HELPER_SECURE_H
#define TESTS_TLS_HELPER_SECURE_H

#include "stream/helper_net.h"
#include "tls/helper_certs.h"
#include "tls/helper_pki.h"

/* Fills the net's options with contexts of the program's PKI (made anew for each
 * net; `copts`, `sopts` may be NULL) and the client's name. */
void secure_init(struct net *net, const struct rnl_tls_options *copts,
                 const struct rnl_tls_options *sopts);
/* secure_init with defaults, and net_open. */
void secure_open(struct net *net);
/* net_close, and the contexts. */
void secure_close(struct net *net);
/* Options that have the program's PKI in them. */
struct rnl_tls_options client_tls(void);
struct rnl_tls_options server_tls(void);
/* Contexts of those. */
struct rnl_tls_context *client_context(void);
struct rnl_tls_context *server_context(void);

#endif
