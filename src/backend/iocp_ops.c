/* iocp_ops.c: receiving, sending and connecting over IOCP.
 *
 * A receive waits with no buffer at all: a WSARecv of zero bytes completes when there
 * is something, and then a recv that does not block takes it to where the stream lends
 * room. So no pending operation points into a reader's block, and an idle connection
 * holds no memory. A send first tries without waiting, and gives the kernel the pieces
 * only when it would block; they stay where they are until the final entry. */
#include "backend/iocp.h"

#include <string.h>

enum { RECV_MAX = 256 * 1024, SEND_PIECES = 64, SEND_MAX = 256 * 1024 };

static bool would_block(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK;
}

static bool short_of_memory(int err)
{
    return err == ENOBUFS || err == ENOMEM;
}

static void fresh(struct rnli_io *io)
{
    memset(&io->overlapped, 0, sizeof io->overlapped);
    io->completed = false;
}

static void fail(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op, int err)
{
    rnli_iocp_finish(backend, turn, op, rnli_posix_code(err), (int)rnli_sys_os_code(err));
}

/* By a fault of the tests. */
static bool is_refused(struct rnl_backend *backend, struct rnl_op *op, const char *call)
{
    int err = rnli_fault_code(call);

    if (err)
        rnli_io_started(backend, rnli_io(op), rnli_iocp_sock_of(backend, op), false,
                        (int)rnli_sys_os_code(err));
    return err != 0;
}

/* The kernel had no memory to wait with: back-pressure, as where it has none to send with. */
static bool could_not_wait(const struct rnl_op *op, const struct rnli_io *io)
{
    return io->completed && io->os && !io->canceled &&
           (op->kind == RNL_OP_RECV || op->kind == RNL_OP_SEND) &&
           short_of_memory(rnli_win_errno(io->os));
}

/* ---- Receiving --------------------------------------------------------- */

static void await_bytes(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);
    WSABUF nothing = {0, NULL};
    DWORD bytes = 0, flags = 0;
    int answer;

    fresh(io);
    if (is_refused(backend, op, "WSARecv"))
        return;
    answer = WSARecv(rnli_handle(op->sock), &nothing, 1, &bytes, &flags, &io->overlapped, NULL);
    rnli_io_started(backend, io, rnli_iocp_sock_of(backend, op), answer == 0, WSAGetLastError());
}

static ssize_t receive(int fd, unsigned char *data, size_t len)
{
    ssize_t n;

    do
        n = rnli_sys_recv(fd, data, len, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

/* A receive that found nothing: the wait's own failure counts, else it goes on. */
static void found_nothing(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op)
{
    int err = errno, os = rnli_io(op)->os;

    if (would_block(err) && os)
        rnli_iocp_finish(backend, turn, op, rnli_iocp_code(os), os);
    else if (would_block(err))
        await_bytes(backend, op);
    else if (short_of_memory(err))
        rnli_io_delay(backend, rnli_io(op));
    else
        fail(backend, turn, op, err);
}

static void serve_recv(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op)
{
    struct rnl_entry *entry;
    unsigned char *data = NULL;
    size_t len = 0;
    ssize_t n;
    int code = op->lend(op, &data, &len);

    if (code) {
        rnli_iocp_finish(backend, turn, op, code, 0);
        return;
    }
    if (len > RECV_MAX)
        len = RECV_MAX;
    n = receive((int)op->sock, data, len);
    if (n < 0) {
        found_nothing(backend, turn, op);
        return;
    }
    if (n == 0) { /* unless the wait told of a reset */
        rnli_iocp_finish(backend, turn, op, rnli_iocp_code(rnli_io(op)->os), rnli_io(op)->os);
        return;
    }
    entry = rnli_iocp_entry(turn, op, true);
    entry->data = data;
    entry->len = (size_t)n;
    rnli_io(op)->os = 0;
    if ((size_t)n == len)
        rnli_io_ready(backend, rnli_io(op)); /* there is likely more */
    else
        await_bytes(backend, op);
}

/* ---- Sending ----------------------------------------------------------- */

static DWORD gather(const struct rnl_op *op, WSABUF *bufs)
{
    size_t total = 0;
    DWORD count = 0;

    while (count < op->npieces && count < SEND_PIECES && total < SEND_MAX) {
        const struct rnl_bytes *piece = &op->pieces[count];
        size_t len = piece->len < SEND_MAX - total ? piece->len : SEND_MAX - total;

        bufs[count].buf = (char *)(uintptr_t)piece->data;
        bufs[count++].len = (ULONG)len;
        total += len;
    }
    return count;
}

static void hand_over(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);
    WSABUF bufs[SEND_PIECES];
    DWORD count = gather(op, bufs);
    int answer;

    fresh(io);
    if (is_refused(backend, op, "WSASend"))
        return;
    answer = WSASend(rnli_handle(op->sock), bufs, count, NULL, 0, &io->overlapped, NULL);
    rnli_io_started(backend, io, rnli_iocp_sock_of(backend, op), answer == 0, WSAGetLastError());
}

static void begin_send(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);
    ssize_t n = rnli_posix_send((int)op->sock, op->pieces, op->npieces);

    if (n >= 0) {
        io->overlapped.InternalHigh = (ULONG_PTR)n;
        rnli_io_settle(backend, op, RNL_OK, 0);
    } else if (would_block(errno)) {
        hand_over(backend, op);
    } else if (short_of_memory(errno)) {
        rnli_io_delay(backend, io);
    } else {
        rnli_io_settle(backend, op, rnli_posix_code(errno), (int)rnli_sys_os_code(errno));
    }
}

/* ---- Connecting -------------------------------------------------------- */

/* ConnectEx wants a bound socket; one that is bound already says so. */
static int bind_any(const struct rnl_op *op)
{
    struct rnli_sockaddr any;
    struct rnl_address address = {.family = op->address.family};

    if (rnli_sockaddr_from(&any, &address) != RNL_OK)
        return EAFNOSUPPORT;
    if (op->address.family == RNL_UNIX)
        any.len = sizeof(ADDRESS_FAMILY);
    if (rnli_sys_bind((int)op->sock, &any.u.any, any.len) == 0 || errno == EINVAL)
        return 0;
    return errno;
}

static void begin_connect(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);
    struct rnli_sockaddr sa;
    int code = rnli_sockaddr_from(&sa, &op->address), err = 0;
    BOOL answer;

    if (!code)
        err = rnli_sys_fails("connect") ? errno : bind_any(op);
    if (code || err) {
        rnli_io_settle(backend, op, code ? code : rnli_posix_code(err),
                       err ? (int)rnli_sys_os_code(err) : 0);
        return;
    }
    fresh(io);
    answer = backend->connect_ex(rnli_handle(op->sock), &sa.u.any, sa.len, NULL, 0, NULL,
                                 &io->overlapped);
    rnli_io_started(backend, io, rnli_iocp_sock_of(backend, op), answer, WSAGetLastError());
}

/* Whether a connect has met itself (a simultaneous open with one party). */
static bool met_itself(struct rnl_backend *backend, const struct rnl_op *op)
{
    struct rnl_address ours, theirs;
    int64_t os;

    return (op->address.family == RNL_INET || op->address.family == RNL_INET6) &&
           rnli_posix_get_name(backend, op->sock, false, &ours, &os) == RNL_OK &&
           rnli_posix_get_name(backend, op->sock, true, &theirs, &os) == RNL_OK &&
           ours.port == theirs.port && memcmp(ours.ip, theirs.ip, sizeof ours.ip) == 0;
}

static void serve_connect(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op)
{
    int os = rnli_io(op)->os;

    if (os == 0 && setsockopt(rnli_handle(op->sock), SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL,
                              0) == SOCKET_ERROR)
        os = WSAGetLastError();
    if (os == 0 && met_itself(backend, op))
        os = WSAECONNREFUSED;
    rnli_iocp_finish(backend, turn, op, rnli_iocp_code(os),
                     os ? (int)rnli_sys_os_code(rnli_win_errno(os)) : 0);
}

/* ---- Any of them ------------------------------------------------------- */

void rnli_iocp_begin(struct rnl_backend *backend, struct rnl_op *op)
{
    static void (*const begin[])(struct rnl_backend *, struct rnl_op *) = {
        [RNL_OP_ACCEPT] = rnli_accept_begin, [RNL_OP_CONNECT] = begin_connect,
        [RNL_OP_RECV] = await_bytes,         [RNL_OP_SEND] = begin_send,
        [RNL_OP_POLL] = rnli_poll_begin,
    };

    begin[op->kind](backend, op);
}

/* A send that was cut off by a cancel has sent nothing that we know of. */
static void serve_completed(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);

    if (io->canceled && io->os == ERROR_OPERATION_ABORTED)
        rnli_iocp_finish(backend, turn, op, RNL_ECANCELED, 0);
    else if (op->kind == RNL_OP_CONNECT)
        serve_connect(backend, turn, op);
    else if (io->os)
        rnli_iocp_finish(backend, turn, op, rnli_iocp_code(io->os), io->os);
    else
        rnli_iocp_finish(backend, turn, op, RNL_OK, 0)->len = io->overlapped.InternalHigh;
}

static void try_later(struct rnl_backend *backend, struct rnli_io *io)
{
    io->completed = false;
    io->os = 0;
    rnli_io_delay(backend, io);
}

void rnli_iocp_serve(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);

    if (op->kind == RNL_OP_POLL)
        rnli_poll_serve(backend, turn, op);
    else if (io->finished)
        rnli_iocp_finish(backend, turn, op, io->code, io->os)->len =
            op->kind == RNL_OP_SEND ? io->overlapped.InternalHigh : 0;
    else if (could_not_wait(op, io))
        try_later(backend, io);
    else if (io->completed && op->kind != RNL_OP_RECV)
        serve_completed(backend, turn, op);
    else if (io->canceled)
        rnli_iocp_finish(backend, turn, op, RNL_ECANCELED, 0);
    else if (op->kind == RNL_OP_RECV)
        serve_recv(backend, turn, op);
    else
        rnli_iocp_begin(backend, op); /* it was delayed */
}
