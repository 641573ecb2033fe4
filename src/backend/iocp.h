/* iocp.h: what the files of the IOCP backend share.
 *
 *      socks[fd / 4] -> read  -> ACCEPT, RECV, POLL   } at most one each
 *                    |  write -> CONNECT, SEND, POLL  }
 *
 *      IDLE -> KERNEL -> (completion) -> READY -> (served) -> KERNEL ... -> IDLE
 *                        DELAYED -> (time) -> READY
 *
 * An op's OVERLAPPED lives in the op, or in an object of ours (accepts, polls), and
 * its final entry is not given before the kernel has let go of it: also after a
 * cancel, which only asks (CancelIoEx) and then waits for the completion. */
#ifndef RNLI_BACKEND_IOCP_H
#define RNLI_BACKEND_IOCP_H

#include "backend/sys.h"
#include "backend/atomics.h"
#include "backend/os_posix.h"
#include "backend/slot.h"
#include "backend/sockaddr.h"

enum { RNLI_IOCP_PEERS = 128 }; /* connections accepted in one wait */
enum { RNLI_KEY_WAKE = 1 }; /* else the socket's number, a multiple of four */
enum rnli_io_where { RNLI_IO_IDLE, RNLI_IO_READY, RNLI_IO_DELAYED, RNLI_IO_KERNEL };

/* What the kernel may hold. In op->priv, or the first member of an accept. */
struct rnli_io {
    OVERLAPPED overlapped; /* first: a completion brings its address */
    struct rnli_list node; /* READY, DELAYED */
    int os;                /* Windows' code of the completion */
    short code;            /* with `finished` */
    unsigned char where;   /* enum rnli_io_where */
    bool is_accept : 1;    /* else it is in op->priv */
    bool canceled : 1;
    bool completed : 1;    /* the kernel has answered; not yet looked at */
    bool finished : 1;     /* to end with `code` */
    void *extra;           /* POLL: what waits for it */
} RNLI_MAY_ALIAS;

_Static_assert(sizeof(struct rnli_io) <= sizeof(((struct rnl_op *)0)->priv),
               "op->priv holds what the kernel is given");

struct rnli_acceptor;

struct rnli_iocp_sock {
    struct rnl_op *read, *write;     /* in flight; NULL: none */
    struct rnli_acceptor *acceptor;  /* while an ACCEPT is in flight */
    enum rnl_family family;
    bool attached;
    bool associated; /* with our port; so it stays until it is closed */
    bool skips;      /* no completion for what succeeds at once */
};

struct rnl_backend {
    struct rnl_allocator allocator;
    HANDLE port;
    LPFN_ACCEPTEX accept_ex;
    LPFN_CONNECTEX connect_ex;
    LPFN_GETACCEPTEXSOCKADDRS accept_names;
    struct rnli_iocp_sock *socks;
    size_t nsocks;
    struct rnli_list ready, delayed;
    int64_t retry_ns; /* when the delayed ones are ready */
    struct rnli_flag woken;
    size_t npeers;
    struct rnl_address peers[RNLI_IOCP_PEERS];
};

static inline struct rnli_io *rnli_io(struct rnl_op *op)
{
    return (struct rnli_io *)(void *)op->priv;
}

static inline struct rnl_op *rnli_io_op(struct rnli_io *io)
{
    return RNLI_CONTAINER((uintptr_t *)(void *)io, struct rnl_op, priv);
}

static inline SOCKET rnli_handle(rnl_socket sock)
{
    return (SOCKET)sock;
}

/* iocp.c: for the others. The socket of an op in flight. */
struct rnli_iocp_sock *rnli_iocp_sock_of(struct rnl_backend *backend, const struct rnl_op *op);
void rnli_io_ready(struct rnl_backend *backend, struct rnli_io *io);
/* Tries again in a while. */
void rnli_io_delay(struct rnl_backend *backend, struct rnli_io *io);
/* Given to the kernel: `at_once`: it has succeeded already; else `os` says whether it
 * is pending, or why it failed. */
void rnli_io_started(struct rnl_backend *backend, struct rnli_io *io,
                     const struct rnli_iocp_sock *sock, bool at_once, int os);
/* The op ends so at the next chance. */
void rnli_io_settle(struct rnl_backend *backend, struct rnl_op *op, int code, int os);
/* An entry, which there is room for; the final one takes the op out of its socket. */
struct rnl_entry *rnli_iocp_entry(struct rnli_turn *turn, struct rnl_op *op, bool more);
struct rnl_entry *rnli_iocp_finish(struct rnl_backend *backend, struct rnli_turn *turn,
                                   struct rnl_op *op, int code, int os);
/* A code of Windows as one of ours. */
int rnli_iocp_code(int os);

/* iocp_ops.c: begins, and serves what is ready. */
void rnli_iocp_begin(struct rnl_backend *backend, struct rnl_op *op);
void rnli_iocp_serve(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op);

/* iocp_accept.c */
void rnli_accept_begin(struct rnl_backend *backend, struct rnl_op *op);
void rnli_accept_cancel(struct rnl_backend *backend, struct rnl_op *op);
void rnli_accept_serve(struct rnl_backend *backend, struct rnli_turn *turn, struct rnli_io *io);
/* The accept that was given this; NULL: none. */
struct rnli_io *rnli_accept_of(struct rnli_acceptor *acceptor, const OVERLAPPED *overlapped);

/* iocp_poll.c */
void rnli_poll_begin(struct rnl_backend *backend, struct rnl_op *op);
void rnli_poll_cancel(struct rnl_backend *backend, struct rnl_op *op);
void rnli_poll_serve(struct rnl_backend *backend, struct rnli_turn *turn, struct rnl_op *op);

#endif
