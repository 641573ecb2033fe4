/* What a dump says of each task. */
#include <stdio.h>
#include <string.h>

#include "task/helper_loop.h"

static struct rnl_event *event;

static int wait_event(void *arg)
{
    (void)arg;
    return rnl_event_wait(event);
}

static int wait_for_a_minute(void *arg)
{
    struct rnl_timeout hour, minute;
    int err;

    (void)arg;
    OK(rnl_timeout_begin(&minute, RNL_MINUTE));
    OK(rnl_timeout_begin(&hour, RNL_HOUR));
    err = rnl_event_wait(event);
    return rnl_timeout_end(&minute, rnl_timeout_end(&hour, err));
}

static int sleep_for_two(void *arg)
{
    (void)arg;
    return rnl_sleep(2 * RNL_SECOND);
}

static struct rnl_task *spawn_named(const char *name, rnl_task_fn *fn)
{
    struct rnl_task_options options = RNL_TASK_OPTIONS_INIT;
    struct rnl_task *task = NULL;

    options.name = name;
    OK(rnl_task_spawn(&task, fn, NULL, &options));
    return task;
}

/* The line about the task of that name, among all that were reported. */
static char lines[4][200];

static void keep(void *user, const struct rnl_report *report)
{
    int *count = user;

    if (*count < 4)
        snprintf(lines[*count], sizeof lines[0], "%s", report->what);
    ++*count;
}

static const char *line_of(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (strstr(lines[i], name))
            return lines[i];
    return "";
}

static int dump_all(void *arg)
{
    static const char *const names[] = {"alone", "limited", "asleep"};
    struct rnl_task *tasks[3];

    (void)arg;
    OK(rnl_event_open(&event));
    tasks[0] = spawn_named(names[0], wait_event);
    tasks[1] = spawn_named(names[1], wait_for_a_minute);
    tasks[2] = spawn_named(names[2], sleep_for_two);
    turns(2);
    rnl_dump_tasks(RNL_REPORT_WARNING);
    rnl_event_set(event);
    (void)rnl_task_cancel(tasks[2]);
    OK(join(tasks[0]));
    OK(join(tasks[1]));
    IS(join(tasks[2]), RNL_ECANCELED);
    rnl_event_free(event);
    return RNL_OK;
}

/* Whether the line names that function. */
static bool is_of(const char *name, rnl_task_fn *fn)
{
    char text[64];

    snprintf(text, sizeof text, "; function %p, spawned at ", (void *)(uintptr_t)fn);
    return strstr(line_of(name), text) != NULL;
}

static void what_a_dump_says(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    double minute = 0, two = 0;
    int count = 0;

    options.report = keep;
    options.report_user = &count;
    OK(rnl_run(dump_all, NULL, &options));
    IS(count, 4);
    CU_ASSERT(strstr(line_of("main"), "task main runs; function ") != NULL);
    CU_ASSERT(strstr(line_of("alone"), "task alone waits for event since 0.0") != NULL);
    CU_ASSERT(strstr(line_of("alone"), "until") == NULL);
    IS(sscanf(line_of("limited"), "task limited waits for event since %*f s, until %lf s", &minute),
       1);
    CU_ASSERT(minute > 30 && minute <= 60); /* of the scopes the one that ends first */
    IS(sscanf(line_of("asleep"), "task asleep waits for sleep since %*f s, until %lf s", &two), 1);
    CU_ASSERT(two > 0 && two <= 2);
    for (int i = 0; i < 4; i++)
        CU_ASSERT(strstr(lines[i], "spawned at the library") == NULL);
    CU_ASSERT(is_of("main", dump_all) && is_of("alone", wait_event));
}

/* A hook that has a task tell somebody; it must not be told of that task for ever. */
static int tells(void *arg)
{
    (void)arg;
    return RNL_OK;
}

static void has_it_told(void *user, const struct rnl_report *report)
{
    (void)report;
    if (++*(int *)user < 100)
        OK(rnl_task_spawn(NULL, tells, NULL, NULL));
}

static int dump_two(void *arg)
{
    struct rnl_task *other = start(tells, NULL);

    (void)arg;
    rnl_dump_tasks(RNL_REPORT_ERROR);
    return join(other);
}

static void hook_that_spawns(void)
{
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int count = 0;

    options.report = has_it_told;
    options.report_user = &count;
    OK(rnl_run(dump_two, NULL, &options));
    IS(count, 2);
}

static void features(void)
{
    bool any = false;

    for (const char *const *f = rnl_features(); *f; f++)
        any = any || strcmp(*f, "signals") == 0;
    CU_ASSERT(any);
}

SUITE("dump", {"what a dump says", what_a_dump_says},
      {"a dump to a hook that starts tasks", hook_that_spawns}, {"features", features})
