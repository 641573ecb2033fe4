/* os_win.c: the calls of sys.h on Windows. See os_win.h.
 *
 * Each function makes one call of Winsock and tells its failure as errno. One table
 * holds both directions; the first row of an errno is what it is told as. A
 * test's fault comes as an errno, as everywhere. */
#include "backend/sys.h"

#include <process.h>
#include <string.h>

/* ---- Errors ------------------------------------------------------------ */

static const struct {
    int os, err;
} errors[] = {
    {WSAEWOULDBLOCK, EWOULDBLOCK},
    {WSAEWOULDBLOCK, EAGAIN},
    {WSAEINPROGRESS, EINPROGRESS},
    {WSAEALREADY, EALREADY},
    {WSAECONNRESET, ECONNRESET},
    {WSAENETRESET, ECONNRESET},
    {ERROR_NETNAME_DELETED, ECONNRESET},
    {WSAESHUTDOWN, EPIPE},
    {ERROR_BROKEN_PIPE, EPIPE},
    {WSAECONNREFUSED, ECONNREFUSED},
    {ERROR_CONNECTION_REFUSED, ECONNREFUSED},
    {ERROR_PORT_UNREACHABLE, ECONNREFUSED},
    {WSAECONNABORTED, ECONNABORTED},
    {ERROR_CONNECTION_ABORTED, ECONNABORTED},
    {WSAETIMEDOUT, ETIMEDOUT},
    {ERROR_SEM_TIMEOUT, ETIMEDOUT},
    {WSAENOTCONN, ENOTCONN},
    {WSAEISCONN, EISCONN},
    {WSAEADDRINUSE, EADDRINUSE},
    {WSAEADDRNOTAVAIL, EADDRNOTAVAIL},
    {WSAENETUNREACH, ENETUNREACH},
    {ERROR_NETWORK_UNREACHABLE, ENETUNREACH},
    {WSAEHOSTUNREACH, EHOSTUNREACH},
    {ERROR_HOST_UNREACHABLE, EHOSTUNREACH},
    {WSAEHOSTDOWN, EHOSTDOWN},
    {WSAENETDOWN, ENETDOWN},
    {WSAEACCES, EACCES},
    {ERROR_ACCESS_DENIED, EACCES},
    {WSAEMFILE, EMFILE},
    {ERROR_TOO_MANY_OPEN_FILES, EMFILE},
    {ERROR_FILE_NOT_FOUND, ENOENT},
    {ERROR_PATH_NOT_FOUND, ENOENT},
    {ERROR_INVALID_NAME, ENOENT},
    {WSAENAMETOOLONG, ENAMETOOLONG},
    {ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG},
    {WSAENOTSOCK, EBADF}, /* also what a closed socket is */
    {ERROR_INVALID_HANDLE, EBADF},
    {WSAEBADF, EBADF},
    {WSAENOTSOCK, ENOTSOCK},
    {WSAEAFNOSUPPORT, EAFNOSUPPORT},
    {WSAEPROTOTYPE, EPROTOTYPE},
    {WSAEPROTONOSUPPORT, EPROTONOSUPPORT},
    {WSAESOCKTNOSUPPORT, EPROTONOSUPPORT},
    {WSAENOPROTOOPT, ENOPROTOOPT},
    {WSAEOPNOTSUPP, EOPNOTSUPP},
    {ERROR_NOT_SUPPORTED, EOPNOTSUPP},
    {WSAEINTR, EINTR},
    {WSAENOBUFS, ENOBUFS},
    {ERROR_NO_SYSTEM_RESOURCES, ENOBUFS},
    {ERROR_NOT_ENOUGH_MEMORY, ENOMEM},
    {ERROR_OUTOFMEMORY, ENOMEM},
    {ERROR_WORKING_SET_QUOTA, ENOBUFS},
    {WSAEINVAL, EINVAL},
    {ERROR_INVALID_PARAMETER, EINVAL},
    {WSAEFAULT, EINVAL},
    {WSAEMSGSIZE, EINVAL},
};

enum { ERRORS = sizeof errors / sizeof errors[0] };

int rnli_win_errno(int os)
{
    for (size_t i = 0; i < ERRORS; i++)
        if (errors[i].os == os)
            return errors[i].err;
    return EIO;
}

int64_t rnli_sys_os_code(int err)
{
    for (size_t i = 0; i < ERRORS; i++)
        if (errors[i].err == err)
            return errors[i].os;
    return err;
}

int rnli_win_failed(void)
{
    errno = rnli_win_errno((int)GetLastError()); /* WSAGetLastError is the same number */
    return -1;
}

static int answer(int result)
{
    return result == 0 ? 0 : rnli_win_failed();
}

/* ---- Beginning --------------------------------------------------------- */

static BOOL CALLBACK start(INIT_ONCE *once, void *arg, void **result)
{
    WSADATA data;

    (void)once, (void)arg, (void)result;
    return WSAStartup(MAKEWORD(2, 2), &data) == 0;
}

int rnli_win_start(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    return InitOnceExecuteOnce(&once, start, NULL, NULL) ? RNL_OK : RNL_ENOTSUP;
}

/* ---- Sockets ----------------------------------------------------------- */

static SOCKET handle(int fd)
{
    return fd < 0 ? INVALID_SOCKET : (SOCKET)fd;
}

int rnli_sys_nonblocking(int fd)
{
    u_long on = 1;

    return answer(ioctlsocket(handle(fd), (long)FIONBIO, &on));
}

/* A new socket as a descriptor; what cannot be one is closed again. */
static int born(SOCKET sock)
{
    int saved;

    if (sock == INVALID_SOCKET)
        return rnli_win_failed();
    SetHandleInformation((HANDLE)sock, HANDLE_FLAG_INHERIT, 0);
    if (sock <= INT_MAX / 2 && rnli_sys_nonblocking((int)sock) == 0)
        return (int)sock;
    saved = sock <= INT_MAX / 2 ? errno : EMFILE;
    closesocket(sock);
    errno = saved;
    return -1;
}

int rnli_sys_socket(int domain, int type, int protocol)
{
    if (rnli_sys_fails("socket"))
        return -1;
    if (rnli_win_start() != RNL_OK) {
        errno = ENOTSUP;
        return -1;
    }
    return born(WSASocketW(domain, type, protocol, NULL, 0,
                           WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT));
}

int rnli_sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    return rnli_sys_fails("accept") ? -1 : born(accept(handle(fd), addr, len));
}

int rnli_sys_close(int fd)
{
    int result = answer(closesocket(handle(fd)));

    return rnli_sys_fails("close") ? -1 : result;
}

/* What is in `set` after a look. */
static bool one_set(fd_set *set, SOCKET sock, bool wanted)
{
    FD_ZERO(set);
    if (wanted) {
        set->fd_array[0] = sock;
        set->fd_count = 1;
    }
    return wanted;
}

int rnli_sys_poll_one(int fd, short events)
{
    fd_set readable, writable, odd;
    struct timeval none = {0, 0};
    int found = 0;

    if (rnli_sys_fails("poll"))
        return -1;
    one_set(&readable, handle(fd), events & POLLIN);
    one_set(&writable, handle(fd), events & POLLOUT);
    one_set(&odd, handle(fd), events & POLLOUT); /* a connect that failed */
    if (select(0, &readable, &writable, &odd, &none) == SOCKET_ERROR)
        return rnli_win_failed();
    if (readable.fd_count)
        found |= POLLIN;
    if (writable.fd_count)
        found |= POLLOUT;
    if (odd.fd_count)
        found |= POLLOUT | POLLERR;
    return found;
}

int rnli_sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return rnli_sys_fails("bind") ? -1 : answer(bind(handle(fd), addr, len));
}

int rnli_sys_listen(int fd, int backlog)
{
    return rnli_sys_fails("listen") ? -1 : answer(listen(handle(fd), backlog));
}

int rnli_sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    if (rnli_sys_fails("connect"))
        return -1;
    if (connect(handle(fd), addr, len) == 0)
        return 0;
    if (WSAGetLastError() != WSAEWOULDBLOCK)
        return rnli_win_failed();
    errno = EINPROGRESS; /* that is how Windows says it */
    return -1;
}

int rnli_sys_shutdown(int fd, int how)
{
    return rnli_sys_fails("shutdown") ? -1 : answer(shutdown(handle(fd), how));
}

/* A socket without a name has a family all the same, as elsewhere. */
static int unnamed(int fd, struct sockaddr *addr, socklen_t *len)
{
    WSAPROTOCOL_INFOW info;
    int size = sizeof info;

    if (getsockopt(handle(fd), SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &size) != 0)
        return rnli_win_failed();
    memset(addr, 0, (size_t)*len);
    addr->sa_family = (ADDRESS_FAMILY)info.iAddressFamily;
    if (*len > info.iMaxSockAddr)
        *len = info.iMaxSockAddr;
    return 0;
}

int rnli_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    if (rnli_sys_fails("getsockname"))
        return -1;
    if (getsockname(handle(fd), addr, len) == 0)
        return 0;
    return WSAGetLastError() == WSAEINVAL ? unnamed(fd, addr, len) : rnli_win_failed();
}

int rnli_sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return rnli_sys_fails("getpeername") ? -1 : answer(getpeername(handle(fd), addr, len));
}

int rnli_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    int *error = value;

    if (rnli_sys_fails("getsockopt"))
        return -1;
    if (getsockopt(handle(fd), level, name, value, len) == SOCKET_ERROR)
        return rnli_win_failed();
    if (level == SOL_SOCKET && name == SO_ERROR && *error)
        *error = rnli_win_errno(*error);
    return 0;
}

int rnli_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (rnli_sys_fails("setsockopt"))
        return -1;
    if (level == SOL_SOCKET && name == SO_REUSEADDR)
        return 0;
    return answer(setsockopt(handle(fd), level, name, value, len));
}

int rnli_sys_linger(int fd, int seconds)
{
    struct linger linger = {0, 0};

    if (seconds >= 0) {
        linger.l_onoff = 1;
        linger.l_linger = seconds > USHRT_MAX ? USHRT_MAX : (u_short)seconds;
    }
    return rnli_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

/* ---- Bytes ------------------------------------------------------------- */

/* Windows takes a send of any length whole while there is room for a byte; ours are
 * bounded, so that what a peer does not read is seen. */
enum { PIECES = 64, SEND_MAX = 256 * 1024, RECV_MAX = 1 << 30 };

static int at_most(size_t len, int max)
{
    return len > (size_t)max ? max : (int)len;
}

/* wine tells a reset as an end. It has no peer's name then, and a send says what it
 * was; behind a shutdown of ours the two cannot be told apart. Windows itself tells. */
static bool was_reset(int fd)
{
    struct sockaddr_storage peer;
    int len = sizeof peer;

    return getpeername(handle(fd), (struct sockaddr *)&peer, &len) == SOCKET_ERROR &&
           WSAGetLastError() == WSAENOTCONN && send(handle(fd), "", 0, 0) == SOCKET_ERROR &&
           WSAGetLastError() == WSAECONNRESET;
}

ssize_t rnli_sys_recv(int fd, void *buf, size_t len, int flags)
{
    int n;

    if (rnli_sys_fails("recv"))
        return -1;
    n = recv(handle(fd), buf, at_most(len, RECV_MAX), flags);
    if (n == SOCKET_ERROR || (n == 0 && len > 0 && was_reset(fd)))
        return rnli_win_failed();
    return n;
}

ssize_t rnli_sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
    msg->msg_flags = 0;
    return rnli_sys_recv(fd, msg->msg_iov[0].iov_base, msg->msg_iov[0].iov_len, flags);
}

ssize_t rnli_sys_send(int fd, const void *buf, size_t len, int flags)
{
    int n;

    if (rnli_sys_fails("send"))
        return -1;
    n = send(handle(fd), buf, at_most(len, SEND_MAX), flags);
    return n == SOCKET_ERROR ? rnli_win_failed() : n;
}

ssize_t rnli_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    WSABUF bufs[PIECES];
    DWORD count = 0, sent = 0;
    int room = SEND_MAX;

    if (rnli_sys_fails("send"))
        return -1;
    while (count < msg->msg_iovlen && count < PIECES && room > 0) {
        const struct iovec *piece = &msg->msg_iov[count];

        bufs[count].buf = piece->iov_base;
        bufs[count].len = (ULONG)at_most(piece->iov_len, room);
        room -= (int)bufs[count++].len;
    }
    if (WSASend(handle(fd), bufs, count, &sent, (DWORD)flags, NULL, NULL) == SOCKET_ERROR)
        return rnli_win_failed();
    return (ssize_t)sent;
}

int rnli_sys_select(fd_set *readable, fd_set *writable, fd_set *odd, struct timeval *timeout)
{
    int n;

    if (rnli_sys_fails("select"))
        return -1;
    n = select(0, readable, writable, odd, timeout);
    return n == SOCKET_ERROR ? rnli_win_failed() : n;
}

/* ---- Clock ------------------------------------------------------------- */

int64_t rnli_sys_monotonic(void)
{
    static LONGLONG frequency; /* any thread finds the same */
    LARGE_INTEGER now;

    if (frequency == 0) {
        QueryPerformanceFrequency(&now);
        frequency = now.QuadPart;
    }
    QueryPerformanceCounter(&now);
    return now.QuadPart / frequency * RNL_SECOND +
           now.QuadPart % frequency * RNL_SECOND / frequency;
}

/* ---- Threads ----------------------------------------------------------- */

struct beginning {
    void *(*fn)(void *arg);
    void *arg;
};

static unsigned __stdcall run(void *arg)
{
    struct beginning begin = *(struct beginning *)arg;

    free(arg);
    begin.fn(begin.arg);
    return 0;
}

/* By the C library's call, so that it has its part in the thread's end. */
int rnli_sys_thread_start(rnli_thread *out, void *(*fn)(void *), void *arg)
{
    int code = rnli_fault_code("pthread_create");
    struct beginning *begin = code ? NULL : malloc(sizeof *begin);

    if (!begin)
        return code ? code : ENOMEM;
    *begin = (struct beginning){fn, arg};
    *out = (HANDLE)_beginthreadex(NULL, 0, run, begin, 0, NULL);
    if (*out)
        return 0;
    free(begin);
    return EAGAIN;
}

int rnli_sys_thread_join(rnli_thread thread)
{
    WaitForSingleObject(thread, INFINITE);
    return rnli_sys_thread_detach(thread);
}

int rnli_sys_thread_detach(rnli_thread thread)
{
    return CloseHandle(thread) ? 0 : EINVAL;
}

int rnli_sys_mutex_init(rnli_mutex *mutex)
{
    InitializeSRWLock(mutex);
    return rnli_fault_code("pthread_mutex_init");
}

int rnli_sys_cond_init(rnli_cond *cond)
{
    InitializeConditionVariable(cond);
    return rnli_fault_code("pthread_cond_init");
}
