/* engine.c: TLS for one connection: bytes in, bytes out.
 *
 *     in  (ciphertext) --> [SSL over bio.c] --> read  (clear text)
 *     out (ciphertext) <-- [              ] <-- write (clear text)
 *
 * Neither a socket nor a task is known here, so two engines can be tested back
 * to back. The first error stays. OpenSSL's error queue belongs to the thread,
 * so it is emptied before each call: an error of one connection is never taken
 * for another's.
 *
 * After the peer's close_notify, and after our own, the other direction goes on;
 * what comes behind a close_notify is never looked at. */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "tls/tls.h"

static struct rnli_tls_engine *engine(struct rnli_filter *filter)
{
    return rnli_tls_engine_of(filter);
}

static void tell(struct rnli_tls_engine *e, const char *text)
{
    size_t len = strlen(text);

    if (len >= sizeof e->filter.detail)
        len = sizeof e->filter.detail - 1;
    memcpy(e->filter.detail, text, len);
    e->filter.detail[len] = '\0';
}

static int fail(struct rnli_tls_engine *e, int code, const char *text)
{
    if (e->error)
        return e->error;
    e->error = code;
    tell(e, text);
    return code;
}

/* An end of the peer's side alone: ours can still be written, and `in` stays at its
 * end, so each read hears of it. */
static int truncated(struct rnli_tls_engine *e)
{
    tell(e, "the connection ended without close_notify");
    return RNL_ETRUNCATED;
}

/* OpenSSL wants more bytes: why there are none. */
static int starved(struct rnli_tls_engine *e)
{
    if (e->renegotiates)
        return fail(e, RNL_ETLS, "the peer wants to negotiate anew, which is never done");
    if (e->new_keys)
        return fail(e, RNL_ENOTSUP, "the peer asks for new keys, and the kernel's cannot change");
    if (e->useless > RNLI_TLS_USELESS)
        return fail(e, RNL_ETLS, "the peer sends messages without data, over and over");
    if (!e->filter.started && e->handshake_bytes > RNLI_TLS_HANDSHAKE)
        return fail(e, RNL_ETLS, "the peer's part of the handshake is too large");
    if (!rnl_core_at_eof(e->filter.in))
        return RNL_EAGAIN;
    if (!e->filter.started)
        return fail(e, RNL_ECONNRESET, "the peer closed the connection during the handshake");
    return truncated(e);
}

/* What a call of OpenSSL's that did not succeed means. */
static int judge(struct rnli_tls_engine *e, int result)
{
    int why = SSL_get_error(e->ssl, result);

    if (e->error)
        return e->error;
    if (e->out_of_memory)
        return fail(e, RNL_ENOMEM, "out of memory");
    if (why == SSL_ERROR_WANT_READ)
        return starved(e);
    e->error = rnli_tls_fault(e, why);
    return e->error;
}

static void keep_protocol(struct rnli_tls_engine *e)
{
    const unsigned char *name;
    unsigned len;

    SSL_get0_alpn_selected(e->ssl, &name, &len);
    if (len > 0 && len < sizeof e->alpn)
        memcpy(e->alpn, name, len);
}

static int start(struct rnli_filter *filter)
{
    struct rnli_tls_engine *e = engine(filter);
    int result;

    if (e->error || filter->started)
        return e->error;
    ERR_clear_error();
    result = SSL_do_handshake(e->ssl);
    if (result != 1)
        return judge(e, result);
    filter->started = true;
    e->useless = 0;
    keep_protocol(e);
    return RNL_OK;
}

static int read_clear(struct rnli_filter *filter, void *buf, size_t n, size_t *got)
{
    struct rnli_tls_engine *e = engine(filter);
    int result;

    *got = 0;
    if (e->error || filter->read_closed)
        return e->error;
    if (!filter->started)
        return RNL_EAGAIN;
    ERR_clear_error();
    result = SSL_read_ex(e->ssl, buf, n, got);
    if (result == 1) {
        e->useless = 0;
        return RNL_OK;
    }
    *got = 0;
    if (SSL_get_error(e->ssl, result) == SSL_ERROR_ZERO_RETURN) {
        filter->read_closed = true;
        return RNL_OK;
    }
    return judge(e, result);
}

static int write_clear(struct rnli_filter *filter, const void *data, size_t n, size_t *done)
{
    struct rnli_tls_engine *e = engine(filter);
    int result;

    *done = 0;
    if (e->error)
        return e->error;
    if (!filter->started)
        return RNL_EAGAIN;
    if (n == 0)
        return RNL_OK;
    ERR_clear_error();
    result = SSL_write_ex(e->ssl, data, n, done);
    return result == 1 ? RNL_OK : judge(e, result);
}

static int close_side(struct rnli_filter *filter)
{
    struct rnli_tls_engine *e = engine(filter);
    int result;

    if (e->error || filter->write_closed)
        return e->error;
    if (!filter->started || SSL_in_init(e->ssl)) /* so in the middle of a peer's message */
        return RNL_EAGAIN;
    filter->write_closed = true;
    ERR_clear_error();
    result = SSL_shutdown(e->ssl); /* 0: said, and not heard from the peer yet */
    return result >= 0 ? RNL_OK : judge(e, result);
}

static void free_engine(struct rnli_filter *filter)
{
    struct rnli_tls_engine *e = engine(filter);
    const struct rnl_allocator *a = e->allocator;

    SSL_free(e->ssl);
    rnl_core_reader_free(filter->in);
    rnl_core_writer_free(filter->out);
    rnl_core_writer_free(filter->records);
    rnl_tls_free(e->context);
    OPENSSL_cleanse(e, sizeof *e);
    a->free(a->user, e, sizeof *e);
}

static const struct rnli_filter_ops ops = {start,      read_clear,    write_clear,
                                           close_side, rnli_tls_info, free_engine};

/* ---- Making one -------------------------------------------------------- */

static bool asks_for_keys(const unsigned char *message, size_t len)
{
    return len > SSL3_HM_HEADER_LENGTH && message[0] == SSL3_MT_KEY_UPDATE &&
           message[SSL3_HM_HEADER_LENGTH] == SSL_KEY_UPDATE_REQUESTED;
}

/* Counts what a peer sends that carries no data once the handshake is done. */
static void saw_message(int write, int version, int kind, const void *data, size_t len, SSL *ssl,
                        void *arg)
{
    struct rnli_tls_engine *e = arg;

    (void)version;
    (void)ssl;
    if (!write && e->filter.started && (kind == SSL3_RT_HANDSHAKE || kind == SSL3_RT_ALERT))
        e->useless++;
    if (!write && e->filter.kernel && kind == SSL3_RT_HANDSHAKE && asks_for_keys(data, len))
        e->new_keys = true;
}

/* A client of TLS 1.2 begins a second handshake. OpenSSL would say no, but makes room for the
 * whole hello first. */
static void saw_state(const SSL *ssl, int where, int code)
{
    void (*other)(const SSL *, int, int) = SSL_CTX_get_info_callback(SSL_get_SSL_CTX(ssl));
    struct rnli_tls_engine *e = BIO_get_data(SSL_get_rbio(ssl));

    if (where == SSL_CB_HANDSHAKE_START && e->server && e->filter.started)
        e->renegotiates = true;
    if (other)
        other(ssl, where, code);
}

static int open_ports(struct rnli_tls_engine *e)
{
    struct rnl_core_reader_options in = RNL_CORE_READER_OPTIONS_INIT;
    struct rnl_core_writer_options out = RNL_CORE_WRITER_OPTIONS_INIT;
    int code;

    in.limit = RNLI_TLS_IN;
    in.allocator = e->allocator;
    out.allocator = e->allocator;
    code = rnl_core_reader_open(&e->filter.in, &in);
    return code ? code : rnl_core_writer_open(&e->filter.out, &out);
}

static bool open_ssl(struct rnli_tls_engine *e)
{
    BIO *bio;

    ERR_clear_error();
    e->ssl = SSL_new(e->context->ctx);
    bio = e->ssl ? rnli_tls_bio_new(e) : NULL;
    if (!bio)
        return false;
    SSL_set_bio(e->ssl, bio, bio);
    SSL_set_msg_callback(e->ssl, saw_message);
    SSL_set_msg_callback_arg(e->ssl, e);
    SSL_set_info_callback(e->ssl, saw_state);
    if (e->server)
        SSL_set_accept_state(e->ssl);
    else
        SSL_set_connect_state(e->ssl);
    return true;
}

static bool is_address(const char *name, struct rnl_address *address)
{
    return rnl_address_parse(address, name, strlen(name), 0) == RNL_OK;
}

bool rnli_tls_is_name(const char *name)
{
    bool dotted = true;

    for (; *name; name++) {
        if (*name == '.' && dotted)
            return false;
        if (*name <= ' ' || *name >= 0x7f || strchr("[]:/*@", *name))
            return false;
        dotted = *name == '.';
    }
    return !dotted;
}

/* An address is not asked for, and only matches addresses. */
static int set_address(struct rnli_tls_engine *e, const struct rnl_address *address, bool check)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(e->ssl);

    if (!check)
        return RNL_OK;
    return X509_VERIFY_PARAM_set1_ip(param, address->ip, address->family == RNL_INET ? 4 : 16)
               ? RNL_OK
               : RNL_ENOMEM;
}

/* The name to ask for, and, unless any will do, to be found in the certificate. */
static int set_name(struct rnli_tls_engine *e, const char *name, bool check)
{
    struct rnl_address address;
    size_t len = strlen(name);

    if (len > 0 && name[len - 1] == '.')
        len--; /* a name at the root: "example.org." */
    if (len == 0 || len >= sizeof e->name)
        return RNL_EINVAL;
    memcpy(e->name, name, len);
    if (is_address(e->name, &address))
        return set_address(e, &address, check);
    if (!rnli_tls_is_name(e->name))
        return RNL_EINVAL;
    if (!SSL_set_tlsext_host_name(e->ssl, e->name))
        return RNL_ENOMEM;
    if (!check)
        return RNL_OK;
    X509_VERIFY_PARAM_set_hostflags(SSL_get0_param(e->ssl),
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(e->ssl, e->name) ? RNL_OK : RNL_ENOMEM;
}

static int check_request(const struct rnl_tls_context *c, const struct rnli_filter_request *r)
{
    bool verifies = SSL_CTX_get_verify_mode(c->ctx) != SSL_VERIFY_NONE;

    if (r->server_side != c->server)
        return RNL_EINVAL;
    if (!r->server_side && verifies && !r->name && !r->unnamed)
        return RNL_EINVAL;
    return RNL_OK;
}

int rnli_tls_engine_open(struct rnli_filter_source *source, const struct rnli_filter_request *r,
                         struct rnli_filter **out)
{
    struct rnl_tls_context *c = (struct rnl_tls_context *)source;
    struct rnli_tls_engine *e;
    int code = check_request(c, r);

    if (code)
        return code;
    e = r->allocator->alloc(r->allocator->user, sizeof *e);
    if (!e)
        return RNL_ENOMEM;
    memset(e, 0, sizeof *e);
    e->filter.ops = &ops;
    e->filter.ragged_ok = c->ragged_ok;
    e->allocator = r->allocator;
    e->context = c;
    e->server = r->server_side;
    rnli_tls_ref(c);
    atomic_store(&c->used, true);
    code = open_ports(e);
    if (!code && !open_ssl(e))
        code = RNL_ENOMEM;
    if (!code && r->name && !r->server_side)
        code = set_name(e, r->name, !r->unnamed);
    if (code) {
        free_engine(&e->filter);
        ERR_clear_error();
        return code;
    }
    *out = &e->filter;
    return RNL_OK;
}
