/* Tasks: spawning, joining, cancelling, shields, reports. */
#include "task/helper_loop.h"

#include <string.h>

static int add_one(void *arg)
{
    return ++*(int *)arg;
}

static void spawned(void)
{
    struct rnl_task_options o = RNL_TASK_OPTIONS_INIT;
    struct rnl_task *task;
    int n = 0;

    o.name = "a name that is far too long for the room there is";
    o.user = &n;
    OK(rnl_task_spawn(&task, add_one, &n, &o));
    IS(n, 0); /* it runs when we wait */
    CU_ASSERT(!rnl_task_done(task));
    IS(strlen(rnl_task_name(task)), 31);
    CU_ASSERT(rnl_task_user(task) == &n);
    OK(rnl_task_join(task, &n));
    IS(n, 1);
    CU_ASSERT(rnl_task_done(task));
    OK(rnl_task_join(task, NULL)); /* again */
    CU_ASSERT(!rnl_task_cancel(task));
    rnl_task_free(task);
    CU_ASSERT(strcmp(rnl_task_name(rnl_task_current()), "main") == 0);
    IS(rnl_task_spawn(NULL, NULL, NULL, NULL), RNL_EINVAL);
    o.stack_size = SIZE_MAX;
    IS(rnl_task_spawn(&task, add_one, &n, &o), RNL_ENOMEM);
    o.stack_size = 300000;
    OK(rnl_task_spawn(&task, add_one, &n, &o));
    IS(join(task), 2);
}
EACH(spawned)

static int sleeps(void *arg)
{
    int err = rnl_sleep(RNL_HOUR);

    if (arg)
        *(int *)arg = err;
    return err;
}

static void cancelled(void)
{
    struct rnl_task *task = start(sleeps, NULL);

    CU_ASSERT(rnl_task_cancel(task)); /* before it has started: it still runs */
    IS(join(task), RNL_ECANCELED);
    task = start(sleeps, NULL);
    turns(2);
    CU_ASSERT(rnl_task_cancel(task));
    CU_ASSERT(rnl_task_cancel(task));
    IS(rnl_task_cancelling(task), 2);
    IS(join(task), RNL_ECANCELED);
    CU_ASSERT(rnl_task_cancel(rnl_task_current())); /* oneself */
    IS(rnl_yield(), RNL_ECANCELED);
    OK(rnl_yield());
    IS(rnl_task_uncancel(rnl_task_current()), 0);
    CU_ASSERT(rnl_task_cancel(rnl_task_current()));
    IS(rnl_task_uncancel(rnl_task_current()), 0); /* taken back before it arrived */
    OK(rnl_yield());
}
EACH(cancelled)

static int cleans_up(void *arg)
{
    int *steps = arg;
    int err = rnl_sleep(RNL_HOUR);

    for (int i = 0; i < 3; i++)
        *steps += rnl_yield() == RNL_OK; /* a cancel is delivered once */
    return err;
}

static void cleaning_up(void)
{
    int steps = 0;
    struct rnl_task *task = start(cleans_up, &steps);

    turns(2);
    CU_ASSERT(rnl_task_cancel(task));
    IS(join(task), RNL_ECANCELED);
    IS(steps, 3);
}
EACH(cleaning_up)

static int shielded(void *arg)
{
    int *inside = arg;
    int err;

    OK(rnl_shield_begin());
    OK(rnl_shield_begin());
    *inside = rnl_sleep(RNL_MILLISECOND);
    OK(rnl_shield_end());
    OK(rnl_yield());
    OK(rnl_shield_end());
    IS(rnl_shield_end(), RNL_EINVAL);
    err = rnl_yield();
    return err;
}

static void shields(void)
{
    int inside = -1;
    struct rnl_task *task = start(shielded, &inside);

    turns(2);
    CU_ASSERT(rnl_task_cancel(task));
    IS(join(task), RNL_ECANCELED);
    IS(inside, RNL_OK);
}
EACH(shields)

static int joins(void *arg)
{
    int result;

    return rnl_task_join(arg, &result);
}

static int waits_for(void *arg)
{
    return rnl_task_wait(arg, NULL);
}

/* join passes a cancel on, as await does; wait does not. */
static void joining(void)
{
    struct rnl_task *inner = start(sleeps, NULL), *outer = start(joins, inner);
    struct rnl_task *waiter;

    IS(rnl_task_join(rnl_task_current(), NULL), RNL_EINVAL);
    turns(2);
    CU_ASSERT(rnl_task_cancel(outer));
    IS(join(outer), RNL_ECANCELED);
    IS(join(inner), RNL_ECANCELED);
    inner = start(sleeps, NULL);
    waiter = start(waits_for, inner);
    turns(2);
    CU_ASSERT(rnl_task_cancel(waiter));
    IS(join(waiter), RNL_ECANCELED);
    CU_ASSERT(!rnl_task_done(inner));
    CU_ASSERT(rnl_task_cancel(inner));
    IS(join(inner), RNL_ECANCELED);
}
EACH(joining)

static struct rnl_task *left, *right;

static int join_left(void *arg)
{
    (void)arg;
    return rnl_task_join(left, NULL);
}

static int join_right(void *arg)
{
    (void)arg;
    return rnl_task_join(right, NULL);
}

static void joining_in_a_circle(void)
{
    int a, b;

    left = start(join_right, NULL);
    right = start(join_left, NULL);
    OK(rnl_task_join(left, &a));
    OK(rnl_task_join(right, &b));
    CU_ASSERT((a == RNL_EDEADLOCK) + (b == RNL_EDEADLOCK) == 1);
    rnl_task_free(left);
    rnl_task_free(right);
}
EACH(joining_in_a_circle)

static int fails(void *arg)
{
    (void)arg;
    return RNL_EUSER;
}

static void reported(void)
{
    struct rnl_task_options o = RNL_TASK_OPTIONS_INIT;

    reports = 0;
    o.name = "lonely";
    OK(rnl_task_spawn(NULL, fails, NULL, &o));
    turns(3);
    IS(reports, 1);
    IS(last_report_code, RNL_EUSER);
    CU_ASSERT(strstr(last_report, "lonely") != NULL);
    IS(join(start(fails, NULL)), RNL_EUSER);
    IS(reports, 1);
}
EACH(reported)

/* A task that never has to wait lets others run after 256 calls. */
static int busy(void *arg)
{
    struct rnl_event *event = arg;
    int n = 0;

    while (n < 10000 && !rnl_event_wait(event))
        n++;
    return n;
}

static int counts(void *arg)
{
    int *n = arg;
    int err;

    while (!(err = rnl_yield()))
        ++*n;
    return err;
}

static void fair(void)
{
    struct rnl_event *event;
    struct rnl_task *worker, *counter;
    int n = 0;

    OK(rnl_event_open(&event));
    rnl_event_set(event);
    counter = start(counts, &n);
    worker = start(busy, event);
    IS(join(worker), 10000);
    CU_ASSERT(n >= 10000 / 258);
    CU_ASSERT(rnl_task_cancel(counter));
    IS(join(counter), RNL_ECANCELED);
    rnl_event_free(event);
}
EACH(fair)

static int ends(void *arg)
{
    (void)arg;
    return RNL_OK;
}

static void many_in_turn(void)
{
    for (int i = 0; i < 20000; i++)
        OK(join(start(ends, NULL)));
}
EACH(many_in_turn)

/* What is left when main ends is cancelled and awaited. */
static int ended_with;

static void left_behind(void)
{
    ended_with = 0;
    OK(rnl_task_spawn(NULL, sleeps, &ended_with, NULL));
    turns(1);
}

static void leftovers(void)
{
    OK(run_body(NULL, left_behind));
    IS(ended_with, RNL_ECANCELED);
}

static void waits_for_nothing(void)
{
    struct rnl_event *event;

    OK(rnl_event_open(&event));
    IS(rnl_event_wait(event), RNL_ECANCELED); /* the loop ends */
    rnl_event_free(event);
}

static void deadlock(void)
{
    IS(run_body(NULL, waits_for_nothing), RNL_EDEADLOCK);
    CU_ASSERT(reports >= 2);
}

static int slow(void *arg)
{
    int64_t until = rnl_now() + 150 * RNL_MILLISECOND;

    (void)arg;
    while (rnl_now() < until)
        continue;
    return RNL_OK;
}

static int slow_main(void *arg)
{
    struct rnl_task_options o = RNL_TASK_OPTIONS_INIT;
    struct rnl_task *task;

    (void)arg;
    o.name = "slowcoach";
    OK(rnl_task_spawn(&task, slow, NULL, &o));
    return join(task);
}

static int slow_reports;

static void on_slow(void *user, const struct rnl_report *report)
{
    (void)user;
    slow_reports += strstr(report->what, "100 ms") && strcmp(report->task, "slowcoach") == 0;
}

static void slow_turns(void)
{
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;

    o.debug = RNL_YES;
    o.report = on_slow;
    slow_reports = 0;
    OK(rnl_run(slow_main, NULL, &o));
    IS(slow_reports, 1);
}

SUITE("tasks", {"spawning and joining", spawned_each},
      {"D10 cancelled before the start, waiting, oneself, after the end", cancelled_each},
      {"D12 clean-up waits after a cancel", cleaning_up_each}, {"shields hold cancels back", shields_each},
      {"joining and waiting", joining_each}, {"joining in a circle", joining_in_a_circle_each},
      {"D8 a failure that nobody collects is reported once", reported_each},
      {"F6 a task that never waits lets others run", fair_each}, {"L12 twenty thousand in turn", many_in_turn_each},
      {"leftovers are cancelled", leftovers},
      {"P3 a deadlock is told", deadlock}, {"P2 a slow turn is told in debug", slow_turns})
