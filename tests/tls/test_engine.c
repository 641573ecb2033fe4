/* The engine: two of them back to back, no socket and no task. */
#include "tls/helper_duo.h"

#include <openssl/err.h>

static const enum rnl_tls_version versions[] = {RNL_TLS_1_2, RNL_TLS_1_3};

static void one_byte_at_a_time(void)
{
    for (int v = 0; v < 2; v++) {
        struct duo d;

        duo_init(&d);
        d.copts.min_version = d.copts.max_version = versions[v];
        d.step = 1;
        OK(duo_open(&d));
        duo_shake(&d);
        OK(d.client_code);
        OK(d.server_code);
        CU_ASSERT_STRING_EQUAL((const char *)d.client->ops->info(d.client, "version"),
                               v ? "TLSv1.3" : "TLSv1.2");
        CU_ASSERT(duo_pass(&d, d.client, d.server, 65536));
        CU_ASSERT(duo_pass(&d, d.server, d.client, 65536));
        duo_close(&d);
    }
}

static void all_in_one(void)
{
    for (int v = 0; v < 2; v++) {
        struct duo d;
        unsigned char buf[10];
        size_t done;

        duo_init(&d);
        d.copts.max_version = versions[v];
        OK(duo_open(&d));
        duo_shake(&d);
        /* Ten records and the end in one feed, read a byte at a time. */
        for (int i = 0; i < 10; i++) {
            OK(d.client->ops->write(d.client, "abc", 3, &done));
            IS(done, 3);
        }
        OK(d.client->ops->close(d.client));
        while (duo_carry(&d))
            ;
        for (int i = 0; i < 30; i++) {
            OK(d.server->ops->read(d.server, buf, 1, &done));
            IS(done, 1);
            IS(buf[0], "abc"[i % 3]);
        }
        OK(d.server->ops->read(d.server, buf, 1, &done));
        IS(done, 0);
        CU_ASSERT(d.server->read_closed);
        duo_close(&d);
    }
}

/* After one side's close_notify the other still talks. */
static void half_close(void)
{
    for (int v = 0; v < 2; v++) {
        struct duo d;
        unsigned char buf[10];
        size_t done;

        duo_init(&d);
        d.copts.max_version = versions[v];
        OK(duo_open(&d));
        duo_shake(&d);
        OK(d.client->ops->close(d.client));
        while (duo_carry(&d))
            ;
        OK(d.server->ops->read(d.server, buf, 1, &done));
        CU_ASSERT(d.server->read_closed);
        CU_ASSERT(duo_pass(&d, d.server, d.client, 70000));
        OK(d.server->ops->close(d.server));
        while (duo_carry(&d))
            ;
        OK(d.client->ops->read(d.client, buf, 1, &done));
        CU_ASSERT(d.client->read_closed);
        duo_close(&d);
    }
}

/* The wire is cut at each place of a record: never a clean end. */
static void truncated(void)
{
    for (size_t cut = 0; cut < 60; cut++) {
        struct duo d;
        unsigned char buf[100];
        size_t done;
        int code;

        duo_init(&d);
        OK(duo_open(&d));
        duo_shake(&d);
        OK(d.client->ops->write(d.client, "hello", 5, &done));
        carry(d.client, d.server, cut);
        rnl_core_feed_eof(d.server->in);
        while ((code = d.server->ops->read(d.server, buf, sizeof buf, &done)) == RNL_OK)
            CU_ASSERT_FATAL(done > 0);
        IS(code, RNL_ETRUNCATED);
        IS(d.server->ops->read(d.server, buf, sizeof buf, &done), RNL_ETRUNCATED);
        duo_close(&d);
    }
}

static void data_behind_the_end(void)
{
    struct duo d;
    unsigned char buf[100];
    size_t done;

    duo_init(&d);
    OK(duo_open(&d));
    duo_shake(&d);
    OK(d.client->ops->close(d.client));
    while (duo_carry(&d))
        ;
    OK(rnl_core_feed(d.server->in, "garbage behind close_notify", 27));
    for (int i = 0; i < 3; i++) {
        OK(d.server->ops->read(d.server, buf, sizeof buf, &done));
        IS(done, 0);
    }
    duo_close(&d);
}

static void clear_text_peer(void)
{
    static const char *const words[] = {"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                                        "SSH-2.0-OpenSSH_9\r\n",
                                        "HTTP/1.1 400 Bad Request\r\n\r\n"};

    for (size_t i = 0; i < 3; i++) {
        struct duo d;

        duo_init(&d);
        OK(duo_open(&d));
        OK(rnl_core_feed(d.server->in, words[i], strlen(words[i])));
        OK(rnl_core_feed(d.client->in, words[i], strlen(words[i])));
        IS(d.server->ops->start(d.server), RNL_ENOTTLS);
        IS(d.client->ops->start(d.client), RNL_ENOTTLS);
        if (i == 0)
            CU_ASSERT(strstr(d.server->detail, "HTTP") != NULL);
        duo_close(&d);
    }
}

/* One fails, and the other of the same thread does not hear of it. */
static void errors_stay_apart(void)
{
    struct duo a, b;
    unsigned char buf[10];
    size_t done;

    duo_init(&a);
    duo_init(&b);
    OK(duo_open(&a));
    OK(duo_open(&b));
    duo_shake(&b);
    OK(rnl_core_feed(a.server->in, "GET / HTTP/1.1\r\n\r\n", 18));
    IS(a.server->ops->start(a.server), RNL_ENOTTLS);
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH); /* left behind by somebody */
    IS(b.server->ops->read(b.server, buf, sizeof buf, &done), RNL_EAGAIN);
    CU_ASSERT(duo_pass(&b, b.client, b.server, 100));
    IS(a.server->ops->start(a.server), RNL_ENOTTLS);
    duo_close(&a);
    duo_close(&b);
}

/* Another buffer, and a shorter one, for the bytes that did not fit. */
static void moving_writes(void)
{
    static unsigned char big[100000], copy[100000];
    struct duo d;
    size_t done, sent = 0, read = 0;

    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (unsigned char)(i * 7);
    duo_init(&d);
    OK(duo_open(&d));
    duo_shake(&d);
    while (sent < sizeof big) {
        size_t n = sizeof big - sent;

        memcpy(copy, big + sent, n);
        OK(d.client->ops->write(d.client, copy, n, &done));
        CU_ASSERT_FATAL(done > 0 && done <= 16384);
        sent += done;
        memset(copy, 0, n);
    }
    while (duo_carry(&d))
        ;
    while (d.server->ops->read(d.server, copy + read, sizeof copy - read, &done) == RNL_OK && done)
        read += done;
    IS(read, sizeof big);
    CU_ASSERT(memcmp(big, copy, sizeof big) == 0);
    duo_close(&d);
}

static void no_renegotiation(void)
{
    struct duo d;
    unsigned char buf[10];
    size_t done;

    duo_init(&d);
    d.copts.max_version = RNL_TLS_1_2;
    OK(duo_open(&d));
    duo_shake(&d);
    SSL_clear_options(rnli_tls_engine_of(d.client)->ssl, SSL_OP_NO_RENEGOTIATION);
    IS(SSL_renegotiate(rnli_tls_engine_of(d.client)->ssl), 1);
    (void)SSL_do_handshake(rnli_tls_engine_of(d.client)->ssl);
    while (duo_carry(&d))
        ;
    /* OpenSSL would say no, but makes room for a hello of any length first. */
    IS(d.server->ops->read(d.server, buf, sizeof buf, &done), RNL_ETLS);
    CU_ASSERT(strstr(d.server->detail, "negotiate anew") != NULL);
    while (duo_carry(&d))
        ;
    CU_ASSERT(d.client->ops->read(d.client, buf, sizeof buf, &done) != RNL_OK);
    CU_ASSERT(SSL_num_renegotiations(rnli_tls_engine_of(d.server)->ssl) == 0);
    duo_close(&d);
}

/* A million would do no more than these: the engine ends at the first boundary
 * past 32, and its replies stay few. */
static void key_update_flood(void)
{
    struct duo d;
    unsigned char buf[10];
    size_t done, before;
    int code = RNL_EAGAIN, sent = 0;

    duo_init(&d);
    OK(duo_open(&d));
    duo_shake(&d);
    while (d.client->ops->read(d.client, buf, sizeof buf, &done) == RNL_OK)
        ;
    before = rnl_core_queued(d.server->out);
    for (; sent < 1000; sent++) {
        SSL *ssl = rnli_tls_engine_of(d.client)->ssl;

        CU_ASSERT_FATAL(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        CU_ASSERT_FATAL(SSL_do_handshake(ssl) == 1);
    }
    while (carry(d.client, d.server, 1 << 20))
        ;
    code = d.server->ops->read(d.server, buf, sizeof buf, &done);
    IS(code, RNL_ETLS);
    CU_ASSERT(strstr(d.server->detail, "without data") != NULL);
    CU_ASSERT(rnl_core_queued(d.server->out) - before < 64 * 40);
    duo_close(&d);
}

/* Now and then they are fine. */
static void key_updates_with_data(void)
{
    struct duo d;

    duo_init(&d);
    OK(duo_open(&d));
    duo_shake(&d);
    for (int i = 0; i < 100; i++) {
        CU_ASSERT_FATAL(
            SSL_key_update(rnli_tls_engine_of(d.client)->ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
        CU_ASSERT_FATAL(duo_pass(&d, d.client, d.server, 10));
        CU_ASSERT_FATAL(duo_pass(&d, d.server, d.client, 10));
    }
    duo_close(&d);
}

static void every_alert_is_an_error(void)
{
    for (int v = 0; v < 256; v++) {
        unsigned char alert[] = {21, 3, 3, 0, 2, 2, (unsigned char)v};
        struct duo d;

        duo_init(&d);
        OK(duo_open(&d));
        IS(d.client->ops->start(d.client), RNL_EAGAIN);
        OK(rnl_core_feed(d.client->in, alert, sizeof alert));
        CU_ASSERT(d.client->ops->start(d.client) < 0);
        CU_ASSERT(d.client->ops->start(d.client) != RNL_EAGAIN);
        CU_ASSERT(d.client->detail[0] != '\0');
        CU_ASSERT(!d.client->started);
        duo_close(&d);
    }
}

static void no_early_data(void)
{
    struct duo d;

    duo_init(&d);
    OK(duo_open(&d));
    IS(SSL_CTX_get_max_early_data(rnl_tls_raw(d.sc)), 0);
    duo_shake(&d);
    IS(SSL_get_max_early_data(rnli_tls_engine_of(d.server)->ssl), 0);
    duo_close(&d);
}

SUITE("tls.engine",
      {"I19 a handshake and 64 KiB, one byte at a time, both versions", one_byte_at_a_time},
      {"I6 ten records at once, read byte by byte", all_in_one},
      {"half-close by close_notify, both versions", half_close},
      {"I1 cut at every byte of a record", truncated},
      {"I2 data behind close_notify is not looked at", data_behind_the_end},
      {"I18 clear text where TLS is expected", clear_text_peer},
      {"I11 errors of one engine stay with it", errors_stay_apart},
      {"I10 writes from a moving buffer", moving_writes},
      {"I9 renegotiation is refused", no_renegotiation},
      {"I8 M4 a flood of key updates ends", key_update_flood},
      {"I8 key updates between data are fine", key_updates_with_data},
      {"I20 every alert is an error", every_alert_is_an_error},
      {"I26 no early data", no_early_data})
