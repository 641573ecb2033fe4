/* Certificates that are to be refused, each for its reason, and good ones. */
#include "tls/helper_duo.h"

#include <openssl/pem.h>
#include <stdlib.h>

struct row {
    const char *what;
    struct cert_plan plan;
    const char *name; /* NULL: good.test */
    int code;         /* of the client; RNL_OK: accepted */
    const char *text; /* in the detail */
    bool by_middle, by_other, self_signed, without_chain;
};

static const struct row rows[] = {
    {.what = "a good one", .code = RNL_OK},
    {.what = "a wildcard", .name = "a.wild.test", .code = RNL_OK},
    {.what = "an IPv4 address", .name = "127.0.0.1", .code = RNL_OK},
    {.what = "an IPv6 address", .name = "::1", .code = RNL_OK},
    {.what = "a name with a dot behind", .name = "good.test.", .code = RNL_OK},
    {.what = "by an intermediate", .by_middle = true, .code = RNL_OK},
    {.what = "expired",
     .plan = {.from = -7200, .until = -3600},
     .code = RNL_ECERT,
     .text = "has expired"},
    {.what = "not yet valid", .plan = {.from = 3600}, .code = RNL_ECERT, .text = "not yet valid"},
    {.what = "another name",
     .plan = {.san = "DNS:other.test"},
     .code = RNL_ECERTNAME,
     .text = "good.test"},
    {.what = "two labels for a wildcard",
     .name = "a.b.wild.test",
     .code = RNL_ECERTNAME,
     .text = "a.b.wild.test"},
    {.what = "the wildcard's own domain",
     .name = "wild.test",
     .code = RNL_ECERTNAME,
     .text = "wild.test"},
    {.what = "another IPv4 address",
     .name = "127.0.0.2",
     .code = RNL_ECERTNAME,
     .text = "IP address mismatch"},
    {.what = "another IPv6 address",
     .name = "::2",
     .code = RNL_ECERTNAME,
     .text = "IP address mismatch"},
    {.what = "an address as a name",
     .name = "127.0.0.1",
     .plan = {.san = "DNS:127.0.0.1"},
     .code = RNL_ECERTNAME,
     .text = "IP address mismatch"},
    {.what = "a wildcard for an address",
     .name = "127.0.0.1",
     .plan = {.san = "DNS:*.0.0.1"},
     .code = RNL_ECERTNAME,
     .text = "IP address mismatch"},
    {.what = "a partial wildcard",
     .plan = {.san = "DNS:g*.test"},
     .code = RNL_ECERTNAME,
     .text = "good.test"},
    {.what = "the name as CN only",
     .plan = {.cn = "good.test", .san = ""},
     .code = RNL_ECERTNAME,
     .text = "good.test"},
    {.what = "self-signed", .self_signed = true, .code = RNL_ECERT, .text = "self-signed"},
    {.what = "an unknown CA",
     .by_other = true,
     .code = RNL_ECERT,
     .text = "unable to get local issuer"},
    {.what = "no chain sent",
     .by_middle = true,
     .without_chain = true,
     .code = RNL_ECERT,
     .text = "unable to get local issuer"},
    {.what = "for clients only",
     .plan = {.usage = "clientAuth"},
     .code = RNL_ECERT,
     .text = "purpose"},
    {.what = "by nameless ids, strictly",
     .plan = {.no_ids = true},
     .code = RNL_ECERT,
     .text = "Key Identifier"},
    {.what = "a critical extension nobody knows",
     .plan = {.extra_name = "1.2.3.4", .extra_value = "critical,DER:0500"},
     .code = RNL_ECERT,
     .text = "critical extension"},
};

static void plan_identity(const struct row *row, char *pem, size_t size, struct cert **middle)
{
    struct cert_plan own = row->plan, between = {.cn = "between", .ca = true};
    struct cert *cert;

    *middle = NULL;
    between.issuer = pki()->root;
    if (row->by_middle)
        *middle = own.issuer = cert_make(&between);
    else if (!row->self_signed)
        own.issuer = row->by_other ? pki()->other_root : pki()->root;
    cert = cert_make(&own);
    cert_pem(cert, pem, size);
    if (*middle && !row->without_chain)
        cert_pem(*middle, pem, size);
    cert_key_pem(cert, pem, size);
    cert_free(cert);
    cert_free(*middle);
}

static void one_row(const struct row *row, enum rnl_tls_version version)
{
    static char pem[32768];
    struct cert *middle;
    struct duo d;

    pem[0] = '\0';
    plan_identity(row, pem, sizeof pem, &middle);
    duo_init(&d);
    d.sopts.cert_data = text_bytes(pem);
    d.copts.max_version = version;
    if (row->name)
        d.name = row->name;
    OK(duo_open(&d));
    duo_shake(&d);
    IS(d.client_code, row->code);
    if (d.client_code != row->code || (row->text && !strstr(d.client->detail, row->text)))
        printf("\n    %s: %d %s", row->what, d.client_code, d.client->detail);
    if (row->text)
        CU_ASSERT(strstr(d.client->detail, row->text) != NULL);
    CU_ASSERT_EQUAL(d.client->started, row->code == RNL_OK);
    if (row->code) {
        CU_ASSERT(d.server_code < 0 || version == RNL_TLS_ANY);
        CU_ASSERT(d.client->ops->read(d.client, pem, 1, &(size_t){0}) == row->code);
    }
    duo_close(&d);
}

static void matrix(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        one_row(&rows[i], RNL_TLS_ANY);
        one_row(&rows[i], RNL_TLS_1_2);
    }
}

/* OpenSSL refuses these as an identity already. */
static void weak_identities(void)
{
    static const struct cert_plan plans[] = {{.weak = true}, {.sha1 = true}};
    static char pem[16384];

    for (int i = 0; i < 2; i++) {
        struct rnl_tls_options o = RNL_TLS_OPTIONS_INIT;
        struct cert_plan plan = plans[i];
        struct rnl_tls_context *c = NULL;
        struct cert *cert;
        char text[200] = "";

        plan.issuer = pki()->root;
        cert = cert_make(&plan);
        pem[0] = '\0';
        cert_pem(cert, pem, sizeof pem);
        cert_key_pem(cert, pem, sizeof pem);
        cert_free(cert);
        o.cert_data = text_bytes(pem);
        o.error_text = text;
        o.error_text_size = sizeof text;
        if (i == 0) {
            IS(rnl_tls_server(&c, &o), RNL_ECERT);
            CU_ASSERT(strstr(text, "too small") != NULL);
        } else {
            IS(rnl_tls_server(&c, &o), RNL_ECERT);
            CU_ASSERT(strstr(text, "too weak") != NULL);
        }
        rnl_tls_free(c);
    }
}

/* A peer whose own library lets it have a weak key. */
static void weak_peer(void)
{
    struct cert_plan plan = {.weak = true, .issuer = pki()->root};
    struct cert *cert = cert_make(&plan);
    struct duo d;
    SSL *ssl;

    duo_init(&d);
    OK(duo_open(&d));
    ssl = rnli_tls_engine_of(d.server)->ssl;
    SSL_set_security_level(ssl, 0);
    CU_ASSERT_FATAL(SSL_use_certificate(ssl, cert->x509) == 1);
    CU_ASSERT_FATAL(SSL_use_PrivateKey(ssl, cert->key) == 1);
    CU_ASSERT_FATAL(SSL_set1_sigalgs_list(ssl, "RSA-PSS+SHA256") == 1);
    duo_shake(&d);
    CU_ASSERT(d.client_code == RNL_ECERT || d.client_code == RNL_ETLS);
    CU_ASSERT(strstr(d.client->detail, "too small") != NULL ||
              strstr(d.client->detail, "too weak") != NULL);
    duo_close(&d);
    cert_free(cert);
}

static void name_constraints(void)
{
    static char pem[32768];
    struct cert_plan ca = {.cn = "narrow",
                           .ca = true,
                           .names = "critical,permitted;DNS:narrow.test",
                           .issuer = pki()->root};
    struct cert_plan leaf = {.san = "DNS:good.test"};
    struct cert *narrow = cert_make(&ca), *cert;
    struct duo d;

    leaf.issuer = narrow;
    cert = cert_make(&leaf);
    pem[0] = '\0';
    cert_pem(cert, pem, sizeof pem);
    cert_pem(narrow, pem, sizeof pem);
    cert_key_pem(cert, pem, sizeof pem);
    duo_init(&d);
    d.sopts.cert_data = text_bytes(pem);
    OK(duo_open(&d));
    duo_shake(&d);
    IS(d.client_code, RNL_ECERT);
    CU_ASSERT(strstr(d.client->detail, "subtree") != NULL);
    duo_close(&d);
    cert_free(cert);
    cert_free(narrow);
}

/* Asked for, shown, missing, and by the wrong CA. */
static void client_certificates(void)
{
    static char wrong[16384];
    struct cert_plan plan = {.cn = "stranger", .issuer = pki()->other_root};
    struct cert *stranger = cert_make(&plan);

    wrong[0] = '\0';
    cert_pem(stranger, wrong, sizeof wrong);
    cert_key_pem(stranger, wrong, sizeof wrong);
    cert_free(stranger);
    for (int v = 0; v < 2; v++)
        for (int who = 0; who < 3; who++)
            for (int need = 0; need < 3; need++) {
                struct duo d;
                int want = need == 0 || who == 1 ? RNL_OK
                           : who == 2            ? RNL_ECERT
                           : need == 2           ? RNL_ECERT
                                                 : RNL_OK;

                duo_init(&d);
                d.copts.max_version = v ? RNL_TLS_1_3 : RNL_TLS_1_2;
                d.sopts.client_cert = (enum rnl_client_cert)need;
                d.sopts.ca_data = text_bytes(d.pki->root_pem);
                if (who > 0)
                    d.copts.cert_data = text_bytes(who == 1 ? d.pki->client_pem : wrong);
                OK(duo_open(&d));
                duo_shake(&d);
                IS(d.server_code, want);
                if (want == RNL_OK) {
                    CU_ASSERT_EQUAL(d.server->ops->info(d.server, "peercert") != NULL,
                                    need > 0 && who > 0);
                } else {
                    unsigned char byte;
                    size_t got;

                    CU_ASSERT(d.server->detail[0] != '\0');
                    CU_ASSERT(d.client_code == RNL_ETLS || /* 1.3: hears of it later */
                              d.client->ops->read(d.client, &byte, 1, &got) == RNL_ETLS);
                    CU_ASSERT(strstr(d.client->detail, who == 2 ? "does not know the CA"
                                                                : "wants a certificate") != NULL);
                }
                duo_close(&d);
            }
}

/* Chain and name: 2 x 2. */
static void chain_and_name(void)
{
    for (int chain = 0; chain < 2; chain++)
        for (int named = 0; named < 2; named++) {
            struct duo d;

            duo_init(&d);
            OK(rnl_tls_client(&d.cc, &d.copts));
            if (!chain)
                OK(rnl_tls_disable_verification(d.cc));
            d.name = named ? "wrong.test" : "good.test";
            OK(duo_open(&d));
            duo_shake(&d);
            IS(d.client_code, chain && named ? RNL_ECERTNAME : RNL_OK);
            duo_close(&d);
        }
}

static void names_and_alpn(void)
{
    static const char *const ours[] = {"h2"}, *const theirs[] = {"spdy/1", "h2"},
                             *const alien[] = {"xyz"};
    struct cert_plan plan = {.san = "DNS:second.test", .issuer = pki()->root};
    struct cert *cert = cert_make(&plan);
    static char pem[16384];
    struct rnl_tls_context *second = NULL;
    struct duo d;

    pem[0] = '\0';
    cert_pem(cert, pem, sizeof pem);
    cert_key_pem(cert, pem, sizeof pem);
    cert_free(cert);
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"second.test", "SECOND.test", "good.test"};

        duo_init(&d);
        d.copts.alpn = theirs;
        d.copts.nalpn = 2;
        d.sopts.alpn = ours;
        d.sopts.nalpn = 1;
        OK(rnl_tls_server(&d.sc, &d.sopts));
        d.sopts.cert_data = text_bytes(pem);
        OK(rnl_tls_server(&second, &d.sopts));
        OK(rnl_tls_add_name(d.sc, "second.test", second));
        rnl_tls_free(second);
        d.name = names[i];
        OK(duo_open(&d));
        duo_shake(&d);
        OK(d.client_code);
        CU_ASSERT_STRING_EQUAL((const char *)d.client->ops->info(d.client, "alpn"), "h2");
        duo_close(&d);
    }
    duo_init(&d);
    d.copts.alpn = alien;
    d.sopts.alpn = ours;
    d.copts.nalpn = d.sopts.nalpn = 1;
    OK(duo_open(&d));
    duo_shake(&d);
    IS(d.client_code, RNL_ETLS);
    IS(d.server_code, RNL_ETLS);
    CU_ASSERT(strstr(d.client->detail, "ALPN") != NULL);
    CU_ASSERT(strstr(d.server->detail, "ALPN") != NULL);
    duo_close(&d);
}

/* The server's name is sent, and never an address. */
static void server_name(void)
{
    static const char *const names[] = {"good.test", "127.0.0.1", "::1"};

    for (int i = 0; i < 3; i++) {
        struct duo d;
        const char *got;

        duo_init(&d);
        d.name = names[i];
        OK(duo_open(&d));
        duo_shake(&d);
        got = SSL_get_servername(rnli_tls_engine_of(d.server)->ssl, TLSEXT_NAMETYPE_host_name);
        if (i == 0)
            CU_ASSERT_STRING_EQUAL(got, "good.test");
        if (i > 0)
            CU_ASSERT(got == NULL);
        duo_close(&d);
    }
}

static void versions_apart(void)
{
    struct duo d;

    duo_init(&d);
    d.copts.min_version = RNL_TLS_1_3;
    d.sopts.max_version = RNL_TLS_1_2;
    OK(duo_open(&d));
    duo_shake(&d);
    IS(d.server_code, RNL_ETLS);
    IS(d.client_code, RNL_ETLS);
    CU_ASSERT(strstr(d.server->detail, "version") != NULL);
    CU_ASSERT(strstr(d.client->detail, "version") != NULL);
    duo_close(&d);
}

static void contexts_that_cannot_be(void)
{
    struct rnl_tls_options o = RNL_TLS_OPTIONS_INIT;
    struct rnl_tls_context *c = NULL;

    IS(rnl_tls_server(&c, NULL), RNL_EINVAL);
    o.ca_file = "/nonexistent.pem";
    IS(rnl_tls_client(&c, &o), RNL_ENOENT);
    o.ca_file = NULL;
    o.ca_data = text_bytes("no certificate in here");
    IS(rnl_tls_client(&c, &o), RNL_ECERT);
    o.ca_data = text_bytes(pki()->root_pem);
    o.min_version = RNL_TLS_1_3;
    o.max_version = RNL_TLS_1_2;
    IS(rnl_tls_client(&c, &o), RNL_EINVAL);
    o.min_version = o.max_version = RNL_TLS_ANY;
    o.client_cert = RNL_CERT_REQUIRED;
    IS(rnl_tls_client(&c, &o), RNL_EINVAL);
    o.client_cert = RNL_CERT_NONE;
    o.ciphers = "NO-SUCH-CIPHER";
    IS(rnl_tls_client(&c, &o), RNL_EINVAL);
    CU_ASSERT(c == NULL);
}

SUITE("tls.certs", {"I12 a matrix of certificates", matrix},
      {"I12 weak identities", weak_identities}, {"I12 a weak peer", weak_peer},
      {"I12 name constraints", name_constraints}, {"client certificates", client_certificates},
      {"I13 chain and name, two by two", chain_and_name},
      {"I17 names of servers, and ALPN", names_and_alpn},
      {"I16 the server's name is sent, no address is", server_name},
      {"no version in common", versions_apart},
      {"contexts that cannot be", contexts_that_cannot_be})
