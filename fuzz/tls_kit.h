/* tls_kit.h: contexts for the TLS targets, made once, and engines of them. */
#ifndef FUZZ_TLS_KIT_H
#define FUZZ_TLS_KIT_H

#include "tls/tls.h"

/* A client's or a server's engine; the server has a certificate that the client
 * trusts. NULL only without memory. */
struct rnli_filter *kit_engine(bool server);

#endif
