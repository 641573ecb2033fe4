/* Names: which a client may ask for, and what a server makes of those it hears. */
#include "tls/helper_duo.h"

#include <openssl/x509v3.h>

/* The client's engine is made for `name`; what opening answered. */
static int open_for(const char *name, bool verify)
{
    struct duo d;
    int code;

    duo_init(&d);
    d.name = name;
    if (!verify) {
        OK(rnl_tls_client(&d.cc, &d.copts));
        OK(rnl_tls_disable_verification(d.cc));
    }
    code = duo_open(&d);
    duo_close(&d);
    return code;
}

/* A dot in front would mean every name below it, for OpenSSL. */
static void names_that_cannot_be(void)
{
    static const char *const names[] = {"",
                                        ".",
                                        ".test",
                                        "..",
                                        "good..test",
                                        "a b.test",
                                        "good.test\n",
                                        "good.test..",
                                        ("b\xc3\xbc"
                                         "cher.test"),
                                        "[::1]",
                                        "good.test:443",
                                        "*.wild.test"};
    char longest[256], longer[257];

    memset(longest, 'a', 255);
    longest[255] = '\0';
    memset(longer, 'a', 256);
    longer[256] = '\0';
    for (int i = 63; i < 255; i += 64)
        longest[i] = '.';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        IS(open_for(names[i], true), RNL_EINVAL);
        IS(open_for(names[i], false), RNL_EINVAL);
    }
    IS(open_for(longer, true), RNL_EINVAL);
    OK(open_for(longest, true));
    OK(open_for("xn--bcher-kva.test", true));
    OK(open_for("under_score.test", true));
    OK(open_for("good.test.", true));
    OK(open_for("localhost", true));
}

/* The client asks for `asked`; the server's certificate has `san`. */
static int meet(const char *asked, const char *san, bool unnamed)
{
    static char pem[16384];
    struct cert_plan plan = {.san = san, .issuer = pki()->root};
    struct cert *cert = cert_make(&plan);
    struct rnli_filter_request r = {
        .name = asked, .unnamed = unnamed, .allocator = plain_allocator()};
    struct duo d;
    const char *heard;
    int code;

    pem[0] = '\0';
    cert_pem(cert, pem, sizeof pem);
    cert_key_pem(cert, pem, sizeof pem);
    cert_free(cert);
    duo_init(&d);
    d.sopts.cert_data = text_bytes(pem);
    OK(duo_open(&d));
    d.client->ops->free(d.client);
    d.client = NULL;
    OK(d.cc->source.open(&d.cc->source, &r, &d.client));
    duo_shake(&d);
    code = d.client_code;
    heard = SSL_get_servername(rnli_tls_engine_of(d.server)->ssl, TLSEXT_NAMETYPE_host_name);
    if (unnamed && asked && strcmp(asked, "127.0.0.1") != 0)
        CU_ASSERT(heard && strcmp(heard, asked) == 0);
    duo_close(&d);
    return code;
}

static void matches(void)
{
    OK(meet("GOOD.test", "DNS:good.TEST", false));
    OK(meet("good.test.", "DNS:good.test", false));
    OK(meet("xn--bcher-kva.test", "DNS:xn--bcher-kva.test", false));
    OK(meet("::1", "IP:0:0:0:0:0:0:0:1", false));
    OK(meet("fe80::1%1", "IP:fe80::1", false));
    IS(meet("good.test", "DNS:good.test.evil.test", false), RNL_ECERTNAME);
    IS(meet("good.test", "URI:https://good.test,email:a@good.test", false), RNL_ECERTNAME);
    IS(meet("good.test", "IP:127.0.0.1", false), RNL_ECERTNAME);
    IS(meet("::ffff:127.0.0.1", "IP:127.0.0.1", false), RNL_ECERTNAME);
    IS(meet("xn--bcher-kva.test", "DNS:x*.test", false), RNL_ECERTNAME);
}

/* Any name does: it is asked for all the same, and only the chain is checked. */
static void any_name(void)
{
    OK(meet("good.test", "DNS:other.test", true));
    OK(meet("127.0.0.1", "DNS:other.test", true));
    OK(meet(NULL, "DNS:other.test", true));
    IS(meet("good.test", "DNS:other.test", false), RNL_ECERTNAME);
}

/* ---- Names that a server answers to ------------------------------------ */

/* What nobody can ask for is no name of a server's. */
static void names_to_answer(void)
{
    static const char *const good[] = {"good.test",       "*.wild.test", "good.test.",
                                       "xn--bcher.test",  "*.org",       "localhost",
                                       "under_score.test"};
    static const char *const bad[] = {"",
                                      ".",
                                      "*",
                                      "*.",
                                      "*..",
                                      "*.*.org",
                                      "**.org",
                                      "*foo.org",
                                      "www.*.org",
                                      ".org",
                                      "*..org",
                                      "ex ample",
                                      ("b\xc3\xbc"
                                       ".de"),
                                      "example.org..",
                                      "127.0.0.1",
                                      "127.0.0.1.",
                                      "::1",
                                      "[::1]",
                                      "a:443",
                                      "a/b"};
    struct duo d;

    duo_init(&d);
    for (size_t i = 0; i < sizeof bad / sizeof *bad + sizeof good / sizeof *good; i++) {
        bool is_bad = i < sizeof bad / sizeof *bad;
        const char *name = is_bad ? bad[i] : good[i - sizeof bad / sizeof *bad];
        struct rnl_tls_context *c = NULL, *other = NULL;

        OK(rnl_tls_server(&c, &d.sopts));
        OK(rnl_tls_server(&other, &d.sopts));
        IS(rnl_tls_add_name(c, name, other), is_bad ? RNL_EINVAL : RNL_OK);
        rnl_tls_free(c);
        rnl_tls_free(other);
    }
}

/* Who answers a client that asks for `asked`: the context that was added as the first
 * ("1") or the second, or the context itself ("0"). */
static const char *answers(const char *first, const char *second, const char *asked)
{
    static char text[2];
    const char *const names[] = {first, second};
    struct rnl_tls_context *others[2] = {NULL, NULL};
    SSL_CTX *by;
    struct duo d;

    duo_init(&d);
    d.name = asked;
    OK(rnl_tls_client(&d.cc, &d.copts));
    OK(rnl_tls_disable_verification(d.cc));
    OK(rnl_tls_server(&d.sc, &d.sopts));
    for (int i = 0; i < 2; i++) {
        OK(rnl_tls_server(&others[i], &d.sopts));
        OK(rnl_tls_add_name(d.sc, names[i], others[i]));
    }
    OK(duo_open(&d));
    duo_shake(&d);
    OK(d.server_code);
    by = SSL_get_SSL_CTX(rnli_tls_engine_of(d.server)->ssl);
    text[0] = by == others[0]->ctx ? '1' : by == others[1]->ctx ? '2' : '0';
    duo_close(&d);
    rnl_tls_free(others[0]);
    rnl_tls_free(others[1]);
    return text;
}

static void who_answers(void)
{
    CU_ASSERT_STRING_EQUAL(answers("www.a.test", "*.a.test", "www.a.test"), "1");
    CU_ASSERT_STRING_EQUAL(answers("www.a.test", "*.a.test", "WWW.A.test"), "1");
    CU_ASSERT_STRING_EQUAL(answers("www.a.test", "*.a.test", "ftp.a.test"), "2");
    CU_ASSERT_STRING_EQUAL(answers("*.a.test", "www.a.test", "www.a.test"), "1");
    CU_ASSERT_STRING_EQUAL(answers("www.a.test.", "*.a.test", "www.a.test"), "1");
    CU_ASSERT_STRING_EQUAL(answers("www.a.test", "*.a.test", "x.www.a.test"), "0");
    CU_ASSERT_STRING_EQUAL(answers("www.a.test", "*.a.test", "a.test"), "0");
}

/* Whether an end without close_notify is a clean one is the answering context's to say. */
static void ragged_ends(void)
{
    for (int i = 0; i < 4; i++) {
        struct rnl_tls_context *other = NULL;
        struct duo d;

        duo_init(&d);
        if (i & 2)
            d.name = "127.0.0.1"; /* not asked for */
        d.sopts.suppress_ragged_eofs = i & 1 ? RNL_YES : RNL_NO;
        OK(rnl_tls_server(&d.sc, &d.sopts));
        d.sopts.suppress_ragged_eofs = i & 1 ? RNL_NO : RNL_YES;
        OK(rnl_tls_server(&other, &d.sopts));
        OK(rnl_tls_add_name(d.sc, "good.test", other));
        rnl_tls_free(other);
        OK(duo_open(&d));
        duo_shake(&d);
        OK(d.server_code);
        IS(d.server->ragged_ok, i == 0 || i == 3);
        duo_close(&d);
    }
}

SUITE("tls.names", {"I13 names that cannot be", names_that_cannot_be},
      {"I13 names that match, and that do not", matches}, {"I16 any name will do", any_name},
      {"names that a server answers to", names_to_answer},
      {"the first name that matches answers", who_answers},
      {"ragged ends by the answering context", ragged_ends})
