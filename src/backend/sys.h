/* sys.h: every call of the operating system that the library makes.
 *
 * Thin wrappers, one for each call: in a release build the call and nothing else. In
 * a build with RNLI_FAULTS each first asks the hook `rnli_fault` by the call's
 * name and fails with the errno that it answers (0: go on), so a test can fail
 * the n-th call of any kind. RUNNEL_LACKS in the environment of such a build names
 * calls and advices that an older kernel has not. Differences in how systems spell
 * a call are settled here, outside functions, so that the files above need no `#if`.
 *
 * Include it before any other header: it decides what the system's headers show. */
#ifndef RNLI_BACKEND_SYS_H
#define RNLI_BACKEND_SYS_H

#ifdef _WIN32
#include "backend/os_win.h"
#else
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || \
    defined(__DragonFly__) || defined(RNLI_KQUEUE_SHIM) /* tests/shim has a subset for Linux */
#define RNLI_KQUEUE 1
#include <sys/event.h>
#endif

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#endif
#endif

#include <runnel/base.h>

#include "core/compiler.h"

#ifdef RNLI_FAULTS
/* Asked before each call; called from any thread. NULL: nothing fails. */
RNL_API extern int (*rnli_fault)(const char *call);
/* What the kernel is taken not to have: names with a blank between them, from
 * RUNNEL_LACKS. A call answers ENOSYS, an advice of madvise EINVAL. NULL: nothing. */
RNL_API extern const char *rnli_fault_lacking;
RNL_API bool rnli_fault_lacks(const char *name);

static inline int rnli_fault_code(const char *call)
{
    int code = rnli_fault ? rnli_fault(call) : 0;

    return code || !rnli_fault_lacks(call) ? code : ENOSYS;
}
#else
static inline int rnli_fault_code(const char *call)
{
    (void)call;
    return 0;
}

static inline bool rnli_fault_lacks(const char *name)
{
    (void)name;
    return false;
}
#endif

/* For calls that answer -1 and set errno. */
static inline bool rnli_sys_fails(const char *call)
{
    int code = rnli_fault_code(call);

    if (code)
        errno = code;
    return code != 0;
}

#ifndef _WIN32 /* os_win.h has these for Windows */

/* ---- Descriptors ------------------------------------------------------- */

/* A close that "fails" has closed all the same, as on Linux. */
static inline int rnli_sys_close(int fd)
{
    int code = close(fd);

    return rnli_sys_fails("close") ? -1 : code;
}

static inline int rnli_sys_fcntl(int fd, int command, int arg)
{
    return rnli_sys_fails("fcntl") ? -1 : fcntl(fd, command, arg);
}

static inline ssize_t rnli_sys_read(int fd, void *buf, size_t len)
{
    return rnli_sys_fails("read") ? -1 : read(fd, buf, len);
}

static inline ssize_t rnli_sys_write(int fd, const void *buf, size_t len)
{
    return rnli_sys_fails("write") ? -1 : write(fd, buf, len);
}

/* Which of POLL... is true of the descriptor now; 0: none; -1. */
static inline int rnli_sys_poll_one(int fd, short events)
{
    struct pollfd one = {.fd = fd, .events = events};
    int n = rnli_sys_fails("poll") ? -1 : poll(&one, 1, 0);

    return n <= 0 ? n : one.revents;
}

static inline int rnli_sys_nonblocking(int fd)
{
    int flags = rnli_sys_fcntl(fd, F_GETFL, 0);

    if (flags < 0 || flags & O_NONBLOCK)
        return flags < 0 ? -1 : 0;
    return rnli_sys_fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/* The system's own number for an errno, for logs. */
static inline int64_t rnli_sys_os_code(int err)
{
    return err;
}

/* Not pselect: no mask is wanted, and Valgrind trips over one that a signal interrupts. */
static inline int rnli_sys_select(int count, fd_set *readable, fd_set *writable,
                                  struct timeval *timeout)
{
#ifdef RNLI_TSAN /* keeps a signal's handler until a call that it knows */
    struct timeval slice = {.tv_usec = 20000};

    if (!timeout || timeout->tv_sec > 0 || timeout->tv_usec > slice.tv_usec)
        timeout = &slice;
#endif
    return rnli_sys_fails("select") ? -1 : select(count, readable, writable, NULL, timeout);
}

/* Systems disagree about the sign of a number in the macros of fd_set. */
#if defined(__linux__) && !defined(__GLIBC__)
typedef unsigned rnli_sys_fd;
#else
typedef int rnli_sys_fd;
#endif

static inline void rnli_sys_fd_set(int fd, fd_set *set)
{
    FD_SET((rnli_sys_fd)fd, set);
}

static inline void rnli_sys_fd_clr(int fd, fd_set *set)
{
    FD_CLR((rnli_sys_fd)fd, set);
}

static inline bool rnli_sys_fd_isset(int fd, fd_set *set)
{
    return FD_ISSET((rnli_sys_fd)fd, set) != 0;
}

/* ---- Sockets ----------------------------------------------------------- */

static inline int rnli_sys_bind(int fd, const struct sockaddr *addr, socklen_t len)
{
    return rnli_sys_fails("bind") ? -1 : bind(fd, addr, len);
}

static inline int rnli_sys_listen(int fd, int backlog)
{
    return rnli_sys_fails("listen") ? -1 : listen(fd, backlog);
}

static inline int rnli_sys_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    return rnli_sys_fails("connect") ? -1 : connect(fd, addr, len);
}

static inline int rnli_sys_shutdown(int fd, int how)
{
    return rnli_sys_fails("shutdown") ? -1 : shutdown(fd, how);
}

static inline int rnli_sys_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return rnli_sys_fails("getsockname") ? -1 : getsockname(fd, addr, len);
}

static inline int rnli_sys_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return rnli_sys_fails("getpeername") ? -1 : getpeername(fd, addr, len);
}

static inline int rnli_sys_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    return rnli_sys_fails("getsockopt") ? -1 : getsockopt(fd, level, name, value, len);
}

static inline int rnli_sys_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    return rnli_sys_fails("setsockopt") ? -1 : setsockopt(fd, level, name, value, len);
}

static inline int rnli_sys_linger(int fd, int seconds) /* < 0: off */
{
    struct linger linger = {.l_onoff = seconds >= 0, .l_linger = seconds >= 0 ? seconds : 0};

    return rnli_sys_setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static inline ssize_t rnli_sys_recv(int fd, void *buf, size_t len, int flags)
{
    return rnli_sys_fails("recv") ? -1 : recv(fd, buf, len, flags);
}

static inline ssize_t rnli_sys_recvmsg(int fd, struct msghdr *msg, int flags)
{
    return rnli_sys_fails("recv") ? -1 : recvmsg(fd, msg, flags);
}

static inline ssize_t rnli_sys_send(int fd, const void *buf, size_t len, int flags)
{
    return rnli_sys_fails("send") ? -1 : send(fd, buf, len, flags);
}

static inline ssize_t rnli_sys_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    return rnli_sys_fails("send") ? -1 : sendmsg(fd, msg, flags);
}

/* The next piece of ancillary data of a message that was received; NULL: none. By hand:
 * some systems' CMSG_NXTHDR compares numbers of different signs. */
static inline struct cmsghdr *rnli_sys_next_control(const struct msghdr *msg,
                                                    const struct cmsghdr *header)
{
    unsigned char *base = msg->msg_control;
    size_t at = (size_t)((const unsigned char *)header - base);
    size_t own = (size_t)header->cmsg_len, all = (size_t)msg->msg_controllen;

    if (own < (size_t)CMSG_LEN(0) || own > all - at)
        return NULL;
    at += (size_t)CMSG_SPACE(own - (size_t)CMSG_LEN(0));
    return at > all || all - at < sizeof *header ? NULL : (void *)(base + at);
}

/* No SIGPIPE: a flag of each send, or an option of the socket; on macOS both, for its
 * headers may have a flag that an older system does not know. */
#if defined(MSG_NOSIGNAL)
#define RNLI_MSG_NOSIGNAL MSG_NOSIGNAL
#else
#define RNLI_MSG_NOSIGNAL 0
#endif
#if defined(MSG_NOSIGNAL) && !defined(__APPLE__)
static inline void rnli_sys_no_sigpipe(int fd)
{
    (void)fd;
}
#else
static inline void rnli_sys_no_sigpipe(int fd)
{
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
}
#endif

/* ---- Descriptors that are born non-blocking and close-on-exec ----------- */

static inline int rnli_sys_born(int fd)
{
    int saved;

    if (fd < 0)
        return fd;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
static inline int rnli_sys_socket(int domain, int type, int protocol)
{
    return rnli_sys_fails("socket") ? -1
                                    : socket(domain, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

static inline int rnli_sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    return rnli_sys_fails("accept") ? -1 : accept4(fd, addr, len, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static inline int rnli_sys_pipe(int fds[2])
{
    return rnli_sys_fails("pipe") ? -1 : pipe2(fds, O_CLOEXEC | O_NONBLOCK);
}
#else /* a fork between the two steps inherits the descriptor: these systems' gap */
static inline int rnli_sys_socket(int domain, int type, int protocol)
{
    return rnli_sys_fails("socket") ? -1 : rnli_sys_born(socket(domain, type, protocol));
}

static inline int rnli_sys_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    int born = rnli_sys_fails("accept") ? -1 : rnli_sys_born(accept(fd, addr, len));

    if (born >= 0)
        rnli_sys_no_sigpipe(born);
    return born;
}

static inline int rnli_sys_pipe(int fds[2])
{
    if (rnli_sys_fails("pipe") || pipe(fds) < 0)
        return -1;
    fds[0] = rnli_sys_born(fds[0]);
    fds[1] = rnli_sys_born(fds[1]);
    if (fds[0] >= 0 && fds[1] >= 0)
        return 0;
    close(fds[0] >= 0 ? fds[0] : fds[1]);
    return -1;
}
#endif

/* ---- epoll ------------------------------------------------------------- */

#if defined(__linux__)
static inline int rnli_sys_epoll_create(void)
{
    return rnli_sys_fails("epoll_create") ? -1 : epoll_create1(EPOLL_CLOEXEC);
}

static inline int rnli_sys_epoll_ctl(int epfd, int command, int fd, struct epoll_event *event)
{
    return rnli_sys_fails("epoll_ctl") ? -1 : epoll_ctl(epfd, command, fd, event);
}

static inline int rnli_sys_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout_ms)
{
    return rnli_sys_fails("epoll_wait") ? -1 : epoll_wait(epfd, events, max, timeout_ms);
}

static inline int rnli_sys_eventfd(void)
{
    return rnli_sys_fails("eventfd") ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

#if defined(SYS_epoll_pwait2) && !defined(RNLI_TSAN) /* which keeps signals during calls unknown to it */
/* The kernel's own struct: 64 bits also where time_t has 32. */
struct rnli_sys_timespec {
    int64_t seconds;
    long long nanoseconds;
};

static inline int rnli_sys_epoll_pwait2(int epfd, struct epoll_event *events, int max,
                                        int64_t timeout_ns)
{
    struct rnli_sys_timespec timeout = {timeout_ns / RNL_SECOND, timeout_ns % RNL_SECOND};

    if (rnli_sys_fails("epoll_pwait2"))
        return -1;
    return (int)syscall(SYS_epoll_pwait2, epfd, events, max, &timeout, NULL, (size_t)8);
}
#else
static inline int rnli_sys_epoll_pwait2(int epfd, struct epoll_event *events, int max,
                                        int64_t timeout_ns)
{
    (void)epfd, (void)events, (void)max, (void)timeout_ns;
    errno = ENOSYS;
    return -1;
}
#endif
#endif

/* ---- The kernel's TLS --------------------------------------------------- */

#if defined(__linux__)
/* Linux's numbers; our headers may be older than the kernel. */
enum { RNLI_TCP_ULP = 31, RNLI_SOL_TLS = 282, RNLI_TLS_TX = 1, RNLI_TLS_RECORD_TYPE = 1 };

static inline int rnli_sys_tls_attach(int fd)
{
    if (rnli_sys_fails("tls_attach"))
        return -1;
    return setsockopt(fd, IPPROTO_TCP, RNLI_TCP_ULP, "tls", sizeof("tls"));
}

static inline int rnli_sys_tls_keys(int fd, const void *keys, size_t len)
{
    if (rnli_sys_fails("tls_keys"))
        return -1;
    return setsockopt(fd, RNLI_SOL_TLS, RNLI_TLS_TX, keys, (socklen_t)len);
}

static inline ssize_t rnli_sys_tls_record(int fd, const struct msghdr *msg, int flags)
{
    return rnli_sys_fails("tls_record") ? -1 : sendmsg(fd, msg, flags);
}
#endif

/* ---- kqueue ------------------------------------------------------------ */

#if defined(RNLI_KQUEUE)
#ifndef EV_RECEIPT
#define EV_RECEIPT 0
#endif

#if defined(__NetBSD__)
typedef size_t rnli_kevent_count;
#else
typedef int rnli_kevent_count;
#endif

/* Close-on-exec by a second step: kqueue1 is not everywhere. It cannot be non-blocking. */
static inline int rnli_sys_kqueue(void)
{
    int kq = rnli_sys_fails("kqueue") ? -1 : kqueue();

    if (kq >= 0)
        (void)fcntl(kq, F_SETFD, FD_CLOEXEC);
    return kq;
}

/* ns; 0: looks; < 0: for ever. No longer than a day: some systems refuse much more. */
static inline int rnli_sys_kevent(int kq, const struct kevent *changes, int nchanges,
                                  struct kevent *events, int nevents, int64_t timeout_ns)
{
    int64_t ns = timeout_ns < 24 * RNL_HOUR ? timeout_ns : 24 * RNL_HOUR;
    struct timespec timeout = {.tv_sec = (time_t)(ns / RNL_SECOND),
                               .tv_nsec = (long)(ns % RNL_SECOND)};

    if (rnli_sys_fails("kevent"))
        return -1;
    return kevent(kq, changes, (rnli_kevent_count)nchanges, events, (rnli_kevent_count)nevents,
                  timeout_ns < 0 ? NULL : &timeout);
}

/* One change that wakes a kevent; tests make it fail by a name of its own. */
static inline int rnli_sys_kevent_wake(int kq, const struct kevent *change)
{
    return rnli_sys_fails("kevent_wake") ? -1 : kevent(kq, change, 1, NULL, 0, NULL);
}
#endif

/* ---- Files and the environment ----------------------------------------- */

static inline int rnli_sys_open(const char *path, int flags, mode_t mode)
{
    return rnli_sys_fails("open") ? -1 : open(path, flags | O_CLOEXEC, mode);
}

static inline int rnli_sys_unlink(const char *path)
{
    return rnli_sys_fails("unlink") ? -1 : unlink(path);
}

static inline int rnli_sys_stat(const char *path, struct stat *out)
{
    return rnli_sys_fails("stat") ? -1 : stat(path, out);
}

static inline int rnli_sys_lstat(const char *path, struct stat *out)
{
    return rnli_sys_fails("stat") ? -1 : lstat(path, out);
}

static inline int rnli_sys_fstat(int fd, struct stat *out)
{
    return rnli_sys_fails("fstat") ? -1 : fstat(fd, out);
}

/* NULL in a program that runs with more rights than its user's. */
static inline const char *rnli_sys_getenv(const char *name)
{
#if defined(__linux__)
    return secure_getenv(name);
#else
    return getenv(name);
#endif
}

/* ---- Clock and process -------------------------------------------------- */

static inline int64_t rnli_sys_monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * RNL_SECOND + now.tv_nsec;
}

static inline pid_t rnli_sys_getpid(void)
{
    return getpid();
}

static inline long rnli_sys_sysconf(int name)
{
    return sysconf(name);
}

/* ---- Memory mapping ---------------------------------------------------- */

static inline void *rnli_sys_mmap(size_t len, int protection, int flags)
{
    return rnli_sys_fails("mmap") ? MAP_FAILED : mmap(NULL, len, protection, flags, -1, 0);
}

static inline int rnli_sys_munmap(void *addr, size_t len)
{
    return rnli_sys_fails("munmap") ? -1 : munmap(addr, len);
}

static inline int rnli_sys_mprotect(void *addr, size_t len, int protection)
{
    return rnli_sys_fails("mprotect") ? -1 : mprotect(addr, len, protection);
}

/* Linux's numbers; our headers may be older than the kernel. */
enum { RNLI_MADV_WIPEONFORK = 18, RNLI_MADV_GUARD_INSTALL = 102 };

static inline bool rnli_sys_lacks_advice(int advice)
{
    if (advice == RNLI_MADV_GUARD_INSTALL)
        return rnli_fault_lacks("MADV_GUARD_INSTALL");
    return advice == RNLI_MADV_WIPEONFORK && rnli_fault_lacks("MADV_WIPEONFORK");
}

static inline int rnli_sys_madvise(void *addr, size_t len, int advice)
{
    if (rnli_sys_fails("madvise"))
        return -1;
    if (rnli_sys_lacks_advice(advice)) {
        errno = EINVAL;
        return -1;
    }
    return madvise(addr, len, advice);
}

/* ---- Threads and signals: the first group answers the code -------------- */

typedef pthread_mutex_t rnli_mutex;
typedef pthread_cond_t rnli_cond;
typedef pthread_t rnli_thread;

#define RNLI_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define RNLI_COND_INIT  PTHREAD_COND_INITIALIZER

static inline int rnli_sys_thread_join(rnli_thread thread)
{
    return pthread_join(thread, NULL);
}

static inline int rnli_sys_thread_detach(rnli_thread thread)
{
    return pthread_detach(thread);
}

static inline int rnli_sys_mutex_init(rnli_mutex *mutex)
{
    int code = rnli_fault_code("pthread_mutex_init");

    return code ? code : pthread_mutex_init(mutex, NULL);
}

static inline void rnli_sys_mutex_destroy(rnli_mutex *mutex)
{
    pthread_mutex_destroy(mutex);
}

static inline void rnli_sys_mutex_lock(rnli_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

static inline void rnli_sys_mutex_unlock(rnli_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

static inline int rnli_sys_cond_init(rnli_cond *cond)
{
    int code = rnli_fault_code("pthread_cond_init");

    return code ? code : pthread_cond_init(cond, NULL);
}

static inline void rnli_sys_cond_destroy(rnli_cond *cond)
{
    pthread_cond_destroy(cond);
}

static inline void rnli_sys_cond_wait(rnli_cond *cond, rnli_mutex *mutex)
{
    pthread_cond_wait(cond, mutex);
}

static inline int rnli_sys_cond_timedwait(rnli_cond *cond, rnli_mutex *mutex,
                                          const struct timespec *until)
{
    return pthread_cond_timedwait(cond, mutex, until);
}

static inline void rnli_sys_cond_signal(rnli_cond *cond)
{
    pthread_cond_signal(cond);
}

static inline void rnli_sys_cond_broadcast(rnli_cond *cond)
{
    pthread_cond_broadcast(cond);
}

static inline int rnli_sys_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    int code = rnli_fault_code("pthread_sigmask");

    return code ? code : pthread_sigmask(how, set, old);
}

/* Signals are for the program's threads: ours has them blocked from its birth. */
static inline int rnli_sys_thread_start(rnli_thread *out, void *(*fn)(void *), void *arg)
{
    int code = rnli_fault_code("pthread_create");
    sigset_t all, old;

    if (code)
        return code;
    sigfillset(&all);
    code = rnli_sys_sigmask(SIG_SETMASK, &all, &old);
    if (code)
        return code;
    code = pthread_create(out, NULL, fn, arg);
    (void)rnli_sys_sigmask(SIG_SETMASK, &old, NULL);
    return code;
}

static inline int rnli_sys_sigaction(int number, const struct sigaction *action,
                                     struct sigaction *old)
{
    return rnli_sys_fails("sigaction") ? -1 : sigaction(number, action, old);
}

static inline int rnli_sys_sigaltstack(const stack_t *stack, stack_t *old)
{
    return rnli_sys_fails("sigaltstack") ? -1 : sigaltstack(stack, old);
}

/* ---- Name resolution ---------------------------------------------------- */

/* Answers an EAI_ code; an injected errno comes as EAI_SYSTEM. */
static inline int rnli_sys_getaddrinfo(const char *host, const char *service,
                                       const struct addrinfo *hints, struct addrinfo **out)
{
    return rnli_sys_fails("getaddrinfo") ? EAI_SYSTEM : getaddrinfo(host, service, hints, out);
}

static inline void rnli_sys_freeaddrinfo(struct addrinfo *list)
{
    freeaddrinfo(list);
}

/* ---- Stacks ------------------------------------------------------------- */

#if defined(__OpenBSD__) /* tells nobody what is resident */
static inline int rnli_sys_mincore(void *addr, size_t len, unsigned char *resident)
{
    (void)addr, (void)len, (void)resident;
    errno = ENOSYS;
    return -1;
}
#else
/* Systems disagree about the vector's type. */
static inline int rnli_sys_mincore(void *addr, size_t len, unsigned char *resident)
{
    return rnli_sys_fails("mincore") ? -1 : mincore(addr, len, (void *)resident);
}
#endif

#endif
#endif
