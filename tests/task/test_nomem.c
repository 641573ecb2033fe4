/* Every allocation fails in turn, of the loop's and of the default allocator. */
#include "task/helper_loop.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "task/loop.h"

static atomic_long live, until_failure;

/* Threads allocate too. */
static bool fails(void)
{
    return atomic_fetch_sub(&until_failure, 1) == 1;
}

static void *maybe_alloc(void *user, size_t size)
{
    void *ptr = fails() ? NULL : malloc(size);

    (void)user;
    atomic_fetch_add(&live, ptr != NULL);
    return ptr;
}

static void *maybe_realloc(void *user, void *old, size_t old_size, size_t size)
{
    void *ptr = fails() ? NULL : realloc(old, size);

    (void)user;
    (void)old_size;
    atomic_fetch_add(&live, ptr != NULL && !old);
    return ptr;
}

static void maybe_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    atomic_fetch_sub(&live, ptr != NULL);
    free(ptr);
}

static const struct rnl_allocator failing = {maybe_alloc, maybe_realloc, maybe_free, NULL};

/* ---- A program that uses everything ------------------------------------ */

enum { ITEMS = 40 };

static void quiet(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
}

static int produce(void *queue)
{
    int err = RNL_OK;

    for (int i = 0; i < ITEMS && !err; i++)
        err = rnl_queue_put(queue, queue);
    rnl_queue_close(queue);
    return err;
}

static int consume(void *queue)
{
    void *item;
    int n = 0, err;

    while ((err = rnl_queue_get(queue, &item)) == RNL_OK)
        n++;
    if (err == RNL_ECLOSED && n == ITEMS)
        return RNL_OK;
    return err == RNL_ECLOSED ? RNL_ENOMEM : err; /* the producer's failure */
}

static void set(void *event)
{
    rnl_event_set(event);
}

static int wait_for(void *event)
{
    struct rnl_timeout limit;
    int err = rnl_timeout_begin(&limit, 20 * RNL_SECOND);

    if (!err)
        err = rnl_event_wait(event);
    return rnl_timeout_end(&limit, err);
}

static int on_thread(void *arg)
{
    *(int *)arg = 1;
    return RNL_OK;
}

static int sleeps_and_works(void *arg)
{
    int done = 0, err = rnl_sleep(RNL_MICROSECOND);

    (void)arg;
    if (!err)
        err = rnl_to_thread(on_thread, &done, NULL, NULL);
    return err;
}

static int in_group(struct rnl_queue *queue, struct rnl_event *event)
{
    struct rnl_group *group;
    int err = rnl_group_open(&group);

    if (err)
        return err;
    err = rnl_group_spawn(group, produce, queue, NULL);
    if (!err)
        err = rnl_group_spawn(group, consume, queue, NULL);
    if (!err)
        err = rnl_group_spawn(group, wait_for, event, NULL);
    if (!err)
        err = rnl_group_spawn(group, sleeps_and_works, NULL, NULL);
    if (!err)
        err = rnl_call_later(NULL, RNL_MICROSECOND, set, event);
    return rnl_group_close(group, err);
}

static int in_loop(void *arg)
{
    struct rnl_queue *queue = NULL;
    struct rnl_event *event = NULL;
    struct rnl_loop_ref *ref = NULL;
    int err = rnl_queue_open(&queue, 20);

    (void)arg;
    if (!err)
        err = rnl_event_open(&event);
    if (!err)
        err = rnl_loop_ref(&ref);
    if (!err)
        err = in_group(queue, event);
    if (!err)
        rnl_event_clear(event);
    if (!err && (err = rnl_call_soon(set, event)) == RNL_OK)
        err = rnl_event_wait(event);
    if (!err)
        rnl_event_clear(event);
    if (!err && (err = rnl_call_soon_threadsafe(ref, set, event)) == RNL_OK)
        err = rnl_event_wait(event);
    rnl_loop_unref(ref);
    rnl_event_free(event);
    rnl_queue_free(queue);
    return err;
}

static void each_allocation_fails(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;

    options.allocator = &failing;
    options.report = quiet;
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        int code = RNL_ENOMEM, n = 0;

        options.backend = *name;
        do {
            atomic_store(&until_failure, ++n);
            code = rnl_run(in_loop, NULL, &options);
            CU_ASSERT_TRUE(code == RNL_OK || code == RNL_ENOMEM);
            IS(atomic_load(&live), 0);
        } while (atomic_load(&until_failure) <= 0 && n < 1000);
        OK(code); /* nothing failed any more */
        CU_ASSERT_TRUE(n > 20 && n < 1000);
    }
}

/* The program leaves without an end; its frame is gone when the scopes are looked at. */
static int begins_no_scope(void *arg)
{
    struct rnl_timeout limit;

    (void)arg;
    atomic_store(&until_failure, 1);
    IS(rnl_timeout_begin(&limit, RNL_SECOND), RNL_ENOMEM);
    CU_ASSERT_PTR_NULL(rnl_task_current()->scopes);
    IS(rnl_timeout_end(&limit, RNL_EUSER), RNL_EUSER);
    atomic_store(&until_failure, 1);
    IS(rnl_sleep(1), RNL_ENOMEM);
    OK(rnl_timeout_begin(&limit, 1));
    IS(rnl_timeout_end(&limit, rnl_sleep(RNL_HOUR)), RNL_ETIMEDOUT);
    return RNL_OK;
}

static void no_scope(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;

    options.allocator = &failing;
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        options.backend = *name;
        atomic_store(&until_failure, 0); /* what is left of the test before */
        OK(rnl_run(begins_no_scope, NULL, &options));
        IS(atomic_load(&live), 0);
    }
}

/* First: nothing has been allocated yet. */
static void take_over(void)
{
    OK(rnl_set_default_allocator(&failing));
}

SUITE("nomem", {"the default allocator is ours", take_over},
      {"M1 each allocation fails in turn", each_allocation_fails},
      {"M1 no memory for a limit of time", no_scope})
