/* serve.c: one operation, as far as it goes without waiting.
 *
 * Each function makes the system call of its kind and then says in one of four
 * ways how the op goes on: finished, parked until an event, queued for the next
 * wait, or delayed for a while. At most one receive for each op and wait, so that
 * what it lent is handed over before it lends again.
 *
 * Back-pressure of the system (ENOBUFS, ENOMEM) tells nothing when it ends: such an
 * op, and a Unix connect that finds the listener's queue full, tries again after
 * a delay, until it is cancelled. */
#include "backend/sys.h"
#include "backend/slot.h"
#include "backend/sockaddr.h"

#include <string.h>

enum { RECV_MAX = 256 * 1024 }; /* bytes for one op in one wait */

static bool would_block(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK;
}

static bool short_of_memory(int err)
{
    return err == ENOBUFS || err == ENOMEM;
}

static void fail(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op, int err)
{
    rnli_op_finish(ready, turn, op, rnli_posix_code(err), err);
}

/* A call failed with errno: parks, delays or ends the op. `lost` is what is no longer
 * ready if it would have blocked. */
static void setback(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op,
                    unsigned lost)
{
    int err = errno;

    if (would_block(err)) {
        rnli_op_slot(ready, op)->ready &= (unsigned char)~lost;
        rnli_op_park(ready, op);
    } else if (short_of_memory(err)) {
        rnli_op_delay(ready, op);
    } else {
        fail(ready, turn, op, err);
    }
}

/* ---- Receiving --------------------------------------------------------- */

/* A Unix socket stops short at a message that carries descriptors or credentials,
 * though more bytes follow; only recvmsg tells (we asked for none, so they are
 * dropped and MSG_CTRUNC is set). */
static ssize_t receive_local(struct rnli_slot *slot, int fd, unsigned char *data, size_t len)
{
    struct iovec piece = {.iov_base = data, .iov_len = len};
    struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};
    ssize_t n = rnli_sys_recvmsg(fd, &msg, 0);

    if (n > 0 && (msg.msg_flags & MSG_CTRUNC))
        slot->ready |= RNLI_ODD;
    return n;
}

static ssize_t receive(struct rnli_slot *slot, int fd, unsigned char *data, size_t len)
{
    ssize_t n;

    do {
        if (slot->local)
            n = receive_local(slot, fd, data, len);
        else
            n = rnli_sys_recv(fd, data, len, 0);
    } while (n < 0 && errno == EINTR);
    if (n >= 0 || errno != ENOTSOCK)
        return n;
    slot->ready |= RNLI_ODD; /* a terminal gives a line at a time */
    return rnli_posix_read(fd, data, len);
}

static void serve_recv(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op)
{
    struct rnli_slot *slot = rnli_op_slot(ready, op);
    struct rnl_entry *entry;
    unsigned char *data = NULL;
    size_t len = 0;
    ssize_t n;
    int code = op->lend(op, &data, &len);

    if (code) {
        rnli_op_finish(ready, turn, op, code, 0);
        return;
    }
    if (len > RECV_MAX)
        len = RECV_MAX;
    n = receive(slot, (int)op->sock, data, len);
    if (n < 0) {
        setback(ready, turn, op, RNLI_IN);
        return;
    }
    if (n == 0) {
        rnli_op_finish(ready, turn, op, RNL_OK, 0);
        return;
    }
    entry = rnli_turn_entry(turn, op, true);
    entry->data = data;
    entry->len = (size_t)n;
    if ((size_t)n == len || (slot->ready & RNLI_ODD)) {
        rnli_op_queue(ready, op);
        return;
    }
    slot->ready &= (unsigned char)~RNLI_IN; /* drained: the next receive would fail */
    rnli_op_park(ready, op);
}

/* ---- Accepting --------------------------------------------------------- */

/* Errors of the connection that was to be accepted, not of the listener. */
static bool of_one_peer(int err)
{
    static const int errs[] = {
        EINTR,     ECONNABORTED, EPROTO,      ENETDOWN, ENOPROTOOPT,
        EHOSTDOWN, EHOSTUNREACH, ENETUNREACH, EPERM,  ECONNRESET, ENOTCONN, /* Windows, wine */
#ifdef ENONET
        ENONET,
#endif
    };

    for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++)
        if (err == errs[i])
            return true;
    return false;
}

static void report_accepted(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op,
                            int fd, const struct rnli_sockaddr *peer)
{
    bool local = rnli_op_slot(ready, op)->local;
    struct rnl_address *address = &ready->peers[ready->naccepted++];
    struct rnl_entry *entry = rnli_turn_entry(turn, op, true);

    rnli_sockaddr_to(address, &peer->u.any, peer->len);
    if (local)
        address->family = RNL_UNIX; /* also where the system leaves it out */
    entry->accepted = fd;
    entry->peer = address;
    rnli_ready_note_accepted(ready, fd, local);
}

static void serve_accept(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op)
{
    int tries = RNLI_ACCEPT_MAX; /* bounds the errors too */

    for (; tries > 0 && turn->count < turn->max && ready->naccepted < RNLI_ACCEPT_MAX; tries--) {
        struct rnli_sockaddr peer;
        int fd;

        rnli_sockaddr_clear(&peer);
        fd = rnli_sys_accept((int)op->sock, &peer.u.any, &peer.len);
        if (fd >= 0) {
            report_accepted(ready, turn, op, fd, &peer);
        } else if (would_block(errno)) {
            rnli_op_slot(ready, op)->ready &= (unsigned char)~RNLI_IN;
            rnli_op_park(ready, op);
            return;
        } else if (!of_one_peer(errno)) {
            fail(ready, turn, op, errno);
            return;
        }
    }
    rnli_op_queue(ready, op);
}

/* ---- Sending ----------------------------------------------------------- */

static void serve_send(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op)
{
    ssize_t n = rnli_posix_send((int)op->sock, op->pieces, op->npieces);

    if (n < 0)
        setback(ready, turn, op, RNLI_OUT);
    else
        rnli_op_finish(ready, turn, op, RNL_OK, 0)->len = (size_t)n;
}

/* ---- Connecting -------------------------------------------------------- */

static void settle(struct rnli_ready *ready, struct rnl_op *op, int code, int err)
{
    struct rnli_op_state *state = rnli_op_state(op);

    state->finished = true;
    state->code = (short)code;
    state->os = err;
    rnli_op_queue(ready, op);
}

/* An interrupted connect goes on by itself; asking again says how far it is. */
static int try_connect(int fd, const struct rnli_sockaddr *sa)
{
    bool asked = false;
    int answer;

    while ((answer = rnli_sys_connect(fd, &sa->u.any, sa->len)) < 0 && errno == EINTR)
        asked = true;
    return asked && answer < 0 && errno == EISCONN ? 0 : answer;
}

static void connected(struct rnli_ready *ready, struct rnl_op *op)
{
    rnli_op_slot(ready, op)->ready |= RNLI_OUT;
    settle(ready, op, RNL_OK, 0);
}

void rnli_start_connect(struct rnli_ready *ready, struct rnl_op *op)
{
    struct rnli_sockaddr sa;
    int code = rnli_sockaddr_from(&sa, &op->address);

    if (code) {
        settle(ready, op, code, 0);
    } else if (try_connect((int)op->sock, &sa) == 0) {
        connected(ready, op);
    } else if (errno == EINPROGRESS || errno == EALREADY) {
        rnli_op_state(op)->connecting = true;
        rnli_op_park(ready, op);
    } else if (would_block(errno) && op->address.family == RNL_UNIX) {
        rnli_op_delay(ready, op); /* the listener's queue is full */
    } else if (would_block(errno)) {
        settle(ready, op, RNL_EADDRNOTAVAIL, errno); /* no port or route left */
    } else {
        settle(ready, op, rnli_posix_code(errno), errno);
    }
}

/* Whether a connect to a port of the ephemeral range has met itself (a simultaneous
 * open with one party): nobody listens there. */
static bool met_itself(int fd, const struct rnli_sockaddr *peer)
{
    struct rnl_address theirs, ours;
    struct rnli_sockaddr own;

    rnli_sockaddr_to(&theirs, &peer->u.any, peer->len);
    if (theirs.family != RNL_INET && theirs.family != RNL_INET6)
        return false;
    rnli_sockaddr_clear(&own);
    if (rnli_sys_getsockname(fd, &own.u.any, &own.len) < 0)
        return false;
    rnli_sockaddr_to(&ours, &own.u.any, own.len);
    return ours.port == theirs.port && memcmp(ours.ip, theirs.ip, sizeof(ours.ip)) == 0;
}

/* SO_ERROR says so once; that there is a peer is asked for as well, because no error
 * is also what a socket says that never began. Answers an errno. */
static int verdict(int fd)
{
    struct rnli_sockaddr peer;
    int err = 0;
    socklen_t len = sizeof(err);

    if (rnli_sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
        return errno;
    if (err)
        return err;
    rnli_sockaddr_clear(&peer);
    if (rnli_sys_getpeername(fd, &peer.u.any, &peer.len) < 0)
        return errno;
    return met_itself(fd, &peer) ? ECONNREFUSED : 0;
}

static void serve_connect(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op)
{
    int events, err;

    if (!rnli_op_state(op)->connecting) {
        rnli_start_connect(ready, op);
        return;
    }
    events = rnli_posix_ready((int)op->sock, POLLOUT);
    if (events == 0) { /* a false alarm */
        rnli_op_park(ready, op);
        return;
    }
    err = events < 0 ? errno : verdict((int)op->sock);
    rnli_op_slot(ready, op)->ready |= RNLI_OUT;
    rnli_op_finish(ready, turn, op, err ? rnli_posix_code(err) : RNL_OK, err);
}

/* ---- Polling ----------------------------------------------------------- */

/* The kernel is asked, not the slot: whoever polls does the reading and writing, so
 * what an edge told may be stale. */
static void serve_poll(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op)
{
    int wanted =
        (op->poll & RNL_POLL_READ ? POLLIN : 0) | (op->poll & RNL_POLL_WRITE ? POLLOUT : 0);
    int events = rnli_posix_ready((int)op->sock, (short)wanted);

    if (events < 0)
        fail(ready, turn, op, errno);
    else if (events & POLLNVAL)
        fail(ready, turn, op, EBADF);
    else if (events)
        rnli_op_finish(ready, turn, op, RNL_OK, 0);
    else
        rnli_op_park(ready, op);
}

/* ---- Any of them ------------------------------------------------------- */

void rnli_serve(struct rnli_ready *ready, struct rnli_turn *turn, struct rnl_op *op)
{
    static void (*const serve[])(struct rnli_ready *, struct rnli_turn *, struct rnl_op *) = {
        [RNL_OP_ACCEPT] = serve_accept, [RNL_OP_CONNECT] = serve_connect,
        [RNL_OP_RECV] = serve_recv,     [RNL_OP_SEND] = serve_send,
        [RNL_OP_POLL] = serve_poll,
    };
    const struct rnli_op_state *state = rnli_op_state(op);

    if (state->finished)
        rnli_op_finish(ready, turn, op, state->code, state->os);
    else if (state->canceled)
        rnli_op_finish(ready, turn, op, RNL_ECANCELED, 0);
    else
        serve[op->kind](ready, turn, op);
}
