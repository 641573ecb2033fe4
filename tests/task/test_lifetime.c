/* What is freed while a task, its turn used up, waits inside a call on it. */
#include "task/helper_loop.h"

struct things {
    struct rnl_event *event;
    struct rnl_queue *queue;
    struct rnl_task *task;
};

static void open_things(struct things *t)
{
    OK(rnl_event_open(&t->event));
    OK(rnl_queue_open(&t->queue, 1));
}

static void free_queue(void *queue)
{
    rnl_queue_free(queue);
}

static void free_event(void *event)
{
    rnl_event_free(event);
}

static void free_handle(void *task)
{
    rnl_task_free(task);
}

static int gets_one(void *arg)
{
    struct things *t = arg;
    void *item;

    use_up_turn();
    OK(rnl_call_soon(free_queue, t->queue));
    return rnl_queue_get(t->queue, &item);
}

static int puts_one(void *arg)
{
    struct things *t = arg;

    use_up_turn();
    OK(rnl_call_soon(free_queue, t->queue));
    return rnl_queue_put(t->queue, t);
}

static void queue_freed(void)
{
    struct things t;

    open_things(&t);
    IS(join(start(gets_one, &t)), RNL_ECLOSED);
    OK(rnl_queue_open(&t.queue, 1));
    IS(join(start(puts_one, &t)), RNL_ECLOSED);
    rnl_event_free(t.event);
}
EACH(queue_freed)

static int waits_for_set(void *arg)
{
    struct things *t = arg;

    rnl_event_set(t->event);
    use_up_turn();
    OK(rnl_call_soon(free_event, t->event));
    return rnl_event_wait(t->event); /* it was set */
}

static int waits_for_unset(void *arg)
{
    struct things *t = arg;

    use_up_turn();
    OK(rnl_call_soon(free_event, t->event));
    return rnl_event_wait(t->event);
}

static void event_freed(void)
{
    struct things t;

    open_things(&t);
    OK(join(start(waits_for_set, &t)));
    OK(rnl_event_open(&t.event));
    IS(join(start(waits_for_unset, &t)), RNL_ECLOSED);
    rnl_queue_free(t.queue);
}
EACH(event_freed)

static int answers_seven(void *arg)
{
    (void)arg;
    return 7;
}

static int joins(void *arg)
{
    struct things *t = arg;
    int result = 0;

    use_up_turn();
    OK(rnl_call_soon(free_handle, t->task));
    OK(rnl_task_join(t->task, &result));
    return result;
}

static int waits(void *arg)
{
    struct things *t = arg;
    int result = 0;

    use_up_turn();
    OK(rnl_call_soon(free_handle, t->task));
    OK(rnl_task_wait(t->task, &result));
    return result;
}

static void handle_freed(void)
{
    struct things t;

    open_things(&t);
    t.task = start(answers_seven, NULL);
    IS(join(start(joins, &t)), 7);
    t.task = start(answers_seven, NULL);
    IS(join(start(waits, &t)), 7);
    rnl_queue_free(t.queue);
    rnl_event_free(t.event);
}
EACH(handle_freed)

enum { HEIRS = 8 };
static struct rnl_task *heirs[HEIRS];
static struct rnl_event *over;

static int waits_until_over(void *arg)
{
    (void)arg;
    return rnl_event_wait(over);
}

/* The task's memory is another's at once. */
static void free_handle_for_heirs(void *task)
{
    rnl_task_free(task);
    for (int i = 0; i < HEIRS; i++)
        heirs[i] = start(waits_until_over, NULL);
}

static int waits_first(void *arg)
{
    struct things *t = arg;
    size_t which = 1;

    use_up_turn();
    OK(rnl_call_soon(free_handle_for_heirs, t->task));
    OK(rnl_task_wait_first(&t->task, 1, &which));
    rnl_event_set(over);
    return (int)which;
}

static void first_freed(void)
{
    struct things t;

    OK(rnl_event_open(&over));
    t.task = start(answers_seven, NULL);
    OK(join(start(waits_first, &t)));
    for (int i = 0; i < HEIRS; i++)
        OK(join(heirs[i]));
    rnl_event_free(over);
}
EACH(first_freed)

/* ---- Locks and their like ---------------------------------------------- */

static void free_lock(void *lock)
{
    rnl_lock_free(lock);
}

static int takes_lock(void *lock)
{
    use_up_turn();
    OK(rnl_call_soon(free_lock, lock));
    return rnl_lock_acquire(lock);
}

static void free_semaphore(void *semaphore)
{
    rnl_semaphore_free(semaphore);
}

static int takes_permit(void *semaphore)
{
    use_up_turn();
    OK(rnl_call_soon(free_semaphore, semaphore));
    return rnl_semaphore_acquire(semaphore);
}

static void free_barrier(void *barrier)
{
    rnl_barrier_free(barrier);
}

static int comes_to_barrier(void *barrier)
{
    use_up_turn();
    OK(rnl_call_soon(free_barrier, barrier));
    return rnl_barrier_wait(barrier, NULL);
}

static void locks_freed(void)
{
    struct rnl_semaphore *semaphore;
    struct rnl_barrier *barrier;
    struct rnl_lock *lock;

    OK(rnl_lock_open(&lock));
    IS(join(start(takes_lock, lock)), RNL_ECLOSED);
    OK(rnl_semaphore_open(&semaphore, 1));
    IS(join(start(takes_permit, semaphore)), RNL_ECLOSED);
    OK(rnl_barrier_open(&barrier, 1));
    IS(join(start(comes_to_barrier, barrier)), RNL_ECLOSED);
}
EACH(locks_freed)

struct guarded {
    struct rnl_lock *lock;
    struct rnl_condition *changed;
    bool cancelled;
};

static int waits_for_change(void *arg)
{
    struct guarded *g = arg;
    int code = rnl_lock_acquire(g->lock);

    if (!code)
        code = rnl_condition_wait(g->changed);
    g->cancelled = rnl_yield() == RNL_ECANCELED;
    return code;
}

/* The task would come back to the lock: both are gone by then. */
static void condition_and_lock_freed(void)
{
    for (int cancel = 0; cancel < 2; cancel++) {
        struct guarded g = {NULL, NULL, false};
        struct rnl_task *task;

        OK(rnl_lock_open(&g.lock));
        OK(rnl_condition_open(&g.changed, g.lock));
        task = start(waits_for_change, &g);
        turns(2);
        if (cancel)
            CU_ASSERT(rnl_task_cancel(task));
        rnl_condition_free(g.changed);
        rnl_lock_free(g.lock);
        IS(join(task), RNL_ECLOSED); /* it holds no lock; a cancel comes with the next wait */
        CU_ASSERT_EQUAL(g.cancelled, cancel == 1);
    }
}
EACH(condition_and_lock_freed)

static int waits_for_lock(void *lock)
{
    return rnl_lock_acquire(lock);
}

static int waits_for_permit(void *semaphore)
{
    return rnl_semaphore_acquire(semaphore);
}

/* Given to a task that has not run yet, and freed: the task has nothing. */
static void given_and_freed(void)
{
    struct guarded g = {NULL, NULL, false};
    struct rnl_semaphore *semaphore;
    struct rnl_task *task;

    OK(rnl_lock_open(&g.lock));
    OK(rnl_lock_acquire(g.lock));
    task = start(waits_for_lock, g.lock);
    turns(2);
    OK(rnl_lock_release(g.lock));
    rnl_lock_free(g.lock);
    IS(join(task), RNL_ECLOSED);
    OK(rnl_semaphore_open(&semaphore, 0));
    task = start(waits_for_permit, semaphore);
    turns(2);
    OK(rnl_semaphore_release(semaphore));
    rnl_semaphore_free(semaphore);
    IS(join(task), RNL_ECLOSED);
    OK(rnl_lock_open(&g.lock));
    OK(rnl_condition_open(&g.changed, g.lock));
    task = start(waits_for_change, &g);
    turns(2);
    OK(rnl_lock_acquire(g.lock));
    OK(rnl_condition_notify(g.changed, 1));
    rnl_condition_free(g.changed);
    OK(rnl_lock_release(g.lock));
    IS(join(task), RNL_ECLOSED); /* with the lock */
    CU_ASSERT(rnl_lock_is_held(g.lock));
    rnl_lock_free(g.lock);
}
EACH(given_and_freed)

/* Two tasks that come to join each other at the end of their turns. */
struct couple {
    struct things things;
    struct rnl_task *tasks[2];
};

static int joins_second(void *arg)
{
    struct couple *c = arg;
    int code;

    use_up_turn();
    code = rnl_task_join(c->tasks[1], NULL);
    return code == RNL_EDEADLOCK ? 1 : code;
}

static int joins_first(void *arg)
{
    struct couple *c = arg;
    int code;

    use_up_turn();
    code = rnl_task_join(c->tasks[0], NULL);
    return code == RNL_EDEADLOCK ? 1 : code;
}

static void circle_between_turns(void)
{
    struct couple c;

    open_things(&c.things);
    c.tasks[0] = start(joins_second, &c);
    c.tasks[1] = start(joins_first, &c);
    IS(join(c.tasks[0]) + join(c.tasks[1]), 1); /* one of them was told */
    rnl_queue_free(c.things.queue);
    rnl_event_free(c.things.event);
}
EACH(circle_between_turns)

SUITE("lifetime", {"D6 a queue freed under a task between turns", queue_freed_each},
      {"D6 an event freed under a task between turns", event_freed_each},
      {"D6 a handle given up under a task between turns", handle_freed_each},
      {"D6 one of several handles given up between turns", first_freed_each},
      {"D6 locks and their like freed under a task between turns", locks_freed_each},
      {"D6 a condition and its lock freed under a task", condition_and_lock_freed_each},
      {"given to a task and freed before it runs", given_and_freed_each},
      {"P3 a circle of joins that closes between turns", circle_between_turns_each})
