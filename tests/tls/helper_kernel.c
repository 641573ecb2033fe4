#include "tls/helper_kernel.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "backend/backends.h"

struct made_kernel made;

/* ---- Sockets that have keys -------------------------------------------- */

enum { SOCKETS = 16, CHUNK = 16384, HEAD = 5, TAG = 16, PENDING = 3 * CHUNK };

struct keyed {
    rnl_socket sock;
    bool used;
    const EVP_CIPHER *cipher;
    bool tls13, explicit_iv;
    unsigned char key[32], iv[12], number[8];
    unsigned char pending[PENDING]; /* enciphered, and not TCP's yet */
    size_t begin, end;
    struct rnl_op *op; /* a send that polls */
};

static struct keyed sockets[SOCKETS];
static struct rnl_backend_ops ops;
static const struct rnl_backend_ops *real;

static struct keyed *keyed(rnl_socket sock)
{
    for (int i = 0; i < SOCKETS; i++)
        if (sockets[i].used && sockets[i].sock == sock)
            return &sockets[i];
    return NULL;
}

/* Linux's structs: version, cipher, iv, key, salt, number. */
static int send_keys(struct rnl_backend *backend, rnl_socket sock, const void *keys, size_t len,
                     int64_t *os)
{
    const unsigned char *p = (const unsigned char *)keys + 4;
    struct keyed *k = NULL;
    size_t nkey, niv, nsalt;
    uint16_t head[2];

    (void)backend;
    *os = 0;
    memcpy(head, keys, sizeof head);
    for (int i = 0; i < SOCKETS && !k; i++)
        if (!sockets[i].used)
            k = &sockets[i];
    if (made.refuses || !k)
        return RNL_ENOTSUP;
    memset(k, 0, sizeof *k);
    k->tls13 = head[0] == 0x0304;
    k->explicit_iv = !k->tls13 && head[1] != 54;
    k->cipher = head[1] == 51   ? EVP_aes_128_gcm()
                : head[1] == 52 ? EVP_aes_256_gcm()
                                : EVP_chacha20_poly1305();
    nkey = head[1] == 51 ? 16 : 32;
    niv = head[1] == 54 ? 12 : 8;
    nsalt = 12 - niv;
    if (len != 4 + niv + nkey + nsalt + 8)
        return RNL_ENOTSUP;
    memcpy(k->iv + nsalt, p, niv);
    memcpy(k->key, p + niv, nkey);
    memcpy(k->iv, p + niv + nkey, nsalt);
    memcpy(k->number, p + niv + nkey + nsalt, 8);
    k->sock = sock;
    k->used = true;
    made.keys++;
    return RNL_OK;
}

static void count_up(unsigned char *number)
{
    for (int i = 7; i >= 0 && ++number[i] == 0; i--)
        ;
}

static bool seal(struct keyed *k, const unsigned char *nonce, const unsigned char *extra,
                 int nextra, const unsigned char *clear, int n, unsigned char *out)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len, more;
    bool good = c && EVP_EncryptInit_ex(c, k->cipher, NULL, k->key, nonce) &&
                EVP_EncryptUpdate(c, NULL, &len, extra, nextra) &&
                EVP_EncryptUpdate(c, out, &len, clear, n) &&
                EVP_EncryptFinal_ex(c, out + len, &more) &&
                EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, out + n);

    EVP_CIPHER_CTX_free(c);
    return good;
}

static void put_two(unsigned char *at, size_t n)
{
    at[0] = (unsigned char)(n >> 8);
    at[1] = (unsigned char)n;
}

/* One record behind what is pending; `clear` has room for one byte more. */
static void encipher(struct keyed *k, unsigned char type, unsigned char *clear, size_t n)
{
    unsigned char nonce[12], extra[13], *out = k->pending + k->end;
    size_t before = k->explicit_iv ? 8 : 0, nextra = k->tls13 ? HEAD : sizeof extra;

    memcpy(nonce, k->iv, sizeof nonce);
    for (int i = 0; i < 8 && !k->explicit_iv; i++)
        nonce[4 + i] ^= k->number[i];
    memcpy(extra, k->number, 8);
    extra[8] = type;
    put_two(extra + 9, 0x0303);
    put_two(extra + 11, n);
    if (k->tls13)
        clear[n++] = type;
    out[0] = k->tls13 ? 23 : type;
    put_two(out + 1, 0x0303);
    put_two(out + 3, before + n + TAG);
    memcpy(out + HEAD, k->iv + 4, before);
    CU_ASSERT_FATAL(
        seal(k, nonce, k->tls13 ? out : extra, (int)nextra, clear, (int)n, out + HEAD + before));
    k->end += HEAD + before + n + TAG;
    count_up(k->number);
    if (k->explicit_iv)
        count_up(k->iv + 4);
}

/* What TCP takes of it. */
static int push(struct rnl_backend *backend, struct keyed *k, int64_t *os)
{
    int code = RNL_OK;

    while (!code && k->begin < k->end) {
        struct rnl_bytes piece = {k->pending + k->begin, k->end - k->begin};
        size_t sent;

        if (k->op)
            return RNL_EAGAIN;
        if (made.room && piece.len > made.room)
            piece.len = made.room;
        code = real->try_send(backend, k->sock, &piece, 1, &sent, os);
        k->begin += sent;
        if (made.room && !code && k->begin < k->end)
            code = RNL_EAGAIN;
    }
    if (k->begin == k->end)
        k->begin = k->end = 0;
    return code;
}

/* As many bytes behind `skip` as a record holds. */
static size_t take(const struct rnl_bytes *pieces, size_t count, size_t skip, unsigned char *clear,
                   size_t most)
{
    size_t n = 0;

    for (size_t i = 0; i < count && n < most; i++) {
        size_t from = skip < pieces[i].len ? skip : pieces[i].len, len = pieces[i].len - from;

        skip -= from;
        len = len < most - n ? len : most - n;
        memcpy(clear + n, pieces[i].data + from, len);
        n += len;
    }
    return n;
}

static int send_clear(struct rnl_backend *backend, struct keyed *k, unsigned char type,
                      const struct rnl_bytes *pieces, size_t count, size_t most, size_t *sent,
                      int64_t *os)
{
    unsigned char clear[CHUNK + 1];
    int code = push(backend, k, os);

    *sent = 0;
    while (!code) {
        size_t n = take(pieces, count, *sent, clear, most < CHUNK ? most : CHUNK);

        if (n == 0)
            break;
        encipher(k, type, clear, n);
        *sent += n;
        code = push(backend, k, os);
        if (type != 23)
            break;
    }
    return *sent > 0 ? RNL_OK : code;
}

static int send_record(struct rnl_backend *backend, rnl_socket sock, unsigned char type,
                       const struct rnl_bytes *pieces, size_t npieces, size_t *sent, int64_t *os)
{
    *sent = 0;
    *os = 0;
    made.records++;
    if (made.no_memory > 0 && made.no_memory--)
        return RNL_ENOBUFS;
    if (made.busy > 0 && made.busy--)
        return RNL_EAGAIN;
    if (made.breaks && made.type == type) {
        *os = 1;
        return made.breaks;
    }
    return send_clear(backend, keyed(sock), type, pieces, npieces, made.piece ? made.piece : CHUNK,
                      sent, os);
}

static int send_rest(struct rnl_backend *backend, rnl_socket sock)
{
    int64_t os;

    return push(backend, keyed(sock), &os) == RNL_EAGAIN ? RNL_EAGAIN : RNL_OK;
}

/* ---- The rest of the table --------------------------------------------- */

static int try_send(struct rnl_backend *backend, rnl_socket sock, const struct rnl_bytes *pieces,
                    size_t npieces, size_t *sent, int64_t *os)
{
    struct keyed *k = keyed(sock);

    *os = 0;
    *sent = 0;
    if (!k && made.full)
        return RNL_EAGAIN;
    if (!k)
        return real->try_send(backend, sock, pieces, npieces, sent, os);
    return send_clear(backend, k, 23, pieces, npieces, CHUNK, sent, os);
}

static int submit(struct rnl_backend *backend, struct rnl_op *op)
{
    struct keyed *k = op->kind == RNL_OP_SEND ? keyed(op->sock) : NULL;
    int code;

    if (!k)
        return real->submit(backend, op);
    op->kind = RNL_OP_POLL;
    op->poll = RNL_POLL_WRITE;
    code = real->submit(backend, op);
    if (code)
        op->kind = RNL_OP_SEND;
    else
        k->op = op;
    return code;
}

static void finish(struct rnl_backend *backend, struct keyed *k, struct rnl_entry *entry)
{
    k->op->kind = RNL_OP_SEND;
    k->op = NULL;
    if (entry->code == RNL_OK)
        entry->code = try_send(backend, k->sock, entry->op->pieces, entry->op->npieces, &entry->len,
                               &entry->os_code);
    if (entry->code == RNL_EAGAIN)
        entry->code = RNL_OK; /* nothing, then */
}

static int wait_entries(struct rnl_backend *backend, int64_t timeout_ns, struct rnl_entry *entries,
                        int max)
{
    int64_t os;
    int n;

    for (int i = 0; i < SOCKETS; i++)
        if (sockets[i].used && sockets[i].end > 0) {
            (void)push(backend, &sockets[i], &os);
            if (timeout_ns < 0 || timeout_ns > RNL_MILLISECOND)
                timeout_ns = RNL_MILLISECOND;
        }
    n = real->wait(backend, timeout_ns, entries, max);
    for (int i = 0; i < n; i++)
        for (int at = 0; at < SOCKETS; at++)
            if (sockets[at].used && sockets[at].op && sockets[at].op == entries[i].op)
                finish(backend, &sockets[at], &entries[i]);
    return n;
}

static void close_socket(struct rnl_backend *backend, rnl_socket sock)
{
    struct keyed *k = keyed(sock);

    if (k) {
        made.lost += k->end - k->begin;
        k->used = false;
    }
    real->close_socket(backend, sock);
}

const struct rnl_backend_ops *made_table(const char *name)
{
    real = rnli_backend_find(name);
    ops = *real;
    ops.tls_send_keys = send_keys;
    ops.tls_send_record = send_record;
    ops.tls_send_rest = send_rest;
    ops.try_send = try_send;
    ops.submit = submit;
    ops.wait = wait_entries;
    ops.close_socket = close_socket;
    memset(sockets, 0, sizeof sockets);
    return &ops;
}

/* ---- Running ----------------------------------------------------------- */

static bool with_made;

bool kernel_is_made(void)
{
    return with_made;
}

/* OpenSSL may be built without, and speaks Linux's form of keys only there.
 * RUNNEL_TEST_KTLS: the system's kernel has it, and it has to be used. */
bool kernel_enciphers(void)
{
#if defined(OPENSSL_NO_KTLS) || !defined(__linux__)
    return false;
#else
    return with_made ? !made.refuses : getenv("RUNNEL_TEST_KTLS") != NULL;
#endif
}

bool sent_by_kernel(const struct rnl_writer *writer)
{
    const char *word = rnl_get_extra_info(writer, "ktls");

    if (!word)
        return !kernel_enciphers();
    /* A system that has it unasked is fine. */
    return strcmp(word, "send") == 0 && (kernel_enciphers() || !with_made);
}

bool is_slow(void)
{
    return getenv("RUNNEL_EMULATED") || getenv("RUNNEL_SLOW");
}

static void once(net_body *body, const char *backend, bool with)
{
    with_made = with;
    memset(&made, 0, sizeof made);
    once_raw(body, backend, with ? made_table(backend) : NULL);
}

/* On a slow machine: one backend, and the system's kernel if it is to be tried. */
void each_kernel(net_body *body)
{
    bool system_only = is_slow() && getenv("RUNNEL_TEST_KTLS");
    int tried = 0;

    for (const char *const *name = rnl_backend_names(); *name; name++) {
        if (strcmp(*name, "sim") == 0 || (tried > 0 && is_slow()))
            continue;
        tried++;
        if (!is_slow() || system_only)
            once(body, *name, false);
        if (!system_only)
            once(body, *name, true);
    }
    with_made = false;
    CU_ASSERT(tried > 0);
}
