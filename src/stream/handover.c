/* handover.c: a connection leaves the library, and descriptors come and go.
 *
 * Detaching is an end like any other, with all operations awaited, but for the
 * last step: the socket is let go instead of closed. Once that has begun it
 * cannot be cancelled, because there is no way back to a connection that
 * receives with nothing lost. */
#include <runnel/flow.h>
#include <runnel/handover.h>

#include "backend/pass.h"
#include "stream/conn.h"

static int may_detach(const struct rnli_conn *conn)
{
    if (conn->error)
        return conn->error;
    if (conn->closing || conn->ended)
        return RNL_ECLOSED;
    if (conn->filters)
        return RNL_ENOTSUP; /* the socket without the keys */
    return rnli_waitlist_empty(&conn->reader.waiting) ? RNL_OK : RNL_EBUSY;
}

static void let_go(struct rnli_conn *conn)
{
    conn->leaving = true;
    rnli_conn_end(conn);
    rnli_conn_await_end(conn, "detach");
}

static int detach(struct rnli_conn *conn, rnl_socket *sock, struct rnl_bytes *leftover)
{
    int code = may_detach(conn);

    if (!code)
        code = rnl_wait_flushed(&conn->writer);
    if (!code)
        code = may_detach(conn);
    if (code)
        return code;
    let_go(conn);
    if (conn->error) {
        rnli_os_close(conn->left_with);
        return conn->error;
    }
    *sock = conn->left_with;
    rnl_core_peek_buffered(&conn->reader.core, leftover);
    return RNL_OK;
}

int rnl_stream_detach(struct rnl_reader *reader, struct rnl_writer *writer, rnl_socket *sock,
                      struct rnl_bytes *leftover)
{
    struct rnli_conn *conn = reader ? rnli_reader_conn(reader) : rnli_writer_conn(writer);
    int code;

    RNLI_CHECK_PAIR(conn);
    code = rnli_os_sockets(rnli_face(conn->loop)->ops) ? RNL_OK : RNL_ENOTSUP;
    if (!code && (!sock || !leftover)) /* who takes the one and not the other loses bytes */
        code = RNL_EINVAL;
    if (!code && !rnli_ends_match(reader, writer))
        code = RNL_EINVAL;
    rnli_conn_pin(conn);
    if (!code)
        code = rnli_checkpoint();
    if (!code)
        code = detach(conn, sock, leftover);
    rnli_conn_unpin(conn);
    return code;
}

int rnl_inherited_listeners(rnl_socket *out, size_t max, size_t *count)
{
    return rnli_os_inherited(out, max, count);
}

int rnl_get_peer_credentials(const struct rnl_writer *writer, struct rnl_credentials *out)
{
    const struct rnli_conn *conn = rnli_writer_conn(writer);

    if (!rnli_os_sockets(rnli_face(conn->loop)->ops))
        return RNL_ENOTSUP;
    return conn->closed ? RNL_ECLOSED : rnli_os_credentials(conn->sock, out);
}

/* ---- Passing ----------------------------------------------------------- */

/* The look at the channel is what a backend refuses in a child, after a fork: what is
 * sent and taken there would be the parent's. */
static int begin(rnl_socket channel)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_socket_info info;
    int64_t os;
    int code = rnli_checkpoint();

    if (!code && !rnli_os_sockets(rnli_face(loop)->ops))
        code = RNL_ENOTSUP;
    if (!code)
        code = rnli_face(loop)->ops->info(rnli_face(loop)->backend, channel, &info, &os);
    return code;
}

int rnl_pass_socket(rnl_socket channel, rnl_socket sock)
{
    int code = begin(channel);

    while (!code && (code = rnli_os_pass(channel, sock)) == RNL_EAGAIN)
        code = rnl_wait_writable(channel);
    return code;
}

int rnl_receive_socket(rnl_socket channel, rnl_socket *sock)
{
    int code = begin(channel);

    while (!code && (code = rnli_os_receive(channel, sock)) == RNL_EAGAIN)
        code = rnl_wait_readable(channel);
    return code;
}
