/* epoll.c: the backend of Linux.
 *
 * Edge-triggered, everything at once (IN, OUT, RDHUP), so one epoll_ctl registers
 * a socket for its life. An event's data is the descriptor and the generation of
 * its slot:
 *
 *      63          32 31           0
 *      | generation  | descriptor  |        generation 0: the wake-up's eventfd
 *
 * The eventfd is never read: each write to it is an edge of its own, and it would
 * take 2^64 of them to fill it. Level-triggered epoll was measured equal in time per
 * wait and loses where reading pauses and resumes, an epoll_ctl each. */
#include "backend/sys.h"
#include "backend/backends.h"
#include "backend/ready.h"
#include "core/alloc.h"

enum { EVENTS_MAX = 256 };

struct rnl_backend {
    struct rnli_ready ready; /* first: see ready.h */
    int epfd, wakefd;
    bool no_pwait2; /* the kernel lacks it, or a sandbox forbids it */
    struct epoll_event events[EVENTS_MAX];
};

static int register_fd(struct rnl_backend *backend, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events | EPOLLET};

    event.data.u64 = data;
    return rnli_sys_epoll_ctl(backend->epfd, EPOLL_CTL_ADD, fd, &event);
}

static int add(struct rnl_backend *backend, int fd, uint32_t generation, int64_t *os)
{
    uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI;

    if (register_fd(backend, fd, events, (uint64_t)generation << 32 | (uint32_t)fd) == 0)
        return RNL_OK;
    *os = errno;
    if (errno == EPERM || errno == ELOOP) /* a file: it never blocks */
        return RNL_EINVAL;
    return errno == EEXIST ? RNL_EBUSY : rnli_posix_code(errno);
}

/* Before the close: a copy of the descriptor in another process, or made by dup,
 * keeps the registration alive, and its events cannot be stopped any more. */
static void delist(struct rnl_backend *backend, int fd)
{
    struct epoll_event unused = {0};

    rnli_sys_epoll_ctl(backend->epfd, EPOLL_CTL_DEL, fd, &unused);
}

static unsigned translate(uint32_t events)
{
    unsigned what = 0;

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        what |= RNLI_IN;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        what |= RNLI_OUT;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI))
        what |= RNLI_ODD;
    return what;
}

/* Rounds up, so that a wait is never short. */
static int to_ms(int64_t ns)
{
    int64_t ms = ns / RNL_MILLISECOND + (ns % RNL_MILLISECOND != 0);

    return ms > INT_MAX ? INT_MAX : (int)ms;
}

static int wait_events(struct rnl_backend *backend, int64_t timeout_ns)
{
    int n;

    if (timeout_ns > 0 && !backend->no_pwait2) {
        n = rnli_sys_epoll_pwait2(backend->epfd, backend->events, EVENTS_MAX, timeout_ns);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM))
            return n;
        backend->no_pwait2 = true;
    }
    return rnli_sys_epoll_wait(backend->epfd, backend->events, EVENTS_MAX,
                               timeout_ns < 0 ? -1 : to_ms(timeout_ns));
}

static int poll_events(struct rnl_backend *backend, int64_t timeout_ns)
{
    int n = wait_events(backend, timeout_ns);

    if (n < 0)
        return errno == EINTR ? RNL_OK : rnli_posix_code(errno);
    for (int i = 0; i < n; i++) {
        uint64_t data = backend->events[i].data.u64;

        if (data >> 32)
            rnli_ready_event(&backend->ready, (int)(uint32_t)data, (uint32_t)(data >> 32),
                             translate(backend->events[i].events));
    }
    return RNL_OK;
}

static void interrupt(struct rnl_backend *backend)
{
    uint64_t one = 1;
    int saved = errno; /* we may be in a signal handler */

    while (rnli_sys_write(backend->wakefd, &one, sizeof(one)) < 0 && errno == EINTR)
        continue;
    errno = saved;
}

static const struct rnli_poller poller = {
    .add = add, .remove = delist, .poll = poll_events, .interrupt = interrupt};

static void epoll_close(struct rnl_backend *backend)
{
    struct rnl_allocator allocator;

    if (!backend)
        return;
    allocator = backend->ready.allocator;
    if (backend->wakefd >= 0)
        rnli_sys_close(backend->wakefd);
    if (backend->epfd >= 0)
        rnli_sys_close(backend->epfd);
    rnli_ready_destroy(&backend->ready);
    rnli_free(&allocator, backend, sizeof(*backend));
}

static int open_descriptors(struct rnl_backend *backend)
{
    backend->epfd = rnli_sys_epoll_create();
    if (backend->epfd < 0)
        return rnli_posix_code(errno);
    backend->wakefd = rnli_sys_eventfd();
    if (backend->wakefd < 0 || register_fd(backend, backend->wakefd, EPOLLIN, 0) < 0)
        return rnli_posix_code(errno);
    return RNL_OK;
}

static int epoll_open(const struct rnl_backend_config *config, struct rnl_backend **out)
{
    struct rnl_backend *backend = rnli_zalloc(config->allocator, sizeof(*backend));
    int code;

    *out = NULL;
    if (!backend)
        return RNL_ENOMEM;
    rnli_ready_init(&backend->ready, &poller, config->allocator);
    backend->epfd = backend->wakefd = -1;
    code = open_descriptors(backend);
    if (code)
        epoll_close(backend);
    else
        *out = backend;
    return code;
}

static rnl_socket descriptor(struct rnl_backend *backend, int64_t *rest_ns)
{
    *rest_ns = rnli_ready_rest(&backend->ready);
    return backend->epfd;
}

const struct rnl_backend_ops rnli_epoll_ops = {
    .descriptor = descriptor, .name = "epoll", .open = epoll_open, .close = epoll_close, RNLI_READY_OPS};
