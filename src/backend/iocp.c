/* iocp.c: the backend of Windows: sockets, the port, and the wait.
 *
 *      submit --> begin --> kernel --completions, many at once--> ready list
 *                     `---- done at once, to be said ------------^   |
 *      wait <--- entries <--- serve (iocp_ops.c, iocp_accept.c) <----'
 *
 * Handles are multiples of four, so a socket's place is its number by four.
 *
 * Where the socket's provider is the system's own, what succeeds at once brings no
 * completion (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS); under a layered one the two
 * would be out of step, so there it always brings one. */
#include "backend/iocp.h"

#include "backend/backends.h"
#include "core/alloc.h"
#include "core/timerq.h"

#include <assert.h>
#include <string.h>

enum { SOCKS_MIN = 64, COMPLETIONS = 128 };
static const int64_t retry_after_ns = 10 * RNL_MILLISECOND;

int rnli_iocp_code(int os)
{
    return os == 0 ? RNL_OK : rnli_posix_code(rnli_win_errno(os));
}

/* ---- Sockets ----------------------------------------------------------- */

static struct rnli_iocp_sock *sock_at(struct rnl_backend *backend, rnl_socket sock)
{
    return sock >= 0 && (size_t)sock / 4 < backend->nsocks ? &backend->socks[sock / 4] : NULL;
}

static struct rnli_iocp_sock *attached_at(struct rnl_backend *backend, rnl_socket sock)
{
    struct rnli_iocp_sock *at = sock_at(backend, sock);

    return at && at->attached ? at : NULL;
}

struct rnli_iocp_sock *rnli_iocp_sock_of(struct rnl_backend *backend, const struct rnl_op *op)
{
    return &backend->socks[op->sock / 4];
}

static struct rnli_iocp_sock *sock_for(struct rnl_backend *backend, rnl_socket sock)
{
    size_t count = backend->nsocks ? backend->nsocks : SOCKS_MIN, at = (size_t)sock / 4;
    struct rnli_iocp_sock *socks;

    if (at < backend->nsocks)
        return &backend->socks[at];
    while (count <= at)
        count *= 2;
    socks = rnli_realloc(&backend->allocator, backend->socks, backend->nsocks * sizeof *socks,
                         count * sizeof *socks);
    if (!socks)
        return NULL;
    memset(socks + backend->nsocks, 0, (count - backend->nsocks) * sizeof *socks);
    backend->socks = socks;
    backend->nsocks = count;
    return &socks[at];
}

/* Whether its provider is the system's own. */
static bool has_real_handle(SOCKET handle)
{
    WSAPROTOCOL_INFOW info;
    int len = sizeof info;

    return getsockopt(handle, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &len) == 0 &&
           info.dwServiceFlags1 & XP1_IFS_HANDLES;
}

/* A socket stays with its port until it is closed; one that comes again is refused as
 * a parameter, and is known. */
static int associate(struct rnl_backend *backend, struct rnli_iocp_sock *at, SOCKET handle,
                     int64_t *os)
{
    if (!CreateIoCompletionPort((HANDLE)handle, backend->port, (ULONG_PTR)handle, 0)) {
        *os = (int64_t)GetLastError();
        if (*os != ERROR_INVALID_PARAMETER)
            return rnli_iocp_code((int)*os);
        return at->associated ? RNL_OK : RNL_EBUSY;
    }
    at->associated = true;
    at->skips = has_real_handle(handle) &&
                SetFileCompletionNotificationModes((HANDLE)handle,
                                                   FILE_SKIP_COMPLETION_PORT_ON_SUCCESS |
                                                       FILE_SKIP_SET_EVENT_ON_HANDLE);
    return RNL_OK;
}

static int iocp_attach(struct rnl_backend *backend, rnl_socket sock, int64_t *os)
{
    struct rnli_iocp_sock *at;
    int code, type;
    socklen_t len = sizeof type;

    *os = 0;
    if (sock < 0 || sock >= INT_MAX / 2)
        return RNL_EBADF;
    if (rnli_sys_getsockopt((int)sock, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return rnli_posix_fail(os);
    at = sock_for(backend, sock);
    if (!at)
        return RNL_ENOMEM;
    if (at->read || at->write)
        return RNL_EBUSY;
    code = rnli_posix_adopt((int)sock, os);
    if (!code)
        code = associate(backend, at, rnli_handle(sock), os);
    if (code)
        return code;
    at->family = rnli_posix_family((int)sock);
    at->attached = true;
    return RNL_OK;
}

static void iocp_detach(struct rnl_backend *backend, rnl_socket sock)
{
    struct rnli_iocp_sock *at = sock_at(backend, sock);

    if (!at)
        return;
    assert(!at->read && !at->write);
    at->attached = false;
}

static void iocp_close_socket(struct rnl_backend *backend, rnl_socket sock)
{
    struct rnli_iocp_sock *at = sock_at(backend, sock);

    iocp_detach(backend, sock);
    if (at)
        at->associated = false;
    rnli_sys_close((int)sock);
}

static int iocp_open_socket(struct rnl_backend *backend, enum rnl_family family, rnl_socket *out,
                            int64_t *os)
{
    int fd, code;

    *out = RNL_NO_SOCKET;
    *os = 0;
    code = rnli_posix_socket(family, &fd, os);
    if (code)
        return code;
    code = iocp_attach(backend, fd, os);
    if (code)
        rnli_sys_close(fd);
    else
        *out = fd;
    return code;
}

/* ---- Operations -------------------------------------------------------- */

static void put(struct rnl_backend *backend, struct rnli_io *io, enum rnli_io_where where)
{
    rnli_list_remove(&io->node);
    io->where = (unsigned char)where;
    if (where == RNLI_IO_READY)
        rnli_list_push(&backend->ready, &io->node);
    else if (where == RNLI_IO_DELAYED)
        rnli_list_push(&backend->delayed, &io->node);
}

void rnli_io_ready(struct rnl_backend *backend, struct rnli_io *io)
{
    put(backend, io, RNLI_IO_READY);
}

void rnli_io_delay(struct rnl_backend *backend, struct rnli_io *io)
{
    if (rnli_list_empty(&backend->delayed))
        backend->retry_ns = rnli_time_after(rnli_sys_monotonic(), retry_after_ns);
    put(backend, io, RNLI_IO_DELAYED);
}

void rnli_io_started(struct rnl_backend *backend, struct rnli_io *io,
                     const struct rnli_iocp_sock *sock, bool at_once, int os)
{
    if (os == WSA_IO_PENDING || (at_once && !sock->skips)) {
        put(backend, io, RNLI_IO_KERNEL);
        return;
    }
    io->completed = true;
    io->os = at_once ? 0 : os;
    rnli_io_ready(backend, io);
}

void rnli_io_settle(struct rnl_backend *backend, struct rnl_op *op, int code, int os)
{
    struct rnli_io *io = rnli_io(op);

    io->finished = true;
    io->code = (short)code;
    io->os = os;
    rnli_io_ready(backend, io);
}

struct rnl_entry *rnli_iocp_entry(struct rnli_turn *turn, struct rnl_op *op, bool more)
{
    struct rnl_entry *entry = &turn->entries[turn->count++];

    assert(turn->count <= turn->max);
    memset(entry, 0, sizeof *entry);
    entry->op = op;
    entry->more = more;
    entry->accepted = RNL_NO_SOCKET;
    return entry;
}

struct rnl_entry *rnli_iocp_finish(struct rnl_backend *backend, struct rnli_turn *turn,
                                   struct rnl_op *op, int code, int os)
{
    struct rnli_iocp_sock *sock = rnli_iocp_sock_of(backend, op);
    struct rnl_entry *entry = rnli_iocp_entry(turn, op, false);

    entry->code = code;
    entry->os_code = os;
    put(backend, rnli_io(op), RNLI_IO_IDLE);
    if (sock->read == op)
        sock->read = NULL;
    if (sock->write == op)
        sock->write = NULL;
    return entry;
}

static bool reads(const struct rnl_op *op)
{
    return op->kind == RNL_OP_ACCEPT || (op->kind == RNL_OP_RECV && op->lend) ||
           (op->kind == RNL_OP_POLL && (op->poll & RNL_POLL_READ));
}

static bool writes(const struct rnl_op *op)
{
    return op->kind == RNL_OP_CONNECT || op->kind == RNL_OP_SEND ||
           (op->kind == RNL_OP_POLL && (op->poll & RNL_POLL_WRITE));
}

static int iocp_submit(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_iocp_sock *sock = attached_at(backend, op->sock);
    struct rnli_io *io = rnli_io(op);

    if (!sock || !(reads(op) || writes(op)))
        return RNL_EINVAL;
    if ((reads(op) && sock->read) || (writes(op) && sock->write))
        return RNL_EBUSY;
    memset(io, 0, sizeof *io);
    rnli_list_init(&io->node);
    if (reads(op))
        sock->read = op;
    if (writes(op))
        sock->write = op;
    rnli_iocp_begin(backend, op);
    return RNL_OK;
}

/* The kernel is asked; when it has nothing to cancel, the completion is on its way. */
static void iocp_cancel(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);

    if (io->where == RNLI_IO_IDLE || io->canceled)
        return;
    io->canceled = true;
    if (op->kind == RNL_OP_ACCEPT)
        rnli_accept_cancel(backend, op);
    else if (op->kind == RNL_OP_POLL)
        rnli_poll_cancel(backend, op);
    else if (io->where == RNLI_IO_KERNEL)
        CancelIoEx((HANDLE)rnli_handle(op->sock), &io->overlapped);
    else
        rnli_io_ready(backend, io);
}

static int iocp_try_send(struct rnl_backend *backend, rnl_socket sock,
                         const struct rnl_bytes *pieces, size_t npieces, size_t *sent, int64_t *os)
{
    struct rnli_iocp_sock *at = attached_at(backend, sock);
    ssize_t n;

    *sent = 0;
    *os = 0;
    if (!at || at->write)
        return RNL_EINVAL;
    n = rnli_posix_send((int)sock, pieces, npieces);
    if (n >= 0) {
        *sent = (size_t)n;
        return RNL_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM)
        return RNL_EAGAIN;
    return rnli_posix_fail(os);
}

/* ---- Waiting ----------------------------------------------------------- */

/* What Winsock says of it, which is finer than the kernel's word. */
static int result_of(SOCKET handle, OVERLAPPED *overlapped)
{
    DWORD bytes, flags;

    if (overlapped->Internal == 0 ||
        WSAGetOverlappedResult(handle, overlapped, &bytes, FALSE, &flags))
        return 0;
    return WSAGetLastError();
}

static bool is_of(struct rnl_op *op, const OVERLAPPED *overlapped)
{
    return op && op->kind != RNL_OP_ACCEPT && &rnli_io(op)->overlapped == overlapped;
}

/* What in flight was given this; NULL: none. A socket that was detached goes on to bring the
 * program's own completions here. */
static struct rnli_io *in_flight(const struct rnli_iocp_sock *at, const OVERLAPPED *overlapped)
{
    struct rnli_io *io = NULL;

    if (is_of(at->read, overlapped))
        io = rnli_io(at->read);
    else if (is_of(at->write, overlapped))
        io = rnli_io(at->write);
    else if (at->acceptor)
        io = rnli_accept_of(at->acceptor, overlapped);
    return io && io->where == RNLI_IO_KERNEL ? io : NULL;
}

static void take_completion(struct rnl_backend *backend, rnl_socket sock, OVERLAPPED *overlapped)
{
    const struct rnli_iocp_sock *at = sock_at(backend, sock);
    struct rnli_io *io = at && overlapped ? in_flight(at, overlapped) : NULL;

    if (!io)
        return;
    io->completed = true;
    io->os = result_of(rnli_handle(sock), overlapped);
    rnli_io_ready(backend, io);
}

static DWORD to_ms(int64_t ns)
{
    int64_t ms = ns / RNL_MILLISECOND + (ns % RNL_MILLISECOND != 0); /* never early */

    if (ns < 0)
        return INFINITE;
    return ms > INT_MAX ? INT_MAX : (DWORD)ms;
}

static int take_completions(struct rnl_backend *backend, int64_t timeout_ns)
{
    OVERLAPPED_ENTRY found[COMPLETIONS];
    ULONG n = 0;

    if (rnli_fault_code("wait"))
        return RNL_EIO;
    if (!GetQueuedCompletionStatusEx(backend->port, found, COMPLETIONS, &n, to_ms(timeout_ns),
                                     FALSE))
        return GetLastError() == WAIT_TIMEOUT ? RNL_OK : rnli_iocp_code((int)GetLastError());
    for (ULONG i = 0; i < n; i++)
        take_completion(backend, (rnl_socket)found[i].lpCompletionKey, found[i].lpOverlapped);
    return RNL_OK;
}

static void rouse_delayed(struct rnl_backend *backend)
{
    struct rnli_list *node;

    if (rnli_list_empty(&backend->delayed) || rnli_sys_monotonic() < backend->retry_ns)
        return;
    while ((node = rnli_list_shift(&backend->delayed)) != NULL)
        rnli_io_ready(backend, RNLI_CONTAINER(node, struct rnli_io, node));
}

static int64_t until(int64_t deadline)
{
    int64_t now = rnli_sys_monotonic();

    return deadline > now ? deadline - now : 0;
}

static int64_t patience(const struct rnl_backend *backend, int64_t left)
{
    int64_t retry;

    if (!rnli_list_empty(&backend->ready))
        return 0;
    if (rnli_list_empty(&backend->delayed))
        return left;
    retry = until(backend->retry_ns);
    return left < 0 || retry < left ? retry : left;
}

/* Serves each that is on the list now once, as far as there is room. */
static void serve_all(struct rnl_backend *backend, struct rnli_turn *turn)
{
    struct rnli_list now, *node;

    rnli_list_init(&now);
    rnli_list_splice(&now, &backend->ready);
    while (turn->count < turn->max && backend->npeers < RNLI_IOCP_PEERS &&
           (node = rnli_list_shift(&now)) != NULL) {
        struct rnli_io *io = RNLI_CONTAINER(node, struct rnli_io, node);

        if (io->is_accept)
            rnli_accept_serve(backend, turn, io);
        else
            rnli_iocp_serve(backend, turn, rnli_io_op(io));
    }
    rnli_list_splice(&now, &backend->ready); /* those not served come first */
    rnli_list_splice(&backend->ready, &now);
}

static int iocp_wait(struct rnl_backend *backend, int64_t timeout_ns, struct rnl_entry *entries,
                     int max)
{
    struct rnli_turn turn = {.entries = entries, .max = max};
    int64_t left = timeout_ns, deadline = 0;

    if (max <= 0)
        return RNL_EINVAL;
    if (timeout_ns > 0)
        deadline = rnli_time_after(rnli_sys_monotonic(), timeout_ns);
    backend->npeers = 0;
    do {
        int code = take_completions(backend, patience(backend, left));

        if (code)
            return code;
        rouse_delayed(backend);
        serve_all(backend, &turn);
        if (rnli_flag_lower(&backend->woken) || turn.count > 0)
            break;
        left = timeout_ns > 0 ? until(deadline) : timeout_ns;
    } while (left != 0);
    return turn.count;
}

static void iocp_wake(struct rnl_backend *backend)
{
    if (!rnli_flag_raise(&backend->woken))
        PostQueuedCompletionStatus(backend->port, 0, RNLI_KEY_WAKE, NULL);
}

/* ---- Opening and closing ------------------------------------------------ */

static bool find_function(SOCKET sock, GUID id, void *function, size_t size)
{
    DWORD got;

    return WSAIoctl(sock, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, function, (DWORD)size,
                    &got, NULL, NULL) == 0;
}

static int find_functions(struct rnl_backend *backend)
{
    static const GUID accept = WSAID_ACCEPTEX, connect = WSAID_CONNECTEX,
                      names = WSAID_GETACCEPTEXSOCKADDRS;
    int fd = rnli_sys_socket(AF_INET, SOCK_STREAM, 0);
    bool found;

    if (fd < 0)
        return rnli_posix_code(errno);
    found = find_function((SOCKET)fd, accept, &backend->accept_ex, sizeof backend->accept_ex) &&
            find_function((SOCKET)fd, connect, &backend->connect_ex, sizeof backend->connect_ex) &&
            find_function((SOCKET)fd, names, &backend->accept_names, sizeof backend->accept_names);
    rnli_sys_close(fd);
    return found ? RNL_OK : RNL_ENOTSUP;
}

static void iocp_close(struct rnl_backend *backend)
{
    struct rnl_allocator a;

    if (!backend)
        return;
    a = backend->allocator;
    if (backend->port)
        CloseHandle(backend->port);
    rnli_free(&a, backend->socks, backend->nsocks * sizeof *backend->socks);
    rnli_free(&a, backend, sizeof *backend);
}

static int iocp_open(const struct rnl_backend_config *config, struct rnl_backend **out)
{
    struct rnl_backend *backend = rnli_zalloc(config->allocator, sizeof *backend);
    int code;

    *out = NULL;
    if (!backend)
        return RNL_ENOMEM;
    backend->allocator = *config->allocator;
    rnli_list_init(&backend->ready);
    rnli_list_init(&backend->delayed);
    rnli_flag_init(&backend->woken);
    code = find_functions(backend);
    if (!code) {
        backend->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
        code = backend->port ? RNL_OK : RNL_ENOMEM;
    }
    if (code)
        iocp_close(backend);
    else
        *out = backend;
    return code;
}

const struct rnl_backend_ops rnli_iocp_ops = {
    .version = RNL_BACKEND_VERSION,
    .size = sizeof(struct rnl_backend_ops),
    .name = "iocp",
    .open = iocp_open,
    .close = iocp_close,
    .now = rnli_posix_now,
    .submit = iocp_submit,
    .cancel = iocp_cancel,
    .wait = iocp_wait,
    .wake = iocp_wake,
    .try_send = iocp_try_send,
    .open_socket = iocp_open_socket,
    .attach = iocp_attach,
    .detach = iocp_detach,
    .close_socket = iocp_close_socket,
    .bind = rnli_posix_bind,
    .listen = rnli_posix_listen,
    .shutdown = rnli_posix_shutdown,
    .get_name = rnli_posix_get_name,
    .set_option = rnli_posix_set_option,
    .info = rnli_posix_info,
    .unix_stat = rnli_posix_unix_stat,
    .unix_unlink = rnli_posix_unix_unlink,
};
