/* helper_sender.h: what OpenSSL does not send: records of any type, length and padding, as a
 * client of TLS 1.3 that has sent nothing yet. One at a time: the secret is the last one's. */
#ifndef TESTS_TLS_HELPER_SENDER_H
#define TESTS_TLS_HELPER_SENDER_H

#include <string.h>

#include "support/suite.h"
#include "tls/tls.h"

enum {
    SENDER_KEY = 16,
    SENDER_IV = 12,
    SENDER_MOST = 300,
    SENDER_HANDSHAKE = 22,
    SENDER_DATA = 23
};

struct sender {
    unsigned char key[SENDER_KEY], iv[SENDER_IV];
    unsigned sent; /* records */
};

/* Before it is used: a client's context, whose options are sender_options'. */
void sender_listen(struct rnl_tls_context *client);
static inline void sender_options(struct rnl_tls_options *client)
{
    client->min_version = RNL_TLS_1_3;
    client->ciphersuites = "TLS_AES_128_GCM_SHA256";
}
/* After the handshake. */
void sender_open(struct sender *s);
/* One record: `len` bytes, perhaps none, then `padding` zeros, 200 in all at most. Its length. */
size_t sender_seal(struct sender *s, int type, const void *data, size_t len, size_t padding,
                   unsigned char *record);

#endif
