/* first.c: waiting for the first of several tasks.
 *
 * A task that waits stands in one list only, so it cannot be in the list of
 * joiners of each. Instead each of the tasks gets a watcher, which wakes the one
 * that waits when its task ends:
 *
 *      task A --- watcher \
 *      task B --- watcher  > waiting: the caller
 *      task C --- watcher /
 *
 * The watchers are out of the tasks' lists before the call returns. They remember the
 * tasks: while one waits, the caller's array may be changed by whoever gives a handle
 * up. */
#include <runnel/sync.h>

#include "core/alloc.h"
#include "task/loop.h"
#include "task/misuse.h"

struct watcher {
    struct rnli_list node; /* in the task's watchers */
    struct rnli_waitlist *waiting;
    struct rnl_task *task;
};

void rnli_task_tell_watchers(struct rnl_task *task)
{
    struct rnli_list *node;

    while ((node = rnli_list_shift(&task->watchers)) != NULL)
        rnli_wake_all(RNLI_CONTAINER(node, struct watcher, node)->waiting, RNL_OK);
}

/* The first that has ended; `count` if none. */
static size_t find_done(const struct watcher *watchers, size_t count)
{
    size_t i = 0;

    while (i < count && watchers[i].task->state != TASK_DONE)
        i++;
    return i;
}

static int watch(struct watcher *watchers, size_t count)
{
    struct rnli_waitlist waiting;
    int code;

    rnli_waitlist_init(&waiting);
    for (size_t i = 0; i < count; i++) {
        watchers[i].waiting = &waiting;
        rnli_list_push(&watchers[i].task->watchers, &watchers[i].node);
    }
    code = rnli_wait(&waiting, "the first of several tasks");
    for (size_t i = 0; i < count; i++)
        rnli_list_remove(&watchers[i].node);
    return code;
}

/* The references: the handles may be given up while we wait, in the checkpoint too. */
static void hold(struct watcher *watchers, struct rnl_task *const *tasks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        watchers[i].task = tasks[i];
        tasks[i]->refs++;
    }
}

static int wait_first(struct watcher *watchers, size_t count, size_t *which)
{
    int code = rnli_checkpoint();

    if (!code && find_done(watchers, count) == count)
        code = watch(watchers, count);
    if (!code)
        *which = find_done(watchers, count);
    for (size_t i = 0; i < count; i++)
        rnli_task_unref(watchers[i].task);
    return code;
}

static int check(const struct rnl_task *self, struct rnl_task *const *tasks, size_t count)
{
    int code = self && tasks && count > 0 ? RNL_OK : RNL_EINVAL;

    for (size_t i = 0; i < count && !code; i++) {
        code = tasks[i] && tasks[i] != self ? RNL_OK : RNL_EINVAL;
        if (!code)
            RNLI_CHECK(tasks[i], tasks[i]->refs > 0, tasks[i]->loop);
    }
    return code;
}

int rnl_task_wait_first(struct rnl_task *const *tasks, size_t count, size_t *which)
{
    struct rnl_task *self = rnl_task_current();
    struct watcher *watchers;
    size_t ignored;
    int code = check(self, tasks, count);

    if (code)
        return code;
    watchers = rnli_alloc(&self->loop->face.allocator, count * sizeof *watchers);
    if (!watchers)
        return RNL_ENOMEM;
    hold(watchers, tasks, count);
    code = wait_first(watchers, count, which ? which : &ignored);
    rnli_free(&self->loop->face.allocator, watchers, count * sizeof *watchers);
    return code;
}
