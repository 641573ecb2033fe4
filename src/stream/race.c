/* race.c: connecting to the first of several addresses that answers.
 *
 * One task waits, and starts the next attempt when the last one failed or has
 * been under way for the delay. Attempts are operations, not tasks: a race of
 * eight addresses is one object, which lives until the last final entry has
 * come, also when the task was cancelled meanwhile or somebody else won.
 *
 *      attempt 0  |------------- ... (pending)         cancelled at the win
 *      attempt 1       |--x fails, so the next starts at once
 *      attempt 2          |---------> connected: the winner */
#include "stream/race.h"

#include <stdint.h>

#include "core/alloc.h"

struct race;

struct attempt {
    struct rnl_op op;
    struct race *race;
    int64_t until; /* loop clock; INT64_MAX: no limit */
    int code;
    bool pending, expired;
};

struct race {
    struct rnl_loop *loop;
    struct rnli_waitlist waiting; /* the one task */
    size_t count, started, pending;
    size_t winner;     /* count: none */
    bool failed;       /* since the task last looked */
    bool over;         /* nobody waits for it any more */
    struct attempt attempts[];
};

static size_t race_size(size_t count)
{
    return sizeof(struct race) + count * sizeof(struct attempt);
}

static void free_if_over(struct race *race)
{
    struct rnli_loop_face *face = rnli_face(race->loop);

    if (race->over && race->pending == 0)
        rnli_free(&face->allocator, race, race_size(race->count));
}

static void close_attempt(struct attempt *attempt)
{
    struct rnli_loop_face *face = rnli_face(attempt->race->loop);

    face->ops->close_socket(face->backend, attempt->op.sock);
    attempt->op.sock = RNL_NO_SOCKET;
}

static void attempt_done(struct rnl_op *op, const struct rnl_entry *entry)
{
    struct attempt *attempt = RNLI_CONTAINER(op, struct attempt, op);
    struct race *race = attempt->race;
    size_t index = (size_t)(attempt - race->attempts);

    attempt->pending = false;
    race->pending--;
    attempt->code = attempt->expired && entry->code == RNL_ECANCELED ? RNL_ETIMEDOUT : entry->code;
    if (entry->code == RNL_OK && !race->over && race->winner == race->count)
        race->winner = index;
    else
        close_attempt(attempt);
    race->failed = race->failed || entry->code != RNL_OK;
    rnli_wake_all(&race->waiting, RNL_OK);
    free_if_over(race);
}

/* The first local address of the right family that can be bound. */
static int bind_local(const struct rnli_race_plan *plan, struct rnli_loop_face *face,
                      rnl_socket sock, enum rnl_family family)
{
    int code = plan->nlocals > 0 ? RNL_EADDRNOTAVAIL : RNL_OK;
    int64_t os;

    for (size_t i = 0; i < plan->nlocals; i++) {
        if (plan->locals[i].family != family)
            continue;
        code = face->ops->bind(face->backend, sock, &plan->locals[i], &os);
        if (code == RNL_OK)
            break;
    }
    return code;
}

static int start(struct race *race, const struct rnli_race_plan *plan, struct attempt *attempt)
{
    struct rnli_loop_face *face = rnli_face(race->loop);
    int64_t os;
    int code;

    attempt->race = race;
    attempt->op.kind = RNL_OP_CONNECT;
    attempt->op.done = attempt_done;
    attempt->op.address = plan->addresses[attempt - race->attempts];
    code = face->ops->open_socket(face->backend, attempt->op.address.family, &attempt->op.sock,
                                  &os);
    if (code)
        return code;
    code = bind_local(plan, face, attempt->op.sock, attempt->op.address.family);
    if (!code)
        code = rnli_submit(race->loop, &attempt->op);
    if (code) {
        close_attempt(attempt);
        return code;
    }
    attempt->pending = true;
    attempt->until =
        plan->attempt_ns > 0 ? rnli_time_after(rnl_now(), plan->attempt_ns) : INT64_MAX;
    race->pending++;
    return RNL_OK;
}

static void start_next(struct race *race, const struct rnli_race_plan *plan)
{
    struct attempt *attempt = &race->attempts[race->started++];

    attempt->code = start(race, plan, attempt);
    race->failed = attempt->code != RNL_OK;
}

/* Cancels attempts whose time is over; answers when the next one's will be. */
static int64_t expire(struct race *race, int64_t now)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < race->started; i++) {
        struct attempt *a = &race->attempts[i];

        if (!a->pending || a->expired)
            continue;
        if (now >= a->until) {
            a->expired = true;
            rnli_report(race->loop, RNL_REPORT_DEBUG, RNL_ETIMEDOUT, 0,
                        rnl_task_name(rnl_task_current()),
                        "an attempt to connect was not answered in time");
            rnli_cancel(race->loop, &a->op);
        } else if (a->until < next) {
            next = a->until;
        }
    }
    return next;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until somebody wins, all have failed, or the wait does (a cancel, no memory). */
static int run(struct race *race, const struct rnli_race_plan *plan)
{
    int64_t next = 0;
    int code = RNL_OK;

    while ((code == RNL_OK || code == RNL_ETIMEDOUT) && race->winner == race->count) {
        int64_t now = rnl_now();
        int64_t expires = expire(race, now);

        if (race->started < race->count && (race->failed || race->pending == 0 || now >= next)) {
            start_next(race, plan);
            next = plan->delay_ns < 0 ? INT64_MAX : rnli_time_after(now, plan->delay_ns);
        } else if (race->pending == 0) {
            return race->attempts[0].code;
        } else {
            if (race->started < race->count)
                expires = sooner(expires, next);
            code = rnli_wait_until(&race->waiting, expires, "connect");
        }
    }
    if (code == RNL_ECANCELED && race->winner < race->count) {
        close_attempt(&race->attempts[race->winner]); /* it won after the cancel had come */
        race->winner = race->count;
    }
    return race->winner == race->count ? code : RNL_OK;
}

static void tell_attempts(const struct race *race, const struct rnli_race_plan *plan)
{
    size_t count = 0;

    for (size_t i = 0; i < race->started; i++) {
        const struct attempt *a = &race->attempts[i];

        if (a->pending || a->code == RNL_OK)
            continue;
        if (count < plan->attempts_max) {
            plan->attempts[count].address = plan->addresses[i];
            plan->attempts[count].code = a->code;
        }
        count++;
    }
    if (plan->attempts_count)
        *plan->attempts_count = count;
}

static void end(struct race *race)
{
    race->over = true;
    for (size_t i = 0; i < race->started; i++)
        if (race->attempts[i].pending)
            rnli_cancel(race->loop, &race->attempts[i].op);
    free_if_over(race);
}

int rnli_race(struct rnl_loop *loop, const struct rnli_race_plan *plan, rnl_socket *sock,
              size_t *winner)
{
    struct race *race = rnli_zalloc(&rnli_face(loop)->allocator, race_size(plan->count));
    int code;

    if (!race)
        return RNL_ENOMEM;
    race->loop = loop;
    race->count = plan->count;
    race->winner = plan->count;
    rnli_waitlist_init(&race->waiting);
    code = run(race, plan);
    tell_attempts(race, plan);
    if (race->winner < race->count) {
        *sock = race->attempts[race->winner].op.sock;
        *winner = race->winner;
        code = RNL_OK;
    }
    end(race);
    return code;
}

/* ---- The order of addresses -------------------------------------------- */

/* The next not yet taken of `family`, or of any other; `count` if none. */
static size_t next_of(const struct rnl_address *addresses, const bool *taken, size_t count,
                      enum rnl_family family, bool same)
{
    size_t i = 0;

    while (i < count && (taken[i] || (addresses[i].family == family) != same))
        i++;
    return i;
}

static void reorder(const struct rnl_address *in, struct rnl_address *out, bool *taken,
                    size_t count, size_t first)
{
    enum rnl_family family = in[0].family;

    for (size_t n = 0; n < count; n++) {
        bool same = n < first || ((n - first) % 2 == 1);
        size_t i = next_of(in, taken, count, family, same);

        if (i == count)
            i = next_of(in, taken, count, family, !same);
        taken[i] = true;
        out[n] = in[i];
    }
}

int rnli_interleave(struct rnl_loop *loop, struct rnl_address *addresses, size_t count,
                    size_t first)
{
    const struct rnl_allocator *a = &rnli_face(loop)->allocator;
    size_t size = count * (sizeof *addresses + sizeof(bool));
    struct rnl_address *copy;

    if (count < 2)
        return RNL_OK;
    copy = rnli_zalloc(a, size);
    if (!copy)
        return RNL_ENOMEM;
    for (size_t i = 0; i < count; i++)
        copy[i] = addresses[i];
    reorder(copy, addresses, (bool *)(copy + count), count, first);
    rnli_free(a, copy, size);
    return RNL_OK;
}
