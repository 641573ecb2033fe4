/* wait.c: one wait of a readiness backend: poll, serve what is ready, hear wakes.
 *
 *      as long as nothing came:  poll (no longer than until the next delayed op)
 *                                serve each ready op once
 *                                lower the flag: somebody called wake?
 *
 * The kernel's events that end in no entry (a fresh socket is writable, a wake that
 * was heard already) do not end the wait. The flag is lowered in every round, also
 * when there are entries: a wake's event may have been taken in this round, and a
 * flag that stays raised would keep the next wake silent. */
#include "backend/sys.h"
#include "backend/ready.h"
#include "backend/slot.h"
#include "core/compiler.h"
#include "core/timerq.h"

enum { OWNER_BEFORE = 448, OP_HOT = 64 }; /* bytes about an op's state */

static void rouse_due(struct rnli_ready *ready)
{
    struct rnli_list *node = ready->delayed.next, *next;
    int64_t now;

    if (rnli_list_empty(&ready->delayed))
        return;
    now = rnli_sys_monotonic();
    for (; node != &ready->delayed; node = next) {
        next = node->next;
        if (rnli_op_state(rnli_op_of(node))->until_ns <= now)
            rnli_op_queue(ready, rnli_op_of(node));
    }
}

static int64_t sooner(int64_t left, int64_t than)
{
    return left < 0 || than < left ? than : left;
}

/* How long to poll: `left`, but not past what is to be done before. */
static int64_t patience(const struct rnli_ready *ready, int64_t left)
{
    const struct rnli_list *node = ready->delayed.next;
    int64_t now;

    if (!rnli_list_empty(&ready->ready))
        return 0;
    if (rnli_list_empty(&ready->delayed) || left == 0)
        return left;
    now = rnli_sys_monotonic();
    for (; node != &ready->delayed; node = node->next) {
        int64_t until = RNLI_CONTAINER(node, const struct rnli_op_state, node)->until_ns;

        left = sooner(left, until > now ? until - now : 0);
    }
    return left;
}

int64_t rnli_ready_rest(const struct rnli_ready *ready)
{
    return patience(ready, -1);
}

static int64_t remaining(int64_t deadline)
{
    int64_t now;

    if (deadline == 0)
        return 0;
    if (deadline == INT64_MAX)
        return -1;
    now = rnli_sys_monotonic();
    return deadline > now ? deadline - now : 0;
}

/* What the next op will be about: owners keep what they look at before it. */
static void prefetch_op(const struct rnli_list *node)
{
    rnli_prefetch((const char *)node - OWNER_BEFORE, OWNER_BEFORE + OP_HOT);
}

/* Serves each op that is on the list now once, as far as there is room. */
static void serve_all(struct rnli_ready *ready, struct rnli_turn *turn)
{
    struct rnli_list now, *node;

    rnli_list_init(&now);
    rnli_list_splice(&now, &ready->ready);
    while (turn->count < turn->max && (node = rnli_list_shift(&now))) {
        prefetch_op(now.next);
        rnli_serve(ready, turn, rnli_op_of(node));
    }
    rnli_list_splice(&now, &ready->ready); /* those not served come first */
    rnli_list_splice(&ready->ready, &now);
}

/* A child of a fork waits for nothing and tries nothing. What it cancels ends, so that its
 * copies of the parent's connections can be freed. */
static int end_canceled(struct rnli_ready *ready, struct rnli_turn *turn)
{
    struct rnli_list *node = ready->ready.next, *next;

    for (; node != &ready->ready && turn->count < turn->max; node = next) {
        const struct rnli_op_state *state = RNLI_CONTAINER(node, struct rnli_op_state, node);

        next = node->next;
        if (state->canceled || state->finished)
            rnli_serve(ready, turn, rnli_op_of(node));
    }
    return turn->count > 0 ? turn->count : RNL_EINVAL;
}

int rnli_ready_wait(struct rnl_backend *backend, int64_t timeout_ns, struct rnl_entry *entries,
                    int max)
{
    struct rnli_ready *ready = rnli_ready_of(backend);
    struct rnli_turn turn = {.entries = entries, .max = max};
    int64_t left = timeout_ns, deadline = timeout_ns < 0 ? INT64_MAX : 0;

    if (max <= 0)
        return RNL_EINVAL;
    if (rnli_ready_forked(ready))
        return end_canceled(ready, &turn);
    if (timeout_ns > 0)
        deadline = rnli_time_after(rnli_sys_monotonic(), timeout_ns);
    ready->naccepted = 0;
    do {
        int code = ready->poller->poll(backend, patience(ready, left));

        if (code)
            return code;
        rouse_due(ready);
        serve_all(ready, &turn);
        if (rnli_flag_lower(&ready->woken) || turn.count > 0)
            break;
        left = remaining(deadline);
    } while (left != 0);
    return turn.count;
}

/* Who raises the flag interrupts; whoever comes before it is lowered need not,
 * because the wait that lowers it has not returned yet. */
void rnli_ready_wake(struct rnl_backend *backend)
{
    struct rnli_ready *ready = rnli_ready_of(backend);

    if (!rnli_ready_forked(ready) && !rnli_flag_raise(&ready->woken))
        ready->poller->interrupt(backend);
}
