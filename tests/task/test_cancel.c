/* Cancels that meet: each other, a time limit, the end of a task's turn. */
#include "task/helper_loop.h"

static void cancel_it(void *task)
{
    rnl_task_cancel(task);
}

/* A cancel that arrives while the caller, its turn used up, waits for the next. */
static void cancel_me_between(void)
{
    use_up_turn();
    OK(rnl_call_soon(cancel_it, rnl_task_current()));
}

/* ---- Two before the task runs ------------------------------------------ */

static int counts_cancels(void *arg)
{
    int cancels = 0;

    (void)arg;
    cancels += rnl_sleep(RNL_HOUR) == RNL_ECANCELED;
    for (int i = 0; i < 3; i++)
        cancels += rnl_yield() == RNL_ECANCELED;
    return cancels;
}

static void two_at_once(void)
{
    struct rnl_task *task = start(counts_cancels, NULL);

    turns(2);
    rnl_task_cancel(task);
    rnl_task_cancel(task);
    IS(rnl_task_cancelling(task), 2);
    IS(join(task), 1);
}
EACH(two_at_once)

static void one_after_the_other(void)
{
    struct rnl_task *task = start(counts_cancels, NULL);

    turns(2);
    rnl_task_cancel(task);
    turns(1); /* it runs, and waits again */
    rnl_task_cancel(task);
    IS(join(task), 2);
}
EACH(one_after_the_other)

static int sleeps(void *ended)
{
    int code = rnl_sleep(RNL_HOUR);

    *(bool *)ended = true;
    return code;
}

static int joins_then_counts(void *child)
{
    int cancels = rnl_task_join(child, NULL) == RNL_ECANCELED;

    for (int i = 0; i < 3; i++)
        cancels += rnl_yield() == RNL_ECANCELED;
    return cancels;
}

static int cancels(void *task)
{
    return rnl_task_cancel(task) ? RNL_OK : RNL_EUSER;
}

/* The second comes when the joined task has ended and the joining one has not run. */
static void two_for_a_join(void)
{
    bool ended = false;
    struct rnl_task *child = start(sleeps, &ended);
    struct rnl_task *outer = start(joins_then_counts, child);
    struct rnl_task *second;

    turns(2);
    rnl_task_cancel(outer);
    second = start(cancels, outer);
    turns(1);
    CU_ASSERT_TRUE(ended && !rnl_task_done(outer));
    IS(join(outer), 1);
    OK(join(second));
    IS(join(child), RNL_ECANCELED);
}
EACH(two_for_a_join)

/* ---- At the end of a turn ---------------------------------------------- */

static int joins_late(void *arg)
{
    bool ended = false;
    struct rnl_task *child = start(sleeps, &ended);
    int result = RNL_OK;

    (void)arg;
    cancel_me_between();
    IS(rnl_task_join(child, &result), RNL_ECANCELED);
    CU_ASSERT_TRUE(ended); /* it points into this frame */
    IS(result, RNL_ECANCELED);
    rnl_task_free(child);
    return RNL_OK;
}

static void join_between_turns(void)
{
    OK(join(start(joins_late, NULL)));
}
EACH(join_between_turns)

static int forty_two(void *arg)
{
    (void)arg;
    return 42;
}

static int works_late(void *arg)
{
    int result = 0;

    (void)arg;
    cancel_me_between();
    IS(rnl_to_thread(forty_two, NULL, NULL, &result), RNL_ECANCELED);
    IS(result, 42);
    return RNL_OK;
}

static void work_between_turns(void)
{
    OK(join(start(works_late, NULL)));
}
EACH(work_between_turns)

struct parcel {
    struct rnl_loop_ref *ref;
    struct rnl_event *gone;
};

static void say_gone(void *gone)
{
    rnl_event_set(gone);
}

static void free_parcel(void *arg)
{
    struct parcel *parcel = arg;

    (void)rnl_call_soon_threadsafe(parcel->ref, say_gone, parcel->gone); /* on a thread */
}

static int sends_a_parcel(void *arg)
{
    cancel_me_between();
    IS(rnl_to_thread(forty_two, arg, free_parcel, NULL), RNL_ECANCELED);
    return RNL_OK;
}

static void argument_between_turns(void)
{
    struct parcel parcel;
    struct rnl_timeout limit;

    OK(rnl_loop_ref(&parcel.ref));
    OK(rnl_event_open(&parcel.gone));
    OK(join(start(sends_a_parcel, &parcel)));
    OK(rnl_timeout_begin(&limit, 20 * RNL_SECOND));
    OK(rnl_timeout_end(&limit, rnl_event_wait(parcel.gone)));
    rnl_event_free(parcel.gone);
    rnl_loop_unref(parcel.ref);
}
EACH(argument_between_turns)

/* ---- A time limit ------------------------------------------------------ */

static int limit_after_cancel(void *arg)
{
    struct rnl_timeout limit;

    (void)arg;
    rnl_task_cancel(rnl_task_current());
    OK(rnl_timeout_begin(&limit, 0));
    IS(rnl_timeout_end(&limit, rnl_sleep(RNL_HOUR)), RNL_ECANCELED);
    CU_ASSERT_TRUE(rnl_timeout_expired(&limit));
    IS(rnl_task_cancelling(rnl_task_current()), 1);
    return rnl_yield();
}

static void cancelled_before_the_limit(void)
{
    OK(join(start(limit_after_cancel, NULL)));
}
EACH(cancelled_before_the_limit)

static int two_limits(void *arg)
{
    struct rnl_timeout outer, inner;
    int err;

    (void)arg;
    OK(rnl_timeout_begin(&outer, 0));
    OK(rnl_timeout_begin(&inner, 0));
    err = rnl_sleep(RNL_HOUR);
    OK(rnl_yield()); /* one cancel was seen for both */
    err = rnl_timeout_end(&inner, err);
    IS(err, RNL_ECANCELED);
    IS(rnl_timeout_end(&outer, err), RNL_ETIMEDOUT);
    IS(rnl_task_cancelling(rnl_task_current()), 0);
    return rnl_yield();
}

static void limits_at_one_instant(void)
{
    OK(join(start(two_limits, NULL)));
}
EACH(limits_at_one_instant)

static int limit_in_a_shield(void *arg)
{
    struct rnl_timeout limit;

    (void)arg;
    OK(rnl_shield_begin());
    rnl_task_cancel(rnl_task_current());
    OK(rnl_timeout_begin(&limit, 0));
    OK(rnl_timeout_end(&limit, rnl_yield()));
    OK(rnl_yield());
    OK(rnl_shield_end());
    IS(rnl_yield(), RNL_ECANCELED); /* the one from outside, kept */
    return rnl_yield();
}

static void shielded_limit(void)
{
    OK(join(start(limit_in_a_shield, NULL)));
}
EACH(shielded_limit)

static int sleeps_a_little(void *arg)
{
    (void)arg;
    return rnl_sleep(RNL_MILLISECOND);
}

/* The next turn's calls come before its timers, and the sleep is over by then. */
static void cancelled_as_a_sleep_ends(void)
{
    struct rnl_task *task = start(sleeps_a_little, NULL);
    int64_t begin;

    turns(2);
    OK(rnl_call_soon(cancel_it, task));
    for (begin = rnl_now(); rnl_now() - begin <= 2 * RNL_MILLISECOND;)
        continue;
    IS(join(task), RNL_ECANCELED);
}
EACH_SYSTEM(cancelled_as_a_sleep_ends)

static void cancel_at(void *task)
{
    rnl_task_cancel(*(struct rnl_task **)task);
}

/* In virtual time both are due in one turn, the cancel first. */
static void cancelled_at_one_instant(void)
{
    struct rnl_task *task;

    OK(rnl_call_later(NULL, RNL_MILLISECOND, cancel_at, &task));
    task = start(sleeps_a_little, NULL);
    IS(join(task), RNL_ECANCELED);
}
EACH(cancelled_at_one_instant)

SUITE("cancel", {"D12 two cancels before the task runs are seen once", two_at_once_each},
      {"D12 two cancels with a run between are seen twice", one_after_the_other_each},
      {"D12 a second cancel as a join ends", two_for_a_join_each},
      {"D10 a join cancelled between turns waits for its task", join_between_turns_each},
      {"D10 work cancelled between turns has a result", work_between_turns_each},
      {"D10 work cancelled between turns frees its argument", argument_between_turns_each},
      {"D2 a cancel before a limit is not forgotten", cancelled_before_the_limit_each},
      {"D2 two limits at one instant", limits_at_one_instant_each},
      {"D12 a limit inside a shield", shielded_limit_each},
      {"D2 a cancel in the turn in which a sleep is over", cancelled_as_a_sleep_ends_each},
      {"D2 a cancel and the end of a sleep at one instant", cancelled_at_one_instant_each})
