/* timeout.c: a limit of time on a piece of a task.
 *
 * When the time is over, the scope cancels its task, once. Its end takes that
 * cancel back: delivered or not, it was the scope's own. Only where no other
 * cancel is counted does the body's RNL_ECANCELED become RNL_ETIMEDOUT
 * (asyncio.timeout's rule). A cancel that was never delivered, because a result
 * came first, is dropped with it: the result is the answer. A cancel that was
 * asked for before the scope but not delivered yet counts as one inside it: it
 * meets the scope's own in one wait, and asyncio would forget it there. */
#include "task/loop.h"
#include "task/misuse.h"

struct scope {
    struct rnli_timer timer;
    struct rnl_task *task; /* NULL: none began */
    struct scope *outer;   /* of the same task, begun before */
    unsigned cancelling;   /* delivered before it began */
    bool fired, ended;
};

_Static_assert(sizeof(struct scope) <= sizeof(struct rnl_timeout), "struct rnl_timeout is too small");

/* In debug builds: what has begun and not ended is of this thread's loop. */
#define CHECK_SCOPE(s)                                                                             \
    RNLI_CHECK(s, true, (s)->task && !(s)->ended ? (s)->task->loop : rnli_loop_get())

static struct scope *inside(struct rnl_timeout *timeout)
{
    return (struct scope *)(void *)timeout;
}

static void fire(struct rnli_timer *timer)
{
    struct scope *s = RNLI_CONTAINER(timer, struct scope, timer);

    s->fired = true;
    (void)rnl_task_cancel(s->task);
}

static int start(struct scope *s, int64_t ns)
{
    if (ns == RNL_OFF)
        return RNL_OK;
    if (ns <= 0) { /* what was left of a deadline that is over, too */
        fire(&s->timer);
        return RNL_OK;
    }
    return rnli_timer_start(s->task->loop, &s->timer, ns);
}

static void leave(struct scope *s)
{
    struct scope **at = &s->task->scopes;

    while (*at && *at != s)
        at = &(*at)->outer;
    if (*at)
        *at = s->outer;
}

int rnl_timeout_begin(struct rnl_timeout *scope, int64_t ns)
{
    struct scope *s = inside(scope);
    struct rnl_task *task = rnl_task_current();
    int code;

    RNLI_CHECK(s, true, rnli_loop_get());
    *s = (struct scope){.task = task};
    if (!task)
        return RNL_EINVAL;
    s->timer.fire = fire;
    s->outer = task->scopes;
    task->scopes = s;
    s->cancelling = task->cancelling;
    if (task->cancel_pending && s->cancelling > 0)
        s->cancelling--;
    code = start(s, ns);
    if (code) { /* no scope: the program may leave without an end */
        s->ended = true;
        leave(s);
    }
    return code;
}

int rnl_timeout_reset(struct rnl_timeout *scope, int64_t ns)
{
    struct scope *s = inside(scope);

    CHECK_SCOPE(s);
    if (!s->task || s->fired || s->ended)
        return RNL_EINVAL;
    rnli_timer_stop(s->task->loop, &s->timer);
    return start(s, ns);
}

int64_t rnli_task_deadline(const struct rnl_task *task)
{
    int64_t first = task->deadline;

    for (const struct scope *s = task->scopes; s; s = s->outer)
        if (s->timer.index && s->timer.when_ns < first)
            first = s->timer.when_ns;
    return first;
}

void rnli_scopes_stop(struct rnl_task *task)
{
    for (struct scope *s = task->scopes; s; s = s->outer)
        rnli_timer_stop(task->loop, &s->timer);
}

int rnl_timeout_end(struct rnl_timeout *scope, int err)
{
    struct scope *s = inside(scope);

    CHECK_SCOPE(s);
    if (!s->task || s->ended)
        return err;
    s->ended = true;
    leave(s);
    rnli_timer_stop(s->task->loop, &s->timer);
    if (!s->fired)
        return err;
    if (rnl_task_uncancel(s->task) > s->cancelling)
        return err;
    s->task->cancel_pending = false;
    return err == RNL_ECANCELED ? RNL_ETIMEDOUT : err;
}

bool rnl_timeout_expired(const struct rnl_timeout *scope)
{
    const struct scope *s = (const struct scope *)(const void *)scope;

    CHECK_SCOPE(s);
    return s->fired;
}
