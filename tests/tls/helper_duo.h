/* helper_duo.h: two engines back to back, and the wire between them. */
#ifndef TESTS_TLS_HELPER_DUO_H
#define TESTS_TLS_HELPER_DUO_H

#include <string.h>

#include "support/suite.h"
#include "tls/helper_pki.h"
#include "tls/tls.h"

#ifndef IS
#define IS(call, code) CU_ASSERT_EQUAL((call), (code))
#define OK(call)       IS(call, RNL_OK)
#endif

struct duo {
    struct pki *pki;
    struct rnl_tls_options copts, sopts;
    const char *name; /* that the client asks for */
    struct rnl_tls_context *cc, *sc;
    struct rnli_filter *client, *server;
    int client_code, server_code; /* of the handshake */
    size_t step;                  /* bytes carried at a time */
};

/* A client that trusts the root, a server with a certificate of it. */
void duo_init(struct duo *duo);
/* Contexts (where they are not there) and engines. RNL_OK or what failed. */
int duo_open(struct duo *duo);
/* Carries one step each way; whether anything moved. */
bool duo_carry(struct duo *duo);
/* Both handshakes, until they are done or nothing moves. */
void duo_shake(struct duo *duo);
void duo_close(struct duo *duo);
/* Moves up to `n` bytes of ciphertext; how many. */
size_t carry(struct rnli_filter *from, struct rnli_filter *to, size_t n);
const struct rnl_allocator *plain_allocator(void);
/* `len` bytes through, and read until they are there. */
bool duo_pass(struct duo *duo, struct rnli_filter *from, struct rnli_filter *to, size_t len);

#endif
