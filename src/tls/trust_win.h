/* trust_win.h: what tests of Windows' certificate stores need. */
#ifndef RNLI_TLS_TRUST_WIN_H
#define RNLI_TLS_TRUST_WIN_H

#include "backend/sys.h"

#include <wincrypt.h>

#include "tls/load.h"

/* Trusts each certificate of `roots` that is good for servers and not in `refused` (which may
 * be NULL). RNL_OK or RNL_ENOMEM. */
int rnli_tls_trust_store(SSL_CTX *ctx, HCERTSTORE roots, HCERTSTORE refused);

#endif
