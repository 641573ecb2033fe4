/* Timeout scopes, groups, timers. */
#include "task/helper_loop.h"

#include <string.h>

static int sleeps(void *arg)
{
    (void)arg;
    return rnl_sleep(RNL_HOUR);
}

static void timeouts(void)
{
    struct rnl_timeout outer, inner;

    OK(rnl_timeout_begin(&outer, RNL_MILLISECOND));
    IS(rnl_timeout_end(&outer, rnl_sleep(RNL_HOUR)), RNL_ETIMEDOUT);
    CU_ASSERT(rnl_timeout_expired(&outer));
    IS(rnl_task_cancelling(rnl_task_current()), 0);
    OK(rnl_timeout_begin(&outer, RNL_HOUR));
    OK(rnl_timeout_end(&outer, rnl_sleep(RNL_MICROSECOND)));
    CU_ASSERT(!rnl_timeout_expired(&outer));
    OK(rnl_timeout_begin(&outer, RNL_OFF));
    OK(rnl_timeout_reset(&outer, RNL_MILLISECOND));
    IS(rnl_timeout_end(&outer, rnl_sleep(RNL_HOUR)), RNL_ETIMEDOUT);
    IS(rnl_timeout_reset(&outer, 1), RNL_EINVAL);
    OK(rnl_timeout_begin(&outer, 0)); /* runs out at the first wait */
    IS(rnl_timeout_end(&outer, rnl_yield()), RNL_ETIMEDOUT);
    OK(rnl_timeout_begin(&outer, -RNL_SECOND)); /* as does a moment of the past */
    IS(rnl_timeout_end(&outer, rnl_yield()), RNL_ETIMEDOUT);
    OK(rnl_timeout_begin(&outer, 0)); /* or never, where nothing waits */
    OK(rnl_timeout_end(&outer, RNL_OK));
    OK(rnl_yield());
    /* The outer one runs out inside the inner one: only it says so. */
    OK(rnl_timeout_begin(&outer, RNL_MILLISECOND));
    OK(rnl_timeout_begin(&inner, RNL_HOUR));
    IS(rnl_timeout_end(&inner, rnl_sleep(RNL_HOUR)), RNL_ECANCELED);
    IS(rnl_timeout_end(&outer, RNL_ECANCELED), RNL_ETIMEDOUT);
    OK(rnl_timeout_begin(&outer, RNL_HOUR));
    OK(rnl_timeout_begin(&inner, RNL_MILLISECOND));
    IS(rnl_timeout_end(&inner, rnl_sleep(RNL_HOUR)), RNL_ETIMEDOUT);
    OK(rnl_timeout_end(&outer, RNL_OK));
}
EACH(timeouts)

static int limited(void *arg)
{
    struct rnl_timeout scope;

    (void)arg;
    OK(rnl_timeout_begin(&scope, RNL_HOUR));
    return rnl_timeout_end(&scope, rnl_sleep(RNL_HOUR));
}

static void cancelled_from_outside(void)
{
    struct rnl_task *task = start(limited, NULL);

    turns(2);
    CU_ASSERT(rnl_task_cancel(task));
    IS(join(task), RNL_ECANCELED);
}
EACH(cancelled_from_outside)

static struct rnl_event *event;
static struct rnl_timeout scope;

static void set_event(void *arg)
{
    (void)arg;
    rnl_event_set(event);
}

/* The result and the deadline in one turn, the result first: it is the answer. */
static int waits_for_event(void *arg)
{
    (void)arg;
    OK(rnl_timeout_begin(&scope, RNL_HOUR));
    return rnl_timeout_end(&scope, rnl_event_wait(event));
}

static void same_turn(void)
{
    struct rnl_task *task;

    OK(rnl_event_open(&event));
    task = start(waits_for_event, NULL);
    turns(2);
    rnl_event_set(event);
    CU_ASSERT(rnl_task_cancel(task)); /* comes second */
    OK(join(task));
    rnl_event_clear(event);
    task = start(waits_for_event, NULL);
    turns(2);
    CU_ASSERT(rnl_task_cancel(task)); /* comes first */
    rnl_event_set(event);
    IS(join(task), RNL_ECANCELED);
    rnl_event_free(event);
}
EACH(same_turn)

static int waits_a_little(void *arg)
{
    int err;

    (void)arg;
    OK(rnl_timeout_begin(&scope, 2 * RNL_MILLISECOND));
    err = rnl_event_wait(event);
    err = rnl_timeout_end(&scope, err);
    CU_ASSERT(err == RNL_OK || err == RNL_ETIMEDOUT);
    OK(rnl_yield()); /* a deadline that came second is gone with its scope */
    return err;
}

static void same_instant(void)
{
    int answered = 0;

    OK(rnl_event_open(&event));
    for (int i = 0; i < 50; i++) {
        struct rnl_task *task;

        rnl_event_clear(event);
        OK(rnl_call_later(NULL, 2 * RNL_MILLISECOND - 1000 * (i % 3), set_event, NULL));
        task = start(waits_a_little, NULL);
        answered += join(task) == RNL_OK;
        OK(rnl_sleep(RNL_MILLISECOND));
    }
    CU_ASSERT(answered > 0);
    rnl_event_free(event);
}
EACH(same_instant)

static int fails_soon(void *arg)
{
    (void)arg;
    turns(2);
    return RNL_EUSER;
}

static int ends_well(void *arg)
{
    (void)arg;
    return rnl_yield();
}

static void groups(void)
{
    struct rnl_group *group;

    OK(rnl_group_open(&group));
    for (int i = 0; i < 10; i++)
        OK(rnl_group_spawn(group, ends_well, NULL, NULL));
    IS(rnl_group_count(group), 10);
    OK(rnl_group_close(group, RNL_OK));
    /* A failure cancels the others, and the body. */
    OK(rnl_group_open(&group));
    OK(rnl_group_spawn(group, sleeps, NULL, NULL));
    OK(rnl_group_spawn(group, fails_soon, NULL, NULL));
    IS(rnl_sleep(RNL_HOUR), RNL_ECANCELED);
    IS(rnl_group_spawn(group, sleeps, NULL, NULL), RNL_ECLOSED);
    IS(rnl_group_close(group, RNL_ECANCELED), RNL_EUSER);
    IS(rnl_task_cancelling(rnl_task_current()), 0);
    OK(rnl_yield());
    /* The body fails: the tasks are cancelled. */
    OK(rnl_group_open(&group));
    OK(rnl_group_spawn(group, sleeps, NULL, NULL));
    IS(rnl_group_close(group, RNL_EPROTO), RNL_EPROTO);
    OK(rnl_group_open(&group));
    OK(rnl_group_close(group, RNL_OK));
    IS(reports, 0);
}
EACH(groups)

static int fails_too(void *arg)
{
    (void)arg;
    (void)!rnl_sleep(RNL_HOUR);
    return RNL_EPROTO; /* fails while it is being cancelled */
}

static void two_failures(void)
{
    struct rnl_group *group;

    OK(rnl_group_open(&group));
    OK(rnl_group_spawn(group, fails_too, NULL, NULL));
    OK(rnl_group_spawn(group, fails_soon, NULL, NULL));
    IS(rnl_group_close(group, RNL_OK), RNL_EUSER);
    OK(rnl_yield());
}
EACH(two_failures)

static int cancels_seen;

static int notes_cancel(void *arg)
{
    int err = rnl_sleep(RNL_HOUR);

    (void)arg;
    cancels_seen += err == RNL_ECANCELED;
    return err;
}

/* All of its tasks, and nobody else; no more may come. */
static void cancelled_group(void)
{
    struct rnl_task *other = start(notes_cancel, NULL);
    struct rnl_group *group;

    cancels_seen = 0;
    OK(rnl_group_open(&group));
    for (int i = 0; i < 3; i++)
        OK(rnl_group_spawn(group, notes_cancel, NULL, NULL));
    turns(2);
    IS(rnl_group_count(group), 3);
    rnl_group_cancel(group);
    turns(2);
    IS(rnl_group_count(group), 0);
    IS(cancels_seen, 3);
    IS(rnl_task_cancelling(rnl_task_current()), 0);
    CU_ASSERT(!rnl_task_done(other));
    IS(rnl_group_spawn(group, ends_well, NULL, NULL), RNL_ECLOSED);
    OK(rnl_group_close(group, RNL_OK));
    CU_ASSERT(rnl_task_cancel(other));
    IS(join(other), RNL_ECANCELED);
}
EACH(cancelled_group)

static int has_a_group(void *arg)
{
    struct rnl_group *group;

    (void)arg;
    OK(rnl_group_open(&group));
    OK(rnl_group_spawn(group, sleeps, NULL, NULL));
    return rnl_group_close(group, RNL_OK);
}

static void owner_cancelled(void)
{
    struct rnl_task *task = start(has_a_group, NULL);

    turns(3);
    CU_ASSERT(rnl_task_cancel(task));
    IS(join(task), RNL_ECANCELED);
}
EACH(owner_cancelled)

/* Ends only when it is cancelled for the second time. */
static int stubborn(void *arg)
{
    (void)arg;
    for (int cancels = 0; cancels < 2;)
        cancels += rnl_sleep(RNL_HOUR) == RNL_ECANCELED;
    return RNL_OK;
}

/* In virtual time: nobody waits five seconds. */
static void patience(void)
{
    struct rnl_group *group;
    int64_t began = rnl_now();

    OK(rnl_group_open(&group));
    OK(rnl_group_spawn(group, stubborn, NULL, NULL));
    rnl_group_cancel(group);
    OK(rnl_group_close(group, RNL_OK));
    IS(reports, 1);
    CU_ASSERT(strstr(last_report, "a group waits for cancelled tasks") != NULL);
    CU_ASSERT(rnl_now() - began >= 5 * RNL_SECOND);
}

static void loses_patience(void)
{
    OK(run_body("sim", patience));
}

/* ---- Time -------------------------------------------------------------- */

static int order[8], norder;

static void note(void *arg)
{
    order[norder++] = *(const int *)arg;
}

static void timers_in_order(void)
{
    static const int ids[] = {0, 1, 2, 3};
    struct rnl_timer *gone;

    norder = 0;
    OK(rnl_call_later(NULL, 3 * RNL_MILLISECOND, note, (void *)(uintptr_t)&ids[2]));
    OK(rnl_call_later(NULL, RNL_MILLISECOND, note, (void *)(uintptr_t)&ids[1]));
    OK(rnl_call_later(&gone, RNL_MILLISECOND, note, (void *)(uintptr_t)&ids[3]));
    OK(rnl_call_soon(note, (void *)(uintptr_t)&ids[0]));
    rnl_timer_free(gone);
    OK(rnl_sleep(6 * RNL_MILLISECOND));
    IS(norder, 3);
    CU_ASSERT(order[0] == 0 && order[1] == 1 && order[2] == 2);
}
EACH(timers_in_order)

static void never_early(void)
{
    for (int i = 0; i < 60; i++) {
        int64_t before = rnl_now();

        OK(rnl_sleep(300 * RNL_MICROSECOND));
        CU_ASSERT(rnl_now() - before >= 300 * RNL_MICROSECOND);
    }
    OK(rnl_sleep(0));
    OK(rnl_sleep(-5));
    OK(rnl_sleep(1));
}
EACH(never_early)

static void far_away(void)
{
    static const int64_t times[] = {INT64_MAX, INT64_MAX - 1, (int64_t)INT32_MAX * RNL_MILLISECOND,
                                    ((int64_t)INT32_MAX + 1) * RNL_MILLISECOND};
    struct rnl_task *task;

    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        struct rnl_timer *timer;
        int never = 9;

        OK(rnl_call_later(&timer, times[i], note, &never));
        task = start(sleeps, NULL);
        OK(rnl_sleep(RNL_MILLISECOND));
        CU_ASSERT(rnl_task_cancel(task));
        IS(join(task), RNL_ECANCELED);
        rnl_timer_free(timer);
    }
}
EACH(far_away)

static int rearmed;

static void rearm(void *arg)
{
    if (rearmed++ < 1000000 && arg)
        OK(rnl_call_later(NULL, 0, rearm, arg));
}

/* A timer of no time that starts itself again does not keep the others waiting. */
static void zero_timer(void)
{
    static int on;

    rearmed = 0;
    OK(rnl_call_later(NULL, 0, rearm, &on));
    turns(100);
    CU_ASSERT(rearmed >= 50 && rearmed <= 110);
    rearmed = 1000000;
    OK(rnl_sleep(RNL_MILLISECOND));
}
EACH(zero_timer)

static void many_timers(void)
{
    enum { COUNT = 20000 };
    static struct rnl_timer *timers[COUNT];

    for (int i = 0; i < COUNT; i++)
        OK(rnl_call_later(&timers[i], RNL_HOUR + i, note, NULL));
    for (int i = 0; i < COUNT; i++)
        rnl_timer_free(timers[i]);
}
EACH(many_timers)

SUITE("scopes", {"timeouts, nested", timeouts_each}, {"cancelled from outside", cancelled_from_outside_each},
      {"D2 a result and a cancel in one turn, both orders", same_turn_each},
      {"D2 a result and a deadline at one instant", same_instant_each}, {"groups", groups_each},
      {"D11 a task fails while it is cancelled", two_failures_each},
      {"a group's owner is cancelled", owner_cancelled_each},
      {"a group is cancelled", cancelled_group_each},
      {"a group loses patience with a cancelled task", loses_patience}, {"K7 timers in order", timers_in_order_each},
      {"K6 never early", never_early_each}, {"K1 far away", far_away_each},
      {"K4 a timer of no time starves nobody", zero_timer_each}, {"K5 many timers, taken back", many_timers_each})
