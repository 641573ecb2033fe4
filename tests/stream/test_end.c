/* How connections end, over every backend, TCP and Unix. */
#include "stream/helper_net.h"

#include <stdlib.h>

/* What came before a reset is read first; then the error, for ever. */
static void data_then_error(struct net *n)
{
    struct rnl_bytes b;

    OK(rnl_write_str(n->pw, "before"));
    OK(rnl_flush(n->pw));
    while (rnl_buffered(n->r) < 6)
        turns(1);
    if (n->kind == NET_UNIX)
        OK(rnl_write_str(n->w, "unread makes a reset on Unix sockets"));
    OK(rnl_flush(n->w));
    turns(2);
    reset_on_abort(n->pw);
    rnl_abort(n->pw);
    OK(rnl_wait_closed(n->pw));
    OK(rnl_readexactly(n->r, 3, &b));
    CU_ASSERT(same(&b, "bef"));
    OK(rnl_read(n->r, 100, &b));
    CU_ASSERT(same(&b, "ore"));
    if (n->kind == NET_TCP) {
        IS(rnl_read(n->r, 100, &b), RNL_ECONNRESET);
        IS(rnl_exception(n->r), RNL_ECONNRESET);
        IS(rnl_drain(n->w), RNL_ECONNRESET);
        IS(rnl_wait_closed(n->w), RNL_ECONNRESET);
        CU_ASSERT(rnl_os_code(n->w) != 0);
    }
}
EACH(data_then_error)

/* asyncio's way on request: the error hides the data. */
static void error_first(struct net *n)
{
    struct rnl_bytes b;

    net_close(n);
    n->pr = NULL;
    n->client.stream.compat = RNL_YES;
    net_open(n);
    OK(rnl_write_str(n->pw, "hidden"));
    OK(rnl_flush(n->pw));
    while (rnl_buffered(n->r) < 6)
        turns(1);
    reset_on_abort(n->pw);
    rnl_abort(n->pw);
    if (n->kind == NET_TCP) {
        IS(rnl_wait_closed(n->w), RNL_ECONNRESET);
        IS(rnl_read(n->r, 1, &b), RNL_ECONNRESET);
        IS(rnl_buffered(n->r), 6);
    }
}
EACH(error_first)

/* All orders of close, abort and wait_closed, twice each, then free. */
static void all_orders(struct net *n)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

    net_close(n);
    for (size_t o = 0; o < sizeof orders / sizeof *orders; o++) {
        n->pr = NULL;
        net_open(n);
        OK(rnl_write_str(n->w, "x"));
        for (int step = 0; step < 6; step++) {
            struct rnl_timeout limit;

            switch (orders[o][step % 3]) {
            case 0:
                rnl_close(n->w);
                break;
            case 1:
                rnl_abort(n->w);
                break;
            default:
                OK(rnl_timeout_begin(&limit, 0)); /* only looks */
                (void)!rnl_timeout_end(&limit, rnl_wait_closed(n->w));
            }
        }
        OK(rnl_wait_closed(n->w));
        CU_ASSERT(rnl_is_closing(n->w));
        if (o + 1 < sizeof orders / sizeof *orders)
            net_close(n);
    }
}
EACH(all_orders)

static int read_one(void *arg)
{
    struct rnl_bytes b;

    return rnl_read(arg, 1, &b);
}

static int wait_closed(void *arg)
{
    return rnl_wait_closed(arg);
}

/* Freed while tasks wait on it: they are told, and nothing is touched later. */
static void freed_under_waiters(struct net *n)
{
    struct rnl_task *reader = start(read_one, n->r);
    struct rnl_task *closer = start(wait_closed, n->w);

    turns(2);
    rnl_stream_free(n->r, n->w);
    n->r = NULL;
    n->w = NULL;
    IS(join(reader), RNL_ECLOSED);
    IS(join(closer), RNL_ECLOSED);
}
EACH(freed_under_waiters)

/* Waiters for the end do not disturb each other. */
static void waiters_are_independent(struct net *n)
{
    struct rnl_task *a = start(wait_closed, n->w), *b = start(wait_closed, n->w);

    turns(2);
    CU_ASSERT(rnl_task_cancel(a));
    IS(join(a), RNL_ECANCELED);
    rnl_close(n->w);
    OK(join(b));
    OK(rnl_wait_closed(n->w));
}
EACH(waiters_are_independent)

/* After our close: what was received can be read, then the end. */
static void read_after_close(struct net *n)
{
    struct rnl_bytes b;

    OK(rnl_write_str(n->pw, "received"));
    OK(rnl_flush(n->pw));
    while (rnl_buffered(n->r) < 8)
        turns(1);
    rnl_close(n->w);
    OK(rnl_wait_closed(n->w));
    CU_ASSERT(!rnl_at_eof(n->r));
    OK(rnl_readexactly(n->r, 8, &b));
    CU_ASSERT(rnl_at_eof(n->r));
    OK(rnl_read(n->r, 10, &b));
    IS(b.len, 0);
}
EACH(read_after_close)

/* close sends all that is queued, to a reader that comes late. */
static void close_flushes(struct net *n)
{
    enum { BIG = 3 * 1024 * 1024 };
    char *data = calloc(1, BIG);
    struct rnl_bytes b;

    OK(rnl_write(n->w, data, BIG));
    rnl_close(n->w);
    turns(5);
    OK(rnl_read(n->pr, RNL_ALL, &b));
    IS(b.len, BIG);
    OK(rnl_wait_closed(n->w));
    free(data);
}
EACH(close_flushes)

/* abort drops it; a drain that waits hears of it. */
static int drain(void *arg)
{
    return rnl_drain(arg);
}

static void abort_drops(struct net *n)
{
    enum { BIG = 16 * 1024 * 1024 };
    char *data = calloc(1, BIG);
    struct rnl_task *drainer;

    OK(rnl_write(n->w, data, BIG));
    drainer = start(drain, n->w);
    turns(3);
    rnl_abort(n->w);
    IS(join(drainer), RNL_ECLOSED);
    OK(rnl_wait_closed(n->w));
    IS(rnl_queued(n->w), 0);
    free(data);
}
EACH(abort_drops)

/* The peer's end of input does not end our side. */
static void half_closed(struct net *n)
{
    struct rnl_bytes b;
    char *data = calloc(1, 1000000);
    struct rnl_task *reader;

    OK(rnl_write_eof(n->pw));
    OK(rnl_read(n->r, RNL_ALL, &b));
    IS(b.len, 0);
    CU_ASSERT(rnl_at_eof(n->r));
    CU_ASSERT(!rnl_is_closing(n->w));
    OK(rnl_write(n->w, data, 1000000));
    reader = start(read_one, n->pr);
    OK(join(reader));
    OK(rnl_readexactly(n->pr, 999999, &b));
    free(data);
}
EACH(half_closed)

/* A reset is noticed while nobody reads or writes. */
static void reset_is_noticed(struct net *n)
{
    if (n->kind != NET_TCP)
        return;
    reset_on_abort(n->pw);
    rnl_abort(n->pw);
    IS(rnl_wait_closed(n->w), RNL_ECONNRESET);
    IS(rnl_drain(n->w), RNL_ECONNRESET);
}
EACH(reset_is_noticed)

static void names(struct net *n)
{
    struct rnl_address mine, theirs;
    const struct rnl_address *same_one;

    OK(rnl_get_sockname(n->w, &mine));
    OK(rnl_get_peername(n->pw, &theirs));
    if (n->kind == NET_TCP) {
        IS(mine.port, theirs.port);
        OK(rnl_get_peername(n->w, &theirs));
        IS(theirs.port, n->port);
    }
    same_one = rnl_get_extra_info(n->w, "sockname");
    CU_ASSERT(same_one && memcmp(same_one, &mine, sizeof mine) == 0);
    CU_ASSERT(rnl_get_extra_info(n->w, "socket") != NULL);
    CU_ASSERT(rnl_get_extra_info(n->w, "nonsense") == NULL);
    CU_ASSERT(rnl_get_extra_info(n->w, NULL) == NULL);
    CU_ASSERT(rnl_get_socket(n->w) != RNL_NO_SOCKET);
    rnl_close(n->w);
    OK(rnl_wait_closed(n->w));
    OK(rnl_get_sockname(n->w, &mine));
    CU_ASSERT(rnl_get_socket(n->w) == RNL_NO_SOCKET);
    CU_ASSERT(rnl_reader_writer(n->r) == n->w && rnl_writer_reader(n->w) == n->r);
    CU_ASSERT(rnl_stream_server(n->pw) == n->server && rnl_stream_server(n->w) == NULL);
    rnl_stream_set_user(n->r, n);
    CU_ASSERT(rnl_stream_user(n->r) == n);
}
EACH(names)

SUITE("stream ends", {"G10 data first, then the error", data_then_error_each},
      {"compat: the error hides the data", error_first_each},
      {"A5 close, abort and wait_closed in every order", all_orders_each},
      {"A2 freed while tasks wait on it", freed_under_waiters_each},
      {"H6 waiters for the end are independent", waiters_are_independent_each},
      {"reading after close", read_after_close_each}, {"H1 close sends what is queued", close_flushes_each},
      {"abort drops it, and drain tells", abort_drops_each}, {"B7 half-closed", half_closed_each},
      {"H4 a reset is noticed without reading", reset_is_noticed_each}, {"names are kept", names_each})
