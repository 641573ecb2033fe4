/* lock.c: one task at a time.
 *
 * A release hands the lock to the task that waited longest, before that task
 * runs: nobody can be quicker, and a cancel that comes after the wake stays
 * pending, so the lock is never handed to a task that will not have it. The way
 * that lost: asyncio's, where the woken task takes the lock when it runs, and each
 * cancel between wake and run has to pass the wake on. */
#include "task/lock.h"

#include "core/alloc.h"
#include "task/misuse.h"

int rnl_lock_open(struct rnl_lock **out)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnl_lock *lock;

    if (!loop)
        return RNL_EINVAL;
    lock = rnli_zalloc(&loop->face.allocator, sizeof *lock);
    if (!lock)
        return RNL_ENOMEM;
    lock->loop = loop;
    rnli_waitlist_init(&lock->waiting);
    *out = lock;
    return RNL_OK;
}

static void free_if_unused(struct rnl_lock *lock)
{
    if (lock->freed && lock->pins == 0)
        rnli_free(&lock->loop->face.allocator, lock, sizeof *lock);
}

void rnli_lock_unpin(struct rnl_lock *lock)
{
    lock->pins--;
    free_if_unused(lock);
}

void rnl_lock_free(struct rnl_lock *lock)
{
    if (!lock)
        return;
    RNLI_CHECK(lock, !lock->freed, lock->loop);
    lock->freed = true;
    rnli_wake_all(&lock->waiting, RNL_ECLOSED);
    free_if_unused(lock);
}

static int try_take(struct rnl_lock *lock)
{
    struct rnl_task *self = rnl_task_current();

    if (!self)
        return RNL_EINVAL;
    if (lock->owner)
        return lock->owner == self ? RNL_EDEADLOCK : RNL_EAGAIN;
    lock->owner = self;
    return RNL_OK;
}

int rnl_lock_try_acquire(struct rnl_lock *lock)
{
    RNLI_CHECK(lock, !lock->freed, lock->loop);
    return try_take(lock);
}

int rnli_lock_take(struct rnl_lock *lock)
{
    int code;

    rnli_lock_pin(lock); /* the checkpoint may wait, and the lock be freed meanwhile */
    code = rnli_checkpoint();
    if (!code)
        code = lock->freed ? RNL_ECLOSED : try_take(lock);
    if (code == RNL_EAGAIN)
        code = rnli_wait(&lock->waiting, "lock");
    if (!code && lock->freed) /* given to us, and freed before we ran */
        code = RNL_ECLOSED;
    rnli_lock_unpin(lock);
    return code;
}

int rnl_lock_acquire(struct rnl_lock *lock)
{
    RNLI_CHECK(lock, !lock->freed, lock->loop);
    return rnli_lock_take(lock);
}

void rnli_lock_pass_on(struct rnl_lock *lock)
{
    struct rnli_list *first = lock->waiting.waiters.next;

    lock->owner = NULL;
    if (rnli_waitlist_empty(&lock->waiting))
        return;
    lock->owner = RNLI_CONTAINER(first, struct rnl_task, node);
    rnli_wake_one(&lock->waiting, RNL_OK);
}

int rnl_lock_release(struct rnl_lock *lock)
{
    RNLI_CHECK(lock, !lock->freed, lock->loop);
    if (!lock->owner || lock->owner != rnl_task_current())
        return RNL_EINVAL;
    rnli_lock_pass_on(lock);
    return RNL_OK;
}

bool rnl_lock_is_held(const struct rnl_lock *lock)
{
    RNLI_CHECK(lock, !lock->freed, lock->loop);
    return lock->owner != NULL;
}
