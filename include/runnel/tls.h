/* runnel/tls.h: TLS contexts. Link librunnel_tls (and OpenSSL) for these calls.
 *
 * A context holds what connections share: whom to trust, who we are, what to
 * speak. It is given to connections and servers as `ssl` in their options, and
 * to rnl_start_tls; from its first use on it cannot be changed. In a build
 * without TLS every call here answers RNL_ENOTSUP.
 *
 * Defaults are Python's create_default_context, tightened: TLS 1.2 or newer; for
 * 1.2 only ECDHE with AEAD; security level 2; the chain and the host's name (or
 * IP address) are checked, strictly; no compression, renegotiation or early data.
 * SSLKEYLOGFILE is heeded only in a library that was built with RUNNEL_KEYLOG.
 *
 * Threads:  any. One thread at a time until a context is first used; from then on
 *            it may be shared, and is given up by each holder once. */
#ifndef RUNNEL_TLS_H
#define RUNNEL_TLS_H

#include <runnel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rnl_tls_context;

enum rnl_tls_version { RNL_TLS_ANY = 0, RNL_TLS_1_2 = 0x0303, RNL_TLS_1_3 = 0x0304 };

/* Whether a server asks its clients for a certificate. */
enum rnl_client_cert { RNL_CERT_NONE = 0, RNL_CERT_OPTIONAL = 1, RNL_CERT_REQUIRED = 2 };

/* Writes the password of an encrypted key to `buf` and answers its length;
 * negative: there is none. */
typedef int rnl_password_fn(void *user, char *buf, size_t size);

struct rnl_tls_options {
    size_t size; /* set by RNL_TLS_OPTIONS_INIT */
    /* Whom to trust. None of them: a client trusts the system's store (OpenSSL's
     * default places; on Windows the store "ROOT"), or what the environment's
     * SSL_CERT_FILE and SSL_CERT_DIR name; a server that asks for certificates
     * needs one. By itself none asks anybody for a certificate: see client_cert. */
    const char *ca_file;        /* PEM */
    const char *ca_dir;         /* hashed, as by "openssl rehash" */
    struct rnl_bytes ca_data;   /* PEM */
    /* Who we are: a server needs these, a client may have them. */
    const char *cert_file;      /* PEM: our certificate, then the chain */
    struct rnl_bytes cert_data; /* if there is no cert_file */
    const char *key_file;       /* PEM; NULL: in cert_file or cert_data */
    struct rnl_bytes key_data;  /* if there is no key_file */
    rnl_password_fn *password;  /* of an encrypted key; NULL: such a key is refused */
    void *password_user;
    enum rnl_client_cert client_cert; /* servers only */
    /* Protocol names, the favourite first. If one side has none there is no protocol, and
     * no error: look at rnl_get_extra_info(writer, "alpn"). */
    const char *const *alpn;
    size_t nalpn;
    enum rnl_tls_version min_version, max_version; /* default: 1.2, newest */
    const char *ciphers;        /* for 1.2, OpenSSL's syntax */
    const char *ciphersuites;   /* for 1.3 */
    const char *groups;
    enum rnl_switch strict;     /* X.509 by the letter; default RNL_YES */
    enum rnl_switch tickets;    /* session tickets (servers); default RNL_YES */
    /* RNL_YES: an end without close_notify is a clean one, as in Python. */
    enum rnl_switch suppress_ragged_eofs;
    char *error_text;           /* the caller's: why the call failed, or ""; may be NULL */
    size_t error_text_size;
    /* RNL_YES: the kernel enciphers what is sent, where it can: Linux with its module `tls`,
     * a TCP socket, TLS outermost on it, OpenSSL built with kTLS, AES-GCM or
     * ChaCha20-Poly1305. Where it cannot, nothing is different; rnl_get_extra_info(writer,
     * "ktls") is "send" where it does. What comes in is OpenSSL's either way. A peer that
     * asks for new keys (TLS 1.3's key update) is cut off with RNL_ENOTSUP, after the data
     * that it sent before: OpenSSL cannot change the kernel's. Default RNL_NO. */
    enum rnl_switch kernel_tls;
};
#define RNL_TLS_OPTIONS_INIT                                                  \
    { sizeof(struct rnl_tls_options), NULL, NULL, { NULL, 0 }, NULL,           \
      { NULL, 0 }, NULL, { NULL, 0 }, NULL, NULL, RNL_CERT_NONE, NULL, 0,      \
      RNL_TLS_ANY, RNL_TLS_ANY, NULL, NULL, NULL, RNL_DEFAULT, RNL_DEFAULT,    \
      RNL_DEFAULT, NULL, 0, RNL_DEFAULT }

/* Makes a context for clients; `options` may be NULL.
 *
 * Returns:  RNL_OK; RNL_ECERT (no certificate is trusted, or ours is no good);
 *           RNL_ENOENT, RNL_EACCES (a file); RNL_EINVAL; RNL_ENOMEM; RNL_ENOTSUP.
 * Owns:     the caller; ends with rnl_tls_free. Connections keep what they use.
 * asyncio:  ssl.create_default_context(). */
RNL_API int rnl_tls_client(struct rnl_tls_context **out,
                           const struct rnl_tls_options *options);

/* Makes a context for servers; a certificate and its key are needed.
 * Returns:  as rnl_tls_client.
 * Owns:     as rnl_tls_client.
 * asyncio:  ssl.create_default_context(Purpose.CLIENT_AUTH). */
RNL_API int rnl_tls_server(struct rnl_tls_context **out,
                           const struct rnl_tls_options *options);

/* Gives up the handle; NULL is fine. */
RNL_API void rnl_tls_free(struct rnl_tls_context *context);

/* Clients that ask `context` for the server `name` ("example.org", or
 * "*.example.org") are answered by `other`: its certificate, versions, ALPN, whom
 * it lets in, all but its `groups` and a callback that SSL_CTX_set_verify was given
 * (rnl_tls_raw). Sessions are resumed under the name alone that they were made for.
 * The first name added that matches answers: add "www.example.org" before
 * "*.example.org". Names are ASCII, no addresses. A name that matches none is answered
 * by the context itself.
 * Returns:  RNL_OK; RNL_EBUSY once used; RNL_EINVAL (a client's context, an `other`
 *           with names of its own, a name that nobody can ask for); RNL_ENOMEM;
 *           RNL_ENOTSUP.
 * asyncio:  SSLContext.sni_callback. */
RNL_API int rnl_tls_add_name(struct rnl_tls_context *context, const char *name,
                             struct rnl_tls_context *other);

/* Accepts whatever certificate the peer shows: anybody can pretend to be it. A server
 * then asks for none: client_cert has no effect.
 * Returns:  RNL_OK; RNL_EBUSY once used; RNL_ENOTSUP. */
RNL_API int rnl_tls_disable_verification(struct rnl_tls_context *context);

/* OpenSSL's SSL_CTX, for settings that have no option here; not to be changed
 * once the context is used. NULL in a build without TLS.
 * Lifetime: as long as the context. */
RNL_API void *rnl_tls_raw(struct rnl_tls_context *context);

#ifdef __cplusplus
}
#endif
#endif
