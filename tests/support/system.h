/* system.h: the system's own calls, for tests that check with them. On Windows they
 * come from tests/windows. */
#ifndef RUNNEL_TESTS_SYSTEM_H
#define RUNNEL_TESTS_SYSTEM_H

#ifdef _WIN32
#include "windows/posix.h"
#define NO_SOCKET RNL_EBADF /* what a handle of another kind is */
#else
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#define NO_SOCKET RNL_ENOTSOCK
#endif

/* Linux has Unix sockets with abstract names, and lets a connect wait where a Unix
 * listener's queue is full; others have none, and refuse it. (Windows: never tried.) */
#if defined(__linux__) || defined(_WIN32)
#define UNIX_AS_LINUX 1
#else
#define UNIX_AS_LINUX 0
#endif

/* The shortest queue; macOS takes 0 for the longest. */
#if defined(__APPLE__)
#define LEAST_BACKLOG 1
#else
#define LEAST_BACKLOG 0
#endif

/* What macOS lacks, in two steps; the library's header is not to see it. */
#if defined(__APPLE__)
#include "backend/sys.h"
#define TCP_KEEPIDLE  TCP_KEEPALIVE
#define SOCK_CLOEXEC  0x10000
#define SOCK_NONBLOCK 0x20000
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static inline int tests_flags(int fd, bool on_exec_closed, bool nonblocking)
{
    if (fd >= 0 && on_exec_closed)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (fd >= 0 && nonblocking)
        fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static inline int tests_socket_flags(int fd, int type)
{
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
    return tests_flags(fd, type & SOCK_CLOEXEC, type & SOCK_NONBLOCK);
}

static inline int tests_socket(int domain, int type, int protocol)
{
    return tests_socket_flags(socket(domain, type & 0xffff, protocol), type);
}

static inline int tests_socketpair(int domain, int type, int protocol, int fds[2])
{
    if (socketpair(domain, type & 0xffff, protocol, fds))
        return -1;
    tests_socket_flags(fds[0], type);
    tests_socket_flags(fds[1], type);
    return 0;
}

static inline int tests_pipe2(int fds[2], int flags)
{
    if (pipe(fds))
        return -1;
    tests_flags(fds[0], flags & O_CLOEXEC, flags & O_NONBLOCK);
    tests_flags(fds[1], flags & O_CLOEXEC, flags & O_NONBLOCK);
    return 0;
}

static inline int tests_dup3(int from, int to, int flags)
{
    return tests_flags(dup2(from, to), flags & O_CLOEXEC, false);
}

#define socket(domain, type, protocol)          tests_socket(domain, type, protocol)
#define socketpair(domain, type, protocol, fds) tests_socketpair(domain, type, protocol, fds)
#define pipe2(fds, flags)                       tests_pipe2(fds, flags)
#define dup3(from, to, flags)                   tests_dup3(from, to, flags)
#endif

#endif
