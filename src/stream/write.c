/* write.c: the writes of runnel/stream.h, and the end of a connection.
 *
 * Small writes are gathered in the core's queue; a writer with gathered bytes
 * stands on the loop's flush list, which is emptied before the loop polls, so 16
 * replies are one system call whoever wrote them. A read of the same connection
 * that has to wait flushes it first. A large write into an empty
 * queue goes to the kernel at once, and only the rest is copied.
 *
 *      rnl_write --> queue --> flush: try_send --> kernel
 *                                |  the kernel is full
 *                                v
 *                              send op --> done --> flush
 *
 * Bytes of the queue that a send in flight points at stay where they are; the
 * core promises that. */
#include <string.h>

#include "core/compiler.h"
#include "stream/limits.h"
#include "stream/kernel.h"
#include "task/probes.h"

enum {
    LARGE = 16384,       /* bytes; a write of this size is not gathered */
    LARGE_COST = 3,      /* more calls that it counts for: it takes as long */
    GATHER = 65536,      /* bytes; more gathered than this is flushed at once */
    PIECES = 16          /* of one try_send */
};

static void send_done(struct rnl_op *op, const struct rnl_entry *entry);

/* Where the bytes for the socket are. */
static struct rnl_core_writer *wire(struct rnli_conn *conn)
{
    return conn->filters ? rnli_kernel_wire(conn) : &conn->writer.core;
}

static size_t peek(struct rnli_conn *conn, struct rnl_bytes *pieces, size_t max)
{
    if (conn->filters && rnli_kernel_waits(conn))
        return 0;
    return rnl_core_peek(wire(conn), pieces, max);
}

static void flush_hook(struct rnli_flush *flush)
{
    rnli_conn_flush(RNLI_CONTAINER(flush, struct rnli_conn, flush));
}

void rnli_send_init(struct rnli_conn *conn)
{
    conn->send.kind = RNL_OP_SEND;
    conn->send.sock = conn->sock;
    conn->send.done = send_done;
    conn->flush.fn = flush_hook;
    rnli_list_init(&conn->flush.node);
}

/* ---- Sending ----------------------------------------------------------- */

/* The drainers go on when the queue is at or below its low mark. */
static void wake_drainers(struct rnli_conn *conn)
{
    if (!rnl_core_write_paused(&conn->writer.core))
        rnli_wake_all(&conn->writer.draining, RNL_OK);
}

static void sent(struct rnli_conn *conn, size_t len)
{
    rnl_core_sent(wire(conn), len);
    wake_drainers(conn);
    rnli_face(conn->loop)->bytes_out += len;
    RNLI_PROBE(stream__sent, conn, len);
    if (conn->watched)
        rnli_watch_sent(conn, len);
}

/* With filters: makes bytes for the socket of those that are queued. */
static int prepare(struct rnli_conn *conn)
{
    int code = conn->filters ? rnli_filters_move_out(conn) : RNL_OK;

    if (conn->filters) {
        wake_drainers(conn);
        if (conn->filters->stalled)
            rnli_filters_kick(conn);
    }
    return code;
}

static void submit(struct rnli_conn *conn, enum rnl_op_kind kind)
{
    int code;

    conn->send.kind = kind;
    code = rnli_submit(conn->loop, &conn->send);
    conn->sending = code == RNL_OK;
    if (conn->limits && !code)
        rnli_limits_blocked(conn);
    if (code)
        rnli_conn_fail(conn, code, 0);
}

void rnli_send_await(struct rnli_conn *conn)
{
    conn->send.npieces = 0;
    conn->send.poll = RNL_POLL_WRITE;
    submit(conn, RNL_OP_POLL);
}

static void submit_send(struct rnli_conn *conn)
{
    if (conn->filters && rnli_kernel_has_records(conn)) {
        rnli_send_await(conn);
        return;
    }
    conn->send.npieces = peek(conn, conn->pieces, CONN_PIECES);
    conn->send.pieces = conn->pieces;
    submit(conn, RNL_OP_SEND);
}

/* As much as the kernel takes now. RNL_OK: all of it. */
static int send_now(struct rnli_conn *conn, int64_t *os)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    struct rnl_bytes pieces[PIECES];
    size_t count, len;
    int broken = prepare(conn); /* what it left, an alert, is still sent */
    int code = conn->filters ? rnli_kernel_say(conn, os) : RNL_OK;

    while (!code && (count = peek(conn, pieces, PIECES)) > 0) {
        code = face->ops->try_send(face->backend, conn->sock, pieces, count, &len, os);
        if (!code) {
            sent(conn, len);
            broken = prepare(conn);
        }
    }
    return code ? code : broken;
}

static bool can_send(const struct rnli_conn *conn)
{
    return !conn->sending && !conn->ending && !conn->failing && !conn->aborted;
}

void rnli_conn_flush(struct rnli_conn *conn)
{
    int64_t os = 0;
    int code;

    if (!can_send(conn))
        return;
    rnli_list_remove(&conn->flush.node);
    code = send_now(conn, &os);
    if (code == RNL_EAGAIN || code == RNL_ENOTSUP)
        submit_send(conn);
    else if (code == RNL_ENOBUFS && conn->filters && rnli_kernel_has_records(conn))
        rnli_kernel_retry(conn);
    else if (code && conn->filters && os == 0)
        rnli_conn_fail_now(conn, code); /* not the socket's error */
    else if (code)
        rnli_conn_fail(conn, code, os);
    else
        rnli_conn_after_flush(conn);
}

static void send_done(struct rnl_op *op, const struct rnl_entry *entry)
{
    struct rnli_conn *conn = RNLI_CONTAINER(op, struct rnli_conn, send);

    conn->sending = false;
    if (entry->code == RNL_OK && !conn->failing && !conn->aborted)
        sent(conn, entry->len);
    else
        rnl_core_sent(wire(conn), 0); /* dropped bytes may go now */
    if (conn->ending)
        rnli_conn_end(conn);
    else if (entry->code && entry->code != RNL_ECANCELED)
        rnli_conn_fail(conn, entry->code, entry->os_code);
    else
        rnli_conn_flush(conn);
}

/* ---- Writing ----------------------------------------------------------- */

/* A lost connection swallows writes; one that closes takes them while it still
 * has something to send. */
static bool swallows(const struct rnli_conn *conn)
{
    if (conn->filters && conn->closing && (conn->shut || conn->error))
        return true;
    return conn->ending || conn->failing || conn->aborted ||
           (conn->closing && !conn->sending && rnl_core_queued(&conn->writer.core) == 0);
}

/* No send is in flight: the kernel has not refused anything yet. Only what it
 * refuses now counts for the high mark, as if each write had been offered to it. */
static void flush_gathered(struct rnli_conn *conn)
{
    rnli_conn_flush(conn);
    rnli_writer_judge(&conn->writer.core);
}

static void queued(struct rnli_conn *conn)
{
    size_t count = rnl_core_queued(&conn->writer.core);

    if (count == 0 || conn->sending)
        return;
    if (count >= GATHER || rnl_core_write_paused(&conn->writer.core))
        flush_gathered(conn);
    else
        rnli_flush_add(conn->loop, &conn->flush);
}

/* Offers a large write to the kernel before it is copied. *done is how much of
 * it went. An error is kept: the next flush meets it again. */
static void offer(struct rnli_conn *conn, const void *data, size_t len, size_t *done)
{
    struct rnli_loop_face *face = rnli_face(conn->loop);
    struct rnl_bytes piece = {data, len};
    int64_t os = 0;
    int code;

    *done = 0;
    face->budget -= LARGE_COST;
    if (!can_send(conn) || conn->closing || rnl_core_queued(&conn->writer.core) > 0)
        return;
    if (conn->filters && !rnli_kernel_takes(conn))
        return;
    code = face->ops->try_send(face->backend, conn->sock, &piece, 1, done, &os);
    face->bytes_out += code ? 0 : *done;
    RNLI_PROBE(stream__sent, conn, code ? 0 : *done);
    if (code) {
        *done = 0;
        if (code != RNL_EAGAIN && code != RNL_ENOTSUP) {
            *done = len;
            rnli_conn_fail(conn, code, os);
        }
    }
}

static RNLI_RARE int write_bytes(struct rnl_writer *writer, const void *data, size_t len)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);
    size_t done = 0;
    int code;

    code = rnli_writer_allows(&writer->core, len);
    if (code == RNL_EINVAL)
        return code;
    if (len == 0 || swallows(conn)) {
        conn->dropped |= len > 0;
        return RNL_OK;
    }
    if (code)
        return code;
    if (len >= LARGE)
        offer(conn, data, len, &done);
    if (done == len)
        return RNL_OK;
    code = rnl_core_write(&writer->core, (const unsigned char *)data + done, len - done);
    if (code && done > 0) /* part of it is gone: the stream cannot go on */
        rnli_conn_fail(conn, code, 0);
    else if (!code)
        queued(conn);
    return code;
}

int rnl_write(struct rnl_writer *writer, const void *data, size_t len)
{
    RNLI_CHECK_PAIR(rnli_writer_conn(writer));
    /* Behind bytes that stand on the flush list, or follow a send, already. */
    if (rnli_writer_append(&writer->core, data, len))
        return RNL_OK;
    return write_bytes(writer, data, len);
}

int rnl_write_str(struct rnl_writer *writer, const char *text)
{
    return rnl_write(writer, text, strlen(text));
}

int rnl_writelines(struct rnl_writer *writer, const struct rnl_bytes *pieces, size_t count)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);
    int code = rnli_writer_allows(&writer->core, 0);

    RNLI_CHECK_PAIR(conn);
    if (code == RNL_EINVAL)
        return code;
    if (swallows(conn)) {
        conn->dropped |= count > 0;
        return RNL_OK;
    }
    code = rnl_core_writelines(&writer->core, pieces, count);
    if (!code)
        queued(conn);
    return code;
}

int rnl_flush(struct rnl_writer *writer)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);

    RNLI_CHECK_PAIR(conn);
    rnli_conn_flush(conn);
    return conn->error;
}

/* What a drain answers without waiting; RNL_EAGAIN: it has to wait. */
static int drain_now(struct rnli_conn *conn)
{
    if (conn->error)
        return conn->error;
    if (conn->ended)
        return RNL_ECLOSED;
    if (conn->closed)
        return conn->writes_only && conn->shut ? RNL_OK : RNL_ECONNRESET; /* by rnl_write_eof */
    return rnl_core_write_paused(&conn->writer.core) ? RNL_EAGAIN : RNL_OK;
}

static RNLI_RARE int drain(struct rnli_conn *conn)
{
    int code;

    rnli_conn_pin(conn);
    code = rnli_checkpoint_of(conn->loop);
    if (!code && !conn->error && conn->closing && !conn->closed)
        code = rnl_yield(); /* so that the end can arrive */
    if (!code && (code = drain_now(conn)) == RNL_EAGAIN) {
        rnli_conn_flush(conn);
        if ((code = drain_now(conn)) == RNL_EAGAIN)
            code = rnli_wait(&conn->writer.draining, "drain");
    }
    rnli_conn_unpin(conn);
    return code;
}

int rnl_drain(struct rnl_writer *writer)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);

    RNLI_CHECK_PAIR(conn);
    if (!conn->closing && !writer->core.paused && rnli_has_budget(conn->loop))
        return RNL_OK;
    return drain(conn);
}

int rnl_write_eof(struct rnl_writer *writer)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);

    RNLI_CHECK_PAIR(conn);
    if (!rnl_can_write_eof(writer))
        return RNL_ENOTSUP;
    if (conn->closing)
        return RNL_OK;
    rnl_core_write_eof(&writer->core);
    rnli_conn_flush(conn);
    return RNL_OK;
}

bool rnl_can_write_eof(const struct rnl_writer *writer)
{
    const struct rnli_conn *conn = rnli_writer_conn(writer);

    return !(conn->filters && conn->compat) && !conn->reads_only;
}

size_t rnl_queued(const struct rnl_writer *writer)
{
    return rnl_core_queued(&writer->core);
}

int rnl_set_water_marks(struct rnl_writer *writer, size_t high, size_t low)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);

    RNLI_CHECK_PAIR(conn);
    if (!conn->sending)
        rnli_conn_flush(conn); /* gathered bytes do not count for a mark */
    return rnl_core_set_water_marks(&writer->core, high, low);
}
