/* A client that goes away at any step of an exchange, in every way there is; and an
 * end of input at any byte. Each case is a loop of its own, so that what it leaves
 * (memory, descriptors) is counted; that no handler is left is looked at before. */
#include "stream/helper_net.h"

#include <stdlib.h>
#include <sys/socket.h>

enum { BIG = 300000, STEPS = 11 };

enum way {
    RESET, /* the kernel says so to the peer */
    ABORT,
    CLOSE,
    HALF, /* our end, and then whatever comes */
    FREE,
    SHUTDOWN, /* behind the library's back */
    KILLED,   /* by the server */
    CANCELLED,
    WAYS
};

static struct {
    int step;
    enum way way;
} kill_at;
static int running, started; /* handlers */
static char big[BIG];

/* ---- The server's side ------------------------------------------------- */

static int echo_all(struct rnl_reader *r, struct rnl_writer *w)
{
    struct rnl_bytes b;
    int err = rnl_readline(r, &b);

    if (!err)
        err = rnl_write(w, b.data, b.len);
    if (!err)
        err = rnl_readexactly(r, BIG, &b);
    if (!err)
        err = rnl_write(w, b.data, b.len);
    if (!err)
        err = rnl_drain(w);
    if (!err)
        err = rnl_readuntil(r, "END", 3, &b);
    if (!err)
        err = rnl_write(w, b.data, b.len);
    if (!err)
        err = rnl_read(r, RNL_ALL, &b);
    return err ? err : rnl_write(w, b.data, b.len);
}

static int handles(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    int err;

    (void)arg;
    started++;
    running++;
    err = echo_all(r, w);
    CU_ASSERT(err == RNL_OK || err == RNL_EINCOMPLETE || err == RNL_ECONNRESET ||
              err == RNL_EPIPE || err == RNL_ECLOSED);
    running--;
    return RNL_OK;
}

/* ---- The client's ------------------------------------------------------ */

static int do_step(struct net *n, int step)
{
    struct rnl_bytes b;

    switch (step) {
    case 0:
        return rnl_write_str(n->w, "hello\n");
    case 1:
        return rnl_readline(n->r, &b);
    case 2:
        return rnl_write(n->w, big, BIG);
    case 3:
        return rnl_drain(n->w);
    case 4:
        return rnl_readexactly(n->r, BIG / 2, &b);
    case 5:
        return rnl_readexactly(n->r, BIG - BIG / 2, &b);
    case 6:
        return rnl_write_str(n->w, "some text, and its END");
    case 7:
        return rnl_readuntil(n->r, "END", 3, &b);
    case 8:
        return rnl_write_str(n->w, "the tail");
    case 9:
        return rnl_write_eof(n->w);
    default:
        return rnl_read(n->r, RNL_ALL, &b);
    }
}

/* How an end that it made itself looks to the client. */
static bool is_an_end(int err)
{
    return err == RNL_OK || err == RNL_EINCOMPLETE || err == RNL_ECONNRESET || err == RNL_EPIPE ||
           err == RNL_ECLOSED;
}

static void kill_now(struct net *n)
{
    struct rnl_bytes b;

    switch (kill_at.way) {
    case RESET:
        reset_on_abort(n->w);
        rnl_abort(n->w);
        break;
    case ABORT:
        rnl_abort(n->w);
        break;
    case CLOSE:
        rnl_close(n->w);
        CU_ASSERT(is_an_end(rnl_wait_closed(n->w)));
        break;
    case HALF:
        OK(rnl_write_eof(n->w));
        CU_ASSERT(is_an_end(rnl_read(n->r, RNL_ALL, &b)));
        break;
    case SHUTDOWN:
        (void)shutdown((int)rnl_get_socket(n->w), SHUT_RDWR);
        CU_ASSERT(is_an_end(rnl_read(n->r, RNL_ALL, &b)));
        break;
    case KILLED:
        while (started == 0)
            turns(1);
        rnl_server_abort_clients(n->server);
        CU_ASSERT(is_an_end(rnl_read(n->r, RNL_ALL, &b)));
        break;
    case CANCELLED:
        CU_ASSERT(rnl_task_cancel(rnl_task_current()));
        IS(rnl_read(n->r, RNL_ALL, &b), RNL_ECANCELED);
        break;
    default:
        break; /* FREE */
    }
}

static int talks(void *arg)
{
    struct net *n = arg;
    int err = net_connect(n, &n->r, &n->w);

    for (int step = 0; step < kill_at.step && !err; step++)
        err = do_step(n, step);
    OK(err);
    kill_now(n);
    rnl_stream_free(n->r, n->w);
    return RNL_OK;
}

static void open_server(struct net *n, rnl_handler_fn *handler)
{
    struct rnl_address address;

    if (n->kind == NET_UNIX)
        OK(rnl_start_unix_server(handler, n, n->path, RNL_ALL, &n->options, &n->server));
    else
        OK(rnl_start_server(handler, n, "127.0.0.1", 0, &n->options, &n->server));
    OK(rnl_server_address(n->server, 0, &address));
    n->port = address.port;
}

/* Every handler ends by itself: it is not the loop's end that takes it away. */
static void close_server(struct net *n)
{
    struct rnl_timeout limit;

    OK(rnl_timeout_begin(&limit, 30 * RNL_SECOND));
    rnl_server_close(n->server);
    OK(rnl_timeout_end(&limit, rnl_server_wait_closed(n->server)));
    turns(3);
    IS(running, 0);
    IS(rnl_server_connections(n->server), 0);
    rnl_server_free(n->server);
}

static void one_kill(struct net *n)
{
    running = started = 0;
    open_server(n, handles);
    OK(join(start(talks, n)));
    close_server(n);
}

static void killed_anywhere(void)
{
    for (int way = 0; way < WAYS; way++) {
        for (int step = 0; step <= STEPS; step++) {
            if (step == STEPS && way == CANCELLED)
                continue; /* it has read the end: nothing is left to wait for */
            kill_at.way = (enum way)way;
            kill_at.step = step;
            each_system_raw(one_kill);
        }
    }
}

/* Cancelled from outside after so many turns, wherever it is then. */
static int cancel_after;

static int talks_to_its_end(void *arg)
{
    struct net *n = arg;
    int err = net_connect(n, &n->r, &n->w);

    for (int step = 0; step < STEPS && !err; step++)
        err = do_step(n, step);
    rnl_stream_free(n->r, n->w);
    return err;
}

static void one_cancel(struct net *n)
{
    struct rnl_task *task;
    int err;

    running = started = 0;
    open_server(n, handles);
    task = start(talks_to_its_end, n);
    turns(cancel_after);
    rnl_task_cancel(task);
    err = join(task);
    CU_ASSERT(err == RNL_OK || err == RNL_ECANCELED);
    close_server(n);
}

static void cancelled_anywhere(void)
{
    for (cancel_after = 0; cancel_after < 40; cancel_after++)
        each_system_raw(one_cancel);
}

/* ---- An end of input at any byte --------------------------------------- */

static const char message[] =
    "the line\n" /* 9 */ "12345678" /* 17 */ "until##" /* 24 */ "the rest";

static size_t cut;
static char got[sizeof message];
static size_t got_len;
static int codes[4];

static void keep(const struct rnl_bytes *b)
{
    CU_ASSERT_FATAL(got_len + b->len < sizeof got);
    if (b->len > 0)
        memcpy(got + got_len, b->data, b->len);
    got_len += b->len;
}

static int reads_message(struct rnl_reader *r, struct rnl_writer *w, void *arg)
{
    struct rnl_bytes b;

    (void)w;
    (void)arg;
    started++;
    running++;
    codes[0] = rnl_readline(r, &b);
    keep(&b);
    codes[1] = rnl_readexactly(r, 8, &b);
    keep(&b);
    codes[2] = rnl_readuntil(r, "##", 2, &b);
    keep(&b);
    codes[3] = rnl_read(r, RNL_ALL, &b);
    keep(&b);
    CU_ASSERT(rnl_at_eof(r));
    running--;
    return RNL_OK;
}

static enum way end_by;

static void one_cut(struct net *n)
{
    running = started = 0;
    got_len = 0;
    open_server(n, reads_message);
    OK(net_connect(n, &n->r, &n->w));
    OK(rnl_write(n->w, message, cut));
    if (end_by == HALF)
        OK(rnl_write_eof(n->w));
    else
        rnl_close(n->w);
    while (started == 0 || running > 0)
        turns(1);
    rnl_stream_free(n->r, n->w);
    close_server(n);
    IS(got_len, cut);
    CU_ASSERT(memcmp(got, message, cut) == 0);
    OK(codes[0]); /* readline answers what there is */
    IS(codes[1], cut < 17 ? RNL_EINCOMPLETE : RNL_OK);
    IS(codes[2], cut < 24 ? RNL_EINCOMPLETE : RNL_OK);
    OK(codes[3]);
}

static void ends_at_any_byte(void)
{
    static const enum way ways[] = {HALF, CLOSE};

    for (size_t i = 0; i < 2; i++) {
        end_by = ways[i];
        for (cut = 0; cut < sizeof message; cut++)
            each_system_raw(one_cut);
    }
}

SUITE("kills", {"A6 H4 H6 killed at any step, in any way", killed_anywhere},
      {"A6 D1 cancelled after any number of turns", cancelled_anywhere},
      {"B6 an end of input at any byte", ends_at_any_byte})
