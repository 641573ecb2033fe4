/* Sessions that are resumed: never into a context that did not check the peer. */
#include "tls/helper_duo.h"

#include <stdio.h>

/* A server that serves anybody, and one behind a name that wants a certificate. */
struct house {
    struct duo d;
    struct rnl_tls_context *inner;
};

static void house_open(struct house *h, enum rnl_tls_version version,
                       const struct rnl_tls_options *inner)
{
    duo_init(&h->d);
    h->d.copts.max_version = version;
    OK(rnl_tls_client(&h->d.cc, &h->d.copts));
    OK(rnl_tls_disable_verification(h->d.cc)); /* the client plays no fair game */
    OK(rnl_tls_server(&h->d.sc, &h->d.sopts));
    OK(rnl_tls_server(&h->inner, inner));
    OK(rnl_tls_add_name(h->d.sc, "inner.test", h->inner));
}

static void house_close(struct house *h)
{
    rnl_tls_free(h->inner);
    rnl_tls_free(h->d.cc);
    rnl_tls_free(h->d.sc);
}

/* One connection that asks for `name` with `session`; the session that it got. */
static SSL_SESSION *visit(struct house *h, const char *name, SSL_SESSION *session)
{
    struct duo *d = &h->d;
    SSL_SESSION *got;
    size_t done;
    char buf[8];
    SSL *ssl;

    d->name = name;
    OK(duo_open(d));
    ssl = rnli_tls_engine_of(d->client)->ssl;
    if (session)
        CU_ASSERT_FATAL(SSL_set_session(ssl, session) == 1);
    duo_shake(d);
    if (d->server_code == RNL_OK) {
        OK(d->server->ops->write(d->server, "x", 1, &done));
        while (duo_carry(d))
            ;
        OK(d->client->ops->read(d->client, buf, sizeof buf, &done)); /* and the tickets */
    }
    got = SSL_get1_session(ssl);
    return got;
}

/* The client's session counts as ended in order, or OpenSSL would not use it again. */
static void part(struct house *h)
{
    SSL_set_shutdown(rnli_tls_engine_of(h->d.client)->ssl,
                     SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    h->d.client->ops->free(h->d.client);
    h->d.server->ops->free(h->d.server);
    h->d.client = h->d.server = NULL;
}

static bool resumed(const struct house *h)
{
    return SSL_session_reused(rnli_tls_engine_of(h->d.server)->ssl) == 1;
}

static const enum rnl_tls_version versions[] = {RNL_TLS_1_2, RNL_TLS_1_3};

/* A session of the open house is no way into the inner one. */
static void not_into_another_context(void)
{
    for (int v = 0; v < 2; v++) {
        struct rnl_tls_options inner = RNL_TLS_OPTIONS_INIT;
        SSL_SESSION *session, *none;
        struct house h;

        inner.cert_data = text_bytes(pki()->server_pem);
        inner.ca_data = text_bytes(pki()->root_pem);
        inner.client_cert = RNL_CERT_REQUIRED;
        house_open(&h, versions[v], &inner);
        session = visit(&h, "good.test", NULL);
        OK(h.d.server_code);
        part(&h);
        none = visit(&h, "good.test", session);
        OK(h.d.server_code);
        CU_ASSERT(resumed(&h)); /* so the session is one */
        part(&h);
        SSL_SESSION_free(none);
        none = visit(&h, "inner.test", session);
        IS(h.d.server_code, RNL_ECERT);
        CU_ASSERT(!h.d.server->started);
        CU_ASSERT(strstr(h.d.server->detail, "certificate") != NULL);
        part(&h);
        SSL_SESSION_free(none);
        SSL_SESSION_free(session);
        house_close(&h);
    }
}

/* Behind its name a context answers with all of its settings. */
static void all_of_the_other_context(void)
{
    struct rnl_tls_options inner = RNL_TLS_OPTIONS_INIT;
    static const char *const protocols[] = {"inner"};
    SSL_SESSION *session, *again;
    struct house h;

    inner.cert_data = text_bytes(pki()->server_pem);
    inner.min_version = RNL_TLS_1_3;
    inner.alpn = protocols;
    inner.nalpn = 1;
    house_open(&h, RNL_TLS_1_2, &inner);
    session = visit(&h, "inner.test", NULL);
    IS(h.d.server_code, RNL_ETLS); /* 1.2 is not for this name */
    CU_ASSERT(strstr(h.d.server->detail, "version") != NULL);
    part(&h);
    SSL_SESSION_free(session);
    house_close(&h);

    inner.min_version = RNL_TLS_ANY;
    inner.max_version = RNL_TLS_1_2;
    house_open(&h, RNL_TLS_ANY, &inner);
    session = visit(&h, "inner.test", NULL);
    OK(h.d.server_code);
    CU_ASSERT_STRING_EQUAL((const char *)h.d.server->ops->info(h.d.server, "version"), "TLSv1.2");
    part(&h);
    again = visit(&h, "INNER.test", session); /* to where it comes from */
    OK(h.d.server_code);
    CU_ASSERT(resumed(&h));
    part(&h);
    SSL_SESSION_free(again);
    SSL_SESSION_free(session);
    house_close(&h);

    inner.max_version = RNL_TLS_ANY;
    inner.tickets = RNL_NO;
    house_open(&h, RNL_TLS_1_3, &inner);
    session = visit(&h, "inner.test", NULL);
    OK(h.d.server_code);
    CU_ASSERT(!SSL_SESSION_has_ticket(session));
    part(&h);
    SSL_SESSION_free(session);
    session = visit(&h, "good.test", NULL);
    CU_ASSERT(SSL_SESSION_has_ticket(session));
    part(&h);
    SSL_SESSION_free(session);
    house_close(&h);
}

/* Without tickets nothing is resumed; a client of ours never is. */
static void no_tickets(void)
{
    for (int v = 0; v < 2; v++) {
        struct rnl_tls_options inner = RNL_TLS_OPTIONS_INIT;
        SSL_SESSION *session, *again;
        struct house h;

        inner.cert_data = text_bytes(pki()->server_pem);
        duo_init(&h.d);
        h.d.copts.max_version = versions[v];
        h.d.sopts.tickets = RNL_NO;
        OK(rnl_tls_server(&h.inner, &inner));
        session = visit(&h, "good.test", NULL);
        OK(h.d.server_code);
        CU_ASSERT(!SSL_SESSION_has_ticket(session));
        part(&h);
        again = visit(&h, "good.test", session);
        OK(h.d.server_code);
        CU_ASSERT(!resumed(&h));
        part(&h);
        SSL_SESSION_free(session);
        SSL_SESSION_free(again);
        house_close(&h);
    }
}

SUITE("tls.sessions", {"I15 no session of another context's", not_into_another_context},
      {"I17 a name's context answers with all its settings", all_of_the_other_context},
      {"I15 without tickets", no_tickets})
