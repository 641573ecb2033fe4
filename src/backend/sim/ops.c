/* ops.c: operations that the simulator completes itself, their entries, and waiting.
 *
 *      submit -> WAITING --(something happened)--> on the ready list -> served -> entries
 *
 * Each socket has two ports, for reading and for writing. Whatever changes a socket
 * rouses its ports; being served is harmless when there is nothing to do. Faults of
 * completions are here: late ones, short ones, cancels that come too late.
 *
 * When nothing is ready time leaps to the next event. With no event left and no
 * deadline either nothing can ever happen again: the wait answers RNL_EDEADLOCK. */
#include "backend/sim/sim.h"

#include <string.h>

#include "core/timerq.h"

enum {
    PATIENT_LOOKS = 256, /* empty looks in a row before they begin to take time */
    RECV_MAX = 256 * 1024
};

static const int64_t retry_ns = 10 * RNL_MILLISECOND;

/* ---- Ports ------------------------------------------------------------- */

static void port_fires(struct rnl_backend *sim, struct rnli_sim_event *event)
{
    struct rnli_sim_port *port = RNLI_CONTAINER(event, struct rnli_sim_port, event);

    rnli_sim_rouse(sim, port);
}

void rnli_sim_port_init(struct rnli_sim_port *port, bool reads)
{
    port->reads = reads;
    rnli_list_init(&port->node);
    rnli_sim_event_init(&port->event, port_fires);
}

void rnli_sim_rouse(struct rnl_backend *sim, struct rnli_sim_port *port)
{
    if (!(port->op || port->watched) || !rnli_list_empty(&port->node) ||
        rnli_sim_planned(&port->event))
        return;
    if (!rnli_list_empty(&sim->ready) && rnli_sim_fault(sim, RNL_SIM_REORDER))
        rnli_list_unshift(&sim->ready, &port->node);
    else
        rnli_list_push(&sim->ready, &port->node);
}

void rnli_sim_rouse_later(struct rnl_backend *sim, struct rnli_sim_port *port, int64_t after_ns)
{
    rnli_list_remove(&port->node);
    rnli_sim_plan(sim, &port->event, rnli_time_after(sim->now_ns, after_ns));
}

static struct rnli_sim_sock *sock_of(const struct rnl_backend *sim, const struct rnl_op *op)
{
    return rnli_sim_sock(sim, op->sock);
}

static bool reads(const struct rnl_op *op)
{
    return op->kind == RNL_OP_ACCEPT || (op->kind == RNL_OP_RECV && op->lend) ||
           (op->kind == RNL_OP_POLL && (op->poll & RNL_POLL_READ));
}

static bool writes(const struct rnl_op *op)
{
    return op->kind == RNL_OP_CONNECT || op->kind == RNL_OP_SEND ||
           (op->kind == RNL_OP_POLL && (op->poll & RNL_POLL_WRITE));
}

/* ---- Entries ----------------------------------------------------------- */

static struct rnl_entry *entry_for(struct rnl_backend *sim, struct rnl_op *op, bool more)
{
    struct rnl_entry *entry = &sim->entries[sim->count++];

    memset(entry, 0, sizeof *entry);
    entry->op = op;
    entry->more = more;
    entry->accepted = RNL_NO_SOCKET;
    entry->place = sock_of(sim, op)->host;
    return entry;
}

static void release(struct rnli_sim_port *port, const struct rnl_op *op)
{
    if (port->op != op)
        return;
    port->op = NULL;
    rnli_list_remove(&port->node);
    rnli_sim_forget(&port->event);
}

static void leave(struct rnl_backend *sim, struct rnl_op *op)
{
    struct rnli_sim_sock *sock = sock_of(sim, op);

    release(&sock->read, op);
    release(&sock->write, op);
}

static struct rnl_entry *finish(struct rnl_backend *sim, struct rnl_op *op, int code)
{
    struct rnl_entry *entry = entry_for(sim, op, false);

    entry->code = code;
    entry->os_code = code; /* a system of its own, with our codes */
    leave(sim, op);
    return entry;
}

/* ---- Serving ----------------------------------------------------------- */

static size_t take(struct rnl_backend *sim, struct rnli_sim_sock *sock, unsigned char *data,
                   size_t len)
{
    size_t there = rnli_sim_available(sock);

    if (there < len)
        len = there;
    if (len > RECV_MAX)
        len = RECV_MAX;
    if (len > 1 && rnli_sim_fault(sim, RNL_SIM_SHORT_READ))
        len = rnli_sim_draw_size(sim, 1, len - 1);
    rnli_sim_take(sim, sock, data, len);
    return len;
}

static void serve_recv(struct rnl_backend *sim, struct rnli_sim_sock *sock, struct rnl_op *op)
{
    struct rnl_entry *entry;
    unsigned char *data = NULL;
    size_t len = 0;
    int code;

    if (!rnli_sim_readable(sock))
        return;
    if (rnli_sim_fault(sim, RNL_SIM_NO_BUFFERS)) {
        finish(sim, op, RNL_ENOBUFS);
        return;
    }
    code = op->lend(op, &data, &len);
    if (code) {
        finish(sim, op, code);
        return;
    }
    if (rnli_sim_available(sock) == 0) {
        finish(sim, op, rnli_sim_input_state(sock));
        return;
    }
    len = take(sim, sock, data, len);
    entry = entry_for(sim, op, !rnli_sim_fault(sim, RNL_SIM_MORE_ENDS));
    entry->data = data;
    entry->len = len;
    if (!entry->more)
        leave(sim, op);
    else if (rnli_sim_readable(sock))
        rnli_sim_rouse(sim, &sock->read);
}

static void report_accepted(struct rnl_backend *sim, struct rnl_op *op, struct rnli_sim_sock *sock)
{
    struct rnl_entry *entry = entry_for(sim, op, !rnli_sim_fault(sim, RNL_SIM_MORE_ENDS));
    struct rnl_address *peer = &sim->peers[sim->npeers++];

    *peer = sock->peer;
    entry->accepted = sock->fd;
    entry->peer = peer;
    if (!entry->more)
        leave(sim, op);
}

static void serve_accept(struct rnl_backend *sim, struct rnli_sim_sock *listener, struct rnl_op *op)
{
    int room = listener->read.cancelled ? sim->max - 1 : sim->max; /* for the last entry */
    struct rnli_sim_sock *sock;
    int code;

    if (!listener->listening) {
        if (sim->hosts[listener->host].stopped)
            return;
        finish(sim, op, listener->error ? listener->error : RNL_EINVAL);
        return;
    }
    while (listener->read.op == op && sim->count < room && sim->npeers < RNLI_SIM_ACCEPT_MAX) {
        code = rnli_sim_accept(sim, listener, &sock);
        if (code == RNL_EAGAIN)
            return;
        if (code == RNL_OK)
            report_accepted(sim, op, sock);
        else if (code != RNL_ECONNABORTED) { /* of which nobody hears */
            finish(sim, op, code);
            return;
        }
    }
    if (listener->read.op == op && !rnli_list_empty(&listener->backlog))
        rnli_sim_rouse(sim, &listener->read);
}

static void serve_send(struct rnl_backend *sim, struct rnli_sim_sock *sock, struct rnl_op *op)
{
    size_t sent = 0;
    int code;

    if (rnli_sim_fault(sim, RNL_SIM_NO_BUFFERS)) {
        rnli_sim_rouse_later(sim, &sock->write, retry_ns);
        return;
    }
    code = rnli_sim_send(sim, sock, op->pieces, op->npieces, &sent);
    if (code != RNL_EAGAIN)
        finish(sim, op, code)->len = sent;
}

static void serve_connect(struct rnl_backend *sim, struct rnli_sim_sock *sock, struct rnl_op *op)
{
    int code = sock->answer;

    if (sock->stage != RNLI_SIM_ANSWERED && !sock->dead)
        return;
    if (rnli_sim_planned(&sock->step))
        return;
    if (sock->stage != RNLI_SIM_ANSWERED || sock->dead) {
        code = sock->error ? sock->error : RNL_ECONNRESET;
        sock->error = RNL_OK;
    }
    rnli_sim_connect_end(sock, code);
    finish(sim, op, code);
}

static void serve_poll(struct rnl_backend *sim, struct rnli_sim_sock *sock, struct rnl_op *op)
{
    if (((op->poll & RNL_POLL_READ) && rnli_sim_readable(sock)) ||
        ((op->poll & RNL_POLL_WRITE) && rnli_sim_writable(sim, sock)))
        finish(sim, op, RNL_OK);
}

/* What a cancel finds when it is served. True: the operation is over. */
static bool serve_cancel(struct rnl_backend *sim, struct rnli_sim_sock *sock,
                         struct rnli_sim_port *port, struct rnl_op *op)
{
    if (rnli_sim_fault(sim, RNL_SIM_LATE_CANCEL)) {
        rnli_sim_rouse_later(sim, port, rnli_sim_draw_ns(sim, 50 * RNL_MILLISECOND));
        return true;
    }
    if (sim->max - sim->count > 1 && rnli_sim_fault(sim, RNL_SIM_CANCEL_LOSES))
        return false; /* it succeeds if it can; if not it is over */
    if (op->kind == RNL_OP_CONNECT)
        rnli_sim_connect_stop(sock);
    finish(sim, op, RNL_ECANCELED);
    return true;
}

bool rnli_sim_is_late(struct rnl_backend *sim, struct rnli_sim_port *port)
{
    if (port->late || port->cancelled || !rnli_sim_fault(sim, RNL_SIM_LATE)) {
        port->late = false;
        return false;
    }
    port->late = true;
    rnli_sim_rouse_later(sim, port, rnli_sim_draw_ns(sim, 20 * RNL_MILLISECOND));
    return true;
}

static void serve(struct rnl_backend *sim, struct rnli_sim_port *port)
{
    static void (*const by_kind[])(struct rnl_backend *, struct rnli_sim_sock *,
                                   struct rnl_op *) = {
        [RNL_OP_ACCEPT] = serve_accept, [RNL_OP_CONNECT] = serve_connect,
        [RNL_OP_RECV] = serve_recv,     [RNL_OP_SEND] = serve_send,
        [RNL_OP_POLL] = serve_poll,
    };
    struct rnl_op *op = port->op;
    struct rnli_sim_sock *sock = sock_of(sim, op);
    bool cancelled = port->cancelled;

    if (rnli_sim_is_late(sim, port) || (cancelled && serve_cancel(sim, sock, port, op)))
        return;
    by_kind[op->kind](sim, sock, op);
    if (!cancelled || port->op != op)
        return;
    if (op->kind == RNL_OP_CONNECT)
        rnli_sim_connect_stop(sock);
    finish(sim, op, RNL_ECANCELED); /* room for one entry was kept */
}

/* Each port that is on the list now, once; two entries may come of one. */
static void serve_all(struct rnl_backend *sim)
{
    struct rnli_list now, *node;

    rnli_list_init(&now);
    rnli_list_splice(&now, &sim->ready);
    while (sim->count + 1 < sim->max + (sim->count == 0) && (node = rnli_list_shift(&now)) != NULL)
        serve(sim, RNLI_CONTAINER(node, struct rnli_sim_port, node));
    rnli_list_splice(&now, &sim->ready); /* those not served come first */
    rnli_list_splice(&sim->ready, &now);
}

/* ---- The table's ------------------------------------------------------- */

static void seat(struct rnli_sim_port *port, struct rnl_op *op)
{
    port->op = op;
    port->cancelled = false;
    port->late = false;
}

static int submit(struct rnl_backend *sim, struct rnl_op *op)
{
    struct rnli_sim_sock *sock = sock_of(sim, op);

    if (!sock || !sock->attached || !(reads(op) || writes(op)))
        return RNL_EINVAL;
    if ((reads(op) && sock->read.op) || (writes(op) && sock->write.op))
        return RNL_EBUSY;
    if (rnli_sim_fault(sim, RNL_SIM_NO_MEMORY))
        return RNL_ENOMEM;
    rnli_sim_note(sim, "submit", op->kind, op->sock, 0);
    if (reads(op))
        seat(&sock->read, op);
    if (writes(op))
        seat(&sock->write, op);
    if (op->kind == RNL_OP_CONNECT)
        (void)rnli_sim_connect_start(sim, sock, &op->address);
    else
        rnli_sim_rouse(sim, reads(op) ? &sock->read : &sock->write);
    return RNL_OK;
}

static void cancel(struct rnl_backend *sim, struct rnl_op *op)
{
    struct rnli_sim_sock *sock = sock_of(sim, op);
    struct rnli_sim_port *port;

    if (!sock || (sock->read.op != op && sock->write.op != op))
        return; /* its final entry is on the way */
    rnli_sim_note(sim, "cancel", op->kind, op->sock, 0);
    port = sock->read.op == op ? &sock->read : &sock->write;
    port->cancelled = true;
    rnli_sim_forget(&port->event);
    rnli_sim_rouse(sim, port);
}

static int try_send(struct rnl_backend *sim, rnl_socket fd, const struct rnl_bytes *pieces,
                    size_t npieces, size_t *sent, int64_t *os)
{
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);
    int code;

    *sent = 0;
    *os = 0;
    if (!sock || !sock->attached || sock->write.op)
        return RNL_EINVAL;
    if (rnli_sim_fault(sim, RNL_SIM_WOULD_BLOCK))
        return RNL_EAGAIN;
    code = rnli_sim_send(sim, sock, pieces, npieces, sent);
    rnli_sim_note(sim, "try_send", fd, (int64_t)*sent, code);
    *os = code;
    return code;
}

/* ---- Waiting ----------------------------------------------------------- */

/* A program that looks again and again must get somewhere, so looking takes time
 * in the end. */
static void count_idle_look(struct rnl_backend *sim, int count)
{
    if (count > 0)
        sim->idle_looks = 0;
    else if (sim->idle_looks < PATIENT_LOOKS)
        sim->idle_looks++;
    else
        sim->now_ns = rnli_time_after(sim->now_ns, RNL_MICROSECOND);
}

bool rnli_sim_over_limit(struct rnl_backend *sim)
{
    if (sim->over_limit || sim->config.limit_ns <= 0 ||
        sim->now_ns - sim->start_ns <= sim->config.limit_ns)
        return false;
    sim->over_limit = true; /* said once: the loop then ends its tasks */
    return true;
}

void rnli_sim_note_wait(struct rnl_backend *sim, int64_t timeout_ns,
                        const struct rnl_entry *entries, int count)
{
    if (timeout_ns == 0)
        count_idle_look(sim, count);
    for (int i = 0; i < count; i++)
        rnli_sim_note(sim, entries[i].more ? "entry" : "final",
                      entries[i].op->kind * 4294967296 + entries[i].op->sock,
                      (int64_t)entries[i].len, entries[i].code);
}

static int wait_until(struct rnl_backend *sim, int64_t deadline_ns)
{
    for (;;) {
        rnli_sim_run_due(sim);
        serve_all(sim);
        if (rnli_flag_lower(&sim->woken) || sim->count > 0 || rnli_sim_over_limit(sim))
            break;
        if (!rnli_list_empty(&sim->ready))
            continue;
        if (deadline_ns == INT64_MAX && rnli_list_empty(&sim->events))
            return RNL_EDEADLOCK;
        if (deadline_ns > sim->now_ns && rnli_sim_fault(sim, RNL_SIM_INTERRUPT))
            break;
        if (!rnli_sim_leap(sim, deadline_ns))
            break;
    }
    return RNL_OK;
}

static int wait_entries(struct rnl_backend *sim, int64_t timeout_ns, struct rnl_entry *entries,
                        int max)
{
    int64_t deadline = timeout_ns < 0 ? INT64_MAX : rnli_time_after(sim->now_ns, timeout_ns);
    bool limit = sim->over_limit;
    int code;

    if (max <= 0)
        return RNL_EINVAL;
    sim->entries = entries;
    sim->count = 0;
    sim->max = max;
    sim->npeers = 0;
    code = wait_until(sim, deadline);
    rnli_sim_note_wait(sim, timeout_ns, entries, sim->count);
    if (code)
        return code;
    return sim->over_limit && !limit && sim->count == 0 ? RNL_ETIMEDOUT : sim->count;
}

static void wake(struct rnl_backend *sim)
{
    (void)rnli_flag_raise(&sim->woken);
}

const struct rnli_sim_model rnli_sim_completions = {
    .submit = submit,
    .cancel = cancel,
    .wait = wait_entries,
    .wake = wake,
    .try_send = try_send,
    .open_socket = rnli_sim_open_socket,
    .attach = rnli_sim_attach,
    .detach = rnli_sim_detach,
    .close_socket = rnli_sim_close_socket,
};
