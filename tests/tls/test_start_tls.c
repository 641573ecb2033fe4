/* rnl_start_tls: both sides, and everything that can be slipped in before it. */
#include "tls/helper_secure.h"

#include "task/sched.h"

struct side {
    struct rnl_writer *w;
    struct rnl_start_tls_options o;
};

static struct rnl_start_tls_options start_options(struct rnl_tls_context *c, const char *name)
{
    struct rnl_start_tls_options o = RNL_START_TLS_OPTIONS_INIT;

    o.ssl.context = c;
    o.ssl.server_hostname = name;
    return o;
}

static int upgrade(void *arg)
{
    struct side *side = arg;

    return rnl_start_tls(side->w, &side->o);
}

/* Both ends at once; the client's answer. */
static int upgrade_both(struct net *n, struct rnl_tls_context *cc, struct rnl_tls_context *sc)
{
    struct side server = {n->pw, start_options(sc, NULL)};
    struct side client = {n->w, start_options(cc, "good.test")};
    struct rnl_task *task = start(upgrade, &server);
    int code = upgrade(&client);

    OK(join(task));
    return code;
}

static void say(struct rnl_writer *w, struct rnl_reader *r, const char *text)
{
    struct rnl_bytes b;

    OK(rnl_write_str(w, text));
    OK(rnl_readexactly(r, strlen(text), &b));
    CU_ASSERT(same(&b, text));
}

static void upgraded(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();

    say(n->w, n->pr, "STARTTLS\r\n");
    say(n->pw, n->r, "220 go ahead\r\n");
    CU_ASSERT(rnl_get_extra_info(n->w, "sslcontext") == NULL);
    OK(upgrade_both(n, cc, sc));
    CU_ASSERT(rnl_get_extra_info(n->w, "sslcontext") == cc);
    CU_ASSERT(rnl_get_extra_info(n->pw, "sslcontext") == sc);
    CU_ASSERT(!rnl_is_closing(n->w));
    for (int i = 0; i < 100; i++) {
        say(n->w, n->pr, "there\n");
        say(n->pw, n->r, "and back\n");
    }
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(upgraded)

/* TLS inside TLS, bulk through it, and an orderly end. */
static void twice(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    static char big[500000];
    struct rnl_bytes b;

    for (int i = 0; i < 3; i++) {
        OK(upgrade_both(n, cc, sc));
        say(n->w, n->pr, "inside");
        say(n->pw, n->r, "and out");
    }
    OK(rnl_write(n->w, big, sizeof big));
    rnl_close(n->w);
    OK(rnl_read(n->pr, RNL_ALL, &b));
    IS(b.len, sizeof big);
    rnl_close(n->pw);
    OK(rnl_wait_closed(n->w));
    OK(rnl_wait_closed(n->pw));
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(twice)

static void wait_for_bytes(struct rnl_reader *r, size_t count)
{
    while (rnl_buffered(r) < count)
        turns(1);
}

/* A reply and more in one piece: nothing of it is ever read as protected. */
static void injected(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    struct rnl_start_tls_options o[] = {start_options(cc, "good.test"), start_options(sc, NULL)};
    struct rnl_reader *readers[] = {n->r, n->pr};
    struct rnl_writer *writers[] = {n->w, n->pw};
    struct rnl_bytes b;

    for (int i = 0; i < 2; i++) {
        OK(rnl_write_str(writers[1 - i], "220 go\r\n250 injected\r\n"));
        OK(rnl_readline(readers[i], &b));
        CU_ASSERT(same(&b, "220 go\r\n"));
        wait_for_bytes(readers[i], 14);
        IS(rnl_start_tls(writers[i], &o[i]), RNL_ELEFTOVER);
        CU_ASSERT(rnl_get_extra_info(writers[i], "sslcontext") == NULL);
        OK(rnl_readline(readers[i], &b));
    }
    OK(upgrade_both(n, cc, sc)); /* the connection was not harmed */
    say(n->w, n->pr, "clean");
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(injected)

/* Fed to TLS on request, where it is no TLS. */
static void injected_and_fed(struct net *n)
{
    struct rnl_tls_context *cc = client_context();
    struct rnl_start_tls_options o = start_options(cc, "good.test");
    struct rnl_bytes b;

    o.feed_leftover = RNL_YES;
    OK(rnl_write_str(n->pw, "250 injected\r\n"));
    wait_for_bytes(n->r, 14);
    IS(rnl_start_tls(n->w, &o), RNL_ENOTTLS);
    CU_ASSERT(rnl_is_closing(n->w));
    CU_ASSERT(rnl_read(n->r, 100, &b) != RNL_OK || b.len == 0);
    rnl_tls_free(cc);
}
EACH(injected_and_fed)

/* A PROXY line and the hello in one piece. */
static void proxy_line(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    struct side client = {n->w, start_options(cc, "good.test")};
    struct rnl_start_tls_options o = start_options(sc, NULL);
    static const char line[] = "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n";
    struct rnl_task *task;
    struct rnl_bytes b;

    OK(rnl_write_str(n->w, line));
    task = start(upgrade, &client);
    wait_for_bytes(n->pr, sizeof line + 100);
    OK(rnl_readline(n->pr, &b));
    CU_ASSERT(same(&b, line));
    o.feed_leftover = RNL_YES;
    OK(rnl_start_tls(n->pw, &o));
    OK(join(task));
    say(n->w, n->pr, "through the proxy");
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(proxy_line)

/* Clear text and the end, before any handshake. */
static void clear_text_and_end(struct net *n)
{
    struct rnl_tls_context *sc = server_context();
    struct rnl_start_tls_options o = start_options(sc, NULL);
    char text[100] = "of another time";
    struct rnl_bytes b;

    o.ssl.error_text = text;
    o.ssl.error_text_size = sizeof text;
    OK(rnl_write_str(n->w, "DELETE everything\r\n"));
    OK(rnl_write_eof(n->w));
    wait_for_bytes(n->pr, 19);
    turns(3);
    IS(rnl_start_tls(n->pw, &o), RNL_ELEFTOVER);
    CU_ASSERT_STRING_EQUAL(text, "");
    o.feed_leftover = RNL_YES;
    IS(rnl_start_tls(n->pw, &o), RNL_ECONNRESET);
    CU_ASSERT(strstr(text, "closed the connection") != NULL);
    OK(rnl_read(n->pr, RNL_ALL, &b)); /* in clear, as it came */
    IS(rnl_start_tls(n->pw, &o), RNL_ECONNRESET);
    CU_ASSERT(rnl_get_extra_info(n->pw, "sslcontext") == NULL);
    rnl_tls_free(sc);
}
EACH(clear_text_and_end)

/* What is queued goes out in clear, all of it, before the hello. */
static void queued_first(struct net *n)
{
    struct rnl_tls_context *cc = client_context();
    static char big[2000000];
    struct side client = {n->w, start_options(cc, "good.test")};
    struct rnl_task *task;
    struct rnl_bytes b;
    size_t count = 0;

    memset(big, 'x', sizeof big);
    OK(rnl_write(n->w, big, sizeof big));
    task = start(upgrade, &client);
    while (count < sizeof big) {
        OK(rnl_read(n->pr, sizeof big - count, &b));
        for (size_t i = 0; i < b.len; i++)
            CU_ASSERT_FATAL(b.data[i] == 'x');
        count += b.len;
    }
    OK(rnl_readexactly(n->pr, 3, &b));
    CU_ASSERT(b.data[0] == 22 && b.data[1] == 3); /* a handshake record */
    rnl_abort(n->pw);
    CU_ASSERT(join(task) < 0);
    rnl_tls_free(cc);
}
EACH(queued_first)

/* A peer that takes no clear text is waited for no longer than for its handshake; and who is
 * cancelled meanwhile has no connection left. */
static void queued_for_ever(struct net *n)
{
    struct rnl_tls_context *cc = client_context();
    static char big[8 * 1024 * 1024];
    struct side client = {n->w, start_options(cc, "good.test")};
    bool times_out = n->kind == NET_TCP; /* a Unix socket stands for the other */
    struct rnl_task *task;

    rnl_pause_reading(n->pr);
    if (times_out)
        client.o.ssl.handshake_timeout_ns = 50 * RNL_MILLISECOND;
    OK(rnl_write(n->w, big, sizeof big));
    task = start(upgrade, &client);
    turns(3);
    if (!times_out)
        rnl_task_cancel(task);
    IS(join(task), times_out ? RNL_ETIMEDOUT : RNL_ECANCELED);
    CU_ASSERT(rnl_is_closing(n->w));
    IS(rnl_queued(n->w), 0);
    rnl_tls_free(cc);
}
EACH(queued_for_ever)

static int read_line(void *arg)
{
    struct rnl_bytes b;

    return rnl_readline(arg, &b);
}

static void while_reading(struct net *n)
{
    struct rnl_tls_context *cc = client_context();
    struct rnl_start_tls_options o = start_options(cc, "good.test");
    struct rnl_task *task = start(read_line, n->r);

    turns(2);
    IS(rnl_start_tls(n->w, &o), RNL_EBUSY);
    OK(rnl_write_str(n->pw, "still clear\n"));
    OK(join(task));
    rnl_tls_free(cc);
}
EACH(while_reading)

static void arguments(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    struct rnl_start_tls_options o = start_options(NULL, NULL);

    IS(rnl_start_tls(n->w, &o), RNL_EINVAL);
    IS(rnl_start_tls(n->w, NULL), RNL_EINVAL);
    o.ssl.context = cc;
    IS(rnl_start_tls(n->w, &o), RNL_EINVAL); /* no name, and no word about it */
    o.ssl.server_hostname = "good.test";
    o.server_side = RNL_YES;
    IS(rnl_start_tls(n->w, &o), RNL_EINVAL); /* a client's context */
    o.server_side = RNL_DEFAULT;
    o.ssl.handshake_timeout_ns = -5;
    IS(rnl_start_tls(n->w, &o), RNL_EINVAL);
    o.ssl.handshake_timeout_ns = 0;
    OK(rnl_write_eof(n->w));
    IS(rnl_start_tls(n->w, &o), RNL_EINVAL);
    rnl_close(n->w);
    IS(rnl_start_tls(n->w, &o), RNL_ECLOSED);
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(arguments)

/* Reading pauses and resumes on the upgraded connection. */
static void pauses(struct net *n)
{
    struct rnl_tls_context *cc = client_context(), *sc = server_context();
    static char big[32 << 20]; /* more than every buffer of the kernel's */
    struct rnl_bytes b;
    size_t count = 0;

    OK(upgrade_both(n, cc, sc));
    OK(rnl_write(n->pw, big, sizeof big));
    turns(200);
    CU_ASSERT(rnl_buffered(n->r) <= 4 * 65536);
    CU_ASSERT(rnl_queued(n->pw) > 0);
    while (count < sizeof big) {
        OK(rnl_read(n->r, 100000, &b));
        CU_ASSERT_FATAL(b.len > 0);
        count += b.len;
    }
    rnl_tls_free(cc);
    rnl_tls_free(sc);
}
EACH(pauses)

/* The pair is freed while the call, its turn used up, has yet to look at it. */
static void free_client(void *arg)
{
    struct net *n = arg;

    rnl_stream_free(n->r, n->w);
    n->r = NULL;
    n->w = NULL;
}

static int upgrades_between_turns(void *arg)
{
    struct net *n = arg;
    struct rnl_tls_context *cc = client_context();
    struct side side = {n->w, start_options(cc, "good.test")};
    struct rnl_event *event;
    int code;

    rnl_abort(n->w);
    OK(rnl_yield());
    OK(rnl_yield()); /* the socket is gone: to free the pair is to free its memory */
    OK(rnl_event_open(&event));
    rnl_event_set(event);
    while (rnli_face(rnl_loop_current())->budget > 0)
        OK(rnl_event_wait(event));
    rnl_event_free(event);
    OK(rnl_call_soon(free_client, n));
    code = upgrade(&side);
    rnl_tls_free(cc);
    return code;
}

static void freed_between_turns(struct net *n)
{
    IS(join(start(upgrades_between_turns, n)), RNL_ECLOSED);
}
EACH(freed_between_turns)

/* ---- In a handler ------------------------------------------------------ */

struct upgrader {
    struct rnl_tls_context *context;
    bool deals; /* with the failure: it returns RNL_OK */
    int code, ended;
};

static int upgrades(struct rnl_reader *reader, struct rnl_writer *writer, void *arg)
{
    struct upgrader *u = arg;
    struct rnl_start_tls_options o = start_options(u->context, NULL);

    o.ssl.handshake_timeout_ns = 20 * RNL_MILLISECOND;
    u->code = rnl_start_tls(writer, &o);
    u->ended = rnl_exception(reader);
    return u->deals ? RNL_OK : u->code;
}

/* A peer that never begins is no failure of the handler's, whatever it returns; the time
 * that is over is the connection's error, as that of every handshake. */
static void silent_peer(struct net *n)
{
    struct upgrader u = {server_context(), false, RNL_OK, RNL_OK};
    struct rnl_address address;
    struct rnl_bytes b;

    OK(rnl_start_server(upgrades, &u, "127.0.0.1", 0, NULL, &n->server));
    OK(rnl_server_address(n->server, 0, &address));
    for (int deals = 0; deals < 2; deals++) {
        u.deals = deals == 1;
        OK(rnl_open_connection("127.0.0.1", address.port, NULL, &n->r, &n->w));
        OK(rnl_read(n->r, 1, &b)); /* it is closed */
        IS(b.len, 0);
        IS(u.code, RNL_ETIMEDOUT);
        IS(u.ended, RNL_ETIMEDOUT);
        rnl_stream_free(n->r, n->w);
    }
    IS(net_reports(), 0);
    OK(rnl_server_shutdown(n->server, RNL_OFF, NULL));
    rnl_server_free(n->server);
    rnl_tls_free(u.context);
}
EACH_RAW(silent_peer)

SUITE("tls.start_tls", {"J6 both sides go on in TLS", upgraded_each},
      {"I24 TLS inside TLS inside TLS", twice_each},
      {"J1 J3 clear text behind the reply is an error, both sides", injected_each},
      {"J3 clear text that is fed to TLS is no TLS", injected_and_fed_each},
      {"J2 a PROXY line and the hello in one piece", proxy_line_each},
      {"J5 clear text and an end before the handshake", clear_text_and_end_each},
      {"J7 what is queued goes out in clear first", queued_first_each},
      {"J7 but not for ever", queued_for_ever_each},
      {"J8 not while another task reads", while_reading_each}, {"arguments", arguments_each},
      {"D6 a pair freed under a task between turns", freed_between_turns_each},
      {"J6 reading pauses and resumes afterwards", pauses_each},
      {"a handler whose peer is silent", silent_peer_each})
