/* errors.c: what POSIX and Linux say that each call may answer.
 *
 * Not EAGAIN for receives, sends, accepts and wakes, and not ENOTCONN for a shutdown: a
 * kernel says so only where it is true, and who is lied to waits for ever, rightly. (The
 * simulator's would_block is a true one.) Nor can pthread_sigmask fail as it is called. */
#include "torture/errors.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { MOST = 16 };

static const struct {
    const char *call;
    int errors[MOST]; /* ended by 0 */
} table[] = {
    {"socket", {EMFILE, ENFILE, ENOBUFS, ENOMEM, EAFNOSUPPORT, EACCES, EINVAL, EPROTONOSUPPORT}},
    {"bind",
     {EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL, ENOMEM, ENOBUFS, ENOENT, ENOTDIR, EROFS, ELOOP}},
    {"listen", {EADDRINUSE, EINVAL, ENOBUFS, EOPNOTSUPP}},
    {"connect",
     {ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, EADDRNOTAVAIL, EINTR, EACCES, ECONNRESET,
      EPERM, EAFNOSUPPORT}},
    {"accept",
     {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR, EPROTO, EPERM, ENETDOWN, EHOSTUNREACH,
      ENETUNREACH, EHOSTDOWN, ENOPROTOOPT, EOPNOTSUPP}},
    {"recv",
     {ECONNRESET, EINTR, ETIMEDOUT, ENOMEM, EIO, EHOSTUNREACH, ENOBUFS, ECONNREFUSED, ECONNABORTED,
      ENETDOWN}},
    {"send",
     {EPIPE, ECONNRESET, EINTR, ENOBUFS, ENOMEM, ETIMEDOUT, EHOSTUNREACH, EIO, ENETUNREACH,
      ENETDOWN, ECONNREFUSED, EACCES, EPERM}},
    {"getsockname", {ENOBUFS, EINVAL, ENOTCONN}},
    {"getpeername", {ENOTCONN, ENOBUFS, EINVAL}},
    {"getsockopt", {ENOBUFS, EINVAL, ENOPROTOOPT}},
    {"setsockopt", {ENOPROTOOPT, EINVAL, ENOMEM, ENOBUFS, EPERM, EDOM, EOPNOTSUPP}},
    {"close", {EINTR, EIO, ENOSPC, EDQUOT}},
    {"fcntl", {EBADF, EINVAL}},
    {"read", {EAGAIN, EINTR, EIO}},
    {"write", {EINTR}},
    {"poll", {EINTR, ENOMEM}},
    {"select", {EINTR, ENOMEM}},
    {"pipe", {EMFILE, ENFILE}},
    {"epoll_create", {EMFILE, ENFILE, ENOMEM}},
    {"epoll_ctl", {ENOMEM, ENOSPC, EPERM}},
    {"epoll_wait", {EINTR}},
    {"epoll_pwait2", {EINTR, ENOSYS}},
    {"eventfd", {EMFILE, ENFILE, ENOMEM, ENODEV}},
    {"mmap", {ENOMEM, EAGAIN, EPERM}},
    {"munmap", {ENOMEM}},
    {"mprotect", {ENOMEM, EACCES}},
    {"madvise", {ENOMEM, EINVAL, EAGAIN}},
    {"mincore", {ENOMEM, EAGAIN}},
    {"open", {EACCES, EMFILE, ENFILE, ENOENT, ENOMEM, ELOOP, ENOTDIR, EINTR}},
    {"stat", {ENOENT, EACCES, ENOMEM, ENOTDIR, ELOOP, EIO}},
    {"fstat", {ENOMEM, EIO}},
    {"unlink", {ENOENT, EACCES, EROFS, EBUSY, EPERM, EIO}},
    {"sigaltstack", {ENOMEM, EPERM}},
    {"sigaction", {EINVAL}},
    {"pthread_create", {EAGAIN, EPERM}},
    {"pthread_mutex_init", {ENOMEM, EAGAIN, EPERM}},
    {"pthread_cond_init", {ENOMEM, EAGAIN}},
    {"getaddrinfo", {EIO, ENOMEM, EMFILE}},
};

static int find(const char *call)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].call, call) == 0)
            return (int)i;
    return -1;
}

static int count_at(int i)
{
    int count = 0;

    while (count < MOST && table[i].errors[count])
        count++;
    return count;
}

int errors_count(const char *call)
{
    int i = find(call);

    return i < 0 ? 0 : count_at(i);
}

const int *errors_of(const char *call)
{
    int i = find(call);

    return i < 0 ? NULL : table[i].errors;
}

int errors_calls(void)
{
    return (int)(sizeof table / sizeof *table);
}

int errors_pairs(void)
{
    int pairs = 0;

    for (int i = 0; i < errors_calls(); i++)
        pairs += count_at(i);
    return pairs;
}
