/* TLS whose enciphering the kernel does: by the one that helper_kernel.c makes, and, where
 * RUNNEL_TEST_KTLS says that it has it, by the system's. Elsewhere that half finds out that
 * nothing is different. */
#include "tls/helper_kernel.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    enum rnl_tls_version version;
    const char *ciphers, *name;
} suites[] = {
    {RNL_TLS_1_3, "TLS_AES_128_GCM_SHA256", "AES_128_GCM"},
    {RNL_TLS_1_3, "TLS_AES_256_GCM_SHA384", "AES_256_GCM"},
    {RNL_TLS_1_3, "TLS_CHACHA20_POLY1305_SHA256", "CHACHA20"},
    {RNL_TLS_1_2, "ECDHE+AESGCM+AES128", "AES128-GCM"},
    {RNL_TLS_1_2, "ECDHE+AESGCM+AES256", "AES256-GCM"},
    {RNL_TLS_1_2, "ECDHE+CHACHA20", "CHACHA20"},
};
enum { SUITES = sizeof suites / sizeof suites[0] };

enum { CLIENT = 1, SERVER = 2, BOTH = 3 };

static void choose(struct rnl_tls_options *o, int suite, bool kernel)
{
    o->min_version = o->max_version = suites[suite].version;
    if (suites[suite].version == RNL_TLS_1_3)
        o->ciphersuites = suites[suite].ciphers;
    else
        o->ciphers = suites[suite].ciphers;
    o->kernel_tls = kernel ? RNL_YES : RNL_NO;
}

static void check_end(const struct rnl_writer *w, bool asked)
{
    CU_ASSERT(asked ? sent_by_kernel(w) : rnl_get_extra_info(w, "ktls") == NULL);
}

/* A net whose ends (`who`) have the option. */
static void kernel_open(struct net *n, int suite, int who)
{
    struct rnl_tls_options c = client_tls(), s = server_tls();

    choose(&c, suite, who & CLIENT);
    choose(&s, suite, who & SERVER);
    n->pr = NULL;
    secure_init(n, &c, &s);
    net_open(n);
    CU_ASSERT(strstr(rnl_get_extra_info(n->w, "cipher"), suites[suite].name) != NULL);
    check_end(n->w, who & CLIENT);
    check_end(n->pw, who & SERVER);
}

/* Both ends at once, in order; nothing may be lost in the kernel. */
static void both_close(struct net *n)
{
    rnl_close(n->w);
    rnl_close(n->pw);
    OK(rnl_wait_closed(n->w));
    OK(rnl_wait_closed(n->pw));
    secure_close(n);
    IS(made.lost, 0);
}

static void say(struct rnl_writer *w, struct rnl_reader *r, const char *text)
{
    struct rnl_bytes b;

    OK(rnl_write_str(w, text));
    OK(rnl_readexactly(r, strlen(text), &b));
    CU_ASSERT(same(&b, text));
}

static void each_cipher(struct net *n)
{
    for (int suite = 0; suite < SUITES; suite++)
        for (int who = is_slow() ? BOTH : CLIENT; who <= BOTH; who++) {
            kernel_open(n, suite, who);
            for (int i = 0; i < 20; i++) {
                say(n->w, n->pr, "x");
                say(n->pw, n->r, "there and back\n");
            }
            both_close(n);
        }
}
EACH_KERNEL(each_cipher)

/* Not asked for: OpenSSL does it, though the kernel could. */
static void only_if_asked(struct net *n)
{
    struct rnl_tls_options c = client_tls(), s = server_tls();

    c.kernel_tls = s.kernel_tls = RNL_DEFAULT;
    secure_init(n, &c, &s);
    net_open(n);
    CU_ASSERT(rnl_get_extra_info(n->w, "ktls") == NULL);
    CU_ASSERT(rnl_get_extra_info(n->pw, "ktls") == NULL);
    say(n->w, n->pr, "hello");
    both_close(n);
    IS(made.keys, 0);
}
EACH_KERNEL(only_if_asked)

/* ---- Bulk -------------------------------------------------------------- */

enum { BULK = 3000000 };

static size_t bulk_size;

static size_t some(size_t size)
{
    return is_slow() ? size / 8 : size;
}

static unsigned char byte_at(size_t i)
{
    return (unsigned char)(i * 31 + i / 251);
}

static int pour(void *arg)
{
    static const size_t sizes[] = {1, 100, 5000, 16384, 70000, 400000};
    struct rnl_writer *w = arg;
    unsigned char *data = malloc(bulk_size);
    size_t at = 0;
    int code = RNL_OK;

    if (!data)
        return RNL_ENOMEM;
    for (size_t i = 0; i < bulk_size; i++)
        data[i] = byte_at(i);
    for (int k = 0; at < bulk_size && !code; k++) {
        size_t len = sizes[k % 6] < bulk_size - at ? sizes[k % 6] : bulk_size - at;

        code = rnl_write(w, data + at, len);
        at += len;
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
    return code ? code : at == bulk_size ? RNL_OK : RNL_EINCOMPLETE;
}

static void pour_and_drink(struct net *n)
{
    struct rnl_task *tasks[] = {start(pour, n->w), start(pour, n->pw), start(drink, n->r),
                                start(drink, n->pr)};

    for (int i = 0; i < 4; i++)
        OK(join(tasks[i]));
}

/* Both ways at once; half-close ends each. */
static void bulk(struct net *n)
{
    for (int suite = 0; suite < SUITES; suite++) {
        bulk_size = some(suite % 3 ? BULK / 5 : BULK);
        kernel_open(n, suite, BOTH);
        pour_and_drink(n);
        both_close(n);
    }
}
EACH_KERNEL(bulk)

/* The kernel is full at each send, and holds parts of records back. */
static void full_each_time(struct net *n)
{
    if (!kernel_is_made()) /* that one is full of itself */
        n->client.stream.send_buffer = n->options.stream.send_buffer = 4096;
    bulk_size = some(100000);
    for (int suite = 0; suite < SUITES; suite += 3) {
        made.room = 1000;
        kernel_open(n, suite, suite ? CLIENT : BOTH);
        made.room = 3000;
        pour_and_drink(n);
        both_close(n);
    }
}

/* OpenSSL goes on where the kernel refuses the keys, or has no room for what was enciphered
 * before them. */
static void refused(struct net *n)
{
    for (int suite = 0; suite < SUITES; suite++) {
        struct rnl_tls_options c = client_tls(), s = server_tls();

        choose(&c, suite, true);
        choose(&s, suite, true);
        made.refuses = suite % 2 == 0;
        made.full = suite % 2 == 1;
        n->pr = NULL;
        secure_init(n, &c, &s);
        net_open(n);
        if (kernel_is_made()) {
            check_end(n->w, false);
            check_end(n->pw, false);
        }
        say(n->w, n->pr, "hello");
        say(n->pw, n->r, "hello");
        both_close(n);
    }
    IS(made.keys, 0);
}
EACH_KERNEL(full_each_time)
EACH_KERNEL(refused)

/* ---- Waiting ------------------------------------------------------------ */

static int read_all(void *arg)
{
    struct rnl_bytes b;
    size_t *total = ((void **)arg)[1];
    int code = RNL_OK;

    while (!code && !(code = rnl_read(((void **)arg)[0], 65536, &b)) && b.len > 0)
        *total += b.len;
    return code;
}

/* Every byte counts until the kernel has it; a drain that is cut short is no harm. */
static void drain_counts(struct net *n)
{
    static char big[3 << 20]; /* more than every buffer of the kernel's */
    struct rnl_timeout limit;
    size_t total = 0;
    void *arg[2];
    struct rnl_task *task;

    n->client.stream.send_buffer = n->options.stream.recv_buffer = 100000;
    kernel_open(n, 0, BOTH);
    OK(rnl_write(n->w, big, sizeof big));
    OK(rnl_timeout_begin(&limit, 20 * RNL_MILLISECOND));
    IS(rnl_timeout_end(&limit, rnl_drain(n->w)), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_queued(n->w) > 65536);
    arg[0] = n->pr;
    arg[1] = &total;
    task = start(read_all, arg);
    OK(rnl_drain(n->w));
    CU_ASSERT(rnl_queued(n->w) <= 65536);
    OK(rnl_wait_flushed(n->w));
    IS(rnl_queued(n->w), 0);
    OK(rnl_write_eof(n->w));
    OK(join(task));
    IS(total, sizeof big);
    both_close(n);
}
EACH_KERNEL(drain_counts)

/* ---- Ends -------------------------------------------------------------- */

static void half_close(struct net *n)
{
    struct rnl_bytes b;

    for (int suite = 0; suite < SUITES; suite += 3) {
        kernel_open(n, suite, BOTH);
        OK(rnl_write_str(n->w, "question"));
        OK(rnl_write_eof(n->w));
        IS(rnl_write_str(n->w, "more"), RNL_EINVAL);
        OK(rnl_read(n->pr, RNL_ALL, &b));
        CU_ASSERT(same(&b, "question"));
        CU_ASSERT(rnl_at_eof(n->pr));
        OK(rnl_write_str(n->pw, "answer"));
        rnl_close(n->pw);
        OK(rnl_read(n->r, RNL_ALL, &b));
        CU_ASSERT(same(&b, "answer"));
        both_close(n);
    }
}
EACH_KERNEL(half_close)

/* The peer has said its end already, so nobody's answer is waited for: what is queued
 * has to arrive all the same, the part that the kernel holds back too. */
static void close_sends_all(struct net *n)
{
    static const size_t sizes[] = {0, 1, 20000, 150000};

    for (int i = 0; i < 8; i++) {
        char *data = calloc(1, sizes[i / 2] + 1);
        bool small = i % 2 == 1;
        struct rnl_bytes b;

        n->client.stream.send_buffer = small && !kernel_is_made() ? 4096 : 0;
        made.room = 0;
        kernel_open(n, 0, BOTH);
        OK(rnl_write_eof(n->pw));
        OK(rnl_read(n->r, RNL_ALL, &b));
        IS(b.len, 0);
        made.room = !small ? 0 : sizes[i / 2] > 1 ? 700 : 10; /* less than an alert */
        OK(rnl_write(n->w, data, sizes[i / 2]));
        rnl_close(n->w);
        free(data);
        OK(rnl_read(n->pr, RNL_ALL, &b));
        IS(b.len, sizes[i / 2]);
        both_close(n);
    }
}
EACH_KERNEL(close_sends_all)

static void reset_by_peer(struct net *n)
{
    static char big[1 << 20];
    int code = RNL_OK;

    kernel_open(n, 0, BOTH);
    say(n->w, n->pr, "hello");
    reset_on_abort(n->pw);
    rnl_abort(n->pw);
    for (int i = 0; !code && i < 100000; i++) {
        code = rnl_write(n->w, big, sizeof big);
        if (!code)
            code = rnl_drain(n->w);
    }
    CU_ASSERT(code == RNL_ECONNRESET || code == RNL_EPIPE);
    IS(rnl_wait_closed(n->w), code);
    secure_close(n);
}
EACH_KERNEL(reset_by_peer)

static void cut_off(struct net *n)
{
    struct rnl_bytes b;

    kernel_open(n, 0, BOTH);
    OK(rnl_write_str(n->pw, "data"));
    OK(rnl_flush(n->pw));
    rnl_abort(n->pw);
    OK(rnl_read(n->r, 100, &b));
    CU_ASSERT(same(&b, "data"));
    IS(rnl_read(n->r, 100, &b), RNL_ETRUNCATED);
    secure_close(n);
}
EACH_KERNEL(cut_off)

/* ---- New keys ------------------------------------------------------------ */

/* The peer changes its own; and asks for ours to be changed, which the kernel's cannot. */
static void new_keys(struct net *n)
{
    SSL *ssl;
    struct rnl_bytes b;

    kernel_open(n, 0, CLIENT);
    ssl = (SSL *)(uintptr_t)rnl_get_extra_info(n->pw, "ssl_object");
    CU_ASSERT_FATAL(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    say(n->pw, n->r, "before");
    say(n->w, n->pr, "heard");
    OK(rnl_write_str(n->pw, "the last"));
    OK(rnl_flush(n->pw));
    CU_ASSERT_FATAL(SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    OK(rnl_write_str(n->pw, "behind"));
    OK(rnl_flush(n->pw));
    OK(rnl_readexactly(n->r, 8, &b));
    CU_ASSERT(same(&b, "the last"));
    if (rnl_get_extra_info(n->w, "ktls")) {
        IS(rnl_readexactly(n->r, 6, &b), RNL_ENOTSUP);
        IS(rnl_drain(n->w), RNL_ENOTSUP);
        CU_ASSERT(strstr(rnl_error_detail(n->w), "new keys") != NULL);
        secure_close(n);
        return;
    }
    OK(rnl_readexactly(n->r, 6, &b));
    CU_ASSERT(same(&b, "behind"));
    say(n->w, n->pr, "and on");
    both_close(n);
}
EACH_KERNEL(new_keys)

/* ---- TLS begun later, and inside another --------------------------------- */

struct side {
    struct rnl_writer *w;
    struct rnl_start_tls_options o;
};

static int upgrade(void *arg)
{
    struct side *side = arg;

    return rnl_start_tls(side->w, &side->o);
}

static void inside(struct net *n)
{
    struct rnl_tls_options co = client_tls(), so = server_tls();
    struct rnl_tls_context *cc, *sc;

    co.kernel_tls = so.kernel_tls = RNL_YES;
    OK(rnl_tls_client(&cc, &co));
    OK(rnl_tls_server(&sc, &so));
    net_open(n);
    for (int i = 0; i < 3; i++) {
        struct rnl_start_tls_options o = RNL_START_TLS_OPTIONS_INIT;
        struct side client = {n->w, o}, server = {n->pw, o};
        struct rnl_task *task;

        say(n->w, n->pr, "go");
        client.o.ssl.context = cc;
        client.o.ssl.server_hostname = "good.test";
        server.o.ssl.context = sc;
        task = start(upgrade, &server);
        OK(upgrade(&client));
        OK(join(task));
        say(n->pw, n->r, "gone");
        check_end(n->w, i == 0); /* later the outer one's bytes are the kernel's, not these */
    }
    bulk_size = some(BULK);
    pour_and_drink(n);
    rnl_tls_free(cc);
    rnl_tls_free(sc);
    both_close(n);
}
EACH_KERNEL(inside)

/* Where there is no kernel for it nothing is different. */
static void elsewhere(struct net *n)
{
    struct rnl_tls_options c = client_tls(), s = server_tls();

    if (n->kind == NET_TCP && strcmp(rnl_loop_backend(rnl_loop_current()), "sim") != 0)
        return;
    c.kernel_tls = s.kernel_tls = RNL_YES;
    secure_init(n, &c, &s);
    net_open(n);
    check_end(n->w, false);
    check_end(n->pw, false);
    say(n->w, n->pr, "hello");
    say(n->pw, n->r, "hello");
    both_close(n);
}
EACH_RAW(elsewhere)

/* ---- Records that are no data -------------------------------------------- */

/* No memory, no room, in pieces: each is sent in the end. */
static void records_that_wait(struct net *n)
{
    struct rnl_bytes b;

    if (!kernel_is_made() || !kernel_enciphers())
        return;
    for (int suite = 0; suite < SUITES; suite += 3)
        for (int way = 0; way < 3; way++) {
            made.no_memory = way == 0 ? 3 : 0;
            made.busy = way == 1 ? 3 : 0;
            made.piece = way == 2 ? 100 : 0;
            made.records = 0;
            kernel_open(n, suite, BOTH);
            CU_ASSERT(made.records > 0); /* tickets; Finished */
            say(n->w, n->pr, "hello");
            say(n->pw, n->r, "hello");
            made.no_memory = way == 0 ? 2 : 0;
            made.busy = way == 1 ? 2 : 0;
            OK(rnl_write_str(n->w, "the end"));
            OK(rnl_write_eof(n->w));
            OK(rnl_read(n->pr, RNL_ALL, &b));
            CU_ASSERT(same(&b, "the end"));
            both_close(n);
        }
}
EACH_KERNEL(records_that_wait)

static void records_that_fail(struct net *n)
{
    if (!kernel_is_made() || !kernel_enciphers())
        return;
    kernel_open(n, 0, CLIENT);
    made.breaks = RNL_EPIPE;
    made.type = 21;
    OK(rnl_write_str(n->w, "data"));
    rnl_close(n->w);
    IS(rnl_wait_closed(n->w), RNL_EPIPE);
    made.breaks = RNL_OK;
    secure_close(n);
}
EACH_KERNEL(records_that_fail)

/* ---- No memory ------------------------------------------------------------ */

static long to_go, live; /* allocations until the one that fails; blocks */

static void *maybe_alloc(void *user, size_t size)
{
    void *ptr = --to_go == 0 ? NULL : malloc(size);

    (void)user;
    live += ptr != NULL;
    return ptr;
}

static void *maybe_realloc(void *user, void *old, size_t old_size, size_t size)
{
    void *ptr = --to_go == 0 ? NULL : realloc(old, size);

    (void)user;
    (void)old_size;
    live += ptr != NULL && !old;
    return ptr;
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    live -= ptr != NULL;
    free(ptr);
}

static void be_quiet(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
}

static int echo(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;
    int code = RNL_OK;

    (void)arg;
    while (!code && !(code = rnl_read(r, 65536, &b)) && b.len > 0)
        code = rnl_write(w, b.data, b.len);
    return code;
}

/* Whatever fails, it ends. */
static int exchange(void *arg)
{
    static char data[30000];
    struct net *n = arg;
    struct rnl_address address;
    struct rnl_bytes b;
    int code = rnl_start_server(echo, NULL, "127.0.0.1", 0, &n->options, &n->server);

    if (code)
        return code;
    code = rnl_server_address(n->server, 0, &address);
    if (!code)
        code = rnl_open_connection("127.0.0.1", address.port, &n->client, &n->r, &n->w);
    if (!code) {
        code = rnl_write(n->w, data, sizeof data);
        if (!code)
            code = rnl_write_eof(n->w);
        if (!code)
            code = rnl_read(n->r, RNL_ALL, &b);
        rnl_close(n->w);
        if (!code)
            code = rnl_wait_closed(n->w);
        rnl_stream_free(n->r, n->w);
    }
    rnl_server_abort_clients(n->server);
    rnl_server_free(n->server);
    return code;
}

/* Each allocation of an exchange fails in turn. */
static void without_memory(void)
{
    static const struct rnl_allocator failing = {maybe_alloc, maybe_realloc, count_free, NULL};
    long stride = is_slow() ? 17 : 1;

    for (long i = 1; i < 100000; i += stride) {
        struct rnl_run_options run = RNL_RUN_OPTIONS_INIT;
        struct rnl_server_options server = RNL_SERVER_OPTIONS_INIT;
        struct rnl_connect_options client = RNL_CONNECT_OPTIONS_INIT;
        struct rnl_tls_options c = client_tls(), s = server_tls();
        struct net n = {.options = server, .client = client};

        memset(&made, 0, sizeof made);
        c.kernel_tls = s.kernel_tls = RNL_YES;
        secure_init(&n, &c, &s);
        run.backend_ops = made_table("select");
        run.allocator = &failing;
        run.report = be_quiet;
        to_go = i;
        (void)rnl_run(exchange, &n, &run);
        IS(live, 0);
        rnl_tls_free(n.client.ssl.context);
        rnl_tls_free(n.options.ssl.context);
        if (to_go > 0)
            break; /* none was left to fail */
    }
    CU_ASSERT(to_go > 0);
}

/* Told once, so that a log shows what was tried. */
static void what_is_tried(void)
{
    printf("%s ", getenv("RUNNEL_TEST_KTLS") ? "the system's kernel, and one made here"
                                             : "a kernel made here; the system's is not asked for");
}

SUITE("tls.kernel", {"which kernel", what_is_tried}, {"each version and cipher", each_cipher_each},
      {"only if asked for", only_if_asked_each}, {"bulk both ways at once", bulk_each},
      {"a kernel that is full at each send", full_each_time_each},
      {"a kernel that refuses", refused_each}, {"drain counts every byte", drain_counts_each},
      {"half-close both ways", half_close_each},
      {"a close sends all, though nobody answers", close_sends_all_each},
      {"a peer that resets", reset_by_peer_each}, {"a peer that is cut off", cut_off_each},
      {"a peer that asks for new keys", new_keys_each}, {"started later, and inside", inside_each},
      {"Unix sockets, the simulator", elsewhere_each},
      {"records that wait for the kernel", records_that_wait_each},
      {"records that fail", records_that_fail_each}, {"no memory, anywhere", without_memory})
