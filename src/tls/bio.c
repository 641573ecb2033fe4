/* bio.c: OpenSSL's way to an engine's two ciphertext ports.
 *
 *     SSL_read  --> BIO read  --> filter.in   (what came; empty: try again)
 *     SSL_write --> BIO write --> filter.out  (always takes all of it)
 *
 * A BIO of our own, and not BIO_s_mem: no copy between two memory buffers, the
 * loop's allocator, and a place to stop at. OpenSSL goes on reading messages for
 * as long as it is given bytes; so it is given none once a peer has sent too many
 * without data, and the engine ends the connection at that boundary. */
#include <string.h>

#include "tls/tls.h"

static bool may_read(const struct rnli_tls_engine *e)
{
    if (!e->filter.started && e->handshake_bytes > RNLI_TLS_HANDSHAKE)
        return false;
    return e->useless <= RNLI_TLS_USELESS;
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

static int put(BIO *bio, const char *data, int n)
{
    struct rnli_tls_engine *e = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (rnl_core_write(e->filter.out, data, (size_t)n)) {
        e->out_of_memory = true;
        return -1;
    }
    return n;
}

static long control(BIO *bio, int what, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP;
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
