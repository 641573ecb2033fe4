/* dump.c: every task with what it waits for. */
#include <stdio.h>

#include "task/loop.h"

static const char *doing(const struct rnl_task *task)
{
    switch (task->state) {
    case TASK_RUNNING:
        return "runs";
    case TASK_READY:
        return "is ready";
    case TASK_WAITING:
        return "waits for";
    default:
        return "has ended";
    }
}

/* What it waits for, since when, until when. */
static void tell_wait(const struct rnl_loop *loop, const struct rnl_task *task, char *text,
                      size_t size)
{
    double waited = (double)(loop->time - task->since) / (double)RNL_SECOND;
    int64_t deadline = rnli_task_deadline(task);
    int len = snprintf(text, size, " %s since %.3f s", task->what, waited);

    if (deadline != INT64_MAX && len > 0 && (size_t)len < size)
        snprintf(text + len, size - (size_t)len, ", until %.3f s from now",
                 (double)(deadline - loop->time) / (double)RNL_SECOND);
}

static void dump_task(struct rnl_loop *loop, enum rnl_report_level level,
                      const struct rnl_task *task)
{
    char text[240], wait[100] = "", place[40] = "the library";

    if (task->state == TASK_WAITING)
        tell_wait(loop, task, wait, sizeof wait);
    if (task->spawned_at)
        snprintf(place, sizeof place, "%p", task->spawned_at);
    snprintf(text, sizeof text, "task %s %s%s; function %p, spawned at %s",
             task->name[0] ? task->name : "?", doing(task), wait,
             (const void *)(uintptr_t)task->entry, place);
    rnli_report(loop, level, RNL_OK, 0, NULL, text);
}

/* The hook may start tasks, which come last: they are not of the dump, which would
 * never end. No task ends meanwhile. */
void rnli_dump_tasks(struct rnl_loop *loop, enum rnl_report_level level)
{
    struct rnli_list *last = loop->tasks.prev;

    for (struct rnli_list *node = &loop->tasks; node != last;) {
        node = node->next;
        dump_task(loop, level, RNLI_CONTAINER(node, struct rnl_task, all));
    }
}
