/* Records that carry nothing. OpenSSL sends none, so they are enciphered by hand:
 * with the keys of a client's TLS 1.3, taken as a key log gets them. */
#include "tls/helper_duo.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdio.h>

enum { KEY = 16, IV = 12, HASH = 32, TAG = 16 };

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

struct sender {
    unsigned char key[KEY], iv[IV];
    unsigned sent; /* records */
};

/* One record of application data: `len` bytes, perhaps none, then `padding` zeros. */
static size_t seal(struct sender *s, const char *data, size_t len, size_t padding,
                   unsigned char *record)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    unsigned char nonce[IV], clear[200] = {0};
    size_t inner = len + 1 + padding;
    int n;

    memcpy(clear, data, len);
    clear[len] = 23;
    memcpy(record, (const unsigned char[]){23, 3, 3, 0, (unsigned char)(inner + TAG)}, 5);
    memcpy(nonce, s->iv, IV);
    nonce[IV - 1] ^= (unsigned char)s->sent;
    nonce[IV - 2] ^= (unsigned char)(s->sent >> 8);
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

static void open_sender(struct duo *d, struct sender *s)
{
    duo_init(d);
    d->copts.min_version = RNL_TLS_1_3;
    d->copts.ciphersuites = "TLS_AES_128_GCM_SHA256";
    OK(rnl_tls_client(&d->cc, &d->copts));
    SSL_CTX_set_keylog_callback(rnl_tls_raw(d->cc), keep_secret);
    OK(duo_open(d));
    duo_shake(d);
    OK(d->server_code);
    memset(s, 0, sizeof *s);
    expand("key", s->key, KEY);
    expand("iv", s->iv, IV);
}

static int feed(struct duo *d, struct sender *s, const char *text, size_t padding, size_t *got)
{
    unsigned char record[300];
    char buf[100];

    OK(rnl_core_feed(d->server->in, record, seal(s, text, strlen(text), padding, record)));
    return d->server->ops->read(d->server, buf, sizeof buf, got);
}

/* However they are padded, they end within 33, and data in between are well. */
static void empty_records(void)
{
    for (size_t padding = 0; padding < 100; padding += 99) {
        struct sender s;
        struct duo d;
        size_t got;
        int code = RNL_EAGAIN, n = 0;

        open_sender(&d, &s);
        for (int i = 0; i < 20; i++)
            for (int k = 0; k < 10; k++) {
                code = feed(&d, &s, k == 9 ? "data" : "", padding, &got);
                IS(code, k == 9 ? RNL_OK : RNL_EAGAIN);
                IS(got, k == 9 ? 4u : 0u);
            }
        code = RNL_EAGAIN;
        while (code == RNL_EAGAIN && n < 1000) {
            code = feed(&d, &s, "", padding, &got);
            n++;
        }
        IS(code, RNL_ETLS);
        CU_ASSERT(n <= 33);
        CU_ASSERT(strstr(d.server->detail, "without data") != NULL);
        duo_close(&d);
    }
}

/* Many in one feed: the same, and no more is looked at. */
static void empty_records_at_once(void)
{
    static unsigned char records[60000];
    struct sender s;
    struct duo d;
    size_t len = 0, got;
    char buf[10];

    open_sender(&d, &s);
    while (len < sizeof records - 300)
        len += seal(&s, "", 0, 0, records + len);
    OK(rnl_core_feed(d.server->in, records, len));
    IS(d.server->ops->read(d.server, buf, sizeof buf, &got), RNL_ETLS);
    CU_ASSERT(rnl_core_buffered(d.server->in) > len / 2);
    duo_close(&d);
}

SUITE("tls.floods", {"I8 empty records end", empty_records},
      {"I8 empty records, many at once", empty_records_at_once})
