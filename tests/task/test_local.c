/* The first of several, values of a task, names, deep calls. */
#include <string.h>

#include "task/helper_loop.h"

static struct rnl_event *event;

static int wait_event(void *arg)
{
    int err = rnl_event_wait(event);

    return err ? err : (int)(intptr_t)arg;
}

static int yield_some(void *arg)
{
    int err = RNL_OK;

    for (int i = 0; i < 5 && !err; i++)
        err = rnl_yield();
    return err ? err : (int)(intptr_t)arg;
}

static void first_of_several(void)
{
    struct rnl_task *tasks[3];
    size_t which = 99;

    OK(rnl_event_open(&event));
    tasks[0] = start(wait_event, (void *)1);
    tasks[1] = start(yield_some, (void *)2);
    tasks[2] = start(wait_event, (void *)3);
    IS(rnl_task_wait_first(tasks, 0, &which), RNL_EINVAL);
    OK(rnl_task_wait_first(tasks, 3, &which));
    IS(which, 1);
    OK(rnl_task_wait_first(tasks, 3, &which)); /* at once */
    CU_ASSERT(!rnl_task_done(tasks[0]) && !rnl_task_done(tasks[2]));
    rnl_event_set(event);
    IS(join(tasks[0]), 1);
    IS(join(tasks[1]), 2);
    IS(join(tasks[2]), 3);
    rnl_event_free(event);
}
EACH(first_of_several)

static struct rnl_task *watched[2];

static int watch(void *arg)
{
    size_t which;

    (void)arg;
    return rnl_task_wait_first(watched, 2, &which);
}

/* A cancelled wait leaves nothing in the tasks; two may wait for the same. */
static void first_cancelled(void)
{
    struct rnl_task *a, *b;

    OK(rnl_event_open(&event));
    watched[0] = start(wait_event, NULL);
    watched[1] = start(wait_event, NULL);
    a = start(watch, NULL);
    b = start(watch, NULL);
    turns(2);
    CU_ASSERT(rnl_task_cancel(a));
    IS(join(a), RNL_ECANCELED);
    rnl_event_set(event);
    OK(join(b));
    OK(join(watched[0]));
    OK(join(watched[1]));
    rnl_event_free(event);
}
EACH(first_cancelled)

/* Whoever gives a handle up may take it out of the array that somebody waits with. */
static void first_array_changes(void)
{
    struct rnl_task *waiter, *tasks[2];

    OK(rnl_event_open(&event));
    watched[0] = tasks[0] = start(wait_event, NULL);
    watched[1] = tasks[1] = start(wait_event, (void *)5);
    waiter = start(watch, NULL);
    turns(2);
    watched[0] = watched[1] = NULL;
    rnl_task_free(tasks[0]);
    rnl_event_set(event);
    OK(join(waiter));
    IS(join(tasks[1]), 5);
    rnl_event_free(event);
}
EACH(first_array_changes)

static void first_arguments(void)
{
    struct rnl_task *tasks[2] = {start(yield_some, NULL), NULL};
    size_t which = 99;

    IS(rnl_task_wait_first(NULL, 1, &which), RNL_EINVAL);
    IS(rnl_task_wait_first(tasks, 2, &which), RNL_EINVAL);
    tasks[1] = rnl_task_current();
    IS(rnl_task_wait_first(tasks, 2, &which), RNL_EINVAL);
    IS(which, 99);
    OK(rnl_task_wait_first(tasks, 1, NULL));
    CU_ASSERT(rnl_task_done(tasks[0]));
    OK(rnl_task_wait_first(tasks, 1, NULL)); /* at once */
    OK(join(tasks[0]));
}
EACH(first_arguments)

/* ---- Values of a task -------------------------------------------------- */

static int copies, drops;

static void *copy_value(void *value)
{
    copies++;
    return (char *)value + 1;
}

static void drop_value(void *value)
{
    (void)value;
    drops++;
}

static const struct rnl_local inherited = {copy_value, drop_value};
static const struct rnl_local own = {NULL, NULL};
static char places[8];

static int child(void *arg)
{
    CU_ASSERT_PTR_EQUAL(rnl_local_get(&inherited), places + 1);
    CU_ASSERT_PTR_NULL(rnl_local_get(&own));
    OK(rnl_local_set(&own, arg));
    OK(rnl_yield());
    CU_ASSERT_PTR_EQUAL(rnl_local_get(&own), arg);
    return RNL_OK;
}

static void values(void)
{
    struct rnl_task *a, *b;

    copies = drops = 0;
    CU_ASSERT_PTR_NULL(rnl_local_get(&inherited));
    OK(rnl_local_set(&inherited, places));
    OK(rnl_local_set(&own, places + 5));
    a = start(child, places + 6);
    b = start(child, places + 7);
    OK(join(a));
    OK(join(b));
    IS(copies, 2);
    IS(drops, 2);
    CU_ASSERT_PTR_EQUAL(rnl_local_get(&own), places + 5);
    OK(rnl_local_set(&inherited, NULL));
    IS(drops, 3);
}
EACH(values)

static int named(void *arg)
{
    CU_ASSERT_STRING_EQUAL(rnl_task_name(rnl_task_current()), "reader of the third kind, which");
    CU_ASSERT_PTR_EQUAL(rnl_task_user(rnl_task_current()), arg);
    rnl_task_set_user(rnl_task_current(), NULL);
    return RNL_OK;
}

static void names(void)
{
    struct rnl_task_options options = RNL_TASK_OPTIONS_INIT;
    struct rnl_task *task;

    options.name = "reader of the third kind, which has a long name";
    options.user = places;
    OK(rnl_task_spawn(&task, named, places, &options));
    CU_ASSERT(strlen(rnl_task_name(task)) == 31);
    OK(rnl_task_wait(task, NULL));
    CU_ASSERT_PTR_NULL(rnl_task_user(task));
    OK(join(task));
}

/* ---- Deep calls -------------------------------------------------------- */

static int deep(void *arg)
{
    volatile char room[600 * 1024]; /* nine times a task's stack */
    int err;

    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = (char)i;
    CU_ASSERT_PTR_EQUAL(rnl_task_current(), arg);
    err = rnl_yield();
    for (size_t i = 0; i < sizeof room; i += 512)
        CU_ASSERT(room[i] == (char)i);
    return err ? err : 7;
}

static int go_deep(void *arg)
{
    int result = 0;

    (void)arg;
    OK(rnl_on_big_stack(deep, rnl_task_current(), 0, &result));
    return result;
}

static void big_stack(void)
{
    struct rnl_task *tasks[3];

    for (int i = 0; i < 3; i++)
        tasks[i] = start(go_deep, NULL);
    turns(1);
    CU_ASSERT(rnl_task_cancel(tasks[1]));
    IS(join(tasks[0]), 7);
    IS(join(tasks[1]), RNL_ECANCELED);
    IS(join(tasks[2]), 7);
}
EACH(big_stack)

static void outside_a_loop(void)
{
    int result;

    IS(rnl_on_big_stack(deep, NULL, 0, &result), RNL_EINVAL);
    IS(rnl_local_set(&own, NULL), RNL_EINVAL);
    CU_ASSERT_PTR_NULL(rnl_local_get(&own));
}

EACH(names)

SUITE("local", {"the first of several tasks", first_of_several_each},
      {"the first of several, cancelled", first_cancelled_each},
      {"the first of several, out of an array that changes", first_array_changes_each},
      {"the first of several, arguments", first_arguments_each}, {"values of a task", values_each},
      {"names and user pointers", names_each}, {"a deep call on a big stack", big_stack_each},
      {"outside a loop", outside_a_loop})
