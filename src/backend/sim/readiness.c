/* readiness.c: the simulator as a system that tells what is ready.
 *
 *      a socket changes --rouse--> its port on the list --poll--> rnli_ready_event (shared.c)
 *
 * Edges, as epoll and kqueue tell them: each half of a socket by itself, once for each change,
 * if it is true when it is told. Levels, as select tells them: a half that is waited for
 * stays on the list as long as it is ready. Where a change comes late, in another order, or for
 * no reason, that is a fault.
 *
 * The shared files take the memory that begins with their struct rnli_ready for the
 * backend, and so are handed a struct of their own. */
#include "backend/sys.h"
#include "backend/sim/calls.h" /* before ready.h */
#include "core/alloc.h"
#include "core/timerq.h"

struct rnli_sim_shared {
    struct rnli_ready ready; /* first: see ready.h */
    struct rnl_backend *sim;
    bool levels;
};

static struct rnl_backend *sim_of(struct rnl_backend *backend)
{
    return ((struct rnli_sim_shared *)(void *)backend)->sim;
}

/* The backend that the shared files know; their calls are about this simulation now. */
static struct rnl_backend *enter(struct rnl_backend *sim)
{
    rnli_sim_calls_of(sim);
    return rnli_backend_of(&sim->shared->ready);
}

/* ---- The poller -------------------------------------------------------- */

static void watch(struct rnl_backend *sim, struct rnli_sim_port *port, bool on)
{
    port->watched = on;
    if (on)
        rnli_sim_rouse(sim, port);
    else
        rnli_list_remove(&port->node);
}

static int add(struct rnl_backend *backend, int fd, uint32_t generation, int64_t *os)
{
    struct rnl_backend *sim = sim_of(backend);
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    if (!sock) {
        *os = RNL_EBADF;
        return RNL_EBADF;
    }
    sock->generation = generation;
    watch(sim, &sock->read, !sim->shared->levels);
    watch(sim, &sock->write, !sim->shared->levels);
    return RNL_OK;
}

static void want(struct rnl_backend *backend, int fd, unsigned interest)
{
    struct rnl_backend *sim = sim_of(backend);
    struct rnli_sim_sock *sock = rnli_sim_sock(sim, fd);

    watch(sim, &sock->read, interest & RNLI_IN);
    watch(sim, &sock->write, interest & RNLI_OUT);
}

static void delist(struct rnl_backend *backend, int fd)
{
    want(backend, fd, 0);
}

/* Whether it was told. */
static bool tell(struct rnl_backend *sim, struct rnli_sim_sock *sock, struct rnli_sim_port *port)
{
    unsigned half = port == &sock->read ? RNLI_IN : RNLI_OUT;
    unsigned what = rnli_sim_call_state(sim, sock);
    bool levels = sim->shared->levels;

    if (!(what & half) && !rnli_sim_fault(sim, RNL_SIM_WOULD_BLOCK)) /* else a false alarm */
        return false;
    if (levels && (what & half))
        rnli_list_push(&sim->ready, &port->node);
    what = levels ? half : half | (what & RNLI_ODD);
    rnli_sim_note(sim, "ready", sock->fd, what, 0);
    rnli_ready_event(&sim->shared->ready, (int)sock->fd, levels ? 0 : sock->generation, what);
    return true;
}

static bool tell_one(struct rnl_backend *sim, struct rnli_list *node)
{
    struct rnli_sim_port *port = RNLI_CONTAINER(node, struct rnli_sim_port, node);
    struct rnli_sim_sock *sock = port->reads ? RNLI_CONTAINER(port, struct rnli_sim_sock, read)
                                             : RNLI_CONTAINER(port, struct rnli_sim_sock, write);

    return !rnli_sim_is_late(sim, port) && tell(sim, sock, port);
}

/* Each port that is on the list now, once. */
static bool tell_all(struct rnl_backend *sim)
{
    struct rnli_list now, *node;
    bool told = false;

    rnli_list_init(&now);
    rnli_list_splice(&now, &sim->ready);
    while ((node = rnli_list_shift(&now)) != NULL)
        told = tell_one(sim, node) || told;
    return told;
}

static int poll_events(struct rnl_backend *backend, int64_t timeout_ns)
{
    struct rnl_backend *sim = sim_of(backend);
    int64_t deadline = timeout_ns < 0 ? INT64_MAX : rnli_time_after(sim->now_ns, timeout_ns);

    for (;;) {
        rnli_sim_run_due(sim);
        if (tell_all(sim) || rnli_flag_lower(&sim->woken))
            return RNL_OK;
        if (rnli_sim_over_limit(sim))
            return RNL_ETIMEDOUT;
        if (deadline == INT64_MAX && rnli_list_empty(&sim->events))
            return RNL_EDEADLOCK;
        if (deadline > sim->now_ns && rnli_sim_fault(sim, RNL_SIM_INTERRUPT))
            return RNL_OK;
        if (!rnli_sim_leap(sim, deadline))
            return RNL_OK;
    }
}

static void interrupt(struct rnl_backend *backend)
{
    (void)rnli_flag_raise(&sim_of(backend)->woken);
}

static const struct rnli_poller edges = {
    .add = add, .remove = delist, .poll = poll_events, .interrupt = interrupt};
static const struct rnli_poller levels = {
    .add = add, .remove = delist, .want = want, .poll = poll_events, .interrupt = interrupt};

/* ---- The table's ------------------------------------------------------- */

static int submit(struct rnl_backend *sim, struct rnl_op *op)
{
    if (rnli_sim_fault(sim, RNL_SIM_NO_MEMORY))
        return RNL_ENOMEM;
    rnli_sim_note(sim, "submit", op->kind, op->sock, 0);
    return rnli_ready_submit(enter(sim), op);
}

static void cancel(struct rnl_backend *sim, struct rnl_op *op)
{
    rnli_sim_note(sim, "cancel", op->kind, op->sock, 0);
    rnli_ready_cancel(enter(sim), op);
}

static int wait_entries(struct rnl_backend *sim, int64_t timeout_ns, struct rnl_entry *entries,
                        int max)
{
    int n = rnli_ready_wait(enter(sim), timeout_ns, entries, max);

    for (int i = 0; i < n; i++) {
        entries[i].place = rnli_sim_sock(sim, entries[i].op->sock)->host;
        entries[i].os_code = entries[i].code; /* errno differs between systems */
    }
    rnli_sim_note_wait(sim, timeout_ns, entries, n);
    return n;
}

static void wake(struct rnl_backend *sim)
{
    rnli_ready_wake(rnli_backend_of(&sim->shared->ready)); /* from any thread */
}

static int try_send(struct rnl_backend *sim, rnl_socket fd, const struct rnl_bytes *pieces,
                    size_t npieces, size_t *sent, int64_t *os)
{
    int code = rnli_ready_try_send(enter(sim), fd, pieces, npieces, sent, os);

    *os = code;
    return code;
}

static int open_socket(struct rnl_backend *sim, enum rnl_family family, rnl_socket *out,
                       int64_t *os)
{
    return rnli_ready_open_socket(enter(sim), family, out, os);
}

static int attach(struct rnl_backend *sim, rnl_socket fd, int64_t *os)
{
    return rnli_ready_attach(enter(sim), fd, os);
}

static void detach(struct rnl_backend *sim, rnl_socket fd)
{
    rnli_ready_detach(enter(sim), fd);
}

static void close_socket(struct rnl_backend *sim, rnl_socket fd)
{
    rnli_ready_close_socket(enter(sim), fd);
}

const struct rnli_sim_model rnli_sim_readiness = {
    .submit = submit,
    .cancel = cancel,
    .wait = wait_entries,
    .wake = wake,
    .try_send = try_send,
    .open_socket = open_socket,
    .attach = attach,
    .detach = detach,
    .close_socket = close_socket,
};

int rnli_sim_shared_open(struct rnl_backend *sim)
{
    struct rnli_sim_shared *shared = rnli_zalloc(&sim->allocator, sizeof *shared);

    if (!shared)
        return RNL_ENOMEM;
    shared->sim = sim;
    shared->levels = sim->config.model == RNL_SIM_LEVELS;
    rnli_ready_init(&shared->ready, shared->levels ? &levels : &edges, &sim->allocator);
    sim->shared = shared;
    return RNL_OK;
}

void rnli_sim_shared_close(struct rnl_backend *sim)
{
    if (!sim->shared)
        return;
    rnli_ready_destroy(&sim->shared->ready);
    rnli_free(&sim->allocator, sim->shared, sizeof *sim->shared);
    sim->shared = NULL;
}
