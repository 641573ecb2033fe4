/* runnel/task.h: straight-line code that waits.
 *
 * A task is a function with a stack of its own. It runs until it waits; then
 * another runs. Tasks of a loop never run at the same time and never move to
 * another thread, so data shared by them needs no lock between two waits.
 *
 * Waiting: a call whose comment has a line `Suspends:` may wait, and no other
 * call ever does. Such a call is for tasks only: from a callback, or outside
 * rnl_run, it answers RNL_EINVAL.
 *
 * Cancelling: rnl_task_cancel makes the wait that the task is in (or its next
 * one) answer RNL_ECANCELED, once. The task then cleans up, and may wait again
 * while it does. A result that arrived first is not lost: the wait answers it,
 * and the next wait answers the cancel.
 *
 * C++: an exception has to be caught in the task that threw it, and no call that
 * waits may stand in a catch block: the runtime keeps one list of what is being
 * caught for each thread. runnel.hpp sees to the one and checks the other.
 *
 * Threads:  that of the loop which the task or the object belongs to. */
#ifndef RUNNEL_TASK_H
#define RUNNEL_TASK_H

#include <runnel/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Tasks ------------------------------------------------------------- */

/* A task's function. Its result is the task's: 0 or more for success, a
 * negative code for failure. */
typedef int rnl_task_fn(void *arg);

struct rnl_task;

struct rnl_task_options {
    size_t size;       /* set by RNL_TASK_OPTIONS_INIT */
    const char *name;  /* for reports and dumps; copied, cut at 31 bytes */
    size_t stack_size; /* bytes; 0: the loop's. Rounded up */
    void *user;        /* rnl_task_user */
};
#define RNL_TASK_OPTIONS_INIT { sizeof(struct rnl_task_options), NULL, 0, NULL }

/* Starts a task; it first runs when the caller waits or ends. With `out`, the
 * caller gets a handle, to be joined or not, and given up by rnl_task_free.
 * Without (NULL) the task is on its own, and a failure of it is reported.
 *
 * Returns:  RNL_OK; RNL_ENOMEM (no memory or no stack); RNL_EINVAL outside a
 *           loop; RNL_ECLOSED while the loop shuts down.
 * Cancel:   a task cancelled before it started still runs, and its first wait
 *           answers RNL_ECANCELED: so `arg` can be freed by the task.
 * asyncio:  create_task. */
RNL_API int rnl_task_spawn(struct rnl_task **out, rnl_task_fn *fn, void *arg,
                           const struct rnl_task_options *options);

/* Waits until `task` has ended. Any number of tasks may join one, and again.
 *
 * Suspends: until the task ends; not if it has.
 * Returns:  RNL_OK with the task's result in *result (may be NULL);
 *           RNL_ECANCELED; RNL_EINVAL for the caller itself; RNL_EDEADLOCK
 *           where tasks would join each other in a circle.
 * Cancel:   `task` is cancelled too, and waited for, as await does; its result
 *           is stored. rnl_task_wait leaves it alone.
 * asyncio:  await task. */
RNL_API RNL_MUST_USE int rnl_task_join(struct rnl_task *task, int *result);

/* The same, but a cancel of the caller leaves `task` running.
 * Suspends: until the task ends.
 * Returns:  RNL_OK; RNL_ECANCELED; as rnl_task_join.
 * asyncio:  asyncio.wait([task]). */
RNL_API RNL_MUST_USE int rnl_task_wait(struct rnl_task *task, int *result);

/* Gives up the handle; NULL is fine. The task goes on. If it fails and nobody
 * joined it, the failure is reported. Handles that are left when the loop ends die
 * with it, and are reported in debug mode. */
RNL_API void rnl_task_free(struct rnl_task *task);

/* Asks a task to stop: see the top of this page. Every call counts. Cancelling
 * a task that has ended does nothing; one may cancel oneself.
 *
 * Returns:  true if the task has not ended.
 * asyncio:  Task.cancel. */
RNL_API bool rnl_task_cancel(struct rnl_task *task);

/* How many cancels were asked for and not taken back by rnl_task_uncancel.
 * asyncio:  Task.cancelling. */
RNL_API unsigned rnl_task_cancelling(const struct rnl_task *task);

/* Takes one cancel back; at 0 a cancel not yet delivered is dropped.
 * Returns:  how many are left.
 * asyncio:  Task.uncancel. */
RNL_API unsigned rnl_task_uncancel(struct rnl_task *task);

/* Whether the task has ended. asyncio: Task.done. */
RNL_API bool rnl_task_done(const struct rnl_task *task);

/* The running task (no reference is given); NULL outside one.
 * asyncio:  current_task. */
RNL_API struct rnl_task *rnl_task_current(void);

/* The name, "" if there is none. Lifetime: as long as the task. */
RNL_API const char *rnl_task_name(const struct rnl_task *task);

/* The pointer from the options, and setting it. */
RNL_API void *rnl_task_user(const struct rnl_task *task);
RNL_API void rnl_task_set_user(struct rnl_task *task, void *user);

/* Lets the other tasks, and the network, have a turn.
 * Suspends: for one turn of the loop.
 * Returns:  RNL_OK; RNL_ECANCELED.
 * asyncio:  sleep(0). */
RNL_API RNL_MUST_USE int rnl_yield(void);

/* Waits for `ns` nanoseconds, never less; 0 or less: rnl_yield.
 * Suspends: for that time.
 * Returns:  RNL_OK; RNL_ECANCELED; RNL_ENOMEM (at once).
 * asyncio:  sleep. */
RNL_API RNL_MUST_USE int rnl_sleep(int64_t ns);

/* ---- Scopes ------------------------------------------------------------ */

/* A limit of time on everything between begin and end:
 *
 *     struct rnl_timeout limit;
 *     rnl_timeout_begin(&limit, 5 * RNL_SECOND);
 *     err = rnl_readline(reader, &line);
 *     err = rnl_timeout_end(&limit, err);       RNL_ETIMEDOUT if it was too late
 *
 * Scopes nest. When the time is over, the task is cancelled; the scope's end
 * turns that cancel, and only that one, into RNL_ETIMEDOUT. The struct is the
 * caller's, its content the library's; it must not move, and `end` must be
 * reached, in the task that began. */
struct rnl_timeout {
    uintptr_t opaque[12];
};

/* Begins a scope of `ns` nanoseconds from now; RNL_OFF: no limit (can be set
 * later). 0, or a time that is past already, runs out at the first wait.
 * Returns:  RNL_OK; RNL_ENOMEM (there is no scope, nor a limit; an end is harmless);
 *           RNL_EINVAL outside a task.
 * asyncio:  async with timeout(...). */
RNL_API int rnl_timeout_begin(struct rnl_timeout *scope, int64_t ns);

/* Moves the limit to `ns` from now; RNL_OFF takes it away.
 * Returns:  RNL_OK; RNL_ENOMEM (no limit is left); RNL_EINVAL once it has run out or
 *           ended.
 * asyncio:  Timeout.reschedule. */
RNL_API int rnl_timeout_reset(struct rnl_timeout *scope, int64_t ns);

/* Ends a scope. `err` is what the body answers.
 * Returns:  RNL_ETIMEDOUT if `err` is RNL_ECANCELED and the scope's time ran out
 *           and nobody else had cancelled the task; otherwise `err`. */
RNL_API RNL_MUST_USE int rnl_timeout_end(struct rnl_timeout *scope, int err);

/* Whether the time ran out. asyncio: Timeout.expired. */
RNL_API bool rnl_timeout_expired(const struct rnl_timeout *scope);

/* Between begin and end of a shield, cancels are held back; they arrive at the
 * first wait after the end. Shields nest.
 * Returns:  RNL_OK; RNL_EINVAL outside a task. */
RNL_API int rnl_shield_begin(void);
RNL_API int rnl_shield_end(void);

/* ---- Groups ------------------------------------------------------------ */

/* A group owns tasks: its wait ends when all of them have. The first that fails
 * cancels the others, and the task that opened the group.
 *
 *     struct rnl_group *group;
 *     err = rnl_group_open(&group);
 *     if (!err)
 *         err = rnl_group_spawn(group, fetch, &one, NULL);
 *     ...
 *     err = rnl_group_close(group, err);         waits for all, frees the group
 */
struct rnl_group;

/* Opens a group that belongs to the running task.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a task.
 * Owns:     the caller; ends with rnl_group_close, in the same task.
 * asyncio:  async with TaskGroup(). */
RNL_API int rnl_group_open(struct rnl_group **out);

/* Starts a task in the group.
 * Returns:  as rnl_task_spawn; RNL_ECLOSED once the group is ending.
 * asyncio:  TaskGroup.create_task. */
RNL_API int rnl_group_spawn(struct rnl_group *group, rnl_task_fn *fn, void *arg,
                            const struct rnl_task_options *options);

/* Cancels every task of the group, which takes no more. */
RNL_API void rnl_group_cancel(struct rnl_group *group);

/* How many tasks of the group have not ended. */
RNL_API size_t rnl_group_count(const struct rnl_group *group);

/* Waits until every task of the group has ended, then frees the group. `err` is
 * what the body answers; if it is negative the tasks are cancelled first.
 *
 * Suspends: until all have ended.
 * Returns:  the first failure of a task (RNL_ECANCELED of one that was
 *           cancelled does not count); else `err`; else RNL_ECANCELED.
 * Cancel:   the tasks are cancelled and still waited for. */
RNL_API RNL_MUST_USE int rnl_group_close(struct rnl_group *group, int err);

/* ---- Event and queue --------------------------------------------------- */

/* A flag that tasks can wait for. asyncio: Event. */
struct rnl_event;

/* Makes an event that is not set.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a loop.
 * Owns:     the caller; ends with rnl_event_free. */
RNL_API int rnl_event_open(struct rnl_event **out);

/* Frees an event; NULL is fine. Tasks that wait get RNL_ECLOSED. */
RNL_API void rnl_event_free(struct rnl_event *event);

/* Setting wakes all that wait; again is fine. Clearing wakes nobody: later waits
 * wait again. Callbacks may call them.
 * asyncio:  Event.set, Event.clear, Event.is_set. */
RNL_API void rnl_event_set(struct rnl_event *event);
RNL_API void rnl_event_clear(struct rnl_event *event);
RNL_API bool rnl_event_is_set(const struct rnl_event *event);

/* Waits for the flag; one that is set stays so.
 *
 * Suspends: until the event is set.
 * Returns:  RNL_OK; RNL_ECANCELED; RNL_ECLOSED. */
RNL_API RNL_MUST_USE int rnl_event_wait(struct rnl_event *event);

/* A queue of pointers, first in first out. asyncio: Queue. */
struct rnl_queue;

/* `capacity` is the most items; 0: no bound.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a loop.
 * Owns:     the caller; ends with rnl_queue_free. */
RNL_API int rnl_queue_open(struct rnl_queue **out, size_t capacity);

/* Frees a queue; NULL is fine. What is still in it is the caller's affair: take
 * it out first. Tasks that wait get RNL_ECLOSED. */
RNL_API void rnl_queue_free(struct rnl_queue *queue);

/* Says that nothing more is put: waiting and later puts answer RNL_ECLOSED,
 * gets what is left and then RNL_ECLOSED. asyncio: Queue.shutdown (3.13). */
RNL_API void rnl_queue_close(struct rnl_queue *queue);

/* Puts an item behind the others; NULL is one too.
 *
 * Suspends: while the queue is full.
 * Returns:  RNL_OK; RNL_ECLOSED; RNL_ENOMEM; RNL_ECANCELED (not put). */
RNL_API RNL_MUST_USE int rnl_queue_put(struct rnl_queue *queue, void *item);

/* The same without waiting.
 * Returns:  RNL_OK; RNL_EAGAIN if full; RNL_ECLOSED; RNL_ENOMEM. */
RNL_API RNL_MUST_USE int rnl_queue_try_put(struct rnl_queue *queue, void *item);

/* Takes the first item.
 *
 * Suspends: while the queue is empty.
 * Returns:  RNL_OK; RNL_ECLOSED (closed and empty); RNL_ECANCELED (no item is
 *           lost). */
RNL_API RNL_MUST_USE int rnl_queue_get(struct rnl_queue *queue, void **item);

/* The same without waiting.
 * Returns:  RNL_OK; RNL_EAGAIN if empty; RNL_ECLOSED. */
RNL_API RNL_MUST_USE int rnl_queue_try_get(struct rnl_queue *queue, void **item);

/* How many items are in it. */
RNL_API size_t rnl_queue_count(const struct rnl_queue *queue);

#ifdef __cplusplus
}
#endif
#endif
