/* recv.c: the receiving half of a connection.
 *
 * One receive is in flight while the reader is not paused. The backend borrows
 * the core's tail when bytes can be had (lend), and the entry says how many came
 * (done). A paused reader refuses the loan, which ends the receive; the read
 * that ends the pause submits another. So nothing is received that nobody asked
 * for, and a pause costs no system call.
 *
 *      submit --> lend --> done(len > 0) --> lend ...     receiving
 *                  |          |
 *                  | paused   | end, error
 *                  v          v
 *               done(ENOBUFS) done(final)                 not receiving */
#include "stream/limits.h"
#include "stream/filters.h"
#include "task/probes.h"

enum {
    WANT = 4096,         /* bytes; less room than this is not worth a receive */
    WANT_RECORDS = 40960 /* with filters: whole records, several at a time */
};

/* Where the socket's bytes go. */
static struct rnl_core_reader *wire(struct rnli_conn *conn)
{
    return conn->filters ? conn->filters->bottom->in : &conn->reader.core;
}

static struct rnli_conn *recv_conn(struct rnl_op *op)
{
    return RNLI_CONTAINER(op, struct rnli_conn, recv);
}

void rnli_conn_settle(struct rnli_conn *conn)
{
    if (!conn->loan)
        return;
    conn->loan = false;
    rnl_core_commit(wire(conn), 0);
}

/* A connection that failed takes what the kernel still has, paused or not: it is
 * bounded by the kernel's buffer. */
static bool may_receive(const struct rnli_conn *conn)
{
    if (conn->failing || conn->linger)
        return true;
    if (conn->filters) /* one that closes listens for the peer's own end */
        return !(conn->aborted || (conn->held && !conn->closing) ||
                 rnl_core_paused(conn->filters->bottom->in));
    return !(conn->closing || conn->held || rnl_core_paused(&conn->reader.core));
}

static int lend(struct rnl_op *op, unsigned char **data, size_t *len)
{
    struct rnli_conn *conn = recv_conn(op);
    int code;

    rnli_conn_settle(conn);
    if (conn->linger)
        return rnli_linger_lend(conn, data, len);
    if (!may_receive(conn))
        return RNL_ENOBUFS;
    code = rnl_core_lend(wire(conn), conn->filters ? WANT_RECORDS : WANT, data, len);
    conn->loan = code == RNL_OK;
    rnli_reader_forget_lines(&conn->reader.core);
    return code;
}

static void take_bytes(struct rnli_conn *conn, const struct rnl_entry *entry)
{
    int code = RNL_OK;

    if (conn->linger && !conn->loan)
        return; /* after the end: dropped */
    conn->progress = true;
    rnli_face(conn->loop)->bytes_in += entry->len;
    RNLI_PROBE(stream__received, conn, entry->len);
    if (conn->watched)
        rnli_watch_received(conn, entry->len);
    if (conn->loan) {
        conn->loan = false;
        rnl_core_commit(wire(conn), entry->len);
    } else {
        code = rnl_core_feed(wire(conn), entry->data, entry->len);
    }
    if (code)
        rnli_conn_fail(conn, code, 0);
    if (conn->filters) {
        rnli_filters_move_in(conn);
        return;
    }
    rnli_wake_all(&conn->reader.waiting, RNL_OK);
}

static void take_eof(struct rnli_conn *conn)
{
    rnli_conn_settle(conn);
    conn->eof_received = true;
    if (conn->error)
        return; /* the end of what was left after an error: not a clean one */
    if (conn->filters) {
        rnl_core_feed_eof(wire(conn));
        rnli_filters_move_in(conn);
        return;
    }
    rnl_core_feed_eof(&conn->reader.core);
    rnli_wake_all(&conn->reader.waiting, RNL_OK);
    rnli_wake_all(&conn->peer_ending, RNL_OK);
}

static void take_final(struct rnli_conn *conn, const struct rnl_entry *entry)
{
    rnli_conn_settle(conn);
    conn->receiving = false;
    rnli_reader_forget_lines(&conn->reader.core);
    if (conn->ending) {
        rnli_conn_end(conn);
        return;
    }
    if (conn->linger) {
        rnli_linger_final(conn, entry);
        return;
    }
    switch (entry->code) {
    case RNL_ECANCELED:
        break;
    case RNL_OK:      /* the end of input; or of an operation that could have gone on */
    case RNL_ENOBUFS: /* paused; perhaps no longer */
        rnli_conn_receive(conn);
        break;
    default:
        rnli_conn_fail(conn, entry->code, entry->os_code);
    }
}

static void done(struct rnl_op *op, const struct rnl_entry *entry)
{
    struct rnli_conn *conn = recv_conn(op);

    if (entry->code == RNL_OK) {
        if (entry->len > 0)
            take_bytes(conn, entry);
        else
            take_eof(conn);
    }
    if (!entry->more)
        take_final(conn, entry);
}

void rnli_recv_init(struct rnli_conn *conn)
{
    conn->recv.kind = RNL_OP_RECV;
    conn->recv.sock = conn->sock;
    conn->recv.done = done;
    conn->recv.lend = lend;
}

void rnli_conn_receive(struct rnli_conn *conn)
{
    int code;

    if (conn->filters && conn->filters->stalled)
        rnli_filters_kick(conn);
    if (conn->receiving || conn->ending || conn->eof_received || !may_receive(conn))
        return;
    conn->recv_stopped = false;
    code = rnli_submit(conn->loop, &conn->recv);
    conn->receiving = code == RNL_OK;
    if (conn->limits)
        rnli_limits_resumed(conn);
    if (code && !conn->error)
        rnli_conn_fail(conn, code, 0);
}
