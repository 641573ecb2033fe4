/* sched.h: what streams and servers see of tasks and of the loop.
 *
 * A turn of the loop:
 *
 *     run the before-poll hooks (flush gathered writes)
 *     wait for entries (not at all if something is ready to run)
 *     call op->done of each entry     \
 *     run posted and soon calls        | on the loop's stack: they wake tasks
 *     fire the timers that are due    /
 *     run each task that was ready when this step began, once
 *
 * A task waits by putting itself on a wait list. Waking moves it to the ready
 * queue with a code; it runs in this turn's or the next turn's last step. */
#ifndef RNLI_TASK_SCHED_H
#define RNLI_TASK_SCHED_H

#include <runnel/backend.h>
#include <runnel/loop.h>
#include <runnel/task.h>
#include "core/list.h"
#include "core/pool.h"
#include "core/timerq.h"

/* ---- Waiting ----------------------------------------------------------- */

/* Tasks that wait for the same thing, in order. */
struct rnli_waitlist {
    struct rnli_list waiters;
};

static inline void rnli_waitlist_init(struct rnli_waitlist *list)
{
    rnli_list_init(&list->waiters);
}

static inline bool rnli_waitlist_empty(const struct rnli_waitlist *list)
{
    return rnli_list_empty(&list->waiters);
}

/* At the beginning of every suspending call, before it takes anything: RNL_EINVAL
 * outside a task; after 64 completed calls in one turn it yields; RNL_ECANCELED
 * if that yield was cancelled. It does not deliver a pending cancel otherwise. */
int rnli_checkpoint(void);
/* Its slow part: outside a task, or at the end of the budget. */
int rnli_checkpoint_slow(struct rnl_loop *loop);

/* Parks the running task on `list` until it is woken. `what` (static) is for
 * dumps: "readline". Answers the code it was woken with, or RNL_ECANCELED: a
 * pending cancel at once, without parking. */
int rnli_wait(struct rnli_waitlist *list, const char *what);

/* The same with a point in time (loop clock; INT64_MAX: none): RNL_ETIMEDOUT. */
int rnli_wait_until(struct rnli_waitlist *list, int64_t when_ns, const char *what);

/* Wakes the first, or all, with `code`. Whether there was one. */
bool rnli_wake_one(struct rnli_waitlist *list, int code);
bool rnli_wake_all(struct rnli_waitlist *list, int code);

/* ---- The loop ---------------------------------------------------------- */

/* What is run before each wait for entries; nodes are added by whoever has
 * something to flush, and taken out before they are called. */
struct rnli_flush {
    struct rnli_list node;
    uint64_t since; /* turn */
    void (*fn)(struct rnli_flush *flush);
};

/* A call in the next turn, without memory of its own. */
struct rnli_soon {
    struct rnli_list node;
    void (*fn)(struct rnli_soon *soon);
};

/* The loop, as far as other rooms may look; the rest is in loop.h of this room. */
struct rnli_loop_face {
    struct rnl_allocator allocator;
    const struct rnl_backend_ops *ops;
    struct rnl_backend *backend;
    struct rnli_pool blocks;    /* 64 KiB: read buffers */
    struct rnli_pool chunks;    /* 4 KiB: gathered writes */
    struct rnli_list streams;   /* every connection, for reports and shutdown */
    struct rnli_list servers;
    bool debug;
    uint64_t turns;             /* counts turns */
    uint64_t bytes_in, bytes_out, streams_opened; /* counted, for rnl_counters_get */
    struct rnl_task *current;   /* the task that runs; NULL: the loop itself */
    int budget;                 /* calls that it may complete in this turn; 0 outside a task */
    unsigned place;             /* where what runs now is: 0, or a simulated host */
};

/* `struct rnl_loop` begins with its face. */
static inline struct rnli_loop_face *rnli_face(struct rnl_loop *loop)
{
    return (struct rnli_loop_face *)loop;
}

/* Whether a call can complete now without a look at anything else; counts it. */
static inline bool rnli_has_budget(struct rnl_loop *loop)
{
    struct rnli_loop_face *face = rnli_face(loop);

    if (face->budget <= 0)
        return false;
    face->budget--;
    return true;
}

/* rnli_checkpoint for a call on an object of that loop. */
static inline int rnli_checkpoint_of(struct rnl_loop *loop)
{
    struct rnli_loop_face *face = rnli_face(loop);

    return face->current && --face->budget >= 0 ? RNL_OK : rnli_checkpoint_slow(loop);
}

/* Code of a place begins: a task, a timer, a callback. */
static inline void rnli_enter(struct rnl_loop *loop, enum rnl_loop_step step, unsigned place,
                              const char *name)
{
    struct rnli_loop_face *face = rnli_face(loop);

    face->place = place;
    if (face->ops->enter)
        face->ops->enter(face->backend, step, place, name);
}

/* The loop's time as of this turn; rnl_now reads the clock afresh. */
int64_t rnli_loop_time(struct rnl_loop *loop);

/* `timer->fire` is called on the loop's stack. RNL_OK or RNL_ENOMEM. */
int rnli_timer_start(struct rnl_loop *loop, struct rnli_timer *timer, int64_t delay_ns);
void rnli_timer_stop(struct rnl_loop *loop, struct rnli_timer *timer);

void rnli_flush_add(struct rnl_loop *loop, struct rnli_flush *flush);
/* Nodes are initialised by rnli_list_init; adding one that is in is harmless. */
void rnli_soon_add(struct rnl_loop *loop, struct rnli_soon *soon);

/* An operation in flight keeps the loop from being called deadlocked, and from
 * closing. They wrap the backend's submit and cancel; the count is lowered at
 * the final entry, before op->done is called. */
int rnli_submit(struct rnl_loop *loop, struct rnl_op *op);
void rnli_cancel(struct rnl_loop *loop, struct rnl_op *op);

/* Tells the report hook. `what` and `task` may be NULL. */
void rnli_report(struct rnl_loop *loop, enum rnl_report_level level, int code,
                 int64_t os_code, const char *task, const char *what);

/* In `flags` of rnli_resolve: a host of NULL means every interface. */
#define RNLI_RESOLVE_PASSIVE (1 << 30)

/* Resolves a name on the pool's threads, or by the backend's own resolver; IP
 * literals at once. Several hosts at a time: spawn tasks. host NULL: the wildcard
 * (RNLI_RESOLVE_PASSIVE) or loopback. service NULL: port.
 *
 * Suspends. RNL_OK with *out allocated by the loop's allocator
 * (count * sizeof(struct rnl_address)); RNL_ENONAME ...; RNL_ECANCELED (the job
 * is orphaned and frees itself). */
int rnli_resolve(const char *host, const char *service, uint16_t port,
                 enum rnl_family family, int flags, struct rnl_address **out,
                 size_t *count);

/* The stream room's, called by the loop at its end: aborts every connection and
 * closes every server. No task of the program's runs any more. */
void rnli_streams_shutdown(struct rnl_loop *loop);

/* No report when the task fails unjoined: somebody has its result. */
void rnli_task_quiet(struct rnl_task *task);

/* Any function, to be told of. */
typedef void rnli_any_fn(void);

/* For dumps and the census: who asked for a task, and what it really runs. */
struct rnli_origin {
    const void *at;     /* the code that asked for it (RNLI_CALLER); NULL: the library */
    rnli_any_fn *entry; /* the program's function, where `fn` only wraps it; NULL: `fn` */
};

/* spawn on a loop from the loop's own stack (accept): as rnl_task_spawn. */
int rnli_spawn(struct rnl_loop *loop, struct rnl_task **out, rnl_task_fn *fn, void *arg,
               const struct rnl_task_options *options, struct rnli_origin origin);

#endif
