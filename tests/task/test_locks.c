/* Locks, semaphores, conditions and barriers. */
#include "task/helper_loop.h"

static struct rnl_lock *lock;
static struct rnl_semaphore *semaphore;
static struct rnl_condition *condition;
static struct rnl_barrier *barrier;
static int inside, most, order[16], norder, ready_items;

/* ---- Lock -------------------------------------------------------------- */

static int hold(void *arg)
{
    int err = rnl_lock_acquire(lock);

    if (err)
        return err;
    order[norder++] = (int)(intptr_t)arg;
    CU_ASSERT(++inside == 1);
    err = rnl_yield();
    inside--;
    OK(rnl_lock_release(lock));
    return err;
}

static void one_at_a_time(void)
{
    struct rnl_task *tasks[4];

    norder = 0;
    OK(rnl_lock_open(&lock));
    IS(rnl_lock_release(lock), RNL_EINVAL);
    OK(rnl_lock_acquire(lock));
    IS(rnl_lock_acquire(lock), RNL_EDEADLOCK);
    for (int i = 0; i < 4; i++)
        tasks[i] = start(hold, (void *)(intptr_t)i);
    turns(3);
    CU_ASSERT(rnl_lock_is_held(lock) && norder == 0);
    CU_ASSERT(rnl_task_cancel(tasks[1]));
    OK(rnl_lock_release(lock));
    IS(rnl_lock_try_acquire(lock), RNL_EAGAIN); /* it is handed over, not up for grabs */
    OK(join(tasks[0]));
    IS(join(tasks[1]), RNL_ECANCELED);
    OK(join(tasks[2]));
    OK(join(tasks[3]));
    CU_ASSERT(norder == 3 && order[0] == 0 && order[1] == 2 && order[2] == 3);
    CU_ASSERT(!rnl_lock_is_held(lock));
    rnl_lock_free(lock);
}
EACH(one_at_a_time)

/* The cancel comes when the lock has been handed over: the task has it. */
static int hold_then_wait(void *arg)
{
    int err = rnl_lock_acquire(lock);

    (void)arg;
    if (err)
        return err;
    err = rnl_yield();
    OK(rnl_lock_release(lock));
    return err == RNL_ECANCELED ? 1 : 2;
}

static void cancelled_holder(void)
{
    struct rnl_task *a, *b;

    OK(rnl_lock_open(&lock));
    OK(rnl_lock_acquire(lock));
    a = start(hold_then_wait, NULL);
    b = start(hold_then_wait, NULL);
    turns(2);
    OK(rnl_lock_release(lock));
    CU_ASSERT(rnl_task_cancel(a));
    IS(join(a), 1);
    IS(join(b), 2);
    OK(rnl_lock_acquire(lock));
    a = start(hold_then_wait, NULL);
    turns(2);
    rnl_lock_free(lock); /* under a waiter */
    IS(join(a), RNL_ECLOSED);
}
EACH(cancelled_holder)

/* ---- Semaphore --------------------------------------------------------- */

static int use_permit(void *arg)
{
    int err = rnl_semaphore_acquire(semaphore);

    (void)arg;
    if (err)
        return err;
    if (++inside > most)
        most = inside;
    err = rnl_yield();
    inside--;
    OK(rnl_semaphore_release(semaphore));
    return err;
}

static void permits(void)
{
    struct rnl_task *tasks[10];

    most = 0;
    OK(rnl_semaphore_open(&semaphore, 3));
    rnl_semaphore_limit(semaphore, 3);
    IS(rnl_semaphore_release(semaphore), RNL_EINVAL);
    for (int i = 0; i < 10; i++)
        tasks[i] = start(use_permit, NULL);
    turns(1);
    IS(rnl_semaphore_try_acquire(semaphore), RNL_EAGAIN);
    CU_ASSERT(rnl_task_cancel(tasks[5]));
    for (int i = 0; i < 10; i++)
        IS(join(tasks[i]), i == 5 ? RNL_ECANCELED : RNL_OK);
    IS(most, 3);
    IS(rnl_semaphore_count(semaphore), 3);
    rnl_semaphore_free(semaphore);
    OK(rnl_semaphore_open(&semaphore, 0));
    tasks[0] = start(use_permit, NULL);
    turns(2);
    rnl_semaphore_free(semaphore); /* under a waiter */
    IS(join(tasks[0]), RNL_ECLOSED);
}
EACH(permits)

/* ---- Condition --------------------------------------------------------- */

static int consume(void *arg)
{
    int err = rnl_lock_acquire(lock);

    (void)arg;
    while (!err && ready_items == 0)
        err = rnl_condition_wait(condition);
    if (!err)
        ready_items--;
    OK(rnl_lock_release(lock)); /* held, whatever the wait answered */
    return err;
}

static void conditions(void)
{
    struct rnl_task *tasks[3];

    ready_items = 0;
    OK(rnl_lock_open(&lock));
    IS(rnl_condition_open(&condition, NULL), RNL_EINVAL);
    OK(rnl_condition_open(&condition, lock));
    IS(rnl_condition_wait(condition), RNL_EINVAL);
    IS(rnl_condition_notify(condition, 1), RNL_EINVAL);
    for (int i = 0; i < 3; i++)
        tasks[i] = start(consume, NULL);
    turns(2);
    OK(rnl_lock_acquire(lock));
    CU_ASSERT(rnl_task_cancel(tasks[0])); /* and has to get the lock first */
    turns(2);
    CU_ASSERT(!rnl_task_done(tasks[0]));
    ready_items = 2;
    OK(rnl_condition_notify(condition, RNL_ALL));
    OK(rnl_lock_release(lock));
    IS(join(tasks[0]), RNL_ECANCELED);
    OK(join(tasks[1]));
    OK(join(tasks[2]));
    IS(ready_items, 0);
    tasks[0] = start(consume, NULL);
    turns(2);
    rnl_condition_free(condition); /* under a waiter */
    IS(join(tasks[0]), RNL_ECLOSED);
    rnl_lock_free(lock);
}
EACH(conditions)

/* ---- Barrier ----------------------------------------------------------- */

static int meet(void *arg)
{
    size_t index = 99;
    int err = rnl_barrier_wait(barrier, &index);

    (void)arg;
    return err ? err : (int)index;
}

static void barriers(void)
{
    struct rnl_task *tasks[4];
    size_t index = 99;

    IS(rnl_barrier_open(&barrier, 0), RNL_EINVAL);
    OK(rnl_barrier_open(&barrier, 3));
    for (int i = 0; i < 2; i++)
        tasks[i] = start(meet, NULL);
    turns(2);
    CU_ASSERT(rnl_task_cancel(tasks[0]));
    tasks[2] = start(meet, NULL); /* the cancelled one does not count, though it has not run */
    turns(3);
    IS(rnl_barrier_waiting(barrier), 2);
    OK(rnl_barrier_wait(barrier, &index));
    IS(index, 2);
    IS(join(tasks[0]), RNL_ECANCELED);
    IS(join(tasks[1]), 0);
    IS(join(tasks[2]), 1);
    tasks[0] = start(meet, NULL);
    turns(2);
    rnl_barrier_reset(barrier);
    IS(join(tasks[0]), RNL_ECLOSED);
    rnl_barrier_break(barrier);
    IS(rnl_barrier_wait(barrier, NULL), RNL_ECLOSED);
    rnl_barrier_reset(barrier);
    tasks[0] = start(meet, NULL);
    turns(2);
    rnl_barrier_free(barrier); /* under a waiter */
    IS(join(tasks[0]), RNL_ECLOSED);
}
EACH(barriers)

SUITE("locks", {"a lock, in order", one_at_a_time_each},
      {"a lock handed to a task that is cancelled", cancelled_holder_each},
      {"a semaphore", permits_each}, {"a condition", conditions_each}, {"a barrier", barriers_each})
