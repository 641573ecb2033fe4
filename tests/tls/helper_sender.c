/* helper_sender.c: records enciphered by hand, with the keys of a client's TLS 1.3, taken as
 * a key log gets them. */
#include "tls/helper_sender.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>

enum { HASH = 32, TAG = 16 };

static unsigned char secret[HASH]; /* of what the client sends */

static void keep_secret(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    const char *hex;

    (void)ssl;
    if (strncmp(line, label, sizeof label - 1) != 0)
        return;
    hex = strrchr(line, ' ') + 1;
    for (int i = 0; i < HASH; i++) {
        unsigned byte = 0;

        sscanf(hex + 2 * i, "%2x", &byte);
        secret[i] = (unsigned char)byte;
    }
}

/* HKDF-Expand-Label of RFC 8446, section 7.1. */
static void expand(const char *label, unsigned char *out, size_t len)
{
    unsigned char info[40];
    size_t label_len = strlen(label), info_len = 4 + 6 + label_len;
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    char hash[] = "SHA256";
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_KDF_PARAM_DIGEST, hash, 6),
                           OSSL_PARAM_int(OSSL_KDF_PARAM_MODE, &mode),
                           OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY, secret, HASH),
                           OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, info, info_len),
                           OSSL_PARAM_END};

    info[0] = 0;
    info[1] = (unsigned char)len;
    info[2] = (unsigned char)(6 + label_len);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, label_len);
    info[9 + label_len] = 0;
    CU_ASSERT_FATAL(EVP_KDF_derive(context, out, len, params) == 1);
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
}

size_t sender_seal(struct sender *s, int type, const void *data, size_t len, size_t padding,
                   unsigned char *record)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    unsigned char nonce[SENDER_IV], clear[200] = {0};
    size_t inner = len + 1 + padding;
    int n;

    memcpy(clear, data, len);
    clear[len] = (unsigned char)type;
    memcpy(record, (const unsigned char[]){23, 3, 3, 0, (unsigned char)(inner + TAG)}, 5);
    memcpy(nonce, s->iv, SENDER_IV);
    nonce[SENDER_IV - 1] ^= (unsigned char)s->sent;
    nonce[SENDER_IV - 2] ^= (unsigned char)(s->sent >> 8);
    s->sent++;
    CU_ASSERT_FATAL(EVP_EncryptInit_ex(context, EVP_aes_128_gcm(), NULL, s->key, nonce) == 1);
    CU_ASSERT_FATAL(EVP_EncryptUpdate(context, NULL, &n, record, 5) == 1);
    CU_ASSERT_FATAL(EVP_EncryptUpdate(context, record + 5, &n, clear, (int)inner) == 1);
    CU_ASSERT_FATAL(EVP_EncryptFinal_ex(context, record + 5 + n, &n) == 1);
    CU_ASSERT_FATAL(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, TAG, record + 5 + inner) ==
                    1);
    EVP_CIPHER_CTX_free(context);
    return 5 + inner + TAG;
}

void sender_listen(struct rnl_tls_context *client)
{
    SSL_CTX_set_keylog_callback(rnl_tls_raw(client), keep_secret);
}

void sender_open(struct sender *s)
{
    memset(s, 0, sizeof *s);
    expand("key", s->key, SENDER_KEY);
    expand("iv", s->iv, SENDER_IV);
}
