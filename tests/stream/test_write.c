/* Writing and flow control, over every backend, TCP and Unix. */
#include "stream/helper_net.h"

#include <signal.h>

#include "support/system.h"
#include <stdlib.h>

enum { BIG = 8 * 1024 * 1024 }; /* more than a kernel takes: 4 MiB to send, and some to read */

static int read_all(void *arg)
{
    struct net *n = arg;
    struct rnl_bytes b;
    size_t total = 0;
    int err;

    while (!(err = rnl_read(n->pr, 65536, &b)) && b.len > 0) {
        for (size_t i = 0; i < b.len; i++, total++)
            if (b.data[i] != (unsigned char)(total * 7 >> 3))
                return RNL_EUSER;
    }
    return err ? err : (int)total;
}

static unsigned char *pattern(size_t len)
{
    unsigned char *data = malloc(len);

    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)(i * 7 >> 3);
    return data;
}

/* The caller's bytes are his own again at once. */
static void copies(struct net *n)
{
    unsigned char *data = pattern(BIG);
    struct rnl_task *reader;

    OK(rnl_write(n->w, data, BIG));
    memset(data, 0, BIG);
    free(data);
    CU_ASSERT(rnl_queued(n->w) > 0);
    reader = start(read_all, n);
    OK(rnl_drain(n->w));
    OK(rnl_write_eof(n->w));
    IS(join(reader), BIG);
    IS(rnl_queued(n->w), 0);
}
EACH(copies)

static void many_pieces(struct net *n)
{
    enum { COUNT = 5000 };
    struct rnl_bytes *list = malloc(COUNT * sizeof *list);
    unsigned char *data = pattern(COUNT * 3);
    struct rnl_task *reader = start(read_all, n);

    for (size_t i = 0; i < COUNT; i++)
        list[i] = (struct rnl_bytes){data + 3 * i, 3};
    OK(rnl_writelines(n->w, list, COUNT));
    list[0].len = 0;
    list[0].data = NULL;
    OK(rnl_writelines(n->w, list, 1)); /* nothing */
    OK(rnl_write_eof(n->w));
    IS(join(reader), COUNT * 3);
    free(data);
    free(list);
}
EACH(many_pieces)

static int drain_it(void *arg)
{
    return rnl_drain(arg);
}

/* Above the high mark drain waits, until the low one; cancelled ones do not count. */
static void marks(struct net *n)
{
    struct rnl_task *tasks[10], *reader;
    unsigned char *data = pattern(BIG);

    n->client.stream.send_buffer = n->options.stream.recv_buffer = 128 * 1024; /* and no more */
    net_open(n);
    OK(rnl_drain(n->w));
    OK(rnl_write(n->w, data, BIG));
    for (int i = 0; i < 10; i++)
        tasks[i] = start(drain_it, n->w);
    turns(3);
    for (int i = 0; i < 10; i += 2)
        CU_ASSERT(rnl_task_cancel(tasks[i]));
    for (int i = 0; i < 10; i += 2)
        IS(join(tasks[i]), RNL_ECANCELED);
    for (int i = 1; i < 10; i += 2)
        CU_ASSERT(!rnl_task_done(tasks[i]));
    reader = start(read_all, n);
    for (int i = 1; i < 10; i += 2)
        OK(join(tasks[i]));
    CU_ASSERT(rnl_queued(n->w) <= 65536 / 4);
    OK(rnl_write_eof(n->w));
    IS(join(reader), BIG);
    free(data);
    net_close(n);
}
EACH_RAW(marks)

/* In the options every number is a number of bytes. */
static void marks_of_options(struct net *n)
{
    static char much[100000];
    struct rnl_timeout limit;

    n->client.stream.high_water = RNL_ALL;
    n->client.stream.low_water = 100;
    net_open(n);
    rnl_pause_reading(n->pr);
    while (rnl_queued(n->w) < sizeof much) /* until the kernel is full */
        OK(rnl_write(n->w, much, sizeof much));
    OK(rnl_timeout_begin(&limit, RNL_SECOND));
    OK(rnl_timeout_end(&limit, rnl_drain(n->w))); /* it need not wait */
    CU_ASSERT(rnl_queued(n->w) > 400);
    net_close(n);
}
EACH_RAW(marks_of_options)

static void set_marks(struct net *n)
{
    IS(rnl_set_water_marks(n->w, 10, 20), RNL_EINVAL);
    OK(rnl_set_water_marks(n->w, 0, 0));
    OK(rnl_set_water_marks(n->w, RNL_ALL, 1000));
    OK(rnl_write_str(n->w, "ab"));
    OK(rnl_drain(n->w));
}
EACH(set_marks)

static void cap(struct net *n)
{
    unsigned char *data = pattern(BIG);
    int err = RNL_OK;
    size_t queued;

    net_close(n);
    n->pr = NULL;
    n->client.stream.write_cap = 100000;
    net_open(n);
    IS(rnl_write(n->w, data, 200000), RNL_ENOBUFS);
    IS(rnl_queued(n->w), 0);
    for (int i = 0; i < 10000 && !err; i++)
        err = rnl_write(n->w, data, 10000);
    IS(err, RNL_ENOBUFS);
    queued = rnl_queued(n->w);
    CU_ASSERT(queued <= 100000);
    free(data);
}
EACH(cap)

/* 16 writes before the task waits are one piece for the peer. */
static void gathered(struct net *n)
{
    struct rnl_bytes b;

    for (int i = 0; i < 16; i++)
        OK(rnl_write_str(n->w, "0123456789abcdef"));
    IS(rnl_queued(n->w), 256);
    OK(rnl_flush(n->w));
    IS(rnl_queued(n->w), 0);
    OK(rnl_read(n->pr, 1000, &b));
    IS(b.len, 256);
}
EACH(gathered)

static void eof_rules(struct net *n)
{
    struct rnl_bytes b;

    CU_ASSERT(rnl_can_write_eof(n->w));
    OK(rnl_write_str(n->w, "last"));
    OK(rnl_write_eof(n->w));
    OK(rnl_write_eof(n->w));
    IS(rnl_write(n->w, "x", 1), RNL_EINVAL);
    IS(rnl_write(n->w, NULL, 0), RNL_EINVAL);
    OK(rnl_read(n->pr, RNL_ALL, &b));
    CU_ASSERT(same(&b, "last"));
    OK(rnl_write_str(n->pw, "still open")); /* the other way goes on */
    OK(rnl_readexactly(n->r, 10, &b));
    CU_ASSERT(same(&b, "still open"));
}
EACH(eof_rules)

static void nothing(struct net *n)
{
    OK(rnl_write(n->w, NULL, 0));
    OK(rnl_writelines(n->w, NULL, 0));
    IS(rnl_queued(n->w), 0);
}
EACH(nothing)

/* A negative length is refused before anything behind the bytes could be sent. */
static void negative(struct net *n)
{
    static const unsigned char secret[] = "abcdefgh";
    struct rnl_bytes all = {secret, (size_t)-1}, b;

    IS(rnl_write(n->w, secret, (size_t)-1), RNL_ENOMEM);
    IS(rnl_write(n->w, secret, SIZE_MAX / 2 + 1), RNL_ENOMEM);
    IS(rnl_writelines(n->w, &all, 1), RNL_ENOMEM);
    OK(rnl_write(n->w, "x", 1));
    IS(rnl_write(n->w, secret, (size_t)-1), RNL_ENOMEM);
    OK(rnl_write_eof(n->w));
    OK(rnl_read(n->pr, RNL_ALL, &b));
    CU_ASSERT(b.len == 1 && b.data[0] == 'x');
}
EACH(negative)

/* Writes to a connection that is gone are dropped; drain tells; no SIGPIPE. */
static void lost(struct net *n)
{
    struct sigaction before, after;
    struct rnl_bytes b;
    int err = RNL_OK;

    sigaction(SIGPIPE, NULL, &before);
    reset_on_abort(n->pw);
    rnl_abort(n->pw);
    OK(rnl_wait_closed(n->pw));
    for (int i = 0; i < 1000 && !err; i++) {
        OK(rnl_write_str(n->w, "into the void"));
        err = rnl_drain(n->w);
        if (!err)
            turns(1);
    }
    CU_ASSERT(err == RNL_ECONNRESET || err == RNL_EPIPE);
    OK(rnl_write_str(n->w, "dropped"));
    IS(rnl_drain(n->w), err);
    IS(rnl_wait_closed(n->w), err);
    IS(rnl_wait_closed(n->w), err);
    IS(rnl_read(n->r, 1, &b), err);
    CU_ASSERT(rnl_is_closing(n->w));
    sigaction(SIGPIPE, NULL, &after);
    CU_ASSERT(before.sa_handler == after.sa_handler);
}
EACH(lost)

static void after_close(struct net *n)
{
    struct rnl_bytes b;

    OK(rnl_write_str(n->w, "goes out"));
    rnl_close(n->w);
    OK(rnl_write_str(n->w, ""));
    OK(rnl_wait_closed(n->w));
    OK(rnl_write_str(n->w, "does not"));
    IS(rnl_queued(n->w), 0);
    IS(rnl_drain(n->w), RNL_ECONNRESET);
    OK(rnl_write_eof(n->w));
    OK(rnl_read(n->pr, RNL_ALL, &b));
    CU_ASSERT(same(&b, "goes out"));
}
EACH(after_close)

static int notes_its_turn(void *arg)
{
    *(bool *)arg = true;
    return RNL_OK;
}

/* Row 7: far below the high mark, and still the others have their turn. */
static void drain_is_fair(struct net *n)
{
    bool ran = false;
    struct rnl_task *other = start(notes_its_turn, &ran);
    int calls = 0;

    while (!ran && calls < 1000) {
        CU_ASSERT_FATAL(rnl_drain(n->w) == RNL_OK);
        calls++;
    }
    CU_ASSERT(ran && calls > 1 && calls <= 257);
    OK(join(other));
}
EACH(drain_is_fair)

SUITE("stream writes", {"F7 a write copies", copies_each}, {"F10 five thousand pieces", many_pieces_each},
      {"D4 draining, half of it cancelled", marks_each}, {"F13 water marks", set_marks_each},
      {"F13 water marks of the options", marks_of_options_each},
      {"F12 the cap", cap_each}, {"writes are gathered", gathered_each},
      {"H2 write_eof, twice, then a write", eof_rules_each}, {"F9 nothing at all", nothing_each},
      {"a negative length", negative_each},
      {"F8 a reset, and no SIGPIPE", lost_each}, {"F4 writes after close", after_close_each},
      {"F6 drain gives the others a turn", drain_is_fair_each})
