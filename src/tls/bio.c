/* bio.c: OpenSSL's way to an engine's two ciphertext ports.
 *
 *     SSL_read  --> BIO read  --> filter.in   (what came; empty: try again)
 *     SSL_write --> BIO write --> filter.out  (always takes all of it)
 *
 * A BIO of our own, and not BIO_s_mem: no copy between two memory buffers, the
 * loop's allocator, and a place to stop at. OpenSSL goes on reading messages for
 * as long as it is given bytes; so it is given none once a peer has sent too many
 * without data, and the engine ends the connection at that boundary.
 *
 * Where the kernel takes the keys for sending (SET_KTLS, if the context's option let
 * OpenSSL ask), OpenSSL writes clear text from that moment on, and only what is no
 * data, since data goes past it. It tells the type of each record before. */
#include <string.h>

#include "tls/tls.h"

static bool may_read(const struct rnli_tls_engine *e)
{
    if (!e->filter.started && e->handshake_bytes > RNLI_TLS_HANDSHAKE)
        return false;
    return e->useless <= RNLI_TLS_USELESS && !e->new_keys && !e->renegotiates;
}

/* The length that a client's hello announces: the second to fourth byte of what its
 * records hold, which may be cut anywhere, also between those bytes. */
static void look_at_hello(struct rnli_tls_engine *e, const struct rnl_bytes *view)
{
    for (size_t i = 0; e->server && i < view->len && e->hello_seen < 4; i++) {
        unsigned char byte = view->data[i];

        if (e->record_head < 5) {
            e->record_left = e->record_head++ < 3 ? 0 : e->record_left << 8 | byte;
        } else {
            e->hello_len = e->hello_len << 8 | (e->hello_seen++ ? byte : 0);
            e->record_left--;
        }
        if (e->record_head == 5 && e->record_left == 0)
            e->record_head = 0;
    }
    if (e->hello_seen == 4 && e->hello_len > RNLI_TLS_HELLO)
        e->handshake_bytes = RNLI_TLS_HANDSHAKE + 1; /* too large already */
}

static int take(BIO *bio, char *buf, int n)
{
    struct rnli_tls_engine *e = BIO_get_data(bio);
    struct rnl_bytes view = {NULL, 0};

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (!may_read(e) || rnl_core_read(e->filter.in, (size_t)n, &view) || view.len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (!e->filter.started) {
        look_at_hello(e, &view);
        e->handshake_bytes += view.len;
        if (!may_read(e)) {
            BIO_set_retry_read(bio);
            return -1;
        }
    }
    memcpy(buf, view.data, view.len);
    return (int)view.len;
}

/* A record for the kernel, which OpenSSL has made no longer than 16 KiB. */
static int put_record(struct rnli_tls_engine *e, const char *data, size_t n)
{
    unsigned char head[3] = {e->record_type, (unsigned char)(n >> 8), (unsigned char)n};
    struct rnl_bytes pieces[] = {{head, sizeof head}, {(const unsigned char *)data, n}};

    return n > 0xffff ? RNL_ERANGE : rnl_core_writelines(e->filter.records, pieces, 2);
}

static int put(BIO *bio, const char *data, int n)
{
    struct rnli_tls_engine *e = BIO_get_data(bio);
    int code;

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (e->filter.kernel)
        code = put_record(e, data, (size_t)n);
    else
        code = rnl_core_write(e->filter.out, data, (size_t)n);
    if (code) {
        e->out_of_memory = true;
        return -1;
    }
    return n;
}

/* ---- The kernel's TLS --------------------------------------------------- */

/* OpenSSL's numbers, which its public headers have not. */
enum { SET_KTLS = 72, SET_RECORD_TYPE = 74, CLEAR_RECORD_TYPE = 75 };

/* Of the kernel's struct, by the cipher that its second half-word names; 0: unknown. The
 * struct is Linux's there; OpenSSL has another on FreeBSD. */
#if defined(__linux__)
static size_t keys_len(const void *keys)
{
    static const struct {
        uint16_t cipher;
        unsigned char len;
    } known[] = {{51, 40}, {52, 56}, {54, 56}}; /* AES-GCM with 128, 256 bits; ChaCha20 */
    uint16_t cipher;

    memcpy(&cipher, (const unsigned char *)keys + sizeof cipher, sizeof cipher);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].cipher == cipher)
            return known[i].len;
    return 0;
}
#else
static size_t keys_len(const void *keys)
{
    (void)keys;
    return 0;
}
#endif

static bool hand_over(struct rnli_tls_engine *e, const void *keys)
{
    struct rnl_core_writer_options o = RNL_CORE_WRITER_OPTIONS_INIT;
    size_t len;

    if (!e->filter.hand_over || (len = keys_len(keys)) == 0)
        return false;
    o.allocator = e->allocator;
    if (!e->filter.records && rnl_core_writer_open(&e->filter.records, &o))
        return false;
    e->record_type = SSL3_RT_APPLICATION_DATA;
    return e->filter.hand_over(&e->filter, keys, len);
}

static long control(BIO *bio, int what, long number, void *pointer)
{
    struct rnli_tls_engine *e = BIO_get_data(bio);

    switch (what) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
        return 1;
    case SET_KTLS: /* a number of 0: those for receiving */
        return number != 0 && hand_over(e, pointer);
    case BIO_CTRL_GET_KTLS_SEND:
        return e->filter.kernel;
    case SET_RECORD_TYPE:
        e->record_type = (unsigned char)number;
        return 0;
    case CLEAR_RECORD_TYPE:
        e->record_type = SSL3_RT_APPLICATION_DATA;
        return 0;
    default:
        return 0;
    }
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

/* Made once, by whichever thread comes first, and never freed: it is OpenSSL's
 * kind of a constant. */
static BIO_METHOD *method;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void make_method(void)
{
    int kind = BIO_get_new_index();
    BIO_METHOD *m = kind < 0 ? NULL : BIO_meth_new(kind | BIO_TYPE_SOURCE_SINK, "runnel");

    if (m && BIO_meth_set_read(m, take) && BIO_meth_set_write(m, put) &&
        BIO_meth_set_ctrl(m, control) && BIO_meth_set_create(m, create))
        method = m;
    else
        BIO_meth_free(m);
}

BIO *rnli_tls_bio_new(struct rnli_tls_engine *engine)
{
    BIO *bio;

    if (!CRYPTO_THREAD_run_once(&once, make_method) || !method)
        return NULL;
    bio = BIO_new(method);
    if (bio)
        BIO_set_data(bio, engine);
    return bio;
}
