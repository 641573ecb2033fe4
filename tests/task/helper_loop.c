#include "task/helper_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/sched.h"

int reports, last_report_code;
char last_report[200];
static long live;
static loop_body *the_body;

static void *count_alloc(void *user, size_t size)
{
    (void)user;
    live++;
    return malloc(size);
}

static void *count_realloc(void *user, void *ptr, size_t old_size, size_t size)
{
    (void)user;
    (void)old_size;
    live += ptr == NULL;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    live--;
    free(ptr);
}

static void on_report(void *user, const struct rnl_report *report)
{
    (void)user;
    reports++;
    last_report_code = report->code;
    snprintf(last_report, sizeof last_report, "%s %s", report->what,
             report->task ? report->task : "");
}

static int main_task(void *arg)
{
    (void)arg;
    the_body();
    return RNL_OK;
}

int run_body(const char *backend, loop_body *body)
{
    static const struct rnl_allocator counting = {count_alloc, count_realloc, count_free, NULL};
    struct rnl_run_options options = RNL_RUN_OPTIONS_INIT;
    int code;

    live = 0;
    reports = 0;
    the_body = body;
    options.backend = backend;
    options.allocator = &counting;
    options.report = on_report;
    code = rnl_run(main_task, NULL, &options);
    IS(live, 0);
    return code;
}

static void each_of(loop_body *body, bool simulated)
{
    for (const char *const *name = rnl_backend_names(); *name; name++)
        if (simulated || strcmp(*name, "sim") != 0)
            OK(run_body(*name, body));
}

void each_backend(loop_body *body)
{
    each_of(body, true);
}

void each_system(loop_body *body)
{
    each_of(body, false);
}

struct rnl_task *start(rnl_task_fn *fn, void *arg)
{
    struct rnl_task *task = NULL;

    OK(rnl_task_spawn(&task, fn, arg, NULL));
    return task;
}

int join(struct rnl_task *task)
{
    int result = RNL_ESYS;

    OK(rnl_task_join(task, &result));
    rnl_task_free(task);
    return result;
}

void turns(int n)
{
    while (n-- > 0)
        OK(rnl_yield());
}

void use_up_turn(void)
{
    struct rnl_event *event;

    OK(rnl_yield());
    OK(rnl_event_open(&event));
    rnl_event_set(event);
    while (rnli_face(rnl_loop_current())->budget > 0)
        OK(rnl_event_wait(event));
    rnl_event_free(event);
}
