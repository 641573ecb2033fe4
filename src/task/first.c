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
 * The watchers are out of the tasks' lists before the call returns. */
#include <runnel/sync.h>

#include "core/alloc.h"
#include "task/loop.h"

struct watcher {
    struct rnli_list node; /* in the task's watchers */
    struct rnli_waitlist *waiting;
};

void rnli_task_tell_watchers(struct rnl_task *task)
{
    struct rnli_list *node;

    while ((node = rnli_list_shift(&task->watchers)) != NULL)
        rnli_wake_all(RNLI_CONTAINER(node, struct watcher, node)->waiting, RNL_OK);
}

/* The first that has ended; `count` if none. */
static size_t find_done(struct rnl_task *const *tasks, size_t count)
{
    size_t i = 0;

    while (i < count && tasks[i]->state != TASK_DONE)
        i++;
    return i;
}

static int watch(struct watcher *watchers, struct rnl_task *const *tasks, size_t count)
{
    struct rnli_waitlist waiting;
    int code;

    rnli_waitlist_init(&waiting);
    for (size_t i = 0; i < count; i++) {
        watchers[i].waiting = &waiting;
        rnli_list_push(&tasks[i]->watchers, &watchers[i].node);
    }
    code = rnli_wait(&waiting, "the first of several tasks");
    for (size_t i = 0; i < count; i++)
        rnli_list_remove(&watchers[i].node);
    return code;
}

static int wait_first(struct rnl_loop *loop, struct rnl_task *const *tasks, size_t count,
                      size_t *which)
{
    struct watcher *watchers;
    int code;

    *which = find_done(tasks, count);
    if (*which < count)
        return RNL_OK;
    watchers = rnli_alloc(&loop->face.allocator, count * sizeof *watchers);
    if (!watchers)
        return RNL_ENOMEM;
    code = watch(watchers, tasks, count);
    if (!code)
        *which = find_done(tasks, count);
    rnli_free(&loop->face.allocator, watchers, count * sizeof *watchers);
    return code;
}

int rnl_task_wait_first(struct rnl_task *const *tasks, size_t count, size_t *which)
{
    struct rnl_task *self = rnl_task_current();
    int code = self && count > 0 ? RNL_OK : RNL_EINVAL;

    for (size_t i = 0; i < count && !code; i++)
        code = tasks[i] == self ? RNL_EINVAL : RNL_OK;
    if (code)
        return code;
    for (size_t i = 0; i < count; i++)
        tasks[i]->refs++; /* the handles may be given up while we wait, in the checkpoint too */
    code = rnli_checkpoint();
    if (!code)
        code = wait_first(self->loop, tasks, count, which);
    for (size_t i = 0; i < count; i++)
        rnli_task_unref(tasks[i]);
    return code;
}
