/* task.c: tasks, waiting, waking and cancelling.
 *
 *            spawn                     woken, cancelled, timed out
 *              v                          .-----------------.
 *            READY --> RUNNING --wait--> WAITING --> READY -'
 *                         '--return--> DONE
 *
 * A task is in one list at most: the ready queue, or the list of what it waits
 * for. A wake takes it out of the one and puts it into the other with a code; so
 * whatever comes second (a cancel after a result, a timeout after a cancel)
 * finds it READY and cannot take the first one's place. A cancel that comes
 * second stays pending for the next wait. */
#include <string.h>

#include "core/alloc.h"
#include "core/compiler.h"
#include "core/options.h"
#include "task/loop.h"
#include "task/misuse.h"
#include "task/overflow.h"
#include "task/probes.h"

enum { BUDGET = 256, TASK_CACHE = 256 };

/* ---- Waiting ----------------------------------------------------------- */

/* A task that was woken earlier in this turn has yet to take its timer back. */
static void timer_fired(struct rnli_timer *timer)
{
    struct rnl_task *task = RNLI_CONTAINER(timer, struct rnl_task, timer);

    if (task->state == TASK_WAITING)
        rnli_task_wake(task, RNL_ETIMEDOUT);
}

void rnli_task_ready(struct rnl_task *task, int code)
{
    task->wake_code = code;
    task->state = TASK_READY;
    rnli_list_push(&task->loop->ready, &task->node);
}

void rnli_task_wake(struct rnl_task *task, int code)
{
    rnli_list_remove(&task->node);
    rnli_task_ready(task, code);
}

/* A cancel can be delivered now. */
static bool take_cancel(struct rnl_task *task)
{
    if (!task->cancel_pending || task->shields > 0)
        return false;
    task->cancel_pending = false;
    return true;
}

static int park(struct rnl_task *task, struct rnli_waitlist *list, const char *what)
{
    struct rnl_loop *loop = task->loop;

    task->what = what;
    task->since = loop->time;
    task->state = TASK_WAITING;
    rnli_list_push(&list->waiters, &task->node);
    rnli_context_switch(&task->context, &loop->context);
    return task->wake_code;
}

int rnli_wait_until(struct rnli_waitlist *list, int64_t when_ns, const char *what)
{
    struct rnl_task *task = rnl_task_current();
    int code;

    if (!task)
        return RNL_EINVAL;
    if (!task->joining && take_cancel(task))
        return RNL_ECANCELED;
    task->deadline = when_ns;
    if (when_ns != INT64_MAX) {
        task->timer.fire = timer_fired;
        code = rnli_timerq_push(&task->loop->timers, &task->timer, when_ns);
        if (code)
            return code;
    }
    code = park(task, list, what);
    rnli_timerq_remove(&task->loop->timers, &task->timer);
    return code;
}

int rnli_wait(struct rnli_waitlist *list, const char *what)
{
    return rnli_wait_until(list, INT64_MAX, what);
}

bool rnli_wake_one(struct rnli_waitlist *list, int code)
{
    if (rnli_waitlist_empty(list))
        return false;
    rnli_task_wake(RNLI_CONTAINER(list->waiters.next, struct rnl_task, node), code);
    return true;
}

bool rnli_wake_all(struct rnli_waitlist *list, int code)
{
    bool any = false;

    while (rnli_wake_one(list, code))
        any = true;
    return any;
}

int rnl_yield(void)
{
    struct rnl_task *task = rnl_task_current();

    return task ? rnli_wait(&task->loop->yielders, "yield") : RNL_EINVAL;
}

int rnli_checkpoint_slow(struct rnl_loop *loop)
{
    return loop->face.current ? rnli_wait(&loop->spent, "its next turn") : RNL_EINVAL;
}

int rnli_checkpoint(void)
{
    struct rnl_loop *loop = rnli_loop_get();

    return loop ? rnli_checkpoint_of(loop) : RNL_EINVAL;
}

int rnli_checkpoint_keeping_cancel(void)
{
    int code = rnli_checkpoint();

    if (code != RNL_ECANCELED)
        return code;
    rnl_task_current()->cancel_pending = true;
    return RNL_OK;
}

/* ---- Cancelling -------------------------------------------------------- */

/* It was cancelled, and has not run since: it will see one cancel, not two. */
static bool is_told(const struct rnl_task *task)
{
    return task->state == TASK_READY &&
           (task->joining ? task->join_cancelled : task->wake_code == RNL_ECANCELED);
}

static void deliver_cancel(struct rnl_task *task)
{
    if (is_told(task))
        return;
    if (task->state != TASK_WAITING || task->shields > 0) {
        task->cancel_pending = true;
    } else if (task->joining) {
        task->join_cancelled = true;
        (void)rnl_task_cancel(task->joining);
    } else {
        rnli_task_wake(task, RNL_ECANCELED);
    }
}

bool rnl_task_cancel(struct rnl_task *task)
{
    RNLI_CHECK(task, task->refs > 0, task->loop);
    if (task->state == TASK_DONE)
        return false;
    task->cancelling++;
    deliver_cancel(task);
    return true;
}

unsigned rnl_task_cancelling(const struct rnl_task *task)
{
    return task->cancelling;
}

unsigned rnl_task_uncancel(struct rnl_task *task)
{
    RNLI_CHECK(task, task->refs > 0, task->loop);
    if (task->cancelling > 0 && --task->cancelling == 0)
        task->cancel_pending = false;
    return task->cancelling;
}

int rnl_shield_begin(void)
{
    struct rnl_task *task = rnl_task_current();

    if (!task)
        return RNL_EINVAL;
    task->shields++;
    return RNL_OK;
}

int rnl_shield_end(void)
{
    struct rnl_task *task = rnl_task_current();

    if (!task || task->shields == 0)
        return RNL_EINVAL;
    task->shields--;
    return RNL_OK;
}

/* ---- Beginning and ending ---------------------------------------------- */

static void free_task(struct rnl_task *task)
{
    struct rnl_loop *loop = task->loop;

    rnli_list_remove(&task->all);
    if (loop->nfree_tasks < TASK_CACHE) {
        rnli_list_push(&loop->free_tasks, &task->node);
        loop->nfree_tasks++;
    } else {
        rnli_free(&loop->face.allocator, task, sizeof *task);
    }
}

void rnli_tasks_free_cache(struct rnl_loop *loop)
{
    struct rnli_list *node;

    while ((node = rnli_list_shift(&loop->free_tasks)) != NULL)
        rnli_free(&loop->face.allocator, RNLI_CONTAINER(node, struct rnl_task, node),
                  sizeof(struct rnl_task));
    loop->nfree_tasks = 0;
}

static struct rnl_task *new_task(struct rnl_loop *loop)
{
    struct rnli_list *node = rnli_list_shift(&loop->free_tasks);
    struct rnl_task *task;

    if (!node)
        return rnli_zalloc(&loop->face.allocator, sizeof *task);
    loop->nfree_tasks--;
    task = RNLI_CONTAINER(node, struct rnl_task, node);
    memset(task, 0, sizeof *task);
    return task;
}

void rnli_task_unref(struct rnl_task *task)
{
    if (--task->refs > 0)
        return;
    if (task->result < 0 && task->result != RNL_ECANCELED && !task->joined && !task->quiet)
        rnli_report(task->loop, RNL_REPORT_ERROR, task->result, 0, task->name,
                    "a task failed and nobody joined it");
    free_task(task);
}

void rnli_tasks_free_handles(struct rnl_loop *loop)
{
    while (!rnli_list_empty(&loop->handles)) {
        struct rnl_task *task = RNLI_CONTAINER(loop->handles.next, struct rnl_task, all);

        task->refs++; /* the hook may give the handle up */
        if (loop->face.debug)
            rnli_report(loop, RNL_REPORT_WARNING, RNL_OK, 0, task->name,
                        task->joined ? "a task's handle was never given up (rnl_task_free)"
                                     : "a task was never joined, nor its handle given up "
                                       "(rnl_task_join, rnl_task_free)");
        task->refs = 1;
        rnli_task_unref(task);
    }
}

/* Its own stack goes, and it is none of the loop's tasks any more. */
static void retire(struct rnl_task *task)
{
    struct rnl_loop *loop = task->loop;

    rnli_context_destroy(&task->context);
    rnli_stack_put(loop->stacks, task->stack);
    task->stack = NULL;
    rnli_list_remove(&task->all);
    loop->ntasks--;
}

/* First out of every list and queue, which may be on the stack of another of them. */
void rnli_tasks_free_forsaken(struct rnl_loop *loop)
{
    struct rnli_list *node;

    for (node = loop->tasks.next; node != &loop->tasks; node = node->next) {
        struct rnl_task *task = RNLI_CONTAINER(node, struct rnl_task, all);

        rnli_list_remove(&task->node);
        rnli_timerq_remove(&loop->timers, &task->timer);
        rnli_scopes_stop(task);
    }
    while (!rnli_list_empty(&loop->tasks)) {
        struct rnl_task *task = RNLI_CONTAINER(loop->tasks.next, struct rnl_task, all);

        retire(task);
        rnli_locals_drop(task);
        free_task(task);
    }
}

/* On the loop's stack, after the task has left its own for good. */
static void finish(struct rnl_task *task)
{
    struct rnl_loop *loop = task->loop;

    retire(task);
    if (task->refs > 1)
        rnli_list_push(&loop->handles, &task->all);
    if (rnli_wake_all(&task->joiners, RNL_OK))
        task->joined = true;
    rnli_task_tell_watchers(task);
    rnli_locals_drop(task);
    if (task->group)
        rnli_group_child_done(task);
    rnli_task_unref(task);
}

static void task_main(void *arg)
{
    struct rnl_task *task = arg;

    task->result = task->fn(task->arg);
    task->state = TASK_DONE;
    rnli_context_leave(&task->context, &task->loop->context);
}

void rnli_task_run(struct rnl_task *task)
{
    struct rnl_loop *loop = task->loop;

    task->state = TASK_RUNNING;
    RNLI_PROBE(task__run, task, task->what);
    loop->face.current = task;
    loop->face.budget = BUDGET;
    rnli_context_switch(&loop->context, &task->context);
    loop->face.current = NULL;
    loop->face.budget = 0;
    if (task->state == TASK_DONE) {
        RNLI_PROBE(task__end, task, task->result);
        finish(task);
    }
}

static void set_name(struct rnl_task *task, const char *name)
{
    size_t len = name ? strlen(name) : 0;

    if (len >= sizeof task->name)
        len = sizeof task->name - 1;
    if (len > 0)
        memcpy(task->name, name, len);
}

static int give_stack(struct rnl_task *task, size_t size)
{
    struct rnl_loop *loop = task->loop;
    const char *hint = NULL;
    int code = rnli_stack_get(loop->stacks, size, &task->stack, &hint);

    if (code) {
        rnli_report(loop, RNL_REPORT_WARNING, code, 0, task->name, hint);
        return code;
    }
    code = rnli_context_init(&task->context, task->stack, task_main, task, loop->colour++);
    if (code)
        rnli_stack_put(loop->stacks, task->stack);
    return code;
}

int rnli_spawn(struct rnl_loop *loop, struct rnl_task **out, rnl_task_fn *fn, void *arg,
               const struct rnl_task_options *options, struct rnli_origin origin)
{
    struct rnl_task_options o;
    struct rnl_task *task;
    int code = fn ? rnli_options_read(&o, sizeof o, options) : RNL_EINVAL;

    if (!code && loop->closing)
        code = RNL_ECLOSED;
    if (code)
        return code;
    task = new_task(loop);
    if (!task)
        return RNL_ENOMEM;
    task->loop = loop;
    task->fn = fn;
    task->arg = arg;
    task->user = o.user;
    task->entry = origin.entry ? origin.entry : (rnli_any_fn *)fn;
    task->spawned_at = origin.at;
    task->place = loop->face.place;
    task->refs = out ? 2 : 1;
    set_name(task, o.name);
    rnli_list_init(&task->all);
    rnli_list_init(&task->watchers);
    code = rnli_locals_inherit(task, loop->face.current);
    if (!code)
        code = give_stack(task, o.stack_size);
    if (code) {
        rnli_locals_drop(task);
        free_task(task);
        return code;
    }
    rnli_waitlist_init(&task->joiners);
    rnli_list_init(&task->in_group);
    rnli_list_push(&loop->tasks, &task->all);
    loop->ntasks++;
    RNLI_PROBE(task__spawn, task, task->entry);
    rnli_task_ready(task, RNL_OK);
    if (out)
        *out = task;
    return RNL_OK;
}

int rnl_task_spawn(struct rnl_task **out, rnl_task_fn *fn, void *arg,
                   const struct rnl_task_options *options)
{
    struct rnl_loop *loop = rnl_loop_current();
    struct rnli_origin origin = {RNLI_CALLER, NULL};

    return loop ? rnli_spawn(loop, out, fn, arg, options, origin) : RNL_EINVAL;
}

/* ---- Joining ----------------------------------------------------------- */

static bool joins_in_a_circle(const struct rnl_task *task, const struct rnl_task *self)
{
    while (task && task != self)
        task = task->joining;
    return task == self;
}

/* Waits for the end; a cancel meanwhile goes on to `task`. */
static int await_end(struct rnl_task *self, struct rnl_task *task)
{
    int code;

    self->joining = task;
    self->join_cancelled = take_cancel(self);
    if (self->join_cancelled)
        (void)rnl_task_cancel(task);
    code = rnli_wait(&task->joiners, "join");
    self->joining = NULL;
    return !code && self->join_cancelled ? RNL_ECANCELED : code;
}

/* Takes the result, if there is one, and the reference. */
static void collect(struct rnl_task *task, int *result)
{
    if (task->state == TASK_DONE) {
        task->joined = true;
        if (result)
            *result = task->result;
    }
    rnli_task_unref(task);
}

static int joinable(const struct rnl_task *self, const struct rnl_task *task)
{
    if (!self || task == self)
        return RNL_EINVAL;
    return joins_in_a_circle(task, self) ? RNL_EDEADLOCK : RNL_OK;
}

int rnl_task_join(struct rnl_task *task, int *result)
{
    struct rnl_task *self = rnl_task_current();
    int code;

    RNLI_CHECK(task, task->refs > 0, task->loop);
    code = joinable(self, task);
    if (code)
        return code;
    task->refs++; /* the checkpoint may wait, and the handle be given up meanwhile */
    (void)rnli_checkpoint_keeping_cancel();
    code = joinable(self, task); /* again: it may have begun to join this one */
    if (!code && task->state != TASK_DONE)
        code = await_end(self, task);
    collect(task, result);
    return code;
}

int rnl_task_wait(struct rnl_task *task, int *result)
{
    struct rnl_task *self = rnl_task_current();
    int code;

    RNLI_CHECK(task, task->refs > 0, task->loop);
    code = joinable(self, task);
    if (code)
        return code;
    task->refs++;
    code = rnli_checkpoint();
    if (!code)
        code = joinable(self, task);
    if (!code && task->state != TASK_DONE)
        code = rnli_wait(&task->joiners, "wait");
    collect(task, result);
    return code;
}

void rnl_task_free(struct rnl_task *task)
{
    if (!task)
        return;
    RNLI_CHECK(task, task->refs > 0, task->loop);
    rnli_task_unref(task);
}

void rnli_task_quiet(struct rnl_task *task)
{
    task->quiet = true;
}

/* ---- What is known of a task ------------------------------------------- */

bool rnl_task_done(const struct rnl_task *task)
{
    return task->state == TASK_DONE;
}

struct rnl_task *rnl_task_current(void)
{
    struct rnl_loop *loop = rnli_loop_get();

    return loop ? loop->face.current : NULL;
}

bool rnli_current_stack(const struct rnli_stack **stack, const char **name)
{
    struct rnl_task *task = rnl_task_current();

    if (!task || !task->stack)
        return false;
    *stack = task->stack;
    *name = task->name;
    return true;
}

const char *rnl_task_name(const struct rnl_task *task)
{
    return task->name;
}

void *rnl_task_user(const struct rnl_task *task)
{
    return task->user;
}

void rnl_task_set_user(struct rnl_task *task, void *user)
{
    task->user = user;
}
