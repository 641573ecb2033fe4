/* select.c: the backend of every POSIX system.
 *
 * A level poller: `wanted` holds what somebody waits for, and each poll hands the
 * kernel a copy, because select writes its answer over the question.
 *
 *      wanted[0], wanted[1] --copy--> asked[0], asked[1] --select--> answer
 *
 * An fd_set has FD_SETSIZE bits and FD_SET looks at no bound, so the bound is
 * looked at once, in `add`, and nothing larger comes in. (To take larger numbers by
 * a set of our own size works on most systems and is promised by none.) */
#include "backend/sys.h"
#include "backend/backends.h"
#include "backend/ready.h"
#include "core/alloc.h"

enum { READ, WRITE };

struct rnl_backend {
    struct rnli_ready ready; /* first: see ready.h */
    int pipe[2];             /* wakes: READ end, WRITE end */
    int top;                 /* no descriptor at or above it is wanted */
    fd_set wanted[2], asked[2];
};

static int fits(int fd)
{
    return fd >= 0 && fd < FD_SETSIZE;
}

static int add(struct rnl_backend *backend, int fd, uint32_t generation, int64_t *os)
{
    struct stat info;

    (void)backend, (void)generation;
    if (!fits(fd))
        return RNL_ERANGE;
    if (rnli_sys_fstat(fd, &info) < 0)
        return rnli_posix_fail(os);
    return S_ISREG(info.st_mode) || S_ISDIR(info.st_mode) ? RNL_EINVAL : RNL_OK;
}

static void set(fd_set *wanted, int fd, bool on)
{
    if (on)
        rnli_sys_fd_set(fd, wanted);
    else
        rnli_sys_fd_clr(fd, wanted);
}

static void want(struct rnl_backend *backend, int fd, unsigned interest)
{
    set(&backend->wanted[READ], fd, interest & RNLI_IN);
    set(&backend->wanted[WRITE], fd, interest & RNLI_OUT);
    if (interest && fd >= backend->top)
        backend->top = fd + 1;
}

static bool is_wanted(struct rnl_backend *backend, int fd)
{
    return rnli_sys_fd_isset(fd, &backend->wanted[READ]) || rnli_sys_fd_isset(fd, &backend->wanted[WRITE]);
}

static void delist(struct rnl_backend *backend, int fd)
{
    want(backend, fd, 0);
    while (backend->top > 0 && !is_wanted(backend, backend->top - 1))
        backend->top--;
}

/* Bytes of the pipe say nothing; they are taken out so that it does not fill up. */
static void drain_pipe(struct rnl_backend *backend)
{
    char bytes[64];

    while (rnli_sys_read(backend->pipe[READ], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
        continue;
}

static void tell_events(struct rnl_backend *backend, int top)
{
    for (int fd = 0; fd < top; fd++) {
        unsigned what = (rnli_sys_fd_isset(fd, &backend->asked[READ]) ? RNLI_IN : 0u) |
                        (rnli_sys_fd_isset(fd, &backend->asked[WRITE]) ? RNLI_OUT : 0u);

        if (!what)
            continue;
        if (fd == backend->pipe[READ])
            drain_pipe(backend);
        else
            rnli_ready_event(&backend->ready, fd, 0, what);
    }
}

/* select says only that some descriptor is bad; whose it is, is asked one by one. */
static void tell_gone(struct rnl_backend *backend)
{
    for (int fd = 0; fd < backend->top; fd++)
        if (is_wanted(backend, fd) && fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            rnli_ready_event(&backend->ready, fd, 0, RNLI_GONE);
}

static int poll_events(struct rnl_backend *backend, int64_t timeout_ns)
{
    static const int64_t longest = 24 * RNL_HOUR; /* some systems refuse much more */
    int64_t ns = timeout_ns < longest ? timeout_ns : longest;
    int64_t us = (ns + 999) / 1000; /* rounded up: never early */
    struct timeval timeout = {.tv_sec = (time_t)(us / 1000000),
                              .tv_usec = (suseconds_t)(us % 1000000)};
    int top = backend->top, n;

    backend->asked[READ] = backend->wanted[READ];
    backend->asked[WRITE] = backend->wanted[WRITE];
    n = rnli_sys_select(top, &backend->asked[READ], &backend->asked[WRITE],
                        timeout_ns < 0 ? NULL : &timeout);
    if (n > 0)
        tell_events(backend, top);
    else if (n < 0 && errno == EBADF)
        tell_gone(backend);
    else if (n < 0 && errno != EINTR && errno != ENOMEM) /* of sets of that size: it passes */
        return rnli_posix_code(errno);
    return RNL_OK;
}

static void interrupt(struct rnl_backend *backend)
{
    int saved = errno; /* we may be in a signal handler */

    while (rnli_sys_write(backend->pipe[WRITE], "", 1) < 0 && errno == EINTR)
        continue;
    errno = saved;
}

static const struct rnli_poller poller = {
    .add = add, .remove = delist, .want = want, .poll = poll_events, .interrupt = interrupt};

static void select_close(struct rnl_backend *backend)
{
    struct rnl_allocator allocator;

    if (!backend)
        return;
    allocator = backend->ready.allocator;
    if (backend->pipe[READ] >= 0) {
        rnli_sys_close(backend->pipe[READ]);
        rnli_sys_close(backend->pipe[WRITE]);
    }
    rnli_ready_destroy(&backend->ready);
    rnli_free(&allocator, backend, sizeof(*backend));
}

static int open_pipe(struct rnl_backend *backend)
{
    if (rnli_sys_pipe(backend->pipe) < 0) {
        backend->pipe[READ] = -1;
        return rnli_posix_code(errno);
    }
    if (!fits(backend->pipe[READ]))
        return RNL_ERANGE;
    want(backend, backend->pipe[READ], RNLI_IN);
    return RNL_OK;
}

static int select_open(const struct rnl_backend_config *config, struct rnl_backend **out)
{
    struct rnl_backend *backend = rnli_zalloc(config->allocator, sizeof(*backend));
    int code;

    *out = NULL;
    if (!backend)
        return RNL_ENOMEM;
    rnli_ready_init(&backend->ready, &poller, config->allocator);
    FD_ZERO(&backend->wanted[READ]);
    FD_ZERO(&backend->wanted[WRITE]);
    code = open_pipe(backend);
    if (code)
        select_close(backend);
    else
        *out = backend;
    return code;
}

const struct rnl_backend_ops rnli_select_ops = {
    .name = "select", .open = select_open, .close = select_close, RNLI_READY_OPS};
