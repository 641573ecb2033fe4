/* A peer that stops in the middle of a message, ends half, or drips, while we have something to
 * say: TLS waits as TCP does, and its limits hold. */
#include "tls/helper_secure.h"
#include "tls/helper_sender.h"

#include <runnel/inspect.h>
#include <runnel/sim.h>

#include "stream/filters.h"

#define SHORT (50 * RNL_MILLISECOND)

static const unsigned char key_update[5] = {24, 0, 0, 1, 0};

static void midway_open(struct net *n, struct sender *s)
{
    struct rnl_tls_options c = client_tls();

    sender_options(&c);
    secure_init(n, &c, NULL);
    sender_listen(n->client.ssl.context);
    net_open(n);
    sender_open(s);
}

/* From the client, past its engine. */
static void send_part(struct net *n, struct sender *s, const void *part, size_t len)
{
    struct rnli_conn *conn = rnli_writer_conn(n->w);
    unsigned char record[SENDER_MOST];

    OK(rnl_core_write(conn->filters->bottom->out, record,
                      sender_seal(s, SENDER_HANDSHAKE, part, len, 0, record)));
    rnli_conn_flush(conn);
}

/* Until the server is in the middle of it. */
static void stop_midway(struct net *n, struct sender *s)
{
    SSL *ssl = rnli_tls_engine_of(rnli_writer_conn(n->pw)->filters->top)->ssl;

    send_part(n, s, key_update, 4);
    while (!SSL_in_init(ssl))
        turns(1);
}

static uint64_t turns_so_far(void)
{
    struct rnl_counters c = RNL_COUNTERS_INIT;

    OK(rnl_counters_get(&c));
    return c.turns;
}

static int read_line(void *arg)
{
    struct rnl_bytes b;
    int code = rnl_readline(arg, &b);

    return code ? code : (int)b.len;
}

/* The answer waits for the rest, and the loop does not spin meanwhile. */
static void waits(struct net *n)
{
    struct rnl_task *reader;
    struct sender s;
    uint64_t before;

    midway_open(n, &s);
    stop_midway(n, &s);
    OK(rnl_write_str(n->pw, "answer\n"));
    OK(rnl_write_eof(n->pw));
    reader = start(read_line, n->r);
    before = turns_so_far();
    OK(rnl_sleep(SHORT));
    CU_ASSERT(turns_so_far() - before < 20);
    CU_ASSERT(!rnl_task_done(reader));
    send_part(n, &s, key_update + 4, 1);
    IS(join(reader), 7);
    IS(read_line(n->r), 0); /* our side has ended in order */
    rnl_abort(n->w);
    rnl_abort(n->pw);
    secure_close(n);
}
EACH_RAW(waits)

/* The limits on a peer that takes nothing are on one that lets us say nothing. */
static void is_not_waited_for(struct net *n)
{
    for (int closes = 0; closes < 2; closes++) {
        struct sender s;

        n->pr = NULL;
        n->options.stream.write_timeout_ns = closes ? 0 : SHORT;
        n->options.ssl.shutdown_timeout_ns = closes ? SHORT : 0;
        midway_open(n, &s);
        stop_midway(n, &s);
        OK(rnl_write_str(n->pw, "answer\n"));
        if (closes)
            rnl_close(n->pw);
        IS(closes ? rnl_wait_closed(n->pw) : rnl_wait_flushed(n->pw), RNL_ETIMEDOUT);
        rnl_abort(n->w);
        secure_close(n);
    }
}
EACH_RAW(is_not_waited_for)

/* ---- Half an end, and drops -------------------------------------------- */

static int wait_peer(void *arg)
{
    return rnl_wait_peer_closed(arg);
}

/* A close_notify is the peer's end, too. */
static void says_its_end(struct net *n)
{
    struct rnl_task *waiter;

    secure_open(n);
    waiter = start(wait_peer, n->r);
    turns(3);
    OK(rnl_write_eof(n->pw));
    OK(join(waiter));
    OK(rnl_wait_peer_closed(n->r));
    OK(rnl_write_str(n->w, "yes\n"));
    IS(read_line(n->pr), 4);
    secure_close(n);
}
EACH_RAW(says_its_end)

/* Who has said all is not idle: it waits for us. Virtual time, here and below. */
static void waits_for_an_answer(struct net *n)
{
    if (!rnl_sim_current())
        return;
    secure_init(n, NULL, NULL);
    n->options.stream.idle_timeout_ns = RNL_MINUTE;
    net_open(n);
    OK(rnl_write_str(n->w, "question\n"));
    OK(rnl_write_eof(n->w));
    IS(read_line(n->pr), 9);
    IS(read_line(n->pr), 0);
    OK(rnl_sleep(RNL_HOUR));
    OK(rnl_write_str(n->pw, "answer\n"));
    IS(read_line(n->r), 7);
    IS(net_reports(), 0);
    secure_close(n);
}
EACH_RAW(waits_for_an_answer)

static int drip(void *arg)
{
    struct rnl_writer *w = arg;
    int code = RNL_OK;

    while (!code) {
        code = rnl_write(w, "x", 1);
        if (!code)
            code = rnl_flush(w);
        if (!code)
            code = rnl_sleep(RNL_SECOND);
    }
    return code;
}

static void drips(struct net *n)
{
    struct rnl_task *client;
    int64_t began;

    if (!rnl_sim_current())
        return;
    secure_init(n, NULL, NULL);
    n->options.stream.min_rate = 100;
    n->options.stream.min_rate_window_ns = RNL_MINUTE;
    net_open(n);
    client = start(drip, n->w);
    began = rnl_now();
    IS(read_line(n->pr), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_now() - began <= 3 * RNL_MINUTE);
    CU_ASSERT(strstr(net_last_report(), "slower than the least rate") != NULL);
    CU_ASSERT(join(client) < 0);
    secure_close(n);
}
EACH_RAW(drips)

SUITE("tls.midway", {"I8 half a message is waited for", waits_each},
      {"I8 for as long as the limits say", is_not_waited_for_each},
      {"the peer's end is waited for", says_its_end_each},
      {"half an end is not idle", waits_for_an_answer_each}, {"a dripping peer", drips_each})
