/* kqueue.c: the backend of macOS and the BSDs.
 *
 * An edge poller: both filters of a socket are added once, with EV_CLEAR, and each
 * change is told once; ready.c remembers. A filter's `udata` is the generation of
 * the descriptor's slot, so that what a closed descriptor left behind in the same
 * list of events is not taken for its successor's.
 *
 *      kevent(changes: READ, WRITE of fd; EV_RECEIPT) --> a receipt for each, 0 or errno
 *
 * Each registration asks for its receipts at once: a list of changes that is kept
 * for the next wait (libuv's, libevent's way) saves a call a connection, and has to
 * find out there whose change it was that failed.
 *
 * A kqueue is not inherited by fork: in a child the number is nobody's or somebody
 * else's, and is left alone. */
#include "backend/sys.h"
#include "backend/backends.h"
#include "backend/kqueue_wake.h"
#include "backend/ready.h"
#include "core/alloc.h"

enum { EVENTS_MAX = 256, FILTERS = 2 };

struct rnl_backend {
    struct rnli_ready ready; /* first: see ready.h */
    int kq;
    struct rnli_kqueue_wake wake;
    struct kevent events[EVENTS_MAX];
};

/* ---- Registering ------------------------------------------------------- */

static void change_filters(struct kevent *changes, int fd, unsigned flags, uint32_t generation)
{
    void *udata = (void *)(uintptr_t)generation;

    EV_SET(&changes[0], (uintptr_t)fd, EVFILT_READ, (unsigned short)flags, 0, 0, udata);
    EV_SET(&changes[1], (uintptr_t)fd, EVFILT_WRITE, (unsigned short)flags, 0, 0, udata);
}

/* The changes are made, all or the first that fails is told by its errno. */
static int apply(int kq, const struct kevent *changes, int count)
{
    struct kevent receipts[FILTERS];
    int room = EV_RECEIPT ? count : 0; /* without receipts, room would take events */
    int n = rnli_sys_kevent(kq, changes, count, receipts, room, 0);

    if (n < 0)
        return errno;
    for (int i = 0; i < n; i++)
        if ((receipts[i].flags & EV_ERROR) && receipts[i].data != 0)
            return (int)receipts[i].data;
    return 0;
}

static void delist(struct rnl_backend *backend, int fd)
{
    struct kevent changes[FILTERS];

    /* One by one: without receipts the first failure would keep the second from being made. */
    change_filters(changes, fd, EV_DELETE | EV_RECEIPT, 0);
    for (int i = 0; i < FILTERS; i++)
        (void)apply(backend->kq, &changes[i], 1);
}

/* Files are always ready: there is nothing to wait for. */
static int check_kind(int fd, int64_t *os)
{
    struct stat info;

    if (rnli_sys_fstat(fd, &info) < 0)
        return rnli_posix_fail(os);
    return S_ISREG(info.st_mode) || S_ISDIR(info.st_mode) ? RNL_EINVAL : RNL_OK;
}

static int add(struct rnl_backend *backend, int fd, uint32_t generation, int64_t *os)
{
    struct kevent changes[FILTERS];
    int code = check_kind(fd, os), err;

    if (code)
        return code;
    change_filters(changes, fd, EV_ADD | EV_CLEAR | EV_RECEIPT, generation);
    err = apply(backend->kq, changes, FILTERS);
    if (!err)
        return RNL_OK;
    delist(backend, fd);
    *os = err;
    return rnli_posix_code(err);
}

/* ---- Events ------------------------------------------------------------ */

/* A receive stops short at urgent data, of which not all these systems tell, so a short
 * one is never taken for the last. EV_EOF of the write filter: a send would fail, and a
 * receive may tell why. */
static unsigned translate(const struct kevent *event)
{
    unsigned what = event->filter == EVFILT_READ ? RNLI_IN | RNLI_ODD : RNLI_OUT;

    if (event->flags & EV_EOF)
        what |= RNLI_IN | RNLI_ODD;
    if (event->flags & EV_ERROR)
        what |= RNLI_IN | RNLI_OUT | RNLI_ODD;
    return what;
}

static void tell(struct rnl_backend *backend, const struct kevent *event)
{
    uint32_t generation = (uint32_t)(uintptr_t)event->udata;

    if (generation != 0)
        rnli_ready_event(&backend->ready, (int)event->ident, generation, translate(event));
    else
        rnli_kqueue_wake_heard(&backend->wake);
}

static int poll_events(struct rnl_backend *backend, int64_t timeout_ns)
{
    int n = rnli_sys_kevent(backend->kq, NULL, 0, backend->events, EVENTS_MAX, timeout_ns);

    if (n < 0)
        return errno == EINTR ? RNL_OK : rnli_posix_code(errno);
    for (int i = 0; i < n; i++)
        tell(backend, &backend->events[i]);
    return RNL_OK;
}

static void interrupt(struct rnl_backend *backend)
{
    int saved = errno; /* we may be in a signal handler */

    rnli_kqueue_wake_tell(&backend->wake, backend->kq);
    errno = saved;
}

static const struct rnli_poller poller = {
    .add = add, .remove = delist, .poll = poll_events, .interrupt = interrupt};

/* ---- Opening and closing ----------------------------------------------- */

static void kqueue_close(struct rnl_backend *backend)
{
    struct rnl_allocator allocator;

    if (!backend)
        return;
    allocator = backend->ready.allocator;
    rnli_kqueue_wake_close(&backend->wake);
    if (backend->kq >= 0 && !rnli_ready_forked(&backend->ready))
        rnli_sys_close(backend->kq);
    rnli_ready_destroy(&backend->ready);
    rnli_free(&allocator, backend, sizeof(*backend));
}

static int open_descriptors(struct rnl_backend *backend)
{
    backend->kq = rnli_sys_kqueue();
    if (backend->kq < 0 || rnli_kqueue_wake_open(&backend->wake, backend->kq) < 0)
        return rnli_posix_code(errno);
    return RNL_OK;
}

static int kqueue_open(const struct rnl_backend_config *config, struct rnl_backend **out)
{
    struct rnl_backend *backend = rnli_zalloc(config->allocator, sizeof(*backend));
    int code;

    *out = NULL;
    if (!backend)
        return RNL_ENOMEM;
    rnli_ready_init(&backend->ready, &poller, config->allocator);
    rnli_kqueue_wake_init(&backend->wake);
    backend->kq = -1;
    code = open_descriptors(backend);
    if (code)
        kqueue_close(backend);
    else
        *out = backend;
    return code;
}

const struct rnl_backend_ops rnli_kqueue_ops = {
    .name = "kqueue", .open = kqueue_open, .close = kqueue_close, RNLI_READY_OPS};
