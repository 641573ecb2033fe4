/* iocp_accept.c: accepting over IOCP.
 *
 *      ACCEPT op -> acceptor -> accepts[0]: socket, OVERLAPPED, names   } each in
 *                               accepts[1]: ...                         } the kernel
 *
 * AcceptEx wants the new socket beforehand, so some wait in the kernel at a time. One
 * that fails with its client (a reset before it was accepted) is posted again and
 * says nothing; the listener fails only when none can be posted any more. */
#include "backend/iocp.h"

#include "core/alloc.h"

#include <string.h>

enum { ACCEPTS = 16, TRIES = 64, NAME_ROOM = sizeof(struct sockaddr_storage) + 16 };

struct accept {
    struct rnli_io io; /* first: see iocp.h */
    struct rnli_acceptor *owner;
    int fd; /* to be accepted into; -1: none */
    unsigned char names[2 * NAME_ROOM];
};

struct rnli_acceptor {
    struct rnl_op *op;
    size_t posted; /* in the kernel, or to be served */
    bool ending;
    int code, os;  /* to end with */
    struct accept accepts[ACCEPTS];
};

struct rnli_io *rnli_accept_of(struct rnli_acceptor *acceptor, const OVERLAPPED *overlapped)
{
    for (size_t i = 0; i < ACCEPTS; i++)
        if (&acceptor->accepts[i].io.overlapped == overlapped)
            return &acceptor->accepts[i].io;
    return NULL;
}

/* ---- Posting ----------------------------------------------------------- */

/* Errors of the connection that was to be accepted, not of the listener. */
static bool of_one_peer(int os)
{
    int err = rnli_win_errno(os);

    return err == ECONNRESET || err == ECONNABORTED || err == ETIMEDOUT || err == EHOSTUNREACH ||
           err == ENETUNREACH || err == ENETDOWN || err == EPROTO || err == ENOTCONN; /* wine's */
}

static int answer_of(struct rnl_backend *backend, struct accept *accept)
{
    DWORD bytes = 0;

    memset(&accept->io.overlapped, 0, sizeof accept->io.overlapped);
    accept->io.completed = false;
    if (backend->accept_ex(rnli_handle(accept->owner->op->sock), (SOCKET)accept->fd, accept->names,
                           0, NAME_ROOM, NAME_ROOM, &bytes, &accept->io.overlapped))
        return 0;
    return WSAGetLastError();
}

/* 0, or why not. */
static int post(struct rnl_backend *backend, struct accept *accept)
{
    struct rnl_op *op = accept->owner->op;
    struct rnli_iocp_sock *sock = rnli_iocp_sock_of(backend, op);
    int os, tries = 0;

    if (rnli_sys_fails("accept"))
        return (int)rnli_sys_os_code(errno);
    accept->fd = rnli_sys_socket(rnli_sockaddr_domain(sock->family), SOCK_STREAM, 0);
    if (accept->fd < 0)
        return (int)rnli_sys_os_code(errno);
    do
        os = answer_of(backend, accept);
    while (os && os != WSA_IO_PENDING && of_one_peer(os) && ++tries < TRIES);
    if (os && os != WSA_IO_PENDING) {
        rnli_sys_close(accept->fd);
        accept->fd = -1;
        return os;
    }
    accept->owner->posted++;
    rnli_io_started(backend, &accept->io, sock, os == 0, os);
    return 0;
}

/* ---- The end ----------------------------------------------------------- */

static void settle_if_done(struct rnl_backend *backend, struct rnli_acceptor *acceptor)
{
    struct rnl_op *op = acceptor->op;
    int code = acceptor->code, os = acceptor->os;

    if (!acceptor->ending || acceptor->posted > 0)
        return;
    rnli_iocp_sock_of(backend, op)->acceptor = NULL;
    rnli_free(&backend->allocator, acceptor, sizeof *acceptor);
    rnli_io_settle(backend, op, code, os);
}

static void end(struct rnl_backend *backend, struct rnli_acceptor *acceptor, int code, int os)
{
    if (!acceptor->ending) {
        acceptor->ending = true;
        acceptor->code = code;
        acceptor->os = os;
        for (size_t i = 0; i < ACCEPTS; i++)
            if (acceptor->accepts[i].io.where == RNLI_IO_KERNEL)
                CancelIoEx((HANDLE)rnli_handle(acceptor->op->sock),
                           &acceptor->accepts[i].io.overlapped);
    }
    settle_if_done(backend, acceptor);
}

void rnli_accept_cancel(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_acceptor *acceptor = rnli_iocp_sock_of(backend, op)->acceptor;

    if (acceptor)
        end(backend, acceptor, RNL_ECANCELED, 0);
}

/* ---- The beginning ------------------------------------------------------ */

void rnli_accept_begin(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_acceptor *acceptor = rnli_zalloc(&backend->allocator, sizeof *acceptor);
    int os = 0;

    if (!acceptor) {
        rnli_io_settle(backend, op, RNL_ENOMEM, 0);
        return;
    }
    rnli_io(op)->where = RNLI_IO_KERNEL;
    rnli_iocp_sock_of(backend, op)->acceptor = acceptor;
    acceptor->op = op;
    for (size_t i = 0; i < ACCEPTS; i++) {
        acceptor->accepts[i].owner = acceptor;
        acceptor->accepts[i].fd = -1;
        acceptor->accepts[i].io.is_accept = true;
        rnli_list_init(&acceptor->accepts[i].io.node);
    }
    for (size_t i = 0; i < ACCEPTS && !os; i++)
        os = post(backend, &acceptor->accepts[i]);
    if (acceptor->posted == 0)
        end(backend, acceptor, rnli_iocp_code(os), os);
}

/* ---- A completion ------------------------------------------------------- */

static void report(struct rnl_backend *backend, struct rnli_turn *turn, struct accept *accept)
{
    struct rnl_op *op = accept->owner->op;
    struct rnl_address *address = &backend->peers[backend->npeers++];
    struct rnl_entry *entry = rnli_iocp_entry(turn, op, true);
    SOCKET listener = rnli_handle(op->sock);
    struct sockaddr *ours = NULL, *theirs = NULL;
    int ours_len = 0, theirs_len = 0;

    setsockopt((SOCKET)accept->fd, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&listener,
               sizeof listener);
    backend->accept_names(accept->names, 0, NAME_ROOM, NAME_ROOM, &ours, &ours_len, &theirs,
                          &theirs_len);
    rnli_sockaddr_to(address, theirs, theirs_len);
    address->family = rnli_iocp_sock_of(backend, op)->family;
    entry->accepted = accept->fd;
    entry->peer = address;
    accept->fd = -1;
}

/* The places that stand empty because a post failed are tried again as well. */
static int post_all(struct rnl_backend *backend, struct rnli_acceptor *acceptor)
{
    int os = 0;

    for (size_t i = 0; i < ACCEPTS && !os; i++)
        if (acceptor->accepts[i].fd < 0)
            os = post(backend, &acceptor->accepts[i]);
    return os;
}

/* Goes on, or begins to end. `os` is of the accept that was served. */
static void go_on(struct rnl_backend *backend, struct rnli_acceptor *acceptor, int os)
{
    if (os == 0 || of_one_peer(os)) {
        os = post_all(backend, acceptor);
        if (os == 0 || acceptor->posted > 0)
            return;
    }
    end(backend, acceptor, rnli_iocp_code(os), os);
}

void rnli_accept_serve(struct rnl_backend *backend, struct rnli_turn *turn, struct rnli_io *io)
{
    struct accept *accept = (struct accept *)(void *)io;
    struct rnli_acceptor *acceptor = accept->owner;

    io->where = RNLI_IO_IDLE;
    acceptor->posted--;
    if (io->os == 0) {
        report(backend, turn, accept);
    } else {
        rnli_sys_close(accept->fd);
        accept->fd = -1;
    }
    if (acceptor->ending)
        settle_if_done(backend, acceptor);
    else
        go_on(backend, acceptor, io->os);
}
