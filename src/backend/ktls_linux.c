/* ktls_linux.c: Linux's TLS, for sending: keys on a socket, records that are not data.
 *
 *      TCP_ULP "tls"         once; changes nothing by itself, tells whether the kernel has it
 *      TLS_TX keys           from here on what is sent leaves enciphered
 *      sendmsg + its type    an alert, a message of the handshake
 *
 * A record is the kernel's as soon as it is enciphered, though TCP may have had room for a
 * part of it only. The rest follows by itself while the socket is open. A close tries
 * once more, without waiting, and drops what is left then; so a close has to come when TCP
 * has room for a whole record. */
#include "backend/sys.h"
#include "backend/ready.h"

#include <string.h>

/* A buffer of which a third, which is free where the socket is writable, holds the largest
 * record and an alert. */
enum { SAFE_BUFFER = 98304 };

int rnli_linux_tls_send_keys(struct rnl_backend *backend, rnl_socket sock, const void *keys,
                             size_t len, int64_t *os)
{
    int fd = (int)sock;

    *os = 0;
    if (rnli_ready_forked(rnli_ready_of(backend)))
        return RNL_EINVAL;
    if ((rnli_sys_tls_attach(fd) < 0 && errno != EEXIST) || rnli_sys_tls_keys(fd, keys, len) < 0) {
        *os = rnli_sys_os_code(errno);
        return RNL_ENOTSUP; /* whatever it was: no such kernel, cipher, kind of socket */
    }
    return RNL_OK;
}

enum { PIECES_MAX = 8 };

static ssize_t send_record(int fd, unsigned char type, const struct rnl_bytes *pieces, size_t count)
{
    union {
        struct cmsghdr head; /* aligned as one */
        unsigned char room[CMSG_SPACE(sizeof(unsigned char))];
    } control;
    struct iovec iov[PIECES_MAX];
    struct msghdr msg = {.msg_iov = iov, .msg_control = &control};
    struct cmsghdr *head;
    unsigned short n = count < PIECES_MAX ? (unsigned short)count : PIECES_MAX;
    ssize_t sent;

    memset(&control, 0, sizeof(control));
    for (size_t i = 0; i < n; i++) {
        iov[i].iov_base = (void *)(uintptr_t)pieces[i].data;
        iov[i].iov_len = pieces[i].len;
    }
    msg.msg_iovlen = n;
    msg.msg_controllen = sizeof(control);
    head = CMSG_FIRSTHDR(&msg);
    head->cmsg_level = RNLI_SOL_TLS;
    head->cmsg_type = RNLI_TLS_RECORD_TYPE;
    head->cmsg_len = CMSG_LEN(sizeof(type));
    memcpy(CMSG_DATA(head), &type, sizeof(type));
    do {
        sent = rnli_sys_tls_record(fd, &msg, RNLI_MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

int rnli_linux_tls_send_record(struct rnl_backend *backend, rnl_socket sock, unsigned char type,
                               const struct rnl_bytes *pieces, size_t npieces, size_t *sent,
                               int64_t *os)
{
    ssize_t n;

    *sent = 0;
    *os = 0;
    if (rnli_ready_forked(rnli_ready_of(backend)))
        return RNL_EINVAL;
    n = send_record((int)sock, type, pieces, npieces);
    if (n >= 0) {
        *sent = (size_t)n;
        return RNL_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return RNL_EAGAIN;
    if (errno == ENOBUFS || errno == ENOMEM)
        return RNL_ENOBUFS;
    return rnli_posix_fail(os);
}

int rnli_linux_tls_send_rest(struct rnl_backend *backend, rnl_socket sock)
{
    int fd = (int)sock, size = 0, half = SAFE_BUFFER / 2; /* the kernel doubles it */
    socklen_t len = sizeof(size);

    if (rnli_ready_forked(rnli_ready_of(backend)))
        return RNL_OK; /* the parent's socket: a child's close sends nothing */
    if (rnli_sys_getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &len) == 0 && size < SAFE_BUFFER)
        (void)rnli_sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
    return rnli_posix_ready(fd, POLLOUT) == 0 ? RNL_EAGAIN : RNL_OK;
}
