/* tls.h: the TLS room's own: a context, and the engine of one connection. */
#ifndef RNLI_TLS_TLS_H
#define RNLI_TLS_TLS_H

#include <openssl/ssl.h>
#include <runnel/tls.h>

#include "backend/atomics.h"
#include "stream/filter.h"

struct rnli_tls_name {
    struct rnli_tls_name *next;
    struct rnl_tls_context *context;
    char name[256];
};

struct rnl_tls_context {
    struct rnli_filter_source source; /* first: streams see only this */
    atomic_uint refs;
    atomic_bool used; /* no change from now on */
    bool server, ragged_ok;
    SSL_CTX *ctx;
    struct rnli_tls_name *names;
    unsigned char *alpn; /* in wire format */
    unsigned alpn_len;
};

enum {
    RNLI_TLS_USELESS = 32,      /* messages in a row without data */
    RNLI_TLS_HANDSHAKE = 98304, /* bytes that a peer may send before it is known */
    RNLI_TLS_HELLO = 32768,     /* largest ClientHello: OpenSSL would make room for 128 KiB */
    RNLI_TLS_IN = 32768         /* ciphertext read ahead: twice this at most */
};

struct rnli_tls_engine {
    struct rnli_filter filter; /* first */
    const struct rnl_allocator *allocator;
    struct rnl_tls_context *context; /* a reference */
    SSL *ssl;
    size_t handshake_bytes; /* taken before the handshake was done */
    size_t hello_len;       /* that a client has announced: */
    unsigned hello_seen;    /* ... bytes seen of a message's head, of 4 */
    unsigned record_head;   /* ... of its record's head, of 5 */
    unsigned record_left;   /* ... bytes of the record still to come */
    unsigned useless;       /* messages since data came */
    int error;              /* the first, for ever */
    bool server;
    bool out_of_memory;        /* `out` could not grow */
    bool new_keys;             /* the peer wants us to change those that the kernel has */
    bool renegotiates;         /* a client wants a second handshake */
    unsigned char record_type; /* of what OpenSSL says next, when the kernel enciphers */
    char name[256];            /* of the peer, for texts */
    char alpn[256];            /* the protocol that was agreed on; "": none */
};

static inline struct rnli_tls_engine *rnli_tls_engine_of(struct rnli_filter *filter)
{
    return (struct rnli_tls_engine *)filter;
}

/* context.c */
void rnli_tls_ref(struct rnl_tls_context *context);

/* engine.c */
int rnli_tls_engine_open(struct rnli_filter_source *source,
                         const struct rnli_filter_request *request, struct rnli_filter **out);
/* Printable ASCII without what belongs to addresses, ports and patterns, and no label
 * empty. A dot in front would match every name below it. */
bool rnli_tls_is_name(const char *name);

/* bio.c: the engine's in and out as a BIO. NULL: no memory. */
BIO *rnli_tls_bio_new(struct rnli_tls_engine *engine);

/* fault.c: the code and the detail text of what OpenSSL's last call failed with. */
int rnli_tls_fault(struct rnli_tls_engine *engine, int ssl_error);
/* The text of the error queue's last entry; its code. Clears the queue. */
int rnli_tls_queue_fault(char *text, size_t size);

/* keylog.c: SSLKEYLOGFILE, in builds with RUNNEL_KEYLOG. */
#ifdef RNLI_KEYLOG
void rnli_tls_log_keys(SSL_CTX *ctx);
#else
static inline void rnli_tls_log_keys(SSL_CTX *ctx)
{
    (void)ctx;
}
#endif

/* info.c */
const void *rnli_tls_info(const struct rnli_filter *filter, const char *name);

#endif
