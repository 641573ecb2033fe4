/* os_posix_pass.c: descriptors between processes, on POSIX systems.
 *
 * A descriptor travels with one byte of its own: a stream socket carries no
 * ancillary data without any. What arrives is close-on-exec at once where the
 * system can do that (MSG_CMSG_CLOEXEC), else a moment later. What arrives is open in
 * this process whoever asked for it, so all that the caller does not get is closed:
 * else a peer that sends many at a time takes every number there is. */
#include "backend/sys.h"

#include <string.h>

#include "backend/pass.h"
#include "backend/os_posix.h"

#if defined(MSG_CMSG_CLOEXEC)
enum { RECEIVE_FLAGS = MSG_CMSG_CLOEXEC };
#else
enum { RECEIVE_FLAGS = 0 };
#endif

enum {
    FIRST_INHERITED = 3,
    AT_ONCE = 256 /* descriptors of one message: more than systems take */
};

void rnli_os_close(rnl_socket sock)
{
    (void)rnli_sys_close((int)sock);
}

int rnli_os_check_pipe(rnl_socket fd, bool writes)
{
    struct stat st;
    int mode;

    if (fd < 0 || fd > INT_MAX || fstat((int)fd, &st))
        return RNL_EBADF;
    if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return RNL_EINVAL;
    mode = fcntl((int)fd, F_GETFL) & O_ACCMODE; /* some systems' pipes are for both */
    return mode == (writes ? O_RDONLY : O_WRONLY) ? RNL_EINVAL : RNL_OK;
}

int rnli_os_pair(rnl_socket out[2], int64_t *os)
{
    int fds[2];

    if (rnli_sys_fails("socket") || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return rnli_posix_fail(os);
    (void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    out[0] = fds[0];
    out[1] = fds[1];
    return RNL_OK;
}

/* ---- Inherited --------------------------------------------------------- */

/* A number of 0 or more from the environment; -1: not there; -2: no number. */
static long number_of(const char *name)
{
    const char *text = getenv(name);
    char *end;
    long value;

    if (!text || !*text)
        return -1;
    value = strtol(text, &end, 10);
    return *end || value < 0 || value > 100000 * 100L ? -2 : value;
}

/* All of them are there: else none is touched, for they may be somebody else's. */
static bool are_open(long count)
{
    for (int fd = FIRST_INHERITED; fd < FIRST_INHERITED + count; fd++)
        if (rnli_sys_fcntl(fd, F_GETFD, 0) < 0)
            return false;
    return true;
}

int rnli_os_inherited(rnl_socket *out, size_t max, size_t *count)
{
    long n = number_of("LISTEN_FDS"), pid = number_of("LISTEN_PID");

    *count = 0;
    if (n == -1 || pid == -1 || pid != (long)getpid())
        return n == -2 || pid == -2 ? RNL_EINVAL : RNL_OK;
    if (n < 0 || !are_open(n))
        return RNL_EINVAL;
    for (int fd = FIRST_INHERITED; fd < FIRST_INHERITED + n; fd++) {
        (void)rnli_sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
        if (*count < max)
            out[*count] = fd;
        ++*count;
    }
    return RNL_OK;
}

/* ---- Passing ----------------------------------------------------------- */

union control {
    char buf[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

union received {
    char buf[CMSG_SPACE(AT_ONCE * sizeof(int))];
    struct cmsghdr align;
};

static int failure(void)
{
    int64_t os;

    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return RNL_EAGAIN;
    return rnli_posix_fail(&os);
}

int rnli_os_pass(rnl_socket channel, rnl_socket sock)
{
    char byte = 'F';
    int fd = (int)sock;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    union control control;
    struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.buf,
                         .msg_controllen = sizeof control.buf};
    struct cmsghdr *header;
    ssize_t n;

    memset(&control, 0, sizeof control);
    header = CMSG_FIRSTHDR(&msg);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    do {
        n = rnli_sys_sendmsg((int)channel, &msg, RNLI_MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? failure() : RNL_OK;
}

/* Keeps the first descriptor that came, and closes the others. How many there were. */
static size_t keep_first(const struct msghdr *msg, int *kept)
{
    size_t count = 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header;
         header = rnli_sys_next_control(msg, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof *kept) <= header->cmsg_len; at += sizeof *kept) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
            if (count++ == 0)
                *kept = fd;
            else
                (void)rnli_sys_close(fd);
        }
    }
    return count;
}

/* Exactly one descriptor, and nothing was cut off, or none at all. */
static int take_one(const struct msghdr *msg, bool ended, int *fd)
{
    size_t count = keep_first(msg, fd);
    bool cut = msg->msg_flags & MSG_CTRUNC;

    if (count == 1 && !cut && !ended)
        return RNL_OK;
    if (count > 0)
        (void)rnli_sys_close(*fd);
    if (ended)
        return RNL_EINCOMPLETE;
    return cut ? RNL_EMFILE : RNL_EPROTO;
}

int rnli_os_receive(rnl_socket channel, rnl_socket *sock)
{
    char byte;
    int fd = -1, code;
    struct iovec piece = {.iov_base = &byte, .iov_len = 1};
    union received control;
    struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.buf,
                         .msg_controllen = sizeof control.buf};
    ssize_t n;

    do {
        n = rnli_sys_recvmsg((int)channel, &msg, RECEIVE_FLAGS | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return failure();
    code = take_one(&msg, n == 0, &fd);
    if (code)
        return code;
    (void)rnli_sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
    *sock = fd;
    return RNL_OK;
}

/* ---- Who is there ------------------------------------------------------ */

#if defined(SO_PEERCRED) && defined(__linux__)
static int peer_of(int fd, struct rnl_credentials *out)
{
    struct ucred cred;
    socklen_t len = sizeof cred;

    if (rnli_sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return RNL_ENOTSUP;
    *out = (struct rnl_credentials){cred.pid, cred.uid, cred.gid};
    return RNL_OK;
}
#else
static int peer_of(int fd, struct rnl_credentials *out)
{
    uid_t uid;
    gid_t gid;

    if (getpeereid(fd, &uid, &gid) < 0)
        return RNL_ENOTSUP;
    *out = (struct rnl_credentials){-1, uid, gid};
    return RNL_OK;
}
#endif

int rnli_os_credentials(rnl_socket sock, struct rnl_credentials *out)
{
    return rnli_posix_family((int)sock) == RNL_UNIX ? peer_of((int)sock, out) : RNL_ENOTSUP;
}
