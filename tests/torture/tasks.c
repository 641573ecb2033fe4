/* tasks.c: scenarios without a network. */
#include "torture/kit.h"
#include "torture/scenarios.h"

#include <stdlib.h>

static int answer_42(void *arg)
{
    int err;

    (void)arg;
    TRY(err, rnl_yield());
    return err ? err : 42;
}

int joined(void *arg)
{
    struct rnl_task *task;
    int err = rnl_task_spawn(&task, answer_42, NULL, NULL), result = 0;

    (void)arg;
    if (err)
        return err;
    TRY(err, rnl_task_wait(task, &result));
    if (!err && result != 42 && result != RNL_ECANCELED && result != RNL_ENOMEM)
        torture_wrong("another answer");
    rnl_task_free(task);
    return err;
}

int grouped(void *arg)
{
    struct rnl_group *group;
    int err = rnl_group_open(&group);

    (void)arg;
    if (err)
        return err;
    for (int i = 0; i < 10 && !err; i++)
        err = rnl_group_spawn(group, answer_42, NULL, NULL);
    err = rnl_group_close(group, err);
    return err;
}

static int fails(void *arg)
{
    (void)arg;
    return RNL_EUSER;
}

int group_that_fails(void *arg)
{
    struct rnl_group *group;
    int err = rnl_group_open(&group);

    (void)arg;
    if (err)
        return err;
    err = rnl_group_spawn(group, answer_42, NULL, NULL);
    if (!err)
        err = rnl_group_spawn(group, fails, NULL, NULL);
    err = rnl_group_close(group, err);
    if (err == RNL_OK)
        torture_wrong("a failure that nobody heard of");
    return err == RNL_EUSER ? RNL_OK : err;
}

int slept(void *arg)
{
    int err = RNL_OK;

    (void)arg;
    for (int i = 0; i < 5 && !err; i++)
        TRY(err, rnl_sleep(i * RNL_MILLISECOND));
    return err;
}

static int calls;

static void call(void *arg)
{
    calls++;
    if (arg)
        rnl_event_set(arg);
}

int called(void *arg)
{
    struct rnl_event *event;
    struct rnl_timer *timer = NULL;
    int err = rnl_event_open(&event);

    (void)arg;
    if (err)
        return err;
    calls = 0;
    err = rnl_call_soon(call, NULL);
    if (!err)
        err = rnl_call_later(&timer, RNL_MILLISECOND, call, event);
    if (!err)
        TRY(err, rnl_event_wait(event));
    if (!err && calls != 2)
        torture_wrong("a call that was lost");
    rnl_timer_free(timer);
    rnl_event_free(event);
    return err;
}

static int produce(void *arg)
{
    static int items[10];
    int err = RNL_OK;

    for (int i = 0; i < 10 && !err; i++)
        TRY(err, rnl_queue_put(arg, &items[i]));
    rnl_queue_close(arg);
    return err;
}

int queued(void *arg)
{
    struct rnl_queue *queue;
    struct rnl_task *task = NULL;
    void *item, *last = NULL;
    int err = rnl_queue_open(&queue, 2), count = 0;

    (void)arg;
    if (err)
        return err;
    err = rnl_task_spawn(&task, produce, queue, NULL);
    while (!err) {
        TRY(err, rnl_queue_get(queue, &item));
        if (err)
            break;
        if (last && (int *)item != (int *)last + 1)
            torture_wrong("an item out of order, or lost");
        last = item;
        count++;
    }
    if (task) {
        int result = RNL_OK, ended;

        (void)rnl_task_cancel(task);
        TRY(ended, rnl_task_join(task, &result));
        (void)ended;
        rnl_task_free(task);
    }
    rnl_queue_free(queue);
    return err == RNL_ECLOSED && count == 10 ? RNL_OK : err;
}

int shielded(void *arg)
{
    int err, after;

    (void)arg;
    err = rnl_shield_begin();
    if (err)
        return err;
    err = rnl_sleep(RNL_MILLISECOND);
    if (err == RNL_ECANCELED)
        torture_wrong("a cancel inside a shield");
    after = rnl_shield_end();
    if (!err)
        err = after;
    if (!err)
        TRY(err, rnl_yield());
    return err;
}

int nested_limits(void *arg)
{
    struct rnl_timeout outer, inner;
    int err;

    (void)arg;
    err = rnl_timeout_begin(&outer, RNL_HOUR);
    if (err)
        return err;
    err = rnl_timeout_begin(&inner, RNL_MILLISECOND);
    if (!err) {
        TRY(err, rnl_sleep(RNL_MINUTE));
        err = rnl_timeout_end(&inner, err);
        if (err == RNL_OK)
            torture_wrong("a minute within a millisecond");
    }
    if (err == RNL_ETIMEDOUT)
        TRY(err, rnl_sleep(1));
    return rnl_timeout_end(&outer, err);
}

static int work(void *arg)
{
    *(int *)arg = 7;
    return 1;
}

int on_a_thread(void *arg)
{
    int *n = malloc(sizeof *n), err, result = 0;

    (void)arg;
    if (!n)
        return RNL_ENOMEM;
    *n = 0;
    TRY(err, rnl_to_thread(work, n, NULL, &result));
    if (!err && (*n != 7 || result != 1))
        torture_wrong("work that was not done");
    free(n);
    return err;
}

int left_behind(void *arg)
{
    (void)arg;
    return rnl_task_spawn(NULL, answer_42, NULL, NULL); /* the loop ends meanwhile */
}

static int deeper(void *arg)
{
    struct rnl_task *task;
    int depth = *(int *)arg - 1, err, result = 0;

    if (depth == 0)
        return RNL_OK;
    err = rnl_task_spawn(&task, deeper, &depth, NULL);
    if (err)
        return err;
    TRY(err, rnl_task_wait(task, &result));
    if (err) { /* `depth` is on our stack */
        int ended;

        (void)rnl_task_cancel(task);
        while ((ended = rnl_task_wait(task, &result)) == RNL_ECANCELED)
            continue;
        (void)ended;
    }
    rnl_task_free(task);
    return err ? err : result;
}

int deep(void *arg)
{
    int depth = 8;

    (void)arg;
    return deeper(&depth);
}
