/* group.c: tasks that end together.
 *
 * asyncio.TaskGroup's rules. The first failure cancels the others; and the owner
 * too, where it is still in the body, so that it comes to rnl_group_close. That
 * cancel is the group's own: close takes it back. */
#include "core/alloc.h"
#include "core/compiler.h"
#include "task/loop.h"
#include "task/misuse.h"

#define PATIENCE (5 * RNL_SECOND)

struct rnl_group {
    struct rnl_task *owner;
    struct rnli_list tasks;
    struct rnli_waitlist waiting; /* the owner, in close */
    struct rnli_timer patience;   /* of the owner, with cancelled tasks */
    size_t count;
    int first_error;
    bool aborting;                /* its tasks were cancelled */
    bool closing;                 /* the owner is in close */
    bool cancelled_owner;
};

int rnl_group_open(struct rnl_group **out)
{
    struct rnl_task *owner = rnl_task_current();
    struct rnl_group *group;

    if (!owner)
        return RNL_EINVAL;
    group = rnli_zalloc(&owner->loop->face.allocator, sizeof *group);
    if (!group)
        return RNL_ENOMEM;
    group->owner = owner;
    rnli_list_init(&group->tasks);
    rnli_waitlist_init(&group->waiting);
    *out = group;
    return RNL_OK;
}

int rnl_group_spawn(struct rnl_group *group, rnl_task_fn *fn, void *arg,
                    const struct rnl_task_options *options)
{
    struct rnli_origin origin = {RNLI_CALLER, NULL};
    struct rnl_task *task;
    int code;

    RNLI_CHECK(group, group->owner->refs > 0, group->owner->loop);
    if (group->aborting || (group->closing && group->count == 0))
        return RNL_ECLOSED;
    code = rnli_spawn(group->owner->loop, &task, fn, arg, options, origin);
    if (code)
        return code;
    task->group = group;
    task->quiet = true;
    rnli_list_push(&group->tasks, &task->in_group);
    group->count++;
    rnli_task_unref(task);
    return RNL_OK;
}

static void cancel_tasks(struct rnl_group *group)
{
    for (struct rnli_list *n = group->tasks.next; n != &group->tasks; n = n->next)
        (void)rnl_task_cancel(RNLI_CONTAINER(n, struct rnl_task, in_group));
}

static void impatient(struct rnli_timer *timer)
{
    struct rnl_group *group = RNLI_CONTAINER(timer, struct rnl_group, patience);

    rnli_report(group->owner->loop, RNL_REPORT_WARNING, RNL_OK, 0, group->owner->name,
                "a group waits for cancelled tasks; cancelling again");
    cancel_tasks(group);
    (void)rnli_timer_start(group->owner->loop, timer, PATIENCE);
}

/* Only a group that waits for cancelled tasks has a timer: one that waits for what
 * cannot come must not keep the loop from seeing a deadlock. */
static void lose_patience(struct rnl_group *group)
{
    if (!group->closing || !group->aborting || group->patience.fire)
        return;
    group->patience.fire = impatient;
    (void)rnli_timer_start(group->owner->loop, &group->patience, PATIENCE);
}

void rnl_group_cancel(struct rnl_group *group)
{
    RNLI_CHECK(group, group->owner->refs > 0, group->owner->loop);
    group->aborting = true;
    cancel_tasks(group);
    lose_patience(group);
}

size_t rnl_group_count(const struct rnl_group *group)
{
    return group->count;
}

void rnli_group_child_done(struct rnl_task *task)
{
    struct rnl_group *group = task->group;

    rnli_list_remove(&task->in_group);
    task->group = NULL;
    group->count--;
    if (task->result < 0 && task->result != RNL_ECANCELED && group->first_error == RNL_OK) {
        group->first_error = task->result;
        rnl_group_cancel(group);
        if (!group->closing) {
            group->cancelled_owner = true;
            (void)rnl_task_cancel(group->owner);
        }
    }
    if (group->count == 0)
        rnli_wake_all(&group->waiting, RNL_OK);
}

/* Until the last task has ended. Whether the owner was cancelled meanwhile. */
static bool await_tasks(struct rnl_group *group)
{
    bool cancelled = false;

    while (group->count > 0) {
        if (rnli_wait(&group->waiting, "group") == RNL_ECANCELED) {
            cancelled = true;
            rnl_group_cancel(group);
        }
    }
    rnli_timer_stop(group->owner->loop, &group->patience);
    return cancelled;
}

/* The group's own cancel of its owner, delivered or not. */
static bool take_back_cancel(struct rnl_group *group)
{
    if (!group->cancelled_owner)
        return false;
    return rnl_task_uncancel(group->owner) == 0;
}

int rnl_group_close(struct rnl_group *group, int err)
{
    struct rnl_task *owner;
    bool cancelled, own;
    int first;

    RNLI_CHECK(group, group->owner->refs > 0, group->owner->loop);
    owner = group->owner;
    if (rnl_task_current() != owner) /* who else would wait, and for whom? */
        return RNL_EINVAL;
    group->closing = true;
    lose_patience(group);
    if (err < 0)
        rnl_group_cancel(group);
    own = take_back_cancel(group);
    cancelled = await_tasks(group);
    first = group->first_error;
    rnli_free(&owner->loop->face.allocator, group, sizeof *group);
    if (first) {
        if (cancelled || (err == RNL_ECANCELED && !own))
            owner->cancel_pending = owner->cancelling > 0;
        return first;
    }
    if (err < 0)
        return err;
    return cancelled ? RNL_ECANCELED : err;
}
