/* os_win.h: the calls of sys.h on Windows.
 *
 * Winsock is spoken to in the dialect of the other systems, so that the files above
 * are the same: a socket is an int (handles are small numbers, multiples of four),
 * a failed call answers -1 and sets errno; what Windows itself said is found again
 * by rnli_sys_os_code. Included by sys.h alone. */
#ifndef RNLI_BACKEND_OS_WIN_H
#define RNLI_BACKEND_OS_WIN_H

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#ifndef NOMINMAX
#define NOMINMAX
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif

#include <winsock2.h>
#include <ws2tcpip.h>
#include <mswsock.h>
#include <afunix.h>
#include <windows.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>

#include <runnel/base.h>

/* What the C library has no number for. */
#ifndef EHOSTDOWN
#define EHOSTDOWN WSAEHOSTDOWN
#endif

#define SHUT_RD   SD_RECEIVE
#define SHUT_WR   SD_SEND
#define SHUT_RDWR SD_BOTH

struct iovec {
    void *iov_base;
    size_t iov_len;
};

struct msghdr {
    struct iovec *msg_iov;
    size_t msg_iovlen;
    int msg_flags;
};

/* Winsock begins with the first call, and stays. RNL_OK, or RNL_ENOTSUP. */
int rnli_win_start(void);
/* A code of Windows or of Winsock as an errno; EIO for one without a name. */
int rnli_win_errno(int os);
/* Sets errno from the last failure, and answers -1. */
int rnli_win_failed(void);

/* The code of Windows for an errno, for logs. */
int64_t rnli_sys_os_code(int err);

/* ---- Sockets ----------------------------------------------------------- */

int rnli_sys_socket(int domain, int type, int protocol); /* non-blocking, not inherited */
int rnli_sys_accept(int fd, struct sockaddr *addr, socklen_t *len);
int rnli_sys_close(int fd);
int rnli_sys_nonblocking(int fd);
/* Which of POLL... is true now; 0: none; -1. Unlike WSAPoll it tells a failed connect. */
int rnli_sys_poll_one(int fd, short events);
int rnli_sys_bind(int fd, const struct sockaddr *addr, socklen_t len);
int rnli_sys_listen(int fd, int backlog);
int rnli_sys_connect(int fd, const struct sockaddr *addr, socklen_t len);
int rnli_sys_shutdown(int fd, int how);
int rnli_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len);
int rnli_sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len);
int rnli_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len);
/* SO_REUSEADDR does nothing: a port is free at once here, and that option would let two
 * programs have it. */
int rnli_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int rnli_sys_linger(int fd, int seconds); /* < 0: off */
ssize_t rnli_sys_recv(int fd, void *buf, size_t len, int flags);
ssize_t rnli_sys_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t rnli_sys_send(int fd, const void *buf, size_t len, int flags);
ssize_t rnli_sys_sendmsg(int fd, const struct msghdr *msg, int flags);
int rnli_sys_select(fd_set *readable, fd_set *writable, fd_set *odd, struct timeval *timeout);

#define RNLI_MSG_NOSIGNAL 0 /* there is no SIGPIPE */

static inline void rnli_sys_no_sigpipe(int fd)
{
    (void)fd;
}

/* ---- Environment, clock and process ------------------------------------- */

static inline const char *rnli_sys_getenv(const char *name)
{
    return getenv(name);
}

int64_t rnli_sys_monotonic(void);

/* Reads a word of the process's own memory: no system call. */
static inline pid_t rnli_sys_getpid(void)
{
    return (pid_t)GetCurrentProcessId();
}

/* ---- Threads: the codes are errno's ------------------------------------- */

typedef SRWLOCK rnli_mutex;
typedef CONDITION_VARIABLE rnli_cond;
typedef HANDLE rnli_thread;

#define RNLI_MUTEX_INIT SRWLOCK_INIT
#define RNLI_COND_INIT  CONDITION_VARIABLE_INIT

int rnli_sys_thread_start(rnli_thread *out, void *(*fn)(void *), void *arg);
int rnli_sys_thread_join(rnli_thread thread);
int rnli_sys_thread_detach(rnli_thread thread);
int rnli_sys_mutex_init(rnli_mutex *mutex);
int rnli_sys_cond_init(rnli_cond *cond);

static inline void rnli_sys_mutex_destroy(rnli_mutex *mutex)
{
    (void)mutex;
}

static inline void rnli_sys_mutex_lock(rnli_mutex *mutex)
{
    AcquireSRWLockExclusive(mutex);
}

static inline void rnli_sys_mutex_unlock(rnli_mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex);
}

static inline void rnli_sys_cond_destroy(rnli_cond *cond)
{
    (void)cond;
}

static inline void rnli_sys_cond_wait(rnli_cond *cond, rnli_mutex *mutex)
{
    SleepConditionVariableSRW(cond, mutex, INFINITE, 0);
}

static inline void rnli_sys_cond_signal(rnli_cond *cond)
{
    WakeConditionVariable(cond);
}

static inline void rnli_sys_cond_broadcast(rnli_cond *cond)
{
    WakeAllConditionVariable(cond);
}

#endif
