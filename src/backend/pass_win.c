/* pass_win.c: descriptors between processes, of which Windows' sockets have none.
 *
 * A socket of Windows is no file, and nothing passes it along a Unix socket. What
 * stands in os_posix_pass.c elsewhere answers "not supported" here. */
#include "backend/sys.h"

#include "backend/os_posix.h"
#include "backend/pass.h"

int rnli_os_check_pipe(rnl_socket fd, bool writes)
{
    (void)fd, (void)writes;
    return RNL_ENOTSUP;
}

int rnli_os_pair(rnl_socket out[2], int64_t *os)
{
    out[0] = out[1] = RNL_NO_SOCKET;
    *os = 0;
    return RNL_ENOTSUP;
}

int rnli_os_inherited(rnl_socket *out, size_t max, size_t *count)
{
    (void)out, (void)max;
    *count = 0;
    return RNL_ENOTSUP;
}

int rnli_os_pass(rnl_socket channel, rnl_socket sock)
{
    (void)channel, (void)sock;
    return RNL_ENOTSUP;
}

int rnli_os_receive(rnl_socket channel, rnl_socket *sock)
{
    (void)channel;
    *sock = RNL_NO_SOCKET;
    return RNL_ENOTSUP;
}

int rnli_os_credentials(rnl_socket sock, struct rnl_credentials *out)
{
    (void)sock, (void)out;
    return RNL_ENOTSUP;
}

void rnli_os_close(rnl_socket sock)
{
    (void)rnli_sys_close((int)sock);
}

/* Nothing but sockets comes here: recv and send have said so already. */
ssize_t rnli_posix_read(int fd, void *data, size_t len)
{
    (void)fd, (void)data, (void)len;
    errno = ENOTSOCK;
    return -1;
}

ssize_t rnli_posix_write(int fd, const struct iovec *iov, int count)
{
    (void)fd, (void)iov, (void)count;
    errno = ENOTSOCK;
    return -1;
}
