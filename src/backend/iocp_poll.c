/* iocp_poll.c: waiting for readiness where there are only completions.
 *
 *      socket --WSAEventSelect--> event --a thread of the system's--> completion
 *
 * Rare: only for sockets whose reading and writing the program does itself. The
 * system is asked first, and again when the event came. A socket has one event, so
 * a second poll on it asks again every now and then. */
#include "backend/iocp.h"

#include "core/alloc.h"

struct poll {
    HANDLE event, wait, port;
    ULONG_PTR key;
    OVERLAPPED *overlapped;
    volatile LONG fired; /* the completion is on its way */
};

static short events_of(const struct rnl_op *op)
{
    return (short)((op->poll & RNL_POLL_READ ? POLLIN : 0) |
                   (op->poll & RNL_POLL_WRITE ? POLLOUT : 0));
}

static long network_events(const struct rnl_op *op)
{
    return FD_CLOSE | (op->poll & RNL_POLL_READ ? FD_READ | FD_ACCEPT : 0) |
           (op->poll & RNL_POLL_WRITE ? FD_WRITE | FD_CONNECT : 0);
}

static void CALLBACK fire(void *arg, BOOLEAN timed_out)
{
    struct poll *poll = arg;

    (void)timed_out;
    InterlockedExchange(&poll->fired, 1);
    PostQueuedCompletionStatus(poll->port, 0, poll->key, poll->overlapped);
}

static bool is_polled(const struct rnli_iocp_sock *sock)
{
    return (sock->read && sock->read->kind == RNL_OP_POLL && rnli_io(sock->read)->extra) ||
           (sock->write && sock->write->kind == RNL_OP_POLL && rnli_io(sock->write)->extra);
}

/* Behind this no callback runs any more. */
static void stop(struct poll *poll)
{
    if (poll->wait)
        UnregisterWaitEx(poll->wait, INVALID_HANDLE_VALUE);
    poll->wait = NULL;
}

static void end(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);
    struct poll *poll = io->extra;

    if (!poll)
        return;
    io->extra = NULL;
    stop(poll);
    WSAEventSelect(rnli_handle(op->sock), NULL, 0);
    if (poll->event)
        CloseHandle(poll->event);
    rnli_free(&backend->allocator, poll, sizeof *poll);
}

static bool watch(struct rnl_backend *backend, struct rnl_op *op)
{
    struct poll *poll = rnli_zalloc(&backend->allocator, sizeof *poll);

    if (!poll)
        return false;
    rnli_io(op)->extra = poll;
    poll->port = backend->port;
    poll->key = (ULONG_PTR)op->sock;
    poll->overlapped = &rnli_io(op)->overlapped;
    poll->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (poll->event &&
        WSAEventSelect(rnli_handle(op->sock), poll->event, network_events(op)) == 0 &&
        RegisterWaitForSingleObject(&poll->wait, poll->event, fire, poll, INFINITE,
                                    WT_EXECUTEONLYONCE))
        return true;
    end(backend, op);
    return false;
}

static bool is_ready(struct rnl_backend *backend, struct rnl_op *op)
{
    int found = rnli_posix_ready((int)op->sock, events_of(op));
    int err = found < 0 ? errno : 0;

    if (found)
        rnli_io_settle(backend, op, err ? rnli_posix_code(err) : RNL_OK,
                       err ? (int)rnli_sys_os_code(err) : 0);
    return found != 0;
}

void rnli_poll_begin(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);

    if (is_ready(backend, op))
        return;
    if (is_polled(rnli_iocp_sock_of(backend, op))) {
        rnli_io_delay(backend, io);
    } else {
        io->completed = false;
        io->overlapped.Internal = 0;
        io->where = RNLI_IO_KERNEL; /* before the callback can run */
        if (!watch(backend, op))
            rnli_io_settle(backend, op, RNL_ENOMEM, 0);
    }
}

void rnli_poll_cancel(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);
    struct poll *poll = io->extra;

    if (poll)
        stop(poll);
    if (!poll || !poll->fired)
        rnli_io_ready(backend, io);
}

/* Not watched again at once: the end of a peer that does not read is told without end to one
 * that waits for room. */
static void false_alarm(struct rnl_backend *backend, struct rnli_io *io)
{
    io->completed = false;
    rnli_io_delay(backend, io);
}

void rnli_poll_serve(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op)
{
    struct rnli_io *io = rnli_io(op);

    end(backend, op);
    if (io->finished)
        rnli_iocp_finish(backend, turn, op, io->code, io->os);
    else if (io->canceled)
        rnli_iocp_finish(backend, turn, op, RNL_ECANCELED, 0);
    else if (!io->completed)
        rnli_poll_begin(backend, op);
    else if (!is_ready(backend, op))
        false_alarm(backend, io);
}
