/* Flushed, the peer's end, pausing by hand. */
#include "stream/helper_net.h"

enum { MUCH = 8 * 1024 * 1024 };
static char much[MUCH];

static int drink(void *arg)
{
    struct rnl_bytes view;
    size_t total = 0;
    int err;

    while (!(err = rnl_read(arg, 65536, &view)) && view.len > 0)
        total += view.len;
    return err ? err : (int)total;
}

static int flush_all(void *arg)
{
    return rnl_wait_flushed(arg);
}

static void flushed(struct net *net)
{
    struct rnl_task *flusher, *reader;

    OK(rnl_wait_flushed(net->w)); /* nothing is queued */
    OK(rnl_write(net->w, much, MUCH));
    flusher = start(flush_all, net->w);
    turns(20);
    CU_ASSERT(!rnl_task_done(flusher) && rnl_queued(net->w) > 0);
    reader = start(drink, net->pr);
    OK(join(flusher));
    IS(rnl_queued(net->w), 0);
    OK(rnl_write_eof(net->w));
    IS(join(reader), MUCH);
}
EACH(flushed)

static void flush_dropped(struct net *net)
{
    struct rnl_task *a, *b;

    OK(rnl_write(net->w, much, MUCH));
    a = start(flush_all, net->w);
    b = start(flush_all, net->w);
    turns(5);
    CU_ASSERT(rnl_task_cancel(a));
    IS(join(a), RNL_ECANCELED);
    CU_ASSERT(rnl_queued(net->w) > 0);
    rnl_abort(net->w);
    IS(join(b), RNL_ECLOSED);
    IS(rnl_wait_flushed(net->w), RNL_ECLOSED);
}
EACH(flush_dropped)

/* A write that found no connection any more is not with the kernel. */
static void flush_too_late(struct net *net)
{
    static const unsigned char text[] = "too late";
    struct rnl_bytes pieces[] = {{text, 4}, {text + 4, 4}};

    rnl_close(net->w);
    OK(rnl_wait_closed(net->w));
    OK(rnl_wait_flushed(net->w)); /* nothing was lost so far */
    OK(rnl_write(net->w, "", 0));
    OK(rnl_wait_flushed(net->w));
    OK(rnl_write_str(net->w, "too late"));
    IS(rnl_wait_flushed(net->w), RNL_ECLOSED);
    rnl_close(net->pw);
    OK(rnl_wait_closed(net->pw));
    OK(rnl_writelines(net->pw, pieces, 0));
    OK(rnl_wait_flushed(net->pw));
    OK(rnl_writelines(net->pw, pieces, 2));
    IS(rnl_wait_flushed(net->pw), RNL_ECLOSED);
}
EACH(flush_too_late)

/* Nor is one whose connection the peer has reset: the error, from now on. */
static void flush_lost(struct net *net)
{
    struct rnl_task *flusher;

    OK(rnl_write(net->w, much, MUCH));
    flusher = start(flush_all, net->w);
    turns(5);
    CU_ASSERT(!rnl_task_done(flusher));
    reset_on_abort(net->pw);
    rnl_abort(net->pw);
    CU_ASSERT(join(flusher) < 0);
    CU_ASSERT(rnl_exception(net->r) < 0);
    OK(rnl_write_str(net->w, "too late"));
    IS(rnl_wait_flushed(net->w), rnl_exception(net->r));
    CU_ASSERT(rnl_wait_closed(net->w) < 0);
    OK(rnl_write_str(net->w, "too late"));
    IS(rnl_wait_flushed(net->w), rnl_exception(net->r));
}
EACH(flush_lost)

/* ---- The peer's end ---------------------------------------------------- */

static int wait_peer(void *arg)
{
    return rnl_wait_peer_closed(arg);
}

static void peer_closed(struct net *net)
{
    struct rnl_task *a = start(wait_peer, net->r), *b = start(wait_peer, net->r);
    struct rnl_bytes view;

    turns(3);
    OK(rnl_write_str(net->pw, "last words\n"));
    turns(5);
    CU_ASSERT(!rnl_task_done(a));
    CU_ASSERT(rnl_task_cancel(b));
    IS(join(b), RNL_ECANCELED);
    rnl_close(net->pw);
    OK(join(a));
    OK(rnl_wait_peer_closed(net->r));
    OK(rnl_readline(net->r, &view)); /* nothing was consumed */
    CU_ASSERT(same(&view, "last words\n"));
}
EACH(peer_closed)

static void peer_closed_otherwise(struct net *net)
{
    struct rnl_task *a = start(wait_peer, net->r), *b = start(wait_peer, net->pr);

    turns(3);
    rnl_close(net->w); /* our own side */
    IS(join(a), RNL_ECLOSED);
    OK(join(b));
    rnl_stream_free(net->r, net->w);
    net->r = NULL;
    net->w = NULL;
}
EACH(peer_closed_otherwise)

/* ---- By hand ----------------------------------------------------------- */

static int read_line(void *arg)
{
    struct rnl_bytes view;
    int err = rnl_readline(arg, &view);

    return err ? err : (int)view.len;
}

static void by_hand(struct net *net)
{
    struct rnl_task *reader;

    OK(rnl_write_str(net->pw, "one\n"));
    IS(read_line(net->r), 4);
    rnl_pause_reading(net->r);
    CU_ASSERT(rnl_reading_paused(net->r));
    OK(rnl_write_str(net->pw, "three\n"));
    OK(rnl_flush(net->pw));
    reader = start(read_line, net->r);
    turns(20);
    CU_ASSERT(!rnl_task_done(reader) && rnl_buffered(net->r) == 0);
    rnl_resume_reading(net->r);
    CU_ASSERT(!rnl_reading_paused(net->r));
    IS(join(reader), 6);
}
EACH(by_hand)

static void caps(struct net *net)
{
    rnl_set_write_cap(net->w, 10);
    OK(rnl_write_str(net->w, "0123456789"));
    IS(rnl_write_str(net->w, "0123456789"), RNL_ENOBUFS);
    rnl_set_write_cap(net->w, 0);
    OK(rnl_write_str(net->w, "0123456789"));
}
EACH(caps)

SUITE("flow", {"all of it handed to the kernel", flushed_each},
      {"a flush whose bytes are dropped", flush_dropped_each},
      {"a flush of bytes that came too late", flush_too_late_each},
      {"a flush whose connection is lost", flush_lost_each},
      {"the peer's end, unread", peer_closed_each},
      {"the peer's end, ours first", peer_closed_otherwise_each}, {"paused by hand", by_hand_each},
      {"the cap, moved", caps_each})
