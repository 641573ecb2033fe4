/* runnel/inspect.h: what a loop is doing.
 *
 * What goes wrong by itself comes to the report hook (runnel/loop.h); here is what
 * a program can ask. With `debug` in the options of the loop, a task that runs for
 * over 100 ms without waiting is reported too, by name. In gdb: docs/debugging.md.
 *
 * Threads:  that of the loop that is asked about. */
#ifndef RUNNEL_INSPECT_H
#define RUNNEL_INSPECT_H

#include <runnel/base.h>
#include <runnel/loop.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counts of a loop since it began, and as it is now. */
struct rnl_counters {
    size_t size;              /* set by RNL_COUNTERS_INIT; read only that far */
    uint64_t turns;           /* of the loop */
    uint64_t tasks_spawned;
    uint64_t streams_opened;
    uint64_t bytes_received;  /* by streams */
    uint64_t bytes_sent;      /* handed to the kernel */
    size_t tasks, streams, servers; /* open now */
    size_t operations;        /* in flight at the kernel */
    size_t blocks_kept, chunks_kept; /* free buffers, for reading and writing */
    int64_t lag_ns;           /* how late the last timer fired */
    int64_t max_lag_ns;       /* ... and the latest of all */
};
#define RNL_COUNTERS_INIT { sizeof(struct rnl_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Fills *out for the loop of this thread.
 * Returns:  RNL_OK; RNL_EINVAL outside a loop, or for a struct without a size. */
RNL_API int rnl_counters_get(struct rnl_counters *out);

/* A line to the report hook for each task of this thread's loop: its name, what it
 * waits for, since when, until when, and the addresses of its function (of a server's
 * task: the handler) and of the code that spawned it (addr2line and gdb's "info
 * symbol" name them). To have it on a signal: dump_signal
 * in the options of the loop. Does nothing outside a loop. */
RNL_API void rnl_dump_tasks(enum rnl_report_level level);

/* What this build has, ended by NULL: "signals", "unix" (sockets), "handover" (of
 * descriptors), "probes" (USDT), "poison" (dead views are overwritten), "faults" (system
 * calls can be made to fail), and "switch: assembly", "switch: ucontext" or "switch:
 * fibers". Backends: rnl_backend_names. Static memory.
 * Threads:  any. */
RNL_API const char *const *rnl_features(void);

/* Which of the calling thread's tasks, by function, used how much of their stacks. */
struct rnl_stack_use {
    rnl_task_fn *fn;   /* as given to rnl_task_spawn or rnl_run; of a server's tasks the
                          handler, converted: to compare, not to call */
    const char *name;  /* of one of them; static while that task lives */
    size_t tasks;      /* that live */
    size_t most;       /* bytes of the deepest, in whole pages */
    size_t size;       /* of the largest stack */
};

/* The stack census: up to `max` entries, one for each function of a task that
 * lives now, *count is how many there are. A stack that was used by another task
 * before shows that use too: ask early, or with stacks of a size of their own.
 * Returns:  RNL_OK; RNL_EINVAL outside a loop. */
RNL_API int rnl_stack_census(struct rnl_stack_use *out, size_t max, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
