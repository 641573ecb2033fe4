/* ready.c: readiness into completions: slots, and the operations in flight on them.
 *
 *      poll ---> rnli_ready_event ---> slot: ready |= what
 *                                        |   its WAITING ops become QUEUED
 *      submit, "known to be ready" ------+
 *                                        v
 *      wait <--- entries <--- serve <--- ready list          (wait.c, serve.c)
 *
 * The rule: what an edge told is true until a system call says otherwise (EAGAIN,
 * or fewer bytes than there was room for). So a socket costs one registration in
 * its life, and a message one receive and one send. An op that may have more to do
 * goes to the end of the ready list and is served again in the next wait, which
 * then does not block: one lively peer cannot starve the others, and an op's
 * loan is over before the next begins.
 *
 * The way that lost: libuv's, a level-triggered watcher that is changed with what
 * is wanted (an epoll_ctl for every pause), and one callback for each event, which
 * has to survive the handle's end inside it. */
#include "backend/sys.h"
#include "backend/ready.h"
#include "backend/slot.h"
#include "core/alloc.h"
#include "core/timerq.h"

#include <assert.h>
#include <string.h>

enum { SLOTS_MIN = 64 };
static const int64_t retry_ns = 10 * RNL_MILLISECOND;

void rnli_ready_init(struct rnli_ready *ready, const struct rnli_poller *poller,
                     const struct rnl_allocator *allocator)
{
    memset(ready, 0, sizeof(*ready));
    ready->poller = poller;
    ready->allocator = *allocator;
    rnli_list_init(&ready->ready);
    rnli_list_init(&ready->delayed);
    rnli_flag_init(&ready->woken);
    rnli_forkmark_open(&ready->forkmark);
}

void rnli_ready_destroy(struct rnli_ready *ready)
{
    rnli_free(&ready->allocator, ready->slots, ready->nslots * sizeof(*ready->slots));
    rnli_forkmark_close(&ready->forkmark);
}

/* ---- Slots ------------------------------------------------------------- */

static struct rnli_slot *slot_at(struct rnli_ready *ready, rnl_socket sock)
{
    rnl_socket at = sock - RNLI_READY_FIRST;

    return at >= 0 && (size_t)at < ready->nslots ? &ready->slots[at] : NULL;
}

static struct rnli_slot *attached_at(struct rnli_ready *ready, rnl_socket sock)
{
    struct rnli_slot *slot = slot_at(ready, sock);

    return slot && slot->attached ? slot : NULL;
}

/* The slot of `fd`, made if need be; NULL when there is no memory. */
static struct rnli_slot *slot_for(struct rnli_ready *ready, int fd)
{
    size_t count = ready->nslots ? ready->nslots : SLOTS_MIN;
    size_t at = (size_t)(fd - RNLI_READY_FIRST);
    struct rnli_slot *slots;

    if (at < ready->nslots)
        return &ready->slots[at];
    while (count <= at)
        count *= 2;
    slots = rnli_realloc(&ready->allocator, ready->slots, ready->nslots * sizeof(*slots),
                         count * sizeof(*slots));
    if (!slots)
        return NULL;
    memset(slots + ready->nslots, 0, (count - ready->nslots) * sizeof(*slots));
    ready->slots = slots;
    ready->nslots = count;
    return &slots[at];
}

/* Tells a level poller what is waited for now. */
static void sync_interest(struct rnli_ready *ready, int fd)
{
    struct rnli_slot *slot = &ready->slots[fd - RNLI_READY_FIRST];
    unsigned char interest = 0;

    if (!ready->poller->want || !slot->attached)
        return;
    if (slot->read && rnli_op_state(slot->read)->where == RNLI_OP_WAITING)
        interest |= RNLI_IN;
    if (slot->write && rnli_op_state(slot->write)->where == RNLI_OP_WAITING)
        interest |= RNLI_OUT;
    if (interest == slot->interest)
        return;
    slot->interest = interest;
    ready->poller->want(rnli_backend_of(ready), fd, interest);
}

static void forget(struct rnli_ready *ready, int fd)
{
    struct rnli_slot *slot = &ready->slots[fd - RNLI_READY_FIRST];

    if (slot->attached && !rnli_ready_forked(ready)) /* a child must not touch the shared set */
        ready->poller->remove(rnli_backend_of(ready), fd);
    slot->attached = false;
}

/* ---- Operations -------------------------------------------------------- */

struct rnli_slot *rnli_op_slot(struct rnli_ready *ready, const struct rnl_op *op)
{
    return &ready->slots[op->sock - RNLI_READY_FIRST];
}

static void put(struct rnli_ready *ready, struct rnl_op *op, enum rnli_op_where where)
{
    struct rnli_op_state *state = rnli_op_state(op);

    rnli_list_remove(&state->node);
    state->where = (unsigned char)where;
    if (where == RNLI_OP_QUEUED)
        rnli_list_push(&ready->ready, &state->node);
    else if (where == RNLI_OP_DELAYED)
        rnli_list_push(&ready->delayed, &state->node);
    sync_interest(ready, (int)op->sock);
}

void rnli_op_park(struct rnli_ready *ready, struct rnl_op *op)
{
    put(ready, op, RNLI_OP_WAITING);
}

void rnli_op_queue(struct rnli_ready *ready, struct rnl_op *op)
{
    put(ready, op, RNLI_OP_QUEUED);
}

void rnli_op_delay(struct rnli_ready *ready, struct rnl_op *op)
{
    rnli_op_state(op)->until_ns = rnli_time_after(rnli_sys_monotonic(), retry_ns);
    put(ready, op, RNLI_OP_DELAYED);
}

static void unseat(struct rnli_slot *slot, const struct rnl_op *op)
{
    if (slot->read == op)
        slot->read = NULL;
    if (slot->write == op)
        slot->write = NULL;
}

struct rnl_entry *rnli_turn_entry(struct rnli_turn *turn, struct rnl_op *op, bool more)
{
    struct rnl_entry *entry = &turn->entries[turn->count++];

    assert(turn->count <= turn->max);
    memset(entry, 0, sizeof(*entry));
    entry->op = op;
    entry->more = more;
    entry->accepted = RNL_NO_SOCKET;
    return entry;
}

struct rnl_entry *rnli_op_finish(struct rnli_ready *ready, struct rnli_turn *turn,
                                 struct rnl_op *op, int code, int os)
{
    struct rnl_entry *entry = rnli_turn_entry(turn, op, false);

    entry->code = code;
    entry->os_code = rnli_sys_os_code(os);
    put(ready, op, RNLI_OP_IDLE);
    unseat(rnli_op_slot(ready, op), op);
    return entry;
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

static void begin(struct rnli_ready *ready, struct rnli_slot *slot, struct rnl_op *op)
{
    bool known = slot->ready & (op->kind == RNL_OP_SEND ? RNLI_OUT : RNLI_IN);

    if (op->kind == RNL_OP_CONNECT) {
        slot->ready = 0; /* what was told of the unconnected socket is void */
        rnli_start_connect(ready, op);
    } else if (known || op->kind == RNL_OP_POLL) {
        rnli_op_queue(ready, op);
    } else {
        rnli_op_park(ready, op);
    }
}

int rnli_ready_submit(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_ready *ready = rnli_ready_of(backend);
    struct rnli_slot *slot = attached_at(ready, op->sock);
    struct rnli_op_state *state = rnli_op_state(op);

    if (rnli_ready_forked(ready) || !slot || !(reads(op) || writes(op)))
        return RNL_EINVAL;
    if ((reads(op) && slot->read) || (writes(op) && slot->write))
        return RNL_EBUSY;
    memset(state, 0, sizeof(*state));
    rnli_list_init(&state->node);
    if (reads(op))
        slot->read = op;
    if (writes(op))
        slot->write = op;
    begin(ready, slot, op);
    return RNL_OK;
}

void rnli_ready_cancel(struct rnl_backend *backend, struct rnl_op *op)
{
    struct rnli_op_state *state = rnli_op_state(op);

    if (state->where == RNLI_OP_IDLE)
        return; /* its final entry is on the way */
    state->canceled = true;
    if (state->where != RNLI_OP_QUEUED)
        rnli_op_queue(rnli_ready_of(backend), op);
}

/* ---- Events ------------------------------------------------------------ */

static void rouse(struct rnli_ready *ready, struct rnl_op *op)
{
    if (op && rnli_op_state(op)->where == RNLI_OP_WAITING)
        rnli_op_queue(ready, op);
}

/* Ends an operation whose descriptor is gone. */
static void lose(struct rnli_ready *ready, struct rnl_op *op)
{
    struct rnli_op_state *state;

    if (!op)
        return;
    state = rnli_op_state(op);
    if (!state->finished) {
        state->finished = true;
        state->code = RNL_EBADF;
        state->os = EBADF;
    }
    rnli_op_queue(ready, op);
}

void rnli_ready_event(struct rnli_ready *ready, int fd, uint32_t generation, unsigned what)
{
    struct rnli_slot *slot = attached_at(ready, fd);

    if (!slot || (generation != 0 && generation != slot->generation))
        return;
    if (what & RNLI_GONE) {
        lose(ready, slot->read);
        lose(ready, slot->write);
        return;
    }
    slot->ready |= (unsigned char)what;
    if (what & RNLI_IN)
        rouse(ready, slot->read);
    if (what & RNLI_OUT)
        rouse(ready, slot->write);
}

/* ---- Sending at once ---------------------------------------------------- */

int rnli_ready_try_send(struct rnl_backend *backend, rnl_socket sock,
                        const struct rnl_bytes *pieces, size_t npieces, size_t *sent, int64_t *os)
{
    struct rnli_ready *ready = rnli_ready_of(backend);
    struct rnli_slot *slot = attached_at(ready, sock);
    ssize_t n;

    *sent = 0;
    *os = 0;
    if (rnli_ready_forked(ready) || !slot || slot->write)
        return RNL_EINVAL;
    if (!(slot->ready & RNLI_OUT))
        return RNL_EAGAIN;
    n = rnli_posix_send((int)sock, pieces, npieces);
    if (n >= 0) {
        *sent = (size_t)n;
        return RNL_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        slot->ready &= (unsigned char)~RNLI_OUT;
    else if (errno != ENOBUFS && errno != ENOMEM) /* those: try later */
        return rnli_posix_fail(os);
    return RNL_EAGAIN;
}

/* ---- Sockets ----------------------------------------------------------- */

void rnli_ready_evict(struct rnli_ready *ready, int fd)
{
    struct rnli_slot *slot = slot_at(ready, fd);

    if (!slot)
        return;
    lose(ready, slot->read);
    lose(ready, slot->write);
    slot->read = slot->write = NULL;
    forget(ready, fd);
}

void rnli_ready_note_accepted(struct rnli_ready *ready, int fd, bool local)
{
    struct rnli_slot *slot;

    rnli_ready_evict(ready, fd);
    slot = slot_for(ready, fd);
    if (!slot)
        return;
    slot->fresh = true;
    slot->local = local;
}

/* Something new in the slot. A socket is taken for writable until it refuses. */
static int seat(struct rnli_ready *ready, struct rnli_slot *slot, int fd, int64_t *os)
{
    int code;

    ready->generation += ready->generation == UINT32_MAX ? 2 : 1; /* never 0 */
    code = ready->poller->add(rnli_backend_of(ready), fd, ready->generation, os);
    if (code)
        return code;
    slot->generation = ready->generation;
    slot->ready = RNLI_OUT;
    slot->interest = 0;
    slot->attached = true;
    return RNL_OK;
}

int rnli_ready_attach(struct rnl_backend *backend, rnl_socket sock, int64_t *os)
{
    struct rnli_ready *ready = rnli_ready_of(backend);
    struct rnli_slot *slot;
    int code;

    *os = 0;
    if (rnli_ready_forked(ready))
        return RNL_EINVAL;
    if (sock < RNLI_READY_FIRST || sock >= INT_MAX / 2)
        return RNL_EBADF;
    slot = slot_for(ready, (int)sock);
    if (!slot)
        return RNL_ENOMEM;
    if (slot->read || slot->write)
        return RNL_EBUSY;
    forget(ready, (int)sock); /* somebody closed a socket of ours: its number again */
    code = seat(ready, slot, (int)sock, os);
    if (code || slot->fresh) {
        slot->fresh = false;
        return code;
    }
    slot->local = rnli_posix_family((int)sock) == RNL_UNIX;
    code = rnli_posix_adopt((int)sock, os);
    if (code)
        forget(ready, (int)sock);
    return code;
}

void rnli_ready_detach(struct rnl_backend *backend, rnl_socket sock)
{
    struct rnli_ready *ready = rnli_ready_of(backend);
    struct rnli_slot *slot = slot_at(ready, sock);

    if (!slot)
        return;
    assert(!slot->read && !slot->write);
    forget(ready, (int)sock);
    slot->fresh = false;
}

void rnli_ready_close_socket(struct rnl_backend *backend, rnl_socket sock)
{
    rnli_ready_detach(backend, sock);
    rnli_sys_close((int)sock);
}

int rnli_ready_open_socket(struct rnl_backend *backend, enum rnl_family family, rnl_socket *out,
                           int64_t *os)
{
    struct rnli_ready *ready = rnli_ready_of(backend);
    int fd, code;

    *out = RNL_NO_SOCKET;
    *os = 0;
    if (rnli_ready_forked(ready))
        return RNL_EINVAL;
    code = rnli_posix_socket(family, &fd, os);
    if (code)
        return code;
    rnli_ready_note_accepted(ready, fd, family == RNL_UNIX);
    code = rnli_ready_attach(backend, fd, os);
    if (code)
        rnli_sys_close(fd);
    else
        *out = fd;
    return code;
}
