/* flow.c: waiting for all that was written, and for the peer's end.
 *
 * Both are lists of the connection that are told where the state changes; the
 * waiting task looks at the state again. A connection that has no limits pays a
 * look at one flag (`watched`) for each receive and send. */
#include <runnel/flow.h>

#include "stream/filters.h"
#include "stream/limits.h"

void rnli_watch_init(struct rnli_conn *conn)
{
    rnli_waitlist_init(&conn->flushing);
    rnli_waitlist_init(&conn->peer_ending);
}

void rnli_watch_sent(struct rnli_conn *conn, size_t len)
{
    if (conn->limits)
        rnli_limits_sent(conn, len);
}

void rnli_watch_received(struct rnli_conn *conn, size_t len)
{
    if (conn->limits)
        rnli_limits_received(conn, len);
}

void rnli_watch_tell(struct rnli_conn *conn, int code)
{
    rnli_wake_all(&conn->flushing, code);
    rnli_wake_all(&conn->peer_ending, code);
}

static int flushed_now(const struct rnli_conn *conn)
{
    if (conn->error)
        return conn->error;
    if (conn->ended || conn->aborted || conn->dropped)
        return RNL_ECLOSED;
    return conn->sending || rnl_core_queued(&conn->writer.core) > 0 ? RNL_EAGAIN : RNL_OK;
}

int rnl_wait_flushed(struct rnl_writer *writer)
{
    struct rnli_conn *conn = rnli_writer_conn(writer);
    int code;

    RNLI_CHECK_PAIR(conn);
    rnli_conn_pin(conn);
    code = rnli_checkpoint();
    if (!code)
        rnli_conn_flush(conn);
    while (!code && (code = flushed_now(conn)) == RNL_EAGAIN)
        code = rnli_wait(&conn->flushing, "wait_flushed");
    rnli_conn_unpin(conn);
    return code;
}

static int peer_ended_now(const struct rnli_conn *conn)
{
    if (conn->error)
        return conn->error;
    if (rnli_peer_said_all(conn))
        return RNL_OK;
    return conn->closing || conn->ended ? RNL_ECLOSED : RNL_EAGAIN;
}

int rnl_wait_peer_closed(struct rnl_reader *reader)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);
    int code;

    RNLI_CHECK_PAIR(conn);
    rnli_conn_pin(conn);
    code = rnli_checkpoint();
    while (!code && (code = peer_ended_now(conn)) == RNL_EAGAIN)
        code = rnli_wait(&conn->peer_ending, "wait_peer_closed");
    rnli_conn_unpin(conn);
    return code;
}

void rnl_pause_reading(struct rnl_reader *reader)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    conn->held = true;
    if (conn->limits)
        rnli_limits_paused(conn);
}

void rnl_resume_reading(struct rnl_reader *reader)
{
    struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    if (conn->held && conn->limits)
        rnli_limits_resumed(conn);
    conn->held = false;
    rnli_conn_receive(conn);
}

bool rnl_reading_paused(const struct rnl_reader *reader)
{
    const struct rnli_conn *conn = rnli_reader_conn(reader);

    RNLI_CHECK_PAIR(conn);
    return conn->held;
}

void rnl_set_write_cap(struct rnl_writer *writer, size_t cap)
{
    RNLI_CHECK_PAIR(rnli_writer_conn(writer));
    rnli_writer_set_cap(&writer->core, cap);
}
