/* filters.c: moves bytes through a connection's filters.
 *
 *     writer.core --> top.out --> bottom.out --> socket     move_out
 *     reader.core <-- top.in  <-- bottom.in  <-- socket     move_in
 *
 * In: as far as there is room above. What has no room stays ciphertext, the
 * receive pauses, and the read that makes room kicks. It runs on the loop's
 * stack, so that an idle task's stack stays small. Out: a batch at a time. Clear
 * bytes stay in the queue above until their ciphertext is sent, so that every
 * byte counts for the water marks until the kernel has it; and a peer that makes
 * us answer without reading stops being read itself. */
#include "stream/filters.h"

#include <string.h>

#include "core/alloc.h"
#include "stream/kernel.h"
#include "stream/limits.h"

enum {
    RECORD = 16384,          /* bytes of clear text that a filter takes best */
    BATCH = 65536,           /* clear text enciphered at a time */
    OUT_FULL = 3 * BATCH / 2 /* more than this in `out`: the peer does not read */
};

/* ---- In ---------------------------------------------------------------- */

static struct rnl_core_reader *target(struct rnli_conn *conn, const struct rnli_filter *f)
{
    return f->above ? f->above->in : &conn->reader.core;
}

static void end_of_input(struct rnli_conn *conn, struct rnli_filter *f)
{
    f->read_closed = true;
    if (f->above) {
        rnl_core_feed_eof(f->above->in);
        return;
    }
    conn->filters->deaf = true;
    if (conn->closing)
        return;
    rnl_core_feed_eof(&conn->reader.core);
    rnli_wake_all(&conn->reader.waiting, RNL_OK);
    rnli_wake_all(&conn->peer_ending, RNL_OK);
    if (conn->compat)
        rnli_conn_close(conn);
}

/* Reads into what is above; a connection that closes throws it away. */
static int read_some(struct rnli_conn *conn, struct rnli_filter *f, size_t *got)
{
    struct rnl_core_reader *to = target(conn, f);
    unsigned char waste[1024];
    unsigned char *data;
    size_t len;
    int code;

    if (!f->above && conn->closing && !conn->failing)
        return f->ops->read(f, waste, sizeof waste, got);
    code = rnl_core_lend(to, rnl_core_buffered(f->in) >= RECORD ? RECORD : RECORD / 4, &data, &len);
    *got = 0;
    if (code)
        return code;
    code = f->ops->read(f, data, len, got);
    rnl_core_commit(to, code ? 0 : *got);
    if (!f->above) {
        rnli_reader_forget_lines(&conn->reader.core);
        if (*got > 0)
            conn->progress = true;
        if (conn->limits)
            rnli_limits_deciphered(conn, *got);
    }
    return code;
}

/* The peer makes us answer and does not read. */
static bool owes(const struct rnli_filter *f)
{
    return rnl_core_queued(f->kernel ? f->records : f->out) > OUT_FULL;
}

static bool has_room(const struct rnli_conn *conn, const struct rnli_filter *f, bool all)
{
    if (all)
        return true;
    if (owes(f))
        return false;
    if (f->above)
        return !rnl_core_paused(f->above->in);
    return conn->closing || !rnl_core_paused(&conn->reader.core);
}

/* The end came without close_notify: whether it is one. For a connection that
 * closes it is: nobody reads, and what is queued goes out. */
static bool ends_all_the_same(const struct rnli_conn *conn, struct rnli_filter *f)
{
    bool closes = conn->closing && !conn->failing && !conn->error;

    if (!f->ragged_ok && !conn->compat && !closes)
        return false;
    f->detail[0] = '\0';
    return true;
}

/* RNL_OK or RNL_EAGAIN: as far as it goes. */
static int move_one(struct rnli_conn *conn, struct rnli_filter *f, bool all, bool *moved)
{
    size_t got = 1;
    int code = f->started ? RNL_OK : f->ops->start(f);

    while (!code && !f->read_closed) {
        if (!has_room(conn, f, all)) {
            conn->filters->stalled = true;
            return RNL_OK;
        }
        code = read_some(conn, f, &got);
        if (code == RNL_ETRUNCATED && ends_all_the_same(conn, f))
            code = RNL_OK, got = 0;
        if (!code && got == 0)
            end_of_input(conn, f);
        *moved |= code == RNL_OK;
    }
    return code;
}

static int move_all(struct rnli_conn *conn, bool all)
{
    bool moved = true;
    int code = RNL_OK;

    while (moved) {
        moved = false;
        conn->filters->stalled = false;
        for (struct rnli_filter *f = conn->filters->bottom; f; f = f->above) {
            code = move_one(conn, f, all, &moved);
            if (code && code != RNL_EAGAIN)
                return code;
        }
        moved = moved && conn->filters->bottom->above;
    }
    return RNL_OK;
}

/* An alert may be on its way out: it is tried once. */
static void fail(struct rnli_conn *conn, int code)
{
    rnli_conn_flush(conn);
    if (conn->closing && !conn->failing && !conn->error) {
        conn->filters->deaf = true; /* nobody reads any more: go on sending */
        rnli_conn_after_flush(conn);
        return;
    }
    rnli_conn_fail_now(conn, code);
}

static void tell(struct rnli_conn *conn)
{
    if (conn->filters->top->started)
        rnli_wake_all(&conn->filters->starting, RNL_OK);
    if (rnl_core_buffered(&conn->reader.core) > 0 || conn->error)
        rnli_wake_all(&conn->reader.waiting, RNL_OK);
}

void rnli_filters_move_in(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;
    int code;

    if (fs->moving || conn->ending || conn->aborted)
        return;
    fs->moving = true;
    rnli_conn_settle(conn);
    code = move_all(conn, false);
    fs->moving = false;
    if (code)
        fail(conn, code);
    else
        rnli_conn_flush(conn);
    tell(conn);
    rnli_conn_receive(conn);
}

void rnli_filters_move_rest(struct rnli_conn *conn)
{
    (void)move_all(conn, true);
    rnli_conn_settle(conn);
}

void rnli_filters_kick(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;

    if (!fs->stalled || fs->moving || conn->ending || !has_room(conn, fs->top, false))
        return;
    for (const struct rnli_filter *f = fs->bottom; f; f = f->above)
        if (owes(f))
            return;
    rnli_soon_add(conn->loop, &fs->soon);
}

static void moved_soon(struct rnli_soon *soon)
{
    rnli_filters_move_in(RNLI_CONTAINER(soon, struct rnli_filters, soon)->conn);
}

/* ---- Out --------------------------------------------------------------- */

/* What is above a filter: the queue that it takes from. */
static struct rnl_core_writer *source(struct rnli_conn *conn, const struct rnli_filter *f)
{
    return f->above ? f->above->out : &conn->writer.core;
}

/* The next bytes behind `skip`: a view where they are long enough, else gathered. */
static size_t gather(struct rnl_core_writer *from, size_t skip, unsigned char *block,
                     struct rnl_bytes *out)
{
    struct rnl_bytes pieces[64];
    size_t count = rnl_core_peek(from, pieces, 64), len = 0, i = 0;

    while (i < count && skip >= pieces[i].len)
        skip -= pieces[i++].len;
    if (i == count)
        return 0;
    out->data = pieces[i].data + skip;
    out->len = pieces[i].len - skip;
    if (out->len >= RECORD || i + 1 == count || !block)
        return out->len;
    for (; i < count && len < RECORD; i++, skip = 0) {
        size_t n = pieces[i].len - skip;

        n = n < RECORD - len ? n : RECORD - len;
        memcpy(block + len, pieces[i].data + skip, n);
        len += n;
    }
    out->data = block;
    out->len = len;
    return len;
}

static int encipher(struct rnli_conn *conn, struct rnli_filter *f)
{
    struct rnli_pool *blocks = &rnli_face(conn->loop)->blocks;
    struct rnl_core_writer *from = source(conn, f);
    unsigned char *block;
    struct rnl_bytes piece;
    int code = RNL_OK;

    if (rnl_core_queued(from) == 0)
        return RNL_OK;
    block = rnli_pool_get(blocks);
    while (!code && f->batch < BATCH && gather(from, f->batch, block, &piece) > 0) {
        size_t done;

        code = f->ops->write(f, piece.data, piece.len < RECORD ? piece.len : RECORD, &done);
        if (!code)
            f->batch += done;
    }
    if (block) {
        memset(block, 0, RECORD); /* clear text is not left behind */
        rnli_pool_put(blocks, block);
    }
    if (code == RNL_EAGAIN) /* tried again by move_in, at the end of the peer's message */
        conn->filters->stuck = true;
    return code == RNL_EAGAIN ? RNL_OK : code;
}

/* What is sent leaves the queues above, the lowest first. */
static void retire(struct rnli_conn *conn)
{
    for (struct rnli_filter *f = conn->filters->bottom; f; f = f->above) {
        struct rnl_core_writer *from = source(conn, f);

        if (rnl_core_queued(f->out) > 0 || f->batch == 0)
            continue;
        if (f->batch <= rnl_core_queued(from)) /* else it was dropped */
            rnl_core_sent(from, f->batch);
        f->batch = 0;
    }
}

static int encipher_from(struct rnli_conn *conn, struct rnli_filter *f)
{
    int code = f->above ? encipher_from(conn, f->above) : RNL_OK;

    if (!code && f->started && !f->kernel && f->batch == 0 && rnl_core_queued(f->out) < BATCH)
        code = encipher(conn, f);
    return code;
}

int rnli_filters_move_out(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;
    bool was_stuck = fs->stuck;
    int code;

    retire(conn);
    fs->stuck = false;
    code = encipher_from(conn, fs->bottom);
    if (fs->stuck && !was_stuck && conn->limits)
        rnli_limits_blocked(conn);
    return code;
}

/* ---- The end ----------------------------------------------------------- */

static bool say_end(struct rnli_filter *f, bool all)
{
    if (f->above && (all || !f->above->write_closed) && say_end(f->above, all))
        return true;
    if (f->above && !all)
        return false;
    if (f->write_closed || !f->started)
        return false;
    return f->ops->close(f) == RNL_OK;
}

bool rnli_filters_say_end(struct rnli_conn *conn, bool all)
{
    return say_end(conn->filters->bottom, all);
}

static void waited_enough(struct rnli_timer *timer)
{
    struct rnli_filters *fs = RNLI_CONTAINER(timer, struct rnli_filters, timer);

    strcpy(fs->top->detail, "the peer did not answer our close_notify in time");
    rnli_conn_fail_now(fs->conn, RNL_ETIMEDOUT);
}

bool rnli_filters_part(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;

    if (fs->deaf || conn->aborted || conn->error || !fs->top->started)
        return false;
    if (!fs->parting) {
        fs->parting = true;
        if (fs->shutdown_ns != INT64_MAX &&
            rnli_timer_start(conn->loop, &fs->timer, fs->shutdown_ns))
            return false;
        fs->stalled = true;
        rnli_filters_kick(conn);
        rnli_conn_receive(conn);
    }
    return true;
}

void rnli_filters_over(struct rnli_conn *conn)
{
    rnli_timer_stop(conn->loop, &conn->filters->timer);
    rnli_timer_stop(conn->loop, &conn->filters->retry);
    rnli_list_remove(&conn->filters->soon.node);
}

/* ---- Making and freeing ------------------------------------------------ */

int rnli_stream_tls_check(const struct rnl_stream_tls *tls)
{
    if (tls->handshake_timeout_ns < RNL_OFF || tls->shutdown_timeout_ns < RNL_OFF)
        return RNL_EINVAL;
    if (!tls->context && (tls->server_hostname || tls->handshake_timeout_ns ||
                          tls->shutdown_timeout_ns || tls->any_hostname))
        return RNL_EINVAL;
    return RNL_OK;
}

static int64_t limit_of(int64_t given, int64_t otherwise)
{
    if (given == RNL_OFF)
        return INT64_MAX;
    return given ? given : otherwise;
}

int64_t rnli_handshake_by(const struct rnl_stream_tls *tls)
{
    return rnli_time_after(rnl_now(), limit_of(tls->handshake_timeout_ns, 60 * RNL_SECOND));
}

static struct rnli_filters *filters_of(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;

    if (fs)
        return fs;
    fs = rnli_zalloc(&rnli_face(conn->loop)->allocator, sizeof *fs);
    if (!fs)
        return NULL;
    fs->conn = conn;
    fs->soon.fn = moved_soon;
    fs->timer.fire = waited_enough;
    rnli_list_init(&fs->soon.node);
    rnli_waitlist_init(&fs->starting);
    return fs;
}

int rnli_filters_push(struct rnli_conn *conn, const struct rnl_stream_tls *tls, bool server_side,
                      const char *name)
{
    struct rnli_filter_source *from = (struct rnli_filter_source *)tls->context;
    struct rnli_filter_request request = {.server_side = server_side,
                                          .name =
                                              tls->server_hostname ? tls->server_hostname : name,
                                          .unnamed = tls->any_hostname == RNL_YES,
                                          .allocator = &rnli_face(conn->loop)->allocator};
    struct rnli_filters *fs = filters_of(conn);
    struct rnli_filter *f = NULL;
    int code = fs ? from->open(from, &request, &f) : RNL_ENOMEM;

    if (code) {
        if (fs && !conn->filters)
            rnli_free(&rnli_face(conn->loop)->allocator, fs, sizeof *fs);
        return code;
    }
    rnli_conn_settle(conn);
    fs->handshake_by = rnli_handshake_by(tls);
    fs->shutdown_ns = limit_of(tls->shutdown_timeout_ns, 30 * RNL_SECOND);
    if (fs->top)
        fs->top->above = f;
    else
        fs->bottom = f;
    fs->top = f;
    conn->filters = fs;
    if (fs->bottom == f)
        rnli_kernel_offer(conn);
    rnli_soon_add(conn->loop, &fs->soon);
    return RNL_OK;
}

void rnli_filters_free(struct rnli_conn *conn)
{
    struct rnli_filters *fs = conn->filters;
    struct rnli_filter *f, *above;

    if (!fs)
        return;
    for (f = fs->bottom; f; f = above) {
        above = f->above;
        f->ops->free(f);
    }
    rnli_list_remove(&fs->soon.node);
    rnli_free(&rnli_face(conn->loop)->allocator, fs, sizeof *fs);
    conn->filters = NULL;
}
