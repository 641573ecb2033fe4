/* helper_pki.h: the PKI of a test program, made once. */
#ifndef TESTS_TLS_HELPER_PKI_H
#define TESTS_TLS_HELPER_PKI_H

#include "tls/helper_certs.h"

struct pki *pki(void);

#endif
