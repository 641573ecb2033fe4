/* conn.c: a connection's life, from an attached socket to freed memory.
 *
 * Nothing here waits. Each step is taken on the loop's stack or in a call of the
 * program's, and looks at flags only: see the list in conn.h. Two things keep
 * the memory: references (the program's) and pins (calls that wait); the
 * operations in flight keep the socket until their final entries are back.
 *
 * After a failed send the receive goes on for as long as bytes keep coming,
 * because the kernel still has what the peer sent before it went away; the end
 * comes at the first turn that brings none. Ending at once, as asyncio does,
 * makes that data unreachable (gh-75044). */
#include "stream/conn.h"

#include "core/alloc.h"
#include "stream/limits.h"
#include "stream/kernel.h"
#include "task/probes.h"

static void step_to_end(struct rnli_soon *soon);

int rnli_stream_options_check(const struct rnl_stream_options *o)
{
    size_t high = o->high_water ? o->high_water : RNL_DEFAULT_LIMIT;

    return o->low_water > high || !rnli_limits_valid(o) || !rnli_sockopt_valid(o) ? RNL_EINVAL
                                                                                  : RNL_OK;
}

static void learn_names(struct rnli_conn *conn, const struct rnl_address *peer)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    int64_t os;

    if (peer) {
        conn->peername = *peer;
        conn->has_peername = true;
    } else {
        conn->has_peername = face->ops->get_name(face->backend, conn->sock, true,
                                                 &conn->peername, &os) == RNL_OK;
    }
    conn->has_sockname =
        face->ops->get_name(face->backend, conn->sock, false, &conn->sockname, &os) == RNL_OK;
}

/* The options' marks are bytes, whatever their number: none is derived from the other. */
static void set_marks(struct rnli_conn *conn, size_t high, size_t low)
{
    high = high < RNL_ALL ? high : RNL_ALL - 1;
    low = low < high ? low : high;
    (void)rnl_core_set_water_marks(&conn->writer.core, high, low);
}

static void init_ends(struct rnli_conn *conn, const struct rnl_stream_options *o)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    size_t high = o->high_water ? o->high_water : RNL_DEFAULT_LIMIT;
    size_t low = o->low_water ? o->low_water : high / 4;

    rnli_reader_init(&conn->reader.core, o->limit ? o->limit : RNL_DEFAULT_LIMIT, conn->compat,
                     &face->allocator, &face->blocks);
    rnli_writer_init(&conn->writer.core, &face->allocator, &face->chunks);
    rnli_writer_set_cap(&conn->writer.core, o->write_cap);
    set_marks(conn, high, low);
    rnli_waitlist_init(&conn->reader.waiting);
    rnli_waitlist_init(&conn->writer.draining);
    rnli_waitlist_init(&conn->writer.closing);
    rnli_watch_init(conn);
    conn->linger_ns = o->linger_close_ns;
    conn->abort_resets = o->abort_resets == RNL_YES;
    rnli_waitlist_init(&conn->writer.emptied);
}

int rnli_conn_open(struct rnl_loop *loop, rnl_socket sock, const struct rnl_address *peer,
                   const struct rnl_stream_options *options, struct rnli_conn **out)
{
    struct rnli_loop_face *face = rnli_face(loop);
    struct rnli_conn *conn = rnli_zalloc(&face->allocator, sizeof *conn);

    if (!conn)
        return RNL_ENOMEM;
    conn->loop = loop;
    if (rnli_limits_wanted(options) && rnli_limits_open(conn, options)) {
        rnli_limits_free(conn);
        rnli_free(&face->allocator, conn, sizeof *conn);
        return RNL_ENOMEM;
    }
    conn->sock = sock;
    conn->refs = 1;
    conn->compat = options->compat == RNL_YES;
    conn->soon.fn = step_to_end;
    rnli_list_init(&conn->soon.node);
    rnli_list_init(&conn->peers);
    rnli_list_init(&conn->node);
    rnli_list_push(&face->streams, &conn->node);
    face->streams_opened++;
    RNLI_PROBE(stream__open, conn, sock);
    init_ends(conn, options);
    learn_names(conn, peer);
    rnli_sockopt_apply(conn, options);
    rnli_recv_init(conn);
    rnli_send_init(conn);
    rnli_conn_receive(conn);
    *out = conn;
    return RNL_OK;
}

/* All is sent, and no more is to come. A pipe has no half that could be shut: it is closed,
 * and that is the end that its reader sees. */
static int shut(struct rnli_conn *conn, int64_t *os)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    int code = face->ops->shutdown(face->backend, conn->sock, RNL_SHUT_WRITE, os);

    if (code != RNL_ENOTSOCK || !conn->writes_only)
        return code;
    rnli_conn_close(conn);
    return RNL_OK;
}

/* ---- The end ----------------------------------------------------------- */

static void free_if_unused(struct rnli_conn *conn)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);

    if (!conn->closed || conn->refs > 0 || conn->pins > 0)
        return;
    rnli_list_remove(&conn->node);
    rnli_list_remove(&conn->soon.node);
    rnli_list_remove(&conn->flush.node);
    rnli_limits_free(conn);
    rnli_filters_free(conn);
    rnli_reader_destroy(&conn->reader.core);
    rnli_writer_destroy(&conn->writer.core);
    rnli_free(&face->allocator, conn, sizeof *conn);
}

void rnli_conn_unpin(struct rnli_conn *conn)
{
    conn->pins--;
    free_if_unused(conn);
}

/* What asyncio's connection_lost tells: the reader first, then the drainers. */
static void tell_waiters(struct rnli_conn *conn)
{
    int drained = conn->error;

    if (conn->error && conn->compat)
        rnl_core_set_exception(&conn->reader.core, conn->error);
    else if (!conn->error)
        rnl_core_feed_eof(&conn->reader.core);
    if (!drained && ((conn->aborted && !conn->compat) || conn->ended))
        drained = RNL_ECLOSED;
    rnli_wake_all(&conn->reader.waiting, RNL_OK);
    rnli_wake_all(&conn->writer.draining, drained);
    rnli_wake_all(&conn->writer.closing, RNL_OK);
    rnli_wake_all(&conn->writer.emptied, RNL_OK);
    if (conn->filters)
        rnli_wake_all(&conn->filters->starting, RNL_OK);
    rnli_watch_tell(conn, RNL_OK);
}

static void release_socket(struct rnli_conn *conn)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);

    if (conn->leaving) {
        conn->left_with = conn->sock;
        face->ops->detach(face->backend, conn->sock);
    } else {
        face->ops->close_socket(face->backend, conn->sock);
    }
    conn->sock = RNL_NO_SOCKET;
}

/* Closes the socket once nothing is in flight. */
static void finish(struct rnli_conn *conn)
{
    if (conn->closed || conn->receiving || conn->sending)
        return;
    rnli_conn_settle(conn);
    if (conn->filters && conn->failing)
        rnli_filters_move_rest(conn);
    conn->closed = true;
    RNLI_PROBE(stream__close, conn, conn->error);
    rnli_limits_stop(conn);
    rnli_linger_free(conn);
    rnl_core_drop(&conn->writer.core);
    rnl_core_sent(&conn->writer.core, 0);
    release_socket(conn);
    tell_waiters(conn);
    if (conn->server)
        rnli_server_forget(conn);
    free_if_unused(conn);
}

static void stop_receiving(struct rnli_conn *conn)
{
    if (!conn->receiving || conn->recv_stopped)
        return;
    conn->recv_stopped = true;
    rnli_cancel(conn->loop, &conn->recv);
}

void rnli_conn_end(struct rnli_conn *conn)
{
    if (!conn->ending) {
        conn->ending = true;
        conn->closing = true;
        rnli_list_remove(&conn->flush.node);
        rnli_list_remove(&conn->soon.node);
        stop_receiving(conn);
        if (conn->filters)
            rnli_filters_over(conn);
        if (conn->sending)
            rnli_cancel(conn->loop, &conn->send);
    }
    finish(conn);
}

void rnli_conn_await_end(struct rnli_conn *conn, const char *what)
{
    (void)rnl_shield_begin();
    while (!conn->closed)
        (void)rnli_wait(&conn->writer.closing, what);
    (void)rnl_shield_end();
}

static void end_soon(struct rnli_conn *conn)
{
    if (!conn->ending)
        rnli_soon_add(conn->loop, &conn->soon);
}

/* A turn after a close, an abort or a failure. */
static void step_to_end(struct rnli_soon *soon)
{
    struct rnli_conn *conn = RNLI_CONTAINER(soon, struct rnli_conn, soon);

    if (conn->failing && conn->progress && conn->receiving) {
        conn->progress = false;
        end_soon(conn);
        return;
    }
    rnli_conn_end(conn);
}

/* The peer's side is over and all that we had is sent: our close_notify may be lost. */
static bool only_parts(const struct rnli_conn *conn)
{
    return conn->filters && conn->closing && conn->shut && conn->filters->deaf &&
           rnl_core_queued(&conn->writer.core) == 0;
}

void rnli_conn_fail(struct rnli_conn *conn, int code, int64_t os_code)
{
    if (conn->error == RNL_OK && !conn->aborted && !only_parts(conn)) {
        conn->error = code;
        conn->os_code = os_code;
    }
    if (conn->ending)
        return;
    conn->failing = !conn->closing;
    conn->closing = true;
    conn->progress = true;
    rnl_core_drop(&conn->writer.core);
    if (conn->failing)
        rnli_conn_receive(conn);
    end_soon(conn);
}

void rnli_conn_fail_now(struct rnli_conn *conn, int code)
{
    if (conn->error == RNL_OK && !conn->aborted)
        conn->error = code;
    if (conn->ending)
        return;
    conn->failing = false;
    conn->closing = true;
    rnl_core_drop(&conn->writer.core);
    stop_receiving(conn);
    end_soon(conn);
}

/* What is left to do once nothing is queued, through filters: say that our side
 * ends, and part. */
static void after_filtered_flush(struct rnli_conn *conn)
{
    bool ends = rnl_core_eof_due(&conn->writer.core);

    if ((ends || conn->closing) && rnli_filters_say_end(conn, conn->closing)) {
        conn->shut = true;
        rnli_conn_flush(conn);
        return;
    }
    if (conn->closing && !rnli_filters_part(conn) && !rnli_kernel_rests(conn))
        end_soon(conn);
}

void rnli_conn_after_flush(struct rnli_conn *conn)
{
    int64_t os = 0;

    if (conn->sending || conn->ending)
        return;
    if (rnl_core_queued(&conn->writer.core) > 0) {
        if (conn->filters && conn->filters->stuck && conn->closing && !rnli_filters_part(conn))
            end_soon(conn);
        return;
    }
    rnli_wake_all(&conn->writer.emptied, RNL_OK);
    rnli_wake_all(&conn->flushing, RNL_OK);
    if (conn->filters) {
        after_filtered_flush(conn);
        return;
    }
    if (rnl_core_eof_due(&conn->writer.core) && !conn->shut && !conn->closing) {
        int code = shut(conn, &os);

        conn->shut = true;
        if (code && code != RNL_ENOTCONN) /* that one: the peer has reset, and receiving tells */
            rnli_conn_fail(conn, code, os);
    }
    if (conn->closing && !rnli_linger(conn))
        end_soon(conn);
}

void rnli_conn_close(struct rnli_conn *conn)
{
    if (conn->closing)
        return;
    if (conn->filters && !conn->filters->top->started) {
        rnli_conn_abort(conn); /* in the middle of a handshake there is no order */
        return;
    }
    conn->closing = true;
    if (!conn->filters) /* else the peer's own end is awaited */
        stop_receiving(conn);
    rnli_conn_flush(conn);
}

void rnli_conn_abort(struct rnli_conn *conn)
{
    if (conn->ending || conn->aborted)
        return;
    conn->aborted = true;
    conn->closing = true;
    conn->failing = false;
    rnli_sockopt_reset(conn);
    rnl_core_drop(&conn->writer.core);
    stop_receiving(conn);
    end_soon(conn);
}

/* ---- References -------------------------------------------------------- */

/* Whoever waits on the pair has nothing to wait for any more. */
static void end_for_program(struct rnli_conn *conn)
{
    conn->ended = true;
    rnli_reader_forget_lines(&conn->reader.core);
    rnli_wake_all(&conn->reader.waiting, RNL_ECLOSED);
    rnli_wake_all(&conn->writer.draining, RNL_ECLOSED);
    rnli_watch_tell(conn, RNL_ECLOSED);
    rnli_wake_all(&conn->writer.emptied, RNL_ECLOSED);
    if (conn->filters)
        rnli_wake_all(&conn->filters->starting, RNL_ECLOSED);
}

void rnli_conn_handler_over(struct rnli_conn *conn)
{
    if (conn->kept)
        return;
    conn->over = true;
    rnli_conn_close(conn);
    end_for_program(conn);
    conn->refs--;
    free_if_unused(conn);
}

static struct rnli_conn *pair(const struct rnl_reader *reader, const struct rnl_writer *writer)
{
    if (reader)
        return rnli_reader_conn(reader);
    return writer ? rnli_writer_conn(writer) : NULL;
}

void rnl_stream_free(struct rnl_reader *reader, struct rnl_writer *writer)
{
    struct rnli_conn *conn = pair(reader, writer);
    bool handler_has_it;

    if (!conn)
        return;
    RNLI_CHECK_ENDS(rnli_ends_match(reader, writer));
    RNLI_CHECK_PAIR(conn);
    if (conn->refs > 1) {
        conn->refs--;
        return;
    }
    handler_has_it = conn->handled && !conn->kept && !conn->over;
    if (!handler_has_it) /* else it goes when the handler ends */
        conn->refs--;
    end_for_program(conn);
    rnli_wake_all(&conn->writer.closing, RNL_ECLOSED);
    if (!conn->over)
        rnli_conn_abort(conn);
    if (!handler_has_it)
        free_if_unused(conn);
}

void rnl_stream_ref(struct rnl_reader *reader, struct rnl_writer *writer)
{
    struct rnli_conn *conn = pair(reader, writer);

    if (!conn)
        return;
    RNLI_CHECK_ENDS(rnli_ends_match(reader, writer));
    RNLI_CHECK_PAIR(conn);
    conn->refs++;
}

int rnl_stream_keep(struct rnl_reader *reader, struct rnl_writer *writer)
{
    struct rnli_conn *conn = pair(reader, writer);

    if (!conn || !rnli_ends_match(reader, writer))
        return RNL_EINVAL;
    if (!conn->handled || conn->over || conn->ended)
        return RNL_EINVAL;
    conn->kept = true;
    return RNL_OK;
}
