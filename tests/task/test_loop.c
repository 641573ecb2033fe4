/* The loop's end, deadlocks, the report hook, and threads after a fork. */
#include "task/helper_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "task/sanitize.h"

/* ---- Deadlock ---------------------------------------------------------- */

static int waits_for_event(void *event)
{
    return rnl_event_wait(event);
}

static void waits_for_nothing(void)
{
    struct rnl_event *event;
    struct rnl_group *group;

    OK(rnl_event_open(&event));
    OK(rnl_group_open(&group));
    OK(rnl_group_spawn(group, waits_for_event, event, NULL));
    IS(rnl_group_close(group, RNL_OK), RNL_ECANCELED);
    rnl_event_free(event);
}

static void deadlocked_group(void)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        IS(run_body(*name, waits_for_nothing), RNL_EDEADLOCK);
        CU_ASSERT_TRUE(reports > 1); /* it, and the tasks */
    }
}

static int answers(void *event)
{
    (void)event;
    return RNL_OK;
}

static int works(void *event)
{
    int code = rnl_to_thread(answers, NULL, NULL, NULL);

    rnl_event_set(event);
    return code;
}

/* Every task waits, but a thread will wake one. */
static void work_is_no_deadlock(void)
{
    struct rnl_event *event;
    struct rnl_task *task;

    OK(rnl_event_open(&event));
    task = start(works, event);
    OK(rnl_event_wait(event));
    OK(join(task));
    rnl_event_free(event);
}
EACH(work_is_no_deadlock)

/* ---- The end ----------------------------------------------------------- */

static struct rnl_loop_ref *ref;
static int soon_code, later_code, late_soon_code, lates;

static void nothing(void *arg)
{
    (void)arg;
}

static void late(void *arg)
{
    (void)arg;
    lates++;
    late_soon_code = rnl_call_soon(nothing, NULL);
}

static void again(void *arg)
{
    soon_code = rnl_call_soon(again, arg);
    if (!soon_code)
        return;
    later_code = rnl_call_later(NULL, 0, nothing, NULL);
    OK(rnl_call_soon_threadsafe(ref, late, NULL));
}

static void calls_itself(void)
{
    OK(rnl_loop_ref(&ref));
    OK(rnl_call_soon(again, NULL));
    OK(rnl_yield());
}

static void calls_at_the_end(void)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        lates = 0;
        OK(run_body(*name, calls_itself));
        IS(soon_code, RNL_ECLOSED);
        IS(later_code, RNL_ECLOSED);
        IS(lates, 1); /* it was accepted */
        IS(late_soon_code, RNL_ECLOSED);
        IS(rnl_call_soon_threadsafe(ref, late, NULL), RNL_ECLOSED);
        IS(lates, 1);
        rnl_loop_unref(ref);
    }
}

/* ---- The hook ---------------------------------------------------------- */

static int hooked, hook_sleep;

static int fails(void *arg)
{
    (void)arg;
    return RNL_EUSER;
}

static void hook(void *user, const struct rnl_report *report)
{
    (void)user;
    IS(report->code, RNL_EUSER);
    hooked++;
    hook_sleep = rnl_sleep(RNL_MICROSECOND);
}

static int gives_up_a_failure(void *arg)
{
    struct rnl_task *task = start(fails, NULL), *self = rnl_task_current();

    (void)arg;
    turns(2);
    rnl_task_free(task); /* reported here, on this task's stack */
    CU_ASSERT_TRUE(rnl_task_current() == self);
    return rnl_yield();
}

static void hook_cannot_wait(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;

    options.report = hook;
    OK(rnl_run(gives_up_a_failure, NULL, &options));
    IS(hooked, 1);
    IS(hook_sleep, RNL_EINVAL);
}

static int depth, deepest, told;

/* What is to be reported from inside the hook, by it or by what it calls, is not. */
static void hook_that_reports(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
    told++;
    depth++;
    deepest = depth > deepest ? depth : deepest;
    if (depth < 10)
        rnl_dump_tasks(RNL_REPORT_ERROR);
    depth--;
}

static void never_reentered(void)
{
    for (const char *const *name = rnl_backend_names(); *name; name++) {
        struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;

        options.backend = *name;
        options.report = hook_that_reports;
        depth = deepest = told = 0;
        OK(rnl_run(gives_up_a_failure, NULL, &options));
        IS(deepest, 1);
        IS(told, 1);
    }
}

/* ---- Handles that are left --------------------------------------------- */

static char left[4][160];
static int nleft;

static void keep_left(void *user, const struct rnl_report *report)
{
    (void)user;
    if (nleft < 4)
        snprintf(left[nleft], sizeof left[0], "%s: %s", report->task ? report->task : "",
                 report->what);
    nleft++;
}

static int told_of(const char *text)
{
    int count = 0;

    for (int i = 0; i < nleft && i < 4; i++)
        count += strstr(left[i], text) != NULL;
    return count;
}

static int succeeds(void *arg)
{
    (void)arg;
    return RNL_OK;
}

static struct rnl_task *start_named(const char *name, rnl_task_fn *fn)
{
    struct rnl_task_options o = RNL_TASK_OPTIONS_INIT;
    struct rnl_task *task = NULL;

    o.name = name;
    OK(rnl_task_spawn(&task, fn, NULL, &o));
    return task;
}

/* One is joined and given up, one only joined, one neither; one fails, and is neither. */
static int leaves_handles(void *arg)
{
    int result;

    (void)arg;
    OK(join(start_named("in order", succeeds)));
    OK(rnl_task_join(start_named("joined", succeeds), &result));
    (void)start_named("forgotten", succeeds);
    (void)start_named("failing", fails);
    return rnl_yield();
}

static long kept_memory;

static void *counted_alloc(void *user, size_t size)
{
    (void)user;
    kept_memory++;
    return malloc(size);
}

static void *counted_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    kept_memory += ptr == NULL;
    return realloc(ptr, size);
}

static void counted_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    kept_memory--;
    free(ptr);
}

static void handles_left(void)
{
    static const struct rnl_allocator counted = {counted_alloc, counted_realloc, counted_free,
                                                 NULL};

    for (const char *const *name = rnl_backend_names(); *name; name++) {
        struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;

        options.backend = *name;
        options.report = keep_left;
        options.allocator = &counted;
        options.debug = RNL_YES;
        nleft = 0;
        OK(rnl_run(leaves_handles, NULL, &options));
        IS(told_of("joined: a task's handle was never given up"), 1);
        IS(told_of("forgotten: a task was never joined"), 1);
        IS(told_of("failing: a task was never joined"), 1);
        IS(told_of("failing: a task failed and nobody joined it"), 1);
        IS(nleft, 4);
        IS(kept_memory, 0); /* they are gone with the loop */
        options.debug = RNL_NO;
        nleft = 0;
        OK(rnl_run(leaves_handles, NULL, &options));
        IS(nleft, 1); /* the failure is no question of debugging */
    }
}

static struct rnl_task *kept_handle;

static int keeps_handle(void *arg)
{
    (void)arg;
    kept_handle = start_named("kept", succeeds);
    return rnl_yield();
}

static void frees_handle(void *user, const struct rnl_report *report)
{
    (void)user;
    (void)report;
    nleft++;
    rnl_task_free(kept_handle);
    kept_handle = NULL;
}

/* The hook that is told of it may still give it up. */
static void handle_freed_by_the_hook(void)
{
    static const struct rnl_allocator counted = {counted_alloc, counted_realloc, counted_free,
                                                 NULL};
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;

    options.report = frees_handle;
    options.allocator = &counted;
    options.debug = RNL_YES;
    nleft = 0;
    OK(rnl_run(keeps_handle, NULL, &options));
    IS(nleft, 1);
    CU_ASSERT_PTR_NULL(kept_handle);
    IS(kept_memory, 0);
}

/* ---- Names of backends -------------------------------------------------- */

static int yields_once(void *arg)
{
    (void)arg;
    return rnl_yield();
}

static char unknown[256];

static void keep_text(void *user, const struct rnl_report *report)
{
    (void)user;
    if (report->code == RNL_EINVAL)
        snprintf(unknown, sizeof unknown, "%s", report->what);
}

/* By the options, or by the environment: told, with what there is instead. */
static void unknown_backends(void)
{
    struct rnl_run_options o = RNL_RUN_OPTIONS_INIT;
    const char *was = getenv("RUNNEL_BACKEND");
    char saved[64] = "";

    snprintf(saved, sizeof saved, "%s", was ? was : "");
    o.report = keep_text;
    for (int by_name = 0; by_name < 2; by_name++) {
        unknown[0] = '\0';
        o.backend = by_name ? "no such" : NULL;
        if (!by_name)
            setenv("RUNNEL_BACKEND", "no such", 1);
        IS(rnl_run(yields_once, NULL, &o), RNL_EINVAL);
        CU_ASSERT(strstr(unknown, "unknown backend \"no such\"") != NULL);
        for (const char *const *name = rnl_backend_names(); *name; name++)
            CU_ASSERT(strstr(unknown, *name) != NULL);
        unsetenv("RUNNEL_BACKEND");
    }
    if (was)
        setenv("RUNNEL_BACKEND", saved, 1);
}

/* ---- After a fork ------------------------------------------------------ */

static pid_t child;

static int works_and_forks(void *arg)
{
    int status;

    (void)arg;
    OK(rnl_to_thread(answers, NULL, NULL, NULL)); /* its thread stays, idle */
    child = fork();
    if (child == 0)
        return RNL_OK;
    IS(waitpid(child, &status, 0), child);
    IS(status, 0);
    return rnl_to_thread(answers, NULL, NULL, NULL);
}

static int works_on_a_thread(void *arg)
{
    (void)arg;
    return rnl_to_thread(answers, NULL, NULL, NULL);
}

/* ThreadSanitizer ends a child that starts threads. */
#ifdef RNLI_TSAN
enum { THREADS_IN_CHILD = 0 };
#else
enum { THREADS_IN_CHILD = 1 };
#endif

static void threads_after_a_fork(void)
{
    int code = rnl_run(works_and_forks, NULL, NULL);

    if (child == 0) {
        alarm(20);
        _exit(!THREADS_IN_CHILD || rnl_run(works_on_a_thread, NULL, NULL) == RNL_OK ? 0 : 1);
    }
    OK(code);
}

SUITE("loop", {"P3 a group that waits for nothing is a deadlock", deadlocked_group},
      {"P3 work on a thread is no deadlock", work_is_no_deadlock_each},
      {"A9 calls at the loop's end", calls_at_the_end},
      {"D9 the report hook cannot wait", hook_cannot_wait},
      {"D9 the report hook is never re-entered", never_reentered},
      {"handles that are left are told of", handles_left},
      {"a handle that is left, given up by the hook", handle_freed_by_the_hook},
      {"N5 work on threads in a child", threads_after_a_fork},
      {"an unknown backend is told, with those there are", unknown_backends})
