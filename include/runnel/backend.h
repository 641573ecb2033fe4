/* runnel/backend.h: what an operating system must do for Runnel.
 *
 * A backend is a table of functions. The loop submits operations and gets
 * entries back; readiness systems (epoll, kqueue, select) are bent into that
 * shape once, in src/backend/ready.c. The promises:
 *
 *  1. From `submit` until its final entry (more == false) an operation and
 *     everything it points at belong to the backend. Exactly one entry is
 *     final, also after a cancel. A refused submit gives no entry.
 *  2. ACCEPT and RECV may yield several entries with more == true first.
 *  3. RECV has no buffer. When bytes can be had, the backend either borrows
 *     memory with op->lend, receives there without blocking and says so
 *     (entry.data is the lent pointer), or brings memory of its own (valid until
 *     the next `wait`). No kernel operation that is pending ever points into lent memory.
 *     If `lend` has none (a non-zero answer), the operation ends with that code
 *     and no byte is lost; a later RECV finds them. Between two calls of `wait`
 *     an operation borrows at most once; a loan that got no byte needs no entry,
 *     and ends with the next one.
 *  4. SEND may send less than asked: its entry says how much. At most one SEND
 *     and one RECV are in flight on a socket.
 *  5. A cancel is a wish: the final entry is RNL_ECANCELED, or what happened
 *     first. Bytes or sockets that came meanwhile are reported, not dropped.
 *  6. `wake` may be called from any thread and makes the current or next `wait`
 *     return. All else is called by the loop's thread.
 *  7. `wait` calls no user code: only op->lend, which does not call back.
 *  8. `try_send` is immediate, and legal only with no SEND in flight. It may
 *     answer RNL_ENOTSUP; RNL_EAGAIN when nothing was taken.
 *  9. A socket is closed by `close_socket` only after the final entry of each of
 *     its operations. */
#ifndef RUNNEL_BACKEND_H
#define RUNNEL_BACKEND_H

#include <runnel/base.h>
#include <runnel/core.h>
#include <runnel/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RNL_BACKEND_VERSION 1

struct rnl_backend; /* each backend's own state */
struct rnl_op;

enum rnl_op_kind {
    RNL_OP_ACCEPT = 1,
    RNL_OP_CONNECT = 2,
    RNL_OP_RECV = 3,
    RNL_OP_SEND = 4,
    RNL_OP_POLL = 5 /* one entry when the descriptor is ready */
};

enum { RNL_POLL_READ = 1, RNL_POLL_WRITE = 2 };

/* What happened. */
struct rnl_entry {
    struct rnl_op *op;
    int code;          /* RNL_OK or what went wrong */
    bool more;         /* the operation goes on */
    size_t len;        /* RECV, SEND: bytes; RECV with 0 and RNL_OK: the end */
    const unsigned char *data;       /* RECV: where they are */
    rnl_socket accepted;             /* ACCEPT: non-blocking, close-on-exec */
    const struct rnl_address *peer;  /* ACCEPT: whose; valid until next wait */
    int64_t os_code;   /* the system's own code, for logs */
    unsigned place;    /* where the socket is (rnl_backend_ops.enter); 0 */
};

/* An operation. The submitter embeds it in an object of its own (never on a
 * stack), zeroes it and fills the first part in. */
struct rnl_op {
    enum rnl_op_kind kind;
    rnl_socket sock;               /* attached */
    void (*done)(struct rnl_op *op, const struct rnl_entry *entry);
                                   /* called by the loop for each entry */
    int (*lend)(struct rnl_op *op, unsigned char **data, size_t *len);
                                   /* RECV */
    const struct rnl_bytes *pieces; /* SEND; both stay until the final entry */
    size_t npieces;
    int poll;                      /* POLL: RNL_POLL_... */

    uintptr_t priv[8];             /* the backend's */
    struct rnl_address address;    /* CONNECT; last, for it is large */
};

enum rnl_shut { RNL_SHUT_READ = 1, RNL_SHUT_WRITE = 2, RNL_SHUT_BOTH = 3 };

enum rnl_sockopt {
    RNL_SO_NODELAY = 1,
    RNL_SO_KEEPALIVE = 2,
    RNL_SO_REUSEADDR = 3,
    RNL_SO_REUSEPORT = 4,
    RNL_SO_V6ONLY = 5,
    RNL_SO_RCVBUF = 6,
    RNL_SO_SNDBUF = 7,
    RNL_SO_LINGER = 8,        /* seconds; -1: off */
    RNL_SO_KEEPIDLE = 9,      /* seconds */
    RNL_SO_KEEPINTVL = 10,    /* seconds */
    RNL_SO_KEEPCNT = 11,
    RNL_SO_USER_TIMEOUT = 12  /* milliseconds */
};

/* What a socket given by the user is. */
struct rnl_socket_info {
    enum rnl_family family;
    bool stream;    /* SOCK_STREAM */
    bool listening; /* SO_ACCEPTCONN */
    bool connected; /* has a peer */
    bool tcp;       /* the protocol is IPPROTO_TCP by its own word */
};

struct rnl_backend_config {
    size_t size;
    const struct rnl_allocator *allocator; /* never NULL here; copied */
    void *user;                            /* rnl_run_options.backend_config */
};

/* What the loop tells a simulator. */
enum rnl_loop_step { RNL_STEP_TASK = 1, RNL_STEP_TIMER = 2, RNL_STEP_CALL = 3 };

/* In the flags of `resolve`: no host means every interface, not the loopback. */
#define RNL_RESOLVE_PASSIVE (1 << 30)

/* The table. Codes are RNL_E...; *os (never NULL) gets the system's code where
 * a call fails. */
struct rnl_backend_ops {
    uint32_t version; /* RNL_BACKEND_VERSION */
    uint32_t size;    /* sizeof(struct rnl_backend_ops) */
    const char *name;

    int (*open)(const struct rnl_backend_config *config, struct rnl_backend **out);
    /* No operation is in flight. NULL is fine. */
    void (*close)(struct rnl_backend *backend);

    /* Nanoseconds on a clock that never goes back. */
    int64_t (*now)(struct rnl_backend *backend);

    int (*submit)(struct rnl_backend *backend, struct rnl_op *op);
    void (*cancel)(struct rnl_backend *backend, struct rnl_op *op);
    /* Waits until there is an entry, `timeout_ns` is over (0: do not wait; < 0:
     * for ever), or somebody calls wake. Returns how many entries were written,
     * or a negative code. */
    int (*wait)(struct rnl_backend *backend, int64_t timeout_ns,
                struct rnl_entry *entries, int max);
    void (*wake)(struct rnl_backend *backend);
    int (*try_send)(struct rnl_backend *backend, rnl_socket sock,
                    const struct rnl_bytes *pieces, size_t npieces, size_t *sent,
                    int64_t *os);

    /* Sockets. Those made here are non-blocking, close-on-exec, never raise
     * SIGPIPE, and are attached. */
    int (*open_socket)(struct rnl_backend *backend, enum rnl_family family,
                       rnl_socket *out, int64_t *os);
    /* Takes in a socket from elsewhere (RNL_ERANGE, RNL_EINVAL for what cannot be
     * waited for); accepted ones too. */
    int (*attach)(struct rnl_backend *backend, rnl_socket sock, int64_t *os);
    /* Lets it go again, open. */
    void (*detach)(struct rnl_backend *backend, rnl_socket sock);
    void (*close_socket)(struct rnl_backend *backend, rnl_socket sock);
    int (*bind)(struct rnl_backend *backend, rnl_socket sock,
                const struct rnl_address *address, int64_t *os);
    int (*listen)(struct rnl_backend *backend, rnl_socket sock, int backlog,
                  int64_t *os);
    int (*shutdown)(struct rnl_backend *backend, rnl_socket sock,
                    enum rnl_shut how, int64_t *os);
    int (*get_name)(struct rnl_backend *backend, rnl_socket sock, bool peer,
                    struct rnl_address *out, int64_t *os);
    int (*set_option)(struct rnl_backend *backend, rnl_socket sock,
                      enum rnl_sockopt option, int value, int64_t *os);
    int (*info)(struct rnl_backend *backend, rnl_socket sock,
                struct rnl_socket_info *out, int64_t *os);

    /* What is at a Unix path: its identity (0, 0 if the system has none), and
     * whether it is a socket; and taking it away. RNL_ENOENT: nothing. */
    int (*unix_stat)(struct rnl_backend *backend, const struct rnl_address *path,
                     uint64_t id[2], bool *is_socket, int64_t *os);
    int (*unix_unlink)(struct rnl_backend *backend,
                       const struct rnl_address *path, int64_t *os);

    /* All of these may be NULL. `resolve` replaces the system's resolver (the
     * simulator: its table of names). Unless it is refused it ends, later, with one
     * done(arg, code, addresses, count), in a `wait` or in `close`. */
    int (*resolve)(struct rnl_backend *backend, const char *host,
                   const char *service, enum rnl_family family, int flags,
                   void (*done)(void *arg, int code,
                                const struct rnl_address *addresses, size_t count),
                   void *arg);
    /* Runs thread work inline instead; the virtual delay in ns. Posts from other
     * threads are refused. */
    int64_t (*thread_delay)(struct rnl_backend *backend);
    /* Code that belongs to a place (a simulated host; 0: where the main task is) is
     * about to run: a task (and its name), a timer or a callback. */
    void (*enter)(struct rnl_backend *backend, enum rnl_loop_step step,
                  unsigned place, const char *name);

    /* May be NULL: a descriptor that is readable when `wait` has something to
     * give, for a loop inside somebody else's; and in *rest_ns how long it may be
     * left alone all the same (0: not at all; < 0: for ever). */
    rnl_socket (*descriptor)(struct rnl_backend *backend, int64_t *rest_ns);

    /* NULL, all three, unless the system can encipher what is sent on a TCP socket
     * (Linux's kernel TLS). `keys` are in the form that its TLS_TX takes. RNL_OK: what is
     * sent from now on is clear text, and leaves as records of data, behind all that was
     * sent before. RNL_ENOTSUP: nothing has changed. Legal with no SEND in flight. */
    int (*tls_send_keys)(struct rnl_backend *backend, rnl_socket sock, const void *keys,
                         size_t len, int64_t *os);
    /* Then: sends a record of another `type` (21: an alert, 22: of the handshake), at
     * once; as try_send. RNL_ENOBUFS: no memory now, to be tried later. */
    int (*tls_send_record)(struct rnl_backend *backend, rnl_socket sock, unsigned char type,
                           const struct rnl_bytes *pieces, size_t npieces, size_t *sent,
                           int64_t *os);
    /* Before such a socket is closed, with nothing more to be sent. RNL_EAGAIN: a close now
     * might lose the last record; to be asked again when the socket is writable. */
    int (*tls_send_rest)(struct rnl_backend *backend, rnl_socket sock);
};

#ifdef __cplusplus
}
#endif
#endif
