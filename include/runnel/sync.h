/* runnel/sync.h: tasks that wait for each other, and values of their own.
 *
 * Tasks run one at a time, so data that is touched between two waits needs none
 * of this. A lock is for what must stay whole over a wait; the other tools are
 * asyncio's of the same names. None of them is for threads: rnl_to_thread's work
 * and other loops must not touch them. Each belongs to the loop it was opened in.
 *
 * All are fair: whoever waited first is served first, and what is handed to a
 * task that is then cancelled is not lost.
 *
 * Threads:  that of the loop which the object was opened in. */
#ifndef RUNNEL_SYNC_H
#define RUNNEL_SYNC_H

#include <runnel/base.h>
#include <runnel/task.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Lock -------------------------------------------------------------- */

/* One task at a time holds it. asyncio: Lock. */
struct rnl_lock;

/* Makes a lock that nobody holds.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a loop.
 * Owns:     the caller; ends with rnl_lock_free. */
RNL_API int rnl_lock_open(struct rnl_lock **out);

/* Frees a lock; NULL is fine. Tasks that wait get RNL_ECLOSED. */
RNL_API void rnl_lock_free(struct rnl_lock *lock);

/* Takes the lock.
 *
 * Suspends: while another task holds it.
 * Returns:  RNL_OK; RNL_EDEADLOCK if the caller holds it already; RNL_ECLOSED;
 *           RNL_ECANCELED.
 * Cancel:   the lock is not taken.
 * asyncio:  Lock.acquire. */
RNL_API RNL_MUST_USE int rnl_lock_acquire(struct rnl_lock *lock);

/* Takes the lock if nobody has it.
 * Returns:  RNL_OK; RNL_EAGAIN; RNL_EDEADLOCK; RNL_EINVAL outside a task. */
RNL_API RNL_MUST_USE int rnl_lock_try_acquire(struct rnl_lock *lock);

/* Gives the lock up; the task that has waited longest holds it from now on.
 * Returns:  RNL_OK; RNL_EINVAL unless the caller holds it.
 * asyncio:  Lock.release. */
RNL_API int rnl_lock_release(struct rnl_lock *lock);

/* Whether some task holds it. asyncio: Lock.locked. */
RNL_API bool rnl_lock_is_held(const struct rnl_lock *lock);

/* ---- Semaphore --------------------------------------------------------- */

/* A count of permits. asyncio: Semaphore; with rnl_semaphore_limit: BoundedSemaphore. */
struct rnl_semaphore;

/* `count` permits to begin with.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a loop.
 * Owns:     the caller; ends with rnl_semaphore_free. */
RNL_API int rnl_semaphore_open(struct rnl_semaphore **out, size_t count);

/* Frees a semaphore; NULL is fine. Tasks that wait get RNL_ECLOSED. */
RNL_API void rnl_semaphore_free(struct rnl_semaphore *semaphore);

/* Says that there are never more than `limit` permits; 0: no bound.
 * asyncio:  BoundedSemaphore. */
RNL_API void rnl_semaphore_limit(struct rnl_semaphore *semaphore, size_t limit);

/* Takes a permit.
 *
 * Suspends: while there is none.
 * Returns:  RNL_OK; RNL_ECLOSED; RNL_ECANCELED.
 * Cancel:   no permit is taken.
 * asyncio:  Semaphore.acquire. */
RNL_API RNL_MUST_USE int rnl_semaphore_acquire(struct rnl_semaphore *semaphore);

/* Takes a permit if there is one that nobody waits for.
 * Returns:  RNL_OK; RNL_EAGAIN. */
RNL_API RNL_MUST_USE int rnl_semaphore_try_acquire(struct rnl_semaphore *semaphore);

/* Gives a permit back, or adds one. Callbacks may call it.
 * Returns:  RNL_OK; RNL_EINVAL beyond the limit.
 * asyncio:  Semaphore.release. */
RNL_API int rnl_semaphore_release(struct rnl_semaphore *semaphore);

/* How many permits can be had now. */
RNL_API size_t rnl_semaphore_count(const struct rnl_semaphore *semaphore);

/* ---- Condition --------------------------------------------------------- */

/* Waiting for a change of what a lock protects. asyncio: Condition. */
struct rnl_condition;

/* `lock` is the caller's, and outlives the condition.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL without a lock, or outside a loop.
 * Owns:     the caller; ends with rnl_condition_free. */
RNL_API int rnl_condition_open(struct rnl_condition **out, struct rnl_lock *lock);

/* Frees a condition; NULL is fine. Tasks that wait get RNL_ECLOSED, with the
 * lock. */
RNL_API void rnl_condition_free(struct rnl_condition *condition);

/* Gives the lock up, waits to be notified, takes the lock again. Ask the question
 * again afterwards: somebody may have been quicker.
 *
 * Suspends: until notified, and while another task holds the lock.
 * Returns:  RNL_OK; RNL_EINVAL unless the caller holds the lock; RNL_ECANCELED;
 *           RNL_ECLOSED. The lock is held after each of them but RNL_EINVAL
 *           (and RNL_ECLOSED, where the lock itself was freed).
 * Cancel:   the lock is taken again first.
 * asyncio:  Condition.wait. */
RNL_API RNL_MUST_USE int rnl_condition_wait(struct rnl_condition *condition);

/* Wakes up to `count` tasks that wait (RNL_ALL: every one).
 * Returns:  RNL_OK; RNL_EINVAL unless the caller holds the lock.
 * asyncio:  Condition.notify, notify_all. */
RNL_API int rnl_condition_notify(struct rnl_condition *condition, size_t count);

/* ---- Barrier ----------------------------------------------------------- */

/* Tasks that go on together. asyncio: Barrier (3.11). */
struct rnl_barrier;

/* `parties` tasks pass at a time; at least 1.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL (no parties, or outside a loop).
 * Owns:     the caller; ends with rnl_barrier_free. */
RNL_API int rnl_barrier_open(struct rnl_barrier **out, size_t parties);

/* Frees a barrier; NULL is fine. Tasks that wait get RNL_ECLOSED. */
RNL_API void rnl_barrier_free(struct rnl_barrier *barrier);

/* Waits until `parties` tasks are here. *index (may be NULL) is different for
 * each of them, from 0; 0 came first.
 *
 * Suspends: until the last one comes.
 * Returns:  RNL_OK; RNL_ECLOSED if the barrier was reset, broken or freed;
 *           RNL_ECANCELED.
 * Cancel:   the caller does not count any more; the others go on waiting.
 * asyncio:  Barrier.wait. */
RNL_API RNL_MUST_USE int rnl_barrier_wait(struct rnl_barrier *barrier, size_t *index);

/* How many tasks wait. asyncio: Barrier.n_waiting. */
RNL_API size_t rnl_barrier_waiting(const struct rnl_barrier *barrier);

/* Sends those that wait away with RNL_ECLOSED; the barrier is as new.
 * asyncio:  Barrier.reset. */
RNL_API void rnl_barrier_reset(struct rnl_barrier *barrier);

/* The same, and later waits answer RNL_ECLOSED too, until a reset.
 * asyncio:  Barrier.abort. */
RNL_API void rnl_barrier_break(struct rnl_barrier *barrier);

/* ---- The first of several ---------------------------------------------- */

/* Waits until one of `count` tasks has ended; *which (may be NULL) is the first such
 * in the array. None is cancelled: that is the caller's to do. To wait for other
 * things (a read, an event), wait for them in tasks. `count` may not be 0. The array
 * is read when the call begins: it may change while the call waits.
 *
 * Suspends: until one has ended; not if one has.
 * Returns:  RNL_OK (its result: rnl_task_join, which does not wait then);
 *           RNL_EINVAL (no tasks, NULL or the caller among them, outside a task);
 *           RNL_ENOMEM; RNL_ECANCELED.
 * Cancel:   the tasks run on.
 * asyncio:  asyncio.wait(..., return_when=FIRST_COMPLETED). */
RNL_API RNL_MUST_USE int rnl_task_wait_first(struct rnl_task *const *tasks,
                                             size_t count, size_t *which);

/* ---- Values of a task -------------------------------------------------- */

/* A name for a value that each task has for itself. It is identified by its
 * address: make it static. Both functions may be NULL.
 *
 *     static const struct rnl_local request_id = { NULL, NULL };
 *     err = rnl_local_set(&request_id, id);
 *
 * `inherit` makes the value of a task that is spawned, from the spawner's; without
 * it a new task has none. `drop` is called with a value when its task has ended or
 * it is replaced. Neither may suspend.
 * asyncio:  contextvars.ContextVar. */
struct rnl_local {
    void *(*inherit)(void *value);
    void (*drop)(void *value);
};

/* The running task's value; NULL if it was never set, and outside tasks. */
RNL_API void *rnl_local_get(const struct rnl_local *key);

/* Sets it; the old one is dropped.
 * Returns:  RNL_OK; RNL_ENOMEM (nothing changed); RNL_EINVAL outside a task.
 * asyncio:  ContextVar.set. */
RNL_API int rnl_local_set(const struct rnl_local *key, void *value);

/* ---- Deep calls -------------------------------------------------------- */

/* Calls `fn(arg)` in the running task, on another stack of `stack_size` bytes (0:
 * 1 MiB): for foreign code that needs more than the task's own. `fn` may wait.
 *
 * Suspends: if `fn` does.
 * Returns:  RNL_OK with what `fn` answered in *result (may be NULL); RNL_ENOMEM;
 *           RNL_EINVAL outside a task.
 * Cancel:   is delivered to the waits of `fn`. */
RNL_API RNL_MUST_USE int rnl_on_big_stack(rnl_task_fn *fn, void *arg,
                                          size_t stack_size, int *result);

#ifdef __cplusplus
}
#endif
#endif
