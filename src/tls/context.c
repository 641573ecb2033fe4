/* context.c: contexts: their life, their defaults, and the calls that change them.
 *
 * A context is a counted SSL_CTX with a flag: once a connection has used it,
 * nothing about it changes, so that what was checked for one connection was
 * checked for all. The defaults are Python's, tightened. No session is kept on
 * the client's side: each connection checks the certificate and the name again. */
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/options.h"
#include "tls/load.h"

/* Forward secrecy and authenticated encryption only. */
#define CIPHERS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

/* OpenSSL has no words for it. */
#define NO_GROUP "groups: none, or one that OpenSSL does not know"

enum { SECURITY_LEVEL = 2, MAX_CERT_LIST = 65536, MAX_DEPTH = 10 };

void rnli_tls_ref(struct rnl_tls_context *c)
{
    atomic_fetch_add(&c->refs, 1);
}

static void free_names(struct rnli_tls_name *n)
{
    while (n) {
        struct rnli_tls_name *next = n->next;

        rnl_tls_free(n->context);
        free(n);
        n = next;
    }
}

void rnl_tls_free(struct rnl_tls_context *c)
{
    if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
        return;
    free_names(c->names);
    SSL_CTX_free(c->ctx);
    free(c->alpn);
    free(c);
}

static void source_ref(struct rnli_filter_source *source)
{
    rnli_tls_ref((struct rnl_tls_context *)source);
}

static void source_unref(struct rnli_filter_source *source)
{
    rnl_tls_free((struct rnl_tls_context *)source);
}

static bool source_is_server(const struct rnli_filter_source *source)
{
    return ((const struct rnl_tls_context *)source)->server;
}

/* ---- ALPN and names ---------------------------------------------------- */

static bool is_protocol(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    return len > 0 && len <= 255;
}

/* The names in wire format: each behind its length. */
static int make_alpn(struct rnl_tls_context *c, const struct rnl_tls_options *o)
{
    size_t total = 0, at = 0;

    for (size_t i = 0; i < o->nalpn; i++)
        total += strlen(o->alpn[i]) + 1;
    if (total == 0)
        return RNL_OK;
    c->alpn = total < 65536 ? malloc(total) : NULL;
    if (!c->alpn)
        return total < 65536 ? RNL_ENOMEM : RNL_EINVAL;
    for (size_t i = 0; i < o->nalpn; i++) {
        size_t len = strlen(o->alpn[i]);

        c->alpn[at] = (unsigned char)len;
        memcpy(c->alpn + at + 1, o->alpn[i], len);
        at += len + 1;
    }
    c->alpn_len = (unsigned)total;
    return RNL_OK;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *offered, unsigned offered_len, void *arg)
{
    const struct rnl_tls_context *c = arg;
    unsigned char *found;

    (void)ssl;
    if (SSL_select_next_proto(&found, out_len, c->alpn, c->alpn_len, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = found;
    return SSL_TLSEXT_ERR_OK;
}

/* "*.example.org" stands for one label. */
static bool matches(const char *pattern, const char *name)
{
    if (pattern[0] == '*' && pattern[1] == '.') {
        const char *dot = strchr(name, '.');

        return dot && dot != name && OPENSSL_strcasecmp(pattern + 1, dot) == 0;
    }
    return OPENSSL_strcasecmp(pattern, name) == 0;
}

/* All that the other context has set. Groups are the first context's: OpenSSL does not tell them.
 * So is a verify callback, since the mode is set without one. */
static bool answer_by(SSL *ssl, const struct rnl_tls_context *context)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct rnli_tls_engine *engine = BIO_get_data(SSL_get_rbio(ssl));
    SSL_CTX *other = context->ctx;

    engine->filter.ragged_ok = context->ragged_ok;
    if (!SSL_set_SSL_CTX(ssl, other))
        return false;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(other), NULL);
    SSL_clear_options(ssl, SSL_get_options(ssl));
    SSL_set_options(ssl, SSL_CTX_get_options(other));
    X509_VERIFY_PARAM_clear_flags(param, X509_VERIFY_PARAM_get_flags(param));
    return X509_VERIFY_PARAM_set1(param, SSL_CTX_get0_param(other)) &&
           SSL_set_min_proto_version(ssl, (int)SSL_CTX_get_min_proto_version(other)) &&
           SSL_set_max_proto_version(ssl, (int)SSL_CTX_get_max_proto_version(other)) &&
           SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(other));
}

/* The name that the client asks for, without a dot behind; "": none. In the
 * extension: the list's length, 0 for a host's name, its length, the name. */
static void asked_name(SSL *ssl, char name[256])
{
    const unsigned char *data;
    size_t size, len;

    name[0] = '\0';
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &data, &size) || size < 5 ||
        data[2] != TLSEXT_NAMETYPE_host_name)
        return;
    len = (size_t)data[3] << 8 | data[4];
    if (len == 0 || len > 255 || len > size - 5 || memchr(data + 5, '\0', len))
        return; /* OpenSSL refuses it, later */
    if (data[5 + len - 1] == '.')
        len--;
    memcpy(name, data + 5, len);
    name[len] = '\0';
}

/* Before OpenSSL looks at the hello: at its version, and at a session to resume,
 * which is then only taken if it is the chosen context's. In the callback for
 * names a session is resumed already, and what it was given for is not asked. */
static int choose_context(SSL *ssl, int *alert, void *arg)
{
    const struct rnl_tls_context *c = arg;
    const struct rnli_tls_name *n = c->names;
    char name[256];

    asked_name(ssl, name);
    while (n && (!name[0] || !matches(n->name, name)))
        n = n->next;
    if (!n || answer_by(ssl, n->context))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

/* Tells the client that its name was heard, whoever answers. */
static int heard_name(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    (void)arg;
    return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK
                                                              : SSL_TLSEXT_ERR_NOACK;
}

/* The name without a dot behind; 0: no name. */
static size_t name_len(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    if (len > 0 && name[len - 1] == '.')
        len--;
    return len > 255 ? 0 : len;
}

/* What a client can ask for. */
static bool is_host(const char *name)
{
    struct rnl_address address;

    return rnli_tls_is_name(name) && rnl_address_parse(&address, name, strlen(name), 0) != RNL_OK;
}

/* The name without a dot behind, if somebody can ask for it or for what it stands for. */
static bool read_name(const char *name, char out[256])
{
    size_t len = name_len(name);

    memset(out, 0, 256);
    if (len > 0)
        memcpy(out, name, len);
    return is_host(strncmp(out, "*.", 2) == 0 ? out + 2 : out);
}

int rnl_tls_add_name(struct rnl_tls_context *c, const char *name, struct rnl_tls_context *other)
{
    struct rnli_tls_name *n, **end = &c->names;
    char own[256];

    if (!c || !other || !c->server || !other->server || other == c || other->names ||
        !read_name(name, own))
        return RNL_EINVAL;
    if (atomic_load(&c->used))
        return RNL_EBUSY;
    n = calloc(1, sizeof *n);
    if (!n)
        return RNL_ENOMEM;
    memcpy(n->name, own, sizeof own);
    n->context = other;
    rnli_tls_ref(other);
    atomic_store(&other->used, true);
    while (*end)
        end = &(*end)->next;
    *end = n;
    SSL_CTX_set_client_hello_cb(c->ctx, choose_context, c);
    return RNL_OK;
}

int rnl_tls_disable_verification(struct rnl_tls_context *c)
{
    if (atomic_load(&c->used))
        return RNL_EBUSY;
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
    return RNL_OK;
}

void *rnl_tls_raw(struct rnl_tls_context *c)
{
    return c->ctx;
}

/* ---- Settings ---------------------------------------------------------- */

static bool set_versions(SSL_CTX *ctx, const struct rnl_tls_options *o)
{
    int least = o->min_version ? (int)o->min_version : TLS1_2_VERSION;

    return SSL_CTX_set_min_proto_version(ctx, least) &&
           SSL_CTX_set_max_proto_version(ctx, (int)o->max_version);
}

static bool set_algorithms(SSL_CTX *ctx, const struct rnl_tls_options *o)
{
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    return SSL_CTX_set_cipher_list(ctx, o->ciphers ? o->ciphers : CIPHERS_1_2) &&
           (!o->ciphersuites || SSL_CTX_set_ciphersuites(ctx, o->ciphersuites));
}

static bool set_habits(struct rnl_tls_context *c, const struct rnl_tls_options *o)
{
    unsigned char id[16];
    SSL_CTX *ctx = c->ctx;

    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_max_cert_list(ctx, MAX_CERT_LIST);
    if (o->kernel_tls == RNL_YES)
        SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
    else /* whatever the system's configuration says */
        SSL_CTX_clear_options(ctx, SSL_OP_ENABLE_KTLS);
    rnli_tls_log_keys(ctx);
    if (o->tickets == RNL_NO) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        if (!SSL_CTX_set_num_tickets(ctx, 0))
            return false;
    }
    /* A session of one context is no good in another, whatever it checked. */
    return RAND_bytes(id, sizeof id) == 1 && SSL_CTX_set_session_id_context(ctx, id, sizeof id);
}

static void set_verification(struct rnl_tls_context *c, const struct rnl_tls_options *o)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(c->ctx);
    int mode = SSL_VERIFY_PEER;

    if (c->server && o->client_cert == RNL_CERT_NONE)
        mode = SSL_VERIFY_NONE;
    else if (c->server && o->client_cert == RNL_CERT_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(c->ctx, mode, NULL);
    SSL_CTX_set_verify_depth(c->ctx, MAX_DEPTH);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    if (o->strict != RNL_NO)
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
}

static int set_protocols(struct rnl_tls_context *c, const struct rnl_tls_options *o)
{
    int code = make_alpn(c, o);

    if (code || !c->alpn)
        return code;
    if (c->server)
        SSL_CTX_set_alpn_select_cb(c->ctx, choose_protocol, c);
    else if (SSL_CTX_set_alpn_protos(c->ctx, c->alpn, c->alpn_len))
        return RNL_ENOMEM;
    return RNL_OK;
}

static void tell(const struct rnl_tls_options *o, const char *text)
{
    if (o->error_text && o->error_text_size > 0)
        snprintf(o->error_text, o->error_text_size, "%s", text);
}

static int wrong(const struct rnl_tls_options *o, const char *text)
{
    tell(o, text);
    return RNL_EINVAL;
}

static bool is_version(enum rnl_tls_version v)
{
    return v == RNL_TLS_ANY || v == RNL_TLS_1_2 || v == RNL_TLS_1_3;
}

static bool has_identity(const struct rnl_tls_options *o)
{
    return o->cert_file || o->cert_data.len > 0;
}

static bool has_trust(const struct rnl_tls_options *o)
{
    return o->ca_file || o->ca_dir || o->ca_data.len > 0;
}

static int check_options(const struct rnl_tls_options *o, bool server)
{
    if (!is_version(o->min_version) || !is_version(o->max_version))
        return wrong(o, "min_version and max_version are RNL_TLS_1_2 or RNL_TLS_1_3");
    if (o->max_version && o->max_version < o->min_version)
        return wrong(o, "max_version is below min_version");
    if (o->client_cert && !server)
        return wrong(o, "client_cert is for servers");
    if (o->client_cert > RNL_CERT_REQUIRED)
        return wrong(o, "client_cert is no such value");
    if (o->nalpn && !o->alpn)
        return wrong(o, "nalpn without alpn");
    for (size_t i = 0; i < o->nalpn; i++)
        if (!is_protocol(o->alpn[i]))
            return wrong(o, "a name in alpn is empty or longer than 255 bytes");
    if (o->groups && !*o->groups)
        return wrong(o, NO_GROUP);
    if (server && !has_identity(o))
        return wrong(o, "a server needs cert_file or cert_data");
    if (!has_identity(o) && (o->key_file || o->key_data.len > 0))
        return wrong(o, "a key without a certificate");
    if (o->client_cert && !has_trust(o))
        return wrong(o, "client_cert needs ca_file, ca_dir or ca_data");
    return RNL_OK;
}

/* Each step, and what its failure means where OpenSSL does not tell; *words: better than
 * what OpenSSL says. */
static int configure(struct rnl_tls_context *c, const struct rnl_tls_options *o, const char **words)
{
    int code;

    if (!set_versions(c->ctx, o) || !set_algorithms(c->ctx, o))
        return RNL_EINVAL;
    if (o->groups && !SSL_CTX_set1_groups_list(c->ctx, o->groups)) {
        *words = NO_GROUP;
        return RNL_EINVAL;
    }
    if (!set_habits(c, o))
        return RNL_ENOMEM;
    set_verification(c, o);
    code = set_protocols(c, o);
    if (!code)
        code = rnli_tls_load_identity(c->ctx, o, c->server);
    if (!code && (!c->server || o->client_cert != RNL_CERT_NONE))
        code = rnli_tls_load_trust(c->ctx, o, c->server);
    if (c->server)
        SSL_CTX_set_tlsext_servername_callback(c->ctx, heard_name);
    return code;
}

/* ---- Making one -------------------------------------------------------- */

/* Prefers memory to every other reason, and OpenSSL's words to the code's. */
static int explain(int code, const char *words, const struct rnl_tls_options *o)
{
    char text[RNLI_FILTER_DETAIL];
    bool said = ERR_peek_error() != 0;
    int why = rnli_tls_queue_fault(text, sizeof text);

    if (said && why == RNL_ENOMEM)
        code = RNL_ENOMEM;
    else if (words)
        said = false;
    tell(o, said ? text : words ? words : rnl_strerror(code));
    return code;
}

static int make(struct rnl_tls_context **out, const struct rnl_tls_options *given, bool server)
{
    struct rnl_tls_options o;
    struct rnl_tls_context *c;
    const char *words = NULL;
    int code = rnli_options_read(&o, sizeof o, given);

    if (code)
        return code;
    tell(&o, "");
    code = check_options(&o, server);
    if (code)
        return code;
    ERR_clear_error();
    c = calloc(1, sizeof *c);
    if (!c)
        return RNL_ENOMEM;
    atomic_init(&c->refs, 1);
    atomic_init(&c->used, false);
    c->source.open = rnli_tls_engine_open;
    c->source.is_server = source_is_server;
    c->source.ref = source_ref;
    c->source.unref = source_unref;
    c->server = server;
    c->ragged_ok = o.suppress_ragged_eofs == RNL_YES;
    c->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    code = c->ctx ? configure(c, &o, &words) : RNL_ENOMEM;
    if (code) {
        code = explain(code, words, &o);
        rnl_tls_free(c);
        return code;
    }
    ERR_clear_error();
    *out = c;
    return RNL_OK;
}

int rnl_tls_client(struct rnl_tls_context **out, const struct rnl_tls_options *options)
{
    return make(out, options, false);
}

int rnl_tls_server(struct rnl_tls_context **out, const struct rnl_tls_options *options)
{
    return make(out, options, true);
}
