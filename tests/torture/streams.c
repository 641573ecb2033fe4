/* streams.c: scenarios of one connection. */
#include "torture/kit.h"
#include "torture/scenarios.h"

static const char three_lines[] = "one\ntwo\nthree\n";

int line_and_back(void *arg)
{
    struct net net;
    struct rnl_bytes line;
    int err = net_open(&net, lines, NULL);

    (void)arg;
    if (!err)
        err = rnl_write_str(net.w, "a line\n");
    if (!err)
        TRY(err, rnl_readline(net.r, &line));
    if (!err)
        check_text(&line, "a line\n");
    net_close(&net);
    return err;
}

int much_and_back(void *arg)
{
    struct net net;
    int err = net_open(&net, echo, NULL);

    (void)arg;
    if (!err)
        err = put_bytes(net.w, 0, 50000);
    if (!err)
        err = rnl_write_eof(net.w);
    if (!err)
        err = get_bytes(net.r, 50000);
    net_close(&net);
    return err;
}

int exact_pieces(void *arg)
{
    struct net net;
    struct rnl_bytes bytes;
    int err = net_open(&net, pour, NULL);

    (void)arg;
    for (size_t at = 0; at < POURED && !err; at += 10000) {
        TRY(err, rnl_readexactly(net.r, 10000, &bytes));
        if (!err || err == RNL_EINCOMPLETE)
            check_bytes(&bytes, at);
    }
    net_close(&net);
    return err;
}

int exact_into(void *arg)
{
    static unsigned char room[25000];
    struct net net;
    size_t got = 0;
    int err = net_open(&net, pour, NULL);

    (void)arg;
    for (size_t at = 0; at < POURED && !err; at += sizeof room) {
        struct rnl_bytes bytes = {room, 0};

        TRY(err, rnl_readexactly_into(net.r, room, sizeof room, &got));
        if (!err) {
            bytes.len = got;
            check_bytes(&bytes, at);
        }
    }
    net_close(&net);
    return err;
}

int read_into(void *arg)
{
    unsigned char room[7000];
    struct net net;
    size_t got = 0, at = 0;
    int err = net_open(&net, pour, NULL);

    (void)arg;
    while (!err) {
        struct rnl_bytes bytes = {room, 0};

        TRY(err, rnl_read_into(net.r, room, sizeof room, &got));
        if (err || got == 0)
            break;
        bytes.len = got;
        check_bytes(&bytes, at);
        at += got;
    }
    net_close(&net);
    return err ? err : at == POURED ? RNL_OK : RNL_EINCOMPLETE;
}

int read_all(void *arg)
{
    struct net net;
    struct rnl_bytes bytes;
    int err = net_open(&net, pour, NULL);

    (void)arg;
    if (!err)
        TRY(err, rnl_read(net.r, RNL_ALL, &bytes));
    if (!err) {
        check_bytes(&bytes, 0);
        err = bytes.len == POURED ? RNL_OK : RNL_EINCOMPLETE;
    }
    net_close(&net);
    return err;
}

int until(void *arg)
{
    struct net net;
    struct rnl_bytes bytes;
    size_t at = 0;
    int err = net_open(&net, pour, NULL);

    (void)arg;
    while (!err && at < POURED - 36) {
        TRY(err, rnl_readuntil(net.r, "xyz", 3, &bytes));
        if (!err) {
            check_bytes(&bytes, at);
            at += bytes.len;
        }
    }
    net_close(&net);
    return err;
}

int until_any(void *arg)
{
    static const struct rnl_bytes seps[] = {{(const unsigned char *)"two\n", 4},
                                            {(const unsigned char *)"\n", 1}};
    struct net net;
    struct rnl_bytes bytes;
    size_t which;
    int err = net_open(&net, echo, NULL);

    (void)arg;
    if (!err)
        err = rnl_write_str(net.w, three_lines);
    for (int i = 0; i < 3 && !err; i++) {
        TRY(err, rnl_readuntil_any(net.r, seps, 2, 0, &bytes, &which));
        if (!err && which > 1)
            torture_wrong("a separator that is not there");
    }
    net_close(&net);
    return err;
}

int until_parts(void *arg)
{
    struct net net;
    struct rnl_bytes bytes;
    size_t at = 0;
    bool done = false;
    int err = net_open(&net, pour, NULL);

    (void)arg;
    while (!err && !done) {
        TRY(err, rnl_readuntil_part(net.r, "no such text", 12, &bytes, &done));
        if (!err || err == RNL_EINCOMPLETE) {
            check_bytes(&bytes, at);
            at += bytes.len;
        }
    }
    net_close(&net);
    return err == RNL_EINCOMPLETE && at == POURED ? RNL_OK : err;
}

int over_the_limit(void *arg)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct net net;
    struct rnl_bytes bytes;
    uint64_t skipped;
    int err = net_serve(&net, echo, NULL);

    (void)arg;
    o.stream.limit = 8;
    if (!err)
        err = net_dial(&net, &o, &net.r, &net.w);
    if (!err)
        err = rnl_write_str(net.w, "much longer than the limit\nshort\n");
    if (!err)
        TRY(err, rnl_readline(net.r, &bytes));
    if (err == RNL_ELIMIT)
        TRY(err, rnl_discard_until(net.r, "\n", 1, &skipped));
    if (!err)
        TRY(err, rnl_readline(net.r, &bytes));
    if (!err)
        check_text(&bytes, "short\n");
    net_close(&net);
    return err;
}

int many_pieces(void *arg)
{
    static const struct rnl_bytes pieces[] = {{(const unsigned char *)"one", 3},
                                              {(const unsigned char *)"\n", 1},
                                              {(const unsigned char *)"two\n", 4}};
    struct net net;
    struct rnl_bytes line;
    int err = net_open(&net, lines, NULL);

    (void)arg;
    if (!err)
        err = rnl_writelines(net.w, pieces, 3);
    if (!err)
        err = rnl_flush(net.w);
    if (!err)
        TRY(err, rnl_readline(net.r, &line));
    if (!err)
        check_text(&line, "one\n");
    if (!err)
        TRY(err, rnl_readline(net.r, &line));
    if (!err)
        check_text(&line, "two\n");
    net_close(&net);
    return err;
}

int pipelined(void *arg)
{
    struct net net;
    struct rnl_bytes line;
    int err = net_open(&net, lines, NULL);

    (void)arg;
    for (int i = 0; i < 100 && !err; i++)
        err = rnl_write_str(net.w, "request\n");
    for (int i = 0; i < 100 && !err; i++) {
        TRY(err, rnl_readline(net.r, &line));
        if (!err)
            check_text(&line, "request\n");
    }
    net_close(&net);
    return err;
}

int closed_in_order(void *arg)
{
    struct net net;
    int err = net_open(&net, sink, NULL);

    (void)arg;
    if (!err)
        err = put_bytes(net.w, 0, 30000);
    if (!err) {
        rnl_close(net.w);
        TRY(err, rnl_wait_closed(net.w));
    }
    net_close(&net);
    return err;
}

int aborted(void *arg)
{
    struct net net;
    int err = net_open(&net, sink, NULL);

    (void)arg;
    if (!err)
        err = rnl_write_str(net.w, "dropped, or not");
    if (!err) {
        rnl_abort(net.w);
        TRY(err, rnl_wait_closed(net.w));
    }
    net_close(&net);
    return err;
}

int slammed(void *arg)
{
    struct net net;
    struct rnl_bytes bytes;
    int err = net_open(&net, slam, NULL);

    (void)arg;
    if (!err)
        err = rnl_write_str(net.w, "go away");
    if (!err)
        TRY(err, rnl_read(net.r, 10, &bytes));
    if (!err && bytes.len > 0)
        torture_wrong("bytes of somebody who sent none");
    net_close(&net);
    return err == RNL_ECONNRESET ? RNL_OK : err;
}

int written_to_the_gone(void *arg)
{
    struct net net;
    int err = net_open(&net, slam, NULL);

    (void)arg;
    for (int i = 0; i < 100 && !err; i++)
        err = put_bytes(net.w, 0, 6000);
    net_close(&net);
    return err == RNL_ECONNRESET || err == RNL_EPIPE ? RNL_OK : err;
}

int half_closed(void *arg)
{
    struct net net;
    int err = net_open(&net, pour, NULL);

    (void)arg;
    if (!err)
        err = rnl_write_eof(net.w);
    if (!err)
        err = get_bytes(net.r, POURED);
    if (!err && !rnl_at_eof(net.r))
        torture_wrong("no end after the end");
    net_close(&net);
    return err;
}

int slow_reader(void *arg)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct net net;
    int err = net_serve(&net, pour, NULL);

    (void)arg;
    o.stream.limit = 16;
    if (!err)
        err = net_dial(&net, &o, &net.r, &net.w);
    if (!err)
        TRY(err, rnl_sleep(10 * RNL_MILLISECOND));
    if (!err)
        err = get_bytes(net.r, POURED);
    net_close(&net);
    return err;
}

int small_marks(void *arg)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct net net;
    int err = net_serve(&net, sink, NULL);

    (void)arg;
    o.stream.high_water = 100;
    o.stream.low_water = 10;
    if (!err)
        err = net_dial(&net, &o, &net.r, &net.w);
    if (!err)
        err = put_bytes(net.w, 0, 20000);
    if (!err)
        err = rnl_set_water_marks(net.w, 5000, 100);
    if (!err)
        err = put_bytes(net.w, 20000, 20000);
    net_close(&net);
    return err;
}

int capped(void *arg)
{
    struct rnl_connect_options o = RNL_CONNECT_OPTIONS_INIT;
    struct net net;
    static unsigned char block[3000000];
    int err = net_serve(&net, sink, NULL);

    (void)arg;
    o.stream.write_cap = 100;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = torture_byte(i);
    if (!err)
        err = net_dial(&net, &o, &net.r, &net.w);
    if (!err)
        err = rnl_write(net.w, block, 100);
    if (!err && rnl_write(net.w, block + 100, 1000) == RNL_OK && rnl_queued(net.w) > 1100)
        torture_wrong("more queued than the cap allows");
    if (!err)
        TRY(err, rnl_drain(net.w));
    net_close(&net);
    return err;
}

int large_write(void *arg)
{
    static unsigned char block[300000];
    struct net net;
    int err = net_open(&net, sink, NULL);

    (void)arg;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = torture_byte(i);
    if (!err)
        err = rnl_write(net.w, block, sizeof block);
    if (!err)
        TRY(err, rnl_drain(net.w));
    if (!err) {
        rnl_close(net.w);
        TRY(err, rnl_wait_closed(net.w));
    }
    net_close(&net);
    return err;
}

int looked_at(void *arg)
{
    struct net net;
    struct rnl_bytes bytes, peeked;
    int err = net_open(&net, greet, NULL);

    (void)arg;
    if (!err)
        TRY(err, rnl_readexactly(net.r, 2, &bytes));
    if (!err) {
        rnl_peek(net.r, &peeked);
        check_text(&peeked, "llo\n");
        err = rnl_set_limit(net.r, 100);
    }
    if (!err)
        TRY(err, rnl_readline(net.r, &bytes));
    if (!err)
        check_text(&bytes, "llo\n");
    net_close(&net);
    return err;
}

int limited_in_time(void *arg)
{
    struct net net;
    struct rnl_timeout limit;
    struct rnl_bytes bytes;
    int err = net_open(&net, echo, NULL);

    (void)arg;
    if (!err)
        err = rnl_timeout_begin(&limit, 5 * RNL_MILLISECOND);
    if (!err) {
        TRY(err, rnl_read(net.r, 1, &bytes));
        err = rnl_timeout_end(&limit, err);
    }
    if (err == RNL_ETIMEDOUT && net.w) /* not the connect's */
        err = rnl_write_str(net.w, "still here");
    if (!err)
        TRY(err, rnl_readexactly(net.r, 10, &bytes));
    if (!err)
        check_text(&bytes, "still here");
    net_close(&net);
    return err;
}

int counted_references(void *arg)
{
    struct net net;
    struct rnl_bytes bytes;
    int err = net_open(&net, greet, NULL);

    (void)arg;
    if (err) {
        net_close(&net);
        return err;
    }
    rnl_stream_ref(net.r, net.w);
    rnl_stream_free(net.r, net.w);
    TRY(err, rnl_readline(net.r, &bytes));
    if (!err)
        check_text(&bytes, "hello\n");
    net_close(&net);
    return err;
}
