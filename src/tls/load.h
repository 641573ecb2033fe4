/* load.h: certificates and keys, from files or bytes, into an SSL_CTX. */
#ifndef RNLI_TLS_LOAD_H
#define RNLI_TLS_LOAD_H

#include "tls/tls.h"

/* Our certificate, its chain and its key. A server has to have them. */
int rnli_tls_load_identity(SSL_CTX *ctx, const struct rnl_tls_options *o, bool needed);
/* Whom to trust. A trust store without a certificate in it is an error. */
int rnli_tls_load_trust(SSL_CTX *ctx, const struct rnl_tls_options *o, bool server);

/* trust_posix.c, trust_win.c: whom the system trusts as servers, or what SSL_CERT_FILE and
 * SSL_CERT_DIR name instead. RNL_OK says nothing of whether that is anybody; *dir: where more
 * is looked for when it is wanted, or NULL. */
int rnli_tls_trust_system(SSL_CTX *ctx, const char **dir);

#endif
