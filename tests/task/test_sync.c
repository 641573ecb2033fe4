/* Events and queues. */
#include "task/helper_loop.h"

static struct rnl_event *event;
static struct rnl_queue *queue;

static int wait_event(void *arg)
{
    (void)arg;
    return rnl_event_wait(event);
}

static void events(void)
{
    struct rnl_task *a, *b;

    OK(rnl_event_open(&event));
    CU_ASSERT(!rnl_event_is_set(event));
    a = start(wait_event, NULL);
    b = start(wait_event, NULL);
    turns(2);
    CU_ASSERT(rnl_task_cancel(a));
    IS(join(a), RNL_ECANCELED);
    rnl_event_set(event);
    OK(join(b));
    OK(rnl_event_wait(event));
    rnl_event_clear(event);
    a = start(wait_event, NULL);
    turns(2);
    rnl_event_free(event); /* under a waiter */
    IS(join(a), RNL_ECLOSED);
}
EACH(events)

static int put_many(void *arg)
{
    int err = RNL_OK;

    for (uintptr_t i = 1; i <= 100 && !err; i++)
        err = rnl_queue_put(queue, (void *)i);
    (void)arg;
    rnl_queue_close(queue);
    return err;
}

static void queues(void)
{
    struct rnl_task *producer;
    void *item;
    uintptr_t next = 1;
    int err;

    OK(rnl_queue_open(&queue, 3));
    producer = start(put_many, NULL);
    while (!(err = rnl_queue_get(queue, &item)))
        CU_ASSERT((uintptr_t)item == next++);
    IS(err, RNL_ECLOSED);
    IS(next, 101);
    OK(join(producer));
    IS(rnl_queue_put(queue, NULL), RNL_ECLOSED);
    IS(rnl_queue_try_get(queue, &item), RNL_ECLOSED);
    rnl_queue_free(queue);
    OK(rnl_queue_open(&queue, 0));
    IS(rnl_queue_try_get(queue, &item), RNL_EAGAIN);
    for (uintptr_t i = 0; i < 1000; i++)
        OK(rnl_queue_try_put(queue, (void *)i));
    IS(rnl_queue_count(queue), 1000);
    rnl_queue_free(queue);
    OK(rnl_queue_open(&queue, 1));
    OK(rnl_queue_try_put(queue, NULL));
    IS(rnl_queue_try_put(queue, NULL), RNL_EAGAIN);
    rnl_queue_free(queue);
}
EACH(queues)

static int get_one(void *arg)
{
    void *item;
    int err = rnl_queue_get(queue, &item);

    (void)arg;
    return err ? err : (int)(uintptr_t)item;
}

/* A get that is cancelled when its item has come: the next one has it. */
static void nothing_lost(void)
{
    struct rnl_task *a, *b;

    OK(rnl_queue_open(&queue, 0));
    a = start(get_one, NULL);
    b = start(get_one, NULL);
    turns(2);
    CU_ASSERT(rnl_task_cancel(a));
    OK(rnl_queue_put(queue, (void *)(uintptr_t)7));
    IS(join(a), RNL_ECANCELED);
    IS(join(b), 7);
    a = start(get_one, NULL);
    turns(2);
    rnl_queue_free(queue); /* under a waiter */
    IS(join(a), RNL_ECLOSED);
}
EACH(nothing_lost)

SUITE("sync", {"events", events_each}, {"queues", queues_each}, {"D1 a cancelled get loses no item", nothing_lost_each})
