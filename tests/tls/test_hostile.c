/* Peers that do not keep to the rules, and programs that call at odd moments. */
#include "tls/helper_secure.h"

#include <stdlib.h>
#include <sys/socket.h>

/* ---- Ends that were not announced -------------------------------------- */

/* The peer's TCP ends without close_notify, and it reads on. */
static void end_in_clear(struct rnl_writer *w)
{
    OK(rnl_flush(w));
    IS(shutdown((int)rnl_get_socket(w), SHUT_WR), 0);
}

/* Where such an end is a clean one, our side stays open, as after a clean one. */
static void ragged_and_answered(struct net *n)
{
    struct rnl_tls_options s = server_tls();
    struct rnl_bytes b;

    s.suppress_ragged_eofs = RNL_YES;
    secure_init(n, NULL, &s);
    net_open(n);
    OK(rnl_write_str(n->w, "question"));
    end_in_clear(n->w);
    OK(rnl_read(n->pr, RNL_ALL, &b));
    CU_ASSERT(same(&b, "question"));
    OK(rnl_write_str(n->pw, "answer"));
    OK(rnl_drain(n->pw));
    rnl_close(n->pw);
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "answer"));
    OK(rnl_wait_closed(n->pw));
    secure_close(n);
}
EACH_SYSTEM_RAW(ragged_and_answered)

/* What is queued when we close is sent, however the peer's side ends. */
static void ragged_while_closing(struct net *n)
{
    static char big[8 << 20]; /* more than every buffer of the kernel's */
    struct rnl_bytes b;
    size_t count = 0;

    for (int compat = 0; compat < 2; compat++) {
        n->pr = NULL;
        count = 0;
        secure_init(n, NULL, NULL);
        n->options.stream.compat = compat ? RNL_YES : RNL_NO;
        net_open(n);
        OK(rnl_write(n->pw, big, sizeof big));
        if (!compat)
            rnl_close(n->pw);
        end_in_clear(n->w);
        turns(20);
        while (count < sizeof big) {
            OK(rnl_read(n->r, 1 << 20, &b));
            CU_ASSERT_FATAL(b.len > 0);
            count += b.len;
        }
        OK(rnl_read(n->r, 1, &b));
        IS(b.len, 0);
        OK(rnl_wait_closed(n->pw));
        secure_close(n);
    }
}
EACH_SYSTEM_RAW(ragged_while_closing)

/* ---- A socket that was lent -------------------------------------------- */

/* Where TLS fails the socket is the caller's still, and the library is done with it:
 * it is taken again at once, and nothing closes it later. */
static void kept_by_the_caller(struct net *n)
{
    struct rnl_reader *r[2];
    struct rnl_writer *w[2];
    struct rnl_bytes b;
    rnl_socket sock;

    if (n->kind != NET_TCP)
        return;
    secure_init(n, NULL, NULL);
    OK(rnl_open_pair(NULL, r, w));
    if (rnl_stream_detach(r[0], w[0], &sock, &b) == RNL_OK) {
        rnl_stream_free(r[0], w[0]);
        n->client.ssl.server_hostname = NULL;
        IS(rnl_open_connection_socket(sock, &n->client, &r[0], &w[0]), RNL_EINVAL);
        n->client.ssl.server_hostname = "localhost";
        OK(rnl_write_str(w[1], "this is no TLS at all\n"));
        OK(rnl_flush(w[1]));
        IS(rnl_open_connection_socket(sock, &n->client, &r[0], &w[0]), RNL_ENOTTLS);
        CU_ASSERT_FATAL(rnl_open_connection_socket(sock, NULL, &r[0], &w[0]) == RNL_OK);
        turns(5);
        OK(rnl_write_str(w[1], "goes on\n"));
        OK(rnl_readuntil(r[0], "goes on\n", 8, &b));
    }
    rnl_stream_free(r[0], w[0]);
    rnl_stream_free(r[1], w[1]);
    rnl_tls_free(n->client.ssl.context);
    rnl_tls_free(n->options.ssl.context);
}
#ifdef _WIN32 /* no pairs of sockets there, and none leaves its completion port */
static void kept_by_the_caller_each(void)
{
    (void)kept_by_the_caller;
}
#else
EACH_SYSTEM_RAW(kept_by_the_caller)
#endif

/* ---- Odd moments ------------------------------------------------------- */

struct side {
    struct rnl_writer *w;
    struct rnl_start_tls_options o;
};

static struct side side_of(struct rnl_writer *w, struct rnl_tls_context *c, const char *name)
{
    struct rnl_start_tls_options o = RNL_START_TLS_OPTIONS_INIT;
    struct side side = {w, o};

    side.o.ssl.context = c;
    side.o.ssl.server_hostname = name;
    return side;
}

static int upgrade(void *arg)
{
    struct side *side = arg;

    return rnl_start_tls(side->w, &side->o);
}

/* A second upgrade while the first one's handshake is under way. */
static void upgraded_twice_at_once(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    struct side client = side_of(n->w, cc, "good.test"), server = side_of(n->pw, sc, NULL);
    struct rnl_task *first = start(upgrade, &client), *second = start(upgrade, &client);
    struct rnl_bytes b;

    server.o.feed_leftover = RNL_YES; /* the hello may be there already */
    turns(3);
    IS(upgrade(&client), RNL_EBUSY);
    OK(upgrade(&server));
    OK(join(first));
    IS(join(second), RNL_EBUSY);
    OK(rnl_write_str(n->w, "one layer\n"));
    OK(rnl_readline(n->pr, &b));
    CU_ASSERT(same(&b, "one layer\n"));
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(upgraded_twice_at_once)

/* A connection that the program has paused could not hear the peer's part. */
static void upgraded_while_paused(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    struct side client = side_of(n->w, cc, "good.test"), server = side_of(n->pw, sc, NULL);
    struct rnl_task *task;

    rnl_pause_reading(n->r);
    IS(upgrade(&client), RNL_EBUSY);
    rnl_resume_reading(n->r);
    task = start(upgrade, &server);
    OK(upgrade(&client));
    OK(join(task));
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(upgraded_while_paused)

/* The peer's end is heard at a close, though the program reads nothing. */
static void paused_and_closed(struct net *n)
{
    static char big[1 << 20];

    secure_open(n);
    rnl_pause_reading(n->r);
    OK(rnl_write(n->pw, big, sizeof big));
    turns(3);
    rnl_close(n->w);
    rnl_close(n->pw);
    OK(rnl_wait_closed(n->w));
    OK(rnl_wait_closed(n->pw));
    secure_close(n);
}
EACH_RAW(paused_and_closed)

/* The socket without the keys is of no use to anybody. */
static void detached(struct net *n)
{
    struct rnl_bytes b;
    rnl_socket sock = RNL_NO_SOCKET;

    secure_open(n);
    IS(rnl_stream_detach(n->r, n->w, &sock, &b), RNL_ENOTSUP);
    OK(rnl_write_str(n->w, "goes on\n"));
    OK(rnl_readline(n->pr, &b));
    CU_ASSERT(same(&b, "goes on\n"));
    secure_close(n);
}
EACH_SYSTEM_RAW(detached)

/* The other end of a TLS connection writes and ends while a handshake is under way. */
static void written_during_the_handshake(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    struct side client = side_of(n->w, cc, "good.test"), server = side_of(n->pw, sc, NULL);
    struct rnl_task *task = start(upgrade, &client);
    struct rnl_bytes b;

    server.o.feed_leftover = RNL_YES;
    turns(2);
    OK(rnl_write_str(n->w, "written early"));
    OK(rnl_write_eof(n->w));
    OK(upgrade(&server));
    OK(join(task));
    OK(rnl_read(n->pr, RNL_ALL, &b));
    CU_ASSERT(same(&b, "written early"));
    OK(rnl_write_str(n->pw, "answer"));
    rnl_close(n->pw);
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "answer"));
    rnl_close(n->w);
    OK(rnl_wait_closed(n->w));
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(written_during_the_handshake)

/* Closed or aborted by another task in the middle. */
static void closed_during_the_handshake(struct net *n)
{
    struct rnl_tls_context *cc = client_context();
    struct side client = side_of(n->w, cc, "good.test");
    struct rnl_task *task = start(upgrade, &client);

    turns(2);
    rnl_close(n->w);
    IS(join(task), RNL_ECLOSED);
    OK(rnl_wait_closed(n->w));
    IS(upgrade(&client), RNL_ECLOSED);
    rnl_tls_free(cc);
}
EACH(closed_during_the_handshake)

/* A reset has words of its own. */
static void reset_during_the_handshake(struct net *n)
{
    struct rnl_tls_context *cc = client_context();
    struct side client = side_of(n->w, cc, "good.test");
    struct rnl_task *task;

    if (n->kind == NET_TCP) {
        task = start(upgrade, &client);
        turns(2);
        reset_on_abort(n->pw);
        rnl_abort(n->pw);
        IS(join(task), RNL_ECONNRESET);
        CU_ASSERT(strstr(rnl_error_detail(n->w), "reset during the handshake") != NULL);
    }
    rnl_tls_free(cc);
}
EACH_SYSTEM(reset_during_the_handshake)

/* Of TLS inside TLS the outer one's words are told, too. */
static void outer_words(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    struct side client = side_of(n->w, cc, "good.test"), server = side_of(n->pw, sc, NULL);
    struct rnl_bytes b;

    for (int i = 0; i < 2; i++) {
        struct rnl_task *task = start(upgrade, &server);

        OK(upgrade(&client));
        OK(join(task));
    }
    CU_ASSERT_STRING_EQUAL(rnl_error_detail(n->w), "");
    rnl_abort(n->pw);
    IS(rnl_read(n->r, 1, &b), RNL_ETRUNCATED);
    CU_ASSERT(strstr(rnl_error_detail(n->w), "without close_notify") != NULL);
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(outer_words)

/* ---- Strangers at a server --------------------------------------------- */

/* A client's hello, taken from a connection that is then thrown away. */
static size_t record_hello(struct net *n, unsigned char *hello, size_t size)
{
    struct rnl_tls_context *cc = client_context();
    struct side client = side_of(n->w, cc, "good.test");
    struct rnl_task *task = start(upgrade, &client);
    struct rnl_bytes b;
    size_t len;

    OK(rnl_readexactly(n->pr, 5, &b));
    len = 5 + ((size_t)b.data[3] << 8 | b.data[4]);
    CU_ASSERT_FATAL(len <= size);
    memcpy(hello, b.data, 5);
    OK(rnl_readexactly(n->pr, len - 5, &b));
    memcpy(hello + 5, b.data, len - 5);
    rnl_task_cancel(task);
    IS(join(task), RNL_ECANCELED);
    rnl_tls_free(cc);
    return len;
}

static int served;

static int count_served(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    (void)r;
    (void)w;
    (void)arg;
    served++;
    return RNL_OK;
}

struct place {
    struct rnl_server *server;
    struct rnl_server_options options;
    uint16_t port;
};

static void place_open(struct place *p, int64_t handshake_timeout_ns)
{
    struct rnl_server_options o = RNL_SERVER_OPTIONS_INIT;
    struct rnl_address address;

    p->options = o;
    p->options.ssl.context = server_context();
    p->options.ssl.handshake_timeout_ns = handshake_timeout_ns;
    served = 0;
    OK(rnl_start_server(count_served, NULL, "127.0.0.1", 0, &p->options, &p->server));
    OK(rnl_server_address(p->server, 0, &address));
    p->port = address.port;
}

/* The server still serves; then it goes. */
static void place_close(struct place *p)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;

    o.ssl.context = client_context();
    IS(served, 0);
    OK(rnl_open_connection("127.0.0.1", p->port, &o, &r, &w));
    OK(rnl_read(r, 1, &b));
    IS(b.len, 0);
    IS(served, 1);
    rnl_stream_free(r, w);
    rnl_server_close(p->server);
    rnl_server_abort_clients(p->server);
    OK(rnl_server_wait_closed(p->server));
    rnl_server_free(p->server);
    rnl_tls_free(o.ssl.context);
    rnl_tls_free(p->options.ssl.context);
}

static void await_clients(const struct place *p, size_t count)
{
    while (rnl_server_connections(p->server) != count)
        turns(1);
}

/* The hello cut at each byte, by an end and by a reset. */
static void hello_cut_anywhere(struct net *n)
{
    static unsigned char hello[2000];
    size_t len = record_hello(n, hello, sizeof hello);
    struct place p;

    if (n->kind == NET_UNIX)
        return;
    place_open(&p, 0);
    for (int reset = 0; reset < 2; reset++)
        for (size_t cut = 0; cut < len; cut += cut < 60 ? 1 : 37) {
            struct rnl_reader *r;
            struct rnl_writer *w;

            OK(rnl_open_connection("127.0.0.1", p.port, NULL, &r, &w));
            await_clients(&p, 1);
            OK(rnl_write(w, hello, cut));
            OK(rnl_flush(w));
            if (reset)
                reset_on_abort(w);
            rnl_abort(w);
            await_clients(&p, 0);
            rnl_stream_free(r, w);
        }
    place_close(&p);
}
EACH_SYSTEM(hello_cut_anywhere)

/* A client that sends a byte now and then: the limit is for all of the handshake. */
static void dripping_client(struct net *n)
{
    static unsigned char hello[2000];
    struct rnl_reader *r;
    struct rnl_writer *w;
    struct rnl_bytes b;
    int64_t began;
    size_t len, sent = 0;
    struct place p;

    len = record_hello(n, hello, sizeof hello);
    if (n->kind == NET_UNIX)
        return;
    place_open(&p, 60 * RNL_MILLISECOND);
    began = rnl_now();
    OK(rnl_open_connection("127.0.0.1", p.port, NULL, &r, &w));
    await_clients(&p, 1);
    while (rnl_server_connections(p.server) > 0 && sent + 1 < len) {
        struct rnl_timeout limit;

        OK(rnl_write(w, hello + sent++, 1));
        OK(rnl_timeout_begin(&limit, 5 * RNL_MILLISECOND));
        if (rnl_timeout_end(&limit, rnl_read(r, 1, &b)) != RNL_ETIMEDOUT)
            break;
    }
    CU_ASSERT(sent + 1 < len);
    await_clients(&p, 0);
    CU_ASSERT(rnl_now() - began >= 60 * RNL_MILLISECOND);
    rnl_stream_free(r, w);
    p.options.ssl.handshake_timeout_ns = 0;
    rnl_server_close(p.server);
    OK(rnl_server_wait_closed(p.server));
    rnl_server_free(p.server);
    rnl_tls_free(p.options.ssl.context);
    IS(served, 0);
}
EACH_SYSTEM(dripping_client)

/* ---- Cancelled ends ---------------------------------------------------- */

static int close_and_wait(void *arg)
{
    struct net *n = arg;

    rnl_close(n->w);
    return rnl_wait_closed(n->w);
}

/* A cancel ends the wait alone: the rest arrives, and the end with it. */
static void cancelled_while_closing(struct net *n)
{
    enum { SIZE = 2 << 20 };
    char *big = calloc(1, SIZE);
    int code = RNL_ECANCELED;

    for (int k = 0; code == RNL_ECANCELED && k < 5000; k = k * 5 / 4 + 1) {
        struct rnl_task *task;
        struct rnl_bytes b;
        size_t count = 0;

        n->pr = NULL;
        secure_open(n);
        OK(rnl_write(n->w, big, SIZE));
        task = start(close_and_wait, n);
        for (int i = 0; i < k; i++) {
            if (count == SIZE || rnl_buffered(n->pr) == 0) {
                turns(1);
                continue;
            }
            OK(rnl_read(n->pr, SIZE - count, &b));
            count += b.len;
            if (count == SIZE)
                rnl_close(n->pw);
        }
        rnl_task_cancel(task);
        code = join(task);
        CU_ASSERT(code == RNL_ECANCELED || code == RNL_OK);
        while (count < SIZE && rnl_read(n->pr, SIZE - count, &b) == RNL_OK && b.len > 0)
            count += b.len;
        IS(count, SIZE);
        OK(rnl_read(n->pr, 1, &b));
        IS(b.len, 0);
        rnl_close(n->pw);
        OK(rnl_wait_closed(n->pw));
        OK(rnl_wait_closed(n->w));
        secure_close(n);
    }
    OK(code);
    free(big);
}
EACH_SYSTEM_RAW(cancelled_while_closing) /* it counts turns: the simulator's take no time */

SUITE("tls.hostile",
      {"I1 an unannounced end that is allowed is answered", ragged_and_answered_each},
      {"a socket that was lent, where TLS fails", kept_by_the_caller_each},
      {"I3 an unannounced end does not stop a close", ragged_while_closing_each},
      {"J8 upgraded twice at once", upgraded_twice_at_once_each},
      {"an upgrade while reading is paused", upgraded_while_paused_each},
      {"I4 closed while reading is paused", paused_and_closed_each},
      {"a TLS connection is not detached", detached_each},
      {"J7 written during the handshake", written_during_the_handshake_each},
      {"closed during the handshake", closed_during_the_handshake_each},
      {"a reset during the handshake", reset_during_the_handshake_each},
      {"words of the outer of two", outer_words_each},
      {"A6 a hello cut anywhere", hello_cut_anywhere_each},
      {"I5 a client that sends a byte now and then", dripping_client_each},
      {"A6 cancelled anywhere in a close", cancelled_while_closing_each})
