/* os_posix.c: what the backends share that has no idea of waiting.
 *
 * On Windows too, where os_win.h speaks as the others do.
 *
 * One system call for each function of the table, and the two tables that a
 * system needs: its error numbers and its socket options by our names. An option
 * that a system lacks is simply absent from the table and answers RNL_ENOTSUP. */
#include "backend/sys.h"
#include "backend/os_posix.h"
#include "backend/sockaddr.h"

#include <string.h>

/* ---- Errors ------------------------------------------------------------ */

/* A table and not a switch: EAGAIN and EWOULDBLOCK, ENOTSUP and EOPNOTSUPP are one
 * number on some systems and two on others. */
static const struct {
    int err, code;
} codes[] = {
    {EAGAIN, RNL_EAGAIN},
    {EWOULDBLOCK, RNL_EAGAIN},
    {EINPROGRESS, RNL_EAGAIN},
    {ECONNRESET, RNL_ECONNRESET},
    {EPIPE, RNL_EPIPE},
    {ECONNREFUSED, RNL_ECONNREFUSED},
    {ECONNABORTED, RNL_ECONNABORTED},
    {ETIMEDOUT, RNL_ETIMEDOUT},
    {ENOTCONN, RNL_ENOTCONN},
    {EISCONN, RNL_EISCONN},
    {EADDRINUSE, RNL_EADDRINUSE},
    {EADDRNOTAVAIL, RNL_EADDRNOTAVAIL},
    {ENETUNREACH, RNL_ENETUNREACH},
    {EHOSTUNREACH, RNL_EHOSTUNREACH},
    {EHOSTDOWN, RNL_EHOSTUNREACH},
    {ENETDOWN, RNL_ENETDOWN},
    {EACCES, RNL_EACCES},
    {EPERM, RNL_EACCES},
    {EMFILE, RNL_EMFILE},
    {ENFILE, RNL_ENFILE},
    {ENOENT, RNL_ENOENT},
    {ENOTDIR, RNL_ENOENT},
    {EEXIST, RNL_EEXIST},
    {ENAMETOOLONG, RNL_ENAMETOOLONG},
    {ENOTSOCK, RNL_ENOTSOCK},
    {EBADF, RNL_EBADF},
    {EAFNOSUPPORT, RNL_EAFNOSUPPORT},
    {EPROTO, RNL_EPROTO},
    {EPROTOTYPE, RNL_EPROTO},
    {EIO, RNL_EIO},
    {EINTR, RNL_EINTR},
    {ENOMEM, RNL_ENOMEM},
    {ENOBUFS, RNL_ENOBUFS},
    {ENOSPC, RNL_ENOMEM}, /* epoll: max_user_watches */
    {EINVAL, RNL_EINVAL},
    {EOPNOTSUPP, RNL_ENOTSUP},
    {ENOTSUP, RNL_ENOTSUP},
    {ENOPROTOOPT, RNL_ENOTSUP},
    {EPROTONOSUPPORT, RNL_ENOTSUP},
    {ENOSYS, RNL_ENOTSUP},
    {EBUSY, RNL_EBUSY},
    {EALREADY, RNL_EBUSY},
    {ERANGE, RNL_ERANGE},
};

int rnli_posix_code(int err)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].err == err)
            return codes[i].code;
    return RNL_ESYS;
}

int rnli_posix_fail(int64_t *os)
{
    *os = rnli_sys_os_code(errno);
    return rnli_posix_code(errno);
}

/* RNL_OK, or the failure of a call that answers -1. */
static int checked(int answer, int64_t *os)
{
    return answer < 0 ? rnli_posix_fail(os) : RNL_OK;
}

/* ---- For ready.c ------------------------------------------------------- */

int rnli_posix_socket(enum rnl_family family, int *out, int64_t *os)
{
    int domain = rnli_sockaddr_domain(family);

    if (domain == AF_UNSPEC)
        return RNL_EAFNOSUPPORT;
    *out = rnli_sys_socket(domain, SOCK_STREAM, 0);
    if (*out < 0)
        return rnli_posix_fail(os);
    rnli_sys_no_sigpipe(*out);
    return RNL_OK;
}

int rnli_posix_adopt(int fd, int64_t *os)
{
    if (rnli_sys_nonblocking(fd) < 0)
        return rnli_posix_fail(os);
    rnli_sys_no_sigpipe(fd);
    return RNL_OK;
}

enum rnl_family rnli_posix_family(int fd)
{
    struct rnli_sockaddr sa;

    rnli_sockaddr_clear(&sa);
    if (rnli_sys_getsockname(fd, &sa.u.any, &sa.len) < 0)
        return RNL_UNSPEC;
    return rnli_sockaddr_family(sa.u.any.sa_family);
}

enum { PIECES_MAX = 64 }; /* a call; IOV_MAX is 1,024 on Linux, the BSDs and macOS */

ssize_t rnli_posix_send(int fd, const struct rnl_bytes *pieces, size_t npieces)
{
    struct iovec iov[PIECES_MAX];
    struct msghdr msg = {.msg_iov = iov};
    unsigned short count = PIECES_MAX; /* fits msg_iovlen, size_t here and int there */
    ssize_t n;

    if (npieces < PIECES_MAX)
        count = (unsigned short)npieces;
    for (size_t i = 0; i < count; i++) {
        iov[i].iov_base = (void *)(uintptr_t)pieces[i].data;
        iov[i].iov_len = pieces[i].len;
    }
    msg.msg_iovlen = count;
    do {
        if (count == 1)
            n = rnli_sys_send(fd, pieces->data, pieces->len, RNLI_MSG_NOSIGNAL);
        else
            n = rnli_sys_sendmsg(fd, &msg, RNLI_MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 && errno == ENOTSOCK ? rnli_posix_write(fd, iov, count) : n;
}

int rnli_posix_ready(int fd, short events)
{
    int found;

    do {
        found = rnli_sys_poll_one(fd, events);
    } while (found < 0 && errno == EINTR);
    return found;
}

/* ---- The table --------------------------------------------------------- */

int64_t rnli_posix_now(struct rnl_backend *backend)
{
    (void)backend;
    return rnli_sys_monotonic();
}

int rnli_posix_bind(struct rnl_backend *backend, rnl_socket sock, const struct rnl_address *address,
                    int64_t *os)
{
    struct rnli_sockaddr sa;
    int code = rnli_sockaddr_from(&sa, address);

    (void)backend;
    *os = 0;
    if (code)
        return code;
    return checked(rnli_sys_bind((int)sock, &sa.u.any, sa.len), os);
}

int rnli_posix_listen(struct rnl_backend *backend, rnl_socket sock, int backlog, int64_t *os)
{
    (void)backend;
    *os = 0;
    return checked(rnli_sys_listen((int)sock, backlog), os);
}

int rnli_posix_shutdown(struct rnl_backend *backend, rnl_socket sock, enum rnl_shut how,
                        int64_t *os)
{
    static const int hows[] = {
        [RNL_SHUT_READ] = SHUT_RD, [RNL_SHUT_WRITE] = SHUT_WR, [RNL_SHUT_BOTH] = SHUT_RDWR};

    (void)backend;
    *os = 0;
    if (how < RNL_SHUT_READ || how > RNL_SHUT_BOTH)
        return RNL_EINVAL;
    return checked(rnli_sys_shutdown((int)sock, hows[how]), os);
}

int rnli_posix_get_name(struct rnl_backend *backend, rnl_socket sock, bool peer,
                        struct rnl_address *out, int64_t *os)
{
    struct rnli_sockaddr sa;
    int answer;

    (void)backend;
    *os = 0;
    rnli_sockaddr_clear(&sa);
    if (peer)
        answer = rnli_sys_getpeername((int)sock, &sa.u.any, &sa.len);
    else
        answer = rnli_sys_getsockname((int)sock, &sa.u.any, &sa.len);
    if (answer < 0)
        return rnli_posix_fail(os);
    rnli_sockaddr_to(out, &sa.u.any, sa.len);
    return out->family == RNL_UNSPEC ? RNL_EAFNOSUPPORT : RNL_OK;
}

/* ---- Options ----------------------------------------------------------- */

static const struct {
    enum rnl_sockopt option;
    int level, name;
} options[] = {
    {RNL_SO_NODELAY, IPPROTO_TCP, TCP_NODELAY},
    {RNL_SO_KEEPALIVE, SOL_SOCKET, SO_KEEPALIVE},
    {RNL_SO_REUSEADDR, SOL_SOCKET, SO_REUSEADDR},
    {RNL_SO_V6ONLY, IPPROTO_IPV6, IPV6_V6ONLY},
    {RNL_SO_RCVBUF, SOL_SOCKET, SO_RCVBUF},
    {RNL_SO_SNDBUF, SOL_SOCKET, SO_SNDBUF},
#ifdef SO_REUSEPORT
    {RNL_SO_REUSEPORT, SOL_SOCKET, SO_REUSEPORT},
#endif
#if defined(TCP_KEEPIDLE)
    {RNL_SO_KEEPIDLE, IPPROTO_TCP, TCP_KEEPIDLE},
#elif defined(TCP_KEEPALIVE)
    {RNL_SO_KEEPIDLE, IPPROTO_TCP, TCP_KEEPALIVE},
#endif
#ifdef TCP_KEEPINTVL
    {RNL_SO_KEEPINTVL, IPPROTO_TCP, TCP_KEEPINTVL},
#endif
#ifdef TCP_KEEPCNT
    {RNL_SO_KEEPCNT, IPPROTO_TCP, TCP_KEEPCNT},
#endif
#ifdef TCP_USER_TIMEOUT
    {RNL_SO_USER_TIMEOUT, IPPROTO_TCP, TCP_USER_TIMEOUT},
#endif
};

int rnli_posix_set_option(struct rnl_backend *backend, rnl_socket sock, enum rnl_sockopt option,
                          int value, int64_t *os)
{
    (void)backend;
    *os = 0;
    if (option == RNL_SO_LINGER)
        return checked(rnli_sys_linger((int)sock, value), os);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (options[i].option == option)
            return checked(rnli_sys_setsockopt((int)sock, options[i].level, options[i].name, &value,
                                               sizeof(value)),
                           os);
    return RNL_ENOTSUP;
}

static int get_int(int fd, int level, int name, int otherwise)
{
    int value = otherwise;
    socklen_t len = sizeof(value);

    return rnli_sys_getsockopt(fd, level, name, &value, &len) < 0 ? otherwise : value;
}

/* By its own word: a stream over IP may also be SCTP, SMC or MPTCP. */
#ifdef SO_PROTOCOL
static bool is_tcp(int fd, const struct rnl_socket_info *info)
{
    (void)info;
    return get_int(fd, SOL_SOCKET, SO_PROTOCOL, 0) == IPPROTO_TCP;
}
#else
static bool is_tcp(int fd, const struct rnl_socket_info *info)
{
    (void)fd;
    return info->stream && (info->family == RNL_INET || info->family == RNL_INET6);
}
#endif

int rnli_posix_info(struct rnl_backend *backend, rnl_socket sock, struct rnl_socket_info *out,
                    int64_t *os)
{
    int fd = (int)sock, type = 0;
    socklen_t len = sizeof(type);
    struct rnli_sockaddr peer;

    (void)backend;
    *os = 0;
    memset(out, 0, sizeof(*out));
    if (rnli_sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return rnli_posix_fail(os);
    rnli_sockaddr_clear(&peer);
    out->family = rnli_posix_family(fd);
    out->stream = type == SOCK_STREAM;
    out->listening = get_int(fd, SOL_SOCKET, SO_ACCEPTCONN, 0) != 0;
    out->connected = rnli_sys_getpeername(fd, &peer.u.any, &peer.len) == 0;
    out->tcp = out->stream && is_tcp(fd, out);
    return RNL_OK;
}
