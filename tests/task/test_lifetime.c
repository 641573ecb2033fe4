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
      {"P3 a circle of joins that closes between turns", circle_between_turns_each})
