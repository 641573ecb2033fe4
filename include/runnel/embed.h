/* runnel/embed.h: a loop inside somebody else's.
 *
 * Where a program has a loop already (libuv, GLib, a game's frames), Runnel's can
 * be driven by it. The thread opens a loop, spawns tasks, and calls rnl_loop_step
 * whenever the loop's descriptor is readable or its time has come:
 *
 *     rnl_loop_open(&loop, NULL);
 *     rnl_task_spawn(NULL, my_main, NULL, NULL);
 *     for (;;) {
 *         poll(rnl_loop_descriptor(loop), readable, rnl_loop_wait_time(loop));
 *         rnl_loop_step(loop);
 *     }
 *     rnl_loop_close(loop);
 *
 * After each step, and after each call from outside (a spawn, a wake), ask for the
 * time again. Nothing here is for tasks: called from one, it answers RNL_EINVAL.
 *
 * After a fork the loop is the parent's: see runnel/base.h. In the child close it,
 * or exec, and open another.
 *
 * Threads:  the one that opened the loop, for every call. */
#ifndef RUNNEL_EMBED_H
#define RUNNEL_EMBED_H

#include <runnel/base.h>
#include <runnel/loop.h>
#include <runnel/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a loop in this thread, to be driven from outside. `options` may be NULL.
 *
 * Returns:  RNL_OK; as rnl_run where it could not be made.
 * Owns:     the caller; ends with rnl_loop_close, in this thread. */
RNL_API int rnl_loop_open(struct rnl_loop **out, const struct rnl_run_options *options);

/* A descriptor that becomes readable when a step has something to do;
 * RNL_NO_SOCKET where the backend has none (select): step every now and then. */
RNL_API rnl_socket rnl_loop_descriptor(const struct rnl_loop *loop);

/* How many nanoseconds the loop may be left alone if its descriptor stays silent:
 * 0: step now; RNL_OFF: for ever. */
RNL_API int64_t rnl_loop_wait_time(struct rnl_loop *loop);

/* One turn of the loop, without waiting: what has arrived is taken, timers that
 * are due fire, every task that is ready runs once.
 *
 * Returns:  RNL_OK; RNL_EINVAL from inside a task, a callback or the report hook of
 *           the loop, for a loop of rnl_run, and for one that is not this thread's
 *           (NULL, closed); an error of the backend. */
RNL_API int rnl_loop_step(struct rnl_loop *loop);

/* How many tasks have not ended. */
RNL_API size_t rnl_loop_tasks(const struct rnl_loop *loop);

/* Cancels and awaits the tasks that are left (waiting in this call, if need be),
 * aborts what is open, frees the loop.
 *
 * Returns:  RNL_OK; RNL_EINVAL as rnl_loop_step. */
RNL_API int rnl_loop_close(struct rnl_loop *loop);

#ifdef __cplusplus
}
#endif
#endif
