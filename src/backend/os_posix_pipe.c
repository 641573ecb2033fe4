/* os_posix_pipe.c: what is no socket, read and written.
 *
 * A pipe or a terminal refuses recv and send with ENOTSOCK; only then the calls
 * here are made, so sockets pay nothing for them. A write to a pipe that nobody
 * reads raises SIGPIPE, and there is no flag against it: the signal is held back
 * in this thread for the call, and taken away where the call raised it. */
#include "backend/sys.h"

#include "backend/os_posix.h"

ssize_t rnli_posix_read(int fd, void *data, size_t len)
{
    ssize_t n;

    do {
        n = rnli_sys_read(fd, data, len);
    } while (n < 0 && errno == EINTR);
    return n < 0 && errno == EIO ? 0 : n; /* a terminal whose other side is gone */
}

static bool is_pending(void)
{
    sigset_t pending;

    sigemptyset(&pending);
    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

ssize_t rnli_posix_write(int fd, const struct iovec *iov, int count)
{
    sigset_t pipe_only, before;
    bool was_pending;
    ssize_t n;
    int err, got;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    was_pending = is_pending();
    do {
        n = rnli_sys_fails("write") ? -1 : writev(fd, iov, count);
    } while (n < 0 && errno == EINTR);
    err = errno;
    if (n < 0 && err == EPIPE && !was_pending && is_pending())
        (void)sigwait(&pipe_only, &got);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = err;
    return n;
}
