/* Streams over TLS: every backend, TCP and Unix sockets. */
#include "tls/helper_secure.h"

#include <openssl/ssl.h>
#include <stdlib.h>

static void talk(struct net *n)
{
    struct rnl_bytes b;

    secure_open(n);
    OK(rnl_write_str(n->w, "hello\n"));
    OK(rnl_readline(n->pr, &b));
    CU_ASSERT(same(&b, "hello\n"));
    OK(rnl_write_str(n->pw, "one\ntwo\nthree\n"));
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "one\n"));
    OK(rnl_readuntil(n->r, "wo\n", 3, &b));
    CU_ASSERT(same(&b, "two\n"));
    OK(rnl_readexactly(n->r, 6, &b));
    CU_ASSERT(same(&b, "three\n"));
    secure_close(n);
}
EACH_RAW(talk)

static void information(struct net *n)
{
    static const char *const protocols[] = {"h2", "http/1.1"};
    struct rnl_tls_options c = client_tls(), s = server_tls();

    c.alpn = s.alpn = protocols;
    c.nalpn = 2;
    s.nalpn = 1;
    secure_init(n, &c, &s);
    net_open(n);
    CU_ASSERT(rnl_get_extra_info(n->w, "sslcontext") == n->client.ssl.context);
    CU_ASSERT(rnl_get_extra_info(n->w, "ssl_object") != NULL);
    CU_ASSERT(rnl_get_extra_info(n->w, "peercert") != NULL);
    CU_ASSERT(rnl_get_extra_info(n->pw, "peercert") == NULL);
    CU_ASSERT(rnl_get_extra_info(n->w, "compression") == NULL);
    CU_ASSERT_STRING_EQUAL((const char *)rnl_get_extra_info(n->w, "version"), "TLSv1.3");
    CU_ASSERT_STRING_EQUAL((const char *)rnl_get_extra_info(n->w, "alpn"), "h2");
    CU_ASSERT_STRING_EQUAL((const char *)rnl_get_extra_info(n->pw, "alpn"), "h2");
    CU_ASSERT(strstr(rnl_get_extra_info(n->w, "cipher"), "TLS_") != NULL);
    CU_ASSERT(rnl_get_extra_info(n->w, "peername") != NULL);
    CU_ASSERT_STRING_EQUAL(rnl_error_detail(n->w), "");
    secure_close(n);
}
EACH_RAW(information)

/* ---- Bulk -------------------------------------------------------------- */

enum { BULK = 3000000 };

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

static int pour(void *arg)
{
    struct rnl_writer *w = arg;
    unsigned char *data = malloc(BULK);
    size_t sizes[] = {1, 100, 5000, 70000, 400000}, at = 0;
    int code = RNL_OK;

    if (!data)
        return RNL_ENOMEM;
    for (size_t i = 0; i < BULK; i++)
        data[i] = byte_at(i);
    for (int k = 0; at < BULK && !code; k++) {
        size_t n = sizes[k % 5] < BULK - at ? sizes[k % 5] : BULK - at;

        code = rnl_write(w, data + at, n);
        at += n;
        if (!code)
            code = rnl_drain(w);
    }
    free(data);
    return code ? code : rnl_write_eof(w);
}

static int drink(void *arg)
{
    struct rnl_reader *r = arg;
    struct rnl_bytes b;
    size_t at = 0;
    int code;

    while (!(code = rnl_read(r, 100000, &b)) && b.len > 0)
        for (size_t i = 0; i < b.len; i++)
            if (b.data[i] != byte_at(at++))
                return RNL_EIO;
    return code ? code : at == BULK ? RNL_OK : RNL_EINCOMPLETE;
}

/* Both ways at once, more than every buffer holds; half-close ends each. */
static void bulk(struct net *n)
{
    struct rnl_task *tasks[4];

    secure_open(n);
    tasks[0] = start(pour, n->w);
    tasks[1] = start(pour, n->pw);
    tasks[2] = start(drink, n->r);
    tasks[3] = start(drink, n->pr);
    for (int i = 0; i < 4; i++)
        OK(join(tasks[i]));
    secure_close(n);
}
EACH_RAW(bulk)

static int write_and_flush(void *arg)
{
    struct rnl_timeout limit;
    unsigned char *data = calloc(1, BULK);
    int code = data ? rnl_write(arg, data, BULK) : RNL_ENOMEM;

    free(data);
    OK(rnl_timeout_begin(&limit, 60 * RNL_SECOND));
    if (!code)
        code = rnl_wait_flushed(arg);
    code = rnl_timeout_end(&limit, code);
    CU_ASSERT_EQUAL(rnl_queued(arg), 0);
    return code;
}

/* Until the last record is with the kernel, and no longer. */
static void flushed(struct net *n)
{
    struct rnl_task *writer;
    struct rnl_bytes b;

    secure_open(n);
    writer = start(write_and_flush, n->w);
    for (size_t got = 0; got < BULK; got += b.len)
        OK(rnl_read(n->pr, BULK - got, &b));
    OK(join(writer));
    secure_close(n);
}
EACH_RAW(flushed)

/* Every byte counts for drain, until the kernel has it. */
static void drain_counts(struct net *n)
{
    static char big[32 << 20]; /* more than every buffer of the kernel's */
    struct rnl_timeout limit;

    secure_open(n);
    OK(rnl_write(n->w, big, sizeof big));
    OK(rnl_timeout_begin(&limit, 50 * RNL_MILLISECOND));
    IS(rnl_timeout_end(&limit, rnl_drain(n->w)), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_queued(n->w) > 65536);
    secure_close(n);
}
EACH_RAW(drain_counts)

/* ---- Ends -------------------------------------------------------------- */

static void half_close(struct net *n)
{
    struct rnl_bytes b;

    secure_open(n);
    CU_ASSERT(rnl_can_write_eof(n->w));
    OK(rnl_write_str(n->w, "question"));
    OK(rnl_write_eof(n->w));
    IS(rnl_write_str(n->w, "more"), RNL_EINVAL);
    OK(rnl_read(n->pr, RNL_ALL, &b));
    CU_ASSERT(same(&b, "question"));
    CU_ASSERT(rnl_at_eof(n->pr));
    CU_ASSERT(!rnl_is_closing(n->pw));
    OK(rnl_write_str(n->pw, "answer"));
    rnl_close(n->pw);
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "answer"));
    rnl_close(n->w);
    OK(rnl_wait_closed(n->w));
    OK(rnl_wait_closed(n->pw));
    secure_close(n);
}
EACH_RAW(half_close)

/* asyncio's way: no half-close, and the peer's end closes our side. */
static void compat_ends(struct net *n)
{
    struct rnl_bytes b;

    secure_init(n, NULL, NULL);
    n->client.stream.compat = RNL_YES;
    net_open(n);
    CU_ASSERT(!rnl_can_write_eof(n->w));
    IS(rnl_write_eof(n->w), RNL_ENOTSUP);
    rnl_close(n->pw);
    OK(rnl_read(n->r, 10, &b));
    IS(b.len, 0);
    CU_ASSERT(rnl_is_closing(n->w));
    OK(rnl_wait_closed(n->w));
    secure_close(n);
}
EACH_RAW(compat_ends)

static void truncated(struct net *n)
{
    struct rnl_bytes b;

    for (int compat = 0; compat < 2; compat++) {
        secure_init(n, NULL, NULL);
        n->client.stream.compat = compat ? RNL_YES : RNL_NO;
        n->pr = NULL;
        net_open(n);
        OK(rnl_write_str(n->pw, "data"));
        OK(rnl_flush(n->pw));
        rnl_abort(n->pw);
        OK(rnl_read(n->r, 100, &b));
        CU_ASSERT(same(&b, "data"));
        if (compat) {
            OK(rnl_read(n->r, 100, &b));
            IS(b.len, 0);
        } else {
            IS(rnl_read(n->r, 100, &b), RNL_ETRUNCATED);
            IS(rnl_drain(n->w), RNL_ETRUNCATED);
            IS(rnl_wait_closed(n->w), RNL_ETRUNCATED);
        }
        secure_close(n);
    }
}
EACH_RAW(truncated)

/* What is queued at a close arrives whole, with the end behind it. */
static void close_sends_all(struct net *n)
{
    static const size_t sizes[] = {0, 1, 3 << 20};

    for (int i = 0; i < 3; i++) {
        char *data = calloc(1, sizes[i] + 1);
        struct rnl_bytes b;

        n->pr = NULL;
        secure_open(n);
        OK(rnl_write(n->w, data, sizes[i]));
        rnl_close(n->w);
        free(data);
        OK(rnl_read(n->pr, RNL_ALL, &b));
        IS(b.len, sizes[i]);
        rnl_close(n->pw);
        OK(rnl_wait_closed(n->w));
        OK(rnl_wait_closed(n->pw));
        secure_close(n);
    }
}
EACH_RAW(close_sends_all)

/* The peer neither answers close_notify nor goes away. */
static void close_has_an_end(struct net *n)
{
    int64_t began;

    secure_init(n, NULL, NULL);
    n->client.ssl.shutdown_timeout_ns = 80 * RNL_MILLISECOND;
    net_open(n);
    began = rnl_now();
    rnl_close(n->w);
    IS(rnl_wait_closed(n->w), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_now() - began >= 80 * RNL_MILLISECOND);
    CU_ASSERT(strstr(rnl_error_detail(n->w), "close_notify") != NULL);
    secure_close(n);
}
EACH_RAW(close_has_an_end)

static void late_data(struct net *n)
{
    static char big[1 << 20];

    secure_open(n);
    rnl_close(n->w);
    OK(rnl_write(n->pw, big, sizeof big));
    rnl_close(n->pw);
    OK(rnl_wait_closed(n->w));
    secure_close(n);
}
EACH_RAW(late_data)

/* ---- Handshakes that fail ---------------------------------------------- */

static int plain_server(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;

    (void)r;
    if (*(const char *)arg)
        OK(rnl_write_str(w, arg));
    else
        return rnl_read(r, RNL_ALL, &b); /* says nothing */
    return rnl_drain(w);
}

static int connect_to(struct net *n, const char *says, char *text, size_t size)
{
    struct rnl_address address;
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int code;

    OK(rnl_start_server(plain_server, (void *)(uintptr_t)says, "127.0.0.1", 0, NULL, &server));
    OK(rnl_server_address(server, 0, &address));
    n->client.ssl.error_text = text;
    n->client.ssl.error_text_size = size;
    code = rnl_open_connection("127.0.0.1", address.port, &n->client, &r, &w);
    if (!code)
        rnl_stream_free(r, w);
    rnl_server_close(server);
    rnl_server_abort_clients(server);
    OK(rnl_server_wait_closed(server));
    rnl_server_free(server);
    return code;
}

static void clear_text_server(struct net *n)
{
    char text[200] = "";
    struct rnl_reader *r;
    struct rnl_writer *w;

    if (n->kind == NET_UNIX)
        return;
    secure_init(n, NULL, NULL);
    IS(connect_to(n, "220 mail.example.org ESMTP\r\n", text, sizeof text), RNL_ENOTTLS);
    CU_ASSERT_STRING_EQUAL(text, "the peer does not speak TLS");
    n->client.ssl.handshake_timeout_ns = 50 * RNL_MILLISECOND;
    IS(connect_to(n, "", text, sizeof text), RNL_ETIMEDOUT);
    CU_ASSERT(strstr(text, "handshake") != NULL);
    IS(rnl_open_connection(NULL, 0, &n->client, &r, &w), RNL_EINVAL); /* no handshake */
    CU_ASSERT_STRING_EQUAL(text, "");
    rnl_tls_free(n->client.ssl.context);
    rnl_tls_free(n->options.ssl.context);
}
EACH_RAW(clear_text_server)

static void refused(struct net *n)
{
    struct rnl_tls_options c = client_tls();
    char text[300] = "";
    struct rnl_reader *r;
    struct rnl_writer *w;

    secure_init(n, NULL, NULL);
    net_open(n);
    n->client.ssl.error_text = text;
    n->client.ssl.error_text_size = sizeof text;
    n->client.ssl.server_hostname = "evil.test";
    IS(net_connect(n, &r, &w), RNL_ECERTNAME);
    CU_ASSERT(strstr(text, "evil.test") != NULL);
    rnl_tls_free(n->client.ssl.context);
    c.ca_data.len = 0;
    c.ca_data.data = NULL;
    char other[4096] = "";
    cert_pem(pki()->other_root, other, sizeof other);
    c.ca_data = text_bytes(other);
    OK(rnl_tls_client(&n->client.ssl.context, &c));
    n->client.ssl.server_hostname = "good.test";
    IS(net_connect(n, &r, &w), RNL_ECERT);
    CU_ASSERT(strstr(text, "issuer") != NULL || strstr(text, "self") != NULL);
    secure_close(n);
}
EACH_RAW(refused)

/* A name, or a word that there is none. */
static void name_needed(struct net *n)
{
    struct rnl_reader *r;
    struct rnl_writer *w;

    secure_open(n);
    n->client.ssl.server_hostname = NULL;
    if (n->kind == NET_UNIX) {
        IS(net_connect(n, &r, &w), RNL_EINVAL);
        n->client.ssl.any_hostname = RNL_YES;
    }
    OK(net_connect(n, &r, &w));
    rnl_stream_free(r, w);
    secure_close(n);
}
EACH_RAW(name_needed)

static void words_before_a_handshake(struct net *n)
{
    struct rnl_tls_context *clients;
    struct rnl_reader *r;
    struct rnl_writer *w;
    char text[100] = "?";

    secure_open(n);
    clients = n->client.ssl.context;
    n->client.ssl.error_text = text;
    n->client.ssl.error_text_size = sizeof text;
    n->client.ssl.server_hostname = "good.test:443";
    IS(net_connect(n, &r, &w), RNL_EINVAL);
    CU_ASSERT_STRING_EQUAL(text, "server_hostname is no name");
    n->client.ssl.server_hostname = NULL;
    if (n->kind == NET_UNIX) {
        IS(net_connect(n, &r, &w), RNL_EINVAL);
        CU_ASSERT_STRING_EQUAL(text, "a client needs server_hostname");
    }
    n->client.ssl.context = n->options.ssl.context;
    IS(net_connect(n, &r, &w), RNL_EINVAL);
    CU_ASSERT_STRING_EQUAL(text, "the context is a server's");
    n->client.ssl.context = clients;
    secure_close(n);
}
EACH_RAW(words_before_a_handshake)

/* ---- A server that ends, its clients still silent ---------------------- */

static int handshakes_told;

static void hear(void *user, const struct rnl_report *report)
{
    (void)user;
    if (!*report->what || report->code == RNL_ECLOSED || report->code == RNL_ECANCELED)
        handshakes_told++;
}

static int never_called(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    (void)r;
    (void)w;
    (void)arg;
    CU_ASSERT(false);
    return RNL_OK;
}

static void end_over_silent_client(int way)
{
    struct rnl_server_options options = RNL_SERVER_OPTIONS_INIT;
    struct rnl_address address;
    struct rnl_server *server;
    struct rnl_reader *r;
    struct rnl_writer *w;

    options.ssl.context = server_context();
    OK(rnl_start_server(never_called, NULL, "127.0.0.1", 0, &options, &server));
    OK(rnl_server_address(server, 0, &address));
    OK(rnl_open_connection("127.0.0.1", address.port, NULL, &r, &w));
    while (rnl_server_connections(server) == 0)
        turns(1);
    turns(3); /* the task waits for the handshake */
    if (way == 0)
        IS(rnl_server_shutdown(server, 0, NULL), RNL_OK);
    rnl_server_close(server);
    if (way == 1)
        rnl_server_close_clients(server);
    if (way == 2)
        rnl_server_abort_clients(server);
    OK(rnl_server_wait_closed(server));
    rnl_stream_free(r, w);
    rnl_server_free(server);
    rnl_tls_free(options.ssl.context);
}

static int end_over_silent_clients(void *arg)
{
    (void)arg;
    for (int way = 0; way < 3; way++)
        end_over_silent_client(way);
    return RNL_OK;
}

/* The end is the program's own doing: debug mode has nothing to say of it. */
static void silent_clients(void)
{
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;

    o.debug = RNL_YES;
    o.report = hear;
    handshakes_told = 0;
    OK(rnl_run(end_over_silent_clients, NULL, &o));
    IS(handshakes_told, 0);
}

static int connect_task(void *arg)
{
    struct net *n = arg;
    struct rnl_reader *r;
    struct rnl_writer *w;
    int code = net_connect(n, &r, &w);

    if (!code)
        rnl_stream_free(r, w);
    return code;
}

/* Cancelled after each number of turns, until it gets through. */
static void cancelled_anywhere(struct net *n)
{
    int code = RNL_ECANCELED;

    secure_open(n);
    for (int k = 0; code == RNL_ECANCELED && k < 100000; k++) {
        struct rnl_task *task = start(connect_task, n);

        turns(k);
        rnl_task_cancel(task);
        OK(rnl_task_wait(task, &code));
        rnl_task_free(task);
    }
    if (code)
        printf("%s ", rnl_error_name(code));
    OK(code);
    rnl_server_close(n->server);
    secure_close(n);
}
EACH_RAW(cancelled_anywhere)

/* Contexts do not change once used. */
static void used_contexts(struct net *n)
{
    secure_open(n);
    IS(rnl_tls_disable_verification(n->client.ssl.context), RNL_EBUSY);
    IS(rnl_tls_add_name(n->options.ssl.context, "x", n->options.ssl.context), RNL_EINVAL);
    secure_close(n);
}
EACH_RAW(used_contexts)

SUITE("tls.stream", {"lines and bytes over TLS", talk_each}, {"get_extra_info", information_each},
      {"I7 bulk both ways at once", bulk_each}, {"drain counts every byte", drain_counts_each},
      {"all of it handed to the kernel", flushed_each}, {"half-close both ways", half_close_each},
      {"compat: asyncio's ends", compat_ends_each},
      {"I1 cut off without close_notify", truncated_each},
      {"I3 a close sends all, then close_notify", close_sends_all_each},
      {"I4 a close does not wait for ever", close_has_an_end_each},
      {"late data is thrown away", late_data_each},
      {"I18 I5 a server that speaks clear text, or not at all", clear_text_server_each},
      {"I12 wrong name, unknown CA", refused_each}, {"I13 a name is needed", name_needed_each},
      {"words before a handshake", words_before_a_handshake_each},
      {"a server ends before its clients' handshakes", silent_clients},
      {"A6 cancelled anywhere in a handshake", cancelled_anywhere_each},
      {"I14 a used context does not change", used_contexts_each})
