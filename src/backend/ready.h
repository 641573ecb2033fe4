/* ready.h: readiness into completions, once, for epoll, kqueue and select.
 *
 * This page is the seam. A readiness backend brings a poller, five functions on
 * descriptors; in return ready.c brings all that the table of runnel/backend.h
 * asks for operations and sockets. The backend's `struct rnl_backend` begins with a
 * `struct rnli_ready`; its table is RNLI_READY_OPS and its own name, open and close.
 *
 * An edge poller (epoll, kqueue) tells each change once; what it told is
 * remembered in the slot, and one registration serves a socket's whole life. A
 * level poller (select) is told by `want` what somebody waits for. */
#ifndef RNLI_BACKEND_READY_H
#define RNLI_BACKEND_READY_H

#include "backend/sys.h"
#include "backend/atomics.h"
#include "backend/forkmark.h"
#include "backend/os_posix.h"
#include "core/list.h"

/* What can be said of a descriptor. */
enum {
    RNLI_IN = 1,  /* a receive or an accept would find something */
    RNLI_OUT = 2, /* a send or a connect would */
    RNLI_ODD = 4, /* the end, an error or urgent data: a short receive no longer
                     means that the kernel has nothing left */
    RNLI_GONE = 8 /* no such descriptor: somebody else closed it */
};

struct rnli_poller {
    /* Begins to watch `fd`; its events bear `generation`. RNL_ERANGE for a number that
     * does not fit, RNL_EINVAL for what cannot be waited for. */
    int (*add)(struct rnl_backend *backend, int fd, uint32_t generation, int64_t *os);
    /* Before the descriptor is closed, while no operation is on it. */
    void (*remove)(struct rnl_backend *backend, int fd);
    /* Level pollers only (else NULL): RNLI_IN and RNLI_OUT that are waited for. */
    void (*want)(struct rnl_backend *backend, int fd, unsigned interest);
    /* Waits (ns; 0: looks; < 0: for ever) and tells each event to rnli_ready_event. May
     * return early. RNL_OK or a code; EINTR is no error. */
    int (*poll)(struct rnl_backend *backend, int64_t timeout_ns);
    /* Makes the current or the next poll return. Any thread, signal handlers too. */
    void (*interrupt)(struct rnl_backend *backend);
};

enum { RNLI_ACCEPT_MAX = 128 }; /* connections accepted in one wait */

/* The lowest descriptor there can be, where the slots begin. The simulator, which compiles
 * the files below this page once more, has another (sim/calls.h). */
#ifndef RNLI_READY_FIRST
#define RNLI_READY_FIRST 0
#endif

struct rnli_slot;

struct rnli_ready {
    const struct rnli_poller *poller;
    struct rnl_allocator allocator;
    struct rnli_slot *slots; /* by descriptor, from RNLI_READY_FIRST */
    size_t nslots;
    struct rnli_list ready;   /* operations to be served in the next wait */
    struct rnli_list delayed; /* those that try again at a point in time */
    struct rnli_flag woken;
    struct rnli_forkmark forkmark;
    uint32_t generation;                       /* of the slot that was attached last */
    size_t naccepted;                          /* peers in use */
    struct rnl_address peers[RNLI_ACCEPT_MAX]; /* of the last wait's accepts */
};

static inline struct rnli_ready *rnli_ready_of(struct rnl_backend *backend)
{
    return (struct rnli_ready *)(void *)backend;
}

static inline struct rnl_backend *rnli_backend_of(struct rnli_ready *ready)
{
    return (struct rnl_backend *)(void *)ready;
}

/* A child shares the kernel's part with its parent: all is refused there. */
static inline bool rnli_ready_forked(const struct rnli_ready *ready)
{
    return rnli_forkmark_forked(&ready->forkmark);
}

/* For the backend's open and close. */
void rnli_ready_init(struct rnli_ready *ready, const struct rnli_poller *poller,
                     const struct rnl_allocator *allocator);
void rnli_ready_destroy(struct rnli_ready *ready);

/* Called by `poll`. Events of another generation are of a descriptor that was closed,
 * whose number has been given out again: they are dropped. */
void rnli_ready_event(struct rnli_ready *ready, int fd, uint32_t generation, unsigned what);

/* The table's. */
int rnli_ready_submit(struct rnl_backend *backend, struct rnl_op *op);
void rnli_ready_cancel(struct rnl_backend *backend, struct rnl_op *op);
int rnli_ready_wait(struct rnl_backend *backend, int64_t timeout_ns, struct rnl_entry *entries,
                    int max);
/* How long it may be left alone while the poller's descriptor is silent; < 0: for ever. */
int64_t rnli_ready_rest(const struct rnli_ready *ready);
void rnli_ready_wake(struct rnl_backend *backend);
int rnli_ready_try_send(struct rnl_backend *backend, rnl_socket sock,
                        const struct rnl_bytes *pieces, size_t npieces, size_t *sent, int64_t *os);
int rnli_ready_open_socket(struct rnl_backend *backend, enum rnl_family family, rnl_socket *out,
                           int64_t *os);
int rnli_ready_attach(struct rnl_backend *backend, rnl_socket sock, int64_t *os);
void rnli_ready_detach(struct rnl_backend *backend, rnl_socket sock);
void rnli_ready_close_socket(struct rnl_backend *backend, rnl_socket sock);
/* Those of os_posix.h, refused in a child: the sockets and the paths are the parent's. */
int rnli_ready_bind(struct rnl_backend *backend, rnl_socket sock,
                    const struct rnl_address *address, int64_t *os);
int rnli_ready_listen(struct rnl_backend *backend, rnl_socket sock, int backlog, int64_t *os);
int rnli_ready_shutdown(struct rnl_backend *backend, rnl_socket sock, enum rnl_shut how,
                        int64_t *os);
int rnli_ready_set_option(struct rnl_backend *backend, rnl_socket sock, enum rnl_sockopt option,
                          int value, int64_t *os);
int rnli_ready_info(struct rnl_backend *backend, rnl_socket sock, struct rnl_socket_info *out,
                    int64_t *os);
int rnli_ready_unix_unlink(struct rnl_backend *backend, const struct rnl_address *path,
                           int64_t *os);

/* The kernel's TLS, where there is one (ktls_linux.c). */
#if defined(__linux__)
int rnli_linux_tls_send_keys(struct rnl_backend *backend, rnl_socket sock, const void *keys,
                             size_t len, int64_t *os);
int rnli_linux_tls_send_record(struct rnl_backend *backend, rnl_socket sock, unsigned char type,
                               const struct rnl_bytes *pieces, size_t npieces, size_t *sent,
                               int64_t *os);
int rnli_linux_tls_send_rest(struct rnl_backend *backend, rnl_socket sock);
#define RNLI_READY_TLS                                                                             \
    , .tls_send_keys = rnli_linux_tls_send_keys, .tls_send_record = rnli_linux_tls_send_record,    \
      .tls_send_rest = rnli_linux_tls_send_rest
#else
#define RNLI_READY_TLS
#endif

#define RNLI_READY_OPS                                                                             \
    .version = RNL_BACKEND_VERSION, .size = sizeof(struct rnl_backend_ops), .now = rnli_posix_now, \
    .submit = rnli_ready_submit, .cancel = rnli_ready_cancel, .wait = rnli_ready_wait,             \
    .wake = rnli_ready_wake, .try_send = rnli_ready_try_send,                                      \
    .open_socket = rnli_ready_open_socket, .attach = rnli_ready_attach,                            \
    .detach = rnli_ready_detach, .close_socket = rnli_ready_close_socket, .bind = rnli_ready_bind, \
    .listen = rnli_ready_listen, .shutdown = rnli_ready_shutdown, .get_name = rnli_posix_get_name, \
    .set_option = rnli_ready_set_option, .info = rnli_ready_info,                                  \
    .unix_stat = rnli_posix_unix_stat, .unix_unlink = rnli_ready_unix_unlink RNLI_READY_TLS

#endif
