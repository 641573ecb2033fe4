/* The reads, over every backend, TCP and Unix. */
#include "stream/helper_net.h"

#include <stdlib.h>

static void lines(struct net *n)
{
    struct rnl_bytes b;

    OK(rnl_write_str(n->pw, "one\ntwo\nthree"));
    OK(rnl_write_eof(n->pw));
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "one\n"));
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "two\n"));
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "three"));
    CU_ASSERT(rnl_at_eof(n->r));
    OK(rnl_readline(n->r, &b));
    IS(b.len, 0);
}
EACH(lines)

static void pieces(struct net *n)
{
    struct rnl_bytes b;
    char buf[16];
    size_t got;

    OK(rnl_write_str(n->pw, "0123456789"));
    OK(rnl_readexactly(n->r, 4, &b));
    CU_ASSERT(same(&b, "0123"));
    OK(rnl_read(n->r, 3, &b));
    CU_ASSERT(same(&b, "456"));
    OK(rnl_read_into(n->r, buf, 2, &got));
    IS(got, 2);
    CU_ASSERT(memcmp(buf, "78", 2) == 0);
    OK(rnl_read(n->r, 0, &b));
    IS(b.len, 0);
    OK(rnl_write_eof(n->pw));
    IS(rnl_readexactly(n->r, 5, &b), RNL_EINCOMPLETE);
    CU_ASSERT(same(&b, "9"));
    IS(rnl_readexactly_into(n->r, buf, 5, &got), RNL_EINCOMPLETE);
    IS(got, 0);
}
EACH(pieces)

static void separators(struct net *n)
{
    static const struct rnl_bytes seps[] = {{(const unsigned char *)"\r\n", 2},
                                            {(const unsigned char *)"\n", 1}};
    struct rnl_bytes b;
    uint64_t skipped;
    size_t which;
    bool done;

    OK(rnl_write_str(n->pw, "a\r\nb\nhead--tail--rest--end"));
    OK(rnl_readuntil_any(n->r, seps, 2, 0, &b, &which));
    CU_ASSERT(same(&b, "a\r\n") && which == 1);
    OK(rnl_readuntil(n->r, "\n", 1, &b));
    CU_ASSERT(same(&b, "b\n"));
    OK(rnl_readuntil(n->r, "--", 2, &b));
    CU_ASSERT(same(&b, "head--"));
    OK(rnl_readuntil_part(n->r, "--", 2, &b, &done));
    CU_ASSERT(same(&b, "tail--") && done);
    OK(rnl_discard_until(n->r, "--", 2, &skipped));
    IS(skipped, 6);
    OK(rnl_write_eof(n->pw));
    IS(rnl_readuntil(n->r, "--", 2, &b), RNL_EINCOMPLETE);
    CU_ASSERT(same(&b, "end"));
    IS(rnl_readuntil(n->r, "", 0, &b), RNL_EINVAL);
}
EACH(separators)

static void over_limit(struct net *n)
{
    struct rnl_bytes b;
    uint64_t skipped;

    OK(rnl_set_limit(n->r, 8));
    OK(rnl_write_str(n->pw, "0123456789\nok\n"));
    IS(rnl_readline(n->r, &b), RNL_ELIMIT);
    IS(rnl_readline(n->r, &b), RNL_ELIMIT);
    OK(rnl_discard_until(n->r, "\n", 1, &skipped));
    IS(skipped, 11);
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "ok\n"));
}
EACH(over_limit)

static int read_a_line(void *arg)
{
    struct rnl_bytes b;

    return rnl_readline(arg, &b);
}

static void second_reader(struct net *n)
{
    struct rnl_bytes b;
    struct rnl_task *first = start(read_a_line, n->r);

    turns(2);
    IS(rnl_readline(n->r, &b), RNL_EBUSY);
    IS(rnl_read(n->r, 1, &b), RNL_EBUSY);
    OK(rnl_read(n->r, 0, &b)); /* nothing to wait for: in nobody's way */
    IS(b.len, 0);
    OK(rnl_readexactly(n->r, 0, &b));
    OK(rnl_write_str(n->pw, "x\n"));
    OK(join(first));
}
EACH(second_reader)

typedef int read_fn(struct rnl_reader *r, struct rnl_bytes *out);
static int by_all(struct rnl_reader *r, struct rnl_bytes *out) { return rnl_read(r, RNL_ALL, out); }
static int by_line(struct rnl_reader *r, struct rnl_bytes *out) { return rnl_readline(r, out); }
static int by_count(struct rnl_reader *r, struct rnl_bytes *out) { return rnl_readexactly(r, 50, out); }
static int by_sep(struct rnl_reader *r, struct rnl_bytes *out) { return rnl_readuntil(r, "zz", 2, out); }
static read_fn *const reads[] = {by_all, by_line, by_count, by_sep};

/* Every read is timed out with a part there, and the part is still there. */
static void nothing_lost(struct net *n)
{
    struct rnl_bytes b;
    struct rnl_timeout limit;

    OK(rnl_write_str(n->pw, "part"));
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        OK(rnl_timeout_begin(&limit, 2 * RNL_MILLISECOND));
        IS(rnl_timeout_end(&limit, reads[i](n->r, &b)), RNL_ETIMEDOUT);
        IS(rnl_buffered(n->r), 4);
    }
    OK(rnl_readexactly(n->r, 4, &b));
    CU_ASSERT(same(&b, "part"));
}
EACH(nothing_lost)

struct cancelled_read {
    struct net *net;
    read_fn *fn;
};

static int read_cancelled(void *arg)
{
    struct cancelled_read *c = arg;
    struct rnl_bytes b;

    return c->fn(c->net->r, &b);
}

static void cancelled(struct net *n)
{
    struct rnl_bytes b;

    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        struct cancelled_read c = {n, reads[i]};
        struct rnl_task *task = start(read_cancelled, &c);

        turns(2);
        OK(rnl_write_str(n->pw, "q"));
        OK(rnl_flush(n->pw));
        CU_ASSERT(rnl_task_cancel(task));
        IS(join(task), RNL_ECANCELED);
    }
    OK(rnl_readexactly(n->r, 4, &b));
    CU_ASSERT(same(&b, "qqqq"));
}
EACH(cancelled)

/* A view outlives writes, waits, close and more bytes, until the next read. */
static void views_live(struct net *n)
{
    struct rnl_bytes view, b;
    char *big = malloc(300000);

    OK(rnl_write_str(n->pw, "keep me\n"));
    OK(rnl_readline(n->r, &view));
    memset(big, 'x', 300000);
    OK(rnl_write(n->pw, big, 300000));
    for (int i = 0; i < 50 && rnl_buffered(n->r) < 60000; i++)
        turns(1);
    CU_ASSERT(same(&view, "keep me\n"));
    OK(rnl_readexactly(n->r, 300000, &b));
    CU_ASSERT(memcmp(b.data, big, 300000) == 0);
    rnl_close(n->w);
    OK(rnl_wait_closed(n->w));
    CU_ASSERT(b.data[299999] == 'x');
    free(big);
}
EACH(views_live)

static int send_much(void *arg)
{
    struct net *n = arg;
    unsigned char block[1000];
    int err = RNL_OK;

    for (unsigned i = 0; i < 3000 && !err; i++) {
        memset(block, (int)(i & 255), sizeof block);
        err = rnl_write(n->pw, block, sizeof block);
        if (!err)
            err = rnl_drain(n->pw);
    }
    return err ? err : rnl_write_eof(n->pw);
}

/* A small limit pauses and resumes all the time; every byte comes, in order. */
static void pauses(struct net *n)
{
    struct rnl_task *sender;
    struct rnl_bytes b;
    size_t total = 0;
    bool right = true;
    int err;

    OK(rnl_set_limit(n->r, 16));
    sender = start(send_much, n);
    while (!(err = rnl_read(n->r, 777, &b)) && b.len > 0)
        for (size_t i = 0; i < b.len; i++, total++)
            right = right && b.data[i] == ((total / 1000) & 255);
    OK(err);
    OK(join(sender));
    IS(total, 3000000);
    CU_ASSERT(right);
}
EACH(pauses)

/* What is there is seen, and still there. */
static void peeked(struct net *n)
{
    struct rnl_bytes b, seen = {(const unsigned char *)"x", 1};

    rnl_peek(n->r, &seen);
    IS(seen.len, 0);
    OK(rnl_write_str(n->pw, "one\ntwo\n"));
    OK(rnl_flush(n->pw));
    while (rnl_buffered(n->r) < 8)
        OK(rnl_yield());
    for (int again = 0; again < 2; again++) {
        rnl_peek(n->r, &seen);
        CU_ASSERT(same(&seen, "one\ntwo\n"));
        IS(rnl_buffered(n->r), 8);
    }
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "one\n"));
    rnl_peek(n->r, &seen);
    CU_ASSERT(same(&seen, "two\n"));
    IS(rnl_buffered(n->r), 4);
    rnl_close(n->pw);
    OK(rnl_read(n->r, RNL_ALL, &b));
    CU_ASSERT(same(&b, "two\n"));
    rnl_peek(n->r, &seen);
    IS(seen.len, 0);
}
EACH(peeked)

static void limits(struct net *n)
{
    struct rnl_bytes b;

    n->client.stream.limit = 8;
    net_open(n);
    IS(rnl_limit(n->r), 8);
    IS(rnl_limit(n->pr), 65536); /* asyncio's */
    OK(rnl_write_str(n->pw, "more than eight\nand\n"));
    IS(rnl_readline(n->r, &b), RNL_ELIMIT);
    IS(rnl_set_limit(n->r, 0), RNL_EINVAL);
    IS(rnl_limit(n->r), 8);
    OK(rnl_set_limit(n->r, 100));
    IS(rnl_limit(n->r), 100);
    OK(rnl_readline(n->r, &b));
    CU_ASSERT(same(&b, "more than eight\n"));
    net_close(n);
}
EACH_RAW(limits)

SUITE("stream reads", {"G12 lines, the last without its end", lines_each},
      {"G9 pieces and counts", pieces_each}, {"G14 separators, parts, discarding", separators_each},
      {"G5 over the limit everything is kept", over_limit_each},
      {"B4 a second reader is told so", second_reader_each},
      {"D3 a read timed out loses nothing, and the next one works", nothing_lost_each},
      {"D1 a cancelled read loses nothing", cancelled_each}, {"a view lives until the next read", views_live_each},
      {"G8 pausing and resuming", pauses_each}, {"peeked at, and still there", peeked_each},
      {"a limit that is asked for and moved", limits_each})
