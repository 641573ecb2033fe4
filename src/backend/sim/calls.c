/* calls.c: non-blocking system calls on simulated sockets.
 *
 * They do what a kernel's do and no more: they answer at once, with a number of bytes or -1
 * and errno. The faults are those that a program meets there, and are true to what kernels promise
 * to an edge-triggered poller: a call that would have blocked for no reason, or that
 * brought only part of what there is, is followed by an edge. Only a Unix socket stops short
 * without one, at a message that carries credentials, and says so by MSG_CTRUNC. */
#include "backend/sys.h"
#include "backend/sim/calls.h"
#include "backend/sockaddr.h"

#include <string.h>

static RNLI_THREAD_LOCAL struct rnl_backend *caller;

void rnli_sim_calls_of(struct rnl_backend *sim)
{
    caller = sim;
}

/* ---- errno ------------------------------------------------------------- */

static const struct {
    int code, err;
} numbers[] = {
    {RNL_EAGAIN, EAGAIN},
    {RNL_ECONNRESET, ECONNRESET},
    {RNL_EPIPE, EPIPE},
    {RNL_ECONNREFUSED, ECONNREFUSED},
    {RNL_ECONNABORTED, ECONNABORTED},
    {RNL_ETIMEDOUT, ETIMEDOUT},
    {RNL_ENOTCONN, ENOTCONN},
    {RNL_EISCONN, EISCONN},
    {RNL_EADDRNOTAVAIL, EADDRNOTAVAIL},
    {RNL_EHOSTUNREACH, EHOSTUNREACH},
    {RNL_ENETDOWN, ENETDOWN},
    {RNL_EAFNOSUPPORT, EAFNOSUPPORT},
    {RNL_EMFILE, EMFILE},
    {RNL_ENOENT, ENOENT},
    {RNL_EBADF, EBADF},
    {RNL_ENOMEM, ENOSPC}, /* for good: what is ENOMEM is tried again until it is cancelled */
    {RNL_EINVAL, EINVAL},
};

static int number_of(int code)
{
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].code == code)
            return numbers[i].err;
    return EIO;
}

static int failed(int err)
{
    errno = err;
    return -1;
}

/* 0, or -1 and errno. */
static int answer(int code)
{
    return code ? failed(number_of(code)) : 0;
}

/* ---- What a socket is -------------------------------------------------- */

int64_t rnli_sim_call_monotonic(void)
{
    return caller->now_ns;
}

static struct rnli_sim_sock *sock_of(int fd)
{
    return rnli_sim_sock(caller, fd);
}

/* A listener of a host without power hears nothing. */
static bool is_deaf(const struct rnl_backend *sim, const struct rnli_sim_sock *sock)
{
    return sim->hosts[sock->host].stopped && !sock->dead;
}

unsigned rnli_sim_call_state(const struct rnl_backend *sim, const struct rnli_sim_sock *sock)
{
    unsigned what = 0;

    if (sock->stage != RNLI_SIM_IDLE || is_deaf(sim, sock))
        return 0;
    if (rnli_sim_readable(sock))
        what |= RNLI_IN;
    if (sock->listening)
        return what;
    if (rnli_sim_writable(sim, sock))
        what |= RNLI_OUT;
    if (!sock->connected || sock->dead || sock->error || rnli_sim_input_ended(sock))
        what |= RNLI_ODD;
    return what;
}

int rnli_sim_call_ready(int fd, short events)
{
    const struct rnli_sim_sock *sock = sock_of(fd);
    unsigned what = sock ? rnli_sim_call_state(caller, sock) : 0;
    int found = 0;

    if (!sock)
        return POLLNVAL;
    if (what & RNLI_IN)
        found |= events & POLLIN;
    if (what & RNLI_OUT)
        found |= events & POLLOUT;
    if (sock->error && what)
        found |= POLLERR;
    return found;
}

int rnli_sim_call_socket(enum rnl_family family, int *out, int64_t *os)
{
    rnl_socket fd;
    int code = rnli_sim_open_socket(caller, family, &fd, os);

    *out = (int)fd;
    return code;
}

int rnli_sim_call_adopt(int fd, int64_t *os)
{
    *os = 0;
    return sock_of(fd) ? RNL_OK : RNL_EBADF;
}

enum rnl_family rnli_sim_call_family(int fd)
{
    const struct rnli_sim_sock *sock = sock_of(fd);

    return sock ? sock->family : RNL_UNSPEC;
}

int rnli_sim_call_close(int fd)
{
    if (!sock_of(fd))
        return failed(EBADF);
    rnli_sim_close_socket(caller, fd);
    return 0;
}

/* ---- Names and errors -------------------------------------------------- */

/* As much as fits, and how long it is. */
static void tell_address(const struct rnl_address *address, struct sockaddr *addr, socklen_t *len)
{
    struct rnli_sockaddr sa;

    if (rnli_sockaddr_from(&sa, address))
        rnli_sockaddr_clear(&sa);
    memcpy(addr, &sa.u, (size_t)(*len < sa.len ? *len : sa.len));
    *len = sa.len;
}

static int name_of(int fd, bool peer, struct sockaddr *addr, socklen_t *len)
{
    struct rnl_address address;
    int64_t os;
    int code = rnli_sim_get_name(caller, fd, peer, &address, &os);

    if (!code)
        tell_address(&address, addr, len);
    return answer(code);
}

int rnli_sim_call_getsockname(int fd, struct sockaddr *addr, socklen_t *len)
{
    return name_of(fd, false, addr, len);
}

int rnli_sim_call_getpeername(int fd, struct sockaddr *addr, socklen_t *len)
{
    return name_of(fd, true, addr, len);
}

/* SO_ERROR alone: it is told once. */
int rnli_sim_call_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
    struct rnli_sim_sock *sock = sock_of(fd);
    int err;

    if (!sock)
        return failed(EBADF);
    if (level != SOL_SOCKET || name != SO_ERROR || *len < (socklen_t)sizeof err)
        return failed(EINVAL);
    err = sock->error ? number_of(sock->error) : 0;
    sock->error = RNL_OK;
    memcpy(value, &err, sizeof err);
    *len = sizeof err;
    return 0;
}

/* ---- Receiving --------------------------------------------------------- */

/* The poller tells of it in a moment. */
static void tell_soon(struct rnli_sim_port *port)
{
    rnli_sim_rouse_later(caller, port, 1 + rnli_sim_draw_ns(caller, RNL_MILLISECOND));
}

static bool would_block(struct rnli_sim_port *port)
{
    if (!rnli_sim_fault(caller, RNL_SIM_WOULD_BLOCK))
        return false;
    tell_soon(port);
    return true;
}

static size_t take(struct rnli_sim_sock *sock, unsigned char *buf, size_t len, bool *cut)
{
    size_t there = rnli_sim_available(sock);

    if (there < len)
        len = there;
    if (len > 1 && rnli_sim_fault(caller, RNL_SIM_SHORT_READ)) {
        len = rnli_sim_draw_size(caller, 1, len - 1);
        *cut = true;
    }
    rnli_sim_take(caller, sock, buf, len);
    return len;
}

/* *cut: there was more, and room for more. */
static ssize_t receive(int fd, void *buf, size_t len, bool *cut)
{
    struct rnli_sim_sock *sock = sock_of(fd);

    *cut = false;
    if (!sock)
        return failed(EBADF);
    if (rnli_sim_fault(caller, RNL_SIM_INTERRUPT))
        return failed(EINTR);
    if (!(rnli_sim_call_state(caller, sock) & RNLI_IN) || would_block(&sock->read))
        return failed(EAGAIN);
    if (rnli_sim_fault(caller, RNL_SIM_NO_BUFFERS))
        return failed(ENOBUFS);
    if (rnli_sim_available(sock) == 0)
        return answer(rnli_sim_input_state(sock));
    return (ssize_t)take(sock, buf, len, cut);
}

ssize_t rnli_sim_call_recv(int fd, void *buf, size_t len, int flags)
{
    struct rnli_sim_sock *sock = sock_of(fd);
    bool cut;
    ssize_t n = receive(fd, buf, len, &cut);

    (void)flags;
    if (cut && sock->family != RNL_UNIX) /* as if the rest were to arrive yet */
        tell_soon(&sock->read);
    return n;
}

ssize_t rnli_sim_call_recvmsg(int fd, struct msghdr *msg, int flags)
{
    bool cut;
    ssize_t n = receive(fd, msg->msg_iov->iov_base, msg->msg_iov->iov_len, &cut);

    (void)flags;
    msg->msg_flags = cut ? MSG_CTRUNC : 0;
    return n;
}

/* ---- Sending ----------------------------------------------------------- */

ssize_t rnli_sim_call_send(int fd, const struct rnl_bytes *pieces, size_t npieces)
{
    struct rnli_sim_sock *sock = sock_of(fd);
    size_t sent = 0;
    int code;

    if (!sock)
        return failed(EBADF);
    if (rnli_sim_fault(caller, RNL_SIM_NO_BUFFERS))
        return failed(ENOBUFS);
    if (would_block(&sock->write))
        return failed(EAGAIN);
    code = rnli_sim_send(caller, sock, pieces, npieces, &sent);
    rnli_sim_note(caller, "call send", fd, (int64_t)sent, code);
    return code ? answer(code) : (ssize_t)sent;
}

/* ---- Meeting ----------------------------------------------------------- */

int rnli_sim_call_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
    struct rnli_sim_sock *listener = sock_of(fd), *sock;
    int code;

    if (!listener)
        return failed(EBADF);
    if (is_deaf(caller, listener))
        return failed(EAGAIN);
    if (!listener->listening)
        return answer(listener->error ? listener->error : RNL_EINVAL);
    if (rnli_sim_fault(caller, RNL_SIM_INTERRUPT))
        return failed(EINTR);
    code = rnli_sim_accept(caller, listener, &sock);
    if (code)
        return answer(code);
    tell_address(&sock->peer, addr, len);
    return (int)sock->fd;
}

/* A Unix connect is over at once. Interrupted, it has happened all the same. */
static int connect_path(struct rnli_sim_sock *sock)
{
    int code = rnli_sim_connect_path(caller, sock);

    rnli_sim_connect_stop(sock);
    if (code)
        return answer(code);
    rnli_sim_connect_end(sock, RNL_OK);
    return rnli_sim_fault(caller, RNL_SIM_INTERRUPT) ? failed(EINTR) : 0;
}

int rnli_sim_call_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
    struct rnli_sim_sock *sock = sock_of(fd);
    struct rnl_address address;
    int code;

    if (!sock)
        return failed(EBADF);
    if (sock->stage != RNLI_SIM_IDLE)
        return failed(EALREADY);
    rnli_sockaddr_to(&address, addr, len);
    code = rnli_sim_connect_start(caller, sock, &address);
    if (code) {
        rnli_sim_connect_stop(sock);
        return answer(code);
    }
    if (sock->family == RNL_UNIX)
        return connect_path(sock);
    return failed(rnli_sim_fault(caller, RNL_SIM_INTERRUPT) ? EINTR : EINPROGRESS);
}
