/* condition.c: waiting for a change of what a lock protects.
 *
 * The lock is taken again behind a shield: whoever returns from a wait holds it,
 * cancelled or not, because the code that follows releases it. A cancel that
 * comes during that is delivered by the next wait. */
#include "core/alloc.h"
#include "task/lock.h"
#include "task/misuse.h"

struct rnl_condition {
    struct rnl_loop *loop;
    struct rnl_lock *lock;
    struct rnli_waitlist waiting;
    unsigned pins; /* tasks inside wait */
    bool freed;
};

int rnl_condition_open(struct rnl_condition **out, struct rnl_lock *lock)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_condition *condition;

    if (!loop || !lock)
        return RNL_EINVAL;
    condition = rnli_zalloc(&loop->face.allocator, sizeof *condition);
    if (!condition)
        return RNL_ENOMEM;
    condition->loop = loop;
    condition->lock = lock;
    rnli_waitlist_init(&condition->waiting);
    *out = condition;
    return RNL_OK;
}

static void free_if_unused(struct rnl_condition *condition)
{
    if (condition->freed && condition->pins == 0)
        rnli_free(&condition->loop->face.allocator, condition, sizeof *condition);
}

void rnl_condition_free(struct rnl_condition *condition)
{
    if (!condition)
        return;
    RNLI_CHECK(condition, !condition->freed, condition->loop);
    condition->freed = true;
    rnli_wake_all(&condition->waiting, RNL_ECLOSED);
    free_if_unused(condition);
}

static int take_again(struct rnl_lock *lock)
{
    int code;

    (void)rnl_shield_begin();
    code = rnli_lock_take(lock); /* it may be freed already */
    (void)rnl_shield_end();
    return code;
}

int rnl_condition_wait(struct rnl_condition *condition)
{
    struct rnl_lock *lock;
    int code, again;

    RNLI_CHECK(condition, !condition->freed, condition->loop);
    lock = condition->lock;
    if (rnl_lock_release(lock))
        return RNL_EINVAL;
    condition->pins++;   /* it may be freed meanwhile */
    rnli_lock_pin(lock); /* and then the lock, before we have come back to it */
    code = rnli_wait(&condition->waiting, "condition");
    again = take_again(lock);
    rnli_lock_unpin(lock);
    if (!code && condition->freed) /* notified, and freed before we ran */
        code = RNL_ECLOSED;
    condition->pins--;
    free_if_unused(condition);
    if (again && code == RNL_ECANCELED) /* the lock is not held: that is the answer */
        rnl_task_current()->cancel_pending = true;
    return again ? again : code;
}

int rnl_condition_notify(struct rnl_condition *condition, size_t count)
{
    struct rnl_task *self = rnl_task_current();

    RNLI_CHECK(condition, !condition->freed, condition->loop);
    if (!self || condition->lock->owner != self)
        return RNL_EINVAL;
    while (count > 0 && rnli_wake_one(&condition->waiting, RNL_OK))
        count--;
    return RNL_OK;
}
