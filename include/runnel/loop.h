/* runnel/loop.h: running tasks, callbacks, threads, signals and reports.
 *
 * A loop belongs to one thread; a program may have one in each of several
 * threads. RUNNEL_BACKEND=name in the environment picks the backend of every
 * loop whose options name none.
 *
 * Threads:  that of the loop; any, where a call says so. */
#ifndef RUNNEL_LOOP_H
#define RUNNEL_LOOP_H

#include <runnel/base.h>
#include <runnel/core.h>
#include <runnel/task.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rnl_loop;
struct rnl_backend_ops;
struct rnl_report;

/* ---- Running ----------------------------------------------------------- */

/* What a resolver is asked for. */
struct rnl_resolve_query {
    const char *host;       /* a name; IP literals are not asked for */
    const char *service;    /* NULL: the library fills the ports in */
    enum rnl_family family; /* RNL_UNSPEC: both */
    int flags;              /* getaddrinfo's AI_..., as given */
    bool passive;           /* to listen on, or to bind to */
};

/* Fills up to `max` addresses; *count is how many. Answers RNL_OK, RNL_ENONAME,
 * RNL_ENAMEAGAIN, RNL_ENAMEFAIL ...
 * Threads:  called on threads of the pool, several at a time, where it may block;
 *           one that nobody waits for any more may end after the loop has. */
typedef int rnl_resolve_fn(void *user, const struct rnl_resolve_query *query,
                           struct rnl_address *out, size_t max, size_t *count);

struct rnl_run_options {
    size_t size;         /* set by RNL_RUN_OPTIONS_INIT */
    const char *backend; /* a name of rnl_backend_names; NULL: RUNNEL_BACKEND,
                            else the platform's best */
    const struct rnl_backend_ops *backend_ops; /* a backend from outside */
    void *backend_config;                      /* handed to its `open` */
    size_t stack_size;   /* bytes of a task's stack; 0: 64 KiB */
    const struct rnl_allocator *allocator; /* NULL: the default; copied */
    void (*report)(void *user, const struct rnl_report *report); /* NULL:
                            rnl_report_to_stderr */
    void *report_user;
    enum rnl_switch debug; /* slow turns, streams never closed, tasks never
                            joined; default: RUNNEL_DEBUG=1, else RNL_NO */
    int dump_signal;     /* SIGUSR1, say: whenever it comes, as rnl_dump_tasks; 0: none */
    rnl_resolve_fn *resolve; /* resolves names; NULL: the system (or the simulator) */
    void *resolve_user;
};
#define RNL_RUN_OPTIONS_INIT                                                  \
    { sizeof(struct rnl_run_options), NULL, NULL, NULL, 0, NULL, NULL, NULL,   \
      RNL_DEFAULT, 0, NULL, NULL }

/* Makes a loop in this thread, runs `main_fn` as its first task until it ends,
 * cancels and awaits the tasks that are left, frees the loop. `options` may be
 * NULL.
 *
 * Returns:  the result of `main_fn`; or, if it could not be started:
 *           RNL_EINVAL (an unknown backend, which is reported with the list of
 *           those there are; a loop already runs in this thread; this is a
 *           child of a fork, and the loop its parent's), RNL_ENOMEM,
 *           RNL_EMFILE ...; RNL_EDEADLOCK if every task waits and nothing can
 *           wake one (reported with a list of the tasks).
 * asyncio:  asyncio.run. */
RNL_API int rnl_run(rnl_task_fn *main_fn, void *arg,
                    const struct rnl_run_options *options);

/* The loop of this thread; NULL outside one. asyncio: get_running_loop. */
RNL_API struct rnl_loop *rnl_loop_current(void);

/* The name of the backend that the loop runs on. */
RNL_API const char *rnl_loop_backend(const struct rnl_loop *loop);

/* The loop's clock in nanoseconds since some fixed point; never goes back.
 * asyncio:  loop.time. */
RNL_API int64_t rnl_now(void);

/* The names of the backends of this build, ended by NULL, the best first.
 * Static memory.
 * Threads:  any. */
RNL_API const char *const *rnl_backend_names(void);

/* ---- Callbacks --------------------------------------------------------- */

/* A callback runs on the loop's own stack and must not suspend. */
typedef void rnl_callback_fn(void *arg);

/* Calls `fn(arg)` in the next turn, in the order of the calls.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a loop; RNL_ECLOSED once
 *           the loop's last task has ended.
 * asyncio:  loop.call_soon. */
RNL_API int rnl_call_soon(rnl_callback_fn *fn, void *arg);

/* A callback that waits for its time. */
struct rnl_timer;

/* Calls `fn(arg)` after `ns` nanoseconds, never earlier. With `out` the caller
 * gets a handle, to be given up by rnl_timer_free, which also takes the call
 * back if it has not happened.
 *
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a loop; RNL_ECLOSED once
 *           the loop's last task has ended.
 * asyncio:  loop.call_later. */
RNL_API int rnl_call_later(struct rnl_timer **out, int64_t ns,
                           rnl_callback_fn *fn, void *arg);

/* Takes the call back if it has not happened, and the handle; NULL is fine.
 * asyncio:  TimerHandle.cancel. */
RNL_API void rnl_timer_free(struct rnl_timer *timer);

/* A counted reference to a loop, for other threads. */
struct rnl_loop_ref;

#if defined(__GNUC__) && defined(__cplusplus)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* of the struct, by the function of its name */
#endif
/* Takes a reference to the loop of this thread, to be handed to others.
 * Returns:  RNL_OK; RNL_ENOMEM; RNL_EINVAL outside a loop.
 * Owns:     the caller; ends with rnl_loop_unref, also after the loop has. */
RNL_API int rnl_loop_ref(struct rnl_loop_ref **out);
#if defined(__GNUC__) && defined(__cplusplus)
#pragma GCC diagnostic pop
#endif

/* Gives a reference up; NULL is fine.
 * Threads:  any. */
RNL_API void rnl_loop_unref(struct rnl_loop_ref *ref);

/* Calls `fn(arg)` in the loop's thread, in one of its next turns. Calls by one thread
 * keep their order; among them and those of rnl_call_soon there is none, where asyncio
 * has one queue for both.
 *
 * Returns:  RNL_OK: it will be called exactly once; RNL_ECLOSED: the loop has
 *           ended, nothing was taken; RNL_ENOMEM; RNL_ENOTSUP (the simulator).
 * Threads:  any.
 * asyncio:  loop.call_soon_threadsafe. */
RNL_API int rnl_call_soon_threadsafe(struct rnl_loop_ref *ref,
                                     rnl_callback_fn *fn, void *arg);

/* ---- Threads ----------------------------------------------------------- */

/* Runs `fn(arg)` on a thread of the process-wide pool and waits for it.
 * `free_arg` may be NULL.
 *
 * Suspends: until the work is done.
 * Returns:  RNL_OK with what `fn` answered in *result (may be NULL);
 *           RNL_ENOMEM; RNL_EAGAIN (no thread could be started);
 *           RNL_ECANCELED.
 * Cancel:   without `free_arg` the work is waited for, then the call answers
 *           RNL_ECANCELED (*result is set). With `free_arg` the call answers at
 *           once, and `free_arg(arg)` is called on the thread when the work ends.
 * Owns:     with `free_arg`, `arg` is the library's after RNL_ECANCELED, the
 *           caller's after anything else.
 * asyncio:  to_thread. */
RNL_API RNL_MUST_USE int rnl_to_thread(rnl_task_fn *fn, void *arg,
                                       void (*free_arg)(void *arg), int *result);

/* ---- Signals ----------------------------------------------------------- */

/* Waits for one of several signals of the process (SIGINT, SIGTERM ...), so
 * that a server can stop in order. The handlers are installed when the wait
 * begins, and the old ones put back when nobody waits for that signal any more.
 *
 * Suspends: until a signal arrives.
 * Returns:  RNL_OK with its number in *got; RNL_EINVAL for a number that cannot
 *           be caught; RNL_ECANCELED.
 * asyncio:  loop.add_signal_handler. */
RNL_API RNL_MUST_USE int rnl_wait_signal(const int *signals, size_t count,
                                         int *got);

/* ---- Reports ----------------------------------------------------------- */

enum rnl_report_level { RNL_REPORT_ERROR = 1, RNL_REPORT_WARNING = 2, RNL_REPORT_DEBUG = 3 };

/* What the library has to say about something that no call could answer: a
 * handler that failed, a task whose failure nobody collected, a listener that
 * ran out of descriptors. All pointers are valid during the hook only. */
struct rnl_report {
    size_t size;
    enum rnl_report_level level;
    int code;            /* the RNL_E... behind it; RNL_OK if none */
    int64_t os_code;     /* errno or GetLastError(), 0 if none */
    const char *what;    /* a sentence */
    const char *task;    /* the task's name, or NULL */
    struct rnl_loop *loop; /* or NULL */
};

/* The hook that is used where the options name none: a line on standard error
 * for errors and warnings.
 * Threads:  any. */
RNL_API void rnl_report_to_stderr(void *user, const struct rnl_report *report);

/* Installs, for the whole process, a handler that names the task whose stack
 * ran over, and chains to the handler there was. Never done unasked.
 * Returns:  RNL_OK; RNL_ENOTSUP; RNL_ENOMEM.
 * Threads:  any, before tasks run there. */
RNL_API int rnl_report_overflows(void);

#ifdef __cplusplus
}
#endif
#endif
